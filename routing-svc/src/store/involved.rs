//! Who has to do with a case besides its holder and its lead: units with an open part, and representatives who have
//! claimed it. A table of their own, because few cases have any, and lists go along it.

use std::collections::BTreeSet;

use huying_platform::ids::CaseId;
use jiff_sqlx::ToSqlx as _;
use sqlx::PgConnection;
use uuid::Uuid;

use super::rows::{representative_key, unit_key};
use crate::domain::case::Case;

/// Brings the table up to date for cases that were locked before. `changes` are cases before and after.
///
/// # Errors
/// When a statement fails.
pub async fn update(transaction: &mut PgConnection, changes: &[(&Case, &Case)]) -> sqlx::Result<()> {
    let mut gone = Rows::default();
    let mut there = Rows::default();
    for (before, after) in changes {
        let (was, is) = (codes(before), codes(after));
        for code in was.difference(&is) {
            gone.push(after.id, code);
        }
        let has_moved = deadline(before) != deadline(after);
        for code in is.iter().filter(|code| has_moved || !was.contains(*code)) {
            there.push(after.id, code);
            there.due.push(deadline(after).map(jiff::Timestamp::to_sqlx));
        }
    }
    if !gone.case_ids.is_empty() {
        sqlx::query(
            "DELETE FROM case_involved USING unnest($1::uuid[], $2::text[]) AS g (case_id, code) \
             WHERE case_involved.case_id = g.case_id AND case_involved.code = g.code",
        )
        .bind(&gone.case_ids)
        .bind(&gone.codes)
        .execute(&mut *transaction)
        .await?;
    }
    if !there.case_ids.is_empty() {
        sqlx::query(
            "INSERT INTO case_involved (case_id, code, due_at) \
             SELECT case_id, code, coalesce(due_at, 'infinity') \
             FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS t (case_id, code, due_at) \
             ON CONFLICT ON CONSTRAINT case_involves_each_once DO UPDATE SET due_at = excluded.due_at",
        )
        .bind(&there.case_ids)
        .bind(&there.codes)
        .bind(&there.due)
        .execute(transaction)
        .await?;
    }
    Ok(())
}

#[derive(Default)]
struct Rows {
    case_ids: Vec<Uuid>,
    codes: Vec<String>,
    due: Vec<Option<jiff_sqlx::Timestamp>>,
}

impl Rows {
    fn push(&mut self, case_id: CaseId, code: &str) {
        self.case_ids.push(case_id.as_uuid());
        self.codes.push(code.to_owned());
    }
}

fn codes(case: &Case) -> BTreeSet<String> {
    let units = case.open_parts().map(|part| unit_key(part.unit.as_str()));
    units.chain(case.claimed_by.iter().map(|code| representative_key(code.as_str()))).collect()
}

fn deadline(case: &Case) -> Option<jiff::Timestamp> {
    case.duty.as_ref().map(|duty| duty.clock.due_at)
}
