//! The one pure step: a case, the cases it is bound to, and a command give new cases and the events that led to them, or a
//! rejection.
//!
//! Total over every pair of state and command. Guarantees: versions without gaps, events that carry the standing after
//! each of them, an open case that always has its duty, and links between merged cases that both sides know of. Who asks
//! has been judged before, by [`super::authority`]; what depends on the very unit that asks is judged here.

mod citizen;
mod department;
mod extensions;
mod hops;
mod ladder;
mod merging;
mod office;
mod parts;
mod recomputing;
mod representative;
mod step;

use std::collections::BTreeMap;

use huying_platform::{codes::UnitCode, directory::Directory, ids::CaseId};
use huying_proto::events::v1::{Actor, CaseRated, PrivatePartErased, PrivatePartRead, Standing, event::Body};
use jiff::Timestamp;

use super::{
    calendar::Calendar,
    case::{Case, Stage, State},
    command::{Command, Rejection, state_allows},
    policies::Policies,
};
use step::Others;
pub(super) use step::Step;

/// What a decision needs besides the cases.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The moment of the decision.
    pub now: Timestamp,
    /// Who asks, as far as the public may know.
    pub actor: Actor,
    /// Regions, units and rules as they are known now.
    pub directory: &'a Directory,
    /// The limits in force.
    pub policies: &'a Policies,
    /// The working days in force.
    pub calendar: &'a Calendar,
}

/// An event that has been decided; the caller gives it an id.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// Version of the case with this event.
    pub version: u64,
    /// When.
    pub occurred_at: Timestamp,
    /// Who caused it.
    pub actor: Actor,
    /// How the case stands after it.
    pub standing: Standing,
    /// What happened.
    pub body: Body,
}

/// What became of one case by a command that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The case after it.
    pub case: Case,
    /// What happened, at least one, by version.
    pub events: Vec<Decided>,
}

/// The cases, beside its own, that a command changes or looks at. Empty for nearly all; at most
/// [`super::command::MERGED_MAX`], and none twice.
#[must_use]
pub fn companions(case: &Case, command: &Command) -> Vec<CaseId> {
    let primary = || case.merged_into.into_iter().collect();
    match command {
        Command::Merge { into, .. } if *into != case.id => vec![*into],
        Command::Merge { .. } => Vec::new(),
        Command::Unmerge { .. } | Command::Withdraw { .. } | Command::Reopen { .. } => primary(),
        Command::Rate { reopen: true, .. } => primary(),
        Command::Rate { reopen: false, .. } => Vec::new(),
        Command::Reply { .. }
        | Command::Answer { .. }
        | Command::Close { .. }
        | Command::Delegate { .. }
        | Command::Escalate { .. } => case.merged.clone(),
        Command::RunClocks if case.duty.as_ref().is_some_and(|duty| duty.stage == Stage::Rate) => {
            case.merged.clone()
        }
        Command::Register
        | Command::Decline { .. }
        | Command::Classify { .. }
        | Command::Assign { .. }
        | Command::Transfer { .. }
        | Command::Accept
        | Command::Return { .. }
        | Command::ReportProgress { .. }
        | Command::AssignPart { .. }
        | Command::AnswerPart { .. }
        | Command::WaivePart { .. }
        | Command::RequestExtension { .. }
        | Command::GrantExtension { .. }
        | Command::RefuseExtension { .. }
        | Command::Urge { .. }
        | Command::Supervise { .. }
        | Command::Criticise { .. }
        | Command::Claim { .. }
        | Command::RecomputeClocks { .. }
        | Command::RecordPrivateRead { .. }
        | Command::RecordErasure { .. }
        | Command::RunClocks => Vec::new(),
    }
}

