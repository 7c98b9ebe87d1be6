//! The pages: complete, escaped, and not sent twice.

use huying_platform::ids::CaseId;
use huying_proto::events::v1::DeadlineKind;

use crate::{
    house::House,
    story::{DEPARTMENT, HOUSING, Story, picture},
};

#[tokio::test]
async fn what_people_wrote_is_shown_as_they_wrote_it_and_never_as_markup() {
    let house = House::start().await;
    let attack = "<script>alert('1')</script> & \"引号\"";
    let story = Story::new(attack, &format!("正文 {attack}"), 1)
        .registered()
        .assigned(DEPARTMENT)
        .read()
        .accepted()
        .progress(attack)
        .returned()
        .escalated()
        .assigned(HOUSING)
        .accepted()
        .expired(DeadlineKind::Reply)
        .replied(&"很长的答复。".repeat(2_000))
        .rated(false, false);
    house.publish_until(&story.events, story.events.len() as u64).await;
    let address = format!("/cases/{}", story.case_id);
    for address in [
        "/",
        "/regions/150802001",
        "/cases",
        "/cases?q=%E6%AD%A3%E6%96%87",
        &address,
        &format!("{address}/lines/1/proof"),
        "/units",
        "/units/150802-housing",
        "/representatives",
        "/representatives/r-150802001-003",
        "/log",
    ] {
        let page = house.get(address).await;
        assert_eq!(page.status, 200, "{address}");
        assert!(!page.body.contains("<script"), "{address}");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
    }
    let page = house.get(&address).await;
    assert!(page.body.contains("&lt;script&gt;alert"));
    for said in [
        "群众提交，写给<strong>团结街道第3号代表</strong>",
        "<strong>团结街道人大工委</strong>交办至<strong>团结街道综合办</strong>",
        "<strong>团结街道综合办</strong>退回<strong>团结街道人大工委</strong>（第 1 次），建议改由<strong>临河区住房和城乡建设局</strong>承办",
        "<strong>团结街道人大工委</strong>提请上级<strong>临河区人大常委会</strong>办理",
        "<strong>临河区住房和城乡建设局</strong>逾期未答复",
        "查阅了来信人的非公开信息",
        "问题未解决",
        "按类别交办",
    ] {
        assert!(page.body.contains(said), "{said}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_case_with_parts_a_transfer_and_more_time_is_told_in_sentences() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "楼里只有十四度。", 1)
        .registered()
        .classified("交通出行/停车")
        .assigned_with_parts(DEPARTMENT, &[HOUSING])
        .accepted()
        .part_assigned(2, HOUSING)
        .part_answered(1, HOUSING, vec![])
        .part_waived(2, HOUSING)
        .extended()
        .urged()
        .transferred(HOUSING);
    house.publish_until(&story.events, story.events.len() as u64).await;
    let page = house.get(&format!("/cases/{}", story.case_id)).await.body;
    for said in [
        "将类别由“城乡建设 / 供热”改为“交通出行 / 停车”",
        "交办至<strong>团结街道综合办</strong>，另请协办 1 项",
        "第 1 项 · <strong>临河区住房和城乡建设局</strong> · 期限 ",
        "请说明第 1 项情况",
        "<strong>团结街道综合办</strong>请<strong>临河区住房和城乡建设局</strong>协办",
        "<strong>临河区住房和城乡建设局</strong>答复协办事项（第 1 项）",
        "不再要求<strong>临河区住房和城乡建设局</strong>答复协办事项（第 2 项）",
        "<strong>团结街道综合办</strong>申请延期 10 个工作日，到 ",
        "<strong>团结街道人大工委</strong>同意<strong>团结街道综合办</strong>延期，期限由 ",
        "<strong>团结街道人大工委</strong>催办<strong>团结街道综合办</strong>",
        "将事项由<strong>团结街道综合办</strong>改派至<strong>临河区住房和城乡建设局</strong>",
        "全程期限",
    ] {
        assert!(page.contains(said), "{said} is not in {page}");
    }
    house.stop().await;
}

#[tokio::test]
async fn merged_cases_are_linked_both_ways_and_say_how_many_people_wrote() {
    let house = House::start().await;
    let primary = Story::new("路灯不亮", "三盏都不亮", 1).registered().assigned(DEPARTMENT);
    let shown = Story::new("路灯坏了", "晚上很暗", 2).registered().merged_into(&primary);
    let hidden = Story::new("还没有登记的", "不公开的", 3).queued().merged_into(&primary);
    let primary = primary.absorbed(&shown).absorbed(&hidden).accepted().replied("已经修好");
    let shown = shown.replied_and_closed_with(&primary, DEPARTMENT, "已经修好");
    let hidden = hidden.replied_and_closed_with(&primary, DEPARTMENT, "已经修好");
    let events = [primary.events.clone(), shown.events.clone(), hidden.events.clone()].concat();
    house.publish_until(&events, events.len() as u64).await;

    let page = house.get(&format!("/cases/{}", primary.case_id)).await.body;
    assert!(page.contains("3 人反映"), "{page}");
    assert!(page.contains(&format!("<a href=\"/cases/{}\">路灯坏了</a>", shown.case_id)), "{page}");
    assert!(page.contains(&format!("<a href=\"/cases/{0}\">事项 {0}</a>", hidden.case_id)));
    assert!(!page.contains("还没有登记的"));
    assert!(house.get("/").await.body.contains("3 人反映"));
    assert!(house.get("/cases").await.body.contains("3 人反映"));

    for merged in [&shown, &hidden] {
        let page = house.get(&format!("/cases/{}", merged.case_id)).await.body;
        let link = format!("<a href=\"/cases/{}\">路灯不亮</a>", primary.case_id);
        assert!(page.contains("本事项并入另一事项一并办理") && page.contains(&link), "{page}");
        assert!(page.contains("一并答复") && page.contains("所并入的事项已经办结"));
    }
    let page = house.get(&format!("/cases/{}", hidden.case_id)).await.body;
    assert!(page.contains("登记受理前已并案") && !page.contains("不公开的") && !page.contains("已经修好"));
    house.stop().await;
}

#[tokio::test]
async fn pictures_are_shown_from_intake_where_it_is_known_and_named_where_it_is_not() {
    let at = "https://intake.example.cn:8443/huying/";
    let source =
        |number| format!("https://intake.example.cn:8443/huying/pictures/{}", picture(number).picture_id);
    let house = House::start_with_pictures_at(Some(at)).await;
    let story = Story::with_pictures("路面破损", "车轮都掉进去了", 1, vec![picture(1), picture(2)]);
    house.publish_until(&story.events, 1).await;
    let address = format!("/cases/{}", story.case_id);
    let page = house.get(&address).await;
    assert!(page.body.contains("2 张图片不公开") && !page.body.contains(&picture(1).picture_id));
    let story = story.registered().assigned_with_parts(DEPARTMENT, &[HOUSING]).part_answered(
        1,
        HOUSING,
        vec![picture(3)],
    );
    house.publish_until(&story.events, 4).await;
    let page = house.get(&address).await;
    for number in [1, 2, 3] {
        assert!(page.body.contains(&format!("<img src=\"{}\"", source(number))), "{}", page.body);
    }
    assert_eq!(page.body.matches("loading=\"lazy\"").count(), 3);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("img-src 'self' https://intake.example.cn:8443;"), "{policy}");
    house.stop().await;

    let house = House::start().await;
    house.publish_until(&story.events, 4).await;
    let page = house.get(&address).await;
    assert!(page.body.contains(&picture(1).picture_id) && !page.body.contains("<img"));
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("img-src 'self';"));
    house.stop().await;
}

