//! Tells how a case goes, to whoever holds its receipt.

use huying_platform::ids::CaseId;
use huying_proto::events::v1::CaseState;
use jiff::Timestamp;

use crate::{
    app::App,
    domain::{
        rating,
        receipt_code::ReceiptCode,
        standing::{Decline, Reply, Standing},
        withdrawal,
    },
    store::{
        case_status::{self, CaseStatus},
        ratings, refusals, submissions, withdrawals,
    },
};

/// How a case goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedCase {
    /// The case; public.
    pub case_id: CaseId,
    /// Version this answer stands for; 1 until routing has decided.
    pub version: i64,
    /// State, holder, responsible unit, deadline.
    pub standing: Standing,
    /// Name of the holding office.
    pub holder_office_name: String,
    /// Name of the responsible unit.
    pub responsible_unit_name: String,
    /// When the submission was taken.
    pub received_at: Timestamp,
    /// When the state last changed.
    pub state_since: Timestamp,
    /// Whether a rating would be taken now.
    pub can_rate: bool,
    /// Whether the citizen could have the case handled again now.
    pub can_reopen: bool,
    /// Whether a withdrawal would be taken now.
    pub can_withdraw: bool,
    /// Whether a withdrawal has been asked for, and routing has neither made it part of the case nor refused it.
    pub withdrawal_is_pending: bool,
    /// Why the last request of the citizen was refused; empty when it was not.
    pub last_refusal: String,
    /// The latest reply; number 0 and empty before the first.
    pub reply: Reply,
    /// Why an office did not take it up; none unless declined.
    pub decline: Option<Decline>,
}

/// Why a case is not shown.
#[derive(Debug, thiserror::Error)]
pub enum TrackError {
    /// There is no such receipt.
    #[error("no case has this receipt code; check it character by character")]
    ReceiptUnknown,
    /// A failed statement.
    #[error("looking up a case failed")]
    Sql(#[from] sqlx::Error),
}

/// Looks a case up by its receipt.
///
/// # Errors
/// When there is none, or the database does not answer.
pub async fn track_case(app: &App, code: &ReceiptCode) -> Result<TrackedCase, TrackError> {
    let mut connection = app.db.acquire().await?;
    let receipt_hash = app.sealer.receipt_hash(code);
    let (case_id, received_at) = submissions::find_by_receipt(&mut connection, &receipt_hash)
        .await?
        .ok_or(TrackError::ReceiptUnknown)?;
    let status = case_status::find(&mut connection, case_id).await?.unwrap_or_else(|| undecided(received_at));
    let rated = ratings::is_rated(&mut connection, case_id, status.reply.number).await?;
    let withdrawn = withdrawals::is_asked(&mut connection, case_id).await?;
    let last_refusal = refusals::last_refusal(&mut connection, case_id).await?.unwrap_or_default();
    drop(connection);

    let directory = app.directory.load();
    let state = status.standing.state;
    let has_reply = status.reply.number > 0;
    let name_of = |code: &str| directory.unit(code).map(|unit| unit.name.clone()).unwrap_or_default();
    Ok(TrackedCase {
        case_id,
        version: status.version,
        holder_office_name: name_of(&status.standing.holder_office),
        responsible_unit_name: name_of(&status.standing.responsible_unit),
        received_at,
        state_since: status.state_since,
        can_rate: rating::check_allowed(state, has_reply, rated, false).is_ok(),
        can_reopen: rating::check_allowed(state, has_reply, rated, true).is_ok(),
        can_withdraw: withdrawal::check_allowed(state, withdrawn).is_ok(),
        withdrawal_is_pending: withdrawn && withdrawal::check_allowed(state, false).is_ok(),
        last_refusal,
        reply: status.reply,
        decline: status.decline,
        standing: status.standing,
    })
}

/// How a case stands before routing has said anything.
fn undecided(received_at: Timestamp) -> CaseStatus {
    CaseStatus {
        version: 1,
        standing: Standing {
            state: CaseState::Submitted,
            holder_office: String::new(),
            responsible_unit: String::new(),
            deadline_at: None,
            overdue: false,
            merged_into: None,
        },
        state_since: received_at,
        reply: Reply { number: 0, text: String::new() },
        decline: None,
    }
}
