//! The units of a region, and the figures of one unit with what they mean.

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};
use huying_platform::directory::Directory;
use huying_proto::events::v1::UnitKind;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    PageError, Shared, drawn, is_known,
    layout::{self, Section},
    names, unchanged,
};
use crate::{
    domain::figures::{Figures, STATES_TO_ACT_ON},
    use_cases::{count_cases::Counts, latest_checkpoint::tree_size, unit_figures::unit_figures},
};

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    region: String,
}

pub(super) async fn list(
    State(pages): Shared,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(asked) = asked.map_err(|_| PageError::BadRequest("网址中的地区无法识别。".to_owned()))?;
    let directory = pages.directory.load();
    let region = match asked.region.as_str() {
        "" => directory.children_of("").first().map_or("", String::as_str),
        code => directory
            .region(code)
            .map(|region| region.code.as_str())
            .ok_or_else(|| PageError::BadRequest("没有这个代码的地区。".to_owned()))?,
    };
    let tree_size = tree_size(&pages.db).await?;
    let counts = pages.counts.counts(tree_size).await?;
    let tag = pages.entity_tag(counts.tree_size, &directory);
    if is_known(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    let content = html! {
        @if region.is_empty() {
            h1 { "单位 " span.en lang="en" { "Units" } }
            div.empty { p { "还没有导入地区和单位。" br; span.en lang="en" { "No reference data yet." } } }
        } @else {
            (region_units(region, &counts, &directory))
        }
    };
    let title = if region.is_empty() { "单位" } else { names::region(&directory, region) };
    Ok(drawn(layout::page(title, Section::Units, Some(counts.tree_size), &content), &tag))
}

fn region_units(region: &str, counts: &Counts, directory: &Directory) -> Markup {
    let parent = directory.region(region).map_or("", |region| region.parent.as_str());
    let below = directory.children_of(region);
    html! {
        @if !parent.is_empty() {
            p.crumbs { a href={ "/units?region=" (parent) } { (names::region(directory, parent)) } " ›" }
        }
        h1 { (names::region(directory, region)) "的单位 " span.en lang="en" { "Units" } }
        ul.units {
            @for code in directory.units_of(region) {
                @let (open, overdue) = to_act_on(code, counts);
                li {
                    a href={ "/units/" (code) } { (names::unit(directory, code)) }
                    span.numbers {
                        "待办 " (open)
                        @if overdue > 0 { " " span.badge.overdue { "逾期 " (overdue) } }
                    }
                }
            }
        }
        @if !below.is_empty() {
            h2 { "下级地区 " span.en lang="en" { "Regions below" } }
            ul.regions {
                @for code in below { li { a href={ "/units?region=" (code) } { (names::region(directory, code)) } } }
            }
        }
    }
}

/// How many cases are a unit's to act on, and how many of them are overdue.
fn to_act_on(unit: &str, counts: &Counts) -> (u64, u64) {
    let own = counts
        .standings
        .iter()
        .filter(|standing| standing.responsible_unit == unit && STATES_TO_ACT_ON.contains(&standing.state));
    own.fold((0, 0), |(open, overdue), standing| {
        (open + standing.cases, overdue + if standing.overdue { standing.cases } else { 0 })
    })
}

pub(super) async fn figures(
    State(pages): Shared,
    headers: HeaderMap,
    Path(code): Path<String>,
) -> Result<Response, PageError> {
    let directory = pages.directory.load();
    let unit = directory.unit(&code).ok_or(PageError::NotFound("没有这个代码的单位。"))?;
    let tag = pages.entity_tag(tree_size(&pages.db).await?, &directory);
    if is_known(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    let figures = unit_figures(&pages.db, &code).await?;
    let is_office = unit.kind() == UnitKind::Office;
    let content = html! {
        p.crumbs {
            a href="/units" { "单位" } " › "
            a href={ "/units?region=" (unit.region) } { (names::region(&directory, &unit.region)) } " ›"
        }
        h1 { (unit.name) }
        p.badges {
            span.badge { @if is_office { "人大机构 " span.en lang="en" { "Office" } }
                         @else { "承办单位 " span.en lang="en" { "Department" } } }
        }
        (table(&figures, is_office))
        p.fine {
            "以上数字由账本前 " (figures.tree_size) " 条记录算出，任何人都可以用同样的记录重新计算。"
            "比率旁边都写明分母；没有评价的单独列出，不算满意，也不算不满意。"
        }
        p { a.button href={ "/?unit=" (code) } { "看这个单位手上的事项 " span.en lang="en" { "Its cases" } } }
    };
    Ok(drawn(layout::page(&unit.name, Section::Units, Some(figures.tree_size), &content), &tag))
}

fn table(figures: &Figures, is_office: bool) -> Markup {
    let received =
        if is_office { "曾由本机构持有的事项" } else { "曾交办给本单位的事项" };
    let replied = if is_office {
        "由本机构持有期间得到答复的事项"
    } else {
        "本单位答复过的事项"
    };
    html! {
        table.figures {
            caption { "办理数字 " span.en lang="en" { "Figures" } }
            thead { tr { th scope="col" { "项目" } th scope="col" { "数" } th scope="col" { "比率和口径" } } }
            tbody {
                (count(("收到", "Received"), figures.received, received))
                (share(("待办", "Open"), figures.open, figures.received, "收到", "现在轮到本单位办理"))
                (share(("逾期", "Overdue"), figures.overdue, figures.open, "待办", "期限已过而尚未办理"))
                (share(("已答复", "Replied"), figures.replied, figures.received, "收到", replied))
                (share(("已评价", "Rated"), figures.rated, figures.replied, "已答复", "群众作出评价"))
                (share(("已解决", "Resolved"), figures.resolved, figures.rated, "已评价", "最近一次评价为已解决"))
                (share(("满意", "Satisfied"), figures.satisfied, figures.rated, "已评价", "最近一次评价为满意"))
            }
            tbody.apart {
                (share(("沉默", "Silent"), figures.silent(), figures.replied, "已答复", "答复后始终没有评价，单独列出"))
                (count(("退回", "Returned"), figures.returned, "本单位退回事项的次数"))
                (count(("改派", "Transferred"), figures.transferred, "事项由本单位改派给其他单位的次数"))
            }
            tbody.apart {
                (count(("超期", "Expired"), figures.expired, "登记、交办、答复、协办的期限到期而未办理的次数，每次到期计一次；整件事项的总期限和群众评价的期限不计"))
                (count(("被催办", "Urged"), figures.urged, "本单位被催办的次数，包括系统自动催办"))
                (count(("被督办", "Supervised"), figures.supervised, "本单位被督办的次数，包括系统自动列入督办"))
                (count(("被通报", "Criticised"), figures.criticised, "本单位被通报批评的次数，包括系统自动通报"))
                (count(("申请延期", "Extensions requested"), figures.extensions_requested, "本单位申请延期的次数"))
                (share(("获准延期", "Extensions granted"), figures.extensions_granted, figures.extensions_requested, "申请延期", "申请延期获得同意的次数"))
            }
            tbody.apart {
                (count(("协办", "Parts"), figures.parts, "作为协办单位收到的协办事项；只协办的事项不计入“收到”"))
                (share(("已答协办", "Parts answered"), figures.parts_answered, figures.parts, "协办", "本单位已经答复的协办事项；其余尚未答复，或者不再要求答复"))
            }
        }
    }
}

fn count(name: (&str, &str), value: u64, meaning: &str) -> Markup {
    html! {
        tr { th scope="row" { (names::both(name)) } td.number { (value) } td { p.meaning { (meaning) } } }
    }
}

fn share(name: (&str, &str), value: u64, of: u64, of_name: &str, meaning: &str) -> Markup {
    html! {
        tr {
            th scope="row" { (names::both(name)) }
            td.number { (value) }
            td {
                p.rate {
                    @if of == 0 {
                        "—（" (of_name) "为 0，不计算比率）"
                    } @else {
                        (value) " ÷ " (of) "（" (of_name) "）" span.percent { "= " strong { (percent(value, of)) } }
                    }
                }
                p.meaning { (meaning) }
            }
        }
    }
}

/// A share in percent with one decimal, rounded half up.
fn percent(value: u64, of: u64) -> String {
    let tenths = (u128::from(value) * 2_000 + u128::from(of)) / (u128::from(of) * 2);
    format!("{}.{}%", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_half_up() {
        assert_eq!(percent(1, 3), "33.3%");
        assert_eq!(percent(2, 3), "66.7%");
        assert_eq!(percent(1, 2_000), "0.1%");
        assert_eq!(percent(5, 5), "100.0%");
    }

    #[test]
    fn a_rate_without_a_denominator_is_no_rate() {
        let row = share(("满意", "Satisfied"), 0, 0, "已评价", "").into_string();
        assert!(row.contains("不计算比率") && !row.contains('%'));
    }
}
