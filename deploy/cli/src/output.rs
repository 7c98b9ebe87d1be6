//! Where everything a command has to say goes: results to standard output, everything else to standard error.
//!
//! Guarantees that a reader who has gone away (a closed pipe) ends the command quietly instead of in a panic, and that
//! every result is flushed before the next step, so that whoever reads line by line is never behind.

use std::io::{self, ErrorKind, Write as _};

use serde_json::Value;

use crate::{failure::Failure, text};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Aligned text.
    Human,
    /// One JSON document a result, each on one line.
    Json,
    /// Not at all, for tests.
    #[cfg(test)]
    Nowhere,
}

impl Output {
    /// Writes one result in the form that was asked for.
    pub(crate) fn result(
        self,
        human: impl FnOnce() -> String,
        json: impl FnOnce() -> Value,
    ) -> Result<(), Failure> {
        match self {
            Self::Human => write_line(&human()),
            Self::Json => write_line(&text::json(&json())),
            #[cfg(test)]
            Self::Nowhere => json().is_object().then_some(()).ok_or_else(|| Failure::unexpected(human())),
        }
    }

    /// Tells a person how far a long command is; says nothing to a program.
    pub(crate) fn progress(self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Human => write_line(text),
            Self::Json => Ok(()),
            #[cfg(test)]
            Self::Nowhere => Ok(()),
        }
    }

    /// A remark that is not part of the result.
    pub(crate) fn remark(self, remark: &str) {
        match self {
            Self::Human => write_error_line(&format!("note: {}", text::line(remark))),
            Self::Json => write_error_line(&text::json(&serde_json::json!({ "note": remark }))),
            #[cfg(test)]
            Self::Nowhere => {}
        }
    }

    /// Why the command failed.
    pub(crate) fn failure(self, failure: &Failure) {
        match self {
            Self::Human => write_error_line(&failure.for_people()),
            Self::Json => write_error_line(&text::json(&failure.for_programs())),
            #[cfg(test)]
            Self::Nowhere => {}
        }
    }
}

fn write_line(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::reader_gone()),
        Err(error) => Err(Failure::unexpected(format!("standard output cannot be written: {error}"))),
    }
}

/// When not even standard error can be written, nobody is left to be told.
fn write_error_line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
