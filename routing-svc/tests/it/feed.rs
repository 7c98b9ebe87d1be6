//! What units are told of their work.

use std::{sync::Arc, time::Duration};

use huying_platform::{Platform, testkit::DEADLINE};
use huying_proto::{
    events::v1::Event,
    routing::v1::{
        Assignment, AssignmentKind, WatchAssignmentsRequest, WatchAssignmentsResponse,
        case_service_client::CaseServiceClient,
    },
};
use huying_routing_svc::{
    config::FeedBounds,
    domain::submission::Submission,
    grpc,
    service::Service,
    use_cases::{
        take_up_submissions::{Arrived, take_up_submissions},
        watch_assignments::keep_hearing,
    },
};
use jiff::SignedDuration;
use tokio::time::timeout;
use tonic::{Code, Status, Streaming, transport::Channel};

use super::{
    acts::{HOUSING, OFFICE, ROADS},
    town::{Town, fields, reason},
};

type Feed = Streaming<WatchAssignmentsResponse>;

/// A second replica over the town's database, with bounds of its own.
struct Replica {
    service: Service,
    cases: CaseServiceClient<Channel>,
    _platform: Platform,
}

impl Replica {
    async fn of(town: &Town, bounds: FeedBounds) -> Self {
        let platform = town.house.replica().await;
        let service = Service::new(&platform, bounds);
        let channel = town.house.grpc_channel(grpc::routes(&platform, &service)).await;
        platform.spawn("feed", keep_hearing(service.clone()));
        Self { service, cases: CaseServiceClient::new(channel), _platform: platform }
    }
}

async fn watch(
    town: &Town,
    mut cases: CaseServiceClient<Channel>,
    role: &str,
    code: &str,
    unit: &str,
    after_cursor: u64,
) -> Result<Feed, Status> {
    let request = WatchAssignmentsRequest { unit: unit.into(), after_cursor };
    Ok(cases.watch_assignments(town.call(role, code, request)).await?.into_inner())
}

async fn next(feed: &mut Feed) -> Assignment {
    loop {
        let message = timeout(DEADLINE, feed.message()).await.expect("something is told").unwrap().unwrap();
        if let Some(assignment) = message.assignment {
            return assignment;
        }
    }
}

async fn end(feed: &mut Feed) -> Status {
    loop {
        match timeout(DEADLINE, feed.message()).await.expect("the feed ends") {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the feed ended without saying why"),
            Err(status) => return status,
        }
    }
}

fn arrived(events: &[Event]) -> Vec<Arrived> {
    let arrived = |event| Arrived { submission: Submission::parse(event).unwrap(), traceparent: None };
    events.iter().map(arrived).collect()
}

#[tokio::test]
async fn units_are_told_what_is_given_to_them_and_taken_from_them() {
    let town = Town::start().await.with_roads().await;
    let case_id = town.queued().await;
    town.register(OFFICE, &case_id).await.unwrap();
    town.assign(OFFICE, &case_id, HOUSING).await.unwrap();
    town.assign_part(&case_id, ROADS).await.unwrap();
    town.give_back(&case_id).await.unwrap();
    town.assign(OFFICE, &case_id, ROADS).await.unwrap();
    let told = async |role: &str, unit: &str, count: usize| {
        let mut feed = watch(&town, town.cases(), role, unit, unit, 0).await.unwrap();
        let mut told = Vec::new();
        for _ in 0..count {
            told.push(next(&mut feed).await);
        }
        told
    };
    let kinds = |told: &[Assignment]| {
        told.iter().map(|one| (one.cursor, one.kind(), one.part_number, one.case_version)).collect::<Vec<_>>()
    };
    let office = told("office", OFFICE, 2).await;
    assert_eq!(kinds(&office), [(1, AssignmentKind::Office, 0, 2), (2, AssignmentKind::Office, 0, 6)]);
    let housing = told("department", HOUSING, 2).await;
    assert_eq!(kinds(&housing), [(1, AssignmentKind::Lead, 0, 4), (2, AssignmentKind::Released, 0, 6)]);
    let roads = told("department", ROADS, 1).await;
    assert_eq!(kinds(&roads), [(1, AssignmentKind::Part, 1, 5)]);

    let lead = &housing[0];
    assert_eq!(lead.case_id, case_id);
    assert_eq!(lead.header.as_ref().unwrap().title, "暖气不热");
    assert_eq!(lead.occurred_at_us, town.house.platform.clock.now().as_microsecond());
    assert!(lead.deadline_at_us > lead.occurred_at_us);
    assert_eq!(housing[1].deadline_at_us, 0);
    town.house.stop().await;
}

