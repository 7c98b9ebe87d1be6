//! Fires deadlines that have come: each exactly once, by any number of replicas, whatever was restarted in between.
//!
//! The row of the case is the deadline. It is locked, judged and moved on in one transaction, so a second replica
//! either passes it over or finds it moved on; a crash in between leaves it due.

use std::time::Duration;

use huying_platform::status::chain;
use huying_proto::events::v1::Actor;
use tokio_util::sync::CancellationToken;

use super::entry::Entries;
use crate::{
    domain::{
        command::Command,
        decide::{Context, decide},
    },
    service::Service,
    store::{cases, history},
};

/// How many are fired in one transaction.
const BATCH_MAX: i64 = 200;
/// How long after it is due a deadline fires at the latest, when there is no backlog.
const POLL_MAX: Duration = Duration::from_millis(200);
/// Pause even when something is due: another replica has it at hand.
const POLL_MIN: Duration = Duration::from_millis(10);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Fires one batch. Returns how many cases were due.
///
/// # Errors
/// When a statement fails; then nothing of the batch was fired.
pub async fn fire_deadlines(service: &Service) -> sqlx::Result<usize> {
    let directory = service.directory.load();
    let context = Context {
        now: service.clock.now(),
        actor: Actor::default(),
        directory: &directory,
        policies: &service.policies,
    };

    let mut transaction = service.db.begin().await?;
    let due = cases::lock_due(&mut transaction, context.now, BATCH_MAX).await?;
    let mut entries = Entries::default();
    let mut moved = Vec::with_capacity(due.len());
    for stored in &due {
        match decide(&stored.case, &Command::ExpireDeadline, &context) {
            Ok(decision) => {
                entries.add(stored.case.id, &stored.header, decision.events, None);
                moved.push(decision.case);
            }
            Err(rejection) => {
                tracing::error!(case_id = %stored.case.id, error = chain(&rejection), "a due deadline was rejected");
            }
        }
    }
    if moved.is_empty() {
        return Ok(0);
    }
    cases::update(&mut transaction, &moved.iter().collect::<Vec<_>>()).await?;
    history::append(&mut transaction, &entries.episodes).await?;
    service.outbox.append(&mut transaction, &entries.outgoing).await?;
    transaction.commit().await?;
    service.outbox.wake();
    Ok(moved.len())
}

/// Fires deadlines until told to stop; the batch at hand is finished.
pub async fn keep_firing(service: Service, fired: impl Fn(usize) + Send, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match fire_deadlines(&service).await {
            Ok(0) => until_next(&service).await,
            Ok(count) => {
                fired(count);
                continue;
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "deadlines not fired");
                RETRY
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Until the next deadline that is known, or until new ones should be looked for.
async fn until_next(service: &Service) -> Duration {
    match cases::next_due(&service.db).await {
        Ok(Some(due_at)) => {
            let wait = due_at.duration_since(service.clock.now());
            Duration::try_from(wait).unwrap_or_default().clamp(POLL_MIN, POLL_MAX)
        }
        Ok(None) | Err(_) => POLL_MAX,
    }
}
