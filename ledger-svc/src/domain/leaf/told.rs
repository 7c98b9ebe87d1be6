//! What a leaf tells of its case, with its words understood: what every account and every figure is folded from.
//!
//! Guaranteed: all that the fold reads is there and makes sense, whether the leaf was written a moment ago or years
//! ago by an earlier version. Left to others: whether the leaf is genuine, and whether versions have gaps.

use huying_platform::{codes::RegionPath, ids::CaseId};
use huying_proto::events::v1::{self as proto, ActorRole, CaseKind, CaseState, Publication};
use jiff::Timestamp;

use super::{Leaf, LeafStanding, What};
use crate::domain::{
    account::{Addressee, AddresseeKind},
    words,
};

/// Counts are told up to here: what the database keeps, and more than there are people.
const COUNT_MAX: u32 = i32::MAX as u32;

/// Why a leaf cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is of a later version of the format, or of a type of event that this version does not know.
    #[error("is {0:?} of format {1}, which this version does not know")]
    Unknown(String, u32),
    /// A field is missing, or has a value that the format does not have.
    #[error("has no {0} that makes sense")]
    Field(&'static str),
}

/// What a leaf tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'a> {
    /// Its case.
    pub case_id: CaseId,
    /// Its place in the history of the case, from 1.
    pub version: u64,
    /// When it was decided.
    pub occurred_at: Timestamp,
    /// When the submission was kept.
    pub submitted_at: Timestamp,
    /// Kind of the case.
    pub kind: CaseKind,
    /// What the citizen allows the public to see.
    pub publication: Publication,
    /// Where the matter is.
    pub region: RegionPath,
    /// Category path; may be empty.
    pub category: &'a str,
    /// Whom the citizen wrote to.
    pub addressee: Option<Addressee>,
    /// In what capacity somebody caused it.
    pub actor_role: ActorRole,
    /// Unit or representative code; may be empty.
    pub actor_code: &'a str,
    /// How the case stands after it; `None` for a submission.
    pub standing: Option<ToldStanding<'a>>,
    /// What happened.
    pub what: What<'a>,
}

/// How a case stands after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldStanding<'a> {
    /// State.
    pub state: CaseState,
    /// Office that holds it.
    pub holder_office: &'a str,
    /// Unit that has to act next, or that replied last; may be empty.
    pub responsible_unit: &'a str,
    /// When its time ends.
    pub deadline_at: Option<Timestamp>,
    /// When the time of the whole case ends.
    pub case_deadline_at: Option<Timestamp>,
    /// The public overdue mark.
    pub overdue: bool,
    /// Parts that are neither answered nor waived.
    pub open_parts: u32,
    /// How many people wrote about the matter; 0 in leaves that do not say.
    pub petitioner_count: u32,
    /// The case it goes on as part of.
    pub merged_into: Option<CaseId>,
}

impl<'a> Told<'a> {
    /// Understands a leaf.
    ///
    /// # Errors
    /// [`Unreadable`] names the first field that makes no sense.
    pub fn of(leaf: &'a Leaf<'a>) -> Result<Self, Unreadable> {
        let field = Unreadable::Field;
        if leaf.v != 1 {
            return Err(Unreadable::Unknown(leaf.event_type.to_string(), leaf.v));
        }
        let what = What::of(leaf)?;
        if leaf.case_version == 0
            || i64::try_from(leaf.case_version).is_err()
            || (leaf.case_version == 1) != (what == What::CaseSubmitted)
        {
            return Err(field("case_version"));
        }
        let standing = leaf.standing.as_ref().map(ToldStanding::of).transpose()?;
        if standing.is_some() != (leaf.case_version > 1) {
            return Err(field("standing"));
        }
        let region = RegionPath::from_proto(&proto::RegionPath {
            municipal: leaf.region.municipal.to_string(),
            district: leaf.region.district.to_string(),
            township: leaf.region.township.to_string(),
        })
        .map_err(|_| field("region"))?;
        let addressee = leaf.addressee.as_ref().map(|addressee| {
            let kind = AddresseeKind::of_word(&addressee.kind).ok_or(field("addressee.kind"))?;
            Ok(Addressee { kind, code: addressee.code.to_string() })
        });
        Ok(Self {
            case_id: leaf.case_id.parse().map_err(|_| field("case_id"))?,
            version: leaf.case_version,
            occurred_at: moment("occurred_at", &leaf.occurred_at)?,
            submitted_at: moment("submitted_at", &leaf.submitted_at)?,
            kind: words::kind_of(&leaf.kind).ok_or(field("kind"))?,
            publication: words::publication_of(&leaf.publication).ok_or(field("publication"))?,
            region,
            category: &leaf.category,
            addressee: addressee.transpose()?,
            actor_role: words::role_of(&leaf.actor.role).ok_or(field("actor.role"))?,
            actor_code: &leaf.actor.code,
            standing,
            what,
        })
    }

    /// The representative who did it, if one did.
    pub fn acting_representative(&self) -> Option<&'a str> {
        self.what.representative().or_else(|| {
            Some(self.actor_code)
                .filter(|code| self.actor_role == ActorRole::Representative && !code.is_empty())
        })
    }
}

impl<'a> ToldStanding<'a> {
    fn of(standing: &'a LeafStanding<'a>) -> Result<Self, Unreadable> {
        let deadline = |field: &'static str, time: &Option<String>| {
            time.as_deref().map(|time| moment(field, time)).transpose()
        };
        let merged_into = standing.merged_into.as_deref().map(str::parse).transpose();
        Ok(Self {
            state: words::state_of(&standing.state).ok_or(Unreadable::Field("standing.state"))?,
            holder_office: &standing.holder_office,
            responsible_unit: &standing.responsible_unit,
            deadline_at: deadline("standing.deadline_at", &standing.deadline_at)?,
            case_deadline_at: deadline("standing.case_deadline_at", &standing.case_deadline_at)?,
            overdue: standing.overdue,
            open_parts: standing.open_parts.min(COUNT_MAX),
            petitioner_count: standing.petitioner_count.min(COUNT_MAX),
            merged_into: merged_into.map_err(|_| Unreadable::Field("standing.merged_into"))?,
        })
    }
}

fn moment(field: &'static str, time: &str) -> Result<Timestamp, Unreadable> {
    time.parse().map_err(|_| Unreadable::Field(field))
}
