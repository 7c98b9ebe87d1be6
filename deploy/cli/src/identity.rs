//! In whose name a call is made.
//!
//! Guarantees the order that `--help` promises: `--token`, then `--as`, then `HUYING_TOKEN`, then what the command
//! itself proposes. Tokens are minted only where an installation's signing key is at hand, which is the case in a trial
//! and never in production; they live for minutes.

use ed25519_dalek::SigningKey;
use jiff::Timestamp;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    jwt::{self, Claims},
};

/// A minted token only has to outlive one command, the playing of the sample day being the longest.
const MINTED_LIFETIME_SECONDS: i64 = 1_800;

/// Who the caller wants to be.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Identity")]
pub(crate) struct IdentityArgs {
    /// Token to call with [env: HUYING_TOKEN]
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,

    /// Act as a unit, a region's office or a representative: a code, or "operator" or "auditor"
    ///
    /// Uses HUYING_TOKEN_OFFICE_<region> or HUYING_TOKEN_OPERATOR when that fits; otherwise mints a token that lives for
    /// half an hour with the key in HUYING_SIGNING_KEY (a PEM file), which a trial installation has.
    #[arg(long = "as", value_name = "CODE", conflicts_with = "token")]
    pub(crate) acting_as: Option<String>,
}

/// Somebody who can hold a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    Operator,
    Auditor,
    /// An office, by its unit code.
    Office {
        code: String,
        region: String,
    },
    /// A department, by its unit code.
    Department {
        code: String,
        region: String,
    },
    /// A representative, by their code.
    Representative {
        code: String,
        region: String,
    },
}

impl Identity {
    /// Reads a code by the conventions of Huying's directory: `<region>` or `<region>-office` for an office,
    /// `<region>-<name>` for a department, `r-<region>-<number>` for a representative.
    pub(crate) fn parse(code: &str) -> Result<Self, Failure> {
        match code {
            "operator" => return Ok(Self::Operator),
            "auditor" => return Ok(Self::Auditor),
            _ => {}
        }
        let not_understood = || {
            Failure::usage(format!("\"{code}\" does not say who it is"))
                .with_hint(
                    "a region (150802001), a unit (150802-housing), a representative (r-150802001-003), operator or auditor; for other codes make a token with huying token",
                )
        };
        let is_region = |text: &str| matches!(text.len(), 6 | 9) && text.bytes().all(|b| b.is_ascii_digit());
        if is_region(code) {
            return Ok(Self::Office { code: format!("{code}-office"), region: code.to_owned() });
        }
        let (is_representative, rest) = match code.strip_prefix("r-") {
            Some(rest) => (true, rest),
            None => (false, code),
        };
        let (region, name) = rest.split_once('-').ok_or_else(not_understood)?;
        if !is_region(region) || name.is_empty() {
            return Err(not_understood());
        }
        let (code, region) = (code.to_owned(), region.to_owned());
        Ok(match (is_representative, name) {
            (true, _) => Self::Representative { code, region },
            (false, "office") => Self::Office { code, region },
            (false, _) => Self::Department { code, region },
        })
    }

    /// The claims of a token for this identity.
    pub(crate) fn claims(&self, issued_at: Timestamp, lifetime_seconds: i64) -> Claims {
        let (role, code, region) = match self {
            Self::Operator => ("operator", "", None),
            Self::Auditor => ("auditor", "", None),
            Self::Office { code, region } => ("office", code.as_str(), Some(region)),
            Self::Department { code, region } => ("department", code.as_str(), Some(region)),
            Self::Representative { code, region } => ("representative", code.as_str(), Some(region)),
        };
        Claims { role, code: code.to_owned(), region: region.cloned(), issued_at, lifetime_seconds }
    }

    /// The variable that may have a token for this identity.
    fn token_variable(&self) -> Option<String> {
        match self {
            Self::Operator => Some("HUYING_TOKEN_OPERATOR".to_owned()),
            Self::Office { region, .. } => Some(format!("HUYING_TOKEN_OFFICE_{region}")),
            Self::Auditor | Self::Department { .. } | Self::Representative { .. } => None,
        }
    }

    fn describe(&self) -> &str {
        match self {
            Self::Operator => "the operator",
            Self::Auditor => "an auditor",
            Self::Office { code, .. } | Self::Department { code, .. } | Self::Representative { code, .. } => {
                code
            }
        }
    }
}

