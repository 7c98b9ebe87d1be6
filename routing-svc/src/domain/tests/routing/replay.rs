//! Rules tried on past cases beside those in force.

use huying_platform::ids::CaseId;
use huying_proto::events::v1::{Addressee, RoutingRule};

use super::*;
use crate::domain::routing_rules::{PastCase, Replay};

fn past(category: &str) -> PastCase {
    PastCase {
        case_id: CaseId::new_v7(),
        path: township(),
        kind: KIND,
        given_category: category.into(),
        addressee: Some(Addressee { to: Some(To::RegionCode("150802001".into())) }),
        title: "井盖响".into(),
        body: String::new(),
    }
}

fn rules(entries: impl IntoIterator<Item = DirectoryEntry>) -> Vec<RoutingRule> {
    let rule = |entry: DirectoryEntry| match entry.entry {
        Some(Entry::Rule(rule)) => rule,
        other => panic!("{other:?} is not a rule"),
    };
    entries.into_iter().map(rule).collect()
}

#[test]
fn what_would_change_is_counted_and_shown() {
    let active = index([
        rule("150800", ANY, "城乡建设", Tier::District, "housing"),
        rule("150800", ANY, "交通运输", Tier::District, "roads"),
    ]);
    let proposed = active.with_rules(
        rules([
            rule("150800", ANY, "城乡建设/供热", Tier::Township, "housing"),
            rule("150800", ANY, "教育文体", Tier::District, "roads"),
            rule("150800", ANY, "城乡建设", Tier::District, "housing"),
            rule("150800", ANY, "民政", Tier::District, "roads"),
        ]),
        4,
    );
    let mut replay = Replay::default();
    let heating = past("城乡建设/供热");
    for case in [&past("城乡建设"), &heating, &past("交通运输"), &past("教育文体"), &past("政法")]
    {
        replay.try_on(case, &active, &proposed, 2);
    }
    assert_eq!((replay.tried, replay.changed), (5, 3));
    assert_eq!((replay.no_longer_decided, replay.newly_decided), (1, 1));
    assert_eq!(replay.examples.len(), 2, "no more than asked for");
    let first = &replay.examples[0];
    assert_eq!(first.case_id, heating.case_id);
    assert_eq!(first.active.as_ref().unwrap().as_str(), "150802-housing");
    assert_eq!(first.proposed.as_ref().unwrap().as_str(), "150802001-housing");
    assert_eq!(first.trace.rule_set_version, 4);
    assert_eq!([0, 1, 2, 3].map(|rule| replay.has_won(rule)), [true, true, true, false]);
}

#[test]
fn the_same_rules_change_nothing() {
    let active = index([rule("150800", ANY, "", Tier::District, "housing")]);
    let same = active.with_rules(active.rules().to_vec(), 4);
    let mut replay = Replay::default();
    replay.try_on(&past(""), &active, &same, 10);
    assert_eq!((replay.tried, replay.changed), (1, 0));
    assert!(replay.examples.is_empty());
}
