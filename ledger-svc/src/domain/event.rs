//! An event that may enter the ledger: a part of a case's history whose every needed field is there and makes sense.
//!
//! Guaranteed: version 1 is a submission and has no standing, every later version is something else and has one;
//! enumerations have values this version knows; codes are free of control characters; what an event has several of
//! (pictures, parts, candidates) is within the bounds of the contract. Left to others: the order of events
//! ([`super::order`]), and whether the units they name exist.
//!
//! What each type of event must have besides is in `event/body.rs`.

use huying_platform::{
    codes::RegionPath,
    ids::{CaseId, EventId},
    status::{from_micros, micros, timestamp_from_proto, timestamp_to_proto},
};
use huying_proto::events::v1::{
    Actor, ActorRole, CaseHeader, CaseKind, CaseState, Event, Publication, Standing, addressee::To,
    event::Body,
};
use jiff::Timestamp;

mod body;
#[cfg(test)]
pub(crate) mod tests;

pub use body::{PARTS_MAX, PICTURES_MAX};

/// A category path is at most 200 characters, of at most four bytes each in UTF-8.
const CATEGORY_BYTES_MAX: usize = 800;

/// A code of a unit, a representative or a station has at most 64 characters, all of them ASCII.
const CODE_BYTES_MAX: usize = 64;

/// Why an event cannot enter the ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a public event of a case: {0}")]
pub struct InvalidEvent(pub String);

/// A checked event.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseEvent {
    /// Its id.
    pub event_id: EventId,
    /// Its case.
    pub case_id: CaseId,
    /// Its place in the history of the case, from 1; fits the database's signed integers.
    pub version: u64,
    /// When it was decided, to the microsecond.
    pub occurred_at: Timestamp,
    /// The case in short.
    pub header: CaseHeader,
    /// Kind of the case.
    pub kind: CaseKind,
    /// What the public may see of it.
    pub publication: Publication,
    /// Where the matter is.
    pub region: RegionPath,
    /// Who caused it.
    pub actor: Actor,
    /// In what capacity.
    pub actor_role: ActorRole,
    /// How the case stands after it; `None` for a submission.
    pub standing: Option<StandingAfter>,
    /// What happened.
    pub body: Body,
}

/// How a case stands after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingAfter {
    /// State.
    pub state: CaseState,
    /// Office that holds it.
    pub holder_office: String,
    /// Unit that has to act next, or that replied last; may be empty when the case is not open.
    pub responsible_unit: String,
    /// When its time ends.
    pub deadline_at: Option<Timestamp>,
    /// The public overdue mark: a deadline of the stage, of the whole case or of an open part has passed.
    pub overdue: bool,
    /// When the time of the whole case ends.
    pub case_deadline_at: Option<Timestamp>,
    /// Parts of co-handlers that are neither answered nor waived.
    pub open_parts: u32,
    /// How many people wrote about the matter; 0 in events that do not say.
    pub petitioner_count: u32,
    /// The case it goes on as part of.
    pub merged_into: Option<CaseId>,
}

