use super::*;

fn region(code: &str, parent: &str) -> DirectoryEntry {
    DirectoryEntry {
        entry: Some(Entry::Region(Region { code: code.into(), parent: parent.into(), ..Region::default() })),
        ..DirectoryEntry::default()
    }
}

/// A region that was valid until 2026-07-01 and was merged into another, or into none.
fn merged(code: &str, parent: &str, into: &str) -> DirectoryEntry {
    let region =
        Region { code: code.into(), parent: parent.into(), replaced_by: into.into(), ..Region::default() };
    DirectoryEntry {
        entry: Some(Entry::Region(region)),
        valid_until: "2026-07-01".into(),
        ..DirectoryEntry::default()
    }
}

fn office(region: &str) -> DirectoryEntry {
    unit(&format!("{region}-office"), region, UnitKind::Office)
}

fn unit(code: &str, region: &str, kind: UnitKind) -> DirectoryEntry {
    let unit = Unit { code: code.into(), region: region.into(), kind: kind.into(), ..Unit::default() };
    DirectoryEntry { entry: Some(Entry::Unit(unit)), ..DirectoryEntry::default() }
}

fn on(day: &str, entries: impl IntoIterator<Item = DirectoryEntry>) -> Directory {
    Directory::on(day.parse().unwrap(), 1, entries)
}

#[test]
fn a_path_leads_from_the_municipality_down() {
    let directory =
        Directory::new(1, [region("150800", ""), region("150802", "150800"), region("150802001", "150802")]);
    let path = directory.path_of("150802001").unwrap();
    assert_eq!(path.municipal.as_str(), "150800");
    assert_eq!(path.district.unwrap().as_str(), "150802");
    assert!(directory.path_of("150802999").is_none());
}

#[test]
fn a_township_of_a_municipality_without_districts_has_a_path() {
    let directory = Directory::new(1, [region("441900", ""), region("441900003", "441900")]);
    let path = directory.path_of("441900003").unwrap();
    assert_eq!((path.municipal.as_str(), path.district), ("441900", None));
    assert_eq!(path.township.unwrap().as_str(), "441900003");
}

#[test]
fn a_retired_entry_keeps_its_name_but_is_not_offered() {
    let mut retired = region("150802001", "150802");
    retired.retired = true;
    let directory = Directory::new(1, [region("150802", "150800"), retired]);
    assert!(directory.region("150802001").is_some());
    assert!(directory.active_region("150802001").is_none());
    assert!(directory.children_of("150802").is_empty());
}

#[test]
fn an_entry_is_active_from_its_first_day_to_the_day_before_its_end() {
    let mut entry = region("150802001", "150802");
    entry.valid_from = "2026-01-01".into();
    entry.valid_until = "2026-07-01".into();
    for (day, active) in
        [("2025-12-31", false), ("2026-01-01", true), ("2026-06-30", true), ("2026-07-01", false)]
    {
        let directory = on(day, [entry.clone()]);
        assert_eq!(directory.is_active(Kind::Region, "150802001"), active, "{day}");
        assert_eq!(directory.children_of("150802").len(), usize::from(active), "{day}");
        assert!(directory.region("150802001").is_some());
        assert!(!directory.is_retired(Kind::Region, "150802001"));
        assert_eq!(directory.validity(Kind::Region, "150802001").unwrap().until, "2026-07-01");
    }
}

#[test]
fn what_lies_in_a_region_ends_with_it() {
    let station = Station { code: "150802001-s1".into(), region: "150802001".into(), ..Station::default() };
    let representative =
        Representative { code: "r-1".into(), region: "150802001".into(), ..Representative::default() };
    let entries = [
        merged("150802001", "150802", ""),
        office("150802001"),
        DirectoryEntry { entry: Some(Entry::Station(station)), ..DirectoryEntry::default() },
        DirectoryEntry { entry: Some(Entry::Representative(representative)), ..DirectoryEntry::default() },
    ];
    for (day, active) in [("2026-06-30", true), ("2026-07-01", false)] {
        let directory = on(day, entries.clone());
        assert_eq!(directory.active_unit("150802001-office").is_some(), active, "{day}");
        assert_eq!(directory.active_station("150802001-s1").is_some(), active, "{day}");
        assert_eq!(directory.active_representative("r-1").is_some(), active, "{day}");
        assert_eq!(directory.office_of("150802001").is_some(), active, "{day}");
    }
}

