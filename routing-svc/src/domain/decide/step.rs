//! A case on its way through one decision, and the cases it is bound to.
//!
//! What several commands have in common is here: who acts for the office, how a case changes hands, which clocks begin
//! with that, and how an event is entered.

use std::collections::BTreeMap;

use huying_platform::{
    codes::{RegionCode, Tier, UnitCode},
    directory::Directory,
    ids::CaseId,
};
use huying_proto::events::v1::{Actor, ActorRole, Unit, UnitKind, event::Body};
use jiff::{SignedDuration, Timestamp};

use super::{Context, Decided, Decision, follows, unfit};
use crate::domain::{
    calendar::Calendar,
    case::{Case, Stage, State, WholeClock},
    clocks::{Clock, Scope},
    command::Rejection,
    limits::Limit,
    policies::PolicyStep,
};

/// What stands between the policies of a clock that was laid end to end of several.
pub(super) const END_TO_END: &str = "; ";

/// A case on its way through one decision.
pub(in crate::domain) struct Step<'a> {
    pub(in crate::domain) case: Case,
    pub(in crate::domain) context: &'a Context<'a>,
    events: Vec<Decided>,
}

impl<'a> Step<'a> {
    pub(in crate::domain) fn of(case: Case, context: &'a Context<'a>) -> Self {
        Self { case, context, events: Vec::with_capacity(2) }
    }

    /// Enters an event of whoever asked; to be called once the case stands as it does after it.
    pub(super) fn happened(&mut self, body: Body) {
        self.enter(self.context.actor.clone(), body);
    }

    /// Enters an event that nobody asked for: it follows from a rule, a clock, or another event.
    pub(in crate::domain) fn happened_by_itself(&mut self, body: Body) {
        self.enter(Actor { role: ActorRole::System.into(), code: String::new() }, body);
    }

    fn enter(&mut self, actor: Actor, body: Body) {
        self.case.version += 1;
        self.case.updated_at = self.context.now;
        self.events.push(Decided {
            version: self.case.version,
            occurred_at: self.context.now,
            actor,
            standing: self.case.standing(),
            body,
        });
    }

    pub(in crate::domain) fn done(self) -> Decision {
        Decision { case: self.case, events: self.events }
    }

    /// Dispatches the case to a department, whose clock begins now: with a tighter limit where the office set one.
    pub(in crate::domain) fn give_to_department(&mut self, department: UnitCode, clock: Clock) {
        let accept = {
            let scope = self.scope_of(&department);
            scope.policies.find(PolicyStep::Accept, scope.kind, scope.category, scope.tier).limit
        };
        self.leave_department();
        self.case.state = State::Assigned;
        self.case.department = Some(department.clone());
        self.case.accepted_by_itself_at = Some(accept.end(self.context.now, self.context.calendar));
        self.case.give_duty(department, Stage::Reply, clock);
    }

    /// Leaves the case with an office, whose clock begins now: to be registered when it has not been, else to be assigned.
    pub(in crate::domain) fn hand_to_office(&mut self, office: UnitCode) {
        self.leave_department();
        let stage = match self.case.state {
            State::Submitted => Stage::Register,
            State::Registered
            | State::Assigned
            | State::InHandling
            | State::Replied
            | State::Closed
            | State::Declined
            | State::Withdrawn
            | State::Merged => {
                self.case.state = State::Registered;
                Stage::Assign
            }
        };
        let clock = self.clock(&office, self.policy_of(stage));
        self.case.give_to_office(office.clone());
        self.case.give_duty(office, stage, clock);
    }

    /// Takes the case out of handling for good or for the time being: nobody has to act on it, and no clock runs. A merged
    /// case keeps that of the whole, lest its time could begin anew by going into another case and out again.
    pub(super) fn lay_down(&mut self, state: State) {
        self.leave_department();
        self.case.state = state;
        self.case.duty = None;
        if state != State::Merged {
            self.case.whole = None;
        }
    }

    /// Ends what lasts as long as one department has the case.
    fn leave_department(&mut self) {
        self.case.extension = None;
        self.case.accepted_by_itself_at = None;
    }

