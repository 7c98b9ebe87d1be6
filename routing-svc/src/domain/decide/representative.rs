//! What a representative does: claiming a case, and answering the citizen directly.

use huying_platform::codes::RepresentativeCode;
use huying_proto::events::v1::{ActorRole, CaseClaimed, CaseReplied, Picture, event::Body};

use super::{
    department::answered,
    office, parts,
    step::{Others, Step},
};
use crate::domain::{
    case::State,
    command::{CLAIMS_MAX, Rejection},
};

pub(super) fn claim(step: &mut Step<'_>, note: &str) -> Result<(), Rejection> {
    let code: RepresentativeCode = step.asking(ActorRole::Representative)?;
    if step.case.claimed_by.contains(&code) {
        return Err(Rejection::ClaimedAlready { code: code.to_string() });
    }
    if step.case.claimed_by.len() >= CLAIMS_MAX {
        return Err(Rejection::ClaimsUsedUp);
    }
    step.case.claimed_by.push(code.clone());
    let body = CaseClaimed { representative_code: code.to_string(), note: note.to_owned() };
    step.happened(Body::CaseClaimed(body));
    Ok(())
}

/// Answers before the case is assigned; one that waits in the queue counts as registered by it.
pub(super) fn answer(
    step: &mut Step<'_>,
    others: &mut Others<'_>,
    text: &str,
    pictures: &[Picture],
) -> Result<(), Rejection> {
    let code: RepresentativeCode = step.asking(ActorRole::Representative)?;
    if step.case.state == State::Submitted {
        office::register(step);
    }
    // A case that a department returned may have parts still.
    parts::waive_all(step, "人大代表已直接答复，协办事项不再办理。");
    // No department answered, so none has to answer again.
    step.case.department = None;
    let unit = step.case.holder_office.to_string();
    answered(
        step,
        others,
        &CaseReplied {
            unit,
            text: text.to_owned(),
            pictures: pictures.to_vec(),
            representative_code: code.to_string(),
            ..CaseReplied::default()
        },
    )
}
