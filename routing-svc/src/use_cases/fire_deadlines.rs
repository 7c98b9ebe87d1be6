//! Lets happen what the clocks of cases say: reminders, overdue marks, urging, supervision, criticism, acceptance, closing.
//! Each exactly once, by any number of replicas, whatever was restarted in between, and whatever the clock does.
//!
//! The row of the case is its alarm. It is locked, judged and moved on in one transaction, so a second replica either
//! passes it over or finds it moved on; a crash in between leaves it due. What was taken stands in the case, so a clock
//! that jumps takes nothing twice.
//!
//! Many alarms at one moment are worked off in bounded batches, over a connection of its own, and slowly while the broker
//! does not keep up: events of cases that people work on queue up behind a bounded number of these, and never behind all
//! of them.

use std::{collections::BTreeSet, time::Duration};

use huying_platform::{ids::CaseId, status::chain};
use huying_proto::events::v1::Actor;
use jiff::{SignedDuration, Timestamp};
use sqlx::{Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

use super::desk::{ATTEMPTS_MAX, Attempt, Desk, Undecided};
use crate::{
    domain::command::{Command, Rejection},
    reference::Reference,
    service::Service,
    store::{
        alarms::{self, Due},
        rows::Stored,
    },
};

/// How many cases one transaction has at hand.
const BATCH_MAX: i64 = 500;
/// How long after its time something happens at the latest, when there is no backlog.
const POLL_MAX: Duration = Duration::from_millis(200);
/// Pause even when something is due: another replica has it at hand.
const POLL_MIN: Duration = Duration::from_millis(10);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// Events that may wait for the broker before firing slows down: what the relay publishes in about a tenth of a second.
const WAITING_EVENTS_MAX: i64 = 5_000;
/// How often it is looked whether the broker has caught up.
const WAITING_POLL: Duration = Duration::from_millis(20);
/// How long a batch waits for the broker at most. A broker that is down does not stop the clocks.
const WAITING_MAX: Duration = Duration::from_secs(1);
/// When a case comes up again that nothing can be decided of.
const POSTPONED: SignedDuration = SignedDuration::from_hours(1);

/// Lets happen what is due, for one batch of cases. Returns how many were due and are not any more.
///
/// # Errors
/// When a statement fails; then nothing of the batch has happened.
pub async fn fire_deadlines(service: &Service) -> sqlx::Result<usize> {
    let mut connection = service.db.acquire().await?;
    fire_batch(service, &mut connection).await
}

/// Lets happen what is due until told to stop; the batch at hand is finished.
pub async fn keep_firing(service: Service, fired: impl Fn(usize) + Send, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = fire_over_one_connection(&service, &fired, &stop).await {
            tracing::warn!(error = chain(&error), "what is due has not happened");
            pause(RETRY, &stop).await;
        }
    }
}

/// Callers of the service and this never wait for each other's connections.
async fn fire_over_one_connection(
    service: &Service,
    fired: &(impl Fn(usize) + Send),
    stop: &CancellationToken,
) -> sqlx::Result<()> {
    let mut connection = service.db.acquire().await?.detach();
    while !stop.is_cancelled() {
        match fire_batch(service, &mut connection).await? {
            0 => pause(until_next(service, &mut connection).await?, stop).await,
            count => {
                fired(count);
                await_broker(&mut connection, stop).await?;
            }
        }
    }
    connection.close().await
}

