//! What co-handlers contribute: giving, answering and waiving parts, which may have parts themselves.
//!
//! A part of a part always has the higher number, so going down the numbers settles what lies below first. An open part
//! never lies below a settled one.

use huying_platform::codes::UnitCode;
use huying_platform::status;
use huying_proto::events::v1::{self as proto, PartAnswered, PartAssigned, PartWaived, Picture, event::Body};
use jiff::{SignedDuration, Timestamp};

use super::{
    step::{Step, active_department},
    unfit,
};
use crate::domain::{
    authority::lies_in,
    case::{Case, Part, PartStatus, Stage},
    clocks::Clock,
    command::{PART_DEPTH_MAX, PARTS_MAX, PartOrder, Rejection},
    policies::PolicyStep,
};

/// Who gives a part: its unit, its region, and the part of its own that it passes on.
struct Giver<'a> {
    unit: UnitCode,
    region: &'a str,
    parent: Option<u32>,
}

/// What is wrong with an order: in which of its fields, and how.
type Fault = (&'static str, String);

pub(super) fn assign_part(
    step: &mut Step<'_>,
    order: &PartOrder,
    parent: Option<u32>,
) -> Result<(), Rejection> {
    let giver = giver(step, parent)?;
    if step.case.parts.len() >= PARTS_MAX {
        return Err(Rejection::PartsUsedUp);
    }
    let part = give(step, &giver, order).map_err(|(field, problem)| {
        let field = if field == "unit" { "part.unit" } else { "part.answer_within" };
        unfit(field, problem)
    })?;
    step.happened(Body::PartAssigned(PartAssigned { part: Some(part), by_unit: giver.unit.to_string() }));
    Ok(())
}

/// Gives the parts that an office names with the assignment; the case has its lead already.
pub(super) fn give_with_assignment(
    step: &mut Step<'_>,
    orders: &[PartOrder],
) -> Result<Vec<proto::Part>, Rejection> {
    if step.case.parts.len() + orders.len() > PARTS_MAX {
        return Err(Rejection::PartsUsedUp);
    }
    let giver = Giver { unit: step.case.holder_office.clone(), region: step.office_region()?, parent: None };
    let mut parts = Vec::with_capacity(orders.len());
    for (index, order) in orders.iter().enumerate() {
        let part = give(step, &giver, order).map_err(|(field, problem)| {
            unfit("parts", format!("are not right: in parts[{index}], {field} {problem}"))
        })?;
        parts.push(part);
    }
    Ok(parts)
}

fn giver<'a>(step: &Step<'a>, parent: Option<u32>) -> Result<Giver<'a>, Rejection> {
    if step.office_asks() {
        let unit = step.case.holder_office.clone();
        if let Some(number) = parent {
            return Err(Rejection::NotYourPart { number, unit: unit.to_string() });
        }
        return Ok(Giver { unit, region: step.office_region()?, parent: None });
    }
    let unit = step.asking_department()?;
    let region = step.context.directory.unit(unit.as_str()).map_or("", |found| found.region.as_str());
    let is_lead = step.case.duty.as_ref().is_some_and(|duty| duty.unit == unit);
    match parent {
        None if is_lead => Ok(Giver { unit, region, parent: None }),
        None if step.case.open_parts().any(|part| part.unit == unit) => Err(unfit(
            "parent_part_number",
            "is missing; the number of the co-handler's own part would be right".to_owned(),
        )),
        None => Err(step.not_responsible()),
        Some(number) => {
            open_part_of(step, number, &unit)?;
            if depth(&step.case, number) >= PART_DEPTH_MAX {
                return Err(unfit(
                    "parent_part_number",
                    format!(
                        "is {number}, which lies {PART_DEPTH_MAX} parts deep; one less deep would be right"
                    ),
                ));
            }
            Ok(Giver { unit, region, parent: Some(number) })
        }
    }
}

