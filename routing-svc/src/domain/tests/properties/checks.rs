//! The invariants, and a second account of what the clocks bring.

use std::collections::BTreeMap;

use huying_platform::ids::CaseId;
use huying_proto::events::v1::event::Body;
use jiff::Timestamp;

use super::{super::World, choices::Choice};
use crate::domain::{
    case::{Case, PartStatus, Stage, State},
    clocks::{Clock, LadderStep},
    command::{
        CommandName, PART_DEPTH_MAX, PARTS_MAX, RETURNS_MAX, Rejection, allowed_commands, state_allows,
    },
    decide::{Decided, Decision},
};

/// One step of a sequence.
pub(super) struct Checks<'a> {
    pub(super) world: &'a World,
    pub(super) at: Timestamp,
    pub(super) before: &'a BTreeMap<CaseId, Case>,
    pub(super) after: &'a BTreeMap<CaseId, Case>,
    pub(super) choice: &'a Choice,
}

impl Checks<'_> {
    pub(super) fn taken(&self, decisions: &[Decision]) {
        let name = self.choice.command.name();
        let own = &self.before[&self.choice.id];
        assert!(state_allows(own.state, name));
        if CommandName::OVER_GRPC.contains(&name) {
            let allowed = allowed_commands(own, &self.world.directory, self.at);
            assert!(allowed.contains(&name), "{name:?} was taken and is not among {allowed:?}");
        }
        assert_eq!(decisions[0].case.id, self.choice.id, "its own comes first");
        for decision in decisions {
            let before = &self.before[&decision.case.id];
            check_events(before, decision);
            check_shape(&decision.case);
            self.check_what_ended(before, decision);
            self.check_whole_clock(before, &decision.case);
            self.check_ladders(before, &decision.case);
        }
        if name == CommandName::RunClocks {
            self.check_what_happened_by_itself(own, &decisions[0]);
        }
        self.check_links();
    }

    pub(super) fn refused(&self, rejection: &Rejection) {
        assert_eq!(self.before, self.after);
        let own = &self.before[&self.choice.id];
        let name = self.choice.command.name();
        let by_state = matches!(rejection, Rejection::StateDoesNotAllow { .. });
        assert_eq!(by_state, !state_allows(own.state, name), "{name:?} in {:?}: {rejection}", own.state);
        if matches!(rejection, Rejection::OtherCaseUnknown { .. }) {
            assert_eq!(name, CommandName::Merge, "companions are complete");
        }
        if *rejection == Rejection::NotDue {
            assert!(own.next_alarm().is_none_or(|next| next > self.at));
        }
    }

    /// Nothing but reopening and rating changes a closed case, nothing changes one that was declined or withdrawn, and
    /// records are entered in any.
    fn check_what_ended(&self, before: &Case, decision: &Decision) {
        let name = self.choice.command.name();
        let is_record = matches!(name, CommandName::RecordPrivateRead | CommandName::RecordErasure);
        match before.state {
            State::Closed => {
                assert!(is_record || matches!(name, CommandName::Reopen | CommandName::Rate), "{name:?}");
            }
            State::Declined | State::Withdrawn => assert!(is_record, "{name:?}"),
            State::Submitted
            | State::Registered
            | State::Assigned
            | State::InHandling
            | State::Replied
            | State::Merged => {}
        }
        if is_record {
            let untouched =
                Case { version: before.version, updated_at: before.updated_at, ..decision.case.clone() };
            assert_eq!(&untouched, before);
        }
    }

    /// The end of the whole case's time never comes nearer, and stays where it is, but for what is meant to move it.
    fn check_whole_clock(&self, before: &Case, after: &Case) {
        let (Some(was), Some(is)) = (&before.whole, &after.whole) else {
            if let (None, Some(is)) = (&before.whole, &after.whole) {
                let name = self.choice.command.name();
                let begins = [CommandName::Reopen, CommandName::Rate, CommandName::Unmerge];
                assert!(begins.contains(&name), "{name:?}");
                assert!(name != CommandName::Unmerge || before.reply_count > 0, "its time went on");
                assert_eq!(is.began_at, self.at);
            }
            return;
        };
        let name = self.choice.command.name();
        if (before.state, name) == (State::Merged, CommandName::Rate) && after.state != State::Merged {
            // A petitioner of a merged case who is not content with an earlier reply has it handled again alone.
            assert_eq!(is.began_at, self.at);
            return;
        }
        assert_eq!(was.began_at, is.began_at);
        if name == CommandName::GrantExtension {
            assert!(is.due_at > was.due_at);
            assert!(!before.was_extended(), "more time is granted once");
        } else if name != CommandName::RecomputeClocks {
            assert_eq!(was.due_at, is.due_at);
        }
        let moved = was.due_at != is.due_at;
        assert!(moved || was.expired <= is.expired, "an expiry is not taken back");
    }

    /// A clock that goes on never loses a step that was taken.
    fn check_ladders(&self, before: &Case, after: &Case) {
        if let (Some(was), Some(is)) = (&before.duty, &after.duty)
            && without_steps(&was.clock) == without_steps(&is.clock)
            && (&was.unit, was.stage) == (&is.unit, is.stage)
        {
            let began_again = is.clock.began_at == self.at && is.clock.taken == 0;
            assert!(was.clock.taken <= is.clock.taken || began_again);
        }
        for was in &before.parts {
            let is = after.part(was.number).unwrap();
            assert_eq!(without_steps(&was.clock), without_steps(&is.clock), "a part keeps its clock");
            assert!(was.clock.taken <= is.clock.taken);
        }
    }

    /// What the clocks brought is what they had due, in the order of its moments, and each once.
    fn check_what_happened_by_itself(&self, before: &Case, decision: &Decision) {
        let mut expected = Vec::new();
        let duty = before.duty.as_ref().unwrap();
        expected.extend(before.accepted_by_itself_at.map(|at| (at, 0, 0, "accepted")));
        match duty.stage {
            Stage::Rate => expected.push((duty.clock.due_at, 1, 0, "closed")),
            Stage::Register | Stage::Assign | Stage::Reply => expected.extend(rungs(&duty.clock, 1, 0)),
        }
        let whole = before.whole.as_ref().filter(|whole| !whole.expired);
        expected.extend(whole.map(|whole| (whole.due_at, 2, 0, "expired")));
        for part in before.parts.iter().filter(|part| part.status == PartStatus::Open) {
            expected.extend(rungs(&part.clock, 3, part.number));
        }
        expected.retain(|(at, ..)| *at <= self.at);
        expected.sort_unstable();
        let expected: Vec<_> = expected.into_iter().map(|(_, _, part, word)| (part, word)).collect();
        let found: Vec<_> = decision.events.iter().map(brought).collect();
        assert_eq!(found, expected);
        assert!(decision.case.next_alarm().is_none_or(|next| next > self.at));
    }

    /// Links are mutual, and everybody who wrote is counted once.
    fn check_links(&self) {
        for case in self.after.values() {
            if let Some(primary) = case.merged_into {
                assert!(matches!(case.state, State::Merged | State::Closed), "{:?}", case.state);
                assert!(case.merged.is_empty());
                let links = self.after[&primary].merged.iter().filter(|&&id| id == case.id).count();
                assert_eq!(links, 1);
            } else {
                assert_ne!(case.state, State::Merged);
            }
            for merged in &case.merged {
                assert_eq!(self.after[merged].merged_into, Some(case.id));
                if self.after[merged].state == State::Merged {
                    assert_eq!(self.after[merged].holder_office, case.holder_office);
                    assert!(case.state.is_open());
                }
            }
        }
        let alone = self.after.values().filter(|case| case.merged_into.is_none());
        let petitioners: u32 = alone.map(|case| case.standing().petitioner_count).sum();
        assert_eq!(petitioners as usize, self.after.len());
    }
}

