//! What the citizen decides: rating a reply, asking for the matter to be handled again, taking it back.

use huying_proto::events::v1::{CaseRated, CaseWithdrawn, event::Body};

use super::{
    merging,
    office::handle_again,
    parts,
    step::{Others, Step},
};
use crate::domain::{case::State, command::Rejection};

pub(super) fn rate(
    step: &mut Step<'_>,
    others: &mut Others<'_>,
    rating: CaseRated,
    reopen: bool,
) -> Result<(), Rejection> {
    let reply_number = step.case.reply_count;
    if reply_number == 0 {
        return Err(Rejection::NothingToRate);
    }
    if step.case.rated_reply >= reply_number {
        return Err(Rejection::AlreadyRated { reply_number });
    }
    let can_reopen = !rating.resolved && matches!(step.case.state, State::Replied | State::Merged);
    if reopen && !can_reopen {
        return Err(Rejection::CannotReopen);
    }
    step.case.rated_reply = reply_number;
    step.happened(Body::CaseRated(rating));
    if !reopen {
        return Ok(());
    }
    if step.case.state == State::Merged {
        return merging::reopen_alone(step, others, "");
    }
    handle_again(step, "");
    Ok(())
}

pub(super) fn withdraw(step: &mut Step<'_>, others: &mut Others<'_>, reason: &str) -> Result<(), Rejection> {
    // Others wrote about it, too: what one of them takes back is not the others' matter.
    merging::refuse_with_followers(&step.case)?;
    merging::split_off(step, others)?;
    parts::waive_all(step, "群众撤回，协办事项不再办理。");
    step.lay_down(State::Withdrawn);
    step.case.merged_into = None;
    step.happened(Body::CaseWithdrawn(CaseWithdrawn { reason: reason.to_owned() }));
    Ok(())
}
