//! The pages that count and list: the overview, regions, units, representatives, and what was found.

use huying_proto::events::v1::DeadlineKind;

use crate::{
    house::House,
    story::{DEPARTMENT, HOUSING, Story},
};

#[tokio::test]
async fn a_form_leads_to_an_address_without_empty_fields() {
    let house = House::start().await;
    let page = house.get("/cases?q=&region=150802&unit=&state=replied&before=").await;
    assert_eq!(page.status, 303);
    assert_eq!(page.headers["location"], "/cases?region=150802&state=replied");
    assert!(page.headers.contains_key("content-security-policy"));
    assert_eq!(house.get("/cases?region=150802&state=replied").await.status, 200);
    house.stop().await;
}

#[tokio::test]
async fn what_was_found_is_marked_and_each_condition_can_be_taken_away() {
    let house = House::start().await;
    let lamp = Story::new("路灯不亮", "巷口的路灯坏了三天。", 1).registered().assigned(DEPARTMENT);
    let heat = Story::new("暖气不热", "屋里只有十四度。", 2).registered();
    let events = [lamp.events.clone(), heat.events.clone()].concat();
    house.publish_until(&events, events.len() as u64).await;
    let address = "/cases?q=%E8%B7%AF%E7%81%AF&region=150802";
    house
        .house
        .until("the texts are found", || async { house.get(address).await.body.contains("<mark>") })
        .await;
    let page = house.get(address).await.body;
    assert!(page.contains("<mark>路灯</mark>不亮") && page.contains("的<mark>路灯</mark>坏了"), "{page}");
    assert!(!page.contains("暖气不热"));
    assert!(page.contains("符合条件的 <strong>1</strong> 件"), "{page}");
    assert!(page.contains("href=\"/cases?region=150802\">“路灯”"), "{page}");
    assert!(page.contains("href=\"/cases?q=%E8%B7%AF%E7%81%AF\">临河区"), "{page}");
    for file in ["cases.csv", "cases.jsonl", "cases.atom"] {
        let same = format!("href=\"/{file}?q=%E8%B7%AF%E7%81%AF&amp;region=150802\"");
        assert!(page.contains(&same), "{same} is not in {page}");
    }
    house.stop().await;
}

#[tokio::test]
async fn the_overview_a_region_and_a_unit_show_their_rates_with_denominators_and_silence_apart() {
    let house = House::start().await;
    let rated = Story::new("路灯不亮", "正文", 1)
        .registered()
        .assigned(DEPARTMENT)
        .accepted()
        .replied("已修")
        .rated(true, true);
    let silent =
        Story::new("暖气不热", "正文", 2).registered().assigned(DEPARTMENT).accepted().replied("已修");
    let open = Story::new("积水", "正文", 3)
        .registered()
        .assigned(DEPARTMENT)
        .accepted()
        .expired(DeadlineKind::Reply);
    let away = Story::new("油烟", "正文", 4).registered().escalated().assigned(HOUSING);
    let events = [rated.events, silent.events, open.events, away.events].concat();
    house.publish_until(&events, events.len() as u64).await;
    let response = ["50.0%", "= 已答复 <b>2</b>", "÷ 收到 <b>4</b>"];
    let satisfaction = [
        "= 满意 <b>1</b>",
        "÷ 已评价 <b>1</b>",
        "沉默 <b>1</b>",
        "<b>1</b> ÷ 已答复 <b>2</b> = <b>50.0%</b>",
    ];
    for address in ["/", "/regions/150800", "/regions/150802", "/regions/150802001"] {
        let page = house.get(address).await.body;
        for said in response.iter().chain(&satisfaction) {
            assert!(page.contains(said), "{said} is not in {address}: {page}");
        }
        assert!(page.contains("<svg") && !page.contains("style="), "{address}");
    }
    let page = house.get("/").await.body;
    assert!(page.contains("乡级上报到县级 <b>1</b> 件次"), "{page}");
    assert!(page.contains("<a href=\"/cases?region=150802&amp;overdue=1\">临河区</a>"), "{page}");
    assert!(page.contains("<a href=\"/regions/150802\">临河区</a>"), "{page}");
    let page = house.get(&format!("/units/{DEPARTMENT}")).await.body;
    for said in ["66.7%", "= 已答复 <b>2</b>", "÷ 收到 <b>3</b>", "沉默 <b>1</b>"].iter().chain(&satisfaction)
    {
        assert!(page.contains(said), "{said} is not in {page}");
    }
    let page = house.get("/regions/150802001").await.body;
    assert!(
        page.contains(
            "<a href=\"/regions/150800\">巴彦淖尔市</a></li><li><a href=\"/regions/150802\">临河区</a>"
        ),
        "{page}"
    );
    house.stop().await;
}

#[tokio::test]
async fn who_is_in_the_ledger_and_not_in_the_directory_is_shown_by_code() {
    let house = House::start().await;
    let story =
        Story::new("路灯不亮", "正文", 1).registered().assigned(DEPARTMENT).accepted().replied("已修");
    house.publish_until(&story.events, story.events.len() as u64).await;
    sqlx::query("DELETE FROM directory_entries").execute(&house.house.platform.db).await.unwrap();
    house.house.set_directory(&[]).await;
    for (address, shown) in [
        ("/", "150802"),
        ("/regions/150802001", "<h1>150802001</h1>"),
        ("/cases?region=150802001", "路灯不亮"),
        ("/units/150802001-general", "<h1>150802001-general</h1>"),
        ("/representatives/r-150802001-003", "<h1>r-150802001-003</h1>"),
    ] {
        let page = house.get(address).await;
        assert_eq!(page.status, 200, "{address}");
        assert!(page.body.contains(shown), "{shown} is not in {address}: {}", page.body);
    }
    house.stop().await;
}

#[tokio::test]
async fn a_representative_is_found_by_what_they_are_called() {
    let house = House::start().await;
    let story =
        Story::new("路灯不亮", "正文", 1).registered().assigned(DEPARTMENT).accepted().replied("已修");
    house.publish_until(&story.events, story.events.len() as u64).await;
    let link = "<a href=\"/representatives/r-150802001-003\">团结街道第3号代表</a>";
    for found in ["", "?q=%E7%AC%AC3%E5%8F%B7", "?region=150802", "?q=r-150802001&region=150800"] {
        assert!(house.get(&format!("/representatives{found}")).await.body.contains(link), "{found}");
    }
    for other in ["?q=%E7%AC%AC4%E5%8F%B7", "?region=150821"] {
        assert!(
            house.get(&format!("/representatives{other}")).await.body.contains("没有符合条件的代表"),
            "{other}"
        );
    }
    let page = house.get("/representatives/r-150802001-003").await.body;
    assert!(page.contains("履职档案") && page.contains("路灯不亮"), "{page}");
    assert!(page.contains("= 本人回应 <b>0</b>") && page.contains("÷ 受理 <b>1</b>"), "{page}");
    house.stop().await;
}
