//! What can be wrong with a request, field by field: what was found, and what would be right.
//!
//! All faults of a request are collected, so that a caller hears of them at once. The edges put them into their own
//! words: gRPC uses `Display`, the web pages have Chinese for each.

use std::borrow::Cow;

use huying_platform::{codes::InvalidCode, ids::InvalidId, keys::KeyError};

use super::{picture::PictureFault, receipt_code::ReceiptCodeError};

/// A field of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The caller's key for a retry.
    IdempotencyKey,
    /// Kind of the matter.
    Kind,
    /// Region of the matter.
    RegionCode,
    /// Representative addressed.
    RepresentativeCode,
    /// Station addressed.
    StationCode,
    /// Category of the matter.
    Category,
    /// Title.
    Title,
    /// Text.
    Body,
    /// Name of the petitioner.
    Name,
    /// Phone of the petitioner.
    Phone,
    /// Address of the petitioner.
    Address,
    /// What the public may see.
    Publication,
    /// Receipt code.
    ReceiptCode,
    /// Comment of a rating.
    Comment,
    /// Wish to have the case handled again.
    Reopen,
    /// Case.
    CaseId,
    /// Purpose of a reading.
    Purpose,
    /// Ground of an erasure.
    Ground,
    /// Reason of a withdrawal.
    Reason,
    /// Pictures of a submission, all together.
    Pictures,
    /// One of them, counted from 0.
    Picture(usize),
    /// A chunk of a picture that is uploaded, or all of them.
    Chunk,
}

impl Field {
    /// The path of the field in its proto message.
    #[must_use]
    pub fn path(self) -> Cow<'static, str> {
        let path = match self {
            Self::IdempotencyKey => "idempotency_key",
            Self::Kind => "kind",
            Self::RegionCode => "region_code",
            Self::RepresentativeCode => "representative_code",
            Self::StationCode => "station_code",
            Self::Category => "category",
            Self::Title => "title",
            Self::Body => "body",
            Self::Name => "petitioner.name",
            Self::Phone => "petitioner.phone",
            Self::Address => "petitioner.address",
            Self::Publication => "publication",
            Self::ReceiptCode => "receipt_code",
            Self::Comment => "comment",
            Self::Reopen => "reopen",
            Self::CaseId => "case_id",
            Self::Purpose => "purpose",
            Self::Ground => "ground",
            Self::Reason => "reason",
            Self::Pictures => "pictures",
            Self::Picture(index) => return format!("pictures[{index}]").into(),
            Self::Chunk => "chunk",
        };
        path.into()
    }
}

