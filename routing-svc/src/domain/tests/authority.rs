//! Who may do what.

use huying_platform::{
    auth::{Principal, Role},
    directory::Directory,
};
use huying_proto::events::v1::{
    Addressee, CaseHeader, Region, Representative, Unit, UnitKind, addressee::To, directory_entry::Entry,
};

use super::{case_in, directory, entries, entry, path, with_part};
use crate::domain::{
    authority::{Act, Relation, STANDPOINTS, Verdict, allowed_to, judge, relation_of},
    case::{Case, State},
    command::CommandName,
};

/// The document is the expectation, so that it cannot say anything else than the code does.
const DOCUMENT: &str = include_str!("../../../../docs/authority.md");

const ROLES: [Role; 5] =
    [Role::Office, Role::Department, Role::Representative, Role::Operator, Role::Auditor];

fn acts() -> impl Iterator<Item = (&'static str, Act)> {
    let commands = CommandName::ALL.into_iter().map(|command| (command.rpc(), Act::Command(command)));
    std::iter::once(("read", Act::Read)).chain(commands)
}

const fn role_heading(role: Role) -> &'static str {
    match role {
        Role::Office => "office",
        Role::Department => "department",
        Role::Representative => "representative",
        Role::Operator => "operator",
        Role::Auditor => "auditor",
    }
}

const fn relation_heading(relation: Relation) -> &'static str {
    match relation {
        Relation::Holder => "holder",
        Relation::Responsible => "lead",
        Relation::CoHandler => "co-handler",
        Relation::FormerAbove => "above-once",
        Relation::RegionAbove => "above",
        Relation::Former => "once",
        Relation::InRegion => "in-region",
        Relation::Follows => "follows",
        Relation::Neighbour => "neighbour",
        Relation::Overseer => "overseer",
        Relation::Stranger => "stranger",
    }
}

const fn cell(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Permitted => "yes",
        Verdict::NotNow => "not now",
        Verdict::Denied => ".",
    }
}

#[test]
fn the_table_says_who_may_do_what() {
    let line = |head: &str, cells: [&str; STANDPOINTS.len()]| {
        let line = format!("{head:<19}|{}", cells.map(|cell| format!(" {cell:<14}")).concat());
        format!("{}\n", line.trim_end())
    };
    let mut found = line("", STANDPOINTS.map(|(role, _)| role_heading(role)));
    found.push_str(&line("", STANDPOINTS.map(|(_, relation)| relation_heading(relation))));
    for (name, act) in acts() {
        found.push_str(&line(name, STANDPOINTS.map(|(role, relation)| cell(judge(role, relation, act)))));
    }
    let documented = DOCUMENT.split("```").nth(1).unwrap().trim_start_matches("text\n");
    assert_eq!(found, documented, "the table for docs/authority.md:\n{found}");
}

#[test]
fn what_the_table_does_not_show_is_denied() {
    for role in ROLES {
        for relation in Relation::ALL.into_iter().filter(|&relation| !STANDPOINTS.contains(&(role, relation)))
        {
            for (name, act) in acts() {
                let verdict = judge(role, relation, act);
                // No unit stands so: a department is never above, nor an office a co-handler.
                assert_ne!(verdict, Verdict::Permitted, "{role:?} {relation:?} {name}");
                if relation == Relation::Stranger {
                    assert_eq!(verdict, Verdict::Denied, "{role:?} {name}");
                }
            }
        }
    }
}

#[test]
fn whoever_may_give_a_command_may_read() {
    for (role, relation) in STANDPOINTS {
        let gives = allowed_to(role, relation, &CommandName::OVER_GRPC);
        let reads = judge(role, relation, Act::Read) == Verdict::Permitted;
        // What a representative may claim is what the public ledger shows of it.
        let knows_by_the_ledger = relation == Relation::Neighbour && gives == [CommandName::Claim];
        assert!(reads || gives.is_empty() || knows_by_the_ledger, "{role:?} {relation:?}");
    }
}

#[test]
fn every_command_over_grpc_can_be_given_by_somebody_and_no_other_can() {
    for command in CommandName::ALL {
        let givers = STANDPOINTS
            .iter()
            .filter(|(role, relation)| !allowed_to(*role, *relation, &[command]).is_empty());
        assert_eq!(givers.count() > 0, CommandName::OVER_GRPC.contains(&command), "{}", command.rpc());
    }
}

