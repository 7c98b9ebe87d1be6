//! Cases that go on as part of another one, the primary: joining it, leaving it, and being handled again alone.
//!
//! Both sides know of the link, and both have an event of it. A case that was closed with its primary stays linked, so that
//! the number of people who wrote about the matter stays right.

use huying_platform::ids::CaseId;
use huying_proto::events::v1::{CaseAbsorbed, CaseMerged, CaseSplitOff, CaseUnmerged, event::Body};

use super::{
    office::handle_again,
    parts,
    step::{Others, Step},
};
use crate::domain::{
    case::{Case, State},
    command::{MERGED_MAX, Rejection},
};

pub(super) fn merge(
    step: &mut Step<'_>,
    others: &mut Others<'_>,
    into: CaseId,
    reason: &str,
) -> Result<(), Rejection> {
    let id = step.case.id;
    if into == id {
        return Err(Rejection::MergeIntoItself);
    }
    refuse_with_followers(&step.case)?;
    let primary = others.look_at(into)?;
    if primary.holder_office != step.case.holder_office {
        return Err(Rejection::OtherCaseUnknown { case_id: into });
    }
    match primary.state {
        State::Submitted | State::Registered | State::Assigned | State::InHandling => {}
        State::Replied | State::Closed | State::Declined | State::Withdrawn | State::Merged => {
            return Err(Rejection::OtherCasePastHandling { state: primary.state });
        }
    }
    if primary.merged.len() >= MERGED_MAX {
        return Err(Rejection::MergedUsedUp);
    }

    parts::waive_all(step, "案件并入另一案件办理，本案的协办事项不再办理。");
    step.lay_down(State::Merged);
    step.case.merged_into = Some(into);
    step.happened(Body::CaseMerged(CaseMerged { into_case_id: into.to_string(), reason: reason.to_owned() }));
    others.change(into, |primary| {
        primary.case.merged.push(id);
        primary.happened(Body::CaseAbsorbed(CaseAbsorbed { case_id: id.to_string() }));
    })
}

pub(super) fn unmerge(step: &mut Step<'_>, others: &mut Others<'_>, reason: &str) -> Result<(), Rejection> {
    split_off(step, others)?;
    go_on_alone(step, reason);
    Ok(())
}

/// Has a case that was answered with its primary handled again by itself: by the department that answered the primary.
pub(super) fn reopen_alone(
    step: &mut Step<'_>,
    others: &mut Others<'_>,
    reason: &str,
) -> Result<(), Rejection> {
    let primary = step.case.merged_into.map(|id| others.look_at(id)).transpose()?;
    step.case.department = primary.and_then(|primary| primary.department.clone());
    split_off(step, others)?;
    go_on_alone(step, "");
    handle_again(step, reason);
    Ok(())
}

/// Ends the link to the primary on both sides; the case's own event is the caller's.
pub(super) fn split_off(step: &mut Step<'_>, others: &mut Others<'_>) -> Result<(), Rejection> {
    let Some(primary) = step.case.merged_into else { return Ok(()) };
    let id = step.case.id;
    others.change(primary, |primary| {
        primary.case.merged.retain(|&merged| merged != id);
        primary.happened(Body::CaseSplitOff(CaseSplitOff { case_id: id.to_string() }));
    })
}

/// Registers a case that has left its primary at the office that holds it. The time of the whole case goes on, and begins
/// anew when the case was answered as part of the other.
fn go_on_alone(step: &mut Step<'_>, reason: &str) {
    let from_case_id = step.case.merged_into.take().map(|id| id.to_string()).unwrap_or_default();
    step.case.state = State::Registered;
    step.hand_to_office(step.case.holder_office.clone());
    if step.case.whole.is_none() {
        step.case.whole = Some(step.whole_from(step.context.now));
    }
    step.happened(Body::CaseUnmerged(CaseUnmerged { from_case_id, reason: reason.to_owned() }));
}

/// Refuses what would leave the cases that go on as part of this one without anybody who handles them.
pub(super) fn refuse_with_followers(case: &Case) -> Result<(), Rejection> {
    if case.merged.is_empty() { Ok(()) } else { Err(Rejection::HasMergedCases { count: case.merged.len() }) }
}
