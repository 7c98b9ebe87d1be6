//! The rules, asked directly.

mod authority;
mod import;
mod life;
mod properties;
mod routing;
mod table;

use huying_platform::{
    codes::{RegionPath, UnitCode},
    directory::Directory,
    ids::CaseId,
};
use huying_proto::events::v1::{
    Actor, CaseHeader, CaseKind, DirectoryEntry, Region, RoutingRule, Tier, Unit, UnitKind,
    directory_entry::Entry,
};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    case::{Case, Duty, Stage, State},
    command::Command,
    deadlines::Policies,
    decide::Context,
    submission::Submission,
};

pub(super) fn now() -> Timestamp {
    "2026-03-02T01:00:00Z".parse().unwrap()
}

pub(super) fn region(code: &str, tier: Tier, parent: &str) -> DirectoryEntry {
    let region =
        Region { code: code.into(), name: format!("{code}名"), tier: tier.into(), parent: parent.into() };
    DirectoryEntry { entry: Some(Entry::Region(region)), retired: false }
}

pub(super) fn office(region: &str) -> DirectoryEntry {
    unit(&format!("{region}-office"), region, UnitKind::Office, &[])
}

pub(super) fn department(region: &str, name: &str) -> DirectoryEntry {
    unit(&format!("{region}-{name}"), region, UnitKind::Department, &[name])
}

fn unit(code: &str, region: &str, kind: UnitKind, functions: &[&str]) -> DirectoryEntry {
    let unit = Unit {
        code: code.into(),
        name: code.into(),
        region: region.into(),
        kind: kind.into(),
        functions: functions.iter().map(|&function| function.into()).collect(),
    };
    DirectoryEntry { entry: Some(Entry::Unit(unit)), retired: false }
}

pub(super) fn rule(
    region: &str,
    kind: CaseKind,
    category: &str,
    tier: Tier,
    function: &str,
) -> DirectoryEntry {
    let rule = RoutingRule {
        region: region.into(),
        kind: kind.into(),
        category: category.into(),
        tier: tier.into(),
        function: function.into(),
    };
    DirectoryEntry { entry: Some(Entry::Rule(rule)), retired: false }
}

/// One municipality, two districts, two townships in the first; an office each, housing and roads everywhere.
pub(super) fn entries() -> Vec<DirectoryEntry> {
    let mut entries = vec![
        region("150800", Tier::Municipal, ""),
        region("150802", Tier::District, "150800"),
        region("150821", Tier::District, "150800"),
        region("150802001", Tier::Township, "150802"),
        region("150802002", Tier::Township, "150802"),
    ];
    for region in ["150800", "150802", "150821", "150802001", "150802002"] {
        entries.push(office(region));
        entries.push(department(region, "housing"));
        entries.push(department(region, "roads"));
    }
    entries
}

pub(super) fn directory() -> Directory {
    Directory::new(7, entries())
}

pub(super) fn directory_with(more: impl IntoIterator<Item = DirectoryEntry>) -> Directory {
    Directory::new(7, entries().into_iter().chain(more))
}

pub(super) fn context<'a>(directory: &'a Directory, policies: &'a Policies) -> Context<'a> {
    Context { now: now(), actor: Actor::default(), directory, policies }
}

pub(super) fn path(municipal: &str, district: &str, township: &str) -> RegionPath {
    let code = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    RegionPath { municipal: municipal.parse().unwrap(), district: code(district), township: code(township) }
}

pub(super) fn code(text: &str) -> UnitCode {
    text.parse().unwrap()
}

pub(super) fn submission(category: &str) -> Submission {
    let path = path("150800", "150802", "150802001");
    let header = CaseHeader {
        kind: CaseKind::Message.into(),
        region: Some(path.to_proto()),
        title: "暖气不热".into(),
        category: category.into(),
        ..CaseHeader::default()
    };
    Submission {
        case_id: CaseId::from_uuid(Uuid::from_u128(0x0197_a3f0_5d1e_7c3a_9b52_6f0d_2c1e_4a77)),
        header,
        kind: CaseKind::Message,
        path,
        body: "家里只有十四度".into(),
    }
}

/// A case in any state, held by the district, as it would stand there.
pub(super) fn case_in(state: State) -> Case {
    let office = code("150802-office");
    let housing = code("150802-housing");
    let policies = Policies::default();
    let duty = |unit: &UnitCode, stage, within| {
        Some(Duty { unit: unit.clone(), stage, due_at: super::deadlines::end_of(now(), within), expiries: 0 })
    };
    let duty = match state {
        State::Submitted | State::Registered => duty(&office, Stage::Assign, policies.assign_within),
        State::Assigned | State::InHandling => duty(&housing, Stage::Reply, policies.reply_within_message),
        State::Replied => duty(&office, Stage::Rate, policies.rating_within),
        State::Closed => None,
    };
    let was_assigned = state >= State::Assigned;
    let was_replied = state >= State::Replied;
    Case {
        id: submission("").case_id,
        version: 5,
        kind: CaseKind::Message,
        state,
        holder_office: office.clone(),
        department: was_assigned.then(|| housing.clone()),
        duty,
        overdue: false,
        return_count: 0,
        reply_count: u32::from(was_replied),
        rated_reply: 0,
        units: if was_assigned { vec![office, housing] } else { vec![office] },
        updated_at: now(),
    }
}

/// One of each command, right for [`case_in`] as far as its state goes.
pub(super) fn one_of_each() -> Vec<Command> {
    vec![
        Command::Register,
        Command::Assign { unit: code("150802-roads"), note: String::new(), reply_within: None },
        Command::Delegate { region: "150802001".parse().unwrap(), reason: "属地办理".into() },
        Command::Escalate { reason: "超出权限".into() },
        Command::Accept,
        Command::Return { legal_basis: "供热条例第八条".into(), proposed_unit: code("150802-roads") },
        Command::ReportProgress { text: "已到现场".into() },
        Command::Reply { text: "已修好".into() },
        Command::Close { note: String::new() },
        Command::Rate { resolved: true, satisfied: true, comment: String::new(), reopen: false },
        Command::RecordPrivateRead { purpose: "电话联系".into() },
        Command::RecordErasure { ground: "本人要求".into() },
        Command::ExpireDeadline,
    ]
}
