//! Codes and words by number, because a log has few of them and names them again and again.
//!
//! Guarantees that a long one takes up no more than a code does: it is kept by its hash. That there are not too many is for
//! whoever reads them to see to, by [`Names::held_bytes`].

use std::{collections::HashMap, sync::Arc};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// Longer than any code, category path or case id, in bytes. What is longer than that was made up, and stays another one
/// than every other by its hash.
const NAME_BYTES_MAX: usize = 200;
/// What one takes up besides its own bytes: two references, a number, the counters of the shared text, and room to grow.
const NAME_OVERHEAD_BYTES: u64 = 120;

/// A code or a word; the same number for the same text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Name(u32);

impl Name {
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// Codes and words, each kept once. The first is the empty one.
#[derive(Debug)]
pub(crate) struct Names {
    numbers: HashMap<Arc<str>, Name>,
    texts: Vec<Arc<str>>,
    held_bytes: u64,
}

impl Names {
    pub(crate) fn new() -> Self {
        let empty: Arc<str> = Arc::from("");
        let numbers = HashMap::from([(Arc::clone(&empty), Name::default())]);
        Self { numbers, texts: vec![empty], held_bytes: 0 }
    }

    /// The number of a text. One that is too long is taken for its beginning with its SHA-256 behind it.
    pub(crate) fn name(&mut self, text: &str) -> Name {
        if text.len() > NAME_BYTES_MAX {
            return self.kept(&shortened(text));
        }
        self.kept(text)
    }

    fn kept(&mut self, text: &str) -> Name {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        // No memory holds 2^32 of them.
        let name = Name(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        let text: Arc<str> = Arc::from(text);
        self.held_bytes += text.len() as u64 + NAME_OVERHEAD_BYTES;
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, name);
        name
    }

    pub(crate) fn text(&self, name: Name) -> &str {
        self.texts.get(name.0 as usize).map_or("", |text| text)
    }

    /// Bytes of memory that they take up, roughly.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.held_bytes
    }
}

/// The beginning of a text, and its hash.
fn shortened(text: &str) -> String {
    let mut end = NAME_BYTES_MAX - 70;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… {}", &text[..end], HEXLOWER.encode(&Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once() {
        let mut names = Names::new();
        let (one, other) = (names.name("150802-housing"), names.name("150802-office"));
        assert_eq!((names.name("150802-housing"), names.text(other)), (one, "150802-office"));
        assert!(names.name("").is_empty() && !one.is_empty());
    }

    #[test]
    fn a_name_that_is_too_long_is_kept_short_and_is_still_another() {
        let mut names = Names::new();
        let long = "长".repeat(80_000);
        let [one, same, other] = [&long, &long, &format!("{long}x")].map(|text| names.name(text));
        assert_eq!(one, same);
        assert_ne!(one, other);
        assert!(names.text(one).len() <= NAME_BYTES_MAX, "{}", names.text(one).len());
        assert!(names.held_bytes() < 1_000);
        let longest = "x".repeat(NAME_BYTES_MAX);
        let name = names.name(&longest);
        assert_eq!(names.text(name), longest);
    }
}
