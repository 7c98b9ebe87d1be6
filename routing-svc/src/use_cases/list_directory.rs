//! Lists reference data by code, page by page, from the snapshot in memory: what the last import had, also what is not
//! valid yet or any more, with its days. Retired entries are left out.

use huying_platform::{
    codes::RegionCode,
    directory::{Directory, Kind, key_of},
};
use huying_proto::{
    events::v1::{DirectoryEntry, directory_entry::Entry},
    routing::v1::ListDirectoryResponse,
};

use crate::{
    domain::{authority::lies_in, import::File},
    error::Error,
    service::Service,
};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct DirectorySelection {
    /// Kind of entries.
    pub file: File,
    /// In the subtree of this region; not asked of categories, limits and days.
    pub region: Option<RegionCode>,
    /// How many at most.
    pub page_size: u32,
    /// After the entry with this code.
    pub after: Option<String>,
}

/// Reads a page. Its next page begins after the code in `next_page_token`, which is not encoded yet.
///
/// # Errors
/// When the region is unknown.
pub fn list_directory(
    service: &Service,
    selection: &DirectorySelection,
) -> Result<ListDirectoryResponse, Error> {
    let directory = service.directory.load();
    if let Some(region) =
        selection.region.as_ref().filter(|region| directory.region(region.as_str()).is_none())
    {
        return Err(Error::InvalidField { field: "region_code", problem: format!("{region} is unknown") });
    }
    let is_within = |region: &str| {
        selection.region.as_ref().is_none_or(|root| lies_in(&directory, region, root.as_str()))
    };
    let mut found: Vec<(String, DirectoryEntry)> = entries(&directory, selection.file, is_within)
        .into_iter()
        .filter_map(|entry| with_key(&directory, entry))
        .filter(|(code, _)| selection.after.as_ref().is_none_or(|after| code > after))
        .collect();
    found.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
    let page_size = selection.page_size as usize;
    let next_page_token = match found.get(page_size.wrapping_sub(1)) {
        Some((last, _)) if found.len() > page_size => last.clone(),
        Some(_) | None => String::new(),
    };
    let entries = found.into_iter().take(page_size).map(|(_, entry)| entry).collect();
    Ok(ListDirectoryResponse { entries, next_page_token, revision: directory.revision() })
}

fn entries(directory: &Directory, file: File, is_within: impl Fn(&str) -> bool) -> Vec<Entry> {
    let is_listed = |kind: Kind, code: &str| !directory.is_retired(kind, code);
    match file {
        File::Regions => directory
            .regions()
            .filter(|region| is_within(&region.code) && is_listed(Kind::Region, &region.code))
            .cloned()
            .map(Entry::Region)
            .collect(),
        File::Units => directory
            .units()
            .filter(|unit| is_within(&unit.region) && is_listed(Kind::Unit, &unit.code))
            .cloned()
            .map(Entry::Unit)
            .collect(),
        File::Stations => directory
            .stations()
            .filter(|station| is_within(&station.region) && is_listed(Kind::Station, &station.code))
            .cloned()
            .map(Entry::Station)
            .collect(),
        File::Representatives => directory
            .representatives()
            .filter(|one| is_within(&one.region) && is_listed(Kind::Representative, &one.code))
            .cloned()
            .map(Entry::Representative)
            .collect(),
        // Of categories, rules, limits and days the snapshot holds those in force only.
        File::Categories => directory.category_entries().cloned().map(Entry::Category).collect(),
        File::Rules => directory
            .rules()
            .iter()
            .filter(|rule| is_within(&rule.region))
            .cloned()
            .map(Entry::Rule)
            .collect(),
        File::Policies => directory.policies().iter().cloned().map(Entry::Policy).collect(),
        File::Calendar => directory.calendar_days().iter().cloned().map(Entry::CalendarDay).collect(),
    }
}

/// An entry with its key and its validity.
fn with_key(directory: &Directory, entry: Entry) -> Option<(String, DirectoryEntry)> {
    let mut entry = DirectoryEntry { entry: Some(entry), ..DirectoryEntry::default() };
    let (kind, code) = key_of(&entry)?;
    if let Some(validity) = directory.validity(kind, &code) {
        entry.valid_from.clone_from(&validity.from);
        entry.valid_until.clone_from(&validity.until);
    }
    Some((code, entry))
}
