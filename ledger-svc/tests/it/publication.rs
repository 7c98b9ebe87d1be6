//! What may be shown, and when.

use data_encoding::HEXLOWER;
use huying_ledger_svc::domain::leaf::commitment;
use huying_platform::ids::EventId;
use huying_proto::{
    events::v1::{Event, Publication},
    ledger::v1::Text,
};

use crate::{
    house::House,
    story::{DEPARTMENT, HOUSING, Story, picture},
};

fn check_shown(text: &Text, leaf: &str) {
    let salt = HEXLOWER.decode(text.salt.as_bytes()).unwrap().try_into().unwrap();
    assert_eq!(HEXLOWER.encode(&commitment(&salt, &text.text)), text.commitment);
    assert!(leaf.contains(&text.commitment));
}

#[tokio::test]
async fn texts_are_shown_from_registration_on_and_match_their_commitments() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "楼里只有十四度。", 1).queued();
    house.publish_until(&story.events, 2).await;
    let case = house.case(&story.case_id).await;
    assert_eq!(case.case.as_ref().unwrap().title, "");
    let texts = &case.lines[0].texts;
    assert_eq!(texts.iter().map(|text| text.name.as_str()).collect::<Vec<_>>(), ["body", "title"]);
    assert!(
        texts.iter().all(|text| text.text.is_empty() && text.salt.is_empty() && text.commitment.len() == 64)
    );
    let page = house.get(&format!("/cases/{}", story.case_id)).await;
    assert!(!page.body.contains("十四度") && !page.body.contains("暖气不热"));
    assert!(page.body.contains("待登记"));
    assert!(!house.get("/").await.body.contains("暖气不热"));

    let story = story.registered().assigned(DEPARTMENT).accepted().replied("已修好，请拨打 13912345678 核实");
    house.publish_until(&story.events, 6).await;
    let case = house.case(&story.case_id).await;
    assert_eq!(case.case.as_ref().unwrap().title, "暖气不热");
    for line in &case.lines {
        for text in &line.texts {
            check_shown(text, &line.leaf);
            assert!(!line.leaf.contains(&text.text));
        }
    }
    let reply = &case.lines[5].texts[0].text;
    assert!(reply.contains("已修好") && !reply.contains("13912345678"), "{reply}");
    let page = house.get(&format!("/cases/{}", story.case_id)).await;
    assert!(page.body.contains("十四度") && page.body.contains("已修好"));
    assert!(house.get("/").await.body.contains("暖气不热"));
    house.stop().await;
}

#[tokio::test]
async fn of_a_status_only_case_no_text_is_ever_shown() {
    let house = House::start().await;
    let story = Story::with("家里的私事", "不想让人知道的正文", 1, |header| {
        header.publication = Publication::StatusOnly.into();
    });
    let story = story
        .registered()
        .assigned(DEPARTMENT)
        .accepted()
        .progress("查到的情况")
        .replied("回答的内容")
        .rated(true, true);
    house.publish_until(&story.events, 7).await;
    let case = house.case(&story.case_id).await;
    assert_eq!(case.case.as_ref().unwrap().title, "");
    assert_eq!(case.lines.len(), 7);
    for text in case.lines.iter().flat_map(|line| &line.texts) {
        assert!(text.text.is_empty() && text.salt.is_empty());
        assert_eq!(text.commitment.len(), 64);
    }
    for address in ["/".to_owned(), format!("/cases/{}", story.case_id)] {
        let page = house.get(&address).await;
        assert_eq!(page.status, 200);
        for hidden in ["家里的私事", "不想让人知道", "查到的情况", "回答的内容", "请按期答复", "谢谢"]
        {
            assert!(!page.body.contains(hidden), "{address} shows {hidden}");
        }
        assert!(page.body.contains("未公开 · 仅公开办理情况"));
    }
    let page = house.get(&format!("/cases/{}", story.case_id)).await;
    assert!(page.body.contains("团结街道综合办") && page.body.contains("答复"));
    house.stop().await;
}

#[tokio::test]
async fn an_erasure_takes_what_the_citizen_wrote_before_and_leaves_every_proof() {
    let house = House::start().await;
    let reply = "暖气管道已经更换";
    // Part of it comes in the batch of the erasure, part of it long before.
    let story = Story::new("暖气不热的标题", "楼里只有十四度。", 1).registered().assigned(DEPARTMENT);
    house.publish_until(&story.events, 3).await;
    let story = story.accepted().replied(reply).rated(false, false).erased();
    house.publish_until(&story.events, 7).await;
    let kept: Vec<(i64, String)> =
        sqlx::query_as("SELECT case_version, name FROM texts WHERE name <> 'note' ORDER BY case_version")
            .fetch_all(&house.house.platform.db)
            .await
            .unwrap();
    assert_eq!(kept, [(5, "text".to_owned()), (7, "ground".to_owned())]);

    // What is written after the erasure is another matter.
    let story = story.rated(true, true);
    house.publish_until(&story.events, 8).await;
    let case = house.case(&story.case_id).await;
    assert_eq!(case.case.as_ref().unwrap().title, "");
    for line in &case.lines {
        for text in &line.texts {
            let is_gone = line.case_version < 7 && ["title", "body", "comment"].contains(&text.name.as_str());
            assert_eq!(text.erased, is_gone, "{} {}", line.case_version, text.name);
            if is_gone {
                assert!(text.text.is_empty() && text.salt.is_empty() && line.leaf.contains(&text.commitment));
            } else {
                check_shown(text, &line.leaf);
            }
        }
    }
    assert_eq!(house.audit().await.len(), 8);

    let page = house.get(&format!("/cases/{}", story.case_id)).await.body;
    let list = house.get("/cases").await.body;
    for written in ["暖气不热的标题", "十四度"] {
        assert!(!page.contains(written) && !list.contains(written), "{written}");
    }
    assert!(page.contains(reply) && page.contains("正文已删除") && page.contains("群众留言已删除"));
    assert!(page.contains("也已从本账本删除") && page.contains("第 7 步之前"));
    assert!(list.contains("已删除") && !list.contains("待登记"));
    house.stop().await;
}

