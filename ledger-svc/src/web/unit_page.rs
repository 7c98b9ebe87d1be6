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
use huying_proto::events::v1::{CaseState, UnitKind};
use maud::{Markup, html};

use super::{
    PageError, Shared,
    asked::address,
    drawn, glance,
    layout::{self, Section},
    names,
    rates::{self, Links, MonthLinks, Of, english},
};
use crate::{
    domain::{
        case_filter::CaseFilter,
        counts::{Counts, Rate},
    },
    use_cases::{figures::UnitHistory, latest_checkpoint::tree_size, list_cases::list_cases},
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
    let unit = directory.unit(code);
    if unit.is_none() && history.total == Counts::default() {
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
            (rates::rates(&history.total, of))
            (rates::counts(&history.total, &links(&history.total, &own, code)))
        }
        (peers(&history, code, is_office))
        section aria-labelledby="months" {
            h2 #months { "按月 " span.en lang="en" { "By month" } }
            @let links = unit.map_or(MonthLinks::Nowhere, |unit| MonthLinks::Units(&unit.region));
            (rates::months(&history.months, of, links))
        }
        section aria-labelledby="meanings" {
            h2 #meanings { "各项数字和统计口径 " span.en lang="en" { "Every figure and what it counts" } }
            (table(&history.total, of))
            p.fine {
                "以上数字由账本前 " (history.tree_size) " 条记录算出，任何人都可以用同样的记录重新计算。"
                "比率旁边都写明分母；未评价的单独列出，不算满意，也不算不满意。"
                (english("Counted from the log alone; whoever has the same leaves can count them again."))
            }
        }
        (glance::latest(
            ("经手的事项", "Its cases"),
            "这个单位还没有经手的事项。",
            &latest.cases,
            &own,
            &directory,
        ))
    };
    let feed = glance::feed(&own);
    let page = layout::page_with_feed(name, Section::Units, Some(tree_size), Some(&feed), &content);
    Ok(drawn(page, &headers))
}

fn crumbs(directory: &Directory, region: &str) -> Markup {
    let above = names::regions_down_to(directory, region);
    layout::crumbs(std::iter::once(("/units".to_owned(), "单位")).chain(
        above.into_iter().map(|code| (format!("/units?region={code}"), names::region(directory, code))),
    ))
}

/// What the numbers of a unit lead to. The list of a unit has its parts too, so its length is the number of the received
/// only where there are none.
fn links(counts: &Counts, own: &CaseFilter, code: &str) -> Links {
    let is_exact = counts.parts == 0 && counts.answered_along == 0;
    let link = |filter: CaseFilter| Some(address("/cases", &filter, None));
    let of_state = |state: CaseState| CaseFilter { states: vec![state], ..own.clone() };
    let waiting = CaseFilter { waiting_for: Some(code.to_owned()), ..CaseFilter::default() };
    Links {
        received: link(own.clone()).filter(|_| is_exact),
        open: link(waiting.clone()),
        overdue: link(CaseFilter { overdue_only: true, ..waiting }),
        declined: link(of_state(CaseState::Declined)).filter(|_| is_exact),
        withdrawn: link(of_state(CaseState::Withdrawn)).filter(|_| is_exact),
    }
}

/// The unit beside those it can be compared with.
fn peers(history: &UnitHistory, code: &str, is_office: bool) -> Markup {
    let own = match is_office {
        true => ("同一上级之下同级的人大机构", "Offices of the same tier under the same region above"),
        false => ("同一地区的承办单位", "Departments of the same region"),
    };
    let alike = ("相邻地区职能相同的承办单位", "Departments of the same function in neighbouring regions");
    html! {
        @if history.peers.len() > 1 || history.alike.len() > 1 {
            section aria-labelledby="peers" {
                h2 #peers { "与同级比较 " span.en lang="en" { "Beside its peers" } }
                (glance::comparison(own, ("单位", "Unit"), "/units/", &history.peers, code))
                (glance::comparison(alike, ("单位", "Unit"), "/units/", &history.alike, code))
                @if history.peers_tree_size != history.tree_size {
                    p.fine { "比较表由账本前 " (history.peers_tree_size) " 条记录算出，比本页其他数字早一会儿。" }
                }
            }
        }
    }
}

