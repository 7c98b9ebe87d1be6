//! The table `case_status`: how cases stand, as routing-svc has told.

use huying_platform::ids::CaseId;
use huying_proto::events::v1::{CaseState, DeclineGround};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use crate::domain::standing::{Change, Decline, Reply, Standing};

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
    /// Why an office did not take it up; none unless declined.
    pub decline: Option<Decline>,
}

/// How a case stands; none before routing has decided.
pub async fn find(connection: &mut PgConnection, case_id: CaseId) -> sqlx::Result<Option<CaseStatus>> {
    let row = sqlx::query(
        "SELECT version, state, holder_office, responsible_unit, deadline_at, overdue, merged_into, state_since, \
            reply_number, reply, decline_ground, decline_explanation \
         FROM case_status WHERE case_id = $1",
    )
    .bind(case_id)
    .fetch_optional(connection)
    .await?;
    row.map(|row| status_of(&row)).transpose()
}

fn status_of(row: &PgRow) -> sqlx::Result<CaseStatus> {
    let unknown = |error: prost::UnknownEnumValue| sqlx::Error::Decode(Box::new(error));
    let state = CaseState::try_from(i32::from(row.try_get::<i16, _>("state")?)).map_err(unknown)?;
    let ground = row.try_get::<i16, _>("decline_ground")?;
    let ground = DeclineGround::try_from(i32::from(ground)).map_err(unknown)?;
    let deadline_at: Option<jiff_sqlx::Timestamp> = row.try_get("deadline_at")?;
    let decline = match ground {
        DeclineGround::Unspecified => None,
        DeclineGround::OutOfScope
        | DeclineGround::LegalProceedings
        | DeclineGround::AlreadyAnswered
        | DeclineGround::Unclear
        | DeclineGround::Unlawful => {
            Some(Decline { ground, explanation: row.try_get("decline_explanation")? })
        }
    };
    Ok(CaseStatus {
        version: row.try_get("version")?,
        standing: Standing {
            state,
            holder_office: row.try_get("holder_office")?,
            responsible_unit: row.try_get("responsible_unit")?,
            deadline_at: deadline_at.map(jiff_sqlx::Timestamp::to_jiff),
            overdue: row.try_get("overdue")?,
            merged_into: row.try_get("merged_into")?,
        },
        state_since: row.try_get::<jiff_sqlx::Timestamp, _>("state_since")?.to_jiff(),
        reply: Reply { number: row.try_get("reply_number")?, text: row.try_get("reply")? },
        decline,
    })
}

/// Takes in what is newer than what is stored by one statement; replies, grounds of declines, and registrations that
/// come late by one each, when there are any.
///
/// Give the changes in order of case ids, one a case, so that two replicas lock rows in one order.
pub async fn apply(transaction: &mut PgConnection, changes: &[Change]) -> sqlx::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    upsert_standings(transaction, changes).await?;
    // From here on every row is there and locked.
    update_replies(transaction, changes).await?;
    update_declines(transaction, changes).await?;
    update_registered(transaction, changes).await
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
    let mut merged_into = Vec::with_capacity(changes.len());
    let mut registered = Vec::with_capacity(changes.len());
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
        merged_into.push(change.standing.merged_into.map(|case_id| case_id.as_uuid()));
        registered.push(change.registered);
    }
    // A case that was in this state before has been in it since then.
    sqlx::query(
        "WITH told AS ( \
            SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], \
                $6::timestamptz[], $7::boolean[], $8::timestamptz[], $9::boolean[], $10::uuid[], $11::boolean[]) \
            AS t (case_id, version, state, holder_office, responsible_unit, deadline_at, overdue, \
                state_since, came_into_state, merged_into, registered)) \
         INSERT INTO case_status AS stored \
            (case_id, version, state, holder_office, responsible_unit, deadline_at, overdue, state_since, \
             merged_into, registered) \
         SELECT told.case_id, told.version, told.state, told.holder_office, told.responsible_unit, \
            told.deadline_at, told.overdue, \
            CASE WHEN NOT told.came_into_state AND before.state = told.state \
                THEN before.state_since ELSE told.state_since END, \
            told.merged_into, told.registered \
         FROM told LEFT JOIN case_status before ON before.case_id = told.case_id \
         ORDER BY told.case_id \
         ON CONFLICT (case_id) DO UPDATE SET \
            version = excluded.version, state = excluded.state, holder_office = excluded.holder_office, \
            responsible_unit = excluded.responsible_unit, deadline_at = excluded.deadline_at, \
            overdue = excluded.overdue, state_since = excluded.state_since, \
            merged_into = excluded.merged_into, registered = stored.registered OR excluded.registered \
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
    .bind(merged_into)
    .bind(registered)
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

/// A case is declined once, so there is nothing to compare.
async fn update_declines(transaction: &mut PgConnection, changes: &[Change]) -> sqlx::Result<()> {
    let mut case_ids: Vec<Uuid> = Vec::new();
    let mut grounds = Vec::new();
    let mut explanations: Vec<&str> = Vec::new();
    for change in changes {
        if let Some(decline) = &change.decline {
            case_ids.push(change.case_id.as_uuid());
            grounds.push(i16::try_from(i32::from(decline.ground)).unwrap_or(0));
            explanations.push(&decline.explanation);
        }
    }
    if case_ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE case_status AS stored \
         SET decline_ground = told.ground, decline_explanation = told.explanation \
         FROM unnest($1::uuid[], $2::smallint[], $3::text[]) AS told (case_id, ground, explanation) \
         WHERE stored.case_id = told.case_id",
    )
    .bind(case_ids)
    .bind(grounds)
    .bind(explanations)
    .execute(transaction)
    .await?;
    Ok(())
}

/// For events that came after newer ones; all others have been taken in with the standings.
async fn update_registered(transaction: &mut PgConnection, changes: &[Change]) -> sqlx::Result<()> {
    let registered = changes.iter().filter(|change| change.registered);
    let case_ids: Vec<Uuid> = registered.map(|change| change.case_id.as_uuid()).collect();
    if case_ids.is_empty() {
        return Ok(());
    }
    sqlx::query("UPDATE case_status SET registered = true WHERE case_id = ANY($1) AND NOT registered")
        .bind(case_ids)
        .execute(transaction)
        .await?;
    Ok(())
}
