//! Holds the rows of leaves against the log, some at a time: that each place has one, that it is the leaf that the signed
//! checkpoint covers, and that it is found by the case and the version that its bytes name.
//!
//! Guaranteed: each time is one view of the database, and nothing waits for it.

use std::collections::BTreeSet;

use huying_platform::ids::CaseId;
use sqlx::{Connection as _, PgConnection};

use super::open_head::HeadError;
use crate::{
    LogIdentity,
    domain::{
        coverage, head,
        merkle::Edge,
        soundness::{self, Damage},
    },
    store,
};

/// Leaves that are read at once: 32 MB if each were as large as a leaf may be, and some 400 kB as they are.
pub const LEAVES_MAX: u64 = 512;

/// Cases that a survey remembers as cut off.
const CUT_OFF_MAX: usize = 10_000;

/// What was found in the next leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Where to go on; `None` when these were the last.
    pub next: Option<u64>,
    /// What is wrong with these.
    pub damage: Damage,
    /// Rows of leaves that are not in the tree; looked for with the last leaves only.
    pub strays: u64,
}

/// Looks at the leaves from `first` on, [`LEAVES_MAX`] at most.
///
/// # Errors
/// [`HeadError`]: the tree itself is not as it was signed, or a statement failed.
pub async fn sweep_leaves(
    connection: &mut PgConnection,
    log: &LogIdentity,
    first: u64,
) -> Result<Swept, HeadError> {
    let mut view = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let tree_size = store::log::tree_size(&mut view).await?;
    let newest = store::log::newest_checkpoint(&mut view).await?;
    let edge_tiles = store::log::tiles(&mut view, &Edge::tile_ids(tree_size)).await?;
    let edge = head::open(&log.origin, tree_size, &edge_tiles, newest.as_ref(), &log.verifiers())?;

    let before = first.saturating_add(LEAVES_MAX).min(tree_size);
    let rows = store::evidence::rows(&mut view, first, before).await?;
    let tiles = store::evidence::tiles(&mut view, &coverage::tiles_needed(first..before, tree_size)).await?;
    let next = (before < tree_size).then_some(before);
    let strays = match next {
        Some(_) => 0,
        None => store::evidence::strays(&mut view, tree_size).await?,
    };
    view.commit().await?;
    let damage = soundness::check(&rows, first, before, tree_size, &edge.root(), &tiles);
    Ok(Swept { next, damage, strays })
}

/// What all leaves together tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// Nothing is wrong with any of them.
    pub(super) is_sound: bool,
    /// Cases some of whose lines are found by another case or version; the first 10,000.
    pub(super) cut_off: BTreeSet<CaseId>,
}

/// Looks at all leaves that there are at its end.
///
/// # Errors
/// As [`sweep_leaves`].
pub(super) async fn survey(connection: &mut PgConnection, log: &LogIdentity) -> Result<Survey, HeadError> {
    let mut survey = Survey { is_sound: true, cut_off: BTreeSet::new() };
    let mut next = Some(0);
    while let Some(first) = next {
        let swept = sweep_leaves(connection, log, first).await?;
        survey.is_sound &= swept.damage.places.is_empty() && swept.strays == 0;
        let room = CUT_OFF_MAX.saturating_sub(survey.cut_off.len());
        survey.cut_off.extend(swept.damage.cut_off.into_iter().take(room));
        next = swept.next;
        // Hashing takes some milliseconds, in which nobody else has this thread.
        tokio::task::yield_now().await;
    }
    Ok(survey)
}
