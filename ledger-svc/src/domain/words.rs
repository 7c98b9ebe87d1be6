//! The words that leaves use for the enumerations of the contracts, both ways.
//!
//! Guaranteed: every value but "unspecified" has one word, and the word never changes, because leaves never do.

use huying_proto::events::v1::{
    ActorRole, CaseKind, CaseState, CloseReason, DeadlineKind, DeclineGround, Publication,
};

macro_rules! words {
    ($(#[$doc:meta])* $word_of:ident, $of_word:ident, $enum:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        /// `None` for the value that is never sent.
        pub const fn $word_of(value: $enum) -> Option<&'static str> {
            match value {
                $enum::Unspecified => None,
                $($enum::$variant => Some($word),)*
            }
        }

        /// The other way round; `None` for a word that is not one of these.
        pub fn $of_word(word: &str) -> Option<$enum> {
            match word {
                $($word => Some($enum::$variant),)*
                _ => None,
            }
        }
    };
}

words!(
    /// Word of a kind of case.
    kind_word, kind_of, CaseKind {
        Message = "message",
        Suggestion = "suggestion",
        ProjectProposal = "project_proposal",
        DraftComment = "draft_comment",
        Appointment = "appointment",
    }
);
words!(
    /// Word of a state.
    state_word, state_of, CaseState {
        Submitted = "submitted",
        Registered = "registered",
        Assigned = "assigned",
        InHandling = "in_handling",
        Replied = "replied",
        Closed = "closed",
        Declined = "declined",
        Withdrawn = "withdrawn",
        Merged = "merged",
    }
);
words!(
    /// Word of a choice of publication.
    publication_word, publication_of, Publication {
        Public = "public",
        StatusOnly = "status_only",
    }
);
words!(
    /// Word of the capacity in which somebody acted.
    role_word, role_of, ActorRole {
        Citizen = "citizen",
        Office = "office",
        Department = "department",
        Representative = "representative",
        System = "system",
        Operator = "operator",
    }
);
words!(
    /// Word of a reason for closing.
    close_reason_word, close_reason_of, CloseReason {
        ByOffice = "by_office",
        RatingTimeEnded = "rating_time_ended",
        RatedTimeEnded = "rated_time_ended",
        WithPrimary = "with_primary",
    }
);
words!(
    /// Word of a ground for not taking a case up.
    decline_ground_word, decline_ground_of, DeclineGround {
        OutOfScope = "out_of_scope",
        LegalProceedings = "legal_proceedings",
        AlreadyAnswered = "already_answered",
        Unclear = "unclear",
        Unlawful = "unlawful",
    }
);
words!(
    /// Word of what had to be done in time.
    deadline_kind_word, deadline_kind_of, DeadlineKind {
        Assign = "assign",
        Reply = "reply",
        Rate = "rate",
        Register = "register",
        Case = "case",
        Part = "part",
    }
);