fn header() -> CaseHeader {
    CaseHeader {
        region: Some(path("150800", "150802", "150802001").to_proto()),
        addressee: Some(Addressee { to: Some(To::RepresentativeCode("r-addressed".into())) }),
        representative_codes: vec!["r-of-station".into()],
        ..CaseHeader::default()
    }
}

fn principal(role: Role, code: &str, region: &str) -> Principal {
    Principal {
        subject: "s".into(),
        role,
        code: code.into(),
        region: (!region.is_empty()).then(|| region.parse().unwrap()),
    }
}

fn relation_to(case: &Case, role: Role, code: &str) -> Relation {
    relation_of(&principal(role, code, ""), case, &header(), &directory())
}

fn relation(role: Role, code: &str, region: &str) -> Relation {
    relation_of(&principal(role, code, region), &case_in(State::InHandling), &header(), &directory())
}

#[test]
fn an_office_is_judged_by_what_it_holds_and_where_it_is() {
    assert_eq!(relation(Role::Office, "150802-office", ""), Relation::Holder);
    assert_eq!(relation(Role::Office, "150802-office", "150802"), Relation::Holder);
    assert_eq!(relation(Role::Office, "150802-office", "150800"), Relation::Holder);
    assert_eq!(relation(Role::Office, "150800-office", ""), Relation::RegionAbove);
    assert_eq!(relation(Role::Office, "150802001-office", ""), Relation::InRegion);
    assert_eq!(relation(Role::Office, "150802002-office", ""), Relation::Stranger);
    assert_eq!(relation(Role::Office, "150821-office", ""), Relation::Stranger);
}

#[test]
fn an_office_that_handed_a_case_down_still_sees_to_it_and_one_that_handed_it_up_only_reads() {
    let mut case = case_in(State::InHandling);
    case.units.extend(["150800-office", "150802001-office"].map(super::code));
    assert_eq!(relation_to(&case, Role::Office, "150800-office"), Relation::FormerAbove);
    assert_eq!(relation_to(&case, Role::Office, "150802001-office"), Relation::Former);
    let supervise = Act::Command(CommandName::Supervise);
    assert_eq!(judge(Role::Office, Relation::FormerAbove, supervise), Verdict::Permitted);
    assert_eq!(judge(Role::Office, Relation::Former, supervise), Verdict::NotNow);
}

#[test]
fn the_new_office_of_a_region_acts_for_the_one_it_replaces() {
    let mut retired = entries();
    for entry in &mut retired {
        entry.retired = matches!(&entry.entry, Some(Entry::Unit(unit)) if unit.code == "150802-office");
    }
    let new = Unit { code: "150802-rd".into(), region: "150802".into(), ..Unit::default() };
    retired.push(entry(Entry::Unit(Unit { kind: UnitKind::Office.into(), ..new })));
    let directory = Directory::new(8, retired);
    let relation = |code: &str| {
        let principal = principal(Role::Office, code, "");
        relation_of(&principal, &case_in(State::Registered), &CaseHeader::default(), &directory)
    };
    assert_eq!(relation("150802-rd"), Relation::Holder);
    assert_eq!(relation("150800-office"), Relation::RegionAbove);
    assert_eq!(relation("150821-office"), Relation::Stranger);
}

#[test]
fn the_office_of_the_region_that_another_was_merged_into_acts_for_it() {
    let mut merged = entries();
    for entry in &mut merged {
        match &mut entry.entry {
            Some(Entry::Region(Region { code, replaced_by, .. })) if code == "150802001" => {
                *replaced_by = "150802002".into();
                entry.retired = true;
            }
            Some(Entry::Unit(unit)) if unit.region == "150802001" => entry.retired = true,
            _ => {}
        }
    }
    let directory = Directory::new(8, merged);
    let mut case = case_in(State::Registered);
    case.holder_office = super::code("150802001-office");
    let relation = |code: &str| {
        relation_of(&principal(Role::Office, code, ""), &case, &CaseHeader::default(), &directory)
    };
    assert_eq!(relation("150802002-office"), Relation::Holder);
    assert_eq!(relation("150802-office"), Relation::FormerAbove, "the fixture's case was its once");
    assert_eq!(relation("150800-office"), Relation::RegionAbove);
}

