//! Which policy holds for which case.

use huying_platform::codes::Tier;
use huying_proto::events::v1::CaseKind;
use proptest::prelude::*;

use super::limits::any_limit;
use crate::domain::policies::{Policies, Policy, PolicyStep, read_policies};

const KINDS: [CaseKind; 5] = [
    CaseKind::Message,
    CaseKind::Suggestion,
    CaseKind::ProjectProposal,
    CaseKind::DraftComment,
    CaseKind::Appointment,
];
const TIERS: [Tier; 3] = [Tier::Municipal, Tier::District, Tier::Township];

fn policies(lines: &str) -> Policies {
    Policies::new(read_policies(&format!("kind,category,tier,step,limit\n{lines}")).unwrap())
}

fn found(policies: &Policies, step: PolicyStep, kind: CaseKind, category: &str) -> String {
    policies.find(step, kind, category, Tier::District).to_string()
}

#[test]
fn the_built_in_policies_cover_every_step_of_every_kind_at_every_tier() {
    let policies = Policies::built_in();
    for step in PolicyStep::ALL {
        for kind in KINDS.into_iter().chain([CaseKind::Unspecified]) {
            for tier in TIERS {
                for category in ["", "咨询", "城乡建设/供热"] {
                    assert_eq!(policies.find(step, kind, category, tier).step, step);
                }
            }
        }
    }
}

#[test]
fn the_built_in_policies_are_those_offices_work_by() {
    let policies = Policies::built_in();
    let limit = |step, kind, category| policies.find(step, kind, category, Tier::Township).limit.to_string();
    let any = CaseKind::Message;
    assert_eq!(limit(PolicyStep::Register, any, ""), "1wd");
    assert_eq!(limit(PolicyStep::Assign, any, ""), "2wd");
    assert_eq!(limit(PolicyStep::Accept, any, ""), "1wd");
    assert_eq!(limit(PolicyStep::ReAnswer, any, ""), "1mo");
    assert_eq!(limit(PolicyStep::Rate, any, ""), "7d");
    assert_eq!(limit(PolicyStep::Urge, any, ""), "1wd");
    assert_eq!(limit(PolicyStep::Supervise, any, ""), "3wd");
    assert_eq!(limit(PolicyStep::Criticise, any, ""), "5wd");
    for step in [PolicyStep::Reply, PolicyStep::Extension] {
        assert_eq!(limit(step, CaseKind::Message, "城乡建设/供热"), "13wd");
        assert_eq!(limit(step, CaseKind::Message, "咨询/医保"), "3wd");
        assert_eq!(limit(step, CaseKind::Suggestion, "咨询"), "3mo");
        assert_eq!(limit(step, CaseKind::ProjectProposal, ""), "3mo");
        assert_eq!(limit(step, CaseKind::DraftComment, ""), "30d");
        assert_eq!(limit(step, CaseKind::Appointment, ""), "5wd");
    }
}

#[test]
fn a_policy_reads_as_its_line() {
    assert_eq!(
        found(&Policies::built_in(), PolicyStep::Reply, CaseKind::Message, ""),
        "message * * reply 13wd"
    );
    let given = policies("*,城乡建设/供热,district,reply,2wd\n");
    let text = found(&given, PolicyStep::Reply, CaseKind::Message, "城乡建设/供热");
    assert_eq!(text, "* 城乡建设/供热 district reply 2wd");
}

#[test]
fn the_longest_category_wins_then_a_named_kind_then_a_named_tier() {
    let given = policies(
        "*,*,*,reply,1d\n*,*,district,reply,2d\nmessage,*,*,reply,3d\nmessage,*,district,reply,4d\n\
         message,*,township,reply,5d\n*,城乡建设,*,reply,6d\n*,城乡建设/供热,*,reply,7d\n",
    );
    let days = |kind, category| {
        let limit = given.find(PolicyStep::Reply, kind, category, Tier::District).limit;
        limit.to_string()
    };
    assert_eq!(days(CaseKind::Suggestion, ""), "2d");
    assert_eq!(days(CaseKind::Message, "交通"), "4d");
    assert_eq!(days(CaseKind::Message, "城乡建设"), "6d");
    assert_eq!(days(CaseKind::Message, "城乡建设/供水"), "6d");
    assert_eq!(days(CaseKind::Message, "城乡建设/供热/室温"), "7d");
    assert_eq!(days(CaseKind::Message, "城乡建设局"), "4d", "a name that begins alike is not below");
    let municipal = given.find(PolicyStep::Reply, CaseKind::Message, "", Tier::Municipal).limit;
    assert_eq!(municipal.to_string(), "3d");
}

