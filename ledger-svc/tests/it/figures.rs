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
        // A co-handler answers one part and is let off another; more time, an urging, and another department.
        Story::new("事项", "正文", 7)
            .registered()
            .assigned_with_parts(DEPARTMENT, &[HOUSING, HOUSING])
            .part_answered(1, HOUSING, vec![])
            .part_waived(2, HOUSING)
            .extended()
            .urged()
            .transferred(HOUSING),
    ];
    let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
    let leaves = events.len() as u64;
    house.publish_until(&events, leaves).await;

    let department = figures(&house, DEPARTMENT).await;
    let expected = GetUnitFiguresResponse {
        unit: DEPARTMENT.into(),
        unit_name: "团结街道综合办".into(),
        received: 7,
        open: 1,
        overdue: 1,
        replied: 3,
        rated: 2,
        resolved: 1,
        satisfied: 1,
        silent: 0,
        returned: 1,
        expired: 1,
        tree_size: leaves,
        parts: 0,
        parts_answered: 0,
        transferred: 1,
        extensions_requested: 1,
        extensions_granted: 1,
        urged: 1,
        supervised: 0,
        criticised: 0,
        answered_along: 0,
        awaiting_rating: 1,
        declined: 0,
        withdrawn: 0,
        replied_in_time: 3,
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
        transferred: 0,
        extensions_requested: 0,
        extensions_granted: 0,
        urged: 0,
        ..department
    };
    assert_eq!(office, expected);

    let housing = figures(&house, HOUSING).await;
    assert_eq!((housing.received, housing.open), (2, 2));
    assert_eq!((housing.parts, housing.parts_answered), (2, 1));
    let district = figures(&house, DISTRICT_OFFICE).await;
    assert_eq!((district.received, district.open, district.replied), (1, 0, 0));

    let page = house.get(&format!("/units/{DEPARTMENT}")).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("1 ÷ 2（已评价）<span class=\"percent\">= <strong>50.0%</strong>"),
        "{}",
        page.body
    );
    assert!(page.body.contains("未评价"));
    let page = house.get(&format!("/units/{HOUSING}")).await;
    assert!(
        page.body.contains("1 ÷ 2（协办）<span class=\"percent\">= <strong>50.0%</strong>"),
        "{}",
        page.body
    );
    house.stop().await;
}

#[tokio::test]
async fn a_co_handler_receives_nothing_until_the_case_is_its_own() {
    let house = House::start().await;
    let story = Story::new("事项", "正文", 1).registered().assigned_with_parts(DEPARTMENT, &[HOUSING]);
    house.publish_until(&story.events, 3).await;
    let co_handler = figures(&house, HOUSING).await;
    assert_eq!((co_handler.received, co_handler.open, co_handler.parts), (0, 0, 1));
    // In a later batch, so that the row is there already.
    let story = story.transferred(HOUSING).replied("好了");
    house.publish_until(&story.events, 5).await;
    let lead = figures(&house, HOUSING).await;
    assert_eq!((lead.received, lead.replied, lead.parts), (1, 1, 1));
    house.stop().await;
}

#[tokio::test]
async fn each_merged_case_is_answered_and_only_received_by_whom_it_came_to() {
    let house = House::start().await;
    let primary = Story::new("路灯不亮", "正文", 1).registered().assigned(DEPARTMENT);
    let other = Story::new("路灯坏了", "正文", 2).registered().merged_into(&primary);
    let theirs = Story::new("路灯没有修", "正文", 3).registered().assigned(DEPARTMENT).merged_into(&primary);
    let primary = primary.absorbed(&other).absorbed(&theirs).replied("已修好");
    let merged = [other, theirs].map(|story| story.replied_along(&primary.case_id, DEPARTMENT, "已修好"));
    let [other, theirs] = merged.map(|story| story.rated(true, true));
    let events = [primary.events, other.events.clone(), theirs.events.clone()].concat();
    let leaves = events.len() as u64;
    house.publish_until(&events, leaves).await;
    let department = figures(&house, DEPARTMENT).await;
    assert_eq!((department.received, department.replied, department.answered_along), (2, 2, 1));
    assert_eq!((department.replied_in_time, department.rated, department.awaiting_rating), (2, 2, 1));
    let office = figures(&house, OFFICE).await;
    assert_eq!((office.received, office.replied, office.answered_along), (3, 3, 0));
    assert_eq!((office.rated, office.awaiting_rating, office.silent), (2, 1, 0));

    // In a later batch it comes to the department after all, which replies once more.
    let before = other.events.len();
    let other = other.unmerged().reopened(DEPARTMENT);
    house.publish_until(&other.events[before..], leaves + 2).await;
    let department = figures(&house, DEPARTMENT).await;
    assert_eq!((department.received, department.replied, department.answered_along), (3, 2, 1));
    assert_eq!(department.rated, 2);
    let before = other.events.len();
    let other = other.replied("这次修好了");
    house.publish_until(&other.events[before..], leaves + 3).await;
    let department = figures(&house, DEPARTMENT).await;
    assert_eq!((department.received, department.replied, department.answered_along), (3, 3, 0));
    assert_eq!((department.replied_in_time, department.rated), (3, 2));
    house.stop().await;
}

#[tokio::test]
async fn what_is_declined_or_taken_back_is_counted_beside_what_is_received() {
    let house = House::start().await;
    let stories = [
        Story::new("一", "正文", 1).queued().declined("已进入诉讼程序"),
        Story::new("二", "正文", 2).registered().assigned(DEPARTMENT).withdrawn("不必了"),
        // Answered, and closed without a word of the citizen.
        Story::new("三", "正文", 3).registered().assigned(DEPARTMENT).replied("好了").closed(),
    ];
    let events: Vec<_> = stories.into_iter().flat_map(|story| story.events).collect();
    house.publish_until(&events, events.len() as u64).await;
    let office = figures(&house, OFFICE).await;
    assert_eq!((office.received, office.declined, office.withdrawn, office.replied), (3, 1, 1, 1));
    assert_eq!((office.silent, office.awaiting_rating), (1, 0));
    let department = figures(&house, DEPARTMENT).await;
    assert_eq!((department.received, department.declined, department.withdrawn), (2, 0, 1));
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
