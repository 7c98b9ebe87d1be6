//! What of a case nothing is searched by, as one column: clocks, parts, claims, merged cases, and what was asked for.
//!
//! [`Detail`] is the message. It says of which version of the case it is: a row that an earlier release moved on has one
//! of an older version, and a row that it wrote has none. Of those the deadline in the row is the clock.

use huying_platform::{
    codes::{RepresentativeCode, UnitCode},
    ids::CaseId,
    status::{from_micros, micros},
};
use jiff::{SignedDuration, Timestamp};
use prost::Message;
use uuid::Uuid;

use super::rows::{corrupt, to_bigint};
use crate::domain::{
    case::{Case, Extension, ExtensionStatus, Part, PartStatus, State, WholeClock},
    clocks::{Clock, LadderStep},
};

/// Between the steps that follow a deadline which an earlier release set.
const EARLIER_STEP: SignedDuration = SignedDuration::from_hours(24);

/// The message in `cases.detail`. Instants are microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Detail {
    /// Version of the case this is of.
    #[prost(int64, tag = "1")]
    pub(super) version: i64,
    #[prost(message, optional, tag = "2")]
    duty_clock: Option<StoredClock>,
    #[prost(message, optional, tag = "3")]
    whole: Option<StoredWhole>,
    #[prost(int64, optional, tag = "4")]
    accepted_by_itself_at_us: Option<i64>,
    #[prost(message, repeated, tag = "5")]
    parts: Vec<StoredPart>,
    #[prost(message, optional, tag = "6")]
    extension: Option<StoredExtension>,
    #[prost(uint32, tag = "7")]
    urge_count: u32,
    #[prost(int64, optional, tag = "8")]
    urged_at_us: Option<i64>,
    #[prost(bool, tag = "9")]
    supervised: bool,
    #[prost(bool, tag = "10")]
    criticised: bool,
    #[prost(string, repeated, tag = "11")]
    claimed_by: Vec<String>,
    /// 16 bytes each.
    #[prost(bytes = "vec", repeated, tag = "12")]
    merged: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredClock {
    #[prost(int64, tag = "1")]
    began_at_us: i64,
    #[prost(int64, tag = "2")]
    due_at_us: i64,
    #[prost(int64, tag = "3")]
    remind_at_us: i64,
    #[prost(int64, tag = "4")]
    urge_at_us: i64,
    #[prost(int64, tag = "5")]
    supervise_at_us: i64,
    #[prost(int64, tag = "6")]
    criticise_at_us: i64,
    #[prost(uint32, tag = "7")]
    taken: u32,
    #[prost(string, tag = "8")]
    rule: String,
    #[prost(uint64, tag = "9")]
    calendar_revision: u64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredWhole {
    #[prost(int64, tag = "1")]
    began_at_us: i64,
    #[prost(int64, tag = "2")]
    due_at_us: i64,
    #[prost(bool, tag = "3")]
    expired: bool,
    #[prost(string, tag = "4")]
    rule: String,
    #[prost(uint64, tag = "5")]
    calendar_revision: u64,
}

#[derive(Clone, PartialEq, Message)]
struct StoredPart {
    #[prost(uint32, tag = "1")]
    number: u32,
    #[prost(uint32, optional, tag = "2")]
    parent: Option<u32>,
    #[prost(string, tag = "3")]
    unit: String,
    #[prost(string, tag = "4")]
    given_by: String,
    #[prost(string, tag = "5")]
    task: String,
    /// 1 open, 2 answered, 3 waived.
    #[prost(uint32, tag = "6")]
    status: u32,
    #[prost(message, optional, tag = "7")]
    clock: Option<StoredClock>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredExtension {
    /// 1 requested, 2 granted, 3 refused.
    #[prost(uint32, tag = "1")]
    status: u32,
    #[prost(string, tag = "2")]
    limit: String,
    #[prost(string, tag = "3")]
    reason: String,
}

/// What [`Detail`] says of a case, read and checked.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) duty_clock: Option<Clock>,
    pub(super) whole: Option<WholeClock>,
    pub(super) accepted_by_itself_at: Option<Timestamp>,
    pub(super) parts: Vec<Part>,
    pub(super) extension: Option<Extension>,
    pub(super) urge_count: u32,
    pub(super) urged_at: Option<Timestamp>,
    pub(super) supervised: bool,
    pub(super) criticised: bool,
    pub(super) claimed_by: Vec<RepresentativeCode>,
    pub(super) merged: Vec<CaseId>,
}

/// What a row says by itself, for those that an earlier release wrote.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) version: i64,
    pub(super) state: State,
    pub(super) due_at: Option<Timestamp>,
    pub(super) overdue: bool,
    pub(super) updated_at: Timestamp,
}

