//! One module a command: its arguments, what it does, how it shows the result.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use huying_proto::{
    intake::v1::{TrackCaseRequest, TrackCaseResponse},
    routing::v1::{GetCaseRequest, GetCaseResponse},
};
use uuid::Uuid;

use crate::{
    context::{Context, Service, authorised},
    failure::Failure,
};

pub(crate) mod batch;
pub(crate) mod case;
pub(crate) mod dead_letters;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod ledger_verify;
pub(crate) mod picture;
pub(crate) mod rate;
pub(crate) mod rules;
pub(crate) mod sample;
pub(crate) mod submit;
pub(crate) mod subscribe;
pub(crate) mod token;
pub(crate) mod track;
pub(crate) mod watch;
pub(crate) mod withdraw;
pub(crate) mod work;

/// No text that Huying takes is longer than 20,000 characters; the service says so better than a cut-off would.
const TEXT_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A text given as an argument, or in a file ("-" for standard input) without the line break at its end.
fn text_argument(text: Option<String>, file: Option<&Path>) -> Result<String, Failure> {
    let Some(path) = file else { return Ok(text.unwrap_or_default()) };
    let unreadable =
        |error: io::Error| Failure::usage(format!("the text {} cannot be read: {error}", path.display()));
    let mut read = String::new();
    let source: Box<dyn io::Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(unreadable)?)
    };
    source.take(TEXT_FILE_BYTES_MAX + 1).read_to_string(&mut read).map_err(unreadable)?;
    if read.len() as u64 > TEXT_FILE_BYTES_MAX {
        return Err(Failure::usage(format!("the text {} is larger than 1 MiB", path.display())));
    }
    read.truncate(read.trim_end_matches(['\r', '\n']).len());
    Ok(read)
}

/// A receipt code given as an argument, or on standard input when it is "-".
fn receipt_argument(given: &str) -> Result<String, Failure> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let read = text_argument(None, Some(Path::new("-")))?;
    let receipt = read.trim();
    if receipt.is_empty() {
        return Err(Failure::usage("standard input holds no receipt code"));
    }
    Ok(receipt.to_owned())
}

/// The key the user gave, or a new one.
fn key_or_new(given: Option<String>) -> String {
    given.unwrap_or_else(|| Uuid::now_v7().to_string())
}

/// Reads a case by its receipt, at intake.
async fn track_case(context: &Context, receipt_code: &str) -> Result<TrackCaseResponse, Failure> {
    let client = context.intake()?;
    context
        .call(Service::Intake, || {
            let mut client = client.clone();
            let request = TrackCaseRequest { receipt_code: receipt_code.to_owned() };
            async move { client.track_case(request).await }
        })
        .await
}

/// Reads a case with its history, at routing.
async fn get_case(context: &Context, case_id: &str, token: &str) -> Result<GetCaseResponse, Failure> {
    let client = context.cases()?;
    context
        .call(Service::Routing, || {
            let mut client = client.clone();
            let request = authorised(GetCaseRequest { case_id: case_id.to_owned() }, token);
            async move { client.get_case(request?).await }
        })
        .await
}
