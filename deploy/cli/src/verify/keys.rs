//! Keys of signed notes: `name+hash+base64(type || 32 bytes)`, where the hash is the first four bytes of
//! SHA-256(name || "\n" || type || public key). A log's key (type 1, C2SP signed-note) signs its checkpoints, a witness's
//! key (type 4, C2SP tlog-cosignature) cosigns those of others. The type is part of the hash, so that none is taken for the
//! other.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use ed25519_dalek::{SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// More than a log has at once.
const KEYS_MAX: usize = 16;

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// A log's.
    Log,
    /// A witness's.
    Witness,
}

impl KeyKind {
    fn number(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }

    fn mismatch(self) -> String {
        match self {
            Self::Log => "the key is not of the Ed25519 type (1) that logs have".to_owned(),
            Self::Witness => "the key is not of the cosignature type (4) that witnesses have".to_owned(),
        }
    }
}

/// A key that verifies signatures of a log, or cosignatures of a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifierKey {
    kind: KeyKind,
    /// Name of the log, which is also the origin of its checkpoints; or of the witness.
    pub(crate) name: String,
    pub(super) hash: [u8; 4],
    pub(super) key: VerifyingKey,
}

impl VerifierKey {
    pub(crate) fn of(kind: KeyKind, name: &str, key: VerifyingKey) -> Self {
        Self { kind, name: name.to_owned(), hash: key_hash(kind, name, &key), key }
    }

    /// Reads the text form; says what is wrong with it otherwise.
    pub(crate) fn parse(kind: KeyKind, text: &str) -> Result<Self, String> {
        let (name, hash, bytes) = parse_parts(kind, text.trim())?;
        let key =
            VerifyingKey::from_bytes(&bytes).map_err(|_| "the key is not a point of Ed25519".to_owned())?;
        checked(Self::of(kind, name, key), hash)
    }

    /// Reads the keys of one log, separated by white space; one at least.
    pub(crate) fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        let mut keys: Vec<Self> = Vec::new();
        for word in text.split_whitespace() {
            let key = Self::parse(KeyKind::Log, word)?;
            if keys.first().is_some_and(|first| first.name != key.name) {
                return Err("the keys are of different logs".to_owned());
            }
            keys.push(key);
        }
        match keys.len() {
            0 => Err("there is no key".to_owned()),
            1..=KEYS_MAX => Ok(keys),
            count => Err(format!("there are {count} keys; a log has {KEYS_MAX} at most")),
        }
    }

    /// The text form.
    pub(crate) fn to_text(&self) -> String {
        encoded(self.kind, &self.name, self.hash, self.key.as_bytes())
    }
}

/// A key that signs, as it stands in a key file: `PRIVATE+KEY+name+hash+base64(type || seed)`.
#[derive(Clone)]
pub(crate) struct PrivateKey {
    kind: KeyKind,
    name: String,
    key: SigningKey,
}

const PRIVATE: &str = "PRIVATE+KEY+";

impl PrivateKey {
    pub(crate) fn of(kind: KeyKind, name: &str, key: SigningKey) -> Self {
        Self { kind, name: name.to_owned(), key }
    }

    /// Reads the text form; says what is wrong with it otherwise, and never what it is.
    pub(crate) fn parse(kind: KeyKind, text: &str) -> Result<Self, String> {
        let rest = text.trim().strip_prefix(PRIVATE);
        let rest = rest.ok_or("a private key begins with PRIVATE+KEY+")?;
        let (name, hash, seed) = parse_parts(kind, rest)?;
        let parsed = Self::of(kind, name, SigningKey::from_bytes(&seed));
        checked(parsed.verifier(), hash)?;
        Ok(parsed)
    }

    /// What everybody may know of it.
    pub(crate) fn verifier(&self) -> VerifierKey {
        VerifierKey::of(self.kind, &self.name, self.key.verifying_key())
    }

    /// The text form.
    pub(crate) fn to_text(&self) -> String {
        let hash = key_hash(self.kind, &self.name, &self.key.verifying_key());
        format!("{PRIVATE}{}", encoded(self.kind, &self.name, hash, &self.key.to_bytes()))
    }
}

/// The rules of C2SP for names: not empty, no white space, no plus.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+') {
        return Err(format!(
            "\"{name}\" is no name of a log or a witness: neither empty, nor with white space or \"+\""
        ));
    }
    Ok(())
}

