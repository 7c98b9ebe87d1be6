//! The cases at hand in one transaction, what is decided of them one command after the other, and how all of it is saved.
//!
//! Cases are locked in the order of their ids, all at once. A decision that turns out to need more of them says so
//! ([`Undecided::Needs`]); the transaction then begins anew with those as well, so that no two ever wait for each other in
//! a circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use huying_platform::{
    ids::{CaseId, EventId},
    outbox::{Outbox, OutgoingEvent},
    status,
};
use huying_proto::events::v1::{Actor, CaseHeader, Event};
use jiff::Timestamp;
use sqlx::PgConnection;

use crate::{
    domain::{
        assignments::{Given, assignments},
        case::Case,
        command::{Command, Rejection},
        decide::{Decided, Decision, companions, decide},
    },
    reference::Reference,
    store::{
        assignments, cases,
        history::{self, Episode},
        involved,
        rows::Stored,
    },
};

/// How often a transaction begins anew because a decision needed more cases. Each time it has all that were needed
/// before, so more than two means that others keep merging into them meanwhile.
pub(super) const ATTEMPTS_MAX: usize = 4;

/// What became of one attempt.
pub(super) enum Attempt<T> {
    /// It was committed, or nothing was to be.
    Done(T),
    /// These cases are needed as well.
    Needs(BTreeSet<CaseId>),
}

/// Why nothing was decided.
pub(super) enum Undecided {
    /// The case is not there.
    Unknown,
    /// These cases have to be at hand as well.
    Needs(BTreeSet<CaseId>),
    /// The rules say no.
    Rejected(Rejection),
}

/// The cases at hand.
pub(super) struct Desk<'a> {
    reference: &'a Reference,
    now: Timestamp,
    /// Which were looked for, whether they are there or not.
    looked_for: BTreeSet<CaseId>,
    at_hand: BTreeMap<CaseId, Stored>,
    /// Those that were changed, as they were before.
    before: BTreeMap<CaseId, Case>,
    entries: Entries,
}

/// What was decided, as it is entered in the history, sent out, and told to units.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) episodes: Vec<(CaseId, Episode)>,
    pub(super) outgoing: Vec<OutgoingEvent>,
    pub(super) given: Vec<(CaseId, Given)>,
}

impl<'a> Desk<'a> {
    /// Locks cases. `now` is asked for the time once all of them are at hand, so that times of a case never run
    /// backwards because somebody had to wait for it.
    pub(super) async fn open(
        transaction: &mut PgConnection,
        reference: &'a Reference,
        now: impl FnOnce() -> Timestamp,
        case_ids: &BTreeSet<CaseId>,
    ) -> sqlx::Result<Self> {
        let ids: Vec<CaseId> = case_ids.iter().copied().collect();
        let stored = cases::lock(transaction, &ids).await?;
        Ok(Self { looked_for: case_ids.clone(), ..Self::with(stored, reference, now()) })
    }

    /// Takes cases that were locked before.
    pub(super) fn with(stored: Vec<Stored>, reference: &'a Reference, now: Timestamp) -> Self {
        let at_hand: BTreeMap<CaseId, Stored> =
            stored.into_iter().map(|stored| (stored.case.id, stored)).collect();
        Self {
            reference,
            now,
            looked_for: at_hand.keys().copied().collect(),
            at_hand,
            before: BTreeMap::new(),
            entries: Entries::default(),
        }
    }

    /// The moment of all decisions here.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// A case as it stands after what was decided here.
    pub(super) fn case(&self, case_id: CaseId) -> Option<&Stored> {
        self.at_hand.get(&case_id)
    }

    /// Lets happen what should have happened to a case by now, so that nobody escapes a mark by acting before it was entered.
    /// What cannot happen is left to `fire_deadlines`, which says so.
    pub(super) fn catch_up(&mut self, case_id: CaseId) -> Result<(), Undecided> {
        let alarm_at = self.at_hand.get(&case_id).and_then(|stored| stored.case.next_alarm());
        if alarm_at.is_none_or(|alarm_at| alarm_at > self.now) {
            return Ok(());
        }
        match self.decide(case_id, &Command::RunClocks, Actor::default(), None) {
            Ok(()) | Err(Undecided::Rejected(_)) => Ok(()),
            Err(undecided @ (Undecided::Unknown | Undecided::Needs(_))) => Err(undecided),
        }
    }

