//! Identifiers. Each is its own type, so that one cannot be passed for another.
//!
//! All are UUID version 7 (RFC 9562): they sort by the millisecond in which they were made, which keeps indexes dense.
//! `new_v7` draws on the system clock and randomness and belongs at the edges; rules are handed ids as values.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef},
};
use uuid::Uuid;

/// A text that is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a UUID such as 0197a3f0-5d1e-7c3a-9b52-6f0d2c1e4a77")]
pub struct InvalidId;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, unique everywhere. Not for rules: they are given ids.
            #[must_use]
            pub fn new_v7() -> Self {
                Self(Uuid::now_v7())
            }

            /// Gives a UUID this meaning.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID itself, for SQL and wire formats.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }

            /// The UUIDs of many, for SQL arrays.
            #[must_use]
            pub fn as_uuids(ids: &[Self]) -> Vec<Uuid> {
                ids.iter().map(|id| id.0).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }

        impl Type<Postgres> for $name {
            fn type_info() -> PgTypeInfo {
                <Uuid as Type<Postgres>>::type_info()
            }
        }

        impl Encode<'_, Postgres> for $name {
            fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
                <Uuid as Encode<'_, Postgres>>::encode_by_ref(&self.0, buffer)
            }
        }

        impl<'r> Decode<'r, Postgres> for $name {
            fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
                <Uuid as Decode<'r, Postgres>>::decode(value).map(Self)
            }
        }
    };
}

id_type!(
    /// A case, from the citizen's first word to its closing.
    CaseId
);
id_type!(
    /// An event: one thing that happened. The same id may arrive more than once.
    EventId
);
id_type!(
    /// A message that could not be processed.
    DeadLetterId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_writes() {
        let id = CaseId::new_v7();
        assert_eq!(id.to_string().parse::<CaseId>(), Ok(id));
    }

    #[test]
    fn a_text_that_is_no_uuid_is_refused() {
        assert_eq!("case-7".parse::<CaseId>(), Err(InvalidId));
    }
}
