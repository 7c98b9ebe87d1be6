//! What a list of cases is asked for, read from the contract.
//!
//! A region, a unit or a representative that the directory does not know, or knows no more, may have cases still: so it is
//! asked for like any other, as the pages do.

use std::{fmt::Display, str::FromStr};

use huying_platform::{
    codes::{RegionCode, RepresentativeCode, UnitCode},
    status::{Violations, from_micros, timestamp_from_proto},
};
use huying_proto::{
    events::v1::{CaseKind, CaseState},
    ledger::v1::ListCasesRequest,
};
use jiff::Timestamp;
use tonic::Status;

use crate::{
    domain::{case_filter::CaseFilter, search_query::SearchQuery},
    page_token::{InvalidPageToken, parse_page_token},
    use_cases::list_cases::Place,
};

/// Cases on a page when the caller does not say.
const PAGE_SIZE_DEFAULT: u32 = 50;

/// Most cases on a page.
const PAGE_SIZE_MAX: u32 = 500;

/// Most cases on a page that was searched for: each of them is read again for the place that matches. Whoever asks for more
/// gets as many.
const FOUND_PAGE_SIZE_MAX: u32 = 100;

/// Most states, and most kinds, that a filter names: more would be a mistake, there are fewer.
const NAMED_MAX: usize = 16;

/// Longest path of a category, in characters.
const CATEGORY_MAX_CHARS: usize = 200;

/// A list that somebody asks for.
#[derive(Debug)]
pub(super) struct ListAsked {
    pub(super) filter: CaseFilter,
    pub(super) after: Option<Place>,
    pub(super) page_size: u32,
}

impl ListAsked {
    /// Reads a request; everything that is wrong with its form is said at once.
    #[allow(clippy::result_large_err)] // The size is tonic's choice.
    pub(super) fn parse(request: &ListCasesRequest) -> Result<Self, Status> {
        let mut violations = Violations::new();
        let filter = filter(request, &mut violations);
        let page_size = match request.page_size {
            0 => PAGE_SIZE_DEFAULT,
            size if size <= PAGE_SIZE_MAX => size,
            size => {
                violations.add("page_size", format!("is {size}; 1 to {PAGE_SIZE_MAX} would be right"));
                PAGE_SIZE_DEFAULT
            }
        };
        let mut after = None;
        if !request.page_token.is_empty() {
            match parse_page_token(&filter, &request.page_token) {
                Ok(place) => after = Some(place),
                // Of another filter than one that is wrong says nothing.
                Err(InvalidPageToken::OtherFilter) if !violations.is_empty() => {}
                Err(error) => violations.add("page_token", error.to_string()),
            }
        }
        violations.check()?;
        let page_size = match &filter.query {
            Some(_) => page_size.min(FOUND_PAGE_SIZE_MAX),
            None => page_size,
        };
        Ok(Self { filter, after, page_size })
    }
}

fn filter(request: &ListCasesRequest, violations: &mut Violations) -> CaseFilter {
    let mut filter = CaseFilter { overdue_only: request.overdue_only, ..CaseFilter::default() };
    if !request.query.trim().is_empty() {
        match SearchQuery::parse(&request.query) {
            Ok(query) => filter.query = Some(query),
            Err(error) => violations.add("query", error.to_string()),
        }
    }
    filter.region = code::<RegionCode>("region_code", &request.region_code, violations);
    filter.unit = code::<UnitCode>("unit", &request.unit, violations).map(|code| code.to_string());
    filter.waiting_for = code::<UnitCode>("responsible_unit", &request.responsible_unit, violations)
        .map(|code| code.to_string());
    filter.kinds = several("kinds", &request.kinds, CaseKind::Unspecified, violations);
    filter.states = several("states", &request.states, CaseState::Unspecified, violations);
    filter.category = (!request.category.is_empty()).then(|| request.category.clone());
    if let Some(category) = &filter.category {
        let is_path = !category.split('/').any(str::is_empty) && !category.chars().any(char::is_control);
        if !is_path || category.chars().count() > CATEGORY_MAX_CHARS {
            let right = "names joined by \"/\", such as 城乡建设/供热, of at most 200 characters, none of them a \
                         control character, would be";
            violations.add("category", format!("is no path of a category; {right}"));
        }
    }
    filter.submitted_from =
        time("submitted_from", request.submitted_from.as_ref().map(timestamp_from_proto), violations);
    filter.submitted_before =
        time("submitted_before", request.submitted_before.as_ref().map(timestamp_from_proto), violations);
    if let (Some(from), Some(before)) = (filter.submitted_from, filter.submitted_before)
        && before <= from
    {
        violations
            .add("submitted_before", format!("is not after submitted_from, {from}; later would be right"));
    }
    filter.representative =
        code::<RepresentativeCode>("representative_code", &request.representative_code, violations)
            .map(|code| code.to_string());
    filter
}

/// A code; an empty one asks for nothing.
fn code<C: FromStr<Err: Display>>(field: &'static str, text: &str, violations: &mut Violations) -> Option<C> {
    if text.is_empty() {
        return None;
    }
    text.parse().map_err(|error| violations.add(field, format!("{error}"))).ok()
}

fn several<T: TryFrom<i32> + PartialEq + Copy>(
    field: &'static str,
    numbers: &[i32],
    unspecified: T,
    violations: &mut Violations,
) -> Vec<T> {
    if numbers.len() > NAMED_MAX {
        violations.add(field, format!("has more than {NAMED_MAX}; each once would be right"));
    }
    let mut named = Vec::new();
    for number in numbers.iter().take(NAMED_MAX) {
        match T::try_from(*number) {
            Ok(value) if value != unspecified => named.push(value),
            Ok(_) | Err(_) => violations.add(field, format!("has {number}, which is none of them")),
        }
    }
    named
}

/// A time that PostgreSQL and people know.
fn time(
    field: &'static str,
    time: Option<Option<Timestamp>>,
    violations: &mut Violations,
) -> Option<Timestamp> {
    // From the year 1 to the year 9999.
    let known = from_micros(-62_135_596_800_000_000)..=from_micros(253_402_207_200_000_000);
    let read = time?.filter(|time| known.contains(time));
    if read.is_none() {
        violations.add(field, "is not within the years 1 to 9999; that would be right");
    }
    read
}
