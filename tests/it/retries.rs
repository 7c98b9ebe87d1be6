//! The same thing sent again is not a second thing.

use std::collections::HashSet;

use huying_tests::{
    installation::Installation,
    town::{Town, message},
};
use tonic::Code;
use tonic_types::StatusExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_concurrent_submissions_with_one_key_are_one_case() {
    let installation = Installation::with_sample(2).await;
    let towns = [Town::at(&installation, 0), Town::at(&installation, 1)];
    let request = message("150802001", "同一封信寄了二十次");

    let sent = (0..20).map(|n| {
        let (town, request) = (towns[n % 2].clone(), request.clone());
        tokio::spawn(async move { town.submit(request).await })
    });
    let mut receipts = HashSet::new();
    for answer in futures_util::future::join_all(sent).await {
        let receipt = answer.unwrap().unwrap();
        receipts.insert((receipt.case_id, receipt.receipt_code, format!("{:?}", receipt.received_at)));
    }
    assert_eq!(receipts.len(), 1);

    let mut other = request.clone();
    other.body.push('。');
    let refused = towns[0].submit(other).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "IDEMPOTENCY_KEY_REUSED");

    let (case_id, _, _) = receipts.into_iter().next().unwrap();
    let lines = towns[1].lines_until(&case_id, 3).await;
    assert_eq!(lines.len(), 3);
    installation.stop().await;
}
