//! What a rating must be, and when one is taken. Resolved and satisfied are separate questions.
//!
//! Intake judges by its projection, which may lag; routing-svc decides in the end and may refuse.

use huying_platform::keys::IdempotencyKey;
use huying_proto::{
    events::v1::{CaseState, RatingRequested},
    intake::v1::{Petitioner, RateCaseRequest},
};

use super::{
    receipt_code::ReceiptCode,
    submission::{cut, masked_about_known},
    violation::{Fault, Faults, Field, Violation},
};

/// Most characters of a comment, as written and as published.
pub const COMMENT_MAX_CHARS: usize = 2_000;

/// A rating that can be taken, if the case allows.
#[derive(Clone, PartialEq, Eq)]
pub struct Rating {
    /// The caller's key.
    pub key: IdempotencyKey,
    /// Receipt of the case.
    pub receipt_code: ReceiptCode,
    /// Whether the matter is resolved.
    pub resolved: bool,
    /// Whether the citizen is satisfied.
    pub satisfied: bool,
    /// As written.
    pub comment: String,
    /// Handle it again.
    pub reopen: bool,
}

/// Why a rating is not taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RatingRefused {
    /// There is nothing to judge.
    #[error(
        "there is no reply to rate; a case that is replied, closed or merged can be rated once it has one"
    )]
    NotReplied,
    /// Only a replied case goes on.
    #[error("the case is closed; it can be rated, but not handled again")]
    ClosedForGood,
    /// Once after each reply.
    #[error("the latest reply has been rated already")]
    AlreadyRated,
}

impl Rating {
    /// Checks a request.
    ///
    /// # Errors
    /// Every fault there is, at least one.
    pub fn parse(request: RateCaseRequest) -> Result<Self, Vec<Violation>> {
        let mut faults = Faults::default();
        let key = faults.take(Field::IdempotencyKey, IdempotencyKey::parse(&request.idempotency_key));
        let receipt_code = faults.take(Field::ReceiptCode, request.receipt_code.parse::<ReceiptCode>());
        faults.check_text(Field::Comment, &request.comment, COMMENT_MAX_CHARS);
        if request.reopen && request.resolved {
            faults.add(Field::Reopen, Fault::ReopenResolved);
        }
        let rating = key.zip(receipt_code).map(|(key, receipt_code)| Self {
            key,
            receipt_code,
            resolved: request.resolved,
            satisfied: request.satisfied,
            comment: request.comment,
            reopen: request.reopen,
        });
        faults.finish(rating)
    }

    /// The request to routing, with personal data masked: also what others could find this petitioner by, as long as it
    /// is known who they are.
    #[must_use]
    pub fn to_request(&self, petitioner: Option<&Petitioner>) -> RatingRequested {
        let comment = masked_about_known(self.comment.trim(), petitioner);
        RatingRequested {
            resolved: self.resolved,
            satisfied: self.satisfied,
            comment: cut(comment, COMMENT_MAX_CHARS),
            reopen: self.reopen,
        }
    }
}

impl std::fmt::Debug for Rating {
    /// Without the citizen's words and receipt.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Rating")
            .field("resolved", &self.resolved)
            .field("satisfied", &self.satisfied)
            .field("reopen", &self.reopen)
            .finish_non_exhaustive()
    }
}

/// Whether a rating is taken in this state: of the latest reply, when there is one, and once.
///
/// # Errors
/// Why not.
pub fn check_allowed(
    state: CaseState,
    has_reply: bool,
    already_rated: bool,
    reopen: bool,
) -> Result<(), RatingRefused> {
    match state {
        CaseState::Unspecified
        | CaseState::Submitted
        | CaseState::Registered
        | CaseState::Assigned
        | CaseState::InHandling
        | CaseState::Declined
        | CaseState::Withdrawn => Err(RatingRefused::NotReplied),
        CaseState::Replied | CaseState::Closed | CaseState::Merged if !has_reply => {
            Err(RatingRefused::NotReplied)
        }
        CaseState::Replied | CaseState::Closed | CaseState::Merged if already_rated => {
            Err(RatingRefused::AlreadyRated)
        }
        CaseState::Closed if reopen => Err(RatingRefused::ClosedForGood),
        CaseState::Replied | CaseState::Closed | CaseState::Merged => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> RateCaseRequest {
        RateCaseRequest {
            idempotency_key: "0123456789abcdef".into(),
            receipt_code: "01ABC-DEFGH-JKMNP-QRSTV".into(),
            resolved: false,
            satisfied: false,
            comment: "王建国：还是不热，打我电话13812345678".into(),
            reopen: true,
        }
    }

    #[test]
    fn every_fault_of_a_rating_is_told() {
        let faults = Rating::parse(RateCaseRequest {
            idempotency_key: "short".into(),
            receipt_code: "nonsense".into(),
            resolved: true,
            satisfied: true,
            comment: "字".repeat(2_001),
            reopen: true,
        })
        .unwrap_err();
        let fields: Vec<_> = faults.iter().map(|violation| violation.field).collect();
        assert_eq!(fields, [Field::IdempotencyKey, Field::ReceiptCode, Field::Comment, Field::Reopen]);
    }

    #[test]
    fn the_comment_is_masked_before_it_leaves() {
        let rating = Rating::parse(request()).unwrap();
        let petitioner = Petitioner { name: "王建国".into(), ..Petitioner::default() };
        assert_eq!(rating.to_request(Some(&petitioner)).comment, "王**：还是不热，打我电话1**********");
        assert!(!rating.to_request(None).comment.contains("13812345678"));
        assert!(!format!("{rating:?}").contains("不热"));
    }

    #[test]
    fn every_state_either_takes_a_rating_or_says_why_not() {
        use CaseState as S;
        use RatingRefused as R;
        let table = [
            (S::Unspecified, Err(R::NotReplied), Err(R::NotReplied), Err(R::NotReplied)),
            (S::Submitted, Err(R::NotReplied), Err(R::NotReplied), Err(R::NotReplied)),
            (S::Registered, Err(R::NotReplied), Err(R::NotReplied), Err(R::NotReplied)),
            (S::Assigned, Err(R::NotReplied), Err(R::NotReplied), Err(R::NotReplied)),
            (S::InHandling, Err(R::NotReplied), Err(R::NotReplied), Err(R::NotReplied)),
            (S::Replied, Ok(()), Ok(()), Err(R::AlreadyRated)),
            (S::Closed, Ok(()), Err(R::ClosedForGood), Err(R::AlreadyRated)),
            (S::Declined, Err(R::NotReplied), Err(R::NotReplied), Err(R::NotReplied)),
            (S::Withdrawn, Err(R::NotReplied), Err(R::NotReplied), Err(R::NotReplied)),
            (S::Merged, Ok(()), Ok(()), Err(R::AlreadyRated)),
        ];
        for (state, plain, reopen, again) in table {
            assert_eq!(check_allowed(state, true, false, false), plain, "{state:?}");
            assert_eq!(check_allowed(state, true, false, true), reopen, "{state:?} reopen");
            assert_eq!(check_allowed(state, true, true, false), again, "{state:?} again");
            assert_eq!(check_allowed(state, false, false, false), Err(R::NotReplied), "{state:?} no reply");
        }
    }
}
