//! WatchEntries: every leaf once, in its order, from any cursor, however the stream ends.

use std::{sync::Mutex, time::Duration};

use huying_ledger_svc::{config::Serving, entry_feed::FeedBounds};
use huying_platform::testkit::DEADLINE;
use huying_proto::ledger::v1::{WatchEntriesRequest, WatchEntriesResponse};
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::{
    house::House,
    log::{begun, grow, grow_with, numbered_leaf, until_begun},
    story::{DEPARTMENT, Story},
};

async fn watch(house: &House, cursor: u64) -> Result<Streaming<WatchEntriesResponse>, Status> {
    Ok(house.log.clone().watch_entries(WatchEntriesRequest { cursor }).await?.into_inner())
}

/// Asks again until another stream has left.
async fn watch_when_there_is_a_place(house: &House, cursor: u64) -> Streaming<WatchEntriesResponse> {
    let place = Mutex::new(None);
    house
        .house
        .until("there is a place for a stream", || async {
            match watch(house, cursor).await {
                Ok(stream) => *place.lock().unwrap() = Some(stream),
                Err(full) => assert_eq!(full.code(), Code::ResourceExhausted, "{full}"),
            }
            place.lock().unwrap().is_some()
        })
        .await;
    place.into_inner().unwrap().unwrap()
}

async fn told(stream: &mut Streaming<WatchEntriesResponse>) -> Result<WatchEntriesResponse, Status> {
    let answer = timeout(DEADLINE, stream.message()).await.expect("the stream says something in time");
    answer.map(|answer| answer.expect("a stream ends with a reason"))
}

/// Leaves from `cursor` up to `before`, and in how many answers they came.
async fn read(
    stream: &mut Streaming<WatchEntriesResponse>,
    cursor: u64,
    before: u64,
) -> (Vec<String>, usize) {
    let (mut leaves, mut answers) = (Vec::new(), 0);
    while cursor + (leaves.len() as u64) < before {
        let answer = told(stream).await.unwrap();
        if answer.entries.is_empty() {
            assert!(answer.checkpoint.is_empty());
        } else {
            assert!(answer.entries.len() <= 256 && answer.checkpoint.starts_with("ledger.test/150800\n"));
            answers += 1;
        }
        for entry in answer.entries {
            assert_eq!(entry.leaf_index, cursor + leaves.len() as u64);
            leaves.push(entry.leaf);
        }
        assert_eq!(answer.next_cursor, cursor + leaves.len() as u64);
    }
    (leaves, answers)
}

fn impatient(bounds: FeedBounds) -> Serving {
    Serving { entry_feed: bounds, ..Serving::default() }
}

#[tokio::test]
async fn the_log_is_told_from_any_cursor_and_then_as_it_grows() {
    let house = begun().await;
    grow(&house, 700).await;
    let mut from_start = watch(&house, 0).await.unwrap();
    let (leaves, answers) = read(&mut from_start, 0, 700).await;
    assert_eq!(answers, 3);
    for (number, leaf) in (0..).zip(&leaves) {
        assert_eq!(leaf.as_bytes(), numbered_leaf(number));
    }
    let mut from_within = watch(&house, 650).await.unwrap();
    assert_eq!(read(&mut from_within, 650, 700).await.0, leaves[650..]);
    let mut from_end = watch(&house, 700).await.unwrap();

    let story = Story::new("暖气不热", "正文", 1).registered().assigned(DEPARTMENT);
    house.publish_until(&story.events, 703).await;
    let mut tails = Vec::new();
    for stream in [&mut from_start, &mut from_within, &mut from_end] {
        tails.push(read(stream, 700, 703).await.0);
    }
    assert_eq!(tails[0], tails[1]);
    assert_eq!(tails[0], tails[2]);
    assert!(tails[0][2].contains("\"type\":\"CaseAssigned\""));
    house.stop().await;
}

