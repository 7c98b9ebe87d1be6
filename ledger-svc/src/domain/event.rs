//! An event that may enter the ledger: a part of a case's history whose every needed field is there and makes sense.
//!
//! Guaranteed: version 1 is a submission and has no standing, every later version is something else and has one;
//! enumerations have values this version knows; codes are free of control characters. Left to others: the order of
//! events ([`super::order`]), and whether the units they name exist.

use huying_platform::{
    codes::RegionPath,
    ids::{CaseId, EventId},
    status::{from_micros, micros, timestamp_from_proto, timestamp_to_proto},
};
use huying_proto::events::v1::{
    Actor, ActorRole, CaseHeader, CaseKind, CaseState, CloseReason, DeadlineKind, Event, Publication,
    Standing, event::Body,
};
use jiff::Timestamp;

/// A category path is at most 200 characters, of at most four bytes each in UTF-8.
const CATEGORY_BYTES_MAX: usize = 800;

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
    /// Unit that has to act next, or that replied last; may be empty when closed.
    pub responsible_unit: String,
    /// When its time ends.
    pub deadline_at: Option<Timestamp>,
    /// True when a deadline has passed and the unit has not acted.
    pub overdue: bool,
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
        let actor = event.actor.ok_or_else(|| wrong("actor", "is missing"))?;
        let actor_role = ActorRole::try_from(actor.role)
            .ok()
            .filter(|role| *role != ActorRole::Unspecified)
            .ok_or_else(|| wrong("actor.role", "is unknown"))?;
        check_code("actor.code", &actor.code, 64)?;
        let body =
            event.body.ok_or_else(|| wrong("body", "is missing or of a kind this version does not know"))?;
        check_body(&body)?;

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
        check_code("standing.holder_office", &standing.holder_office, 64)?;
        check_code("standing.responsible_unit", &standing.responsible_unit, 64)?;
        let deadline_at = Some(standing.deadline_at_us).filter(|us| *us != 0).map(from_micros);
        Ok(Self {
            state,
            holder_office: standing.holder_office,
            responsible_unit: standing.responsible_unit,
            deadline_at,
            overdue: standing.overdue,
        })
    }

    fn to_proto(&self) -> Standing {
        Standing {
            state: self.state.into(),
            holder_office: self.holder_office.clone(),
            responsible_unit: self.responsible_unit.clone(),
            deadline_at_us: self.deadline_at.map_or(0, micros),
            overdue: self.overdue,
        }
    }
}

