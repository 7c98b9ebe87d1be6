//! What becomes of notifications in the long run.

use huying_notify_svc::{store::mailboxes::undelivered, use_cases::forget_acknowledged::forget_acknowledged};
use jiff::SignedDuration;

use crate::house::{announced, event, house_with_replica, mailbox, next, positions, representative};

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[tokio::test]
async fn only_what_was_acknowledged_long_ago_is_forgotten() {
    let (house, replica, token) = house_with_replica().await;
    let old: Vec<_> = (0..130).map(|_| event(&[0, 1])).collect();
    replica.handler.deliver(announced(&old)).await.unwrap();
    house.clock.advance(DAY * 400);
    let token_now = house.token("operator", "", "");
    assert_ne!(token, token_now, "the old token has expired");
    replica.acknowledge(&token_now, &representative(0), 125).await.unwrap();
    replica.handler.deliver(announced(&[event(&[0])])).await.unwrap();

    let before = house.platform.clock.now() - DAY;
    assert_eq!(forget_acknowledged(&house.platform.db, before).await.unwrap(), 124);
    assert_eq!(forget_acknowledged(&house.platform.db, before).await.unwrap(), 0);

    assert_eq!(positions(&mailbox(&house, &representative(0)).await), (125..=131).collect::<Vec<_>>());
    assert_eq!(mailbox(&house, &representative(1)).await.len(), 130, "r-1 has acknowledged nothing");
    let mut stream = replica.subscribe(&token_now, &representative(0), Some(0)).await.unwrap();
    assert_eq!(positions(&next(&mut stream, 7).await), (125..=131).collect::<Vec<_>>());
    house.stop().await;
}

#[tokio::test]
async fn what_waits_to_be_acknowledged_is_measured() {
    let (house, replica, token) = house_with_replica().await;
    let waiting = undelivered(&house.platform.db).await.unwrap();
    assert_eq!((waiting.notifications, waiting.oldest_at), (0, None));

    let first_at = house.platform.clock.now();
    replica.handler.deliver(announced(&[event(&[0])])).await.unwrap();
    house.clock.advance(SignedDuration::from_secs(10));
    replica.handler.deliver(announced(&[event(&[0, 1])])).await.unwrap();
    let waiting = undelivered(&house.platform.db).await.unwrap();
    assert_eq!((waiting.notifications, waiting.oldest_at), (3, Some(first_at)));

    replica.acknowledge(&token, &representative(0), 1).await.unwrap();
    let waiting = undelivered(&house.platform.db).await.unwrap();
    assert_eq!((waiting.notifications, waiting.oldest_at), (2, Some(house.platform.clock.now())));
    house.stop().await;
}
