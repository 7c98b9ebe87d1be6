//! `huying token`: a token for somebody, made with an installation's signing key.

use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    arguments::duration,
    context::Context,
    failure::Failure,
    identity::{Identity, signing_key},
    jwt::{self, Claims},
};

const AFTER_HELP: &str = "\
Examples:
  huying token --key jwt.key.pem --role operator
  huying token --key jwt.key.pem --role office --unit 150802-office --ttl 30d
  huying token --key jwt.key.pem --role representative --representative r-150802001-003
  HUYING_TOKEN=$(huying token --role department --unit 150802-housing) huying work

Without --region, the token is for the region that the code begins with; an operator's or auditor's
token is for the whole installation. The token goes to standard output and nowhere else.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct TokenArgs {
    /// File with the signing key, PKCS#8 PEM [env: HUYING_SIGNING_KEY]
    #[arg(long, value_name = "PEM")]
    key: Option<String>,

    /// In what capacity the holder calls
    #[arg(long)]
    role: Role,

    /// Unit code, for an office or a department
    #[arg(long, value_name = "CODE", conflicts_with = "representative")]
    unit: Option<String>,

    /// Code of a representative
    #[arg(long, value_name = "CODE")]
    representative: Option<String>,

    /// Region whose subtree the token is for
    #[arg(long, value_name = "CODE")]
    region: Option<String>,

    /// How long the token is good for
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = duration)]
    ttl: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Operator,
    Office,
    Department,
    Representative,
    Auditor,
}

pub(crate) fn run(context: &Context, arguments: &TokenArgs) -> Result<(), Failure> {
    let key = match &arguments.key {
        Some(path) => jwt::read_key(path)?,
        None => signing_key(context)?.ok_or_else(|| {
            Failure::usage("there is no signing key").with_hint("give --key or HUYING_SIGNING_KEY")
        })?,
    };
    let claims = claims_of(arguments, Timestamp::now())?;
    let token = jwt::sign(&key, &claims);
    context.output.result(|| token.clone(), || json!({ "token": token, "claims": claims.to_json() }))
}

fn claims_of(arguments: &TokenArgs, issued_at: Timestamp) -> Result<Claims, Failure> {
    let lifetime_seconds = i64::try_from(arguments.ttl.as_secs())
        .ok()
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| Failure::usage("a token must be good for at least a second"))?;
    let (role, code) = match (arguments.role, &arguments.unit, &arguments.representative) {
        (Role::Operator, None, None) => ("operator", ""),
        (Role::Auditor, None, None) => ("auditor", ""),
        (Role::Office, Some(unit), None) => ("office", unit.as_str()),
        (Role::Department, Some(unit), None) => ("department", unit.as_str()),
        (Role::Representative, None, Some(code)) => ("representative", code.as_str()),
        (Role::Operator | Role::Auditor, _, _) => {
            return Err(Failure::usage(
                "an operator and an auditor have neither --unit nor --representative",
            ));
        }
        (Role::Office | Role::Department, _, _) => {
            return Err(Failure::usage("an office and a department have a --unit"));
        }
        (Role::Representative, _, _) => {
            return Err(Failure::usage("a representative has a --representative code"));
        }
    };
    let region = match (&arguments.region, code) {
        (Some(region), _) => Some(region.clone()),
        (None, "") => None,
        (None, code) => {
            Identity::parse(code)
                .map_err(|_| {
                    Failure::usage(format!("the region of \"{code}\" cannot be seen from the code"))
                        .with_hint("give --region")
                })?
                .claims(issued_at, lifetime_seconds)
                .region
        }
    };
    Ok(Claims { role, code: code.to_owned(), region, issued_at, lifetime_seconds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    fn arguments(role: Role) -> TokenArgs {
        let ttl = Duration::from_secs(60);
        TokenArgs { key: None, role, unit: None, representative: None, region: None, ttl }
    }

    #[test]
    fn a_role_has_its_code_and_no_other() {
        let issued_at = Timestamp::UNIX_EPOCH;
        assert_eq!(claims_of(&arguments(Role::Operator), issued_at).unwrap().region, None);
        let office = TokenArgs { unit: Some("150802-office".into()), ..arguments(Role::Office) };
        let claims = claims_of(&office, issued_at).unwrap();
        assert_eq!((claims.role, claims.code.as_str()), ("office", "150802-office"));
        assert_eq!(claims.region.as_deref(), Some("150802"));
        let wrong = [
            arguments(Role::Office),
            arguments(Role::Representative),
            TokenArgs { unit: Some("150802-office".into()), ..arguments(Role::Operator) },
            TokenArgs { unit: Some("150802-office".into()), ..arguments(Role::Representative) },
            TokenArgs { unit: Some("housing".into()), ..arguments(Role::Department) },
            TokenArgs { ttl: Duration::ZERO, ..arguments(Role::Operator) },
        ];
        for arguments in wrong {
            assert_eq!(claims_of(&arguments, issued_at).unwrap_err().exit(), Exit::Usage, "{arguments:?}");
        }
    }
}
