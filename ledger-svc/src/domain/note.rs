//! Signed notes: the C2SP signed-note format with Ed25519 signatures (algorithm 0x01).
//!
//! A note is a text whose last character is a newline, an empty line, and signature lines
//! `— <name> <base64(key id || signature)>`. The key id is the first four bytes of
//! SHA-256(name || "\n" || 0x01 || public key).
//!
//! Guaranteed: what [`Signer::sign`] writes, [`Verifier::open`] accepts, and nothing else. Left to others: what the
//! text says, and where keys are kept.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// Number of Ed25519 in the signed-note format.
const ED25519: u8 = 0x01;

const SIGNATURE_MARK: &str = "\u{2014} ";

/// What can be wrong with a key or a note. Never says what a private key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A key is not written as the format wants it.
    #[error("the key is not a C2SP signed-note key: {0}")]
    MalformedKey(&'static str),
    /// A note is not written as the format wants it.
    #[error("the note is not a C2SP signed note: {0}")]
    MalformedNote(&'static str),
    /// No signature line is of the wanted key, or it does not match the text.
    #[error("the note has no valid signature of the wanted key")]
    NotSigned,
}

/// Signs notes. Its `Debug` shows the name alone.
pub struct Signer {
    name: String,
    key_id: [u8; 4],
    key: SigningKey,
}

impl Signer {
    /// Reads `PRIVATE+KEY+<name>+<hex key id>+<base64(0x01 || 32-byte seed)>`.
    ///
    /// # Errors
    /// [`NoteError::MalformedKey`], also when the key id is not that of the name and the key.
    pub fn parse(encoded: &str) -> Result<Self, NoteError> {
        let rest = encoded
            .trim()
            .strip_prefix("PRIVATE+KEY+")
            .ok_or(NoteError::MalformedKey("it does not begin with PRIVATE+KEY+"))?;
        let (name, key_id, seed) = key_parts(rest)?;
        let key = SigningKey::from_bytes(&seed);
        let signer = Self { key_id: key_id_of(name, &key.verifying_key()), name: name.to_owned(), key };
        if signer.key_id != key_id {
            return Err(NoteError::MalformedKey("its hash is not that of its name and key"));
        }
        Ok(signer)
    }

    /// A signer of this name from a 32-byte seed.
    ///
    /// # Errors
    /// [`NoteError::MalformedKey`] when the name is empty or has a plus sign or white space.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        let key = SigningKey::from_bytes(seed);
        Ok(Self { key_id: key_id_of(name, &key.verifying_key()), name: name.to_owned(), key })
    }

    /// Name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The verifier key: `<name>+<hex key id>+<base64(0x01 || public key)>`.
    pub fn verifier_key(&self) -> String {
        encode_verifier_key(&self.name, &self.key.verifying_key())
    }

    /// Signs a text, which must end with a newline.
    ///
    /// # Errors
    /// [`NoteError::MalformedNote`] when it does not.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        check_text(text)?;
        let signature = self.key.sign(text.as_bytes());
        let mut signed = Vec::with_capacity(4 + Signature::BYTE_SIZE);
        signed.extend_from_slice(&self.key_id);
        signed.extend_from_slice(&signature.to_bytes());
        Ok(format!("{text}\n{SIGNATURE_MARK}{} {}\n", self.name, BASE64.encode(signed)))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Verifies notes.
#[derive(Debug, Clone)]
pub struct Verifier {
    name: String,
    key_id: [u8; 4],
    key: VerifyingKey,
}

impl Verifier {
    /// Reads `<name>+<hex key id>+<base64(0x01 || public key)>`.
    ///
    /// # Errors
    /// [`NoteError::MalformedKey`], also when the key id is not that of the name and the key.
    pub fn parse(encoded: &str) -> Result<Self, NoteError> {
        let (name, key_id, public) = key_parts(encoded.trim())?;
        let key = VerifyingKey::from_bytes(&public)
            .map_err(|_| NoteError::MalformedKey("its bytes are no Ed25519 public key"))?;
        if key_id != key_id_of(name, &key) {
            return Err(NoteError::MalformedKey("its hash is not that of its name and key"));
        }
        Ok(Self { name: name.to_owned(), key_id, key })
    }

    /// The text of a note that this key has signed. Signatures of other keys are passed over, as the format asks.
    ///
    /// # Errors
    /// [`NoteError::MalformedNote`], [`NoteError::NotSigned`].
    pub fn open<'note>(&self, note: &'note str) -> Result<&'note str, NoteError> {
        let end =
            note.rfind("\n\n").ok_or(NoteError::MalformedNote("no empty line before the signatures"))?;
        let (text, signatures) = (&note[..=end], &note[end + 2..]);
        check_text(text)?;
        if !signatures.ends_with('\n') {
            return Err(NoteError::MalformedNote("the last line does not end with a newline"));
        }
        for line in signatures.lines() {
            let line = line
                .strip_prefix(SIGNATURE_MARK)
                .ok_or(NoteError::MalformedNote("a signature line has no dash"))?;
            let (name, encoded) =
                line.split_once(' ').ok_or(NoteError::MalformedNote("a signature line has no signature"))?;
            let bytes =
                BASE64.decode(encoded).map_err(|_| NoteError::MalformedNote("a signature is not base64"))?;
            let Some((key_id, signature)) = bytes.split_at_checked(4) else {
                return Err(NoteError::MalformedNote("a signature is too short"));
            };
            if name != self.name || key_id != self.key_id {
                continue;
            }
            let signature = Signature::from_slice(signature).map_err(|_| NoteError::NotSigned)?;
            return match self.key.verify_strict(text.as_bytes(), &signature) {
                Ok(()) => Ok(text),
                Err(_) => Err(NoteError::NotSigned),
            };
        }
        Err(NoteError::NotSigned)
    }
}

