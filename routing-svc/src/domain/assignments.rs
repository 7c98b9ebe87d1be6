//! What a decision gives to units, and what it takes from them: the feed that their own systems follow.
//!
//! Read from the events of the decision, so that each assignment has the version that brought it. What ends because the
//! unit did it itself, a reply or an answered part, is nobody's loss and not told.

use huying_platform::{codes::UnitCode, status::from_micros};
use huying_proto::{
    events::v1::{Part, Standing, event::Body},
    routing::v1 as proto,
};
use jiff::Timestamp;

use super::{case::Case, decide::Decided};

/// What was given or taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AssignmentKind {
    /// The department is the lead now.
    Lead,
    /// The department was given a part.
    Part,
    /// The office holds the case and has to act.
    Office,
    /// The case or the part is not the unit's any more.
    Released,
}

impl AssignmentKind {
    /// The kind as it stands in contracts.
    #[must_use]
    pub const fn to_proto(self) -> proto::AssignmentKind {
        match self {
            Self::Lead => proto::AssignmentKind::Lead,
            Self::Part => proto::AssignmentKind::Part,
            Self::Office => proto::AssignmentKind::Office,
            Self::Released => proto::AssignmentKind::Released,
        }
    }
}

/// One thing given to a unit, or taken from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The unit.
    pub unit: UnitCode,
    /// What.
    pub kind: AssignmentKind,
    /// The part; None when it is about the whole case.
    pub part: Option<u32>,
    /// Version of the case that did it.
    pub version: u64,
    /// When.
    pub occurred_at: Timestamp,
    /// When the unit's time ends; None when it was taken.
    pub deadline_at: Option<Timestamp>,
}

/// What a decision gives and takes, in order: what is taken comes before what is given by the same event. `before` is the
/// case before the decision; None when it begins with it.
#[must_use]
pub fn assignments(before: Option<&Case>, events: &[Decided]) -> Vec<Given> {
    let mut acting = before.and_then(|case| case.duty.as_ref()).map(|duty| duty.unit.to_string());
    let mut given = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let next = events.get(at + 1).map(|next| &next.body);
        let mut told = Telling { event, given: &mut given };
        // A case that leaves another one to be handled again passes its office without stopping there.
        if !matches!((&event.body, next), (Body::CaseUnmerged(_), Some(Body::CaseReopened(_)))) {
            told.tell(acting.as_deref());
        }
        acting = Some(event.standing.responsible_unit.clone()).filter(|unit| !unit.is_empty());
    }
    given
}

/// One event on its way to the units it concerns.
struct Telling<'a> {
    event: &'a Decided,
    given: &'a mut Vec<Given>,
}

