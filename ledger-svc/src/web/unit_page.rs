//! A unit: its rates, its months, its peers, and every figure with what it means.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use huying_platform::{
    codes::{InvalidCode, UnitCode},
    directory::Directory,
};
use huying_proto::events::v1::UnitKind;
use maud::{Markup, html};

use super::{
    PageError, Shared, drawn, glance, is_known,
    layout::{self, Section},
    names,
    rates::{self, Columns, Of},
    unchanged,
};
use crate::{
    domain::{case_filter::CaseFilter, counts::Rate, figures::Figures},
    use_cases::{
        figures::UnitHistory, latest_checkpoint::tree_size, list_cases::list_cases,
        unit_figures::unit_figures,
    },
};

const UNKNOWN: PageError = PageError::NotFound("没有这个代码的单位。单位代码的样子是 150802-housing。");

pub(super) async fn page(
    State(pages): Shared,
    headers: HeaderMap,
    Path(code): Path<String>,
) -> Result<Response, PageError> {
    let code: UnitCode = code.parse().map_err(|_: InvalidCode| UNKNOWN)?;
    let code = code.as_str();
    let directory = pages.directory.load();
    let tree_size = tree_size(&pages.db).await?;
    let history = pages.figures.unit_history(&directory, code).await?;
    let tag = pages.tag_of(&[tree_size, history.tree_size, history.peers_tree_size], &directory);
    if is_known(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    let figures = unit_figures(&pages.db, code).await?;
    let unit = directory.unit(code);
    if unit.is_none() && figures == (Figures { tree_size: figures.tree_size, ..Figures::default() }) {
        return Err(UNKNOWN);
    }
    let is_office = unit.is_some_and(|unit| unit.kind() == UnitKind::Office);
    let of = if is_office { Of::Office } else { Of::Department };
    let own = CaseFilter { unit: Some(code.to_owned()), ..CaseFilter::default() };
    let latest = list_cases(&pages.db, &own, None, glance::LATEST_CASES).await?;
    let name = names::unit(&directory, code);
    let content = html! {
        @if let Some(unit) = unit { (crumbs(&directory, &unit.region)) }
        h1 { (name) }
        p.badges {
            @if unit.is_none() { span.badge { "不在基础数据中 " span.en lang="en" { "Not in the directory" } } }
            @else if is_office { span.badge { "人大机构 " span.en lang="en" { "Office" } } }
            @else { span.badge { "承办单位 " span.en lang="en" { "Department" } } }
        }
        section aria-labelledby="rates" {
            h2 #rates { "办理情况 " span.en lang="en" { "Figures" } }
            (rates::rates(&history.total))
            @if let Some(seconds) = history.total.median_reply_seconds {
                p.silence { "半数答复在收到后 " b { (names::duration(seconds)) } " 以内作出。" }
            }
        }
        (peers(&history, code, is_office))
        section aria-labelledby="months" {
            h2 #months { "按月 " span.en lang="en" { "By month" } }
            (rates::months(&history.months, of))
        }
        section aria-labelledby="meanings" {
            h2 #meanings { "每个数字和口径 " span.en lang="en" { "Every figure and what it counts" } }
            (table(&figures, of))
            p.fine {
                "以上数字由账本前 " (figures.tree_size) " 条记录算出，任何人都可以用同样的记录重新计算。"
                "比率旁边都写明分母；没有评价的单独列出，不算满意，也不算不满意。"
            }
        }
        (glance::latest(
            ("手上的事项", "Its cases"),
            "现在没有由这个单位持有或负责的事项。",
            &latest.cases,
            &own,
            &directory,
        ))
    };
    Ok(drawn(layout::page(name, Section::Units, Some(tree_size), &content), &tag))
}

fn crumbs(directory: &Directory, region: &str) -> Markup {
    let above = names::regions_down_to(directory, region);
    layout::crumbs(std::iter::once(("/units".to_owned(), "单位")).chain(
        above.into_iter().map(|code| (format!("/units?region={code}"), names::region(directory, code))),
    ))
}

/// The unit beside those it can be compared with.
fn peers(history: &UnitHistory, code: &str, is_office: bool) -> Markup {
    let caption =
        if is_office { "同一上级之下同级的人大机构" } else { "同一地区的承办单位" };
    html! {
        @if history.peers.len() > 1 {
            section aria-labelledby="peers" {
                h2 #peers { "与同级比较 " span.en lang="en" { "Beside its peers" } }
                (rates::table(
                    caption,
                    ("单位", "Unit"),
                    Columns::All,
                    history.peers.iter().map(|peer| rates::Row {
                        name: html! {
                            @if peer.code == code { (peer.name) } @else { a href={ "/units/" (peer.code) } { (peer.name) } }
                        },
                        counts: peer.counts,
                        is_self: peer.code == code,
                    }),
                ))
                @if history.peers_tree_size != history.tree_size {
                    p.fine { "这张表由账本前 " (history.peers_tree_size) " 条记录算出，比本页其他数字早一会儿。" }
                }
            }
        }
    }
}

fn table(figures: &Figures, of: Of) -> Markup {
    html! {
        table.meanings {
            thead { tr { th scope="col" { "项目" } th scope="col" { "数" } th scope="col" { "比率和口径" } } }
            tbody {
                (count(("收到", "Received"), figures.received, of.received()))
                (share(("待办", "Open"), figures.open, figures.received, "收到", "现在轮到本单位办理"))
                (share(("逾期", "Overdue"), figures.overdue, figures.open, "待办", "期限已过而尚未办理"))
                (share(("已答复", "Replied"), figures.replied, figures.received, "收到", of.replied()))
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
                    @match (Rate { count: value, of }).percent() {
                        None => { "—（" (of_name) "为 0，不计算比率）" }
                        Some(percent) => {
                            (value) " ÷ " (of) "（" (of_name) "）" span.percent { "= " strong { (percent) } }
                        }
                    }
                }
                p.meaning { (meaning) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_without_a_denominator_is_no_rate() {
        let row = share(("满意", "Satisfied"), 0, 0, "已评价", "").into_string();
        assert!(row.contains("不计算比率") && !row.contains('%'));
        let row = share(("满意", "Satisfied"), 1, 3, "已评价", "").into_string();
        assert!(row.contains("1 ÷ 3（已评价）") && row.contains("33.3%"), "{row}");
    }
}