fn without_steps(clock: &Clock) -> Clock {
    Clock { taken: 0, ..clock.clone() }
}

/// The steps of a ladder that were not taken yet.
fn rungs(
    clock: &Clock,
    rank: u8,
    part: u32,
) -> impl Iterator<Item = (Timestamp, u8, u32, &'static str)> + '_ {
    LadderStep::ALL.into_iter().skip(clock.taken.into()).map(move |rung| {
        let word = match rung {
            LadderStep::Reminder => "near",
            LadderStep::Overdue => "expired",
            LadderStep::Urging => "urged",
            LadderStep::Supervision => "supervised",
            LadderStep::Criticism => "criticised",
        };
        (clock.instant(rung), rank, part, word)
    })
}

/// What an event brought, and to which part.
fn brought(event: &Decided) -> (u32, &'static str) {
    if let Body::DeadlineNear(body) = &event.body {
        return (body.part_number, "near");
    }
    if let Body::DeadlineExpired(body) = &event.body {
        return (body.part_number, "expired");
    }
    if let Body::CaseUrged(body) = &event.body {
        assert!(body.automatic);
        return (body.part_number, "urged");
    }
    if let Body::CaseSupervised(body) = &event.body {
        assert!(body.automatic);
        return (body.part_number, "supervised");
    }
    if let Body::CriticismCirculated(body) = &event.body {
        assert!(body.automatic);
        return (body.part_number, "criticised");
    }
    if let Body::CaseAccepted(body) = &event.body {
        assert!(body.automatic);
        return (0, "accepted");
    }
    assert!(matches!(event.body, Body::CaseClosed(_)), "{:?} does not happen by itself", event.body);
    (0, "closed")
}

fn check_events(before: &Case, decision: &Decision) {
    assert!(!decision.events.is_empty());
    for (expected, event) in (before.version + 1..).zip(&decision.events) {
        assert_eq!(event.version, expected, "versions have no gaps");
        let standing = &event.standing;
        let is_open = State::OPEN.iter().any(|state| state.to_proto() == standing.state());
        assert_eq!(is_open, !standing.responsible_unit.is_empty());
        assert_eq!(is_open, standing.deadline_at_us > 0);
    }
    let last = decision.events.last().unwrap();
    assert_eq!(last.version, decision.case.version);
    assert_eq!(last.standing, decision.case.standing());
}

fn check_shape(case: &Case) {
    match (case.state, &case.duty) {
        (State::Submitted, Some(duty)) => {
            assert_eq!((&duty.unit, duty.stage), (&case.holder_office, Stage::Register));
        }
        (State::Registered, Some(duty)) => {
            assert_eq!((&duty.unit, duty.stage), (&case.holder_office, Stage::Assign));
        }
        (State::Assigned | State::InHandling, Some(duty)) => {
            assert_eq!((Some(&duty.unit), duty.stage), (case.department.as_ref(), Stage::Reply));
        }
        (State::Replied, Some(duty)) => {
            assert_eq!((&duty.unit, duty.stage), (&case.holder_office, Stage::Rate));
        }
        (State::Closed | State::Declined | State::Withdrawn | State::Merged, None) => {
            assert!(!case.is_overdue());
            assert_eq!(case.next_alarm(), None);
        }
        (state, duty) => panic!("{state:?} with {duty:?}"),
    }
    let is_handled =
        matches!(case.state, State::Submitted | State::Registered | State::Assigned | State::InHandling);
    assert!(case.whole.is_some() == is_handled || case.state == State::Merged);
    assert_eq!(case.accepted_by_itself_at.is_some(), case.state == State::Assigned);
    let is_with_department = matches!(case.state, State::Assigned | State::InHandling);
    assert!(case.extension.is_none() || is_with_department);

    assert!(case.return_count <= RETURNS_MAX);
    assert!(case.rated_reply <= case.reply_count);
    assert!(case.has_passed(case.holder_office.as_str()));
    assert!(case.duty.as_ref().is_none_or(|duty| case.has_passed(duty.unit.as_str())));
    check_parts(case);
}

/// Open parts are of a case that is being handled, below open parts, and never the lead's own.
fn check_parts(case: &Case) {
    let may_be_open = matches!(case.state, State::Registered | State::Assigned | State::InHandling);
    assert!(may_be_open || case.open_parts().next().is_none(), "{:?} with open parts", case.state);
    assert!(case.parts.len() <= PARTS_MAX);
    for (number, part) in (1..).zip(&case.parts) {
        assert_eq!(part.number, number);
        assert!(case.has_passed(part.unit.as_str()));
        assert!(part.parent.is_none_or(|parent| parent < number));
        let above = std::iter::successors(Some(part), |part| case.part(part.parent?));
        assert!(above.count() <= PART_DEPTH_MAX);
    }
    for part in case.open_parts() {
        let parent = part.parent.map(|parent| case.part(parent).unwrap());
        assert!(parent.is_none_or(|parent| parent.status == PartStatus::Open));
        assert!(case.duty.as_ref().is_none_or(|duty| duty.unit != part.unit));
        assert_ne!(part.unit, part.given_by);
    }
}
