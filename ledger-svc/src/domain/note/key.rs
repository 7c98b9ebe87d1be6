//! How keys are written: `<name>+<hex key id>+<base64(kind || 32 bytes)>`, with `PRIVATE+KEY+` before it when the bytes
//! are the seed instead of the public key. The key id is the first four bytes of SHA-256(name || "\n" || kind || public
//! key), so that a key of one kind is never taken for one of another.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::NoteError;

const PRIVATE: &str = "PRIVATE+KEY+";

/// What a key signs. The numbers are those that signed-note assigns to types of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// Notes as they are: a log's key.
    Note,
    /// Timestamped cosignatures, tlog-cosignature's `cosignature/v1`: a witness's key.
    Cosignature,
}

impl KeyKind {
    fn number(self) -> u8 {
        match self {
            Self::Note => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    fn wrong(self) -> NoteError {
        NoteError::MalformedKey(match self {
            Self::Note => "it is not of Ed25519 signatures (0x01), as the keys of a log are",
            Self::Cosignature => "it is not of Ed25519 cosignatures (0x04), as the keys of a witness are",
        })
    }
}

/// A key's name, and the four bytes that go before its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyName {
    pub(crate) name: String,
    pub(crate) key_id: [u8; 4],
}

impl KeyName {
    /// Names a key.
    ///
    /// # Errors
    /// [`NoteError::MalformedKey`] when the name is empty or has a plus sign or white space.
    pub(crate) fn of(kind: KeyKind, name: &str, key: &VerifyingKey) -> Result<Self, NoteError> {
        if name.is_empty() || name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control()) {
            return Err(NoteError::MalformedKey("its name is empty or has a plus sign or white space"));
        }
        let mut hasher = Sha256::new();
        hasher.update(name.as_bytes());
        hasher.update([b'\n', kind.number()]);
        hasher.update(key.as_bytes());
        let hash = hasher.finalize();
        Ok(Self { name: name.to_owned(), key_id: [hash[0], hash[1], hash[2], hash[3]] })
    }
}

/// Writes a verifier key.
pub(crate) fn encode(kind: KeyKind, name: &KeyName, key: &VerifyingKey) -> String {
    let key_id = data_encoding::HEXLOWER.encode(&name.key_id);
    let mut bytes = vec![kind.number()];
    bytes.extend_from_slice(key.as_bytes());
    format!("{}+{key_id}+{}", name.name, BASE64.encode(bytes))
}

/// Reads a verifier key.
///
/// # Errors
/// [`NoteError::MalformedKey`], also when the key id is not that of the name and the key.
pub(crate) fn parse(kind: KeyKind, encoded: &str) -> Result<(KeyName, VerifyingKey), NoteError> {
    let (name, key_id, public) = parts(kind, encoded.trim())?;
    let key = VerifyingKey::from_bytes(&public)
        .map_err(|_| NoteError::MalformedKey("its bytes are no Ed25519 public key"))?;
    Ok((checked(kind, name, key_id, &key)?, key))
}

/// Reads a private key.
///
/// # Errors
/// [`NoteError::MalformedKey`], also when the key id is not that of the name and the key.
pub(crate) fn parse_private(kind: KeyKind, encoded: &str) -> Result<(KeyName, SigningKey), NoteError> {
    let rest = encoded
        .trim()
        .strip_prefix(PRIVATE)
        .ok_or(NoteError::MalformedKey("it does not begin with PRIVATE+KEY+"))?;
    let (name, key_id, seed) = parts(kind, rest)?;
    let key = SigningKey::from_bytes(&seed);
    Ok((checked(kind, name, key_id, &key.verifying_key())?, key))
}

fn checked(kind: KeyKind, name: &str, key_id: [u8; 4], key: &VerifyingKey) -> Result<KeyName, NoteError> {
    let named = KeyName::of(kind, name, key)?;
    if named.key_id != key_id {
        return Err(NoteError::MalformedKey("its hash is not that of its name and key"));
    }
    Ok(named)
}

/// Splits `<name>+<hex key id>+<base64(kind || 32 bytes)>`.
fn parts(kind: KeyKind, encoded: &str) -> Result<(&str, [u8; 4], [u8; 32]), NoteError> {
    // Base64 may have plus signs, so only the first two separate.
    let mut parts = encoded.splitn(3, '+');
    let (Some(name), Some(key_id), Some(bytes)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::MalformedKey("it has not three parts joined by +"));
    };
    let key_id = data_encoding::HEXLOWER_PERMISSIVE
        .decode(key_id.as_bytes())
        .ok()
        .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
        .ok_or(NoteError::MalformedKey("its hash is not eight hex digits"))?;
    let bytes = BASE64.decode(bytes).map_err(|_| NoteError::MalformedKey("its last part is not base64"))?;
    let (number, key) = bytes.split_first().ok_or(NoteError::MalformedKey("its last part is empty"))?;
    if *number != kind.number() {
        return Err(kind.wrong());
    }
    let key = key.try_into().map_err(|_| NoteError::MalformedKey("it has not 32 bytes"))?;
    Ok((name, key_id, key))
}
