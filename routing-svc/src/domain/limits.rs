//! How long something may take, and the instant at which that time is over, in Asia/Shanghai.
//!
//! The day on which a limit begins does not count, and the last day counts to its end (《民法典》 articles 201 to 203).
//! Instants are whole microseconds, as PostgreSQL keeps them. What lies beyond the end of time is the end of time:
//! nothing here fails.

use std::{fmt, str::FromStr, sync::LazyLock};

use jiff::{
    SignedDuration, Span, Timestamp,
    civil::Date,
    tz::{TimeZone, offset},
};

use super::calendar::Calendar;

/// The longest limit in working days.
pub const WORKING_DAYS_MAX: u32 = 1_000;
/// The longest limit in days.
pub const DAYS_MAX: u32 = 3_650;
/// The longest limit in months.
pub const MONTHS_MAX: u32 = 120;
/// The longest limit in seconds: ten years of 365 days.
pub const SECONDS_MAX: u32 = 315_360_000;

/// The last instant that a limit ends at: the last whole second that a [`Timestamp`] holds, 9999-12-30T22:00:00Z.
pub(super) const END_OF_TIME: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// China has had one time without summer time since 1991; a host without a time zone database loses nothing.
static SHANGHAI: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("Asia/Shanghai").unwrap_or_else(|_| TimeZone::fixed(offset(8))));

/// How long something may take. Its text is "13wd", "30d", "3mo" or "90s".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// 工作日, 1 to [`WORKING_DAYS_MAX`].
    WorkingDays(u32),
    /// Days of the calendar, 1 to [`DAYS_MAX`].
    Days(u32),
    /// Months of the calendar, 1 to [`MONTHS_MAX`].
    Months(u32),
    /// Seconds, 1 to [`SECONDS_MAX`]; for trials.
    Seconds(u32),
}

impl Limit {
    /// When a limit that begins at `from` is over: for days, working days and months the end (24:00) of the
    /// last day; for seconds exactly so many later.
    ///
    /// A month ends on the same day of the month, or on the last of a shorter one (《民法典》 article 202). Days and months
    /// whose last day is a day off end on the next working day (article 203).
    #[must_use]
    pub fn end(self, from: Timestamp, calendar: &Calendar) -> Timestamp {
        match self.last_day(date_at(from), calendar) {
            Ok(day) => day.tomorrow().map_or(END_OF_TIME, |next| instant_on(next, 0)),
            Err(Exactly(seconds)) => seconds_after(from, seconds),
        }
    }

    /// An instant in the working time of the day that lies this limit after the day that ends at `due_at` (for
    /// a `due_at` in the middle of a day, after that day): `hour` o'clock of that day; for seconds exactly so
    /// many after `due_at`.
    pub(super) fn after_deadline(self, due_at: Timestamp, hour: i8, calendar: &Calendar) -> Timestamp {
        // The end of a day is the beginning of the next, so the day of a deadline is the one just before it.
        let before = due_at.saturating_sub(SignedDuration::from_micros(1)).unwrap_or(due_at);
        match self.last_day(date_at(before), calendar) {
            Ok(day) => instant_on(day, hour),
            Err(Exactly(seconds)) => seconds_after(due_at, seconds),
        }
    }

    /// The last day of a limit whose time begins on a day.
    fn last_day(self, from: Date, calendar: &Calendar) -> Result<Date, Exactly> {
        match self {
            Self::WorkingDays(count) => Ok(calendar.nth_working_day_after(from, count)),
            Self::Days(count) => {
                let last = from.saturating_add(SignedDuration::from_hours(24 * i64::from(count)));
                Ok(working_day_from(last, calendar))
            }
            Self::Months(count) => Ok(working_day_from(months_after(from, count), calendar)),
            Self::Seconds(count) => Err(Exactly(count)),
        }
    }
}

/// A limit of so many seconds has no last day.
struct Exactly(u32);

/// What is wrong with the text of a limit, and what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimit {
    /// Not a number and a unit.
    #[error("is not a limit; a number with wd, d, mo or s, such as 13wd, 30d, 3mo or 90s, would be")]
    Form,
    /// Outside the bounds of its unit.
    #[error("is out of bounds; 1{unit} to {max}{unit} would be right")]
    Bounds {
        /// The unit as it is written.
        unit: &'static str,
        /// The most of them.
        max: u32,
    },
}

impl FromStr for Limit {
    type Err = InvalidLimit;

    /// One text for each limit: neither sign, nor blank, nor leading zero.
    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let (limit, unit, max): (fn(u32) -> Self, _, _) = match unit {
            "wd" => (Self::WorkingDays, "wd", WORKING_DAYS_MAX),
            "d" => (Self::Days, "d", DAYS_MAX),
            "mo" => (Self::Months, "mo", MONTHS_MAX),
            "s" => (Self::Seconds, "s", SECONDS_MAX),
            _ => return Err(InvalidLimit::Form),
        };
        if number.is_empty() || (number.starts_with('0') && number != "0") {
            return Err(InvalidLimit::Form);
        }
        match number.parse() {
            Ok(count) if (1..=max).contains(&count) => Ok(limit(count)),
            _ => Err(InvalidLimit::Bounds { unit, max }),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkingDays(count) => write!(f, "{count}wd"),
            Self::Days(count) => write!(f, "{count}d"),
            Self::Months(count) => write!(f, "{count}mo"),
            Self::Seconds(count) => write!(f, "{count}s"),
        }
    }
}

/// The day itself when people work on it, else the next on which they do.
fn working_day_from(day: Date, calendar: &Calendar) -> Date {
    if calendar.is_working_day(day) { day } else { calendar.nth_working_day_after(day, 1) }
}

/// An instant without what PostgreSQL would cut off; one that is later than the end of time is the end of time.
pub(super) fn whole_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(END_OF_TIME)
}

/// The date in Asia/Shanghai.
fn date_at(at: Timestamp) -> Date {
    SHANGHAI.to_datetime(at).date()
}

/// An hour of a day in Asia/Shanghai. An hour that summer time skipped, before 1992, is the one after it.
fn instant_on(day: Date, hour: i8) -> Timestamp {
    SHANGHAI
        .to_ambiguous_timestamp(day.at(hour, 0, 0, 0))
        .compatible()
        .map_or(END_OF_TIME, whole_microseconds)
}

fn seconds_after(at: Timestamp, seconds: u32) -> Timestamp {
    let later = at.checked_add(SignedDuration::from_secs(seconds.into()));
    later.map_or(END_OF_TIME, whole_microseconds)
}

/// The same day so many months later, or the last day of a shorter month.
fn months_after(day: Date, months: u32) -> Date {
    let span = Span::new().try_months(months);
    span.and_then(|span| day.checked_add(span)).unwrap_or(Date::MAX)
}
