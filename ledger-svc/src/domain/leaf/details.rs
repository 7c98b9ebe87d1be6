//! What the types of events have in their leaves besides what every leaf has.

use std::borrow::Cow;

use huying_platform::status::from_micros;
use huying_proto::events::v1::{CloseReason, DeadlineKind, DeclineGround, Part, Picture, event::Body};
use serde::{Deserialize, Serialize};

use super::{LeafTrace, is_zero, rfc3339};
use crate::domain::{event::CaseEvent, words};

/// What the types of events have besides, under the names of the contract. Absent where it does not apply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details<'a> {
    /// CaseAccepted, CaseUrged, CaseSupervised, CriticismCirculated: true when it came by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatic: Option<bool>,
    /// PartAssigned: who gave the part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_unit: Option<Cow<'a, str>>,
    /// ClocksRecomputed: when the time of the whole case ends now; RFC 3339 as in the leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_deadline_at: Option<String>,
    /// CaseAbsorbed, CaseSplitOff: UUIDv7 of the other case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_id: Option<Cow<'a, str>>,
    /// CaseClassified: category path now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Cow<'a, str>>,
    /// ExtensionRequested, ExtensionGranted, ClocksRecomputed: RFC 3339 as in the leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<String>,
    /// ClocksRecomputed: revision of the calendar and the limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory_revision: Option<u64>,
    /// DeadlineNear, DeadlineExpired: RFC 3339 as in the leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// DeadlineExpired: from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry_number: Option<u32>,
    /// CaseUnmerged: UUIDv7.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_case_id: Option<Cow<'a, str>>,
    /// CaseDelegated, CaseEscalated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_office: Option<Cow<'a, str>>,
    /// CaseTransferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_unit: Option<Cow<'a, str>>,
    /// CaseDeclined: word of the ground.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ground: Option<Cow<'a, str>>,
    /// CaseMerged: UUIDv7.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into_case_id: Option<Cow<'a, str>>,
    /// DeadlineNear, DeadlineExpired: word of what has to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Cow<'a, str>>,
    /// ExtensionRequested: such as "10wd".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Cow<'a, str>>,
    /// PartAnswered, PartWaived; of a part's deadline, urging, supervision or criticism; from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_number: Option<u32>,
    /// CaseAssigned, PartAssigned: what co-handlers were given. What part 3 is asked is committed to as "task_3".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<LeafPart<'a>>,
    /// CaseSubmitted, ProgressReported, PartAnswered, CaseReplied. The id of the first is committed to as "picture_1".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<LeafPicture<'a>>,
    /// ClocksRecomputed: RFC 3339 as in the leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_case_deadline_at: Option<String>,
    /// CaseClassified; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_category: Option<Cow<'a, str>>,
    /// ExtensionGranted, ClocksRecomputed: RFC 3339 as in the leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_deadline_at: Option<String>,
    /// CaseReturned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposed_unit: Option<Cow<'a, str>>,
    /// CaseClosed: word of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
    /// CaseReplied: from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_number: Option<u32>,
    /// CaseClaimed; ProgressReported and CaseReplied when a representative told or answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub representative_code: Option<Cow<'a, str>>,
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
    /// CaseTransferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_unit: Option<Cow<'a, str>>,
    /// CaseQueued, CaseRegistered, CaseAssigned, CaseClassified: how the rules came to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<LeafTrace<'a>>,
    /// The unit that acted, that was acted upon, or that has to act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Cow<'a, str>>,
    /// CaseUrged: from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urge_number: Option<u32>,
    /// CaseReplied: UUIDv7 of the case that was replied to, when this one goes on as part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via_case_id: Option<Cow<'a, str>>,
}

/// A part, as a co-handler was given it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafPart<'a> {
    /// When its time ends; RFC 3339 as in the leaf.
    pub deadline_at: String,
    /// Number of the part of which this is a part; absent when it is of the whole.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub parent_part_number: u32,
    /// Number within the case, from 1.
    pub part_number: u32,
    /// Unit code of the co-handler.
    pub unit: Cow<'a, str>,
}

