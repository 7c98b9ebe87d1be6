//! What happens by itself when its time has come.

use std::collections::HashMap;

use huying_platform::subjects::event_name;
use huying_proto::events::v1::{CaseState, CloseReason, DeadlineKind, Event, event::Body};
use huying_routing_svc::{
    config::FeedBounds,
    service::Service,
    use_cases::fire_deadlines::{fire_deadlines, keep_firing},
};
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::{
    acts::{HOUSING, OFFICE, ROADS},
    town::Town,
};

/// What the limits of [`super::town::POLICIES`] come to for a dispatched case that nobody touches.
const REPLY_LADDER: [&str; 6] =
    ["CaseAccepted", "DeadlineNear", "DeadlineExpired", "CaseUrged", "CaseSupervised", "CriticismCirculated"];

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// Names of what happened by itself to each case, in order.
fn by_case(events: Vec<Event>) -> HashMap<String, Vec<&'static str>> {
    let mut names: HashMap<String, Vec<&'static str>> = HashMap::new();
    for event in events {
        names.entry(event.case_id.clone()).or_default().push(event_name(&event).unwrap());
    }
    names
}

#[tokio::test]
async fn each_step_of_two_thousand_cases_is_taken_once_by_two_replicas() {
    let town = Town::hasty().await;
    let events: Vec<Event> = (0..2_000).map(|_| town.submitted("城乡建设/供热")).collect();
    for batch in events.chunks(500) {
        town.take_up_all(batch).await;
    }
    let stop = CancellationToken::new();
    let replica = town.house.replica().await;
    let services = [town.service.clone(), Service::new(&replica, FeedBounds::default())];
    let workers: Vec<_> = services
        .into_iter()
        .map(|service| tokio::spawn(keep_firing(service, |_| {}, stop.clone())))
        .collect();
    // Everything up to the last step is due at once.
    town.house.clock.advance(seconds(20_000));
    town.house
        .until("all ladders are at their end", async || {
            town.count("SELECT count(*) FROM cases WHERE alarm_at = 'infinity'").await == 2_000
        })
        .await;
    stop.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 0);

    let happened = by_case(town.house.outbox_events().await);
    assert_eq!(happened.len(), 2_000);
    for (case_id, names) in happened {
        // The clock of the whole case ends in between: registering, assigning and replying laid end to end.
        let (whole, others): (Vec<_>, Vec<_>) =
            names[2..].iter().enumerate().partition(|(at, name)| **name == "DeadlineExpired" && *at > 2);
        assert_eq!(whole.len(), 1, "{case_id}: {names:?}");
        assert_eq!(others.into_iter().map(|(_, name)| *name).collect::<Vec<_>>(), REPLY_LADDER, "{case_id}");
    }
    for event in &events[..5] {
        town.events_of(&event.case_id).await;
    }
    town.house.stop().await;
}

#[tokio::test]
async fn a_clock_that_jumps_takes_nothing_twice() {
    let town = Town::hasty().await;
    let case_id = town.assigned().await;
    let mut taken = Vec::new();
    for jump in [8_000, -8_000, 8_000, 2_000, -10_000, 10_150, -150, 150, -10_000, 20_000, -20_000, 20_000] {
        town.house.clock.advance(seconds(jump));
        while fire_deadlines(&town.service).await.unwrap() > 0 {}
        taken.push(town.events_of(&case_id).await.len());
    }
    assert!(taken.is_sorted(), "{taken:?}");
    let names = town.event_names_of(&case_id).await;
    for name in REPLY_LADDER {
        let times = names.iter().filter(|happened| **happened == name).count();
        let expected = if name == "DeadlineExpired" { 2 } else { 1 };
        assert_eq!(times, expected, "{name} in {names:?}");
    }
    town.house.stop().await;
}

#[tokio::test]
async fn nobody_escapes_a_mark_by_acting_before_it_is_entered() {
    let town = Town::hasty().await;
    let (answered, refused) = (town.assigned().await, town.assigned().await);
    town.accept(&answered).await.unwrap();
    town.house.clock.advance(seconds(10_000));
    // Nothing has fired meanwhile, as after a standstill or behind many others.
    town.reply(&answered).await.unwrap();
    let names = town.event_names_of(&answered).await;
    assert_eq!(names[2..], ["CaseAccepted", "DeadlineNear", "DeadlineExpired", "CaseReplied"]);

    // Also when the command itself is refused: the case has been accepted by itself.
    town.accept(&refused).await.unwrap_err();
    assert_eq!(town.event_names_of(&refused).await[2..], ["CaseAccepted", "DeadlineNear", "DeadlineExpired"]);
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 0);
    town.house.stop().await;
}

