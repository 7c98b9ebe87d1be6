//! How a case stands, put together from the events of routing-svc, which come in batches, doubled and out of order.
//!
//! [`collapse`] leaves of a batch what matters: for each case the newest standing, the newest reply, the ground if it was
//! declined, and whether it has been registered. What is newer, the batch or what is stored already, is decided by
//! version where it is stored.

use std::collections::BTreeMap;

use huying_platform::ids::CaseId;
use huying_proto::events::v1::{CaseState, DeclineGround};
use jiff::Timestamp;

/// How a case stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// State.
    pub state: CaseState,
    /// Unit code of the office that holds the case.
    pub holder_office: String,
    /// Unit code of the unit that has to act next; empty when closed.
    pub responsible_unit: String,
    /// When its time ends; none when closed.
    pub deadline_at: Option<Timestamp>,
    /// Whether its time has passed.
    pub overdue: bool,
    /// The case it goes on as part of; none unless merged.
    pub merged_into: Option<CaseId>,
}

/// What one event says of its case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The case.
    pub case_id: CaseId,
    /// Version of the case; 2 or more.
    pub version: i64,
    /// When it was decided.
    pub occurred_at: Timestamp,
    /// How the case stands after it.
    pub standing: Standing,
    /// The reply, when the event is one.
    pub reply: Option<Reply>,
    /// Why the case was declined, when the event says so.
    pub decline: Option<Decline>,
}

/// An answer to the citizen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 1 for the first.
    pub number: i32,
    /// Its text, which is public.
    pub text: String,
}

/// Why an office did not take a case up. Said once, and for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decline {
    /// The ground.
    pub ground: DeclineGround,
    /// The office's explanation, which is public.
    pub explanation: String,
}

/// What a batch comes to for one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The case.
    pub case_id: CaseId,
    /// Version of the newest event of the batch.
    pub version: i64,
    /// How the case stands after it.
    pub standing: Standing,
    /// The earliest time from which, as far as the batch tells, the case has been in its state.
    pub state_since: Timestamp,
    /// Whether the batch itself shows the case coming into its state. Otherwise it may have been in it before.
    pub came_into_state: bool,
    /// The newest reply of the batch, and the version it made.
    pub reply: Option<(i64, Reply)>,
    /// Why the case was declined.
    pub decline: Option<Decline>,
    /// Whether the batch shows that the case has been registered: from then on its texts and pictures are public, if
    /// the citizen allowed it.
    pub registered: bool,
}

/// Collapses a batch, in order of case ids.
#[must_use]
pub fn collapse(batch: Vec<Told>) -> Vec<Change> {
    let mut cases: BTreeMap<CaseId, BTreeMap<i64, Told>> = BTreeMap::new();
    for told in batch {
        cases.entry(told.case_id).or_default().insert(told.version, told);
    }
    cases.into_values().filter_map(|history| collapse_case(history.into_values())).collect()
}

/// The events of one case in order of versions.
fn collapse_case(history: impl Iterator<Item = Told>) -> Option<Change> {
    let mut change: Option<Change> = None;
    for told in history {
        let registered = shows_registration(told.standing.state);
        let reply = told.reply.map(|reply| (told.version, reply));
        change = Some(match change {
            None => Change {
                case_id: told.case_id,
                version: told.version,
                standing: told.standing,
                state_since: told.occurred_at,
                came_into_state: false,
                reply,
                decline: told.decline,
                registered,
            },
            Some(before) => {
                let same_state = before.standing.state == told.standing.state;
                Change {
                    case_id: told.case_id,
                    version: told.version,
                    standing: told.standing,
                    state_since: if same_state { before.state_since } else { told.occurred_at },
                    came_into_state: !same_state || before.came_into_state,
                    reply: reply.or(before.reply),
                    decline: told.decline.or(before.decline),
                    registered: registered || before.registered,
                }
            }
        });
    }
    change
}

