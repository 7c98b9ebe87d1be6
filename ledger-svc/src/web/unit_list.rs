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
    PageError, Shared, asked, drawn,
    layout::{self, Section},
    names,
    rates::{self, Columns, english},
};
use crate::{domain::counts::Month, use_cases::figures::UnitCounts};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) region: String,
    /// Such as 2026-11; all time without.
    pub(super) month: String,
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
    let month = asked::month(&asked.month)?;
    let list = pages.figures.units(&directory, Some(region), month).await?;
    let content = html! {
        @if region.is_empty() {
            h1 { "单位 " span.en lang="en" { "Units" } }
            div.empty { p { "还没有导入地区和单位。" br; span.en lang="en" { "No reference data yet." } } }
        } @else {
            (units_of(region, month, &list.units, &directory))
        }
    };
    let title = match region {
        "" => "单位".to_owned(),
        region => format!("{}的单位", names::region(&directory, region)),
    };
    Ok(drawn(layout::page(&title, Section::Units, Some(list.tree_size), &content), &headers))
}

fn units_of(region: &str, month: Option<Month>, units: &[UnitCounts], directory: &Directory) -> Markup {
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
            "满意率 = 满意 ÷ 已评价。待评价和未评价的单独列出；答复用时中位数是从收到到第一次答复的时间的中位数。"
            (english("Response = replied ÷ received; in time = in time ÷ replied; resolution and satisfaction = of the rated. Silence is counted apart."))
        }
        (month_form(region, month))
        (group(("人大机构", "Offices"), &offices))
        (group(("承办单位", "Departments"), &departments))
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
            @let fields = month.map_or_else(|| format!("region={region}"), |month| format!("region={region}&month={month}"));
            "这些单位的数字："
            a href={ "/units.csv?" (fields) } { "下载 CSV" }
            a href={ "/units.jsonl?" (fields) } { "下载 JSON Lines" }
            "全部单位的数字："
            a href="/units.csv" { "下载 CSV" }
            a href="/units.jsonl" { "下载 JSON Lines" }
        }
    }
}

/// Which month is shown.
fn month_form(region: &str, month: Option<Month>) -> Markup {
    html! {
        form.search.wraps action="/units" {
            input type="hidden" name="region" value=(region);
            (asked::month_field(month))
            button.button type="submit" { "查看 " span.en lang="en" { "Show" } }
        }
        @if let Some(month) = month {
            p.chosen { span.count {
                "只看 " strong { (month) } " 收到的事项，结果截至现在。 "
                a href={ "/units?region=" (region) } { "全部时间 " span.en lang="en" { "All time" } }
            } }
        }
    }
}

fn group(caption: (&str, &str), units: &[&UnitCounts]) -> Markup {
    html! {
        @if !units.is_empty() {
            (rates::table(
                caption,
                ("单位", "Unit"),
                Columns::All,
                units.iter().map(|unit| {
                    rates::Row::new(html! { a href={ "/units/" (unit.code) } { (unit.name) } }, unit.counts)
                }),
            ))
        }
    }
}
