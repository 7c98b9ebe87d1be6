//! How a case stands after its events, and what they mean for the figures of units.
//!
//! Guaranteed: the account is a fold over the history, so whoever has the leaves can recompute it; the same for every
//! figure, whose definitions are [`UnitFact`] and [`Figures`].
//!
//! Publication has one rule, [`Account::texts_are_public`]: texts are shown when the citizen allowed it and the case
//! has been registered. Of a case whose citizen allowed the status alone no text is ever shown, replies included,
//! because an answer reveals the question; that it was given, when and by whom is shown, and the leaf has the
//! commitment.
//!
//! Erasure has one rule, [`Account::is_erased`]: with the private part go the texts that the citizen wrote before. What
//! units wrote stays, and so does what the citizen writes afterwards.

use std::collections::BTreeMap;

use huying_platform::{codes::RegionPath, ids::CaseId, status::from_micros};
use huying_proto::events::v1::{CaseKind, CaseState, DeadlineKind, Publication, event::Body};
use jiff::Timestamp;

use super::event::CaseEvent;

/// A case as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The case.
    pub case_id: CaseId,
    /// Latest version in the log.
    pub version: u64,
    /// Kind.
    pub kind: CaseKind,
    /// What the citizen allows the public to see.
    pub publication: Publication,
    /// Where the matter is.
    pub region: RegionPath,
    /// Category path; may be empty.
    pub category: String,
    /// When the submission was kept.
    pub submitted_at: Timestamp,
    /// When the latest event was decided.
    pub updated_at: Timestamp,
    /// State.
    pub state: CaseState,
    /// Office that holds it; empty until routing has decided.
    pub holder_office: String,
    /// Unit that has to act next, or that replied last; empty until routing has decided.
    pub responsible_unit: String,
    /// When its time ends.
    pub deadline_at: Option<Timestamp>,
    /// A deadline has passed and the unit has not acted.
    pub overdue: bool,
    /// The case has been accepted by an office. Stays true.
    pub registered: bool,
    /// Department that gave the latest reply; empty before the first.
    pub replied_unit: String,
    /// Office that held the case at the latest reply; empty before the first.
    pub replied_holder: String,
    /// Version of the latest erasure of the private part; 0 without one.
    pub erased_before: u64,
}

/// Names of the texts that citizens write.
pub const CITIZENS_TEXTS: [&str; 3] = ["title", "body", "comment"];

impl Account {
    /// The account after version 1.
    pub fn open(submitted: &CaseEvent) -> Self {
        Self {
            case_id: submitted.case_id,
            version: submitted.version,
            kind: submitted.kind,
            publication: submitted.publication,
            region: submitted.region.clone(),
            category: submitted.header.category.clone(),
            submitted_at: from_micros(submitted.header.submitted_at_us),
            updated_at: submitted.occurred_at,
            state: CaseState::Submitted,
            holder_office: String::new(),
            responsible_unit: String::new(),
            deadline_at: None,
            overdue: false,
            registered: false,
            replied_unit: String::new(),
            replied_holder: String::new(),
            erased_before: 0,
        }
    }

