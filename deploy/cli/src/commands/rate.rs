//! `huying rate`: a citizen judges the outcome.

use clap::{Args, ValueEnum};
use huying_proto::intake::v1::{RateCaseRequest, RateCaseResponse};
use serde_json::json;

use super::{key_or_new, receipt_argument};
use crate::{
    context::{Context, Service},
    failure::Failure,
    text,
};

const AFTER_HELP: &str = "\
Examples:
  huying rate RECEIPT --resolved yes --satisfied yes --comment '谢谢'
  huying rate RECEIPT --resolved no --satisfied no --reopen
  huying rate - --resolved yes --satisfied yes < receipt.txt

Arguments are visible to other users of this machine while the command runs, and whoever has the
receipt can track and rate the case: where others work, give \"-\" and the receipt on standard input.

The rating is part of the case once it has been taken up, within a second: see huying track.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RateArgs {
    /// Receipt code; case, spaces and hyphens do not matter; "-" reads it from standard input
    receipt: String,

    /// Is the matter resolved?
    #[arg(long, value_name = "YES_OR_NO")]
    resolved: YesOrNo,

    /// Are you satisfied with how it was handled?
    #[arg(long, value_name = "YES_OR_NO")]
    satisfied: YesOrNo,

    /// What you want to add, up to 2,000 characters
    #[arg(long)]
    comment: Option<String>,

    /// Have it handled again; only when it is not resolved and the case is not closed
    #[arg(long)]
    reopen: bool,

    /// Idempotency key, 16 to 128 visible ASCII characters; a new one when not given
    #[arg(long)]
    key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum YesOrNo {
    Yes,
    No,
}

pub(crate) async fn run(context: &Context, arguments: RateArgs) -> Result<(), Failure> {
    let request = RateCaseRequest {
        idempotency_key: key_or_new(arguments.key),
        receipt_code: receipt_argument(&arguments.receipt)?,
        resolved: arguments.resolved == YesOrNo::Yes,
        satisfied: arguments.satisfied == YesOrNo::Yes,
        comment: arguments.comment.unwrap_or_default(),
        reopen: arguments.reopen,
    };
    let answer = rate(context, &request).await.map_err(|failure| {
        if failure.outcome_is_unknown() {
            let key = &request.idempotency_key;
            return failure.with_hint(format!("the outcome is unknown; rate again with --key {key}"));
        }
        failure
    })?;
    context.output.result(
        || text::facts(&[("case", answer.case_id.clone()), ("rating", "taken, and on its way".to_owned())]),
        || json!({ "case_id": answer.case_id, "idempotency_key": request.idempotency_key }),
    )
}

/// Sends a rating until it is acknowledged, refused, or given up.
pub(crate) async fn rate(context: &Context, request: &RateCaseRequest) -> Result<RateCaseResponse, Failure> {
    let client = context.intake()?;
    context
        .call(Service::Intake, || {
            let mut client = client.clone();
            let request = request.clone();
            async move { client.rate_case(request).await }
        })
        .await
}
