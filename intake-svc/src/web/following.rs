//! Following a case with its receipt: how it goes, rating it, taking it back.

use std::sync::Arc;

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::StatusCode,
    response::Response,
};
use huying_platform::status::chain;

use super::{
    database_error,
    forms::{RatingForm, TrackForm, WebFault, WithdrawalForm},
    internal_error, new_key, page, rejected, rules_in_words, track_page, withdraw_page,
};
use crate::{
    app::App,
    domain::receipt_code::ReceiptCode,
    use_cases::{
        rate_case::{RateError, rate_case},
        track_case::{TrackError, TrackedCase, track_case},
        withdraw_case::{WithdrawError, withdraw_case},
    },
};

pub(super) async fn ask_for_receipt() -> Response {
    page(StatusCode::OK, track_page::ask("", None))
}

pub(super) async fn track(
    State(app): State<Arc<App>>,
    form: Result<Form<TrackForm>, FormRejection>,
) -> Response {
    match form {
        Ok(Form(form)) => show_case(&app, &form.receipt_code, StatusCode::OK, None).await,
        Err(rejection) => rejected(&rejection),
    }
}

pub(super) async fn rate(
    State(app): State<Arc<App>>,
    form: Result<Form<RatingForm>, FormRejection>,
) -> Response {
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
        Err(RateError::ReceiptUnknown) => unknown_receipt(&form.receipt_code),
        // The same page again, with a fresh form if the case still takes one.
        Err(RateError::KeyReused | RateError::Refused(_)) => {
            show_case(&app, &form.receipt_code, StatusCode::CONFLICT, None).await
        }
        Err(error @ RateError::Unopened(_)) => internal_error(&chain(&error)),
        Err(RateError::Sql(error)) => database_error(&error),
    }
}

/// The first time it is posted the citizen is asked to confirm it, the second time it is done.
pub(super) async fn withdraw(
    State(app): State<Arc<App>>,
    form: Result<Form<WithdrawalForm>, FormRejection>,
) -> Response {
    let form = match form {
        Ok(Form(form)) => form.tidied(),
        Err(rejection) => return rejected(&rejection),
    };
    if !form.is_confirmed() {
        return ask_to_confirm(&app, &form.receipt_code).await;
    }
    match withdraw_case(&app, form.to_request()).await {
        Ok(_) => page(StatusCode::OK, withdraw_page::asked(&form.receipt_code)),
        Err(WithdrawError::Invalid(violations)) => {
            let faults = rules_in_words::faults(&violations);
            page(StatusCode::UNPROCESSABLE_ENTITY, withdraw_page::confirm(&form, &faults))
        }
        Err(WithdrawError::ReceiptUnknown) => unknown_receipt(&form.receipt_code),
        // How the case stands now says why.
        Err(WithdrawError::KeyReused | WithdrawError::Refused(_)) => {
            show_case(&app, &form.receipt_code, StatusCode::CONFLICT, None).await
        }
        Err(error @ WithdrawError::Unopened(_)) => internal_error(&chain(&error)),
        Err(WithdrawError::Sql(error)) => database_error(&error),
    }
}

async fn ask_to_confirm(app: &App, receipt_code: &str) -> Response {
    let (code, tracked) = match find_case(app, receipt_code).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    if !tracked.can_withdraw {
        return show_case(app, receipt_code, StatusCode::CONFLICT, None).await;
    }
    let Some(idempotency_key) = new_key() else { return internal_error("no randomness") };
    let form =
        WithdrawalForm { receipt_code: code.to_string(), idempotency_key, ..WithdrawalForm::default() };
    page(StatusCode::OK, withdraw_page::confirm(&form, &[]))
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
    let (code, tracked) = match find_case(app, receipt_code).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let (form, faults) = match attempt {
        Some(attempt) => attempt,
        None => {
            let Some(idempotency_key) = new_key() else { return internal_error("no randomness") };
            let receipt_code = code.to_string();
            (RatingForm { receipt_code, idempotency_key, ..RatingForm::default() }, Vec::new())
        }
    };
    page(status, track_page::status(&tracked, &form, &faults, app.ledger_url.as_ref()))
}

/// The case of a receipt code as it was typed; otherwise the page that says what is wrong with it.
async fn find_case(app: &App, receipt_code: &str) -> Result<(ReceiptCode, TrackedCase), Response> {
    let code: ReceiptCode = receipt_code.parse().map_err(|fault| {
        let words = rules_in_words::receipt_fault(fault);
        page(StatusCode::UNPROCESSABLE_ENTITY, track_page::ask(receipt_code, Some(&words)))
    })?;
    match track_case(app, &code).await {
        Ok(tracked) => Ok((code, tracked)),
        Err(TrackError::ReceiptUnknown) => Err(unknown_receipt(receipt_code)),
        Err(TrackError::Sql(error)) => Err(database_error(&error)),
    }
}

fn unknown_receipt(receipt_code: &str) -> Response {
    page(StatusCode::NOT_FOUND, track_page::ask(receipt_code, Some(track_page::UNKNOWN)))
}
