//! Pages of cases in the order of their deadlines: by office, department, co-handler, representative or subtree.
//!
//! Each list is one ordered range of one index, or a few of them, from where the last page ended; so a page costs the
//! same wherever it is. What is asked for beyond the range is judged case by case along it, for a bounded number of
//! cases: a filter that fits next to nothing then makes short pages, and never a long wait.

mod statements;

use std::collections::HashSet;

use huying_platform::{codes::RegionCode, ids::CaseId, status::from_micros};
use huying_proto::events::v1::CaseKind;
use jiff::Timestamp;
use sqlx::{PgPool, Row as _};

use super::rows::{Stored, read, to_smallint};
use crate::domain::case::{Stage, State};
use statements::{end_of_looking, needs_looking, statement};

/// How many cases of a range are looked at for one page, when not all of them are shown.
const LOOKED_AT_MAX: i64 = 10_000;

/// The index a list goes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Along {
    /// All cases.
    Everything,
    /// Cases an office holds.
    HeldBy(String),
    /// Cases a department is responsible for.
    ResponsibilityOf(String),
    /// Cases that were assigned to a department last, whether it still has them or not.
    AssignedTo(String),
    /// Cases of which a unit has an open part.
    CoHandledBy(String),
    /// Cases in the subtree of a region.
    Within(RegionCode),
    /// Cases addressed to a representative.
    AddressedTo(String),
    /// Cases addressed to a station.
    AddressedToStation(String),
    /// Cases that a representative has claimed.
    ClaimedBy(String),
}

/// A representative as a filter: cases addressed to them or their station, or claimed by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Code of the representative.
    pub representative: String,
    /// Code of the station they serve at; None when at none.
    pub station: Option<String>,
}

impl Followed {
    /// The ranges that these cases are in.
    #[must_use]
    pub fn ranges(&self) -> Vec<Along> {
        let own = Along::AddressedTo(self.representative.clone());
        let station = self.station.clone().map(Along::AddressedToStation);
        let claimed = Along::ClaimedBy(self.representative.clone());
        std::iter::once(own).chain(station).chain([claimed]).collect()
    }
}

/// What an office sees of cases that are listed by something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Horizon {
    /// The office.
    pub office: String,
    /// Its region.
    pub region: RegionCode,
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Deadline of its last case; None when that was not open.
    pub due_at: Option<Timestamp>,
    /// Its last case.
    pub case_id: CaseId,
}

/// What a page shows of its ranges.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    /// Only cases in these states; empty means any.
    pub states: Vec<State>,
    /// Only cases in these stages; empty means any.
    pub stages: Vec<Stage>,
    /// Only cases of these kinds; empty means any.
    pub kinds: Vec<CaseKind>,
    /// Only cases of this category and those below it.
    pub category: Option<String>,
    /// Only cases in the subtree of this region.
    pub within: Option<RegionCode>,
    /// Only cases that this representative follows.
    pub followed: Option<Followed>,
    /// Only cases that this office may see.
    pub horizon: Option<Horizon>,
    /// Only those that bear the overdue mark or whose deadline had passed by then.
    pub overdue_at: Option<Timestamp>,
    /// Only those submitted at or after this.
    pub submitted_from: Option<Timestamp>,
    /// Only those submitted before this.
    pub submitted_before: Option<Timestamp>,
}

/// What is to be read.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where its cases come from; a case in two of them is shown once.
    pub ranges: Vec<Along>,
    /// What of them is shown.
    pub filters: Filters,
    /// Only what comes after this.
    pub after: Option<Position>,
    /// How many at most.
    pub size: usize,
}

/// What was read.
#[derive(Debug, Clone)]
pub struct Listed {
    /// By deadline and case id; those that are not open come last.
    pub cases: Vec<Stored>,
    /// Where the next page begins; None when there is nothing left to look at.
    pub next: Option<Position>,
}