#[tokio::test]
async fn large_leaves_come_in_answers_that_every_client_takes() {
    let house = begun().await;
    let large =
        |number: u64| format!("{{\"number\":{number},\"x\":\"{}\"}}", "x".repeat(65_000)).into_bytes();
    grow_with(&house, 40, large).await;
    let mut stream = watch(&house, 0).await.unwrap();
    let (leaves, answers) = read(&mut stream, 0, 40).await;
    assert!(leaves.iter().zip(0..).all(|(leaf, number)| leaf.as_bytes() == large(number)));
    assert_eq!(answers, 10);
    house.stop().await;
}

#[tokio::test]
async fn a_silent_log_gives_a_sign_of_life() {
    let sign_of_life = Duration::from_millis(50);
    let house = House::start_serving(impatient(FeedBounds { sign_of_life, ..FeedBounds::default() })).await;
    until_begun(&house).await;
    grow(&house, 5).await;
    let mut stream = watch(&house, 5).await.unwrap();
    for _ in 0..3 {
        let sign = told(&mut stream).await.unwrap();
        assert_eq!(sign, WatchEntriesResponse { next_cursor: 5, ..WatchEntriesResponse::default() });
    }
    grow(&house, 6).await;
    assert_eq!(read(&mut stream, 5, 6).await.0.len(), 1);
    house.stop().await;
}

#[tokio::test]
async fn streams_are_bounded_and_their_places_given_up() {
    let house = House::start_serving(impatient(FeedBounds { streams: 2, ..FeedBounds::default() })).await;
    until_begun(&house).await;
    grow(&house, 3).await;
    let mut first = watch(&house, 0).await.unwrap();
    let mut second = watch(&house, 3).await.unwrap();
    let full = watch(&house, 0).await.unwrap_err();
    assert_eq!(full.code(), Code::ResourceExhausted);
    assert!(full.get_details_retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
    // Who was not let in harms nobody.
    assert_eq!(read(&mut first, 0, 3).await.0.len(), 3);
    drop(first);
    let mut third = watch_when_there_is_a_place(&house, 0).await;
    assert_eq!(read(&mut third, 0, 3).await.0.len(), 3);
    grow(&house, 4).await;
    assert_eq!(read(&mut second, 3, 4).await.0.len(), 1);
    house.stop().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_loses_its_place_and_goes_on_from_its_cursor() {
    let stall_max = Duration::from_millis(200);
    let bounds = FeedBounds { streams: 1, stall_max, ..FeedBounds::default() };
    let house = House::start_serving(impatient(bounds)).await;
    until_begun(&house).await;
    // More than the connection and the stream hold between them.
    let large =
        |number: u64| format!("{{\"number\":{number},\"x\":\"{}\"}}", "x".repeat(60_000)).into_bytes();
    grow_with(&house, 300, large).await;
    let mut stalled = watch(&house, 0).await.unwrap();
    drop(watch_when_there_is_a_place(&house, 300).await);
    let mut cursor = 0;
    let ended = loop {
        match told(&mut stalled).await {
            Ok(answer) => cursor = answer.next_cursor,
            Err(ended) => break ended,
        }
    };
    assert_eq!(ended.code(), Code::Aborted);
    assert_eq!(ended.get_details_error_info().unwrap().reason, "SUBSCRIBER_TOO_SLOW");
    assert!(cursor < 300);
    let mut again = watch_when_there_is_a_place(&house, cursor).await;
    assert_eq!(read(&mut again, cursor, 300).await.0.len() as u64, 300 - cursor);
    house.stop().await;
}

#[tokio::test]
async fn a_cursor_beyond_the_log_is_refused() {
    let house = begun().await;
    grow(&house, 3).await;
    let refused = watch(&house, 4).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let violation = &refused.get_details_bad_request().unwrap().field_violations[0];
    assert_eq!(
        (violation.field.as_str(), violation.description.as_str()),
        ("cursor", "is 4; 0 to 3 would be right")
    );
    house.stop().await;
}

#[tokio::test]
async fn a_stopping_server_ends_its_streams() {
    let house = begun().await;
    grow(&house, 3).await;
    let mut stream = watch(&house, 0).await.unwrap();
    read(&mut stream, 0, 3).await;
    let stopping = tokio::spawn(house.stop());
    let ended = told(&mut stream).await.unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
    assert_eq!(ended.get_details_error_info().unwrap().reason, "SERVER_STOPPING");
    stopping.await.unwrap();
}
