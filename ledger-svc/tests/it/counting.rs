//! Figures by month, region and representative, of histories of which every count is known.

use huying_ledger_svc::{
    domain::{counts::Month, facts::HopKind},
    use_cases::figures::{CountFigures, Flow},
};
use huying_platform::codes::Tier;
use huying_proto::{
    events::v1::{Addressee, CaseHeader, DeadlineKind, Event, RegionPath, Tier as ProtoTier, addressee::To},
    ledger::v1::{
        CategoryCount, Counts, FlowKind, GetOverviewRequest, GetRegionFiguresRequest,
        GetRegionFiguresResponse, GetRepresentativeArchiveRequest, GetRepresentativeArchiveResponse,
        GetUnitHistoryRequest, GetUnitHistoryResponse, MonthCounts, NamedCounts,
    },
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    house::House,
    story::{DEPARTMENT, DISTRICT_OFFICE, HOUSING, OFFICE, REPRESENTATIVE, START, Story},
};

/// From 10:00 on the first of March to 10:00 on the first of April.
const MARCH_MINUTES: i64 = 31 * 24 * 60;

const DAY_S: i64 = 86_400;

/// Five cases: three of March, of which two are answered, one too late; and two of April that are open.
fn five_cases() -> Vec<Event> {
    let told = |minute| Story::new("事项", "正文", minute).registered().assigned(DEPARTMENT);
    let elsewhere = |header: &mut CaseHeader| {
        header.category = "教育/学校".into();
        header.region = Some(RegionPath {
            municipal: "150800".into(),
            district: "150821".into(),
            ..RegionPath::default()
        });
    };
    let to_region = |header: &mut CaseHeader| {
        header.category = String::new();
        header.addressee = Some(Addressee { to: Some(To::RegionCode("150802001".into())) });
    };
    let stories = [
        // Replied 2 s after it was assigned and 3 s after it was registered; praised.
        told(0).accepted().replied("好了").rated(true, true),
        // Replied after six days, one more than there was time; never rated.
        told(1).after_s(6 * DAY_S).replied("好了"),
        // Went back to the office, which gave it to another department, which let it go to a third.
        told(2).returned().assigned(HOUSING).transferred(DEPARTMENT),
        // Went up; its time was over before it came. Supervised twice, criticised once.
        Story::with("事项", "正文", MARCH_MINUTES, elsewhere)
            .registered()
            .escalated()
            .assigned(HOUSING)
            .extended()
            .expired(DeadlineKind::Reply)
            .supervised()
            .supervised()
            .criticised(),
        // Claimed after a day by a representative to whom it was not addressed.
        Story::with("事项", "正文", MARCH_MINUTES + 1, to_region)
            .queued()
            .after_s(DAY_S)
            .claimed()
            .representative_told("我去看了")
            .representative_told("我又去看了")
            .representative_urged(),
    ];
    stories.into_iter().flat_map(|story| story.events).collect()
}

async fn with_five_cases() -> (House, u64) {
    let house = House::start().await;
    let events = five_cases();
    let leaves = events.len() as u64;
    house.publish_until(&events, leaves).await;
    (house, leaves)
}

fn of_month(month: &str, counts: Counts) -> MonthCounts {
    MonthCounts { month: month.into(), counts: Some(counts) }
}

fn named(code: &str, name: &str, counts: Counts) -> NamedCounts {
    NamedCounts { code: code.into(), name: name.into(), counts: Some(counts) }
}

