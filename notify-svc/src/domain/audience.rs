//! Who hears of an event.
//!
//! The event says it all: it carries the representatives, the holding office and the responsible unit as they stand
//! after it, and names the co-handlers and former units it is about. So the same event has the same audience whenever and wherever it is handled.

use huying_platform::codes::InvalidCode;
use huying_proto::events::v1::{ActorRole, Event, event::Body};

use super::recipient::Recipient;

/// The names of the events that somebody hears of. The consumer asks the broker for these and no others.
pub const HEARD: [&str; 26] = [
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
    "CaseDeclined",
    "CaseTransferred",
    "CaseClaimed",
    "PartAssigned",
    "PartAnswered",
    "PartWaived",
    "ExtensionRequested",
    "ExtensionGranted",
    "ExtensionRefused",
    "DeadlineNear",
    "CaseUrged",
    "CaseSupervised",
    "CriticismCirculated",
    "CaseMerged",
    "CaseUnmerged",
    "CaseWithdrawn",
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

/// Who hears of an event, each once, in order of [`Recipient`]; nobody for some. A unit does not hear of what it did
/// itself. A representative does: their mailbox is the whole course of the cases they follow.
///
/// # Errors
/// When the event lacks what its audience would be read from.
pub fn audience(event: &Event) -> Result<Vec<Recipient>, AudienceFault> {
    let body = event.body.as_ref().ok_or(AudienceFault::NoBody)?;
    let circle = circle(body);
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
            recipients.push(unit("standing.holder_office", &standing.holder_office)?);
        }
        // A closed case has no responsible unit any more.
        if circle.responsible_unit && !standing.responsible_unit.is_empty() {
            recipients.push(unit("standing.responsible_unit", &standing.responsible_unit)?);
        }
    }
    for (field, code) in units_named(body) {
        recipients.push(unit(field, code)?);
    }
    let acted = acting_unit(event);
    recipients.retain(|recipient| match recipient {
        Recipient::Unit(code) => acted != Some(code.as_str()),
        Recipient::Representative(_) => true,
    });
    // A station may list somebody twice, and an office may hold a case and be responsible for it.
    recipients.sort();
    recipients.dedup();
    Ok(recipients)
}

/// Which of a case's people hear of something. The units that the event itself names come on top: [`units_named`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Circle {
    representatives: bool,
    holding_office: bool,
    responsible_unit: bool,
}

impl Circle {
    const NOBODY: Self = Self { representatives: false, holding_office: false, responsible_unit: false };
    const REPRESENTATIVES: Self = Self { representatives: true, ..Self::NOBODY };
    const HOLDING_OFFICE: Self = Self { holding_office: true, ..Self::NOBODY };
    const RESPONSIBLE_UNIT: Self = Self { responsible_unit: true, ..Self::NOBODY };
    const AND_RESPONSIBLE_UNIT: Self = Self { responsible_unit: true, ..Self::REPRESENTATIVES };
    const AND_HOLDING_OFFICE: Self = Self { holding_office: true, ..Self::REPRESENTATIVES };
    const EVERYBODY: Self = Self { representatives: true, holding_office: true, responsible_unit: true };
}

