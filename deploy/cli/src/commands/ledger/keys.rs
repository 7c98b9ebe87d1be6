//! By which keys the log is verified: those that somebody was given, or else the ledger's own word.

use std::{fs::File, io::Read as _, path::Path};

use crate::{
    context::Context,
    failure::Failure,
    verify::keys::{KeyKind, VerifierKey},
};

/// More than a few keys need; a wrong path may name anything.
const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;

/// Where keys came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeySource {
    Given,
    Environment,
    TheLedgerItself,
}

impl KeySource {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Given => "--vkey",
            Self::Environment => "HUYING_LEDGER_VKEY",
            Self::TheLedgerItself => "the ledger itself",
        }
    }
}

/// The keys of the log that the user has: from the option, or else from the environment.
///
/// # Errors
/// When there are some that are none.
pub(crate) fn given_keys(
    context: &Context,
    given: Option<&str>,
) -> Result<Option<(Vec<VerifierKey>, KeySource)>, Failure> {
    let wrong = |reason| Failure::usage(format!("the verifier key is wrong: {reason}"));
    let (text, source) = match (given, context.environment.get("HUYING_LEDGER_VKEY")) {
        (Some(given), _) => (key_or_file(given)?, KeySource::Given),
        (None, Some(text)) => (text.to_owned(), KeySource::Environment),
        (None, None) => return Ok(None),
    };
    Ok(Some((VerifierKey::parse_all(&text).map_err(wrong)?, source)))
}

/// Keys of witnesses, each given itself or as a file.
///
/// # Errors
/// When one is none.
pub(crate) fn witness_keys(given: &[String]) -> Result<Vec<VerifierKey>, Failure> {
    let parse = |given: &String| {
        VerifierKey::parse(KeyKind::Witness, &key_or_file(given)?)
            .map_err(|reason| Failure::usage(format!("the witness key {given} is wrong: {reason}")))
    };
    given.iter().map(parse).collect()
}

/// Tells a person what the ledger's own word is worth.
pub(crate) fn remark_on_own_word(context: &Context) {
    context.output.remark(
        "the verifier key is taken from the ledger itself, so this shows only that the ledger agrees with itself; give --vkey or HUYING_LEDGER_VKEY",
    );
}

/// A key as it is, or the text of the file that is named.
fn key_or_file(given: &str) -> Result<String, Failure> {
    // A key always has a plus sign; a file seldom does, and then can be given as ./file+name.
    if given.contains('+') && !Path::new(given).is_file() {
        return Ok(given.to_owned());
    }
    let mut text = String::new();
    File::open(given)
        .and_then(|file| file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| Failure::usage(format!("the key file {given} cannot be read: {error}")))?;
    Ok(text)
}
