//! How a case stands: what the export of cases says of it, and what follows from its leaves ([`super::history`]).
//!
//! Small, because an audit holds one of each case.

use std::fmt;

use super::{
    moment::Moment,
    names::{Name, Names},
    told::{Rating, State},
};

/// How a case stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) version: u32,
    pub(crate) kind: Name,
    /// The citizen allows texts to be shown.
    pub(crate) is_public: bool,
    /// Municipality, district, township.
    pub(crate) region: [Name; 3],
    pub(crate) addressee_kind: Name,
    pub(crate) addressee: Name,
    pub(crate) category: Name,
    pub(crate) submitted_at: Moment,
    pub(crate) updated_at: Moment,
    pub(crate) state: State,
    pub(crate) holder_office: Name,
    pub(crate) responsible_unit: Name,
    pub(crate) deadline_at: Option<Moment>,
    pub(crate) case_deadline_at: Option<Moment>,
    pub(crate) overdue: bool,
    /// An office has accepted it; stays true.
    pub(crate) registered: bool,
    pub(crate) open_parts: u32,
    pub(crate) petitioner_count: u32,
    /// Id of the case it goes on as part of.
    pub(crate) merged_into: Name,
    pub(crate) first_replied_at: Option<Moment>,
    /// The first reply came no later than the deadline that ran before it.
    pub(crate) replied_in_time: bool,
    /// Who gave the latest reply.
    pub(crate) replied_unit: Name,
    /// The office that held the case then.
    pub(crate) replied_holder: Name,
    /// The latest.
    pub(crate) rating: Option<Rating>,
    pub(crate) returned: u32,
    pub(crate) extensions_granted: u32,
    pub(crate) supervised: u32,
    pub(crate) criticised: u32,
    pub(crate) closed_at: Option<Moment>,
    /// Version of the latest erasure of the private part; 0 without one.
    pub(crate) erased_before: u32,
}

/// A field in which two accounts differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) field: &'static str,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Account {
    /// In what another account of the case says otherwise.
    pub(crate) fn differences(&self, other: &Self, names: &Names) -> Vec<Difference> {
        if self == other {
            return Vec::new();
        }
        let pairs = self.fields(names).into_iter().zip(other.fields(names));
        pairs
            .filter(|((_, expected), (_, found))| expected != found)
            .map(|((field, expected), (_, found))| Difference { field, expected, found })
            .collect()
    }

    /// Every field in words, under the names of the export.
    fn fields(&self, names: &Names) -> Vec<(&'static str, String)> {
        let name = |name: Name| names.text(name).to_owned();
        let time = |at: Option<Moment>| maybe(at.as_ref());
        let has_replied = self.first_replied_at.is_some();
        // Does not compile when a field is forgotten.
        let Self {
            version,
            kind,
            is_public,
            region: [municipal, district, township],
            addressee_kind,
            addressee,
            category,
            submitted_at,
            updated_at,
            state,
            holder_office,
            responsible_unit,
            deadline_at,
            case_deadline_at,
            overdue,
            registered,
            open_parts,
            petitioner_count,
            merged_into,
            first_replied_at,
            replied_in_time,
            replied_unit,
            replied_holder,
            rating,
            returned,
            extensions_granted,
            supervised,
            criticised,
            closed_at,
            erased_before,
        } = self;
        vec![
            ("case_version", version.to_string()),
            ("kind", name(*kind)),
            ("publication", if *is_public { "public" } else { "status_only" }.to_owned()),
            ("municipal", name(*municipal)),
            ("district", name(*district)),
            ("township", name(*township)),
            ("addressee_kind", name(*addressee_kind)),
            ("addressee", name(*addressee)),
            ("category", name(*category)),
            ("submitted_at", submitted_at.to_string()),
            ("updated_at", updated_at.to_string()),
            ("state", state.word().to_owned()),
            ("holder_office", name(*holder_office)),
            ("responsible_unit", name(*responsible_unit)),
            ("deadline_at", time(*deadline_at)),
            ("case_deadline_at", time(*case_deadline_at)),
            ("overdue", overdue.to_string()),
            ("registered", registered.to_string()),
            ("open_parts", open_parts.to_string()),
            ("petitioner_count", petitioner_count.to_string()),
            ("merged_into", name(*merged_into)),
            ("first_replied_at", time(*first_replied_at)),
            ("replied_in_time", maybe(has_replied.then_some(replied_in_time))),
            ("replied_unit", name(*replied_unit)),
            ("replied_holder", name(*replied_holder)),
            ("resolved", maybe(rating.map(|rating| rating.resolved).as_ref())),
            ("satisfied", maybe(rating.map(|rating| rating.satisfied).as_ref())),
            ("returned", returned.to_string()),
            ("extensions_granted", extensions_granted.to_string()),
            ("supervised", supervised.to_string()),
            ("criticised", criticised.to_string()),
            ("closed_at", time(*closed_at)),
            ("erased_before_version", maybe(Some(erased_before).filter(|version| **version > 0))),
        ]
    }

    /// May a text of this name, of a leaf of this version, be shown?
    pub(crate) fn shows(&self, version: u32, name: &str) -> bool {
        // Names of what citizens write in whatever version; everything of version 1 is theirs besides.
        let is_citizens = version == 1 || ["title", "body", "comment", "withdrawal_reason"].contains(&name);
        let is_erased = version < self.erased_before && is_citizens;
        self.is_public
            && !is_erased
            && if self.state == State::Declined { name == "explanation" } else { self.registered }
    }
}

fn maybe<T: fmt::Display>(value: Option<&T>) -> String {
    value.map(T::to_string).unwrap_or_default()
}
