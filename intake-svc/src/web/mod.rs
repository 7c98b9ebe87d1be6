//! The pages on which citizens write, keep their receipt, follow their case and rate it.
//!
//! Server-rendered, in Chinese with short English beside it, for phones first, without a script. A receipt code is in
//! no URL, so it is in no history, log or referrer: it travels in forms that are posted. A double click makes one
//! case, because the idempotency key is part of the page.

mod forms;
mod layout;
mod receipt_page;
mod rules_in_words;
mod track_page;
mod write_page;

use std::sync::Arc;

use axum::{
    Form, Router,
    extract::{DefaultBodyLimit, Query, State, rejection::FormRejection},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use data_encoding::BASE32_NOPAD;
use huying_platform::status::{chain, is_transient};
use maud::Markup;

use self::forms::{Prefill, RatingForm, SubmissionForm, TrackForm, WebFault};
use crate::{
    app::App,
    domain::{rating::RatingRefused, receipt_code::ReceiptCode},
    use_cases::{
        rate_case::{RateError, rate_case},
        submit_case::{SubmitError, submit_case},
        track_case::{TrackError, track_case},
    },
};

/// Largest form, in bytes: the longest text of Chinese characters, percent-encoded, with room for the rest.
const FORM_MAX_BYTES: usize = 256 * 1_024;
/// Seconds after which a browser of somebody who was turned away may try again.
const RETRY_AFTER_SECONDS: &str = "2";

const STYLE: &str = include_str!("style.css");

/// Nothing but our own style sheet and our own forms: no script, no frame, no foreign content.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The pages.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(write))
        .route("/submit", post(submit).get(|| async { Redirect::to("/") }))
        .route("/track", get(ask_for_receipt).post(track))
        .route("/rate", post(rate).get(|| async { Redirect::to("/track") }))
        .route("/static/style.css", get(style))
        .fallback(|| async { page(StatusCode::NOT_FOUND, layout::not_found()) })
        .method_not_allowed_fallback(|| async { page(StatusCode::METHOD_NOT_ALLOWED, layout::not_found()) })
        .layer(DefaultBodyLimit::max(FORM_MAX_BYTES))
        .layer(map_response(secured))
        .with_state(app)
}

async fn write(
    State(app): State<Arc<App>>,
    prefill: Result<Query<Prefill>, axum::extract::rejection::QueryRejection>,
) -> Response {
    // A mangled link is still somebody who wants to write.
    let prefill = prefill.map(|Query(prefill)| prefill).unwrap_or_default();
    let Some(key) = new_key() else { return internal_error("no randomness for an idempotency key") };
    let directory = app.directory.load();
    let form = prefill.into_form(&directory, key);
    page(StatusCode::OK, write_page::render(&directory, &form, &[], None))
}

async fn submit(State(app): State<Arc<App>>, form: Result<Form<SubmissionForm>, FormRejection>) -> Response {
    let form = match form {
        Ok(Form(form)) => form.tidied(),
        Err(rejection) => return rejected(&rejection),
    };
    let directory = app.directory.load();
    let again = |status, form: &SubmissionForm, faults: &[WebFault], notice| {
        page(status, write_page::render(&directory, form, faults, Some(notice)))
    };
    match submit_case(&app, form.to_request()).await {
        Ok(receipt) => page(StatusCode::OK, receipt_page::render(&directory, &receipt)),
        Err(SubmitError::Invalid(violations)) => {
            let faults = rules_in_words::faults(&violations);
            let form = form.without_wrong_addressee(&violations);
            again(StatusCode::UNPROCESSABLE_ENTITY, &form, &faults, write_page::Notice::Faults)
        }
        Err(SubmitError::KeyReused) => {
            // The citizen went back and wrote something else: that is another case, if it is meant.
            let Some(idempotency_key) = new_key() else { return internal_error("no randomness") };
            let form = SubmissionForm { idempotency_key, ..form };
            again(StatusCode::CONFLICT, &form, &[], write_page::Notice::SentBefore)
        }
        Err(SubmitError::Busy) => {
            retry_later(again(StatusCode::SERVICE_UNAVAILABLE, &form, &[], write_page::Notice::Busy))
        }
        Err(SubmitError::OutcomeUnknown) => retry_later(again(
            StatusCode::SERVICE_UNAVAILABLE,
            &form,
            &[],
            write_page::Notice::OutcomeUnknown,
        )),
        Err(SubmitError::Lookup(error)) => database_error(&error),
        // Logged by the commit lane, with its cause.
        Err(SubmitError::NotStored) => page(StatusCode::INTERNAL_SERVER_ERROR, layout::our_fault()),
        Err(error @ (SubmitError::StoredHeader | SubmitError::Sealing(_))) => internal_error(&chain(&error)),
    }
}

