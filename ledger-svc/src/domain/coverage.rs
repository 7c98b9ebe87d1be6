//! Are leaves, and the tiles above them, those that a checkpoint covers?
//!
//! Every full tile is held against its entry in the tile above it, up to the right edge, and the edge against the root of
//! the checkpoint. So each tile is hashed once, however many leaves lie under it. A leaf is covered when its own hash, in
//! its place, leads to the root; that tells a changed leaf from a changed tile.

use std::collections::{BTreeMap, BTreeSet};

use super::merkle::{Edge, Hash, TILE_WIDTH, Tile, TileId, Tiles, perfect_root};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Places of leaves that are not the ones in the log.
    pub changed_leaves: BTreeSet<u64>,
    /// Places of leaves that nothing here proves to be the ones in the log: those, and those under tiles that do not lead
    /// to the root, which may have been changed together with their leaves.
    pub unproved_leaves: BTreeSet<u64>,
    /// Tiles that are not the ones in the log, by themselves or because one above them is not.
    pub changed_tiles: BTreeSet<TileId>,
}

/// The tiles that [`check`] needs for the leaves of these places.
pub fn tiles_needed(leaf_indexes: impl IntoIterator<Item = u64>, tree_size: u64) -> Vec<TileId> {
    let mut ids: BTreeSet<TileId> = Edge::tile_ids(tree_size).into_iter().collect();
    for leaf_index in leaf_indexes.into_iter().filter(|index| *index < tree_size) {
        let mut id = leaf_tile(leaf_index);
        // Everything above a tile that is there already is there, too; so is what is above the edge.
        while ids.insert(id) && is_full(id, tree_size) {
            id = above(id);
        }
    }
    ids.into_iter().collect()
}

/// Holds leaves, by place and hash, and tiles against the root of a tree; without a root, only against each other.
/// `kept` are the tiles that [`tiles_needed`] named, as far as there are any; the hashes after the tree's end are passed
/// over.
pub fn check(
    leaves: &BTreeMap<u64, Hash>,
    tree_size: u64,
    root: Option<&Hash>,
    kept: &BTreeMap<TileId, Vec<Hash>>,
) -> Coverage {
    let mut coverage = Coverage::default();
    let mut by_tile: BTreeMap<TileId, Vec<(usize, u64, Hash)>> = BTreeMap::new();
    for (leaf_index, hash) in leaves {
        if *leaf_index < tree_size {
            let entry = (leaf_index % TILE_WIDTH as u64) as usize;
            by_tile.entry(leaf_tile(*leaf_index)).or_default().push((entry, *leaf_index, *hash));
        } else {
            coverage.changed_leaves.insert(*leaf_index);
        }
    }
    let mut tower = Tower { tree_size, root, kept, mended: None, genuine: BTreeMap::new() };
    // From the right: when a changed entry on the edge is the only fault there, all other tiles are judged without it.
    for (id, leaves) in by_tile.into_iter().rev() {
        let places: BTreeSet<u64> = leaves.iter().map(|(_, leaf_index, _)| *leaf_index).collect();
        let Some(hashes) = tower.hashes(id) else {
            coverage.changed_tiles.insert(id);
            coverage.unproved_leaves.extend(places);
            continue;
        };
        let mut claimed = hashes.to_vec();
        let mut differing = BTreeSet::new();
        for (entry, leaf_index, hash) in leaves {
            // An entry beyond the tile is impossible: its width is that of the tree.
            if claimed[entry] != hash {
                claimed[entry] = hash;
                differing.insert(leaf_index);
            }
        }
        let on_edge = !is_full(id, tree_size);
        if on_edge && !differing.is_empty() && !tower.leads_up(id, hashes) && tower.leads_up(id, &claimed) {
            coverage.changed_tiles.insert(id);
            tower.mended = Some((id, claimed));
            continue;
        }
        let genuine = tower.is_genuine(id);
        if differing.is_empty() {
            if !genuine {
                coverage.changed_tiles.insert(id);
                coverage.unproved_leaves.extend(places);
            }
        } else if genuine {
            coverage.changed_leaves.append(&mut differing);
        } else {
            coverage.changed_tiles.insert(id);
            if !tower.leads_up(id, &claimed) {
                coverage.changed_leaves.append(&mut differing);
                coverage.unproved_leaves.extend(places);
            }
        }
    }
    coverage.unproved_leaves.extend(&coverage.changed_leaves);
    for id in Edge::tile_ids(tree_size) {
        tower.is_genuine(id);
    }
    coverage.changed_tiles.extend(tower.genuine.iter().filter(|(_, genuine)| !**genuine).map(|(id, _)| *id));
    coverage
}

/// The tiles that [`covers`] needs.
pub fn tiles_above(id: TileId, tree_size: u64) -> Vec<TileId> {
    let mut ids: BTreeSet<TileId> = Edge::tile_ids(tree_size).into_iter().collect();
    let mut id = id;
    while ids.insert(id) && is_full(id, tree_size) {
        id = above(id);
    }
    ids.into_iter().collect()
}

