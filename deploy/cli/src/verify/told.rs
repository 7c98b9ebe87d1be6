//! What a leaf tells of its case: as much as accounts and figures are drawn from.
//!
//! Guarantees that a leaf of another format, of an unknown type, or without what its type has, is not passed over in
//! silence: it says what is wrong with it. Whether the leaf is canonical, and in its place, is judged elsewhere.

use std::collections::BTreeMap;

use serde::Deserialize;
use uuid::Uuid;

use super::moment::Moment;

/// How a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Submitted,
    Registered,
    Assigned,
    InHandling,
    Replied,
    Closed,
    Declined,
    Withdrawn,
    Merged,
}

impl State {
    const ALL: [Self; 9] = [
        Self::Submitted,
        Self::Registered,
        Self::Assigned,
        Self::InHandling,
        Self::Replied,
        Self::Closed,
        Self::Declined,
        Self::Withdrawn,
        Self::Merged,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Registered => "registered",
            Self::Assigned => "assigned",
            Self::InHandling => "in_handling",
            Self::Replied => "replied",
            Self::Closed => "closed",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
            Self::Merged => "merged",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// A unit has to act, rather than the citizen or nobody.
    pub(crate) fn waits_for_a_unit(self) -> bool {
        match self {
            Self::Submitted | Self::Registered | Self::Assigned | Self::InHandling => true,
            Self::Replied | Self::Closed | Self::Declined | Self::Withdrawn | Self::Merged => false,
        }
    }

    /// Nobody has anything to do any more.
    pub(crate) fn is_over(self) -> bool {
        match self {
            Self::Closed | Self::Declined | Self::Withdrawn => true,
            Self::Submitted
            | Self::Registered
            | Self::Assigned
            | Self::InHandling
            | Self::Replied
            | Self::Merged => false,
        }
    }

    /// No case is in it without an office having accepted the case.
    pub(crate) fn implies_registration(self) -> bool {
        match self {
            Self::Registered | Self::Assigned | Self::InHandling | Self::Replied => true,
            Self::Submitted | Self::Closed | Self::Declined | Self::Withdrawn | Self::Merged => false,
        }
    }
}

/// A citizen's judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rating {
    pub(crate) resolved: bool,
    pub(crate) satisfied: bool,
}

/// What a leaf tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// The case.
    pub(crate) case_id: u128,
    /// Its place in the history of the case, from 1.
    pub(crate) version: u32,
    pub(crate) occurred_at: Moment,
    pub(crate) submitted_at: Moment,
    /// Word of the kind.
    pub(crate) kind: String,
    /// Texts may be shown.
    pub(crate) is_public: bool,
    /// Municipality, district, township; empty where they do not apply.
    pub(crate) region: [String; 3],
    pub(crate) category: String,
    /// Kind and code of whom the citizen wrote to.
    pub(crate) addressee: Option<(String, String)>,
    /// How the case stands after it; none for a submission.
    pub(crate) standing: Option<Standing>,
    /// Representative who did it; empty when somebody else did, or when all they did was to read the private part.
    pub(crate) representative: String,
    pub(crate) what: What,
    /// Commitments by the name of the text.
    pub(crate) commitments: Vec<(String, [u8; 32])>,
}

/// How a case stands after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: State,
    pub(crate) holder_office: String,
    pub(crate) responsible_unit: String,
    pub(crate) deadline_at: Option<Moment>,
    pub(crate) case_deadline_at: Option<Moment>,
    pub(crate) overdue: bool,
    pub(crate) open_parts: u32,
    /// From 1.
    pub(crate) petitioner_count: u32,
    /// Id of the case it goes on as part of; empty when it goes on by itself.
    pub(crate) merged_into: String,
}

