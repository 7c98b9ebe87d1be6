//! From a number to a command that is nearly right for how the cases stand.

use huying_platform::{codes::UnitCode, ids::CaseId};
use huying_proto::events::v1::DeclineGround;
use jiff::SignedDuration;

use super::super::{Store, case_id, code};
use crate::domain::{
    case::{Case, State},
    command::{Command, CommandName, PartOrder},
    limits::Limit,
};

const UNITS: [&str; 6] =
    ["150802-roads", "150800-housing", "150821-roads", "150802001-housing", "150802002-roads", "nobody"];
const REGIONS: [&str; 6] = ["150802", "150802001", "150802002", "150821", "150800", "999999"];
const REPRESENTATIVES: [&str; 3] = ["r-1", "r-2", "r-4"];
/// Seconds that pass before a command: mostly few, sometimes past every deadline, and sometimes the clock goes back.
const WAITS: [i64; 16] = [0, 0, 0, 0, 0, 0, 1, 1, 60, 100, 200, 700, 1_300, 3_000, 10_000, -500];
const LIMITS: [Limit; 6] = [
    Limit::Seconds(1),
    Limit::Seconds(700),
    Limit::Seconds(1_300),
    Limit::Seconds(1_301),
    Limit::WorkingDays(5),
    Limit::Days(30),
];

/// A command, who gives it, and how long after the one before.
pub(super) struct Choice {
    pub(super) id: CaseId,
    pub(super) by: String,
    pub(super) wait: i64,
    pub(super) command: Command,
    /// Whether other limits hold at that moment than mostly do.
    pub(super) by_other_limits: bool,
}

impl Choice {
    pub(super) fn of(word: u64, store: &Store) -> Self {
        let mut digits = Digits(word);
        // The first case has most of what happens, so that it comes far.
        let id = case_id(digits.one_of(&[0, 0, 0, 1, 1, 2]));
        let wait = digits.one_of(&WAITS);
        let by_other_limits = digits.below(6) == 0;
        let case = store.case(id);
        let onward = onward(case.state);
        let which =
            if digits.below(4) == 0 { digits.one_of(&CommandName::ALL) } else { digits.one_of(onward) };
        let which = prepared(which, case);
        let (command, by) = command(which, &mut digits, case);
        // Now and then somebody else asks than the one whose it is.
        let by = if digits.below(12) == 0 { anybody(&mut digits) } else { by };
        Self { id, by, wait, command, by_other_limits }
    }
}

/// What has to come first, where nothing is there to decide on.
fn prepared(which: CommandName, case: &Case) -> CommandName {
    let needs_part = matches!(which, CommandName::AnswerPart | CommandName::WaivePart);
    if needs_part && case.open_parts().next().is_none() {
        return CommandName::AssignPart;
    }
    if which == CommandName::GrantExtension && case.extension.is_none() {
        return CommandName::RequestExtension;
    }
    which
}

/// What leads on from a state, the likeliest several times.
const fn onward(state: State) -> &'static [CommandName] {
    use CommandName::{
        Accept, Answer, AnswerPart, Assign, AssignPart, Close, Escalate, GrantExtension, Merge, Rate,
        RecomputeClocks, Register, Reopen, Reply, RequestExtension, Return, RunClocks, Transfer, Unmerge,
        WaivePart, Withdraw,
    };
    match state {
        State::Submitted => &[Register, Register, Register, Register, Escalate, Merge, RunClocks],
        State::Registered => {
            &[Assign, Assign, Assign, Assign, Assign, Assign, Answer, AnswerPart, Merge, WaivePart, RunClocks]
        }
        State::Assigned => &[
            Accept,
            Accept,
            Accept,
            Accept,
            AssignPart,
            AssignPart,
            AnswerPart,
            Transfer,
            Return,
            RequestExtension,
            GrantExtension,
            RunClocks,
            RunClocks,
            RecomputeClocks,
        ],
        State::InHandling => &[
            Reply,
            Reply,
            Reply,
            Reply,
            Reply,
            Reply,
            AssignPart,
            AssignPart,
            AssignPart,
            AnswerPart,
            AnswerPart,
            AnswerPart,
            WaivePart,
            Transfer,
            Return,
            RequestExtension,
            RequestExtension,
            GrantExtension,
            GrantExtension,
            RunClocks,
            RunClocks,
            RecomputeClocks,
            Merge,
        ],
        State::Replied => &[Rate, Rate, Rate, Reopen, Close, RunClocks],
        State::Closed => &[Rate, Reopen],
        State::Merged => &[Unmerge, Rate, Rate, Withdraw],
        State::Declined | State::Withdrawn => &[RunClocks],
    }
}

