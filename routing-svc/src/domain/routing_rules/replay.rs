//! A set of rules tried on past cases, beside the rules in force: what would go elsewhere, and which rules win nothing.

use huying_platform::{
    codes::{RegionPath, UnitCode},
    ids::CaseId,
};
use huying_proto::events::v1::{Addressee, CaseKind, RuleTrace};

use super::{RouteQuery, Routing, RoutingIndex};

/// A case as it was submitted, as far as rules go by it.
#[derive(Debug, Clone, PartialEq)]
pub struct PastCase {
    /// The case.
    pub case_id: CaseId,
    /// Its place.
    pub path: RegionPath,
    /// Its kind.
    pub kind: CaseKind,
    /// The category that the citizen gave; empty when there was none.
    pub given_category: String,
    /// Whom the citizen wrote to.
    pub addressee: Option<Addressee>,
    /// Title with personal data masked.
    pub title: String,
    /// Text with personal data masked; empty once it was erased.
    pub body: String,
}

impl PastCase {
    fn query(&self) -> RouteQuery<'_> {
        RouteQuery {
            path: &self.path,
            kind: self.kind,
            category: &self.given_category,
            addressee: self.addressee.as_ref().and_then(|addressee| addressee.to.as_ref()),
            title: &self.title,
            body: &self.body,
        }
    }
}

/// A case that would go elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The case.
    pub case_id: CaseId,
    /// Where the rules in force send it; None when they cannot decide.
    pub active: Option<UnitCode>,
    /// Where the proposed rules send it; None when they cannot decide.
    pub proposed: Option<UnitCode>,
    /// How the proposed rules came to it.
    pub trace: RuleTrace,
}

/// What came of trying rules on past cases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Replay {
    /// How many cases.
    pub tried: u32,
    /// Of these, how many would go elsewhere, or would be decided by one set only.
    pub changed: u32,
    /// Of these, how many only the rules in force decide.
    pub no_longer_decided: u32,
    /// Of these, how many only the proposed rules decide.
    pub newly_decided: u32,
    /// The first of those that changed, in the order in which they were tried.
    pub examples: Vec<Change>,
    /// How many cases each of the proposed rules won, by its position; shorter when the last ones won none.
    pub won: Vec<u32>,
}

impl Replay {
    /// Tries both sets on a case. Keeps `examples_max` examples at most.
    pub fn try_on(
        &mut self,
        case: &PastCase,
        active: &RoutingIndex,
        proposed: &RoutingIndex,
        examples_max: usize,
    ) {
        let was = unit(active.route(&case.query()));
        let routing = proposed.route(&case.query());
        self.tried += 1;
        if let Some(rule) = routing.rule {
            if self.won.len() <= rule {
                self.won.resize(rule + 1, 0);
            }
            self.won[rule] += 1;
        }
        let trace = routing.trace.clone();
        let would_be = unit(routing);
        if was == would_be {
            return;
        }
        self.changed += 1;
        self.no_longer_decided += u32::from(would_be.is_none());
        self.newly_decided += u32::from(was.is_none());
        if self.examples.len() < examples_max {
            self.examples.push(Change { case_id: case.case_id, active: was, proposed: would_be, trace });
        }
    }

    /// Whether a proposed rule won a case.
    #[must_use]
    pub fn has_won(&self, rule: usize) -> bool {
        self.won.get(rule).is_some_and(|&cases| cases > 0)
    }
}

fn unit(routing: Routing) -> Option<UnitCode> {
    routing.destination.map(|destination| destination.department)
}
