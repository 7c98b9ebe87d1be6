//! A log changes its keys beside each other, in its own time and that of those who verify.

use std::sync::Arc;

use axum::{Router, body::to_bytes, http::Request};
use huying_ledger_svc::{
    LogIdentity, MIGRATIONS,
    config::Serving,
    domain::{
        checkpoint::Checkpoint,
        event::CaseEvent,
        log_keys::{KeyRefusal, Keyring},
        note::{NoteError, Signer, Verifier},
    },
    signed_mark::SignedMark,
    use_cases::{
        append_events::AppendEvents,
        establish_log::{EstablishError, establish_log},
        log_keys::{key_of_note, keys_in_force, log_keys},
        take_lead::{Lead, LeadError, take_lead},
    },
};
use huying_platform::{Platform, migrate, testkit::TestHouse};
use huying_proto::ledger::v1::GetCheckpointRequest;
use sqlx::PgPool;
use tower::ServiceExt as _;

use crate::{
    house::{House, ORIGIN},
    story::{DEPARTMENT, Story},
};

fn signer(seed: u8) -> Signer {
    Signer::from_seed(ORIGIN, &[seed; 32]).unwrap()
}

fn vkey(seed: u8) -> String {
    signer(seed).verifier_key()
}

/// The log, with a key file of these private keys and these retired ones.
fn with_keys(signing: &[u8], retired: &[u8]) -> Arc<LogIdentity> {
    let keys = Keyring {
        signers: signing.iter().copied().map(signer).collect(),
        retired: retired.iter().copied().map(vkey).collect(),
    };
    let mark = Arc::new(SignedMark::new(ORIGIN, None));
    Arc::new(LogIdentity { origin: ORIGIN.to_owned(), keys, witnesses: Vec::new(), mark })
}

fn short_life(number: i64) -> Story {
    Story::new(&format!("第 {number} 件"), "楼里只有十四度。", number)
        .registered()
        .assigned(DEPARTMENT)
        .accepted()
        .replied("已修好")
}

fn parsed(story: &Story) -> Vec<CaseEvent> {
    story.events.iter().map(|event| CaseEvent::parse(event.clone()).unwrap()).collect()
}

async fn page(pages: &Router, address: &str) -> String {
    let request = Request::get(address).body(axum::body::Body::empty()).unwrap();
    let response = pages.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200, "{address}");
    String::from_utf8(to_bytes(response.into_body(), 1_000_000).await.unwrap().to_vec()).unwrap()
}

async fn latest_note(db: &PgPool) -> String {
    sqlx::query_scalar("SELECT note FROM checkpoints ORDER BY tree_size DESC LIMIT 1")
        .fetch_one(db)
        .await
        .unwrap()
}

async fn epoch(db: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT epoch FROM log_state").fetch_one(db).await.unwrap()
}

/// Which of the keys have signed a note; the signatures of those that have are valid.
fn signed_by(note: &str, seeds: &[u8]) -> Vec<u8> {
    let signed = |seed: &u8| match Verifier::parse(&vkey(*seed)).unwrap().open(note) {
        Ok(_) => true,
        Err(NoteError::NotSigned) => false,
        Err(error) => panic!("{error}: {note}"),
    };
    seeds.iter().copied().filter(signed).collect()
}

/// A replica with another key file; the one before it ends, and it leads.
async fn succeed(house: &TestHouse, before: &Platform, log: Arc<LogIdentity>) -> (Platform, Router) {
    let replica = house.replica().await;
    let (_, pages) = huying_ledger_svc::start(&replica, log, Serving::default()).await.unwrap();
    let ended = epoch(&replica.db).await;
    before.shutdown().cancel();
    house.until("the replica leads", || async { epoch(&replica.db).await > ended }).await;
    (replica, pages)
}

