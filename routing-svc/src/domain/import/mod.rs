//! The import of reference data: CSV files in, a complete and consistent set of entries out, or every fault by line.
//!
//! The files are checked together with the files that were not sent and keep their rows, so that what is accepted is
//! consistent as a whole: references lead somewhere, regions form a tree, every region has one office, and no two rules
//! or departments compete. Comparing with what is in place and storing is left to the use case.

mod files;
mod references;
mod rows;

use std::{collections::BTreeMap, fmt};

use huying_proto::{
    events::v1::{
        CaseKind, Category, DirectoryEntry, Region, Representative, RoutingRule, Station, Unit,
        directory_entry::Entry,
    },
    routing::v1::DirectoryFile,
};

/// How many faults a report lists at most.
pub const FAULTS_MAX: usize = 100;

/// A CSV file of reference data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum File {
    /// regions.csv.
    Regions,
    /// units.csv.
    Units,
    /// stations.csv.
    Stations,
    /// representatives.csv.
    Representatives,
    /// categories.csv.
    Categories,
    /// rules.csv.
    Rules,
}

impl File {
    /// Every file, each after those it refers to.
    pub const ALL: [Self; 6] =
        [Self::Regions, Self::Units, Self::Stations, Self::Representatives, Self::Categories, Self::Rules];

    /// Its name, as it stands in faults.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regions => "regions.csv",
            Self::Units => "units.csv",
            Self::Stations => "stations.csv",
            Self::Representatives => "representatives.csv",
            Self::Categories => "categories.csv",
            Self::Rules => "rules.csv",
        }
    }

    /// The columns its header line must name, in any order.
    #[must_use]
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Regions => &["code", "name", "tier", "parent"],
            Self::Units => &["code", "name", "region", "kind", "functions"],
            Self::Stations => &["code", "name", "region", "longitude", "latitude"],
            Self::Representatives => &["code", "designation", "region", "level", "station"],
            Self::Categories => &["level1", "level2", "level3"],
            Self::Rules => &["region", "kind", "category", "tier", "function"],
        }
    }

    /// Reads a file from a contract; None when it names none.
    #[must_use]
    pub const fn from_proto(file: DirectoryFile) -> Option<Self> {
        match file {
            DirectoryFile::Unspecified => None,
            DirectoryFile::Regions => Some(Self::Regions),
            DirectoryFile::Units => Some(Self::Units),
            DirectoryFile::Stations => Some(Self::Stations),
            DirectoryFile::Representatives => Some(Self::Representatives),
            DirectoryFile::Categories => Some(Self::Categories),
            DirectoryFile::Rules => Some(Self::Rules),
        }
    }

    /// The file an entry comes from; None when the entry is empty.
    #[must_use]
    pub const fn of(entry: &DirectoryEntry) -> Option<Self> {
        match &entry.entry {
            None => None,
            Some(Entry::Region(_)) => Some(Self::Regions),
            Some(Entry::Unit(_)) => Some(Self::Units),
            Some(Entry::Station(_)) => Some(Self::Stations),
            Some(Entry::Representative(_)) => Some(Self::Representatives),
            Some(Entry::Category(_)) => Some(Self::Categories),
            Some(Entry::Rule(_)) => Some(Self::Rules),
        }
    }
}

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
    value: T,
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
}

/// Checks files together with the entries in place, of which the retired and those of sent files do not count.
///
/// Returns the entries of the sent files.
///
/// # Errors
/// At most [`FAULTS_MAX`] faults, by file and line as far as they are found in one pass.
pub fn check(
    sent: &BTreeMap<File, Vec<u8>>,
    in_place: impl IntoIterator<Item = DirectoryEntry>,
) -> Result<Vec<DirectoryEntry>, Vec<Fault>> {
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
        references::check(&draft, sent, &mut faults);
    }
    if faults.0.is_empty() { Ok(draft.into_sent_entries()) } else { Err(faults.0) }
}

impl Draft {
    fn keep(&mut self, entry: DirectoryEntry) {
        match entry.entry {
            None => {}
            Some(Entry::Region(value)) => self.regions.push(Row { line: None, value }),
            Some(Entry::Unit(value)) => self.units.push(Row { line: None, value }),
            Some(Entry::Station(value)) => self.stations.push(Row { line: None, value }),
            Some(Entry::Representative(value)) => self.representatives.push(Row { line: None, value }),
            Some(Entry::Category(value)) => self.categories.push(Row { line: None, value }),
            Some(Entry::Rule(value)) => self.rules.push(Row { line: None, value }),
        }
    }

    fn into_sent_entries(self) -> Vec<DirectoryEntry> {
        fn sent<T>(rows: Vec<Row<T>>, into: fn(T) -> Entry) -> impl Iterator<Item = DirectoryEntry> {
            rows.into_iter()
                .filter(|row| row.line.is_some())
                .map(move |row| DirectoryEntry { entry: Some(into(row.value)), retired: false })
        }
        sent(self.regions, Entry::Region)
            .chain(sent(self.units, Entry::Unit))
            .chain(sent(self.stations, Entry::Station))
            .chain(sent(self.representatives, Entry::Representative))
            .chain(sent(self.categories, Entry::Category))
            .chain(sent(self.rules, Entry::Rule))
            .collect()
    }
}

/// The word for a kind in rules.csv.
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
