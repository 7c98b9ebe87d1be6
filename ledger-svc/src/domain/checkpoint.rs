//! Checkpoints: what the log says of itself, in the C2SP tlog-checkpoint format.
//!
//! Three lines: the origin, the number of leaves in decimal, the root in base64. Signed, it is a note ([`super::note`]).

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{
    merkle::Hash,
    note::{self, NoteError, Signer},
};

/// A statement about the whole tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log, such as "ledger.example.cn/150800".
    pub origin: String,
    /// Leaves in the tree.
    pub tree_size: u64,
    /// Root of the tree.
    pub root: Hash,
}

/// A text that is no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is not a C2SP checkpoint: {0}")]
pub struct CheckpointError(&'static str);

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.tree_size, BASE64.encode(self.root))
    }

    /// The note, signed with each key.
    ///
    /// # Errors
    /// [`NoteError::MalformedNote`] when the origin has control characters.
    pub fn sign(&self, signers: &[Signer]) -> Result<String, NoteError> {
        note::sign(&self.text(), signers)
    }

    /// Reads the text of a note; lines after the third are extensions, and passed over.
    ///
    /// # Errors
    /// [`CheckpointError`] says which line is wrong.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.lines();
        let origin =
            lines.next().filter(|line| !line.is_empty()).ok_or(CheckpointError("it has no origin"))?;
        let tree_size = lines
            .next()
            .filter(|line| *line == "0" || !line.starts_with(['0', '+']))
            .and_then(|line| line.parse().ok())
            .ok_or(CheckpointError("its second line is no tree size"))?;
        let root = lines
            .next()
            .and_then(|line| BASE64.decode(line).ok())
            .and_then(|bytes| Hash::try_from(bytes).ok())
            .ok_or(CheckpointError("its third line is no root hash"))?;
        Ok(Self { origin: origin.to_owned(), tree_size, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{merkle::empty_root, note::Verifier};

    #[test]
    fn a_signed_checkpoint_reads_back() {
        let signer = Signer::from_seed("ledger.example.cn/150800", &[1; 32]).unwrap();
        let checkpoint = Checkpoint { origin: signer.name().to_owned(), tree_size: 42, root: empty_root() };
        let note = checkpoint.sign(std::slice::from_ref(&signer)).unwrap();
        assert!(note.starts_with(
            "ledger.example.cn/150800\n42\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\u{2014} ledger.example.cn/150800 "
        ));
        let text = Verifier::parse(&signer.verifier_key()).unwrap().open(&note).unwrap();
        assert_eq!(Checkpoint::parse(text), Ok(checkpoint));
    }

    #[test]
    fn a_size_with_leading_zeros_is_refused() {
        assert!(Checkpoint::parse("o\n042\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n").is_err());
        assert!(Checkpoint::parse("o\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n").is_err());
        assert!(Checkpoint::parse("o\n0\nAAAA\n").is_err());
    }
}
