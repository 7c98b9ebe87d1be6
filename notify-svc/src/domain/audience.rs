//! Who hears of an event.
//!
//! The event says it all: it carries the representatives, the holding office and the responsible unit as they stand
//! after it. So the same event has the same audience whenever and wherever it is handled.

use huying_platform::codes::InvalidCode;
use huying_proto::events::v1::{Event, event::Body};

use super::recipient::Recipient;

/// The names of the events that somebody hears of. The consumer asks the broker for these and no others.
pub const HEARD: [&str; 10] = [
    "CaseQueued",
    "CaseAssigned",
    "CaseDelegated",
    "CaseEscalated",
    "CaseReturned",
    "CaseReplied",
    "CaseRated",
    "CaseReopened",
    "CaseClosed",
    "DeadlineExpired",
];

/// What an event lacks that it must have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudienceFault {
    /// The body is not set, or of a kind this version does not know.
    #[error("the event has no body that is known here")]
    NoBody,
    /// There is no header.
    #[error("the event has no header")]
    NoHeader,
    /// There is no standing, and a unit was to hear.
    #[error("the event has no standing")]
    NoStanding,
    /// A code is malformed.
    #[error("\"{code}\" in {field}")]
    BadCode {
        /// Where it stands in the event.
        field: &'static str,
        /// The code.
        code: String,
        /// What is wrong with it.
        source: InvalidCode,
    },
}

/// Who hears of an event, each once, in order of [`Recipient`]; nobody for most.
///
/// # Errors
/// When the event lacks what its audience would be read from.
pub fn audience(event: &Event) -> Result<Vec<Recipient>, AudienceFault> {
    let circle = circle(event.body.as_ref().ok_or(AudienceFault::NoBody)?);
    let mut recipients = Vec::new();
    if circle.representatives {
        let header = event.header.as_ref().ok_or(AudienceFault::NoHeader)?;
        for code in &header.representative_codes {
            let representative = Recipient::representative(code);
            recipients.push(representative.map_err(bad_code("header.representative_codes", code))?);
        }
    }
    if circle.holding_office || circle.responsible_unit {
        let standing = event.standing.as_ref().ok_or(AudienceFault::NoStanding)?;
        if circle.holding_office {
            let office = Recipient::unit(&standing.holder_office);
            recipients.push(office.map_err(bad_code("standing.holder_office", &standing.holder_office))?);
        }
        // A closed case has no responsible unit any more.
        if circle.responsible_unit && !standing.responsible_unit.is_empty() {
            let unit = Recipient::unit(&standing.responsible_unit);
            recipients.push(unit.map_err(bad_code("standing.responsible_unit", &standing.responsible_unit))?);
        }
    }
    // A station may list somebody twice, and an office may hold a case and be responsible for it.
    recipients.sort();
    recipients.dedup();
    Ok(recipients)
}

/// Which of a case's people hear of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Circle {
    representatives: bool,
    holding_office: bool,
    responsible_unit: bool,
}

impl Circle {
    const NOBODY: Self = Self { representatives: false, holding_office: false, responsible_unit: false };
    const REPRESENTATIVES: Self = Self { representatives: true, ..Self::NOBODY };
    const AND_RESPONSIBLE_UNIT: Self = Self { responsible_unit: true, ..Self::REPRESENTATIVES };
    const AND_HOLDING_OFFICE: Self = Self { holding_office: true, ..Self::REPRESENTATIVES };
    const EVERYBODY: Self = Self { representatives: true, holding_office: true, responsible_unit: true };
}

/// Representatives hear what moves the matter, and are spared registration, acceptance and progress. A unit hears what
/// it now has to act on and did not do itself.
const fn circle(body: &Body) -> Circle {
    match body {
        Body::CaseQueued(_) | Body::CaseDelegated(_) | Body::CaseEscalated(_) => Circle::AND_HOLDING_OFFICE,
        Body::CaseAssigned(_) => Circle::AND_RESPONSIBLE_UNIT,
        Body::CaseReturned(_) | Body::CaseReopened(_) | Body::DeadlineExpired(_) => Circle::EVERYBODY,
        Body::CaseReplied(_) | Body::CaseRated(_) | Body::CaseClosed(_) => Circle::REPRESENTATIVES,
        Body::CaseSubmitted(_)
        | Body::CaseRegistered(_)
        | Body::CaseAccepted(_)
        | Body::ProgressReported(_)
        | Body::PrivatePartRead(_)
        | Body::PrivatePartErased(_)
        | Body::RatingRequested(_)
        | Body::PrivateReadRequested(_)
        | Body::ErasureRequested(_)
        | Body::RequestRefused(_) => Circle::NOBODY,
    }
}

fn bad_code(field: &'static str, code: &str) -> impl FnOnce(InvalidCode) -> AudienceFault {
    let code = code.chars().take(64).collect();
    move |source| AudienceFault::BadCode { field, code, source }
}

#[cfg(test)]
mod tests {
    use huying_platform::subjects::event_name;
    use huying_proto::events::v1::{self as proto, CaseHeader, Standing};

    use super::*;

