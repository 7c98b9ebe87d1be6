//! What a withdrawal must be, and when one is taken: until the matter is answered.
//!
//! Intake judges by its projection, which may lag; routing-svc decides in the end and may refuse.

use huying_platform::keys::IdempotencyKey;
use huying_proto::{
    events::v1::{CaseState, WithdrawalRequested},
    intake::v1::{Petitioner, WithdrawCaseRequest},
};

use super::{
    receipt_code::ReceiptCode,
    submission::{cut, masked_about_known},
    violation::{Faults, Field, Violation},
};

/// Most characters of a reason, as written and as published.
pub const REASON_MAX_CHARS: usize = 500;

/// A withdrawal that can be taken, if the case allows.
#[derive(Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// The caller's key.
    pub key: IdempotencyKey,
    /// Receipt of the case.
    pub receipt_code: ReceiptCode,
    /// As written; may be empty.
    pub reason: String,
}

/// Why a withdrawal is not taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WithdrawalRefused {
    /// There is nothing to stop any more.
    #[error("the case has been answered or has ended; only a case that is not answered yet can be withdrawn")]
    TooLate,
    /// Once is enough.
    #[error("the withdrawal of this case has been asked for already")]
    AlreadyAsked,
}

impl Withdrawal {
    /// Checks a request.
    ///
    /// # Errors
    /// Every fault there is, at least one.
    pub fn parse(request: WithdrawCaseRequest) -> Result<Self, Vec<Violation>> {
        let mut faults = Faults::default();
        let key = faults.take(Field::IdempotencyKey, IdempotencyKey::parse(&request.idempotency_key));
        let receipt_code = faults.take(Field::ReceiptCode, request.receipt_code.parse::<ReceiptCode>());
        faults.check_text(Field::Reason, &request.reason, REASON_MAX_CHARS);
        let withdrawal = key.zip(receipt_code).map(|(key, receipt_code)| Self {
            key,
            receipt_code,
            reason: request.reason,
        });
        faults.finish(withdrawal)
    }

    /// The request to routing, with personal data masked: also what others could find this petitioner by, as long as it
    /// is known who they are.
    #[must_use]
    pub fn to_request(&self, petitioner: Option<&Petitioner>) -> WithdrawalRequested {
        let masked = masked_about_known(self.reason.trim(), petitioner);
        WithdrawalRequested { reason: cut(masked, REASON_MAX_CHARS) }
    }
}

impl std::fmt::Debug for Withdrawal {
    /// Without the citizen's words and receipt.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Withdrawal").finish_non_exhaustive()
    }
}

/// Whether a withdrawal is taken in this state.
///
/// # Errors
/// Why not.
pub fn check_allowed(state: CaseState, already_asked: bool) -> Result<(), WithdrawalRefused> {
    match state {
        CaseState::Unspecified
        | CaseState::Replied
        | CaseState::Closed
        | CaseState::Declined
        | CaseState::Withdrawn => Err(WithdrawalRefused::TooLate),
        CaseState::Submitted
        | CaseState::Registered
        | CaseState::Assigned
        | CaseState::InHandling
        | CaseState::Merged => {
            if already_asked {
                Err(WithdrawalRefused::AlreadyAsked)
            } else {
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(reason: &str) -> WithdrawCaseRequest {
        WithdrawCaseRequest {
            idempotency_key: "0123456789abcdef".into(),
            receipt_code: "01ABC-DEFGH-JKMNP-QRSTV".into(),
            reason: reason.into(),
        }
    }

    #[test]
    fn every_fault_of_a_withdrawal_is_told() {
        let faults = Withdrawal::parse(WithdrawCaseRequest {
            idempotency_key: "short".into(),
            receipt_code: "nonsense".into(),
            reason: "字".repeat(501),
        })
        .unwrap_err();
        let fields: Vec<_> = faults.iter().map(|violation| violation.field).collect();
        assert_eq!(fields, [Field::IdempotencyKey, Field::ReceiptCode, Field::Reason]);
        assert!(Withdrawal::parse(request("")).is_ok(), "nobody has to say why");
    }

    #[test]
    fn the_reason_is_masked_before_it_leaves() {
        let withdrawal = Withdrawal::parse(request("王建国：已自行解决，电话13812345678")).unwrap();
        let petitioner = Petitioner { name: "王建国".into(), ..Petitioner::default() };
        assert_eq!(withdrawal.to_request(Some(&petitioner)).reason, "王**：已自行解决，电话1**********");
        assert!(!withdrawal.to_request(None).reason.contains("13812345678"));
        assert!(!format!("{withdrawal:?}").contains("解决"));
    }

    #[test]
    fn every_state_either_takes_a_withdrawal_or_says_why_not() {
        use CaseState as S;
        use WithdrawalRefused as R;
        let table = [
            (S::Unspecified, Err(R::TooLate), Err(R::TooLate)),
            (S::Submitted, Ok(()), Err(R::AlreadyAsked)),
            (S::Registered, Ok(()), Err(R::AlreadyAsked)),
            (S::Assigned, Ok(()), Err(R::AlreadyAsked)),
            (S::InHandling, Ok(()), Err(R::AlreadyAsked)),
            (S::Replied, Err(R::TooLate), Err(R::TooLate)),
            (S::Closed, Err(R::TooLate), Err(R::TooLate)),
            (S::Declined, Err(R::TooLate), Err(R::TooLate)),
            (S::Withdrawn, Err(R::TooLate), Err(R::TooLate)),
            (S::Merged, Ok(()), Err(R::AlreadyAsked)),
        ];
        for (state, first, again) in table {
            assert_eq!(check_allowed(state, false), first, "{state:?}");
            assert_eq!(check_allowed(state, true), again, "{state:?} again");
        }
    }
}
