//! Routing rules as sets: proposed, tried, activated, taken back.

use huying_platform::directory::DirectoryHandle;
use huying_proto::{
    events::v1::{Event, RuleTrace, event::Body},
    routing::v1::{
        ActivateRulesRequest, ActivateRulesResponse, DirectoryFile, GetRuleSetRequest, ListRuleSetsRequest,
        ProposeRulesRequest, ProposeRulesResponse, RuleSet,
    },
};
use tonic::{Code, Status};

use super::town::{RULES, Town, UNITS, fields, reason};

/// Heating to the district instead of the township.
const HEATING_TO_DISTRICT: &str = "region,kind,category,tier,function\n\
    150800,message,城乡建设,township,housing\n150800,message,城乡建设/供热,district,housing\n";

async fn propose(town: &Town, csv: &str) -> Result<ProposeRulesResponse, Status> {
    let request = ProposeRulesRequest {
        rules_csv: csv.as_bytes().to_vec(),
        note: "供热改由区里办理".into(),
        past_cases: 0,
    };
    let request = town.call("operator", "", request);
    town.rules().propose_rules(request).await.map(tonic::Response::into_inner)
}

async fn activate(town: &Town, version: u64, expected: u64) -> Result<ActivateRulesResponse, Status> {
    let request = ActivateRulesRequest { version, expected_active_version: expected };
    let request = town.call("operator", "", request);
    town.rules().activate_rules(request).await.map(tonic::Response::into_inner)
}

async fn list(town: &Town, before_version: u64) -> Vec<RuleSet> {
    let request = town.call("auditor", "", ListRuleSetsRequest { page_size: 2, before_version });
    town.rules().list_rule_sets(request).await.unwrap().into_inner().rule_sets
}

/// Where the rules sent a new case about heating, and why.
async fn heating_goes_to(town: &Town) -> (String, RuleTrace) {
    let case_id = town.assigned().await;
    let assigned = |event: Event| match event.body {
        Some(Body::CaseAssigned(assigned)) => Some((assigned.unit, assigned.trace.unwrap())),
        _ => None,
    };
    town.events_of(&case_id).await.into_iter().find_map(assigned).unwrap()
}

#[tokio::test]
async fn an_import_makes_a_version_and_activates_it() {
    let town = Town::start().await;
    let first = list(&town, 0).await;
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].version, first[0].active, first[0].rules), (1, true, 1));
    assert!(first[0].activated_at.is_some());
    assert!(!first[0].proposed_by.is_empty());

    town.import(&[(DirectoryFile::Rules, RULES)]).await.unwrap();
    assert_eq!(list(&town, 0).await, first, "the same rules again are no version");
    town.import(&[(DirectoryFile::Rules, HEATING_TO_DISTRICT)]).await.unwrap();
    let versions: Vec<(u64, bool)> =
        list(&town, 0).await.iter().map(|set| (set.version, set.active)).collect();
    assert_eq!(versions, [(2, true), (1, false)]);
    assert_eq!(list(&town, 2).await.len(), 1);
    town.house.stop().await;
}

