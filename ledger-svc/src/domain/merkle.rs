//! The tree over the leaves: hashing as in RFC 6962 section 2.1 (SHA-256), kept as the tiles of C2SP tlog-tiles.
//!
//! A tile holds up to 256 hashes. Tile (0, n) holds the hashes of leaves 256n and on; entry i of tile (l, n) is the
//! root over the whole tile (l - 1, 256n + i). Only what lies on the right edge ever grows; a full tile never changes.
//!
//! Guaranteed: the same leaves give the same root and the same tiles, however they were batched. Left to others: where
//! tiles are kept, and that two never append at once. What is proved from tiles is in `merkle/proofs.rs`.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

mod proofs;
#[cfg(test)]
mod tests;

pub use proofs::{
    consistency_path, consistency_tiles, inclusion_path, inclusion_tiles, root_tiles, tree_root,
    verify_consistency, verify_inclusion,
};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Hashes in a full tile.
pub const TILE_WIDTH: usize = 256;

/// Binary levels of the tree that one level of tiles spans: 2^8 = 256.
const TILE_HEIGHT: u32 = 8;

/// Hash of a leaf: SHA-256(0x00 || leaf).
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0x00]);
    hasher.update(leaf);
    hasher.finalize().into()
}

/// Hash of an inner node: SHA-256(0x01 || left || right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0x01]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

/// Root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// What can be wrong with a question to the tree, or with the tiles it is answered from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MerkleError {
    /// The leaf is not in a tree of this size.
    #[error("leaf {leaf_index} is not in a tree of {tree_size} leaves")]
    LeafOutOfRange {
        /// Place asked for, from 0.
        leaf_index: u64,
        /// Leaves in the tree.
        tree_size: u64,
    },
    /// The older tree of a consistency proof is larger than the newer one.
    #[error("a tree of {old_size} leaves cannot be the beginning of one of {tree_size}")]
    OldSizeOutOfRange {
        /// Leaves in the older tree.
        old_size: u64,
        /// Leaves in the newer tree.
        tree_size: u64,
    },
    /// The kept tiles lack a hash that a tree of this size must have.
    #[error("tile {index} of level {level} lacks entry {entry}")]
    MissingHash {
        /// Level of the tile, from 0.
        level: u8,
        /// Place of the tile in its level, from 0.
        index: u64,
        /// Place of the hash in the tile, from 0.
        entry: usize,
    },
}

/// Name of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0 for tiles of leaf hashes. A tree of less than 2^63 leaves has none above 7.
    pub level: u8,
    /// Place in the level, from 0.
    pub index: u64,
}

impl TileId {
    /// How many hashes the tile has in a tree of this size: 0 when it has no such tile, at most [`TILE_WIDTH`].
    pub fn width(self, tree_size: u64) -> usize {
        let before = self.index.saturating_mul(TILE_WIDTH as u64);
        let from_here = nodes_at(tree_size, self.level).saturating_sub(before);
        usize::try_from(from_here).map_or(TILE_WIDTH, |width| width.min(TILE_WIDTH))
    }
}

/// A tile: 1 to 256 hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Its name.
    pub id: TileId,
    /// Its hashes, from the left.
    pub hashes: Vec<Hash>,
}

/// The right edge of the tree: the partial tile of each level. All that appending needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    /// By level; less than 256 hashes each.
    partial: Vec<Vec<Hash>>,
}

impl Edge {
    /// The partial tiles that make up the edge of a tree of this size.
    pub fn tile_ids(tree_size: u64) -> Vec<TileId> {
        let mut ids = Vec::new();
        let mut nodes = tree_size;
        let mut level = 0;
        while nodes > 0 {
            if !nodes.is_multiple_of(TILE_WIDTH as u64) {
                ids.push(TileId { level, index: nodes / TILE_WIDTH as u64 });
            }
            nodes /= TILE_WIDTH as u64;
            level += 1;
        }
        ids
    }

    /// The edge of a tree of this size, from the tiles that [`Edge::tile_ids`] names.
    ///
    /// # Errors
    /// [`MerkleError::MissingHash`] when a tile is missing or too narrow.
    pub fn from_tiles(tree_size: u64, tiles: &Tiles) -> Result<Self, MerkleError> {
        let mut partial = Vec::new();
        for id in Self::tile_ids(tree_size) {
            let hashes = tiles.slice(id, 0, id.width(tree_size))?;
            partial.resize(usize::from(id.level) + 1, Vec::new());
            partial[usize::from(id.level)] = hashes.to_vec();
        }
        Ok(Self { size: tree_size, partial })
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends leaf hashes and returns the tiles that are new or have grown, whole.
    pub fn append(&mut self, leaf_hashes: &[Hash]) -> Vec<Tile> {
        let mut touched = Vec::new();
        let mut entering = leaf_hashes.to_vec();
        let mut level: u8 = 0;
        while !entering.is_empty() {
            if self.partial.len() <= usize::from(level) {
                self.partial.push(Vec::new());
            }
            let mut index = nodes_at(self.size, level) / TILE_WIDTH as u64;
            let mut tile = std::mem::take(&mut self.partial[usize::from(level)]);
            let mut rising = Vec::new();
            for hash in entering {
                tile.push(hash);
                if tile.len() == TILE_WIDTH {
                    rising.push(perfect_root(&tile));
                    touched.push(Tile { id: TileId { level, index }, hashes: std::mem::take(&mut tile) });
                    index += 1;
                }
            }
            if !tile.is_empty() {
                touched.push(Tile { id: TileId { level, index }, hashes: tile.clone() });
            }
            self.partial[usize::from(level)] = tile;
            entering = rising;
            level += 1;
        }
        self.size += leaf_hashes.len() as u64;
        touched
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        // From the right: the smallest perfect subtrees first, each joined as the left side of what was found so far.
        let mut root: Option<Hash> = None;
        for hashes in &self.partial {
            let mut end = hashes.len();
            while end > 0 {
                let width = 1 << end.trailing_zeros();
                let left = perfect_root(&hashes[end - width..end]);
                root = Some(match root {
                    Some(right) => node_hash(&left, &right),
                    None => left,
                });
                end -= width;
            }
        }
        root.unwrap_or_else(empty_root)
    }
}

/// Tiles that were read, to answer a question from.
#[derive(Debug, Clone, Default)]
pub struct Tiles(BTreeMap<TileId, Vec<Hash>>);

impl Tiles {
    /// Adds a tile, or replaces it by a wider one.
    pub fn insert(&mut self, tile: Tile) {
        self.0.insert(tile.id, tile.hashes);
    }

    fn slice(&self, id: TileId, start: usize, width: usize) -> Result<&[Hash], MerkleError> {
        let hashes = self.0.get(&id).map_or(&[][..], Vec::as_slice);
        hashes.get(start..start + width).ok_or(MerkleError::MissingHash {
            level: id.level,
            index: id.index,
            entry: hashes.len().max(start),
        })
    }
}

impl FromIterator<Tile> for Tiles {
    fn from_iter<I: IntoIterator<Item = Tile>>(tiles: I) -> Self {
        Self(tiles.into_iter().map(|tile| (tile.id, tile.hashes)).collect())
    }
}

/// Complete nodes that tiles of this level hold for a tree of this size.
fn nodes_at(tree_size: u64, level: u8) -> u64 {
    tree_size.checked_shr(u32::from(level) * TILE_HEIGHT).unwrap_or(0)
}

/// Root over a power of two of hashes.
pub(super) fn perfect_root(hashes: &[Hash]) -> Hash {
    if let [only] = hashes {
        return *only;
    }
    let mut row: Vec<Hash> = hashes.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row[0]
}