/// Does a tile lead to the root of a tree, by every tile above it? `kept` are the tiles that [`tiles_above`] named.
pub fn covers(id: TileId, tree_size: u64, root: &Hash, kept: &BTreeMap<TileId, Vec<Hash>>) -> bool {
    let mut tower = Tower { tree_size, root: Some(root), kept, mended: None, genuine: BTreeMap::new() };
    tower.is_genuine(id)
}

/// Tiles above each other.
struct Tower<'a> {
    tree_size: u64,
    root: Option<&'a Hash>,
    kept: &'a BTreeMap<TileId, Vec<Hash>>,
    /// The leaf tile on the edge, as it must have been.
    mended: Option<(TileId, Vec<Hash>)>,
    /// What has been found out already.
    genuine: BTreeMap<TileId, bool>,
}

impl<'a> Tower<'a> {
    /// The hashes of a tile that the tree has, if they are kept.
    fn hashes(&self, id: TileId) -> Option<&'a [Hash]> {
        self.kept.get(&id)?.get(..id.width(self.tree_size))
    }

    fn is_genuine(&mut self, id: TileId) -> bool {
        if let Some(known) = self.genuine.get(&id) {
            return *known;
        }
        let mended = self.mended.as_ref().is_some_and(|(mended, _)| *mended == id);
        let genuine = mended || self.hashes(id).is_some_and(|hashes| self.leads_up(id, hashes));
        self.genuine.insert(id, genuine);
        genuine
    }

    /// Would the tile lead to the root if it had these hashes?
    fn leads_up(&mut self, id: TileId, hashes: &[Hash]) -> bool {
        if !is_full(id, self.tree_size) {
            return self.edge_leads_up(id, hashes);
        }
        let (above, entry) = (above(id), (id.index % TILE_WIDTH as u64) as usize);
        let expected = self.hashes(above).and_then(|hashes| hashes.get(entry));
        expected == Some(&perfect_root(hashes)) && self.is_genuine(above)
    }

    /// Would the right edge have the root if one of its tiles had these hashes?
    fn edge_leads_up(&self, id: TileId, hashes: &[Hash]) -> bool {
        let Some(root) = self.root else { return true };
        let tiles: Option<Tiles> = Edge::tile_ids(self.tree_size)
            .into_iter()
            .map(|own| {
                let hashes = match &self.mended {
                    _ if own == id => hashes,
                    Some((mended, hashes)) if *mended == own => hashes,
                    Some(_) | None => self.hashes(own)?,
                };
                Some(Tile { id: own, hashes: hashes.to_vec() })
            })
            .collect();
        tiles
            .and_then(|tiles| Edge::from_tiles(self.tree_size, &tiles).ok())
            .is_some_and(|edge| edge.root() == *root)
    }
}

fn leaf_tile(leaf_index: u64) -> TileId {
    TileId { level: 0, index: leaf_index / TILE_WIDTH as u64 }
}

fn above(id: TileId) -> TileId {
    TileId { level: id.level + 1, index: id.index / TILE_WIDTH as u64 }
}

