//! Replaces reference data by files: checked as a whole, applied in one transaction, or not at all.
//!
//! Only what differs is written and told to the others. Imports wait for each other, so each is checked against the
//! outcome of the one before.

use std::collections::{BTreeMap, HashMap};

use huying_platform::{
    directory::{self, Kind, key_of},
    ids::EventId,
    outbox::{OutgoingEvent, current_traceparent},
};
use huying_proto::{
    events::v1::{DirectoryChanged, DirectoryEntry},
    routing::v1::ImportDirectoryResponse,
};
use jiff::Timestamp;
use prost::Message as _;

use crate::{
    domain::import::{File, check},
    error::Error,
    service::Service,
    store,
};

/// How many entries one event carries at most.
const PART_ENTRIES_MAX: usize = 500;
/// How large one event may become; NATS takes messages up to 1 MiB unless told otherwise.
const PART_BYTES_MAX: usize = 512 * 1024;

/// Imports files.
///
/// # Errors
/// [`Error::FaultyImport`] with every fault, or when a statement fails.
pub async fn import_directory(
    service: &Service,
    files: BTreeMap<File, Vec<u8>>,
) -> Result<ImportDirectoryResponse, Error> {
    let now = service.clock.now();

    let mut transaction = service.db.begin().await?;
    store::directory::lock_import(&mut transaction).await?;
    let in_place = directory::load_all(&mut transaction).await?;
    let current = directory::revision(&mut transaction).await?;
    // Checking the whole country takes a good part of a second, in which other calls must not stand still.
    let difference = tokio::task::spawn_blocking(move || {
        check(&files, in_place.iter().cloned()).map(|sent| difference(&files, in_place, sent))
    })
    .await?
    .map_err(Error::FaultyImport)?;

    let mut report = ImportDirectoryResponse {
        revision: current,
        changed: count(difference.changed.len()),
        unchanged: count(difference.unchanged),
        retired: count(difference.retired.len()),
    };
    if difference.is_empty() {
        return Ok(report);
    }
    report.revision = current + 1;
    let entries: Vec<DirectoryEntry> = difference.changed.into_iter().chain(difference.retired).collect();
    directory::upsert(&mut transaction, report.revision, &entries).await?;
    directory::set_revision(&mut transaction, report.revision).await?;
    service.outbox.append(&mut transaction, &events(report.revision, entries, now)).await?;
    transaction.commit().await?;

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

/// What an import changes.
#[derive(Debug, Default)]
struct Difference {
    changed: Vec<DirectoryEntry>,
    unchanged: usize,
    retired: Vec<DirectoryEntry>,
}

impl Difference {
    fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.retired.is_empty()
    }
}

fn difference(
    files: &BTreeMap<File, Vec<u8>>,
    in_place: Vec<DirectoryEntry>,
    sent: Vec<DirectoryEntry>,
) -> Difference {
    let mut before: HashMap<(Kind, String), DirectoryEntry> =
        in_place.into_iter().filter_map(|entry| Some((key_of(&entry)?, entry))).collect();
    let mut difference = Difference::default();
    for entry in sent {
        let was = key_of(&entry).and_then(|key| before.remove(&key));
        if was.as_ref() == Some(&entry) {
            difference.unchanged += 1;
        } else {
            difference.changed.push(entry);
        }
    }
    difference.retired = before
        .into_values()
        .filter(|entry| !entry.retired && File::of(entry).is_some_and(|file| files.contains_key(&file)))
        .map(|entry| DirectoryEntry { retired: true, ..entry })
        .collect();
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
