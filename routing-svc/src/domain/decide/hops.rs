//! From office to office: delegating to the tier below, escalating to the tier above.
//!
//! The next office has a clock of its own, that of the whole case goes on. What co-handlers were asked is not asked any
//! more, because the next office gives the case to departments of its own. Cases that go on as part of this one go with it.

use huying_platform::codes::{RegionCode, UnitCode};
use huying_proto::events::v1::{CaseDelegated, CaseEscalated, event::Body};

use super::{
    office_at, parts,
    step::{Others, Step},
    unfit,
};
use crate::domain::command::Rejection;

pub(super) fn delegate(
    step: &mut Step<'_>,
    others: &mut Others<'_>,
    region: &RegionCode,
    reason: &str,
) -> Result<(), Rejection> {
    let above = step.office_region()?;
    let directory = step.context.directory;
    let found = directory.active_region(region.as_str());
    if found.is_none_or(|found| found.parent != above) {
        let problem = format!("{region} is not a region directly below {above}; one of those would be right");
        return Err(unfit("region_code", problem));
    }
    let to_office = office_at(directory, region.as_str()).ok_or_else(|| {
        unfit("region_code", format!("{region} has no office; a region with one would be right"))
    })?;
    let body = CaseDelegated {
        from_office: step.case.holder_office.to_string(),
        to_office: to_office.to_string(),
        reason: reason.to_owned(),
    };
    hand_on(step, others, &to_office, &Body::CaseDelegated(body))
}

pub(super) fn escalate(step: &mut Step<'_>, others: &mut Others<'_>, reason: &str) -> Result<(), Rejection> {
    let directory = step.context.directory;
    let above = directory.region(step.office_region()?).map_or("", |region| region.parent.as_str());
    let to_office = office_at(directory, above)
        .ok_or_else(|| Rejection::NoOfficeAbove { office: step.case.holder_office.clone() })?;
    let body = CaseEscalated {
        from_office: step.case.holder_office.to_string(),
        to_office: to_office.to_string(),
        reason: reason.to_owned(),
    };
    hand_on(step, others, &to_office, &Body::CaseEscalated(body))
}

fn hand_on(
    step: &mut Step<'_>,
    others: &mut Others<'_>,
    to_office: &UnitCode,
    body: &Body,
) -> Result<(), Rejection> {
    parts::waive_all(step, "案件移交其他人大机构，原协办事项不再办理。");
    step.hand_to_office(to_office.clone());
    step.happened(body.clone());
    others.change_followers(&step.case, |follower| {
        follower.case.give_to_office(to_office.clone());
        follower.happened(body.clone());
    })
}
