//! From which day to which day an entry is valid, in Asia/Shanghai.

use huying_proto::events::v1::DirectoryEntry;
use jiff::civil::Date;

/// The years a file may speak of; others are a slip of the pen.
const YEARS: std::ops::RangeInclusive<i16> = 1949..=2199;

/// A span of days. What has always been begins at [`Date::MIN`], and what has no end ends at [`Date::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    /// First day.
    pub(super) from: Date,
    /// First day on which it is not valid any more.
    pub(super) until: Date,
}

impl Validity {
    /// The validity of an entry in place, which an import has written.
    pub(super) fn of(entry: &DirectoryEntry) -> Self {
        Self {
            from: read_day(&entry.valid_from).unwrap_or(Date::MIN),
            until: read_day(&entry.valid_until).unwrap_or(Date::MAX),
        }
    }

    /// The first day as it stands in an entry; empty for none.
    pub(super) fn first_day_text(self) -> String {
        if self.from == Date::MIN { String::new() } else { self.from.to_string() }
    }

    /// The end as it stands in an entry; empty for none.
    pub(super) fn end_text(self) -> String {
        if self.until == Date::MAX { String::new() } else { self.until.to_string() }
    }

    /// Whether it has ended by today.
    pub(super) fn is_over(self, today: Date) -> bool {
        self.until <= today
    }
}

/// A day in exactly the form 2026-01-01: the parser of dates takes more, such as times and signs.
pub(super) fn read_day(text: &str) -> Option<Date> {
    let day: Date = text.parse().ok()?;
    (day.to_string() == text && YEARS.contains(&day.year())).then_some(day)
}
