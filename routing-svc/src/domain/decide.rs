//! The one pure step: a case and a command give a new case and the events that led to it, or a rejection.
//!
//! Total over every pair of state and command. Guarantees: versions without gaps, events that carry the standing after
//! them, and an open case that always has its duty. Who asks has been judged before, by [`super::authority`].

use huying_platform::{
    codes::{RegionCode, UnitCode},
    directory::Directory,
    status,
};
use huying_proto::events::v1::{
    Actor, ActorRole, CaseAccepted, CaseAssigned, CaseClosed, CaseDelegated, CaseEscalated, CaseRated,
    CaseRegistered, CaseReopened, CaseReplied, CaseReturned, CloseReason, DeadlineExpired, PrivatePartErased,
    PrivatePartRead, ProgressReported, Standing, Unit, UnitKind, event::Body,
};
use jiff::{SignedDuration, Timestamp};

use super::{
    case::{Case, Stage, State},
    command::{Command, CommandName, RETURNS_MAX, Rejection, state_allows},
    deadlines::{Policies, end_of},
};

/// What a decision needs besides the case.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The moment of the decision.
    pub now: Timestamp,
    /// Who asks, as far as the public may know.
    pub actor: Actor,
    /// Regions, units and rules as they are known now.
    pub directory: &'a Directory,
    /// The limits in force.
    pub policies: &'a Policies,
}

/// An event that has been decided; the caller gives it an id.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// Version of the case with this event.
    pub version: u64,
    /// When.
    pub occurred_at: Timestamp,
    /// Who caused it.
    pub actor: Actor,
    /// How the case stands after it.
    pub standing: Standing,
    /// What happened.
    pub body: Body,
}

/// The outcome of a command that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The case after it.
    pub case: Case,
    /// What happened, at least one, by version.
    pub events: Vec<Decided>,
}

/// Decides a command.
///
/// # Errors
/// A [`Rejection`] when the case stays as it is.
pub fn decide(case: &Case, command: &Command, context: &Context<'_>) -> Result<Decision, Rejection> {
    if !state_allows(case.state, command.name()) {
        return Err(Rejection::StateDoesNotAllow { state: case.state, command: command.name() });
    }
    let step = Step::from(case.clone(), context);
    match command {
        Command::Register => Ok(register(step)),
        Command::Assign { unit, note, reply_within } => assign(step, unit, note, *reply_within),
        Command::Delegate { region, reason } => delegate(step, region, reason),
        Command::Escalate { reason } => escalate(step, reason),
        Command::Accept => accept(step),
        Command::Return { legal_basis, proposed_unit } => return_case(step, legal_basis, proposed_unit),
        Command::ReportProgress { text } => report_progress(step, text),
        Command::Reply { text } => reply(step, text),
        Command::Close { note } => Ok(close(step, CloseReason::ByOffice, note)),
        Command::Rate { resolved, satisfied, comment, reopen } => rate(
            step,
            CaseRated { resolved: *resolved, satisfied: *satisfied, comment: comment.clone() },
            *reopen,
        ),
        Command::RecordPrivateRead { purpose } => {
            Ok(step.happened(Body::PrivatePartRead(PrivatePartRead { purpose: purpose.clone() })).done())
        }
        Command::RecordErasure { ground } => {
            Ok(step.happened(Body::PrivatePartErased(PrivatePartErased { ground: ground.clone() })).done())
        }
        Command::ExpireDeadline => expire(step),
    }
}

fn register(mut step: Step<'_>) -> Decision {
    // Registering and assigning are one stage: the office's clock goes on.
    step.case.state = State::Registered;
    step.happened(Body::CaseRegistered(CaseRegistered { trace: None })).done()
}

fn assign(
    mut step: Step<'_>,
    unit: &UnitCode,
    note: &str,
    reply_within: Option<SignedDuration>,
) -> Result<Decision, Rejection> {
    let office = step.holder()?;
    match step.context.directory.active_unit(unit.as_str()) {
        Some(found) if found.kind() != UnitKind::Department => {
            return Err(unfit("unit", format!("{unit} is an office; a department would be right")));
        }
        Some(found) if found.region != office.region => {
            return Err(unfit(
                "unit",
                format!(
                    "{unit} belongs to region {}; a department of region {} would be right",
                    found.region, office.region
                ),
            ));
        }
        Some(_) => {}
        None => return Err(unfit("unit", format!("{unit} is unknown; an active department would be right"))),
    }
    let limit = step.context.policies.reply_within(step.case.kind);
    let within = reply_within.unwrap_or(limit);
    if within < SignedDuration::from_secs(1) || within > limit {
        return Err(unfit(
            "reply_within",
            format!("is {} s; 1 to {} s would be right", within.as_secs(), limit.as_secs()),
        ));
    }
    step.give_to_department(unit.clone(), within);
    let body = CaseAssigned { unit: unit.to_string(), trace: None, note: note.to_owned() };
    Ok(step.happened(Body::CaseAssigned(body)).done())
}