#[tokio::test]
async fn a_set_is_tried_on_past_cases_and_decides_nothing_until_it_is_activated() {
    let town = Town::start().await;
    let (unit, trace) = heating_goes_to(&town).await;
    assert_eq!((unit.as_str(), trace.rule_set_version), ("150802001-housing", 1));
    town.queued().await;
    let newest = town.assigned().await;

    let report = propose(&town, HEATING_TO_DISTRICT).await.unwrap();
    assert_eq!((report.version, report.tried, report.changed), (2, 3, 2));
    assert_eq!((report.no_longer_decided, report.newly_decided), (0, 0));
    let example = &report.examples[0];
    assert_eq!(example.case_id, newest, "newest first");
    assert_eq!(example.active_unit, "150802001-housing");
    assert_eq!(example.proposed_unit, "150802-housing");
    let proposed_trace = example.trace.as_ref().unwrap();
    assert_eq!(proposed_trace.rule_set_version, 2);
    assert_eq!(proposed_trace.considered[0].rule, "150800 message 城乡建设/供热 district housing");
    assert!(report.shadowed.is_empty());
    assert_eq!(report.unused.iter().map(|remark| remark.line).collect::<Vec<_>>(), [2]);
    assert_eq!(heating_goes_to(&town).await.0, "150802001-housing");

    let revision = town.service.directory.load().revision();
    let answer = activate(&town, 2, 1).await.unwrap();
    assert_eq!((answer.version, answer.directory_revision), (2, revision + 1));
    let (unit, trace) = heating_goes_to(&town).await;
    assert_eq!((unit.as_str(), trace.rule_set_version), ("150802-housing", 2));
    assert_eq!(trace.directory_revision, revision + 1);
    assert_eq!(activate(&town, 2, 1).await.unwrap(), answer, "the same call again succeeds");

    activate(&town, 1, 2).await.unwrap();
    let (unit, trace) = heating_goes_to(&town).await;
    assert_eq!((unit.as_str(), trace.rule_set_version), ("150802001-housing", 1));
    let sets = list(&town, 0).await;
    assert_eq!((sets[1].version, sets[1].active), (1, true));
    assert!(sets[1].activated_at.unwrap().seconds >= sets[0].activated_at.unwrap().seconds);
    town.house.stop().await;
}

#[tokio::test]
async fn a_set_is_tried_on_as_many_of_the_latest_cases_as_asked_for() {
    let town = Town::start().await;
    let older = town.submitted("城乡建设/供热");
    let newer: Vec<Event> = (0..203).map(|_| town.submitted("交通运输/公交")).collect();
    town.take_up_all(&[vec![older.clone()], newer].concat()).await;
    let request = |past_cases| ProposeRulesRequest {
        rules_csv: HEATING_TO_DISTRICT.into(),
        note: "试行".into(),
        past_cases,
    };
    for (past_cases, tried, changed) in [(1, 1, 0), (203, 203, 0), (204, 204, 1), (20_000, 204, 1)] {
        let request = town.call("operator", "", request(past_cases));
        let report = town.rules().propose_rules(request).await.unwrap().into_inner();
        assert_eq!((report.tried, report.changed), (tried, changed), "of {past_cases}");
    }
    town.house.stop().await;
}

#[tokio::test]
async fn the_same_rules_under_another_version_are_named_by_it() {
    let town = Town::start().await;
    let report = propose(&town, &format!("{RULES}\n")).await.unwrap();
    assert_eq!((report.version, report.changed), (2, 0));
    let revision = town.service.directory.load().revision();
    assert_eq!(activate(&town, 2, 1).await.unwrap().directory_revision, revision + 1);
    assert_eq!(heating_goes_to(&town).await.1.rule_set_version, 2);
    town.house.stop().await;
}

#[tokio::test]
async fn other_replicas_and_services_hear_of_an_activation() {
    let town = Town::start().await;
    let platform = &town.house.platform;
    let other = DirectoryHandle::open(platform.db.clone(), platform.clock.clone()).await.unwrap();
    propose(&town, HEATING_TO_DISTRICT).await.unwrap();
    activate(&town, 2, 1).await.unwrap();
    assert_eq!(other.load().rules().len(), 1);
    other.reload().await.unwrap();
    assert_eq!(other.load().rules().len(), 2);
    let told = town.count("SELECT count(*) FROM outbox WHERE stream = 'DIRECTORY'").await;
    assert_eq!(told, 2, "the import and the activation");
    town.house.stop().await;
}