async fn fire_batch(service: &Service, connection: &mut PgConnection) -> sqlx::Result<usize> {
    let reference = service.reference().await?;
    let now = service.clock.now();

    let mut transaction = connection.begin().await?;
    let Due { cases, unreadable } = alarms::lock_due(&mut transaction, now, BATCH_MAX).await?;
    if cases.is_empty() && unreadable.is_empty() {
        return Ok(0);
    }
    let mut postponed: Vec<(CaseId, Option<Timestamp>)> = Vec::new();
    for (case_id, error) in unreadable {
        tracing::error!(%case_id, error = chain(&error), "a case whose time has come cannot be read");
        postponed.push((case_id, Some(later(now))));
    }
    let case_ids: Vec<CaseId> = cases.iter().map(|stored| stored.case.id).collect();
    let mut desk = Desk::with(cases, &reference, now);
    let mut with_others = Vec::new();
    let mut fired = 0;
    for case_id in case_ids {
        match desk.decide(case_id, &Command::RunClocks, Actor::default(), None) {
            Ok(()) => fired += 1,
            // Locking others now could wait for somebody who waits for a case of this batch.
            Err(Undecided::Needs(_)) => with_others.push(case_id),
            Err(Undecided::Rejected(rejection)) => {
                postponed
                    .extend(desk.case(case_id).map(|stored| (case_id, postpone(stored, &rejection, now))));
            }
            Err(Undecided::Unknown) => {}
        }
    }
    fired += postponed.len();
    alarms::set(&mut transaction, &postponed).await?;
    desk.save(&mut transaction).await?;
    desk.tell(&mut transaction, &service.outbox).await?;
    transaction.commit().await?;
    service.outbox.wake();

    for case_id in with_others {
        fired += usize::from(fire_with_others(service, connection, &reference, case_id).await?);
    }
    Ok(fired)
}

/// Closes a case together with those that go on as part of it, in a transaction that locks all of them in order. False
/// when others kept changing which those are, or did it.
async fn fire_with_others(
    service: &Service,
    connection: &mut PgConnection,
    reference: &Reference,
    case_id: CaseId,
) -> sqlx::Result<bool> {
    let mut case_ids = BTreeSet::from([case_id]);
    for _ in 0..ATTEMPTS_MAX {
        let mut transaction = connection.begin().await?;
        let mut desk = Desk::open(&mut transaction, reference, || service.clock.now(), &case_ids).await?;
        let attempt = match desk.decide(case_id, &Command::RunClocks, Actor::default(), None) {
            Ok(()) => Attempt::Done(true),
            Err(Undecided::Needs(more)) => Attempt::Needs(more),
            // Somebody did it meanwhile; or the next batch will find the case and say what is wrong.
            Err(Undecided::Rejected(_) | Undecided::Unknown) => Attempt::Done(false),
        };
        match attempt {
            Attempt::Needs(more) => {
                transaction.rollback().await?;
                case_ids.extend(more);
            }
            Attempt::Done(false) => {
                transaction.rollback().await?;
                return Ok(false);
            }
            Attempt::Done(true) => {
                desk.save(&mut transaction).await?;
                desk.tell(&mut transaction, &service.outbox).await?;
                transaction.commit().await?;
                service.outbox.wake();
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The alarm of a case that nothing happens to after all, so that it keeps no other from its turn.
fn postpone(stored: &Stored, rejection: &Rejection, now: Timestamp) -> Option<Timestamp> {
    let next = stored.case.next_alarm();
    if next.is_none_or(|next| next > now) {
        // An earlier release moved the case on, and with it the alarm, which it did not know of.
        return next;
    }
    tracing::error!(
        case_id = %stored.case.id,
        error = chain(rejection),
        "nothing can be decided of a case whose time has come"
    );
    Some(later(now))
}

fn later(now: Timestamp) -> Timestamp {
    now.saturating_add(POSTPONED).unwrap_or(Timestamp::MAX)
}

/// Waits while the broker is behind, for a bounded time.
async fn await_broker(connection: &mut PgConnection, stop: &CancellationToken) -> sqlx::Result<()> {
    let give_up_at = tokio::time::Instant::now() + WAITING_MAX;
    while !stop.is_cancelled() && tokio::time::Instant::now() < give_up_at {
        if alarms::count_waiting_events(connection, WAITING_EVENTS_MAX).await? < WAITING_EVENTS_MAX {
            return Ok(());
        }
        pause(WAITING_POLL, stop).await;
    }
    Ok(())
}

/// Until the next alarm that is known, or until new ones should be looked for.
async fn until_next(service: &Service, connection: &mut PgConnection) -> sqlx::Result<Duration> {
    let Some(alarm_at) = alarms::next(connection).await? else { return Ok(POLL_MAX) };
    let wait = alarm_at.duration_since(service.clock.now());
    Ok(Duration::try_from(wait).unwrap_or_default().clamp(POLL_MIN, POLL_MAX))
}

async fn pause(time: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(time) => {}
    }
}