#[tokio::test]
async fn a_log_changes_its_key_without_a_seam() {
    let house = House::start().await;
    let db = &house.house.platform.db;
    house.publish_until(&short_life(1).events, 5).await;
    let under_one = latest_note(db).await;
    assert_eq!(signed_by(&under_one, &[1, 2]), [1]);

    // The new key signs beside the old one, also for what is there already.
    let (second, pages) = succeed(&house.house, &house.house.platform, with_keys(&[2, 1], &[])).await;
    let under_both = page(&pages, "/log/checkpoint").await;
    assert!(under_both.starts_with(&under_one), "{under_both}");
    assert_eq!(signed_by(&under_both, &[1, 2]), [1, 2]);
    house.publish_until(&short_life(2).events, 10).await;
    let note = page(&pages, "/log/checkpoint").await;
    assert_eq!(signed_by(&note, &[1, 2]), [1, 2]);
    let foremost = note.lines().nth(4).unwrap();
    assert!(note.split_once("\n\n").unwrap().1.starts_with(foremost));
    assert_eq!(signed_by(&format!("{}\n\n{foremost}\n", note.split_once("\n\n").unwrap().0), &[1, 2]), [2]);
    assert_eq!(page(&pages, "/log/vkey").await, format!("{}\n{}\n", vkey(2), vkey(1)));

    // Whoever verifies knows the new key by now: the old one goes.
    let (third, pages) = succeed(&house.house, &second, with_keys(&[2], &[1])).await;
    assert_eq!(page(&pages, "/log/vkey").await, format!("{}\n", vkey(2)));
    house.publish_until(&short_life(3).events, 15).await;
    assert_eq!(signed_by(&page(&pages, "/log/checkpoint").await, &[1, 2]), [2]);
    assert_eq!(keys_in_force(db, &with_keys(&[2], &[1])).await.unwrap(), [vkey(2)]);
    // A note is verified with a key that signs, never with one that does no longer.
    assert_eq!(key_of_note(&with_keys(&[2, 1], &[]), &under_one), vkey(1));
    assert_eq!(key_of_note(&with_keys(&[2], &[1]), &under_one), vkey(2));
    assert_eq!(key_of_note(&with_keys(&[2], &[1]), &under_both), vkey(2));
    let history = log_keys(db, &with_keys(&[2], &[1])).await.unwrap();
    assert_eq!(history.unknown, 0);
    let history: Vec<_> = history
        .in_force
        .iter()
        .chain(&history.retired)
        .map(|kept| (kept.key.verifier_key.clone(), kept.key.signs_from, kept.key.stopped_at))
        .collect();
    assert_eq!(history, [(vkey(2), 5, None), (vkey(1), 0, Some(10))]);

    // Every checkpoint has the signatures of the keys that were in force, and no other.
    let all: Vec<(i64, String)> =
        sqlx::query_as("SELECT tree_size, note FROM checkpoints").fetch_all(db).await.unwrap();
    for (tree_size, note) in all {
        let expected: &[u8] = match tree_size {
            0..5 => &[1],
            5..=10 => &[1, 2],
            _ => &[2],
        };
        assert_eq!(signed_by(&note, &[1, 2]), expected, "{tree_size}");
    }
    third.shutdown().cancel();
    house.stop().await;
}

#[tokio::test]
async fn a_replica_that_would_break_the_change_of_keys_is_not_started_and_told_why() {
    let house = TestHouse::start("ledger", MIGRATIONS).await;
    let (db, clock) = (&house.platform.db, &house.platform.clock);
    establish_log(db, clock, &with_keys(&[1], &[])).await.unwrap();
    take_lead(db, clock, &with_keys(&[1], &[])).await.unwrap();
    let refusal = async |log: Arc<LogIdentity>| match establish_log(db, clock, &log).await {
        Err(EstablishError::Keys { source, .. }) => source,
        other => panic!("{other:?}"),
    };
    let in_force = vec![vkey(1)];
    assert_eq!(refusal(with_keys(&[2], &[])).await, KeyRefusal::NoneInForce { in_force: in_force.clone() });
    assert_eq!(refusal(with_keys(&[2], &[1])).await, KeyRefusal::NoneInForce { in_force });
    assert_eq!(refusal(with_keys(&[1], &[2])).await, KeyRefusal::NeverWas(vkey(2)));

    take_lead(db, clock, &with_keys(&[1, 2], &[])).await.unwrap();
    assert_eq!(refusal(with_keys(&[1], &[])).await, KeyRefusal::Missing { missing: vec![vkey(2)] });
    let told = huying_ledger_svc::start(&house.platform, with_keys(&[2], &[]), Serving::default()).await;
    let told = format!("{:#}", told.unwrap_err());
    assert!(told.contains("--log-key-file") && told.contains(&format!("`retired {}`", vkey(1))), "{told}");

    // A key that was retired does not hinder the start of a replica that still has it, and does not sign.
    take_lead(db, clock, &with_keys(&[2], &[1])).await.unwrap();
    assert_eq!(establish_log(db, clock, &with_keys(&[1, 2], &[])).await.unwrap(), [vkey(1)]);
    let in_force = vec![vkey(2)];
    assert_eq!(refusal(with_keys(&[1, 3], &[])).await, KeyRefusal::NoneInForce { in_force });
    let other = LogIdentity { origin: "other.test".to_owned(), ..identity_of(&[2]) };
    assert!(matches!(establish_log(db, clock, &other).await, Err(EstablishError::OtherLog { .. })));
    house.stop().await;
}

fn identity_of(signing: &[u8]) -> LogIdentity {
    Arc::into_inner(with_keys(signing, &[])).unwrap()
}