/// Reads a page. It may have fewer cases than its size, and none, while there is a next one.
///
/// # Errors
/// When a statement fails or a row cannot be read.
pub async fn read_page(pool: &PgPool, page: &Page) -> sqlx::Result<Listed> {
    let mut found: Vec<(Key, Stored)> = Vec::new();
    // What comes after this has not been looked at in every range.
    let mut looked_until: Option<Key> = None;
    let mut seen = HashSet::new();
    for along in &page.ranges {
        let rows = statement("", page, along).build().fetch_all(pool).await?;
        for row in &rows {
            let stored = read(row)?;
            found.push((Key::of(&position_of(&stored)), stored));
        }
        // A full range has more of what is shown than fits; the others were looked through to their end, or too long.
        if rows.len() <= page.size && needs_looking(page, along) {
            let stopped_at = stopped_looking_at(pool, page, along).await?;
            looked_until = [looked_until, stopped_at].into_iter().flatten().min();
        }
    }
    found.sort_unstable_by_key(|(key, _)| *key);
    found.retain(|(key, _)| seen.insert(key.case_id));
    if let Some(until) = looked_until {
        found.retain(|(key, _)| *key <= until);
    }
    let has_more = found.len() > page.size;
    found.truncate(page.size);
    let next = if has_more { found.last().map(|(key, _)| *key) } else { looked_until };
    Ok(Listed { cases: found.into_iter().map(|(_, stored)| stored).collect(), next: next.map(Key::position) })
}

/// How PostgreSQL would read a page, one line a step: what shows that no list goes through the whole table.
///
/// # Errors
/// When the statement fails.
pub async fn explain_page(pool: &PgPool, page: &Page) -> sqlx::Result<Vec<String>> {
    let mut plans = Vec::new();
    for along in &page.ranges {
        let lines: Vec<String> =
            statement("EXPLAIN ", page, along).build_query_scalar().fetch_all(pool).await?;
        plans.extend(lines);
        let lines: Vec<String> =
            end_of_looking("EXPLAIN ", page, along).build_query_scalar().fetch_all(pool).await?;
        plans.extend(lines);
    }
    Ok(plans)
}

/// The order of lists. A case that is not open has no deadline and comes after all that are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    due_us: i64,
    case_id: CaseId,
}

/// More than any deadline has.
const NOT_OPEN_US: i64 = i64::MAX;

impl Key {
    fn of(position: &Position) -> Self {
        Self {
            due_us: position.due_at.map_or(NOT_OPEN_US, Timestamp::as_microsecond),
            case_id: position.case_id,
        }
    }

    fn position(self) -> Position {
        let due_at = (self.due_us != NOT_OPEN_US).then(|| from_micros(self.due_us));
        Position { due_at, case_id: self.case_id }
    }
}

fn position_of(stored: &Stored) -> Position {
    Position { due_at: stored.case.duty.as_ref().map(|duty| duty.clock.due_at), case_id: stored.case.id }
}

impl Filters {
    /// Whether open cases are shown, and whether others are.
    fn openness(&self) -> (bool, bool) {
        if self.states.is_empty() {
            return (true, true);
        }
        let open = self.states.iter().any(|state| state.is_open());
        let over = self.states.iter().any(|state| !state.is_open());
        (open, over)
    }

    /// Whether states have to be looked at: open or not is told by the deadline, which is part of the range.
    fn states_to_look_at(&self) -> Option<Vec<i16>> {
        let (open, over) = self.openness();
        let all_of_open = State::OPEN.iter().all(|state| self.states.contains(state));
        let all_of_over =
            State::ALL.iter().filter(|state| !state.is_open()).all(|state| self.states.contains(state));
        let is_told = self.states.is_empty() || ((!open || all_of_open) && (!over || all_of_over));
        (!is_told).then(|| self.states.iter().map(|state| to_smallint(state.to_proto().into())).collect())
    }

    /// Whether they leave anything out.
    fn are_any(&self) -> bool {
        self.states_to_look_at().is_some()
            || !self.stages.is_empty()
            || !self.kinds.is_empty()
            || self.category.is_some()
            || self.within.is_some()
            || self.followed.is_some()
            || self.horizon.is_some()
            || self.overdue_at.is_some()
            || self.submitted_from.is_some()
            || self.submitted_before.is_some()
    }
}

/// Where looking at a range ended before the range did; None when it came to its end.
async fn stopped_looking_at(pool: &PgPool, page: &Page, along: &Along) -> sqlx::Result<Option<Key>> {
    let row = end_of_looking("", page, along).build().fetch_optional(pool).await?;
    row.map(|row| {
        let due_at: Option<jiff_sqlx::Timestamp> = row.try_get("due_at")?;
        let due_at = due_at.map(jiff_sqlx::Timestamp::to_jiff);
        Ok(Key::of(&Position { due_at, case_id: row.try_get("case_id")? }))
    })
    .transpose()
}
