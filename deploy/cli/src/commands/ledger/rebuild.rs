//! `huying ledger rebuild`: has the account drawn anew from the leaves.

use std::time::Duration;

use clap::Args;
use huying_proto::ledger::v1::{RebuildAccountRequest, RebuildAccountResponse};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    context::{Context, Service, authorised},
    failure::Failure,
    identity::{Identity, IdentityArgs, token_or},
    progress::Progress,
    text,
};

/// Some cases are drawn in each step, and each step is told.
const STEP_MAX: Duration = Duration::from_secs(300);

const AFTER_HELP: &str = "\
Examples:
  huying ledger rebuild
  huying ledger rebuild --token \"$OPERATOR_TOKEN\" --json

How each case stands, what the figures are counted from, and what the search finds are drawn anew
from the leaves, some cases at a time, while everything goes on. Says how many cases were otherwise
than their leaves say; they are not any more. A case with leaves that are missing, or are not the
ones in the log, is left as it is: it is named, and the command fails. Without a token, the call is
made in the operator's name. When it is broken off, it may be begun anew.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct RebuildArgs {
    #[command(flatten)]
    identity: IdentityArgs,
}

pub(super) async fn run(context: &Context, arguments: &RebuildArgs) -> Result<(), Failure> {
    let token = token_or(context, &arguments.identity, &Identity::Operator)?;
    let mut client = context.ledger_admin()?;
    let request = authorised(RebuildAccountRequest {}, &token);
    let mut answers =
        context.call_once(Service::Ledger, async move { client.rebuild_account(request?).await }).await?;
    let mut progress = Progress::new(context.output);
    let mut damaged = 0;
    loop {
        let answer = timeout(STEP_MAX, answers.message())
            .await
            .map_err(|_| Failure::timed_out("the ledger has fallen silent; the rebuild may be going on"))?;
        let address = context.address(Service::Ledger)?;
        let answer = answer.map_err(|status| {
            let failure = Failure::from_status("ledger", address, &status);
            // The error itself names the cases.
            if damaged == 0 {
                failure
            } else {
                failure.with_hint("huying ledger audit says what is wrong in the log")
            }
        });
        match answer? {
            Some(last) if last.done => {
                drop(progress);
                return context.output.result(|| for_people(&last), || to_json(&last));
            }
            Some(so_far) => {
                damaged = so_far.damaged;
                progress.tell(|| how_far(&so_far));
            }
            None => return Err(Failure::unexpected("the rebuild ended without saying how")),
        }
    }
}

fn for_people(last: &RebuildAccountResponse) -> String {
    let mut shown = text::facts(&[
        ("drawn anew", format!("{} cases from {} leaves", last.cases, last.leaves)),
        ("mended", last.mended.to_string()),
    ]);
    for named in names(&last.mended_case_ids, last.mended) {
        shown.push_str(&format!("\n  {named}"));
    }
    shown
}

fn how_far(so_far: &RebuildAccountResponse) -> String {
    let RebuildAccountResponse { cases, leaves, mended, damaged, .. } = so_far;
    let damaged =
        if *damaged == 0 { String::new() } else { format!(", {damaged} damaged and left as they are") };
    format!("{cases} cases drawn from {leaves} leaves, {mended} mended{damaged}")
}

/// Cases by id, as far as the ledger names them, and how many there are besides.
fn names(case_ids: &[String], count: u64) -> Vec<String> {
    let mut names: Vec<String> = case_ids.iter().map(|case_id| text::line(case_id)).collect();
    let unnamed = count.saturating_sub(case_ids.len() as u64);
    if unnamed > 0 {
        names.push(format!("and {unnamed} more"));
    }
    names
}

fn to_json(last: &RebuildAccountResponse) -> serde_json::Value {
    json!({
        "cases": last.cases,
        "leaves": last.leaves,
        "mended": last.mended,
        "mended_case_ids": last.mended_case_ids,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_that_were_mended_are_named_as_far_as_the_ledger_names_them() {
        let last = RebuildAccountResponse {
            cases: 9,
            leaves: 40,
            mended: 3,
            mended_case_ids: vec!["a".into(), "b".into()],
            done: true,
            ..RebuildAccountResponse::default()
        };
        let shown = "drawn anew  9 cases from 40 leaves\nmended      3\n  a\n  b\n  and 1 more";
        assert_eq!(for_people(&last), shown);
    }

    #[test]
    fn damaged_cases_are_told_of_while_there_are_any() {
        let so_far = RebuildAccountResponse { cases: 9, leaves: 40, ..RebuildAccountResponse::default() };
        assert_eq!(how_far(&so_far), "9 cases drawn from 40 leaves, 0 mended");
        let so_far = RebuildAccountResponse { damaged: 2, ..so_far };
        assert!(how_far(&so_far).ends_with("0 mended, 2 damaged and left as they are"));
    }
}
