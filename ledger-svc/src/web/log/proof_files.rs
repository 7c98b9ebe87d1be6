//! The proofs of a case's lines as files to keep, in the C2SP tlog-proof format ([`crate::domain::proof_file`]). That of
//! line 1, which says that the submission was taken, is the citizen's receipt. Where witnesses vouch for the log, the file
//! has their word, too.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header::CONTENT_DISPOSITION},
    response::Response,
};

use super::{
    super::{PageError, Pages, Shared, case_page::parse_case_id},
    ASK_AGAIN, PLAIN, content,
};
use crate::{domain::proof_file::ProofFile, use_cases::prove_inclusion::prove_line_to_keep};

/// How the files are called, after the standard.
const ENDING: &str = ".tlog-proof";

pub(super) async fn receipt(
    State(pages): Shared,
    Path(case_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    serve(&pages, &case_id, 1, &headers).await
}

/// `<case version>.tlog-proof`.
pub(super) async fn line(
    State(pages): Shared,
    Path((case_id, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let case_version = file
        .strip_suffix(ENDING)
        .and_then(|version| version.parse().ok())
        .ok_or(PageError::NotFound("步骤的编号应为 1、2、3……"))?;
    serve(&pages, &case_id, case_version, &headers).await
}

async fn serve(
    pages: &Pages,
    case_id: &str,
    case_version: u64,
    headers: &HeaderMap,
) -> Result<Response, PageError> {
    let case_id = parse_case_id(case_id)?;
    let proof = prove_line_to_keep(&pages.db, &pages.log, case_id, case_version).await?;
    let file = ProofFile {
        extra: Some(proof.leaf.into_bytes()),
        leaf_index: proof.leaf_index,
        path: proof.path,
        checkpoint: proof.checkpoint,
    };
    let mut response = content(headers, PLAIN, ASK_AGAIN, file.write().into_bytes());
    let disposition = format!("attachment; filename=\"{case_id}-{case_version}{ENDING}\"");
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}
