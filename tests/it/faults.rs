//! Everything is killed with SIGKILL while submissions run. What was acknowledged is kept, and happens once.
// Shown when the test fails.
#![allow(clippy::print_stdout)]

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{StreamExt as _, stream};
use huying_tests::{
    installation::{Installation, SERVICES},
    servers::Servers,
    town::{Town, message},
    until,
};

const SUBMISSIONS: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_every_acknowledged_case_reaches_the_ledger_once_and_in_order() {
    let started = std::time::Instant::now();
    let directory = std::env::temp_dir().join(format!("huying-faults-{}", std::process::id()));
    let servers = Servers::start_own(directory);
    let bin_dir: PathBuf = huying_tests::environment("HUYING_TEST_BIN_DIR").into();
    let mut installation = Installation::start(servers, bin_dir, &[], 1).await;
    installation.import_sample().await;
    let town = Town::at(&installation, 0);

    // Sixteen citizens at a time, each of whom sends again with the same key until the outcome is known.
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let citizens = {
        let (town, acknowledged) = (town.clone(), Arc::clone(&acknowledged));
        tokio::spawn(async move {
            stream::iter(0..SUBMISSIONS)
                .map(|n| {
                    let (town, acknowledged) = (town.clone(), Arc::clone(&acknowledged));
                    async move {
                        // A pace that lets every kill fall among submissions under way.
                        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                        let receipt = town.submit_surely(message("150802001", &format!("第{n}封信"))).await;
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                        receipt.case_id
                    }
                })
                .buffer_unordered(16)
                .collect::<Vec<_>>()
                .await
        })
    };

    for (killed, victim) in SERVICES.into_iter().chain(["nats", "postgres"]).enumerate() {
        until("the submissions go on", async || {
            (acknowledged.load(Ordering::SeqCst) >= (killed + 1) * 60).then_some(())
        })
        .await;
        println!("{:?}: killing {victim}", started.elapsed());
        if SERVICES.contains(&victim) {
            installation.kill(victim, 0);
            installation.start_service(victim, 0);
        } else {
            installation.servers.kill(victim);
            installation.servers.start_again();
        }
        println!("{:?}: {victim} was started again", started.elapsed());
    }
    let case_ids = citizens.await.unwrap();
    assert_eq!(case_ids.iter().collect::<HashSet<_>>().len(), SUBMISSIONS);

    installation.ready().await;
    for case_id in &case_ids {
        let lines = town.lines_until(case_id, 3).await;
        let told: Vec<_> = lines.iter().map(|line| (line.case_version, line.event_type.as_str())).collect();
        assert_eq!(told, [(1, "CaseSubmitted"), (2, "CaseRegistered"), (3, "CaseAssigned")]);
        assert!(lines.is_sorted_by_key(|line| line.leaf_index));
    }
    let dead = installation.huying(&["dead-letters", "list", "--service", "ledger", "--json"]);
    assert!(!dead.contains("dead_letter_id"), "{dead}");
    let (code, _, stderr) = installation.try_huying(&["ledger", "verify", &case_ids[0]]);
    assert_eq!(code, 0, "{stderr}");

    let servers = installation.servers.clone();
    installation.stop().await;
    servers.stop();
}
