//! Signed notes (C2SP signed-note), the checkpoints in them (C2SP tlog-checkpoint), and the keys of both.
//!
//! Guarantees that a checkpoint is taken from a note only after a signature of the given key has verified over
//! exactly the bytes it is read from. Signatures of other keys, such as witnesses, are passed over.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::merkle::Hash;

/// Signature type of Ed25519 in the C2SP formats.
const ED25519: u8 = 1;
/// A checkpoint is three short lines and a few signatures.
const NOTE_BYTES_MAX: usize = 64 * 1024;

/// A key that verifies notes: `name+hash+base64(0x01 || public key)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifierKey {
    /// Name of the log, which is also the origin of its checkpoints.
    pub(crate) name: String,
    hash: [u8; 4],
    key: VerifyingKey,
}

impl VerifierKey {
    pub(crate) fn of(name: &str, key: VerifyingKey) -> Self {
        Self { name: name.to_owned(), hash: key_hash(name, &key), key }
    }

    /// Reads the text form; says what is wrong with it otherwise.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("a verifier key is name+hash+base64".to_owned());
        };
        check_name(name)?;
        let bytes = BASE64
            .decode(key.as_bytes())
            .map_err(|error| format!("the key is not standard base64: {error}"))?;
        let Some((&ED25519, bytes)) = bytes.split_first() else {
            return Err("the key is not of the Ed25519 type (1)".to_owned());
        };
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| "an Ed25519 key has 32 bytes".to_owned())?;
        let key =
            VerifyingKey::from_bytes(&bytes).map_err(|_| "the key is not a point of Ed25519".to_owned())?;
        let parsed = Self::of(name, key);
        if hash.len() != 8
            || HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).ok().as_deref() != Some(&parsed.hash[..])
        {
            return Err("the key's hash is not that of its name and bytes".to_owned());
        }
        Ok(parsed)
    }

    /// The text form.
    pub(crate) fn to_text(&self) -> String {
        encoded(&self.name, self.hash, self.key.as_bytes())
    }
}

/// The text form of the private key that signs notes of this name.
pub(crate) fn signer_key_text(name: &str, key: &SigningKey) -> String {
    let hash = key_hash(name, &key.verifying_key());
    format!("PRIVATE+KEY+{}", encoded(name, hash, &key.to_bytes()))
}

/// The rules of C2SP for names: not empty, no white space, no plus.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+') {
        return Err(format!("\"{name}\" is no name of a log: neither empty, nor with white space or \"+\""));
    }
    Ok(())
}

fn encoded(name: &str, hash: [u8; 4], key: &[u8; 32]) -> String {
    let mut bytes = vec![ED25519];
    bytes.extend_from_slice(key);
    format!("{name}+{}+{}", HEXLOWER_PERMISSIVE.encode(&hash), BASE64.encode(&bytes))
}

fn key_hash(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(name.as_bytes())
        .chain_update(b"\n")
        .chain_update([ED25519])
        .chain_update(key.as_bytes())
        .finalize();
    [digest[0], digest[1], digest[2], digest[3]]
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

/// Verifies a signed checkpoint and reads it; says what is wrong with it otherwise.
pub(crate) fn open_checkpoint(note: &str, key: &VerifierKey) -> Result<Checkpoint, String> {
    let text = open_note(note, key)?;
    let checkpoint = parse_checkpoint(text)?;
    if checkpoint.origin != key.name {
        return Err(format!(
            "the checkpoint is of the log \"{}\", and the key of \"{}\"",
            checkpoint.origin, key.name
        ));
    }
    Ok(checkpoint)
}

/// The signed text of a note, its last line break included.
fn open_note<'a>(note: &'a str, key: &VerifierKey) -> Result<&'a str, String> {
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
    let mut verified = false;
    for line in signatures.lines() {
        let (name, bytes) = parse_signature_line(line)?;
        let (hash, signature) = bytes.split_at(4);
        if name != key.name || hash != key.hash {
            continue;
        }
        let signature = Signature::from_slice(signature)
            .map_err(|_| "the signature does not have 64 bytes".to_owned())?;
        key.key
            .verify_strict(text.as_bytes(), &signature)
            .map_err(|_| "the checkpoint's signature is not of the given key".to_owned())?;
        verified = true;
    }
    if !verified {
        return Err(format!("the note has no signature of the key {}", key.to_text()));
    }
    Ok(text)
}

/// `— name base64(hash || signature)`
fn parse_signature_line(line: &str) -> Result<(&str, Vec<u8>), String> {
    let malformed = || "a signature line is not \"— name base64\"".to_owned();
    let (name, encoded) =
        line.strip_prefix("— ").and_then(|rest| rest.split_once(' ')).ok_or_else(malformed)?;
    let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| malformed())?;
    if bytes.len() < 5 {
        return Err(malformed());
    }
    Ok((name, bytes))
}