impl Telling<'_> {
    /// `acting` is the unit that had to act before the event.
    fn tell(&mut self, acting: Option<&str>) {
        match &self.event.body {
            Body::CaseQueued(_) | Body::CaseUnmerged(_) => self.give_to_responsible(),
            Body::CaseAssigned(assigned) => {
                self.give_to_responsible();
                for part in &assigned.parts {
                    self.give_part(part);
                }
            }
            Body::CaseTransferred(transferred) => {
                self.release(&transferred.from_unit, None);
                self.give_to_responsible();
            }
            Body::CaseReturned(returned) => {
                self.release(&returned.unit, None);
                self.give_to_responsible();
            }
            Body::CaseDelegated(handed) => self.hand_on(acting, &handed.from_office),
            Body::CaseEscalated(handed) => self.hand_on(acting, &handed.from_office),
            Body::CaseReopened(_) => self.give_to_responsible(),
            Body::CaseMerged(_) | Body::CaseWithdrawn(_) => {
                if let Some(unit) = acting {
                    self.release(unit, None);
                }
            }
            Body::PartAssigned(assigned) => {
                if let Some(part) = &assigned.part {
                    self.give_part(part);
                }
            }
            Body::PartWaived(waived) => self.release(&waived.unit, Some(waived.part_number)),
            Body::CaseSubmitted(_)
            | Body::CaseRegistered(_)
            | Body::CaseAccepted(_)
            | Body::ProgressReported(_)
            | Body::CaseReplied(_)
            | Body::CaseRated(_)
            | Body::CaseClosed(_)
            | Body::DeadlineExpired(_)
            | Body::PrivatePartRead(_)
            | Body::PrivatePartErased(_)
            | Body::CaseDeclined(_)
            | Body::CaseClassified(_)
            | Body::CaseClaimed(_)
            | Body::PartAnswered(_)
            | Body::ExtensionRequested(_)
            | Body::ExtensionGranted(_)
            | Body::ExtensionRefused(_)
            | Body::DeadlineNear(_)
            | Body::CaseUrged(_)
            | Body::CaseSupervised(_)
            | Body::CriticismCirculated(_)
            | Body::CaseAbsorbed(_)
            | Body::CaseSplitOff(_)
            | Body::ClocksRecomputed(_)
            | Body::RatingRequested(_)
            | Body::PrivateReadRequested(_)
            | Body::ErasureRequested(_)
            | Body::RequestRefused(_)
            | Body::WithdrawalRequested(_) => {}
        }
    }

    /// Another office has the case: it is neither the former one's nor the lead's any more. A merged case, on which
    /// nobody has to act, changes hands without a word.
    fn hand_on(&mut self, acting: Option<&str>, from_office: &str) {
        let Some(acting) = acting else { return };
        if acting != from_office {
            self.release(acting, None);
        }
        self.release(from_office, None);
        self.give_to_responsible();
    }

    /// Gives the case to whoever has to act on it now: as the lead, or as the office that holds it.
    fn give_to_responsible(&mut self) {
        let Standing { responsible_unit, holder_office, deadline_at_us, .. } = &self.event.standing;
        let kind =
            if responsible_unit == holder_office { AssignmentKind::Office } else { AssignmentKind::Lead };
        self.push(responsible_unit, kind, None, Some(*deadline_at_us));
    }

    fn give_part(&mut self, part: &Part) {
        self.push(&part.unit, AssignmentKind::Part, Some(part.part_number), Some(part.deadline_at_us));
    }

    fn release(&mut self, unit: &str, part: Option<u32>) {
        self.push(unit, AssignmentKind::Released, part, None);
    }

    /// A code that is none, as the responsible unit of a case that is not open, is nobody to be told.
    fn push(&mut self, unit: &str, kind: AssignmentKind, part: Option<u32>, deadline_us: Option<i64>) {
        let Ok(unit) = unit.parse() else { return };
        self.given.push(Given {
            unit,
            kind,
            part,
            version: self.event.version,
            occurred_at: self.event.occurred_at,
            deadline_at: deadline_us.map(from_micros),
        });
    }
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{
        Actor, CaseAssigned, CaseEscalated, CaseMerged, CaseQueued, CaseReopened, CaseReplied, CaseReturned,
        CaseTransferred, CaseUnmerged, PartAnswered, PartWaived,
    };

    use super::*;

    /// An event after which `responsible` has to act on a case of office 1.
    fn event(version: u64, responsible: &str, body: Body) -> Decided {
        Decided {
            version,
            occurred_at: from_micros(1_000),
            actor: Actor::default(),
            standing: Standing {
                holder_office: "office-1".into(),
                responsible_unit: responsible.into(),
                deadline_at_us: 5_000,
                ..Standing::default()
            },
            body,
        }
    }

    /// Unit, kind and part of each.
    fn told(events: &[Decided]) -> Vec<(String, AssignmentKind, Option<u32>)> {
        let given = assignments(None, events);
        given.into_iter().map(|one| (one.unit.to_string(), one.kind, one.part)).collect()
    }

    fn part(number: u32, unit: &str) -> Part {
        Part { part_number: number, unit: unit.into(), deadline_at_us: 4_000, ..Part::default() }
    }

    #[test]
    fn a_queued_case_is_given_to_its_office_with_its_deadline() {
        let given = assignments(None, &[event(2, "office-1", Body::CaseQueued(CaseQueued::default()))]);
        let [one] = given.as_slice() else { panic!("{given:?}") };
        assert_eq!((one.unit.as_str(), one.kind, one.version), ("office-1", AssignmentKind::Office, 2));
        assert_eq!(one.deadline_at, Some(from_micros(5_000)));
    }

    #[test]
    fn an_assignment_gives_the_lead_the_case_and_co_handlers_their_parts() {
        let assigned =
            CaseAssigned { parts: vec![part(1, "roads"), part(2, "water")], ..CaseAssigned::default() };
        assert_eq!(
            told(&[event(3, "housing", Body::CaseAssigned(assigned))]),
            [
                ("housing".into(), AssignmentKind::Lead, None),
                ("roads".into(), AssignmentKind::Part, Some(1)),
                ("water".into(), AssignmentKind::Part, Some(2)),
            ]
        );
    }

    #[test]
    fn what_moves_on_is_taken_from_one_before_it_is_given_to_another() {
        let transferred = CaseTransferred {
            from_unit: "housing".into(),
            to_unit: "roads".into(),
            ..CaseTransferred::default()
        };
        assert_eq!(
            told(&[event(4, "roads", Body::CaseTransferred(transferred))]),
            [
                ("housing".into(), AssignmentKind::Released, None),
                ("roads".into(), AssignmentKind::Lead, None),
            ]
        );
        let returned = CaseReturned { unit: "roads".into(), ..CaseReturned::default() };
        assert_eq!(
            told(&[event(5, "office-1", Body::CaseReturned(returned))]),
            [
                ("roads".into(), AssignmentKind::Released, None),
                ("office-1".into(), AssignmentKind::Office, None),
            ]
        );
    }

    #[test]
    fn escalating_takes_the_case_from_the_lead_and_from_the_office() {
        let assigned = event(3, "housing", Body::CaseAssigned(CaseAssigned::default()));
        let escalated = CaseEscalated { from_office: "office-2".into(), ..CaseEscalated::default() };
        let told = told(&[assigned, event(4, "office-1", Body::CaseEscalated(escalated))]);
        assert_eq!(
            told[1..],
            [
                ("housing".into(), AssignmentKind::Released, None),
                ("office-2".into(), AssignmentKind::Released, None),
                ("office-1".into(), AssignmentKind::Office, None),
            ]
        );
    }

    #[test]
    fn a_merged_case_changes_hands_without_a_word() {
        let escalated = CaseEscalated { from_office: "office-2".into(), ..CaseEscalated::default() };
        assert_eq!(told(&[event(4, "", Body::CaseEscalated(escalated))]), []);
    }

    #[test]
    fn merging_takes_the_case_from_whoever_had_to_act() {
        let assigned = event(3, "housing", Body::CaseAssigned(CaseAssigned::default()));
        let waived = PartWaived { part_number: 1, unit: "roads".into(), ..PartWaived::default() };
        let waived = event(4, "housing", Body::PartWaived(waived));
        let told = told(&[assigned, waived, event(5, "", Body::CaseMerged(CaseMerged::default()))]);
        assert_eq!(
            told[1..],
            [
                ("roads".into(), AssignmentKind::Released, Some(1)),
                ("housing".into(), AssignmentKind::Released, None),
            ]
        );
    }

    #[test]
    fn what_a_unit_did_itself_is_not_told_to_it() {
        let replied = event(5, "office-1", Body::CaseReplied(CaseReplied::default()));
        let answered = event(4, "housing", Body::PartAnswered(PartAnswered::default()));
        assert_eq!(told(&[answered, replied]), []);
    }

    #[test]
    fn a_reopened_case_is_given_to_its_department_again_or_to_the_office() {
        let reopened = || Body::CaseReopened(CaseReopened::default());
        assert_eq!(told(&[event(6, "housing", reopened())])[0].1, AssignmentKind::Lead);
        assert_eq!(told(&[event(6, "office-1", reopened())])[0].1, AssignmentKind::Office);
    }

    #[test]
    fn a_case_that_leaves_another_to_be_handled_again_is_given_once() {
        let unmerged = || event(6, "office-1", Body::CaseUnmerged(CaseUnmerged::default()));
        let reopened = |responsible| event(7, responsible, Body::CaseReopened(CaseReopened::default()));
        assert_eq!(
            told(&[unmerged(), reopened("housing")]),
            [("housing".into(), AssignmentKind::Lead, None)]
        );
        assert_eq!(
            told(&[unmerged(), reopened("office-1")]),
            [("office-1".into(), AssignmentKind::Office, None)]
        );
        assert_eq!(told(&[unmerged()]), [("office-1".into(), AssignmentKind::Office, None)]);
    }
}