/// A picture, in the order of the event. Its measures and its size are left out: they would let whoever has a picture
/// make out for good whether it was this one, which the salt of the commitment is there to prevent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafPicture<'a> {
    /// "image/jpeg", "image/png" or "image/webp".
    pub media_type: Cow<'a, str>,
}

impl<'a> Details<'a> {
    pub(super) fn of(event: &'a CaseEvent) -> Self {
        let unit = |unit: &'a str| Self { unit: Some(Cow::Borrowed(unit)), ..Self::default() };
        match &event.body {
            Body::CaseSubmitted(submitted) => {
                Self { pictures: LeafPicture::all(&submitted.pictures), ..Self::default() }
            }
            Body::CaseQueued(queued) => Self {
                trace: queued.trace.as_ref().map(|trace| LeafTrace::of(event, trace)),
                ..Self::default()
            },
            Body::CaseRegistered(registered) => Self {
                trace: registered.trace.as_ref().map(|trace| LeafTrace::of(event, trace)),
                ..Self::default()
            },
            Body::CaseDeclined(declined) => {
                let ground = DeclineGround::try_from(declined.ground).ok();
                Self {
                    ground: ground.and_then(words::decline_ground_word).map(Cow::Borrowed),
                    ..Self::default()
                }
            }
            Body::CaseClassified(classified) => Self {
                category: Some(Cow::Borrowed(&classified.category)),
                previous_category: named(&classified.previous_category),
                trace: classified.trace.as_ref().map(|trace| LeafTrace::of(event, trace)),
                ..Self::default()
            },
            Body::CaseAssigned(assigned) => Self {
                parts: assigned.parts.iter().map(LeafPart::of).collect(),
                trace: assigned.trace.as_ref().map(|trace| LeafTrace::of(event, trace)),
                ..unit(&assigned.unit)
            },
            Body::CaseTransferred(transferred) => Self {
                from_unit: Some(Cow::Borrowed(&transferred.from_unit)),
                to_unit: Some(Cow::Borrowed(&transferred.to_unit)),
                ..Self::default()
            },
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
            Body::CaseClaimed(claimed) => Self {
                representative_code: Some(Cow::Borrowed(&claimed.representative_code)),
                ..Self::default()
            },
            Body::CaseAccepted(accepted) => {
                Self { automatic: flag(accepted.automatic), ..unit(&accepted.unit) }
            }
            Body::CaseReturned(returned) => Self {
                proposed_unit: Some(Cow::Borrowed(&returned.proposed_unit)),
                return_number: Some(returned.return_number),
                ..unit(&returned.unit)
            },
            Body::ProgressReported(reported) => Self {
                pictures: LeafPicture::all(&reported.pictures),
                representative_code: named(&reported.representative_code),
                unit: match reported.representative_code.as_str() {
                    "" => Some(Cow::Borrowed(&reported.unit)),
                    _ => named(&reported.unit),
                },
                ..Self::default()
            },
            Body::PartAssigned(assigned) => Self {
                by_unit: Some(Cow::Borrowed(&assigned.by_unit)),
                parts: assigned.part.iter().map(LeafPart::of).collect(),
                ..Self::default()
            },
            Body::PartAnswered(answered) => Self {
                part_number: number(answered.part_number),
                pictures: LeafPicture::all(&answered.pictures),
                ..unit(&answered.unit)
            },
            Body::PartWaived(waived) => {
                Self { part_number: number(waived.part_number), ..unit(&waived.unit) }
            }
            Body::ExtensionRequested(requested) => Self {
                deadline_at: moment(requested.deadline_at_us),
                limit: Some(Cow::Borrowed(&requested.limit)),
                ..unit(&requested.unit)
            },
            Body::ExtensionGranted(granted) => Self {
                deadline_at: moment(granted.deadline_at_us),
                previous_deadline_at: moment(granted.previous_deadline_at_us),
                ..unit(&granted.unit)
            },
            Body::ExtensionRefused(refused) => unit(&refused.unit),
            Body::CaseReplied(replied) => Self {
                pictures: LeafPicture::all(&replied.pictures),
                reply_number: Some(replied.reply_number),
                representative_code: named(&replied.representative_code),
                via_case_id: named(&replied.via_case_id),
                ..unit(&replied.unit)
            },
            Body::CaseRated(rated) => {
                Self { resolved: Some(rated.resolved), satisfied: Some(rated.satisfied), ..Self::default() }
            }
            Body::CaseReopened(reopened) => unit(&reopened.unit),
            Body::CaseClosed(closed) => {
                let reason = CloseReason::try_from(closed.reason).ok().and_then(words::close_reason_word);
                Self { reason: reason.map(Cow::Borrowed), ..Self::default() }
            }
            Body::DeadlineNear(near) => Self {
                due_at: Some(rfc3339(from_micros(near.due_at_us))),
                kind: deadline_kind(near.kind),
                part_number: number(near.part_number),
                ..unit(&near.unit)
            },
            Body::DeadlineExpired(expired) => Self {
                due_at: Some(rfc3339(from_micros(expired.due_at_us))),
                expiry_number: Some(expired.expiry_number),
                kind: deadline_kind(expired.kind),
                part_number: number(expired.part_number),
                ..unit(&expired.unit)
            },
            Body::CaseUrged(urged) => Self {
                automatic: flag(urged.automatic),
                part_number: number(urged.part_number),
                urge_number: number(urged.urge_number),
                ..unit(&urged.unit)
            },
            Body::CaseSupervised(supervised) => Self {
                automatic: flag(supervised.automatic),
                part_number: number(supervised.part_number),
                ..unit(&supervised.unit)
            },
            Body::CriticismCirculated(criticism) => Self {
                automatic: flag(criticism.automatic),
                part_number: number(criticism.part_number),
                ..unit(&criticism.unit)
            },
            Body::CaseMerged(merged) => {
                Self { into_case_id: Some(Cow::Borrowed(&merged.into_case_id)), ..Self::default() }
            }
            Body::CaseAbsorbed(absorbed) => {
                Self { case_id: Some(Cow::Borrowed(&absorbed.case_id)), ..Self::default() }
            }
            Body::CaseUnmerged(unmerged) => {
                Self { from_case_id: Some(Cow::Borrowed(&unmerged.from_case_id)), ..Self::default() }
            }
            Body::CaseSplitOff(split_off) => {
                Self { case_id: Some(Cow::Borrowed(&split_off.case_id)), ..Self::default() }
            }
            Body::ClocksRecomputed(recomputed) => Self {
                case_deadline_at: moment(recomputed.case_deadline_at_us),
                deadline_at: moment(recomputed.deadline_at_us),
                directory_revision: Some(recomputed.directory_revision),
                previous_case_deadline_at: moment(recomputed.previous_case_deadline_at_us),
                previous_deadline_at: moment(recomputed.previous_deadline_at_us),
                ..Self::default()
            },
            Body::PrivatePartRead(_) | Body::PrivatePartErased(_) | Body::CaseWithdrawn(_) => Self::default(),
            // Requests are no part of a history; `CaseEvent` never has one.
            Body::RatingRequested(_)
            | Body::PrivateReadRequested(_)
            | Body::ErasureRequested(_)
            | Body::WithdrawalRequested(_)
            | Body::RequestRefused(_) => Self::default(),
        }
    }
}

impl<'a> LeafPart<'a> {
    fn of(part: &'a Part) -> Self {
        Self {
            deadline_at: rfc3339(from_micros(part.deadline_at_us)),
            parent_part_number: part.parent_part_number,
            part_number: part.part_number,
            unit: Cow::Borrowed(&part.unit),
        }
    }
}

impl<'a> LeafPicture<'a> {
    fn all(pictures: &'a [Picture]) -> Vec<Self> {
        pictures.iter().map(|picture| Self { media_type: Cow::Borrowed(&picture.media_type) }).collect()
    }
}

fn named(code: &str) -> Option<Cow<'_, str>> {
    (!code.is_empty()).then_some(Cow::Borrowed(code))
}

fn number(number: u32) -> Option<u32> {
    (number > 0).then_some(number)
}

fn flag(is_set: bool) -> Option<bool> {
    is_set.then_some(true)
}

fn moment(us: i64) -> Option<String> {
    (us != 0).then(|| rfc3339(from_micros(us)))
}

fn deadline_kind(kind: i32) -> Option<Cow<'static, str>> {
    DeadlineKind::try_from(kind).ok().and_then(words::deadline_kind_word).map(Cow::Borrowed)
}
