//! Deletes pictures that nobody shall or will see any more.
//!
//! Erasing a private part dooms the pictures of the case in the same transaction; a sweep is woken for it. Besides, a
//! sweep a minute finds what calls left behind that ended half-way: uploads that were not completed, and pictures whose
//! submission was never committed, a day after they were stored. A doomed picture is shown to nobody; its object is
//! deleted first and its row last, so that a sweep that is cut off is taken up by the next one. Any number of replicas
//! may sweep: an object that is gone already is as good as deleted.

use std::{sync::Arc, time::Duration};

use huying_platform::status::chain;
use jiff::SignedDuration;
use prometheus_client::metrics::gauge::Gauge;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{app::App, store::pictures};

/// How long a submission may take to be committed, and more: a call ends within a minute.
const UNWANTED_AFTER: SignedDuration = SignedDuration::from_hours(24);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Rows looked at in one transaction, and objects deleted before the next look.
const SWEEP_ROWS: i64 = 100;
/// Rounds of one sweep; what is left after that waits for the next one.
const ROUNDS_MAX: u32 = 100;

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects that are gone.
    pub deleted: usize,
    /// Objects that could not be deleted; they are tried again.
    pub failed: usize,
}

/// Sweeps once a minute, and when woken, until `ended`.
pub async fn run_sweeper(app: Arc<App>, doomed: Gauge, ended: CancellationToken) {
    loop {
        tokio::select! {
            () = ended.cancelled() => return,
            () = app.sweep.notified() => {}
            () = tokio::time::sleep(SWEEP_INTERVAL) => {}
        }
        let swept = tokio::select! {
            () = ended.cancelled() => return,
            swept = sweep_pictures(&app) => swept,
        };
        match swept {
            Ok(Swept { deleted: 0, failed: 0 }) => {}
            Ok(Swept { deleted, failed }) => tracing::info!(deleted, failed, "pictures deleted"),
            Err(error) => tracing::warn!(error = chain(&error), "pictures not swept"),
        }
        if let Ok(mut connection) = app.db.acquire().await
            && let Ok(count) = pictures::count_doomed(&mut connection).await
        {
            doomed.set(count);
        }
    }
}

/// Dooms what is unwanted and deletes what is doomed, up to a bound.
///
/// # Errors
/// A failed statement or commit. Objects that cannot be deleted are no error; they are counted and tried again.
pub async fn sweep_pictures(app: &App) -> sqlx::Result<Swept> {
    for _ in 0..ROUNDS_MAX {
        let now = app.clock.now();
        let mut transaction = app.db.begin().await?;
        let looked_at =
            pictures::settle_or_doom(&mut transaction, now - UNWANTED_AFTER, now, SWEEP_ROWS).await?;
        transaction.commit().await?;
        if looked_at < SWEEP_ROWS.unsigned_abs() {
            break;
        }
    }
    let mut swept = Swept::default();
    for _ in 0..ROUNDS_MAX {
        let round = delete_some(app).await?;
        swept.deleted += round.deleted;
        swept.failed += round.failed;
        // What failed now would fail again at once.
        if round.failed > 0 || round.deleted == 0 {
            break;
        }
    }
    Ok(swept)
}

async fn delete_some(app: &App) -> sqlx::Result<Swept> {
    let mut connection = app.db.acquire().await?;
    let doomed = pictures::doomed(&mut connection, SWEEP_ROWS).await?;
    drop(connection);
    let (mut deleted, mut failed): (Vec<Uuid>, Vec<Uuid>) = (Vec::new(), Vec::new());
    for object in doomed {
        match app.picture_store.delete(object).await {
            Ok(()) => deleted.push(object.object_id),
            Err(error) => {
                tracing::warn!(object_id = %object.object_id, error = chain(&error), "picture not deleted");
                failed.push(object.object_id);
            }
        }
    }
    let mut transaction = app.db.begin().await?;
    pictures::delete(&mut transaction, &deleted).await?;
    pictures::postpone(&mut transaction, &failed, app.clock.now()).await?;
    transaction.commit().await?;
    Ok(Swept { deleted: deleted.len(), failed: failed.len() })
}
