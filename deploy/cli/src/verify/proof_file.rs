//! Proofs to keep: files of C2SP tlog-proof, whose `extra` has the leaf.
//!
//! Nothing of a file is believed by being there: the leaf is what its path proves, and the path leads to a checkpoint that
//! a trusted key has signed.

use data_encoding::BASE64;

use super::{
    keys::VerifierKey,
    merkle::{Hash, leaf_hash, root_of_path},
    note::{Checkpoint, open_checkpoint},
};

/// How such files are called.
pub(crate) const ENDING: &str = ".tlog-proof";
/// A leaf in base64, a path of 63 hashes and a note with room to spare.
pub(crate) const FILE_BYTES_MAX: usize = 256 * 1024;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// A tree has fewer leaves than 2^63.
const PATH_MAX: usize = 63;

/// A proof as it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProofFile<'a> {
    /// The leaf: canonical JSON.
    pub(crate) leaf: String,
    /// Place in the log, from 0.
    pub(crate) index: u64,
    path: Vec<Hash>,
    /// The signed note.
    pub(crate) checkpoint: &'a str,
}

/// Is it such a file at all?
pub(crate) fn is_proof(text: &str) -> bool {
    text.strip_prefix(FIRST_LINE).is_some_and(|rest| rest.starts_with('\n'))
}

impl<'a> ProofFile<'a> {
    /// Reads a file; says what is wrong with it otherwise.
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        if !is_proof(text) {
            return Err(format!("its first line is not \"{FIRST_LINE}\""));
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or("it has no checkpoint after an empty line")?;
        let mut lines = head.lines().skip(1);
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let extra = extra.ok_or("its second line is not \"extra\" with the leaf in base64")?;
        let leaf = BASE64.decode(extra.as_bytes()).map_err(|_| "\"extra\" is not standard base64")?;
        let leaf = String::from_utf8(leaf).map_err(|_| "the leaf is not UTF-8")?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.ok_or("its third line is not \"index\" with the place of the leaf")?;
        let is_decimal = index == "0" || !index.starts_with(['0', '+']);
        let index =
            index.parse().ok().filter(|_| is_decimal).ok_or("the place of the leaf is no decimal number")?;
        let mut path = Vec::new();
        for line in lines {
            let hash = BASE64.decode(line.as_bytes()).ok().and_then(|bytes| Hash::try_from(bytes).ok());
            path.push(hash.ok_or("a line of the path is not base64 of 32 bytes")?);
        }
        if path.len() > PATH_MAX {
            return Err(format!("the path has {} hashes; no tree has more than {PATH_MAX}", path.len()));
        }
        Ok(Self { leaf, index, path, checkpoint })
    }

    /// Proves the leaf by keys of its log; says why it is not proved otherwise.
    pub(crate) fn prove(&self, keys: &[VerifierKey]) -> Result<Checkpoint, String> {
        let checkpoint = open_checkpoint(self.checkpoint, keys)?;
        let root = root_of_path(leaf_hash(self.leaf.as_bytes()), self.index, checkpoint.size, &self.path);
        if root != Some(checkpoint.root) {
            return Err(format!(
                "the path of leaf {} does not lead to the root of {} leaves that the log has signed",
                self.index, checkpoint.size
            ));
        }
        Ok(checkpoint)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::verify::{
        merkle::tests::{naive_path, naive_root},
        note::tests::{ORIGIN, signed, signing_key, verifier_key},
    };

    /// The file that proves one of some leaves.
    pub(crate) fn proof_of(index: usize, leaves: &[&str]) -> String {
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf.as_bytes())).collect();
        let note = format!("{ORIGIN}\n{}\n{}\n", leaves.len(), BASE64.encode(&naive_root(&hashes)));
        let path: String =
            naive_path(index, &hashes).iter().map(|hash| format!("{}\n", BASE64.encode(hash))).collect();
        format!(
            "{FIRST_LINE}\nextra {}\nindex {index}\n{path}\n{}",
            BASE64.encode(leaves[index].as_bytes()),
            signed(&note, &signing_key(), ORIGIN)
        )
    }

    #[test]
    fn a_proof_proves_its_leaf() {
        let leaves = ["{}", "[]", "1", "2", "3"];
        for (index, leaf) in leaves.iter().enumerate() {
            let text = proof_of(index, &leaves);
            let file = ProofFile::parse(&text).unwrap();
            assert_eq!((file.leaf.as_str(), file.index), (*leaf, index as u64));
            assert_eq!(file.prove(&[verifier_key()]).unwrap().size, 5);
        }
        let alone = proof_of(0, &["{}"]);
        assert!(ProofFile::parse(&alone).unwrap().prove(&[verifier_key()]).is_ok(), "no path at all");
    }

    #[test]
    fn a_changed_proof_proves_nothing() {
        let text = proof_of(3, &["{}", "[]", "1", "2", "3"]);
        let file = ProofFile::parse(&text).unwrap();
        let wrong = [
            ProofFile { leaf: "9".into(), ..file.clone() },
            ProofFile { index: 2, ..file.clone() },
            ProofFile { path: file.path[1..].to_vec(), ..file.clone() },
        ];
        for file in wrong {
            assert!(file.prove(&[verifier_key()]).unwrap_err().contains("does not lead"), "{file:?}");
        }
        let note = file.checkpoint.replace("\n5\n", "\n6\n");
        assert!(ProofFile { checkpoint: &note, ..file }.prove(&[verifier_key()]).is_err());
    }

    #[test]
    fn a_file_in_another_form_says_what_is_wrong() {
        let good = proof_of(1, &["{}", "[]"]);
        for (part, other, error) in [
            ("@v1", "@v2", "first line"),
            ("extra ", "extr ", "second line"),
            ("extra ", "extra !", "base64"),
            ("index 1", "index 01", "decimal"),
            ("index 1", "index +1", "decimal"),
            ("index 1", "place 1", "third line"),
            ("\n\n", "\nAAAA\n\n", "32 bytes"),
        ] {
            let wrong = good.replacen(part, other, 1);
            assert_ne!(wrong, good);
            assert!(ProofFile::parse(&wrong).unwrap_err().contains(error), "{other}");
        }
        let long =
            good.replacen("\n\n", &format!("\n{}\n", format!("{}\n", BASE64.encode(&[0; 32])).repeat(63)), 1);
        assert!(ProofFile::parse(&long).unwrap_err().contains("64 hashes"));
        assert!(ProofFile::parse("c2sp.org/tlog-proof@v1\nextra YQ==\nindex 0\n").is_err());
    }
}
