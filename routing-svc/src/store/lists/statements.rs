//! The statements behind lists.

use std::fmt;

use huying_platform::codes::{RegionCode, Tier};
use jiff_sqlx::ToSqlx as _;
use sqlx::{Postgres, QueryBuilder};

use super::{Along, Filters, LOOKED_AT_MAX, Page};
use crate::store::rows::{COLUMNS, representative_key, station_key, to_smallint, unit_key};

/// The table whose index has the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Cases,
    Involved,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cases => "cases",
            Self::Involved => "case_involved",
        })
    }
}

impl Along {
    const fn table(&self) -> Table {
        match self {
            Self::Everything
            | Self::HeldBy(_)
            | Self::ResponsibilityOf(_)
            | Self::AssignedTo(_)
            | Self::Within(_)
            | Self::AddressedTo(_)
            | Self::AddressedToStation(_) => Table::Cases,
            Self::CoHandledBy(_) | Self::ClaimedBy(_) => Table::Involved,
        }
    }

    /// Whether its index has cases that do not belong to it. Nearly all cases of a database are of one municipality, so
    /// there is no index for that.
    fn is_wider_than_asked(&self) -> bool {
        match self {
            Self::ResponsibilityOf(_) => true,
            Self::Within(region) => region.tier() == Tier::Municipal,
            Self::Everything
            | Self::HeldBy(_)
            | Self::AssignedTo(_)
            | Self::CoHandledBy(_)
            | Self::AddressedTo(_)
            | Self::AddressedToStation(_)
            | Self::ClaimedBy(_) => false,
        }
    }
}

/// Whether there are cases along the index that are not shown.
pub(super) fn needs_looking(page: &Page, along: &Along) -> bool {
    page.filters.are_any() || along.is_wider_than_asked()
}

/// The first cases of a range that are shown, and one more than fits, which tells whether there is a next page.
pub(super) fn statement(verb: &str, page: &Page, along: &Along) -> QueryBuilder<Postgres> {
    let limit = i64::try_from(page.size).unwrap_or(i64::MAX).saturating_add(1);
    let looked_at = if needs_looking(page, along) { LOOKED_AT_MAX } else { limit };
    let table = along.table();
    let mut query = QueryBuilder::new(format!(
        "{verb}SELECT * FROM (SELECT {COLUMNS}, {table}.due_at AS sort_key, {table}.case_id AS sort_id, \
         municipal, district, township, addressee, submitted_at FROM "
    ));
    match table {
        Table::Cases => push_range(&mut query, page, along, looked_at),
        Table::Involved => {
            query.push("(SELECT due_at, case_id FROM ");
            push_range(&mut query, page, along, looked_at);
            // OFFSET 0 keeps the planner to one look at the primary key for each, in their order.
            query.push(format!(
                ") AS {table} CROSS JOIN LATERAL (SELECT * FROM cases WHERE cases.case_id = {table}.case_id OFFSET 0) \
                 AS cases ORDER BY {table}.due_at, {table}.case_id"
            ));
        }
    }
    query.push(") AS looked_at");
    push_filters(&mut query, &page.filters, along);
    query.push(" ORDER BY sort_key, sort_id LIMIT ").push_bind(limit);
    query
}

/// The last case of a range that is looked at, when there are as many.
pub(super) fn end_of_looking(verb: &str, page: &Page, along: &Along) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(format!(
        "{verb}SELECT nullif(due_at, 'infinity') AS due_at, case_id FROM (SELECT due_at, case_id FROM "
    ));
    push_range(&mut query, page, along, 1);
    query.push(" OFFSET ").push_bind(LOOKED_AT_MAX - 1).push(") AS last");
    query
}

