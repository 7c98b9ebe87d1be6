//! Who wrote a submission, so that what they say later can be masked of it.

use huying_platform::ids::CaseId;
use huying_proto::intake::v1::{Petitioner, ReadPrivatePartResponse};
use prost::Message as _;

use crate::{app::App, sealing::SealError, store::submissions::SealedSubmission};

/// Why it could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    /// The row or the master key is not what it was.
    #[error("opening a private part failed")]
    Sealing(#[from] SealError),
    /// What was sealed is not a private part.
    #[error("a private part does not decode")]
    Content(#[from] prost::DecodeError),
}

/// Opens a private part for nothing but the petitioner; none once it has been erased.
pub(super) fn petitioner_of(
    app: &App,
    case_id: CaseId,
    stored: &SealedSubmission,
) -> Result<Option<Petitioner>, Unopened> {
    let Some(wrapped_key) = &stored.wrapped_key else { return Ok(None) };
    let private_part = app.sealer.open(case_id, &stored.sealed, wrapped_key)?;
    Ok(ReadPrivatePartResponse::decode(private_part.as_slice())?.petitioner)
}
