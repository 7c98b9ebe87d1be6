//! Keeps the citizen's private part sealed, and makes what must be unguessable.
//!
//! - The private part of each case is encrypted with XChaCha20-Poly1305 under a random data key of its own; the data
//!   key is encrypted in the same way under a key derived from the master key. Both are bound to the case id as
//!   associated data, so that rows cannot be swapped. Erasing is deleting the wrapped data key.
//! - The receipt code is derived from the case id, so a retry gets the same one and none is stored.
//! - Keys, receipts and requests are stored as keyed hashes only, so a copy of the database cannot be searched for a
//!   guessed phone number or code.
//!
//! Each use has a key of its own, HMAC-SHA256(master key, purpose). Left to others: where the master key comes from,
//! who may read, and that a deleted wrapped key also leaves backups and the write-ahead log in the course of time.

use std::{fmt, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use hmac::{Hmac, Mac as _};
use huying_platform::{
    ids::CaseId,
    keys::IdempotencyKey,
    secret_file::{SecretFileError, read_secret},
};
use sha2::Sha256;

use crate::domain::receipt_code::ReceiptCode;

/// Bytes of a stored hash of a key or a receipt: with 128 bits two of them do not meet by chance.
pub const LOOKUP_HASH_LEN: usize = 16;

const KEY_LEN: usize = 32;
const NONCE_LEN: usize = 24;
const SHA256_BLOCK_LEN: usize = 64;
/// First byte of everything sealed, so that the method can change.
const FORMAT: u8 = 1;

/// The keys of this installation. Cheap to share; shows nothing in `Debug`.
pub struct Sealer {
    wrap: XChaCha20Poly1305,
    receipt: Hmac<Sha256>,
    lookup: Hmac<Sha256>,
    body: Hmac<Sha256>,
}

/// A sealed private part and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The private part, encrypted with the data key.
    pub sealed: Vec<u8>,
    /// The data key, encrypted with the master key.
    pub wrapped_key: Vec<u8>,
}

/// The key file is not usable.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Cannot be read, or can be read by others as well.
    #[error(
        "the sealing key file {path} was not taken; a new installation makes one with: huying keys sealing --out {path}"
    )]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: SecretFileError,
    },
    /// Not 32 bytes in base64.
    #[error(
        "the sealing key file {path} does not hold 32 bytes in base64; a new installation makes one with: huying keys sealing --out {path}"
    )]
    Content {
        /// The file.
        path: String,
    },
}

/// Something sealed cannot be opened, or nothing can be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The operating system gave no randomness.
    #[error("no randomness for a data key")]
    Randomness,
    /// Too long for the cipher; cannot happen within the bounds of a submission.
    #[error("encrypting failed")]
    Encrypt,
    /// Another master key, another case, or altered bytes.
    #[error("a sealed part does not open: the master key is another one, or the row was altered")]
    DoesNotOpen,
}

impl Sealer {
    /// Reads the master key: 32 bytes, base64, blanks around it allowed.
    ///
    /// # Errors
    /// When the file cannot be read, can be read by others than its owner, or holds something else.
    pub fn from_file(path: &Path) -> Result<Self, KeyFileError> {
        let shown = path.display().to_string();
        let text = read_secret(path).map_err(|source| KeyFileError::Read { path: shown.clone(), source })?;
        let bytes = BASE64_STANDARD.decode(text.trim()).ok();
        let master: [u8; KEY_LEN] =
            bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(KeyFileError::Content { path: shown })?;
        Ok(Self::new(&master))
    }

    /// Derives the keys of every use.
    #[must_use]
    pub fn new(master: &[u8; KEY_LEN]) -> Self {
        let derive = |purpose: &[u8]| -> [u8; KEY_LEN] {
            keyed(master).chain_update(purpose).finalize().into_bytes().into()
        };
        Self {
            wrap: XChaCha20Poly1305::new(&derive(b"huying.intake.wrap.v1").into()),
            receipt: keyed(&derive(b"huying.intake.receipt.v1")),
            lookup: keyed(&derive(b"huying.intake.lookup.v1")),
            body: keyed(&derive(b"huying.intake.body.v1")),
        }
    }