#[test]
fn what_is_not_given_is_built_in() {
    let given = policies("message,*,*,reply,10wd\n");
    assert_eq!(found(&given, PolicyStep::Reply, CaseKind::Message, ""), "message * * reply 10wd");
    let inquiry = found(&given, PolicyStep::Reply, CaseKind::Message, "咨询");
    assert_eq!(inquiry, "message * * reply 10wd", "what is given goes before what is built in");
    assert_eq!(found(&given, PolicyStep::Reply, CaseKind::Suggestion, ""), "suggestion * * reply 3mo");
    assert_eq!(found(&given, PolicyStep::Rate, CaseKind::Message, ""), "* * * rate 7d");
}

#[test]
fn a_faulty_file_has_each_fault_by_line_and_column() {
    let faults = read_policies(
        "kind,category,tier,step,limit\n\
         letter,*,*,reply,13wd\n\
         ,*,*,reply,13wd\n\
         message,a//b,*,reply,13wd\n\
         message,a/b/c/d,*,reply,13wd\n\
         message,,*,reply,13wd\n\
         message,*,county,reply,13wd\n\
         message,*,*,answer,13wd\n\
         message,*,*,reply,13\n\
         message,*,*,reply,9999wd\n\
         message,*,*,reply,13wd\n\
         message,*,*,reply,14wd\n",
    )
    .unwrap_err();
    let places: Vec<(u64, &str)> = faults.iter().map(|fault| (fault.line, fault.column.as_str())).collect();
    assert_eq!(
        places,
        [
            (2, "kind"),
            (3, "kind"),
            (4, "category"),
            (5, "category"),
            (6, "category"),
            (7, "tier"),
            (8, "step"),
            (9, "limit"),
            (10, "limit"),
            (12, "limit"),
        ]
    );
    assert_eq!(faults[8].to_string(), "10:limit: \"9999wd\" is out of bounds; 1wd to 1000wd would be right");
}

pub(super) fn any_policy() -> impl Strategy<Value = Policy> {
    let kind = prop::option::of(prop::sample::select(&KINDS[..]));
    let category = prop::sample::select(vec!["", "甲", "甲/乙", "甲/乙/丙", "丁"]);
    let tier = prop::option::of(prop::sample::select(&TIERS[..]));
    let step = prop::sample::select(&PolicyStep::ALL[..]);
    (kind, category, tier, step, any_limit()).prop_map(|(kind, category, tier, step, limit)| Policy {
        kind,
        category: category.into(),
        tier,
        step,
        limit,
    })
}

proptest! {
    #[test]
    fn a_policy_is_always_found_and_holds_for_the_case(
        given in prop::collection::vec(any_policy(), 0..40),
        step in prop::sample::select(&PolicyStep::ALL[..]),
        kind in prop::sample::select(&KINDS[..]),
        category in prop::sample::select(vec!["", "甲", "甲/乙", "甲/乙/丙", "甲乙", "丁/戊"]),
        tier in prop::sample::select(&TIERS[..]),
    ) {
        let policies = Policies::new(given.clone());
        let found = policies.find(step, kind, category, tier);
        prop_assert_eq!(found.step, step);
        prop_assert!(found.kind.is_none_or(|named| named == kind));
        prop_assert!(found.tier.is_none_or(|named| named == tier));
        prop_assert!(category.starts_with(&found.category));
        let is_catch_all = |policy: &Policy| {
            policy.step == step && policy.kind.is_none() && policy.tier.is_none() && policy.category.is_empty()
        };
        prop_assert!(given.contains(found) || !given.iter().any(is_catch_all));
    }

    #[test]
    fn a_policy_is_read_as_it_was_written(policy in any_policy()) {
        let line = policy.to_string().replace(' ', ",");
        let read = read_policies(&format!("kind,category,tier,step,limit\n{line}\n")).unwrap();
        prop_assert_eq!(read, [policy]);
    }
}
