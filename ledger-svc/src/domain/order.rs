//! Which events may be appended now.
//!
//! Guaranteed: what is appended of a case are the versions after the last known one, each once, in order, without
//! gaps; what is early waits; what is known already makes nothing. Left to others: keeping what waits, and that
//! nobody else appends in between, and holding what is known already against the log.

use std::collections::{BTreeMap, HashMap};

use huying_platform::ids::{CaseId, EventId};

use super::event::CaseEvent;

/// What to do with a batch.
#[derive(Debug, Default, PartialEq)]
pub struct Arrangement<'e> {
    /// To be appended, in this order.
    pub append: Vec<&'e CaseEvent>,
    /// To be kept until their predecessors have come.
    pub park: Vec<&'e CaseEvent>,
    /// Kept ones that are appended now, or that turned out to be known.
    pub unpark: Vec<(CaseId, u64)>,
    /// How many were known already, or came twice.
    pub duplicates: usize,
    /// Those of them whose version the log had before.
    pub again: Vec<Claim>,
    /// Events that claim a version which another event has.
    pub contradicting: Vec<Claim>,
}

/// That an event is a version of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The case.
    pub case_id: CaseId,
    /// The version.
    pub version: u64,
    /// The event.
    pub event_id: EventId,
}

impl Claim {
    /// What an event claims.
    pub fn of(event: &CaseEvent) -> Self {
        Self { case_id: event.case_id, version: event.version, event_id: event.event_id }
    }
}

/// Arranges a batch. `known` has the last appended version of each case of the batch that has any, and `parked` all
/// kept events of the cases of the batch.
pub fn arrange<'e>(
    known: &HashMap<CaseId, u64>,
    parked: &'e [CaseEvent],
    incoming: &'e [CaseEvent],
) -> Arrangement<'e> {
    let mut arrangement = Arrangement::default();
    let mut last: HashMap<CaseId, u64> = known.clone();
    let mut waiting: HashMap<CaseId, BTreeMap<u64, Waiting<'e>>> = HashMap::new();
    for event in parked {
        if event.version <= last.get(&event.case_id).copied().unwrap_or(0) {
            arrangement.unpark.push((event.case_id, event.version));
            continue;
        }
        waiting.entry(event.case_id).or_default().insert(event.version, Waiting { event, kept: true });
    }

    for event in incoming {
        let case_id = event.case_id;
        let last = last.entry(case_id).or_insert(0);
        if event.version <= known.get(&case_id).copied().unwrap_or(0) {
            arrangement.duplicates += 1;
            arrangement.again.push(Claim::of(event));
            continue;
        }
        let waiting = waiting.entry(case_id).or_default();
        let is_same = |other: &CaseEvent| other.case_id == case_id && other.version == event.version;
        let other = match waiting.get(&event.version) {
            Some(other) => Some(other.event),
            None if event.version <= *last => arrangement.append.iter().copied().find(|other| is_same(other)),
            None => None,
        };
        if let Some(other) = other {
            arrangement.duplicates += 1;
            if other.event_id != event.event_id {
                arrangement.contradicting.push(Claim::of(event));
            }
            continue;
        }
        waiting.insert(event.version, Waiting { event, kept: false });
        while let Some(Waiting { event, kept }) = waiting.remove(&(*last + 1)) {
            *last = event.version;
            if kept {
                arrangement.unpark.push((case_id, event.version));
            }
            arrangement.append.push(event);
        }
    }

    let early = waiting.into_values().flat_map(BTreeMap::into_values).filter(|waiting| !waiting.kept);
    arrangement.park = early.map(|waiting| waiting.event).collect();
    arrangement.park.sort_by_key(|event| (event.case_id, event.version));
    arrangement
}

struct Waiting<'e> {
    event: &'e CaseEvent,
    /// Already kept from an earlier batch.
    kept: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::event::tests::{registered, submitted};

    fn nth(case: u64, version: u64) -> CaseEvent {
        CaseEvent::parse(if version == 1 { submitted(case) } else { registered(case, version) }).unwrap()
    }

    fn versions(events: &[&CaseEvent]) -> Vec<u64> {
        events.iter().map(|event| event.version).collect()
    }

    #[test]
    fn an_early_event_waits() {
        let incoming = [nth(1, 3), nth(1, 1)];
        let arrangement = arrange(&HashMap::new(), &[], &incoming);
        assert_eq!(versions(&arrangement.append), [1]);
        assert_eq!(versions(&arrangement.park), [3]);
    }

    #[test]
    fn a_closed_gap_releases_what_waited() {
        let case = nth(1, 1).case_id;
        let (parked, incoming) = ([nth(1, 3), nth(1, 4), nth(1, 6)], [nth(1, 2)]);
        let arrangement = arrange(&HashMap::from([(case, 1)]), &parked, &incoming);
        assert_eq!(versions(&arrangement.append), [2, 3, 4]);
        assert_eq!(arrangement.unpark, [(case, 3), (case, 4)]);
        assert!(arrangement.park.is_empty());
    }

    #[test]
    fn what_is_known_makes_nothing() {
        let case = nth(1, 1).case_id;
        let (parked, incoming) = ([nth(1, 5)], [nth(1, 1), nth(1, 2), nth(1, 5)]);
        let arrangement = arrange(&HashMap::from([(case, 2)]), &parked, &incoming);
        let again = [nth(1, 1), nth(1, 2)].iter().map(Claim::of).collect();
        assert_eq!(arrangement, Arrangement { duplicates: 3, again, ..Arrangement::default() });
    }

    #[test]
    fn another_event_of_a_version_is_told() {
        let other = |event: CaseEvent| CaseEvent { event_id: EventId::new_v7(), ..event };
        let case = nth(1, 1).case_id;
        let known = HashMap::from([(case, 1)]);
        let (parked, appended) = (other(nth(1, 5)), other(nth(1, 2)));
        let (kept, incoming) = ([nth(1, 5)], [nth(1, 2), appended.clone(), nth(1, 2), parked.clone()]);
        let arrangement = arrange(&known, &kept, &incoming);
        assert_eq!(versions(&arrangement.append), [2]);
        assert_eq!(arrangement.contradicting, [Claim::of(&appended), Claim::of(&parked)]);
    }

    proptest! {
        #[test]
        fn everything_twice_in_any_order_and_any_batches_is_each_version_once(
            order in Just((1..=3_u64).flat_map(|case| (1..=6_u64).flat_map(move |v| [(case, v); 2]))
                .collect::<Vec<_>>()).prop_shuffle(),
            batch_size in 1_usize..20,
        ) {
            let mut known: HashMap<CaseId, u64> = HashMap::new();
            let mut parked: Vec<CaseEvent> = Vec::new();
            let mut log: Vec<(CaseId, u64)> = Vec::new();
            for batch in order.chunks(batch_size) {
                let incoming: Vec<_> = batch.iter().map(|(case, version)| nth(*case, *version)).collect();
                let kept = parked.clone();
                let arrangement = arrange(&known, &kept, &incoming);
                parked.retain(|event| !arrangement.unpark.contains(&(event.case_id, event.version)));
                parked.extend(arrangement.park.into_iter().cloned());
                for event in arrangement.append {
                    prop_assert_eq!(known.insert(event.case_id, event.version).unwrap_or(0) + 1, event.version);
                    log.push((event.case_id, event.version));
                }
            }
            prop_assert_eq!(log.len(), 18);
            prop_assert!(parked.is_empty());
        }
    }
}
