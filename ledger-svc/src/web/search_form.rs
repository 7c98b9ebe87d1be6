//! What is looked for among the cases: the form, and what was chosen with it.

use huying_platform::{codes::RegionCode, directory::Directory};
use maud::{Markup, html};

use super::{
    asked::{address, day, last_day},
    case_list::counted,
    names,
};
use crate::domain::{
    case_filter::CaseFilter,
    search_query::{QUERY_MAX_CHARS, SearchQuery},
    words,
};

/// A field for words alone, for pages that lead to the list.
pub(super) fn search_field() -> Markup {
    html! {
        search {
            form.search action="/cases" {
                label.unseen for="q" { "搜索事项" }
                input.field #q type="search" name="q" maxlength=(QUERY_MAX_CHARS) placeholder="搜索事项，例如 路灯";
                button.button.strong type="submit" { "搜索 " span.en lang="en" { "Search" } }
            }
        }
    }
}

/// The words and all other conditions, those that are not words folded away.
pub(super) fn search_form(filter: &CaseFilter, directory: &Directory) -> Markup {
    let query = filter.query.as_ref().map(SearchQuery::as_str);
    html! {
        search {
            form.finding action="/cases" {
                div.search {
                    label.unseen for="q" { "搜索事项" }
                    input.field #q type="search" name="q" value=[query] maxlength=(QUERY_MAX_CHARS)
                        placeholder="搜索事项，例如 路灯";
                    button.button.strong type="submit" { "搜索 " span.en lang="en" { "Search" } }
                }
                details.filters {
                    summary { "更多条件 " span.en lang="en" { "Filters" } }
                    div.fields {
                        (regions(filter, directory))
                        (units(filter, directory))
                        (categories(filter, directory))
                        (kinds(filter))
                        (states(filter))
                        label {
                            span { "提交日期从 " span.en lang="en" { "From" } }
                            input.field type="date" name="from" value=[filter.submitted_from.map(day)];
                        }
                        label {
                            span { "提交日期至（含当日） " span.en lang="en" { "Until" } }
                            input.field type="date" name="until" value=[filter.submitted_before.map(last_day)];
                        }
                        label.check {
                            input type="checkbox" name="overdue" value="1" checked[filter.overdue_only];
                            span { "只看逾期 " span.en lang="en" { "Overdue" } }
                        }
                        @if let Some(unit) = &filter.waiting_for { input type="hidden" name="with" value=(unit); }
                        @if let Some(representative) = &filter.representative {
                            input type="hidden" name="representative" value=(representative);
                        }
                        button.button type="submit" { "筛选 " span.en lang="en" { "Apply" } }
                    }
                }
            }
        }
    }
}

fn regions(filter: &CaseFilter, directory: &Directory) -> Markup {
    let chosen = filter.region.as_ref().map_or("", RegionCode::as_str);
    let option = |code: &str, all: &str| {
        html! { option value=(code) selected[chosen == code] { (names::region(directory, code)) (all) } }
    };
    html! {
        label.wider {
            span { "地区 " span.en lang="en" { "Region" } }
            select.field name="region" {
                option value="" { "全部地区" }
                // One that is no more can still be asked for.
                @if !chosen.is_empty() && directory.active_region(chosen).is_none() { (option(chosen, "")) }
                @for municipal in directory.children_of("") {
                    (option(municipal, ""))
                    @for district in directory.children_of(municipal) {
                        optgroup label=(names::region(directory, district)) {
                            (option(district, "（全部）"))
                            @for township in directory.children_of(district) { (option(township, "")) }
                        }
                    }
                }
            }
        }
    }
}

/// The units of the chosen region, or of the municipality: all of a city's would be a list nobody reads.
fn units(filter: &CaseFilter, directory: &Directory) -> Markup {
    let chosen = filter.unit.as_deref().unwrap_or("");
    let mut units: Vec<&str> = match &filter.region {
        None => directory
            .children_of("")
            .iter()
            .flat_map(|code| directory.units_of(code))
            .map(String::as_str)
            .collect(),
        Some(region) => directory.units_of(region.as_str()).iter().map(String::as_str).collect(),
    };
    if !chosen.is_empty() && !units.contains(&chosen) {
        units.insert(0, chosen);
    }
    html! {
        label.wider {
            span { "单位 " span.en lang="en" { "Unit" } }
            select.field name="unit" {
                option value="" { "全部单位" }
                @for code in units { option value=(code) selected[chosen == code] { (names::unit(directory, code)) } }
            }
        }
    }
}

/// Two levels of categories; a third one that was chosen elsewhere stays.
fn categories(filter: &CaseFilter, directory: &Directory) -> Markup {
    let chosen = filter.category.as_deref().unwrap_or("");
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for path in directory.categories() {
        let mut levels = path.splitn(3, '/');
        let (Some(first), second) = (levels.next(), levels.next()) else { continue };
        if groups.last().is_none_or(|(group, _)| *group != first) {
            groups.push((first, Vec::new()));
        }
        if let (Some(second), Some((_, below))) = (second, groups.last_mut())
            && below.last() != Some(&second)
        {
            below.push(second);
        }
    }
    let is_listed = groups.iter().any(|(first, below)| {
        chosen == *first || below.iter().any(|second| chosen == format!("{first}/{second}"))
    });
    html! {
        label.wider {
            span { "类别 " span.en lang="en" { "Category" } }
            select.field name="category" {
                option value="" { "全部类别" }
                @if !chosen.is_empty() && !is_listed { option value=(chosen) selected { (chosen.replace('/', " / ")) } }
                @for (first, below) in groups {
                    optgroup label=(first) {
                        option value=(first) selected[chosen == first] { (first) "（全部）" }
                        @for second in below {
                            @let path = format!("{first}/{second}");
                            option value=(path) selected[chosen == path] { (second) }
                        }
                    }
                }
            }
        }
    }
}

