//! What the overview and the pages of regions have alike: the figures of a place, what people write about there, the
//! regions below it, and its latest cases.

use huying_platform::directory::Directory;
use maud::{Markup, html};

use super::{
    asked::address,
    case_list::{Heading, row},
    charts, names,
    rates::{self, Columns},
};
use crate::{
    domain::{case_filter::CaseFilter, counts::Counts},
    use_cases::{
        figures::{CategoryCount, NamedCounts},
        list_cases::ListedCase,
    },
};

/// Categories that are named one by one.
const CATEGORIES_SHOWN: usize = 10;

/// Cases at the end of a page.
pub(super) const LATEST_CASES: u32 = 5;

/// The counts of a place, with links to the cases they count; then the rates.
pub(super) fn figures(counts: &Counts, place: &CaseFilter) -> Markup {
    let overdue = CaseFilter { overdue_only: true, ..place.clone() };
    html! {
        section aria-labelledby="figures" {
            h2 #figures { "办理情况 " span.en lang="en" { "Figures" } }
            (rates::rates(counts))
            dl.counts {
                div { dt { (names::both(("收到", "Received"))) } dd { a href=(address("/cases", place, None)) { (counts.received) } } }
                div { dt { (names::both(("已答复", "Replied"))) } dd { (counts.replied) } }
                div { dt { (names::both(("待办", "Open"))) } dd { (counts.open) } }
                div.overdue[counts.overdue > 0] {
                    dt { (names::both(("逾期", "Overdue"))) }
                    dd {
                        @if counts.overdue > 0 {
                            a href=(address("/cases", &overdue, None)) { (counts.overdue) }
                        } @else { "0" }
                    }
                }
            }
            @if let Some(seconds) = counts.median_reply_seconds {
                p.silence { "半数答复在收到后 " b { (names::duration(seconds)) } " 以内作出。" }
            }
        }
    }
}

/// What people write about, most first; those of a place.
pub(super) fn categories(categories: &[CategoryCount], place: &CaseFilter, span: &str) -> Markup {
    let most = categories.iter().map(|one| one.cases).max().unwrap_or(0);
    let rest = categories.get(CATEGORIES_SHOWN..).unwrap_or_default();
    html! {
        section aria-labelledby="categories" {
            h2 #categories { "群众反映什么 " span.en lang="en" { "What people write about" } }
            @if categories.is_empty() {
                p.fine { "还没有事项。" }
            } @else {
                table.ranked {
                    caption { (span) "，按一级类别" }
                    thead.unseen { tr { th scope="col" { "类别" } th scope="col" { "比例" } th scope="col" { "件数" } } }
                    tbody {
                        @for one in categories.iter().take(CATEGORIES_SHOWN) {
                            tr {
                                th scope="row" { (category(&one.category, place)) }
                                td { (charts::bar(one.cases, most)) }
                                td.number { (one.cases) }
                            }
                        }
                    }
                }
                @if !rest.is_empty() {
                    p.fine { "其余 " (rest.len()) " 类共 " (rest.iter().map(|one| one.cases).sum::<u64>()) " 件。" }
                }
            }
        }
    }
}

fn category(name: &str, place: &CaseFilter) -> Markup {
    html! {
        @if name.is_empty() {
            "未分类"
        } @else {
            @let filter = CaseFilter { category: Some(name.to_owned()), ..place.clone() };
            a href=(address("/cases", &filter, None)) { (name) }
        }
    }
}

/// The regions below a place, each with a link to its own page.
pub(super) fn regions(regions: &[NamedCounts]) -> Markup {
    html! {
        @if !regions.is_empty() {
            section aria-labelledby="regions" {
                h2 #regions { "下级地区 " span.en lang="en" { "Regions" } }
                (rates::table(
                    "下级地区的办理情况",
                    ("地区", "Region"),
                    Columns::Few,
                    regions.iter().map(|region| rates::Row {
                        name: html! { a href={ "/regions/" (region.code) } { (region.name) } },
                        counts: region.counts,
                        is_self: false,
                    }),
                ))
            }
        }
    }
}

/// Some cases of a list, and the way to all of it.
pub(super) fn latest(
    heading: (&str, &str),
    nothing: &str,
    cases: &[ListedCase],
    filter: &CaseFilter,
    directory: &Directory,
) -> Markup {
    html! {
        section aria-labelledby="latest" {
            h2 #latest { (names::both(heading)) }
            @if cases.is_empty() {
                div.empty { p { (nothing) br; span.en lang="en" { "No cases yet." } } }
            } @else {
                ol.cases {
                    @for case in cases { li { (row(case, None, directory, Heading::Third)) } }
                }
                p.more { a.button href=(address("/cases", filter, None)) { "全部 " span.en lang="en" { "All of them" } } }
            }
        }
    }
}
