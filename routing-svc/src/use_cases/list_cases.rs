//! Lists cases by deadline, page by page, as far as the caller may see them.

use huying_platform::{
    auth::{Principal, Role},
    codes::{RegionCode, RepresentativeCode, UnitCode},
    directory::Directory,
};
use huying_proto::{
    events::v1::{CaseKind, UnitKind},
    routing::v1::Case,
};
use jiff::Timestamp;

use super::get_case::summary;
use crate::{
    domain::{
        authority::{covers_region, is_acted_for_by, is_within_scope, lies_in, office_region},
        case::{Stage, State},
    },
    error::Error,
    service::Service,
    store::lists::{self, Along, Filters, Followed, Horizon, Page, Position, read_page},
};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Of this unit; None: of all that the caller may see.
    pub unit: Option<UnitCode>,
    /// In these states; empty: in any open state.
    pub states: Vec<State>,
    /// In these stages; empty: in any.
    pub stages: Vec<Stage>,
    /// Of these kinds; empty: of any.
    pub kinds: Vec<CaseKind>,
    /// Of this category and those below it.
    pub category: Option<String>,
    /// In the subtree of this region.
    pub region: Option<RegionCode>,
    /// Addressed to this representative or their station, or claimed by them.
    pub representative: Option<RepresentativeCode>,
    /// Submitted at or after this.
    pub submitted_from: Option<Timestamp>,
    /// Submitted before this.
    pub submitted_before: Option<Timestamp>,
    /// Only those that bear the overdue mark, or whose deadline has passed.
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
/// When the caller may not see the unit's or the representative's cases, or a code is unknown.
pub async fn list_cases(
    service: &Service,
    principal: &Principal,
    selection: &Selection,
) -> Result<Listed, Error> {
    let directory = service.directory.load();
    let page = plan(principal, selection, &directory, service.clock.now())?;
    let lists::Listed { cases, next } = read_page(&service.db, &page).await?;
    Ok(Listed { cases: cases.iter().map(summary).collect(), next })
}

/// Where to read, and what of it to show.
fn plan(
    principal: &Principal,
    selection: &Selection,
    directory: &Directory,
    now: Timestamp,
) -> Result<Page, Error> {
    if let Some(region) = selection.region.as_ref().filter(|code| directory.region(code.as_str()).is_none()) {
        return Err(Error::InvalidField { field: "region_code", problem: format!("{region} is unknown") });
    }
    if !is_within_scope(principal, directory) {
        return Err(denied(principal, &principal.code));
    }
    let followed =
        selection.representative.as_ref().map(|code| followed(code.as_str(), directory)).transpose()?;
    let mut filters = Filters {
        states: if selection.states.is_empty() { State::OPEN.to_vec() } else { selection.states.clone() },
        stages: selection.stages.clone(),
        kinds: selection.kinds.clone(),
        category: selection.category.clone(),
        within: selection.region.clone(),
        followed: None,
        horizon: None,
        overdue_at: selection.overdue_only.then_some(now),
        submitted_from: selection.submitted_from,
        submitted_before: selection.submitted_before,
    };
    let ranges = match (&selection.unit, followed) {
        (Some(unit), followed) => {
            filters.followed = followed;
            of_unit(principal, unit, directory)?
        }
        (None, Some(followed)) => of_representative(principal, followed, directory, &mut filters)?,
        (None, None) => of_caller(principal, directory)?,
    };
    let ranges = narrowed(ranges, &mut filters);
    Ok(Page { ranges, filters, after: selection.after, size: selection.page_size as usize })
}

fn followed(code: &str, directory: &Directory) -> Result<Followed, Error> {
    let Some(representative) = directory.representative(code) else {
        let problem = format!("{code} is unknown");
        return Err(Error::InvalidField { field: "representative_code", problem });
    };
    let station = Some(representative.station.clone()).filter(|station| !station.is_empty());
    Ok(Followed { representative: code.to_owned(), station })
}

