//! One case of a sample day, from submission to its last step.
//!
//! Guarantees that what was done is not done again: the submission's key and the request ids are derived from the line,
//! and steps that the case's history already has are passed over, so that an interrupted run can be taken up at any
//! point. Every wait is bounded.

use std::time::Duration;

use huying_proto::{
    events::v1::{ActorRole, Event, Standing},
    intake::v1::{RateCaseRequest, TrackCaseResponse, WithdrawCaseRequest},
    routing::v1::GetCaseResponse,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::script::{Doing, Other, Script, Step};
use crate::{
    acts::{Act, Actor},
    commands::{get_case, rate::rate, submit::submit, track_case, withdraw::withdraw},
    context::Context,
    failure::Failure,
    identity::{Identity, token_of},
    routing_commands::perform,
    shapes::event_name,
    words,
};

/// How long routing may take to decide, and one service to hear of another's doing.
const DECISION_PATIENCE: Duration = Duration::from_secs(30);
/// How long a deadline of the sample may take to pass.
const OVERDUE_PATIENCE: Duration = Duration::from_secs(60);
/// How long after the start intake may not yet know what was just imported.
const DIRECTORY_PATIENCE: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A deadline is seconds away; asking for it less often spares the services.
const OVERDUE_POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Fields that name reference data.
const REFERENCE_FIELDS: [&str; 4] = ["region_code", "representative_code", "station_code", "category"];

/// Why a case was not played to its end.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    /// Key of the line.
    key: String,
    /// 0 for the submission, else the number of the step, from 1.
    step: usize,
    what: &'static str,
    failure: Failure,
}

impl Problem {
    pub(super) fn in_one_line(&self) -> String {
        format!("{} step {} ({}): {}", self.key, self.step, self.what, self.failure.in_one_line())
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "key": self.key,
            "step": self.step,
            "what": self.what,
            "reason": self.failure.in_one_line(),
        })
    }
}

/// Fails when one of the services that play is not there at all: better said once than by every case.
pub(super) async fn check_services(context: &Context) -> Result<(), Failure> {
    let operator = token_of(context, &Identity::Operator)?;
    let nobody = Uuid::nil().to_string();
    let asked = [track_case(context, &nobody).await.err(), get_case(context, &nobody, &operator).await.err()];
    // Any answer shows that somebody is there, and none is expected to be a good one.
    asked.into_iter().flatten().find(Failure::nothing_listens).map_or(Ok(()), Err)
}

/// Plays cases.
#[derive(Debug)]
pub(super) struct Player<'a> {
    context: &'a Context,
    scripts: &'a [Script],
    operator: String,
    started: Instant,
}

/// A case on its way.
struct Case {
    case_id: String,
    receipt_code: String,
    version: u64,
    standing: Standing,
}

impl<'a> Player<'a> {
    pub(super) fn new(context: &'a Context, scripts: &'a [Script]) -> Result<Self, Failure> {
        let operator = token_of(context, &Identity::Operator)?;
        Ok(Self { context, scripts, operator, started: Instant::now() })
    }

