//! Entry bundles as in C2SP tlog-tiles: 1 to 256 leaves, each after its length in bytes as a big-endian 16-bit integer.
//!
//! Guaranteed: what [`write`] writes, [`entries`] reads back, and nothing else.

use super::merkle::TILE_WIDTH;

/// Bytes of the length before each leaf.
const LENGTH_BYTES: usize = size_of::<u16>();

/// A leaf that no bundle can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a leaf of {bytes} bytes is in no bundle; 65,535 is the most")]
pub struct EntryTooLarge {
    /// How large it is.
    pub bytes: usize,
}

/// Writes leaves as a bundle.
///
/// # Errors
/// [`EntryTooLarge`], which a leaf that the log has taken cannot be.
pub fn write(leaves: &[Vec<u8>]) -> Result<Vec<u8>, EntryTooLarge> {
    let mut bundle = Vec::with_capacity(leaves.iter().map(|leaf| LENGTH_BYTES + leaf.len()).sum());
    for leaf in leaves {
        let length = u16::try_from(leaf.len()).map_err(|_| EntryTooLarge { bytes: leaf.len() })?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(leaf);
    }
    Ok(bundle)
}

/// Bytes that are no bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It ends within a leaf, or within the length of one.
    #[error("entry {entry} ends before its time")]
    Truncated {
        /// Which, from 0.
        entry: usize,
    },
    /// There are no leaves in it, which no bundle may be.
    #[error("it has no entries")]
    Empty,
    /// There are more leaves in it than a full tile has hashes.
    #[error("it has more than 256 entries")]
    TooMany,
}

/// Reads the leaves of a bundle.
///
/// # Errors
/// [`BundleError`].
pub fn entries(bundle: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while !rest.is_empty() {
        if entries.len() == TILE_WIDTH {
            return Err(BundleError::TooMany);
        }
        let truncated = BundleError::Truncated { entry: entries.len() };
        let (length, after) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or(truncated)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(truncated)?;
        entries.push(entry);
        rest = after;
    }
    if entries.is_empty() { Err(BundleError::Empty) } else { Ok(entries) }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn lengths_are_big_endian() {
        let leaves = [vec![b'a'; 258], Vec::new(), b"b".to_vec()];
        let bundle = write(&leaves).unwrap();
        assert_eq!(bundle[..3], [1, 2, b'a']);
        assert_eq!(bundle[260..], [0, 0, 0, 1, b'b']);
    }

    #[test]
    fn a_leaf_past_the_bound_is_refused() {
        assert!(write(&[vec![0; 65_535]]).is_ok());
        assert_eq!(write(&[vec![0; 65_536]]), Err(EntryTooLarge { bytes: 65_536 }));
    }

    #[test]
    fn a_bundle_has_1_to_256_leaves() {
        assert_eq!(entries(&[]), Err(BundleError::Empty));
        assert_eq!(entries(&[0; 512]).unwrap().len(), 256);
        assert_eq!(entries(&[0; 514]), Err(BundleError::TooMany));
    }

    #[test]
    fn a_bundle_that_was_cut_off_says_where() {
        let bundle = write(&[b"first".to_vec(), b"second".to_vec()]).unwrap();
        assert_eq!(entries(&bundle[..8]), Err(BundleError::Truncated { entry: 1 }));
        assert_eq!(entries(&bundle[..14]), Err(BundleError::Truncated { entry: 1 }));
        assert_eq!(entries(&bundle[..1]), Err(BundleError::Truncated { entry: 0 }));
    }

    proptest! {
        #[test]
        fn leaves_read_back(leaves in vec(vec(any::<u8>(), 0..600), 1..=256)) {
            let bundle = write(&leaves).unwrap();
            prop_assert_eq!(entries(&bundle).unwrap(), leaves);
        }

        #[test]
        fn any_bytes_are_refused_or_are_a_bundle(bytes in vec(prop_oneof![Just(0_u8), any::<u8>()], 0..2_000)) {
            if let Ok(read) = entries(&bytes) {
                let leaves: Vec<Vec<u8>> = read.into_iter().map(<[u8]>::to_vec).collect();
                prop_assert_eq!(write(&leaves).unwrap(), bytes);
            }
        }
    }
}
