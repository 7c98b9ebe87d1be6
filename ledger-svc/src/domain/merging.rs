//! Which cases go on as one, as the histories tell it.

use huying_platform::ids::CaseId;

use super::leaf::Leaf;

/// What a case goes on with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merges {
    /// The case it goes on as part of, or went on as part of until both were closed.
    pub into: Option<CaseId>,
    /// The cases that go on as part of it, in the order in which they came.
    pub absorbed: Vec<CaseId>,
}

impl Merges {
    /// What a history says, read from the first leaf to the last.
    pub fn of<'a>(leaves: impl IntoIterator<Item = &'a Leaf<'a>>) -> Self {
        let mut merges = Self::default();
        for leaf in leaves {
            merges.follow(leaf);
        }
        merges
    }

    fn follow(&mut self, leaf: &Leaf<'_>) {
        let parse = |id: Option<&str>| -> Option<CaseId> { id?.parse().ok() };
        if let Some(standing) = &leaf.standing {
            match standing.state.as_ref() {
                "merged" => self.into = parse(standing.merged_into.as_deref()),
                // Closed with the case it is part of, and still answered by it.
                "closed" => {}
                _ => self.into = None,
            }
        }
        let Some(other) = parse(leaf.details.case_id.as_deref()) else { return };
        match leaf.event_type.as_ref() {
            "CaseAbsorbed" if !self.absorbed.contains(&other) => self.absorbed.push(other),
            "CaseSplitOff" => self.absorbed.retain(|absorbed| *absorbed != other),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{
        CaseAbsorbed, CaseClosed, CaseMerged, CaseSplitOff, CaseState, CaseUnmerged, CloseReason, Event,
        Standing, event::Body,
    };

    use super::*;
    use crate::domain::{
        event::{
            CaseEvent,
            tests::{case_id, event, registered, standing, submitted},
        },
        leaf,
    };

    const OFFICE: &str = "150802001-office";

    fn merges(events: Vec<Event>) -> Merges {
        let leaves: Vec<Leaf<'static>> = events
            .into_iter()
            .map(|event| leaf::write(&CaseEvent::parse(event).unwrap(), || [1; 32]).unwrap().bytes)
            .map(|bytes| serde_json::from_str::<Leaf<'static>>(std::str::from_utf8(&bytes).unwrap()).unwrap())
            .collect();
        Merges::of(&leaves)
    }

    #[test]
    fn a_case_goes_on_as_part_of_another_until_it_goes_on_by_itself() {
        let into_case_id = case_id(2).to_string();
        let part_of = |state| Standing { merged_into: into_case_id.clone(), ..standing(state, "") };
        let merged =
            Body::CaseMerged(CaseMerged { into_case_id: into_case_id.clone(), ..Default::default() });
        let closed =
            Body::CaseClosed(CaseClosed { reason: CloseReason::WithPrimary.into(), note: String::new() });
        let unmerged =
            Body::CaseUnmerged(CaseUnmerged { from_case_id: into_case_id.clone(), ..Default::default() });
        let mut events =
            vec![submitted(1), registered(1, 2), event(1, 3, merged, Some(part_of(CaseState::Merged)))];
        assert_eq!(merges(events.clone()).into, Some(case_id(2)));
        let with_primary = event(1, 4, closed, Some(standing(CaseState::Closed, "")));
        assert_eq!(merges([events.clone(), vec![with_primary]].concat()).into, Some(case_id(2)));
        events.push(event(1, 4, unmerged, Some(standing(CaseState::Registered, OFFICE))));
        assert_eq!(merges(events).into, None);
    }

    #[test]
    fn a_case_has_those_it_absorbed_and_that_did_not_split_off() {
        let absorbed = |version, other| {
            let body = Body::CaseAbsorbed(CaseAbsorbed { case_id: case_id(other).to_string() });
            event(1, version, body, Some(standing(CaseState::Registered, OFFICE)))
        };
        let split_off = Body::CaseSplitOff(CaseSplitOff { case_id: case_id(2).to_string() });
        let split_off = event(1, 6, split_off, Some(standing(CaseState::Registered, OFFICE)));
        let events = vec![
            submitted(1),
            registered(1, 2),
            absorbed(3, 2),
            absorbed(4, 3),
            absorbed(5, 4),
            split_off,
            absorbed(7, 2),
        ];
        assert_eq!(merges(events).absorbed, [3, 4, 2].map(case_id));
    }
}
