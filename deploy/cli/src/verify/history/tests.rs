use super::*;
use crate::verify::told::tests::{leaf, standing};
use serde_json::{Value, json};

/// A case after these events: type, standing, details, and when on the second of March.
fn history(names: &mut Names, events: &[(&str, Value, Value, &str)]) -> History {
    let submitted = leaf("CaseSubmitted", 1, Value::Null, json!({}));
    let mut history = History::open(&Told::parse(&submitted.to_string()).unwrap(), names);
    for (version, (event_type, standing, details, at)) in (2..).zip(events) {
        let mut leaf = leaf(event_type, version, standing.clone(), details.clone());
        leaf["occurred_at"] = json!(format!("2026-03-02T{at}:00.000000Z"));
        history.follow(&Told::parse(&leaf.to_string()).unwrap(), names);
    }
    history
}

fn unit(name: &str) -> Value {
    json!({ "unit": name })
}

fn at(time: &str) -> Option<Moment> {
    Moment::parse(&format!("2026-03-02T{time}:00Z"))
}

fn part<'a>(history: &'a History, names: &mut Names, unit: &str) -> &'a UnitPart {
    let unit = names.name(unit);
    history.units.iter().find(|part| part.unit == unit).unwrap()
}

#[test]
fn the_deadlines_that_ran_before_a_reply_decide_whether_it_is_in_time() {
    let until = |stage: Value, whole: Value| {
        let mut standing = standing("in_handling");
        (standing["deadline_at"], standing["case_deadline_at"]) = (stage, whole);
        standing
    };
    let (just, missed) = (json!("2026-03-02T03:00:00.000000Z"), json!("2026-03-02T02:59:59.999999Z"));
    for (stage, whole, for_region, for_unit) in [
        (&just, &just, true, true),
        (&just, &missed, false, true),
        (&missed, &just, false, false),
        (&Value::Null, &missed, false, false),
        (&Value::Null, &just, true, true),
        (&Value::Null, &Value::Null, true, true),
    ] {
        let mut names = Names::new();
        let after = until(json!("2026-03-01T00:00:00.000000Z"), Value::Null);
        let case = history(
            &mut names,
            &[
                ("CaseAccepted", until(stage.clone(), whole.clone()), json!({}), "02:00"),
                ("CaseReplied", after, unit("150802-housing"), "03:00"),
                ("CaseReplied", standing("replied"), unit("150802-housing"), "05:00"),
            ],
        );
        assert_eq!((case.account.first_replied_at, case.account.replied_in_time), (at("03:00"), for_region));
        let part = part(&case, &mut names, "150802-housing");
        assert_eq!((part.first_replied_at, part.replied_in_time), (at("03:00"), for_unit));
    }
}

fn merged() -> Value {
    let mut merged = standing("merged");
    merged["responsible_unit"] = json!("");
    merged["merged_into"] = json!("0197a3f0-5d1e-7c3a-8000-00000000000b");
    merged
}

#[test]
fn a_unit_that_never_had_a_case_answers_it_along_with_the_one_it_was_merged_into() {
    let mut names = Names::new();
    let case = history(
        &mut names,
        &[
            ("CaseMerged", merged(), json!({}), "02:00"),
            ("CaseReplied", merged(), unit("150802-roads"), "03:00"),
        ],
    );
    assert_eq!(names.text(case.account.merged_into), "0197a3f0-5d1e-7c3a-8000-00000000000b");
    let replied = part(&case, &mut names, "150802-roads").clone();
    assert_eq!((replied.received_at, replied.first_replied_at), (None, None));
    assert!(replied.is_only_answered_along() && replied.is_answered());
    let office = part(&case, &mut names, "150802-office").clone();
    assert_eq!((office.received_at, office.first_replied_at), (at("02:00"), at("03:00")));
    assert!(!office.is_answered_along);
}

