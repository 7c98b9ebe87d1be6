//! The log itself: its state, leaves, tiles and checkpoints.

use huying_platform::ids::CaseId;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::{corrupt, signed, unsigned};
use crate::domain::{
    checkpoint::Checkpoint,
    head::KeptCheckpoint,
    merkle::{Hash, Tile, TileId, Tiles},
};

/// How far the log is, and who leads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogState {
    /// Leaves in the tree.
    pub tree_size: u64,
    /// Raised by every new leader.
    pub epoch: i64,
}

/// A leaf as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLeaf {
    /// Place in the tree, from 0.
    pub leaf_index: u64,
    /// Version of its case.
    pub case_version: u64,
    /// Canonical JSON.
    pub leaf: Vec<u8>,
}

/// A leaf to be appended.
#[derive(Debug)]
pub struct NewLeaf {
    /// Its case.
    pub case_id: CaseId,
    /// Version of its case.
    pub case_version: u64,
    /// Canonical JSON.
    pub leaf: Vec<u8>,
}

/// Makes the log exist, with this name and its first key; false when there is one already.
pub async fn found(connection: &mut PgConnection, origin: &str, verifier_key: &str) -> sqlx::Result<bool> {
    let founded = sqlx::query(
        "INSERT INTO log_state (origin, verifier_key, tree_size, epoch) VALUES ($1, $2, 0, 0) ON CONFLICT DO NOTHING",
    )
    .bind(origin)
    .bind(verifier_key)
    .execute(connection)
    .await?;
    Ok(founded.rows_affected() > 0)
}

/// Name of the log.
pub async fn origin(connection: &mut PgConnection) -> sqlx::Result<String> {
    sqlx::query_scalar("SELECT origin FROM log_state").fetch_one(connection).await
}

/// Raises the epoch: whoever led before is refused from the commit of this on.
pub async fn raise_epoch(connection: &mut PgConnection) -> sqlx::Result<LogState> {
    let row = sqlx::query("UPDATE log_state SET epoch = epoch + 1 RETURNING tree_size, epoch")
        .fetch_one(connection)
        .await?;
    Ok(LogState { tree_size: unsigned(row.try_get(0)?), epoch: row.try_get(1)? })
}

/// Locks the log until the end of the transaction.
pub async fn lock(connection: &mut PgConnection) -> sqlx::Result<LogState> {
    let row = sqlx::query("SELECT tree_size, epoch FROM log_state FOR UPDATE").fetch_one(connection).await?;
    Ok(LogState { tree_size: unsigned(row.try_get(0)?), epoch: row.try_get(1)? })
}

/// How far the log is, and who leads it, without waiting for anybody.
pub async fn state(connection: &mut PgConnection) -> sqlx::Result<LogState> {
    let row = sqlx::query("SELECT tree_size, epoch FROM log_state").fetch_one(connection).await?;
    Ok(LogState { tree_size: unsigned(row.try_get(0)?), epoch: row.try_get(1)? })
}

/// Leaves in the tree now.
pub async fn tree_size(connection: &mut PgConnection) -> sqlx::Result<u64> {
    sqlx::query_scalar("SELECT tree_size FROM log_state").fetch_one(connection).await.map(unsigned)
}

/// Notes the new size, after its leaves have been inserted.
pub async fn set_tree_size(connection: &mut PgConnection, tree_size: u64) -> sqlx::Result<()> {
    sqlx::query("UPDATE log_state SET tree_size = $1").bind(signed(tree_size)).execute(connection).await?;
    Ok(())
}

/// Inserts leaves from `first_index` on.
pub async fn insert_leaves(
    connection: &mut PgConnection,
    first_index: u64,
    leaves: Vec<NewLeaf>,
) -> sqlx::Result<()> {
    let mut case_ids: Vec<Uuid> = Vec::with_capacity(leaves.len());
    let mut versions = Vec::with_capacity(leaves.len());
    let mut bytes = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        case_ids.push(leaf.case_id.as_uuid());
        versions.push(signed(leaf.case_version));
        bytes.push(leaf.leaf);
    }
    sqlx::query(
        "INSERT INTO leaves (leaf_index, case_id, case_version, leaf) \
         SELECT $1 + place - 1, case_id, case_version, leaf \
         FROM unnest($2::uuid[], $3::bigint[], $4::bytea[]) \
              WITH ORDINALITY AS l (case_id, case_version, leaf, place)",
    )
    .bind(signed(first_index))
    .bind(&case_ids)
    .bind(&versions)
    .bind(&bytes)
    .execute(connection)
    .await?;
    Ok(())
}

