//! Two replicas of each service do the same job with the same result.

use std::collections::HashSet;

use huying_tests::{
    installation::Installation,
    town::{Town, message},
};

const REPRESENTATIVE: &str = "r-150802001-002";

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_of_each_service_do_the_job_once() {
    let mut installation = Installation::with_sample(2).await;
    let towns = [Town::at(&installation, 0), Town::at(&installation, 1)];

    let mut case_ids = Vec::new();
    for n in 0..60 {
        let mut request = message("150802001", &format!("两个副本第{n}件"));
        request.representative_code = REPRESENTATIVE.to_owned();
        case_ids.push(towns[n % 2].submit(request).await.unwrap().case_id);
    }
    let department = installation.token("department", "150802001-general", "150802001");
    for (n, case_id) in case_ids.iter().enumerate() {
        towns[n % 2].lines_until(case_id, 3).await;
        towns[(n + 1) % 2].accept(&department, case_id).await.unwrap();
    }

    // One of each goes; the other carries on.
    for service in ["intake", "routing", "notify", "ledger"] {
        let (took, ended_well) = installation.terminate(service, 0).await;
        assert!(ended_well && took.as_secs() < 30, "{service} took {took:?}");
    }
    for case_id in &case_ids {
        towns[1].reply(&department, case_id, "已办。").await.unwrap();
        let lines = towns[1].lines_until(case_id, 5).await;
        let versions: Vec<_> = lines.iter().map(|line| line.case_version).collect();
        assert_eq!(versions, [1, 2, 3, 4, 5]);
    }

    let token = installation.token("representative", REPRESENTATIVE, "150802001");
    let heard = towns[1].hear(&token, REPRESENTATIVE, 120).await;
    let positions: Vec<_> = heard.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, (1..=120).collect::<Vec<_>>());
    let events: HashSet<_> =
        heard.iter().map(|(_, event)| (event.case_id.clone(), event.case_version)).collect();
    assert_eq!(events.len(), 120);
    installation.stop().await;
}