async fn ask_for_receipt() -> Response {
    page(StatusCode::OK, track_page::ask("", None))
}

async fn track(State(app): State<Arc<App>>, form: Result<Form<TrackForm>, FormRejection>) -> Response {
    match form {
        Ok(Form(form)) => show_case(&app, &form.receipt_code, StatusCode::OK, None).await,
        Err(rejection) => rejected(&rejection),
    }
}

async fn rate(State(app): State<Arc<App>>, form: Result<Form<RatingForm>, FormRejection>) -> Response {
    let form = match form {
        Ok(Form(form)) => form.tidied(),
        Err(rejection) => return rejected(&rejection),
    };
    let request = match form.to_request() {
        Ok(request) => request,
        Err(faults) => return show_rating_faults(&app, form, faults).await,
    };
    match rate_case(&app, request).await {
        Ok(_) => page(StatusCode::OK, track_page::rated(&form.receipt_code)),
        Err(RateError::Invalid(violations)) => {
            show_rating_faults(&app, form, rules_in_words::faults(&violations)).await
        }
        Err(RateError::ReceiptUnknown) => {
            page(StatusCode::NOT_FOUND, track_page::ask(&form.receipt_code, Some(track_page::UNKNOWN)))
        }
        // The same page again, with a fresh form if the case still takes one.
        Err(RateError::KeyReused | RateError::Refused(RatingRefused::AlreadyRated)) => {
            show_case(&app, &form.receipt_code, StatusCode::CONFLICT, None).await
        }
        Err(RateError::Refused(RatingRefused::NotReplied | RatingRefused::ClosedForGood)) => {
            show_case(&app, &form.receipt_code, StatusCode::CONFLICT, None).await
        }
        Err(RateError::Sql(error)) => database_error(&error),
    }
}

async fn show_rating_faults(app: &App, form: RatingForm, faults: Vec<WebFault>) -> Response {
    let receipt_code = form.receipt_code.clone();
    show_case(app, &receipt_code, StatusCode::UNPROCESSABLE_ENTITY, Some((form, faults))).await
}

/// The status of a case; `attempt` is a rating that had faults.
async fn show_case(
    app: &App,
    receipt_code: &str,
    status: StatusCode,
    attempt: Option<(RatingForm, Vec<WebFault>)>,
) -> Response {
    let code: ReceiptCode = match receipt_code.parse() {
        Ok(code) => code,
        Err(fault) => {
            let words = rules_in_words::receipt_fault(fault);
            return page(StatusCode::UNPROCESSABLE_ENTITY, track_page::ask(receipt_code, Some(&words)));
        }
    };
    let tracked = match track_case(app, &code).await {
        Ok(tracked) => tracked,
        Err(TrackError::ReceiptUnknown) => {
            let asked = track_page::ask(receipt_code, Some(track_page::UNKNOWN));
            return page(StatusCode::NOT_FOUND, asked);
        }
        Err(TrackError::Sql(error)) => return database_error(&error),
    };
    let (form, faults) = match attempt {
        Some(attempt) => attempt,
        None => {
            let Some(idempotency_key) = new_key() else { return internal_error("no randomness") };
            let receipt_code = code.to_string();
            (RatingForm { receipt_code, idempotency_key, ..RatingForm::default() }, Vec::new())
        }
    };
    page(status, track_page::status(&tracked, &form, &faults))
}

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    ];
    (headers, STYLE).into_response()
}

fn page(status: StatusCode, markup: Markup) -> Response {
    (status, markup).into_response()
}

fn retry_later(mut response: Response) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    response
}

fn rejected(rejection: &FormRejection) -> Response {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => page(StatusCode::PAYLOAD_TOO_LARGE, layout::too_large()),
        _ => page(StatusCode::BAD_REQUEST, layout::not_a_form()),
    }
}

fn database_error(error: &sqlx::Error) -> Response {
    if is_transient(error) {
        tracing::warn!(error = chain(error), "database not reachable");
        return retry_later(page(StatusCode::SERVICE_UNAVAILABLE, layout::our_fault()));
    }
    internal_error(&chain(error))
}

fn internal_error(error: &str) -> Response {
    tracing::error!(error, "page failed");
    page(StatusCode::INTERNAL_SERVER_ERROR, layout::our_fault())
}

/// An idempotency key nobody can guess: 128 random bits. None when the operating system gives none.
fn new_key() -> Option<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).ok()?;
    Some(BASE32_NOPAD.encode(&random))
}

/// Headers that every answer carries. What a citizen typed or received is kept in no cache and found by no search.
async fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let always = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in always {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
