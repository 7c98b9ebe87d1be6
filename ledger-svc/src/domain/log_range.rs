//! Which leaves and trees of the log may be asked for: those that the latest checkpoint covers.

use std::fmt;

/// Something beyond the log as it is, in words for whoever asked: what was given, and what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange {
    /// What was asked by.
    pub parameter: Parameter,
    /// What it was.
    pub given: u64,
    /// The least that would be right.
    pub first: u64,
    /// The most that would be right; less than `first` when nothing would be.
    pub last: u64,
}

/// What a question to the log is asked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// Place of a leaf, from 0.
    LeafIndex,
    /// Leaves in the tree that a proof leads to.
    TreeSize,
    /// Leaves in the older of two trees.
    OldSize,
    /// Place of the first leaf wanted, from 0.
    Cursor,
}

impl Parameter {
    /// Its name, the same in every interface.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeafIndex => "leaf_index",
            Self::TreeSize => "tree_size",
            Self::OldSize => "old_size",
            Self::Cursor => "cursor",
        }
    }
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parameter, given, first, last } = self;
        if first > last {
            return write!(f, "is {given}, and the log has no leaves yet");
        }
        write!(f, "is {given}; {first}")?;
        if first < last {
            write!(f, " to {last}")?;
        }
        f.write_str(" would be right")?;
        match parameter {
            Parameter::TreeSize => f.write_str(", or 0 for the latest"),
            Parameter::LeafIndex | Parameter::OldSize | Parameter::Cursor => Ok(()),
        }
    }
}

impl std::error::Error for OutOfRange {}

/// The leaf and the tree of an inclusion proof; a tree of 0 means the latest, of `latest` leaves.
///
/// # Errors
/// [`OutOfRange`] when there is no such leaf or tree yet, or the one is not in the other.
pub fn inclusion(leaf_index: u64, tree_size: u64, latest: u64) -> Result<u64, OutOfRange> {
    if leaf_index >= latest {
        let (first, last) = if latest == 0 { (1, 0) } else { (0, latest - 1) };
        return Err(OutOfRange { parameter: Parameter::LeafIndex, given: leaf_index, first, last });
    }
    tree(tree_size, leaf_index + 1, latest)
}

/// The trees of a consistency proof; a newer one of 0 means the latest, of `latest` leaves.
///
/// # Errors
/// [`OutOfRange`] when there is no such tree yet, or the older is the larger.
pub fn consistency(old_size: u64, tree_size: u64, latest: u64) -> Result<u64, OutOfRange> {
    if old_size > latest {
        return Err(OutOfRange { parameter: Parameter::OldSize, given: old_size, first: 0, last: latest });
    }
    tree(tree_size, old_size, latest)
}

/// Where to read on from.
///
/// # Errors
/// [`OutOfRange`] when that is beyond the leaf that comes next.
pub fn cursor(cursor: u64, latest: u64) -> Result<(), OutOfRange> {
    if cursor <= latest {
        return Ok(());
    }
    Err(OutOfRange { parameter: Parameter::Cursor, given: cursor, first: 0, last: latest })
}

fn tree(given: u64, first: u64, latest: u64) -> Result<u64, OutOfRange> {
    match given {
        0 => Ok(latest),
        size if (first..=latest).contains(&size) => Ok(size),
        given => Err(OutOfRange { parameter: Parameter::TreeSize, given, first: first.max(1), last: latest }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(refused: Result<u64, OutOfRange>) -> String {
        let refused = refused.unwrap_err();
        format!("{} {refused}", refused.parameter.name())
    }

    #[test]
    fn the_latest_tree_is_meant_by_nothing() {
        assert_eq!(inclusion(7, 0, 8), Ok(8));
        assert_eq!(inclusion(7, 8, 8), Ok(8));
        assert_eq!(inclusion(0, 1, 8), Ok(1));
        assert_eq!(consistency(0, 0, 8), Ok(8));
        assert_eq!(consistency(8, 0, 8), Ok(8));
        assert_eq!(consistency(3, 5, 8), Ok(5));
        assert_eq!(consistency(0, 0, 0), Ok(0));
        assert_eq!(cursor(8, 8), Ok(()));
    }

    #[test]
    fn what_would_be_right_is_told() {
        assert_eq!(told(inclusion(8, 0, 8)), "leaf_index is 8; 0 to 7 would be right");
        assert_eq!(told(inclusion(1, 0, 1)), "leaf_index is 1; 0 would be right");
        assert_eq!(told(inclusion(0, 0, 0)), "leaf_index is 0, and the log has no leaves yet");
        assert_eq!(told(inclusion(5, 5, 8)), "tree_size is 5; 6 to 8 would be right, or 0 for the latest");
        assert_eq!(told(inclusion(5, 9, 8)), "tree_size is 9; 6 to 8 would be right, or 0 for the latest");
        assert_eq!(told(consistency(9, 0, 8)), "old_size is 9; 0 to 8 would be right");
        assert_eq!(told(consistency(3, 2, 8)), "tree_size is 2; 3 to 8 would be right, or 0 for the latest");
        assert_eq!(told(consistency(0, 9, 0)), "tree_size is 9, and the log has no leaves yet");
        assert_eq!(cursor(9, 8).unwrap_err().to_string(), "is 9; 0 to 8 would be right");
    }
}
