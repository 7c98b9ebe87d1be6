//! More time: asked for once and before the deadline, and granted or refused by the office.

use huying_platform::{codes::UnitCode, status};
use huying_proto::events::v1::{ExtensionGranted, ExtensionRefused, ExtensionRequested, event::Body};
use jiff::Timestamp;

use super::{
    step::{Step, end_after},
    unfit,
};
use crate::domain::{
    case::{Duty, EXTENDED_BY, Extension, ExtensionStatus},
    command::Rejection,
    limits::Limit,
    policies::PolicyStep,
};

pub(super) fn request(step: &mut Step<'_>, limit: Limit, reason: &str) -> Result<(), Rejection> {
    let Duty { unit, clock, .. } = duty(step)?;
    // Another department has a clock of its own, but the case has not more time for that.
    if step.case.extension.is_some() || step.case.was_extended() {
        return Err(Rejection::ExtensionUsedUp);
    }
    if step.context.now >= clock.due_at {
        return Err(Rejection::ExtensionTooLate { due_at: clock.due_at });
    }
    let until = end_after(limit, clock.due_at, step.context.calendar);
    let longest = longest(step, &unit);
    let longest_until = end_after(longest, clock.due_at, step.context.calendar);
    if until > longest_until {
        return Err(unfit(
            "limit",
            format!("is {limit}, until {until}; at most {longest}, until {longest_until}, would be right"),
        ));
    }
    step.case.extension =
        Some(Extension { status: ExtensionStatus::Requested, limit, reason: reason.to_owned() });
    let body = ExtensionRequested {
        unit: unit.to_string(),
        limit: limit.to_string(),
        deadline_at_us: status::micros(until),
        reason: reason.to_owned(),
    };
    step.happened(Body::ExtensionRequested(body));
    Ok(())
}

pub(super) fn grant(step: &mut Step<'_>, limit: Option<Limit>, note: &str) -> Result<(), Rejection> {
    let Extension { limit: asked, reason, .. } = requested(step)?;
    let Duty { unit, clock, stage } = duty(step)?;
    let calendar = step.context.calendar;
    let limit = limit.unwrap_or(asked);
    let until = end_after(limit, clock.due_at, calendar);
    if until > end_after(asked, clock.due_at, calendar) {
        return Err(unfit(
            "limit",
            format!("is {limit}, which is more than was asked for; at most {asked} would be right"),
        ));
    }
    if until <= step.context.now {
        return Err(unfit(
            "limit",
            format!("is {limit}, which would have ended at {until}; more, or refusing, would be right"),
        ));
    }

    let extended = clock.extended(until, extended_rule(&clock.rule, limit), &step.scope_of(&unit));
    step.case.duty = Some(Duty { unit: unit.clone(), stage, clock: extended });
    extend_whole(step, limit);
    step.case.extension = Some(Extension { status: ExtensionStatus::Granted, limit, reason });
    let body = ExtensionGranted {
        unit: unit.to_string(),
        deadline_at_us: status::micros(until),
        previous_deadline_at_us: status::micros(clock.due_at),
        note: note.to_owned(),
    };
    step.happened(Body::ExtensionGranted(body));
    Ok(())
}

pub(super) fn refuse(step: &mut Step<'_>, reason: &str) -> Result<(), Rejection> {
    let asked = requested(step)?;
    let unit = step.responsible()?.to_string();
    step.case.extension = Some(Extension { status: ExtensionStatus::Refused, ..asked });
    step.happened(Body::ExtensionRefused(ExtensionRefused { unit, reason: reason.to_owned() }));
    Ok(())
}

/// The rule of a clock that was extended.
pub(super) fn extended_rule(rule: &str, limit: Limit) -> String {
    format!("{rule}{EXTENDED_BY}{limit}")
}

/// The extensions that stand in a clock's rule, in order.
pub(super) fn extensions_in(rule: &str) -> Vec<Limit> {
    let mut limits: Vec<Limit> = rule.rsplit(EXTENDED_BY).map_while(|piece| piece.parse().ok()).collect();
    limits.reverse();
    limits
}

/// The whole case has as much more time as the department.
fn extend_whole(step: &mut Step<'_>, limit: Limit) {
    let now = step.context.now;
    let calendar = step.context.calendar;
    let Some(whole) = step.case.whole.as_mut() else { return };
    whole.due_at = end_after(limit, whole.due_at, calendar).max(whole.due_at);
    whole.expired &= whole.due_at <= now;
    whole.rule = extended_rule(&whole.rule, limit);
    whole.calendar_revision = calendar.revision();
}

fn requested(step: &Step<'_>) -> Result<Extension, Rejection> {
    let waiting = step.case.extension.clone();
    waiting
        .filter(|extension| extension.status == ExtensionStatus::Requested)
        .ok_or(Rejection::NoExtensionRequested)
}

fn duty(step: &Step<'_>) -> Result<Duty, Rejection> {
    step.case.duty.clone().ok_or_else(|| step.not_responsible())
}

fn longest(step: &Step<'_>, unit: &UnitCode) -> Limit {
    let scope = step.scope_of(unit);
    scope.policies.find(PolicyStep::Extension, scope.kind, scope.category, scope.tier).limit
}

/// When a clock ends that is extended by limits, one after the other.
pub(super) fn end_with(extensions: &[Limit], due_at: Timestamp, step: &Step<'_>) -> Timestamp {
    extensions.iter().fold(due_at, |due_at, &limit| end_after(limit, due_at, step.context.calendar))
}