/// What is wrong with a field, and what would be right. Never repeats what the citizen wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing but blanks where a text must be.
    #[error("is empty; 1 to {max_chars} characters would be right")]
    Empty {
        /// Most characters allowed.
        max_chars: usize,
    },
    /// More characters than allowed.
    #[error("has {found_chars} characters; at most {max_chars} would be right")]
    TooLong {
        /// Characters found.
        found_chars: usize,
        /// Most characters allowed.
        max_chars: usize,
    },
    /// A control character.
    #[error("has a control character; text with line breaks and tabs would be right")]
    ControlCharacter,
    /// A phone number with something else in it.
    #[error("has other characters than digits, \"+\", \"-\", blanks and parentheses")]
    NotAPhone,
    /// A key out of bounds.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No value of the enumeration, or its zero.
    #[error("is {found}, which means nothing; {right} would be right")]
    NotAChoice {
        /// The number found.
        found: i32,
        /// The names that may be used.
        right: &'static str,
    },
    /// A malformed code.
    #[error(transparent)]
    Code(#[from] InvalidCode),
    /// Nothing has this code.
    #[error("is not in the directory; the code of an existing entry would be right")]
    Unknown,
    /// Was in the directory, and is no longer.
    #[error("is no longer in use; the code of a present entry would be right")]
    Retired,
    /// Neither a region nor somebody addressed.
    #[error("is empty, and nobody is addressed; a region, a representative or a station would be right")]
    NoPlace,
    /// A representative and a station at once.
    #[error("is given together with representative_code; at most one of them would be right")]
    TwoAddressees,
    /// The region of the matter is in another municipality than the addressee.
    #[error("is outside municipality {municipal}, where the addressee is; a region inside it would be right")]
    OtherMunicipality {
        /// Municipality of the addressee.
        municipal: String,
    },
    /// Not a receipt code.
    #[error(transparent)]
    Receipt(#[from] ReceiptCodeError),
    /// A resolved matter that shall be handled again.
    #[error("is true although resolved is true; only what is not resolved can be handled again")]
    ReopenResolved,
    /// Not a UUID.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// More pictures than allowed.
    #[error("are {found}; at most {max} would be right")]
    TooMany {
        /// Pictures found.
        found: usize,
        /// Most pictures allowed.
        max: usize,
    },
    /// More bytes than allowed.
    #[error("takes {found_bytes} bytes; at most {max_bytes} bytes would be right")]
    TooManyBytes {
        /// Bytes found.
        found_bytes: usize,
        /// Most bytes allowed.
        max_bytes: usize,
    },
    /// Not a picture that can be taken.
    #[error(transparent)]
    Picture(#[from] PictureFault),
}

impl Fault {
    /// Whether the fault lies in what the directory says today, so that the same request may have been right before.
    #[must_use]
    pub const fn is_of_the_directory(&self) -> bool {
        match self {
            Self::Unknown | Self::Retired | Self::OtherMunicipality { .. } => true,
            Self::Empty { .. }
            | Self::TooLong { .. }
            | Self::ControlCharacter
            | Self::NotAPhone
            | Self::Key(_)
            | Self::NotAChoice { .. }
            | Self::Code(_)
            | Self::NoPlace
            | Self::TwoAddressees
            | Self::Receipt(_)
            | Self::ReopenResolved
            | Self::Id(_)
            | Self::TooMany { .. }
            | Self::TooManyBytes { .. }
            | Self::Picture(_) => false,
        }
    }
}

/// One fault of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where.
    pub field: Field,
    /// What.
    pub fault: Fault,
}

/// Collects the faults of a request.
#[derive(Debug, Default)]
pub struct Faults(Vec<Violation>);

impl Faults {
    /// Notes a fault.
    pub fn add(&mut self, field: Field, fault: impl Into<Fault>) {
        self.0.push(Violation { field, fault: fault.into() });
    }

    /// The value, or its fault noted.
    pub fn take<T, E: Into<Fault>>(&mut self, field: Field, result: Result<T, E>) -> Option<T> {
        result.map_err(|fault| self.add(field, fault)).ok()
    }

    /// Checks a text that may be empty.
    pub fn check_text(&mut self, field: Field, text: &str, max_chars: usize) {
        // Bytes first: a text that cannot be too long need not be counted.
        if text.len() > max_chars {
            let found_chars = text.chars().count();
            if found_chars > max_chars {
                self.add(field, Fault::TooLong { found_chars, max_chars });
            }
        }
        if text.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\r' | '\t')) {
            self.add(field, Fault::ControlCharacter);
        }
    }

    /// Checks a text that must say something.
    pub fn check_required_text(&mut self, field: Field, text: &str, max_chars: usize) {
        if text.trim().is_empty() {
            self.add(field, Fault::Empty { max_chars });
        } else {
            self.check_text(field, text, max_chars);
        }
    }

    /// The value, when there is no fault and therefore a value.
    ///
    /// # Errors
    /// The faults, at least one.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Violation>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            Some(_) | None => Err(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_not_bytes() {
        let mut faults = Faults::default();
        faults.check_required_text(Field::Title, &"字".repeat(120), 120);
        assert!(faults.0.is_empty());
        faults.check_required_text(Field::Title, &"字".repeat(121), 120);
        assert_eq!(faults.0[0].fault, Fault::TooLong { found_chars: 121, max_chars: 120 });
    }

    #[test]
    fn control_characters_are_refused_and_line_breaks_are_not() {
        for (text, refused) in
            [("a\nb\r\n\tc", false), ("a\0b", true), ("\u{1b}[31m", true), ("\u{7f}", true), ("\u{85}", true)]
        {
            let mut faults = Faults::default();
            faults.check_text(Field::Body, text, 100);
            assert_eq!(!faults.0.is_empty(), refused, "{text:?}");
        }
    }

    #[test]
    fn blanks_alone_are_no_text() {
        let mut faults = Faults::default();
        faults.check_required_text(Field::Title, " \u{3000}\n", 120);
        assert_eq!(faults.0[0].fault, Fault::Empty { max_chars: 120 });
    }
}
