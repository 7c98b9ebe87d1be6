//! Paths of tiles and entry bundles as in C2SP tlog-tiles: `<L>/<N>[.p/<W>]` and `entries/<N>[.p/<W>]`, below
//! `/log/tile/`.
//!
//! The level is a decimal from 0 to 63, the width of a partial tile one from 1 to 255. The index is written in groups of
//! three digits, each but the last marked with an x: 1234067 is `x001/x234/067`.
//!
//! Guaranteed: of each tile there is one path only, the one that [`TilePath`] displays, and no other is read, so that a
//! cache keeps nothing twice. Left to others: whether there is such a tile.

use std::{fmt, str::FromStr};

use super::merkle::{TILE_WIDTH, TileId};

/// Levels that a path may name.
const LEVEL_MAX: u8 = 63;

/// Largest index that is read: beyond it the number of a leaf would not fit into 63 bits.
const INDEX_MAX: u64 = i64::MAX as u64 / TILE_WIDTH as u64;

/// Name in place of the level where the leaves themselves are wanted.
const ENTRIES: &str = "entries";

/// What stands between the index and the width of a partial tile.
const PARTIAL: &str = ".p/";

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePath {
    /// Hashes or leaves.
    pub content: Content,
    /// Place in the level, from 0.
    pub index: u64,
    /// How many hashes or leaves, from the left: 1 to 256. The path of fewer than 256 is that of a partial tile.
    pub width: usize,
}

/// What a tile is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Hashes of this level of tiles.
    Hashes {
        /// 0 to 63.
        level: u8,
    },
    /// The leaves that the hashes of level 0 are of: an entry bundle.
    Entries,
}

impl TilePath {
    /// The tile: of a bundle, the one that has the hashes of its leaves.
    pub fn tile_id(self) -> TileId {
        let level = match self.content {
            Content::Hashes { level } => level,
            Content::Entries => 0,
        };
        TileId { level, index: self.index }
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Hashes { level } => write!(f, "{level}/")?,
            Content::Entries => write!(f, "{ENTRIES}/")?,
        }
        let mut groups = vec![self.index % 1_000];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            groups.push(rest % 1_000);
            rest /= 1_000;
        }
        for (place, group) in groups.iter().enumerate().rev() {
            if place > 0 {
                write!(f, "x{group:03}/")?;
            } else {
                write!(f, "{group:03}")?;
            }
        }
        if self.width < TILE_WIDTH { write!(f, "{PARTIAL}{}", self.width) } else { Ok(()) }
    }
}

/// A text that is no path of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TilePathError {
    /// The part before the index.
    #[error("begins with neither entries/ nor a level from 0/ to 63/ without leading zeros")]
    Level,
    /// The index.
    #[error("has no index in groups of three digits such as 067 or x001/x234/067, as few of them as will do")]
    Index,
    /// The width of a partial tile.
    #[error("has after .p/ no width from 1 to 255 without leading zeros")]
    Width,
}

impl FromStr for TilePath {
    type Err = TilePathError;

    fn from_str(path: &str) -> Result<Self, TilePathError> {
        let (level, rest) = path.split_once('/').ok_or(TilePathError::Level)?;
        let content = if level == ENTRIES {
            Content::Entries
        } else {
            let level = decimal(level, 2).and_then(|level| u8::try_from(level).ok());
            let level = level.filter(|level| *level <= LEVEL_MAX).ok_or(TilePathError::Level)?;
            Content::Hashes { level }
        };
        let (index, width) = match rest.split_once(PARTIAL) {
            None => (rest, TILE_WIDTH),
            Some((index, width)) => {
                let width = decimal(width, 3).and_then(|width| usize::try_from(width).ok());
                let width = width.filter(|width| (1..TILE_WIDTH).contains(width));
                (index, width.ok_or(TilePathError::Width)?)
            }
        };
        Ok(Self { content, index: grouped(index).ok_or(TilePathError::Index)?, width })
    }
}

/// A decimal of at most so many digits, and no leading zeros.
fn decimal(text: &str, digits_max: usize) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain && (1..=digits_max).contains(&text.len()) { text.parse().ok() } else { None }
}

/// An index in groups of three digits.
fn grouped(text: &str) -> Option<u64> {
    let mut index: u64 = 0;
    let mut groups = text.split('/').peekable();
    let mut is_first = true;
    while let Some(group) = groups.next() {
        let is_last = groups.peek().is_none();
        let digits = if is_last { group } else { group.strip_prefix('x')? };
        let is_group = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_group || (is_first && !is_last && digits == "000") {
            return None;
        }
        index = index.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
        is_first = false;
    }
    (index <= INDEX_MAX).then_some(index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hashes(level: u8, index: u64, width: usize) -> TilePath {
        TilePath { content: Content::Hashes { level }, index, width }
    }

    #[test]
    fn paths_are_those_of_the_standard() {
        for (path, named) in [
            ("0/000", hashes(0, 0, 256)),
            ("0/999", hashes(0, 999, 256)),
            ("0/x001/000", hashes(0, 1_000, 256)),
            ("1/x001/x234/067.p/8", hashes(1, 1_234_067, 8)),
            ("63/000.p/255", hashes(63, 0, 255)),
            ("entries/273.p/112", TilePath { content: Content::Entries, index: 273, width: 112 }),
        ] {
            assert_eq!(path.parse(), Ok(named), "{path}");
            assert_eq!(named.to_string(), path);
        }
    }

    #[test]
    fn what_is_wrong_with_a_path_is_told() {
        for (path, error) in [
            ("", TilePathError::Level),
            ("000", TilePathError::Level),
            ("64/000", TilePathError::Level),
            ("00/000", TilePathError::Level),
            ("+1/000", TilePathError::Level),
            ("entry/000", TilePathError::Level),
            ("0/", TilePathError::Index),
            ("0/0", TilePathError::Index),
            ("0/x000/001", TilePathError::Index),
            ("0/001/002", TilePathError::Index),
            ("0/x001", TilePathError::Index),
            ("0/x001/x002", TilePathError::Index),
            ("0/000/", TilePathError::Index),
            ("0/+01", TilePathError::Index),
            ("0/００１", TilePathError::Index),
            ("0/000.p", TilePathError::Index),
            ("0/x999/x999/x999/x999/x999/x999/999", TilePathError::Index),
            ("0/000.p/", TilePathError::Width),
            ("0/000.p/0", TilePathError::Width),
            ("0/000.p/01", TilePathError::Width),
            ("0/000.p/256", TilePathError::Width),
            ("0/000.p/1.p/1", TilePathError::Width),
        ] {
            assert_eq!(path.parse::<TilePath>(), Err(error), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_path_reads_back(level in 0..=LEVEL_MAX, index in 0..=INDEX_MAX, width in 1..=TILE_WIDTH) {
            for content in [Content::Hashes { level }, Content::Entries] {
                let named = TilePath { content, index, width };
                prop_assert_eq!(named.to_string().parse(), Ok(named));
            }
        }

        #[test]
        fn any_text_is_refused_or_is_the_one_path_of_a_tile(text in "(?s:.{0,40})") {
            if let Ok(named) = text.parse::<TilePath>() {
                prop_assert_eq!(named.to_string(), text);
            }
        }

        #[test]
        fn what_looks_like_a_path_is_refused_or_is_the_one_path_of_a_tile(text in "(entries|[0-9]{1,2})/(x?[0-9]{1,4}/){0,7}[0-9]{1,4}(\\.p/[0-9]{0,4})?") {
            if let Ok(named) = text.parse::<TilePath>() {
                prop_assert_eq!(named.to_string(), text);
            }
        }
    }
}