    /// The clock of a unit for a step, by the policies now in force, from now on.
    pub(in crate::domain) fn clock(&self, unit: &UnitCode, policy: PolicyStep) -> Clock {
        Clock::start(policy, self.context.now, &self.scope_of(unit))
    }

    /// The policy of a stage. A citizen who has been answered once waits for an answer again.
    pub(in crate::domain) const fn policy_of(&self, stage: Stage) -> PolicyStep {
        match stage {
            Stage::Register => PolicyStep::Register,
            Stage::Assign => PolicyStep::Assign,
            Stage::Reply if self.case.reply_count == 0 => PolicyStep::Reply,
            Stage::Reply => PolicyStep::ReAnswer,
            Stage::Rate => PolicyStep::Rate,
        }
    }

    /// What the clocks of a unit go by.
    pub(in crate::domain) fn scope_of(&self, unit: &UnitCode) -> Scope<'_> {
        Scope {
            policies: self.context.policies,
            calendar: self.context.calendar,
            kind: self.case.kind,
            category: &self.case.category,
            tier: tier_of(unit, self.context.directory),
        }
    }

    /// The clock of the whole case, were it to begin at a moment: registering, assigning and replying laid end to end, or,
    /// once the citizen has been answered, the time for answering again.
    pub(in crate::domain) fn whole_from(&self, began_at: Timestamp) -> WholeClock {
        let steps: &[PolicyStep] = if self.case.reply_count == 0 {
            &[PolicyStep::Register, PolicyStep::Assign, PolicyStep::Reply]
        } else {
            &[PolicyStep::ReAnswer]
        };
        let scope = self.scope_of(&self.case.holder_office);
        let mut due_at = None;
        let mut rules = Vec::with_capacity(steps.len());
        for &step in steps {
            let policy = scope.policies.find(step, scope.kind, scope.category, scope.tier);
            due_at = Some(match due_at {
                None => policy.limit.end(began_at, scope.calendar),
                Some(earlier) => end_after(policy.limit, earlier, scope.calendar),
            });
            rules.push(policy.to_string());
        }
        WholeClock {
            began_at,
            due_at: due_at.unwrap_or(began_at),
            expired: false,
            rule: rules.join(END_TO_END),
            calendar_revision: scope.calendar.revision(),
        }
    }

    /// The unit that has to act; every open case has one.
    ///
    /// # Errors
    /// When the case is not open.
    pub(super) fn responsible(&self) -> Result<UnitCode, Rejection> {
        self.case.duty.as_ref().map(|duty| duty.unit.clone()).ok_or_else(|| self.not_responsible())
    }

    /// Whoever asks has nothing to do with it, or not any more.
    pub(super) fn not_responsible(&self) -> Rejection {
        let responsible = self.case.duty.as_ref().map_or("nobody", |duty| duty.unit.as_str());
        Rejection::NotResponsible {
            unit: self.context.actor.code.clone(),
            responsible: responsible.to_owned(),
        }
    }

    /// The department that asks.
    ///
    /// # Errors
    /// When it is not a department that asks.
    pub(super) fn asking_department(&self) -> Result<UnitCode, Rejection> {
        self.asking(ActorRole::Department)
    }

    /// Whether an office asks; authority has seen that it is the right one.
    pub(super) fn office_asks(&self) -> bool {
        self.context.actor.role() == ActorRole::Office
    }

    /// The code of whoever asks, when they ask in this capacity.
    pub(super) fn asking<C: std::str::FromStr>(&self, role: ActorRole) -> Result<C, Rejection> {
        let actor = &self.context.actor;
        let code = (actor.role() == role).then(|| actor.code.parse().ok()).flatten();
        code.ok_or_else(|| self.not_responsible())
    }

    /// The region in which the holding office acts. An office that is gone is acted for by another one, which gives the
    /// case to its own departments.
    ///
    /// # Errors
    /// When the directory does not know the office.
    pub(super) fn office_region(&self) -> Result<&'a str, Rejection> {
        let directory = self.context.directory;
        let holder = self.case.holder_office.as_str();
        let office = directory.acting_office(holder).or_else(|| directory.unit(holder));
        office
            .map(|office| office.region.as_str())
            .ok_or_else(|| unfit("command.case_id", format!("is held by unknown office {holder}")))
    }

    /// An active department of the holding office's own region.
    ///
    /// # Errors
    /// When the unit is not one; `field` is what the request named it in.
    pub(super) fn own_department(&self, unit: &UnitCode, field: &'static str) -> Result<(), Rejection> {
        let region = self.office_region()?;
        match active_department(unit, self.context.directory) {
            Ok(found) if found.region == region => Ok(()),
            Ok(found) => Err(unfit(
                field,
                format!(
                    "{unit} belongs to region {}; a department of region {region} would be right",
                    found.region
                ),
            )),
            Err(problem) => Err(unfit(field, problem)),
        }
    }
}