#[tokio::test]
async fn a_feed_goes_on_at_another_replica_where_it_was_cut_off() {
    let town = Town::start().await;
    let replica = Replica::of(&town, FeedBounds::default()).await;
    let mut cases = vec![town.assigned().await, town.assigned().await];
    let mut feed = watch(&town, town.cases(), "department", HOUSING, HOUSING, 0).await.unwrap();
    let mut told = vec![next(&mut feed).await, next(&mut feed).await];
    drop(feed);
    cases.push(town.assigned().await);
    let after = told.last().unwrap().cursor;
    let mut feed = watch(&town, replica.cases.clone(), "department", HOUSING, HOUSING, after).await.unwrap();
    told.push(next(&mut feed).await);
    // What either replica commits is heard of at this one.
    cases.push(town.assigned().await);
    told.push(next(&mut feed).await);
    let event = town.submitted("城乡建设/供热");
    take_up_submissions(&replica.service, arrived(std::slice::from_ref(&event))).await.unwrap();
    cases.push(event.case_id);
    told.push(next(&mut feed).await);

    assert_eq!(told.iter().map(|one| one.cursor).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(told.into_iter().map(|one| one.case_id).collect::<Vec<_>>(), cases);
    town.house.stop().await;
}

#[tokio::test]
async fn nothing_is_missed_or_repeated_while_two_replicas_commit_at_once() {
    let town = Arc::new(Town::start().await);
    let replica = Replica::of(&town, FeedBounds::default()).await;
    let mut all = Vec::new();
    let mut writers = Vec::new();
    for number in 0..24 {
        let events: Vec<Event> = (0..20).map(|_| town.submitted("城乡建设/供热")).collect();
        all.extend(events.iter().map(|event| event.case_id.clone()));
        let service = if number % 2 == 0 { town.service.clone() } else { replica.service.clone() };
        writers.push(tokio::spawn(async move { take_up_submissions(&service, arrived(&events)).await }));
    }
    let mut feed = watch(&town, town.cases(), "department", HOUSING, HOUSING, 0).await.unwrap();
    let mut told = Vec::new();
    for cursor in 1..=480 {
        let assignment = next(&mut feed).await;
        assert_eq!(assignment.cursor, cursor);
        told.push(assignment.case_id);
    }
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    told.sort();
    all.sort();
    assert_eq!(told, all);
    drop(feed);
    Arc::into_inner(town).unwrap().house.stop().await;
}

#[tokio::test]
async fn a_feed_says_that_it_lives_and_ends_with_its_token() {
    let town = Town::start().await;
    let bounds = FeedBounds { sign_of_life: Duration::from_millis(50), ..FeedBounds::default() };
    let replica = Replica::of(&town, bounds).await;
    let mut feed = watch(&town, replica.cases.clone(), "department", HOUSING, HOUSING, 0).await.unwrap();
    let message = timeout(DEADLINE, feed.message()).await.unwrap().unwrap().unwrap();
    assert_eq!(message.assignment, None);
    town.house.clock.advance(SignedDuration::from_hours(48));
    let ended = end(&mut feed).await;
    assert_eq!((ended.code(), reason(&ended).0.as_str()), (Code::Unauthenticated, "TOKEN_EXPIRED"));
    town.house.stop().await;
}

#[tokio::test]
async fn a_feed_ends_when_the_server_stops() {
    let town = Town::start().await;
    let replica = Replica::of(&town, FeedBounds::default()).await;
    let mut feed = watch(&town, replica.cases.clone(), "office", OFFICE, OFFICE, 0).await.unwrap();
    replica.service.feed.stopping.cancel();
    let ended = end(&mut feed).await;
    assert_eq!((ended.code(), reason(&ended).0.as_str()), (Code::Unavailable, "SERVER_STOPPING"));
    town.house.stop().await;
}

#[tokio::test]
async fn a_unit_follows_its_own_work_and_overseers_that_of_all() {
    let town = Town::start().await;
    for (role, code) in [("department", HOUSING), ("auditor", ""), ("operator", "")] {
        watch(&town, town.cases(), role, code, HOUSING, 0).await.unwrap();
    }
    for (role, code) in
        [("office", OFFICE), ("department", "150802-housing"), ("representative", "r-150802001-001")]
    {
        let denied = watch(&town, town.cases(), role, code, HOUSING, 0).await.unwrap_err();
        assert_eq!((denied.code(), reason(&denied).0.as_str()), (Code::PermissionDenied, "OUT_OF_SCOPE"));
    }
    let elsewhere = town.house.token("department", HOUSING, "150821");
    let request = WatchAssignmentsRequest { unit: HOUSING.into(), after_cursor: 0 };
    let denied = town.cases().watch_assignments(town.call_with(&elsewhere, request)).await.unwrap_err();
    assert_eq!(reason(&denied).0, "OUT_OF_SCOPE");

    for (unit, after, field) in [("住建", 0, "unit"), ("nobody", 0, "unit"), (HOUSING, 1, "after_cursor")] {
        let refused = watch(&town, town.cases(), "auditor", "", unit, after).await.unwrap_err();
        assert_eq!(fields(&refused), [field]);
    }
    town.house.stop().await;
}

#[tokio::test]
async fn feeds_are_bounded_and_give_their_place_back() {
    let town = Town::start().await;
    let replica = Replica::of(&town, FeedBounds { streams_per_unit: 1, ..FeedBounds::default() }).await;
    let first = watch(&town, replica.cases.clone(), "auditor", "", HOUSING, 0).await.unwrap();
    let refused = watch(&town, replica.cases.clone(), "auditor", "", HOUSING, 0).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    watch(&town, replica.cases.clone(), "auditor", "", OFFICE, 0).await.unwrap();
    drop(first);
    town.house.until("the place is free", async || replica.service.feed.streams() == 0).await;
    watch(&town, replica.cases.clone(), "auditor", "", HOUSING, 0).await.unwrap();
    town.house.stop().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_loses_its_place() {
    let town = Town::start().await;
    let bounds = FeedBounds { stall_max: Duration::from_millis(100), ..FeedBounds::default() };
    let replica = Replica::of(&town, bounds).await;
    // More than what is read ahead and the two MiB that the connection holds without being read.
    let mut events = Vec::new();
    for _ in 0..500 {
        let mut event = town.submitted("城乡建设/供热");
        event.header.as_mut().unwrap().title = "字".repeat(4_000);
        events.push(event);
    }
    town.take_up_all(&events).await;
    let mut feed = watch(&town, replica.cases.clone(), "auditor", "", HOUSING, 0).await.unwrap();
    town.house.until("the place is free", async || replica.service.feed.streams() == 0).await;
    let ended = end(&mut feed).await;
    assert_eq!((ended.code(), reason(&ended).0.as_str()), (Code::Aborted, "SUBSCRIBER_TOO_SLOW"));
    town.house.stop().await;
}