#[test]
fn a_unit_that_gets_back_what_it_answered_along_keeps_the_rating_until_it_replies() {
    let mut names = Names::new();
    let mut again = standing("in_handling");
    again["responsible_unit"] = json!("150802-roads");
    let bad = json!({ "resolved": false, "satisfied": false });
    let mut events = vec![
        ("CaseMerged", merged(), json!({}), "02:00"),
        ("CaseReplied", merged(), unit("150802-roads"), "03:00"),
        ("CaseRated", merged(), bad, "04:00"),
        ("CaseReopened", again.clone(), unit("150802-roads"), "04:00"),
    ];
    let case = history(&mut names, &events);
    let roads = part(&case, &mut names, "150802-roads");
    assert_eq!((roads.received_at, roads.first_replied_at), (at("04:00"), None));
    assert!(roads.is_only_answered_along() && roads.rating.is_some());
    events.push(("CaseReplied", again, unit("150802-roads"), "05:00"));
    let case = history(&mut names, &events);
    let roads = part(&case, &mut names, "150802-roads");
    assert_eq!(roads.first_replied_at, at("05:00"));
    assert!(!roads.is_only_answered_along() && roads.is_answered());
}

#[test]
fn a_merged_case_keeps_the_end_of_its_own_time_and_takes_no_way_of_its_own() {
    let mut names = Names::new();
    let mut registered = standing("registered");
    registered["case_deadline_at"] = json!("2026-03-02T02:30:00.000000Z");
    let handed = json!({ "from_office": "150802-office", "to_office": "150800-office" });
    let mut events = vec![
        ("CaseRegistered", registered, json!({}), "01:00"),
        ("CaseEscalated", standing("registered"), handed.clone(), "01:10"),
        ("CaseMerged", merged(), json!({}), "02:00"),
        ("CaseEscalated", merged(), handed, "02:10"),
        ("CaseReplied", merged(), unit("150802-office"), "03:00"),
    ];
    // It had a time of its own as long as it was handled by itself.
    events[1].1["case_deadline_at"] = json!("2026-03-02T02:30:00.000000Z");
    let case = history(&mut names, &events);
    assert_eq!((case.account.case_deadline_at, case.account.replied_in_time), (at("02:30"), false));
    let flows: Vec<&str> = case.flows.iter().map(|flow| names.text(*flow)).collect();
    assert_eq!(flows, ["2026-03 escalated 150802-office 150800-office"]);
}

#[test]
fn what_is_counted_is_counted_for_the_case_and_for_the_unit_it_names() {
    let mut names = Names::new();
    let going_on = || standing("in_handling");
    let case = history(
        &mut names,
        &[
            ("CaseReturned", going_on(), unit("a"), "02:00"),
            ("ExtensionGranted", going_on(), unit("b"), "02:01"),
            ("ExtensionGranted", going_on(), unit("b"), "02:02"),
            ("CaseSupervised", going_on(), unit("c"), "02:03"),
            ("CriticismCirculated", going_on(), unit("c"), "02:04"),
            ("CaseUrged", going_on(), unit("a"), "02:05"),
            ("ExtensionRequested", going_on(), unit("b"), "02:06"),
            ("CaseTransferred", going_on(), json!({ "from_unit": "a", "to_unit": "b" }), "02:07"),
            ("DeadlineExpired", going_on(), json!({ "unit": "c", "kind": "reply" }), "02:08"),
            ("DeadlineExpired", going_on(), json!({ "unit": "c", "kind": "case" }), "02:09"),
            ("CaseAssigned", going_on(), json!({ "parts": [unit("d"), unit("d")] }), "02:10"),
            ("PartAnswered", going_on(), unit("d"), "02:11"),
        ],
    );
    let account = &case.account;
    let counted = (account.returned, account.extensions_granted, account.supervised, account.criticised);
    assert_eq!(counted, (1, 2, 1, 1));
    let mut of = |unit: &str| part(&case, &mut names, unit).clone();
    let (a, b, c, d) = (of("a"), of("b"), of("c"), of("d"));
    assert_eq!((a.returned, a.urged, a.transferred), (1, 1, 1));
    assert_eq!((b.extensions_requested, c.expired, d.parts, d.parts_answered), (1, 1, 2, 1));
    let flows: Vec<&str> = case.flows.iter().map(|flow| names.text(*flow)).collect();
    assert_eq!(flows, ["2026-03 returned a 150802-office", "2026-03 transferred a b"]);
    assert_eq!(part(&case, &mut names, "b").extensions_granted, 2);
    assert_eq!((part(&case, &mut names, "c").supervised, part(&case, &mut names, "c").criticised), (1, 1));
    assert_eq!(part(&case, &mut names, "a").received_at, None, "it never had the case");
}

