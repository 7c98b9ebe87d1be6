//! Urging, supervision and criticism: by hand, and by themselves when their time has come.
//!
//! [`run_clocks`] lets happen what is due, one thing after the other in the order of their moments, so that after any
//! standstill the history reads as if there had been none.

use huying_platform::{codes::UnitCode, status};
use huying_proto::events::v1::{
    CaseSupervised, CaseUrged, CriticismCirculated, DeadlineExpired, DeadlineKind, DeadlineNear, event::Body,
};
use jiff::Timestamp;

use super::{
    department, office,
    step::{Others, Step},
    unfit,
};
use crate::domain::{
    case::{Alarm, PartStatus},
    clocks::LadderStep,
    command::{Rejection, next_urging},
};

pub(super) fn urge(step: &mut Step<'_>, text: &str, part: Option<u32>) -> Result<(), Rejection> {
    let unit = match part {
        None => step.responsible()?,
        Some(number) => {
            let part = step.case.part(number).ok_or_else(|| {
                unfit(
                    "part_number",
                    format!("is {number}, and the case has no such part; an open one would be right"),
                )
            })?;
            if part.status != PartStatus::Open {
                return Err(Rejection::PartSettled { number });
            }
            part.unit.clone()
        }
    };
    refuse_for_oneself(step, &unit)?;
    if let Some(next_at) = next_urging(&step.case).filter(|&next_at| next_at > step.context.now) {
        return Err(Rejection::UrgedAlready { next_at });
    }
    step.case.urge_count += 1;
    step.case.urged_at = Some(step.context.now);
    let body = CaseUrged {
        unit: unit.to_string(),
        text: text.to_owned(),
        automatic: false,
        part_number: part.unwrap_or(0),
        urge_number: step.case.urge_count,
    };
    step.happened(Body::CaseUrged(body));
    Ok(())
}

pub(super) fn supervise(step: &mut Step<'_>, demand: &str) -> Result<(), Rejection> {
    let unit = step.responsible()?;
    refuse_for_oneself(step, &unit)?;
    step.case.supervised = true;
    let body = CaseSupervised {
        unit: unit.to_string(),
        demand: demand.to_owned(),
        automatic: false,
        part_number: 0,
    };
    step.happened(Body::CaseSupervised(body));
    Ok(())
}

pub(super) fn criticise(step: &mut Step<'_>, text: &str) -> Result<(), Rejection> {
    let unit = step.responsible()?;
    refuse_for_oneself(step, &unit)?;
    step.case.criticised = true;
    let body = CriticismCirculated {
        unit: unit.to_string(),
        text: text.to_owned(),
        automatic: false,
        part_number: 0,
    };
    step.happened(Body::CriticismCirculated(body));
    Ok(())
}

fn refuse_for_oneself(step: &Step<'_>, unit: &UnitCode) -> Result<(), Rejection> {
    let asks = step.context.actor.code.as_str();
    let acts_for = step.context.directory.acting_office(unit.as_str());
    if unit.as_str() != asks && acts_for.is_none_or(|office| office.code != asks) {
        return Ok(());
    }
    Err(unfit(
        "command.case_id",
        format!("waits for {unit} itself; a case that waits for somebody else would be right"),
    ))
}

/// Lets happen everything whose time has come.
///
/// # Errors
/// [`Rejection::NotDue`] when there is nothing.
pub(super) fn run_clocks(step: &mut Step<'_>, others: &mut Others<'_>) -> Result<(), Rejection> {
    let version = step.case.version;
    // Every round takes a step that never comes again, of at most 22 clocks with five steps at most.
    while let Some((at, alarm)) = step.case.next_event().filter(|(at, _)| *at <= step.context.now) {
        match alarm {
            Alarm::Acceptance => department::accept_by_itself(step)?,
            Alarm::Closing => office::close_by_itself(step, others)?,
            Alarm::Stage => climb_stage(step, at),
            Alarm::Whole => expire_whole(step),
            Alarm::Part(number) => climb_part(step, number, at),
        }
    }
    if step.case.version == version { Err(Rejection::NotDue) } else { Ok(()) }
}

fn climb_stage(step: &mut Step<'_>, at: Timestamp) {
    let Some(duty) = step.case.duty.as_mut() else { return };
    let rungs = duty.clock.take_due(at);
    let told = Told { kind: duty.stage.to_proto(), unit: duty.unit.clone(), part_number: 0 };
    let due_at = duty.clock.due_at;
    climb(step, &rungs, &told, due_at);
}

fn climb_part(step: &mut Step<'_>, number: u32, at: Timestamp) {
    let Some(part) = step.case.parts.iter_mut().find(|part| part.number == number) else { return };
    let rungs = part.clock.take_due(at);
    let told = Told { kind: DeadlineKind::Part, unit: part.unit.clone(), part_number: number };
    let due_at = part.clock.due_at;
    climb(step, &rungs, &told, due_at);
}

fn expire_whole(step: &mut Step<'_>) {
    let Some(whole) = step.case.whole.as_mut() else { return };
    whole.expired = true;
    let body = DeadlineExpired {
        kind: DeadlineKind::Case.into(),
        due_at_us: status::micros(whole.due_at),
        unit: step.case.duty.as_ref().map(|duty| duty.unit.to_string()).unwrap_or_default(),
        expiry_number: 1,
        part_number: 0,
    };
    step.happened_by_itself(Body::DeadlineExpired(body));
}

/// Whose ladder it is.
struct Told {
    kind: DeadlineKind,
    unit: UnitCode,
    part_number: u32,
}

/// Enters the steps of a ladder that were taken: one, because steps of a clock lie apart.
fn climb(step: &mut Step<'_>, rungs: &[LadderStep], told: &Told, due_at: Timestamp) {
    let unit = told.unit.to_string();
    let (kind, part_number) = (told.kind.into(), told.part_number);
    let due_at_us = status::micros(due_at);
    for rung in rungs {
        let unit = unit.clone();
        let body = match rung {
            LadderStep::Reminder => Body::DeadlineNear(DeadlineNear { kind, unit, due_at_us, part_number }),
            LadderStep::Overdue => Body::DeadlineExpired(DeadlineExpired {
                kind,
                unit,
                due_at_us,
                expiry_number: 1,
                part_number,
            }),
            LadderStep::Urging => {
                step.case.urge_count += 1;
                Body::CaseUrged(CaseUrged {
                    unit,
                    text: String::new(),
                    automatic: true,
                    part_number,
                    urge_number: step.case.urge_count,
                })
            }
            LadderStep::Supervision => {
                step.case.supervised = true;
                Body::CaseSupervised(CaseSupervised {
                    unit,
                    demand: String::new(),
                    automatic: true,
                    part_number,
                })
            }
            LadderStep::Criticism => {
                step.case.criticised = true;
                Body::CriticismCirculated(CriticismCirculated {
                    unit,
                    text: String::new(),
                    automatic: true,
                    part_number,
                })
            }
        };
        step.happened_by_itself(body);
    }
}