async fn history(house: &House, unit: &str) -> GetUnitHistoryResponse {
    let request = GetUnitHistoryRequest { unit: unit.to_owned() };
    house.figures.clone().get_unit_history(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_unit_is_counted_by_the_month_in_which_it_received() {
    let (house, leaves) = with_five_cases().await;
    let march = Counts {
        received: 3,
        replied: 2,
        replied_in_time: 1,
        rated: 1,
        resolved: 1,
        satisfied: 1,
        awaiting_rating: 1,
        open: 1,
        returned: 1,
        // Of 2 s and six days and 1 s.
        median_reply_seconds: 2,
        ..Counts::default()
    };
    let expected = GetUnitHistoryResponse {
        total: Some(march),
        months: vec![of_month("2026-03", march)],
        peers: vec![named(DEPARTMENT, "团结街道综合办", march)],
        tree_size: leaves,
        alike: vec![named(DEPARTMENT, "团结街道综合办", march)],
    };
    assert_eq!(history(&house, DEPARTMENT).await, expected);

    let april = Counts {
        received: 1,
        open: 1,
        overdue: 1,
        extensions_granted: 1,
        supervised: 2,
        criticised: 1,
        expired: 1,
        extensions_requested: 1,
        ..Counts::default()
    };
    let march = Counts { received: 1, transferred: 1, ..Counts::default() };
    let total = Counts { received: 2, transferred: 1, ..april };
    let expected = GetUnitHistoryResponse {
        total: Some(total),
        months: vec![of_month("2026-04", april), of_month("2026-03", march)],
        peers: vec![named(HOUSING, "临河区住房和城乡建设局", total)],
        tree_size: leaves,
        alike: vec![named(HOUSING, "临河区住房和城乡建设局", total)],
    };
    assert_eq!(history(&house, HOUSING).await, expected);

    let office = history(&house, OFFICE).await.total.unwrap();
    assert_eq!((office.received, office.replied, office.open), (5, 2, 1));
    // Of 3 s and six days and 2 s.
    assert_eq!(office.median_reply_seconds, 3);

    // Counted at once, it is the same.
    let directory = house.house.platform.directory.load();
    let figures = CountFigures::new(&house.house.platform, house.house.platform.db.clone());
    for unit in [DEPARTMENT, OFFICE, HOUSING, DISTRICT_OFFICE] {
        let now = figures.unit_history(&directory, unit).await.unwrap();
        let kept = figures.unit_history_of_one_tree(&directory, unit).await.unwrap();
        assert_eq!((now.tree_size, now.peers_tree_size), (leaves, leaves));
        assert_eq!(now, kept, "{unit}");
    }
    house.stop().await;
}

async fn region(house: &House, code: &str) -> GetRegionFiguresResponse {
    let request = GetRegionFiguresRequest { region_code: code.to_owned() };
    house.figures.clone().get_region_figures(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_region_is_counted_with_its_subtree() {
    let (house, leaves) = with_five_cases().await;
    let march = Counts {
        received: 3,
        replied: 2,
        replied_in_time: 1,
        rated: 1,
        resolved: 1,
        satisfied: 1,
        awaiting_rating: 1,
        open: 1,
        returned: 1,
        // Told at 5.000005 s, which is not within 5 s.
        median_reply_seconds: 6,
        ..Counts::default()
    };
    let unclassified = Counts { received: 1, open: 1, ..Counts::default() };
    let elsewhere = Counts {
        received: 1,
        open: 1,
        overdue: 1,
        extensions_granted: 1,
        supervised: 2,
        criticised: 1,
        ..Counts::default()
    };
    let district = Counts { received: 4, open: 2, ..march };
    let of_category = |category: &str, cases| CategoryCount { category: category.into(), cases };
    let all = Counts {
        received: 5,
        open: 3,
        overdue: 1,
        extensions_granted: 1,
        supervised: 2,
        criticised: 1,
        ..march
    };
    let expected = GetRegionFiguresResponse {
        total: Some(all),
        months: vec![
            of_month("2026-04", Counts { received: 2, open: 2, ..elsewhere }),
            of_month("2026-03", march),
        ],
        regions: vec![named("150802", "临河区", district), named("150821", "五原县", elsewhere)],
        categories: vec![of_category("城乡建设", 3), of_category("", 1), of_category("教育", 1)],
        tree_size: leaves,
        own: Some(Counts::default()),
        peers: vec![named("150800", "巴彦淖尔市", all)],
    };
    assert_eq!(region(&house, "150800").await, expected);

    let expected = GetRegionFiguresResponse {
        total: Some(district),
        months: vec![of_month("2026-04", unclassified), of_month("2026-03", march)],
        regions: vec![],
        categories: vec![of_category("城乡建设", 3), of_category("", 1)],
        tree_size: leaves,
        own: Some(district),
        peers: vec![named("150802001", "团结街道", district)],
    };
    assert_eq!(region(&house, "150802001").await, expected);
    let with_township = vec![named("150802001", "团结街道", district)];
    assert_eq!(
        region(&house, "150802").await,
        GetRegionFiguresResponse {
            regions: with_township,
            own: Some(Counts::default()),
            peers: vec![named("150802", "临河区", district), named("150821", "五原县", elsewhere)],
            ..expected
        }
    );
    house.stop().await;
}

#[tokio::test]
async fn a_representative_has_a_duty_archive() {
    let (house, leaves) = with_five_cases().await;
    let request = GetRepresentativeArchiveRequest { representative: REPRESENTATIVE.into() };
    let archive = house.figures.clone().get_representative_archive(request).await.unwrap().into_inner();
    let submitted_s = START + (MARCH_MINUTES + 1) * 60;
    let expected = GetRepresentativeArchiveResponse {
        designation: "团结街道第3号代表".into(),
        received: 4,
        claimed: 1,
        answered: 1,
        replied: 2,
        urged: 1,
        progress_reported: 2,
        rated: 1,
        resolved: 1,
        satisfied: 1,
        // From the claim, the third event, to the fourth.
        median_answer_seconds: 1,
        last_act_at: Some(prost_types::Timestamp { seconds: submitted_s + DAY_S + 6, nanos: 5_000 }),
        tree_size: leaves,
        taken_on: 5,
    };
    assert_eq!(archive, expected);

    let platform = &house.house.platform;
    let directory = platform.directory.load();
    let figures = CountFigures::new(platform, platform.db.clone());
    let archive = figures.representative_archive(REPRESENTATIVE).await.unwrap();
    let months: Vec<_> = archive
        .months
        .iter()
        .map(|month| (month.month.to_string(), month.counts.taken_on, month.counts.answered))
        .collect();
    assert_eq!(months, [("2026-04".to_owned(), 2, 1), ("2026-03".to_owned(), 3, 0)]);
    assert_eq!(archive.total.answer_rate().percent().unwrap(), "20.0%");

    let below = |code: &str| code.parse().ok();
    for (above, count) in [(None, 1), (below("150800"), 1), (below("150802001"), 1), (below("150821"), 0)] {
        let list = figures.representatives(&directory, above.as_ref(), None, 0, 10).await.unwrap();
        assert_eq!((list.count, list.tree_size), (count, leaves), "{above:?}");
        assert!(list.representatives.iter().all(|one| one.counts == archive.total), "{above:?}");
    }
    let april: Option<Month> = "2026-04".parse().ok();
    let list = figures.representatives(&directory, None, april, 0, 10).await.unwrap();
    assert_eq!(list.representatives[0].counts, archive.months[0].counts);
    let list = figures.representatives(&directory, None, None, 1, 10).await.unwrap();
    assert_eq!((list.representatives.len(), list.count), (0, 1));
    house.stop().await;
}

#[tokio::test]
async fn the_overview_says_how_cases_go_between_the_tiers() {
    let (house, leaves) = with_five_cases().await;
    let platform = &house.house.platform;
    let directory = platform.directory.load();
    let figures = CountFigures::new(platform, platform.db.clone());
    let overview = figures.overview(&directory).await.unwrap();
    assert_eq!(overview.tree_size, leaves);
    assert_eq!((overview.total.received, overview.total.overdue), (5, 1));
    let overdue: Vec<_> =
        overview.districts.iter().map(|one| (one.code.as_str(), one.counts.overdue)).collect();
    assert_eq!(overdue, [("150802", 0), ("150821", 1)]);
    let (district, township) = (Some(Tier::District), Some(Tier::Township));
    let escalated = Flow { kind: HopKind::Escalated, from: township, to: district, times: 1 };
    let transferred = Flow { kind: HopKind::Transferred, from: district, to: township, times: 1 };
    let returned = Flow { kind: HopKind::Returned, from: township, to: township, times: 1 };
    assert_eq!(overview.flows, [escalated, transferred, returned]);
    let months: Vec<_> =
        overview.flow_months.into_iter().map(|month| (month.month.to_string(), month.flows)).collect();
    assert_eq!(
        months,
        [("2026-04".to_owned(), vec![escalated]), ("2026-03".to_owned(), vec![transferred, returned])]
    );

    let told = house.figures.clone().get_overview(GetOverviewRequest {}).await.unwrap().into_inner();
    let flow = |kind: FlowKind, from: ProtoTier, to: ProtoTier| huying_proto::ledger::v1::Flow {
        kind: kind.into(),
        from_tier: from.into(),
        to_tier: to.into(),
        times: 1,
    };
    let escalated = flow(FlowKind::Escalated, ProtoTier::Township, ProtoTier::District);
    let transferred = flow(FlowKind::Transferred, ProtoTier::District, ProtoTier::Township);
    let returned = flow(FlowKind::Returned, ProtoTier::Township, ProtoTier::Township);
    assert_eq!(told.flows, [escalated, transferred, returned]);
    let months: Vec<_> = told.flow_months.iter().map(|month| (month.month.as_str(), &month.flows)).collect();
    assert_eq!(months, [("2026-04", &vec![escalated]), ("2026-03", &vec![transferred, returned])]);
    let whole = region(&house, "150800").await;
    assert_eq!((told.total, &told.months, &told.regions), (whole.total, &whole.months, &whole.regions));
    assert_eq!((told.own, &told.categories, told.tree_size), (whole.own, &whole.categories, leaves));
    house.stop().await;
}

#[tokio::test]
async fn flows_are_exported_by_month_and_units() {
    let (house, leaves) = with_five_cases().await;
    let csv = house.get("/flows.csv").await;
    assert_eq!(csv.status, 200);
    let csv = csv.body.trim_start_matches('\u{feff}').replace('"', "");
    let lines: Vec<&str> = csv.lines().collect();
    let office = "团结街道人大工委,township";
    let general = "150802001-general,团结街道综合办,township";
    let district = "150802-office,临河区人大常委会,district";
    let housing = "150802-housing,临河区住房和城乡建设局,district";
    assert_eq!(
        lines,
        [
            "month,kind,from_unit,from_unit_name,from_tier,to_unit,to_unit_name,to_tier,times,tree_size"
                .to_owned(),
            format!("2026-04,escalated,150802001-office,{office},{district},1,{leaves}"),
            format!("2026-03,transferred,{housing},{general},1,{leaves}"),
            format!("2026-03,returned,{general},150802001-office,{office},1,{leaves}"),
        ]
    );
    let rows = house.get("/flows.jsonl").await.body;
    assert!(rows.ends_with("{\"end\":true,\"rows\":3}\n"), "{rows}");
    house.stop().await;
}

#[tokio::test]
async fn whoever_ever_had_to_do_with_a_case_has_figures_without_being_in_the_directory() {
    let house = House::start().await;
    let elsewhere = |header: &mut CaseHeader| {
        header.region = Some(RegionPath { municipal: "150900".into(), ..RegionPath::default() });
        header.addressee = Some(Addressee { to: Some(To::RepresentativeCode("r-150900-001".into())) });
    };
    let story = Story::with("事项", "正文", 1, elsewhere).registered().assigned("150900-roads");
    house.publish_until(&story.events, 3).await;
    assert_eq!(history(&house, "150900-roads").await.total.unwrap().received, 1);
    assert_eq!(region(&house, "150900").await.total.unwrap().received, 1);
    let request = GetRepresentativeArchiveRequest { representative: "r-150900-001".into() };
    let archive = house.figures.clone().get_representative_archive(request).await.unwrap().into_inner();
    assert_eq!((archive.designation.as_str(), archive.received), ("r-150900-001", 1));
    house.stop().await;
}

#[tokio::test]
async fn lists_have_everybody_and_one_month_at_a_time() {
    let (house, leaves) = with_five_cases().await;
    let platform = &house.house.platform;
    let directory = platform.directory.load();
    let figures = CountFigures::new(platform, platform.db.clone());
    let april: Option<Month> = "2026-04".parse().ok();
    for (month, expected) in [
        (None, [("150800-office", 0), (HOUSING, 2), (DISTRICT_OFFICE, 1), (DEPARTMENT, 3), (OFFICE, 5)]),
        (april, [("150800-office", 0), (HOUSING, 1), (DISTRICT_OFFICE, 1), (DEPARTMENT, 0), (OFFICE, 2)]),
    ] {
        let list = figures.units(&directory, None, month).await.unwrap();
        let received: Vec<_> =
            list.units.iter().map(|unit| (unit.code.as_str(), unit.counts.received)).collect();
        assert_eq!((received, list.tree_size), (expected.to_vec(), leaves));
    }
    let list = figures.units(&directory, Some("150802"), None).await.unwrap();
    let units: Vec<_> = list.units.iter().map(|unit| (unit.code.as_str(), unit.is_office)).collect();
    assert_eq!(units, [(HOUSING, false), (DISTRICT_OFFICE, true)]);

    for (month, expected) in [(None, [5, 4, 4, 1]), (april, [2, 1, 1, 1])] {
        let list = figures.regions(&directory, month).await.unwrap();
        let received: Vec<_> = list.regions.iter().map(|region| region.counts.received).collect();
        assert_eq!((received, list.tree_size), (expected.to_vec(), leaves));
    }
    house.stop().await;
}

#[tokio::test]
async fn a_ledger_without_a_case_has_figures() {
    let house = House::start().await;
    let unit = history(&house, OFFICE).await;
    assert_eq!((unit.total, unit.months.len(), unit.tree_size), (Some(Counts::default()), 0, 0));
    let figures = region(&house, "150800").await;
    assert_eq!((figures.total, figures.regions.len()), (Some(Counts::default()), 2));
    house.stop().await;
}

#[tokio::test]
async fn figures_of_whom_nobody_knows_are_not_found() {
    fn reason(status: &Status) -> (Code, String) {
        (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
    }
    let house = House::start().await;
    let mut client = house.figures.clone();
    let request = GetUnitHistoryRequest { unit: "no-such-unit".into() };
    let status = client.get_unit_history(request).await.unwrap_err();
    assert_eq!(reason(&status), (Code::NotFound, "UNIT_UNKNOWN".into()));
    let request = GetRegionFiguresRequest { region_code: "150899".into() };
    let status = client.get_region_figures(request).await.unwrap_err();
    assert_eq!(reason(&status), (Code::NotFound, "REGION_UNKNOWN".into()));
    let request = GetRepresentativeArchiveRequest { representative: "nobody".into() };
    let status = client.get_representative_archive(request).await.unwrap_err();
    assert_eq!(reason(&status), (Code::NotFound, "REPRESENTATIVE_UNKNOWN".into()));
    let field = |status: &Status| {
        assert_eq!(status.code(), Code::InvalidArgument);
        status.get_details_bad_request().unwrap().field_violations[0].field.clone()
    };
    let request = GetRegionFiguresRequest { region_code: "linhe".into() };
    assert_eq!(field(&client.get_region_figures(request).await.unwrap_err()), "region_code");
    let request = GetUnitHistoryRequest { unit: "\0".into() };
    assert_eq!(field(&client.get_unit_history(request).await.unwrap_err()), "unit");
    let request = GetRepresentativeArchiveRequest { representative: "\0".into() };
    assert_eq!(field(&client.get_representative_archive(request).await.unwrap_err()), "representative");
    house.stop().await;
}
