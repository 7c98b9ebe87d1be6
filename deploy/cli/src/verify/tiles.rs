//! The files of C2SP tlog-tiles: tiles of up to 256 hashes, bundles of up to 256 entries, and their paths.
//!
//! Guarantees that the tiles made of leaf hashes are those of the standard, at any size of the tree, while no more than one
//! tile a level is held.

use super::merkle::{Hash, node_hash};

/// Hashes of a full tile, and entries of a full bundle.
pub(crate) const TILE_WIDTH: usize = 256;

/// Most bytes of a bundle: 256 entries of at most 65,535 bytes, each after its length.
pub(crate) const BUNDLE_BYTES_MAX: usize = TILE_WIDTH * (2 + 65_535);

/// One tile of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tile {
    /// 0 for hashes of leaves.
    pub(crate) level: u8,
    /// Place in the level, from 0.
    pub(crate) index: u64,
    /// 1 to 256 hashes.
    pub(crate) hashes: Vec<Hash>,
}

impl Tile {
    /// Below `/log/tile/`.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.level, path(self.index, self.hashes.len()))
    }
}

/// Makes the tiles of a tree, leaf by leaf.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    /// By level, the tile that is not yet full.
    open: Vec<Tile>,
}

impl Tiles {
    /// Goes on by a leaf; the tiles that are full with it, from the lowest level up.
    pub(crate) fn append(&mut self, leaf: Hash) -> Vec<Tile> {
        let mut full = Vec::new();
        let mut hash = leaf;
        for level in 0..=u8::MAX {
            if self.open.len() == usize::from(level) {
                self.open.push(Tile { level, index: 0, hashes: Vec::with_capacity(TILE_WIDTH) });
            }
            let open = &mut self.open[usize::from(level)];
            open.hashes.push(hash);
            if open.hashes.len() < TILE_WIDTH {
                break;
            }
            hash = root_of_full(&open.hashes);
            let next = Tile { level, index: open.index + 1, hashes: Vec::with_capacity(TILE_WIDTH) };
            full.push(std::mem::replace(open, next));
        }
        full
    }

    /// The tiles that are not full, from the lowest level up.
    pub(crate) fn partial(&self) -> impl Iterator<Item = &Tile> {
        self.open.iter().filter(|tile| !tile.hashes.is_empty())
    }
}

/// Root of the complete subtree under as many hashes as a power of two.
fn root_of_full(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row.first().copied().unwrap_or_default()
}

/// Path of a bundle below `/log/tile/`.
pub(crate) fn bundle_path(index: u64, width: usize) -> String {
    format!("entries/{}", path(index, width))
}

/// `x001/x234/067`, and the width of what is partial.
fn path(index: u64, width: usize) -> String {
    let mut path = format!("{:03}", index % 1_000);
    let mut rest = index / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    if width < TILE_WIDTH {
        path.push_str(&format!(".p/{width}"));
    }
    path
}

/// Reads the hashes of a tile of this width.
pub(crate) fn hashes(bytes: &[u8], width: usize) -> Result<Vec<Hash>, String> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if hashes.len() != width || !rest.is_empty() {
        return Err(format!("{} bytes instead of {width} hashes of 32 bytes", bytes.len()));
    }
    Ok(hashes.to_vec())
}

/// Reads the entries of a bundle of this width: each after its length as a big-endian 16-bit integer.
pub(crate) fn entries(bundle: &[u8], width: usize) -> Result<Vec<&[u8]>, String> {
    let mut entries = Vec::with_capacity(width);
    let mut rest = bundle;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after
            .split_at_checked(length)
            .ok_or_else(|| format!("a bundle that ends within entry {}", entries.len()))?;
        entries.push(entry);
        rest = after;
    }
    if entries.len() != width || !rest.is_empty() {
        return Err(format!("a bundle of {} entries instead of {width}", entries.len()));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::merkle::{leaf_hash, tests::naive_root};

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
    }

    #[test]
    fn paths_are_those_of_the_standard() {
        let tile = |level, index, width| Tile { level, index, hashes: vec![[0; 32]; width] }.path();
        assert_eq!(tile(0, 0, 256), "0/000");
        assert_eq!(tile(0, 1_000, 256), "0/x001/000");
        assert_eq!(tile(1, 1_234_067, 8), "1/x001/x234/067.p/8");
        assert_eq!(bundle_path(273, 112), "entries/273.p/112");
    }

    #[test]
    fn tiles_have_the_roots_of_the_subtrees_below_them() {
        for size in [1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000] {
            let leaves = leaves(size);
            let mut tiles = Tiles::default();
            let mut made: Vec<Tile> = leaves.iter().flat_map(|leaf| tiles.append(*leaf)).collect();
            made.extend(tiles.partial().cloned());
            for level in 0..3 {
                let span = 256_usize.pow(level);
                let expected: Vec<Hash> = leaves.chunks_exact(span).map(naive_root).collect();
                let of_level = made.iter().filter(|tile| u32::from(tile.level) == level);
                let hashes: Vec<Hash> = of_level.clone().flat_map(|tile| tile.hashes.clone()).collect();
                assert!(hashes == expected, "level {level} of {size} leaves");
                assert!(of_level.enumerate().all(|(index, tile)| tile.index == index as u64));
            }
            assert!(made.iter().all(|tile| tile.level < 3 && !tile.hashes.is_empty()));
        }
        assert_eq!(Tiles::default().partial().count(), 0);
    }

    #[test]
    fn a_bundle_and_a_tile_have_as_many_as_they_should() {
        let bundle = [0, 1, b'a', 0, 0, 0, 2, b'b', b'c'];
        assert_eq!(entries(&bundle, 3).unwrap(), [&b"a"[..], b"", b"bc"]);
        assert!(entries(&bundle, 2).unwrap_err().contains("3 entries instead of 2"));
        assert!(entries(&bundle[..8], 3).unwrap_err().contains("within entry 2"));
        assert!(entries(&bundle[..6], 3).is_err(), "within a length");
        assert_eq!(hashes(&[7; 64], 2).unwrap(), [[7; 32]; 2]);
        assert!(hashes(&[7; 64], 3).is_err() && hashes(&[7; 65], 2).is_err());
    }
}
