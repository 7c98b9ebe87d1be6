//! How a case is laid out in a row, read and written by the same names.

use std::sync::Arc;

use huying_platform::{codes::UnitCode, ids::CaseId, status::from_micros};
use huying_proto::events::v1::{CaseHeader, CaseKind, Picture, addressee::To};
use jiff_sqlx::{Timestamp, ToSqlx as _};
use prost::Message;
use sqlx::{Row as _, postgres::PgRow};
use uuid::Uuid;

use super::detail::{self, Detail};
use crate::domain::case::{Case, Duty, Stage, State};

/// A case with what its submission said for good.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The case.
    pub case: Case,
    /// Its header as it came with the submission; [`Case::header`] makes the one of now.
    pub header: Arc<CaseHeader>,
}

/// The message in `cases.pictures`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Pictures {
    /// In the order in which they came.
    #[prost(message, repeated, tag = "1")]
    pub(super) pictures: Vec<Picture>,
}

/// The columns [`read`] needs, without the text.
pub(super) const COLUMNS: &str = "cases.case_id, version, kind, header, state, holder_office, responsible_unit, \
     department, stage, nullif(cases.due_at, 'infinity') AS due_at, overdue, return_count, reply_count, rated_reply, \
     units, updated_at, category, merged_into, detail";

/// Reads a row of [`COLUMNS`].
pub(super) fn read(row: &PgRow) -> sqlx::Result<Stored> {
    let header = CaseHeader::decode(row.try_get::<&[u8], _>("header")?).map_err(|_| corrupt("header"))?;
    let state = State::from_number(row.try_get::<i16, _>("state")?.into()).ok_or_else(|| corrupt("state"))?;
    let due_at: Option<Timestamp> = row.try_get("due_at")?;
    let updated_at: Timestamp = row.try_get("updated_at")?;
    let version: i64 = row.try_get("version")?;
    let known = Detail::read(
        row.try_get("detail")?,
        detail::Row {
            version,
            state,
            due_at: due_at.map(Timestamp::to_jiff),
            overdue: row.try_get("overdue")?,
            updated_at: updated_at.to_jiff(),
        },
    )?;
    let responsible: Option<&str> = row.try_get("responsible_unit")?;
    let stage: Option<i16> = row.try_get("stage")?;
    let duty = match (responsible, stage, known.duty_clock) {
        (Some(unit), Some(stage), Some(clock)) => Some(Duty {
            unit: unit_code(unit)?,
            stage: Stage::from_number(stage.into()).ok_or_else(|| corrupt("stage"))?,
            clock,
        }),
        (None, None, None) => None,
        _ => return Err(corrupt("responsible_unit, stage and due_at")),
    };
    let department: Option<&str> = row.try_get("department")?;
    let units: Vec<String> = row.try_get("units")?;
    let category: Option<String> = row.try_get("category")?;
    let case = Case {
        id: row.try_get::<CaseId, _>("case_id")?,
        version: u64::try_from(version).map_err(|_| corrupt("version"))?,
        kind: CaseKind::try_from(i32::from(row.try_get::<i16, _>("kind")?)).map_err(|_| corrupt("kind"))?,
        category: category.unwrap_or_else(|| header.category.clone()),
        state,
        holder_office: unit_code(row.try_get("holder_office")?)?,
        department: department.map(unit_code).transpose()?,
        duty,
        whole: known.whole,
        accepted_by_itself_at: known.accepted_by_itself_at,
        parts: known.parts,
        extension: known.extension,
        return_count: count(row, "return_count")?,
        reply_count: count(row, "reply_count")?,
        rated_reply: count(row, "rated_reply")?,
        urge_count: known.urge_count,
        urged_at: known.urged_at,
        supervised: known.supervised,
        criticised: known.criticised,
        claimed_by: known.claimed_by,
        merged_into: row.try_get("merged_into")?,
        merged: known.merged,
        units: units.iter().map(|unit| unit_code(unit)).collect::<sqlx::Result<_>>()?,
        updated_at: updated_at.to_jiff(),
    };
    Ok(Stored { case, header: Arc::new(header) })
}

