//! What the figures count: each is a count over accounts and [`super::facts`], which are folded from the leaves.

use huying_proto::events::v1::CaseState;

/// States in which a unit has to act. In the others it is the citizen's turn, or nobody's, or that of the unit that has
/// the case it is part of.
pub const STATES_TO_ACT_ON: [CaseState; 4] =
    [CaseState::Submitted, CaseState::Registered, CaseState::Assigned, CaseState::InHandling];

/// The figures of a unit. Each counts cases, unless it says otherwise; each rate's denominator is one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Ever assigned to the unit, held by it, or replied to by it. A case that goes on as part of another one counts by
    /// itself. Cases of which the unit had a part only do not count.
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
    /// Times a deadline of the unit expired: to register, to assign, to reply, or to answer a part.
    pub expired: u64,
    /// Parts that the unit was given as a co-handler.
    pub parts: u64,
    /// Of these parts, those it answered.
    pub parts_answered: u64,
    /// Times a case was transferred from the unit to another one.
    pub transferred: u64,
    /// Times the unit asked for more time.
    pub extensions_requested: u64,
    /// Of these, how often it was granted.
    pub extensions_granted: u64,
    /// Times the unit was urged.
    pub urged: u64,
    /// Times the unit was put under supervision.
    pub supervised: u64,
    /// Times the unit was criticised in a circular.
    pub criticised: u64,
    /// Leaves in the tree these were drawn from.
    pub tree_size: u64,
}

impl Figures {
    /// Of the replied, those never rated: silence, counted apart.
    pub fn silent(&self) -> u64 {
        self.replied.saturating_sub(self.rated)
    }
}