#[tokio::test]
async fn replicas_with_different_key_files_do_no_harm_while_the_files_are_changed() {
    let house = TestHouse::start("ledger", MIGRATIONS).await;
    let (db, clock) = (&house.platform.db, &house.platform.clock);
    let appender = |lead: Lead| AppendEvents::new(db.clone(), clock.clone(), lead);
    let (old, both, new) = (with_keys(&[1], &[]), with_keys(&[1, 2], &[]), with_keys(&[2], &[1]));
    establish_log(db, clock, &old).await.unwrap();
    take_lead(db, clock, &old).await.unwrap();

    // One with the new key has led: one without it may not, and whoever leads goes on.
    let leading = appender(take_lead(db, clock, &both).await.unwrap());
    leading.append(parsed(&short_life(1))).await.unwrap();
    let refused = take_lead(db, clock, &old).await.unwrap_err();
    assert!(matches!(refused, LeadError::Keys(KeyRefusal::Missing { .. })), "{refused:?}");
    leading.append(parsed(&short_life(2))).await.unwrap();
    assert_eq!(signed_by(&latest_note(db).await, &[1, 2]), [1, 2]);

    // One that has retired the old key has led: one that still has it leads without it.
    appender(take_lead(db, clock, &new).await.unwrap()).append(parsed(&short_life(3))).await.unwrap();
    assert_eq!(signed_by(&latest_note(db).await, &[1, 2]), [2]);
    appender(take_lead(db, clock, &both).await.unwrap()).append(parsed(&short_life(4))).await.unwrap();
    assert_eq!(signed_by(&latest_note(db).await, &[1, 2]), [2]);
    appender(take_lead(db, clock, &new).await.unwrap()).append(parsed(&short_life(5))).await.unwrap();

    let history = log_keys(db, &new).await.unwrap();
    let history: Vec<_> = history
        .in_force
        .into_iter()
        .chain(history.retired)
        .map(|kept| (kept.key.signs_from, kept.key.stopped_at))
        .collect();
    assert_eq!(history, [(0, None), (0, Some(10))]);
    let keys: i64 = sqlx::query_scalar("SELECT count(*) FROM log_keys").fetch_one(db).await.unwrap();
    assert_eq!(keys, 2);
    house.stop().await;
}

#[tokio::test]
async fn the_key_of_a_log_from_before_there_were_several_stays_in_force() {
    // The migrations of the time when a log had one key for good.
    let house = TestHouse::start("ledger", &MIGRATIONS[..3]).await;
    let db = &house.platform.db;
    assert_eq!(MIGRATIONS[3].version, 104);
    sqlx::query("INSERT INTO log_state (origin, verifier_key, tree_size, epoch) VALUES ($1, $2, 0, 0)")
        .bind(ORIGIN)
        .bind(vkey(1))
        .execute(db)
        .await
        .unwrap();
    migrate::run(db, MIGRATIONS).await.unwrap();
    let clock = &house.platform.clock;
    let other = establish_log(db, clock, &with_keys(&[2], &[])).await;
    assert!(matches!(other, Err(EstablishError::Keys { .. })), "{other:?}");
    establish_log(db, clock, &with_keys(&[1], &[])).await.unwrap();
    take_lead(db, clock, &with_keys(&[1], &[])).await.unwrap();
    assert_eq!(keys_in_force(db, &with_keys(&[1], &[])).await.unwrap(), [vkey(1)]);
    house.stop().await;
}

#[tokio::test]
async fn a_key_that_somebody_wrote_into_the_database_is_not_made_known() {
    let house = House::start().await;
    let db = &house.house.platform.db;
    let story = short_life(1);
    house.publish_until(&story.events, 5).await;
    let proof = format!("/cases/{}/lines/1/proof.json", story.case_id);

    // Another log, with the key that has signed it, foremost.
    let forged = Checkpoint { origin: ORIGIN.to_owned(), tree_size: 5, root: [7; 32] };
    sqlx::query("INSERT INTO log_keys (verifier_key, place, signs_from, since) VALUES ($1, -1, 0, now())")
        .bind(vkey(9))
        .execute(db)
        .await
        .unwrap();
    let kept = latest_note(db).await;
    let set_note = async |note: &str| {
        sqlx::query("UPDATE checkpoints SET note = $1 WHERE tree_size = 5")
            .bind(note)
            .execute(db)
            .await
            .unwrap();
    };
    set_note(&forged.sign(&[signer(9)]).unwrap()).await;
    assert_eq!(house.get("/log/vkey").await.body, format!("{}\n", vkey(1)));
    let asked = GetCheckpointRequest {};
    let answer = house.client.clone().get_checkpoint(asked).await.unwrap().into_inner();
    assert_eq!(answer.verifier_key, vkey(1));
    assert_eq!(signed_by(&answer.checkpoint, &[1, 9]), [9]);
    for address in ["/log", proof.as_str(), &proof.replace(".json", "")] {
        let page = house.get(address).await.body;
        assert!(!page.contains(&vkey(9)), "{address}: {page}");
    }
    let page = house.get("/log").await.body;
    assert!(page.contains("不在本机的密钥文件中") && page.contains(&vkey(1)), "{page}");

    // Nor is it when it is said to be retired, or when the log's own are said to be.
    sqlx::query("UPDATE log_keys SET until = now(), stopped_at = 5 WHERE verifier_key = $1")
        .bind(vkey(9))
        .execute(db)
        .await
        .unwrap();
    let page = house.get("/log").await.body;
    assert!(!page.contains(&vkey(9)) && !page.contains("不在本机的密钥文件中"), "{page}");
    set_note(&kept).await;
    sqlx::query("UPDATE log_keys SET until = now(), stopped_at = 5").execute(db).await.unwrap();
    assert_eq!(house.get("/log/vkey").await.status, 500);
    house.stop().await;
}
