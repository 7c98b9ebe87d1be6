//! The category that a text is found to have, and what becomes of it.

use std::{path::PathBuf, sync::Arc};

use huying_platform::directory::Directory;
use huying_proto::events::v1::{
    CaseKind, Category, DirectoryEntry, RouteCandidate, Tier, directory_entry::Entry,
};
use serde_json::Value;

use super::{entry, path, rule};
use crate::domain::{
    classification::{CONFIDENCE_MIN_PERCENT, Classifier, Judgement, WORDS_MAX},
    routing_rules::{RouteQuery, Routing, RoutingIndex},
};

const ANY: CaseKind = CaseKind::Unspecified;

fn category(path: &str, keywords: &[&str]) -> Category {
    Category { path: path.into(), keywords: keywords.iter().map(|&word| word.into()).collect() }
}

fn taxonomy() -> Vec<Category> {
    vec![
        category("城乡建设/供热/收费", &["取暖费"]),
        category("城乡建设/供热/室温不达标", &["暖气", "温度低"]),
        category("城乡建设/物业服务", &["物业公司", "电梯"]),
        category("城乡建设/其他", &[]),
        category("交通运输/公交线路", &["公交车"]),
        category("交通运输/道路养护", &["坑洼", "电梯"]),
        category("教育文体/义务教育/招生入学", &["学区", "ETC"]),
    ]
}

fn judged(title: &str, body: &str) -> Judgement {
    Classifier::new(&taxonomy()).judge(title, body)
}

fn clear(title: &str, body: &str) -> Option<String> {
    judged(title, body).clear().map(|best| best.category.clone())
}

#[test]
fn a_text_has_the_category_whose_words_it_has() {
    for (title, body, expected) in [
        ("暖气不热", "家里温度低，只有十四度", Some("城乡建设/供热/室温不达标")),
        ("供热收费", "取暖费太高", Some("城乡建设/供热/收费")),
        ("公交车不停", "等了四十分钟公交车", Some("交通运输/公交线路")),
        ("ETC", "etc", Some("教育文体/义务教育/招生入学")),
        ("井盖响", "夜里睡不着", None),
        ("", "", None),
    ] {
        assert_eq!(clear(title, body).as_deref(), expected, "{title}");
    }
}

#[test]
fn a_category_is_as_deep_as_it_is_clear() {
    assert_eq!(clear("物业公司乱收费", "物业服务差").as_deref(), Some("城乡建设/物业服务"));
    // Heating for sure; whether it is the fee or the temperature is not said more of one than of the other.
    assert_eq!(clear("供热", "暖气和取暖费").as_deref(), Some("城乡建设/供热"));
}

#[test]
fn a_word_that_rivals_share_decides_nothing_between_them() {
    let judgement = judged("电梯坏了", "电梯");
    assert_eq!(judgement.clear(), None);
    let percent: Vec<u32> = judgement.candidates.iter().map(|one| one.confidence_percent).collect();
    assert_eq!(percent, [33, 33], "half each, and a keyword is two of the four pieces wanted");
    assert_eq!(judgement.candidates[0].category, "交通运输/道路养护", "in one order, always");
}

#[test]
fn the_title_says_more_than_the_text_and_repeating_says_nothing() {
    let candidates = judged("公交车", "物业公司 物业公司 物业公司 物业公司").candidates;
    assert_eq!(candidates[0].category, "交通运输/公交线路");
}

#[test]
fn a_single_piece_of_a_name_is_not_enough_but_a_keyword_is() {
    assert_eq!(clear("公交", ""), None);
    assert_eq!(judged("公交", "").candidates[0].confidence_percent, 50);
    assert_eq!(clear("公交车", "").as_deref(), Some("交通运输/公交线路"));
}

#[test]
fn a_level_called_other_has_no_words() {
    let categories = [category("民政/其他", &[]), category("政法/其他", &[])];
    assert_eq!(Classifier::new(&categories).judge("其他", "其他"), Judgement::default());
}

#[test]
fn the_words_are_those_of_the_categories_joined_and_bounded() {
    let judgement = judged("义务教育招生入学", "学区划分");
    assert_eq!(judgement.words, ["义务教育", "招生入学", "学区"]);

    let many: Vec<String> = (0..20).map(|number| format!("词语{number:02}")).collect();
    let words: Vec<&str> = many.iter().map(String::as_str).collect();
    let judgement = Classifier::new(&[category("民政", &words)]).judge(&many.concat(), "");
    assert_eq!(judgement.words.len(), WORDS_MAX);
}

#[test]
fn there_are_at_most_three_candidates_best_first() {
    let levels = ["甲一", "乙二", "丙三", "丁四戊"];
    let categories = levels.map(|level| category(level, &[]));
    let judgement = Classifier::new(&categories).judge("", "甲一乙二丙三丁四戊");
    let shown: Vec<(&str, u32)> =
        judgement.candidates.iter().map(|one| (one.category.as_str(), one.confidence_percent)).collect();
    // Eight of eleven cubes on four of six thirds, and one of eleven on half.
    assert_eq!(shown, [("丁四戊", 48), ("丙三", 4), ("乙二", 4)]);
}

#[test]
fn without_categories_there_is_nothing_to_say() {
    assert_eq!(Classifier::new([]).judge("暖气", "暖气"), Judgement::default());
}

fn index(rules: impl IntoIterator<Item = DirectoryEntry>) -> RoutingIndex {
    let categories = taxonomy().into_iter().map(|category| entry(Entry::Category(category)));
    let entries = super::entries()
        .into_iter()
        .filter(|entry| !matches!(entry.entry, Some(Entry::Category(_))))
        .chain(categories)
        .chain(rules);
    RoutingIndex::new(Arc::new(Directory::new(7, entries)), 3)
}

