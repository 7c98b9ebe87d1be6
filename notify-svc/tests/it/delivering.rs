//! Batches into mailboxes.

use std::collections::BTreeSet;

use huying_proto::events::v1::Event;

use crate::house::{ROOMY, Replica};
use crate::house::{
    announced, event, event_of, house, house_with_replica, mailbox, positions, representative,
};

#[tokio::test]
async fn a_batch_that_comes_twice_and_out_of_order_tells_each_event_once_without_gaps() {
    let (house, replica, _) = house_with_replica().await;
    let events: Vec<Event> = (0..20).map(|number| event(&[0, number % 3])).collect();

    replica.handler.deliver(announced(events.iter().skip(10))).await.unwrap();
    replica.handler.deliver(announced(&events)).await.unwrap();
    replica.handler.deliver(announced(events.iter().rev().chain(&events))).await.unwrap();

    let expected = [20, 7, 6];
    for (number, count) in expected.into_iter().enumerate() {
        let seen = mailbox(&house, &representative(number)).await;
        assert_eq!(positions(&seen), (1..=count).collect::<Vec<_>>(), "r-{number}");
        let distinct: BTreeSet<_> = seen.iter().map(|(_, event_id)| event_id).collect();
        assert_eq!(distinct.len(), seen.len(), "r-{number}");
    }
    house.stop().await;
}

#[tokio::test]
async fn events_of_one_case_in_one_batch_are_told_in_order_of_versions() {
    let (house, replica, _) = house_with_replica().await;
    let case = huying_platform::ids::CaseId::new_v7().to_string();
    let events: Vec<Event> = [5, 3, 9, 4].into_iter().map(|version| event_of(&case, version, &[0])).collect();

    replica.handler.deliver(announced(&events)).await.unwrap();

    let told: Vec<String> = mailbox(&house, &representative(0)).await.into_iter().map(|(_, id)| id).collect();
    let expected: Vec<String> =
        [1, 3, 0, 2].into_iter().map(|at: usize| events[at].event_id.clone()).collect();
    assert_eq!(told, expected);
    house.stop().await;
}

#[tokio::test]
async fn replicas_with_overlapping_batches_tell_each_event_once_without_gaps() {
    let house = house().await;
    let other = house.replica().await;
    let replicas =
        [Replica::start(&house, &house.platform, ROOMY).await, Replica::start(&house, &other, ROOMY).await];
    // Every event has three hearers of forty, whose mailboxes none exist yet.
    let events: Vec<Event> =
        (0..600).map(|number| event(&[number % 40, (number * 7 + 1) % 40, (number * 11 + 3) % 40])).collect();

    let mut work = tokio::task::JoinSet::new();
    for round in 0..4 {
        for (at, replica) in replicas.iter().enumerate() {
            let handler = replica.handler.clone();
            let mut batches: Vec<_> = events.chunks(50).map(announced).collect();
            let shift = (round * 5 + at * 3) % batches.len();
            batches.rotate_left(shift);
            work.spawn(async move {
                for mut batch in batches {
                    if at == 1 {
                        batch.reverse();
                    }
                    handler.deliver(batch).await.unwrap();
                }
            });
        }
    }
    while let Some(done) = work.join_next().await {
        done.unwrap();
    }

    for number in 0..40 {
        let hears = |event: &&Event| {
            event.header.as_ref().unwrap().representative_codes.contains(&format!("r-{number}"))
        };
        let expected: BTreeSet<_> = events.iter().filter(hears).map(|event| event.event_id.clone()).collect();
        let seen = mailbox(&house, &representative(number)).await;
        assert_eq!(positions(&seen), (1..=expected.len() as u64).collect::<Vec<_>>(), "r-{number}");
        assert_eq!(seen.into_iter().map(|(_, id)| id).collect::<BTreeSet<_>>(), expected, "r-{number}");
    }
    house.stop().await;
}