    pub(super) async fn play(&self, script: &Script) -> Result<(), Problem> {
        let problem = |step: usize, what: &'static str| {
            let key = script.key.clone();
            move |failure: Failure| Problem { key, step, what, failure }
        };
        let (mut case, history) = self.begin(script).await.map_err(problem(0, "CaseSubmitted"))?;
        let done = steps_done(&script.steps, &history);
        for (number, step) in (1..).zip(&script.steps).skip(done) {
            self.step(script, number, step, &mut case).await.map_err(problem(number, step.event_name()))?;
        }
        Ok(())
    }

    /// Submits, and waits until routing has decided.
    async fn begin(&self, script: &Script) -> Result<(Case, Vec<Event>), Failure> {
        let request = script.submission().map_err(Failure::usage)?;
        let receipt = loop {
            match submit(self.context, &request).await {
                Err(failure)
                    if failure.violates(&REFERENCE_FIELDS) && self.started.elapsed() < DIRECTORY_PATIENCE =>
                {
                    sleep(POLL_INTERVAL * 4).await;
                }
                done => break done?,
            }
        };
        self.await_tracked(&receipt.receipt_code, "routing has decided", |case| case.case_version >= 2)
            .await?;
        let found = get_case(self.context, &receipt.case_id, &self.operator).await?;
        let (version, standing) = standing_of(&found)?;
        let case = Case { case_id: receipt.case_id, receipt_code: receipt.receipt_code, version, standing };
        Ok((case, found.history))
    }

    async fn step(
        &self,
        script: &Script,
        number: usize,
        step: &Step,
        case: &mut Case,
    ) -> Result<(), Failure> {
        let request_id = script.request_id(&number.to_string());
        match &step.doing {
            Doing::Act(act) => self.act(act.clone(), step.acting_as.as_deref(), &request_id, case).await,
            Doing::Other(Other::Rate { resolved, satisfied, comment, reopen }) => {
                let request = RateCaseRequest {
                    idempotency_key: request_id,
                    receipt_code: case.receipt_code.clone(),
                    resolved: *resolved,
                    satisfied: *satisfied,
                    comment: comment.clone(),
                    reopen: *reopen,
                };
                self.rate(&request, case).await
            }
            Doing::Other(Other::Withdraw { reason }) => {
                let request = WithdrawCaseRequest {
                    idempotency_key: request_id,
                    receipt_code: case.receipt_code.clone(),
                    reason: reason.clone(),
                };
                self.withdraw(&request, case).await
            }
            Doing::Other(Other::Absorb { key, reason }) => {
                self.absorb(key, reason.clone(), &request_id, case).await
            }
            Doing::Other(Other::AwaitOverdue {}) => self.await_overdue(case).await,
        }
    }

    /// Gives a command, in the name of whose act it is.
    async fn act(
        &self,
        act: Act,
        acting_as: Option<&str>,
        request_id: &str,
        case: &mut Case,
    ) -> Result<(), Failure> {
        let code = match (acting_as, act.actor()) {
            (Some(code), _) => code.to_owned(),
            (None, Actor::HoldingOffice) => case.standing.holder_office.clone(),
            (None, Actor::ResponsibleUnit) => case.standing.responsible_unit.clone(),
            (
                None,
                actor @ (Actor::CoHandler { .. } | Actor::FollowingRepresentative | Actor::AnyRepresentative),
            ) => actor.code(&get_case(self.context, &case.case_id, &self.operator).await?)?,
        };
        let token = token_of(self.context, &Identity::parse(&code)?)?;
        let outcome = perform(self.context, act, &case.case_id, request_id, None, &token).await?;
        case.version = outcome.case_version;
        case.standing = outcome.standing.unwrap_or_default();
        Ok(())
    }

    /// Merges another line's case into this one. Submitting that line here too does not submit it twice, and makes it
    /// the same whichever line is played first.
    async fn absorb(
        &self,
        key: &str,
        reason: String,
        request_id: &str,
        case: &mut Case,
    ) -> Result<(), Failure> {
        let other = self.scripts.iter().find(|script| script.key == key);
        let other =
            other.ok_or_else(|| Failure::usage(format!("there is no line with the key \"{key}\"")))?;
        let (mut absorbed, _) = self.begin(other).await?;
        let merge = Act::Merge { into_case_id: case.case_id.clone(), reason };
        self.act(merge, None, request_id, &mut absorbed).await?;
        let found = get_case(self.context, &case.case_id, &self.operator).await?;
        (case.version, case.standing) = standing_of(&found)?;
        Ok(())
    }

    /// Rates at intake, and waits until routing has taken the rating up.
    async fn rate(&self, request: &RateCaseRequest, case: &mut Case) -> Result<(), Failure> {
        let version = case.version;
        let before = self
            .await_tracked(&case.receipt_code, "intake takes a rating", |tracked| {
                tracked.case_version >= version && tracked.can_rate
            })
            .await?;
        rate(self.context, request).await?;
        self.await_taken_up("CaseRated", &before.last_refusal, case).await
    }

    /// Withdraws at intake, and waits until routing has taken the withdrawal up.
    async fn withdraw(&self, request: &WithdrawCaseRequest, case: &mut Case) -> Result<(), Failure> {
        let version = case.version;
        let before = self
            .await_tracked(&case.receipt_code, "intake takes a withdrawal", |tracked| {
                tracked.case_version >= version && tracked.can_withdraw
            })
            .await?;
        withdraw(self.context, request).await?;
        self.await_taken_up("CaseWithdrawn", &before.last_refusal, case).await
    }

    /// Waits until a request of the citizen shows in the history as this event; fails when routing refuses it.
    async fn await_taken_up(
        &self,
        event: &str,
        refusal_before: &str,
        case: &mut Case,
    ) -> Result<(), Failure> {
        let version = case.version;
        let deadline = Instant::now() + DECISION_PATIENCE;
        loop {
            let found = get_case(self.context, &case.case_id, &self.operator).await?;
            let is_taken_up =
                found.history.iter().any(|told| told.case_version > version && event_name(told) == event);
            if is_taken_up {
                (case.version, case.standing) = standing_of(&found)?;
                return Ok(());
            }
            let tracked = track_case(self.context, &case.receipt_code).await?;
            if tracked.last_refusal != refusal_before {
                return Err(Failure::unexpected(format!(
                    "the request was refused: {}",
                    tracked.last_refusal
                )));
            }
            if Instant::now() >= deadline {
                return Err(Failure::timed_out(format!("{event} did not come in time")));
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    async fn await_overdue(&self, case: &mut Case) -> Result<(), Failure> {
        let deadline = Instant::now() + OVERDUE_PATIENCE;
        loop {
            let found = get_case(self.context, &case.case_id, &self.operator).await?;
            (case.version, case.standing) = standing_of(&found)?;
            if case.standing.overdue {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Failure::timed_out("the case did not become overdue in time"));
            }
            sleep(OVERDUE_POLL_INTERVAL).await;
        }
    }

    /// Waits until the case, as the citizen sees it, is as wanted.
    async fn await_tracked(
        &self,
        receipt_code: &str,
        what: &str,
        is_wanted: impl Fn(&TrackCaseResponse) -> bool,
    ) -> Result<TrackCaseResponse, Failure> {
        let deadline = Instant::now() + DECISION_PATIENCE;
        loop {
            let tracked = track_case(self.context, receipt_code).await?;
            if is_wanted(&tracked) {
                return Ok(tracked);
            }
            if Instant::now() >= deadline {
                return Err(Failure::timed_out(format!(
                    "waited {}s until {what}; the case is {} at version {}",
                    DECISION_PATIENCE.as_secs(),
                    words::state(tracked.state),
                    tracked.case_version
                )));
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}

fn standing_of(found: &GetCaseResponse) -> Result<(u64, Standing), Failure> {
    found
        .case
        .as_ref()
        .and_then(|case| Some((case.case_version, case.standing.clone()?)))
        .ok_or_else(|| Failure::unexpected("routing showed the case without its standing"))
}

/// How many of the steps an earlier run has done, by the case's history. What the rules and deadlines do of
/// themselves is no step, except that a deadline has passed.
fn steps_done(steps: &[Step], history: &[Event]) -> usize {
    let mut events = history.iter();
    steps
        .iter()
        .take_while(|step| {
            events.any(|event| {
                let is_by_itself =
                    event.actor.as_ref().is_some_and(|actor| actor.role() == ActorRole::System);
                event_name(event) == step.event_name() && is_by_itself == step.comes_by_itself()
            })
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use huying_proto::events::v1::{
        Actor as EventActor, CaseAccepted, CaseAssigned, CaseRegistered, CaseReplied, DeadlineExpired,
        event::Body,
    };

    fn event(body: Body, role: ActorRole) -> Event {
        Event {
            actor: Some(EventActor { role: role.into(), code: String::new() }),
            body: Some(body),
            ..Event::default()
        }
    }

    fn steps() -> Vec<Step> {
        let steps = r#"[{"do": "assign", "unit": "150802-housing"}, {"do": "await_overdue"}, {"do": "accept"},
            {"do": "reply", "text": "x"}]"#;
        serde_json::from_str(steps).unwrap()
    }

    #[test]
    fn what_the_rules_did_is_no_step() {
        let history = [
            event(Body::CaseRegistered(CaseRegistered::default()), ActorRole::System),
            event(Body::CaseAssigned(CaseAssigned::default()), ActorRole::System),
        ];
        assert_eq!(steps_done(&steps(), &history), 0);
    }

    #[test]
    fn a_run_goes_on_after_the_last_step_that_was_done() {
        let mut history = vec![
            event(Body::CaseAssigned(CaseAssigned::default()), ActorRole::Office),
            event(Body::DeadlineExpired(DeadlineExpired::default()), ActorRole::System),
        ];
        assert_eq!(steps_done(&steps(), &history), 2);
        history.push(event(Body::DeadlineExpired(DeadlineExpired::default()), ActorRole::System));
        history.push(event(Body::CaseAccepted(CaseAccepted::default()), ActorRole::Department));
        assert_eq!(steps_done(&steps(), &history), 3);
        history.push(event(Body::CaseReplied(CaseReplied::default()), ActorRole::Department));
        assert_eq!(steps_done(&steps(), &history), 4);
    }
}