    /// Goes on to the next version, and notes what it means for units.
    pub fn follow(&mut self, event: &CaseEvent, facts: &mut UnitFacts) {
        self.version = event.version;
        self.updated_at = event.occurred_at;
        if let Some(standing) = &event.standing {
            for unit in [&standing.holder_office, &standing.responsible_unit] {
                if !unit.is_empty() && *unit != self.holder_office && *unit != self.responsible_unit {
                    facts.of(unit, self.case_id);
                }
            }
            self.state = standing.state;
            self.holder_office.clone_from(&standing.holder_office);
            self.responsible_unit.clone_from(&standing.responsible_unit);
            self.deadline_at = standing.deadline_at;
            self.overdue = standing.overdue;
            self.registered |= is_past_registration(standing.state);
        }
        match &event.body {
            Body::CaseRegistered(_) => self.registered = true,
            Body::PrivatePartErased(_) => self.erased_before = event.version,
            Body::CaseReturned(returned) => facts.of(&returned.unit, self.case_id).returned += 1,
            Body::CaseReplied(replied) => {
                self.replied_unit.clone_from(&replied.unit);
                self.replied_holder.clone_from(&self.holder_office);
                for unit in [&self.replied_unit, &self.replied_holder] {
                    if !unit.is_empty() {
                        facts.of(unit, self.case_id).replied = true;
                    }
                }
            }
            Body::CaseRated(rated) => {
                let rating = Rating { resolved: rated.resolved, satisfied: rated.satisfied };
                for unit in [&self.replied_unit, &self.replied_holder] {
                    if !unit.is_empty() {
                        facts.of(unit, self.case_id).rating = Some(rating);
                    }
                }
            }
            Body::DeadlineExpired(expired) => match DeadlineKind::try_from(expired.kind) {
                Ok(DeadlineKind::Assign | DeadlineKind::Reply) => {
                    facts.of(&expired.unit, self.case_id).expired += 1;
                }
                // The time to rate is the citizen's own; that it ended is no fault of a unit.
                Ok(DeadlineKind::Rate | DeadlineKind::Unspecified) | Err(_) => {}
            },
            Body::CaseSubmitted(_)
            | Body::CaseQueued(_)
            | Body::CaseAssigned(_)
            | Body::CaseDelegated(_)
            | Body::CaseEscalated(_)
            | Body::CaseAccepted(_)
            | Body::ProgressReported(_)
            | Body::CaseReopened(_)
            | Body::CaseClosed(_)
            | Body::PrivatePartRead(_)
            | Body::RatingRequested(_)
            | Body::PrivateReadRequested(_)
            | Body::ErasureRequested(_)
            | Body::RequestRefused(_) => {}
        }
    }

    /// May the texts of this case, and the salts of their commitments, be shown?
    pub fn texts_are_public(&self) -> bool {
        match self.publication {
            Publication::Public => self.registered,
            Publication::StatusOnly | Publication::Unspecified => false,
        }
    }

    /// Has a text, and the salt of its commitment, been deleted for good?
    pub fn is_erased(&self, case_version: u64, name: &str) -> bool {
        case_version < self.erased_before && CITIZENS_TEXTS.contains(&name)
    }
}

/// States in which a unit has to act. In the others it is the citizen's turn, or nobody's.
pub const STATES_TO_ACT_ON: [CaseState; 4] =
    [CaseState::Submitted, CaseState::Registered, CaseState::Assigned, CaseState::InHandling];

fn is_past_registration(state: CaseState) -> bool {
    match state {
        CaseState::Registered
        | CaseState::Assigned
        | CaseState::InHandling
        | CaseState::Replied
        | CaseState::Closed => true,
        CaseState::Submitted | CaseState::Unspecified => false,
    }
}

/// A citizen's judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rating {
    /// Is the matter resolved?
    pub resolved: bool,
    /// Was the handling good?
    pub satisfied: bool,
}

/// What a batch of events adds to what is known of one unit and one case. That it exists means that the case was
/// assigned to the unit, or held by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnitFact {
    /// The unit replied, or held the case when it was replied to.
    pub replied: bool,
    /// The latest rating of that reply.
    pub rating: Option<Rating>,
    /// Returns by the unit.
    pub returned: u32,
    /// Expired deadlines of the unit.
    pub expired: u32,
}

/// Facts of many units and cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitFacts(pub BTreeMap<(String, CaseId), UnitFact>);

impl UnitFacts {
    fn of(&mut self, unit: &str, case_id: CaseId) -> &mut UnitFact {
        self.0.entry((unit.to_owned(), case_id)).or_default()
    }
}

/// The figures of a unit. Each counts cases, unless it says otherwise; each rate's denominator is one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Ever assigned to the unit, or held by it.
    pub received: u64,
    /// Of the received, now its to act on: it is responsible, and the state is one of [`STATES_TO_ACT_ON`].
    pub open: u64,
    /// Of the open, those with a deadline that has passed.
    pub overdue: u64,
    /// Of the received, those it replied to, or that were replied to while it held them.
    pub replied: u64,
    /// Of the replied, those rated.
    pub rated: u64,
    /// Of the rated, those whose latest rating says resolved.
    pub resolved: u64,
    /// Of the rated, those whose latest rating says satisfied.
    pub satisfied: u64,
    /// Times the unit returned a case.
    pub returned: u64,
    /// Times a deadline of the unit expired.
    pub expired: u64,
    /// Leaves in the tree these were drawn from.
    pub tree_size: u64,
}

