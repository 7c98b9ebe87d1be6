//! Cosignatures: a witness's statement that it saw a checkpoint and that the log had only grown until then. The C2SP
//! tlog-cosignature format `cosignature/v1` with Ed25519 (type 0x04).
//!
//! What is signed is `cosignature/v1`, a line with the time in seconds since the Unix epoch, and the text of the
//! checkpoint. The signature line has the time before the signature: base64(key id || time as big-endian u64 ||
//! signature). The name of the witness is not signed, so one key must never serve two names.
//!
//! Guaranteed: what [`Cosigner::cosign`] writes, [`WitnessKey::verify`] accepts, and nothing else. Left to others: whether
//! the log has only grown ([`super::witness`]).

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::note::{
    NoteError, SignatureLine,
    key::{self, KeyKind, KeyName},
    signature_line,
};

/// Seconds since the Unix epoch that a cosignature may have at most.
const SECONDS_MAX: u64 = i64::MAX.unsigned_abs();

/// Cosigns checkpoints. Its `Debug` shows the name alone.
#[derive(Clone)]
pub struct Cosigner {
    name: KeyName,
    key: SigningKey,
}

impl Cosigner {
    /// Reads `PRIVATE+KEY+<name>+<hex key id>+<base64(0x04 || 32-byte seed)>`.
    ///
    /// # Errors
    /// [`NoteError::MalformedKey`], also for a key that is not of cosignatures, such as that of a log.
    pub fn parse(encoded: &str) -> Result<Self, NoteError> {
        let (name, key) = key::parse_private(KeyKind::Cosignature, encoded)?;
        Ok(Self { name, key })
    }

    /// A cosigner of this name from a 32-byte seed.
    ///
    /// # Errors
    /// [`NoteError::MalformedKey`] when the name is empty or has a plus sign or white space.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let key = SigningKey::from_bytes(seed);
        Ok(Self { name: KeyName::of(KeyKind::Cosignature, name, &key.verifying_key())?, key })
    }

    /// Name of the witness.
    pub fn name(&self) -> &str {
        &self.name.name
    }

    /// The verifier key: `<name>+<hex key id>+<base64(0x04 || public key)>`.
    pub fn verifier_key(&self) -> String {
        key::encode(KeyKind::Cosignature, &self.name, &self.key.verifying_key())
    }

    /// The signature line for the text of a checkpoint, its newline included. Times before 1970 are written as 1970.
    pub fn cosign(&self, text: &str, at_s: i64) -> String {
        let at_s = u64::try_from(at_s).unwrap_or(0);
        let signature = self.key.sign(message(text, at_s).as_bytes());
        signature_line(&self.name, &[&at_s.to_be_bytes()[..], &signature.to_bytes()].concat())
    }
}

impl std::fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cosigner").field("name", &self.name.name).finish_non_exhaustive()
    }
}

/// The public key of a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: KeyName,
    key: VerifyingKey,
}

impl WitnessKey {
    /// Reads `<name>+<hex key id>+<base64(0x04 || public key)>`.
    ///
    /// # Errors
    /// [`NoteError::MalformedKey`], also for a key that is not of cosignatures, such as that of a log.
    pub fn parse(encoded: &str) -> Result<Self, NoteError> {
        let (name, key) = key::parse(KeyKind::Cosignature, encoded)?;
        Ok(Self { name, key })
    }

    /// Name of the witness.
    pub fn name(&self) -> &str {
        &self.name.name
    }

    /// The verifier key, as it is parsed.
    pub fn verifier_key(&self) -> String {
        key::encode(KeyKind::Cosignature, &self.name, &self.key)
    }

