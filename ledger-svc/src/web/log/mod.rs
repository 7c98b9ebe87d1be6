//! The log for programs, over HTTP: checkpoint, key, tiles and entry bundles as in C2SP tlog-tiles, and proofs made for
//! whoever does not want to make them from tiles.
//!
//! JSON, the same on every path here: hashes are 32 bytes in standard base64, notes and leaves are texts as they are, to
//! be hashed and verified byte for byte. Fields may be added; those that are there stay as they are. A refusal is
//! `{"error": {"parameter": "tree_size", "problem": "is 9; 6 to 8 would be right, or 0 for the latest"}}`, where
//! `parameter` is null when it is about none.
//!
//! Guaranteed: nothing is served but what the latest checkpoint covers; what can never change may be kept for a year, and
//! everything else, errors included, is asked about again.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use data_encoding::HEXLOWER;
use huying_platform::status::{chain, is_transient};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Pages, Shared, is_known};
use crate::use_cases::{ReadError, latest_checkpoint::latest_checkpoint, log_keys::keys_in_force};

mod proof_files;
mod proofs;
mod tiles;

const PLAIN: &str = "text/plain; charset=utf-8";

const JSON: &str = "application/json";

/// May be kept, and must be asked about each time.
const ASK_AGAIN: &str = "no-cache";

/// Never changes: a year is as long as a cache may be told to keep anything.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Must not be kept.
const NEVER: &str = "no-store";

/// All paths of the log.
pub(super) fn routes() -> Router<Arc<Pages>> {
    Router::new()
        .route("/log/checkpoint", get(checkpoint))
        .route("/log/vkey", get(verifier_keys))
        .route("/log/tile/{*path}", get(tiles::tile))
        .route("/log/tile/entries/{*path}", get(tiles::entries).layer(tiles::compression()))
        .route("/log/proof/inclusion", get(proofs::inclusion))
        .route("/log/proof/consistency", get(proofs::consistency))
        .route("/cases/{case_id}/lines/{case_version}/proof.json", get(proofs::line))
        .route("/cases/{case_id}/lines/{file}", get(proof_files::line))
        .route("/cases/{case_id}/receipt.tlog-proof", get(proof_files::receipt))
}

async fn checkpoint(State(pages): Shared, headers: HeaderMap) -> Result<Response, LogError> {
    let (_, note) = latest_checkpoint(&pages.db).await?;
    Ok(content(&headers, PLAIN, ASK_AGAIN, note.into_bytes()))
}

/// The keys in force, one a line, foremost first: any of them verifies the latest checkpoint.
async fn verifier_keys(State(pages): Shared, headers: HeaderMap) -> Result<Response, LogError> {
    let keys: String =
        keys_in_force(&pages.db, &pages.log).await?.iter().map(|key| format!("{key}\n")).collect();
    Ok(content(&headers, PLAIN, ASK_AGAIN, keys.into_bytes()))
}

/// An answer with a tag made of what it says, or only that the caller has it already. The tag is a weak one, because it
/// is the same for what is sent compressed.
fn content(
    headers: &HeaderMap,
    content_type: &'static str,
    caching: &'static str,
    body: Vec<u8>,
) -> Response {
    let tag = format!("W/\"{}\"", HEXLOWER.encode(&Sha256::digest(&body)[..16]));
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, content_type)], body).into_response()
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Why a program does not get what it asked for.
#[derive(Debug)]
enum LogError {
    /// A parameter is not as it should be; its name, and what would be right.
    Parameter(&'static str, String),
    /// The query as a whole is not as it should be.
    Query(String),
    /// There is nothing of that name, or not yet; why.
    NotFound(String),
    /// The log could not be read.
    Read(ReadError),
}

impl From<ReadError> for LogError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::OutOfRange(asked) => Self::Parameter(asked.parameter.name(), asked.to_string()),
            ReadError::CaseNotFound(_) => Self::NotFound(error.to_string()),
            ReadError::NoCheckpoint
            | ReadError::CorruptLeaf(_)
            | ReadError::CorruptAccount(_)
            | ReadError::CorruptTiles(_)
            | ReadError::ForeignKeys
            | ReadError::Sql(_) => Self::Read(error),
        }
    }
}

#[derive(Debug, Serialize)]
struct ErrorJson {
    error: Problem,
}

#[derive(Debug, Serialize)]
struct Problem {
    parameter: Option<&'static str>,
    problem: String,
}

impl IntoResponse for LogError {
    fn into_response(self) -> Response {
        let (status, parameter, problem) = match self {
            Self::Parameter(name, problem) => (StatusCode::BAD_REQUEST, Some(name), problem),
            Self::Query(problem) => (StatusCode::BAD_REQUEST, None, problem),
            Self::NotFound(problem) => (StatusCode::NOT_FOUND, None, problem),
            Self::Read(error) => {
                let passing = match &error {
                    ReadError::NoCheckpoint => true,
                    ReadError::Sql(error) => is_transient(error),
                    ReadError::CaseNotFound(_)
                    | ReadError::OutOfRange(_)
                    | ReadError::CorruptLeaf(_)
                    | ReadError::CorruptAccount(_)
                    | ReadError::CorruptTiles(_)
                    | ReadError::ForeignKeys => false,
                };
                tracing::error!(error = chain(&error), "log not read");
                if passing {
                    let problem = "the log cannot be read now; ask again".to_owned();
                    (StatusCode::SERVICE_UNAVAILABLE, None, problem)
                } else {
                    let problem = "the log is not as it was written; this has been noted".to_owned();
                    (StatusCode::INTERNAL_SERVER_ERROR, None, problem)
                }
            }
        };
        let body = ErrorJson { error: Problem { parameter, problem } };
        let body = serde_json::to_vec(&body).expect("a struct of strings always serialises");
        let mut response =
            (status, [(CACHE_CONTROL, "no-store"), (CONTENT_TYPE, JSON)], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
