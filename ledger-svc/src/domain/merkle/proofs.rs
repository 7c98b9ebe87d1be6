//! What the tiles prove: roots of past trees, inclusion and consistency (RFC 6962 section 2.1), for every size up to
//! that of the tree whose tiles they are.
//!
//! Each question is asked twice: first of a reader that only notes which tiles it takes, then of the tiles themselves.
//! Guaranteed: the tiles asked for are few, at most three for each level of tiles, and every path made here verifies
//! against the root made here.

use std::collections::BTreeSet;

use super::{Hash, MerkleError, TILE_HEIGHT, TILE_WIDTH, TileId, Tiles, empty_root, node_hash, perfect_root};

/// The tiles that [`tree_root`] needs.
pub fn root_tiles(tree_size: u64) -> Vec<TileId> {
    // A reader that only notes has every node, so nothing can be missing.
    tiles_asked(|read| root(tree_size, read)).unwrap_or_default()
}

/// Root of the tree of the first `tree_size` leaves.
///
/// # Errors
/// [`MerkleError::MissingHash`] when `tiles` lack what [`root_tiles`] named.
pub fn tree_root(tree_size: u64, tiles: &Tiles) -> Result<Hash, MerkleError> {
    root(tree_size, &mut |node| tiles.node(node))
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

impl Tiles {
    fn node(&self, node: Node) -> Result<Hash, MerkleError> {
        let (id, start, width) = node.place();
        Ok(perfect_root(self.slice(id, start, width)?))
    }
}

type ReadNode<'a> = &'a mut dyn FnMut(Node) -> Result<Hash, MerkleError>;

/// Runs a question with a reader that only notes what it is asked for.
fn tiles_asked<T>(
    question: impl FnOnce(ReadNode<'_>) -> Result<T, MerkleError>,
) -> Result<Vec<TileId>, MerkleError> {
    let mut asked = BTreeSet::new();
    question(&mut |node| {
        asked.insert(node.place().0);
        Ok(Hash::default())
    })?;
    Ok(asked.into_iter().collect())
}

fn root(tree_size: u64, read: ReadNode<'_>) -> Result<Hash, MerkleError> {
    if tree_size == 0 { Ok(empty_root()) } else { range_root(0, tree_size, read) }
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
pub(super) fn left_width(width: u64) -> u64 {
    1 << (u64::BITS - 1 - (width - 1).leading_zeros())
}