impl CaseEvent {
    /// Checks an event.
    ///
    /// # Errors
    /// [`InvalidEvent`] names the first field that is wrong.
    pub fn parse(event: Event) -> Result<Self, InvalidEvent> {
        let event_id = event.event_id.parse().map_err(|error| wrong("event_id", error))?;
        let case_id = event.case_id.parse().map_err(|error| wrong("case_id", error))?;
        if event.case_version == 0 || event.case_version > i64::MAX as u64 {
            return Err(wrong("case_version", "is not a place in a history"));
        }
        let occurred_at = event
            .occurred_at
            .as_ref()
            .and_then(timestamp_from_proto)
            .map(|time| from_micros(micros(time)))
            .ok_or_else(|| wrong("occurred_at", "is missing or out of range"))?;
        let header = event.header.ok_or_else(|| wrong("header", "is missing"))?;
        let kind = CaseKind::try_from(header.kind)
            .ok()
            .filter(|kind| *kind != CaseKind::Unspecified)
            .ok_or_else(|| wrong("header.kind", "is unknown"))?;
        let publication = Publication::try_from(header.publication)
            .ok()
            .filter(|publication| *publication != Publication::Unspecified)
            .ok_or_else(|| wrong("header.publication", "is unknown"))?;
        let region = header.region.as_ref().ok_or_else(|| wrong("header.region", "is missing"))?;
        let region = RegionPath::from_proto(region).map_err(|error| wrong("header.region", error))?;
        check_code("header.category", &header.category, CATEGORY_BYTES_MAX)?;
        if let Some(To::RepresentativeCode(code) | To::StationCode(code) | To::RegionCode(code)) =
            header.addressee.as_ref().and_then(|addressee| addressee.to.as_ref())
        {
            check_code("header.addressee", code, CODE_BYTES_MAX)?;
        }
        let actor = event.actor.ok_or_else(|| wrong("actor", "is missing"))?;
        let actor_role = ActorRole::try_from(actor.role)
            .ok()
            .filter(|role| *role != ActorRole::Unspecified)
            .ok_or_else(|| wrong("actor.role", "is unknown"))?;
        check_code("actor.code", &actor.code, CODE_BYTES_MAX)?;
        let body =
            event.body.ok_or_else(|| wrong("body", "is missing or of a kind this version does not know"))?;
        body::check(&body)?;

        let submission = matches!(body, Body::CaseSubmitted(_));
        if submission != (event.case_version == 1) {
            return Err(wrong("case_version", "is 1 for a submission, and only for one"));
        }
        let standing = match (submission, event.standing) {
            (true, _) => None,
            (false, Some(standing)) => Some(StandingAfter::parse(standing)?),
            (false, None) => return Err(wrong("standing", "is missing")),
        };
        Ok(Self {
            event_id,
            case_id,
            version: event.case_version,
            occurred_at,
            header,
            kind,
            publication,
            region,
            actor,
            actor_role,
            standing,
            body,
        })
    }

    /// The event as it came, for keeping it until its turn.
    pub fn to_proto(&self) -> Event {
        Event {
            event_id: self.event_id.to_string(),
            case_id: self.case_id.to_string(),
            case_version: self.version,
            occurred_at: Some(timestamp_to_proto(self.occurred_at)),
            header: Some(self.header.clone()),
            actor: Some(self.actor.clone()),
            standing: self.standing.as_ref().map(StandingAfter::to_proto),
            body: Some(self.body.clone()),
        }
    }
}

impl StandingAfter {
    fn parse(standing: Standing) -> Result<Self, InvalidEvent> {
        let state = CaseState::try_from(standing.state)
            .ok()
            .filter(|state| *state != CaseState::Unspecified)
            .ok_or_else(|| wrong("standing.state", "is unknown"))?;
        check_code("standing.holder_office", &standing.holder_office, CODE_BYTES_MAX)?;
        check_code("standing.responsible_unit", &standing.responsible_unit, CODE_BYTES_MAX)?;
        let moment = |us: i64| Some(us).filter(|us| *us != 0).map(from_micros);
        let merged_into = match standing.merged_into.as_str() {
            "" => None,
            id => Some(id.parse().map_err(|error| wrong("standing.merged_into", error))?),
        };
        Ok(Self {
            state,
            holder_office: standing.holder_office,
            responsible_unit: standing.responsible_unit,
            deadline_at: moment(standing.deadline_at_us),
            overdue: standing.overdue,
            case_deadline_at: moment(standing.case_deadline_at_us),
            open_parts: standing.open_parts,
            petitioner_count: standing.petitioner_count,
            merged_into,
        })
    }

    fn to_proto(&self) -> Standing {
        Standing {
            state: self.state.into(),
            holder_office: self.holder_office.clone(),
            responsible_unit: self.responsible_unit.clone(),
            deadline_at_us: self.deadline_at.map_or(0, micros),
            overdue: self.overdue,
            case_deadline_at_us: self.case_deadline_at.map_or(0, micros),
            open_parts: self.open_parts,
            petitioner_count: self.petitioner_count,
            merged_into: self.merged_into.map_or_else(String::new, |case_id| case_id.to_string()),
        }
    }
}

fn check_code(field: &str, code: &str, max_bytes: usize) -> Result<(), InvalidEvent> {
    if code.len() > max_bytes || code.chars().any(char::is_control) {
        return Err(wrong(field, format_args!("is longer than {max_bytes} bytes or has control characters")));
    }
    Ok(())
}

fn wrong(field: &str, what: impl std::fmt::Display) -> InvalidEvent {
    InvalidEvent(format!("{field} {what}"))
}