fn parse_parts(kind: KeyKind, text: &str) -> Result<(&str, &str, [u8; 32]), String> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("a key is name+hash+base64".to_owned());
    };
    check_name(name)?;
    let bytes =
        BASE64.decode(key.as_bytes()).map_err(|error| format!("the key is not standard base64: {error}"))?;
    let Some((number, bytes)) = bytes.split_first() else { return Err("the key is empty".to_owned()) };
    if *number != kind.number() {
        return Err(kind.mismatch());
    }
    let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| "an Ed25519 key has 32 bytes".to_owned())?;
    Ok((name, hash, bytes))
}

fn checked(key: VerifierKey, hash: &str) -> Result<VerifierKey, String> {
    let decoded = HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).ok();
    if hash.len() != 8 || decoded.as_deref() != Some(&key.hash[..]) {
        return Err("the key's hash is not that of its name and bytes".to_owned());
    }
    Ok(key)
}

fn encoded(kind: KeyKind, name: &str, hash: [u8; 4], key: &[u8; 32]) -> String {
    let mut bytes = vec![kind.number()];
    bytes.extend_from_slice(key);
    format!("{name}+{}+{}", HEXLOWER_PERMISSIVE.encode(&hash), BASE64.encode(&bytes))
}

fn key_hash(kind: KeyKind, name: &str, key: &VerifyingKey) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(name.as_bytes())
        .chain_update(b"\n")
        .chain_update([kind.number()])
        .chain_update(key.as_bytes())
        .finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the example in C2SP signed-note.
    const NEUMANN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const WITNESS: &str = "witness.example/w1+24b5d9fe+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";

    #[test]
    fn the_verifier_key_of_the_specification_is_read_and_written() {
        let key = VerifierKey::parse(KeyKind::Log, NEUMANN).unwrap();
        assert_eq!(key.name, "PeterNeumann");
        assert_eq!(key.to_text(), NEUMANN);
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
            WITNESS,
        ] {
            assert!(VerifierKey::parse(KeyKind::Log, text).is_err(), "{text}");
        }
        assert!(VerifierKey::parse(KeyKind::Witness, NEUMANN).is_err());
        assert_eq!(VerifierKey::parse(KeyKind::Witness, WITNESS).unwrap().to_text(), WITNESS);
    }

    #[test]
    fn a_log_may_have_several_keys_of_its_name() {
        let other =
            VerifierKey::of(KeyKind::Log, "PeterNeumann", SigningKey::from_bytes(&[1; 32]).verifying_key());
        let text = format!("{NEUMANN}\n{}\n", other.to_text());
        let keys = VerifierKey::parse_all(&text).unwrap();
        assert_eq!((keys.len(), &keys[1]), (2, &other));
        assert!(VerifierKey::parse_all(" \n").unwrap_err().contains("no key"));
        let stranger =
            VerifierKey::of(KeyKind::Log, "other", SigningKey::from_bytes(&[1; 32]).verifying_key());
        let error = VerifierKey::parse_all(&format!("{NEUMANN} {}", stranger.to_text())).unwrap_err();
        assert!(error.contains("different logs"));
        assert!(VerifierKey::parse_all(&format!("{NEUMANN} ").repeat(17)).unwrap_err().contains("17"));
    }

    #[test]
    fn a_private_key_reads_back_and_names_itself_as_its_public_one_does() {
        for kind in [KeyKind::Log, KeyKind::Witness] {
            let private = PrivateKey::of(kind, "huying.example/150800", SigningKey::from_bytes(&[3; 32]));
            let text = private.to_text();
            let read = PrivateKey::parse(kind, &text).unwrap();
            assert_eq!(read.verifier(), private.verifier());
            let parts: Vec<&str> = text.splitn(5, '+').collect();
            assert_eq!(parts[..3], ["PRIVATE", "KEY", "huying.example/150800"]);
            assert!(private.verifier().to_text().starts_with(&format!("{}+{}+", parts[2], parts[3])));
            let mut expected = vec![kind.number()];
            expected.extend_from_slice(&[3; 32]);
            assert_eq!(BASE64.decode(parts[4].as_bytes()).unwrap(), expected);
            assert!(PrivateKey::parse(kind, &text.replace("150800", "150801")).is_err());
        }
    }

    #[test]
    fn keys_are_those_of_other_implementations() {
        // That of the Go implementation's documentation, and one made with Python's `cryptography`.
        let private = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
        assert_eq!(PrivateKey::parse(KeyKind::Log, private).unwrap().verifier().to_text(), NEUMANN);
        let private = "PRIVATE+KEY+witness.example/w1+24b5d9fe+BAkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ";
        assert_eq!(PrivateKey::parse(KeyKind::Witness, private).unwrap().verifier().to_text(), WITNESS);
    }
}
