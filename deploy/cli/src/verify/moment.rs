//! Moments, and the months they lie in, as small as an audit of many cases needs them.

use std::{fmt, num::NonZeroI64};

use jiff::{Timestamp, tz};

/// Moves every moment of the calendar above zero, so that the absence of one takes no room.
const SHIFT_US: i64 = 1 << 60;

/// A moment, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(NonZeroI64);

impl Moment {
    /// Reads a moment of RFC 3339.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let at: Timestamp = text.parse().ok()?;
        NonZeroI64::new(at.as_microsecond() + SHIFT_US).map(Self)
    }

    /// Microseconds since 1970.
    fn micros(self) -> i64 {
        self.0.get() - SHIFT_US
    }

    /// Whole seconds from an earlier moment to this one, begun ones counting, and none when it is not later.
    pub(crate) fn seconds_since(self, earlier: Self) -> u32 {
        let us = u64::try_from(self.micros() - earlier.micros()).unwrap_or(0);
        u32::try_from(us.div_ceil(1_000_000)).unwrap_or(u32::MAX)
    }

    /// The month in Asia/Shanghai, which is at UTC+8 and has known no summer time since 1991.
    pub(crate) fn month(self) -> Month {
        let day = tz::offset(8).to_datetime(self.timestamp()).date();
        Month { year: day.year(), month: day.month() }
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.micros()).unwrap_or_default()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

/// A month of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Month {
    pub(crate) year: i16,
    /// 1 to 12.
    pub(crate) month: i8,
}

impl Month {
    /// The month after it.
    pub(crate) fn next(self) -> Self {
        match self.month {
            12 => Self { year: self.year + 1, month: 1 },
            month => Self { month: month + 1, ..self },
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_shanghai() {
        let month = |text| Moment::parse(text).unwrap().month();
        assert_eq!(month("2026-10-31T15:59:59.999999Z").to_string(), "2026-10");
        assert_eq!(month("2026-10-31T16:00:00Z").to_string(), "2026-11");
        assert_eq!(month("2026-12-31T16:00:00Z"), month("2026-12-31T15:00:00Z").next());
    }

    #[test]
    fn begun_seconds_count() {
        let at = |text| Moment::parse(text).unwrap();
        let since = |later, earlier| at(later).seconds_since(at(earlier));
        assert_eq!(since("1970-01-01T00:00:00.000001Z", "1970-01-01T00:00:00Z"), 1);
        assert_eq!(since("1970-01-01T00:00:01Z", "1969-12-31T23:59:59Z"), 2);
        assert_eq!(std::mem::size_of::<Option<Moment>>(), 8);
    }
}
