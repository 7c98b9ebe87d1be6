//! The rules, asked directly.

mod authority;
mod calendar;
mod classification;
mod clocks;
mod import;
mod life;
mod limits;
mod policies;
mod properties;
mod routing;
mod table;

use std::{collections::BTreeMap, sync::Arc};

use huying_platform::{
    codes::{RegionPath, Tier as OfTier, UnitCode},
    directory::Directory,
    ids::CaseId,
};
use huying_proto::events::v1::{
    Actor, ActorRole, CaseHeader, CaseKind, Category, DeclineGround, DirectoryEntry, Region, Representative,
    RoutingRule, Tier, Unit, UnitKind, directory_entry::Entry,
};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    calendar::Calendar,
    case::{Case, Duty, Extension, ExtensionStatus, Part, PartStatus, Stage, State, WholeClock},
    clocks::{Clock, Scope},
    command::{Command, PartOrder, Rejection},
    decide::{Context, Decision, companions, decide},
    limits::Limit,
    policies::{Policies, PolicyStep},
    routing_rules::RoutingIndex,
    submission::Submission,
};

pub(super) fn now() -> Timestamp {
    "2026-03-02T01:00:00Z".parse().unwrap()
}

pub(super) fn region(code: &str, tier: Tier, parent: &str) -> DirectoryEntry {
    let region = Region {
        code: code.into(),
        name: format!("{code}名"),
        tier: tier.into(),
        parent: parent.into(),
        ..Region::default()
    };
    entry(Entry::Region(region))
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
    entry(Entry::Unit(unit))
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
        ..RoutingRule::default()
    };
    entry(Entry::Rule(rule))
}

fn representative(code: &str, region: &str) -> DirectoryEntry {
    let representative =
        Representative { code: code.into(), region: region.into(), ..Representative::default() };
    entry(Entry::Representative(representative))
}

fn category(path: &str) -> DirectoryEntry {
    entry(Entry::Category(Category { path: path.into(), ..Category::default() }))
}

pub(super) fn entry(entry: Entry) -> DirectoryEntry {
    DirectoryEntry { entry: Some(entry), ..DirectoryEntry::default() }
}

/// One municipality, two districts, two townships in the first; an office each, housing and roads everywhere; a
/// representative in each township, two in the first, and one of the other district.
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
    for (code, region) in
        [("r-1", "150802001"), ("r-2", "150802001"), ("r-3", "150802002"), ("r-4", "150821")]
    {
        entries.push(representative(code, region));
    }
    entries.extend(["城乡建设", "城乡建设/供热"].map(category));
    entries
}

pub(super) fn directory() -> Directory {
    Directory::new(7, entries())
}

pub(super) fn directory_with(more: impl IntoIterator<Item = DirectoryEntry>) -> Directory {
    Directory::new(7, entries().into_iter().chain(more))
}

/// What decisions go by, but for the moment and who asks.
pub(super) struct World {
    pub(super) directory: Arc<Directory>,
    pub(super) policies: Policies,
    pub(super) calendar: Calendar,
}

impl World {
    pub(super) fn new() -> Self {
        Self::of(directory())
    }

    pub(super) fn of(directory: Directory) -> Self {
        let directory = Arc::new(directory);
        Self { directory, policies: Policies::built_in(), calendar: Calendar::built_in() }
    }

    /// A decision of somebody, named by their code, at a moment.
    pub(super) fn context(&self, now: Timestamp, code: &str) -> Context<'_> {
        Context {
            now,
            actor: actor(code),
            directory: &self.directory,
            policies: &self.policies,
            calendar: &self.calendar,
        }
    }

    pub(super) fn rules(&self) -> RoutingIndex {
        RoutingIndex::new(Arc::clone(&self.directory), 0)
    }

    pub(super) fn scope<'a>(&'a self, category: &'a str) -> Scope<'a> {
        Scope {
            policies: &self.policies,
            calendar: &self.calendar,
            kind: CaseKind::Message,
            category,
            tier: OfTier::District,
        }
    }
}

/// Somebody, by the form of their code: an office, a representative, a department; the citizen for "".
pub(super) fn actor(code: &str) -> Actor {
    let role = if code.is_empty() {
        ActorRole::Citizen
    } else if code.ends_with("-office") {
        ActorRole::Office
    } else if code.starts_with("r-") {
        ActorRole::Representative
    } else {
        ActorRole::Department
    };
    Actor { role: role.into(), code: code.into() }
}

