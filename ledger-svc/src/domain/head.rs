//! The head of the log: its tree as the tiles have it, the checkpoint that was signed for it, and what was signed before.
//!
//! Guaranteed: an edge that [`open`] hands out is that of the very tree that keys of the log have signed, so that nobody
//! who changes tiles, a checkpoint or the size in the database has the log sign what it did not compute; a tree that
//! [`goes_on`] accepts begins with the one that was signed before. Left to others: reading all of it in one view.

use super::{
    checkpoint::Checkpoint,
    merkle::{Edge, MerkleError, TileId, Tiles, consistency_path, consistency_tiles, verify_consistency},
    note::{NoteError, SignedNote, Verifier, check_signatures},
};

/// A checkpoint as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// Leaves in the tree that it is kept for.
    pub tree_size: u64,
    /// Root it is kept with.
    pub root: Vec<u8>,
    /// The signed note.
    pub note: String,
}

/// Why a log must not be carried on: something of it is not as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadFault {
    /// The tiles do not make up a tree of that size.
    #[error("the right edge of the tree cannot be read")]
    CorruptTiles(#[source] MerkleError),
    /// There are leaves, and no checkpoint at all.
    #[error("the log has {0} leaves and no checkpoint")]
    NoCheckpoint(u64),
    /// The size of the log is not that of its newest checkpoint.
    #[error("the log has {tree_size} leaves, and its newest checkpoint is of {signed_size}")]
    OtherSize {
        /// Leaves in the log, as its state has it.
        tree_size: u64,
        /// Leaves in the tree of the newest checkpoint.
        signed_size: u64,
    },
    /// The tiles and the checkpoint of the same size disagree.
    #[error("the tree of {0} leaves has another root than its checkpoint")]
    OtherRoot(u64),
    /// The note that is kept as the checkpoint says something else than what the tree is.
    #[error("the note that is kept as the checkpoint of {0} leaves does not say what their tree is")]
    OtherText(u64),
    /// No key of the log has signed the checkpoint, or one has signed something else.
    #[error("the checkpoint of {tree_size} leaves is not signed by the keys of the log")]
    NotSigned {
        /// Leaves in its tree.
        tree_size: u64,
        /// What it lacks.
        #[source]
        source: NoteError,
    },
    /// The size has changed under a leader, who alone may change it.
    #[error("the log has {tree_size} leaves, and the leader has left it with {left_with}")]
    Moved {
        /// Leaves in the log, as its state has it.
        tree_size: u64,
        /// Leaves after the leader's last append.
        left_with: u64,
    },
    /// More leaves have been signed than there are.
    #[error(
        "the log has {tree_size} leaves, and a checkpoint of {signed_size} was signed and published: leaves have been lost, \
         as by going back to a backup or to a standby that was behind"
    )]
    Lost {
        /// Leaves in the log.
        tree_size: u64,
        /// Leaves in the tree that was signed.
        signed_size: u64,
    },
    /// The tree does not begin with one that was signed.
    #[error(
        "the first {0} leaves are not those that were signed and published: going on would be a second history"
    )]
    Forked(u64),
}

/// Holds the head of the log together. Without leaves there may be no checkpoint yet.
///
/// # Errors
/// [`HeadFault`]; then nothing must be signed.
pub fn open(
    origin: &str,
    tree_size: u64,
    tiles: &Tiles,
    newest: Option<&KeptCheckpoint>,
    keys: &[Verifier],
) -> Result<Edge, HeadFault> {
    let edge = Edge::from_tiles(tree_size, tiles).map_err(HeadFault::CorruptTiles)?;
    let Some(kept) = newest else {
        return if tree_size == 0 { Ok(edge) } else { Err(HeadFault::NoCheckpoint(tree_size)) };
    };
    if kept.tree_size != tree_size {
        return Err(HeadFault::OtherSize { tree_size, signed_size: kept.tree_size });
    }
    let computed = Checkpoint { origin: origin.to_owned(), tree_size, root: edge.root() };
    if kept.root != computed.root {
        return Err(HeadFault::OtherRoot(tree_size));
    }
    let not_signed = |source| HeadFault::NotSigned { tree_size, source };
    let note = SignedNote::parse(&kept.note).map_err(not_signed)?;
    if note.text != computed.text() {
        return Err(HeadFault::OtherText(tree_size));
    }
    check_signatures(&note, keys).map_err(not_signed)?;
    Ok(edge)
}

/// The tiles that [`goes_on`] needs; none when the tree is the smaller one.
pub fn tiles_to_go_on(signed: &Checkpoint, tree_size: u64) -> Vec<TileId> {
    consistency_tiles(signed.tree_size, tree_size).unwrap_or_default()
}