/// The token the user asked for, if they did: by flag, by code, or by `HUYING_TOKEN`.
pub(crate) fn chosen_token(context: &Context, arguments: &IdentityArgs) -> Result<Option<String>, Failure> {
    if let Some(token) = &arguments.token {
        return Ok(Some(token.clone()));
    }
    if let Some(code) = &arguments.acting_as {
        return token_of(context, &Identity::parse(code)?).map(Some);
    }
    Ok(context.environment.get("HUYING_TOKEN").map(str::to_owned))
}

/// The token the user asked for, or else that of the identity the command proposes.
pub(crate) fn token_or(
    context: &Context,
    arguments: &IdentityArgs,
    proposed: &Identity,
) -> Result<String, Failure> {
    match chosen_token(context, arguments)? {
        Some(token) => Ok(token),
        None => token_of(context, proposed),
    }
}

/// A token for an identity: a given one, or a minted one.
pub(crate) fn token_of(context: &Context, identity: &Identity) -> Result<String, Failure> {
    let given = identity.token_variable().and_then(|name| context.environment.get(&name));
    if let Some(token) = given {
        return Ok(token.to_owned());
    }
    match signing_key(context)? {
        Some(key) => Ok(jwt::sign(&key, &identity.claims(Timestamp::now(), MINTED_LIFETIME_SECONDS))),
        None => Err(no_identity(identity.describe())),
    }
}

/// The installation's signing key, in a trial.
pub(crate) fn signing_key(context: &Context) -> Result<Option<SigningKey>, Failure> {
    context.environment.get("HUYING_SIGNING_KEY").map(jwt::read_key).transpose()
}

/// There is neither a token nor a key to make one.
pub(crate) fn no_identity(whom: &str) -> Failure {
    Failure::new(Exit::NotAuthorised, format!("there is no token for {whom}")).with_hint(
        "give --token or HUYING_TOKEN; in a trial installation --as CODE mints one with HUYING_SIGNING_KEY",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{arguments::GlobalArgs, environment::Environment};
    use data_encoding::BASE64URL_NOPAD;

    fn context(process: &[(&str, &str)]) -> Context {
        Context::new(&GlobalArgs::default(), Environment::of(process, &[]))
    }

    fn as_code(code: &str) -> IdentityArgs {
        IdentityArgs { token: None, acting_as: Some(code.to_owned()) }
    }

    #[test]
    fn a_code_says_who_it_is() {
        let office = Identity::Office { code: "150802001-office".into(), region: "150802001".into() };
        assert_eq!(Identity::parse("150802001").unwrap(), office);
        assert_eq!(Identity::parse("150802001-office").unwrap(), office);
        assert_eq!(
            Identity::parse("150802-public-security").unwrap(),
            Identity::Department { code: "150802-public-security".into(), region: "150802".into() }
        );
        assert_eq!(
            Identity::parse("r-150802001-003").unwrap(),
            Identity::Representative { code: "r-150802001-003".into(), region: "150802001".into() }
        );
        for code in ["", "x", "1508", "r-1508-1", "150802-", "housing-150802"] {
            assert_eq!(Identity::parse(code).unwrap_err().exit(), Exit::Usage, "{code}");
        }
    }

    #[test]
    fn the_more_explicit_identity_wins() {
        let context = context(&[("HUYING_TOKEN", "from-env"), ("HUYING_TOKEN_OFFICE_150802", "of-office")]);
        let flag = IdentityArgs { token: Some("from-flag".into()), acting_as: None };
        assert_eq!(chosen_token(&context, &flag).unwrap().unwrap(), "from-flag");
        assert_eq!(chosen_token(&context, &as_code("150802")).unwrap().unwrap(), "of-office");
        assert_eq!(chosen_token(&context, &IdentityArgs::default()).unwrap().unwrap(), "from-env");
    }

    #[test]
    fn a_token_is_minted_where_a_signing_key_is_at_hand_and_refused_elsewhere() {
        let pem = jwt::to_pem(&SigningKey::from_bytes(&[1; 32])).unwrap();
        let trial = context(&[("HUYING_SIGNING_KEY", &pem)]);
        let token = chosen_token(&trial, &as_code("150802-housing")).unwrap().unwrap();
        let payload = token.split('.').nth(1).unwrap();
        let payload = String::from_utf8(BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap();
        assert!(payload.contains(r#""role":"department""#), "{payload}");
        let refusal = chosen_token(&context(&[]), &as_code("150802-housing")).unwrap_err();
        assert_eq!(refusal.exit(), Exit::NotAuthorised);
    }
}