fn routed(
    rules: impl IntoIterator<Item = DirectoryEntry>,
    category: &str,
    title: &str,
    body: &str,
) -> Routing {
    let place = path("150800", "150802", "150802001");
    let kind = CaseKind::Message;
    index(rules).route(&RouteQuery { path: &place, kind, category, addressee: None, title, body })
}

fn department(routing: &Routing) -> Option<&str> {
    routing.destination.as_ref().map(|destination| destination.department.as_str())
}

fn rules() -> [DirectoryEntry; 2] {
    [
        rule("150800", ANY, "城乡建设/供热", Tier::District, "housing"),
        rule("150800", ANY, "交通运输", Tier::District, "roads"),
    ]
}

#[test]
fn a_clear_text_without_a_category_gets_one_and_goes_where_its_rule_says() {
    let routing = routed(rules(), "", "暖气不热", "家里温度低");
    let classified = routing.classified.as_ref().unwrap();
    assert_eq!(classified.category, "城乡建设/供热/室温不达标");
    assert_eq!(classified.trace.matched_keywords, ["暖气", "温度低"]);
    assert_eq!((classified.trace.directory_revision, classified.trace.rule_set_version), (7, 3));
    assert!(classified.trace.conclusion.contains("城乡建设/供热/室温不达标"));
    assert_eq!(department(&routing), Some("150802-housing"));
    assert_eq!(routing.trace.matched_keywords, ["暖气", "温度低"]);
    assert_eq!(classified.trace.confidence_percent, 100);
    assert_eq!(routing.trace.confidence_percent, 90, "the rule is for the level above");
}

#[test]
fn a_decision_is_no_surer_than_the_category_it_rests_on() {
    let routing = routed(rules(), "", "公交车", "");
    let found = routing.classified.as_ref().unwrap().trace.confidence_percent;
    assert!((CONFIDENCE_MIN_PERCENT..90).contains(&found), "{found}");
    assert_eq!(routing.trace.confidence_percent, found);
}

#[test]
fn a_given_category_is_not_questioned() {
    let routing = routed(rules(), "交通运输/公交线路", "暖气不热", "家里温度低");
    assert_eq!(routing.classified, None);
    assert_eq!(department(&routing), Some("150802-roads"));
    assert!(routing.trace.matched_keywords.is_empty());
}

#[test]
fn an_unclear_text_waits_with_the_three_best_candidates() {
    let routing = routed(rules(), "", "电梯坏了", "电梯");
    assert_eq!(routing.classified, None);
    assert_eq!(routing.destination, None);
    assert_eq!(routing.trace.confidence_percent, 0);
    let candidate = |unit: &str, category: &str| RouteCandidate {
        unit: unit.into(),
        category: category.into(),
        confidence_percent: 33,
    };
    assert_eq!(
        routing.trace.candidates,
        [candidate("150802-roads", "交通运输/道路养护"), candidate("", "城乡建设/物业服务")]
    );
    assert_eq!(routing.trace.matched_keywords, ["电梯"]);
}

#[test]
fn a_rule_for_any_category_decides_an_unclear_text() {
    let catch_all = rule("150800", ANY, "", Tier::Township, "roads");
    let routing = routed(rules().into_iter().chain([catch_all]), "", "电梯坏了", "电梯");
    assert_eq!(department(&routing), Some("150802001-roads"));
    assert_eq!(routing.trace.confidence_percent, 70);
    assert!(routing.trace.candidates.is_empty() && routing.trace.matched_keywords.is_empty());
}

#[test]
fn a_clear_category_without_a_rule_is_kept_and_waits() {
    let routing = routed(rules(), "", "物业公司乱收费", "物业服务差");
    assert_eq!(routing.classified.unwrap().category, "城乡建设/物业服务");
    assert_eq!(routing.destination, None);
    assert_eq!(routing.trace.candidates[0].category, "城乡建设/物业服务");
}

/// Where there is a folder of real messages with their first-level categories: they stay in it, and nothing of them is here.
#[test]
fn real_messages_are_found_their_first_level() {
    let Some(folder) = std::env::var_os("HUYING_TEST_DATA").map(PathBuf::from) else { return };
    let (Ok(categories), Ok(messages)) = (
        std::fs::read_to_string(folder.join("categories.csv")),
        std::fs::read_to_string(folder.join("messages-labelled.jsonl")),
    ) else {
        return;
    };
    let categories: Vec<Category> = categories
        .lines()
        .skip(1)
        .map(|line| category(line.trim_matches(',').replace(',', "/").as_str(), &[]))
        .collect();
    let classifier = Classifier::new(&categories);
    let (mut all, mut best, mut among_three, mut decided, mut right) = (0, 0, 0, 0, 0);
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| message[field].as_str().unwrap();
        let judgement = classifier.judge(text("title"), text("body"));
        let is_right = |path: &str| path.split('/').next() == Some(text("category"));
        let hits = |path: &str| u32::from(is_right(path));
        all += 1;
        best += judgement.candidates.first().map_or(0, |one| hits(&one.category));
        among_three += u32::from(judgement.candidates.iter().any(|one| is_right(&one.category)));
        if let Some(one) = judgement.clear() {
            decided += 1;
            right += hits(&one.category);
        }
    }
    assert!(all >= 100, "{all} messages");
    let percent = |part: u32, whole: u32| 100 * part / whole;
    assert!(percent(right, decided) >= 92, "{right} of {decided} decided are right");
    assert!(percent(decided, all) >= 70, "{decided} of {all} are decided");
    assert!(percent(best, all) >= 82, "the best is right in {best} of {all}");
    assert!(percent(among_three, all) >= 94, "one of three is right in {among_three} of {all}");
}
