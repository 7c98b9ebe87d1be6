//! The tree over the leaves: hashing as in RFC 6962 section 2.1 (SHA-256), kept as the tiles of C2SP tlog-tiles.
//!
//! A tile holds up to 256 hashes. Tile (0, n) holds the hashes of leaves 256n and on; entry i of tile (l, n) is the
//! root over the whole tile (l - 1, 256n + i). Only what lies on the right edge ever grows; a full tile never changes.
//!
//! Guaranteed: the same leaves give the same root and the same tiles, however they were batched, and every proof made
//! here verifies against the root. Left to others: where tiles are kept, and that two never append at once.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

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
    /// 0 for tiles of leaf hashes; at most 7, since a tree has less than 2^63 leaves.
    pub level: u8,
    /// Place in the level, from 0.
    pub index: u64,
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
            let width = (nodes_at(tree_size, id.level) % TILE_WIDTH as u64) as usize;
            let hashes = tiles.slice(id, 0, width)?;
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

    fn node(&self, node: Node) -> Result<Hash, MerkleError> {
        let (id, start, width) = node.place();
        Ok(perfect_root(self.slice(id, start, width)?))
    }
}

impl FromIterator<Tile> for Tiles {
    fn from_iter<I: IntoIterator<Item = Tile>>(tiles: I) -> Self {
        Self(tiles.into_iter().map(|tile| (tile.id, tile.hashes)).collect())
    }
}

/// The tiles that [`inclusion_path`] needs.
///
/// # Errors
/// [`MerkleError::LeafOutOfRange`].
pub fn inclusion_tiles(leaf_index: u64, tree_size: u64) -> Result<Vec<TileId>, MerkleError> {
    tiles_asked(|read| inclusion(leaf_index, tree_size, read))
}

/// The audit path of RFC 6962 section 2.1.1, nearest first.
///
/// # Errors
/// [`MerkleError::LeafOutOfRange`]; [`MerkleError::MissingHash`] when `tiles` lack what [`inclusion_tiles`] named.
pub fn inclusion_path(leaf_index: u64, tree_size: u64, tiles: &Tiles) -> Result<Vec<Hash>, MerkleError> {
    inclusion(leaf_index, tree_size, &mut |node| tiles.node(node))
}

/// The tiles that [`consistency_path`] needs.
///
/// # Errors
/// [`MerkleError::OldSizeOutOfRange`].
pub fn consistency_tiles(old_size: u64, tree_size: u64) -> Result<Vec<TileId>, MerkleError> {
    tiles_asked(|read| consistency(old_size, tree_size, read))
}

/// The consistency proof of RFC 6962 section 2.1.2: the tree of `old_size` leaves is the beginning of the later one.
/// Empty when the sizes are equal or the older tree is empty.
///
/// # Errors
/// [`MerkleError::OldSizeOutOfRange`]; [`MerkleError::MissingHash`] when `tiles` lack what [`consistency_tiles`] named.
pub fn consistency_path(old_size: u64, tree_size: u64, tiles: &Tiles) -> Result<Vec<Hash>, MerkleError> {
    consistency(old_size, tree_size, &mut |node| tiles.node(node))
}

