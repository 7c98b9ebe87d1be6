//! The figures of units.

use huying_proto::{
    events::v1::DeadlineKind,
    ledger::v1::{GetUnitFiguresRequest, GetUnitFiguresResponse},
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    house::House,
    story::{DEPARTMENT, DISTRICT_OFFICE, HOUSING, OFFICE, Story},
};

async fn figures(house: &House, unit: &str) -> GetUnitFiguresResponse {
    let request = GetUnitFiguresRequest { unit: unit.to_owned() };
    house.client.clone().get_unit_figures(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn figures_count_what_the_leaves_say() {
    let house = House::start().await;
    let told = |minute| Story::new("事项", "正文", minute).registered().assigned(DEPARTMENT);
    let stories = [
        // Answered and praised, answered and blamed, answered and never rated.
        told(1).accepted().replied("好了").rated(true, true).closed(),
        told(2).accepted().replied("好了").rated(true, true).rated(false, false),
        told(3).accepted().replied("好了"),
        // Overdue and still open; returned and with the office; escalated and with the district's department.
        told(4).accepted().expired(DeadlineKind::Reply),
        told(5).accepted().returned(),
        told(6).escalated().assigned(HOUSING),
    ];
    let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
    let leaves = events.len() as u64;
    house.publish_until(&events, leaves).await;

    let department = figures(&house, DEPARTMENT).await;
    let expected = GetUnitFiguresResponse {
        unit: DEPARTMENT.into(),
        unit_name: "团结街道综合办".into(),
        received: 6,
        open: 1,
        overdue: 1,
        replied: 3,
        rated: 2,
        resolved: 1,
        satisfied: 1,
        silent: 1,
        returned: 1,
        expired: 1,
        tree_size: leaves,
    };
    assert_eq!(department, expected);

    let office = figures(&house, OFFICE).await;
    let expected = GetUnitFiguresResponse {
        unit: OFFICE.into(),
        unit_name: "团结街道人大工委".into(),
        open: 1,
        overdue: 0,
        returned: 0,
        expired: 0,
        ..department
    };
    assert_eq!(office, expected);

    assert_eq!(figures(&house, HOUSING).await.open, 1);
    let district = figures(&house, DISTRICT_OFFICE).await;
    assert_eq!((district.received, district.open, district.replied), (1, 0, 0));

    let page = house.get(&format!("/units/{DEPARTMENT}")).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("1 ÷ 2（已评价）<span class=\"percent\">= <strong>50.0%</strong>"),
        "{}",
        page.body
    );
    assert!(page.body.contains("沉默"));
    house.stop().await;
}

#[tokio::test]
async fn an_unknown_unit_is_not_found() {
    let house = House::start().await;
    let request = GetUnitFiguresRequest { unit: "no-such-unit".into() };
    let status = house.client.clone().get_unit_figures(request).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.get_details_error_info().unwrap().reason, "UNIT_UNKNOWN");
    assert_eq!(house.get("/units/no-such-unit").await.status, 404);
    house.stop().await;
}
