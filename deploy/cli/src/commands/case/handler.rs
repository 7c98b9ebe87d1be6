//! In whose name a case is handled.
//!
//! Guarantees that nobody is acted for whom the user did not name, except in a trial installation, where the signing key
//! is at hand: there the unit or representative whose act it is, is looked up and acted for, and named when the
//! service refuses.

use crate::{
    acts::Actor,
    commands::get_case,
    context::Context,
    failure::Failure,
    identity::{Identity, IdentityArgs, chosen_token, no_identity, signing_key, token_of},
};

/// In whose name a case is handled.
pub(super) struct Handler {
    pub(super) token: String,
    /// The unit or representative that was found to have to act, where the user named nobody.
    pub(super) stands_in_for: Option<String>,
}

impl Handler {
    /// A refusal may surprise somebody who did not choose the name.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        match &self.stands_in_for {
            Some(code) => {
                failure.with_hint(format!("called in the name of {code}; --as CODE chooses another"))
            }
            None => failure,
        }
    }
}

/// Whom the user chose; else, in a trial, whoever has to act.
pub(super) async fn handler_of(
    context: &Context,
    arguments: &IdentityArgs,
    case_id: &str,
    actor: Actor,
) -> Result<Handler, Failure> {
    if let Some(token) = chosen_token(context, arguments)? {
        return Ok(Handler { token, stands_in_for: None });
    }
    if signing_key(context)?.is_none() {
        return Err(no_identity("this"));
    }
    let operator = token_of(context, &Identity::Operator)?;
    let found = get_case(context, case_id, &operator).await?;
    let code = actor.code(&found)?;
    let token = token_of(context, &Identity::parse(&code)?)?;
    Ok(Handler { token, stands_in_for: Some(code) })
}
