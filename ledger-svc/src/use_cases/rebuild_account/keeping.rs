//! A leader sees to it that the tables are drawn by the rules that it goes by.

use std::time::Duration;

use huying_platform::status::chain;
use sqlx::{Connection as _, PgPool};
use tokio_util::sync::CancellationToken;

use super::{FORMAT, Progress, RebuildError, connect, draw_all, take_lock};
use crate::{
    LogIdentity,
    store::{self, projection::Projection},
};

/// How long until a leader asks again for the lock, or tries again what failed.
const AGAIN: Duration = Duration::from_secs(2);

/// How long until a leader that found the tables drawn looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Sees to it that the tables are drawn by the present rules, for a leader, as long as it leads. It looks again now and
/// then: whoever changes what is known of the tables would otherwise keep them from being held against the log.
pub async fn keep_drawn(db: &PgPool, log: &LogIdentity, epoch: i64, lead: &CancellationToken) {
    let drawing = async {
        // Of the term before, the first time: its leader went by the same rules. Afterwards nobody's but this one's.
        let mut since = epoch - 1;
        loop {
            let pause = match draw_if_needed(db, log, epoch, since).await {
                Ok(()) => {
                    since = epoch;
                    LOOK_AGAIN
                }
                Err(error) => {
                    tracing::warn!(error = chain(&error), "tables not drawn yet");
                    AGAIN
                }
            };
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        () = lead.cancelled() => {}
        () = drawing => {}
    }
}

/// The tables are as they should be when they were drawn by the present rules, and every leader went by these in the terms
/// from `since` to `epoch`.
async fn draw_if_needed(db: &PgPool, log: &LogIdentity, epoch: i64, since: i64) -> Result<(), RebuildError> {
    let mut looking = db.begin().await?;
    let known = store::projection::lock(&mut looking).await?;
    if store::log::state(&mut looking).await?.epoch != epoch {
        // Another leads, and sees to it.
        return Ok(());
    }
    if known.format > FORMAT {
        return Err(RebuildError::OfLaterVersion(known.format));
    }
    let is_drawn = known.format == FORMAT && (since..=epoch).contains(&known.epoch);
    let now = Projection { format: if is_drawn { FORMAT } else { 0 }, epoch };
    if known != now {
        store::projection::set(&mut looking, now).await?;
    }
    looking.commit().await?;
    if is_drawn {
        return Ok(());
    }

    let mut connection = connect(db).await?;
    while !take_lock(&mut connection).await? {
        tokio::time::sleep(AGAIN).await;
    }
    let progress = match draw_all(&mut connection, log, None).await {
        Ok(progress) => progress,
        Err(error @ RebuildError::Damaged { .. }) => {
            tracing::error!(error = chain(&error), "not all cases can be drawn");
            Progress::default()
        }
        Err(error) => return Err(error),
    };
    let mut transaction = connection.begin().await?;
    if store::projection::lock(&mut transaction).await?.epoch == epoch {
        store::projection::set(&mut transaction, Projection { format: FORMAT, epoch }).await?;
    }
    transaction.commit().await?;
    connection.close().await.ok();
    tracing::info!(
        cases = progress.cases,
        leaves = progress.leaves,
        mended = progress.mended,
        "tables drawn"
    );
    Ok(())
}