/// What happened, as far as accounts and figures depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Submitted,
    Registered,
    Replied {
        unit: String,
        /// A representative answered in their own name.
        by_representative: bool,
    },
    Rated(Rating),
    Returned {
        unit: String,
    },
    Claimed,
    Progressed {
        /// A representative told it in their own name.
        by_representative: bool,
    },
    Urged {
        unit: String,
        by_representative: bool,
    },
    ExtensionGranted {
        unit: String,
    },
    ExtensionRequested {
        unit: String,
    },
    Supervised {
        unit: String,
    },
    Criticised {
        unit: String,
    },
    /// Parts were given to these co-handlers, one each time it names one.
    PartsGiven {
        units: Vec<String>,
    },
    PartAnswered {
        unit: String,
    },
    /// A deadline of a unit passed.
    Expired {
        unit: String,
    },
    /// It was handed on to another office or department.
    HandedOn {
        way: Way,
        from: String,
        to: String,
    },
    PrivatePartErased,
    /// Everything else, which changes no more than how the case stands.
    Else,
}

/// In which way a case went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Delegated,
    Escalated,
    Transferred,
    Returned,
}

impl Way {
    /// The word that `/flows.jsonl` has for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Delegated => "delegated",
            Self::Escalated => "escalated",
            Self::Transferred => "transferred",
            Self::Returned => "returned",
        }
    }
}

/// Types of events that change no more than how a case stands.
const ELSE: [&str; 16] = [
    "CaseQueued",
    "CaseDeclined",
    "CaseClassified",
    "CaseAccepted",
    "PartWaived",
    "ExtensionRefused",
    "CaseReopened",
    "CaseClosed",
    "DeadlineNear",
    "CaseMerged",
    "CaseAbsorbed",
    "CaseUnmerged",
    "CaseSplitOff",
    "CaseWithdrawn",
    "ClocksRecomputed",
    "PrivatePartRead",
];

const KINDS: [&str; 5] = ["message", "suggestion", "project_proposal", "draft_comment", "appointment"];
const ROLES: [&str; 6] = ["citizen", "office", "department", "representative", "system", "operator"];
const ADDRESSEES: [&str; 3] = ["representative", "station", "region"];

/// The form of a leaf; what is of no use here is passed over.
#[derive(Debug, Deserialize)]
struct Form {
    v: u32,
    #[serde(rename = "type")]
    event_type: String,
    case_id: String,
    case_version: u32,
    occurred_at: String,
    submitted_at: String,
    kind: String,
    publication: String,
    category: String,
    region: RegionForm,
    addressee: Option<CodeForm>,
    actor: ActorForm,
    standing: Option<StandingForm>,
    commitments: BTreeMap<String, String>,
    details: DetailsForm,
}

#[derive(Debug, Deserialize)]
struct RegionForm {
    municipal: String,
    district: String,
    township: String,
}

#[derive(Debug, Deserialize)]
struct CodeForm {
    kind: String,
    code: String,
}

#[derive(Debug, Deserialize)]
struct ActorForm {
    role: String,
    code: String,
}

#[derive(Debug, Deserialize)]
struct StandingForm {
    state: String,
    holder_office: String,
    responsible_unit: String,
    deadline_at: Option<String>,
    case_deadline_at: Option<String>,
    overdue: bool,
    #[serde(default)]
    open_parts: u32,
    #[serde(default)]
    petitioner_count: u32,
    merged_into: Option<String>,
}