fn give(step: &mut Step<'_>, giver: &Giver<'_>, order: &PartOrder) -> Result<proto::Part, Fault> {
    let directory = step.context.directory;
    let unit = &order.unit;
    let found = active_department(unit, directory).map_err(|problem| ("unit", problem))?;
    if !lies_in(directory, &found.region, giver.region) {
        return Err((
            "unit",
            format!(
                "{unit} belongs to region {}; a department of region {} or below would be right",
                found.region, giver.region
            ),
        ));
    }
    let is_lead = step.case.duty.as_ref().is_some_and(|duty| duty.unit == *unit);
    if is_lead || *unit == giver.unit {
        let problem = format!("{unit} answers for this itself; another department would be right");
        return Err(("unit", problem));
    }
    let part = Part {
        number: step.case.parts.last().map_or(1, |last| last.number + 1),
        parent: giver.parent,
        unit: unit.clone(),
        given_by: giver.unit.clone(),
        task: order.task.clone(),
        status: PartStatus::Open,
        clock: clock_of(step, unit, giver.parent, order.answer_within)?,
    };
    let told = proto::Part {
        part_number: part.number,
        unit: part.unit.to_string(),
        parent_part_number: part.parent.unwrap_or(0),
        task: part.task.clone(),
        deadline_at_us: status::micros(part.clock.due_at),
    };
    step.case.remember(unit);
    step.case.parts.push(part);
    Ok(told)
}

/// A part's time ends with the time of what it is a part of, or earlier. When that is over already, the part has the time
/// that a reply has, from now on.
fn clock_of(
    step: &Step<'_>,
    unit: &UnitCode,
    parent: Option<u32>,
    answer_within: Option<SignedDuration>,
) -> Result<Clock, Fault> {
    let now = step.context.now;
    let scope = step.scope_of(unit);
    let lead = step.case.duty.as_ref().filter(|duty| duty.stage == Stage::Reply).map(|duty| &duty.clock);
    let above = parent.and_then(|number| step.case.part(number)).map(|part| &part.clock);
    let bound = lead.into_iter().chain(above).filter(|clock| clock.due_at > now).min_by_key(|c| c.due_at);
    let by_policy = Clock::start(PolicyStep::Reply, now, &scope);
    let (latest, rule) =
        bound.map_or((by_policy.due_at, by_policy.rule.clone()), |clock| (clock.due_at, clock.rule.clone()));
    let Some(within) = answer_within else { return Ok(by_policy.extended(latest, rule, &scope)) };
    if within < SignedDuration::from_secs(1) {
        return Err(("answer_within", format!("is {} s; 1 s or more would be right", within.as_secs())));
    }
    let wanted = now.saturating_add(within).unwrap_or(Timestamp::MAX);
    if wanted >= latest {
        return Ok(by_policy.extended(latest, rule, &scope));
    }
    Ok(by_policy.extended(wanted, format!("answer_within {}s", within.as_secs()), &scope))
}

pub(super) fn answer_part(
    step: &mut Step<'_>,
    number: u32,
    text: &str,
    pictures: &[Picture],
) -> Result<(), Rejection> {
    let unit = step.asking_department()?;
    open_part_of(step, number, &unit)?;
    let numbers: Vec<u32> = open_below(&step.case, number);
    if !numbers.is_empty() {
        return Err(Rejection::PartsOpen { numbers });
    }
    settle(&mut step.case, number, PartStatus::Answered);
    let body = PartAnswered {
        part_number: number,
        unit: unit.to_string(),
        text: text.to_owned(),
        pictures: pictures.to_vec(),
    };
    step.happened(Body::PartAnswered(body));
    Ok(())
}

/// By the holding office, or by whoever gave the part.
pub(super) fn waive_part(step: &mut Step<'_>, number: u32, reason: &str) -> Result<(), Rejection> {
    let part = known_part(step, number)?;
    let is_givers = part.given_by.as_str() == step.context.actor.code;
    if !step.office_asks() && !is_givers {
        return Err(Rejection::NotYourPart { number, unit: step.context.actor.code.clone() });
    }
    if part.status != PartStatus::Open {
        return Err(Rejection::PartSettled { number });
    }
    for number in with_open_below(&step.case, number) {
        if let Some(body) = waived(&mut step.case, number, reason) {
            step.happened(body);
        }
    }
    Ok(())
}