    /// Seals the private part of a case under a new data key.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal(&self, case_id: CaseId, private_part: &[u8]) -> Result<Sealed, SealError> {
        let mut random = [0; KEY_LEN + 2 * NONCE_LEN];
        getrandom::fill(&mut random).map_err(|_| SealError::Randomness)?;
        let (data_key, nonces) = random.split_at(KEY_LEN);
        let (nonce, wrap_nonce) = nonces.split_at(NONCE_LEN);

        let data_cipher = XChaCha20Poly1305::new_from_slice(data_key).map_err(|_| SealError::Encrypt)?;
        Ok(Sealed {
            sealed: encrypt(&data_cipher, nonce, case_id, private_part)?,
            wrapped_key: encrypt(&self.wrap, wrap_nonce, case_id, data_key)?,
        })
    }

    /// Opens the private part of a case.
    ///
    /// # Errors
    /// When it was sealed under another master key, for another case, or was altered.
    pub fn open(&self, case_id: CaseId, sealed: &[u8], wrapped_key: &[u8]) -> Result<Vec<u8>, SealError> {
        let data_key = decrypt(&self.wrap, case_id, wrapped_key)?;
        let data_cipher = XChaCha20Poly1305::new_from_slice(&data_key).map_err(|_| SealError::DoesNotOpen)?;
        decrypt(&data_cipher, case_id, sealed)
    }

    /// The receipt code of a case: always the same one.
    #[must_use]
    pub fn receipt_code(&self, case_id: CaseId) -> ReceiptCode {
        let bits = self.receipt.clone().chain_update(case_id.as_uuid().as_bytes()).finalize();
        ReceiptCode::from_bits(&bits.into_bytes().into())
    }

    /// What a receipt code is looked up by.
    #[must_use]
    pub fn receipt_hash(&self, code: &ReceiptCode) -> [u8; LOOKUP_HASH_LEN] {
        self.lookup_hash(b"receipt\0", code.as_bytes())
    }

    /// What an idempotency key is looked up by.
    #[must_use]
    pub fn key_hash(&self, key: &IdempotencyKey) -> [u8; LOOKUP_HASH_LEN] {
        self.lookup_hash(b"key\0", key.as_str().as_bytes())
    }

    /// What tells a retry from another request under the same key.
    #[must_use]
    pub fn body_mac(&self, encoded_request: &[u8]) -> [u8; 32] {
        self.body.clone().chain_update(encoded_request).finalize().into_bytes().into()
    }

    fn lookup_hash(&self, what: &[u8], value: &[u8]) -> [u8; LOOKUP_HASH_LEN] {
        let whole: [u8; 32] =
            self.lookup.clone().chain_update(what).chain_update(value).finalize().into_bytes().into();
        let mut hash = [0; LOOKUP_HASH_LEN];
        hash.copy_from_slice(&whole[..LOOKUP_HASH_LEN]);
        hash
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sealer(…)")
    }
}

fn keyed(key: &[u8; KEY_LEN]) -> Hmac<Sha256> {
    // HMAC fills a short key up with zeros to the block of its hash (RFC 2104); doing so here cannot fail.
    let mut block = [0; SHA256_BLOCK_LEN];
    block[..KEY_LEN].copy_from_slice(key);
    <Hmac<Sha256> as hmac::Mac>::new(&block.into())
}

/// Format byte, nonce, ciphertext with tag.
fn encrypt(
    cipher: &XChaCha20Poly1305,
    nonce: &[u8],
    case_id: CaseId,
    plain: &[u8],
) -> Result<Vec<u8>, SealError> {
    let case = case_id.as_uuid();
    let payload = Payload { msg: plain, aad: case.as_bytes() };
    let encrypted = cipher.encrypt(XNonce::from_slice(nonce), payload).map_err(|_| SealError::Encrypt)?;
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + encrypted.len());
    sealed.push(FORMAT);
    sealed.extend_from_slice(nonce);
    sealed.extend_from_slice(&encrypted);
    Ok(sealed)
}

