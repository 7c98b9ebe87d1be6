//! What is written of an event for good.
//!
//! A leaf is canonical JSON (RFC 8785) of at most 65,535 bytes, the bound of an entry in C2SP tlog-tiles. It never has
//! a text that somebody wrote: of those it has the commitment HMAC-SHA256(salt, UTF-8 text), and the text with its
//! salt stands beside the leaf, so that it can be withheld or erased without breaking a proof.
//!
//! Canonical by construction: the fields of every struct here are declared in the order of their names, all numbers
//! are integers below 2^53, and serde_json escapes as RFC 8785 does. A test parses and sorts leaves to hold it to that.
//!
//! A leaf never changes, and neither does how an event is written: what an event does not have is left out, so that a
//! field that is added to the contract adds nothing to the leaves of events without it. A test pins such leaves to the
//! byte.
//!
//! What the types of events have besides is in `leaf/details.rs`, the texts they commit to are in `leaf/texts.rs`. What a
//! leaf tells, for whoever goes on from it, is in `leaf/told.rs`.
//!
//! Left to others: salts (chance is not drawn here), and what of the texts may be shown ([`super::account`]).

use std::{borrow::Cow, collections::BTreeMap};

use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac as _};
use huying_platform::{status::from_micros, subjects};
use huying_proto::events::v1::addressee::To;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{
    account::AddresseeKind,
    event::{CaseEvent, StandingAfter},
    words,
};

mod details;
#[cfg(test)]
mod tests;
mod texts;
mod told;
mod trace;
mod what;

pub use details::{Details, LeafPart, LeafPicture};
pub use texts::{PICTURE_NAME, SaltedText, TASK_NAME, TEXTS_MAX};
pub use told::{Told, ToldStanding, Unreadable};
pub use trace::{LeafCandidate, LeafRule, LeafTrace};
pub use what::What;

/// Longest leaf: the bound of an entry in C2SP tlog-tiles.
pub const LEAF_MAX_BYTES: usize = 65_535;

/// A salt: 32 random bytes.
pub type Salt = [u8; 32];

/// Leaf that would be too large to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the leaf would be {0} bytes; at most {LEAF_MAX_BYTES} are allowed")]
pub struct LeafTooLarge(pub usize);

/// A leaf: what [`Leaf::of`] writes, and what reads back from the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf<'a> {
    /// Who caused it.
    pub actor: LeafActor<'a>,
    /// Whom the citizen wrote to.
    pub addressee: Option<LeafAddressee<'a>>,
    /// UUIDv7.
    pub case_id: Cow<'a, str>,
    /// From 1, without gaps.
    pub case_version: u64,
    /// Category path; may be empty.
    pub category: Cow<'a, str>,
    /// Hex HMAC-SHA256 by name of the text.
    pub commitments: BTreeMap<Cow<'a, str>, String>,
    /// What the type of event has besides.
    pub details: Details<'a>,
    /// UUIDv7.
    pub event_id: Cow<'a, str>,
    /// Word of the kind.
    pub kind: Cow<'a, str>,
    /// RFC 3339, UTC, six digits of a second.
    pub occurred_at: String,
    /// Word of the choice of publication.
    pub publication: Cow<'a, str>,
    /// Where the matter is.
    pub region: LeafRegion<'a>,
    /// How the case stands after the event; null after the submission, before routing has decided.
    pub standing: Option<LeafStanding<'a>>,
    /// When the submission was kept; RFC 3339 as above.
    pub submitted_at: String,
    /// Name of the event, such as "CaseAssigned".
    #[serde(rename = "type")]
    pub event_type: Cow<'a, str>,
    /// Version of this format: 1.
    pub v: u32,
}

/// Who caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafActor<'a> {
    /// Unit or representative code; may be empty.
    pub code: Cow<'a, str>,
    /// Word of the role.
    pub role: Cow<'a, str>,
}

/// Whom the citizen wrote to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafAddressee<'a> {
    /// Its code.
    pub code: Cow<'a, str>,
    /// "representative", "station" or "region".
    pub kind: Cow<'a, str>,
}

/// Where the matter is; codes of tiers that do not apply are empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafRegion<'a> {
    /// Six digits, or empty.
    pub district: Cow<'a, str>,
    /// Six digits.
    pub municipal: Cow<'a, str>,
    /// Nine digits, or empty.
    pub township: Cow<'a, str>,
}

/// How the case stands after an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafStanding<'a> {
    /// When the time of the whole case ends; absent when it does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_deadline_at: Option<String>,
    /// RFC 3339 as above; null when nothing is due.
    pub deadline_at: Option<String>,
    /// Unit code.
    pub holder_office: Cow<'a, str>,
    /// UUIDv7 of the case it goes on as part of; absent when it goes on by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<String>,
    /// Parts that are neither answered nor waived; absent when there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub open_parts: u32,
    /// The public overdue mark.
    pub overdue: bool,
    /// How many people wrote about the matter; absent where the event does not say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub petitioner_count: u32,
    /// Unit code; may be empty.
    pub responsible_unit: Cow<'a, str>,
    /// Word of the state.
    pub state: Cow<'a, str>,
}