#[test]
fn the_office_of_the_successor_acts_for_an_office_that_is_gone() {
    let entries = [
        region("150800", ""),
        region("150802", "150800"),
        merged("150802001", "150802", "150802002"),
        merged("150802002", "150802", "150802003"),
        region("150802003", "150802"),
        merged("150802004", "150802", ""),
        office("150800"),
        office("150802"),
        office("150802001"),
        office("150802003"),
        office("150802004"),
    ];
    let acting =
        |directory: &Directory, unit: &str| directory.acting_office(unit).map(|unit| unit.code.clone());
    let before = on("2026-06-30", entries.clone());
    assert_eq!(acting(&before, "150802001-office").unwrap(), "150802001-office");
    assert!(before.successor_of("150802001").is_none());

    let after = on("2026-07-01", entries);
    assert_eq!(after.successor_of("150802001").unwrap().code, "150802003");
    assert_eq!(acting(&after, "150802001-office").unwrap(), "150802003-office");
    assert_eq!(
        acting(&after, "150802004-office").unwrap(),
        "150802-office",
        "the one above, when there is no successor"
    );
    assert_eq!(acting(&after, "150802003-office").unwrap(), "150802003-office");
    assert!(acting(&after, "150802009-office").is_none());
}

#[test]
fn a_new_office_of_the_same_region_acts_for_the_old_one() {
    let mut old = unit("old-office", "150802", UnitKind::Office);
    old.retired = true;
    let directory = Directory::new(1, [region("150802", "150800"), old, office("150802")]);
    assert_eq!(directory.acting_office("old-office").unwrap().code, "150802-office");
}

#[test]
fn mergers_that_lead_in_a_circle_end() {
    let directory = on(
        "2026-07-01",
        [
            merged("150802001", "150802", "150802002"),
            merged("150802002", "150802", "150802001"),
            office("150802001"),
        ],
    );
    assert!(directory.successor_of("150802001").is_none());
    assert!(directory.acting_office("150802001-office").is_none());
}

#[test]
fn a_day_begins_at_midnight_in_shanghai() {
    for (now, day) in [("2026-06-30T15:59:59Z", "2026-06-30"), ("2026-06-30T16:00:00Z", "2026-07-01")] {
        assert_eq!(day_at(now.parse().unwrap()).to_string(), day);
    }
}

#[test]
fn a_rule_keeps_its_key_when_only_its_words_or_its_unit_change() {
    let plain =
        RoutingRule { region: "150800".into(), category: "城乡建设".into(), ..RoutingRule::default() };
    let key = |rule: &RoutingRule| {
        let entry = DirectoryEntry { entry: Some(Entry::Rule(rule.clone())), ..DirectoryEntry::default() };
        key_of(&entry).unwrap().1
    };
    assert_eq!(key(&plain), "150800 0 城乡建设");
    let with = |keywords: &[&str], priority: u32, unit: &str| RoutingRule {
        keywords: keywords.iter().map(|&word| word.to_owned()).collect(),
        priority,
        unit: unit.into(),
        ..plain.clone()
    };
    assert_eq!(key(&with(&["暖气"], 0, "")), key(&with(&["供热", "锅炉"], 0, "150802-housing")));
    assert_ne!(key(&with(&["暖气"], 0, "")), key(&plain));
    assert_ne!(key(&with(&["暖气"], 1, "")), key(&with(&["暖气"], 2, "")));
    assert_ne!(key(&with(&[], 1, "")), key(&with(&["暖气"], 1, "")));
}

#[test]
fn a_level_of_a_category_in_use_is_one() {
    let category = |path: &str, retired| DirectoryEntry {
        entry: Some(Entry::Category(Category { path: path.into(), ..Category::default() })),
        retired,
        ..DirectoryEntry::default()
    };
    let directory = Directory::new(
        1,
        [
            category("交通/公交/线路", false),
            category("交通-其他", false),
            category("城建/供热", true),
            category("城建/供水", false),
            category("卫生/医院", true),
        ],
    );
    for path in ["交通", "交通/公交", "交通/公交/线路", "交通-其他", "城建", "城建/供水"]
    {
        assert!(directory.has_category_level(path), "{path}");
    }
    for path in ["", "交", "交通/", "公交", "城建/供热", "卫生", "卫生/医院"] {
        assert!(!directory.has_category_level(path), "{path}");
    }
    assert!(!directory.has_category("交通"));
}

#[test]
fn an_office_acts_for_those_that_are_gone_and_no_others() {
    let entries = [
        region("150800", ""),
        region("150802", "150800"),
        merged("150802001", "150802", "150802003"),
        merged("150802002", "150802", "150802003"),
        region("150802003", "150802"),
        office("150802"),
        office("150802001"),
        office("150802002"),
        office("150802003"),
        unit("gone-department", "150802001", UnitKind::Department),
    ];
    let before = on("2026-06-30", entries.clone());
    assert!(before.offices_acted_for_by("150802003-office").is_empty());
    let after = on("2026-07-01", entries);
    assert_eq!(after.offices_acted_for_by("150802003-office"), ["150802001-office", "150802002-office"]);
    assert!(after.offices_acted_for_by("150802-office").is_empty());
}
