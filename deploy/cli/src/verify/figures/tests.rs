use super::*;
use crate::verify::{
    names::Names,
    told::{
        Told,
        tests::{leaf, standing},
    },
};
use serde_json::json;

fn cell(row: &Row, column: &str) -> String {
    row.iter().find(|(name, _)| *name == column).unwrap().1.to_string()
}

fn history(leaves: &[Value], names: &mut Names) -> History {
    let told: Vec<Told> = leaves.iter().map(|leaf| Told::parse(&leaf.to_string()).unwrap()).collect();
    let mut history = History::open(&told[0], names);
    for told in &told[1..] {
        history.follow(told, names);
    }
    history
}

fn submitted() -> Value {
    let mut submitted = leaf("CaseSubmitted", 1, Value::Null, json!({}));
    submitted["occurred_at"] = submitted["submitted_at"].clone();
    submitted
}

fn at(mut leaf: Value, time: &str) -> Value {
    leaf["occurred_at"] = json!(time);
    leaf
}

#[test]
fn a_late_reply_and_its_rating_count_for_the_unit_the_office_and_the_region() {
    let mut names = Names::new();
    let mut assigned = standing("assigned");
    assigned["deadline_at"] = json!("2026-03-31T16:00:00.000000Z");
    let case = history(
        &[
            submitted(),
            at(leaf("CaseAssigned", 2, assigned, json!({})), "2026-03-31T15:59:59.500000Z"),
            at(
                leaf("CaseReplied", 3, standing("replied"), json!({ "unit": "150802-housing" })),
                "2026-03-31T16:00:00.000001Z",
            ),
            leaf("CaseRated", 4, standing("closed"), json!({ "resolved": true, "satisfied": false })),
        ],
        &mut names,
    );
    let figures = Figures::of([&case]);
    let (unit, office, region) =
        (names.name("150802-housing"), names.name("150802-office"), names.name("150802001"));
    let month = Some(Month { year: 2026, month: 3 });
    for (list, code) in [(List::Units, unit), (List::Units, office), (List::Regions, region)] {
        for month in [None, month] {
            let row = figures.row(list, code, month);
            for (column, expected) in [
                ("received", "1"),
                ("replied", "1"),
                ("replied_in_time", "0"),
                ("rated", "1"),
                ("resolved", "1"),
                ("satisfied", "0"),
                ("silent", "0"),
                ("open", "0"),
                ("timeliness_rate_percent", "0.0"),
                ("satisfaction_rate_percent", "0.0"),
                ("response_rate_percent", "100.0"),
            ] {
                assert_eq!(cell(&row, column), expected, "{list:?} {column}");
            }
        }
    }
    assert_eq!(cell(&figures.row(List::Units, unit, None), "median_reply_seconds"), "1");
    let april = Some(Month { year: 2026, month: 4 });
    assert!(is_idle(&figures.row(List::Units, unit, april)));
    assert!(is_idle(&figures.row(List::Units, names.name("nobody"), None)));
    assert_eq!(figures.codes(List::Regions).count(), 3);
}

#[test]
fn an_answer_is_rated_or_still_may_be_or_stays_silent() {
    let mut names = Names::new();
    let replied = leaf("CaseReplied", 2, standing("replied"), json!({ "unit": "150802-housing" }));
    let closed = leaf("CaseClosed", 3, standing("closed"), json!({}));
    let reopened = leaf("CaseReopened", 4, standing("in_handling"), json!({}));
    let leaves = [submitted(), replied, closed, reopened];
    for (count, silent, awaiting) in [(2, "0", "1"), (3, "1", "0"), (4, "0", "1")] {
        let figures = Figures::of([&history(&leaves[..count], &mut names)]);
        for (list, code) in [(List::Units, "150802-housing"), (List::Regions, "150802")] {
            let row = figures.row(list, names.name(code), None);
            assert_eq!(
                (cell(&row, "silent"), cell(&row, "awaiting_rating")),
                (silent.into(), awaiting.into())
            );
        }
    }
}

#[test]
fn what_is_declined_or_withdrawn_is_counted_and_stays_received() {
    let mut names = Names::new();
    for (event, state) in [("CaseDeclined", "declined"), ("CaseWithdrawn", "withdrawn")] {
        let mut over = standing(state);
        over["responsible_unit"] = json!("");
        let assigned = leaf("CaseAssigned", 2, standing("assigned"), json!({}));
        let case = history(&[submitted(), assigned, leaf(event, 3, over, json!({}))], &mut names);
        let figures = Figures::of([&case]);
        for (list, code) in [(List::Units, "150802-housing"), (List::Regions, "150802")] {
            let row = figures.row(list, names.name(code), None);
            assert_eq!((cell(&row, "received"), cell(&row, state)), ("1".into(), "1".into()), "{state}");
        }
    }
}

