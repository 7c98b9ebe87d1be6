//! Signed notes: the C2SP signed-note format with Ed25519 signatures (type 0x01).
//!
//! A note is a text whose last character is a newline, an empty line, and signature lines
//! `— <name> <base64(key id || signature)>`. Several keys may sign one note; whoever verifies knows some of them and
//! passes over the others, which is how a log changes its keys and how witnesses cosign.
//!
//! Guaranteed: what [`sign`] writes, [`Verifier::open`] accepts for each of the keys, and nothing else. Left to others:
//! what the text says, where keys are kept, and the cosignatures of witnesses ([`super::cosignature`]).

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

pub(crate) mod key;

use key::{KeyKind, KeyName};

const SIGNATURE_MARK: &str = "\u{2014} ";

/// Signatures that a note may have at most when it is read. The format asks verifiers to accept at least 16.
pub const SIGNATURES_MAX: usize = 64;

/// What can be wrong with a key or a note. Never says what a private key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A key is not written as the format wants it.
    #[error("the key is not a C2SP signed-note key: {0}")]
    MalformedKey(&'static str),
    /// A note is not written as the format wants it.
    #[error("the note is not a C2SP signed note: {0}")]
    MalformedNote(&'static str),
    /// No signature line is of the wanted key.
    #[error("the note has no signature of the wanted key")]
    NotSigned,
    /// The signature of the wanted key does not match the text.
    #[error("the signature of the wanted key is not of this text")]
    BadSignature,
}

/// A note, taken apart. Nothing of it has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote<'a> {
    /// What is signed, its last newline included.
    pub text: &'a str,
    /// By whom, as they say; at most [`SIGNATURES_MAX`].
    pub signatures: Vec<SignatureLine<'a>>,
}

/// One line below a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine<'a> {
    /// Name of the key.
    pub name: &'a str,
    /// First bytes of a hash of name and key.
    pub key_id: [u8; 4],
    /// What follows the key id: for Ed25519 the 64 bytes of the signature.
    pub signature: Vec<u8>,
}

impl<'a> SignedNote<'a> {
    /// Takes a note apart.
    ///
    /// # Errors
    /// [`NoteError::MalformedNote`].
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        let end =
            note.rfind("\n\n").ok_or(NoteError::MalformedNote("no empty line before the signatures"))?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        check_text(text)?;
        Ok(Self { text, signatures: SignatureLine::parse_all(lines)? })
    }

    /// True when a line claims to be of this key.
    pub(crate) fn names(&self, key: &KeyName) -> bool {
        self.signatures.iter().any(|line| line.is_of(key))
    }
}

impl<'a> SignatureLine<'a> {
    /// Reads signature lines, each ended by a newline; at least one, at most [`SIGNATURES_MAX`].
    ///
    /// # Errors
    /// [`NoteError::MalformedNote`].
    pub fn parse_all(lines: &'a str) -> Result<Vec<Self>, NoteError> {
        if !lines.ends_with('\n') {
            return Err(NoteError::MalformedNote("the last line does not end with a newline"));
        }
        if lines.split_terminator('\n').count() > SIGNATURES_MAX {
            return Err(NoteError::MalformedNote("it has more than 64 signatures"));
        }
        lines.split_terminator('\n').map(Self::parse).collect()
    }

    fn parse(line: &'a str) -> Result<Self, NoteError> {
        let line = line
            .strip_prefix(SIGNATURE_MARK)
            .ok_or(NoteError::MalformedNote("a signature line has no dash"))?;
        let (name, encoded) =
            line.split_once(' ').ok_or(NoteError::MalformedNote("a signature line has no signature"))?;
        if name.is_empty() || name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control()) {
            return Err(NoteError::MalformedNote("a signature line has no name"));
        }
        let bytes =
            BASE64.decode(encoded).map_err(|_| NoteError::MalformedNote("a signature is not base64"))?;
        let (key_id, signature) =
            bytes.split_first_chunk().ok_or(NoteError::MalformedNote("a signature is too short"))?;
        Ok(Self { name, key_id: *key_id, signature: signature.to_vec() })
    }

    pub(crate) fn is_of(&self, key: &KeyName) -> bool {
        self.name == key.name && self.key_id == key.key_id
    }
}

/// Writes a signature line, its newline included.
pub(crate) fn signature_line(key: &KeyName, signature: &[u8]) -> String {
    let encoded = BASE64.encode([&key.key_id, signature].concat());
    format!("{SIGNATURE_MARK}{} {encoded}\n", key.name)
}

