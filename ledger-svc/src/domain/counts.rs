//! What is counted of cases, and the rates that follow: exact fractions, each with its denominator.
//!
//! Guaranteed: sums of tallies are the tally of the sum, medians included, so that months, regions and totals can be put
//! together from one counting; a rate of nothing is no rate, never zero percent.

use std::{collections::BTreeMap, fmt, ops::AddAssign, str::FromStr};

use huying_platform::directory::day_at;
use jiff::{Timestamp, civil::Date};

/// A month of the Chinese calendar day in Asia/Shanghai.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    /// Common Era.
    pub year: i16,
    /// 1 to 12.
    pub month: i8,
}

impl Month {
    /// The month of a moment.
    pub fn at(time: Timestamp) -> Self {
        Self::of(day_at(time))
    }

    /// The month of a day.
    pub fn of(day: Date) -> Self {
        Self { year: day.year(), month: day.month() }
    }

    /// The month before.
    #[must_use]
    pub fn previous(self) -> Self {
        match self.month {
            1 => Self { year: self.year.saturating_sub(1), month: 12 },
            month => Self { month: month - 1, ..self },
        }
    }

    /// The month after.
    #[must_use]
    pub fn next(self) -> Self {
        match self.month {
            12 => Self { year: self.year.saturating_add(1), month: 1 },
            month => Self { month: month + 1, ..self },
        }
    }

    /// How many months lie between the beginning of the Common Era and this one: numbers to compare and subtract.
    pub fn number(self) -> i32 {
        i32::from(self.year) * 12 + i32::from(self.month) - 1
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// Something that is no month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no month; such as 2026-11 would be right")]
pub struct InvalidMonth;

impl FromStr for Month {
    type Err = InvalidMonth;

    fn from_str(text: &str) -> Result<Self, InvalidMonth> {
        let (year, month) = text.split_once('-').ok_or(InvalidMonth)?;
        let is_number = |text: &str, digits: usize| {
            text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(year, 4) || !is_number(month, 2) {
            return Err(InvalidMonth);
        }
        let (year, month) =
            (year.parse().map_err(|_| InvalidMonth)?, month.parse().map_err(|_| InvalidMonth)?);
        match (1..=12).contains(&month) {
            true => Ok(Self { year, month }),
            false => Err(InvalidMonth),
        }
    }
}

/// A share of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Numerator.
    pub count: u64,
    /// Denominator; 0 when there is nothing to have a share of.
    pub of: u64,
}

impl Rate {
    /// In tenths of a percent, rounded half up; `None` when there is nothing to have a share of.
    pub fn tenths(self) -> Option<u32> {
        let (count, of) = (u128::from(self.count), u128::from(self.of));
        let tenths = (count * 2_000 + of).checked_div(of * 2)?;
        Some(u32::try_from(tenths).unwrap_or(u32::MAX))
    }

    /// In percent with one decimal, such as "33.3%"; `None` when there is nothing to have a share of.
    pub fn percent(self) -> Option<String> {
        self.tenths().map(|tenths| format!("{}.{}%", tenths / 10, tenths % 10))
    }
}

/// What is counted of cases: of a unit those it received, of a region those of its subtree.
///
/// Every case that was replied to, or answered along with another, is one of three: rated, waiting to be rated, or
/// [silent](Self::silent).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cases.
    pub received: u64,
    /// Of these, those replied to: by the unit, while the office held it, or for a region by anybody.
    pub replied: u64,
    /// Of the replied, those whose first reply came in time: for a unit within its own time, for a region also within
    /// that of the case as a whole.
    pub replied_in_time: u64,
    /// Cases that a unit answered as part of another one before it ever had them by themselves, and has not replied to by
    /// themselves since. They are not among the replied, and among the received only where it got them afterwards. 0 for a
    /// region, in which they lie like all others.
    pub answered_along: u64,
    /// Of the replied and the answered along, those rated.
    pub rated: u64,
    /// Of the rated, those whose latest rating says resolved.
    pub resolved: u64,
    /// Of the rated, those whose latest rating says satisfied.
    pub satisfied: u64,
    /// Of the replied and the answered along, those not rated yet that are not over.
    pub awaiting_rating: u64,
    /// Of the received, those that wait for a unit, or for this unit, to act now.
    pub open: u64,
    /// Of the open, those with a deadline that has passed.
    pub overdue: u64,
    /// Of the received, those that are declined now, with a published ground.
    pub declined: u64,
    /// Of the received, those that their citizens have taken back.
    pub withdrawn: u64,
    /// Times a case was returned.
    pub returned: u64,
    /// Times more time was granted.
    pub extensions_granted: u64,
    /// Times put under supervision.
    pub supervised: u64,
    /// Times criticised in a circular.
    pub criticised: u64,
    /// Times a deadline of the unit expired: to register, to assign, to reply, or to answer a part. This and the next five
    /// are counted of units alone, over all their cases and parts of cases.
    pub expired: u64,
    /// Parts that the unit was given as a co-handler.
    pub parts: u64,
    /// Of these parts, those it answered.
    pub parts_answered: u64,
    /// Times a case was transferred from the unit to another one.
    pub transferred: u64,
    /// Times the unit asked for more time.
    pub extensions_requested: u64,
    /// Times the unit was urged.
    pub urged: u64,
    /// Half of the replied got their first reply within this many seconds of being received; none was replied to when
    /// `None`.
    pub median_reply_seconds: Option<u64>,
}

impl Counts {
    /// Cases that have an answer: the replied and the answered along.
    pub fn answered(&self) -> u64 {
        self.replied + self.answered_along
    }

