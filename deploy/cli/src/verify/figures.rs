//! The published figures, counted anew from how cases stand.
//!
//! Guarantees the definitions of `docs/figures.md`, worked out here for a second time: a case counts for its region and
//! all above it in the month of its submission, for a unit in the month in which the unit received it, for a
//! representative in the month in which it was addressed to them or, if that was not or later, claimed.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use serde_json::{Map, Value};

use super::{
    history::{History, RepresentativePart, UnitPart, flow},
    moment::{Moment, Month},
    names::Name,
    told::{Rating, State},
};

/// A list of figures that the ledger publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Units,
    Regions,
    Representatives,
    /// How often cases went from one unit to another.
    Flows,
}

impl List {
    pub(crate) const ALL: [Self; 4] = [Self::Units, Self::Regions, Self::Representatives, Self::Flows];

    /// Is there a file for each month, besides that over all time? The other has the month in each row.
    pub(crate) fn is_by_month(self) -> bool {
        match self {
            Self::Units | Self::Regions | Self::Representatives => true,
            Self::Flows => false,
        }
    }

    /// Name of the file without its ending.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Units => "units",
            Self::Regions => "regions",
            Self::Representatives => "representatives",
            Self::Flows => "flows",
        }
    }

    /// What says whose figures a row has.
    ///
    /// # Errors
    /// The column that is missing.
    pub(crate) fn key(self, row: &Map<String, Value>) -> Result<String, &'static str> {
        let text = |column: &'static str| {
            row.get(column).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(column)
        };
        Ok(match self {
            Self::Units => text("unit")?.to_owned(),
            Self::Regions => text("region")?.to_owned(),
            Self::Representatives => text("representative")?.to_owned(),
            Self::Flows => flow(text("month")?, text("kind")?, text("from_unit")?, text("to_unit")?),
        })
    }
}

/// All figures of a tree.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    units: HashMap<Name, Series<Counts>>,
    regions: HashMap<Name, Series<Counts>>,
    representatives: HashMap<Name, Series<Duty>>,
    flows: HashMap<Name, u64>,
}

/// Over all time, and by month.
#[derive(Debug)]
struct Series<T> {
    total: T,
    months: BTreeMap<Month, T>,
}

impl<T> Default for Series<T>
where
    T: Default,
{
    fn default() -> Self {
        Self { total: T::default(), months: BTreeMap::new() }
    }
}

impl<T: Default> Series<T> {
    fn add(&mut self, month: Option<Month>, add: impl Fn(&mut T)) {
        add(&mut self.total);
        if let Some(month) = month {
            add(self.months.entry(month).or_default());
        }
    }

    fn of(&self, month: Option<Month>) -> Option<&T> {
        match month {
            None => Some(&self.total),
            Some(month) => self.months.get(&month),
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    received: u64,
    replied: u64,
    replied_in_time: u64,
    answered_along: u64,
    rated: u64,
    resolved: u64,
    satisfied: u64,
    awaiting_rating: u64,
    silent: u64,
    open: u64,
    overdue: u64,
    declined: u64,
    withdrawn: u64,
    returned: u64,
    expired: u64,
    parts: u64,
    parts_answered: u64,
    transferred: u64,
    extensions_requested: u64,
    extensions_granted: u64,
    urged: u64,
    supervised: u64,
    criticised: u64,
    reply_seconds: Vec<u32>,
}

#[derive(Debug, Default)]
struct Duty {
    received: u64,
    claimed: u64,
    taken_on: u64,
    answered: u64,
    replied: u64,
    urged: u64,
    progress_reported: u64,
    rated: u64,
    resolved: u64,
    satisfied: u64,
    answer_seconds: Vec<u32>,
    last_act_at: Option<Moment>,
}

/// What stands in a column of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    Number(u64),
    /// Nothing when there are none.
    Seconds(Option<u32>),
    /// Tenths of a percent; nothing when there is nothing to have a share of.
    Percent(Option<u64>),
    Time(Option<Moment>),
}

impl Cell {
    /// Does the export say the same?
    pub(crate) fn is_shown_as(self, value: &Value) -> bool {
        match self {
            Self::Number(number) => value.as_u64() == Some(number),
            Self::Seconds(None) | Self::Percent(None) | Self::Time(None) => value.is_null(),
            Self::Seconds(Some(seconds)) => value.as_u64() == Some(u64::from(seconds)),
            // One decimal, so that the nearest tenth is the one that was meant.
            Self::Percent(Some(tenths)) => {
                value.as_f64().is_some_and(|percent| (percent * 10.0 - tenths as f64).abs() < 0.01)
            }
            Self::Time(Some(at)) => value.as_str().and_then(Moment::parse) == Some(at),
        }
    }

