//! Lists cases by deadline, page by page, as far as the caller may see them.

use huying_platform::{
    auth::{Principal, Role},
    codes::{RegionCode, UnitCode},
    directory::Directory,
};
use huying_proto::{events::v1::UnitKind, routing::v1::Case};

use super::get_case::summary;
use crate::{
    domain::{
        authority::{covers_region, is_within_scope, lies_in, office_region},
        case::State,
    },
    error::Error,
    service::Service,
    store::lists::{Along, Page, Position, read_page},
};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Of this unit; None: of all that the caller may see.
    pub unit: Option<UnitCode>,
    /// In these states; empty: in any open state.
    pub states: Vec<State>,
    /// In the subtree of this region.
    pub region: Option<RegionCode>,
    /// Only those whose deadline has passed.
    pub overdue_only: bool,
    /// How many at most.
    pub page_size: u32,
    /// After this one.
    pub after: Option<Position>,
}

/// One page and where the next begins, if there is one.
#[derive(Debug)]
pub struct Listed {
    /// The cases, without their texts.
    pub cases: Vec<Case>,
    /// None after the last page.
    pub next: Option<Position>,
}

/// Reads a page.
///
/// # Errors
/// When the caller may not see the unit's cases, or a code is unknown.
pub async fn list_cases(
    service: &Service,
    principal: &Principal,
    selection: &Selection,
) -> Result<Listed, Error> {
    let directory = service.directory.load();
    if let Some(region) =
        selection.region.as_ref().filter(|region| directory.region(region.as_str()).is_none())
    {
        return Err(Error::InvalidField { field: "region_code", problem: format!("{region} is unknown") });
    }
    if !is_within_scope(principal, &directory) {
        return Err(denied(principal, &principal.code));
    }
    let ranges = match &selection.unit {
        Some(unit) => of_unit(principal, unit, &directory)?,
        None => of_caller(principal, &directory)?,
    };
    let states = if selection.states.is_empty() { State::OPEN.to_vec() } else { selection.states.clone() };
    // One more than asked for tells whether there is a next page.
    let page = Page {
        ranges: narrowed(ranges, selection.region.as_ref()),
        states,
        within: selection.region.clone(),
        overdue_at: selection.overdue_only.then(|| service.clock.now()),
        after: selection.after,
        limit: i64::from(selection.page_size) + 1,
    };
    let mut found = read_page(&service.db, &page).await?;
    let has_more = found.len() > selection.page_size as usize;
    found.truncate(selection.page_size as usize);
    let next = found.last().filter(|_| has_more).map(|last| Position {
        due_at: last.case.duty.as_ref().map(|duty| duty.due_at),
        case_id: last.case.id,
    });
    Ok(Listed { cases: found.iter().map(summary).collect(), next })
}

/// A unit's cases: those it is responsible for or, for an office, holds.
fn of_unit(principal: &Principal, code: &UnitCode, directory: &Directory) -> Result<Vec<Along>, Error> {
    let Some(unit) = directory.unit(code.as_str()) else {
        return Err(Error::InvalidField { field: "unit", problem: format!("{code} is unknown") });
    };
    let may_see = match principal.role {
        Role::Operator | Role::Auditor => covers_region(principal, directory, &unit.region),
        Role::Office => {
            principal.code == unit.code
                || office_region(principal, directory)
                    .is_some_and(|own| lies_in(directory, &unit.region, own))
        }
        Role::Department => principal.code == unit.code,
        Role::Representative => false,
    };
    if !may_see {
        return Err(denied(principal, code.as_str()));
    }
    Ok(vec![match unit.kind() {
        UnitKind::Department => Along::ResponsibilityOf(unit.code.clone()),
        UnitKind::Office | UnitKind::Unspecified => Along::HeldBy(unit.code.clone()),
    }])
}

/// All that a caller may see.
fn of_caller(principal: &Principal, directory: &Directory) -> Result<Vec<Along>, Error> {
    match principal.role {
        Role::Operator | Role::Auditor => {
            Ok(vec![principal.region.clone().map_or(Along::Everything, Along::Within)])
        }
        Role::Department => Ok(vec![Along::AssignedTo(principal.code.clone())]),
        Role::Office => {
            let region = office_region(principal, directory).and_then(|region| region.parse().ok());
            let Some(region) = region else { return Err(denied(principal, &principal.code)) };
            Ok(vec![Along::Within(region), Along::HeldBy(principal.code.clone())])
        }
        Role::Representative => Err(denied(principal, &principal.code)),
    }
}

/// Everything within a region has an index of its own.
fn narrowed(ranges: Vec<Along>, region: Option<&RegionCode>) -> Vec<Along> {
    match (ranges.as_slice(), region) {
        ([Along::Everything], Some(region)) => vec![Along::Within(region.clone())],
        _ => ranges,
    }
}

fn denied(principal: &Principal, unit: &str) -> Error {
    tracing::warn!(
        subject = principal.subject,
        role = ?principal.role,
        code = principal.code,
        unit,
        "listing denied"
    );
    Error::OutOfScope
}
