//! The table `submissions`: what was acknowledged, with the private part sealed in it.

use std::collections::HashSet;

use huying_platform::ids::CaseId;
use huying_proto::events::v1::CaseHeader;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use prost::Message as _;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::sealing::LOOKUP_HASH_LEN;

/// A submission to be inserted.
#[derive(Debug)]
pub struct NewSubmission {
    /// The case it becomes.
    pub case_id: CaseId,
    /// Keyed hash of the idempotency key.
    pub key_hash: [u8; LOOKUP_HASH_LEN],
    /// Keyed hash of the request.
    pub body_mac: [u8; 32],
    /// Keyed hash of the receipt code.
    pub receipt_hash: [u8; LOOKUP_HASH_LEN],
    /// When it was taken.
    pub received_at: Timestamp,
    /// Encoded `CaseHeader`.
    pub header: Vec<u8>,
    /// The private part.
    pub sealed: Vec<u8>,
    /// Its key.
    pub wrapped_key: Vec<u8>,
}

/// What a retry has to know of the submission that was first.
#[derive(Debug, Clone)]
pub struct FirstSubmission {
    /// Keyed hash of the idempotency key.
    pub key_hash: Vec<u8>,
    /// The case it became.
    pub case_id: CaseId,
    /// Keyed hash of the request.
    pub body_mac: Vec<u8>,
    /// When it was taken.
    pub received_at: Timestamp,
    /// Encoded `CaseHeader`.
    pub header: Vec<u8>,
}

/// A submission with its private part.
#[derive(Debug)]
pub struct SealedSubmission {
    /// The case in short.
    pub header: CaseHeader,
    /// The private part.
    pub sealed: Vec<u8>,
    /// Its key; none once erased.
    pub wrapped_key: Option<Vec<u8>>,
}

/// Inserts what is new by one statement and tells which ones were. The others have a key that was used before.
///
/// Give the rows in order of their key hashes: two transactions with the same new keys then wait for each other in
/// one order, and none in a circle. No key may be there twice.
pub async fn insert_new(
    transaction: &mut PgConnection,
    rows: &[&NewSubmission],
) -> sqlx::Result<HashSet<CaseId>> {
    let mut case_ids: Vec<Uuid> = Vec::with_capacity(rows.len());
    let mut key_hashes: Vec<&[u8]> = Vec::with_capacity(rows.len());
    let mut body_macs: Vec<&[u8]> = Vec::with_capacity(rows.len());
    let mut receipt_hashes: Vec<&[u8]> = Vec::with_capacity(rows.len());
    let mut times = Vec::with_capacity(rows.len());
    let mut headers: Vec<&[u8]> = Vec::with_capacity(rows.len());
    let mut sealed: Vec<&[u8]> = Vec::with_capacity(rows.len());
    let mut wrapped_keys: Vec<&[u8]> = Vec::with_capacity(rows.len());
    for row in rows {
        case_ids.push(row.case_id.as_uuid());
        key_hashes.push(&row.key_hash);
        body_macs.push(&row.body_mac);
        receipt_hashes.push(&row.receipt_hash);
        times.push(row.received_at.to_sqlx());
        headers.push(&row.header);
        sealed.push(&row.sealed);
        wrapped_keys.push(&row.wrapped_key);
    }
    // Without a conflict target: whatever row cannot be inserted is left out, and never fails the others.
    let inserted: Vec<CaseId> = sqlx::query_scalar(
        "INSERT INTO submissions \
            (case_id, key_hash, body_mac, receipt_hash, received_at, header, sealed, wrapped_key) \
         SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::timestamptz[], \
            $6::bytea[], $7::bytea[], $8::bytea[]) \
         ON CONFLICT DO NOTHING RETURNING case_id",
    )
    .bind(case_ids)
    .bind(key_hashes)
    .bind(body_macs)
    .bind(receipt_hashes)
    .bind(times)
    .bind(headers)
    .bind(sealed)
    .bind(wrapped_keys)
    .fetch_all(transaction)
    .await?;
    Ok(inserted.into_iter().collect())
}

/// The submissions that used these keys first.
pub async fn find_by_keys(
    connection: &mut PgConnection,
    key_hashes: &[&[u8]],
) -> sqlx::Result<Vec<FirstSubmission>> {
    type Row = (Vec<u8>, CaseId, Vec<u8>, jiff_sqlx::Timestamp, Vec<u8>);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT key_hash, case_id, body_mac, received_at, header FROM submissions WHERE key_hash = ANY($1)",
    )
    .bind(key_hashes)
    .fetch_all(connection)
    .await?;
    let first = |(key_hash, case_id, body_mac, received_at, header): Row| FirstSubmission {
        key_hash,
        case_id,
        body_mac,
        received_at: received_at.to_jiff(),
        header,
    };
    Ok(rows.into_iter().map(first).collect())
}

/// The case of a receipt, and when its submission was taken.
pub async fn find_by_receipt(
    connection: &mut PgConnection,
    receipt_hash: &[u8],
) -> sqlx::Result<Option<(CaseId, Timestamp)>> {
    let row: Option<(CaseId, jiff_sqlx::Timestamp)> =
        sqlx::query_as("SELECT case_id, received_at FROM submissions WHERE receipt_hash = $1")
            .bind(receipt_hash)
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(case_id, received_at)| (case_id, received_at.to_jiff())))
}

/// The case in short.
pub async fn header_of(connection: &mut PgConnection, case_id: CaseId) -> sqlx::Result<Option<CaseHeader>> {
    let header: Option<Vec<u8>> = sqlx::query_scalar("SELECT header FROM submissions WHERE case_id = $1")
        .bind(case_id)
        .fetch_optional(connection)
        .await?;
    header.map(|bytes| decode_header(&bytes)).transpose()
}

/// A submission with its private part. Until the transaction ends, nobody can erase it.
pub async fn load_sealed(
    transaction: &mut PgConnection,
    case_id: CaseId,
) -> sqlx::Result<Option<SealedSubmission>> {
    type Row = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);
    let row: Option<Row> =
        sqlx::query_as("SELECT header, sealed, wrapped_key FROM submissions WHERE case_id = $1 FOR SHARE")
            .bind(case_id)
            .fetch_optional(transaction)
            .await?;
    row.map(|(header, sealed, wrapped_key)| {
        Ok(SealedSubmission { header: decode_header(&header)?, sealed, wrapped_key })
    })
    .transpose()
}

/// Deletes the key of a private part. False when it was gone already.
pub async fn erase_key(transaction: &mut PgConnection, case_id: CaseId) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "UPDATE submissions SET wrapped_key = NULL WHERE case_id = $1 AND wrapped_key IS NOT NULL",
    )
    .bind(case_id)
    .execute(transaction)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Reads a header as it was stored.
pub fn decode_header(bytes: &[u8]) -> sqlx::Result<CaseHeader> {
    CaseHeader::decode(bytes).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