/// Signs a text, which must end with a newline, with each key, in their order.
///
/// # Errors
/// [`NoteError::MalformedNote`] when it is no text that can be signed.
pub fn sign(text: &str, signers: &[Signer]) -> Result<String, NoteError> {
    check_text(text)?;
    let lines: String = signers.iter().map(|signer| signer.line(text)).collect();
    Ok(format!("{text}\n{lines}"))
}

/// Signs notes. Its `Debug` shows the name alone.
#[derive(Clone)]
pub struct Signer {
    name: KeyName,
    key: SigningKey,
}

impl Signer {
    /// Reads `PRIVATE+KEY+<name>+<hex key id>+<base64(0x01 || 32-byte seed)>`.
    ///
    /// # Errors
    /// [`NoteError::MalformedKey`], also when the key id is not that of the name and the key.
    pub fn parse(encoded: &str) -> Result<Self, NoteError> {
        let (name, key) = key::parse_private(KeyKind::Note, encoded)?;
        Ok(Self { name, key })
    }

    /// A signer of this name from a 32-byte seed.
    ///
    /// # Errors
    /// [`NoteError::MalformedKey`] when the name is empty or has a plus sign or white space.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let key = SigningKey::from_bytes(seed);
        Ok(Self { name: KeyName::of(KeyKind::Note, name, &key.verifying_key())?, key })
    }

    /// Name of the key.
    pub fn name(&self) -> &str {
        &self.name.name
    }

    /// The verifier key: `<name>+<hex key id>+<base64(0x01 || public key)>`.
    pub fn verifier_key(&self) -> String {
        key::encode(KeyKind::Note, &self.name, &self.key.verifying_key())
    }

    /// What verifies its signatures.
    pub fn verifier(&self) -> Verifier {
        Verifier { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// Further signature lines for a note of this text, of those of these keys that have not signed it yet. The text is
    /// asked for, so that nobody signs what happens to stand in a note.
    ///
    /// # Errors
    /// [`NoteError::MalformedNote`], also when the note has another text.
    pub fn complete(text: &str, note: &str, signers: &[Self]) -> Result<String, NoteError> {
        let signed = SignedNote::parse(note)?;
        if signed.text != text {
            return Err(NoteError::MalformedNote("it has another text"));
        }
        let absent = signers.iter().filter(|signer| !signed.names(&signer.name));
        Ok(absent.map(|signer| signer.line(text)).collect())
    }

    fn line(&self, text: &str) -> String {
        signature_line(&self.name, &self.key.sign(text.as_bytes()).to_bytes())
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("name", &self.name.name).finish_non_exhaustive()
    }
}

/// Verifies notes.
#[derive(Debug, Clone)]
pub struct Verifier {
    name: KeyName,
    key: VerifyingKey,
}

impl Verifier {
    /// Reads `<name>+<hex key id>+<base64(0x01 || public key)>`.
    ///
    /// # Errors
    /// [`NoteError::MalformedKey`], also when the key id is not that of the name and the key.
    pub fn parse(encoded: &str) -> Result<Self, NoteError> {
        let (name, key) = key::parse(KeyKind::Note, encoded)?;
        Ok(Self { name, key })
    }

    /// Name of the key.
    pub fn name(&self) -> &str {
        &self.name.name
    }

    /// The verifier key, as it is parsed.
    pub fn verifier_key(&self) -> String {
        key::encode(KeyKind::Note, &self.name, &self.key)
    }

    /// The text of a note that this key has signed. Signatures of other keys are passed over, as the format asks.
    ///
    /// # Errors
    /// [`NoteError::MalformedNote`], [`NoteError::NotSigned`], [`NoteError::BadSignature`].
    pub fn open<'note>(&self, note: &'note str) -> Result<&'note str, NoteError> {
        let signed = SignedNote::parse(note)?;
        self.verify(&signed)?;
        Ok(signed.text)
    }

    /// Verifies this key's signature of a note.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`], [`NoteError::BadSignature`].
    pub fn verify(&self, note: &SignedNote<'_>) -> Result<(), NoteError> {
        let line = note.signatures.iter().find(|line| line.is_of(&self.name)).ok_or(NoteError::NotSigned)?;
        let signature = Signature::from_slice(&line.signature).map_err(|_| NoteError::BadSignature)?;
        self.key.verify_strict(note.text.as_bytes(), &signature).map_err(|_| NoteError::BadSignature)
    }
}