#[test]
fn a_rating_is_that_of_the_latest_reply_and_the_latest_rating_counts() {
    let mut names = Names::new();
    let rating = |resolved, satisfied| json!({ "resolved": resolved, "satisfied": satisfied });
    let case = history(
        &mut names,
        &[
            ("CaseReplied", standing("replied"), unit("a"), "02:00"),
            ("CaseRated", standing("replied"), rating(false, false), "02:01"),
            ("CaseReplied", standing("replied"), unit("b"), "02:02"),
            ("CaseRated", standing("replied"), rating(true, false), "02:03"),
        ],
    );
    let second = Some(Rating { resolved: true, satisfied: false });
    assert_eq!(case.account.rating, second);
    assert_eq!(part(&case, &mut names, "b").rating, second);
    assert_eq!(part(&case, &mut names, "150802-office").rating, second);
    let first = Some(Rating { resolved: false, satisfied: false });
    assert_eq!(part(&case, &mut names, "a").rating, first);
}

#[test]
fn a_case_is_closed_from_its_first_closing_until_it_goes_on() {
    let mut names = Names::new();
    let mut events = vec![
        ("CaseClosed", standing("closed"), json!({}), "02:00"),
        ("PrivatePartRead", standing("closed"), json!({}), "03:00"),
    ];
    assert_eq!(history(&mut names, &events).account.closed_at, at("02:00"));
    events.push(("CaseReopened", standing("assigned"), json!({}), "04:00"));
    assert_eq!(history(&mut names, &events).account.closed_at, None);
}

#[test]
fn texts_are_shown_by_one_rule() {
    let mut names = Names::new();
    let shows = |account: &Account| {
        [(1, "title"), (2, "text"), (2, "comment"), (3, "comment"), (2, "explanation")]
            .map(|(version, name)| account.shows(version, name))
    };
    let submitted = history(&mut names, &[]).account;
    assert_eq!(shows(&submitted), [false; 5], "not registered");
    let registered =
        history(&mut names, &[("CaseRegistered", standing("registered"), json!({}), "02:00")]).account;
    assert_eq!(shows(&registered), [true; 5]);
    let withdrawn = history(&mut names, &[("CaseWithdrawn", standing("withdrawn"), json!({}), "02:00")]);
    assert_eq!(shows(&withdrawn.account), [false; 5], "withdrawn before it was registered");
    assert_eq!(shows(&Account { state: State::Withdrawn, ..registered }), [true; 5]);
    let declined = Account { state: State::Declined, ..registered };
    assert_eq!(shows(&declined), [false, false, false, false, true]);
    assert_eq!(shows(&Account { is_public: false, ..registered }), [false; 5]);
    let erased = Account { erased_before: 3, ..registered };
    assert_eq!(shows(&erased), [false, true, false, true, true]);
}

#[test]
fn accounts_differ_by_field() {
    let mut names = Names::new();
    let account = history(&mut names, &[("CaseAssigned", standing("assigned"), json!({}), "02:00")]).account;
    assert!(account.differences(&account, &names).is_empty());
    let other = Account { overdue: true, responsible_unit: names.name("x"), ..account };
    let differences: Vec<_> = account
        .differences(&other, &names)
        .into_iter()
        .map(|difference| (difference.field, difference.expected, difference.found))
        .collect();
    assert_eq!(
        differences,
        [
            ("responsible_unit", "150802-housing".to_owned(), "x".to_owned()),
            ("overdue", "false".to_owned(), "true".to_owned()),
        ]
    );
}