fn decrypt(cipher: &XChaCha20Poly1305, case_id: CaseId, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let Some((&FORMAT, rest)) = sealed.split_first() else { return Err(SealError::DoesNotOpen) };
    let Some((nonce, encrypted)) = rest.split_at_checked(NONCE_LEN) else {
        return Err(SealError::DoesNotOpen);
    };
    let case = case_id.as_uuid();
    let payload = Payload { msg: encrypted, aad: case.as_bytes() };
    cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| SealError::DoesNotOpen)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn case(number: u128) -> CaseId {
        CaseId::from_uuid(Uuid::from_u128(number))
    }

    fn sealer() -> Sealer {
        Sealer::new(&[7; 32])
    }

    #[test]
    fn the_sealed_part_does_not_show_what_is_in_it() {
        let sealed = sealer().seal(case(1), b"13812345678").unwrap();
        for bytes in [&sealed.sealed, &sealed.wrapped_key] {
            assert!(!bytes.windows(11).any(|window| window == b"13812345678"));
        }
    }

    #[test]
    fn a_part_opens_only_for_its_case_and_master_key() {
        let Sealed { sealed, wrapped_key } = sealer().seal(case(1), b"private").unwrap();
        assert_eq!(sealer().open(case(1), &sealed, &wrapped_key).unwrap(), b"private");
        assert_eq!(sealer().open(case(2), &sealed, &wrapped_key), Err(SealError::DoesNotOpen));
        assert_eq!(Sealer::new(&[8; 32]).open(case(1), &sealed, &wrapped_key), Err(SealError::DoesNotOpen));
        let other = sealer().seal(case(1), b"private").unwrap();
        assert_eq!(sealer().open(case(1), &sealed, &other.wrapped_key), Err(SealError::DoesNotOpen));
        assert_eq!(sealer().open(case(1), &[], &wrapped_key), Err(SealError::DoesNotOpen));
    }

    #[test]
    fn a_receipt_depends_on_the_case_and_the_master_key_alone() {
        let code = sealer().receipt_code(case(1));
        assert_eq!(code, sealer().receipt_code(case(1)));
        assert_ne!(code, sealer().receipt_code(case(2)));
        assert_ne!(code, Sealer::new(&[8; 32]).receipt_code(case(1)));
    }

    #[test]
    fn a_key_and_a_receipt_of_the_same_characters_have_different_hashes() {
        let code = sealer().receipt_code(case(1));
        let same = IdempotencyKey::parse(std::str::from_utf8(code.as_bytes()).unwrap()).unwrap();
        assert_ne!(sealer().receipt_hash(&code), sealer().key_hash(&same));
    }

    #[test]
    fn a_key_file_must_hold_32_bytes() {
        let folder = std::env::temp_dir().join(format!("huying-sealing-{}", Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("key");
        assert!(matches!(Sealer::from_file(&file), Err(KeyFileError::Read { .. })));
        std::fs::write(&file, "c2hvcnQ=").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let open = Sealer::from_file(&file).unwrap_err();
        assert!(matches!(open, KeyFileError::Read { source: SecretFileError::OpenToOthers { .. }, .. }));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(Sealer::from_file(&file), Err(KeyFileError::Content { .. })));
        std::fs::write(&file, format!("{}\n", BASE64_STANDARD.encode([7; 32]))).unwrap();
        let read = Sealer::from_file(&file).unwrap();
        assert_eq!(read.receipt_code(case(1)), sealer().receipt_code(case(1)));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_again(
            number in any::<u128>(),
            private in proptest::collection::vec(any::<u8>(), 0..2_000),
        ) {
            let Sealed { sealed, wrapped_key } = sealer().seal(case(number), &private).unwrap();
            prop_assert_eq!(sealer().open(case(number), &sealed, &wrapped_key).unwrap(), private);
        }

        #[test]
        fn an_altered_bit_is_noticed(at in 0_usize..100, bit in 0_u8..8) {
            let Sealed { mut sealed, wrapped_key } = sealer().seal(case(1), &[0; 59]).unwrap();
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(sealer().open(case(1), &sealed, &wrapped_key), Err(SealError::DoesNotOpen));
        }
    }
}