    fn event(body: Body) -> Event {
        Event {
            header: Some(CaseHeader {
                representative_codes: vec!["r-2".into(), "r-1".into(), "r-2".into()],
                ..CaseHeader::default()
            }),
            standing: Some(Standing {
                holder_office: "150802-office".into(),
                responsible_unit: "150802-housing".into(),
                ..Standing::default()
            }),
            body: Some(body),
            ..Event::default()
        }
    }

    fn keys(event: &Event) -> Vec<String> {
        audience(event).unwrap().iter().map(Recipient::key).collect()
    }

    /// Every body there is, and who hears of it.
    fn table() -> Vec<(Body, &'static [&'static str])> {
        const NOBODY: &[&str] = &[];
        const REPRESENTATIVES: &[&str] = &["r:r-1", "r:r-2"];
        const UNIT: &[&str] = &["r:r-1", "r:r-2", "u:150802-housing"];
        const OFFICE: &[&str] = &["r:r-1", "r:r-2", "u:150802-office"];
        const ALL: &[&str] = &["r:r-1", "r:r-2", "u:150802-housing", "u:150802-office"];
        vec![
            (Body::CaseSubmitted(proto::CaseSubmitted::default()), NOBODY),
            (Body::CaseQueued(proto::CaseQueued::default()), OFFICE),
            (Body::CaseRegistered(proto::CaseRegistered::default()), NOBODY),
            (Body::CaseAssigned(proto::CaseAssigned::default()), UNIT),
            (Body::CaseDelegated(proto::CaseDelegated::default()), OFFICE),
            (Body::CaseEscalated(proto::CaseEscalated::default()), OFFICE),
            (Body::CaseAccepted(proto::CaseAccepted::default()), NOBODY),
            (Body::CaseReturned(proto::CaseReturned::default()), ALL),
            (Body::ProgressReported(proto::ProgressReported::default()), NOBODY),
            (Body::CaseReplied(proto::CaseReplied::default()), REPRESENTATIVES),
            (Body::CaseRated(proto::CaseRated::default()), REPRESENTATIVES),
            (Body::CaseReopened(proto::CaseReopened::default()), ALL),
            (Body::CaseClosed(proto::CaseClosed::default()), REPRESENTATIVES),
            (Body::DeadlineExpired(proto::DeadlineExpired::default()), ALL),
            (Body::PrivatePartRead(proto::PrivatePartRead::default()), NOBODY),
            (Body::PrivatePartErased(proto::PrivatePartErased::default()), NOBODY),
            (Body::RatingRequested(proto::RatingRequested::default()), NOBODY),
            (Body::PrivateReadRequested(proto::PrivateReadRequested::default()), NOBODY),
            (Body::ErasureRequested(proto::ErasureRequested::default()), NOBODY),
            (Body::RequestRefused(proto::RequestRefused::default()), NOBODY),
        ]
    }

    #[test]
    fn every_event_has_its_audience() {
        for (body, expected) in table() {
            let event = event(body);
            assert_eq!(keys(&event), expected, "{:?}", event_name(&event));
        }
    }

    #[test]
    fn the_broker_is_asked_for_exactly_the_events_somebody_hears_of() {
        let heard: Vec<&str> = table()
            .into_iter()
            .filter(|(_, audience)| !audience.is_empty())
            .filter_map(|(body, _)| event_name(&event(body)))
            .collect();
        for name in HEARD {
            assert!(heard.contains(&name), "{name} is asked for, and nobody hears of it");
        }
        assert_eq!(heard.len(), HEARD.len());
    }

    #[test]
    fn a_unit_that_is_office_and_responsible_hears_once() {
        let mut event = event(Body::CaseReturned(proto::CaseReturned::default()));
        event.standing.as_mut().unwrap().responsible_unit = "150802-office".into();
        assert_eq!(keys(&event), ["r:r-1", "r:r-2", "u:150802-office"]);
    }

    #[test]
    fn a_closed_case_has_no_responsible_unit_to_hear() {
        let mut event = event(Body::DeadlineExpired(proto::DeadlineExpired::default()));
        event.standing.as_mut().unwrap().responsible_unit.clear();
        assert_eq!(keys(&event), ["r:r-1", "r:r-2", "u:150802-office"]);
    }

    #[test]
    fn an_event_that_lacks_its_audience_is_a_fault() {
        assert_eq!(audience(&Event::default()), Err(AudienceFault::NoBody));

        let mut headless = event(Body::CaseReplied(proto::CaseReplied::default()));
        headless.header = None;
        assert_eq!(audience(&headless), Err(AudienceFault::NoHeader));

        let mut nowhere = event(Body::CaseQueued(proto::CaseQueued::default()));
        nowhere.standing = None;
        assert_eq!(audience(&nowhere), Err(AudienceFault::NoStanding));

        let mut misspelt = event(Body::CaseQueued(proto::CaseQueued::default()));
        misspelt.standing.as_mut().unwrap().holder_office = "Office".into();
        assert!(matches!(audience(&misspelt), Err(AudienceFault::BadCode { .. })));
    }
}