/// Cases that know of each other, as a store would keep them.
pub(super) struct Store(pub(super) BTreeMap<CaseId, Case>);

impl Store {
    pub(super) fn of<const N: usize>(cases: [Case; N]) -> Self {
        Self(cases.into_iter().map(|case| (case.id, case)).collect())
    }

    pub(super) fn case(&self, id: CaseId) -> &Case {
        &self.0[&id]
    }

    /// Decides with the companions that the command asks for, and keeps what comes out.
    pub(super) fn run(
        &mut self,
        id: CaseId,
        command: &Command,
        context: &Context<'_>,
    ) -> Result<Vec<Decision>, Rejection> {
        let case = self.case(id);
        let wanted = companions(case, command);
        let others =
            wanted.iter().filter_map(|id| Some((*id, self.0.get(id)?.clone()))).collect::<BTreeMap<_, _>>();
        let decisions = decide(case, &others, command, context)?;
        for decision in &decisions {
            assert!(decision.case.id == id || others.contains_key(&decision.case.id));
            self.0.insert(decision.case.id, decision.case.clone());
        }
        Ok(decisions)
    }
}

/// Decides a command that looks at no other case.
pub(super) fn decide_alone(
    case: &Case,
    command: &Command,
    context: &Context<'_>,
) -> Result<Decision, Rejection> {
    assert_eq!(companions(case, command), []);
    let mut decisions = decide(case, &BTreeMap::new(), command, context)?;
    assert_eq!(decisions.len(), 1);
    Ok(decisions.remove(0))
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
        case_id: case_id(1),
        header,
        kind: CaseKind::Message,
        path,
        body: "家里只有十四度".into(),
        pictures: Vec::new(),
    }
}

/// The id of one of a few cases.
pub(super) fn case_id(number: u8) -> CaseId {
    CaseId::from_uuid(Uuid::from_u128(0x0197_a3f0_5d1e_7c3a_9b52_6f0d_2c1e_4a00 + u128::from(number)))
}

/// A case in any state, held by the district, as it would stand there; a merged one is part of case 2.
pub(super) fn case_in(state: State) -> Case {
    let office = code("150802-office");
    let housing = code("150802-housing");
    let world = World::new();
    let clock = |step| Clock::start(step, now(), &world.scope(""));
    let duty = |unit: &UnitCode, stage, step| Some(Duty { unit: unit.clone(), stage, clock: clock(step) });
    let duty = match state {
        State::Submitted => duty(&office, Stage::Register, PolicyStep::Register),
        State::Registered => duty(&office, Stage::Assign, PolicyStep::Assign),
        State::Assigned | State::InHandling => duty(&housing, Stage::Reply, PolicyStep::Reply),
        State::Replied => duty(&office, Stage::Rate, PolicyStep::Rate),
        State::Closed | State::Declined | State::Withdrawn | State::Merged => None,
    };
    let was_assigned = !matches!(state, State::Submitted | State::Registered | State::Declined);
    let was_replied = matches!(state, State::Replied | State::Closed | State::Merged);
    let is_handled =
        matches!(state, State::Submitted | State::Registered | State::Assigned | State::InHandling);
    Case {
        id: case_id(1),
        version: 5,
        kind: CaseKind::Message,
        category: String::new(),
        state,
        holder_office: office.clone(),
        department: was_assigned.then(|| housing.clone()),
        duty,
        // 1 working day to register, 2 to assign and 13 to reply, from Monday the 2nd on.
        whole: is_handled.then(|| WholeClock {
            began_at: now(),
            due_at: "2026-03-24T16:00:00Z".parse().unwrap(),
            expired: false,
            rule: "* * * register 1wd; * * * assign 2wd; message * * reply 13wd".into(),
            calendar_revision: 0,
        }),
        accepted_by_itself_at: (state == State::Assigned)
            .then(|| Limit::WorkingDays(1).end(now(), &world.calendar)),
        parts: Vec::new(),
        extension: None,
        return_count: 0,
        reply_count: u32::from(was_replied),
        rated_reply: 0,
        urge_count: 0,
        urged_at: None,
        supervised: false,
        criticised: false,
        claimed_by: Vec::new(),
        merged_into: (state == State::Merged).then(|| case_id(2)),
        merged: Vec::new(),
        units: if was_assigned { vec![office, housing] } else { vec![office] },
        updated_at: now(),
    }
}