#[derive(Debug, Deserialize)]
struct DetailsForm {
    unit: Option<String>,
    representative_code: Option<String>,
    resolved: Option<bool>,
    satisfied: Option<bool>,
    /// Of a deadline: what had to be done.
    kind: Option<String>,
    #[serde(default)]
    parts: Vec<PartForm>,
    from_office: Option<String>,
    to_office: Option<String>,
    from_unit: Option<String>,
    to_unit: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PartForm {
    unit: String,
}

impl Told {
    /// Understands a leaf; says what of it makes no sense otherwise.
    pub(crate) fn parse(leaf: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
            #[serde(rename = "type")]
            event_type: String,
        }
        let form: Form = match serde_json::from_str(leaf) {
            Ok(form) => form,
            Err(error) => {
                return Err(match serde_json::from_str::<Version>(leaf) {
                    Ok(Version { v, event_type }) if v != 1 => unknown(&event_type, v),
                    Ok(_) | Err(_) => format!("a leaf whose form is wrong: {error}"),
                });
            }
        };
        if form.v != 1 {
            return Err(unknown(&form.event_type, form.v));
        }
        let case_id = parse_case_id(&form.case_id).ok_or_else(|| nonsense("case_id", &form.case_id))?;
        let details = form.details;
        let is_by_representative = form.actor.role == "representative";
        known("actor.role", &form.actor.role, &ROLES)?;
        known("kind", &form.kind, &KINDS)?;
        let what = what(&form.event_type, &details, is_by_representative)?;
        let is_submission = matches!(what, What::Submitted);
        if is_submission != (form.case_version == 1) || form.case_version == 0 {
            return Err(format!("{} as version {}", form.event_type, form.case_version));
        }
        let standing = form.standing.map(Standing::parse).transpose()?;
        if standing.is_some() == is_submission {
            return Err(nonsense("standing", if is_submission { "there is one" } else { "there is none" }));
        }
        if form.region.municipal.is_empty() {
            return Err(nonsense("region.municipal", ""));
        }
        if let Some(addressee) = &form.addressee {
            known("addressee.kind", &addressee.kind, &ADDRESSEES)?;
        }
        let is_public = match form.publication.as_str() {
            "public" => true,
            "status_only" => false,
            other => return Err(nonsense("publication", other)),
        };
        Ok(Self {
            case_id,
            version: form.case_version,
            occurred_at: moment("occurred_at", &form.occurred_at)?,
            submitted_at: moment("submitted_at", &form.submitted_at)?,
            kind: form.kind,
            is_public,
            region: [form.region.municipal, form.region.district, form.region.township],
            category: form.category,
            addressee: form.addressee.map(|addressee| (addressee.kind, addressee.code)),
            standing,
            // Who has read the private part has not done anything for the case by that.
            representative: match form.event_type.as_str() {
                "PrivatePartRead" => String::new(),
                _ => acting_representative(&what, details.representative_code, form.actor),
            },
            what,
            commitments: form.commitments.into_iter().map(commitment).collect::<Result<_, _>>()?,
        })
    }
}