    /// Of somebody who had nothing to do with any case?
    pub(crate) fn is_idle(self) -> bool {
        match self {
            Self::Number(number) => number == 0,
            Self::Seconds(seconds) => seconds.is_none(),
            Self::Percent(percent) => percent.is_none(),
            Self::Time(at) => at.is_none(),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Seconds(Some(seconds)) => seconds.fmt(f),
            Self::Percent(Some(tenths)) => write!(f, "{}.{}", tenths / 10, tenths % 10),
            Self::Time(Some(at)) => at.fmt(f),
            Self::Seconds(None) | Self::Percent(None) | Self::Time(None) => f.write_str("null"),
        }
    }
}

/// Columns of a row, by name.
pub(crate) type Row = Vec<(&'static str, Cell)>;

/// Do these columns say that there was nothing to count?
pub(crate) fn is_idle(row: &Row) -> bool {
    row.iter().all(|(_, cell)| cell.is_idle())
}

impl Figures {
    /// Counts cases.
    pub(crate) fn of<'a>(cases: impl IntoIterator<Item = &'a History>) -> Self {
        let mut figures = Self::default();
        for case in cases {
            figures.add(case);
        }
        figures
    }

    fn add(&mut self, case: &History) {
        let month = Some(case.account.submitted_at.month());
        for region in case.account.region.into_iter().filter(|region| !region.is_empty()) {
            self.regions.entry(region).or_default().add(month, |counts| counts.add_case(case));
        }
        for part in &case.units {
            let month = part.received_at.map(Moment::month);
            self.units.entry(part.unit).or_default().add(month, |counts| counts.add_part(case, part));
        }
        for flow in &case.flows {
            *self.flows.entry(*flow).or_default() += 1;
        }
        for part in &case.representatives {
            let taken_on_at = earlier(part.received_at, part.claimed_at);
            let month = taken_on_at.map(Moment::month);
            let series = self.representatives.entry(part.representative).or_default();
            series.add(month, |duty| duty.add_part(case, part, taken_on_at.is_some()));
        }
    }

    /// What the row of somebody in a list must be.
    pub(crate) fn row(&self, list: List, code: Name, month: Option<Month>) -> Row {
        fn of<T: Default>(
            series: &HashMap<Name, Series<T>>,
            code: Name,
            month: Option<Month>,
            row: impl Fn(&T) -> Row,
        ) -> Row {
            match series.get(&code).and_then(|series| series.of(month)) {
                Some(counted) => row(counted),
                None => row(&T::default()),
            }
        }
        match list {
            List::Units => of(&self.units, code, month, Counts::row_of_unit),
            List::Regions => of(&self.regions, code, month, Counts::row),
            List::Representatives => of(&self.representatives, code, month, Duty::row),
            List::Flows => {
                vec![("times", Cell::Number(self.flows.get(&code).copied().unwrap_or_default()))]
            }
        }
    }

    /// Everybody in a list with whom any case had to do, ever.
    pub(crate) fn codes(&self, list: List) -> Box<dyn Iterator<Item = Name> + '_> {
        match list {
            List::Units => Box::new(self.units.keys().copied()),
            List::Regions => Box::new(self.regions.keys().copied()),
            List::Representatives => Box::new(self.representatives.keys().copied()),
            List::Flows => Box::new(self.flows.keys().copied()),
        }
    }
}

