//! Who may do what.

use huying_platform::{
    auth::{Principal, Role},
    directory::Directory,
};
use huying_proto::events::v1::{
    Addressee, CaseHeader, DirectoryEntry, Unit, UnitKind, addressee::To, directory_entry::Entry,
};

use super::{case_in, directory, entries, path};
use crate::domain::{
    authority::{Act, Relation, permits, relation_of},
    case::State,
    command::CommandName,
};

const OFFICE_ACTS: &str = "RegisterCase AssignCase DelegateCase EscalateCase CloseCase";
const DEPARTMENT_ACTS: &str = "AcceptCase ReturnCase ReportProgress ReplyCase";

/// For each role and relation that may do anything: what. Everything not listed is denied.
fn expected(role: Role, relation: Relation) -> String {
    match (role, relation) {
        (Role::Operator | Role::Auditor, Relation::Overseer)
        | (Role::Office, Relation::Former | Relation::RegionAbove)
        | (Role::Department, Relation::Former)
        | (Role::Representative, Relation::Addressed) => "Read".to_owned(),
        (Role::Office, Relation::Holder) => format!("Read {OFFICE_ACTS}"),
        (Role::Department, Relation::Responsible) => format!("Read {DEPARTMENT_ACTS}"),
        _ => String::new(),
    }
}

#[test]
fn the_table_says_who_may_do_what() {
    for role in [Role::Operator, Role::Office, Role::Department, Role::Representative, Role::Auditor] {
        for relation in Relation::ALL {
            let mut found = Vec::new();
            if permits(role, relation, Act::Read) {
                found.push("Read");
            }
            found.extend(
                CommandName::ALL
                    .into_iter()
                    .filter(|&command| permits(role, relation, Act::Command(command)))
                    .map(CommandName::rpc),
            );
            assert_eq!(found.join(" "), expected(role, relation), "{role:?} {relation:?}");
        }
    }
}

fn relation(role: Role, code: &str, region: &str) -> Relation {
    let header = CaseHeader {
        region: Some(path("150800", "150802", "150802001").to_proto()),
        addressee: Some(Addressee { to: Some(To::RepresentativeCode("r-1".into())) }),
        representative_codes: vec!["r-2".into()],
        ..CaseHeader::default()
    };
    let principal = Principal {
        subject: "s".into(),
        role,
        code: code.into(),
        region: (!region.is_empty()).then(|| region.parse().unwrap()),
    };
    relation_of(&principal, &case_in(State::InHandling), &header, &directory())
}

#[test]
fn an_office_is_judged_by_what_it_holds_and_where_it_is() {
    assert_eq!(relation(Role::Office, "150802-office", ""), Relation::Holder);
    assert_eq!(relation(Role::Office, "150802-office", "150802"), Relation::Holder);
    assert_eq!(relation(Role::Office, "150802-office", "150800"), Relation::Holder);
    assert_eq!(relation(Role::Office, "150800-office", ""), Relation::RegionAbove);
    assert_eq!(relation(Role::Office, "150802001-office", ""), Relation::RegionAbove);
    assert_eq!(relation(Role::Office, "150821-office", ""), Relation::Stranger);
}

#[test]
fn the_new_office_of_a_region_acts_for_the_one_it_replaces() {
    let mut retired = entries();
    for entry in &mut retired {
        entry.retired = matches!(&entry.entry, Some(Entry::Unit(unit)) if unit.code == "150802-office");
    }
    let new = Unit { code: "150802-rd".into(), region: "150802".into(), ..Unit::default() };
    let new = Unit { kind: UnitKind::Office.into(), ..new };
    retired.push(DirectoryEntry { entry: Some(Entry::Unit(new)), retired: false });
    let directory = Directory::new(8, retired);
    let relation = |code: &str| {
        let principal =
            Principal { subject: "s".into(), role: Role::Office, code: code.into(), region: None };
        relation_of(&principal, &case_in(State::Registered), &CaseHeader::default(), &directory)
    };
    assert_eq!(relation("150802-rd"), Relation::Holder);
    assert_eq!(relation("150821-office"), Relation::Stranger);
}

#[test]
fn a_token_for_another_region_gives_no_power_over_the_case() {
    assert_eq!(relation(Role::Office, "150802-office", "150821"), Relation::Stranger);
    assert_eq!(relation(Role::Department, "150802-housing", "150821"), Relation::Stranger);
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
}

#[test]
fn a_representative_sees_what_is_addressed_to_them() {
    assert_eq!(relation(Role::Representative, "r-1", ""), Relation::Addressed);
    assert_eq!(relation(Role::Representative, "r-2", ""), Relation::Addressed);
    assert_eq!(relation(Role::Representative, "r-3", ""), Relation::Stranger);
}
