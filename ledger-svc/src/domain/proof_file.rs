//! Proofs to keep: the C2SP tlog-proof format, version 1. One small text with all that is needed to show, without a
//! network, that a leaf is in the log.
//!
//! Line by line: the name of the format; `extra` and, in base64, the bytes of the leaf itself, nothing before and nothing
//! after them; `index` and the leaf's place in the log; the inclusion path, one hash in base64 a line, nearest first; an
//! empty line; and then the signed checkpoint, byte for byte, with all its signatures.
//!
//! To verify one: the hash of the leaf is SHA-256(0x00 || what `extra` has); the path leads from it, by the index and
//! the checkpoint's tree size, to the checkpoint's root; and the checkpoint has a signature of a key that one trusts.
//! The file has no key, since whoever could forge the one could forge the other. `extra` is not to be trusted either,
//! but by the path. Which case and which version it is, the leaf says.
//!
//! Guaranteed: what [`ProofFile::write`] writes, [`ProofFile::parse`] reads back, and nothing else.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::merkle::Hash;

const FORMAT: &str = "c2sp.org/tlog-proof@v1";

/// Longest file that is read, in bytes: a leaf of 65,535 in base64, a path, and a checkpoint of a hundred witnesses.
pub const PROOF_FILE_MAX_BYTES: usize = 128 * 1_024;

/// Longest path: a tree has less than 2^63 leaves.
const PATH_MAX: usize = 63;

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    /// The bytes of the leaf. The format leaves open what this is, and lets it be missing; our files always have it.
    pub extra: Option<Vec<u8>>,
    /// Place of the leaf in the log, from 0.
    pub leaf_index: u64,
    /// The audit path of RFC 6962 section 2.1.1, nearest first.
    pub path: Vec<Hash>,
    /// The signed note.
    pub checkpoint: String,
}

/// A text that is no such file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// It is longer than any.
    #[error("the file has more than {PROOF_FILE_MAX_BYTES} bytes")]
    TooLong,
    /// It is something else.
    #[error("its first line is not {FORMAT}")]
    Format,
    /// The leaf.
    #[error("what follows `extra ` is not base64")]
    Extra,
    /// The place.
    #[error("it has no line `index ` with a decimal without leading zeros")]
    Index,
    /// The path.
    #[error("line {0} of the path is not the base64 of 32 bytes")]
    Path(usize),
    /// The path has more lines than any tree is high.
    #[error("its path has more than {PATH_MAX} lines")]
    PathTooLong,
    /// Nothing follows the path.
    #[error("it has no empty line and checkpoint after the path")]
    NoCheckpoint,
}