/// One leaf.
pub async fn leaf(connection: &mut PgConnection, leaf_index: u64) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar("SELECT leaf FROM leaves WHERE leaf_index = $1")
        .bind(signed(leaf_index))
        .fetch_optional(connection)
        .await
}

/// Leaves of places from `first` to below `before`, in their order; ends before the first that is not there.
pub async fn leaves(connection: &mut PgConnection, first: u64, before: u64) -> sqlx::Result<Vec<Vec<u8>>> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT leaf_index, leaf FROM leaves WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index",
    )
    .bind(signed(first))
    .bind(signed(before))
    .fetch_all(connection)
    .await?;
    Ok(without_gaps(first, rows))
}

/// The same, but no more of them than have `bytes_max` together; one at least.
pub async fn some_leaves(
    connection: &mut PgConnection,
    first: u64,
    before: u64,
    bytes_max: i64,
) -> sqlx::Result<Vec<Vec<u8>>> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT leaf_index, leaf \
         FROM (SELECT leaf_index, leaf, sum(octet_length(leaf)) OVER (ORDER BY leaf_index) AS bytes \
                 FROM leaves WHERE leaf_index >= $1 AND leaf_index < $2) AS counted \
         WHERE bytes <= $3 OR leaf_index = $1 ORDER BY leaf_index",
    )
    .bind(signed(first))
    .bind(signed(before))
    .bind(bytes_max)
    .fetch_all(connection)
    .await?;
    Ok(without_gaps(first, rows))
}

fn without_gaps(first: u64, rows: Vec<(i64, Vec<u8>)>) -> Vec<Vec<u8>> {
    let is_next = |(place, (leaf_index, _)): &(u64, (i64, Vec<u8>))| *place == unsigned(*leaf_index);
    (first..).zip(rows).take_while(is_next).map(|(_, (_, leaf))| leaf).collect()
}

/// The place of a case's version in the tree.
pub async fn leaf_index_of(
    connection: &mut PgConnection,
    case_id: CaseId,
    case_version: u64,
) -> sqlx::Result<Option<u64>> {
    let index: Option<i64> =
        sqlx::query_scalar("SELECT leaf_index FROM leaves WHERE case_id = $1 AND case_version = $2")
            .bind(case_id)
            .bind(signed(case_version))
            .fetch_optional(connection)
            .await?;
    Ok(index.map(unsigned))
}

/// The leaves of a case, by version.
pub async fn leaves_of(connection: &mut PgConnection, case_id: CaseId) -> sqlx::Result<Vec<KeptLeaf>> {
    let rows = sqlx::query(
        "SELECT leaf_index, case_version, leaf FROM leaves WHERE case_id = $1 ORDER BY case_version",
    )
    .bind(case_id)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(KeptLeaf {
                leaf_index: unsigned(row.try_get(0)?),
                case_version: unsigned(row.try_get(1)?),
                leaf: row.try_get(2)?,
            })
        })
        .collect()
}

/// Reads tiles; those that do not exist are left out.
pub async fn tiles(connection: &mut PgConnection, ids: &[TileId]) -> sqlx::Result<Tiles> {
    let whole = |bytes: &[u8]| {
        let hashes = bytes.chunks(size_of::<Hash>()).map(Hash::try_from).collect::<Result<_, _>>();
        hashes.map_err(|_| corrupt("a tile with half a hash"))
    };
    let tiles: Vec<(TileId, Vec<Hash>)> = read_tiles(connection, ids, whole).await?;
    Ok(tiles.into_iter().map(|(id, hashes)| Tile { id, hashes }).collect())
}