#[tokio::test]
async fn of_a_declined_case_the_public_sees_the_ground_and_the_explanation_alone() {
    let house = House::start().await;
    let story = Story::with_pictures("邻居的官司", "我和邻居的纠纷", 1, vec![picture(7)])
        .queued()
        .declined("此事已由法院受理，请依判决办理");
    house.publish_until(&story.events, 3).await;
    let case = house.case(&story.case_id).await;
    assert_eq!(case.case.as_ref().unwrap().title, "");
    for text in case.lines.iter().flat_map(|line| &line.texts) {
        match text.name.as_str() {
            "explanation" => check_shown(text, &case.lines[2].leaf),
            _ => assert!(text.text.is_empty() && text.salt.is_empty(), "{}", text.name),
        }
    }
    let page = house.get(&format!("/cases/{}", story.case_id)).await.body;
    assert!(page.contains("不予受理：<strong>已进入诉讼、仲裁、行政复议等法定途径</strong>"), "{page}");
    assert!(page.contains("请依判决办理") && page.contains("1 张图片不公开"));
    for hidden in ["邻居的官司", "我和邻居的纠纷", &picture(7).picture_id] {
        assert!(!page.contains(hidden), "{hidden}");
    }
    assert!(house.get("/cases?state=declined").await.body.contains("不予受理 · 来信不公开"));
    house.stop().await;
}

#[tokio::test]
async fn a_withdrawal_hides_what_was_not_shown_yet_and_nothing_else() {
    let house = House::start().await;
    let early = Story::new("路灯不亮", "三天没有亮", 1).queued().withdrawn("已经亮了");
    let late = Story::new("井盖松动", "车一过就响", 2).registered().withdrawn("已经修好");
    let events = [early.events.clone(), late.events.clone()].concat();
    house.publish_until(&events, 6).await;
    let page = house.get(&format!("/cases/{}", early.case_id)).await.body;
    assert!(page.contains("群众撤回了这件事项") && page.contains("登记受理前已撤回"));
    assert!(!page.contains("三天没有亮") && !page.contains("已经亮了"));
    let page = house.get(&format!("/cases/{}", late.case_id)).await.body;
    assert!(page.contains("车一过就响") && page.contains("已经修好"));
    house.stop().await;
}

#[tokio::test]
async fn a_status_only_case_does_not_tell_its_matter_by_the_title_of_the_one_it_is_part_of() {
    let house = House::start().await;
    let primary = Story::new("某小区暖气不热", "正文", 1).registered();
    let merged = Story::with("家里的私事", "正文", 2, |header| {
        header.publication = Publication::StatusOnly.into();
    });
    let merged = merged.registered().merged_into(&primary);
    let events = [primary.absorbed(&merged).events, merged.events.clone()].concat();
    house.publish_until(&events, 6).await;
    let page = house.get(&format!("/cases/{}", merged.case_id)).await.body;
    assert!(page.contains("本事项并入另一事项一并办理") && !page.contains("某小区暖气不热"), "{page}");
    house.stop().await;
}

#[tokio::test]
async fn an_erasure_takes_the_citizens_pictures_and_withdrawal_and_leaves_those_of_units() {
    let house = House::start().await;
    let story = Story::with_pictures("暖气不热", "楼里只有十四度。", 1, vec![picture(1), picture(2)])
        .registered()
        .assigned_with_parts(DEPARTMENT, &[HOUSING])
        .part_answered(1, HOUSING, vec![picture(3)])
        .withdrawn("我已搬走");
    house.publish_until(&story.events, 5).await;
    let page = house.get(&format!("/cases/{}", story.case_id)).await.body;
    assert!([1, 2, 3].iter().all(|number| page.contains(&picture(*number).picture_id)));
    // What could not be processed is kept with its payload, and goes with the rest where it has the citizen's words.
    let other =
        |index: usize| Event { event_id: EventId::new_v7().to_string(), ..story.events[index].clone() };
    house.publish(&[other(0), other(3)]).await;
    let subjects = || async {
        let subjects = "SELECT split_part(subject, '.', 5) FROM dead_letters ORDER BY 1";
        sqlx::query_scalar::<_, String>(subjects).fetch_all(&house.house.platform.db).await.unwrap()
    };
    house.house.until("both are dead letters", || async { subjects().await.len() == 2 }).await;
    let story = story.erased();
    house.publish_until(&story.events, 6).await;
    assert_eq!(subjects().await, ["PartAnswered"]);
    let kept: Vec<(i64, String)> =
        sqlx::query_as("SELECT case_version, name FROM texts ORDER BY case_version, name")
            .fetch_all(&house.house.platform.db)
            .await
            .unwrap();
    let kept: Vec<_> = kept.iter().map(|(version, name)| (*version, name.as_str())).collect();
    assert_eq!(kept, [(3, "task_1"), (4, "picture_1"), (4, "text"), (6, "ground")]);
    let page = house.get(&format!("/cases/{}", story.case_id)).await.body;
    assert!(page.contains("2 张图片已删除") && page.contains("撤回理由已删除"));
    assert!(page.contains(&picture(3).picture_id) && !page.contains(&picture(1).picture_id));
    assert_eq!(house.audit().await.len(), 6);
    house.stop().await;
}