fn table(counts: &Counts, of: Of) -> Markup {
    let replied_or_along = counts.answered();
    html! {
        table.meanings {
            thead { tr {
                th scope="col" { (names::both(("项目", "Figure"))) }
                th scope="col" { (names::both(("数", "Count"))) }
                th scope="col" { (names::both(("比率和口径", "Share and meaning"))) }
            } }
            tbody {
                (count(("收到", "Received"), counts.received, of.received()))
                (share(("在办", "Open"), counts.open, counts.received, "收到", ("现在轮到本单位办理", "Its turn now")))
                (share(("逾期", "Overdue"), counts.overdue, counts.open, "在办", ("期限已过、尚未办理", "Past their time")))
                (share(
                    ("不予受理", "Declined"), counts.declined, counts.received, "收到",
                    ("依法不予受理并公布了依据的事项，仍计入“收到”", "Declined with a published ground; still among the received"),
                ))
                (share(
                    ("撤回", "Withdrawn"), counts.withdrawn, counts.received, "收到",
                    ("群众自行撤回的事项，仍计入“收到”", "Taken back by the citizen; still among the received"),
                ))
            }
            tbody.apart {
                (share(("已答复", "Replied"), counts.replied, counts.received, "收到", of.replied()))
                (share(("按时答复", "In time"), counts.replied_in_time, counts.replied, "已答复", of.in_time()))
                (count(
                    ("并案一并答复", "Answered along"), counts.answered_along,
                    ("并入其他事项、随其一并得到答复，而从未单独交给本单位的事项", "Answered as part of another case, never received by itself"),
                ))
                (share(("已评价", "Rated"), counts.rated, replied_or_along, "得到答复", ("群众作出评价", "Rated by the citizen")))
                (share(
                    ("待评价", "May be rated"), counts.awaiting_rating, replied_or_along, "得到答复",
                    ("尚未评价、尚未办结", "Not rated yet, and not over"),
                ))
                (share(
                    ("未评价", "Silent"), counts.silent(), replied_or_along, "得到答复",
                    ("已经办结而始终没有评价，单独列出", "Over without ever having been rated; counted apart"),
                ))
                (share(
                    ("已解决", "Resolved"), counts.resolved, counts.rated, "已评价",
                    ("最近一次评价为已解决", "The latest rating says resolved"),
                ))
                (share(
                    ("满意", "Satisfied"), counts.satisfied, counts.rated, "已评价",
                    ("最近一次评价为满意", "The latest rating says satisfied"),
                ))
            }
            tbody.apart {
                (count(("退回", "Returned"), counts.returned, ("本单位退回事项的次数", "Times it returned a case")))
                (count(
                    ("改派", "Transferred"), counts.transferred,
                    ("事项由本单位改派给其他单位的次数", "Times a case was transferred from it to another unit"),
                ))
                (count(
                    ("超期", "Expired"), counts.expired,
                    (
                        "登记、交办、答复、协办的期限到期而未办理的次数，每次到期计一次；整件事项的总期限和群众评价的期限不计",
                        "Times a deadline of its own expired",
                    ),
                ))
                (count(
                    ("被催办", "Urged"), counts.urged,
                    ("本单位被催办的次数，包括系统自动催办", "Times it was urged, by the clocks too"),
                ))
                (count(
                    ("被督办", "Supervised"), counts.supervised,
                    ("本单位被督办的次数，包括系统自动列入督办", "Times it was put under supervision, by the clocks too"),
                ))
                (count(
                    ("被通报", "Criticised"), counts.criticised,
                    ("本单位被通报批评的次数，包括系统自动通报", "Times it was criticised in a circular, by the clocks too"),
                ))
                (count(
                    ("申请延期", "Extensions requested"), counts.extensions_requested,
                    ("本单位申请延期的次数", "Times it asked for more time"),
                ))
                (share(
                    ("获准延期", "Extensions granted"), counts.extensions_granted, counts.extensions_requested, "申请延期",
                    ("申请延期获得同意的次数", "Times more time was granted"),
                ))
            }
            tbody.apart {
                (count(
                    ("协办", "Parts"), counts.parts,
                    ("作为协办单位收到的协办事项；只协办的事项不计入“收到”", "Parts given to it as a co-handler; not among the received"),
                ))
                (share(
                    ("已答协办", "Parts answered"), counts.parts_answered, counts.parts, "协办",
                    ("本单位已经答复的协办事项；其余尚未答复，或者不再要求答复", "Of these, answered by it"),
                ))
            }
        }
    }
}

fn count(name: (&str, &str), value: u64, meaning: (&str, &str)) -> Markup {
    html! {
        tr {
            th scope="row" { (names::both(name)) }
            td.number { (value) }
            td { p.meaning { (meaning.0) (english(meaning.1)) } }
        }
    }
}

fn share(name: (&str, &str), value: u64, of: u64, of_name: &str, meaning: (&str, &str)) -> Markup {
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
                p.meaning { (meaning.0) (english(meaning.1)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_without_a_denominator_is_no_rate() {
        let row = share(("满意", "Satisfied"), 0, 0, "已评价", ("", "")).into_string();
        assert!(row.contains("不计算比率") && !row.contains('%'));
        let row = share(("满意", "Satisfied"), 1, 3, "已评价", ("", "")).into_string();
        assert!(row.contains("1 ÷ 3（已评价）") && row.contains("33.3%"), "{row}");
    }

    #[test]
    fn a_number_leads_to_a_list_only_where_that_list_is_what_it_counts() {
        let own = CaseFilter { unit: Some("150802-housing".to_owned()), ..CaseFilter::default() };
        let counts = Counts { received: 3, open: 1, ..Counts::default() };
        let exact = links(&counts, &own, "150802-housing");
        assert_eq!(exact.received.as_deref(), Some("/cases?unit=150802-housing"));
        let with_parts = links(&Counts { parts: 1, ..counts }, &own, "150802-housing");
        assert_eq!((with_parts.received, with_parts.open), (None, exact.open));
    }
}