impl Detail {
    pub(super) fn of(case: &Case) -> Self {
        Self {
            version: to_bigint(case.version),
            duty_clock: case.duty.as_ref().map(|duty| StoredClock::of(&duty.clock)),
            whole: case.whole.as_ref().map(StoredWhole::of),
            accepted_by_itself_at_us: case.accepted_by_itself_at.map(micros),
            parts: case.parts.iter().map(StoredPart::of).collect(),
            extension: case.extension.as_ref().map(StoredExtension::of),
            urge_count: case.urge_count,
            urged_at_us: case.urged_at.map(micros),
            supervised: case.supervised,
            criticised: case.criticised,
            claimed_by: case.claimed_by.iter().map(ToString::to_string).collect(),
            merged: case.merged.iter().map(|id| id.as_uuid().as_bytes().to_vec()).collect(),
        }
    }

    /// Reads the column beside what the row says by itself.
    pub(super) fn read(encoded: Option<&[u8]>, row: Row) -> sqlx::Result<Known> {
        let Some(encoded) = encoded else { return Ok(Known::of_earlier(row)) };
        let detail = Self::decode(encoded).map_err(|_| corrupt("detail"))?;
        let is_of_row = detail.version == row.version;
        let known = detail.known()?;
        if is_of_row { Ok(known) } else { Ok(known.moved_on(row)) }
    }

    fn known(self) -> sqlx::Result<Known> {
        let representative = |code: &String| code.parse().map_err(|_| corrupt("claimed_by"));
        let case = |id: &Vec<u8>| Uuid::from_slice(id).map(CaseId::from_uuid).map_err(|_| corrupt("merged"));
        Ok(Known {
            duty_clock: self.duty_clock.map(StoredClock::read).transpose()?,
            whole: self.whole.map(StoredWhole::read),
            accepted_by_itself_at: self.accepted_by_itself_at_us.map(from_micros),
            parts: self.parts.into_iter().map(StoredPart::read).collect::<sqlx::Result<_>>()?,
            extension: self.extension.map(StoredExtension::read).transpose()?,
            urge_count: self.urge_count,
            urged_at: self.urged_at_us.map(from_micros),
            supervised: self.supervised,
            criticised: self.criticised,
            claimed_by: self.claimed_by.iter().map(representative).collect::<sqlx::Result<_>>()?,
            merged: self.merged.iter().map(case).collect::<sqlx::Result<_>>()?,
        })
    }
}

impl Known {
    /// A case that an earlier release wrote. That one had a deadline for each stage and no other clock, and accepted
    /// nothing by itself: the deadline stands for all of them.
    fn of_earlier(row: Row) -> Self {
        let clock = row.due_at.map(|due_at| earlier_clock(due_at, &row));
        let whole = clock.as_ref().filter(|_| row.state != State::Replied).map(|clock| WholeClock {
            began_at: clock.began_at,
            due_at: clock.due_at,
            expired: row.overdue,
            rule: String::new(),
            calendar_revision: 0,
        });
        let accepted_by_itself_at =
            clock.as_ref().filter(|_| row.state == State::Assigned).map(|clock| clock.due_at);
        Self { duty_clock: clock, whole, accepted_by_itself_at, ..Self::default() }
    }

    /// A case that an earlier release moved on after this was written: what that release does not know stays as it was.
    fn moved_on(self, row: Row) -> Self {
        let earlier = Self::of_earlier(row);
        Self {
            duty_clock: earlier.duty_clock,
            whole: earlier.whole,
            accepted_by_itself_at: earlier.accepted_by_itself_at,
            ..self
        }
    }
}

