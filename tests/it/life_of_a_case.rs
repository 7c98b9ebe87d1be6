//! One case from the first word to the last: township, district, municipality and back, proved by the ledger.

use std::time::{Duration, Instant};

use huying_proto::events::v1::CaseState;
use huying_tests::{
    installation::Installation,
    town::{Town, message},
};

const REPRESENTATIVE: &str = "r-150802001-001";

#[tokio::test(flavor = "multi_thread")]
async fn a_case_goes_through_three_tiers_and_every_step_stands_in_the_ledger() {
    let installation = Installation::with_sample(1).await;
    let town = Town::at(&installation, 0);
    let office = |region: &str| installation.token("office", &format!("{region}-office"), region);
    let department = |unit: &str| installation.token("department", unit, unit.split('-').next().unwrap());

    // A citizen writes to a representative; the rules register and assign it at the township within a second.
    let mut request = message("150802001", "团结路路灯不亮");
    request.representative_code = REPRESENTATIVE.to_owned();
    let submitted_at = Instant::now();
    let receipt = town.submit(request).await.unwrap();
    let case_id = receipt.case_id.as_str();
    let seen = town.track_until(&receipt.receipt_code, 3).await;
    assert!(submitted_at.elapsed() < Duration::from_secs(1), "took {:?}", submitted_at.elapsed());
    assert_eq!(seen.state(), CaseState::Assigned);
    assert_eq!(seen.holder_office, "150802001-office");
    assert_eq!(seen.responsible_unit, "150802001-general");

    // The township cannot do it; the district hands it back down; the municipality is asked as well.
    town.escalate(&office("150802001"), case_id).await.unwrap();
    town.escalate(&office("150802"), case_id).await.unwrap();
    town.delegate(&office("150800"), case_id, "150802").await.unwrap();
    town.assign(&office("150802"), case_id, "150802-housing").await.unwrap();

    // The department acts; a stranger cannot.
    let stranger = town.accept(&department("150821-housing"), case_id).await.unwrap_err();
    assert_eq!(stranger.code(), tonic::Code::PermissionDenied);
    town.accept(&department("150802-housing"), case_id).await.unwrap();
    town.reply(&department("150802-housing"), case_id, "已更换灯头三只，今晚起恢复照明。").await.unwrap();
    let seen = town.track_until(&receipt.receipt_code, 9).await;
    assert_eq!(seen.state(), CaseState::Replied);
    assert_eq!(seen.reply, "已更换灯头三只，今晚起恢复照明。");
    assert!(seen.can_rate);

    // The citizen rates, the office closes.
    town.rate(&receipt.receipt_code, true, false).await.unwrap();
    town.track_until(&receipt.receipt_code, 10).await;
    town.close(&office("150802"), case_id).await.unwrap();
    let lines = town.lines_until(case_id, 11).await;

    let told: Vec<_> = lines.iter().map(|line| (line.case_version, line.event_type.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, "CaseSubmitted"),
            (2, "CaseRegistered"),
            (3, "CaseAssigned"),
            (4, "CaseEscalated"),
            (5, "CaseEscalated"),
            (6, "CaseDelegated"),
            (7, "CaseAssigned"),
            (8, "CaseAccepted"),
            (9, "CaseReplied"),
            (10, "CaseRated"),
            (11, "CaseClosed"),
        ]
    );
    // Nobody finds the citizen in what the public reads.
    for line in &lines {
        assert!(!line.leaf.contains("13800138000") && !line.leaf.contains("试验人"), "{}", line.leaf);
    }

    // The command line proves it with code of its own; the representative heard each matter once, in order.
    let verified = installation.huying(&["ledger", "verify", case_id]);
    assert!(!verified.is_empty());
    let token = installation.token("representative", REPRESENTATIVE, "150802001");
    let heard = town.hear(&token, REPRESENTATIVE, 8).await;
    let positions: Vec<_> = heard.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, (1..=8).collect::<Vec<_>>());
    let versions: Vec<_> = heard.iter().map(|(_, event)| event.case_version).collect();
    assert_eq!(versions, [3, 4, 5, 6, 7, 9, 10, 11]);
    installation.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_private_part_is_read_once_asked_for_and_the_reading_is_public() {
    use huying_proto::intake::v1::ReadPrivatePartRequest;
    use huying_tests::town::authorized;

    let installation = Installation::with_sample(1).await;
    let mut town = Town::at(&installation, 0);
    let receipt = town.submit(message("150802001", "我的电话13800138000，路灯不亮")).await.unwrap();
    town.track_until(&receipt.receipt_code, 3).await;
    let read =
        ReadPrivatePartRequest { case_id: receipt.case_id.clone(), purpose: "电话核实地点".to_owned() };

    let stranger = installation.token("department", "150802-housing", "150802");
    let denied = town.intake.read_private_part(authorized(&stranger, read.clone())).await.unwrap_err();
    assert_eq!(denied.code(), tonic::Code::PermissionDenied);

    let handler = installation.token("department", "150802001-general", "150802001");
    let private = town.intake.read_private_part(authorized(&handler, read)).await.unwrap().into_inner();
    assert_eq!(private.title, "我的电话13800138000，路灯不亮");
    assert_eq!(private.petitioner.unwrap().phone, "13800138000");

    let lines = town.lines_until(&receipt.case_id, 4).await;
    assert_eq!(lines[3].event_type, "PrivatePartRead");
    assert_eq!(lines[3].actor.as_ref().unwrap().code, "150802001-general");
    assert!(lines.iter().flat_map(|line| &line.texts).all(|text| !text.text.contains("13800138000")));
    installation.stop().await;
}
