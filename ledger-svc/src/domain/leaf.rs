//! What is written of an event for good.
//!
//! A leaf is canonical JSON (RFC 8785) of at most 65,535 bytes, the bound of an entry in C2SP tlog-tiles. It never has
//! a text that somebody wrote: of those it has the commitment HMAC-SHA256(salt, UTF-8 text), and the text with its
//! salt stands beside the leaf, so that it can be withheld or erased without breaking a proof.
//!
//! Canonical by construction: the fields of every struct here are declared in the order of their names, all numbers
//! are integers below 2^53, and serde_json escapes as RFC 8785 does. A test parses and sorts leaves to hold it to that.
//!
//! Left to others: salts (chance is not drawn here), and what of the texts may be shown ([`super::account`]).

use std::{borrow::Cow, collections::BTreeMap};

use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac as _};
use huying_platform::{redact, status::from_micros, subjects};
use huying_proto::events::v1::{CloseReason, DeadlineKind, RuleTrace, addressee::To, event::Body};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{
    event::{CaseEvent, StandingAfter},
    words,
};

/// Longest leaf: the bound of an entry in C2SP tlog-tiles.
pub const LEAF_MAX_BYTES: usize = 65_535;

/// Texts that one event has at most: the title and the body of a submission.
pub const TEXTS_MAX: usize = 2;

/// Longest sentence of a rule trace that is written; longer ones are cut, so that no trace can fill a leaf.
const TRACE_SENTENCE_MAX_CHARS: usize = 500;

/// Rules of a trace that are written: as many as the contract allows.
const TRACE_RULES_MAX: usize = 8;

/// A salt: 32 random bytes.
pub type Salt = [u8; 32];

/// Leaf that would be too large to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the leaf would be {0} bytes; at most {LEAF_MAX_BYTES} are allowed")]
pub struct LeafTooLarge(pub usize);

/// A text that stands beside a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaltedText {
    /// Name in the leaf's commitments.
    pub name: &'static str,
    /// The text, personal data masked.
    pub text: String,
    /// Key of the commitment.
    pub salt: Salt,
}

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
    /// RFC 3339 as above; null when nothing is due.
    pub deadline_at: Option<String>,
    /// Unit code.
    pub holder_office: Cow<'a, str>,
    /// A deadline has passed and the unit has not acted.
    pub overdue: bool,
    /// Unit code; may be empty.
    pub responsible_unit: Cow<'a, str>,
    /// Word of the state.
    pub state: Cow<'a, str>,
}

/// What the types of events have besides, under the names of the contract. Absent where it does not apply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details<'a> {
    /// DeadlineExpired: RFC 3339 as above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// DeadlineExpired: from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry_number: Option<u32>,
    /// CaseDelegated, CaseEscalated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_office: Option<Cow<'a, str>>,
    /// DeadlineExpired: word of what had to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Cow<'a, str>>,
    /// CaseReturned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposed_unit: Option<Cow<'a, str>>,
    /// CaseClosed: word of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
    /// CaseReplied: from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_number: Option<u32>,
    /// CaseRated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<bool>,
    /// CaseReturned: 1 or 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_number: Option<u32>,
    /// CaseRated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub satisfied: Option<bool>,
    /// CaseDelegated, CaseEscalated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_office: Option<Cow<'a, str>>,
    /// CaseQueued, CaseRegistered, CaseAssigned: how the rules came to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<LeafTrace<'a>>,
    /// CaseAssigned, CaseAccepted, CaseReturned, ProgressReported, CaseReplied, CaseReopened, DeadlineExpired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Cow<'a, str>>,
}

/// How a routing decision came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafTrace<'a> {
    /// The sum of it.
    pub conclusion: Cow<'a, str>,
    /// The rules considered, best first.
    pub considered: Vec<LeafRule<'a>>,
    /// Revision of the directory that was used.
    pub directory_revision: u64,
}

/// One rule of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafRule<'a> {
    /// Why it won, lost or did not apply.
    pub outcome: Cow<'a, str>,
    /// The rule as written.
    pub rule: Cow<'a, str>,
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
    texts_of(event).into_iter().filter(|(_, text, _)| !text.is_empty()).count()
}

