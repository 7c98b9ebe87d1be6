//! `huying ledger`: the public account, as everybody may read it, and as everybody may prove it.

use clap::{Args, Subcommand};

use super::ledger_verify::{self, VerifyArgs};
use crate::{context::Context, failure::Failure};

mod audit;
mod cases;
mod figures;
pub(super) mod keys;
pub(super) mod proof_file;
mod rebuild;
mod watch;

pub(super) use cases::{discrepancy_line, list_page, shown_case};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  huying ledger list --region 150802\n  huying ledger search 暖气 不热\n  huying ledger show CASE_ID\n  huying ledger figures --unit 150802-housing\n  huying ledger verify CASE_ID\n  huying ledger audit https://ledger.example.cn --vkey ledger.pub\n\nNo token is needed but for rebuild: the ledger is public."
)]
pub(crate) struct LedgerArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List cases, latest submission first
    List(cases::ListArgs),
    /// Find cases by words of their public texts, best match first
    Search(cases::SearchArgs),
    /// Show a case with its timeline
    Show(cases::ShowArgs),
    /// Show the figures of a unit, a region or a representative
    Figures(figures::FiguresArgs),
    /// Receive the leaves of the log, from a place on and as they come
    Watch(watch::WatchArgs),
    /// Prove what the ledger shows, or a proof that was kept in a file
    Verify(VerifyArgs),
    /// Download a whole ledger and compute everything in it anew
    Audit(audit::AuditArgs),
    /// Have the account drawn anew from the leaves (operators)
    Rebuild(rebuild::RebuildArgs),
}

pub(crate) async fn run(context: &Context, arguments: LedgerArgs) -> Result<(), Failure> {
    match arguments.action {
        Action::List(arguments) => cases::list(context, arguments).await,
        Action::Search(arguments) => cases::search(context, arguments).await,
        Action::Show(arguments) => cases::show(context, &arguments).await,
        Action::Figures(arguments) => figures::run(context, &arguments).await,
        Action::Watch(arguments) => watch::run(context, &arguments).await,
        Action::Verify(arguments) => ledger_verify::run(context, &arguments).await,
        Action::Audit(arguments) => audit::run(context, &arguments).await,
        Action::Rebuild(arguments) => rebuild::run(context, &arguments).await,
    }
}
