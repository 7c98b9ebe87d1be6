//! Rows of a release that had one deadline a stage and knew no parts, clocks or alarms.

use huying_proto::events::v1::{CaseHeader, CaseState, DeadlineKind, Event};
use huying_routing_svc::use_cases::fire_deadlines::fire_deadlines;
use jiff::SignedDuration;
use jiff_sqlx::ToSqlx as _;
use prost::Message as _;
use uuid::Uuid;

use super::{
    acts::{HOUSING, OFFICE},
    town::Town,
};

/// An assigned case that was due an hour from now, as that release inserted it.
async fn earlier(town: &Town, overdue: bool) -> Event {
    let event = town.submitted("城乡建设/供热");
    let header: &CaseHeader = event.header.as_ref().unwrap();
    let now = town.house.platform.clock.now();
    sqlx::query(
        "INSERT INTO cases (case_id, version, kind, municipal, district, township, header, body, state, holder_office, \
             responsible_unit, department, stage, due_at, expiries, overdue, return_count, reply_count, rated_reply, \
             units, updated_at) \
         VALUES ($1, 3, 1, '150800', '150802', '150802001', $2, '', 3, $3, $4, $4, 2, $5, 0, $6, 0, 0, 0, \
             ARRAY[$3, $4], $7)",
    )
    .bind(event.case_id.parse::<Uuid>().unwrap())
    .bind(header.encode_to_vec())
    .bind(OFFICE)
    .bind(HOUSING)
    .bind((now + SignedDuration::from_hours(1)).to_sqlx())
    .bind(overdue)
    .bind(now.to_sqlx())
    .execute(&town.house.platform.db)
    .await
    .unwrap();
    event
}

#[tokio::test]
async fn an_earlier_case_goes_on_with_the_deadline_it_was_given() {
    let town = Town::start().await;
    let event = earlier(&town, false).await;
    let case = town.case(&event.case_id).await;
    let due_us = (town.house.platform.clock.now() + SignedDuration::from_hours(1)).as_microsecond();
    assert_eq!(case.standing.as_ref().unwrap().deadline_at_us, due_us);
    assert_eq!(case.stage(), DeadlineKind::Reply);
    assert_eq!(case.header.unwrap().category, "城乡建设/供热");
    assert_eq!(town.accept(&event.case_id).await.unwrap().standing.unwrap().state(), CaseState::InHandling);

    town.house.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(fire_deadlines(&town.service).await.unwrap(), 1);
    assert!(town.case(&event.case_id).await.standing.unwrap().overdue);
    town.reply(&event.case_id).await.unwrap();
    assert!(!town.case(&event.case_id).await.standing.unwrap().overdue);
    town.house.stop().await;
}

#[tokio::test]
async fn an_earlier_case_whose_clock_nobody_touched_rings() {
    let town = Town::start().await;
    let (due, marked) = (earlier(&town, false).await, earlier(&town, true).await);
    town.house.clock.advance(SignedDuration::from_hours(2));
    while fire_deadlines(&town.service).await.unwrap() > 0 {}
    let happened = town.house.outbox_events().await;
    let of = |event: &Event| {
        let names = happened.iter().filter(|one| one.case_id == event.case_id);
        names.map(|one| huying_platform::subjects::event_name(one).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of(&due), ["CaseAccepted", "DeadlineNear", "DeadlineExpired", "DeadlineExpired"]);
    assert_eq!(of(&marked), ["CaseAccepted"], "its marks were entered before");
    town.house.stop().await;
}

#[tokio::test]
async fn a_case_that_an_earlier_release_moved_on_is_read_by_its_row() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    town.claim("r-150802001-001", &case_id).await.unwrap();
    let due_at = town.house.platform.clock.now() + SignedDuration::from_hours(3);
    sqlx::query("UPDATE cases SET version = version + 1, state = 4, due_at = $2 WHERE case_id = $1")
        .bind(case_id.parse::<Uuid>().unwrap())
        .bind(due_at.to_sqlx())
        .execute(&town.house.platform.db)
        .await
        .unwrap();
    let case = town.case(&case_id).await;
    assert_eq!(case.standing.unwrap().deadline_at_us, due_at.as_microsecond());
    assert_eq!(case.claimed_by, ["r-150802001-001"], "what that release does not know stays");
    town.house.stop().await;
}