/// A deadline that has been marked as overdue was reminded of every day; its ladder has come to the end.
fn earlier_clock(due_at: Timestamp, row: &Row) -> Clock {
    let after = |steps: i32| {
        let later = EARLIER_STEP.checked_mul(steps).and_then(|wait| due_at.checked_add(wait).ok());
        later.unwrap_or(due_at)
    };
    let began_at = row.updated_at.min(due_at);
    let taken = if row.overdue { LadderStep::ALL.len() } else { 0 };
    Clock {
        began_at,
        due_at,
        remind_at: due_at,
        urge_at: after(1),
        supervise_at: after(2),
        criticise_at: after(3),
        taken: u8::try_from(taken).unwrap_or(u8::MAX),
        rule: String::new(),
        calendar_revision: 0,
    }
}

impl StoredClock {
    fn of(clock: &Clock) -> Self {
        Self {
            began_at_us: micros(clock.began_at),
            due_at_us: micros(clock.due_at),
            remind_at_us: micros(clock.remind_at),
            urge_at_us: micros(clock.urge_at),
            supervise_at_us: micros(clock.supervise_at),
            criticise_at_us: micros(clock.criticise_at),
            taken: clock.taken.into(),
            rule: clock.rule.clone(),
            calendar_revision: clock.calendar_revision,
        }
    }

    fn read(self) -> sqlx::Result<Clock> {
        let taken =
            u8::try_from(self.taken).ok().filter(|&taken| usize::from(taken) <= LadderStep::ALL.len());
        Ok(Clock {
            began_at: from_micros(self.began_at_us),
            due_at: from_micros(self.due_at_us),
            remind_at: from_micros(self.remind_at_us),
            urge_at: from_micros(self.urge_at_us),
            supervise_at: from_micros(self.supervise_at_us),
            criticise_at: from_micros(self.criticise_at_us),
            taken: taken.ok_or_else(|| corrupt("the steps taken of a clock"))?,
            rule: self.rule,
            calendar_revision: self.calendar_revision,
        })
    }
}

impl StoredWhole {
    fn of(whole: &WholeClock) -> Self {
        Self {
            began_at_us: micros(whole.began_at),
            due_at_us: micros(whole.due_at),
            expired: whole.expired,
            rule: whole.rule.clone(),
            calendar_revision: whole.calendar_revision,
        }
    }

    fn read(self) -> WholeClock {
        WholeClock {
            began_at: from_micros(self.began_at_us),
            due_at: from_micros(self.due_at_us),
            expired: self.expired,
            rule: self.rule,
            calendar_revision: self.calendar_revision,
        }
    }
}

impl StoredPart {
    fn of(part: &Part) -> Self {
        Self {
            number: part.number,
            parent: part.parent,
            unit: part.unit.to_string(),
            given_by: part.given_by.to_string(),
            task: part.task.clone(),
            status: match part.status {
                PartStatus::Open => 1,
                PartStatus::Answered => 2,
                PartStatus::Waived => 3,
            },
            clock: Some(StoredClock::of(&part.clock)),
        }
    }

    fn read(self) -> sqlx::Result<Part> {
        let unit = |code: &str| -> sqlx::Result<UnitCode> {
            code.parse().map_err(|_| corrupt("the unit of a part"))
        };
        Ok(Part {
            number: self.number,
            parent: self.parent,
            unit: unit(&self.unit)?,
            given_by: unit(&self.given_by)?,
            task: self.task,
            status: match self.status {
                1 => PartStatus::Open,
                2 => PartStatus::Answered,
                3 => PartStatus::Waived,
                _ => return Err(corrupt("the status of a part")),
            },
            clock: self.clock.ok_or_else(|| corrupt("the clock of a part"))?.read()?,
        })
    }
}

impl StoredExtension {
    fn of(extension: &Extension) -> Self {
        Self {
            status: match extension.status {
                ExtensionStatus::Requested => 1,
                ExtensionStatus::Granted => 2,
                ExtensionStatus::Refused => 3,
            },
            limit: extension.limit.to_string(),
            reason: extension.reason.clone(),
        }
    }

