//! The ledger as a witness of other logs (C2SP tlog-witness), and its own checkpoints that others vouch for.
//!
//! `POST /witness/add-checkpoint` takes a checkpoint with its consistency proof and answers with a cosignature;
//! `GET /witness/vkey` is the key it is verified with. A ledger that witnesses nobody has neither.
//! `GET /log/checkpoint/witnessed` is the newest checkpoint with the cosignatures of one witness at least, or of as many
//! as `?witnesses=` asks for, of those that the settings name.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, RawQuery, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use huying_platform::{clock::Clock, status::chain};
use sqlx::PgPool;

use crate::{
    LogIdentity,
    domain::witness::{REQUEST_MAX_BYTES, Refusal, WITNESSES_MAX},
    use_cases::{
        add_checkpoint::{AddError, Vouching, add_checkpoint},
        witnessed_checkpoint::witnessed_checkpoint,
    },
};

const PLAIN: &str = "text/plain; charset=utf-8";

/// Media type of a size, by which the caller knows that it may ask again with it.
const SIZE: &str = "text/x.tlog.size";

#[derive(Debug)]
struct Witness {
    db: PgPool,
    clock: Clock,
    vouching: Vouching,
}

#[derive(Debug, Clone)]
struct Witnessed {
    db: PgPool,
    log: Arc<LogIdentity>,
}

/// All paths. `readers` is where what strangers ask for may take connections from.
pub(crate) fn routes(
    readers: PgPool,
    clock: Clock,
    log: Arc<LogIdentity>,
    vouching: Option<Vouching>,
) -> Router {
    let witnessed = Router::new()
        .route("/log/checkpoint/witnessed", get(newest_witnessed))
        .with_state(Witnessed { db: readers.clone(), log });
    let Some(vouching) = vouching else { return witnessed };
    let witness = Witness { db: readers, clock, vouching };
    Router::new()
        .route("/witness/add-checkpoint", post(add))
        .route("/witness/vkey", get(verifier_key))
        .layer(DefaultBodyLimit::max(REQUEST_MAX_BYTES))
        .with_state(Arc::new(witness))
        .merge(witnessed)
}

async fn add(State(witness): State<Arc<Witness>>, body: Bytes) -> Response {
    let Ok(body) = std::str::from_utf8(&body) else {
        return refused(Refusal::Malformed("it is not UTF-8"));
    };
    match add_checkpoint(&witness.db, &witness.clock, &witness.vouching, body).await {
        Ok(cosignature) => plain(StatusCode::OK, cosignature),
        Err(AddError::Refused(refusal)) => refused(refusal),
        Err(error @ AddError::Sql(_)) => {
            tracing::warn!(error = chain(&error), "checkpoint of another log not cosigned");
            unavailable("the witness cannot keep what it sees now; ask again\n")
        }
    }
}

fn refused(refusal: Refusal) -> Response {
    let status = match refusal {
        Refusal::Malformed(_)
        | Refusal::NotANote(_)
        | Refusal::NotACheckpoint(_)
        | Refusal::OldSizeTooLarge => StatusCode::BAD_REQUEST,
        Refusal::UnknownLog => StatusCode::NOT_FOUND,
        Refusal::NotSigned(_) => StatusCode::FORBIDDEN,
        Refusal::OtherSize(size) | Refusal::OtherRoot(size) => {
            return answer(StatusCode::CONFLICT, SIZE, format!("{size}\n"));
        }
        Refusal::NotConsistent => StatusCode::UNPROCESSABLE_ENTITY,
    };
    plain(status, format!("{}\n", chain(&refusal)))
}

async fn verifier_key(State(witness): State<Arc<Witness>>) -> Response {
    plain(StatusCode::OK, format!("{}\n", witness.vouching.cosigner.verifier_key()))
}

async fn newest_witnessed(State(witnessed): State<Witnessed>, RawQuery(query): RawQuery) -> Response {
    let Some(at_least) = witnesses_asked_for(query.as_deref()) else {
        let problem =
            format!("`witnesses` is how many must have cosigned; 1 to {WITNESSES_MAX} would be right\n");
        return plain(StatusCode::BAD_REQUEST, problem);
    };
    match witnessed_checkpoint(&witnessed.db, &witnessed.log, at_least).await {
        Ok(Some((_, note))) => plain(StatusCode::OK, note),
        Ok(None) => plain(
            StatusCode::NOT_FOUND,
            "no checkpoint has been cosigned by so many witnesses yet\n".to_owned(),
        ),
        Err(error) => {
            tracing::error!(error = chain(&error), "witnessed checkpoint not read");
            unavailable("the log cannot be read now; ask again\n")
        }
    }
}

/// 1 without a query; `None` when the query is another than `witnesses=` and a number.
fn witnesses_asked_for(query: Option<&str>) -> Option<u32> {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Some(1) };
    let asked: u32 = query.strip_prefix("witnesses=")?.parse().ok()?;
    (1..=WITNESSES_MAX as u32).contains(&asked).then_some(asked)
}

fn unavailable(problem: &'static str) -> Response {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, problem.to_owned());
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn plain(status: StatusCode, body: String) -> Response {
    answer(status, PLAIN, body)
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response {
    const NO_SNIFFING: HeaderName = HeaderName::from_static("x-content-type-options");
    let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store"), (NO_SNIFFING, "nosniff")];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_witnesses_is_one_unless_asked_for() {
        let asked = [None, Some(""), Some("witnesses=2"), Some("witnesses=12")].map(witnesses_asked_for);
        assert_eq!(asked, [Some(1), Some(1), Some(2), Some(12)]);
        for wrong in ["witnesses=", "witnesses=0", "witnesses=13", "witnesses=-1", "witnesses=all", "count=1"]
        {
            assert_eq!(witnesses_asked_for(Some(wrong)), None, "{wrong}");
        }
    }
}