fn delegate(mut step: Step<'_>, region: &RegionCode, reason: &str) -> Result<Decision, Rejection> {
    let office = step.holder()?;
    match step.context.directory.active_region(region.as_str()) {
        Some(below) if below.parent == office.region => {}
        Some(_) | None => {
            return Err(unfit(
                "region_code",
                format!(
                    "{region} is not a region directly below {}; one of those would be right",
                    office.region
                ),
            ));
        }
    }
    let to_office = office_at(step.context.directory, region.as_str())
        .ok_or_else(|| unfit("region_code", format!("{region} has no office")))?;
    let body = CaseDelegated {
        from_office: step.case.holder_office.to_string(),
        to_office: to_office.to_string(),
        reason: reason.to_owned(),
    };
    step.hand_to_office(to_office);
    Ok(step.happened(Body::CaseDelegated(body)).done())
}

fn escalate(mut step: Step<'_>, reason: &str) -> Result<Decision, Rejection> {
    let office = step.holder()?;
    let above = step.context.directory.region(&office.region).map_or("", |region| region.parent.as_str());
    let to_office = office_at(step.context.directory, above)
        .ok_or_else(|| Rejection::NoOfficeAbove { office: step.case.holder_office.clone() })?;
    let body = CaseEscalated {
        from_office: step.case.holder_office.to_string(),
        to_office: to_office.to_string(),
        reason: reason.to_owned(),
    };
    step.hand_to_office(to_office);
    Ok(step.happened(Body::CaseEscalated(body)).done())
}

fn accept(mut step: Step<'_>) -> Result<Decision, Rejection> {
    let unit = step.responsible(CommandName::Accept)?.to_string();
    // The deadline stays: it runs from dispatch.
    step.case.state = State::InHandling;
    Ok(step.happened(Body::CaseAccepted(CaseAccepted { unit })).done())
}

fn return_case(mut step: Step<'_>, legal_basis: &str, proposed: &UnitCode) -> Result<Decision, Rejection> {
    if step.case.return_count >= RETURNS_MAX {
        return Err(Rejection::ReturnsUsedUp);
    }
    let unit = step.responsible(CommandName::Return)?;
    if *proposed == unit {
        return Err(unfit(
            "proposed_unit",
            format!("is {proposed} itself; another department would be right"),
        ));
    }
    let is_department = step
        .context
        .directory
        .active_unit(proposed.as_str())
        .is_some_and(|found| found.kind() == UnitKind::Department);
    if !is_department {
        return Err(unfit(
            "proposed_unit",
            format!("{proposed} is unknown; an active department would be right"),
        ));
    }
    step.case.return_count += 1;
    let body = CaseReturned {
        unit: unit.to_string(),
        legal_basis: legal_basis.to_owned(),
        proposed_unit: proposed.to_string(),
        return_number: step.case.return_count,
    };
    let office = step.case.holder_office.clone();
    step.hand_to_office(office);
    Ok(step.happened(Body::CaseReturned(body)).done())
}

fn report_progress(step: Step<'_>, text: &str) -> Result<Decision, Rejection> {
    let unit = step.responsible(CommandName::ReportProgress)?.to_string();
    Ok(step.happened(Body::ProgressReported(ProgressReported { unit, text: text.to_owned() })).done())
}

fn reply(mut step: Step<'_>, text: &str) -> Result<Decision, Rejection> {
    let unit = step.responsible(CommandName::Reply)?.to_string();
    step.case.reply_count += 1;
    step.case.state = State::Replied;
    // What is left for a unit is to strike the case off, which is the office's.
    let due_at = end_of(step.context.now, step.context.policies.rating_within);
    let office = step.case.holder_office.clone();
    step.case.give_duty(office, Stage::Rate, due_at);
    let body = CaseReplied { unit, text: text.to_owned(), reply_number: step.case.reply_count };
    Ok(step.happened(Body::CaseReplied(body)).done())
}

fn rate(mut step: Step<'_>, rating: CaseRated, reopen: bool) -> Result<Decision, Rejection> {
    if step.case.rated_reply >= step.case.reply_count {
        return Err(Rejection::AlreadyRated { reply_number: step.case.reply_count });
    }
    if reopen && (rating.resolved || step.case.state != State::Replied) {
        return Err(Rejection::CannotReopen);
    }
    step.case.rated_reply = step.case.reply_count;
    let step = step.happened(Body::CaseRated(rating));
    if reopen { reopen_case(step) } else { Ok(step.done()) }
}