/// A number, read digit by digit of any base.
struct Digits(u64);

impl Digits {
    fn below(&mut self, base: u64) -> u64 {
        let digit = self.0 % base;
        self.0 /= base;
        digit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 1
    }
}

fn anybody(digits: &mut Digits) -> String {
    match digits.below(4) {
        0 => digits.one_of(&UNITS).to_owned(),
        1 => "150800-office".to_owned(),
        2 => digits.one_of(&REPRESENTATIVES).to_owned(),
        _ => String::new(),
    }
}

fn command(name: CommandName, digits: &mut Digits, case: &Case) -> (Command, String) {
    let office = case.holder_office.to_string();
    let responsible = case.duty.as_ref().map_or_else(|| "nobody".to_owned(), |duty| duty.unit.to_string());
    let text = || "内容".to_owned();
    match name {
        CommandName::Register => (Command::Register, office),
        CommandName::Decline => {
            (Command::Decline { ground: DeclineGround::Unclear, explanation: text() }, office)
        }
        CommandName::Classify => {
            let category = digits.one_of(&["城乡建设", "城乡建设/供热", "无"]).to_owned();
            (Command::Classify { category }, office)
        }
        CommandName::Assign => (assign(digits, case), office),
        CommandName::Transfer => (Command::Transfer { unit: lead(digits, case), reason: text() }, office),
        CommandName::Delegate => {
            let region = digits.one_of(&REGIONS).parse().unwrap();
            (Command::Delegate { region, reason: text() }, office)
        }
        CommandName::Escalate => (Command::Escalate { reason: text() }, office),
        CommandName::Accept => (Command::Accept, responsible),
        CommandName::Return => {
            (Command::Return { legal_basis: text(), proposed_unit: lead(digits, case) }, responsible)
        }
        CommandName::ReportProgress => {
            let by = if digits.flip() { responsible } else { "r-1".to_owned() };
            (Command::ReportProgress { text: text(), pictures: Vec::new() }, by)
        }
        CommandName::Reply => (Command::Reply { text: text(), pictures: Vec::new() }, responsible),
        CommandName::Answer => (Command::Answer { text: text(), pictures: Vec::new() }, "r-1".to_owned()),
        CommandName::AssignPart => assign_part(digits, case, office, responsible),
        CommandName::AnswerPart => {
            let (number, unit) = part(digits, case);
            (Command::AnswerPart { number, text: text(), pictures: Vec::new() }, unit)
        }
        CommandName::WaivePart => {
            (Command::WaivePart { number: part(digits, case).0, reason: text() }, office)
        }
        CommandName::RequestExtension => {
            (Command::RequestExtension { limit: digits.one_of(&LIMITS), reason: text() }, responsible)
        }
        CommandName::GrantExtension => {
            let limit = if digits.flip() { Some(digits.one_of(&LIMITS)) } else { None };
            (Command::GrantExtension { limit, note: text() }, office)
        }
        CommandName::RefuseExtension => (Command::RefuseExtension { reason: text() }, office),
        CommandName::Urge => {
            let part = if digits.flip() { Some(part(digits, case).0) } else { None };
            (Command::Urge { text: text(), part }, digits.one_of(&["r-1", "150800-office"]).to_owned())
        }
        CommandName::Supervise => (Command::Supervise { demand: text() }, "150800-office".to_owned()),
        CommandName::Criticise => (Command::Criticise { text: text() }, "150800-office".to_owned()),
        CommandName::Claim => (Command::Claim { note: text() }, digits.one_of(&REPRESENTATIVES).to_owned()),
        CommandName::Close => (Command::Close { note: text() }, office),
        CommandName::Reopen => (Command::Reopen { reason: text() }, office),
        CommandName::Merge => {
            (Command::Merge { into: case_id(digits.below(3) as u8), reason: text() }, office)
        }
        CommandName::Unmerge => (Command::Unmerge { reason: text() }, office),
        CommandName::RecomputeClocks => (Command::RecomputeClocks { reason: text() }, office),
        CommandName::Rate => {
            let (resolved, satisfied, reopen) = (digits.flip(), digits.flip(), digits.flip());
            (Command::Rate { resolved, satisfied, comment: text(), reopen }, String::new())
        }
        CommandName::Withdraw => (Command::Withdraw { reason: text() }, String::new()),
        CommandName::RecordPrivateRead => (Command::RecordPrivateRead { purpose: text() }, office),
        CommandName::RecordErasure => (Command::RecordErasure { ground: text() }, String::new()),
        CommandName::RunClocks => (Command::RunClocks, String::new()),
    }
}