impl ProofFile {
    /// The text of the file.
    pub fn write(&self) -> String {
        let mut text = format!("{FORMAT}\n");
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", BASE64.encode(extra)));
        }
        text.push_str(&format!("index {}\n", self.leaf_index));
        for hash in &self.path {
            text.push_str(&BASE64.encode(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads a file. The checkpoint is not looked into.
    ///
    /// # Errors
    /// [`ProofFileError`] says what of the text is not as it should be.
    pub fn parse(text: &str) -> Result<Self, ProofFileError> {
        if text.len() > PROOF_FILE_MAX_BYTES {
            return Err(ProofFileError::TooLong);
        }
        let (format, mut rest) = text.split_once('\n').ok_or(ProofFileError::Format)?;
        if format != FORMAT {
            return Err(ProofFileError::Format);
        }
        let mut extra = None;
        if let Some(after) = rest.strip_prefix("extra ") {
            let (line, after) = after.split_once('\n').ok_or(ProofFileError::Extra)?;
            extra = Some(BASE64.decode(line).map_err(|_| ProofFileError::Extra)?);
            rest = after;
        }
        let (line, mut rest) = rest.split_once('\n').ok_or(ProofFileError::Index)?;
        let leaf_index = line
            .strip_prefix("index ")
            .filter(|digits| *digits == "0" || !digits.starts_with(['0', '+']))
            .and_then(|digits| digits.parse().ok())
            .ok_or(ProofFileError::Index)?;
        let mut path = Vec::new();
        let checkpoint = loop {
            let (line, after) = rest.split_once('\n').ok_or(ProofFileError::NoCheckpoint)?;
            rest = after;
            if line.is_empty() {
                break after;
            }
            if path.len() == PATH_MAX {
                return Err(ProofFileError::PathTooLong);
            }
            let hash = BASE64.decode(line).ok().and_then(|bytes| Hash::try_from(bytes).ok());
            path.push(hash.ok_or(ProofFileError::Path(path.len() + 1))?);
        };
        if checkpoint.is_empty() {
            return Err(ProofFileError::NoCheckpoint);
        }
        Ok(Self { extra, leaf_index, path, checkpoint: checkpoint.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    const FILE: &str = "c2sp.org/tlog-proof@v1\nextra eyJhIjoxfQ==\nindex 73894\n\
        gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\nB95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n\n\
        example.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n\
        \u{2014} example.com/fancylog hI2DJw==\n";

    #[test]
    fn a_file_of_the_standards_form_reads_back() {
        let file = ProofFile::parse(FILE).unwrap();
        assert_eq!(file.extra.as_deref(), Some(&b"{\"a\":1}"[..]));
        assert_eq!((file.leaf_index, file.path.len()), (73_894, 2));
        assert!(file.checkpoint.starts_with("example.com/fancylog\n109482\n"));
        assert_eq!(file.write(), FILE);
        let without_extra = FILE.replace("extra eyJhIjoxfQ==\n", "");
        assert_eq!(ProofFile::parse(&without_extra).unwrap().extra, None);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        for (right, wrong, error) in [
            ("@v1", "@v2", ProofFileError::Format),
            ("eyJhIjoxfQ==", "eyJhIjoxfQ", ProofFileError::Extra),
            ("index 73894", "index 073894", ProofFileError::Index),
            ("index 73894", "index +73894", ProofFileError::Index),
            ("index 73894", "index 73894 ", ProofFileError::Index),
            ("index 73894\n", "", ProofFileError::Index),
            ("B95lDa8R83lS8n0eG", "B95lDa8R83lS8n0e", ProofFileError::Path(2)),
            ("anccXmA=\n\n", "anccXmA=\n", ProofFileError::Path(3)),
            ("c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\r\n", ProofFileError::Format),
        ] {
            assert!(FILE.contains(right));
            assert_eq!(ProofFile::parse(&FILE.replacen(right, wrong, 1)), Err(error), "{wrong}");
        }
        let (before, _) = FILE.split_once("example.com").unwrap();
        assert_eq!(ProofFile::parse(before), Err(ProofFileError::NoCheckpoint));
        assert_eq!(ProofFile::parse(before.trim_end()), Err(ProofFileError::NoCheckpoint));
        assert_eq!(ProofFile::parse(""), Err(ProofFileError::Format));
        let high = ProofFile { path: vec![Hash::default(); 64], ..ProofFile::parse(FILE).unwrap() };
        assert_eq!(ProofFile::parse(&high.write()), Err(ProofFileError::PathTooLong));
        let long = format!("{FILE}{}", "x".repeat(PROOF_FILE_MAX_BYTES));
        assert_eq!(ProofFile::parse(&long), Err(ProofFileError::TooLong));
    }

    #[test]
    fn the_file_of_the_largest_leaf_is_read() {
        let file = ProofFile {
            extra: Some(vec![b'x'; 65_535]),
            leaf_index: u64::MAX,
            path: vec![[7; 32]; PATH_MAX],
            checkpoint: format!("{}\n", "witness ".repeat(4_000)),
        };
        assert_eq!(ProofFile::parse(&file.write()), Ok(file));
    }

    proptest! {
        #[test]
        fn files_read_back(
            extra in option::of(vec(any::<u8>(), 0..400)),
            leaf_index in any::<u64>(),
            path in vec(any::<Hash>(), 0..=PATH_MAX),
            checkpoint in "\\PC{1,200}",
        ) {
            let file = ProofFile { extra, leaf_index, path, checkpoint };
            prop_assert_eq!(ProofFile::parse(&file.write()), Ok(file));
        }

        #[test]
        fn any_text_is_refused_or_is_a_file(text in "(?s:.{0,300})") {
            prop_assert!(ProofFile::parse(&text).map_or(true, |file| file.write() == text));
        }

        #[test]
        fn lines_in_any_order_are_refused_or_are_a_file(
            lines in vec(
                prop::sample::select(vec![
                    FORMAT, "extra ", "extra AA==", "index 0", "index 7", "index 07", "index ", "AA==", "",
                    "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=", "\r", "\u{2014} x AA==",
                ]),
                0..9,
            ),
        ) {
            for text in [lines.join("\n"), format!("{FORMAT}\nindex 0\n{}", lines.join("\n"))] {
                prop_assert!(ProofFile::parse(&text).map_or(true, |file| file.write() == text));
            }
        }

        #[test]
        fn a_bent_file_is_refused_or_is_another(at in any::<prop::sample::Index>(), with in any::<char>()) {
            let places: Vec<_> = FILE.char_indices().collect();
            let (start, bent) = places[at.index(places.len())];
            let text = format!("{}{with}{}", &FILE[..start], &FILE[start + bent.len_utf8()..]);
            prop_assert!(ProofFile::parse(&text).map_or(true, |file| file.write() == text));
        }
    }
}