fn reopen_case(mut step: Step<'_>) -> Result<Decision, Rejection> {
    let Some(department) = step.case.department.clone() else { return Err(Rejection::CannotReopen) };
    if step.context.directory.active_unit(department.as_str()).is_none() {
        // The department has been dissolved since: its office finds another.
        let office = step.case.holder_office.clone();
        step.case.state = State::Registered;
        let due_at = end_of(step.context.now, step.context.policies.assign_within);
        step.case.give_duty(office.clone(), Stage::Assign, due_at);
        return Ok(step.happened(Body::CaseReopened(CaseReopened { unit: office.to_string() })).done());
    }
    step.case.state = State::InHandling;
    let due_at = end_of(step.context.now, step.context.policies.re_answer_within);
    step.case.give_duty(department.clone(), Stage::Reply, due_at);
    Ok(step.happened(Body::CaseReopened(CaseReopened { unit: department.to_string() })).done())
}

fn close(mut step: Step<'_>, reason: CloseReason, note: &str) -> Decision {
    step.case.state = State::Closed;
    step.case.duty = None;
    step.case.overdue = false;
    step.happened(Body::CaseClosed(CaseClosed { reason: reason.into(), note: note.to_owned() })).done()
}

fn expire(mut step: Step<'_>) -> Result<Decision, Rejection> {
    step.actor = Actor { role: ActorRole::System.into(), code: String::new() };
    let now = step.context.now;
    let repeat = step.context.policies.expiry_repeat;
    let rated = step.case.rated_reply >= step.case.reply_count;
    let Some(duty) = step.case.duty.as_mut() else { return Err(Rejection::NotDue) };
    if duty.due_at > now {
        return Err(Rejection::NotDue);
    }
    match duty.stage {
        Stage::Rate if rated => Ok(close(step, CloseReason::RatedTimeEnded, "")),
        Stage::Rate => Ok(close(step, CloseReason::RatingTimeEnded, "")),
        Stage::Assign | Stage::Reply => {
            duty.expiries += 1;
            let body = DeadlineExpired {
                kind: duty.stage.to_proto().into(),
                unit: duty.unit.to_string(),
                due_at_us: status::micros(duty.due_at),
                expiry_number: duty.expiries,
            };
            // Reminders missed during a standstill are not made up for: the next one is a full interval away.
            duty.due_at = end_of(now, repeat);
            step.case.overdue = true;
            Ok(step.happened(Body::DeadlineExpired(body)).done())
        }
    }
}

/// The active office of a region.
pub(super) fn office_at(directory: &Directory, region: &str) -> Option<UnitCode> {
    let office = directory.office_of(region)?;
    directory.active_unit(&office.code)?;
    office.code.parse().ok()
}

fn unfit(field: &'static str, problem: String) -> Rejection {
    Rejection::Unfit { field, problem }
}

/// A case on its way through one decision.
pub(super) struct Step<'a> {
    pub(super) case: Case,
    pub(super) context: &'a Context<'a>,
    pub(super) actor: Actor,
    events: Vec<Decided>,
}

impl<'a> Step<'a> {
    pub(super) fn from(case: Case, context: &'a Context<'a>) -> Self {
        Self { case, context, actor: context.actor.clone(), events: Vec::with_capacity(2) }
    }

    /// Enters an event; to be called once the case stands as it does after it.
    pub(super) fn happened(mut self, body: Body) -> Self {
        self.case.version += 1;
        self.case.updated_at = self.context.now;
        self.events.push(Decided {
            version: self.case.version,
            occurred_at: self.context.now,
            actor: self.actor.clone(),
            standing: self.case.standing(),
            body,
        });
        self
    }

    pub(super) fn done(self) -> Decision {
        Decision { case: self.case, events: self.events }
    }

    /// Dispatches the case to a department, whose clock begins now.
    pub(super) fn give_to_department(&mut self, unit: UnitCode, within: SignedDuration) {
        self.case.state = State::Assigned;
        self.case.department = Some(unit.clone());
        self.case.give_duty(unit, Stage::Reply, end_of(self.context.now, within));
    }

    /// Leaves the case registered at an office, whose clock begins now.
    fn hand_to_office(&mut self, office: UnitCode) {
        self.case.state = State::Registered;
        self.case.give_to_office(office.clone());
        let due_at = end_of(self.context.now, self.context.policies.assign_within);
        self.case.give_duty(office, Stage::Assign, due_at);
    }

    /// The holding office as the directory knows it, also when it has been retired since.
    fn holder(&self) -> Result<&'a Unit, Rejection> {
        self.context.directory.unit(self.case.holder_office.as_str()).ok_or_else(|| {
            unfit("command.case_id", format!("is held by unknown office {}", self.case.holder_office))
        })
    }

    /// The unit that has to act; every open case has one.
    fn responsible(&self, command: CommandName) -> Result<UnitCode, Rejection> {
        let duty = self.case.duty.as_ref();
        duty.map(|duty| duty.unit.clone())
            .ok_or(Rejection::StateDoesNotAllow { state: self.case.state, command })
    }
}