    fn read(self) -> sqlx::Result<Extension> {
        Ok(Extension {
            status: match self.status {
                1 => ExtensionStatus::Requested,
                2 => ExtensionStatus::Granted,
                3 => ExtensionStatus::Refused,
                _ => return Err(corrupt("the status of an extension")),
            },
            limit: self.limit.parse().map_err(|_| corrupt("the limit of an extension"))?,
            reason: self.reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::CaseKind;

    use super::*;
    use crate::domain::{
        case::{Duty, Stage},
        limits::Limit,
    };

    fn at(seconds: i64) -> Timestamp {
        from_micros(1_800_000_000_000_000 + seconds * 1_000_000)
    }

    fn clock(taken: u8) -> Clock {
        Clock {
            began_at: at(0),
            due_at: at(10),
            remind_at: at(8),
            urge_at: at(20),
            supervise_at: at(30),
            criticise_at: at(50),
            taken,
            rule: "message * * reply 13wd".into(),
            calendar_revision: 7,
        }
    }

    fn part(number: u32, parent: Option<u32>, status: PartStatus) -> Part {
        Part {
            number,
            parent,
            unit: "roads".parse().unwrap(),
            given_by: "housing".parse().unwrap(),
            task: "查明路面情况".into(),
            status,
            clock: clock(5),
        }
    }

    /// A case with everything a case can have.
    fn full() -> Case {
        Case {
            id: CaseId::new_v7(),
            version: 9,
            kind: CaseKind::Message,
            category: String::new(),
            state: State::Assigned,
            holder_office: "office".parse().unwrap(),
            department: Some("housing".parse().unwrap()),
            duty: Some(Duty { unit: "housing".parse().unwrap(), stage: Stage::Reply, clock: clock(2) }),
            whole: Some(WholeClock {
                began_at: at(0),
                due_at: at(40),
                expired: true,
                rule: "rules".into(),
                calendar_revision: 3,
            }),
            accepted_by_itself_at: Some(at(5)),
            parts: vec![
                part(1, None, PartStatus::Open),
                part(2, Some(1), PartStatus::Answered),
                part(3, None, PartStatus::Waived),
            ],
            extension: Some(Extension {
                status: ExtensionStatus::Granted,
                limit: Limit::Months(2),
                reason: "检修".into(),
            }),
            return_count: 1,
            reply_count: 0,
            rated_reply: 0,
            urge_count: 3,
            urged_at: Some(at(-1)),
            supervised: true,
            criticised: true,
            claimed_by: vec!["r-1".parse().unwrap(), "r-2".parse().unwrap()],
            merged_into: None,
            merged: vec![CaseId::new_v7(), CaseId::new_v7()],
            units: Vec::new(),
            updated_at: at(6),
        }
    }

    fn row(case: &Case) -> Row {
        Row {
            version: to_bigint(case.version),
            state: case.state,
            due_at: case.duty.as_ref().map(|duty| duty.clock.due_at),
            overdue: case.is_overdue(),
            updated_at: case.updated_at,
        }
    }

    #[test]
    fn a_detail_reads_back_what_it_writes() {
        let case = full();
        let known = Detail::read(Some(&Detail::of(&case).encode_to_vec()), row(&case)).unwrap();
        let read = Case {
            duty: case.duty.clone().zip(known.duty_clock).map(|(duty, clock)| Duty { clock, ..duty }),
            whole: known.whole,
            accepted_by_itself_at: known.accepted_by_itself_at,
            parts: known.parts,
            extension: known.extension,
            urge_count: known.urge_count,
            urged_at: known.urged_at,
            supervised: known.supervised,
            criticised: known.criticised,
            claimed_by: known.claimed_by,
            merged: known.merged,
            ..case.clone()
        };
        assert_eq!(read, case);
    }

    #[test]
    fn a_detail_that_is_out_of_date_gives_no_clock() {
        let case = full();
        let encoded = Detail::of(&case).encode_to_vec();
        let moved_on = Row { version: 10, due_at: Some(at(99)), overdue: false, ..row(&case) };
        let known = Detail::read(Some(&encoded), moved_on).unwrap();
        let clock = known.duty_clock.unwrap();
        assert_eq!((clock.due_at, clock.taken), (at(99), 0));
        assert_eq!(known.whole.unwrap().due_at, at(99));
        assert_eq!(known.claimed_by, case.claimed_by);
    }

    #[test]
    fn what_is_no_detail_is_refused() {
        let case = full();
        assert!(Detail::read(Some(b"x"), row(&case)).is_err());
        let mut wrong = Detail::of(&case);
        wrong.parts[0].status = 4;
        assert!(Detail::read(Some(&wrong.encode_to_vec()), row(&case)).is_err());
    }
}
