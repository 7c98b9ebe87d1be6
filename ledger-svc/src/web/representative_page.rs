//! The duty archive 履职档案 of a representative: nothing but what the ledger has.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use huying_platform::{
    codes::{InvalidCode, RepresentativeCode},
    directory::Directory,
};
use huying_proto::events::v1::{Representative, RepresentativeLevel};
use maud::{Markup, html};

use super::{
    PageError, Shared, drawn, glance,
    layout::{self, Section},
    names,
    rates::{self, english},
};
use crate::{
    domain::{
        case_filter::CaseFilter,
        counts::{DutyCounts, Rate},
    },
    use_cases::{
        figures::{MonthCounts, RepresentativeArchive},
        list_cases::list_cases,
    },
};

const UNKNOWN: PageError = PageError::NotFound("没有这个代码的代表。代表代码的样子是 r-150802001-003。");

pub(super) async fn page(
    State(pages): Shared,
    headers: HeaderMap,
    Path(code): Path<String>,
) -> Result<Response, PageError> {
    let code: RepresentativeCode = code.parse().map_err(|_: InvalidCode| UNKNOWN)?;
    let code = code.as_str();
    let directory = pages.directory.load();
    let archive = pages.figures.representative_archive(code).await?;
    let known = directory.representative(code);
    if known.is_none() && archive.total == DutyCounts::default() {
        return Err(UNKNOWN);
    }
    let own = CaseFilter { representative: Some(code.to_owned()), ..CaseFilter::default() };
    let latest = list_cases(&pages.db, &own, None, glance::LATEST_CASES).await?;
    let name = names::representative(&directory, code);
    let content = html! {
        (crumbs(known, &directory))
        h1 { (name) }
        p.badges {
            span.badge { "履职档案 " span.en lang="en" { "Duty archive" } }
            @match known {
                Some(known) => { span.badge { (level(known.level())) } }
                None => { span.badge { "不在基础数据中 " span.en lang="en" { "Not in the directory" } } }
            }
        }
        @if let Some(known) = known { (place(known, &directory)) }
        (figures(&archive.total))
        (months(&archive, known.map(|known| known.region.as_str())))
        (glance::latest(
            ("写给本人和本人认领的事项", "Cases"),
            "还没有写给本人或由本人认领的事项。",
            &latest.cases,
            &own,
            &directory,
        ))
        p.fine {
            "这份档案由账本前 " (archive.tree_size) " 条记录得出，不需要代表填报，任何人都可以用同样的记录重新计算。"
            (english("Drawn from the log alone: nobody fills it in, and anybody can draw it again."))
        }
    };
    let (section, feed) = (Section::Representatives, glance::feed(&own));
    let page = layout::page_with_feed(name, section, Some(archive.tree_size), Some(&feed), &content);
    Ok(drawn(page, &headers))
}

fn crumbs(known: Option<&Representative>, directory: &Directory) -> Markup {
    let above = known.map(|known| names::regions_down_to(directory, &known.region)).unwrap_or_default();
    layout::crumbs(
        std::iter::once(("/representatives".to_owned(), "人大代表")).chain(
            above
                .into_iter()
                .map(|code| (format!("/representatives?region={code}"), names::region(directory, code))),
        ),
    )
}

/// Which congress they sit in.
fn level(level: RepresentativeLevel) -> &'static str {
    match level {
        RepresentativeLevel::Unspecified => "人大代表",
        RepresentativeLevel::National => "全国人大代表",
        RepresentativeLevel::Provincial => "省级人大代表",
        RepresentativeLevel::Municipal => "市级人大代表",
        RepresentativeLevel::District => "县级人大代表",
        RepresentativeLevel::Township => "乡级人大代表",
    }
}

fn place(known: &Representative, directory: &Directory) -> Markup {
    let station = directory.station(&known.station);
    html! {
        p.fine {
            "所在地区："
            a href={ "/regions/" (known.region) } { (names::region(directory, &known.region)) }
            @if let Some(station) = station { " · 联络站：" (station.name) }
        }
    }
}