/// Representatives hear what moves the matter, and are spared registration, acceptance, progress, reminders and the parts
/// of co-handlers. A unit hears what it has to act on and did not do itself. The office hears of steps of the ladder
/// that it did not take, because a case that stands still is its concern.
const fn circle(body: &Body) -> Circle {
    match body {
        Body::CaseQueued(_)
        | Body::CaseDelegated(_)
        | Body::CaseEscalated(_)
        | Body::CaseClaimed(_)
        | Body::CaseUrged(_)
        | Body::CaseSupervised(_)
        | Body::CriticismCirculated(_)
        | Body::CaseUnmerged(_)
        | Body::CaseWithdrawn(_) => Circle::AND_HOLDING_OFFICE,
        Body::CaseAssigned(_) | Body::CaseTransferred(_) => Circle::AND_RESPONSIBLE_UNIT,
        Body::CaseReturned(_) | Body::CaseReopened(_) | Body::DeadlineExpired(_) => Circle::EVERYBODY,
        Body::CaseReplied(_)
        | Body::CaseRated(_)
        | Body::CaseClosed(_)
        | Body::CaseDeclined(_)
        | Body::ExtensionGranted(_)
        | Body::CaseMerged(_) => Circle::REPRESENTATIVES,
        Body::ExtensionRequested(_) => Circle::HOLDING_OFFICE,
        Body::PartAnswered(_) => Circle::RESPONSIBLE_UNIT,
        Body::CaseSubmitted(_)
        | Body::CaseRegistered(_)
        | Body::CaseClassified(_)
        | Body::CaseAccepted(_)
        | Body::ProgressReported(_)
        | Body::PartAssigned(_)
        | Body::PartWaived(_)
        | Body::ExtensionRefused(_)
        | Body::DeadlineNear(_)
        | Body::CaseAbsorbed(_)
        | Body::CaseSplitOff(_)
        | Body::ClocksRecomputed(_)
        | Body::PrivatePartRead(_)
        | Body::PrivatePartErased(_)
        | Body::RatingRequested(_)
        | Body::PrivateReadRequested(_)
        | Body::ErasureRequested(_)
        | Body::RequestRefused(_)
        | Body::WithdrawalRequested(_) => Circle::NOBODY,
    }
}

/// The units that hear of an event because it names them, with the field that does: co-handlers, and units that the
/// standing does not show any more. In a step of the ladder it is the co-handler when the step is about a part.
fn units_named(body: &Body) -> Vec<(&'static str, &str)> {
    match body {
        Body::CaseAssigned(event) => {
            event.parts.iter().map(|part| ("case_assigned.parts.unit", part.unit.as_str())).collect()
        }
        Body::CaseTransferred(event) => {
            vec![
                ("case_transferred.from_unit", &event.from_unit),
                ("case_transferred.to_unit", &event.to_unit),
            ]
        }
        Body::PartAssigned(event) => {
            vec![("part_assigned.part.unit", event.part.as_ref().map_or("", |part| &part.unit))]
        }
        Body::PartWaived(event) => vec![("part_waived.unit", &event.unit)],
        Body::ExtensionGranted(event) => vec![("extension_granted.unit", &event.unit)],
        Body::ExtensionRefused(event) => vec![("extension_refused.unit", &event.unit)],
        Body::DeadlineNear(event) => vec![("deadline_near.unit", &event.unit)],
        Body::DeadlineExpired(event) => vec![("deadline_expired.unit", &event.unit)],
        Body::CaseUrged(event) => vec![("case_urged.unit", &event.unit)],
        Body::CaseSupervised(event) => vec![("case_supervised.unit", &event.unit)],
        Body::CriticismCirculated(event) => vec![("criticism_circulated.unit", &event.unit)],
        Body::CaseSubmitted(_)
        | Body::CaseQueued(_)
        | Body::CaseRegistered(_)
        | Body::CaseDelegated(_)
        | Body::CaseEscalated(_)
        | Body::CaseAccepted(_)
        | Body::CaseReturned(_)
        | Body::ProgressReported(_)
        | Body::CaseReplied(_)
        | Body::CaseRated(_)
        | Body::CaseReopened(_)
        | Body::CaseClosed(_)
        | Body::PrivatePartRead(_)
        | Body::PrivatePartErased(_)
        | Body::CaseDeclined(_)
        | Body::CaseClassified(_)
        | Body::CaseClaimed(_)
        | Body::PartAnswered(_)
        | Body::ExtensionRequested(_)
        | Body::CaseMerged(_)
        | Body::CaseAbsorbed(_)
        | Body::CaseUnmerged(_)
        | Body::CaseSplitOff(_)
        | Body::CaseWithdrawn(_)
        | Body::ClocksRecomputed(_)
        | Body::RatingRequested(_)
        | Body::PrivateReadRequested(_)
        | Body::ErasureRequested(_)
        | Body::RequestRefused(_)
        | Body::WithdrawalRequested(_) => Vec::new(),
    }
}