/// A full tile has an entry in the tile above it; one that is not lies on the right edge.
fn is_full(id: TileId, tree_size: u64) -> bool {
    id.width(tree_size) == TILE_WIDTH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::merkle::leaf_hash;

    struct Log {
        leaves: Vec<Hash>,
        tiles: BTreeMap<TileId, Vec<Hash>>,
        root: Hash,
    }

    fn log(size: u64) -> Log {
        let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let mut edge = Edge::default();
        let tiles = edge.append(&leaves).into_iter().map(|tile| (tile.id, tile.hashes)).collect();
        Log { leaves, tiles, root: edge.root() }
    }

    impl Log {
        fn size(&self) -> u64 {
            self.leaves.len() as u64
        }

        fn needed(&self, asked: &[u64]) -> BTreeMap<TileId, Vec<Hash>> {
            let ids = tiles_needed(asked.iter().copied(), self.size());
            ids.into_iter().map(|id| (id, self.tiles[&id].clone())).collect()
        }

        fn asked(&self, places: &[u64]) -> BTreeMap<u64, Hash> {
            places.iter().map(|place| (*place, self.leaves[*place as usize])).collect()
        }
    }

    /// Changed leaves, which are unproved, and changed tiles, whose leaves are proved otherwise.
    fn found(leaves: &[u64], tiles: &[(u8, u64)]) -> Coverage {
        Coverage {
            changed_leaves: leaves.iter().copied().collect(),
            unproved_leaves: leaves.iter().copied().collect(),
            changed_tiles: tiles
                .iter()
                .map(|(level, index)| TileId { level: *level, index: *index })
                .collect(),
        }
    }

    #[test]
    fn a_changed_leaf_is_told_from_a_changed_tile() {
        let log = log(70_000);
        let asked = [3, 300, 65_535, 65_536, 69_999];
        let (leaves, tiles) = (log.asked(&asked), log.needed(&asked));
        assert_eq!(check(&leaves, log.size(), Some(&log.root), &tiles), found(&[], &[]));

        for place in asked {
            let mut bent = leaves.clone();
            bent.insert(place, leaf_hash(b"bent"));
            assert_eq!(check(&bent, log.size(), Some(&log.root), &tiles), found(&[place], &[]));
        }
        // The entry of a leaf that is asked for: the leaf itself is proved by the rest of the tile.
        let mut bent = tiles.clone();
        bent.get_mut(&TileId { level: 0, index: 1 }).unwrap()[300 - 256][0] ^= 1;
        assert_eq!(check(&leaves, log.size(), Some(&log.root), &bent), found(&[], &[(0, 1)]));
        let mut bent = tiles.clone();
        bent.get_mut(&TileId { level: 0, index: 273 }).unwrap()[111][0] ^= 1;
        assert_eq!(check(&leaves, log.size(), Some(&log.root), &bent), found(&[], &[(0, 273)]));
        // The tile above is not the one that was signed, so nothing under it is covered.
        let mut bent = tiles.clone();
        bent.get_mut(&TileId { level: 1, index: 0 }).unwrap()[7][0] ^= 1;
        let unproved = |places: &[u64], tiles: &[(u8, u64)]| Coverage {
            unproved_leaves: places.iter().copied().collect(),
            ..found(&[], tiles)
        };
        let expected = unproved(&[3, 300, 65_535], &[(0, 0), (0, 1), (0, 255), (1, 0)]);
        assert_eq!(check(&leaves, log.size(), Some(&log.root), &bent), expected);
        let mut lacking = tiles.clone();
        lacking.remove(&TileId { level: 0, index: 1 });
        assert_eq!(check(&leaves, log.size(), Some(&log.root), &lacking), unproved(&[300], &[(0, 1)]));
        // Another root: the whole edge is in doubt, and with it everything.
        let other = leaf_hash(b"other");
        let coverage = check(&leaves, log.size(), Some(&other), &tiles);
        assert!(coverage.changed_leaves.is_empty() && coverage.changed_tiles.len() == tiles.len());
        assert!(coverage.unproved_leaves.iter().eq(&asked));
        assert_eq!(check(&leaves, log.size(), None, &tiles), found(&[], &[]));
    }

    #[test]
    fn a_leaf_that_was_changed_together_with_its_tile_is_unproved() {
        let log = log(70_000);
        let asked = [3, 300, 301, 69_999];
        // Of one on the edge, whatever the edge has to prove is in doubt.
        for (place, others_are_proved) in [(300, true), (69_999, false)] {
            let (mut leaves, mut tiles) = (log.asked(&asked), log.needed(&asked));
            let id = TileId { level: 0, index: place / 256 };
            leaves.insert(place, leaf_hash(b"bent"));
            tiles.get_mut(&id).unwrap()[(place % 256) as usize] = leaf_hash(b"bent");
            let coverage = check(&leaves, log.size(), Some(&log.root), &tiles);
            assert!(coverage.unproved_leaves.contains(&place) && coverage.changed_tiles.contains(&id));
            assert_eq!(!coverage.unproved_leaves.contains(&3), others_are_proved);
        }
    }

    #[test]
    fn a_leaf_after_the_end_of_the_tree_is_not_covered() {
        let log = log(5);
        let leaves = BTreeMap::from([(5, leaf_hash(b"later"))]);
        assert_eq!(check(&leaves, 5, Some(&log.root), &log.needed(&[])), found(&[5], &[]));
        assert_eq!(check(&leaves, 0, None, &BTreeMap::new()), found(&[5], &[]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_changed_byte_of_what_is_needed_is_found(
            size in 1_u64..3_000,
            asked in proptest::collection::vec(any::<proptest::sample::Index>(), 1..20),
            tile in any::<proptest::sample::Index>(),
            entry in any::<proptest::sample::Index>(),
            byte in 0_usize..32,
        ) {
            let log = log(size);
            let asked: Vec<u64> = asked.iter().map(|index| index.index(size as usize) as u64).collect();
            let (leaves, mut tiles) = (log.asked(&asked), log.needed(&asked));
            prop_assert_eq!(check(&leaves, size, Some(&log.root), &tiles), Coverage::default());
            let id = *tiles.keys().nth(tile.index(tiles.len())).unwrap();
            prop_assert!(tiles_above(id, size).iter().all(|above| tiles.contains_key(above)));
            prop_assert!(covers(id, size, &log.root, &tiles));
            let hashes = tiles.get_mut(&id).unwrap();
            let entry = entry.index(hashes.len());
            hashes[entry][byte] ^= 1;
            prop_assert!(!covers(id, size, &log.root, &tiles));
            let coverage = check(&leaves, size, Some(&log.root), &tiles);
            prop_assert!(coverage.changed_tiles.contains(&id) && coverage.changed_leaves.is_empty());
        }
    }
}
