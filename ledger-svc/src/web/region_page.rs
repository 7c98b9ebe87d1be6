//! A region: its figures, what lies below it, and who works there.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use huying_platform::{
    codes::{InvalidCode, RegionCode},
    directory::Directory,
};
use maud::{Markup, html};

use super::{
    PageError, Shared, drawn, glance,
    layout::{self, Section},
    names,
    overview::NOTHING_YET,
    rates::{self, Columns, MonthLinks, Of},
};
use crate::{
    domain::case_filter::CaseFilter,
    use_cases::{
        figures::{NamedCounts, UnitCounts},
        latest_checkpoint::tree_size,
        list_cases::list_cases,
    },
};

const UNKNOWN: PageError = PageError::NotFound("没有这个代码的地区。地区代码是六位或九位数字，例如 150802。");

pub(super) async fn page(
    State(pages): Shared,
    headers: HeaderMap,
    Path(code): Path<String>,
) -> Result<Response, PageError> {
    let region: RegionCode = code.parse().map_err(|_: InvalidCode| UNKNOWN)?;
    let directory = pages.directory.load();
    let tree_size = tree_size(&pages.db).await?;
    let figures = pages.figures.region_figures(&directory, &region).await?;
    if figures.total.received == 0 && directory.region(&code).is_none() {
        return Err(UNKNOWN);
    }
    let units = pages.figures.units(&directory, Some(&code), None).await?;
    let place = CaseFilter { region: Some(region.clone()), ..CaseFilter::default() };
    let latest = list_cases(&pages.db, &place, None, glance::LATEST_CASES).await?;
    let name = names::region(&directory, &code);
    let content = html! {
        (crumbs(&directory, &code))
        h1 { (name) }
        p.badges { span.badge { (names::both(names::tier(region.tier()))) } }
        (merger(&directory, &code))
        (glance::figures(&figures.total, &place))
        (glance::regions(&figures.regions, &figures.own, &figures.total))
        (peers(&figures.peers, &code))
        (units_there(&units.units, &code))
        (glance::categories(&figures.categories, &place, ("全部时间", "All time")))
        section aria-labelledby="months" {
            h2 #months { "按月 " span.en lang="en" { "By month" } }
            (rates::months(&figures.months, Of::Region, MonthLinks::Cases(Some(&region))))
        }
        (glance::latest(("最新事项", "Latest cases"), NOTHING_YET, &latest.cases, &place, &directory))
        p { a href={ "/representatives?region=" (code) } { "本地区人大代表 " span.en lang="en" { "Representatives" } } }
    };
    let feed = glance::feed(&place);
    let page = layout::page_with_feed(name, Section::Overview, Some(tree_size), Some(&feed), &content);
    Ok(drawn(page, &headers))
}

/// The regions above one.
fn crumbs(directory: &Directory, code: &str) -> Markup {
    let mut path = names::regions_down_to(directory, code);
    path.pop();
    let above = path.into_iter().map(|code| (format!("/regions/{code}"), names::region(directory, code)));
    layout::crumbs(std::iter::once(("/".to_owned(), "概览")).chain(above))
}

/// What has become of a region that is no more.
fn merger(directory: &Directory, code: &str) -> Markup {
    html! {
        @if directory.region(code).is_none() {
            p.note { "基础数据里没有这个代码的地区；账本里有它的事项，所以按代码列出。" }
        } @else if directory.active_region(code).is_none() {
            p.note {
                "这个地区已经不再使用"
                @if let Some(successor) = directory.successor_of(code) {
                    "，并入" a href={ "/regions/" (successor.code) } { (successor.name) }
                }
                "。过去的事项仍按原来的地区统计。"
            }
        }
    }
}

/// The region beside those of its tier under the same region above.
fn peers(peers: &[NamedCounts], code: &str) -> Markup {
    html! {
        @if peers.len() > 1 {
            section aria-labelledby="peers" {
                h2 #peers { "与同级比较 " span.en lang="en" { "Beside its peers" } }
                (glance::comparison(
                    ("同一上级之下的同级地区", "Regions of the same tier under the same region above"),
                    ("地区", "Region"),
                    "/regions/",
                    peers,
                    code,
                ))
            }
        }
    }
}

fn units_there(units: &[UnitCounts], code: &str) -> Markup {
    html! {
        @if !units.is_empty() {
            section aria-labelledby="units" {
                h2 #units { "本级单位 " span.en lang="en" { "Units" } }
                (rates::table(
                    ("本级人大机构和承办单位的办理情况", "Offices and departments of this level"),
                    ("单位", "Unit"),
                    Columns::Few,
                    units.iter().map(|unit| {
                        let name = html! { a href={ "/units/" (unit.code) } { (unit.name) } };
                        rates::Row::new(name, unit.counts)
                    }),
                ))
                p.fine {
                    a href={ "/units?region=" (code) } { "这些单位的各项数字 " span.en lang="en" { "All their figures" } }
                }
            }
        }
    }
}