/// Code of the office or department that caused an event; None when it was somebody else.
fn acting_unit(event: &Event) -> Option<&str> {
    let actor = event.actor.as_ref()?;
    match actor.role() {
        ActorRole::Office | ActorRole::Department => Some(&actor.code),
        ActorRole::Unspecified
        | ActorRole::Citizen
        | ActorRole::Representative
        | ActorRole::System
        | ActorRole::Operator => None,
    }
}

fn unit(field: &'static str, code: &str) -> Result<Recipient, AudienceFault> {
    Recipient::unit(code).map_err(bad_code(field, code))
}

fn bad_code(field: &'static str, code: &str) -> impl FnOnce(InvalidCode) -> AudienceFault {
    let code = code.chars().take(64).collect();
    move |source| AudienceFault::BadCode { field, code, source }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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

    /// Every body there is, and who hears of it. The unit an event names is 150802-roads, a co-handler or a department
    /// that the standing does not show.
    fn table() -> Vec<(Body, &'static [&'static str])> {
        const NOBODY: &[&str] = &[];
        const REPRESENTATIVES: &[&str] = &["r:r-1", "r:r-2"];
        const UNIT: &[&str] = &["r:r-1", "r:r-2", "u:150802-housing"];
        const UNITS: &[&str] = &["r:r-1", "r:r-2", "u:150802-housing", "u:150802-roads"];
        const OFFICE: &[&str] = &["r:r-1", "r:r-2", "u:150802-office"];
        const OFFICE_AND_NAMED: &[&str] = &["r:r-1", "r:r-2", "u:150802-office", "u:150802-roads"];
        const ALL: &[&str] = &["r:r-1", "r:r-2", "u:150802-housing", "u:150802-office"];
        const ALL_AND_NAMED: &[&str] =
            &["r:r-1", "r:r-2", "u:150802-housing", "u:150802-office", "u:150802-roads"];
        let named = || "150802-roads".to_owned();
        let part = || proto::Part { unit: named(), part_number: 1, ..Default::default() };
        vec![
            (Body::CaseSubmitted(Default::default()), NOBODY),
            (Body::CaseQueued(Default::default()), OFFICE),
            (Body::CaseRegistered(Default::default()), NOBODY),
            (Body::CaseAssigned(Default::default()), UNIT),
            (Body::CaseAssigned(proto::CaseAssigned { parts: vec![part()], ..Default::default() }), UNITS),
            (Body::CaseDelegated(Default::default()), OFFICE),
            (Body::CaseEscalated(Default::default()), OFFICE),
            (Body::CaseAccepted(Default::default()), NOBODY),
            (Body::CaseReturned(Default::default()), ALL),
            (Body::ProgressReported(Default::default()), NOBODY),
            (Body::CaseReplied(Default::default()), REPRESENTATIVES),
            (Body::CaseRated(Default::default()), REPRESENTATIVES),
            (Body::CaseReopened(Default::default()), ALL),
            (Body::CaseClosed(Default::default()), REPRESENTATIVES),
            (
                Body::DeadlineExpired(proto::DeadlineExpired { unit: named(), ..Default::default() }),
                ALL_AND_NAMED,
            ),
            (Body::PrivatePartRead(Default::default()), NOBODY),
            (Body::PrivatePartErased(Default::default()), NOBODY),
            (Body::CaseDeclined(Default::default()), REPRESENTATIVES),
            (Body::CaseClassified(Default::default()), NOBODY),
            (
                Body::CaseTransferred(proto::CaseTransferred {
                    from_unit: named(),
                    to_unit: "150802-housing".into(),
                    ..Default::default()
                }),
                UNITS,
            ),
            (Body::CaseClaimed(Default::default()), OFFICE),
            (
                Body::PartAssigned(proto::PartAssigned { part: Some(part()), ..Default::default() }),
                &["u:150802-roads"],
            ),
            (Body::PartAnswered(Default::default()), &["u:150802-housing"]),
            (
                Body::PartWaived(proto::PartWaived { unit: named(), ..Default::default() }),
                &["u:150802-roads"],
            ),
            (Body::ExtensionRequested(Default::default()), &["u:150802-office"]),
            (
                Body::ExtensionGranted(proto::ExtensionGranted { unit: named(), ..Default::default() }),
                &["r:r-1", "r:r-2", "u:150802-roads"],
            ),
            (
                Body::ExtensionRefused(proto::ExtensionRefused { unit: named(), ..Default::default() }),
                &["u:150802-roads"],
            ),
            (
                Body::DeadlineNear(proto::DeadlineNear { unit: named(), ..Default::default() }),
                &["u:150802-roads"],
            ),
            (Body::CaseUrged(proto::CaseUrged { unit: named(), ..Default::default() }), OFFICE_AND_NAMED),
            (
                Body::CaseSupervised(proto::CaseSupervised { unit: named(), ..Default::default() }),
                OFFICE_AND_NAMED,
            ),
            (
                Body::CriticismCirculated(proto::CriticismCirculated { unit: named(), ..Default::default() }),
                OFFICE_AND_NAMED,
            ),
            (Body::CaseMerged(Default::default()), REPRESENTATIVES),
            (Body::CaseAbsorbed(Default::default()), NOBODY),
            (Body::CaseUnmerged(Default::default()), OFFICE),
            (Body::CaseSplitOff(Default::default()), NOBODY),
            (Body::CaseWithdrawn(Default::default()), OFFICE),
            (Body::ClocksRecomputed(Default::default()), NOBODY),
            (Body::RatingRequested(Default::default()), NOBODY),
            (Body::PrivateReadRequested(Default::default()), NOBODY),
            (Body::ErasureRequested(Default::default()), NOBODY),
            (Body::RequestRefused(Default::default()), NOBODY),
            (Body::WithdrawalRequested(Default::default()), NOBODY),
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
        let heard: BTreeSet<&str> = table()
            .into_iter()
            .filter(|(_, audience)| !audience.is_empty())
            .filter_map(|(body, _)| event_name(&event(body)))
            .collect();
        assert_eq!(BTreeSet::from(HEARD), heard);
    }

    #[test]
    fn a_unit_that_is_office_and_responsible_hears_once() {
        let mut event = event(Body::CaseReturned(proto::CaseReturned::default()));
        event.standing.as_mut().unwrap().responsible_unit = "150802-office".into();
        assert_eq!(keys(&event), ["r:r-1", "r:r-2", "u:150802-office"]);
    }

    #[test]
    fn a_unit_does_not_hear_of_its_own_act_and_hears_of_a_representatives() {
        let urged = |role: ActorRole, code: &str| {
            let urged = proto::CaseUrged { unit: "150802-housing".into(), ..proto::CaseUrged::default() };
            let mut event = event(Body::CaseUrged(urged));
            event.actor = Some(proto::Actor { role: role.into(), code: code.into() });
            keys(&event)
        };
        let without_office = ["r:r-1", "r:r-2", "u:150802-housing"];
        let with_office = ["r:r-1", "r:r-2", "u:150802-housing", "u:150802-office"];
        assert_eq!(urged(ActorRole::Office, "150802-office"), without_office);
        assert_eq!(urged(ActorRole::Office, "150800-office"), with_office);
        assert_eq!(urged(ActorRole::Representative, "r-1"), with_office);
        assert_eq!(urged(ActorRole::System, ""), with_office);
    }

    #[test]
    fn a_closed_case_has_no_responsible_unit_to_hear() {
        let expired =
            proto::DeadlineExpired { unit: "150802-office".into(), ..proto::DeadlineExpired::default() };
        let mut event = event(Body::DeadlineExpired(expired));
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

        let unnamed = event(Body::PartAssigned(proto::PartAssigned::default()));
        assert!(matches!(
            audience(&unnamed),
            Err(AudienceFault::BadCode { field: "part_assigned.part.unit", .. })
        ));
    }
}
