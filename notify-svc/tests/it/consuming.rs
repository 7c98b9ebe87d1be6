//! From JetStream into mailboxes.

use huying_notify_svc::{consumers, domain::recipient::Recipient};
use huying_platform::Platform;
use huying_proto::events::v1::{
    CaseQueued, CaseRegistered, CaseTransferred, CaseUrged, Event, Part, PartAssigned, Standing, event::Body,
};

use crate::house::{ROOMY, Replica, event, house, mailbox, positions, representative};

fn consume(platform: &Platform, replica: &Replica) {
    let consumer = platform.consumer(consumers::config(), replica.handler.clone());
    platform.spawn_worker(|_| consumer.run(platform.shutdown()));
}

#[tokio::test]
async fn a_malformed_event_becomes_a_dead_letter_and_stops_nobody() {
    let house = house().await;
    let replica = Replica::start(&house, &house.platform, ROOMY).await;
    let mut malformed = event(&[0]);
    malformed.body = Some(Body::CaseQueued(CaseQueued::default()));
    malformed.standing = Some(Standing { holder_office: "No Such Office".into(), ..Standing::default() });
    house.publish_case_event(&event(&[0])).await;
    house.publish_case_event(&malformed).await;
    house.publish_case_event(&event(&[0])).await;
    house.publish("case.150800._._.CaseReplied.x", async_nats::HeaderMap::new(), b"\xff\xff".to_vec()).await;
    house.publish_case_event(&event(&[0])).await;

    consume(&house.platform, &replica);
    house
        .until("two dead letters and three notifications", || async {
            let dead: i64 = sqlx::query_scalar("SELECT count(*) FROM dead_letters")
                .fetch_one(&house.platform.db)
                .await
                .unwrap();
            dead == 2 && mailbox(&house, &representative(0)).await.len() == 3
        })
        .await;

    let reasons: Vec<String> = sqlx::query_scalar("SELECT reason FROM dead_letters ORDER BY reason")
        .fetch_all(&house.platform.db)
        .await
        .unwrap();
    assert!(reasons.iter().any(|reason| reason.contains("standing.holder_office")), "{reasons:?}");
    house.stop().await;
}

#[tokio::test]
async fn two_replicas_share_the_events_and_what_nobody_hears_of_is_not_asked_for() {
    let house = house().await;
    let other = house.replica().await;
    let replicas =
        [Replica::start(&house, &house.platform, ROOMY).await, Replica::start(&house, &other, ROOMY).await];
    for number in 0..300 {
        let told = event(&[number % 2]);
        // The same event once more, as after a refill of a stream that was lost.
        if number % 3 == 0 {
            house.publish_case_event(&told).await;
        }
        house.publish_case_event(&told).await;
        let mut silent = event(&[0]);
        silent.body = Some(Body::CaseRegistered(CaseRegistered::default()));
        house.publish_case_event(&silent).await;
    }

    consume(&house.platform, &replicas[0]);
    consume(&other, &replicas[1]);
    house
        .until("every notification", || async {
            mailbox(&house, &representative(0)).await.len() + mailbox(&house, &representative(1)).await.len()
                == 300
        })
        .await;

    for number in 0..2 {
        let seen = mailbox(&house, &representative(number)).await;
        assert_eq!(positions(&seen), (1..=150).collect::<Vec<_>>());
    }
    other.shutdown().cancel();
    house.stop().await;
}

#[tokio::test]
async fn the_units_an_event_names_hear_of_it_once_however_often_and_in_whatever_order_it_comes() {
    let house = house().await;
    let replica = Replica::start(&house, &house.platform, ROOMY).await;
    let unit = |code: &str| Recipient::unit(code).unwrap();
    let (former, present, helper) =
        (unit("150802-housing"), unit("150802-roads"), unit("150802001-enforcement"));
    let events: Vec<Event> = [
        Body::CaseTransferred(CaseTransferred {
            from_unit: "150802-housing".into(),
            to_unit: "150802-roads".into(),
            reason: "属道路养护".into(),
        }),
        Body::PartAssigned(PartAssigned {
            part: Some(Part { part_number: 1, unit: "150802001-enforcement".into(), ..Part::default() }),
            by_unit: "150802-roads".into(),
        }),
        Body::CaseUrged(CaseUrged {
            unit: "150802001-enforcement".into(),
            part_number: 1,
            ..CaseUrged::default()
        }),
    ]
    .into_iter()
    .map(|body| Event { body: Some(body), ..event(&[0]) })
    .collect();
    for event in events.iter().chain(events.iter().rev()) {
        house.publish_case_event(event).await;
    }

    consume(&house.platform, &replica);
    let office = unit("150802-office");
    house
        .until("every notification", || async {
            mailbox(&house, &helper).await.len() == 2 && mailbox(&house, &office).await.len() == 1
        })
        .await;
    // A later event of the same mailboxes has come, so nothing of the repetitions is still on its way.
    let last = Event {
        body: Some(Body::CaseTransferred(CaseTransferred {
            from_unit: "150802-roads".into(),
            to_unit: "150802-housing".into(),
            reason: "属房屋管理".into(),
        })),
        ..event(&[0])
    };
    house.publish_case_event(&last).await;
    house.until("the last one", || async { mailbox(&house, &former).await.len() == 2 }).await;

    let told: [(&Recipient, &[&Event]); 4] = [
        (&former, &[&events[0], &last]),
        (&present, &[&events[0], &last]),
        (&helper, &[&events[1], &events[2]]),
        (&office, &[&events[2]]),
    ];
    for (recipient, events) in told {
        let seen: Vec<String> = mailbox(&house, recipient).await.into_iter().map(|(_, id)| id).collect();
        let expected: Vec<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
        assert_eq!(seen.len(), expected.len(), "{recipient}");
        assert!(expected.iter().all(|id| seen.iter().any(|told| told == id)), "{recipient}");
    }
    house.stop().await;
}
