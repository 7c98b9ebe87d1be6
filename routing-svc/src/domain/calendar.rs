//! Which days people work: Monday to Friday, but for the exceptions that the State Council arranges for every year.
//!
//! An exception is a weekday off, or a day of a weekend that is worked to make up for one. A year whose arrangement is
//! not announced has the days off that the law gives, marked as provisional. What lies outside the table is Monday to
//! Friday. Instants and time zones are left to [`super::limits`].

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    sync::{Arc, LazyLock},
};

use jiff::civil::{Date, Weekday};

use super::table_file::{LineFault, TableLine, read_lines};

/// The columns of a calendar file.
const COLUMNS: [&str; 4] = ["date", "kind", "name", "provisional"];

/// The years a calendar file may speak of; others are a slip of the pen.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2199;

/// How long the name of a day may be, in characters.
const NAME_CHARS_MAX: usize = 64;

/// How a day differs from its place in the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DayKind {
    /// 放假: nobody works, whatever day of the week it is.
    Holiday,
    /// 上班: people work, though it is a Saturday or Sunday.
    Workday,
}

impl DayKind {
    /// The word used in CSV files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holiday => "holiday",
            Self::Workday => "workday",
        }
    }
}

/// A word that names no kind of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a kind of day; holiday or workday would be")]
pub struct InvalidDayKind;

impl FromStr for DayKind {
    type Err = InvalidDayKind;

    fn from_str(word: &str) -> Result<Self, InvalidDayKind> {
        match word {
            "holiday" => Ok(Self::Holiday),
            "workday" => Ok(Self::Workday),
            _ => Err(InvalidDayKind),
        }
    }
}

/// A day that is not what its place in the week says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarDay {
    /// The day in Asia/Shanghai.
    pub date: Date,
    /// Off, or worked.
    pub kind: DayKind,
    /// The festival it belongs to, such as 国庆节.
    pub name: String,
    /// True while the arrangement of its year has not been announced.
    pub provisional: bool,
}

/// The exceptions in force. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    revision: u64,
    days: Arc<BTreeMap<Date, CalendarDay>>,
}

/// The arrangements of 2007 to 2026, and of 2027 what the law gives.
///
/// Source: the yearly notices of the General Office of the State Council (国务院办公厅关于部分节假日安排的通知). 2027: the 13
/// days of 《全国年节及纪念日放假办法》 as revised in 2024, those at a weekend made good on the working days that follow
/// (article 6).
static BUILT_IN: LazyLock<Calendar> = LazyLock::new(|| {
    let days = read_calendar(include_str!("../../data/calendar.csv"))
        .expect("the file is part of the program, and a test reads it");
    Calendar::new(0, days)
});

impl Calendar {
    /// The calendar that comes with the program; its revision is 0.
    #[must_use]
    pub fn built_in() -> Self {
        BUILT_IN.clone()
    }

    /// A calendar of exactly these exceptions. Of two for one day the later holds.
    #[must_use]
    pub fn new(revision: u64, days: impl IntoIterator<Item = CalendarDay>) -> Self {
        let days = days.into_iter().map(|day| (day.date, day)).collect();
        Self { revision, days: Arc::new(days) }
    }

    /// A calendar of announced years: a year of which `days` has any is taken from `days` alone, and every other year
    /// is the built-in one. So a file with nothing but the new year is enough, and replaces what was provisional.
    #[must_use]
    pub fn announced(revision: u64, days: impl IntoIterator<Item = CalendarDay>) -> Self {
        let announced: Vec<CalendarDay> = days.into_iter().collect();
        let years: BTreeSet<i16> = announced.iter().map(|day| day.date.year()).collect();
        let others = BUILT_IN.days.values().filter(|day| !years.contains(&day.date.year())).cloned();
        Self::new(revision, others.chain(announced))
    }

    /// Which edition this is; 0 is the built-in one.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The exceptions in the order of their dates.
    pub fn days(&self) -> impl Iterator<Item = &CalendarDay> {
        self.days.values()
    }

    /// Whether people work on this day.
    #[must_use]
    pub fn is_working_day(&self, date: Date) -> bool {
        match self.days.get(&date).map(|day| day.kind) {
            Some(DayKind::Holiday) => false,
            Some(DayKind::Workday) => true,
            None => !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday),
        }
    }

    /// The n-th working day after a day, which itself never counts (《民法典》 article 201: 开始的当日不计入).
    ///
    /// 0 gives the day itself. The walk ends with 9999-12-31, and needs at most seven days for five working days and
    /// one more for each exception.
    #[must_use]
    pub fn nth_working_day_after(&self, date: Date, n: u32) -> Date {
        let mut day = date;
        let mut counted = 0;
        while counted < n {
            let Ok(next) = day.tomorrow() else { return day };
            day = next;
            counted += u32::from(self.is_working_day(day));
        }
        day
    }
}

/// Reads a calendar file: `date,kind,name,provisional` with dates such as 2026-10-01, the kinds holiday and
/// workday, and true or false; an empty `provisional` is false.
///
/// A holiday on a Saturday or Sunday is taken, because announcements list whole breaks.
///
/// # Errors
/// Every faulty line, at most 100: a field that cannot be read, a day outside the years 2000 to 2199, a workday from Monday
/// to Friday, or a day that is there twice.
pub fn read_calendar(csv: &str) -> Result<Vec<CalendarDay>, Vec<LineFault>> {
    let mut seen = BTreeSet::new();
    read_lines(csv, &COLUMNS, |line| {
        let day = read_day(line)?;
        if !seen.insert(day.date) {
            return Err(line.fault(0, "is there twice; one line a day would be right"));
        }
        Ok(day)
    })
}

fn read_day(line: &TableLine<'_, 4>) -> Result<CalendarDay, LineFault> {
    let [day, kind, name, provisional] = line.fields;
    let day = read_date(day).ok_or_else(|| {
        line.fault(0, "is not a day of the years 2000 to 2199; a date such as 2026-10-01 would be")
    })?;
    let kind: DayKind = kind.parse().map_err(|error| line.fault(1, error))?;
    let is_weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    if kind == DayKind::Workday && !is_weekend {
        return Err(line.fault(0, "is a workday already; a Saturday or Sunday would be right"));
    }
    if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(line.fault(2, "is not a name; 1 to 64 characters without control characters would be"));
    }
    let provisional = match provisional {
        "true" => true,
        "false" | "" => false,
        _ => return Err(line.fault(3, "is not true or false; one of them would be right")),
    };
    Ok(CalendarDay { date: day, kind, name: name.to_owned(), provisional })
}

/// A date in exactly the form 2026-10-01: the parser of dates takes more, such as times and signs.
fn read_date(text: &str) -> Option<Date> {
    let parsed: Date = text.parse().ok()?;
    (parsed.to_string() == text && YEARS.contains(&parsed.year())).then_some(parsed)
}