/// True when the path leads from the leaf's hash to the root. The procedure of RFC 9162 section 2.1.3.2.
pub fn verify_inclusion(leaf: &Hash, leaf_index: u64, tree_size: u64, path: &[Hash], root: &Hash) -> bool {
    if leaf_index >= tree_size {
        return false;
    }
    let (mut place, mut last) = (leaf_index, tree_size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// True when the path shows that the older tree is the beginning of the newer. The procedure of RFC 9162 section
/// 2.1.4.2.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    tree_size: u64,
    root: &Hash,
    path: &[Hash],
) -> bool {
    if old_size > tree_size {
        return false;
    }
    if old_size == tree_size {
        return path.is_empty() && old_root == root;
    }
    if old_size == 0 {
        return path.is_empty() && *old_root == empty_root();
    }
    let mut path = path.iter();
    let first = if old_size.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut place, mut last) = (old_size - 1, tree_size - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && old == *old_root && new == *root
}

/// A perfect subtree: `index`-th from the left of those with 2^height leaves.
#[derive(Debug, Clone, Copy)]
struct Node {
    height: u32,
    index: u64,
}

impl Node {
    /// The tile the node is computed from, and which of its hashes: start and width.
    fn place(self) -> (TileId, usize, usize) {
        let within = self.height % TILE_HEIGHT;
        let first = self.index << within;
        let id = TileId { level: (self.height / TILE_HEIGHT) as u8, index: first / TILE_WIDTH as u64 };
        (id, (first % TILE_WIDTH as u64) as usize, 1 << within)
    }
}

type ReadNode<'a> = &'a mut dyn FnMut(Node) -> Result<Hash, MerkleError>;

/// Runs a question with a reader that only notes what it is asked for.
fn tiles_asked(
    question: impl FnOnce(ReadNode<'_>) -> Result<Vec<Hash>, MerkleError>,
) -> Result<Vec<TileId>, MerkleError> {
    let mut asked = BTreeSet::new();
    question(&mut |node| {
        asked.insert(node.place().0);
        Ok(Hash::default())
    })?;
    Ok(asked.into_iter().collect())
}

fn inclusion(leaf_index: u64, tree_size: u64, read: ReadNode<'_>) -> Result<Vec<Hash>, MerkleError> {
    if leaf_index >= tree_size {
        return Err(MerkleError::LeafOutOfRange { leaf_index, tree_size });
    }
    let (mut start, mut end) = (0, tree_size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + left_width(end - start);
        if leaf_index < middle {
            path.push(range_root(middle, end, read)?);
            end = middle;
        } else {
            path.push(range_root(start, middle, read)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

fn consistency(old_size: u64, tree_size: u64, read: ReadNode<'_>) -> Result<Vec<Hash>, MerkleError> {
    if old_size > tree_size {
        return Err(MerkleError::OldSizeOutOfRange { old_size, tree_size });
    }
    if old_size == 0 || old_size == tree_size {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, tree_size);
    let mut path = Vec::new();
    // SUBPROOF(m, D[start:end], b): go down until the older tree ends where the range ends.
    while old_size != end {
        let middle = start + left_width(end - start);
        if old_size <= middle {
            path.push(range_root(middle, end, read)?);
            end = middle;
        } else {
            path.push(range_root(start, middle, read)?);
            start = middle;
        }
    }
    // The range is the whole older tree exactly when it begins at 0 (b is true): its root is known to the verifier.
    if start > 0 {
        path.push(range_root(start, end, read)?);
    }
    path.reverse();
    Ok(path)
}

/// MTH(D[start:end]), from perfect subtrees.
fn range_root(start: u64, end: u64, read: ReadNode<'_>) -> Result<Hash, MerkleError> {
    let width = end - start;
    if width.is_power_of_two() {
        let height = width.trailing_zeros();
        return read(Node { height, index: start >> height });
    }
    let middle = start + left_width(width);
    let left = range_root(start, middle, read)?;
    let right = range_root(middle, end, read)?;
    Ok(node_hash(&left, &right))
}

/// The largest power of two that is less than `width`; `width` is at least 2.
fn left_width(width: u64) -> u64 {
    1 << (u64::BITS - 1 - (width - 1).leading_zeros())
}

/// Complete nodes that tiles of this level hold for a tree of this size.
fn nodes_at(tree_size: u64, level: u8) -> u64 {
    tree_size.checked_shr(u32::from(level) * TILE_HEIGHT).unwrap_or(0)
}

/// Root over a power of two of hashes.
fn perfect_root(hashes: &[Hash]) -> Hash {
    if let [only] = hashes {
        return *only;
    }
    let mut row: Vec<Hash> = hashes.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row[0]
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::*;

    /// MTH as the RFC writes it down.
    fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [only] => *only,
            many => {
                let (left, right) = many.split_at(left_width(many.len() as u64) as usize);
                node_hash(&naive_root(left), &naive_root(right))
            }
        }
    }

    fn numbered_leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn grown(leaves: &[Hash], batches: &[usize]) -> (Edge, Tiles) {
        let mut edge = Edge::default();
        let mut tiles = Tiles::default();
        let mut rest = leaves;
        let mut batches = batches.iter().copied().chain(std::iter::repeat(97));
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(batches.next().unwrap_or(1).clamp(1, rest.len()));
            for tile in edge.append(batch) {
                tiles.insert(tile);
            }
            rest = later;
        }
        (edge, tiles)
    }

    #[test]
    fn roots_are_those_of_certificate_transparencys_test_vectors() {
        let leaves = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut edge = Edge::default();
        assert_eq!(HEXLOWER.encode(&edge.root()), roots[0]);
        for (leaf, root) in leaves.iter().zip(&roots[1..]) {
            edge.append(&[leaf_hash(&HEXLOWER.decode(leaf.as_bytes()).unwrap())]);
            assert_eq!(HEXLOWER.encode(&edge.root()), *root);
        }
    }

    #[test]
    fn every_leaf_of_every_tree_up_to_600_is_proved() {
        let leaves = numbered_leaves(600);
        let mut edge = Edge::default();
        let mut tiles = Tiles::default();
        for size in 1..=600_u64 {
            for tile in edge.append(&leaves[size as usize - 1..size as usize]) {
                tiles.insert(tile);
            }
            let root = edge.root();
            assert_eq!(root, naive_root(&leaves[..size as usize]));
            // Every leaf of the small trees and of those around a full tile; a stride through the others.
            let stride = if size < 70 || (250..262).contains(&size) { 1 } else { 13 };
            for index in (0..size).step_by(stride) {
                let path = inclusion_path(index, size, &tiles).unwrap();
                assert!(verify_inclusion(&leaves[index as usize], index, size, &path, &root));
            }
        }
    }

    #[test]
    fn proofs_to_a_past_size_come_from_tiles_that_have_grown() {
        let leaves = numbered_leaves(70_000);
        let (edge, tiles) = grown(&leaves, &[500; 200]);
        assert_eq!(edge.root(), naive_root(&leaves));
        for (index, size) in
            [(0, 1), (255, 300), (65_535, 65_536), (65_536, 65_537), (69_999, 70_000), (3, 70_000)]
        {
            let asked = inclusion_tiles(index, size).unwrap();
            assert!(asked.len() <= 12);
            let path = inclusion_path(index, size, &tiles).unwrap();
            let root = naive_root(&leaves[..size as usize]);
            assert!(verify_inclusion(&leaves[index as usize], index, size, &path, &root));
        }
    }

    #[test]
    fn a_leaf_beyond_the_tree_is_refused() {
        let refused = MerkleError::LeafOutOfRange { leaf_index: 7, tree_size: 7 };
        assert_eq!(inclusion_path(7, 7, &Tiles::default()), Err(refused));
        assert_eq!(inclusion_tiles(7, 7), Err(refused));
    }

    #[test]
    fn a_missing_tile_is_an_error_and_no_wrong_proof() {
        let missing = MerkleError::MissingHash { level: 0, index: 0, entry: 0 };
        assert_eq!(inclusion_path(1, 2, &Tiles::default()), Err(missing));
        assert_eq!(Edge::from_tiles(3, &Tiles::default()), Err(missing));
    }

    proptest! {
        // Each case hashes thousands of nodes; what they have in common is covered by far fewer than the usual 256.
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn batches_make_the_same_tree_as_single_leaves(
            count in 0_u64..1_500,
            batches in proptest::collection::vec(1_usize..500, 0..20),
        ) {
            let leaves = numbered_leaves(count);
            let (edge, tiles) = grown(&leaves, &batches);
            prop_assert_eq!(edge.root(), naive_root(&leaves));
            // The edge read back from the kept tiles goes on as if it had never been put away.
            let mut reread = Edge::from_tiles(count, &tiles).unwrap();
            let mut edge = edge;
            let more = numbered_leaves(700);
            prop_assert_eq!(edge.append(&more), reread.append(&more));
            prop_assert_eq!(edge.root(), reread.root());
            prop_assert_eq!(edge.size(), count + 700);
        }

        #[test]
        fn a_later_tree_is_proved_consistent(new in 1_u64..700, part in 0.0_f64..=1.0) {
            let old = (new as f64 * part) as u64;
            let leaves = numbered_leaves(new);
            let (edge, tiles) = grown(&leaves, &[]);
            let path = consistency_path(old, new, &tiles).unwrap();
            let old_root = naive_root(&leaves[..old as usize]);
            prop_assert!(verify_consistency(old, &old_root, new, &edge.root(), &path));
            if old > 0 {
                let forged = leaf_hash(b"forged");
                prop_assert!(!verify_consistency(old, &forged, new, &edge.root(), &path));
            }
        }

        #[test]
        fn a_bent_proof_does_not_verify(
            size in 2_u64..600,
            part in 0.0_f64..1.0,
            bent in any::<proptest::sample::Index>(),
        ) {
            let index = (size as f64 * part) as u64;
            let leaves = numbered_leaves(size);
            let (edge, tiles) = grown(&leaves, &[]);
            let root = edge.root();
            let path = inclusion_path(index, size, &tiles).unwrap();
            let leaf = &leaves[index as usize];
            prop_assert!(verify_inclusion(leaf, index, size, &path, &root));
            let mut forged = path.clone();
            forged[bent.index(path.len())][0] ^= 1;
            prop_assert!(!verify_inclusion(leaf, index, size, &forged, &root));
            prop_assert!(!verify_inclusion(leaf, index, size, &path[1..], &root));
            prop_assert!(!verify_inclusion(&leaf_hash(b"forged"), index, size, &path, &root));
        }
    }
}