/// Reads those of the tiles that exist, and their hashes as `hashes` makes them of the bytes that are kept.
pub(super) async fn read_tiles<C: FromIterator<(TileId, Vec<Hash>)>>(
    connection: &mut PgConnection,
    ids: &[TileId],
    hashes: impl Fn(&[u8]) -> sqlx::Result<Vec<Hash>>,
) -> sqlx::Result<C> {
    if ids.is_empty() {
        return Ok(C::from_iter([]));
    }
    let levels: Vec<i16> = ids.iter().map(|id| i16::from(id.level)).collect();
    let indexes: Vec<i64> = ids.iter().map(|id| signed(id.index)).collect();
    let rows = sqlx::query(
        "SELECT level, tile_index, hashes FROM tiles \
         JOIN unnest($1::smallint[], $2::bigint[]) AS asked (level, tile_index) USING (level, tile_index)",
    )
    .bind(&levels)
    .bind(&indexes)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let level = u8::try_from(row.try_get::<i16, _>(0)?).map_err(|_| corrupt("a tile of no level"))?;
            let id = TileId { level, index: unsigned(row.try_get(1)?) };
            Ok((id, hashes(row.try_get(2)?)?))
        })
        .collect()
}

/// Writes tiles that are new or have grown.
pub async fn save_tiles(connection: &mut PgConnection, tiles: &[Tile]) -> sqlx::Result<()> {
    let levels: Vec<i16> = tiles.iter().map(|tile| i16::from(tile.id.level)).collect();
    let indexes: Vec<i64> = tiles.iter().map(|tile| signed(tile.id.index)).collect();
    let hashes: Vec<Vec<u8>> = tiles.iter().map(|tile| tile.hashes.concat()).collect();
    sqlx::query(
        "INSERT INTO tiles (level, tile_index, hashes) \
         SELECT level, tile_index, hashes \
         FROM unnest($1::smallint[], $2::bigint[], $3::bytea[]) AS t (level, tile_index, hashes) \
         ON CONFLICT (level, tile_index) DO UPDATE SET hashes = excluded.hashes",
    )
    .bind(&levels)
    .bind(&indexes)
    .bind(&hashes)
    .execute(connection)
    .await?;
    Ok(())
}

/// Inserts a signed checkpoint. One of the same size must not exist.
pub async fn insert_checkpoint(
    connection: &mut PgConnection,
    checkpoint: &Checkpoint,
    note: &str,
    signed_at: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO checkpoints (tree_size, root, note, signed_at) VALUES ($1, $2, $3, $4)")
        .bind(signed(checkpoint.tree_size))
        .bind(&checkpoint.root[..])
        .bind(note)
        .bind(signed_at.to_sqlx())
        .execute(connection)
        .await?;
    Ok(())
}

/// The newest checkpoint, if there is one.
pub async fn newest_checkpoint(connection: &mut PgConnection) -> sqlx::Result<Option<KeptCheckpoint>> {
    let row: Option<(i64, Vec<u8>, String)> =
        sqlx::query_as("SELECT tree_size, root, note FROM checkpoints ORDER BY tree_size DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(tree_size, root, note)| KeptCheckpoint { tree_size: unsigned(tree_size), root, note }))
}

/// The checkpoint of a size, if there is one.
pub async fn checkpoint_of(
    connection: &mut PgConnection,
    tree_size: u64,
) -> sqlx::Result<Option<KeptCheckpoint>> {
    let row: Option<(Vec<u8>, String)> =
        sqlx::query_as("SELECT root, note FROM checkpoints WHERE tree_size = $1")
            .bind(signed(tree_size))
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(root, note)| KeptCheckpoint { tree_size, root, note }))
}

/// Appends signature lines to the note of a checkpoint. What is signed stays as it is.
pub async fn extend_note(connection: &mut PgConnection, tree_size: u64, lines: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE checkpoints SET note = note || $2 WHERE tree_size = $1")
        .bind(signed(tree_size))
        .bind(lines)
        .execute(connection)
        .await?;
    Ok(())
}

/// Size and signed note of the latest checkpoint.
pub async fn latest_note(connection: &mut PgConnection) -> sqlx::Result<Option<(u64, String)>> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT tree_size, note FROM checkpoints ORDER BY tree_size DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(tree_size, note)| (unsigned(tree_size), note)))
}
