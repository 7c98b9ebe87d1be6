//! Mailboxes over gRPC.

use std::time::{Duration, Instant};

use huying_notify_svc::{
    background, domain::recipient::Recipient, domain::window::WindowBounds, hub::HubBounds,
    use_cases::wake_subscribers::wake_subscribers, wake::Wake,
};
use huying_platform::Platform;
use huying_proto::{
    events::v1::{Event, event::Body},
    notify::v1::SubscribeRequest,
};
use jiff::SignedDuration;
use tonic::Code;

use crate::house::{
    ROOMY, Replica, announced, end_of, event, house, house_with_replica, mailbox, next, positions, reason,
    representative, with_token,
};

/// The loops of a replica, polling so rarely that what arrives has come by push or wake-up.
fn wake_only(platform: &Platform, replica: &Replica) {
    let wake = Wake::new(platform.nats.clone(), &platform.namespace);
    let never = Duration::from_secs(3_600);
    background::spawn(platform, &replica.hub, wake, never, SignedDuration::from_hours(24));
}

#[tokio::test]
async fn a_stream_tells_the_past_and_then_what_comes() {
    let (house, replica, _) = house_with_replica().await;
    let token = house.token("representative", "r-0", "");
    let events: Vec<Event> = (0..4).map(|_| event(&[0])).collect();
    replica.handler.deliver(announced(&events[..2])).await.unwrap();

    let mut stream = replica.subscribe(&token, &representative(0), None).await.unwrap();
    let mut seen = next(&mut stream, 2).await;
    for event in &events[2..] {
        replica.handler.deliver(announced([event])).await.unwrap();
        seen.extend(next(&mut stream, 1).await);
    }

    assert_eq!(seen, mailbox(&house, &representative(0)).await);
    assert_eq!(positions(&seen), [1, 2, 3, 4]);
    house.stop().await;
}

#[tokio::test]
async fn a_client_that_was_cut_off_goes_on_where_it_was() {
    let (house, replica, token) = house_with_replica().await;
    // More than a page, so that catching up takes several.
    let events: Vec<Event> = (0..1_300).map(|_| event(&[0])).collect();
    for batch in events.chunks(500) {
        replica.handler.deliver(announced(batch)).await.unwrap();
    }

    let mut stream = replica.subscribe(&token, &representative(0), Some(0)).await.unwrap();
    let mut seen = next(&mut stream, 700).await;
    drop(stream);
    let mut stream = replica.subscribe(&token, &representative(0), Some(700)).await.unwrap();
    seen.extend(next(&mut stream, 600).await);

    assert_eq!(positions(&seen), (1..=1_300).collect::<Vec<_>>());
    drop(stream);
    house.until("the seats are given up", || async { replica.hub.subscribers() == 0 }).await;
    house.stop().await;
}

#[tokio::test]
async fn under_concurrent_writing_by_two_replicas_every_subscriber_sees_each_position_once_in_order() {
    const RECIPIENTS: usize = 5;
    const EVENTS: usize = 3_000;
    let house = house().await;
    let other = house.replica().await;
    other.directory.reload().await.unwrap();
    let replicas =
        [Replica::start(&house, &house.platform, ROOMY).await, Replica::start(&house, &other, ROOMY).await];
    wake_only(&house.platform, &replicas[0]);
    wake_only(&other, &replicas[1]);
    let token = house.token("operator", "", "");

    // A subscriber of each mailbox at each replica, before, and one that comes in the middle.
    let mut reading = tokio::task::JoinSet::new();
    for number in 0..RECIPIENTS {
        for replica in &replicas {
            let mut stream = replica.subscribe(&token, &representative(number), None).await.unwrap();
            reading.spawn(async move { (number, next(&mut stream, EVENTS).await) });
        }
    }
    let all: Vec<usize> = (0..RECIPIENTS).collect();
    let events: Vec<Event> = (0..EVENTS).map(|_| event(&all)).collect();
    let mut writing = tokio::task::JoinSet::new();
    for (at, part) in events.chunks(EVENTS / 4).enumerate() {
        let handler = replicas[at % 2].handler.clone();
        let batches: Vec<_> = part.chunks(25).map(announced).collect();
        writing.spawn(async move {
            for batch in batches {
                handler.deliver(batch).await.unwrap();
            }
        });
    }
    let mut late = replicas[1].subscribe(&token, &representative(0), Some(0)).await.unwrap();
    reading.spawn(async move { (0, next(&mut late, EVENTS).await) });

    while let Some(done) = writing.join_next().await {
        done.unwrap();
    }
    while let Some(done) = reading.join_next().await {
        let (number, seen) = done.unwrap();
        assert_eq!(positions(&seen), (1..=EVENTS as u64).collect::<Vec<_>>(), "r-{number}");
        assert_eq!(seen, mailbox(&house, &representative(number)).await, "r-{number}");
    }
    other.shutdown().cancel();
    house.stop().await;
}

#[tokio::test]
async fn the_poll_finds_what_no_wake_up_told_of() {
    let house = house().await;
    let other = house.replica().await;
    let writer = Replica::start(&house, &other, ROOMY).await;
    let reader = Replica::start(&house, &house.platform, ROOMY).await;
    let token = house.token("operator", "", "");
    writer.handler.deliver(announced(&[event(&[0])])).await.unwrap();
    let mut stream = reader.subscribe(&token, &representative(0), None).await.unwrap();
    assert_eq!(positions(&next(&mut stream, 1).await), [1]);

    writer.handler.deliver(announced(&[event(&[0])])).await.unwrap();
    wake_subscribers(&house.platform.db, &reader.hub).await.unwrap();

    assert_eq!(positions(&next(&mut stream, 1).await), [2]);
    other.shutdown().cancel();
    house.stop().await;
}