    /// Of the replied and the answered along, those that are over without having been rated: silence, counted apart. Whoever
    /// rates after the closing is silent no more.
    pub fn silent(&self) -> u64 {
        self.answered().saturating_sub(self.rated).saturating_sub(self.awaiting_rating)
    }

    /// 响应率.
    pub fn response_rate(&self) -> Rate {
        Rate { count: self.replied, of: self.received }
    }

    /// 解决率.
    pub fn resolution_rate(&self) -> Rate {
        Rate { count: self.resolved, of: self.rated }
    }

    /// 满意率.
    pub fn satisfaction_rate(&self) -> Rate {
        Rate { count: self.satisfied, of: self.rated }
    }

    /// 按时率.
    pub fn timeliness_rate(&self) -> Rate {
        Rate { count: self.replied_in_time, of: self.replied }
    }
}

/// What is counted of the cases of a representative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DutyCounts {
    /// Messages addressed to them.
    pub received: u64,
    /// Cases they claimed.
    pub claimed: u64,
    /// Cases that were addressed to them, claimed by them, or both: what the next two are shares of.
    pub taken_on: u64,
    /// Of the taken on, those they told or answered the citizen something about themselves.
    pub answered: u64,
    /// Of the taken on, those that anybody replied to.
    pub replied: u64,
    /// Times they urged a unit, about whatever case.
    pub urged: u64,
    /// Times they reported progress, about whatever case.
    pub progress_reported: u64,
    /// Of the replied, those rated.
    pub rated: u64,
    /// Of the rated, those whose latest rating says resolved.
    pub resolved: u64,
    /// Of the rated, those whose latest rating says satisfied.
    pub satisfied: u64,
    /// Half of the answered were first answered by them within this many seconds of being addressed to them, or else of
    /// their claim; none was answered when `None`.
    pub median_answer_seconds: Option<u64>,
    /// When they last did something.
    pub last_act_at: Option<Timestamp>,
}

impl DutyCounts {
    /// How many of the cases they took on they answered themselves.
    pub fn answer_rate(&self) -> Rate {
        Rate { count: self.answered, of: self.taken_on }
    }
}

/// What a median belongs to.
pub trait WithMedian: Default + for<'a> AddAssign<&'a Self> {
    /// The same with this median, in seconds.
    #[must_use]
    fn with_median(self, seconds: Option<u64>) -> Self;
}

impl WithMedian for Counts {
    fn with_median(self, seconds: Option<u64>) -> Self {
        Self { median_reply_seconds: seconds, ..self }
    }
}

impl WithMedian for DutyCounts {
    fn with_median(self, seconds: Option<u64>) -> Self {
        Self { median_answer_seconds: seconds, ..self }
    }
}

/// Counts that can be added to others: they still have the times that their median is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally<C> {
    /// What is counted; no median yet.
    pub counts: C,
    /// How long each took, in seconds; in no order.
    pub seconds: Vec<u32>,
}

impl<C: WithMedian> Tally<C> {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.counts += &other.counts;
        self.seconds.extend_from_slice(&other.seconds);
    }

    /// The counts with their median.
    pub fn close(self) -> C {
        self.counts.with_median(median(self.seconds))
    }
}

/// Tallies of a total and its months.
#[derive(Debug, Clone, Default)]
pub struct Tallies<C> {
    total: Tally<C>,
    months: BTreeMap<Month, Tally<C>>,
}

impl<C: WithMedian> Tallies<C> {
    /// Adds a tally to the total and, if it is of one, to its month.
    pub fn add(&mut self, month: Option<Month>, tally: &Tally<C>) {
        self.total.add(tally);
        if let Some(month) = month {
            self.months.entry(month).or_default().add(tally);
        }
    }

    /// The counts with their medians.
    pub fn close(self) -> Series<C> {
        let months = self.months.into_iter().map(|(month, tally)| (month, tally.close())).collect();
        Series { total: self.total.close(), months }
    }
}

/// A total and its months.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series<C> {
    /// Over all time.
    pub total: C,
    /// Of each month with any case.
    pub months: BTreeMap<Month, C>,
}