#[test]
fn ways_are_counted_by_month_and_units() {
    let mut names = Names::new();
    let handed = json!({ "from_office": "150802-office", "to_office": "150800-office" });
    let escalated = leaf("CaseEscalated", 2, standing("registered"), handed);
    let case = history(&[submitted(), escalated], &mut names);
    let figures = Figures::of([&case, &case]);
    let row = json!({
        "month": "2026-03", "kind": "escalated", "from_unit": "150802-office", "to_unit": "150800-office",
    });
    let key = List::Flows.key(row.as_object().unwrap()).unwrap();
    assert_eq!(cell(&figures.row(List::Flows, names.name(&key), None), "times"), "2");
    assert_eq!(List::Flows.key(&Map::new()), Err("month"));
}

#[test]
fn open_cases_count_for_whoever_has_to_act() {
    let mut names = Names::new();
    let mut waits = standing("assigned");
    waits["overdue"] = json!(true);
    let case = history(&[submitted(), leaf("CaseAssigned", 2, waits, json!({}))], &mut names);
    let figures = Figures::of([&case]);
    let unit = figures.row(List::Units, names.name("150802-housing"), None);
    assert_eq!((cell(&unit, "open"), cell(&unit, "overdue")), ("1".into(), "1".into()));
    let office = figures.row(List::Units, names.name("150802-office"), None);
    assert_eq!((cell(&office, "received"), cell(&office, "open")), ("1".into(), "0".into()));
}

#[test]
fn a_duty_archive_counts_what_was_taken_on_and_what_was_done_besides() {
    let mut names = Names::new();
    let representative = json!({ "representative_code": "r-2" });
    let case = history(
        &[
            submitted(),
            leaf("ProgressReported", 2, standing("assigned"), representative),
            leaf("CaseClaimed", 3, standing("assigned"), json!({ "representative_code": "r-1" })),
            at(
                leaf("ProgressReported", 4, standing("assigned"), json!({ "representative_code": "r-1" })),
                "2026-03-01T02:02:00.000000Z",
            ),
        ],
        &mut names,
    );
    let figures = Figures::of([&case]);
    let row = figures.row(List::Representatives, names.name("r-1"), None);
    for (column, expected) in [
        ("received", "1"),
        ("claimed", "1"),
        ("taken_on", "1"),
        ("answered", "1"),
        ("replied", "0"),
        ("progress_reported", "1"),
        ("median_answer_seconds", "60"),
        ("last_act_at", "2026-03-02T02:01:00Z"),
        ("answer_rate_percent", "100.0"),
    ] {
        assert_eq!(cell(&row, column), expected, "{column}");
    }
    let row = figures.row(List::Representatives, names.name("r-2"), None);
    for (column, expected) in
        [("taken_on", "0"), ("answered", "0"), ("progress_reported", "1"), ("answer_rate_percent", "null")]
    {
        assert_eq!(cell(&row, column), expected, "{column}");
    }
    let march = Some(Month { year: 2026, month: 3 });
    assert!(is_idle(&figures.row(List::Representatives, names.name("r-2"), march)));
}

#[test]
fn a_cell_is_compared_by_what_it_means() {
    let time = Moment::parse("2026-03-02T02:01:00Z");
    for (cell, same, other) in [
        (Cell::Number(3), json!(3), json!(3.5)),
        (Cell::Seconds(Some(3)), json!(3), json!(null)),
        (Cell::Seconds(None), json!(null), json!(0)),
        (Cell::Percent(Some(333)), json!(33.3), json!(33.4)),
        (Cell::Percent(Some(1_000)), json!(100.0), json!(99.9)),
        (Cell::Percent(None), json!(null), json!(0.0)),
        (Cell::Time(time), json!("2026-03-02T02:01:00.000000Z"), json!("2026-03-02T02:01:00.000001Z")),
    ] {
        assert!(cell.is_shown_as(&same) && !cell.is_shown_as(&other), "{cell}");
    }
}

#[test]
fn medians_and_rates_are_those_of_the_definition() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[9, 1]), Some(1));
    assert_eq!(median(&[3, 1, 2]), Some(2));
    assert_eq!(percent(1, 3), Cell::Percent(Some(333)));
    assert_eq!(percent(2, 3), Cell::Percent(Some(667)));
    assert_eq!(percent(1, 2_000), Cell::Percent(Some(1)));
    assert_eq!(percent(0, 0), Cell::Percent(None));
}