#[tokio::test]
async fn faults_are_listed_by_line_and_nothing_is_kept() {
    let town = Town::start().await;
    let faulty = "region,kind,category,tier,function\n150800,message,城乡建设,township,housing\n\
         150800,message,城乡建设,district,housing\n150800,letter,*,district,housing\n150899,*,*,district,housing\n";
    let refused = propose(&town, faulty).await.unwrap_err();
    assert_eq!(fields(&refused), ["rules.csv:4:kind"]);
    let refused = propose(&town, &faulty.replace("letter", "message")).await.unwrap_err();
    assert_eq!(fields(&refused).len(), 2, "a contradiction and an unknown region: {refused:?}");
    assert_eq!(list(&town, 0).await.len(), 1);

    for (request, field) in [
        (ProposeRulesRequest { note: "说明".into(), ..ProposeRulesRequest::default() }, "rules_csv"),
        (
            ProposeRulesRequest {
                rules_csv: RULES.into(),
                note: " ".into(),
                ..ProposeRulesRequest::default()
            },
            "note",
        ),
        (
            ProposeRulesRequest {
                rules_csv: RULES.into(),
                note: "字".repeat(501),
                ..ProposeRulesRequest::default()
            },
            "note",
        ),
        (
            ProposeRulesRequest {
                rules_csv: vec![b'x'; 2 * 1024 * 1024 + 1],
                note: "说明".into(),
                past_cases: 1,
            },
            "rules_csv",
        ),
        (
            ProposeRulesRequest { rules_csv: RULES.into(), note: "说明".into(), past_cases: 20_001 },
            "past_cases",
        ),
    ] {
        let request = town.call("operator", "", request);
        assert_eq!(fields(&town.rules().propose_rules(request).await.unwrap_err()), [field]);
    }
    town.house.stop().await;
}

#[tokio::test]
async fn rules_that_can_never_win_are_named() {
    let town = Town::start().await;
    let csv = "region,kind,category,tier,function,priority\n150800,*,城乡建设,municipal,housing,5\n\
         150800,message,城乡建设/供热,district,housing,\n150821,*,*,township,housing,\n\
         150800,*,交通运输,district,roads,\n";
    let report = propose(&town, csv).await.unwrap();
    let lines = |remarks: &[huying_proto::routing::v1::RuleRemark]| -> Vec<u32> {
        remarks.iter().map(|remark| remark.line).collect()
    };
    assert_eq!(lines(&report.shadowed), [3]);
    assert!(report.shadowed[0].remark.contains("line 2"), "{}", report.shadowed[0].remark);
    assert_eq!(lines(&report.unused), [2, 4, 5]);
    assert!(report.unused[1].remark.contains("nowhere"), "{}", report.unused[1].remark);
    town.house.stop().await;
}

#[tokio::test]
async fn of_two_activations_at_once_one_wins() {
    let town = Town::start().await;
    propose(&town, HEATING_TO_DISTRICT).await.unwrap();
    propose(&town, &RULES.replace("township", "municipal")).await.unwrap();
    let (one, other) = tokio::join!(activate(&town, 2, 1), activate(&town, 3, 1));
    let (won, lost) = match (one, other) {
        (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
        both => panic!("{both:?}"),
    };
    let (why, metadata) = reason(&lost);
    assert_eq!((lost.code(), why.as_str()), (Code::FailedPrecondition, "STALE_PROPOSAL"));
    assert_eq!(metadata["active_version"], won.version.to_string());
    let active: Vec<u64> =
        list(&town, 0).await.iter().filter(|set| set.active).map(|set| set.version).collect();
    assert_eq!(active, [won.version]);
    town.house.stop().await;
}

#[tokio::test]
async fn a_version_that_does_not_fit_the_directory_any_more_is_refused() {
    let town = Town::start().await;
    let rules = "region,kind,category,tier,function\n150800,*,*,district,roads\n";
    propose(&town, rules).await.unwrap();
    let without_roads = UNITS.replace("150802-roads,区交通局,150802,department,roads\n", "");
    town.import(&[(DirectoryFile::Units, &without_roads)]).await.unwrap();
    let refused = activate(&town, 2, 1).await.unwrap_err();
    assert_eq!(fields(&refused), ["rules.csv:2:function"]);
    assert!(list(&town, 0).await[1].active, "the earlier version stays");
    town.house.stop().await;
}

#[tokio::test]
async fn a_version_is_shown_as_it_was_sent() {
    let town = Town::start().await;
    propose(&town, HEATING_TO_DISTRICT).await.unwrap();
    let show = |version| town.call("auditor", "", GetRuleSetRequest { version });
    let shown = town.rules().get_rule_set(show(2)).await.unwrap().into_inner();
    assert_eq!(shown.rules_csv, HEATING_TO_DISTRICT.as_bytes());
    let set = shown.rule_set.unwrap();
    assert_eq!((set.version, set.active, set.rules), (2, false, 2));
    assert_eq!((set.note.as_str(), set.activated_at), ("供热改由区里办理", None));

    let unknown = town.rules().get_rule_set(show(9)).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).0.as_str()), (Code::NotFound, "RULE_SET_NOT_FOUND"));
    assert_eq!(fields(&town.rules().get_rule_set(show(0)).await.unwrap_err()), ["version"]);
    assert_eq!(activate(&town, 9, 1).await.unwrap_err().code(), Code::NotFound);
    town.house.stop().await;
}

