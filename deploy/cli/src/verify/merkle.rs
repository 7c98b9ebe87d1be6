//! The Merkle tree of RFC 6962 section 2.1: hashes of leaves and nodes, tree heads, inclusion proofs.

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash.
pub(crate) type Hash = [u8; 32];

/// Hash of a leaf: `SHA-256(0x00 || leaf)`.
pub(crate) fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

/// Hash of an inner node: `SHA-256(0x01 || left || right)`.
pub(super) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root that an audit path leads to, by the algorithm of RFC 9162 section 2.1.3.2. `None` when the path has the
/// wrong length for this leaf in a tree of this size.
pub(crate) fn root_of_path(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for step in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(step, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// Builds a tree head from leaf hashes given one after the other, keeping one hash for each level.
#[derive(Debug, Default)]
pub(crate) struct TreeHead {
    size: u64,
    /// Roots of the complete subtrees, largest first: one for each bit that is set in `size`.
    complete: Vec<Hash>,
}

impl TreeHead {
    /// Appends the next leaf.
    pub(crate) fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        let mut size = self.size;
        while size & 1 == 1 {
            if let Some(left) = self.complete.pop() {
                hash = node_hash(&left, &hash);
            }
            size >>= 1;
        }
        self.complete.push(hash);
        self.size += 1;
    }

    /// Leaves so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves so far; SHA-256 of nothing for an empty tree.
    pub(crate) fn root(&self) -> Hash {
        let mut subtrees = self.complete.iter().rev();
        match subtrees.next() {
            None => Sha256::digest([]).into(),
            Some(smallest) => subtrees.fold(*smallest, |right, left| node_hash(left, &right)),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The definition of RFC 6962, word for word.
    pub(crate) fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            many => {
                let split = many.len().next_power_of_two() / 2;
                node_hash(&naive_root(&many[..split]), &naive_root(&many[split..]))
            }
        }
    }

    pub(crate) fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() < 2 {
            return Vec::new();
        }
        let split = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(split);
        let (mut path, other) = if index < split {
            (naive_path(index, left), naive_root(right))
        } else {
            (naive_path(index - split, right), naive_root(left))
        };
        path.push(other);
        path
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|number| leaf_hash(format!("leaf {number}").as_bytes())).collect()
    }

    #[test]
    fn every_path_of_every_small_tree_leads_to_its_root() {
        for size in 1..=40 {
            let leaves = leaves(size);
            let root = naive_root(&leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let path = naive_path(index, &leaves);
                let (index, size) = (index as u64, size as u64);
                assert_eq!(root_of_path(*leaf, index, size, &path), Some(root), "leaf {index} of {size}");
                for other in (0..size).filter(|other| *other != index) {
                    assert_ne!(
                        root_of_path(*leaf, other, size, &path),
                        Some(root),
                        "{index} shown as {other}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_path_of_the_wrong_length_leads_nowhere() {
        let leaves = leaves(13);
        let mut path = naive_path(5, &leaves);
        path.push([0; 32]);
        assert_eq!(root_of_path(leaves[5], 5, 13, &path), None);
        path.truncate(2);
        assert_eq!(root_of_path(leaves[5], 5, 13, &path), None);
        assert_eq!(root_of_path(leaves[5], 13, 13, &path), None, "a leaf outside the tree");
        assert_eq!(root_of_path(leaves[5], 0, 0, &[]), None, "an empty tree has no leaves");
    }

    #[test]
    fn a_changed_leaf_or_path_leads_to_another_root() {
        let leaves = leaves(9);
        let root = naive_root(&leaves);
        let mut path = naive_path(8, &leaves);
        assert_ne!(root_of_path(leaf_hash(b"other"), 8, 9, &path), Some(root));
        path[0][0] ^= 1;
        assert_ne!(root_of_path(leaves[8], 8, 9, &path), Some(root));
    }

    #[test]
    fn a_tree_head_built_leaf_by_leaf_is_the_root_of_the_definition() {
        let leaves = leaves(70);
        let mut head = TreeHead::default();
        assert_eq!(head.root(), naive_root(&[]));
        for (index, leaf) in leaves.iter().enumerate() {
            head.append(*leaf);
            assert_eq!(head.root(), naive_root(&leaves[..=index]), "{} leaves", index + 1);
        }
    }
}