fn encode_verifier_key(name: &str, key: &VerifyingKey) -> String {
    let key_id = data_encoding::HEXLOWER.encode(&key_id_of(name, key));
    let mut bytes = vec![ED25519];
    bytes.extend_from_slice(key.as_bytes());
    format!("{name}+{key_id}+{}", BASE64.encode(bytes))
}

/// Splits `<name>+<hex key id>+<base64(0x01 || 32 bytes)>`.
fn key_parts(encoded: &str) -> Result<(&str, [u8; 4], [u8; 32]), NoteError> {
    // Base64 may have plus signs, so only the first two separate.
    let mut parts = encoded.splitn(3, '+');
    let (Some(name), Some(key_id), Some(bytes)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::MalformedKey("it has not three parts joined by +"));
    };
    check_name(name)?;
    let key_id = data_encoding::HEXLOWER_PERMISSIVE
        .decode(key_id.as_bytes())
        .ok()
        .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
        .ok_or(NoteError::MalformedKey("its hash is not eight hex digits"))?;
    let bytes = BASE64.decode(bytes).map_err(|_| NoteError::MalformedKey("its last part is not base64"))?;
    match bytes.split_first() {
        Some((&ED25519, key)) => {
            let key = key.try_into().map_err(|_| NoteError::MalformedKey("it has not 32 bytes"))?;
            Ok((name, key_id, key))
        }
        Some(_) | None => Err(NoteError::MalformedKey("it is not of Ed25519")),
    }
}

fn check_name(name: &str) -> Result<(), NoteError> {
    if name.is_empty() || name.contains(|c: char| c == '+' || c.is_whitespace()) {
        return Err(NoteError::MalformedKey("its name is empty or has a plus sign or white space"));
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::MalformedNote("the text does not end with a newline"));
    }
    if text.contains(|c: char| c < ' ' && c != '\n') {
        return Err(NoteError::MalformedNote("the text has control characters"));
    }
    Ok(())
}

fn key_id_of(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let mut hasher = Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update([b'\n', ED25519]);
    hasher.update(key.as_bytes());
    let hash = hasher.finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of C2SP signed-note and of Go's sumdb/note.
    const PRIVATE: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const SIGNATURE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_standards_example_is_signed_to_the_byte() {
        let signer = Signer::parse(PRIVATE).unwrap();
        assert_eq!(signer.verifier_key(), PUBLIC);
        assert_eq!(signer.sign(TEXT).unwrap(), format!("{TEXT}\n{SIGNATURE}"));
    }

    #[test]
    fn the_standards_example_opens() {
        let verifier = Verifier::parse(PUBLIC).unwrap();
        assert_eq!(verifier.open(&format!("{TEXT}\n{SIGNATURE}")), Ok(TEXT));
    }

    #[test]
    fn a_witnesss_signature_beside_ours_is_passed_over() {
        let witness = Signer::from_seed("witness.example", &[7; 32]).unwrap();
        let cosigned = witness.sign(TEXT).unwrap();
        let note = format!("{cosigned}{SIGNATURE}");
        assert_eq!(Verifier::parse(PUBLIC).unwrap().open(&note), Ok(TEXT));
        assert_eq!(Verifier::parse(&witness.verifier_key()).unwrap().open(&note), Ok(TEXT));
    }

    #[test]
    fn a_changed_text_does_not_open() {
        let note = format!("{TEXT}\n{SIGNATURE}").replace("answer", "question");
        assert_eq!(Verifier::parse(PUBLIC).unwrap().open(&note), Err(NoteError::NotSigned));
    }

    #[test]
    fn keys_that_lie_about_their_hash_are_refused() {
        assert!(matches!(
            Signer::parse(&PRIVATE.replace("c74f20a3", "c74f20a4")),
            Err(NoteError::MalformedKey(_))
        ));
        assert!(matches!(
            Verifier::parse(&PUBLIC.replace("c74f20a3", "c74f20a4")),
            Err(NoteError::MalformedKey(_))
        ));
        assert!(matches!(Signer::parse(PUBLIC), Err(NoteError::MalformedKey(_))));
    }

    #[test]
    fn a_text_without_a_last_newline_is_not_signed() {
        let signer = Signer::parse(PRIVATE).unwrap();
        assert!(matches!(signer.sign("no newline"), Err(NoteError::MalformedNote(_))));
    }

    #[test]
    fn a_private_key_does_not_show_in_debug_output() {
        assert!(!format!("{:?}", Signer::parse(PRIVATE).unwrap()).contains("AYEK"));
    }
}
