//! Signed notes (C2SP signed-note), the checkpoints in them (C2SP tlog-checkpoint), and what witnesses add to them (C2SP
//! tlog-cosignature).
//!
//! Guarantees that a checkpoint is taken from a note only after a signature of a given key has verified over exactly the
//! bytes it is read from, and that no signature of a given key is wrong. Signatures of other keys are passed over.

use data_encoding::BASE64;
use ed25519_dalek::Signature;
use jiff::{SignedDuration, Timestamp};

use super::{keys::VerifierKey, merkle::Hash};

/// A checkpoint is three short lines and a few signatures.
pub(crate) const NOTE_BYTES_MAX: usize = 64 * 1024;

/// How far the clock of a witness may be ahead of the one here.
const CLOCKS_DIFFER_MAX: SignedDuration = SignedDuration::from_mins(5);

/// A note taken apart, nothing of it believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note<'a> {
    /// What is signed, its last line break included.
    text: &'a str,
    signatures: Vec<SignatureLine<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SignatureLine<'a> {
    name: &'a str,
    hash: [u8; 4],
    signature: Vec<u8>,
}

impl<'a> Note<'a> {
    /// Takes a note apart; says what is wrong with its form otherwise.
    pub(crate) fn parse(note: &'a str) -> Result<Self, String> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(format!("the note is larger than {NOTE_BYTES_MAX} bytes"));
        }
        if note.chars().any(|c| c.is_ascii_control() && c != '\n') {
            return Err("the note has control characters".to_owned());
        }
        let split = note.rfind("\n\n").ok_or("the note has no signatures")?;
        let (text, signatures) = (&note[..=split], &note[split + 2..]);
        if signatures.is_empty() || !signatures.ends_with('\n') {
            return Err("the note's signatures do not end with a line break".to_owned());
        }
        let signatures = signatures.lines().map(SignatureLine::parse).collect::<Result<_, _>>()?;
        Ok(Self { text, signatures })
    }

    /// Has this key signed it? Says so when a signature of the key is wrong.
    pub(crate) fn is_signed_by(&self, key: &VerifierKey) -> Result<bool, String> {
        let mut is_signed = false;
        for line in self.lines_of(key) {
            let signature = Signature::from_slice(&line.signature)
                .map_err(|_| "the signature does not have 64 bytes".to_owned())?;
            key.key
                .verify_strict(self.text.as_bytes(), &signature)
                .map_err(|_| format!("the checkpoint's signature is not of the key {}", key.to_text()))?;
            is_signed = true;
        }
        Ok(is_signed)
    }

    /// When this witness cosigned it last; `None` when it has not. Says so when a cosignature of the key is wrong, or is of a
    /// time that has not come.
    pub(crate) fn cosigned_at(
        &self,
        witness: &VerifierKey,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, String> {
        let mut latest = None;
        for line in self.lines_of(witness) {
            let wrong = || format!("the cosignature is not of the witness key {}", witness.to_text());
            let (seconds, signature) = line.signature.split_first_chunk().ok_or_else(wrong)?;
            let seconds = u64::from_be_bytes(*seconds);
            let signature = Signature::from_slice(signature).map_err(|_| wrong())?;
            let message = format!("cosignature/v1\ntime {seconds}\n{}", self.text);
            witness.key.verify_strict(message.as_bytes(), &signature).map_err(|_| wrong())?;
            let at = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
            let at = at.ok_or("the time of the cosignature is in no calendar")?;
            if at.duration_since(now) > CLOCKS_DIFFER_MAX {
                return Err(format!("the cosignature is dated {at}, which has not come"));
            }
            latest = latest.max(Some(at));
        }
        Ok(latest)
    }

    /// What it says, whoever signed it.
    pub(crate) fn checkpoint(&self) -> Result<Checkpoint, String> {
        let mut lines = self.text.lines();
        let origin =
            lines.next().filter(|origin| !origin.is_empty()).ok_or("the checkpoint has no origin")?;
        let size = lines.next().ok_or("the checkpoint has no tree size")?;
        let root = lines.next().ok_or("the checkpoint has no root hash")?;
        if lines.any(str::is_empty) {
            return Err("the checkpoint has an empty extension line".to_owned());
        }
        let is_decimal = size == "0" || (size.bytes().all(|b| b.is_ascii_digit()) && !size.starts_with('0'));
        let size = size
            .parse()
            .ok()
            .filter(|_| is_decimal)
            .ok_or_else(|| format!("the checkpoint's tree size \"{size}\" is not a decimal number"))?;
        let root = BASE64
            .decode(root.as_bytes())
            .ok()
            .and_then(|bytes| Hash::try_from(bytes).ok())
            .ok_or("the checkpoint's root hash is not base64 of 32 bytes")?;
        Ok(Checkpoint { origin: origin.to_owned(), size, root })
    }

    fn lines_of(&self, key: &VerifierKey) -> impl Iterator<Item = &SignatureLine<'a>> {
        self.signatures.iter().filter(|line| line.name == key.name && line.hash == key.hash)
    }
}

