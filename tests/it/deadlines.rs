//! Every step of every clock happens once, whoever is killed while it happens.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use huying_proto::events::v1::RegionPath;
use huying_tests::{crowd, installation::Installation, servers::Servers};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::time::Instant;

const CASES: usize = 50_000;
/// What a clock that nobody stops comes to, in its order.
const LADDER: [&str; 5] =
    ["DeadlineNear", "DeadlineExpired", "CaseUrged", "CaseSupervised", "CriticismCirculated"];
/// Long enough that cases are still being taken up when the first are due, and short enough to be waited for.
const POLICIES: &str = "kind,category,tier,step,limit\n\
    *,*,*,assign,30d\n*,*,*,accept,30d\n*,*,*,reply,20s\n*,*,*,urge,10s\n*,*,*,supervise,20s\n*,*,*,criticise,30s\n";
const GIVE_UP_AFTER: Duration = Duration::from_secs(400);

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_are_killed_at_random_take_each_step_of_each_ladder_once() {
    let bin_dir: PathBuf = huying_tests::environment("HUYING_TEST_BIN_DIR").into();
    let mut installation = Installation::prepare(Servers::shared(), bin_dir, &[]).await;
    for replica in 0..2 {
        installation.start_service("routing", replica);
    }
    installation.ready().await;
    let folder = installation.directory.join("municipality");
    std::fs::create_dir_all(&folder).unwrap();
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/sample");
    for file in ["regions", "units", "stations", "representatives", "categories", "rules"] {
        std::fs::copy(sample.join(format!("{file}.csv")), folder.join(format!("{file}.csv"))).unwrap();
    }
    std::fs::write(folder.join("policies.csv"), POLICIES).unwrap();
    installation.import(&folder).await;

    let region =
        RegionPath { municipal: "150800".into(), district: "150802".into(), township: "150802001".into() };
    crowd::submit(&installation, CASES, |n| {
        crowd::submitted(region.clone(), "r-150802001-001", "", &format!("第{n}盏路灯"))
    })
    .await;

    // Reproducible killing: which replica, and how long it is left alone, from a generator with a fixed seed.
    let mut chance = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % below
    };
    let mut database = installation.database_options("routing").connect().await.unwrap();
    let give_up_at = Instant::now() + GIVE_UP_AFTER;
    let mut kills = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(500 + draw(2_500))).await;
        let last: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE event_type = $1")
            .bind(LADDER[4])
            .fetch_one(&mut database)
            .await
            .unwrap();
        if last >= CASES as i64 {
            break;
        }
        assert!(Instant::now() < give_up_at, "{last} of {CASES} ladders came to their end");
        let victim = draw(2) as usize;
        installation.kill("routing", victim);
        installation.start_service("routing", victim);
        kills += 1;
    }
    assert!(kills >= 5, "only {kills} kills fell among the steps");

    // The outbox has every event once, in the order in which the transactions wrote them.
    let rows = sqlx::query(
        "SELECT split_part(subject, '.', 6) AS case_id, array_agg(event_type ORDER BY seq) AS steps FROM outbox \
         WHERE event_type = ANY($1) GROUP BY 1",
    )
    .bind(LADDER)
    .fetch_all(&mut database)
    .await
    .unwrap();
    assert_eq!(rows.len(), CASES);
    let mut wrong = HashMap::new();
    for row in rows {
        let steps: Vec<String> = row.get("steps");
        if steps != LADDER {
            wrong.insert(row.get::<String, _>("case_id"), steps);
        }
    }
    assert!(wrong.is_empty(), "{} cases went otherwise, such as {:?}", wrong.len(), wrong.iter().next());
    drop(database);
    installation.stop().await;
}
