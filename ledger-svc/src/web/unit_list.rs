//! The units of a region beside each other.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};
use huying_platform::directory::Directory;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    PageError, Shared, asked, drawn, is_known,
    layout::{self, Section},
    names,
    rates::{self, Columns},
    unchanged,
};
use crate::use_cases::figures::UnitCounts;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    region: String,
}

pub(super) async fn page(
    State(pages): Shared,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(asked) = asked.map_err(|_| PageError::BadRequest("网址中的地区无法识别。".to_owned()))?;
    let directory = pages.directory.load();
    let asked_region = asked::region(&asked.region)?;
    let region = match &asked_region {
        Some(region) => region.as_str(),
        None => directory.children_of("").first().map_or("", String::as_str),
    };
    let list = pages.figures.units(&directory, Some(region), None).await?;
    let tag = pages.tag_of(&[list.tree_size], &directory);
    if is_known(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    let content = html! {
        @if region.is_empty() {
            h1 { "单位 " span.en lang="en" { "Units" } }
            div.empty { p { "还没有导入地区和单位。" br; span.en lang="en" { "No reference data yet." } } }
        } @else {
            (units_of(region, &list.units, &directory))
        }
    };
    let title = format!("{}的单位", names::region(&directory, region));
    Ok(drawn(layout::page(&title, Section::Units, Some(list.tree_size), &content), &tag))
}

fn units_of(region: &str, units: &[UnitCounts], directory: &Directory) -> Markup {
    let mut above = names::regions_down_to(directory, region);
    above.pop();
    let below = directory.children_of(region);
    let (offices, departments): (Vec<_>, Vec<_>) = units.iter().partition(|unit| unit.is_office);
    html! {
        @if !above.is_empty() {
            (layout::crumbs(
                above.into_iter().map(|code| (format!("/units?region={code}"), names::region(directory, code))),
            ))
        }
        h1 { (names::region(directory, region)) "的单位 " span.en lang="en" { "Units" } }
        p.fine {
            "每个比率下面写着分子和分母：响应率 = 已答复 ÷ 收到，按时率 = 按时答复 ÷ 已答复，解决率 = 已解决 ÷ 已评价，"
            "满意率 = 满意 ÷ 已评价。没有评价的是沉默，单独列出；用时中位是从收到到第一次答复的时间的中位数。"
        }
        (group("人大机构", &offices))
        (group("承办单位", &departments))
        @if units.is_empty() { div.empty { p { "这个地区没有单位。" br; span.en lang="en" { "No units." } } } }
        @if !below.is_empty() {
            section aria-labelledby="below" {
                h2 #below { "下级地区的单位 " span.en lang="en" { "Regions below" } }
                ul.grid {
                    @for code in below { li { a href={ "/units?region=" (code) } { (names::region(directory, code)) } } }
                }
            }
        }
        p.others {
            "全部单位的数字："
            a href="/units.csv" { "下载 CSV" }
            a href="/units.jsonl" { "下载 JSON Lines" }
        }
    }
}

fn group(caption: &str, units: &[&UnitCounts]) -> Markup {
    html! {
        @if !units.is_empty() {
            (rates::table(
                caption,
                ("单位", "Unit"),
                Columns::All,
                units.iter().map(|unit| rates::Row {
                    name: html! { a href={ "/units/" (unit.code) } { (unit.name) } },
                    counts: unit.counts,
                    is_self: false,
                }),
            ))
        }
    }
}