/// One of these keys at least has signed, and none that has did so wrongly, as signed-note asks.
///
/// # Errors
/// [`NoteError::NotSigned`], [`NoteError::BadSignature`].
pub fn check_signatures(note: &SignedNote<'_>, keys: &[Verifier]) -> Result<(), NoteError> {
    let mut outcome = Err(NoteError::NotSigned);
    for key in keys {
        match key.verify(note) {
            Ok(()) => outcome = Ok(()),
            Err(NoteError::NotSigned) => {}
            Err(
                error @ (NoteError::BadSignature | NoteError::MalformedNote(_) | NoteError::MalformedKey(_)),
            ) => return Err(error),
        }
    }
    outcome
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

#[cfg(test)]
mod tests {
    use super::*;

    // The example of C2SP signed-note and of Go's sumdb/note.
    const PRIVATE: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const SIGNATURE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn signer() -> Signer {
        Signer::parse(PRIVATE).unwrap()
    }

    #[test]
    fn the_standards_example_is_signed_to_the_byte() {
        assert_eq!(signer().verifier_key(), PUBLIC);
        assert_eq!(sign(TEXT, &[signer()]).unwrap(), format!("{TEXT}\n{SIGNATURE}"));
    }

    #[test]
    fn the_standards_example_opens() {
        let verifier = Verifier::parse(PUBLIC).unwrap();
        assert_eq!(verifier.verifier_key(), PUBLIC);
        assert_eq!(verifier.open(&format!("{TEXT}\n{SIGNATURE}")), Ok(TEXT));
    }

    #[test]
    fn a_note_of_several_keys_opens_with_each() {
        let other = Signer::from_seed("other.example", &[7; 32]).unwrap();
        let third = Signer::from_seed("third.example", &[8; 32]).unwrap();
        let note = sign(TEXT, &[signer(), other.clone()]).unwrap();
        assert!(note.starts_with(&format!("{TEXT}\n{SIGNATURE}")));
        assert_eq!(Verifier::parse(PUBLIC).unwrap().open(&note), Ok(TEXT));
        assert_eq!(Verifier::parse(&other.verifier_key()).unwrap().open(&note), Ok(TEXT));
        let stranger = Verifier::parse(&third.verifier_key()).unwrap();
        assert_eq!(stranger.open(&note), Err(NoteError::NotSigned));
        let signers = [other, third, signer()];
        let missing = Signer::complete(TEXT, &note, &signers).unwrap();
        assert_eq!(stranger.open(&format!("{note}{missing}")), Ok(TEXT));
        assert_eq!(missing.lines().count(), 1);
        let other_text = note.replace("answer", "question");
        assert!(matches!(Signer::complete(TEXT, &other_text, &signers), Err(NoteError::MalformedNote(_))));
    }

    #[test]
    fn a_changed_text_does_not_open() {
        let note = format!("{TEXT}\n{SIGNATURE}").replace("answer", "question");
        assert_eq!(Verifier::parse(PUBLIC).unwrap().open(&note), Err(NoteError::BadSignature));
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
        assert!(matches!(sign("no newline", &[signer()]), Err(NoteError::MalformedNote(_))));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let many = format!("{TEXT}\n{}", SIGNATURE.repeat(SIGNATURES_MAX + 1));
        for note in [
            "",
            "text\n",
            "text\n\n",
            "text\n\nno dash\n",
            "text\n\n\u{2014} name\n",
            "text\n\n\u{2014}  AAAAAAAA\n",
            "text\n\n\u{2014} na+me AAAAAAAA\n",
            "text\n\n\u{2014} name AAAA\n",
            "text\n\n\u{2014} name ----\n",
            "text\n\n\u{2014} name AAAAAAAA",
            "te\txt\n\n\u{2014} name AAAAAAAA\n",
            &many,
        ] {
            assert!(matches!(SignedNote::parse(note), Err(NoteError::MalformedNote(_))), "{note:?}");
        }
        assert!(SignedNote::parse(&format!("{TEXT}\n{}", SIGNATURE.repeat(SIGNATURES_MAX))).is_ok());
    }

    #[test]
    fn a_private_key_does_not_show_in_debug_output() {
        assert!(!format!("{:?}", signer()).contains("AYEK"));
    }
}