#[tokio::test]
async fn a_case_of_two_hundred_events_is_one_page() {
    let house = House::start().await;
    let mut story = Story::new(&"长".repeat(120), "正文", 1).registered().assigned(DEPARTMENT).accepted();
    for number in 0..196 {
        story = story.progress(&format!("进展第 {number} 号"));
    }
    house.publish_until(&story.events, 200).await;
    let page = house.get(&format!("/cases/{}", story.case_id)).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.body.matches(" id=\"v").count(), 200);
    assert!(page.body.contains("进展第 195 号"));
    assert!(page.body.contains("<a href=\"#v200\">最新一步"), "{}", page.body);
    let later = house.get(&format!("/cases/{}?from=150", story.case_id)).await.body;
    assert_eq!(later.matches(" id=\"v").count(), 51);
    assert!(later.contains("从第一步看起") && !later.contains(" id=\"v149\""), "{later}");
    house.stop().await;
}

#[tokio::test]
async fn the_head_of_a_case_is_whole_whichever_of_its_lines_are_shown() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "正文", 1)
        .registered()
        .claimed()
        .assigned(DEPARTMENT)
        .accepted()
        .replied("已修好")
        .rated(true, false)
        .closed();
    house.publish_until(&story.events, 8).await;
    for from in [1, 4, 8] {
        let page = house.get(&format!("/cases/{}?from={from}", story.case_id)).await.body;
        let (head, _) = page.split_once("</header><section").unwrap();
        for said in
            ["写给", "跟踪代表", "<a href=\"/representatives/r-150802001-003\">", "问题已解决，不满意"]
        {
            assert!(head.contains(said), "{said} is not in {head}");
        }
        assert!(!head.contains("没有账本的证明"));
    }
    // Somebody makes the citizen satisfied.
    sqlx::query(
        "UPDATE leaves SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), \
             '\"satisfied\":false', '\"satisfied\":true'), 'UTF8') WHERE case_version = 7",
    )
    .execute(&house.house.platform.db)
    .await
    .unwrap();
    for from in [1, 8] {
        let page = house.get(&format!("/cases/{}?from={from}", story.case_id)).await.body;
        let (head, _) = page.split_once("</header><section").unwrap();
        assert!(head.contains("问题已解决，不满意") && head.contains("（未经账本证明）"), "{head}");
        assert!(head.contains("没有账本的证明"), "{head}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_public_title_that_is_kept_no_more_is_said_to_be_missing() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "正文", 1).registered().assigned(DEPARTMENT).accepted();
    house.publish_until(&story.events, 4).await;
    sqlx::query("DELETE FROM texts WHERE name = 'title'").execute(&house.house.platform.db).await.unwrap();
    for address in [format!("/cases/{}", story.case_id), "/cases".to_owned()] {
        let page = house.get(&address).await.body;
        assert!(page.contains("标题缺失") && !page.contains("登记受理后公开"), "{page}");
    }
    house.stop().await;
}

#[tokio::test]
async fn an_empty_ledger_says_so_and_wrong_addresses_are_told() {
    let house = House::start().await;
    house
        .house
        .until("there is a checkpoint", || async { house.get("/log/checkpoint").await.status == 200 })
        .await;
    for address in ["/", "/cases"] {
        assert!(house.get(address).await.body.contains("账本里还没有事项"), "{address}");
    }
    assert!(house.get("/cases?region=150821").await.body.contains("没有符合条件的事项"));
    for address in ["/regions/150821", "/units/150802-housing", "/representatives/r-150802001-003", "/log"] {
        let page = house.get(address).await;
        assert_eq!(page.status, 200, "{address}");
        // A rate of nothing is none.
        assert!(!page.body.contains("0.0%"), "{}", page.body);
    }
    for address in [
        "/nowhere",
        "/cases/7",
        &format!("/cases/{}", CaseId::new_v7()),
        "/units/x/y",
        "/units/no-such-unit",
        "/regions/999999",
        "/regions/x",
        "/representatives/nobody",
        "/representatives/R",
    ] {
        let page = house.get(address).await;
        assert_eq!(page.status, 404, "{address}");
        assert!(page.body.contains("没有找到") && page.headers.contains_key("content-security-policy"));
    }
    for address in [
        "/cases?region=1",
        "/cases?unit=%21",
        "/cases?state=x",
        "/cases?kind=x",
        "/cases?overdue=x",
        "/cases?from=x",
        "/cases?page=x",
        "/cases?region=1&region=2",
        "/cases?q=%3F",
        "/units?region=x",
        "/representatives?page=0",
        "/representatives?region=x",
        &format!("/cases/{}?from=0", CaseId::new_v7()),
    ] {
        let page = house.get(address).await;
        assert_eq!(page.status, 400, "{address}");
        assert!(page.body.contains("网址有误"));
    }
    house.stop().await;
}

#[tokio::test]
async fn a_page_is_sent_again_only_when_the_ledger_has_grown() {
    let house = House::start().await;
    house.until_drawn().await;
    let story = Story::new("暖气不热", "正文", 1).registered();
    house.publish_until(&story.events, 2).await;
    let address = format!("/cases/{}", story.case_id);
    let first = house.get(&address).await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let again = house.get_with(&address, Some(&tag)).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let story = story.assigned(DEPARTMENT);
    house.publish_until(&story.events, 3).await;
    let grown = house.get_with(&address, Some(&tag)).await;
    assert_eq!(grown.status, 200);
    assert!(grown.body.contains("交办至"));
    house.stop().await;
}

#[tokio::test]
async fn the_log_is_there_for_verifiers() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "正文", 1).registered();
    house.publish_until(&story.events, 2).await;
    let note = house.get("/log/checkpoint").await;
    assert_eq!(note.headers["content-type"], "text/plain; charset=utf-8");
    assert!(note.body.starts_with("ledger.test/150800\n2\n"));
    assert!(house.get("/log/vkey").await.body.starts_with("ledger.test/150800+"));
    let proof = house.get(&format!("/cases/{}/lines/2/proof.json", story.case_id)).await;
    let proof: serde_json::Value = serde_json::from_str(&proof.body).unwrap();
    assert_eq!(proof["checkpoint"], note.body);
    assert_eq!(proof["leaf_index"], 1);
    assert_eq!(proof["path"].as_array().unwrap().len(), 1);
    assert_eq!(house.get(&format!("/cases/{}/lines/3/proof", story.case_id)).await.status, 404);
    assert_eq!(house.get("/static/style.css").await.status, 200);
    house.stop().await;
}