/// Writes the leaf of an event and the texts beside it. `salt` is called once for each text, at most [`TEXTS_MAX`] times.
///
/// # Errors
/// [`LeafTooLarge`]; the bounds of the contract keep real events far below it.
pub fn write(
    event: &CaseEvent,
    mut salt: impl FnMut() -> Salt,
) -> Result<(Vec<u8>, Vec<SaltedText>), LeafTooLarge> {
    let texts: Vec<SaltedText> = texts_of(event)
        .into_iter()
        .filter(|(_, text, _)| !text.is_empty())
        .map(|(name, text, author)| SaltedText { name, text: masked(text, author), salt: salt() })
        .collect();
    let leaf = Leaf::of(event, &texts);
    let bytes = serde_json::to_vec(&leaf).expect("a struct of strings and integers always serialises");
    if bytes.len() > LEAF_MAX_BYTES {
        return Err(LeafTooLarge(bytes.len()));
    }
    Ok((bytes, texts))
}

impl<'a> Leaf<'a> {
    fn of(event: &'a CaseEvent, texts: &[SaltedText]) -> Self {
        let commitments = texts
            .iter()
            .map(|text| (Cow::Borrowed(text.name), HEXLOWER.encode(&commitment(&text.salt, &text.text))))
            .collect();
        let region = &event.region;
        Self {
            actor: LeafActor {
                code: Cow::Borrowed(&event.actor.code),
                role: Cow::Borrowed(words::role_word(event.actor_role).unwrap_or_default()),
            },
            addressee: event.header.addressee.as_ref().and_then(|addressee| {
                let (kind, code) = match addressee.to.as_ref()? {
                    To::RepresentativeCode(code) => ("representative", code),
                    To::StationCode(code) => ("station", code),
                    To::RegionCode(code) => ("region", code),
                };
                Some(LeafAddressee { code: Cow::Borrowed(code), kind: Cow::Borrowed(kind) })
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
            deadline_at: standing.deadline_at.map(rfc3339),
            holder_office: Cow::Borrowed(&standing.holder_office),
            overdue: standing.overdue,
            responsible_unit: Cow::Borrowed(&standing.responsible_unit),
            state: Cow::Borrowed(words::state_word(standing.state).unwrap_or_default()),
        }
    }
}

impl<'a> Details<'a> {
    fn of(event: &'a CaseEvent) -> Self {
        let unit = |unit: &'a str| Self { unit: Some(Cow::Borrowed(unit)), ..Self::default() };
        match &event.body {
            Body::CaseSubmitted(_) | Body::PrivatePartRead(_) | Body::PrivatePartErased(_) => Self::default(),
            Body::CaseQueued(queued) => {
                Self { trace: queued.trace.as_ref().map(LeafTrace::of), ..Self::default() }
            }
            Body::CaseRegistered(registered) => {
                Self { trace: registered.trace.as_ref().map(LeafTrace::of), ..Self::default() }
            }
            Body::CaseAssigned(assigned) => {
                Self { trace: assigned.trace.as_ref().map(LeafTrace::of), ..unit(&assigned.unit) }
            }
            Body::CaseDelegated(delegated) => Self {
                from_office: Some(Cow::Borrowed(&delegated.from_office)),
                to_office: Some(Cow::Borrowed(&delegated.to_office)),
                ..Self::default()
            },
            Body::CaseEscalated(escalated) => Self {
                from_office: Some(Cow::Borrowed(&escalated.from_office)),
                to_office: Some(Cow::Borrowed(&escalated.to_office)),
                ..Self::default()
            },
            Body::CaseAccepted(accepted) => unit(&accepted.unit),
            Body::CaseReturned(returned) => Self {
                proposed_unit: Some(Cow::Borrowed(&returned.proposed_unit)),
                return_number: Some(returned.return_number),
                ..unit(&returned.unit)
            },
            Body::ProgressReported(reported) => unit(&reported.unit),
            Body::CaseReplied(replied) => {
                Self { reply_number: Some(replied.reply_number), ..unit(&replied.unit) }
            }
            Body::CaseRated(rated) => {
                Self { resolved: Some(rated.resolved), satisfied: Some(rated.satisfied), ..Self::default() }
            }
            Body::CaseReopened(reopened) => unit(&reopened.unit),
            Body::CaseClosed(closed) => {
                let reason = CloseReason::try_from(closed.reason).ok().and_then(words::close_reason_word);
                Self { reason: reason.map(Cow::Borrowed), ..Self::default() }
            }
            Body::DeadlineExpired(expired) => {
                let kind = DeadlineKind::try_from(expired.kind).ok().and_then(words::deadline_kind_word);
                Self {
                    due_at: Some(rfc3339(from_micros(expired.due_at_us))),
                    expiry_number: Some(expired.expiry_number),
                    kind: kind.map(Cow::Borrowed),
                    ..unit(&expired.unit)
                }
            }
            // Requests are no part of a history; `CaseEvent` never has one.
            Body::RatingRequested(_)
            | Body::PrivateReadRequested(_)
            | Body::ErasureRequested(_)
            | Body::RequestRefused(_) => Self::default(),
        }
    }
}

impl<'a> LeafTrace<'a> {
    fn of(trace: &'a RuleTrace) -> Self {
        Self {
            conclusion: Cow::Borrowed(clip(&trace.conclusion)),
            considered: trace
                .considered
                .iter()
                .take(TRACE_RULES_MAX)
                .map(|considered| LeafRule {
                    outcome: Cow::Borrowed(clip(&considered.outcome)),
                    rule: Cow::Borrowed(clip(&considered.rule)),
                })
                .collect(),
            directory_revision: trace.directory_revision,
        }
    }
}

/// Who wrote a text: citizens' texts come masked from intake, those of units are masked here.
#[derive(Clone, Copy)]
enum Author {
    Citizen,
    Unit,
}

/// The texts of an event, under the names their commitments have.
fn texts_of(event: &CaseEvent) -> Vec<(&'static str, &str, Author)> {
    match &event.body {
        Body::CaseSubmitted(submitted) => {
            vec![("title", &event.header.title, Author::Citizen), ("body", &submitted.body, Author::Citizen)]
        }
        Body::CaseAssigned(assigned) => vec![("note", &assigned.note, Author::Unit)],
        Body::CaseDelegated(delegated) => vec![("reason", &delegated.reason, Author::Unit)],
        Body::CaseEscalated(escalated) => vec![("reason", &escalated.reason, Author::Unit)],
        Body::CaseReturned(returned) => vec![("legal_basis", &returned.legal_basis, Author::Unit)],
        Body::ProgressReported(reported) => vec![("text", &reported.text, Author::Unit)],
        Body::CaseReplied(replied) => vec![("text", &replied.text, Author::Unit)],
        Body::CaseRated(rated) => vec![("comment", &rated.comment, Author::Citizen)],
        Body::CaseClosed(closed) => vec![("note", &closed.note, Author::Unit)],
        Body::PrivatePartRead(read) => vec![("purpose", &read.purpose, Author::Unit)],
        Body::PrivatePartErased(erased) => vec![("ground", &erased.ground, Author::Unit)],
        Body::CaseQueued(_)
        | Body::CaseRegistered(_)
        | Body::CaseAccepted(_)
        | Body::CaseReopened(_)
        | Body::DeadlineExpired(_)
        | Body::RatingRequested(_)
        | Body::PrivateReadRequested(_)
        | Body::ErasureRequested(_)
        | Body::RequestRefused(_) => vec![],
    }
}

fn masked(text: &str, author: Author) -> String {
    let text = match author {
        Author::Citizen => text.to_owned(),
        Author::Unit => redact::official_text(text),
    };
    // PostgreSQL keeps no NUL in texts, and the commitment must be over what is kept.
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn rfc3339(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// The beginning of a sentence, up to [`TRACE_SENTENCE_MAX_CHARS`].
fn clip(sentence: &str) -> &str {
    match sentence.char_indices().nth(TRACE_SENTENCE_MAX_CHARS) {
        Some((end, _)) => &sentence[..end],
        None => sentence,
    }
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{CaseAssigned, RuleConsidered};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::event::tests::{assigned, event, registered, standing, submitted};

    fn leaf_of(event: huying_proto::events::v1::Event) -> (String, Vec<SaltedText>) {
        let mut next = 0;
        let (bytes, texts) = write(&CaseEvent::parse(event).unwrap(), || {
            next += 1;
            [next; 32]
        })
        .unwrap();
        (String::from_utf8(bytes).unwrap(), texts)
    }

    /// Sorted keys, no white space: serde_json's map sorts, and its writer escapes as RFC 8785.
    fn canonical(json: &str) -> String {
        serde_json::from_str::<serde_json::Value>(json).unwrap().to_string()
    }

    #[test]
    fn the_leaf_of_a_submission_is_this_to_the_byte() {
        let (leaf, texts) = leaf_of(submitted(1));
        assert_eq!(
            leaf,
            concat!(
                r#"{"actor":{"code":"","role":"system"},"#,
                r#""addressee":{"code":"r-150802001-003","kind":"representative"},"#,
                r#""case_id":"0197a3f0-5d1e-7c3a-8000-000000000001","case_version":1,"category":"城乡建设/供热","#,
                r#""commitments":{"body":"BODY","title":"TITLE"},"details":{},"#,
                r#""event_id":"0197a3f0-5d1e-7001-9000-000000000001","kind":"message","#,
                r#""occurred_at":"2026-03-01T02:01:00.123456Z","publication":"public","#,
                r#""region":{"district":"150802","municipal":"150800","township":"150802001"},"standing":null,"#,
                r#""submitted_at":"2026-03-01T02:00:00.000000Z","type":"CaseSubmitted","v":1}"#,
            )
            .replace("TITLE", &HEXLOWER.encode(&commitment(&[1; 32], "暖气不热")))
            .replace("BODY", &HEXLOWER.encode(&commitment(&[2; 32], "楼里只有十四度。")))
        );
        assert_eq!(texts.iter().map(|text| text.name).collect::<Vec<_>>(), ["title", "body"]);
        assert!(!leaf.contains("暖气"));
    }

    #[test]
    fn the_commitment_is_hmac_sha256() {
        // RFC 4231 test case 1 has a key of 20 bytes 0x0b; padded with zeros to 32 it is the same HMAC key.
        let mut salt = [0; 32];
        salt[..20].fill(0x0b);
        assert_eq!(
            HEXLOWER.encode(&commitment(&salt, "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }

    #[test]
    fn leaves_are_canonical() {
        for event in [submitted(1), registered(1, 2), assigned(1, 3, "150802001-general")] {
            let (leaf, _) = leaf_of(event);
            assert_eq!(leaf, canonical(&leaf));
            let read: Leaf<'_> = serde_json::from_str(&leaf).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), leaf);
        }
    }

    #[test]
    fn numbers_of_citizens_in_official_texts_are_masked_before_they_are_committed_to() {
        let body = CaseAssigned {
            unit: "150802-housing".into(),
            note: "请联系 13912345678".into(),
            ..CaseAssigned::default()
        };
        let standing = standing(huying_proto::events::v1::CaseState::Assigned, "150802-housing");
        let (_, texts) = leaf_of(event(1, 3, Body::CaseAssigned(body), Some(standing)));
        assert!(!texts[0].text.contains("13912345678"));
    }

    #[test]
    fn the_longest_trace_fits() {
        let considered = RuleConsidered { rule: "\u{1}".repeat(9_000), outcome: "\u{1}".repeat(9_000) };
        let body = CaseAssigned {
            unit: "u".into(),
            trace: Some(RuleTrace {
                directory_revision: u64::MAX,
                considered: vec![considered; 20],
                conclusion: "\u{1}".repeat(9_000),
            }),
            note: String::new(),
        };
        let standing = standing(huying_proto::events::v1::CaseState::Assigned, "150802-housing");
        let (leaf, _) = leaf_of(event(1, 3, Body::CaseAssigned(body), Some(standing)));
        assert!(leaf.len() <= LEAF_MAX_BYTES);
    }

    proptest! {
        #[test]
        fn any_text_in_a_leaf_is_escaped_canonically(category in "[^\\p{Cc}]{0,40}", conclusion in "\\PC{0,40}|[\u{0}-\u{1f}\"\\\\\u{7f}]{0,20}") {
            let mut event = assigned(1, 3, "150802001-general");
            event.header.as_mut().unwrap().category = category;
            if let Some(Body::CaseAssigned(assigned)) = &mut event.body {
                assigned.trace = Some(RuleTrace { conclusion, ..RuleTrace::default() });
            }
            let (leaf, _) = leaf_of(event);
            prop_assert_eq!(&leaf, &canonical(&leaf));
        }
    }
}