/// The commitment to a text: HMAC-SHA256 with the salt as key over the UTF-8 text.
pub fn commitment(salt: &Salt, text: &str) -> [u8; 32] {
    // An HMAC takes a key of any length, so this cannot fail; an empty key would still be a wrong commitment only.
    let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(salt).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Number of salts [`write`] needs for this event.
pub fn salts_needed(event: &CaseEvent) -> usize {
    texts::of(event).len()
}

/// A leaf as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<'a> {
    /// What the bytes say.
    pub leaf: Leaf<'a>,
    /// Canonical JSON.
    pub bytes: Vec<u8>,
    /// The texts it commits to.
    pub texts: Vec<SaltedText>,
}

/// Writes the leaf of an event and the texts beside it. `salt` is called once for each text, at most [`TEXTS_MAX`] times.
///
/// # Errors
/// [`LeafTooLarge`]; the bounds of the contract keep real events far below it.
pub fn write(event: &CaseEvent, mut salt: impl FnMut() -> Salt) -> Result<Written<'_>, LeafTooLarge> {
    let texts: Vec<SaltedText> = texts::of(event)
        .into_iter()
        .map(|said| SaltedText { text: said.masked(), name: said.name, salt: salt() })
        .collect();
    let leaf = Leaf::of(event, &texts);
    let bytes = serde_json::to_vec(&leaf).expect("a struct of strings and integers always serialises");
    if bytes.len() > LEAF_MAX_BYTES {
        return Err(LeafTooLarge(bytes.len()));
    }
    Ok(Written { leaf, bytes, texts })
}

impl<'a> Leaf<'a> {
    fn of(event: &'a CaseEvent, texts: &[SaltedText]) -> Self {
        let commitments = texts
            .iter()
            .map(|text| (text.name.clone(), HEXLOWER.encode(&commitment(&text.salt, &text.text))))
            .collect();
        let region = &event.region;
        Self {
            actor: LeafActor {
                code: Cow::Borrowed(&event.actor.code),
                role: Cow::Borrowed(words::role_word(event.actor_role).unwrap_or_default()),
            },
            addressee: event.header.addressee.as_ref().and_then(|addressee| {
                let (kind, code) = match addressee.to.as_ref()? {
                    To::RepresentativeCode(code) => (AddresseeKind::Representative, code),
                    To::StationCode(code) => (AddresseeKind::Station, code),
                    To::RegionCode(code) => (AddresseeKind::Region, code),
                };
                Some(LeafAddressee { code: Cow::Borrowed(code), kind: Cow::Borrowed(kind.word()) })
            }),
            case_id: Cow::Owned(event.case_id.to_string()),
            case_version: event.version,
            category: Cow::Borrowed(&event.header.category),
            commitments,
            details: Details::of(event),
            event_id: Cow::Owned(event.event_id.to_string()),
            kind: Cow::Borrowed(words::kind_word(event.kind).unwrap_or_default()),
            occurred_at: rfc3339(event.occurred_at),
            publication: Cow::Borrowed(words::publication_word(event.publication).unwrap_or_default()),
            region: LeafRegion {
                district: Cow::Borrowed(region.district.as_ref().map_or("", |code| code.as_str())),
                municipal: Cow::Borrowed(region.municipal.as_str()),
                township: Cow::Borrowed(region.township.as_ref().map_or("", |code| code.as_str())),
            },
            standing: event.standing.as_ref().map(LeafStanding::of),
            submitted_at: rfc3339(from_micros(event.header.submitted_at_us)),
            event_type: Cow::Borrowed(subjects::body_name(&event.body)),
            v: 1,
        }
    }
}

impl<'a> LeafStanding<'a> {
    fn of(standing: &'a StandingAfter) -> Self {
        Self {
            case_deadline_at: standing.case_deadline_at.map(rfc3339),
            deadline_at: standing.deadline_at.map(rfc3339),
            holder_office: Cow::Borrowed(&standing.holder_office),
            merged_into: standing.merged_into.map(|case_id| case_id.to_string()),
            open_parts: standing.open_parts,
            overdue: standing.overdue,
            petitioner_count: standing.petitioner_count,
            responsible_unit: Cow::Borrowed(&standing.responsible_unit),
            state: Cow::Borrowed(words::state_word(standing.state).unwrap_or_default()),
        }
    }
}

fn rfc3339(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// For what is left out when there is none.
#[allow(clippy::trivially_copy_pass_by_ref)] // The signature is serde's choice.
fn is_zero(count: &u32) -> bool {
    *count == 0
}
