//! The table `case_status`: how cases stand, as routing-svc has told.

use huying_platform::ids::CaseId;
use huying_proto::events::v1::CaseState;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::standing::{Change, Reply, Standing};

/// How a case stands, with all that tracking shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseStatus {
    /// Version of the newest event taken in.
    pub version: i64,
    /// State, holder, responsible unit, deadline.
    pub standing: Standing,
    /// When the case came into its state.
    pub state_since: Timestamp,
    /// The newest reply; number 0 and empty before the first.
    pub reply: Reply,
}

/// How a case stands; none before routing has decided.
pub async fn find(connection: &mut PgConnection, case_id: CaseId) -> sqlx::Result<Option<CaseStatus>> {
    type Row =
        (i64, i16, String, String, Option<jiff_sqlx::Timestamp>, bool, jiff_sqlx::Timestamp, i32, String);
    let row: Option<Row> = sqlx::query_as(
        "SELECT version, state, holder_office, responsible_unit, deadline_at, overdue, state_since, \
            reply_number, reply \
         FROM case_status WHERE case_id = $1",
    )
    .bind(case_id)
    .fetch_optional(connection)
    .await?;
    let Some((
        version,
        state,
        holder_office,
        responsible_unit,
        deadline_at,
        overdue,
        state_since,
        number,
        text,
    )) = row
    else {
        return Ok(None);
    };
    let state =
        CaseState::try_from(i32::from(state)).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Some(CaseStatus {
        version,
        standing: Standing {
            state,
            holder_office,
            responsible_unit,
            deadline_at: deadline_at.map(jiff_sqlx::Timestamp::to_jiff),
            overdue,
        },
        state_since: state_since.to_jiff(),
        reply: Reply { number, text },
    }))
}

/// Takes in what is newer than what is stored, by one statement, and replies by a second one.
///
/// Give the changes in order of case ids, one a case, so that two replicas lock rows in one order.
pub async fn apply(transaction: &mut PgConnection, changes: &[Change]) -> sqlx::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    upsert_standings(transaction, changes).await?;
    update_replies(transaction, changes).await
}

async fn upsert_standings(transaction: &mut PgConnection, changes: &[Change]) -> sqlx::Result<()> {
    let mut case_ids: Vec<Uuid> = Vec::with_capacity(changes.len());
    let mut versions = Vec::with_capacity(changes.len());
    let mut states = Vec::with_capacity(changes.len());
    let mut holders: Vec<&str> = Vec::with_capacity(changes.len());
    let mut units: Vec<&str> = Vec::with_capacity(changes.len());
    let mut deadlines = Vec::with_capacity(changes.len());
    let mut overdue = Vec::with_capacity(changes.len());
    let mut since = Vec::with_capacity(changes.len());
    let mut came = Vec::with_capacity(changes.len());
    for change in changes {
        case_ids.push(change.case_id.as_uuid());
        versions.push(change.version);
        states.push(i16::try_from(i32::from(change.standing.state)).unwrap_or(0));
        holders.push(&change.standing.holder_office);
        units.push(&change.standing.responsible_unit);
        deadlines.push(change.standing.deadline_at.map(|at| at.to_sqlx()));
        overdue.push(change.standing.overdue);
        since.push(change.state_since.to_sqlx());
        came.push(change.came_into_state);
    }
    // A case that was in this state before has been in it since then.
    sqlx::query(
        "WITH told AS ( \
            SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], \
                $6::timestamptz[], $7::boolean[], $8::timestamptz[], $9::boolean[]) \
            AS t (case_id, version, state, holder_office, responsible_unit, deadline_at, overdue, \
                state_since, came_into_state)) \
         INSERT INTO case_status AS stored \
            (case_id, version, state, holder_office, responsible_unit, deadline_at, overdue, state_since) \
         SELECT told.case_id, told.version, told.state, told.holder_office, told.responsible_unit, \
            told.deadline_at, told.overdue, \
            CASE WHEN NOT told.came_into_state AND before.state = told.state \
                THEN before.state_since ELSE told.state_since END \
         FROM told LEFT JOIN case_status before ON before.case_id = told.case_id \
         ORDER BY told.case_id \
         ON CONFLICT (case_id) DO UPDATE SET \
            version = excluded.version, state = excluded.state, holder_office = excluded.holder_office, \
            responsible_unit = excluded.responsible_unit, deadline_at = excluded.deadline_at, \
            overdue = excluded.overdue, state_since = excluded.state_since \
         WHERE excluded.version > stored.version",
    )
    .bind(case_ids)
    .bind(versions)
    .bind(states)
    .bind(holders)
    .bind(units)
    .bind(deadlines)
    .bind(overdue)
    .bind(since)
    .bind(came)
    .execute(transaction)
    .await?;
    Ok(())
}

async fn update_replies(transaction: &mut PgConnection, changes: &[Change]) -> sqlx::Result<()> {
    let mut case_ids: Vec<Uuid> = Vec::new();
    let mut versions = Vec::new();
    let mut numbers = Vec::new();
    let mut texts: Vec<&str> = Vec::new();
    for change in changes {
        if let Some((version, reply)) = &change.reply {
            case_ids.push(change.case_id.as_uuid());
            versions.push(*version);
            numbers.push(reply.number);
            texts.push(&reply.text);
        }
    }
    if case_ids.is_empty() {
        return Ok(());
    }
    // Every row is there and locked: the standings of the same changes went before.
    sqlx::query(
        "UPDATE case_status AS stored \
         SET reply_version = told.version, reply_number = told.number, reply = told.text \
         FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::text[]) AS told (case_id, version, number, text) \
         WHERE stored.case_id = told.case_id AND told.version > stored.reply_version",
    )
    .bind(case_ids)
    .bind(versions)
    .bind(numbers)
    .bind(texts)
    .execute(transaction)
    .await?;
    Ok(())
}