    /// Decides a command, and keeps what follows from it.
    pub(super) fn decide(
        &mut self,
        case_id: CaseId,
        command: &Command,
        actor: Actor,
        traceparent: Option<&str>,
    ) -> Result<(), Undecided> {
        let Some(stored) = self.at_hand.get(&case_id) else { return Err(Undecided::Unknown) };
        let named = companions(&stored.case, command);
        let needed: BTreeSet<CaseId> =
            named.iter().filter(|id| !self.looked_for.contains(id)).copied().collect();
        if !needed.is_empty() {
            return Err(Undecided::Needs(needed));
        }
        let others: BTreeMap<CaseId, Case> =
            named.iter().filter_map(|id| Some((*id, self.at_hand.get(id)?.case.clone()))).collect();
        let context = self.reference.context(self.now, actor);
        let decisions = decide(&stored.case, &others, command, &context).map_err(Undecided::Rejected)?;
        for decision in decisions {
            self.keep(decision, traceparent);
        }
        Ok(())
    }

    /// Sends an event that changes no case.
    pub(super) fn send(&mut self, event: OutgoingEvent) {
        self.entries.outgoing.push(event);
    }

    /// Whether there is nothing to save.
    pub(super) fn is_unchanged(&self) -> bool {
        self.before.is_empty()
    }

    /// Writes the cases and their history.
    pub(super) async fn save(&mut self, transaction: &mut PgConnection) -> sqlx::Result<()> {
        if self.is_unchanged() {
            return Ok(());
        }
        let changed: Vec<(&Case, &Stored)> = self
            .before
            .iter()
            .filter_map(|(case_id, before)| Some((before, self.at_hand.get(case_id)?)))
            .collect();
        cases::update(transaction, &changed.iter().map(|(_, after)| *after).collect::<Vec<_>>()).await?;
        let pairs: Vec<(&Case, &Case)> =
            changed.iter().map(|(before, after)| (*before, &after.case)).collect();
        involved::update(transaction, &pairs).await?;
        history::append(transaction, &self.entries.episodes).await
    }

    /// Writes what is to be sent and told; last before the commit.
    pub(super) async fn tell(self, transaction: &mut PgConnection, outbox: &Outbox) -> sqlx::Result<()> {
        self.entries.tell(transaction, outbox).await
    }

    fn keep(&mut self, decision: Decision, traceparent: Option<&str>) {
        let Decision { case, events } = decision;
        let Some(stored) = self.at_hand.get_mut(&case.id) else { return };
        let before = std::mem::replace(&mut stored.case, case);
        let header = header_of(&stored.case, &stored.header);
        self.entries.add(Some(&before), &stored.case, &header, events, traceparent);
        self.before.entry(stored.case.id).or_insert(before);
    }
}

impl Entries {
    /// Enters the events of one decision.
    pub(super) fn add(
        &mut self,
        before: Option<&Case>,
        case: &Case,
        header: &CaseHeader,
        decided: Vec<Decided>,
        traceparent: Option<&str>,
    ) {
        self.given.extend(assignments(before, &decided).into_iter().map(|given| (case.id, given)));
        let mut events = Vec::with_capacity(decided.len());
        for one in decided {
            let mut event = Event {
                event_id: EventId::new_v7().to_string(),
                case_id: case.id.to_string(),
                case_version: one.version,
                occurred_at: Some(status::timestamp_to_proto(one.occurred_at)),
                header: Some(header.clone()),
                actor: Some(one.actor),
                standing: Some(one.standing),
                body: Some(one.body),
            };
            self.outgoing.push(OutgoingEvent::case(&event, traceparent.map(str::to_owned)));
            // The case keeps the header; repeating it in the history would double its size.
            event.header = None;
            events.push(event);
        }
        self.episodes.push((case.id, Episode { events }));
    }

    /// Writes what is to be sent and told; last before the commit.
    pub(super) async fn tell(self, transaction: &mut PgConnection, outbox: &Outbox) -> sqlx::Result<()> {
        outbox.append(transaction, &self.outgoing).await?;
        assignments::append(transaction, &self.given).await
    }
}

/// The header of now; the submitted one itself when nothing of it has changed, as for nearly all cases.
pub(super) fn header_of(case: &Case, submitted: &Arc<CaseHeader>) -> Arc<CaseHeader> {
    if case.category == submitted.category && case.claimed_by.is_empty() {
        Arc::clone(submitted)
    } else {
        Arc::new(case.header(submitted))
    }
}
