//! Which rules can never win.

use super::*;
use crate::domain::routing_rules::{Hopeless, hopeless_rules};

fn hopeless(entries: impl IntoIterator<Item = DirectoryEntry>) -> Vec<(usize, Hopeless)> {
    let index = index(entries);
    hopeless_rules(index.rules(), index.directory())
}

fn plain(category: &str, function: &str) -> DirectoryEntry {
    rule("150800", ANY, category, Tier::District, function)
}

#[test]
fn a_higher_priority_shadows_what_it_covers() {
    let shadowed = [(1, Hopeless::Shadowed { by: 0 })];
    let broad = || with(plain("城乡建设", "roads"), priority(1));
    for narrower in [
        plain("城乡建设", "housing"),
        plain("城乡建设/供热", "housing"),
        rule("150800", KIND, "城乡建设", Tier::District, "housing"),
        with(plain("城乡建设", "housing"), keywords(&["暖气"])),
        with(plain("城乡建设", "housing"), addressee("r-1")),
    ] {
        assert_eq!(hopeless([broad(), narrower.clone()]), shadowed, "{narrower:?}");
    }
    for other in [
        plain("交通运输", "housing"),
        plain("城乡", "housing"),
        plain("", "housing"),
        with(plain("城乡建设", "housing"), priority(2)),
        rule("150802", ANY, "城乡建设", Tier::District, "housing"),
    ] {
        assert!(!hopeless([broad(), other.clone()]).contains(&shadowed[0]), "{other:?}");
    }
}

#[test]
fn a_rule_that_asks_for_more_shadows_only_what_asks_for_it_too() {
    let wordy = |words: &[&str]| with(with(plain("", "roads"), priority(1)), keywords(words));
    let is_shadowed = |one, other| !hopeless([one, other]).is_empty();
    assert!(is_shadowed(wordy(&["暖气", "ETC"]), with(plain("", "housing"), keywords(&["暖气片", "etc"]))));
    assert!(!is_shadowed(wordy(&["暖气"]), with(plain("", "housing"), keywords(&["暖气片", "锅炉"]))));
    assert!(!is_shadowed(wordy(&["暖气"]), plain("", "housing")));

    let addressed = |code| with(with(plain("", "roads"), priority(1)), addressee(code));
    assert!(is_shadowed(addressed("r-1"), with(plain("", "housing"), addressee("r-1"))));
    assert!(!is_shadowed(addressed("r-1"), with(plain("", "housing"), addressee("r-2"))));
    assert!(!is_shadowed(addressed("r-1"), plain("", "housing")));

    let message = with(rule("150800", KIND, "", Tier::District, "roads"), priority(1));
    assert!(is_shadowed(message.clone(), rule("150800", KIND, "", Tier::District, "housing")));
    assert!(!is_shadowed(message, plain("", "housing")));
}

#[test]
fn a_rule_that_does_not_lead_everywhere_leaves_the_rest_to_others() {
    // A case of the district itself has no township.
    let townships = with(rule("150800", ANY, "", Tier::Township, "roads"), priority(1));
    assert!(hopeless([townships.clone(), plain("", "housing")]).is_empty());
    // Where the other one leads, this one does, too.
    let other = rule("150800", ANY, "", Tier::Township, "housing");
    assert_eq!(hopeless([townships, other]), [(1, Hopeless::Shadowed { by: 0 })]);
    // One district has the function, the other has not.
    let water = || super::super::department("150802", "water");
    let rare = with(plain("", "water"), priority(1));
    assert!(hopeless([water(), rare, plain("", "housing")]).is_empty());
    let named = |unit| with(to_unit("150800", unit), priority(1));
    assert!(hopeless([named("150802-roads"), plain("", "housing")]).is_empty());
    assert_eq!(hopeless([named("150800-roads"), plain("", "housing")]), [(1, Hopeless::Shadowed { by: 0 })]);
}

#[test]
fn a_rule_that_leads_nowhere_is_named_and_shadows_nothing() {
    let rules = [with(plain("", "heating"), priority(1)), plain("", "housing")];
    assert_eq!(hopeless(rules), [(0, Hopeless::LeadsNowhere)]);
}

#[test]
fn thousands_of_rules_are_compared_in_a_moment() {
    let rules = (0..3_000).map(|number| {
        let category = format!("类{}/目{}", number % 60, number / 60);
        with(plain(&category, "housing"), priority(number % 3))
    });
    let index = index(rules.chain([with(plain("", "roads"), priority(2))]));
    // The last one covers all those of a lower priority, which are two thirds.
    assert_eq!(hopeless_rules(index.rules(), index.directory()).len(), 2_000);
}
