//! What the figures count: each is a count over accounts and [`super::facts`], which are folded from the leaves.

use huying_proto::events::v1::CaseState;

/// States in which a unit has to act. In the others it is the citizen's turn, or nobody's, or that of the unit that has
/// the case it is part of.
pub const STATES_TO_ACT_ON: [CaseState; 4] =
    [CaseState::Submitted, CaseState::Registered, CaseState::Assigned, CaseState::InHandling];

/// States in which nobody has anything to do any more. What is closed can still be rated.
pub const STATES_OVER: [CaseState; 3] = [CaseState::Closed, CaseState::Declined, CaseState::Withdrawn];
