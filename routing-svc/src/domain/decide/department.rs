//! What the responsible department does: accepting, returning, reporting progress, replying.

use huying_platform::codes::{RepresentativeCode, UnitCode};
use huying_proto::events::v1::{
    ActorRole, CaseAccepted, CaseReplied, CaseReturned, Picture, ProgressReported, event::Body,
};

use super::{
    parts,
    step::{Others, Step, active_department},
    unfit,
};
use crate::domain::{
    case::{Stage, State},
    command::{REPORTED_UNTIL, RETURNS_MAX, Rejection},
};

pub(super) fn accept(step: &mut Step<'_>) -> Result<(), Rejection> {
    let unit = step.responsible()?.to_string();
    take_in_hand(step);
    step.happened(Body::CaseAccepted(CaseAccepted { unit, automatic: false }));
    Ok(())
}

/// A department that said nothing in time counts as having accepted.
pub(super) fn accept_by_itself(step: &mut Step<'_>) -> Result<(), Rejection> {
    let unit = step.responsible()?.to_string();
    take_in_hand(step);
    step.happened_by_itself(Body::CaseAccepted(CaseAccepted { unit, automatic: true }));
    Ok(())
}

fn take_in_hand(step: &mut Step<'_>) {
    // The deadline stays: it runs from dispatch.
    step.case.state = State::InHandling;
    step.case.accepted_by_itself_at = None;
}

pub(super) fn return_case(
    step: &mut Step<'_>,
    legal_basis: &str,
    proposed: &UnitCode,
) -> Result<(), Rejection> {
    if step.case.return_count >= RETURNS_MAX {
        return Err(Rejection::ReturnsUsedUp);
    }
    let unit = step.responsible()?;
    if *proposed == unit {
        let problem = format!("is {proposed} itself; another department would be right");
        return Err(unfit("proposed_unit", problem));
    }
    active_department(proposed, step.context.directory).map_err(|problem| unfit("proposed_unit", problem))?;
    let office = step.case.holder_office.clone();
    parts::pass_on_given_by(&mut step.case, &unit, &office);
    step.case.return_count += 1;
    step.hand_to_office(office);
    let body = CaseReturned {
        unit: unit.to_string(),
        legal_basis: legal_basis.to_owned(),
        proposed_unit: proposed.to_string(),
        return_number: step.case.return_count,
    };
    step.happened(Body::CaseReturned(body));
    Ok(())
}

/// By the lead, a co-handler whose part is open, or a representative who follows the case.
pub(super) fn report_progress(
    step: &mut Step<'_>,
    text: &str,
    pictures: &[Picture],
) -> Result<(), Rejection> {
    if step.case.version >= REPORTED_UNTIL {
        return Err(Rejection::ReportsUsedUp);
    }
    let representative: Result<RepresentativeCode, Rejection> = step.asking(ActorRole::Representative);
    let (unit, representative_code) = if let Ok(representative) = representative {
        (String::new(), representative.to_string())
    } else {
        let unit = step.asking_department()?;
        let is_lead = step.case.duty.as_ref().is_some_and(|duty| duty.unit == unit);
        if !is_lead && !step.case.open_parts().any(|part| part.unit == unit) {
            return Err(step.not_responsible());
        }
        (unit.to_string(), String::new())
    };
    let body =
        ProgressReported { unit, text: text.to_owned(), pictures: pictures.to_vec(), representative_code };
    step.happened(Body::ProgressReported(body));
    Ok(())
}

pub(super) fn reply(
    step: &mut Step<'_>,
    others: &mut Others<'_>,
    text: &str,
    pictures: &[Picture],
) -> Result<(), Rejection> {
    let numbers: Vec<u32> = step.case.open_parts().map(|part| part.number).collect();
    if !numbers.is_empty() {
        return Err(Rejection::PartsOpen { numbers });
    }
    let unit = step.responsible()?.to_string();
    answered(
        step,
        others,
        &CaseReplied { unit, text: text.to_owned(), pictures: pictures.to_vec(), ..CaseReplied::default() },
    )
}

/// Answers the citizen, and those who wrote about the same. What is left is to strike the case off, which is the office's.
pub(super) fn answered(
    step: &mut Step<'_>,
    others: &mut Others<'_>,
    reply: &CaseReplied,
) -> Result<(), Rejection> {
    let office = step.case.holder_office.clone();
    let clock = step.clock(&office, step.policy_of(Stage::Rate));
    step.lay_down(State::Replied);
    step.case.give_duty(office, Stage::Rate, clock);
    step.case.reply_count += 1;
    step.happened(Body::CaseReplied(CaseReplied { reply_number: step.case.reply_count, ..reply.clone() }));
    let via_case_id = step.case.id.to_string();
    others.change_followers(&step.case, |follower| {
        follower.case.reply_count += 1;
        follower.case.whole = None;
        follower.happened(Body::CaseReplied(CaseReplied {
            reply_number: follower.case.reply_count,
            via_case_id: via_case_id.clone(),
            ..reply.clone()
        }));
    })
}