#[tokio::test]
async fn an_office_is_reminded_marked_and_urged_until_it_registers() {
    let town = Town::hasty().await;
    let case_id = town.queued().await;
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 0);
    let at = async |elapsed: i64| {
        town.house.clock.advance(seconds(elapsed));
        while fire_deadlines(&town.service).await.unwrap() > 0 {}
        *town.event_names_of(&case_id).await.last().unwrap()
    };
    assert_eq!(at(799).await, "CaseQueued");
    assert_eq!(at(1).await, "DeadlineNear");
    assert_eq!(at(200).await, "DeadlineExpired");
    assert_eq!(at(100).await, "CaseUrged");

    let events = town.events_of(&case_id).await;
    let Some(Body::DeadlineExpired(expired)) = &events[2].body else { panic!("{events:?}") };
    assert_eq!((expired.kind(), expired.expiry_number), (DeadlineKind::Register, 1));
    assert_eq!(expired.unit, OFFICE);
    assert!(town.case(&case_id).await.standing.unwrap().overdue);
    let registered = town.register(OFFICE, &case_id).await.unwrap();
    assert!(!registered.standing.unwrap().overdue, "another stage, within the time of the whole case");
    town.house.stop().await;
}

#[tokio::test]
async fn a_part_has_a_ladder_of_its_own() {
    let town = Town::hasty().await.with_roads().await;
    let case_id = town.assigned().await;
    town.accept(&case_id).await.unwrap();
    town.assign_part(&case_id, ROADS).await.unwrap();
    town.house.clock.advance(seconds(10_000));
    while fire_deadlines(&town.service).await.unwrap() > 0 {}
    let events = town.events_of(&case_id).await;
    let expired: Vec<(DeadlineKind, u32, &str)> = events
        .iter()
        .filter_map(|event| match &event.body {
            Some(Body::DeadlineExpired(body)) => Some((body.kind(), body.part_number, body.unit.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(expired, [(DeadlineKind::Reply, 0, HOUSING), (DeadlineKind::Part, 1, ROADS)]);
    let case = town.case(&case_id).await;
    assert!(case.parts[0].overdue);
    town.house.stop().await;
}

#[tokio::test]
async fn a_case_closes_when_the_time_to_rate_ends() {
    let town = Town::hasty().await;
    let case_id = town.replied().await;
    town.house.clock.advance(seconds(700));
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 1);
    let events = town.events_of(&case_id).await;
    let Some(Body::CaseClosed(closed)) = &events.last().unwrap().body else { panic!("{events:?}") };
    assert_eq!(closed.reason(), CloseReason::RatingTimeEnded);
    assert!(!town.event_names_of(&case_id).await.contains(&"DeadlineExpired"));
    assert_eq!(town.case(&case_id).await.standing.unwrap().state(), CaseState::Closed);
    town.house.clock.advance(seconds(1_000_000));
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 0);
    town.house.stop().await;
}

#[tokio::test]
async fn a_case_that_cannot_be_judged_keeps_no_other_from_its_turn() {
    let town = Town::hasty().await;
    let (broken, early, good) = (town.queued().await, town.queued().await, town.queued().await);
    let execute = async |sql: &'static str, case_id: &str| {
        let id: uuid::Uuid = case_id.parse().unwrap();
        sqlx::query(sql).bind(id).execute(&town.house.platform.db).await.unwrap();
    };
    execute(
        "UPDATE cases SET detail = 'x', alarm_at = alarm_at - interval '1 hour' WHERE case_id = $1",
        &broken,
    )
    .await;
    execute("UPDATE cases SET alarm_at = alarm_at - interval '1 hour' WHERE case_id = $1", &early).await;
    // The alarm of the second is wrong: nothing is due, and it is put right.
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 2);
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 0);
    assert_eq!(town.event_names_of(&early).await, ["CaseQueued"]);
    town.house.clock.advance(seconds(800));
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 2);
    for case_id in [&early, &good] {
        assert_eq!(town.event_names_of(case_id).await, ["CaseQueued", "DeadlineNear"]);
    }
    assert_eq!(town.event_names_of(&broken).await, ["CaseQueued"]);
    town.house.stop().await;
}

#[tokio::test]
async fn commands_and_clocks_of_one_case_wait_for_each_other() {
    let town = Town::hasty().await;
    let events: Vec<Event> = (0..60).map(|_| town.submitted("城乡建设/供热")).collect();
    town.take_up_all(&events).await;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(keep_firing(town.service.clone(), |_| {}, stop.clone()));
    town.house.clock.advance(seconds(500));
    let accepting = events.iter().map(|event| town.accept(&event.case_id));
    let accepted = futures_util::future::join_all(accepting).await;
    town.house
        .until("all are accepted", async || {
            town.count("SELECT count(*) FROM cases WHERE state = 4").await == 60
        })
        .await;
    stop.cancel();
    worker.await.unwrap();
    // Each was accepted once, by hand or by itself.
    for (event, accepted) in events.iter().zip(accepted) {
        let names = town.event_names_of(&event.case_id).await;
        assert_eq!(names, ["CaseRegistered", "CaseAssigned", "CaseAccepted"]);
        let events = town.events_of(&event.case_id).await;
        let Some(Body::CaseAccepted(body)) = &events[2].body else { panic!("{events:?}") };
        assert_eq!(body.automatic, accepted.is_err());
    }
    town.house.stop().await;
}