fn kinds(filter: &CaseFilter) -> Markup {
    let chosen = filter.kinds.first().copied();
    html! {
        label {
            span { "类型 " span.en lang="en" { "Kind" } }
            select.field name="kind" {
                option value="" { "全部类型" }
                @for kind in names::KINDS {
                    option value=(words::kind_word(kind).unwrap_or_default()) selected[chosen == Some(kind)] {
                        (names::kind(kind).0)
                    }
                }
            }
        }
    }
}

fn states(filter: &CaseFilter) -> Markup {
    let chosen = filter.states.first().copied();
    html! {
        label {
            span { "状态 " span.en lang="en" { "State" } }
            select.field name="state" {
                option value="" { "全部状态" }
                @for state in names::STATES {
                    option value=(words::state_word(state).unwrap_or_default()) selected[chosen == Some(state)] {
                        (names::state(state).0)
                    }
                }
            }
        }
    }
}

/// How many were found, and each condition with a link to the list without it.
pub(super) fn chosen(filter: &CaseFilter, total: u64, directory: &Directory) -> Markup {
    let conditions = conditions(filter, directory);
    html! {
        @if conditions.is_empty() {
            p.chosen { span.count { "共 " strong { (counted(total)) } " 件，最新提交的在前" } }
        } @else {
            p.chosen {
                span.count {
                    "符合条件的 " strong { (counted(total)) } " 件"
                    @if filter.query.is_some() { "，最相符的在前" } @else { "，最新提交的在前" }
                }
            }
            ul.taken aria-label="已选条件，点击去掉" {
                @for (name, without) in &conditions {
                    li {
                        a href=(address("/cases", without, None)) {
                            (name) " " span aria-hidden="true" { "×" } span.unseen { "去掉" }
                        }
                    }
                }
                @if conditions.len() > 1 {
                    li { a href="/cases" { "全部清除 " span.en lang="en" { "Clear" } } }
                }
            }
        }
    }
}

/// What was chosen, in words, each with the filter that is left without it.
fn conditions(filter: &CaseFilter, directory: &Directory) -> Vec<(String, CaseFilter)> {
    let mut conditions = Vec::new();
    let mut add = |name: String, take: fn(&mut CaseFilter)| {
        let mut without = filter.clone();
        take(&mut without);
        conditions.push((name, without));
    };
    if let Some(query) = &filter.query {
        add(format!("“{}”", query.as_str()), |filter| filter.query = None);
    }
    if let Some(region) = &filter.region {
        add(names::region(directory, region.as_str()).to_owned(), |filter| filter.region = None);
    }
    if let Some(unit) = &filter.unit {
        add(names::unit(directory, unit).to_owned(), |filter| filter.unit = None);
    }
    if let Some(unit) = &filter.waiting_for {
        add(format!("{}在办", names::unit(directory, unit)), |filter| filter.waiting_for = None);
    }
    if let Some(representative) = &filter.representative {
        let name = names::representative(directory, representative).to_owned();
        add(name, |filter| filter.representative = None);
    }
    for kind in &filter.kinds {
        add(names::kind(*kind).0.to_owned(), |filter| filter.kinds.clear());
    }
    if let Some(category) = &filter.category {
        add(category.replace('/', " / "), |filter| filter.category = None);
    }
    for state in &filter.states {
        add(names::state(*state).0.to_owned(), |filter| filter.states.clear());
    }
    if filter.overdue_only {
        add("逾期".to_owned(), |filter| filter.overdue_only = false);
    }
    if let Some(from) = filter.submitted_from {
        add(format!("{} 起提交", day(from)), |filter| filter.submitted_from = None);
    }
    if let Some(before) = filter.submitted_before {
        add(format!("{} 止提交", last_day(before)), |filter| filter.submitted_before = None);
    }
    conditions
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{CaseKind, CaseState};

    use super::*;

    #[test]
    fn each_condition_can_be_taken_away_alone() {
        let filter = CaseFilter {
            query: SearchQuery::parse("路灯").ok(),
            region: "150802".parse().ok(),
            unit: Some("150802-housing".to_owned()),
            waiting_for: Some("150802-office".to_owned()),
            kinds: vec![CaseKind::Message],
            category: Some("城乡建设/供热".to_owned()),
            states: vec![CaseState::Replied],
            overdue_only: true,
            submitted_from: "2026-10-31T16:00:00Z".parse().ok(),
            submitted_before: "2026-11-30T16:00:00Z".parse().ok(),
            representative: Some("r-150802-001".to_owned()),
        };
        let conditions = conditions(&filter, &Directory::default());
        assert_eq!(conditions.len(), 11);
        let fields = |filter: &CaseFilter| address("/cases", filter, None).split('&').count();
        for (name, without) in &conditions {
            assert_eq!(fields(without) + 1, fields(&filter), "{name}");
        }
        let drawn = chosen(&filter, 3, &Directory::default()).into_string();
        assert!(drawn.contains("2026-11-01 起提交") && drawn.contains("全部清除"), "{drawn}");
    }
}