#[tokio::test]
async fn only_an_operator_of_everything_changes_rules_and_auditors_read() {
    let town = Town::start().await;
    let request = || ActivateRulesRequest { version: 1, expected_active_version: 1 };
    for (role, code, region, why) in [
        ("auditor", "", "", "ROLE_NOT_ALLOWED"),
        ("office", "150800-office", "", "ROLE_NOT_ALLOWED"),
        ("operator", "", "150802", "OUT_OF_SCOPE"),
    ] {
        let token = town.house.token(role, code, region);
        let denied = town.rules().activate_rules(town.call_with(&token, request())).await.unwrap_err();
        assert_eq!((denied.code(), reason(&denied).0.as_str()), (Code::PermissionDenied, why));
        let propose = town.call_with(&token, ProposeRulesRequest::default());
        assert_eq!(town.rules().propose_rules(propose).await.unwrap_err().code(), Code::PermissionDenied);
    }
    let office = town.call("office", "150800-office", ListRuleSetsRequest::default());
    assert_eq!(town.rules().list_rule_sets(office).await.unwrap_err().code(), Code::PermissionDenied);
    let too_many = town.call("auditor", "", ListRuleSetsRequest { page_size: 201, before_version: 0 });
    assert_eq!(fields(&town.rules().list_rule_sets(too_many).await.unwrap_err()), ["page_size"]);
    town.house.stop().await;
}

#[tokio::test]
async fn a_text_without_a_category_is_given_one_or_waits_with_candidates() {
    let town = Town::start().await;
    let categories = "level1,level2,level3,keywords\n城乡建设,供热,,暖气;管网\n城乡建设,物业,,电梯\n\
         交通运输,公交,,公交车;站牌\n交通运输,停车,,电梯\n教育文体,招生,,学区\n";
    town.import(&[(DirectoryFile::Categories, categories)]).await.unwrap();

    let mut clear = town.submitted("");
    clear.header.as_mut().unwrap().title = "暖气管网漏水".into();
    let case_id = town.take_up(&clear).await;
    assert_eq!(town.event_names_of(&case_id).await, ["CaseClassified", "CaseRegistered", "CaseAssigned"]);
    let events = town.events_of(&case_id).await;
    let Some(Body::CaseClassified(classified)) = &events[0].body else { panic!("{:?}", events[0]) };
    assert_eq!((classified.category.as_str(), classified.previous_category.as_str()), ("城乡建设/供热", ""));
    assert_eq!(classified.trace.as_ref().unwrap().matched_keywords, ["暖气", "管网"]);
    assert!(events.iter().all(|event| event.header.as_ref().unwrap().category == "城乡建设/供热"));

    let mut unclear = town.submitted("");
    unclear.header.as_mut().unwrap().title = "电梯坏了".into();
    let case_id = town.take_up(&unclear).await;
    let events = town.events_of(&case_id).await;
    let Some(Body::CaseQueued(queued)) = &events[0].body else { panic!("{:?}", events[0]) };
    let candidates = &queued.trace.as_ref().unwrap().candidates;
    let shown: Vec<(&str, &str)> =
        candidates.iter().map(|one| (one.category.as_str(), one.unit.as_str())).collect();
    assert_eq!(shown, [("交通运输/停车", ""), ("城乡建设/物业", "150802001-housing")]);

    // What the rules classified is tried again as it came.
    let report = propose(&town, HEATING_TO_DISTRICT).await.unwrap();
    assert_eq!((report.tried, report.changed), (2, 1));
    assert_eq!(report.examples[0].proposed_unit, "150802-housing");
    town.house.stop().await;
}