#[tokio::test]
async fn a_slow_client_is_served_from_the_database_and_misses_nothing() {
    let house = house().await;
    let bounds = HubBounds { window: WindowBounds { notifications: 8, bytes: 64 * 1024 }, ..ROOMY };
    let replica = Replica::start(&house, &house.platform, bounds).await;
    let token = house.token("operator", "", "");
    let mut stream = replica.subscribe(&token, &representative(0), None).await.unwrap();

    // More than the client's flow-control window takes in, so that the server has to hold back.
    let events: Vec<Event> = (0..400).map(|_| long_event()).collect();
    for batch in events.chunks(100) {
        replica.handler.deliver(announced(batch)).await.unwrap();
    }

    let seen = next(&mut stream, 400).await;
    assert_eq!(positions(&seen), (1..=400).collect::<Vec<_>>());
    house.stop().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_told_to_resume() {
    let house = house().await;
    let replica = Replica::start(&house, &house.platform, ROOMY).await;
    let token = house.token("operator", "", "");
    let mut stream = replica.subscribe(&token, &representative(0), None).await.unwrap();
    let events: Vec<Event> = (0..400).map(|_| long_event()).collect();
    for batch in events.chunks(100) {
        replica.handler.deliver(announced(batch)).await.unwrap();
    }

    house
        .until("the stream is found stalled", || async {
            replica.hub.end_stalled(Instant::now() + ROOMY.stall_max * 2) == 1
        })
        .await;

    let end = end_of(&mut stream).await;
    assert_eq!((end.code(), reason(&end).as_str()), (Code::Aborted, "SUBSCRIBER_TOO_SLOW"));
    house.stop().await;
}

#[tokio::test]
async fn streams_end_at_once_when_the_server_stops() {
    let (house, replica, token) = house_with_replica().await;
    let mut stream = replica.subscribe(&token, &representative(0), None).await.unwrap();

    house.platform.shutdown().cancel();

    let end = end_of(&mut stream).await;
    assert_eq!((end.code(), reason(&end).as_str()), (Code::Unavailable, "SERVER_STOPPING"));
    house.stop().await;
}

#[tokio::test]
async fn past_capacity_a_subscriber_is_refused() {
    use tonic_types::StatusExt as _;
    let house = house().await;
    let replica = Replica::start(&house, &house.platform, HubBounds { subscribers: 1, ..ROOMY }).await;
    let token = house.token("operator", "", "");
    let _first = replica.subscribe(&token, &representative(0), None).await.unwrap();

    let second = replica.subscribe(&token, &representative(1), None).await.unwrap_err();

    assert_eq!(second.code(), Code::ResourceExhausted);
    assert!(second.get_details_retry_info().is_some());
    house.stop().await;
}

#[tokio::test]
async fn a_mailbox_is_read_by_its_owner_and_operators_only() {
    let (house, replica, operator) = house_with_replica().await;
    let office = Recipient::unit("150802-office").unwrap();
    let tokens = |role: &str, code: &str| house.token(role, code, "");

    for (token, recipient) in [
        (tokens("representative", "r-0"), representative(0)),
        (tokens("office", "150802-office"), office.clone()),
        (operator.clone(), office.clone()),
    ] {
        replica.subscribe(&token, &recipient, None).await.unwrap();
    }
    for (token, recipient) in [
        (tokens("representative", "r-1"), representative(0)),
        (tokens("representative", "r-0"), office.clone()),
        (tokens("department", "150802-housing"), office.clone()),
        (tokens("auditor", ""), representative(0)),
        // Whether there is such a recipient is not for strangers to learn.
        (tokens("representative", "r-0"), Recipient::representative("r-nobody").unwrap()),
    ] {
        let status = replica.subscribe(&token, &recipient, None).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::PermissionDenied, "RECIPIENT_NOT_YOURS")
        );
    }
    let forged = replica.subscribe("forged", &representative(0), None).await.unwrap_err();
    assert_eq!(forged.code(), Code::Unauthenticated);
    house.stop().await;
}

#[tokio::test]
async fn a_malformed_subscription_is_refused_with_what_would_be_right() {
    let (house, replica, token) = house_with_replica().await;

    let nobody =
        replica.client.clone().subscribe(with_token(SubscribeRequest::default(), &token)).await.unwrap_err();
    assert_eq!(nobody.code(), Code::InvalidArgument);
    assert!(nobody.message().starts_with("recipient: is not set"), "{}", nobody.message());

    let unknown = Recipient::representative("r-nobody").unwrap();
    let unknown = replica.subscribe(&token, &unknown, None).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "RECIPIENT_UNKNOWN"));

    replica.handler.deliver(announced(&[event(&[0])])).await.unwrap();
    let beyond = replica.subscribe(&token, &representative(0), Some(2)).await.unwrap_err();
    assert_eq!(beyond.code(), Code::InvalidArgument);
    assert!(beyond.message().contains("0 to 1 would be right"), "{}", beyond.message());
    house.stop().await;
}

fn long_event() -> Event {
    let mut event = event(&[0]);
    if let Some(Body::CaseReplied(reply)) = &mut event.body {
        reply.text = "字".repeat(18_000);
    }
    event
}