/// Waives what is open of a unit that becomes the lead: from now on it answers for the whole.
pub(super) fn waive_those_of(step: &mut Step<'_>, unit: &UnitCode) {
    let own: Vec<u32> =
        step.case.open_parts().filter(|part| part.unit == *unit).map(|part| part.number).collect();
    for number in
        own.into_iter().rev().flat_map(|number| with_open_below(&step.case, number)).collect::<Vec<_>>()
    {
        waive_by_itself(step, number, "协办单位已改为主办单位，对全案负责。");
    }
}

/// Waives every open part, because the case goes on without them.
pub(super) fn waive_all(step: &mut Step<'_>, reason: &str) {
    let numbers: Vec<u32> = step.case.open_parts().map(|part| part.number).collect();
    for number in numbers.into_iter().rev() {
        waive_by_itself(step, number, reason);
    }
}

fn waive_by_itself(step: &mut Step<'_>, number: u32, reason: &str) {
    if let Some(body) = waived(&mut step.case, number, reason) {
        step.happened_by_itself(body);
    }
}

/// Makes somebody else the giver of the open parts that a unit gave as the lead.
pub(super) fn pass_on_given_by(case: &mut Case, from: &UnitCode, to: &UnitCode) {
    for part in &mut case.parts {
        if part.status == PartStatus::Open && part.given_by == *from {
            part.given_by = to.clone();
        }
    }
}

/// Settles a part that is open; None when it is not.
fn waived(case: &mut Case, number: u32, reason: &str) -> Option<Body> {
    let unit = case.part(number).filter(|part| part.status == PartStatus::Open)?.unit.to_string();
    settle(case, number, PartStatus::Waived);
    Some(Body::PartWaived(PartWaived { part_number: number, unit, reason: reason.to_owned() }))
}

fn settle(case: &mut Case, number: u32, status: PartStatus) {
    if let Some(part) = case.parts.iter_mut().find(|part| part.number == number) {
        part.status = status;
    }
}

fn known_part<'s>(step: &'s Step<'_>, number: u32) -> Result<&'s Part, Rejection> {
    step.case.part(number).ok_or_else(|| {
        let numbers: Vec<String> = step.case.open_parts().map(|part| part.number.to_string()).collect();
        let right = if numbers.is_empty() {
            "no part is open".to_owned()
        } else {
            format!("an open one of {} would be right", numbers.join(", "))
        };
        unfit("part_number", format!("is {number}, and the case has no such part; {right}"))
    })
}

/// Checks that a part is open and the unit's own.
fn open_part_of(step: &Step<'_>, number: u32, unit: &UnitCode) -> Result<(), Rejection> {
    let part = known_part(step, number)?;
    if part.unit != *unit {
        return Err(Rejection::NotYourPart { number, unit: unit.to_string() });
    }
    if part.status != PartStatus::Open {
        return Err(Rejection::PartSettled { number });
    }
    Ok(())
}

/// A part, after the open ones that lie below it.
fn with_open_below(case: &Case, number: u32) -> Vec<u32> {
    let mut numbers = open_below(case, number);
    numbers.reverse();
    numbers.push(number);
    numbers
}

/// The open parts that lie below a part, by number.
fn open_below(case: &Case, number: u32) -> Vec<u32> {
    case.open_parts().filter(|part| lies_below(case, part, number)).map(|part| part.number).collect()
}

fn lies_below(case: &Case, part: &Part, number: u32) -> bool {
    parents(case, part.number).any(|parent| parent == number)
}

/// How deep a part lies: 1 for a part of the whole.
fn depth(case: &Case, number: u32) -> usize {
    1 + parents(case, number).count()
}

/// The parts that a part lies below, from the nearest on.
fn parents(case: &Case, number: u32) -> impl Iterator<Item = u32> {
    let parent_of = |number: u32| case.part(number).and_then(|part| part.parent);
    std::iter::successors(parent_of(number), move |&number| parent_of(number)).take(PART_DEPTH_MAX)
}
