//! Reads the head of the log and holds it together, for whoever goes on from it.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use crate::{
    domain::{
        coverage,
        head::{self, HeadFault, KeptCheckpoint},
        history::KeptLine,
        merkle::Edge,
        note::Verifier,
    },
    signed_mark::SignedMark,
    store,
};

/// Why the head is not to be relied on.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// It is not as it was signed.
    #[error("the log is not as it was signed")]
    Fault(#[from] HeadFault),
    /// A statement failed.
    #[error("reading the head of the log")]
    Sql(#[from] sqlx::Error),
}

/// By what the head of a log is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'a> {
    /// Name of the log.
    pub(super) origin: &'a str,
    /// Keys of which one at least must have signed.
    pub(super) keys: &'a [Verifier],
    /// What was signed before.
    pub(super) mark: &'a SignedMark,
}

impl Judge<'_> {
    /// The right edge of the tree, and the checkpoint that is signed for it; none before the first leader of a log
    /// without leaves. The caller holds the lock of the log's row.
    ///
    /// # Errors
    /// [`HeadError`].
    pub(super) async fn open(
        &self,
        connection: &mut PgConnection,
        tree_size: u64,
    ) -> Result<(Edge, Option<KeptCheckpoint>), HeadError> {
        let signed = self.mark.newest();
        let newest = store::log::newest_checkpoint(connection).await?;
        let mut asked = Edge::tile_ids(tree_size);
        if let Some(signed) = &signed {
            asked.extend(head::tiles_to_go_on(signed, tree_size));
            asked.sort_unstable();
            asked.dedup();
        }
        let tiles = store::log::tiles(connection, &asked).await?;
        if let Some(signed) = signed.as_ref().filter(|signed| signed.tree_size > tree_size) {
            // That leaves have been lost explains whatever else is wrong.
            return Err(HeadFault::Lost { tree_size, signed_size: signed.tree_size }.into());
        }
        let edge = head::open(self.origin, tree_size, &tiles, newest.as_ref(), self.keys)?;
        if let Some(signed) = &signed {
            head::goes_on(signed, &edge, &tiles)?;
        }
        Ok((edge, newest))
    }
}

/// Places of those among these lines that the tree with this edge does not prove: they, or the tiles that lead from them
/// to its root, are not the ones that were logged.
pub(super) async fn unproved(
    connection: &mut PgConnection,
    edge: &Edge,
    lines: impl Iterator<Item = &KeptLine>,
) -> sqlx::Result<BTreeSet<u64>> {
    let hashes: BTreeMap<u64, _> = lines.map(|line| (line.leaf_index, line.hash)).collect();
    let needed = coverage::tiles_needed(hashes.keys().copied(), edge.size());
    let tiles = store::evidence::tiles(connection, &needed).await?;
    Ok(coverage::check(&hashes, edge.size(), Some(&edge.root()), &tiles).unproved_leaves)
}
