//! `huying withdraw`: a citizen takes a case back.

use clap::Args;
use huying_proto::intake::v1::{WithdrawCaseRequest, WithdrawCaseResponse};
use serde_json::json;

use super::{key_or_new, receipt_argument};
use crate::{
    context::{Context, Service},
    failure::Failure,
    text,
};

const AFTER_HELP: &str = "\
Examples:
  huying withdraw RECEIPT
  huying withdraw RECEIPT --reason '问题已经自行解决'
  huying withdraw - < receipt.txt

Arguments are visible to other users of this machine while the command runs, and whoever has the
receipt can withdraw the case: where others work, give \"-\" and the receipt on standard input.

A case can be withdrawn until it is answered. The withdrawal is part of the case once it has been
taken up, within a second: see huying track.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct WithdrawArgs {
    /// Receipt code; case, spaces and hyphens do not matter; "-" reads it from standard input
    receipt: String,

    /// Why, up to 500 characters; published
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,

    /// Idempotency key, 16 to 128 visible ASCII characters; a new one when not given
    #[arg(long)]
    key: Option<String>,
}

pub(crate) async fn run(context: &Context, arguments: WithdrawArgs) -> Result<(), Failure> {
    let request = WithdrawCaseRequest {
        idempotency_key: key_or_new(arguments.key),
        receipt_code: receipt_argument(&arguments.receipt)?,
        reason: arguments.reason,
    };
    let answer = withdraw(context, &request).await.map_err(|failure| {
        if failure.outcome_is_unknown() {
            let key = &request.idempotency_key;
            return failure.with_hint(format!("the outcome is unknown; withdraw again with --key {key}"));
        }
        failure
    })?;
    context.output.result(
        || {
            text::facts(&[
                ("case", answer.case_id.clone()),
                ("withdrawal", "taken, and on its way".to_owned()),
            ])
        },
        || json!({ "case_id": answer.case_id, "idempotency_key": request.idempotency_key }),
    )
}

/// Sends a withdrawal until it is acknowledged, refused, or given up.
pub(crate) async fn withdraw(
    context: &Context,
    request: &WithdrawCaseRequest,
) -> Result<WithdrawCaseResponse, Failure> {
    let client = context.intake()?;
    context
        .call(Service::Intake, || {
            let mut client = client.clone();
            let request = request.clone();
            async move { client.withdraw_case(request).await }
        })
        .await
}