/// Reads a case id in the one form that leaves have.
pub(crate) fn parse_case_id(text: &str) -> Option<u128> {
    let id = Uuid::try_parse(text).ok()?;
    (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(id.as_u128())
}

/// A case id as leaves have it.
pub(crate) fn case_id_text(case_id: u128) -> String {
    Uuid::from_u128(case_id).to_string()
}

/// Who did it, when it was a representative: the one that the event names, or else the one whose token it was.
fn acting_representative(what: &What, named: Option<String>, actor: ActorForm) -> String {
    let names_somebody = match what {
        What::Claimed | What::Progressed { .. } | What::Replied { .. } => true,
        What::Submitted
        | What::Registered
        | What::Rated(_)
        | What::Returned { .. }
        | What::Urged { .. }
        | What::ExtensionGranted { .. }
        | What::ExtensionRequested { .. }
        | What::Supervised { .. }
        | What::Criticised { .. }
        | What::PartsGiven { .. }
        | What::PartAnswered { .. }
        | What::Expired { .. }
        | What::HandedOn { .. }
        | What::PrivatePartErased
        | What::Else => false,
    };
    match named.filter(|_| names_somebody) {
        Some(named) => named,
        None if actor.role == "representative" => actor.code,
        None => String::new(),
    }
}

fn what(event_type: &str, details: &DetailsForm, is_by_representative: bool) -> Result<What, String> {
    let unit = || details.unit.clone().ok_or_else(|| nonsense("details.unit", "there is none"));
    let names_representative = details.representative_code.is_some();
    Ok(match event_type {
        "CaseSubmitted" => What::Submitted,
        "CaseRegistered" => What::Registered,
        "CaseReplied" => What::Replied { unit: unit()?, by_representative: names_representative },
        "CaseRated" => match (details.resolved, details.satisfied) {
            (Some(resolved), Some(satisfied)) => What::Rated(Rating { resolved, satisfied }),
            (Some(_) | None, _) => return Err(nonsense("details", "no rating")),
        },
        "CaseReturned" => What::Returned { unit: unit()? },
        "CaseClaimed" if names_representative => What::Claimed,
        "CaseClaimed" => return Err(nonsense("details.representative_code", "there is none")),
        "ProgressReported" => What::Progressed { by_representative: names_representative },
        "CaseUrged" => What::Urged { unit: unit()?, by_representative: is_by_representative },
        "ExtensionGranted" => What::ExtensionGranted { unit: unit()? },
        "ExtensionRequested" => What::ExtensionRequested { unit: unit()? },
        "CaseAssigned" | "PartAssigned" => {
            What::PartsGiven { units: details.parts.iter().map(|part| part.unit.clone()).collect() }
        }
        "PartAnswered" => What::PartAnswered { unit: unit()? },
        "DeadlineExpired" => match details.kind.as_deref() {
            Some("assign" | "register" | "reply" | "part") => What::Expired { unit: unit()? },
            // The citizen's own time, and that of the case as a whole, which is nobody's alone.
            Some("rate" | "case") => What::Else,
            other => return Err(nonsense("details.kind", other.unwrap_or_default())),
        },
        "CaseDelegated" => handed_on(Way::Delegated, &details.from_office, &details.to_office)?,
        "CaseEscalated" => handed_on(Way::Escalated, &details.from_office, &details.to_office)?,
        "CaseTransferred" => handed_on(Way::Transferred, &details.from_unit, &details.to_unit)?,
        "CaseSupervised" => What::Supervised { unit: unit()? },
        "CriticismCirculated" => What::Criticised { unit: unit()? },
        "PrivatePartErased" => What::PrivatePartErased,
        other if ELSE.contains(&other) => What::Else,
        other => return Err(unknown(other, 1)),
    })
}

fn handed_on(way: Way, from: &Option<String>, to: &Option<String>) -> Result<What, String> {
    match (from, to) {
        (Some(from), Some(to)) => Ok(What::HandedOn { way, from: from.clone(), to: to.clone() }),
        (Some(_) | None, _) => Err(nonsense("details", "no way from one unit to another")),
    }
}

impl Standing {
    fn parse(form: StandingForm) -> Result<Self, String> {
        let deadline = |field, time: Option<String>| time.map(|time| moment(field, &time)).transpose();
        Ok(Self {
            state: State::of_word(&form.state).ok_or_else(|| nonsense("standing.state", &form.state))?,
            holder_office: form.holder_office,
            responsible_unit: form.responsible_unit,
            deadline_at: deadline("standing.deadline_at", form.deadline_at)?,
            case_deadline_at: deadline("standing.case_deadline_at", form.case_deadline_at)?,
            overdue: form.overdue,
            open_parts: form.open_parts,
            petitioner_count: form.petitioner_count.max(1),
            merged_into: form.merged_into.unwrap_or_default(),
        })
    }
}

fn commitment((name, hex): (String, String)) -> Result<(String, [u8; 32]), String> {
    let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).ok();
    match bytes.and_then(|bytes| bytes.try_into().ok()) {
        Some(bytes) => Ok((name, bytes)),
        None => Err(nonsense("commitments", &hex)),
    }
}

fn moment(field: &str, text: &str) -> Result<Moment, String> {
    Moment::parse(text).ok_or_else(|| nonsense(field, text))
}

fn known(field: &str, word: &str, words: &[&str]) -> Result<(), String> {
    if words.contains(&word) { Ok(()) } else { Err(nonsense(field, word)) }
}

fn nonsense(field: &str, found: &str) -> String {
    format!("a leaf whose {field} makes no sense: {found:?}")
}

fn unknown(event_type: &str, v: u32) -> String {
    format!("{event_type} of format {v}, which this program does not know; a newer one may")
}

#[cfg(test)]
pub(crate) mod tests;
