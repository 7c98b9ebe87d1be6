//! Writing: the form, and what becomes of it.

use std::sync::Arc;

use axum::{
    extract::{Query, Request, State, rejection::QueryRejection},
    http::StatusCode,
    response::Response,
};
use huying_platform::status::chain;

use super::{
    database_error,
    forms::{Prefill, SubmissionForm, WebFault},
    internal_error, layout, new_key, page, receipt_page, retry_later, rules_in_words, unreadable, upload,
    write_page::{self, Notice},
};
use crate::{
    app::App,
    use_cases::{
        keep_pictures::KeepError,
        submit_case::{SubmitError, submit_case},
    },
};

pub(super) async fn write(
    State(app): State<Arc<App>>,
    prefill: Result<Query<Prefill>, QueryRejection>,
) -> Response {
    // A mangled link is still somebody who wants to write.
    let prefill = prefill.map(|Query(prefill)| prefill).unwrap_or_default();
    let Some(key) = new_key() else { return internal_error("no randomness for an idempotency key") };
    let directory = app.directory.load();
    let form = prefill.into_form(&directory, key);
    page(StatusCode::OK, write_page::render(&directory, &form, &[], None))
}

pub(super) async fn submit(State(app): State<Arc<App>>, request: Request) -> Response {
    let mut received = match upload::receive(request, &app.picture_works).await {
        Ok(received) => received,
        Err(fault) => return unreadable(fault),
    };
    let form = std::mem::take(&mut received.form).tidied();
    let directory = app.directory.load();
    let again = |status, form: &SubmissionForm, faults: &[WebFault], notice| {
        page(status, write_page::render(&directory, form, faults, Some(notice)))
    };
    let busy = || retry_later(again(StatusCode::SERVICE_UNAVAILABLE, &form, &[], Notice::Busy));
    if received.is_busy {
        return busy();
    }
    let pictures = std::mem::take(&mut received.pictures);
    match submit_case(&app, form.to_request(pictures)).await {
        Ok(receipt) => page(StatusCode::OK, receipt_page::render(&directory, &receipt)),
        Err(SubmitError::Invalid(violations)) => {
            let faults = rules_in_words::faults(&violations);
            let form = form.without_wrong_addressee(&violations);
            again(StatusCode::UNPROCESSABLE_ENTITY, &form, &faults, Notice::Faults)
        }
        Err(SubmitError::KeyReused) => {
            // The citizen went back and wrote something else: that is another case, if it is meant.
            let Some(idempotency_key) = new_key() else { return internal_error("no randomness") };
            let form = SubmissionForm { idempotency_key, ..form };
            again(StatusCode::CONFLICT, &form, &[], Notice::SentBefore)
        }
        Err(SubmitError::Busy) => busy(),
        Err(SubmitError::OutcomeUnknown) => {
            retry_later(again(StatusCode::SERVICE_UNAVAILABLE, &form, &[], Notice::OutcomeUnknown))
        }
        Err(SubmitError::PicturesNotKept(KeepError::Store(error))) => {
            tracing::warn!(error = chain(&error), "pictures not kept");
            retry_later(again(StatusCode::SERVICE_UNAVAILABLE, &form, &[], Notice::PicturesNotKept))
        }
        Err(SubmitError::Lookup(error) | SubmitError::PicturesNotKept(KeepError::Sql(error))) => {
            database_error(&error)
        }
        // Logged by the commit lane, with its cause.
        Err(SubmitError::NotStored) => page(StatusCode::INTERNAL_SERVER_ERROR, layout::our_fault()),
        Err(error @ (SubmitError::StoredHeader | SubmitError::Sealing(_))) => internal_error(&chain(&error)),
    }
}
