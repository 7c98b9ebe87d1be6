//! Codes and words by number, because a log has few of them and names them again and again.

use std::{collections::HashMap, sync::Arc};

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
}

impl Names {
    pub(crate) fn new() -> Self {
        let empty: Arc<str> = Arc::from("");
        Self { numbers: HashMap::from([(Arc::clone(&empty), Name::default())]), texts: vec![empty] }
    }

    pub(crate) fn name(&mut self, text: &str) -> Name {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        // Every name stands in a leaf or a row of its own, and there are fewer of those than 2^32.
        let name = Name(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        let text: Arc<str> = Arc::from(text);
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, name);
        name
    }

    pub(crate) fn text(&self, name: Name) -> &str {
        self.texts.get(name.0 as usize).map_or("", |text| text)
    }
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
}
