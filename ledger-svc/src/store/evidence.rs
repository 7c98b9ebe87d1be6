//! What the pages are held against: lines with the hashes that the tiles have for them, tiles, and the checkpoint.

use std::collections::{BTreeMap, HashMap};

use huying_platform::ids::{CaseId, EventId};
use serde::Deserialize;
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{log::read_tiles, signed, unsigned};
use crate::domain::{
    history::KeptLine,
    merkle::{Hash, TILE_WIDTH, TileId},
    order::Claim,
    soundness::KeptRow,
};

/// The latest checkpoint as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCheckpoint {
    /// Leaves in the tree, as the log's state has it.
    pub log_size: u64,
    /// Leaves in the tree that the checkpoint is kept for.
    pub tree_size: u64,
    /// Root it is kept with.
    pub root: Vec<u8>,
    /// The signed note.
    pub note: String,
}

/// Bytes of a hash.
const HASH_BYTES: i32 = size_of::<Hash>() as i32;

/// A leaf with the hash that its tile has at its place: one slice of a row that is never read whole.
const LINES: &str = "SELECT l.case_id, l.case_version, l.leaf_index, l.leaf, \
            substring(t.hashes FROM 1 + (l.leaf_index % $2)::integer * $3 FOR $3) AS entry \
       FROM leaves l LEFT JOIN tiles t ON t.level = 0 AND t.tile_index = l.leaf_index / $2 \
      WHERE l.case_id = ANY($1) ORDER BY l.case_id, l.case_version";

/// The lines of cases, by version.
pub async fn lines(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
) -> sqlx::Result<BTreeMap<CaseId, Vec<KeptLine>>> {
    let rows = sqlx::query(LINES)
        .bind(CaseId::as_uuids(case_ids))
        .bind(signed(TILE_WIDTH as u64))
        .bind(HASH_BYTES)
        .fetch_all(connection)
        .await?;
    let mut lines: BTreeMap<CaseId, Vec<KeptLine>> = BTreeMap::new();
    for row in &rows {
        lines.entry(row.try_get("case_id")?).or_default().push(line(row)?);
    }
    Ok(lines)
}

/// Those of the claims whose version another event has in the log. Of a leaf that cannot be read nothing is said here.
pub async fn contradicted(connection: &mut PgConnection, claims: &[Claim]) -> sqlx::Result<Vec<Claim>> {
    #[derive(Deserialize)]
    struct Kept<'a> {
        event_id: &'a str,
    }
    let rows = sqlx::query(
        "SELECT leaves.case_id, leaves.case_version, leaves.leaf FROM leaves \
         JOIN unnest($1::uuid[], $2::bigint[]) AS claimed (case_id, case_version) USING (case_id, case_version)",
    )
    .bind(claims.iter().map(|claim| claim.case_id.as_uuid()).collect::<Vec<_>>())
    .bind(claims.iter().map(|claim| signed(claim.version)).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let mut kept: HashMap<(Uuid, u64), EventId> = HashMap::new();
    for row in &rows {
        let leaf = serde_json::from_slice::<Kept<'_>>(row.try_get(2)?).ok();
        if let Some(event_id) = leaf.and_then(|leaf| leaf.event_id.parse().ok()) {
            kept.insert((row.try_get(0)?, unsigned(row.try_get(1)?)), event_id);
        }
    }
    let is_another = |claim: &&Claim| {
        kept.get(&(claim.case_id.as_uuid(), claim.version))
            .is_some_and(|event_id| *event_id != claim.event_id)
    };
    Ok(claims.iter().filter(is_another).copied().collect())
}