impl<C: Copy + Default> Series<C> {
    /// The counts of a month, or over all time.
    pub fn of(&self, month: Option<Month>) -> C {
        match month {
            Some(month) => self.months.get(&month).copied().unwrap_or_default(),
            None => self.total,
        }
    }
}

impl AddAssign<&Self> for Counts {
    /// Leaves the median alone, which is no sum.
    fn add_assign(&mut self, other: &Self) {
        self.received += other.received;
        self.replied += other.replied;
        self.replied_in_time += other.replied_in_time;
        self.answered_along += other.answered_along;
        self.rated += other.rated;
        self.resolved += other.resolved;
        self.satisfied += other.satisfied;
        self.awaiting_rating += other.awaiting_rating;
        self.open += other.open;
        self.overdue += other.overdue;
        self.declined += other.declined;
        self.withdrawn += other.withdrawn;
        self.returned += other.returned;
        self.extensions_granted += other.extensions_granted;
        self.supervised += other.supervised;
        self.criticised += other.criticised;
        self.expired += other.expired;
        self.parts += other.parts;
        self.parts_answered += other.parts_answered;
        self.transferred += other.transferred;
        self.extensions_requested += other.extensions_requested;
        self.urged += other.urged;
    }
}

impl AddAssign<&Self> for DutyCounts {
    /// Leaves the median alone, which is no sum.
    fn add_assign(&mut self, other: &Self) {
        self.received += other.received;
        self.claimed += other.claimed;
        self.taken_on += other.taken_on;
        self.answered += other.answered;
        self.replied += other.replied;
        self.urged += other.urged;
        self.progress_reported += other.progress_reported;
        self.rated += other.rated;
        self.resolved += other.resolved;
        self.satisfied += other.satisfied;
        self.last_act_at = self.last_act_at.max(other.last_act_at);
    }
}

/// The smallest of the values that at least half of them do not exceed.
fn median(mut values: Vec<u32>) -> Option<u64> {
    let middle = values.len().checked_sub(1)? / 2;
    let (_, median, _) = values.select_nth_unstable(middle);
    Some(u64::from(*median))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_one_of_shanghai() {
        let month = |time: &str| Month::at(time.parse().unwrap()).to_string();
        assert_eq!(month("2026-10-31T15:59:59.999999Z"), "2026-10");
        assert_eq!(month("2026-10-31T16:00:00Z"), "2026-11");
    }

    #[test]
    fn a_month_reads_back_and_nothing_else_is_one() {
        let november = Month { year: 2026, month: 11 };
        assert_eq!("2026-11".parse(), Ok(november));
        assert_eq!(november.number() - "2025-12".parse::<Month>().unwrap().number(), 11);
        for wrong in
            ["", "2026", "2026-13", "2026-00", "2026-1", "26-11", "2026-11-01", "+026-11", "2026-1１"]
        {
            assert_eq!(wrong.parse::<Month>(), Err(InvalidMonth), "{wrong}");
        }
    }

    #[test]
    fn a_rate_of_nothing_is_no_rate() {
        assert_eq!(Rate { count: 0, of: 0 }.percent(), None);
        assert_eq!(Rate { count: 0, of: 0 }.tenths(), None);
        assert_eq!(Counts::default().response_rate().percent(), None);
    }

    #[test]
    fn whoever_was_answered_has_rated_or_still_may_or_is_silent() {
        let counts =
            Counts { replied: 4, answered_along: 3, rated: 2, awaiting_rating: 1, ..Counts::default() };
        assert_eq!((counts.answered(), counts.silent()), (7, 4));
    }

    #[test]
    fn rates_are_rounded_half_up() {
        for (count, of, percent) in
            [(1, 3, "33.3%"), (2, 3, "66.7%"), (1, 2_000, "0.1%"), (5, 5, "100.0%"), (0, 7, "0.0%")]
        {
            assert_eq!(Rate { count, of }.percent().as_deref(), Some(percent));
        }
        assert_eq!(Rate { count: u64::MAX, of: u64::MAX }.tenths(), Some(1_000));
    }

    #[test]
    fn the_median_is_reached_by_at_least_half() {
        for (values, expected) in [
            (vec![], None),
            (vec![5], Some(5)),
            (vec![9, 1], Some(1)),
            (vec![3, 1, 2], Some(2)),
            (vec![4, 4, 1, 9], Some(4)),
        ] {
            assert_eq!(median(values), expected);
        }
    }

    #[test]
    fn the_tally_of_a_sum_is_the_sum_of_the_tallies() {
        let tally = |received: u64, seconds: &[u32]| Tally {
            counts: Counts { received, replied: seconds.len() as u64, ..Counts::default() },
            seconds: seconds.to_vec(),
        };
        let mut sum = tally(3, &[10, 30]);
        sum.add(&tally(2, &[20]));
        let expected =
            Counts { received: 5, replied: 3, median_reply_seconds: Some(20), ..Counts::default() };
        assert_eq!(sum.close(), expected);
    }
}
