//! Tokens and the key that signs them: EdDSA over Ed25519 (RFC 8037), as Huying's services accept them.
//!
//! Guarantees the compact form of RFC 7519 with the claims of Huying's contract, and a `kid` that is the key's
//! RFC 7638 thumbprint, so that a token finds its key in a JWKS without anybody having to name it. Whether a token
//! is accepted is decided by the services alone.

use std::{fs, path::Path};

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{
    Signer as _, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes, spki::der::pem::LineEnding},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::failure::{Exit, Failure};

/// Whom a token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    /// `operator`, `office`, `department`, `representative` or `auditor`.
    pub(crate) role: &'static str,
    /// Unit or representative code; empty for operators and auditors.
    pub(crate) code: String,
    /// The subtree of regions the token is for; `None` for the whole installation.
    pub(crate) region: Option<String>,
    /// From when.
    pub(crate) issued_at: Timestamp,
    /// How long, seconds.
    pub(crate) lifetime_seconds: i64,
}

impl Claims {
    /// The payload of the token.
    pub(crate) fn to_json(&self) -> Value {
        let issued_at = self.issued_at.as_second();
        let subject = if self.code.is_empty() { self.role } else { &self.code };
        let mut claims = json!({
            "iss": "huying",
            "aud": "huying",
            "sub": subject,
            "role": self.role,
            "code": self.code,
            "iat": issued_at,
            "exp": issued_at.saturating_add(self.lifetime_seconds),
        });
        if let Some(region) = &self.region {
            claims["region"] = json!(region);
        }
        claims
    }
}

/// The token, `header.payload.signature`.
pub(crate) fn sign(key: &SigningKey, claims: &Claims) -> String {
    let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": thumbprint(&key.verifying_key()) });
    let signed = format!(
        "{}.{}",
        BASE64URL_NOPAD.encode(header.to_string().as_bytes()),
        BASE64URL_NOPAD.encode(claims.to_json().to_string().as_bytes())
    );
    let signature = BASE64URL_NOPAD.encode(&key.sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}

/// RFC 7638: SHA-256 over the required members in lexical order, without white space.
pub(crate) fn thumbprint(key: &VerifyingKey) -> String {
    let x = BASE64URL_NOPAD.encode(key.as_bytes());
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    BASE64URL_NOPAD.encode(&Sha256::digest(canonical.as_bytes()))
}

/// The JSON Web Key Set that services are given to check tokens with.
pub(crate) fn key_set(key: &VerifyingKey) -> Value {
    json!({ "keys": [{
        "kty": "OKP",
        "crv": "Ed25519",
        "x": BASE64URL_NOPAD.encode(key.as_bytes()),
        "kid": thumbprint(key),
        "alg": "EdDSA",
        "use": "sig",
    }]})
}

/// The private key as PKCS#8 PEM. Version 1, without the public key: OpenSSL reads no other.
pub(crate) fn to_pem(key: &SigningKey) -> Result<String, Failure> {
    KeypairBytes { secret_key: key.to_bytes(), public_key: None }
        .to_pkcs8_pem(LineEnding::LF)
        .map(|pem| pem.to_string())
        .map_err(|error| Failure::unexpected(format!("the key cannot be written as PKCS#8: {error}")))
}

/// Reads a private key from PEM, or from the file that has it.
pub(crate) fn read_key(pem_or_path: &str) -> Result<SigningKey, Failure> {
    let pem = if pem_or_path.trim_start().starts_with("-----BEGIN") {
        pem_or_path.to_owned()
    } else {
        fs::read_to_string(Path::new(pem_or_path)).map_err(|error| {
            Failure::new(Exit::Usage, format!("the signing key {pem_or_path} cannot be read: {error}"))
        })?
    };
    SigningKey::from_pkcs8_pem(&pem).map_err(|error| {
        Failure::usage(format!("the signing key is not an Ed25519 key in PKCS#8 PEM: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::Signature;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        let x = BASE64URL_NOPAD.decode(b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let key = VerifyingKey::from_bytes(&x.try_into().unwrap()).unwrap();
        assert_eq!(thumbprint(&key), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(key_set(&key)["keys"][0]["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_token_verifies_and_says_whom_it_speaks_for() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let claims = Claims {
            role: "office",
            code: "150802-office".into(),
            region: Some("150802".into()),
            issued_at: Timestamp::from_second(1_700_000_000).unwrap(),
            lifetime_seconds: 60,
        };
        let token = sign(&key, &claims);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature =
            Signature::from_slice(&BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap()).unwrap();
        key.verifying_key().verify_strict(signed.as_bytes(), &signature).unwrap();
        let (header, payload) = signed.split_once('.').unwrap();
        let read = |part: &str| -> Value {
            serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
        };
        assert_eq!(read(header)["kid"], thumbprint(&key.verifying_key()).as_str());
        assert_eq!(read(header)["alg"], "EdDSA");
        let payload = read(payload);
        assert_eq!(payload["sub"], "150802-office");
        assert_eq!(payload["aud"], "huying");
        assert_eq!(payload["region"], "150802");
        assert_eq!(payload["exp"], 1_700_000_060);
    }

    #[test]
    fn a_token_of_an_operator_is_for_the_whole_installation() {
        let claims = Claims {
            role: "operator",
            code: String::new(),
            region: None,
            issued_at: Timestamp::UNIX_EPOCH,
            lifetime_seconds: 1,
        };
        assert_eq!(claims.to_json()["sub"], "operator");
        assert_eq!(claims.to_json().get("region"), None);
    }

    #[test]
    fn a_key_survives_its_pem() {
        let key = SigningKey::from_bytes(&[9; 32]);
        let pem = to_pem(&key).unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert_eq!(read_key(&pem).unwrap(), key);
        assert_eq!(read_key("-----BEGIN nonsense").unwrap_err().exit(), Exit::Usage);
    }
}
