//! Counts that are kept for everybody who asks.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{FutureExt as _, future::join_all};
use huying_ledger_svc::use_cases::kept::{Counting, Kept};

use crate::house::House;

#[tokio::test]
async fn readers_at_the_same_time_share_one_counting() {
    static COUNTINGS: AtomicU64 = AtomicU64::new(0);
    let house = House::start().await;
    let kept = Kept::new(Counting::new(&house.house.platform), |connection| {
        Box::pin(async move {
            COUNTINGS.fetch_add(1, Ordering::SeqCst);
            sqlx::query("SELECT pg_sleep(0.05)").execute(connection).await?;
            Ok(COUNTINGS.load(Ordering::SeqCst))
        })
    });
    let counts = join_all((0..50).map(|_| kept.get(0))).await;
    assert!(counts.into_iter().all(|counted| counted.unwrap().value == 1));
    assert_eq!(COUNTINGS.load(Ordering::SeqCst), 1);
    house.stop().await;
}

#[tokio::test]
async fn a_reader_who_leaves_does_not_end_the_counting() {
    static COUNTINGS: AtomicU64 = AtomicU64::new(0);
    let house = House::start().await;
    let kept = Kept::new(Counting::new(&house.house.platform), |connection| {
        Box::pin(async move {
            sqlx::query("SELECT pg_sleep(0.05)").execute(connection).await?;
            Ok(COUNTINGS.fetch_add(1, Ordering::SeqCst))
        })
    });
    assert!(kept.get(0).now_or_never().is_none(), "it takes a moment");
    assert_eq!(kept.get(0).await.unwrap().value, 0);
    assert_eq!(COUNTINGS.load(Ordering::SeqCst), 1);
    house.stop().await;
}

#[tokio::test]
async fn a_failed_counting_is_tried_again() {
    static COUNTINGS: AtomicU64 = AtomicU64::new(0);
    let house = House::start().await;
    let kept = Kept::new(Counting::new(&house.house.platform), |connection| {
        Box::pin(async move {
            let divisor = COUNTINGS.fetch_add(1, Ordering::SeqCst);
            sqlx::query_scalar("SELECT 7 / $1::integer").bind(divisor as i32).fetch_one(connection).await
        })
    });
    kept.get(0).await.unwrap_err();
    let counted: i32 = kept.get(0).await.unwrap().value;
    assert_eq!(counted, 7);
    house.stop().await;
}

#[tokio::test]
async fn a_count_is_of_the_tree_that_it_names_and_writes_nothing() {
    let house = House::start().await;
    let kept = Kept::new(Counting::new(&house.house.platform), |connection| {
        Box::pin(async move {
            let isolation: String =
                sqlx::query_scalar("SHOW transaction_isolation").fetch_one(&mut *connection).await?;
            let is_read_only: String =
                sqlx::query_scalar("SHOW transaction_read_only").fetch_one(connection).await?;
            Ok((isolation, is_read_only))
        })
    });
    assert_eq!(kept.get(0).await.unwrap().value, ("repeatable read".to_owned(), "on".to_owned()));
    house.stop().await;
}
