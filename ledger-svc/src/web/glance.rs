//! What the overview and the pages of regions have alike: the figures of a place, what people write about there, the
//! regions below it, and its latest cases.

use huying_platform::directory::Directory;
use huying_proto::events::v1::CaseState;
use maud::{Markup, html};

use super::{
    asked::address,
    case_list::{Heading, row},
    charts, names,
    rates::{self, Columns, Links, Of, english},
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
    let of_state = |state: CaseState| CaseFilter { states: vec![state], ..place.clone() };
    let link = |filter: &CaseFilter| Some(address("/cases", filter, None));
    let links = Links {
        received: link(place),
        open: None,
        overdue: link(&CaseFilter { overdue_only: true, ..place.clone() }),
        declined: link(&of_state(CaseState::Declined)),
        withdrawn: link(&of_state(CaseState::Withdrawn)),
    };
    html! {
        section aria-labelledby="figures" {
            h2 #figures { "办理情况 " span.en lang="en" { "Figures" } }
            (rates::rates(counts, Of::Region))
            (rates::counts(counts, &links))
        }
    }
}

/// What people write about, most first; those of a place.
pub(super) fn categories(categories: &[CategoryCount], place: &CaseFilter, span: (&str, &str)) -> Markup {
    let most = categories.iter().map(|one| one.cases).max().unwrap_or(0);
    let rest = categories.get(CATEGORIES_SHOWN..).unwrap_or_default();
    html! {
        section aria-labelledby="categories" {
            h2 #categories { "群众反映的主要问题 " span.en lang="en" { "What people write about" } }
            @if categories.is_empty() {
                p.fine { "还没有事项。" (english("No cases yet.")) }
            } @else {
                table.ranked {
                    caption { (span.0) "，按一级类别 " span.en lang="en" { (span.1) ", by first-level category" } }
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

/// What a case is called that lies in none of the regions below.
pub(super) const OWN: (&str, &str) = ("本级（未落到下级地区）", "Own level");

/// The regions below a place, each with a link to its own page; then the cases of none of them, and the total to which all
/// of these add up.
pub(super) fn regions(regions: &[NamedCounts], own: &Counts, total: &Counts) -> Markup {
    let below = regions.iter().map(|region| {
        rates::Row::new(html! { a href={ "/regions/" (region.code) } { (region.name) } }, region.counts)
    });
    let own = (own.received > 0).then(|| rates::Row::new(names::both(OWN), *own));
    let sum = rates::Row { is_self: true, ..rates::Row::new(names::both(("合计", "Total")), *total) };
    html! {
        @if !regions.is_empty() {
            section aria-labelledby="regions" {
                h2 #regions { "下级地区 " span.en lang="en" { "Regions" } }
                (rates::table(
                    ("下级地区的办理情况", "Regions below"),
                    ("地区", "Region"),
                    Columns::Few,
                    below.chain(own).chain([sum]),
                ))
            }
        }
    }
}

/// Somebody beside those they can be compared with, each with a link to their own page under `path`; nothing where there
/// is nobody else.
pub(super) fn comparison(
    caption: (&str, &str),
    first: (&str, &str),
    path: &str,
    peers: &[NamedCounts],
    own_code: &str,
) -> Markup {
    let row = |peer: &NamedCounts| {
        let is_self = peer.code == own_code;
        let name = html! {
            @if is_self { (peer.name) } @else { a href={ (path) (peer.code) } { (peer.name) } }
        };
        rates::Row { is_self, ..rates::Row::new(name, peer.counts) }
    };
    html! {
        @if peers.len() > 1 { (rates::table(caption, first, Columns::All, peers.iter().map(row))) }
    }
}

/// Address of the feed of a list.
pub(super) fn feed(filter: &CaseFilter) -> String {
    address("/cases.atom", filter, None)
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
            p.others { a href=(feed(filter)) { "订阅 Atom " span.en lang="en" { "Feed" } } }
        }
    }
}
