//! The lists that the ledger publishes as JSON Lines, read row by row (`docs/exports.md`).
//!
//! Guarantees that of each row as little is held as an audit needs: of a case how it stands, of a text what it would be
//! committed to as. What of it is right is for the log to say.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
};

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    account::Account,
    leaf,
    moment::{Moment, Month},
    names::{Name, Names},
    told::{Rating, State, parse_case_id},
};

/// A case of the export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExportedCase {
    pub(crate) account: Account,
    pub(crate) title: Option<TitleHash>,
}

/// Enough of SHA-256 to tell titles apart.
pub(crate) type TitleHash = [u8; 16];

/// Which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TextKey {
    pub(crate) case_id: u128,
    pub(crate) version: u32,
    /// Name in the leaf's commitments.
    pub(crate) name: Name,
}

/// Cases and texts, as they were exported.
#[derive(Debug)]
pub(crate) struct Exported {
    /// Names of these rows and of all leaves.
    pub(crate) names: Names,
    pub(crate) cases: HashMap<u128, ExportedCase>,
    /// What each text is committed to as, with the salt that is shown with it.
    pub(crate) texts: HashMap<TextKey, [u8; 32]>,
    /// Months in which any of the cases was submitted or last changed: the first and the last.
    pub(crate) months: Option<(Month, Month)>,
    /// Cases whose title is not the same in both.
    pub(crate) with_two_titles: Vec<u128>,
    /// All cases are there, and not only those of a file that was cut off.
    pub(crate) has_all_cases: bool,
    /// All texts are.
    pub(crate) has_all_texts: bool,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadRow {
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

impl BadRow {
    fn form(expected: &'static str, error: &serde_json::Error) -> Self {
        Self { expected, found: format!("a row whose form is wrong: {error}") }
    }
}

#[derive(Debug, Deserialize)]
struct CaseRow {
    case_id: String,
    case_version: u32,
    submitted_at: String,
    updated_at: String,
    kind: Option<String>,
    state: String,
    publication: Option<String>,
    title: Option<String>,
    category: Option<String>,
    municipal: Option<String>,
    district: Option<String>,
    township: Option<String>,
    addressee_kind: Option<String>,
    addressee: Option<String>,
    holder_office: Option<String>,
    responsible_unit: Option<String>,
    deadline_at: Option<String>,
    case_deadline_at: Option<String>,
    overdue: bool,
    registered: bool,
    open_parts: u32,
    petitioner_count: u32,
    merged_into: Option<String>,
    first_replied_at: Option<String>,
    replied_in_time: Option<bool>,
    replied_unit: Option<String>,
    replied_holder: Option<String>,
    resolved: Option<bool>,
    satisfied: Option<bool>,
    returned: u32,
    extensions_granted: u32,
    supervised: u32,
    criticised: u32,
    closed_at: Option<String>,
    erased_before_version: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct TextRow {
    case_id: String,
    case_version: u32,
    name: String,
    text: String,
    salt: String,
}

/// The last row of a file that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    end: bool,
    rows: u64,
}

/// How many rows a last row says there are; `None` for a row that is not the last.
pub(crate) fn end_of_rows(line: &str) -> Option<u64> {
    // Cheaper than parsing each row for it.
    let end: End = line.starts_with("{\"end\":").then(|| serde_json::from_str(line).ok())??;
    end.end.then_some(end.rows)
}

impl Exported {
    pub(crate) fn new() -> Self {
        Self {
            names: Names::new(),
            cases: HashMap::new(),
            texts: HashMap::new(),
            months: None,
            with_two_titles: Vec::new(),
            has_all_cases: false,
            has_all_texts: false,
        }
    }

    /// Takes a row of `/cases.jsonl`.
    pub(crate) fn take_case(&mut self, line: &str) -> Result<(), BadRow> {
        const EXPECTED: &str = "a case";
        let row: CaseRow = serde_json::from_str(line).map_err(|error| BadRow::form(EXPECTED, &error))?;
        let case_id = row.case_id.clone();
        let id = parse_case_id(&case_id)
            .ok_or_else(|| BadRow { expected: EXPECTED, found: format!("one with the id {case_id:?}") })?;
        let title = row.title.as_deref().map(title_hash);
        let account = self
            .account(row)
            .map_err(|what| BadRow { expected: EXPECTED, found: format!("{case_id} with {what}") })?;
        let (first, last) = (account.submitted_at.month(), account.updated_at.month());
        self.months = Some(match self.months {
            Some((earliest, latest)) => (earliest.min(first), latest.max(last)),
            None => (first, last),
        });
        match self.cases.entry(id) {
            Entry::Occupied(_) => Err(BadRow { expected: "each case once", found: case_id }),
            Entry::Vacant(empty) => {
                empty.insert(ExportedCase { account, title });
                Ok(())
            }
        }
    }

    /// Takes a row of `/texts.jsonl`. Cases come before it, for the sake of their titles.
    pub(crate) fn take_text(&mut self, line: &str) -> Result<(), BadRow> {
        const EXPECTED: &str = "a text with its salt";
        let row: TextRow = serde_json::from_str(line).map_err(|error| BadRow::form(EXPECTED, &error))?;
        let place = format!("{} of version {} of case {}", row.name, row.case_version, row.case_id);
        let wrong = |what: &str| BadRow { expected: EXPECTED, found: format!("{place} with {what}") };
        let case_id = parse_case_id(&row.case_id).ok_or_else(|| wrong("no id of a case"))?;
        let salt = HEXLOWER_PERMISSIVE.decode(row.salt.as_bytes()).ok().filter(|salt| salt.len() == 32);
        let salt = salt.ok_or_else(|| wrong("a salt that is not hex of 32 bytes"))?;
        let key = TextKey { case_id, version: row.case_version, name: self.names.name(&row.name) };
        if self.texts.insert(key, leaf::commitment(&salt, &row.text)).is_some() {
            return Err(BadRow { expected: "each text once", found: place });
        }
        let listed = self.cases.get(&case_id).and_then(|case| case.title);
        let is_title = row.case_version == 1 && row.name == "title";
        if is_title && listed.is_some_and(|hash| hash != title_hash(&row.text)) {
            self.with_two_titles.push(case_id);
        }
        Ok(())
    }

    /// The case that was submitted first.
    pub(crate) fn oldest(&self) -> Option<u128> {
        let oldest = self.cases.iter().min_by_key(|(case_id, case)| (case.account.submitted_at, **case_id));
        oldest.map(|(case_id, _)| *case_id)
    }

    fn account(&mut self, row: CaseRow) -> Result<Account, String> {
        let mut name = |text: Option<String>| self.names.name(text.as_deref().unwrap_or_default());
        let time = |field: &str, text: &str| {
            Moment::parse(text).ok_or_else(|| format!("a {field} that makes no sense: {text:?}"))
        };
        let maybe = |field: &str, text: Option<String>| text.map(|text| time(field, &text)).transpose();
        Ok(Account {
            version: row.case_version,
            kind: name(row.kind),
            is_public: match row.publication.as_deref() {
                Some("public") => true,
                Some("status_only") => false,
                other => return Err(format!("a publication that makes no sense: {other:?}")),
            },
            region: [name(row.municipal), name(row.district), name(row.township)],
            addressee_kind: name(row.addressee_kind),
            addressee: name(row.addressee),
            category: name(row.category),
            submitted_at: time("submitted_at", &row.submitted_at)?,
            updated_at: time("updated_at", &row.updated_at)?,
            state: State::of_word(&row.state)
                .ok_or_else(|| format!("a state that makes no sense: {:?}", row.state))?,
            holder_office: name(row.holder_office),
            responsible_unit: name(row.responsible_unit),
            deadline_at: maybe("deadline_at", row.deadline_at)?,
            case_deadline_at: maybe("case_deadline_at", row.case_deadline_at)?,
            overdue: row.overdue,
            registered: row.registered,
            open_parts: row.open_parts,
            petitioner_count: row.petitioner_count,
            merged_into: name(row.merged_into),
            first_replied_at: maybe("first_replied_at", row.first_replied_at)?,
            replied_in_time: row.replied_in_time.unwrap_or(false),
            replied_unit: name(row.replied_unit),
            replied_holder: name(row.replied_holder),
            rating: match (row.resolved, row.satisfied) {
                (Some(resolved), Some(satisfied)) => Some(Rating { resolved, satisfied }),
                (None, None) => None,
                (Some(_), None) | (None, Some(_)) => return Err("half a rating".to_owned()),
            },
            returned: row.returned,
            extensions_granted: row.extensions_granted,
            supervised: row.supervised,
            criticised: row.criticised,
            closed_at: maybe("closed_at", row.closed_at)?,
            erased_before: row.erased_before_version.unwrap_or(0),
        })
    }

    /// Forgets the cases, to read them from the beginning.
    pub(crate) fn forget_cases(&mut self) {
        self.cases = HashMap::new();
    }

    /// Forgets the texts, to read them from the beginning.
    pub(crate) fn forget_texts(&mut self) {
        drop(mem::take(&mut self.texts));
        self.with_two_titles.clear();
    }
}

fn title_hash(title: &str) -> TitleHash {
    let hash = Sha256::digest(title.as_bytes());
    let mut short = TitleHash::default();
    short.copy_from_slice(&hash[..16]);
    short
}

/// A column of a row as it is shown.
pub(crate) fn shown(value: Option<&Value>) -> String {
    match value {
        None => "no such column".to_owned(),
        Some(value) => value.to_string(),
    }
}
