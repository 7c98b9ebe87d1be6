//! How long each stage may take. Calendar time, counted from the moment the stage begins; the clock of a reply runs
//! from dispatch, so accepting late gains nothing.

use huying_proto::events::v1::CaseKind;
use jiff::{SignedDuration, Timestamp};

/// One day of 24 hours.
const DAY_S: i64 = 86_400;

/// The limits in force. All of them are settings; these values are never code elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policies {
    /// For an office to register and assign a case it holds.
    pub assign_within: SignedDuration,
    /// For a department to reply to a message.
    pub reply_within_message: SignedDuration,
    /// For a department to reply to a suggestion.
    pub reply_within_suggestion: SignedDuration,
    /// For a department to reply to a project proposal.
    pub reply_within_project_proposal: SignedDuration,
    /// For a department to reply to a comment on a draft.
    pub reply_within_draft_comment: SignedDuration,
    /// For a department to reply to a wish for an appointment.
    pub reply_within_appointment: SignedDuration,
    /// For a department to answer again after a case was reopened.
    pub re_answer_within: SignedDuration,
    /// For the citizen to rate a reply.
    pub rating_within: SignedDuration,
    /// Between the expiry of a deadline and the next reminder of it.
    pub expiry_repeat: SignedDuration,
}

impl Default for Policies {
    fn default() -> Self {
        let days = |count: i64| SignedDuration::from_secs(count * DAY_S);
        Self {
            assign_within: days(2),
            reply_within_message: days(13),
            reply_within_suggestion: days(90),
            reply_within_project_proposal: days(90),
            reply_within_draft_comment: days(30),
            reply_within_appointment: days(7),
            re_answer_within: days(30),
            rating_within: days(7),
            expiry_repeat: days(1),
        }
    }
}

impl Policies {
    /// For a department to reply to a case of this kind.
    #[must_use]
    pub const fn reply_within(&self, kind: CaseKind) -> SignedDuration {
        match kind {
            // A case without a kind is refused before it gets here; the most common kind is the harmless reading.
            CaseKind::Unspecified | CaseKind::Message => self.reply_within_message,
            CaseKind::Suggestion => self.reply_within_suggestion,
            CaseKind::ProjectProposal => self.reply_within_project_proposal,
            CaseKind::DraftComment => self.reply_within_draft_comment,
            CaseKind::Appointment => self.reply_within_appointment,
        }
    }
}

/// When a limit that begins now ends; a sum beyond the end of time is the end of time.
#[must_use]
pub fn end_of(now: Timestamp, within: SignedDuration) -> Timestamp {
    now.saturating_add(within).unwrap_or(Timestamp::MAX)
}
