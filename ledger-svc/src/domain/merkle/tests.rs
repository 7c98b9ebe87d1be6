use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::{proofs::left_width, *};

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

/// The eight leaves that Certificate Transparency's implementations test themselves with.
fn vector_leaves() -> Vec<Hash> {
    let leaves =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    leaves.iter().map(|leaf| leaf_hash(&HEXLOWER.decode(leaf.as_bytes()).unwrap())).collect()
}

/// Roots of the trees of 0 to 8 of them.
const VECTOR_ROOTS: [&str; 9] = [
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

/// Nodes of that tree that its proofs are made of.
const PAIR_0_1: &str = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
const PAIR_2_3: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const PAIR_4_5: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const PAIR_6_7: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const FOUR_4_7: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const LEAF_0: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
const LEAF_1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const LEAF_4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const LEAF_6: &str = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f";
const FOUR_0_3: &str = VECTOR_ROOTS[4];

fn hex(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| HEXLOWER.encode(hash)).collect()
}

#[test]
fn roots_are_those_of_certificate_transparencys_test_vectors() {
    let leaves = vector_leaves();
    let (_, tiles) = grown(&leaves, &[]);
    let mut edge = Edge::default();
    assert_eq!(hex(&[edge.root()]), VECTOR_ROOTS[..1]);
    for (size, leaf) in (1..).zip(&leaves) {
        edge.append(std::slice::from_ref(leaf));
        assert_eq!(hex(&[edge.root()]), VECTOR_ROOTS[size..=size]);
    }
    for (size, root) in (0..).zip(VECTOR_ROOTS) {
        assert_eq!(hex(&[tree_root(size, &tiles).unwrap()]), [root], "of {size}, from the tiles of 8");
    }
}

#[test]
fn inclusion_paths_are_those_of_certificate_transparencys_test_vectors() {
    let leaves = vector_leaves();
    let (_, tiles) = grown(&leaves, &[]);
    let vectors: [(u64, u64, &[&str]); 5] = [
        (0, 1, &[]),
        (0, 8, &[LEAF_1, PAIR_2_3, FOUR_4_7]),
        (5, 8, &[LEAF_4, PAIR_6_7, FOUR_0_3]),
        (2, 3, &[PAIR_0_1]),
        (1, 5, &[LEAF_0, PAIR_2_3, LEAF_4]),
    ];
    for (index, size, path) in vectors {
        let made = inclusion_path(index, size, &tiles).unwrap();
        assert_eq!(hex(&made), path, "leaf {index} of {size}");
        let root = tree_root(size, &tiles).unwrap();
        assert!(verify_inclusion(&leaves[index as usize], index, size, &made, &root));
    }
}

#[test]
fn consistency_paths_are_those_of_certificate_transparencys_test_vectors() {
    let (_, tiles) = grown(&vector_leaves(), &[]);
    let vectors: [(u64, u64, &[&str]); 5] = [
        (1, 1, &[]),
        (1, 8, &[LEAF_1, PAIR_2_3, FOUR_4_7]),
        (6, 8, &[PAIR_4_5, PAIR_6_7, FOUR_0_3]),
        (2, 5, &[PAIR_2_3, LEAF_4]),
        (6, 7, &[PAIR_4_5, LEAF_6, FOUR_0_3]),
    ];
    for (old, new, path) in vectors {
        let made = consistency_path(old, new, &tiles).unwrap();
        assert_eq!(hex(&made), path, "{old} to {new}");
        let (old_root, root) = (tree_root(old, &tiles).unwrap(), tree_root(new, &tiles).unwrap());
        assert!(verify_consistency(old, &old_root, new, &root, &made));
    }
}

#[test]
fn a_tile_is_as_wide_as_the_tree_makes_it() {
    // The example of C2SP tlog-tiles: 273 full tiles and one of 112, one full of level 1 and one of 17, one of 1.
    let width = |level, index| TileId { level, index }.width(70_000);
    assert_eq!((width(0, 0), width(0, 272), width(0, 273), width(0, 274)), (256, 256, 112, 0));
    assert_eq!((width(1, 0), width(1, 1), width(1, 2)), (256, 17, 0));
    assert_eq!((width(2, 0), width(2, 1), width(3, 0), width(63, 0)), (1, 0, 0, 0));
    assert_eq!(TileId { level: 1, index: 0 }.width(256), 1);
    assert_eq!(TileId { level: 0, index: u64::MAX }.width(u64::MAX), 0);
}

#[test]
fn leaves_of_every_tree_up_to_600_are_proved() {
    let leaves = numbered_leaves(600);
    let mut edge = Edge::default();
    let mut tiles = Tiles::default();
    for size in 1..=600_u64 {
        for tile in edge.append(&leaves[size as usize - 1..size as usize]) {
            tiles.insert(tile);
        }
        let root = edge.root();
        assert_eq!(root, naive_root(&leaves[..size as usize]));
        // Every leaf of the small trees and of those around a full tile; a few of the others.
        let stride = if size < 34 || (256..258).contains(&size) { 1 } else { size.div_ceil(3) as usize };
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