/// Does the tree with this edge begin with the one that was signed before? Tiles that were changed on the way between
/// the two are no proof of it.
///
/// # Errors
/// [`HeadFault::Lost`], [`HeadFault::Forked`], [`HeadFault::CorruptTiles`].
pub fn goes_on(signed: &Checkpoint, edge: &Edge, tiles: &Tiles) -> Result<(), HeadFault> {
    let (signed_size, tree_size) = (signed.tree_size, edge.size());
    if tree_size < signed_size {
        return Err(HeadFault::Lost { tree_size, signed_size });
    }
    let path = consistency_path(signed_size, tree_size, tiles).map_err(HeadFault::CorruptTiles)?;
    if !verify_consistency(signed_size, &signed.root, tree_size, &edge.root(), &path) {
        return Err(HeadFault::Forked(signed_size));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{merkle::leaf_hash, note::Signer};

    const ORIGIN: &str = "ledger.example.cn/150800";

    fn signer(seed: u8) -> Signer {
        Signer::from_seed(ORIGIN, &[seed; 32]).unwrap()
    }

    /// A log of so many leaves, those from `forked_at` on being others.
    fn log(tree_size: u64, forked_at: u64) -> (Tiles, Edge, KeptCheckpoint) {
        let mut edge = Edge::default();
        let leaf = |index: u64| leaf_hash(format!("{index} {}", index >= forked_at).as_bytes());
        let tiles = edge.append(&(0..tree_size).map(leaf).collect::<Vec<_>>()).into_iter().collect();
        let note = checkpoint(&edge).sign(&[signer(1)]).unwrap();
        let kept = KeptCheckpoint { tree_size, root: edge.root().to_vec(), note };
        (tiles, edge, kept)
    }

    fn checkpoint(edge: &Edge) -> Checkpoint {
        Checkpoint { origin: ORIGIN.to_owned(), tree_size: edge.size(), root: edge.root() }
    }

    fn opened(size: u64, tiles: &Tiles, kept: Option<&KeptCheckpoint>) -> Result<Edge, HeadFault> {
        open(ORIGIN, size, tiles, kept, &[signer(1).verifier()])
    }

    #[test]
    fn a_log_as_it_was_signed_is_carried_on() {
        let (tiles, edge, kept) = log(300, u64::MAX);
        assert_eq!(opened(300, &tiles, Some(&kept)), Ok(edge));
        assert_eq!(opened(0, &Tiles::default(), None), Ok(Edge::default()));
    }

    #[test]
    fn whatever_is_not_as_it_was_signed_stops_it() {
        let (tiles, edge, kept) = log(300, u64::MAX);
        let (other_tiles, other_edge, other) = log(300, 299);
        assert_eq!(opened(300, &tiles, None), Err(HeadFault::NoCheckpoint(300)));
        for tree_size in [299, 301, 0] {
            let found = opened(tree_size, &tiles, Some(&kept));
            let fault = HeadFault::OtherSize { tree_size, signed_size: 300 };
            // A tree with more leaves than the tiles have cannot even be read.
            assert!(found == Err(fault) || (tree_size == 301 && found.is_err()), "{found:?}");
        }
        assert_eq!(opened(300, &other_tiles, Some(&kept)), Err(HeadFault::OtherRoot(300)));
        // The column has the true root, and the note a forged one: its text must never be signed.
        let forged = KeptCheckpoint { note: other.note.clone(), ..kept.clone() };
        assert_eq!(opened(300, &tiles, Some(&forged)), Err(HeadFault::OtherText(300)));
        for note in [checkpoint(&edge).sign(&[signer(2)]).unwrap(), checkpoint(&edge).text(), String::new()] {
            let unsigned = KeptCheckpoint { note, ..kept.clone() };
            assert!(matches!(opened(300, &tiles, Some(&unsigned)), Err(HeadFault::NotSigned { .. })));
        }
        assert!(matches!(
            open(ORIGIN, 300, &tiles, Some(&kept), &[]),
            Err(HeadFault::NotSigned { source: NoteError::NotSigned, .. })
        ));
        assert_eq!(opened(300, &other_tiles, Some(&other)), Ok(other_edge));
    }

    #[test]
    fn a_tree_goes_on_from_what_was_signed_before_or_not_at_all() {
        let (tiles, edge, _) = log(600, u64::MAX);
        for signed_size in [0, 1, 255, 256, 511, 599, 600] {
            let signed = checkpoint(&log(signed_size, u64::MAX).1);
            assert_eq!(goes_on(&signed, &edge, &tiles), Ok(()), "{signed_size}");
            if signed_size > 0 {
                let other = checkpoint(&log(signed_size, signed_size - 1).1);
                assert_eq!(goes_on(&other, &edge, &tiles), Err(HeadFault::Forked(signed_size)));
            }
        }
        let later = checkpoint(&log(601, u64::MAX).1);
        let lost = HeadFault::Lost { tree_size: 600, signed_size: 601 };
        assert_eq!(goes_on(&later, &edge, &tiles), Err(lost));
    }
}