/// A unit's cases: those it is responsible for or has an open part of or, for an office, holds.
fn of_unit(principal: &Principal, code: &UnitCode, directory: &Directory) -> Result<Vec<Along>, Error> {
    let Some(unit) = directory.unit(code.as_str()) else {
        return Err(Error::InvalidField { field: "unit", problem: format!("{code} is unknown") });
    };
    let may_see = match principal.role {
        Role::Operator | Role::Auditor => covers_region(principal, directory, &unit.region),
        Role::Office => {
            is_acted_for_by(principal, code.as_str(), directory)
                || office_region(principal, directory)
                    .is_some_and(|own| lies_in(directory, &unit.region, own))
        }
        Role::Department => principal.code == unit.code,
        Role::Representative => false,
    };
    if !may_see {
        return Err(denied(principal, code.as_str()));
    }
    Ok(match unit.kind() {
        UnitKind::Department => {
            vec![Along::ResponsibilityOf(unit.code.clone()), Along::CoHandledBy(unit.code.clone())]
        }
        UnitKind::Office | UnitKind::Unspecified => vec![Along::HeldBy(unit.code.clone())],
    })
}

/// The cases that a representative follows, as far as the caller may see them.
fn of_representative(
    principal: &Principal,
    followed: Followed,
    directory: &Directory,
    filters: &mut Filters,
) -> Result<Vec<Along>, Error> {
    match principal.role {
        Role::Representative if principal.code == followed.representative => {}
        Role::Representative => return Err(denied(principal, &followed.representative)),
        Role::Operator | Role::Auditor => {
            // What the token is limited to lies within what is asked for, or the other way round, or they are apart.
            if let Some(scope) = &principal.region {
                let asked = filters.within.take();
                filters.within = Some(deeper(scope, asked.as_ref(), directory, principal)?);
            }
        }
        Role::Office => {
            let region = office_region(principal, directory).and_then(|region| region.parse().ok());
            let Some(region) = region else { return Err(denied(principal, &principal.code)) };
            filters.horizon = Some(Horizon { office: principal.code.clone(), region });
        }
        Role::Department => {
            // Its own cases are few against all that a representative follows.
            filters.followed = Some(followed);
            return of_caller(principal, directory);
        }
    }
    Ok(followed.ranges())
}

/// All that a caller may see.
fn of_caller(principal: &Principal, directory: &Directory) -> Result<Vec<Along>, Error> {
    match principal.role {
        Role::Operator | Role::Auditor => {
            Ok(vec![principal.region.clone().map_or(Along::Everything, Along::Within)])
        }
        Role::Department => {
            Ok(vec![Along::AssignedTo(principal.code.clone()), Along::CoHandledBy(principal.code.clone())])
        }
        Role::Office => {
            let region = office_region(principal, directory).and_then(|region| region.parse().ok());
            let Some(region) = region else { return Err(denied(principal, &principal.code)) };
            let held = |office: &String| Along::HeldBy(office.clone());
            let gone = directory.offices_acted_for_by(&principal.code).iter().map(held);
            Ok([Along::Within(region), held(&principal.code)].into_iter().chain(gone).collect())
        }
        Role::Representative => {
            let followed =
                followed(&principal.code, directory).map_err(|_| denied(principal, &principal.code))?;
            Ok(followed.ranges())
        }
    }
}

/// The deeper of two regions of which one contains the other.
fn deeper(
    scope: &RegionCode,
    asked: Option<&RegionCode>,
    directory: &Directory,
    principal: &Principal,
) -> Result<RegionCode, Error> {
    let Some(asked) = asked else { return Ok(scope.clone()) };
    if lies_in(directory, asked.as_str(), scope.as_str()) {
        Ok(asked.clone())
    } else if lies_in(directory, scope.as_str(), asked.as_str()) {
        Ok(scope.clone())
    } else {
        Err(denied(principal, asked.as_str()))
    }
}

/// Everything within a region has an index of its own.
fn narrowed(ranges: Vec<Along>, filters: &mut Filters) -> Vec<Along> {
    match (ranges.as_slice(), filters.within.take()) {
        ([Along::Everything], Some(region)) => vec![Along::Within(region)],
        (_, within) => {
            filters.within = within;
            ranges
        }
    }
}

fn denied(principal: &Principal, code: &str) -> Error {
    tracing::warn!(
        subject = principal.subject,
        role = ?principal.role,
        code = principal.code,
        of = code,
        "listing denied"
    );
    Error::OutOfScope
}
