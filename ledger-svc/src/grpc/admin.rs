//! What operators do with the account. Their token must not be limited to a region: the account is of all regions.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream};
use huying_platform::{
    Platform,
    auth::Role,
    status::{self, chain, refused},
};
use huying_proto::ledger::v1::{
    RebuildAccountRequest, RebuildAccountResponse, ledger_admin_service_server::LedgerAdminService,
};
use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Request, Response, Status};

use crate::{
    LogIdentity,
    use_cases::rebuild_account::{Progress, RebuildError, rebuild_account},
};

/// Answers ahead of the operator: a rebuild waits for whoever watches it.
const AHEAD: usize = 4;

/// Serves operators.
#[derive(Debug)]
pub struct LedgerAdminApi {
    platform: Platform,
    log: Arc<LogIdentity>,
}

impl LedgerAdminApi {
    /// Over the platform's own connections: a rebuild takes longer than a reader may.
    pub fn new(platform: &Platform, log: Arc<LogIdentity>) -> Self {
        Self { platform: platform.clone(), log }
    }
}

#[tonic::async_trait]
impl LedgerAdminService for LedgerAdminApi {
    type RebuildAccountStream = BoxStream<'static, Result<RebuildAccountResponse, Status>>;

    /// The rebuild ends with the call: who hangs up breaks it off, and may begin again.
    async fn rebuild_account(
        &self,
        request: Request<RebuildAccountRequest>,
    ) -> Result<Response<Self::RebuildAccountStream>, Status> {
        let principal = self.platform.auth.authenticate(request.metadata())?;
        principal.require(&[Role::Operator])?;
        principal.require_unscoped()?;
        tracing::info!(by = principal.subject, "rebuilding the account");

        let (told, progress) = mpsc::channel(AHEAD);
        let (end, ended) = oneshot::channel();
        let (db, stop) = (self.platform.db.clone(), self.platform.shutdown());
        let log = Arc::clone(&self.log);
        self.platform.spawn("rebuild", async move {
            let outcome = tokio::select! {
                outcome = rebuild_account(&db, &log, &told) => outcome,
                () = stop.cancelled() => Err(RebuildError::Stopping),
            };
            drop(told);
            // Nobody is there to be told when the operator has hung up.
            let _ = end.send(last_answer(outcome));
        });
        Ok(Response::new(answers(progress, ended)))
    }
}

/// How far it is, again and again, and at last how it ended.
fn answers(
    progress: mpsc::Receiver<Progress>,
    ended: oneshot::Receiver<Result<RebuildAccountResponse, Status>>,
) -> BoxStream<'static, Result<RebuildAccountResponse, Status>> {
    Box::pin(stream::unfold(Some((progress, ended)), |open| async {
        let (mut progress, ended) = open?;
        match progress.recv().await {
            Some(reached) => Some((Ok(answer(&reached, false)), Some((progress, ended)))),
            None => Some((ended.await.ok()?, None)),
        }
    }))
}

fn answer(progress: &Progress, done: bool) -> RebuildAccountResponse {
    RebuildAccountResponse {
        cases: progress.cases,
        leaves: progress.leaves,
        mended: progress.mended,
        mended_case_ids: progress.mended_case_ids.iter().map(ToString::to_string).collect(),
        done,
        damaged: progress.damaged,
        damaged_case_ids: progress.damaged_case_ids.iter().map(ToString::to_string).collect(),
    }
}

#[allow(clippy::result_large_err)] // The size is tonic's choice.
fn last_answer(outcome: Result<Progress, RebuildError>) -> Result<RebuildAccountResponse, Status> {
    let error = match outcome {
        Ok(progress) => {
            tracing::info!(cases = progress.cases, mended = progress.mended, "account rebuilt");
            return Ok(answer(&progress, true));
        }
        Err(error) => error,
    };
    tracing::warn!(error = chain(&error), "account not rebuilt, or not all of it");
    let message = error.to_string();
    Err(match error {
        RebuildError::AlreadyRunning => refused(Code::FailedPrecondition, "REBUILD_RUNNING", message, &[]),
        RebuildError::OfLaterVersion(_) => refused(Code::FailedPrecondition, "LATER_VERSION", message, &[]),
        RebuildError::Damaged { count, .. } => {
            refused(Code::DataLoss, "LINES_DAMAGED", message, &[("cases", count.to_string())])
        }
        RebuildError::Head(fault) => {
            refused(Code::DataLoss, "LOG_DAMAGED", format!("{message}: {}", chain(&fault)), &[])
        }
        RebuildError::Abandoned | RebuildError::Stopping => {
            refused(Code::Unavailable, "REBUILD_BROKEN_OFF", message, &[])
        }
        RebuildError::Sql(error) => status::from_sqlx(error),
    })
}