/// The changing columns of many cases, one array a column.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) case_ids: Vec<Uuid>,
    pub(super) versions: Vec<i64>,
    pub(super) states: Vec<i16>,
    pub(super) holders: Vec<String>,
    pub(super) responsible: Vec<Option<String>>,
    pub(super) departments: Vec<Option<String>>,
    pub(super) stages: Vec<Option<i16>>,
    pub(super) due: Vec<Option<Timestamp>>,
    pub(super) alarms: Vec<Option<Timestamp>>,
    pub(super) overdue: Vec<bool>,
    pub(super) returns: Vec<i32>,
    pub(super) replies: Vec<i32>,
    pub(super) rated: Vec<i32>,
    /// Unit codes joined by commas, which no code contains: arrays of arrays cannot be unnested by one level.
    pub(super) units: Vec<String>,
    pub(super) updated: Vec<Timestamp>,
    pub(super) categories: Vec<String>,
    pub(super) addressees: Vec<Option<String>>,
    pub(super) submitted: Vec<Timestamp>,
    pub(super) merged_into: Vec<Option<Uuid>>,
    pub(super) details: Vec<Vec<u8>>,
}

impl Columns {
    pub(super) fn push(&mut self, case: &Case, header: &CaseHeader) {
        let duty = case.duty.as_ref();
        self.case_ids.push(case.id.as_uuid());
        self.versions.push(to_bigint(case.version));
        self.states.push(to_smallint(case.state.to_proto().into()));
        self.holders.push(case.holder_office.to_string());
        self.responsible.push(duty.map(|duty| duty.unit.to_string()));
        self.departments.push(case.department.as_ref().map(ToString::to_string));
        self.stages.push(duty.map(|duty| to_smallint(duty.stage.to_proto().into())));
        self.due.push(duty.map(|duty| duty.clock.due_at.to_sqlx()));
        self.alarms.push(case.next_alarm().map(jiff::Timestamp::to_sqlx));
        self.overdue.push(case.is_overdue());
        self.returns.push(to_integer(case.return_count));
        self.replies.push(to_integer(case.reply_count));
        self.rated.push(to_integer(case.rated_reply));
        self.units.push(case.units.iter().map(UnitCode::as_str).collect::<Vec<_>>().join(","));
        self.updated.push(case.updated_at.to_sqlx());
        self.categories.push(case.category.clone());
        self.addressees.push(addressee(header));
        self.submitted.push(from_micros(header.submitted_at_us).to_sqlx());
        self.merged_into.push(case.merged_into.map(CaseId::as_uuid));
        self.details.push(Detail::of(case).encode_to_vec());
    }
}

/// The representative or station a case is addressed to, as it stands in `cases.addressee`.
fn addressee(header: &CaseHeader) -> Option<String> {
    match header.addressee.as_ref()?.to.as_ref()? {
        To::RepresentativeCode(code) => Some(representative_key(code)),
        To::StationCode(code) => Some(station_key(code)),
        // Where a case is stands in columns of its own.
        To::RegionCode(_) => None,
    }
}

/// A representative as they stand in `cases.addressee` and `case_involved.code`.
pub(super) fn representative_key(code: &str) -> String {
    format!("r:{code}")
}

/// A station as it stands in `cases.addressee`.
pub(super) fn station_key(code: &str) -> String {
    format!("s:{code}")
}

/// A unit as it stands in `case_involved.code`.
pub(super) fn unit_key(code: &str) -> String {
    format!("u:{code}")
}

/// A version as PostgreSQL has it; versions grow by one and never reach the bound.
pub(super) fn to_bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The number of a protobuf enum; ours have less than a hundred values.
pub(super) fn to_smallint(number: i32) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

pub(super) fn to_integer(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn count(row: &PgRow, column: &str) -> sqlx::Result<u32> {
    u32::try_from(row.try_get::<i32, _>(column)?).map_err(|_| corrupt(column))
}

fn unit_code(text: &str) -> sqlx::Result<UnitCode> {
    text.parse().map_err(|_| corrupt("a unit code"))
}

/// A row that this version of the service did not write, or that was edited by hand.
pub(super) fn corrupt(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} of a stored case cannot be read").into())
}
