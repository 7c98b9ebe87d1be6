//! The import of reference data: CSV files in, a complete and consistent set of entries out, or every fault by line.
//!
//! The files are checked together with the files that were not sent and keep their rows, so that what is accepted is
//! consistent as a whole: references lead somewhere, regions form a tree, every region has one office on every day from
//! today on, and no two rules, limits or departments compete. Comparing with what is in place and storing is left to the
//! use case.

mod fields;
mod file;
mod files;
mod matters;
mod places;
mod references;
mod rows;
mod rule_references;
mod rule_ties;
mod tenures;
mod times;
mod tree;
mod validity;

use std::{collections::BTreeMap, fmt};

use huying_proto::events::v1::{
    CalendarDay, CaseKind, Category, DirectoryEntry, Policy, Region, Representative, RoutingRule, Station,
    Unit, directory_entry::Entry,
};
use jiff::civil::Date;

pub use file::File;
pub use rule_ties::rules_tie;
use validity::Validity;

/// How many faults a report lists at most.
pub const FAULTS_MAX: usize = 100;
/// How large rules.csv may be, in bytes: a version of the rules is handed out in one answer.
pub const RULES_BYTES_MAX: usize = 2 * 1024 * 1024;

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: File,
    /// Line in the file, counted from 1, which is the header.
    pub line: u64,
    /// Column.
    pub column: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl Fault {
    /// Where it is, such as "regions.csv:12:parent".
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}:{}", self.file.name(), self.line, self.column)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.problem)
    }
}

/// Collects faults up to the bound; a file that is wrong throughout need not be listed throughout.
#[derive(Debug, Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, file: File, line: u64, column: &str, problem: impl Into<String>) {
        if !self.is_full() {
            self.0.push(Fault { file, line, column: column.to_owned(), problem: problem.into() });
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() >= FAULTS_MAX
    }
}

/// A row of a file that was sent, with its line, or of one that was not and keeps its rows.
#[derive(Debug, Clone)]
struct Row<T> {
    line: Option<u64>,
    valid: Validity,
    value: T,
}

/// A good row of a file that was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct SentRow {
    /// Line in its file, counted from 1, which is the header.
    pub line: u64,
    /// What it says.
    pub entry: DirectoryEntry,
}

/// All reference data as it would be after the import.
#[derive(Debug, Default)]
struct Draft {
    regions: Vec<Row<Region>>,
    units: Vec<Row<Unit>>,
    stations: Vec<Row<Station>>,
    representatives: Vec<Row<Representative>>,
    categories: Vec<Row<Category>>,
    rules: Vec<Row<RoutingRule>>,
    policies: Vec<Row<Policy>>,
    calendar_days: Vec<Row<CalendarDay>>,
}

/// Checks files together with the entries in place, of which the retired and those of sent files do not count.
///
/// Returns the rows of the sent files, file by file in the order of their lines. `today` is the day in Asia/Shanghai: what
/// has ended by then needs nothing any more.
///
/// # Errors
/// At most [`FAULTS_MAX`] faults, by file and line as far as they are found in one pass.
pub fn check(
    sent: &BTreeMap<File, Vec<u8>>,
    in_place: impl IntoIterator<Item = DirectoryEntry>,
    today: Date,
) -> Result<Vec<SentRow>, Vec<Fault>> {
    let mut faults = Faults::default();
    let mut draft = Draft::default();
    for entry in in_place {
        if !entry.retired && File::of(&entry).is_some_and(|file| !sent.contains_key(&file)) {
            draft.keep(entry);
        }
    }
    for (&file, bytes) in sent {
        files::read(file, bytes, &mut draft, &mut faults);
    }
    // References are judged over rows that were read; a file with unreadable rows would make them all look dangling.
    if faults.0.is_empty() {
        references::check(&draft, sent, today, &mut faults);
    }
    if faults.0.is_empty() { Ok(draft.into_sent_rows()) } else { Err(faults.0) }
}

impl Draft {
    fn keep(&mut self, entry: DirectoryEntry) {
        let valid = Validity::of(&entry);
        match entry.entry {
            None => {}
            Some(Entry::Region(value)) => self.regions.push(Row { line: None, valid, value }),
            Some(Entry::Unit(value)) => self.units.push(Row { line: None, valid, value }),
            Some(Entry::Station(value)) => self.stations.push(Row { line: None, valid, value }),
            Some(Entry::Representative(value)) => self.representatives.push(Row { line: None, valid, value }),
            Some(Entry::Category(value)) => self.categories.push(Row { line: None, valid, value }),
            Some(Entry::Rule(value)) => self.rules.push(Row { line: None, valid, value }),
            Some(Entry::Policy(value)) => self.policies.push(Row { line: None, valid, value }),
            Some(Entry::CalendarDay(value)) => self.calendar_days.push(Row { line: None, valid, value }),
        }
    }

    fn into_sent_rows(self) -> Vec<SentRow> {
        fn sent<T>(rows: Vec<Row<T>>, into: fn(T) -> Entry) -> impl Iterator<Item = SentRow> {
            rows.into_iter().filter_map(move |row| {
                let entry = DirectoryEntry {
                    entry: Some(into(row.value)),
                    retired: false,
                    valid_from: row.valid.first_day_text(),
                    valid_until: row.valid.end_text(),
                };
                Some(SentRow { line: row.line?, entry })
            })
        }
        sent(self.regions, Entry::Region)
            .chain(sent(self.units, Entry::Unit))
            .chain(sent(self.stations, Entry::Station))
            .chain(sent(self.representatives, Entry::Representative))
            .chain(sent(self.categories, Entry::Category))
            .chain(sent(self.rules, Entry::Rule))
            .chain(sent(self.policies, Entry::Policy))
            .chain(sent(self.calendar_days, Entry::CalendarDay))
            .collect()
    }
}

/// The word for a kind in rules.csv and policies.csv.
#[must_use]
pub const fn kind_word(kind: CaseKind) -> &'static str {
    match kind {
        CaseKind::Unspecified => "*",
        CaseKind::Message => "message",
        CaseKind::Suggestion => "suggestion",
        CaseKind::ProjectProposal => "project_proposal",
        CaseKind::DraftComment => "draft_comment",
        CaseKind::Appointment => "appointment",
    }
}