fn check_body(body: &Body) -> Result<(), InvalidEvent> {
    match body {
        Body::CaseSubmitted(_)
        | Body::CaseQueued(_)
        | Body::CaseRegistered(_)
        | Body::CaseRated(_)
        | Body::PrivatePartRead(_)
        | Body::PrivatePartErased(_) => Ok(()),
        Body::CaseAssigned(assigned) => check_code("case_assigned.unit", &assigned.unit, 64),
        Body::CaseDelegated(delegated) => {
            check_code("case_delegated.from_office", &delegated.from_office, 64)
                .and_then(|()| check_code("case_delegated.to_office", &delegated.to_office, 64))
        }
        Body::CaseEscalated(escalated) => {
            check_code("case_escalated.from_office", &escalated.from_office, 64)
                .and_then(|()| check_code("case_escalated.to_office", &escalated.to_office, 64))
        }
        Body::CaseAccepted(accepted) => check_code("case_accepted.unit", &accepted.unit, 64),
        Body::CaseReturned(returned) => check_code("case_returned.unit", &returned.unit, 64)
            .and_then(|()| check_code("case_returned.proposed_unit", &returned.proposed_unit, 64)),
        Body::ProgressReported(reported) => check_code("progress_reported.unit", &reported.unit, 64),
        Body::CaseReplied(replied) => check_code("case_replied.unit", &replied.unit, 64),
        Body::CaseReopened(reopened) => check_code("case_reopened.unit", &reopened.unit, 64),
        Body::CaseClosed(closed) => match CloseReason::try_from(closed.reason) {
            Ok(CloseReason::ByOffice | CloseReason::RatingTimeEnded | CloseReason::RatedTimeEnded) => Ok(()),
            Ok(CloseReason::Unspecified) | Err(_) => Err(wrong("case_closed.reason", "is unknown")),
        },
        Body::DeadlineExpired(expired) => match DeadlineKind::try_from(expired.kind) {
            Ok(DeadlineKind::Assign | DeadlineKind::Reply | DeadlineKind::Rate) => {
                check_code("deadline_expired.unit", &expired.unit, 64)
            }
            Ok(DeadlineKind::Unspecified) | Err(_) => Err(wrong("deadline_expired.kind", "is unknown")),
        },
        Body::RatingRequested(_)
        | Body::PrivateReadRequested(_)
        | Body::ErasureRequested(_)
        | Body::RequestRefused(_) => Err(wrong("body", "is a request, which is not history")),
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

#[cfg(test)]
pub(crate) mod tests {
    use huying_platform::ids::{CaseId, EventId};
    use huying_proto::events::v1::{
        Addressee, CaseAssigned, CaseRegistered, CaseSubmitted, RatingRequested, RegionPath, addressee::To,
    };
    use uuid::Uuid;

    use super::*;

    pub(crate) fn case_id(number: u64) -> CaseId {
        CaseId::from_uuid(Uuid::from_u64_pair(0x0197_a3f0_5d1e_7c3a, 0x8000_0000_0000_0000 | number))
    }

    /// An event of a public case in township 150802001, on the minute of its version.
    pub(crate) fn event(case: u64, version: u64, body: Body, standing: Option<Standing>) -> Event {
        Event {
            event_id: EventId::from_uuid(Uuid::from_u64_pair(
                0x0197_a3f0_5d1e_7000 | version,
                0x9000_0000_0000_0000 | case,
            ))
            .to_string(),
            case_id: case_id(case).to_string(),
            case_version: version,
            occurred_at: Some(prost_types::Timestamp {
                seconds: 1_772_330_400 + version as i64 * 60,
                nanos: 123_456_789,
            }),
            header: Some(CaseHeader {
                kind: CaseKind::Message.into(),
                region: Some(RegionPath {
                    municipal: "150800".into(),
                    district: "150802".into(),
                    township: "150802001".into(),
                }),
                addressee: Some(Addressee { to: Some(To::RepresentativeCode("r-150802001-003".into())) }),
                title: "暖气不热".into(),
                category: "城乡建设/供热".into(),
                publication: Publication::Public.into(),
                submitted_at_us: 1_772_330_400_000_000,
                representative_codes: vec!["r-150802001-003".into()],
            }),
            actor: Some(Actor { role: ActorRole::System.into(), code: String::new() }),
            standing,
            body: Some(body),
        }
    }

    pub(crate) fn standing(state: CaseState, responsible_unit: &str) -> Standing {
        Standing {
            state: state.into(),
            holder_office: "150802001-office".into(),
            responsible_unit: responsible_unit.into(),
            deadline_at_us: 1_773_000_000_000_000,
            overdue: false,
        }
    }

    pub(crate) fn submitted(case: u64) -> Event {
        event(case, 1, Body::CaseSubmitted(CaseSubmitted { body: "楼里只有十四度。".into() }), None)
    }

    pub(crate) fn registered(case: u64, version: u64) -> Event {
        event(
            case,
            version,
            Body::CaseRegistered(CaseRegistered::default()),
            Some(standing(CaseState::Registered, "150802001-office")),
        )
    }

    pub(crate) fn assigned(case: u64, version: u64, unit: &str) -> Event {
        let body =
            CaseAssigned { unit: unit.into(), note: "请尽快办理".into(), ..CaseAssigned::default() };
        event(case, version, Body::CaseAssigned(body), Some(standing(CaseState::Assigned, unit)))
    }

    #[test]
    fn an_event_that_waited_is_the_same_event() {
        for event in [submitted(1), registered(1, 2), assigned(1, 3, "150802001-general")] {
            let parsed = CaseEvent::parse(event).unwrap();
            assert_eq!(CaseEvent::parse(parsed.to_proto()), Ok(parsed));
        }
    }

    #[test]
    fn requests_and_half_events_are_refused() {
        let request = event(1, 0, Body::RatingRequested(RatingRequested::default()), None);
        assert!(CaseEvent::parse(request).is_err());
        let wrong_number = event(1, 2, Body::RatingRequested(RatingRequested::default()), None);
        assert!(CaseEvent::parse(wrong_number).is_err());
        assert!(CaseEvent::parse(Event { standing: None, ..registered(1, 2) }).is_err());
        assert!(CaseEvent::parse(Event { header: None, ..submitted(1) }).is_err());
        assert!(CaseEvent::parse(Event { body: None, ..submitted(1) }).is_err());
        assert!(CaseEvent::parse(Event { case_version: 2, ..submitted(1) }).is_err());
        assert!(CaseEvent::parse(Event { actor: None, ..submitted(1) }).is_err());
        assert!(CaseEvent::parse(Event { case_id: "7".into(), ..submitted(1) }).is_err());
        assert!(CaseEvent::parse(assigned(1, 3, "a\u{0}b")).is_err());
    }
}
