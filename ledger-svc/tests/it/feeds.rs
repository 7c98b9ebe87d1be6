//! The feeds: well-formed, latest first, and with nothing that is not public.

use huying_ledger_svc::config::Serving;
use huying_platform::ids::CaseId;
use huying_proto::events::v1::Publication;
use roxmltree::{Document, Node};

use crate::{
    house::House,
    story::{DEPARTMENT, HOUSING, Story},
};

const ATOM: &str = "http://www.w3.org/2005/Atom";

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Node<'a, 'i> {
    let named = node.children().find(|child| child.has_tag_name((ATOM, name)));
    named.unwrap_or_else(|| panic!("there is no {name}"))
}

fn text<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    child(node, name).text().unwrap_or_default()
}

fn link<'a>(node: Node<'a, '_>, rel: &str) -> &'a str {
    let links = node.children().filter(|child| child.has_tag_name((ATOM, "link")));
    let mut hrefs =
        links.filter(|link| link.attribute("rel") == Some(rel)).filter_map(|link| link.attribute("href"));
    hrefs.next().unwrap_or_else(|| panic!("there is no link {rel}"))
}

fn entries<'a, 'i>(feed: Node<'a, 'i>) -> Vec<Node<'a, 'i>> {
    feed.children().filter(|child| child.has_tag_name((ATOM, "entry"))).collect()
}

#[tokio::test]
async fn a_feed_has_what_happened_last_first_and_nothing_that_is_not_public() {
    let house = House::start().await;
    let attack = "<script>alert('1')</script> & \"引号\" ]]>\u{1}";
    let old = Story::new(attack, "正文", 1).registered();
    let hidden = Story::with("只公开情况", "不公开的", 2, |header| {
        header.publication = Publication::StatusOnly.into();
    })
    .registered();
    let other = Story::new("路灯不亮", "正文", 3).registered().assigned(HOUSING);
    // Submitted first, and moved last.
    let old = old.after_s(86_400).assigned(DEPARTMENT).accepted();
    let events = [hidden.events.clone(), other.events.clone(), old.events.clone()].concat();
    house.publish_until(&events, events.len() as u64).await;

    let page = house.get("/cases.atom").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "application/atom+xml; charset=utf-8");
    assert_eq!(page.headers["cache-control"], "no-cache");
    let document = Document::parse(&page.body).unwrap();
    let feed = document.root_element();
    assert!(feed.has_tag_name((ATOM, "feed")));
    assert!(text(feed, "id").starts_with("urn:uuid:"));
    assert_eq!(text(child(feed, "author"), "name"), "ledger.test/150800");
    assert_eq!((link(feed, "self"), link(feed, "alternate")), ("/cases.atom", "/cases"));

    let told = entries(feed);
    let ids: Vec<&str> = told.iter().map(|entry| text(*entry, "id")).collect();
    let urn = |story: &Story| format!("urn:uuid:{}", story.case_id);
    assert_eq!(ids, [urn(&old), urn(&other), urn(&hidden)]);
    assert_eq!(text(told[0], "title"), attack.replace('\u{1}', "\u{fffd}"));
    assert_eq!(text(told[2], "title"), "留言（来信不公开）");
    assert!(!page.body.contains("只公开情况"));
    assert_eq!(text(feed, "updated"), text(told[0], "updated"));
    assert_eq!(text(told[0], "published"), "2026-03-01T02:01:00Z");
    assert_eq!(text(told[0], "summary"), "留言 · 临河区 · 团结街道 · 办理中 · 团结街道综合办");
    assert_eq!(link(told[0], "alternate"), format!("/cases/{}", old.case_id));
    for entry in &told {
        let id = text(*entry, "id").strip_prefix("urn:uuid:").unwrap();
        assert!(id.parse::<CaseId>().is_ok());
        let updated: jiff::Timestamp = text(*entry, "updated").parse().unwrap();
        assert!(updated >= text(*entry, "published").parse().unwrap());
    }

    let tag = page.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(house.get_with("/cases.atom", Some(&tag)).await.status, 304);
    let old = old.replied("已经修好");
    house.publish_until(&old.events[4..], events.len() as u64 + 1).await;
    assert_eq!(house.get_with("/cases.atom", Some(&tag)).await.status, 200);
    house.stop().await;
}

#[tokio::test]
async fn each_filter_has_a_feed_of_its_own() {
    let house = House::start_serving(Serving {
        public_url: Some("https://ledger.example.cn/huying/".parse().unwrap()),
        ..Serving::default()
    })
    .await;
    let near = Story::new("暖气不热", "正文", 1).registered().assigned(DEPARTMENT);
    let far = Story::new("路灯不亮", "正文", 2).registered().assigned(HOUSING).accepted();
    let events = [near.events.clone(), far.events.clone()].concat();
    house.publish_until(&events, events.len() as u64).await;

    let address = "/cases.atom?region=150802&state=in_handling";
    let page = house.get(address).await;
    let document = Document::parse(&page.body).unwrap();
    let feed = document.root_element();
    assert_eq!(text(feed, "title"), "公开事项 · 临河区 · 办理中");
    assert_eq!(link(feed, "self"), format!("https://ledger.example.cn/huying{address}"));
    let [entry] = entries(feed)[..] else { panic!("there is not one entry") };
    assert_eq!(text(entry, "id"), format!("urn:uuid:{}", far.case_id));
    assert_eq!(link(entry, "alternate"), format!("https://ledger.example.cn/huying/cases/{}", far.case_id));
    let whole = house.get("/cases.atom").await.body;
    let id_of_whole = text(Document::parse(&whole).unwrap().root_element(), "id").to_owned();
    assert_ne!(id_of_whole, text(feed, "id"));

    let nothing = house.get("/cases.atom?region=150821").await.body;
    let document = Document::parse(&nothing).unwrap();
    assert!(entries(document.root_element()).is_empty());
    assert_eq!(text(document.root_element(), "updated"), "1970-01-01T00:00:00Z");
    assert_eq!(house.get("/cases.atom?state=x").await.status, 400);
    house.stop().await;
}

#[tokio::test]
async fn a_feed_has_the_fifty_latest_cases_however_long_nothing_has_happened_to_them() {
    let house = House::start().await;
    let stories: Vec<Story> =
        (0..60).map(|number| Story::new(&format!("第{number}件"), "正文", number).registered()).collect();
    let events: Vec<_> = stories.iter().flat_map(|story| story.events.clone()).collect();
    house.publish_until(&events, events.len() as u64).await;
    let expected: Vec<String> = (10..60).rev().map(|number| format!("第{number}件")).collect();
    let told = async || -> Vec<String> {
        let page = house.get("/cases.atom").await.body;
        let document = Document::parse(&page).unwrap();
        let told = entries(document.root_element());
        told.iter().map(|entry| text(*entry, "title").to_owned()).collect()
    };
    assert_eq!(told().await, expected);
    // The leaves of these cases lie further back than a feed looks.
    sqlx::query("UPDATE log_state SET tree_size = 1000000").execute(&house.house.platform.db).await.unwrap();
    assert_eq!(told().await, expected);
    house.stop().await;
}
