//! Which files there are, and the columns of each.

use huying_proto::{
    events::v1::{DirectoryEntry, directory_entry::Entry},
    routing::v1::DirectoryFile,
};

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
    /// policies.csv.
    Policies,
    /// calendar.csv.
    Calendar,
}

impl File {
    /// Every file, each after those it refers to.
    pub const ALL: [Self; 8] = [
        Self::Regions,
        Self::Units,
        Self::Stations,
        Self::Representatives,
        Self::Categories,
        Self::Rules,
        Self::Policies,
        Self::Calendar,
    ];

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
            Self::Policies => "policies.csv",
            Self::Calendar => "calendar.csv",
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
            Self::Policies => &["kind", "category", "tier", "step", "limit"],
            Self::Calendar => &["date", "kind", "name", "provisional"],
        }
    }

    /// The columns its header line may name besides. One that is not there is empty in every line.
    #[must_use]
    pub const fn optional_columns(self) -> &'static [&'static str] {
        match self {
            Self::Regions => &["valid_from", "valid_until", "replaced_by"],
            Self::Units | Self::Stations | Self::Representatives => &["valid_from", "valid_until"],
            Self::Categories => &["keywords"],
            Self::Rules => &["keywords", "addressee", "priority", "unit"],
            Self::Policies | Self::Calendar => &[],
        }
    }

    /// The file as contracts name it.
    #[must_use]
    pub const fn to_proto(self) -> DirectoryFile {
        match self {
            Self::Regions => DirectoryFile::Regions,
            Self::Units => DirectoryFile::Units,
            Self::Stations => DirectoryFile::Stations,
            Self::Representatives => DirectoryFile::Representatives,
            Self::Categories => DirectoryFile::Categories,
            Self::Rules => DirectoryFile::Rules,
            Self::Policies => DirectoryFile::Policies,
            Self::Calendar => DirectoryFile::Calendar,
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
            DirectoryFile::Policies => Some(Self::Policies),
            DirectoryFile::Calendar => Some(Self::Calendar),
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
            Some(Entry::Policy(_)) => Some(Self::Policies),
            Some(Entry::CalendarDay(_)) => Some(Self::Calendar),
        }
    }
}