#[test]
fn a_token_for_another_region_gives_no_power_over_the_case() {
    assert_eq!(relation(Role::Office, "150802-office", "150821"), Relation::Stranger);
    assert_eq!(relation(Role::Department, "150802-housing", "150821"), Relation::Stranger);
    assert_eq!(relation(Role::Representative, "r-1", "150821"), Relation::Stranger);
    assert_eq!(relation(Role::Auditor, "", "150821"), Relation::Stranger);
    assert_eq!(relation(Role::Auditor, "", "150802"), Relation::Overseer);
    assert_eq!(relation(Role::Operator, "", ""), Relation::Overseer);
}

#[test]
fn a_department_is_judged_by_what_it_is_responsible_for() {
    assert_eq!(relation(Role::Department, "150802-housing", ""), Relation::Responsible);
    assert_eq!(relation(Role::Department, "150802-roads", ""), Relation::Stranger);
    // An office code on a department's token makes nobody an office.
    assert_eq!(relation(Role::Department, "150802-office", ""), Relation::Former);
    assert_eq!(relation_to(&case_in(State::Replied), Role::Department, "150802-housing"), Relation::Former);
}

#[test]
fn an_offices_turn_is_no_departments() {
    for state in [State::Submitted, State::Registered, State::Replied] {
        let case = case_in(state);
        let office = case.duty.as_ref().unwrap().unit.to_string();
        assert_eq!(relation_to(&case, Role::Office, &office), Relation::Holder, "{state:?}");
        assert_eq!(relation_to(&case, Role::Department, &office), Relation::Former, "{state:?}");
    }
}

#[test]
fn a_co_handler_is_one_as_long_as_its_part_is_open() {
    use crate::domain::case::PartStatus;
    let mut case = with_part(case_in(State::InHandling));
    assert_eq!(relation_to(&case, Role::Department, "150802-roads"), Relation::CoHandler);
    case.parts[0].status = PartStatus::Answered;
    assert_eq!(relation_to(&case, Role::Department, "150802-roads"), Relation::Former);
}

#[test]
fn a_representative_follows_what_is_addressed_to_or_claimed_by_them() {
    assert_eq!(relation(Role::Representative, "r-addressed", ""), Relation::Follows);
    assert_eq!(relation(Role::Representative, "r-of-station", ""), Relation::Follows);
    let mut case = case_in(State::InHandling);
    case.claimed_by.push("r-4".parse().unwrap());
    assert_eq!(relation_to(&case, Role::Representative, "r-4"), Relation::Follows);
}

#[test]
fn a_representative_of_a_region_on_the_cases_path_is_a_neighbour() {
    assert_eq!(relation(Role::Representative, "r-1", ""), Relation::Neighbour);
    assert_eq!(relation(Role::Representative, "r-3", ""), Relation::Stranger, "of another township");
    assert_eq!(relation(Role::Representative, "r-4", ""), Relation::Stranger, "of another district");
    assert_eq!(relation(Role::Representative, "r-unknown", ""), Relation::Stranger);
}

#[test]
fn a_representative_follows_what_is_addressed_to_the_station_they_serve_at_now() {
    let mut all = entries();
    let one = |code: &str, station: &str| Representative {
        code: code.into(),
        region: "150821".into(),
        station: station.into(),
        ..Representative::default()
    };
    all.push(entry(Entry::Representative(one("r-new", "s-1"))));
    all.push(entry(Entry::Representative(one("r-elsewhere", "s-2"))));
    let directory = Directory::new(8, all);
    let to_station = Addressee { to: Some(To::StationCode("s-1".into())) };
    let header = CaseHeader { addressee: Some(to_station), ..header() };
    let relation = |code: &str| {
        let principal = principal(Role::Representative, code, "");
        relation_of(&principal, &case_in(State::InHandling), &header, &directory)
    };
    assert_eq!(relation("r-new"), Relation::Follows);
    assert_eq!(relation("r-of-station"), Relation::Follows, "was at the station when it came");
    assert_eq!(relation("r-elsewhere"), Relation::Stranger);
}
