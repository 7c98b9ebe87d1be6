//! How much memory an audit may take up: what it holds grows with what a ledger says, and a ledger may say anything.

use crate::failure::Failure;

const MIB: u64 = 1024 * 1024;

/// The most that may be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) max_bytes: u64,
}

impl Memory {
    /// # Errors
    /// When more is held than may be; `what` says what was being read.
    pub(super) fn check(self, held_bytes: u64, what: &str) -> Result<(), Failure> {
        if held_bytes <= self.max_bytes {
            return Ok(());
        }
        let max = self.max_bytes / MIB;
        Err(Failure::usage(format!("{what}: cases, texts and figures take up more than {max} MiB of memory"))
            .with_hint("--memory-max allows more"))
    }
}

/// Reads a size such as `512MiB` or `8GiB`, in bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let units = [("MiB", MIB), ("GiB", 1024 * MIB)];
    let parsed = units.into_iter().find_map(|(unit, bytes)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(bytes).filter(|bytes| *bytes > 0)
    });
    parsed
        .ok_or_else(|| format!("\"{text}\" is no size; one is a whole number with MiB or GiB, such as 8GiB"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn sizes_are_whole_and_have_a_unit() {
        assert_eq!(
            (size("512MiB"), size("8GiB"), size("1 GiB")),
            (Ok(512 * MIB), Ok(8_192 * MIB), Ok(1_024 * MIB))
        );
        for wrong in ["", "8", "0MiB", "-1GiB", "1.5GiB", "8GB", "99999999999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn more_than_may_be_held_ends_the_audit() {
        let memory = Memory { max_bytes: 3 * MIB };
        assert!(memory.check(3 * MIB, "/texts.jsonl").is_ok());
        let failure = memory.check(3 * MIB + 1, "/texts.jsonl").unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.for_people().contains("3 MiB") && failure.for_people().contains("--memory-max"));
    }
}