fn figures(total: &DutyCounts) -> Markup {
    html! {
        section aria-labelledby="figures" {
            h2 #figures { "履职情况 " span.en lang="en" { "Figures" } }
            ul.rates.one {
                (rates::rate(
                    ("本人回应率", "Answered"), total.answer_rate(), ("本人回应", "answered"), ("经手", "taken on"),
                ))
            }
            dl.counts {
                (rates::count(("写给本人", "Received"), total.received, None))
                (rates::count(("认领", "Claimed"), total.claimed, None))
                (rates::count(("本人回应", "Answered"), total.answered, None))
                (rates::count(("催办", "Urged"), total.urged, None))
                (rates::count(("报告进展", "Reports"), total.progress_reported, None))
            }
            p.silence {
                "经手的是写给本人的和本人认领的事项，各计一次，共 " b { (total.taken_on) } " 件；本人回应是本人直接答复或报告过进展。"
                @if let Some(seconds) = total.median_answer_seconds {
                    "半数回应在 " b { (names::duration(seconds)) } " 以内作出。"
                }
                @if let Some(last_act_at) = total.last_act_at { "最近一次履职在 " (names::time(last_act_at)) "。" }
                (english("Taken on: addressed to them or claimed by them. Answered: replied to, or reported on, in their own name."))
            }
        }
        (outcomes(total))
    }
}

/// What became of the cases, which says nothing of the representative: offices and departments answer most of them.
fn outcomes(total: &DutyCounts) -> Markup {
    let parts = [
        ("tone-1", "满意", total.satisfied),
        ("tone-3", "不满意", total.rated.saturating_sub(total.satisfied)),
        ("tone-2", "尚未评价", total.replied.saturating_sub(total.rated)),
    ];
    html! {
        section aria-labelledby="outcomes" {
            h2 #outcomes { "所涉事项的结果 " span.en lang="en" { "What became of the cases" } }
            p.fine {
                "以下是经手事项的结果，不论由谁答复，不是对代表本人的评价。"
                (english("Of the cases taken on, whoever replied; no judgement of the representative."))
            }
            ul.rates.two {
                (rates::rate(
                    ("所涉事项的解决率", "Resolution"), resolution(total), ("已解决", "resolved"), ("已评价", "rated"),
                ))
                (rates::rate(
                    ("所涉事项的满意率", "Satisfaction"), satisfaction(total), ("满意", "satisfied"), ("已评价", "rated"),
                ))
            }
            @if total.replied > 0 {
                div.silence { (rates::shares(&format!("已答复的 {} 件", total.replied), &parts)) }
            }
        }
    }
}

fn resolution(counts: &DutyCounts) -> Rate {
    Rate { count: counts.resolved, of: counts.rated }
}

fn satisfaction(counts: &DutyCounts) -> Rate {
    Rate { count: counts.satisfied, of: counts.rated }
}

/// By month, each with a link to the representatives of their region in that month, if they have one.
fn months(archive: &RepresentativeArchive, region: Option<&str>) -> Markup {
    html! {
        @if !archive.months.is_empty() {
            section aria-labelledby="months" {
                h2 #months { "按月 " span.en lang="en" { "By month" } }
                div.panel {
                    (rates::month_columns(
                        ("经手", "本人回应"),
                        archive.months.iter().map(|one| (one.month, one.counts.taken_on, one.counts.answered)),
                    ))
                    (rates::month_legend(("经手", "Taken on"), ("其中本人回应", "of these, answered")))
                }
                div.scroll tabindex="0" role="region" aria-label="按月统计" {
                    table.numbers {
                        caption { span {
                            "按收到或认领的月份（北京时间）统计，后来的结果都计入那个月；解决率和满意率是所涉事项的，不论由谁答复 "
                            span.en lang="en" { "By the month in which a case came; the last two rates are of the cases, whoever replied" }
                        } }
                        thead {
                            tr {
                                th scope="col" { (names::both(("月份", "Month"))) }
                                th scope="col" { (names::both(("写给本人", "Received"))) }
                                th scope="col" { (names::both(("认领", "Claimed"))) }
                                th scope="col" { (names::both(("本人回应率", "Answered"))) }
                                th scope="col" { (names::both(("催办", "Urged"))) }
                                th scope="col" { (names::both(("所涉事项解决率", "Resolution"))) }
                                th scope="col" { (names::both(("所涉事项满意率", "Satisfaction"))) }
                            }
                        }
                        tbody { @for one in &archive.months { (month(one, region)) } }
                    }
                }
            }
        }
    }
}

fn month(one: &MonthCounts<DutyCounts>, region: Option<&str>) -> Markup {
    let counts = &one.counts;
    html! {
        tr {
            th scope="row" {
                @match region {
                    Some(region) => { a href={ "/representatives?region=" (region) "&month=" (one.month) } { (one.month) } }
                    None => { (one.month) }
                }
            }
            td { (counts.received) }
            td { (counts.claimed) }
            (rates::share(counts.answer_rate()))
            td { (counts.urged) }
            (rates::share(resolution(counts)))
            (rates::share(satisfaction(counts)))
        }
    }
}
