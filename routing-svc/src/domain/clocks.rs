//! One running clock and its ladder: reminder, overdue mark, urging, supervision, circulated criticism.
//!
//! All instants are computed when the clock starts and stay as they are, and so do the rule and the revision of
//! the calendar: neither a new calendar nor a new policy moves a deadline that somebody was told. Instants of a
//! ladder are whole microseconds and strictly increase, so a step is never taken before an earlier one. What a
//! step leads to is left to others.

use huying_platform::codes::Tier;
use huying_proto::events::v1::CaseKind;
use jiff::Timestamp;

use super::{
    calendar::Calendar,
    limits::{END_OF_TIME, Limit, whole_microseconds},
    policies::{Policies, PolicyStep},
};

/// When offices begin work, in Asia/Shanghai: the hour of urging, supervision and criticism.
const MORNING_HOUR: i8 = 9;

/// The fifths of the time after which the unit is reminded: 80 %.
const REMIND_AFTER_FIFTHS: i64 = 4;

/// A rung of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LadderStep {
    /// 提醒: before the deadline, when 80 % of the time is over.
    Reminder,
    /// 超期: the deadline has passed, and the public sees it.
    Overdue,
    /// 催办.
    Urging,
    /// 督办.
    Supervision,
    /// 通报.
    Criticism,
}

impl LadderStep {
    /// Every step, in the order in which they are taken.
    pub const ALL: [Self; 5] =
        [Self::Reminder, Self::Overdue, Self::Urging, Self::Supervision, Self::Criticism];
}

/// What a clock is started for, and by what.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The policies in force.
    pub policies: &'a Policies,
    /// The calendar in force.
    pub calendar: &'a Calendar,
    /// Kind of the case.
    pub kind: CaseKind,
    /// Category path of the case; empty when it has none.
    pub category: &'a str,
    /// Tier of the unit that has to act.
    pub tier: Tier,
}

impl Scope<'_> {
    fn limit(&self, step: PolicyStep) -> Limit {
        self.policies.find(step, self.kind, self.category, self.tier).limit
    }
}

/// A running clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// When the time began.
    pub began_at: Timestamp,
    /// When it is over, and the overdue mark.
    pub due_at: Timestamp,
    /// When the unit is reminded.
    pub remind_at: Timestamp,
    /// When it is urged.
    pub urge_at: Timestamp,
    /// When the case is put under supervision.
    pub supervise_at: Timestamp,
    /// When criticism is circulated.
    pub criticise_at: Timestamp,
    /// How many steps of [`LadderStep::ALL`] were taken: 0 to 5.
    pub taken: u8,
    /// The policy it was started by, as text, or what was set instead.
    pub rule: String,
    /// The revision of the calendar it was computed with.
    pub calendar_revision: u64,
}

impl Clock {
    /// Starts the clock of a step by the policy that holds for it.
    #[must_use]
    pub fn start(step: PolicyStep, now: Timestamp, scope: &Scope<'_>) -> Self {
        let policy = scope.policies.find(step, scope.kind, scope.category, scope.tier);
        Self::start_with(policy.limit, policy.to_string(), now, scope)
    }

    /// Starts a clock with a limit of its own, such as a tighter one that an office set.
    #[must_use]
    pub fn start_with(limit: Limit, rule: String, now: Timestamp, scope: &Scope<'_>) -> Self {
        Self::with_ladder(now, limit.end(now, scope.calendar), rule, scope)
    }

    /// The clock with a new deadline: what was begun stays begun, and the ladder starts from its foot.
    ///
    /// A reminder whose time is over by now is due at once. A deadline that is not after the beginning becomes
    /// the first that is.
    #[must_use]
    pub fn extended(&self, until: Timestamp, rule: String, scope: &Scope<'_>) -> Self {
        Self::with_ladder(self.began_at, until, rule, scope)
    }

    /// When the next step is to be taken; None when all were.
    #[must_use]
    pub fn next_alarm(&self) -> Option<Timestamp> {
        self.next_step().map(|step| self.instant(step))
    }

    /// Takes every step whose time has come, in order. A step that was taken is never taken again, whatever
    /// `now` does.
    #[must_use = "what is taken will not come again"]
    pub fn take_due(&mut self, now: Timestamp) -> Vec<LadderStep> {
        let mut steps = Vec::new();
        while let Some(step) = self.next_step().filter(|&step| self.instant(step) <= now) {
            steps.push(step);
            self.taken += 1;
        }
        steps
    }

    /// Whether the overdue mark was taken.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.steps_taken().contains(&LadderStep::Overdue)
    }

    /// The instant of a step.
    #[must_use]
    pub const fn instant(&self, step: LadderStep) -> Timestamp {
        match step {
            LadderStep::Reminder => self.remind_at,
            LadderStep::Overdue => self.due_at,
            LadderStep::Urging => self.urge_at,
            LadderStep::Supervision => self.supervise_at,
            LadderStep::Criticism => self.criticise_at,
        }
    }

    fn next_step(&self) -> Option<LadderStep> {
        LadderStep::ALL.get(usize::from(self.taken)).copied()
    }

    fn steps_taken(&self) -> &'static [LadderStep] {
        LadderStep::ALL.get(..usize::from(self.taken)).unwrap_or(&LadderStep::ALL)
    }

    fn with_ladder(began_at: Timestamp, due_at: Timestamp, rule: String, scope: &Scope<'_>) -> Self {
        let mut ladder = Ascent::from(began_at);
        let began_at = ladder.reached();
        let remind_at = ladder.next(reminder_between(began_at, due_at));
        let due_at = ladder.next(due_at);
        let mut after_due =
            |step| ladder.next(scope.limit(step).after_deadline(due_at, MORNING_HOUR, scope.calendar));
        Self {
            began_at,
            due_at,
            remind_at,
            urge_at: after_due(PolicyStep::Urge),
            supervise_at: after_due(PolicyStep::Supervise),
            criticise_at: after_due(PolicyStep::Criticise),
            taken: 0,
            rule,
            calendar_revision: scope.calendar.revision(),
        }
    }
}

/// The instant at which 80 % of the time is over, to the nearest microsecond.
fn reminder_between(began_at: Timestamp, due_at: Timestamp) -> Timestamp {
    let began_us = began_at.as_microsecond();
    // All of time is some 6.4e17 µs, so four times its length is a number still.
    let elapsed_us = ((due_at.as_microsecond() - began_us) * REMIND_AFTER_FIFTHS + 2).div_euclid(5);
    Timestamp::from_microsecond(began_us + elapsed_us).unwrap_or(due_at)
}

/// Gives out instants of which each is later than the one before.
struct Ascent {
    reached_us: i64,
    /// The latest that leaves room for the steps to come.
    latest_us: i64,
}

impl Ascent {
    fn from(began_at: Timestamp) -> Self {
        let steps = LadderStep::ALL.len() as i64;
        let latest_us = END_OF_TIME.as_microsecond() - steps;
        Self { reached_us: began_at.as_microsecond().min(latest_us), latest_us }
    }

    fn reached(&self) -> Timestamp {
        Timestamp::from_microsecond(self.reached_us).unwrap_or(END_OF_TIME)
    }

    /// The instant that is wanted, or the first that is left.
    fn next(&mut self, wanted: Timestamp) -> Timestamp {
        self.latest_us += 1;
        self.reached_us =
            whole_microseconds(wanted).as_microsecond().max(self.reached_us + 1).min(self.latest_us);
        self.reached()
    }
}
