//! Limits of time and days of the calendar, judged line by line.

use huying_proto::events::v1::{self as proto, CalendarDay, Policy};
use jiff::civil::Weekday;

use super::{Faults, fields, rows::Line, validity::read_day};
use crate::domain::{
    calendar::DayKind,
    limits::{InvalidLimit, Limit},
    policies::{InvalidPolicyStep, PolicyStep},
};

/// The first year with holidays of a week; a day before it is a slip of the pen.
const FIRST_YEAR: i16 = 2000;
/// How long the name of a day may be, in characters.
const DAY_NAME_CHARS_MAX: usize = 64;

pub(super) fn policy(line: &Line<'_>, faults: &mut Faults) -> Option<Policy> {
    let kind = fields::kind(line, faults);
    let tier = match line.field("tier") {
        "" | "*" => Some(proto::Tier::Unspecified),
        _ => fields::tier(line, "municipal, district, township or *", faults).map(proto::Tier::from),
    };
    let (step, limit) = (line.field("step"), line.field("limit"));
    if let Err(error) = step.parse() as Result<PolicyStep, InvalidPolicyStep> {
        line.fault(faults, "step", format!("\"{step}\" {error}"));
    }
    if let Err(error) = limit.parse() as Result<Limit, InvalidLimit> {
        line.fault(faults, "limit", format!("\"{limit}\" {error}"));
    }
    Some(Policy {
        kind: kind?.into(),
        category: fields::category(line),
        tier: tier?.into(),
        step: step.to_owned(),
        limit: limit.to_owned(),
    })
}

pub(super) fn calendar_day(line: &Line<'_>, faults: &mut Faults) -> Option<CalendarDay> {
    let (date, kind, name) = (line.field("date"), line.field("kind"), line.field("name"));
    let day = read_day(date).filter(|day| day.year() >= FIRST_YEAR);
    if day.is_none() {
        let problem = "is not a day of the years 2000 to 2199; one such as 2026-10-01 would be";
        line.fault(faults, "date", format!("\"{date}\" {problem}"));
    }
    let kind = match kind.parse::<DayKind>() {
        Ok(kind) => Some(kind),
        Err(error) => {
            line.fault(faults, "kind", format!("\"{kind}\" {error}"));
            None
        }
    };
    let is_in_week = day.is_some_and(|day| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday));
    if kind == Some(DayKind::Workday) && is_in_week {
        let problem = format!("{date} is a workday by the week; a Saturday or Sunday would be right");
        line.fault(faults, "date", problem);
    }
    if name.is_empty() || name.chars().count() > DAY_NAME_CHARS_MAX {
        let problem = format!("is empty or too long; 1 to {DAY_NAME_CHARS_MAX} characters would be right");
        line.fault(faults, "name", problem);
    }
    let provisional = match line.field("provisional") {
        "true" => Some(true),
        "false" | "" => Some(false),
        other => {
            line.fault(
                faults,
                "provisional",
                format!("\"{other}\" is neither true nor false; one of them would be right"),
            );
            None
        }
    };
    Some(CalendarDay {
        date: date.to_owned(),
        working: kind? == DayKind::Workday,
        name: name.to_owned(),
        provisional: provisional?,
    })
}