impl<'a> SignatureLine<'a> {
    /// `— name base64(hash || signature)`
    fn parse(line: &'a str) -> Result<Self, String> {
        let malformed = || "a signature line is not \"— name base64\"".to_owned();
        let (name, encoded) =
            line.strip_prefix("— ").and_then(|rest| rest.split_once(' ')).ok_or_else(malformed)?;
        let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| malformed())?;
        let (hash, signature) = bytes.split_first_chunk().ok_or_else(malformed)?;
        if signature.is_empty() {
            return Err(malformed());
        }
        Ok(Self { name, hash: *hash, signature: signature.to_vec() })
    }
}

/// What a log committed itself to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Which log.
    pub(crate) origin: String,
    /// Number of leaves.
    pub(crate) size: u64,
    /// Tree head.
    pub(crate) root: Hash,
}

/// Verifies a signed checkpoint by keys of its log, of which one at least must have signed, and reads it; says what is
/// wrong with it otherwise.
pub(crate) fn open_checkpoint(note: &str, keys: &[VerifierKey]) -> Result<Checkpoint, String> {
    let note = Note::parse(note)?;
    let mut is_signed = false;
    for key in keys {
        is_signed |= note.is_signed_by(key)?;
    }
    if !is_signed {
        let names: Vec<String> = keys.iter().map(VerifierKey::to_text).collect();
        return Err(format!("the note has no signature of the key {}", names.join(" or ")));
    }
    let checkpoint = note.checkpoint()?;
    match keys.iter().find(|key| key.name != checkpoint.origin) {
        Some(key) => Err(format!(
            "the checkpoint is of the log \"{}\", and the key of \"{}\"",
            checkpoint.origin, key.name
        )),
        None => Ok(checkpoint),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::verify::keys::KeyKind;
    use ed25519_dalek::{Signer as _, SigningKey};

    pub(crate) const ORIGIN: &str = "huying.example/150800";

    pub(crate) fn signing_key() -> SigningKey {
        SigningKey::from_bytes(&[3; 32])
    }

    pub(crate) fn verifier_key() -> VerifierKey {
        VerifierKey::of(KeyKind::Log, ORIGIN, signing_key().verifying_key())
    }

    pub(crate) fn witness_key(name: &str) -> VerifierKey {
        VerifierKey::of(KeyKind::Witness, name, SigningKey::from_bytes(&[9; 32]).verifying_key())
    }

    pub(crate) fn signed(text: &str, key: &SigningKey, name: &str) -> String {
        let mut bytes = VerifierKey::of(KeyKind::Log, name, key.verifying_key()).hash.to_vec();
        bytes.extend_from_slice(&key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n— {name} {}\n", BASE64.encode(&bytes))
    }

    /// The note with a line of the witness of this name.
    pub(crate) fn cosigned(note: &str, name: &str, seconds: u64) -> String {
        let text = &note[..=note.rfind("\n\n").unwrap()];
        let message = format!("cosignature/v1\ntime {seconds}\n{text}");
        let mut bytes = witness_key(name).hash.to_vec();
        bytes.extend_from_slice(&seconds.to_be_bytes());
        bytes.extend_from_slice(&SigningKey::from_bytes(&[9; 32]).sign(message.as_bytes()).to_bytes());
        format!("{note}— {name} {}\n", BASE64.encode(&bytes))
    }

    fn checkpoint_text() -> String {
        format!("{ORIGIN}\n42\n{}\n", BASE64.encode(&[5; 32]))
    }

    #[test]
    fn a_signed_checkpoint_opens_with_its_key() {
        let note = signed(&checkpoint_text(), &signing_key(), ORIGIN);
        let opened = open_checkpoint(&note, &[verifier_key()]).unwrap();
        assert_eq!(opened, Checkpoint { origin: ORIGIN.into(), size: 42, root: [5; 32] });
    }

    #[test]
    fn one_of_several_keys_is_enough_and_none_may_be_wrong() {
        let other = SigningKey::from_bytes(&[4; 32]);
        let other_key = VerifierKey::of(KeyKind::Log, ORIGIN, other.verifying_key());
        let note = signed(&checkpoint_text(), &signing_key(), ORIGIN);
        assert!(open_checkpoint(&note, &[other_key.clone(), verifier_key()]).is_ok());
        let second = signed(&checkpoint_text(), &other, ORIGIN).lines().last().unwrap().to_owned();
        let both = format!("{note}{second}\n");
        assert!(open_checkpoint(&both, &[verifier_key(), other_key.clone()]).is_ok());
        let stolen = signed("other\n", &other, ORIGIN).lines().last().unwrap().to_owned();
        let forged = format!("{note}{stolen}\n");
        assert!(open_checkpoint(&forged, &[verifier_key()]).is_ok(), "signatures of others are passed over");
        assert!(open_checkpoint(&forged, &[verifier_key(), other_key]).is_err());
    }

    #[test]
    fn signatures_of_witnesses_are_passed_over() {
        let text = checkpoint_text();
        let witness = signed(&text, &SigningKey::from_bytes(&[4; 32]), "witness.example");
        let witness_line = witness.lines().last().unwrap().to_owned();
        let note = format!("{}{witness_line}\n", signed(&text, &signing_key(), ORIGIN));
        assert!(open_checkpoint(&note, &[verifier_key()]).is_ok());
        let error = open_checkpoint(&witness, &[verifier_key()]).unwrap_err();
        assert!(error.contains("no signature of the key"));
    }

    #[test]
    fn a_changed_checkpoint_does_not_open() {
        let note = signed(&checkpoint_text(), &signing_key(), ORIGIN).replace("\n42\n", "\n43\n");
        assert!(open_checkpoint(&note, &[verifier_key()]).unwrap_err().contains("is not of the key"));
    }

    #[test]
    fn a_malformed_checkpoint_does_not_open_even_when_signed() {
        let root = BASE64.encode(&[5; 32]);
        for text in [
            format!("{ORIGIN}\n042\n{root}\n"),
            format!("{ORIGIN}\n-1\n{root}\n"),
            format!("{ORIGIN}\n42\nAAAA\n"),
            format!("{ORIGIN}\n42\n"),
            format!("other.example\n42\n{root}\n"),
        ] {
            let note = signed(&text, &signing_key(), ORIGIN);
            assert!(open_checkpoint(&note, &[verifier_key()]).is_err(), "{text}");
        }
        assert!(open_checkpoint("no signatures", &[verifier_key()]).is_err());
    }

    #[test]
    fn the_note_of_the_go_implementation_is_signed() {
        let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key = VerifierKey::parse(KeyKind::Log, key).unwrap();
        let note = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\
                    \n\
                    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert_eq!(Note::parse(note).unwrap().is_signed_by(&key), Ok(true));
    }

    #[test]
    fn a_cosignature_is_that_of_another_implementation() {
        // Made with Python's `cryptography` over the checkpoint and the time of the example in tlog-cosignature.
        let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
                    — witness.example/w1 JLXZ/gAAAABkGFDLSEwbtADY9t5XeSzDTVuiqYN5nZfoc9NQOUgkPYm4wwjIUL68Nczz1tpzCjnpmnRXttgqVVwOg3WfE7AXqa+DAg==\n";
        let key = "witness.example/w1+24b5d9fe+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";
        let key = VerifierKey::parse(KeyKind::Witness, key).unwrap();
        let at = Timestamp::from_second(1_679_315_147).unwrap();
        assert_eq!(Note::parse(note).unwrap().cosigned_at(&key, at), Ok(Some(at)));
        let later = note.replace("20852163", "20852164");
        assert!(Note::parse(&later).unwrap().cosigned_at(&key, at).is_err());
        let backdated = note.replace("BkGFDL", "BkGFDK");
        assert!(Note::parse(&backdated).unwrap().cosigned_at(&key, at).is_err());
    }

    #[test]
    fn the_latest_of_several_cosignatures_counts_and_that_of_another_does_not() {
        let note = signed(&checkpoint_text(), &signing_key(), ORIGIN);
        let note = cosigned(&cosigned(&note, "w.example", 200), "w.example", 100);
        let note = Note::parse(&note).unwrap();
        let at = Timestamp::from_second(200).unwrap();
        assert_eq!(note.cosigned_at(&witness_key("w.example"), at), Ok(Some(at)));
        assert_eq!(note.cosigned_at(&witness_key("other.example"), at), Ok(None));
        // A clock that is a little behind, and a time that nobody can have cosigned at.
        let behind = at - CLOCKS_DIFFER_MAX;
        assert_eq!(note.cosigned_at(&witness_key("w.example"), behind), Ok(Some(at)));
        let far_behind = behind - SignedDuration::from_secs(1);
        let refused = note.cosigned_at(&witness_key("w.example"), far_behind).unwrap_err();
        assert!(refused.contains("has not come"), "{refused}");
        assert_eq!(note.is_signed_by(&verifier_key()), Ok(true));
    }
}
