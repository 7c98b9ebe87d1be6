//! Shows one case with its history, to those on its path.

use huying_platform::{auth::Principal, ids::CaseId, status};
use huying_proto::routing::v1::{self as proto, GetCaseResponse};

use crate::{
    domain::{
        authority::{Act, permits, relation_of},
        command::allowed_commands,
    },
    error::Error,
    service::Service,
    store::{cases, history, rows::Stored},
};

/// Reads a case.
///
/// # Errors
/// When it is unknown, or the caller has nothing to do with it.
pub async fn get_case(
    service: &Service,
    principal: &Principal,
    case_id: CaseId,
) -> Result<GetCaseResponse, Error> {
    let directory = service.directory.load();
    let (stored, body) = cases::find(&service.db, case_id).await?.ok_or(Error::CaseNotFound { case_id })?;
    let relation = relation_of(principal, &stored.case, &stored.header, &directory);
    if !permits(principal.role, relation, Act::Read) {
        tracing::warn!(
            subject = principal.subject,
            role = ?principal.role,
            code = principal.code,
            case_id = %case_id,
            "reading denied"
        );
        return Err(Error::OutOfScope);
    }
    // The case was read first: a decision in between adds an event that the answer must not show yet.
    let mut history = history::latest(&service.db, case_id).await?;
    history.retain(|event| event.case_version <= stored.case.version);
    for event in &mut history {
        event.header = Some((*stored.header).clone());
    }
    let allowed = allowed_commands(&stored.case, &directory);
    Ok(GetCaseResponse {
        case: Some(proto::Case { body, ..summary(&stored) }),
        history,
        allowed_commands: allowed.into_iter().map(|command| command.rpc().to_owned()).collect(),
    })
}

/// A case without its text.
pub(super) fn summary(stored: &Stored) -> proto::Case {
    let case = &stored.case;
    proto::Case {
        case_id: case.id.to_string(),
        case_version: case.version,
        header: Some((*stored.header).clone()),
        standing: Some(case.standing()),
        body: String::new(),
        return_count: case.return_count,
        reply_count: case.reply_count,
        updated_at: Some(status::timestamp_to_proto(case.updated_at)),
    }
}
