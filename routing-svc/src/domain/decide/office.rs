//! What the holding office decides: registering, declining, classifying, assigning, transferring, closing, reopening.

use huying_platform::codes::UnitCode;
use huying_proto::events::v1::{
    CaseAssigned, CaseClassified, CaseClosed, CaseDeclined, CaseRegistered, CaseReopened, CaseTransferred,
    CloseReason, DeclineGround, event::Body,
};
use jiff::SignedDuration;

use super::{
    merging, parts,
    step::{Others, Step},
    unfit,
};
use crate::domain::{
    case::{Stage, State},
    clocks::Clock,
    command::{PartOrder, Rejection},
    limits::{Limit, SECONDS_MAX},
};

/// What a clock's rule begins with when the office set the limit.
pub(super) const SET_BY_OFFICE: &str = "reply_within ";

pub(super) fn register(step: &mut Step<'_>) {
    step.case.state = State::Registered;
    step.hand_to_office(step.case.holder_office.clone());
    step.happened(Body::CaseRegistered(CaseRegistered { trace: None }));
}

pub(super) fn decline(
    step: &mut Step<'_>,
    ground: DeclineGround,
    explanation: &str,
) -> Result<(), Rejection> {
    // The others that wrote about it would go on as part of a case that nobody takes up.
    merging::refuse_with_followers(&step.case)?;
    step.lay_down(State::Declined);
    let body = CaseDeclined { ground: ground.into(), explanation: explanation.to_owned() };
    step.happened(Body::CaseDeclined(body));
    Ok(())
}

pub(super) fn classify(step: &mut Step<'_>, category: &str) -> Result<(), Rejection> {
    if !step.context.directory.has_category_level(category) {
        return Err(unfit(
            "category",
            format!("\"{category}\" is unknown; a category path of the directory would be right"),
        ));
    }
    if step.case.category == category {
        return Err(unfit(
            "category",
            format!("\"{category}\" is the case's already; another would be right"),
        ));
    }
    // Clocks that run were told to somebody: they stay, and the next one goes by the new category.
    let previous_category = std::mem::replace(&mut step.case.category, category.to_owned());
    let body = CaseClassified { category: category.to_owned(), previous_category, trace: None };
    step.happened(Body::CaseClassified(body));
    Ok(())
}

pub(super) fn assign(
    step: &mut Step<'_>,
    unit: &UnitCode,
    note: &str,
    reply_within: Option<SignedDuration>,
    orders: &[PartOrder],
) -> Result<(), Rejection> {
    step.own_department(unit, "unit")?;
    let clock = reply_clock(step, unit, reply_within)?;
    parts::waive_those_of(step, unit);
    step.give_to_department(unit.clone(), clock);
    let parts = parts::give_with_assignment(step, orders)?;
    let body = CaseAssigned { unit: unit.to_string(), trace: None, note: note.to_owned(), parts };
    step.happened(Body::CaseAssigned(body));
    Ok(())
}

fn reply_clock(
    step: &Step<'_>,
    unit: &UnitCode,
    reply_within: Option<SignedDuration>,
) -> Result<Clock, Rejection> {
    let by_policy = step.clock(unit, step.policy_of(Stage::Reply));
    let Some(within) = reply_within else { return Ok(by_policy) };
    let now = step.context.now;
    let seconds = u32::try_from(within.as_secs()).ok().filter(|seconds| (1..=SECONDS_MAX).contains(seconds));
    let limit =
        seconds.map(Limit::Seconds).filter(|limit| limit.end(now, step.context.calendar) <= by_policy.due_at);
    let Some(limit) = limit else {
        let policy_s = by_policy.due_at.duration_since(now).as_secs();
        return Err(unfit(
            "reply_within",
            format!(
                "is {} s; 1 to {policy_s} s would be right, which is until {}",
                within.as_secs(),
                by_policy.due_at
            ),
        ));
    };
    Ok(Clock::start_with(limit, format!("{SET_BY_OFFICE}{limit}"), now, &step.scope_of(unit)))
}

pub(super) fn transfer(step: &mut Step<'_>, unit: &UnitCode, reason: &str) -> Result<(), Rejection> {
    let from = step.responsible()?;
    if *unit == from {
        return Err(unfit("unit", format!("{unit} has the case already; another department would be right")));
    }
    step.own_department(unit, "unit")?;
    let clock = step.clock(unit, step.policy_of(Stage::Reply));
    parts::waive_those_of(step, unit);
    parts::pass_on_given_by(&mut step.case, &from, unit);
    step.give_to_department(unit.clone(), clock);
    let body =
        CaseTransferred { from_unit: from.to_string(), to_unit: unit.to_string(), reason: reason.to_owned() };
    step.happened(Body::CaseTransferred(body));
    Ok(())
}

pub(super) fn close(step: &mut Step<'_>, others: &mut Others<'_>, note: &str) -> Result<(), Rejection> {
    step.lay_down(State::Closed);
    let body = CaseClosed { reason: CloseReason::ByOffice.into(), note: note.to_owned() };
    step.happened(Body::CaseClosed(body));
    others.change_followers(&step.case, |follower| {
        follower.lay_down(State::Closed);
        follower.happened(closed_with_primary());
    })
}

/// Closes a case because the time to rate has ended.
pub(super) fn close_by_itself(step: &mut Step<'_>, others: &mut Others<'_>) -> Result<(), Rejection> {
    let is_rated = step.case.rated_reply >= step.case.reply_count;
    let reason = if is_rated { CloseReason::RatedTimeEnded } else { CloseReason::RatingTimeEnded };
    step.lay_down(State::Closed);
    step.happened_by_itself(Body::CaseClosed(CaseClosed { reason: reason.into(), note: String::new() }));
    others.change_followers(&step.case, |follower| {
        follower.lay_down(State::Closed);
        follower.happened_by_itself(closed_with_primary());
    })
}

fn closed_with_primary() -> Body {
    Body::CaseClosed(CaseClosed { reason: CloseReason::WithPrimary.into(), note: String::new() })
}

pub(super) fn reopen(step: &mut Step<'_>, others: &mut Others<'_>, reason: &str) -> Result<(), Rejection> {
    // A case that was closed as part of another one is handled again by itself.
    if step.case.merged_into.is_some() {
        return merging::reopen_alone(step, others, reason);
    }
    handle_again(step, reason);
    Ok(())
}

/// Has a case handled again: by the department that answered, or, when that is gone or another office's, or a
/// representative answered, by whom the office finds.
pub(super) fn handle_again(step: &mut Step<'_>, reason: &str) {
    let department = step.case.department.clone();
    let department = department.filter(|unit| step.own_department(unit, "unit").is_ok());
    let unit = if let Some(department) = department {
        let clock = step.clock(&department, step.policy_of(Stage::Reply));
        step.case.state = State::InHandling;
        step.case.give_duty(department.clone(), Stage::Reply, clock);
        department
    } else {
        let office = step.case.holder_office.clone();
        step.case.state = State::Registered;
        step.hand_to_office(office.clone());
        office
    };
    step.case.whole = Some(step.whole_from(step.context.now));
    step.happened(Body::CaseReopened(CaseReopened { unit: unit.to_string(), reason: reason.to_owned() }));
}