fn earlier(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl Counts {
    /// A case, for its region.
    fn add_case(&mut self, case: &History) {
        let account = &case.account;
        self.received += 1;
        if let Some(at) = account.first_replied_at {
            self.replied += 1;
            self.replied_in_time += u64::from(account.replied_in_time);
            self.reply_seconds.push(at.seconds_since(account.submitted_at));
            self.add_rating(account.rating, account.state);
        }
        if account.state.waits_for_a_unit() {
            self.open += 1;
            self.overdue += u64::from(account.overdue);
        }
        self.add_end(account.state);
        self.returned += u64::from(account.returned);
        self.extensions_granted += u64::from(account.extensions_granted);
        self.supervised += u64::from(account.supervised);
        self.criticised += u64::from(account.criticised);
    }

    /// A unit's part in a case.
    fn add_part(&mut self, case: &History, part: &UnitPart) {
        let account = &case.account;
        if part.received_at.is_some() {
            self.received += 1;
            self.add_end(account.state);
        }
        if let Some(at) = part.first_replied_at {
            self.replied += 1;
            self.replied_in_time += u64::from(part.replied_in_time);
            self.reply_seconds.extend(part.received_at.map(|received_at| at.seconds_since(received_at)));
        }
        self.answered_along += u64::from(part.is_only_answered_along());
        if part.is_answered() {
            self.add_rating(part.rating, account.state);
        }
        if account.responsible_unit == part.unit && account.state.waits_for_a_unit() {
            self.open += 1;
            self.overdue += u64::from(account.overdue);
        }
        self.returned += u64::from(part.returned);
        self.expired += u64::from(part.expired);
        self.parts += u64::from(part.parts);
        self.parts_answered += u64::from(part.parts_answered);
        self.transferred += u64::from(part.transferred);
        self.extensions_requested += u64::from(part.extensions_requested);
        self.extensions_granted += u64::from(part.extensions_granted);
        self.urged += u64::from(part.urged);
        self.supervised += u64::from(part.supervised);
        self.criticised += u64::from(part.criticised);
    }

    /// What became of an answer.
    fn add_rating(&mut self, rating: Option<Rating>, state: State) {
        match rating {
            Some(rating) => {
                self.rated += 1;
                self.resolved += u64::from(rating.resolved);
                self.satisfied += u64::from(rating.satisfied);
            }
            None if state.is_over() => self.silent += 1,
            None => self.awaiting_rating += 1,
        }
    }

    fn add_end(&mut self, state: State) {
        self.declined += u64::from(state == State::Declined);
        self.withdrawn += u64::from(state == State::Withdrawn);
    }

    fn row_of_unit(&self) -> Row {
        let mut row = self.row();
        row.extend([
            ("answered_along", Cell::Number(self.answered_along)),
            ("expired", Cell::Number(self.expired)),
            ("parts", Cell::Number(self.parts)),
            ("parts_answered", Cell::Number(self.parts_answered)),
            ("transferred", Cell::Number(self.transferred)),
            ("extensions_requested", Cell::Number(self.extensions_requested)),
            ("urged", Cell::Number(self.urged)),
        ]);
        row
    }

    fn row(&self) -> Row {
        vec![
            ("received", Cell::Number(self.received)),
            ("replied", Cell::Number(self.replied)),
            ("replied_in_time", Cell::Number(self.replied_in_time)),
            ("rated", Cell::Number(self.rated)),
            ("resolved", Cell::Number(self.resolved)),
            ("satisfied", Cell::Number(self.satisfied)),
            ("silent", Cell::Number(self.silent)),
            ("awaiting_rating", Cell::Number(self.awaiting_rating)),
            ("open", Cell::Number(self.open)),
            ("overdue", Cell::Number(self.overdue)),
            ("declined", Cell::Number(self.declined)),
            ("withdrawn", Cell::Number(self.withdrawn)),
            ("returned", Cell::Number(self.returned)),
            ("extensions_granted", Cell::Number(self.extensions_granted)),
            ("supervised", Cell::Number(self.supervised)),
            ("criticised", Cell::Number(self.criticised)),
            ("median_reply_seconds", Cell::Seconds(median(&self.reply_seconds))),
            ("response_rate_percent", percent(self.replied, self.received)),
            ("timeliness_rate_percent", percent(self.replied_in_time, self.replied)),
            ("resolution_rate_percent", percent(self.resolved, self.rated)),
            ("satisfaction_rate_percent", percent(self.satisfied, self.rated)),
        ]
    }
}

impl Duty {
    /// A representative's part in a case.
    fn add_part(&mut self, case: &History, part: &RepresentativePart, is_taken_on: bool) {
        self.urged += u64::from(part.urged);
        self.progress_reported += u64::from(part.progress_reported);
        self.last_act_at = self.last_act_at.max(part.last_act_at);
        self.received += u64::from(part.received_at.is_some());
        self.claimed += u64::from(part.claimed_at.is_some());
        if !is_taken_on {
            return;
        }
        self.taken_on += 1;
        if let Some(at) = part.first_answered_at {
            self.answered += 1;
            let from = part.received_at.or(part.claimed_at);
            self.answer_seconds.extend(from.map(|from| at.seconds_since(from)));
        }
        if case.account.first_replied_at.is_some() {
            self.replied += 1;
            if let Some(rating) = case.account.rating {
                self.rated += 1;
                self.resolved += u64::from(rating.resolved);
                self.satisfied += u64::from(rating.satisfied);
            }
        }
    }

    fn row(&self) -> Row {
        vec![
            ("received", Cell::Number(self.received)),
            ("claimed", Cell::Number(self.claimed)),
            ("taken_on", Cell::Number(self.taken_on)),
            ("answered", Cell::Number(self.answered)),
            ("replied", Cell::Number(self.replied)),
            ("urged", Cell::Number(self.urged)),
            ("progress_reported", Cell::Number(self.progress_reported)),
            ("rated", Cell::Number(self.rated)),
            ("resolved", Cell::Number(self.resolved)),
            ("satisfied", Cell::Number(self.satisfied)),
            ("median_answer_seconds", Cell::Seconds(median(&self.answer_seconds))),
            ("last_act_at", Cell::Time(self.last_act_at)),
            ("answer_rate_percent", percent(self.answered, self.taken_on)),
        ]
    }
}

/// The smallest that at least half of them do not exceed.
fn median(seconds: &[u32]) -> Option<u32> {
    let mut sorted = seconds.to_vec();
    sorted.sort_unstable();
    sorted.get(seconds.len().checked_sub(1)? / 2).copied()
}

/// Rounded half up to one decimal.
fn percent(count: u64, of: u64) -> Cell {
    Cell::Percent((count * 2_000 + of).checked_div(of * 2))
}

#[cfg(test)]
mod tests;