#[tokio::test]
async fn what_was_changed_beside_the_log_is_told_on_the_page_of_the_case_whatever_the_reader_has_kept() {
    let house = House::start().await;
    let story =
        Story::new("路灯不亮", "巷口的路灯坏了三天。", 1).registered().assigned(DEPARTMENT).accepted();
    house.publish_until(&story.events, story.events.len() as u64).await;
    // Until then the page says that it cannot compare all there is.
    house.until_drawn().await;
    let address = format!("/cases/{}", story.case_id);
    let sound = house.get(&address).await;
    assert!(!sound.body.contains("与账本不符") && !sound.body.contains("role=\"alert\""));
    let tag = sound.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(house.get_with(&address, Some(&tag)).await.status, 304);
    sqlx::query("UPDATE texts SET text = '没有坏。' WHERE name = 'body'")
        .execute(&house.house.platform.db)
        .await
        .unwrap();
    let page = house.get_with(&address, Some(&tag)).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("role=\"alert\"") && page.body.contains("<a href=\"#v1\">第 1 步</a>"),
        "{}",
        page.body
    );
    assert!(
        page.body.contains("正文与账本中的承诺值不符") && page.body.contains("没有坏。"),
        "{}",
        page.body
    );
    house.stop().await;
}

#[tokio::test]
async fn the_log_page_says_who_signs_and_how_to_verify() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "正文", 1).registered();
    house.publish_until(&story.events, 2).await;
    let page = house.get("/log").await.body;
    let key = house.get("/log/vkey").await.body;
    assert!(page.contains(key.trim()) && page.contains("ledger.test/150800\n2\n"), "{page}");
    assert!(page.contains("huying ledger audit") && page.contains("href=\"/log/checkpoint\""), "{page}");
    house.stop().await;
}