fn parse_checkpoint(text: &str) -> Result<Checkpoint, String> {
    let mut lines = text.lines();
    let origin = lines.next().filter(|origin| !origin.is_empty()).ok_or("the checkpoint has no origin")?;
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ed25519_dalek::Signer as _;

    pub(crate) const ORIGIN: &str = "huying.example/150800";

    pub(crate) fn signing_key() -> SigningKey {
        SigningKey::from_bytes(&[3; 32])
    }

    pub(crate) fn signed(text: &str, key: &SigningKey, name: &str) -> String {
        let mut bytes = key_hash(name, &key.verifying_key()).to_vec();
        bytes.extend_from_slice(&key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n— {name} {}\n", BASE64.encode(&bytes))
    }

    fn checkpoint_text() -> String {
        format!("{ORIGIN}\n42\n{}\n", BASE64.encode(&[5; 32]))
    }

    #[test]
    fn a_signed_checkpoint_opens_with_its_key() {
        let key = VerifierKey::of(ORIGIN, signing_key().verifying_key());
        let note = signed(&checkpoint_text(), &signing_key(), ORIGIN);
        let opened = open_checkpoint(&note, &key).unwrap();
        assert_eq!(opened, Checkpoint { origin: ORIGIN.into(), size: 42, root: [5; 32] });
    }

    #[test]
    fn signatures_of_witnesses_are_passed_over() {
        let key = VerifierKey::of(ORIGIN, signing_key().verifying_key());
        let text = checkpoint_text();
        let witness = signed(&text, &SigningKey::from_bytes(&[4; 32]), "witness.example");
        let witness_line = witness.lines().last().unwrap().to_owned();
        let note = format!("{}{witness_line}\n", signed(&text, &signing_key(), ORIGIN));
        assert!(open_checkpoint(&note, &key).is_ok());
        assert!(open_checkpoint(&witness, &key).unwrap_err().contains("no signature of the key"));
    }

    #[test]
    fn a_changed_checkpoint_does_not_open() {
        let key = VerifierKey::of(ORIGIN, signing_key().verifying_key());
        let note = signed(&checkpoint_text(), &signing_key(), ORIGIN).replace("\n42\n", "\n43\n");
        assert!(open_checkpoint(&note, &key).unwrap_err().contains("not of the given key"));
    }

    #[test]
    fn a_malformed_checkpoint_does_not_open_even_when_signed() {
        let key = VerifierKey::of(ORIGIN, signing_key().verifying_key());
        let root = BASE64.encode(&[5; 32]);
        for text in [
            format!("{ORIGIN}\n042\n{root}\n"),
            format!("{ORIGIN}\n-1\n{root}\n"),
            format!("{ORIGIN}\n42\nAAAA\n"),
            format!("{ORIGIN}\n42\n"),
            format!("other.example\n42\n{root}\n"),
        ] {
            assert!(open_checkpoint(&signed(&text, &signing_key(), ORIGIN), &key).is_err(), "{text}");
        }
        assert!(open_checkpoint("no signatures", &key).is_err());
    }

    #[test]
    fn the_verifier_key_of_the_specification_is_read_and_written() {
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key = VerifierKey::parse(text).unwrap();
        assert_eq!(key.name, "PeterNeumann");
        assert_eq!(key.to_text(), text);
    }

    #[test]
    fn a_verifier_key_that_is_not_what_it_says_is_refused() {
        for text in [
            "",
            "name",
            "name+00000000+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+ARpc",
        ] {
            assert!(VerifierKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_note_of_the_go_implementation_opens() {
        let key =
            VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        let note = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\
                    \n\
                    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert!(open_note(note, &key).is_ok());
    }

    #[test]
    fn a_private_key_names_itself_as_its_public_one_does() {
        let private = signer_key_text(ORIGIN, &signing_key());
        let public = VerifierKey::of(ORIGIN, signing_key().verifying_key()).to_text();
        let parts: Vec<&str> = private.splitn(5, '+').collect();
        assert_eq!(&parts[..3], &["PRIVATE", "KEY", ORIGIN]);
        assert!(public.starts_with(&format!("{ORIGIN}+{}+", parts[3])));
        let mut expected = vec![1];
        expected.extend_from_slice(&[3; 32]);
        assert_eq!(BASE64.decode(parts[4].as_bytes()).unwrap(), expected);
        assert_eq!(VerifierKey::parse(&public).unwrap().key, signing_key().verifying_key());
    }
}
