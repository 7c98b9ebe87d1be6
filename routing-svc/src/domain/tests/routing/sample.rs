//! The sample municipality's rules and its day of messages.

use std::collections::BTreeMap;

use huying_platform::directory::Directory;
use serde_json::Value;

use super::*;
use crate::domain::import::{File, check};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/sample/");

fn directory(is_kept: impl Fn(File) -> bool) -> RoutingIndex {
    let files: BTreeMap<File, Vec<u8>> = File::ALL
        .into_iter()
        .filter_map(|file| Some((file, std::fs::read(format!("{SAMPLE}{}", file.name())).ok()?)))
        .collect();
    let rows = check(&files, [], "2026-03-02".parse().unwrap()).unwrap();
    let entries = rows.into_iter().map(|row| row.entry).filter(|entry| File::of(entry).is_some_and(&is_kept));
    RoutingIndex::new(Arc::new(Directory::new(1, entries)), 1)
}

#[test]
fn finding_categories_moves_no_case_of_the_sample_day() {
    let sample = directory(|_| true);
    let without_categories = directory(|file| file != File::Categories);
    let day = std::fs::read_to_string(format!("{SAMPLE}day.jsonl")).unwrap();
    let mut decided = 0;
    for line in day.lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| message[field].as_str().unwrap_or_default();
        let place = sample.directory().path_of(text("region")).unwrap();
        let kind = CaseKind::from_str_name(&format!("CASE_KIND_{}", text("kind").to_uppercase())).unwrap();
        let query = RouteQuery {
            path: &place,
            kind,
            category: text("category"),
            addressee: None,
            title: text("title"),
            body: text("body"),
        };
        let destination = sample.route(&query).destination;
        decided += u32::from(destination.is_some());
        assert_eq!(destination, without_categories.route(&query).destination, "{}", text("key"));
    }
    assert!(decided > 100);
}