/// Whether only a registered case can be in this state. One that is merged, withdrawn or closed may have come from the
/// queue, so these say nothing.
const fn shows_registration(state: CaseState) -> bool {
    match state {
        CaseState::Registered | CaseState::Assigned | CaseState::InHandling | CaseState::Replied => true,
        CaseState::Unspecified
        | CaseState::Submitted
        | CaseState::Closed
        | CaseState::Declined
        | CaseState::Withdrawn
        | CaseState::Merged => false,
    }
}

#[cfg(test)]
mod tests {
    use huying_platform::status::from_micros;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn told(case: u128, version: i64, state: CaseState) -> Told {
        Told {
            case_id: CaseId::from_uuid(Uuid::from_u128(case)),
            version,
            occurred_at: from_micros(version * 1_000),
            standing: Standing {
                state,
                holder_office: "150802-office".into(),
                responsible_unit: format!("unit-{version}"),
                deadline_at: None,
                overdue: false,
                merged_into: None,
            },
            reply: (state == CaseState::Replied)
                .then(|| Reply { number: 1, text: format!("reply of version {version}") }),
            decline: (state == CaseState::Declined)
                .then(|| Decline {
                    ground: DeclineGround::Unclear, explanation: "说不清在哪里".into()
                }),
        }
    }

    /// A case's life in eight events.
    fn life(case: u128) -> Vec<Told> {
        use CaseState as S;
        [S::Registered, S::Assigned, S::InHandling, S::InHandling, S::Replied, S::Closed, S::Closed]
            .into_iter()
            .zip(2..)
            .map(|(state, version)| told(case, version, state))
            .collect()
    }

    #[test]
    fn the_newest_event_tells_how_the_case_stands() {
        let changes = collapse(life(1));
        assert_eq!(changes.len(), 1);
        let change = &changes[0];
        assert_eq!((change.version, change.standing.state), (8, CaseState::Closed));
        assert_eq!(change.standing.responsible_unit, "unit-8");
    }

    #[test]
    fn a_reply_is_kept_under_newer_events() {
        let (version, reply) = collapse(life(1)).remove(0).reply.unwrap();
        assert_eq!((version, reply.text.as_str()), (6, "reply of version 6"));
    }

    #[test]
    fn the_state_began_with_the_first_event_of_its_run() {
        let change = collapse(life(1)).remove(0);
        assert_eq!((change.state_since, change.came_into_state), (from_micros(7_000), true));
    }

    #[test]
    fn a_single_event_does_not_know_what_was_before() {
        let change = collapse(vec![told(1, 4, CaseState::InHandling)]).remove(0);
        assert_eq!((change.state_since, change.came_into_state), (from_micros(4_000), false));
    }

    #[test]
    fn a_case_that_was_registered_stays_so_whatever_becomes_of_it() {
        use CaseState as S;
        let registered = |states: &[S]| {
            let batch = states.iter().zip(2..).map(|(state, version)| told(1, version, *state)).collect();
            collapse(batch).remove(0).registered
        };
        assert!(registered(&[S::Submitted, S::Registered, S::Merged, S::Closed]));
        assert!(registered(&[S::Assigned, S::Withdrawn]));
        assert!(!registered(&[S::Submitted, S::Merged, S::Merged, S::Closed]), "merged from the queue");
        assert!(!registered(&[S::Submitted, S::Declined]));
        assert!(!registered(&[S::Submitted, S::Withdrawn]));
    }

    #[test]
    fn the_ground_of_a_decline_is_kept_under_newer_events() {
        use CaseState as S;
        let erased_later = Told { decline: None, ..told(1, 3, S::Declined) };
        let change = collapse(vec![told(1, 2, S::Declined), erased_later]).remove(0);
        assert_eq!((change.version, change.decline.unwrap().ground), (3, DeclineGround::Unclear));
    }

    #[test]
    fn cases_come_in_order_of_their_ids() {
        let cases: Vec<_> =
            collapse([life(3), life(1), life(2)].concat()).iter().map(|change| change.case_id).collect();
        assert!(cases.is_sorted() && cases.len() == 3);
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter(
            batch in Just([life(1), life(2), life(1)].concat()).prop_shuffle()
        ) {
            prop_assert_eq!(collapse(batch), collapse([life(1), life(2)].concat()));
        }
    }
}
