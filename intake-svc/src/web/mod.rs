//! The pages on which citizens write, keep their receipt, follow their case, rate it and take it back; and pictures.
//!
//! Server-rendered, in Chinese with short English beside it, for phones first, without a script. A receipt code is in
//! no URL, so it is in no history, log or referrer: it travels in forms that are posted. A double click makes one
//! case, because the idempotency key is part of the page.

mod following;
mod forms;
mod layout;
mod pictures;
mod receipt_page;
mod rules_in_words;
mod submitting;
mod track_page;
mod upload;
mod withdraw_page;
mod write_page;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, rejection::FormRejection},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use data_encoding::BASE32_NOPAD;
use huying_platform::status::{chain, is_transient};
use maud::Markup;

use self::upload::{TEXTS_MAX_BYTES, Unreadable};
use crate::app::App;

/// Seconds after which a browser of somebody who was turned away may try again.
const RETRY_AFTER_SECONDS: &str = "2";

const STYLE: &str = include_str!("style.css");

/// Nothing but our own style sheet and our own forms: no script, no frame, no foreign content.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The pages.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(submitting::write))
        .route("/submit", post(submitting::submit).get(|| async { Redirect::to("/") }))
        .route("/track", get(following::ask_for_receipt).post(following::track))
        .route("/rate", post(following::rate).get(|| async { Redirect::to("/track") }))
        .route("/withdraw", post(following::withdraw).get(|| async { Redirect::to("/track") }))
        .route("/pictures/{picture_id}", get(pictures::show))
        .route("/static/style.css", get(style))
        .fallback(|| async { page(StatusCode::NOT_FOUND, layout::not_found()) })
        .method_not_allowed_fallback(|| async { page(StatusCode::METHOD_NOT_ALLOWED, layout::not_found()) })
        .layer(DefaultBodyLimit::max(TEXTS_MAX_BYTES))
        .layer(map_response(secured))
        .with_state(app)
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
        StatusCode::PAYLOAD_TOO_LARGE => unreadable(Unreadable::TooLarge),
        _ => unreadable(Unreadable::NotAForm),
    }
}

fn unreadable(fault: Unreadable) -> Response {
    match fault {
        Unreadable::TooLarge => page(StatusCode::PAYLOAD_TOO_LARGE, layout::too_large()),
        Unreadable::NotAForm => page(StatusCode::BAD_REQUEST, layout::not_a_form()),
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
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in always {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Pictures have a stricter policy of their own, and may be kept.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
