//! Computing the deadlines anew by the calendar and the limits now in force, which is the one act that can bring them
//! nearer, and is public.
//!
//! Each clock keeps the moment it began at, the limit that an office set in place of the policy's, and every extension
//! that was granted. A step of the ladder that was taken stays taken as far as its new moment is over, too; what lies ahead
//! belongs to the new deadline.

use huying_platform::status;
use huying_proto::events::v1::{ClocksRecomputed, event::Body};
use jiff::Timestamp;

use super::{
    extensions::{end_with, extended_rule, extensions_in},
    office::SET_BY_OFFICE,
    step::Step,
    unfit,
};
use crate::domain::{
    case::{Duty, WholeClock},
    clocks::{Clock, LadderStep},
    command::Rejection,
    limits::Limit,
};

pub(super) fn recompute(step: &mut Step<'_>, reason: &str) -> Result<(), Rejection> {
    let Some(duty) = step.case.duty.clone() else { return Err(step.not_responsible()) };
    let clock = recomputed(step, &duty);
    let whole = step.case.whole.as_ref().map(|whole| recomputed_whole(step, whole));
    let is_same = LadderStep::ALL.iter().all(|&rung| clock.instant(rung) == duty.clock.instant(rung))
        && whole.as_ref().map(|whole| whole.due_at) == step.case.whole.as_ref().map(|whole| whole.due_at);
    if is_same {
        return Err(unfit(
            "command.case_id",
            "has clocks that agree with the calendar and the limits in force; a case whose do not would be right"
                .to_owned(),
        ));
    }

    let end_of = |whole: Option<&WholeClock>| whole.map_or(0, |whole| status::micros(whole.due_at));
    let body = ClocksRecomputed {
        previous_deadline_at_us: status::micros(duty.clock.due_at),
        deadline_at_us: status::micros(clock.due_at),
        previous_case_deadline_at_us: end_of(step.case.whole.as_ref()),
        case_deadline_at_us: end_of(whole.as_ref()),
        directory_revision: step.context.directory.revision(),
        reason: reason.to_owned(),
    };
    step.case.duty = Some(Duty { clock, ..duty });
    step.case.whole = whole;
    step.happened(Body::ClocksRecomputed(body));
    Ok(())
}

fn recomputed(step: &Step<'_>, duty: &Duty) -> Clock {
    let scope = step.scope_of(&duty.unit);
    let old = &duty.clock;
    let mut clock = match set_by_office(&old.rule) {
        Some(limit) => Clock::start_with(limit, format!("{SET_BY_OFFICE}{limit}"), old.began_at, &scope),
        None => Clock::start(step.policy_of(duty.stage), old.began_at, &scope),
    };
    let extensions = extensions_in(&old.rule);
    if !extensions.is_empty() {
        let rule = extensions.iter().fold(clock.rule.clone(), |rule, &limit| extended_rule(&rule, limit));
        clock = clock.extended(end_with(&extensions, clock.due_at, step), rule, &scope);
    }
    clock.taken = still_taken(old, &clock, step.context.now);
    clock
}

/// How many of the steps that were taken are over by the new ladder, too. The time has been as late as each of them was,
/// whatever it is now.
fn still_taken(old: &Clock, new: &Clock, now: Timestamp) -> u8 {
    let over =
        LadderStep::ALL.into_iter().take_while(|&rung| new.instant(rung) <= now.max(old.instant(rung)));
    old.taken.min(u8::try_from(over.count()).unwrap_or(u8::MAX))
}

fn recomputed_whole(step: &Step<'_>, old: &WholeClock) -> WholeClock {
    let extensions = extensions_in(&old.rule);
    let mut whole = step.whole_from(old.began_at);
    whole.due_at = end_with(&extensions, whole.due_at, step);
    whole.rule = extensions.iter().fold(whole.rule, |rule, &limit| extended_rule(&rule, limit));
    whole.expired = old.expired && whole.due_at <= step.context.now.max(old.due_at);
    whole
}

/// The limit that an office set in place of the policy's, as it stands in the rule of the clock.
fn set_by_office(rule: &str) -> Option<Limit> {
    rule.strip_prefix(SET_BY_OFFICE)?.split_whitespace().next()?.parse().ok()
}
