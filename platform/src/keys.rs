//! Keys that callers choose so that a retry is not a second act.

use prost::Message;
use sha2::{Digest, Sha256};

/// A key chosen by the caller: 16 to 128 visible ASCII characters. A UUID is right.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// What is wrong with a key, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Too short or too long.
    #[error("has {0} characters; 16 to 128 would be right, a UUID for instance")]
    Length(usize),
    /// Spaces, control characters or letters beyond ASCII.
    #[error("has characters other than visible ASCII; a UUID would be right")]
    Characters,
}

impl IdempotencyKey {
    /// Checks a key.
    ///
    /// # Errors
    /// When its length or its characters are out of bounds.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let length = text.chars().count();
        if !(16..=128).contains(&length) {
            return Err(KeyError::Length(length));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::Characters);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// SHA-256 of a message as encoded: what "the same request" means.
pub fn body_hash(message: &impl Message) -> [u8; 32] {
    Sha256::digest(message.encode_to_vec()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_a_key() {
        assert!(IdempotencyKey::parse("0197a3f0-5d1e-7c3a-9b52-6f0d2c1e4a77").is_ok());
    }

    #[test]
    fn a_guessable_or_unprintable_key_is_refused() {
        assert_eq!(IdempotencyKey::parse("1"), Err(KeyError::Length(1)));
        assert_eq!(IdempotencyKey::parse(&"x".repeat(129)), Err(KeyError::Length(129)));
        assert_eq!(IdempotencyKey::parse("with a space inside"), Err(KeyError::Characters));
        assert_eq!(IdempotencyKey::parse("0123456789abcde\u{0}"), Err(KeyError::Characters));
    }
}