/// A department that exists and is active; else what is wrong.
pub(super) fn active_department<'a>(unit: &UnitCode, directory: &'a Directory) -> Result<&'a Unit, String> {
    match directory.active_unit(unit.as_str()) {
        Some(found) if found.kind() == UnitKind::Department => Ok(found),
        Some(_) => Err(format!("{unit} is an office; a department would be right")),
        None => Err(format!("{unit} is unknown; an active department would be right")),
    }
}

/// The end of a limit that begins where another one ends: the day that ends at `due_at` is the one that does not count.
pub(super) fn end_after(limit: Limit, due_at: Timestamp, calendar: &Calendar) -> Timestamp {
    match limit {
        Limit::Seconds(_) => limit.end(due_at, calendar),
        Limit::WorkingDays(_) | Limit::Days(_) | Limit::Months(_) => {
            let last_moment = due_at.saturating_sub(SignedDuration::from_micros(1)).unwrap_or(due_at);
            limit.end(last_moment, calendar)
        }
    }
}

/// The tier whose limits a unit has: its region's. One that the directory does not know is judged by the tier that most
/// offices and departments are of.
fn tier_of(unit: &UnitCode, directory: &Directory) -> Tier {
    let region: Option<RegionCode> =
        directory.unit(unit.as_str()).and_then(|found| found.region.parse().ok());
    region.map_or(Tier::Township, |region| region.tier())
}

/// The cases that a decision changes beside its own.
pub(super) struct Others<'a> {
    cases: &'a BTreeMap<CaseId, Case>,
    context: &'a Context<'a>,
    steps: Vec<Step<'a>>,
}

impl<'a> Others<'a> {
    pub(super) fn of(cases: &'a BTreeMap<CaseId, Case>, context: &'a Context<'a>) -> Self {
        Self { cases, context, steps: Vec::new() }
    }

    /// The decisions of those that changed.
    pub(super) fn done(self) -> impl Iterator<Item = Decision> {
        self.steps.into_iter().map(Step::done).filter(|decision| !decision.events.is_empty())
    }

    /// Another case as it was before the decision.
    ///
    /// # Errors
    /// When it is not at hand.
    pub(super) fn look_at(&self, id: CaseId) -> Result<&'a Case, Rejection> {
        self.cases.get(&id).ok_or(Rejection::OtherCaseUnknown { case_id: id })
    }

    /// Changes another case; once in a decision.
    ///
    /// # Errors
    /// When it is not at hand, or the change is not right.
    pub(super) fn change(&mut self, id: CaseId, change: impl FnOnce(&mut Step<'a>)) -> Result<(), Rejection> {
        let mut step = Step::of(self.look_at(id)?.clone(), self.context);
        change(&mut step);
        self.steps.push(step);
        Ok(())
    }

    /// Changes every case that goes on as part of this one; those that were closed with it stay as they are.
    ///
    /// # Errors
    /// When one of them is not at hand.
    pub(super) fn change_followers(
        &mut self,
        primary: &Case,
        change: impl Fn(&mut Step<'a>),
    ) -> Result<(), Rejection> {
        for &id in &primary.merged {
            if follows(self.look_at(id)?, primary.id) {
                self.change(id, &change)?;
            }
        }
        Ok(())
    }
}