/// One ordered range of one index, from where the last page ended.
fn push_range(query: &mut QueryBuilder<Postgres>, page: &Page, along: &Along, limit: i64) {
    let table = along.table();
    query.push(format!("{table} WHERE "));
    match along {
        Along::Everything => {
            query.push(OF_EVERYBODY);
        }
        Along::HeldBy(office) => {
            query.push("holder_office = ").push_bind(office.clone());
        }
        Along::ResponsibilityOf(department) | Along::AssignedTo(department) => {
            query.push("department = ").push_bind(department.clone());
        }
        Along::Within(_) if along.is_wider_than_asked() => {
            query.push(OF_EVERYBODY);
        }
        Along::Within(region) => push_subtree(query, region),
        Along::AddressedTo(representative) => {
            query.push("addressee = ").push_bind(representative_key(representative));
        }
        Along::AddressedToStation(station) => {
            query.push("addressee = ").push_bind(station_key(station));
        }
        Along::CoHandledBy(unit) => {
            query.push("code = ").push_bind(unit_key(unit));
        }
        Along::ClaimedBy(representative) => {
            query.push("code = ").push_bind(representative_key(representative));
        }
    }
    match page.filters.openness() {
        // Ends the range before the cases that are over, which are many and all at the end.
        (true, false) => query.push(format!(" AND {table}.due_at < 'infinity'")),
        (false, true) => query.push(format!(" AND {table}.due_at = 'infinity'")),
        (true, true) | (false, false) => query,
    };
    if let Some(after) = page.after {
        let due_at = after.due_at.map_or_else(|| "infinity".to_owned(), |due_at| due_at.to_string());
        query.push(format!(" AND ({table}.due_at, {table}.case_id) > ("));
        query.push_bind(due_at).push("::text::timestamptz, ").push_bind(after.case_id).push(")");
    }
    query.push(format!(" ORDER BY {table}.due_at, {table}.case_id LIMIT ")).push_bind(limit);
}

/// The condition of the index of everything, which every case meets.
const OF_EVERYBODY: &str = "version > 0";

/// What is asked for beyond the range of the index.
fn push_filters(query: &mut QueryBuilder<Postgres>, filters: &Filters, along: &Along) {
    query.push(" WHERE true");
    match along {
        Along::ResponsibilityOf(_) => {
            query.push(" AND responsible_unit = department");
        }
        Along::Within(region) if along.is_wider_than_asked() => {
            query.push(" AND ");
            push_subtree(query, region);
        }
        Along::Everything
        | Along::HeldBy(_)
        | Along::AssignedTo(_)
        | Along::CoHandledBy(_)
        | Along::Within(_)
        | Along::AddressedTo(_)
        | Along::AddressedToStation(_)
        | Along::ClaimedBy(_) => {}
    }
    if let Some(states) = filters.states_to_look_at() {
        query.push(" AND state = ANY(").push_bind(states).push(")");
    }
    if !filters.stages.is_empty() {
        let stages: Vec<i16> =
            filters.stages.iter().map(|stage| to_smallint(stage.to_proto().into())).collect();
        query.push(" AND stage = ANY(").push_bind(stages).push(")");
    }
    if !filters.kinds.is_empty() {
        let kinds: Vec<i16> = filters.kinds.iter().map(|&kind| to_smallint(kind.into())).collect();
        query.push(" AND kind = ANY(").push_bind(kinds).push(")");
    }
    if let Some(category) = &filters.category {
        query.push(" AND (category = ").push_bind(category.clone());
        query.push(" OR starts_with(category, ").push_bind(format!("{category}/")).push("))");
    }
    if let Some(region) = &filters.within {
        query.push(" AND ");
        push_subtree(query, region);
    }
    if let Some(followed) = &filters.followed {
        let mut addressees = vec![representative_key(&followed.representative)];
        addressees.extend(followed.station.as_deref().map(station_key));
        query.push(" AND (addressee = ANY(").push_bind(addressees);
        query.push(
            ") OR EXISTS (SELECT FROM case_involved AS i WHERE i.case_id = looked_at.case_id AND i.code = ",
        );
        query.push_bind(representative_key(&followed.representative)).push("))");
    }
    if let Some(horizon) = &filters.horizon {
        query.push(" AND (holder_office = ").push_bind(horizon.office.clone());
        query.push(" OR ").push(column_of(horizon.region.tier())).push(" = ");
        query.push_bind(horizon.region.to_string()).push(")");
    }
    if let Some(now) = filters.overdue_at {
        query.push(" AND (overdue OR sort_key <= ").push_bind(now.to_sqlx()).push(")");
    }
    if let Some(from) = filters.submitted_from {
        query.push(" AND ").push(SUBMITTED_AT).push(" >= ").push_bind(from.to_sqlx());
    }
    if let Some(before) = filters.submitted_before {
        query.push(" AND ").push(SUBMITTED_AT).push(" < ").push_bind(before.to_sqlx());
    }
}

/// Ids are UUIDv7 (RFC 9562), whose first 48 bits are milliseconds since 1970: what a row of an earlier release has.
const SUBMITTED_AT: &str = "coalesce(submitted_at, \
     to_timestamp(('x' || left(replace(case_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0))";

fn push_subtree(query: &mut QueryBuilder<Postgres>, region: &RegionCode) {
    query.push(column_of(region.tier())).push(" = ").push_bind(region.to_string());
}

const fn column_of(tier: Tier) -> &'static str {
    match tier {
        Tier::Municipal => "municipal",
        Tier::District => "district",
        Tier::Township => "township",
    }
}