/// The last version that the log has of each of these cases, where it has any.
pub async fn versions(
    connection: &mut PgConnection,
    case_ids: &[CaseId],
) -> sqlx::Result<HashMap<CaseId, u64>> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT asked.case_id, latest.case_version \
         FROM unnest($1::uuid[]) AS asked (case_id) \
              CROSS JOIN LATERAL (SELECT case_version FROM leaves WHERE leaves.case_id = asked.case_id \
                                   ORDER BY case_version DESC LIMIT 1) AS latest",
    )
    .bind(CaseId::as_uuids(case_ids))
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(case_id, version)| (CaseId::from_uuid(case_id), unsigned(version))).collect())
}

/// The rows of leaves of places from `first` to below `before`.
pub async fn rows(connection: &mut PgConnection, first: u64, before: u64) -> sqlx::Result<Vec<KeptRow>> {
    let rows = sqlx::query(
        "SELECT leaf_index, case_id, case_version, leaf FROM leaves WHERE leaf_index >= $1 AND leaf_index < $2",
    )
    .bind(signed(first))
    .bind(signed(before))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(KeptRow {
                leaf_index: unsigned(row.try_get(0)?),
                case_id: row.try_get(1)?,
                case_version: unsigned(row.try_get(2)?),
                leaf: row.try_get(3)?,
            })
        })
        .collect()
}

/// How many rows of leaves there are whose place is not in a tree of this size.
pub async fn strays(connection: &mut PgConnection, tree_size: u64) -> sqlx::Result<u64> {
    sqlx::query_scalar("SELECT count(*) FROM leaves WHERE leaf_index < 0 OR leaf_index >= $1")
        .bind(signed(tree_size))
        .fetch_one(connection)
        .await
        .map(unsigned)
}

fn line(row: &PgRow) -> sqlx::Result<KeptLine> {
    let entry: Option<&[u8]> = row.try_get("entry")?;
    Ok(KeptLine::new(
        unsigned(row.try_get("leaf_index")?),
        unsigned(row.try_get("case_version")?),
        row.try_get("leaf")?,
        // A tile that is too narrow has half a hash, or none, at this place.
        entry.and_then(|entry| Hash::try_from(entry).ok()),
    ))
}

/// Tiles, cut to whole hashes; those that do not exist are left out.
pub async fn tiles(
    connection: &mut PgConnection,
    ids: &[TileId],
) -> sqlx::Result<BTreeMap<TileId, Vec<Hash>>> {
    read_tiles(connection, ids, |bytes| Ok(bytes.as_chunks().0.to_vec())).await
}

/// The latest checkpoint, if there is one.
pub async fn checkpoint(connection: &mut PgConnection) -> sqlx::Result<Option<KeptCheckpoint>> {
    let row: Option<(i64, i64, Vec<u8>, String)> = sqlx::query_as(
        "SELECT s.tree_size, c.tree_size, c.root, c.note FROM checkpoints c, log_state s \
          ORDER BY c.tree_size DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(log_size, tree_size, root, note)| KeptCheckpoint {
        log_size: unsigned(log_size),
        tree_size: unsigned(tree_size),
        root,
        note,
    }))
}

/// Cases in the log after this one, in the order of their ids up to `through`: each with the number of its lines. At
/// most `cases_max`.
pub async fn cases_after(
    connection: &mut PgConnection,
    after: Option<CaseId>,
    through: CaseId,
    cases_max: i64,
) -> sqlx::Result<Vec<(CaseId, u64)>> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT case_id, count(*) FROM leaves WHERE case_id > $1 AND case_id <= $2 \
          GROUP BY case_id ORDER BY case_id LIMIT $3",
    )
    .bind(after.map_or(Uuid::nil(), CaseId::as_uuid))
    .bind(through)
    .bind(cases_max)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(case_id, lines)| (CaseId::from_uuid(case_id), unsigned(lines))).collect())
}

/// The last case in the log, in the order of ids.
pub async fn last_case(connection: &mut PgConnection) -> sqlx::Result<Option<CaseId>> {
    sqlx::query_scalar("SELECT case_id FROM leaves ORDER BY case_id DESC LIMIT 1")
        .fetch_optional(connection)
        .await
}