/// Mostly a department of the holding office's own region.
fn lead(digits: &mut Digits, case: &Case) -> UnitCode {
    let region = case.holder_office.as_str().trim_end_matches("-office");
    let housing = code(&format!("{region}-housing"));
    let is_with_housing = case.duty.as_ref().is_some_and(|duty| duty.unit == housing);
    match digits.below(8) {
        0 => code(digits.one_of(&UNITS)),
        1 => housing,
        _ if is_with_housing => code(&format!("{region}-roads")),
        _ => housing,
    }
}

fn assign(digits: &mut Digits, case: &Case) -> Command {
    let unit = lead(digits, case);
    let seconds = digits.one_of(&[None, None, None, None, Some(1), Some(1_300), Some(1_000_000)]);
    let parts = (0..digits.one_of(&[0, 0, 1, 2])).map(|_| order(digits, case)).collect();
    let reply_within = seconds.map(SignedDuration::from_secs);
    Command::Assign { unit, note: String::new(), reply_within, parts }
}

fn order(digits: &mut Digits, case: &Case) -> PartOrder {
    let region = case.holder_office.as_str().trim_end_matches("-office");
    let unit = match digits.below(4) {
        0 => code(digits.one_of(&UNITS)),
        1 => code(&format!("{region}-housing")),
        _ => code(&format!("{region}-roads")),
    };
    let seconds = digits.one_of(&[None, None, None, None, Some(60), Some(60), Some(5_000), Some(0)]);
    let answer_within = seconds.map(SignedDuration::from_secs);
    PartOrder { unit, task: "事项".into(), answer_within }
}

fn assign_part(digits: &mut Digits, case: &Case, office: String, responsible: String) -> (Command, String) {
    let order = order(digits, case);
    match digits.below(3) {
        0 => (Command::AssignPart { order, parent: None }, office),
        1 => (Command::AssignPart { order, parent: None }, responsible),
        _ => {
            let (number, unit) = part(digits, case);
            (Command::AssignPart { order, parent: Some(number) }, unit)
        }
    }
}

/// A part of the case, and whose it is; an unknown one when there is none.
fn part(digits: &mut Digits, case: &Case) -> (u32, String) {
    let chosen = digits.below(case.parts.len().max(1) as u64) as usize;
    case.parts
        .get(chosen)
        .map_or_else(|| (7, "nobody".to_owned()), |part| (part.number, part.unit.to_string()))
}
