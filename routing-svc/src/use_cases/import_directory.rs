//! Replaces reference data by files: checked as a whole, applied in one transaction, or not at all.
//!
//! Only what differs is written and told to the others. Imports wait for each other, so each is checked against the
//! outcome of the one before. Rules that differ become the active version of the rules.

use std::collections::BTreeMap;

use huying_platform::{
    directory::{self, Kind, day_at, key_of},
    ids::EventId,
    outbox::{OutgoingEvent, current_traceparent},
};
use huying_proto::{
    events::v1::{DirectoryChanged, DirectoryEntry},
    routing::v1::{DirectoryFile, ImportDirectoryResponse, ImportedFile},
};
use jiff::Timestamp;
use prost::Message as _;
use sqlx::PgConnection;

use crate::{
    domain::import::{File, SentRow, check},
    error::Error,
    service::Service,
    store::{
        self,
        rule_sets::{self, NewRuleSet},
    },
};

/// How many entries one event carries at most.
const PART_ENTRIES_MAX: usize = 500;
/// How large one event may become; NATS takes messages up to 1 MiB unless told otherwise.
const PART_BYTES_MAX: usize = 512 * 1024;
/// How many lines the report names of each file at most.
const REPORTED_LINES_MAX: usize = 1_000;

/// Imports files. `by` is the subject of the caller's token.
///
/// # Errors
/// [`Error::FaultyImport`] with every fault, or when a statement fails.
pub async fn import_directory(
    service: &Service,
    files: BTreeMap<File, Vec<u8>>,
    by: &str,
) -> Result<ImportDirectoryResponse, Error> {
    let rules_csv = files.get(&File::Rules).cloned();

    let mut transaction = service.db.begin().await?;
    let report = apply(service, &mut transaction, files).await?;
    if let Some(csv) = rules_csv {
        record_rules(service, &mut transaction, csv, by, &report).await?;
    }
    transaction.commit().await?;

    if report.changed + report.retired == 0 {
        return Ok(report);
    }
    service.outbox.wake();
    service.directory.reload().await?;
    tracing::info!(
        revision = report.revision,
        changed = report.changed,
        retired = report.retired,
        "reference data imported"
    );
    Ok(report)
}

/// Checks files and writes what they change, in the caller's transaction, which keeps other imports waiting until it ends.
/// After the commit the caller wakes the outbox and reloads the snapshot.
///
/// # Errors
/// [`Error::FaultyImport`] with every fault, or when a statement fails.
pub(super) async fn apply(
    service: &Service,
    transaction: &mut PgConnection,
    files: BTreeMap<File, Vec<u8>>,
) -> Result<ImportDirectoryResponse, Error> {
    store::directory::lock_import(transaction).await?;
    let now = service.clock.now();
    let in_place = directory::load_all(transaction).await?;
    let current = directory::revision(transaction).await?;
    // Checking the whole country takes a good part of a second, in which other calls must not stand still.
    let difference = tokio::task::spawn_blocking(move || {
        check(&files, in_place.iter().cloned(), day_at(now)).map(|rows| difference(&files, in_place, rows))
    })
    .await?
    .map_err(Error::FaultyImport)?;

    let mut report = difference.report(current);
    if difference.entries.is_empty() {
        return Ok(report);
    }
    report.revision = current + 1;
    directory::upsert(transaction, report.revision, &difference.entries).await?;
    directory::set_revision(transaction, report.revision).await?;
    let events = events(report.revision, difference.entries, now);
    service.outbox.append(transaction, &events).await?;
    Ok(report)
}

/// Makes rules that differ from those in place the active version; the same rules again are no new version.
async fn record_rules(
    service: &Service,
    transaction: &mut PgConnection,
    csv: Vec<u8>,
    by: &str,
    report: &ImportDirectoryResponse,
) -> Result<(), Error> {
    let rules = report.files.iter().find(|file| file.file() == DirectoryFile::Rules);
    let Some(rules) = rules.filter(|file| file.added + file.changed + file.retired > 0) else {
        return Ok(());
    };
    let rule_set = NewRuleSet {
        csv,
        note: format!("import of rules.csv with revision {}", report.revision),
        by: by.to_owned(),
        at: service.clock.now(),
        rules: rules.added + rules.changed + rules.unchanged,
        activate: true,
    };
    rule_sets::record(transaction, &rule_set).await?;
    Ok(())
}

/// What an import changes.
#[derive(Debug, Default)]
struct Difference {
    files: BTreeMap<File, ImportedFile>,
    entries: Vec<DirectoryEntry>,
}

impl Difference {
    fn report(&self, revision: u64) -> ImportDirectoryResponse {
        let sum = |count: fn(&ImportedFile) -> u32| self.files.values().map(count).sum();
        ImportDirectoryResponse {
            revision,
            changed: sum(|file| file.added + file.changed),
            unchanged: sum(|file| file.unchanged),
            retired: sum(|file| file.retired),
            files: self.files.values().cloned().collect(),
        }
    }
}

fn difference(
    files: &BTreeMap<File, Vec<u8>>,
    in_place: Vec<DirectoryEntry>,
    rows: Vec<SentRow>,
) -> Difference {
    let report = |file: &File| ImportedFile { file: file.to_proto().into(), ..ImportedFile::default() };
    let mut difference =
        Difference { files: files.keys().map(|file| (*file, report(file))).collect(), entries: Vec::new() };
    let mut before: BTreeMap<(Kind, String), DirectoryEntry> = in_place
        .into_iter()
        .filter(|entry| File::of(entry).is_some_and(|file| files.contains_key(&file)))
        .filter_map(|entry| Some((key_of(&entry)?, entry)))
        .collect();
    for SentRow { line, entry } in rows {
        let was = key_of(&entry).and_then(|key| before.remove(&key));
        let Some(report) = File::of(&entry).and_then(|file| difference.files.get_mut(&file)) else {
            continue;
        };
        match was {
            Some(was) if was == entry => {
                report.unchanged += 1;
                continue;
            }
            Some(was) if !was.retired => report.changed += 1,
            Some(_) | None => report.added += 1,
        }
        if report.lines.len() < REPORTED_LINES_MAX {
            report.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
        }
        difference.entries.push(entry);
    }
    for entry in before.into_values().filter(|entry| !entry.retired) {
        if let Some(report) = File::of(&entry).and_then(|file| difference.files.get_mut(&file)) {
            report.retired += 1;
        }
        difference.entries.push(DirectoryEntry { retired: true, ..entry });
    }
    difference
}

/// The revision in parts.
fn events(revision: u64, entries: Vec<DirectoryEntry>, now: Timestamp) -> Vec<OutgoingEvent> {
    let mut parts: Vec<Vec<DirectoryEntry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let size = entry.encoded_len();
        match parts.last_mut() {
            Some(part) if part.len() < PART_ENTRIES_MAX && bytes + size <= PART_BYTES_MAX => {
                bytes += size;
                part.push(entry);
            }
            Some(_) | None => {
                bytes = size;
                parts.push(vec![entry]);
            }
        }
    }
    let part_count = count(parts.len());
    let traceparent = current_traceparent();
    (1..)
        .zip(parts)
        .map(|(part_number, entries)| {
            let change = DirectoryChanged {
                event_id: EventId::new_v7().to_string(),
                revision,
                part_number,
                part_count,
                entries,
            };
            OutgoingEvent::directory(&change, now, traceparent.clone())
        })
        .collect()
}

/// An import is bounded to 64 MiB, which is far less rows than a u32 counts.
fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