impl Figures {
    /// Of the replied, those never rated: silence, counted apart.
    pub fn silent(&self) -> u64 {
        self.replied.saturating_sub(self.rated)
    }
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{
        CaseQueued, CaseRated, CaseReplied, CaseReturned, DeadlineExpired, Event,
    };

    use super::*;
    use crate::domain::event::tests::{assigned, case_id, event, registered, standing, submitted};

    const OFFICE: &str = "150802001-office";
    const DEPARTMENT: &str = "150802001-general";

    fn told(events: Vec<Event>) -> (Account, UnitFacts) {
        let mut events = events.into_iter().map(|event| CaseEvent::parse(event).unwrap());
        let mut account = Account::open(&events.next().unwrap());
        let mut facts = UnitFacts::default();
        for event in events {
            account.follow(&event, &mut facts);
        }
        (account, facts)
    }

    fn replied(version: u64) -> Event {
        let body = CaseReplied { unit: DEPARTMENT.into(), text: "已修好".into(), reply_number: 1 };
        event(1, version, Body::CaseReplied(body), Some(standing(CaseState::Replied, DEPARTMENT)))
    }

    fn rated(version: u64, resolved: bool, satisfied: bool) -> Event {
        let body = CaseRated { resolved, satisfied, comment: String::new() };
        event(1, version, Body::CaseRated(body), Some(standing(CaseState::Replied, DEPARTMENT)))
    }

    #[test]
    fn the_texts_of_a_public_case_are_shown_from_registration_on() {
        let queued = event(
            1,
            2,
            Body::CaseQueued(CaseQueued::default()),
            Some(standing(CaseState::Submitted, OFFICE)),
        );
        assert!(!told(vec![submitted(1)]).0.texts_are_public());
        assert!(!told(vec![submitted(1), queued.clone()]).0.texts_are_public());
        assert!(told(vec![submitted(1), queued, registered(1, 3)]).0.texts_are_public());
        assert!(told(vec![submitted(1), assigned(1, 2, DEPARTMENT)]).0.texts_are_public());
    }

    #[test]
    fn the_texts_of_a_status_only_case_are_never_shown() {
        let events = vec![submitted(1), registered(1, 2), assigned(1, 3, DEPARTMENT), replied(4)];
        let events = events
            .into_iter()
            .map(|mut event| {
                event.header.as_mut().unwrap().publication = Publication::StatusOnly.into();
                event
            })
            .collect();
        assert!(!told(events).0.texts_are_public());
    }

    #[test]
    fn office_and_department_both_have_the_case_and_its_rating() {
        let (account, facts) = told(vec![
            submitted(1),
            registered(1, 2),
            assigned(1, 3, DEPARTMENT),
            replied(4),
            rated(5, false, false),
            rated(6, true, false),
        ]);
        assert_eq!(account.version, 6);
        assert_eq!(facts.0.len(), 2);
        for unit in [OFFICE, DEPARTMENT] {
            let fact = facts.0[&(unit.to_owned(), case_id(1))];
            assert!(fact.replied);
            assert_eq!(fact.rating, Some(Rating { resolved: true, satisfied: false }));
        }
    }

    #[test]
    fn returns_and_expiries_count_for_the_unit_they_name() {
        let returned = CaseReturned { unit: DEPARTMENT.into(), return_number: 1, ..CaseReturned::default() };
        let expired = |kind: DeadlineKind| {
            Body::DeadlineExpired(DeadlineExpired {
                kind: kind.into(),
                unit: OFFICE.into(),
                due_at_us: 1,
                expiry_number: 1,
            })
        };
        let at_office = || Some(standing(CaseState::Registered, OFFICE));
        let (_, facts) = told(vec![
            submitted(1),
            registered(1, 2),
            assigned(1, 3, DEPARTMENT),
            event(1, 4, Body::CaseReturned(returned), at_office()),
            event(1, 5, expired(DeadlineKind::Assign), at_office()),
            event(1, 6, expired(DeadlineKind::Rate), at_office()),
        ]);
        assert_eq!(facts.0[&(DEPARTMENT.to_owned(), case_id(1))].returned, 1);
        assert_eq!(facts.0[&(OFFICE.to_owned(), case_id(1))].expired, 1);
    }
}
