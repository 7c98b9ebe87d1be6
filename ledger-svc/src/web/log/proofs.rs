//! Proofs as JSON, of any leaf in any tree, and of any tree in a later one.

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use huying_platform::ids::CaseId;
use serde::{Deserialize, Serialize};

use super::{
    super::{Pages, Shared},
    ASK_AGAIN, JSON, LogError, content,
};
use crate::{
    domain::{log_range::Parameter, merkle::Hash},
    use_cases::{
        log_keys::key_of_note,
        prove_consistency::prove_consistency,
        prove_inclusion::{InclusionProof, prove_inclusion, prove_line},
    },
};

/// What an inclusion proof is asked by, as it was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InclusionQuery {
    leaf_index: Option<String>,
    tree_size: Option<String>,
}

/// What a consistency proof is asked by, as it was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsistencyQuery {
    old_size: Option<String>,
    tree_size: Option<String>,
}

/// That a leaf is in a tree.
#[derive(Debug, Serialize)]
struct InclusionJson<'a> {
    /// Place in the log, from 0.
    leaf_index: u64,
    /// Leaves in the tree that the path leads to.
    tree_size: u64,
    /// Canonical JSON, as a text. Its hash is SHA-256(0x00 || leaf).
    leaf: &'a str,
    /// RFC 6962 section 2.1.1, nearest first.
    path: Vec<String>,
    /// Root of the tree of `tree_size` leaves.
    root: String,
    /// The latest signed note; of that tree or a larger one.
    checkpoint: &'a str,
    /// The foremost of the ledger's own keys that have signed the note, as C2SP signed-note.
    verifier_key: &'a str,
}

/// That a tree is the beginning of a later one.
#[derive(Debug, Serialize)]
struct ConsistencyJson<'a> {
    /// Leaves in the older tree.
    old_size: u64,
    /// Root of the older tree.
    old_root: String,
    /// Leaves in the newer tree.
    tree_size: u64,
    /// Root of the newer tree.
    root: String,
    /// RFC 6962 section 2.1.2; empty when the sizes are the same, or the older tree is empty.
    path: Vec<String>,
    /// The latest signed note; of the newer tree or a larger one.
    checkpoint: &'a str,
    /// The foremost of the ledger's own keys that have signed the note, as C2SP signed-note.
    verifier_key: &'a str,
}

pub(super) async fn inclusion(
    State(pages): Shared,
    query: Result<Query<InclusionQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, LogError> {
    let Query(query) = query.map_err(malformed)?;
    let leaf_index = number(Parameter::LeafIndex, query.leaf_index.as_deref())?
        .ok_or_else(|| missing(Parameter::LeafIndex))?;
    let tree_size = number(Parameter::TreeSize, query.tree_size.as_deref())?.unwrap_or(0);
    let proof = prove_inclusion(&pages.db, leaf_index, tree_size).await?;
    Ok(inclusion_answer(&pages, &headers, &proof))
}

pub(super) async fn consistency(
    State(pages): Shared,
    query: Result<Query<ConsistencyQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, LogError> {
    let Query(query) = query.map_err(malformed)?;
    let old_size =
        number(Parameter::OldSize, query.old_size.as_deref())?.ok_or_else(|| missing(Parameter::OldSize))?;
    let tree_size = number(Parameter::TreeSize, query.tree_size.as_deref())?.unwrap_or(0);
    let proof = prove_consistency(&pages.db, old_size, tree_size).await?;
    let body = ConsistencyJson {
        old_size,
        old_root: BASE64.encode(proof.old_root),
        tree_size: proof.tree_size,
        root: BASE64.encode(proof.root),
        path: hashes(&proof.path),
        checkpoint: &proof.checkpoint,
        verifier_key: &key_of_note(&pages.log, &proof.checkpoint),
    };
    Ok(json(&headers, &body))
}

/// The proof of a line of a case, in the tree of the latest checkpoint.
pub(super) async fn line(
    State(pages): Shared,
    Path((case_id, case_version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, LogError> {
    let case_id: CaseId = case_id.parse().map_err(|error| LogError::NotFound(format!("{error}")))?;
    let case_version = case_version
        .parse()
        .map_err(|_| LogError::NotFound("the lines of a case are numbered 1, 2, 3 and so on".to_owned()))?;
    let proof = prove_line(&pages.db, case_id, case_version).await?;
    Ok(inclusion_answer(&pages, &headers, &proof))
}

fn inclusion_answer(pages: &Pages, headers: &HeaderMap, proof: &InclusionProof) -> Response {
    let verifier_key = key_of_note(&pages.log, &proof.checkpoint);
    json(headers, &inclusion_json(proof, &verifier_key))
}

fn inclusion_json<'a>(proof: &'a InclusionProof, verifier_key: &'a str) -> InclusionJson<'a> {
    InclusionJson {
        leaf_index: proof.leaf_index,
        tree_size: proof.tree_size,
        leaf: &proof.leaf,
        path: hashes(&proof.path),
        root: BASE64.encode(proof.root),
        checkpoint: &proof.checkpoint,
        verifier_key,
    }
}

fn json(headers: &HeaderMap, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("a struct of strings and integers always serialises");
    content(headers, JSON, ASK_AGAIN, body)
}

fn hashes(path: &[Hash]) -> Vec<String> {
    path.iter().map(|hash| BASE64.encode(hash)).collect()
}

/// A parameter that may be left out or left empty.
fn number(parameter: Parameter, text: Option<&str>) -> Result<Option<u64>, LogError> {
    let text = text.unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    number.map(Some).ok_or_else(|| {
        let problem = "is no whole number of 64 bits; a decimal such as 17 would be right".to_owned();
        LogError::Parameter(parameter.name(), problem)
    })
}

fn missing(parameter: Parameter) -> LogError {
    LogError::Parameter(parameter.name(), "is missing; a decimal such as 17 would be right".to_owned())
}

#[allow(clippy::needless_pass_by_value)] // As map_err gives it.
fn malformed(rejection: QueryRejection) -> LogError {
    LogError::Query(rejection.body_text())
}