    /// Finds this witness's cosignature of a text among signature lines and verifies it. Returns its line as it is to
    /// be appended to the note, and its time in seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`], [`NoteError::BadSignature`].
    pub fn verify(&self, text: &str, lines: &[SignatureLine<'_>]) -> Result<(String, i64), NoteError> {
        let line = lines.iter().find(|line| line.is_of(&self.name)).ok_or(NoteError::NotSigned)?;
        let (at_s, signature) = line.signature.split_first_chunk().ok_or(NoteError::BadSignature)?;
        let at_s = u64::from_be_bytes(*at_s);
        if at_s > SECONDS_MAX {
            return Err(NoteError::BadSignature);
        }
        let signature = Signature::from_slice(signature).map_err(|_| NoteError::BadSignature)?;
        self.key
            .verify_strict(message(text, at_s).as_bytes(), &signature)
            .map_err(|_| NoteError::BadSignature)?;
        Ok((signature_line(&self.name, &line.signature), at_s.cast_signed()))
    }
}

fn message(text: &str, at_s: u64) -> String {
    format!("cosignature/v1\ntime {at_s}\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::note::{Signer, Verifier, sign};

    // Computed with Python's `cryptography` over the checkpoint and the time of the standard's example.
    const PRIVATE: &str =
        "PRIVATE+KEY+witness.example/w1+24b5d9fe+BAkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ";
    const PUBLIC: &str = "witness.example/w1+24b5d9fe+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";
    const TEXT: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    const AT_S: i64 = 1_679_315_147;
    const LINE: &str = "\u{2014} witness.example/w1 JLXZ/gAAAABkGFDLSEwbtADY9t5XeSzDTVuiqYN5nZfoc9NQOUgkPYm4wwjIUL68Nczz1tpzCjnpmnRXttgqVVwOg3WfE7AXqa+DAg==\n";

    #[test]
    fn a_cosignature_is_what_another_implementation_makes_of_it() {
        let cosigner = Cosigner::parse(PRIVATE).unwrap();
        assert_eq!(cosigner.verifier_key(), PUBLIC);
        assert_eq!(cosigner.cosign(TEXT, AT_S), LINE);
        let key = WitnessKey::parse(PUBLIC).unwrap();
        assert_eq!((key.name(), key.verifier_key().as_str()), ("witness.example/w1", PUBLIC));
        let lines = SignatureLine::parse_all(LINE).unwrap();
        assert_eq!(key.verify(TEXT, &lines), Ok((LINE.to_owned(), AT_S)));
    }

    #[test]
    fn another_text_or_another_time_is_not_cosigned() {
        let key = WitnessKey::parse(PUBLIC).unwrap();
        let lines = SignatureLine::parse_all(LINE).unwrap();
        assert_eq!(key.verify(&TEXT.replace("20852163", "20852164"), &lines), Err(NoteError::BadSignature));
        let mut later = lines.clone();
        later[0].signature[7] += 1;
        assert_eq!(key.verify(TEXT, &later), Err(NoteError::BadSignature));
        let mut never = lines.clone();
        never[0].signature[0] = 0x80;
        assert_eq!(key.verify(TEXT, &never), Err(NoteError::BadSignature));
        let mut short = lines.clone();
        short[0].signature.truncate(40);
        assert_eq!(key.verify(TEXT, &short), Err(NoteError::BadSignature));
        let mut stranger = lines;
        stranger[0].name = "witness.example/w2";
        assert_eq!(key.verify(TEXT, &stranger), Err(NoteError::NotSigned));
    }

    #[test]
    fn a_note_with_a_cosignature_still_opens_with_the_logs_key() {
        let log = Signer::from_seed("example.com/behind-the-sofa", &[7; 32]).unwrap();
        let note = sign(TEXT, std::slice::from_ref(&log)).unwrap() + LINE;
        assert_eq!(Verifier::parse(&log.verifier_key()).unwrap().open(&note), Ok(TEXT));
    }

    #[test]
    fn the_key_of_a_log_is_no_key_of_a_witness() {
        let log = Signer::from_seed("example.com/log", &[7; 32]).unwrap();
        let error = WitnessKey::parse(&log.verifier_key()).unwrap_err().to_string();
        assert!(error.contains("0x04"), "{error}");
        assert!(Verifier::parse(PUBLIC).unwrap_err().to_string().contains("0x01"));
        assert!(!format!("{:?}", Cosigner::parse(PRIVATE).unwrap()).contains("BAkJ"));
    }
}