/// Another case, as part of which others can go on.
pub(super) fn primary_in(state: State) -> Case {
    Case { id: case_id(2), ..case_in(state) }
}

/// The case with an open part for the district's road department.
pub(super) fn with_part(mut case: Case) -> Case {
    let world = World::new();
    case.parts.push(Part {
        number: 1,
        parent: None,
        unit: code("150802-roads"),
        given_by: code("150802-office"),
        task: "核查管网".into(),
        status: PartStatus::Open,
        clock: Clock::start(PolicyStep::Reply, now(), &world.scope("")),
    });
    case.remember(&code("150802-roads"));
    case
}

/// The case with a request for more time that waits for the office.
pub(super) fn with_extension_asked(mut case: Case) -> Case {
    case.extension = Some(Extension {
        status: ExtensionStatus::Requested,
        limit: Limit::WorkingDays(5),
        reason: "材料未到".into(),
    });
    case
}

pub(super) fn order(unit: &str) -> PartOrder {
    PartOrder { unit: code(unit), task: "核查管网".into(), answer_within: None }
}

/// One of each command, by somebody who may give it, right for [`case_in`] as far as its state goes.
pub(super) fn one_of_each() -> Vec<(Command, &'static str)> {
    const OFFICE: &str = "150802-office";
    const ABOVE: &str = "150800-office";
    const LEAD: &str = "150802-housing";
    const CO_HANDLER: &str = "150802-roads";
    const REPRESENTATIVE: &str = "r-1";
    let reason = || "另有原因".to_owned();
    let (text, pictures) = (|| "已修好".to_owned(), Vec::new);
    vec![
        (Command::Register, OFFICE),
        (Command::Decline { ground: DeclineGround::OutOfScope, explanation: reason() }, OFFICE),
        (Command::Classify { category: "城乡建设/供热".into() }, OFFICE),
        (
            Command::Assign {
                unit: code(CO_HANDLER),
                note: String::new(),
                reply_within: None,
                parts: vec![order("150802001-roads")],
            },
            OFFICE,
        ),
        (Command::Transfer { unit: code(CO_HANDLER), reason: reason() }, OFFICE),
        (Command::Delegate { region: "150802001".parse().unwrap(), reason: reason() }, OFFICE),
        (Command::Escalate { reason: reason() }, OFFICE),
        (Command::Accept, LEAD),
        (Command::Return { legal_basis: "供热条例第八条".into(), proposed_unit: code(CO_HANDLER) }, LEAD),
        (Command::ReportProgress { text: text(), pictures: pictures() }, REPRESENTATIVE),
        (Command::Reply { text: text(), pictures: pictures() }, LEAD),
        (Command::Answer { text: text(), pictures: pictures() }, REPRESENTATIVE),
        (Command::AssignPart { order: order(CO_HANDLER), parent: None }, LEAD),
        (Command::AnswerPart { number: 1, text: text(), pictures: pictures() }, CO_HANDLER),
        (Command::WaivePart { number: 1, reason: reason() }, OFFICE),
        (Command::RequestExtension { limit: Limit::WorkingDays(5), reason: reason() }, LEAD),
        (Command::GrantExtension { limit: None, note: String::new() }, OFFICE),
        (Command::RefuseExtension { reason: reason() }, OFFICE),
        (Command::Urge { text: text(), part: None }, ABOVE),
        (Command::Supervise { demand: text() }, ABOVE),
        (Command::Criticise { text: text() }, ABOVE),
        (Command::Claim { note: String::new() }, REPRESENTATIVE),
        (Command::Close { note: String::new() }, OFFICE),
        (Command::Reopen { reason: reason() }, ABOVE),
        (Command::Merge { into: case_id(2), reason: reason() }, OFFICE),
        (Command::Unmerge { reason: reason() }, OFFICE),
        (Command::RecomputeClocks { reason: reason() }, OFFICE),
        (Command::Rate { resolved: true, satisfied: true, comment: String::new(), reopen: false }, ""),
        (Command::Withdraw { reason: String::new() }, ""),
        (Command::RecordPrivateRead { purpose: "电话联系".into() }, OFFICE),
        (Command::RecordErasure { ground: "本人要求".into() }, ""),
        (Command::RunClocks, ""),
    ]
}
