//! The pages that count and list: the overview, regions, units, representatives, and what was found.

use huying_proto::events::v1::{
    DeadlineKind, DirectoryEntry, Region, RegionPath, Unit, UnitKind, directory_entry::Entry,
};

use crate::{
    house::House,
    story::{DEPARTMENT, DISTRICT_OFFICE, HOUSING, OFFICE, Story},
};

#[tokio::test]
async fn a_form_leads_to_an_address_without_empty_fields() {
    let house = House::start().await;
    let page = house.get("/cases?q=&region=150802&unit=&state=replied&until=").await;
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
    let silent = Story::new("暖气不热", "正文", 2)
        .registered()
        .assigned(DEPARTMENT)
        .accepted()
        .replied("已修")
        .closed();
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
        "未评价 <b>1</b>",
        "得到答复的 <b>2</b> 件 = 已评价 <b>1</b> + 待评价 <b>0</b> + 未评价 <b>1</b>（50.0%）",
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
    for said in ["66.7%", "= 已答复 <b>2</b>", "÷ 收到 <b>3</b>"].iter().chain(&satisfaction) {
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
    assert!(house.get("/units").await.body.contains("<title>单位 · 呼应</title>"));
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
    assert!(page.contains("= 本人回应 <b>0</b>") && page.contains("÷ 经手 <b>1</b>"), "{page}");
    assert!(page.contains("所涉事项的满意率") && page.contains("不论由谁答复"), "{page}");
    house.stop().await;
}

#[tokio::test]
async fn what_lies_in_no_region_below_has_a_row_of_its_own_and_the_rows_add_up() {
    let house = House::start().await;
    let below = Story::new("路灯不亮", "正文", 1).registered();
    let own = Story::with("全市供水", "正文", 2, |header| {
        header.region = Some(RegionPath { municipal: "150800".into(), ..RegionPath::default() });
    })
    .registered()
    .expired(DeadlineKind::Assign);
    let events = [below.events, own.events].concat();
    house.publish_until(&events, events.len() as u64).await;
    for address in ["/", "/regions/150800"] {
        let page = house.get(address).await.body;
        let rows = rows(&page, "<h2 id=\"regions\">");
        assert_eq!(
            rows,
            [
                ("临河区", "1", "0"),
                ("五原县", "0", "0"),
                ("本级（未落到下级地区）", "1", "1"),
                ("合计", "2", "1")
            ]
            .map(|(name, received, overdue)| [name, received, overdue].map(str::to_owned)),
            "{address}: {page}"
        );
    }
    let page = house.get("/").await.body;
    assert!(!page.contains("均无逾期") && page.matches("本级（未落到下级地区）").count() == 2, "{page}");
    assert!(
        !house
            .get("/regions/150802")
            .await
            .body
            .contains("合计 <span class=\"en\" lang=\"en\">Total</span></th><td>0")
    );
    house.stop().await;
}

/// Name and first two numbers of each row of the first table after a mark.
fn rows(page: &str, mark: &str) -> Vec<[String; 3]> {
    let table = page.split_once(mark).unwrap().1.split_once("<tbody>").unwrap().1;
    let table = table.split_once("</tbody>").unwrap().0;
    let plain = |cell: &str| {
        let mut text = String::new();
        let mut is_tag = false;
        for character in cell.chars() {
            match character {
                '<' => is_tag = true,
                '>' => is_tag = false,
                _ if is_tag => {}
                _ => text.push(character),
            }
        }
        text.split_whitespace().next().unwrap_or_default().to_owned()
    };
    let row = |row: &str| {
        let mut cells = row.split("</th>").flat_map(|part| part.split("</td>")).map(plain);
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    };
    table.split("</tr>").filter(|one| one.contains("<th")).map(row).collect()
}

#[tokio::test]
async fn a_municipality_without_districts_names_its_townships_and_draws_what_goes_between() {
    let house = House::start().await;
    let region = |code: &str, name: &str, parent: &str| {
        let (code, name, parent) = (code.to_owned(), name.to_owned(), parent.to_owned());
        Entry::Region(Region { code, name, parent, ..Region::default() })
    };
    let office = |code: &str, region: &str| {
        let kind = UnitKind::Office.into();
        Entry::Unit(Unit { code: code.into(), region: region.into(), kind, ..Unit::default() })
    };
    let entries = [
        region("150800", "东莞市", ""),
        region("150802001", "石龙镇", "150800"),
        office(DISTRICT_OFFICE, "150800"),
        office(OFFICE, "150802001"),
    ];
    let entries = entries.map(|entry| DirectoryEntry { entry: Some(entry), ..DirectoryEntry::default() });
    sqlx::query("DELETE FROM directory_entries").execute(&house.house.platform.db).await.unwrap();
    house.house.set_directory(&entries).await;
    let story = Story::with("路灯不亮", "正文", 1, |header| {
        let (municipal, township) = ("150800".to_owned(), "150802001".to_owned());
        header.region = Some(RegionPath { municipal, township, ..RegionPath::default() });
    });
    let story = story.registered().escalated();
    house.publish_until(&story.events, 3).await;
    let page = house.get("/").await.body;
    assert!(page.contains("乡级上报到市级 <b>1</b> 件次") && !page.contains("县级"), "{page}");
    assert!(page.contains("<a href=\"/regions/150802001\">石龙镇</a>"), "{page}");
    let case = house.get(&format!("/cases/{}", story.case_id)).await.body;
    assert!(case.contains("<dd>东莞市 · 石龙镇</dd>"), "{case}");
    house.stop().await;
}

#[tokio::test]
async fn a_region_stands_beside_those_of_its_tier() {
    let house = House::start().await;
    let story = Story::new("路灯不亮", "正文", 1).registered();
    house.publish_until(&story.events, 2).await;
    let page = house.get("/regions/150802").await.body;
    assert!(page.contains("与同级比较") && page.contains("<a href=\"/regions/150821\">五原县</a>"), "{page}");
    assert!(!house.get("/regions/150800").await.body.contains("与同级比较"));
    house.stop().await;
}

#[tokio::test]
async fn a_month_without_cases_stands_between_its_neighbours_and_leads_to_its_cases() {
    let house = House::start().await;
    let march = Story::new("路灯不亮", "正文", 1).registered();
    let may = Story::new("暖气不热", "正文", 70 * 24 * 60).registered();
    let events = [march.events, may.events].concat();
    house.publish_until(&events, events.len() as u64).await;
    let page = house.get("/regions/150802").await.body;
    let months = [["2026-05", "1", "0"], ["2026-04", "0", "0"], ["2026-03", "1", "0"]];
    assert_eq!(rows(&page, "<h2 id=\"months\">"), months.map(|month| month.map(str::to_owned)), "{page}");
    let listed = "/cases?region=150802&from=2026-03-01&until=2026-03-31";
    assert!(page.contains(&format!("<a href=\"{}\">1</a>", listed.replace('&', "&amp;"))), "{page}");
    let list = house.get(listed).await.body;
    assert!(list.contains("路灯不亮") && !list.contains("暖气不热"), "{list}");
    assert!(list.contains("value=\"2026-03-31\"") && list.contains("2026-03-31 止提交"), "{list}");

    let unit = house.get("/units/150802001-office").await.body;
    let of_march = "/units?region=150802001&month=2026-03";
    assert!(unit.contains(&of_march.replace('&', "&amp;")), "{unit}");
    let units = house.get(of_march).await.body;
    assert!(units.contains("只看 <strong>2026-03</strong> 收到的事项"), "{units}");
    let office = ["团结街道人大工委", "1", "0"].map(str::to_owned);
    assert_eq!(rows(&units, "只看"), [office], "{units}");
    let people = house.get("/representatives?region=150802001&month=2026-04").await.body;
    assert_eq!(
        rows(&people, "<caption>"),
        [["团结街道第3号代表团结街道", "0", "0"].map(str::to_owned)],
        "{people}"
    );
    for wrong in ["/units?month=2026", "/representatives?month=x"] {
        assert_eq!(house.get(wrong).await.status, 400, "{wrong}");
    }
    house.stop().await;
}

#[tokio::test]
async fn every_place_that_has_cases_names_its_feed() {
    let house = House::start().await;
    let story = Story::new("路灯不亮", "正文", 1).registered();
    house.publish_until(&story.events, 2).await;
    for (address, feed) in [
        ("/", "/cases.atom"),
        ("/regions/150802", "/cases.atom?region=150802"),
        ("/units/150802001-office", "/cases.atom?unit=150802001-office"),
        ("/representatives/r-150802001-003", "/cases.atom?representative=r-150802001-003"),
    ] {
        let page = house.get(address).await.body;
        let named = format!("<link rel=\"alternate\" type=\"application/atom+xml\" href=\"{feed}\">");
        assert!(page.contains(&named), "{named} is not in {address}: {page}");
        assert!(page.contains(&format!("<a href=\"{feed}\">订阅 Atom")), "{address}");
        assert_eq!(house.get(feed).await.status, 200, "{feed}");
    }
    house.stop().await;
}