/// Decides a command. `companions` has the cases that [`companions`] names, as far as they exist.
///
/// What comes out is the case's own decision first, then those of the companions that changed.
///
/// # Errors
/// A [`Rejection`] when every case stays as it is.
pub fn decide(
    case: &Case,
    companions: &BTreeMap<CaseId, Case>,
    command: &Command,
    context: &Context<'_>,
) -> Result<Vec<Decision>, Rejection> {
    if !state_allows(case.state, command.name()) {
        return Err(Rejection::StateDoesNotAllow { state: case.state, command: command.name() });
    }
    let mut step = Step::of(case.clone(), context);
    let mut others = Others::of(companions, context);
    take(&mut step, &mut others, command)?;
    let mut decisions = vec![step.done()];
    decisions.extend(others.done());
    Ok(decisions)
}

fn take(step: &mut Step<'_>, others: &mut Others<'_>, command: &Command) -> Result<(), Rejection> {
    match command {
        Command::Register => office::register(step),
        Command::Decline { ground, explanation } => office::decline(step, *ground, explanation)?,
        Command::Classify { category } => office::classify(step, category)?,
        Command::Assign { unit, note, reply_within, parts } => {
            office::assign(step, unit, note, *reply_within, parts)?;
        }
        Command::Transfer { unit, reason } => office::transfer(step, unit, reason)?,
        Command::Delegate { region, reason } => hops::delegate(step, others, region, reason)?,
        Command::Escalate { reason } => hops::escalate(step, others, reason)?,
        Command::Accept => department::accept(step)?,
        Command::Return { legal_basis, proposed_unit } => {
            department::return_case(step, legal_basis, proposed_unit)?;
        }
        Command::ReportProgress { text, pictures } => department::report_progress(step, text, pictures)?,
        Command::Reply { text, pictures } => department::reply(step, others, text, pictures)?,
        Command::Answer { text, pictures } => representative::answer(step, others, text, pictures)?,
        Command::AssignPart { order, parent } => parts::assign_part(step, order, *parent)?,
        Command::AnswerPart { number, text, pictures } => parts::answer_part(step, *number, text, pictures)?,
        Command::WaivePart { number, reason } => parts::waive_part(step, *number, reason)?,
        Command::RequestExtension { limit, reason } => extensions::request(step, *limit, reason)?,
        Command::GrantExtension { limit, note } => extensions::grant(step, *limit, note)?,
        Command::RefuseExtension { reason } => extensions::refuse(step, reason)?,
        Command::Urge { text, part } => ladder::urge(step, text, *part)?,
        Command::Supervise { demand } => ladder::supervise(step, demand)?,
        Command::Criticise { text } => ladder::criticise(step, text)?,
        Command::Claim { note } => representative::claim(step, note)?,
        Command::Close { note } => office::close(step, others, note)?,
        Command::Reopen { reason } => office::reopen(step, others, reason)?,
        Command::Merge { into, reason } => merging::merge(step, others, *into, reason)?,
        Command::Unmerge { reason } => merging::unmerge(step, others, reason)?,
        Command::RecomputeClocks { reason } => recomputing::recompute(step, reason)?,
        Command::Rate { resolved, satisfied, comment, reopen } => {
            let rating = CaseRated { resolved: *resolved, satisfied: *satisfied, comment: comment.clone() };
            citizen::rate(step, others, rating, *reopen)?;
        }
        Command::Withdraw { reason } => citizen::withdraw(step, others, reason)?,
        Command::RecordPrivateRead { purpose } => {
            step.happened(Body::PrivatePartRead(PrivatePartRead { purpose: purpose.clone() }));
        }
        Command::RecordErasure { ground } => {
            step.happened(Body::PrivatePartErased(PrivatePartErased { ground: ground.clone() }));
        }
        Command::RunClocks => ladder::run_clocks(step, others)?,
    }
    Ok(())
}

/// The active office of a region.
pub(super) fn office_at(directory: &Directory, region: &str) -> Option<UnitCode> {
    let office = directory.office_of(region)?;
    directory.active_unit(&office.code)?;
    office.code.parse().ok()
}

/// A command that names something which does not fit the case.
fn unfit(field: &'static str, problem: String) -> Rejection {
    Rejection::Unfit { field, problem }
}

/// Whether a case goes on as part of another one now, so that it shares its replies and its end.
fn follows(case: &Case, primary: CaseId) -> bool {
    case.state == State::Merged && case.merged_into == Some(primary)
}
