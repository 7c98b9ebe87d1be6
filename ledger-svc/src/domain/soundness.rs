//! Are the rows in which leaves are kept those of the log: one for each place, with the very bytes that were logged, under
//! the case and the version that these bytes name?
//!
//! What stands beside the bytes is what a case's lines are found by. Whoever changes it takes a line from one case, and may
//! give it to another, without changing a byte that the tree covers; and if it is the last line of a case, what is left of
//! that case looks whole.

use std::collections::{BTreeMap, BTreeSet};

use huying_platform::ids::CaseId;
use serde::Deserialize;

use super::{
    coverage,
    merkle::{Hash, TileId, leaf_hash},
};

/// A leaf as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRow {
    /// Place in the log, from 0.
    pub leaf_index: u64,
    /// Case that it is found by.
    pub case_id: CaseId,
    /// Version that it is found by.
    pub case_version: u64,
    /// Canonical JSON.
    pub leaf: Vec<u8>,
}

/// What is wrong with rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// Places whose leaf is missing, is not the one in the log, or is found by another case or version than its bytes name.
    pub places: BTreeSet<u64>,
    /// Cases whose lines are found by another case or version: what is left of them may be too short.
    pub cut_off: BTreeSet<CaseId>,
}

/// The case and the version that a leaf names; the rest of it may be of any later version.
#[derive(Deserialize)]
struct Named<'a> {
    case_id: &'a str,
    case_version: u64,
}

/// The rows of the places from `first` to below `before` in a tree of this size and root. `tiles` are those that
/// [`coverage::tiles_needed`] names for these places, as far as there are any.
pub fn check(
    rows: &[KeptRow],
    first: u64,
    before: u64,
    tree_size: u64,
    root: &Hash,
    tiles: &BTreeMap<TileId, Vec<Hash>>,
) -> Damage {
    let hashes: BTreeMap<u64, Hash> = rows.iter().map(|row| (row.leaf_index, leaf_hash(&row.leaf))).collect();
    let unproved = coverage::check(&hashes, tree_size, Some(root), tiles).unproved_leaves;
    let missing = (first..before).filter(|place| !hashes.contains_key(place));
    let mut damage = Damage { places: missing.collect(), cut_off: BTreeSet::new() };
    for row in rows {
        let is_proved = !unproved.contains(&row.leaf_index);
        let named: Option<Named<'_>> = serde_json::from_slice(&row.leaf).ok();
        let named = named.and_then(|named| Some((named.case_id.parse().ok()?, named.case_version)));
        if is_proved && named == Some((row.case_id, row.case_version)) {
            continue;
        }
        damage.places.insert(row.leaf_index);
        if let (true, Some((case_id, _))) = (is_proved, named) {
            damage.cut_off.insert(case_id);
        }
    }
    damage
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::merkle::{Edge, Tiles};

    fn case_id(number: u64) -> CaseId {
        format!("01890000-0000-7000-8000-{number:012}").parse().unwrap()
    }

    fn row(leaf_index: u64) -> KeptRow {
        let (case_id, case_version) = (case_id(leaf_index / 3), leaf_index % 3 + 1);
        let leaf = format!(r#"{{"case_id":"{case_id}","case_version":{case_version},"v":9}}"#).into_bytes();
        KeptRow { leaf_index, case_id, case_version, leaf }
    }

    /// What is found in rows that were changed, of a tree of 300.
    fn found(first: u64, before: u64, change: impl FnOnce(&mut Vec<KeptRow>)) -> Damage {
        let all: Vec<KeptRow> = (0..300).map(row).collect();
        let mut edge = Edge::default();
        let hashes: Vec<Hash> = all.iter().map(|row| leaf_hash(&row.leaf)).collect();
        let mut tiles: BTreeMap<TileId, Vec<Hash>> = BTreeMap::new();
        let _: Tiles = edge
            .append(&hashes)
            .into_iter()
            .inspect(|tile| drop(tiles.insert(tile.id, tile.hashes.clone())))
            .collect();
        let mut rows = all[first as usize..before as usize].to_vec();
        change(&mut rows);
        check(&rows, first, before, 300, &edge.root(), &tiles)
    }

    #[test]
    fn rows_as_they_were_written_are_sound() {
        assert_eq!(found(0, 256, |_| ()), Damage::default());
        assert_eq!(found(250, 300, |_| ()), Damage::default());
    }

    #[test]
    fn a_line_that_is_found_by_another_case_or_version_is_found_out_and_so_is_whose_it_is() {
        let expected = Damage { places: BTreeSet::from([5]), cut_off: BTreeSet::from([case_id(1)]) };
        assert_eq!(found(0, 256, |rows| rows[5].case_id = case_id(700)), expected);
        assert_eq!(found(0, 256, |rows| rows[5].case_version = 9), expected);
    }

    #[test]
    fn a_missing_or_a_changed_leaf_is_found_out() {
        let expected = Damage { places: BTreeSet::from([255]), cut_off: BTreeSet::new() };
        assert_eq!(found(250, 300, |rows| drop(rows.remove(5))), expected);
        assert_eq!(found(250, 300, |rows| rows[5].leaf[0] = b'['), expected);
        assert_eq!(found(250, 300, |rows| rows[5].leaf = rows[6].leaf.clone()), expected);
        assert_eq!(found(0, 3, Vec::clear).places, BTreeSet::from([0, 1, 2]));
    }
}
