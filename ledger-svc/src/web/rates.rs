//! The figures that every page has alike: the rates with their formulas, and tables of what they were counted from.
//!
//! No rate stands without its denominator, and a rate of nothing is a dash. Silence is told apart, as what it is: a case
//! that is over without ever having been rated. Whoever may still rate is not silent.

use huying_platform::codes::RegionCode;
use maud::{Markup, html};

use super::{
    asked::{address, first_moment},
    charts::{self, Share},
    names,
};
use crate::{
    domain::{
        case_filter::CaseFilter,
        counts::{Counts, Month, Rate},
    },
    use_cases::figures::MonthCounts,
};

/// Whose figures they are, for what the received are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// A region's: cases of its subtree.
    Region,
    /// An office's: cases that it held.
    Office,
    /// A department's: cases that it was assigned.
    Department,
}

impl Of {
    /// What a received case is.
    pub(super) fn received(self) -> (&'static str, &'static str) {
        match self {
            Self::Region => ("本地区群众提交的事项", "Submitted by citizens of the region"),
            Self::Office => ("曾由本机构主管的事项", "Ever held by this office"),
            Self::Department => ("曾交办给本单位的事项", "Ever assigned to this department"),
        }
    }

    /// What a replied case is.
    pub(super) fn replied(self) -> (&'static str, &'static str) {
        match self {
            Self::Region => ("已经得到答复的事项，不论由谁答复", "Replied to, by whomever"),
            Self::Office => ("本机构主管期间得到答复的事项", "Replied to while this office held them"),
            Self::Department => ("本单位答复过的事项", "Replied to by this department"),
        }
    }

    /// What is in time.
    pub(super) fn in_time(self) -> (&'static str, &'static str) {
        match self {
            Self::Region => (
                "首次答复既不迟于当时环节的期限，也不迟于整件事项的期限",
                "First reply within the time of its stage and that of the whole case",
            ),
            Self::Office | Self::Department => (
                "首次答复不迟于本单位当时的期限；当时没有环节期限的，不迟于整件事项的期限",
                "First reply within the unit's own time, or else that of the whole case",
            ),
        }
    }
}

/// The three rates and timeliness, each with what it is a share of; what became of the answers apart.
pub(super) fn rates(counts: &Counts, of: Of) -> Markup {
    const REPLIED: (&str, &str) = ("已答复", "replied");
    const RATED: (&str, &str) = ("已评价", "rated");
    html! {
        ul.rates {
            (rate(("响应率", "Response"), counts.response_rate(), REPLIED, ("收到", "received")))
            (rate(("按时率", "In time"), counts.timeliness_rate(), ("按时答复", "in time"), REPLIED))
            (rate(("解决率", "Resolution"), counts.resolution_rate(), ("已解决", "resolved"), RATED))
            (rate(("满意率", "Satisfaction"), counts.satisfaction_rate(), ("满意", "satisfied"), RATED))
        }
        (judged(counts))
        @if counts.replied > 0 {
            p.silence { "按时：" (of.in_time().0) "。" (english(of.in_time().1)) }
        }
        @if let Some(seconds) = counts.median_reply_seconds {
            p.silence {
                "答复用时中位数：半数答复在收到后 " b { (names::duration(seconds)) } " 以内作出。"
                (english("Median time to the first reply"))
            }
        }
    }
}

/// The English of a sentence, on a line of its own.
pub(super) fn english(text: &str) -> Markup {
    html! { span.en.below lang="en" { (text) } }
}

/// One rate, its bar and its formula.
pub(super) fn rate(name: (&str, &str), rate: Rate, counted: (&str, &str), of: (&str, &str)) -> Markup {
    html! {
        li {
            h3 { (names::both(name)) }
            p.percent { (rate.percent().unwrap_or_else(|| "—".to_owned())) }
            (charts::bar(rate.count, rate.of.max(1)))
            p.formula {
                span { "= " (counted.0) " " b { (rate.count) } } " "
                span { "÷ " (of.0) " " b { (rate.of) } @if rate.of == 0 { "，不计算比率" } }
                (english(&format!("{} ÷ {}", counted.1, of.1)))
            }
        }
    }
}

/// What became of the answers: judged well, judged badly, still to be judged, or met with silence, which is none of these.
pub(super) fn judged(counts: &Counts) -> Markup {
    let (answered, silent) = (counts.answered(), counts.silent());
    let parts = [
        ("tone-1", "满意", counts.satisfied),
        ("tone-3", "不满意", counts.rated.saturating_sub(counts.satisfied)),
        ("tone-4", "未评价", silent),
        // The hollow one is last, so that no neighbour is drawn over its edge.
        ("tone-2", "待评价", counts.awaiting_rating),
    ];
    html! {
        @if answered > 0 {
            div.silence {
                (shares(&format!("得到答复的 {answered} 件"), &parts))
                p {
                    "得到答复的 " b { (answered) } " 件"
                    @if counts.answered_along > 0 {
                        "（已答复 " b { (counts.replied) } "，随所并入的事项一并答复 " b { (counts.answered_along) } "）"
                    }
                    " = 已评价 " b { (counts.rated) } " + 待评价 " b { (counts.awaiting_rating) }
                    " + 未评价 " b { (silent) }
                    @if let Some(percent) = (Rate { count: silent, of: answered }).percent() { "（" (percent) "）" }
                    "。待评价的，尚未办结、还没有评价；未评价的，已经办结而没有评价，单独列出，不算满意，也不算不满意。"
                    (english("Answered = rated + not over and not rated yet + silent: over without having been rated, and neither satisfied nor dissatisfied"))
                }
            }
        }
    }
}

/// Parts of one whole: side by side, and as a list with their numbers.
pub(super) fn shares(label: &str, parts: &[(&'static str, &str, u64)]) -> Markup {
    let drawn: Vec<Share> = parts.iter().map(|(tone, _, value)| Share { tone, value: *value }).collect();
    html! {
        (charts::shares(&drawn))
        ul.legend aria-label=(label) {
            @for (tone, name, value) in parts { li { (charts::swatch(tone)) " " (name) " " b { (value) } } }
        }
    }
}

/// The counts themselves, with links to the cases that they count where a list can be asked for just those.
pub(super) fn counts(counts: &Counts, links: &Links) -> Markup {
    html! {
        dl.counts {
            (count(("收到", "Received"), counts.received, links.received.as_deref()))
            (count(("已答复", "Replied"), counts.replied, None))
            (count(("在办", "Open"), counts.open, links.open.as_deref()))
            div.overdue[counts.overdue > 0] {
                dt { (names::both(("逾期", "Overdue"))) }
                dd { (linked(counts.overdue, links.overdue.as_deref())) }
            }
            (count(("不予受理", "Declined"), counts.declined, links.declined.as_deref()))
            (count(("撤回", "Withdrawn"), counts.withdrawn, links.withdrawn.as_deref()))
        }
    }
}

/// Addresses of the cases that counts are of.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub(super) received: Option<String>,
    pub(super) open: Option<String>,
    pub(super) overdue: Option<String>,
    pub(super) declined: Option<String>,
    pub(super) withdrawn: Option<String>,
}

/// One count with its name.
pub(super) fn count(name: (&str, &str), value: u64, address: Option<&str>) -> Markup {
    html! { div { dt { (names::both(name)) } dd { (linked(value, address)) } } }
}

/// A number, as a link to what it counts where there is anything.
fn linked(value: u64, address: Option<&str>) -> Markup {
    html! {
        @match address.filter(|_| value > 0) {
            Some(address) => { a href=(address) { (value) } }
            None => { (value) }
        }
    }
}

/// How many columns a table of counts has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// Those that fit beside a name on a phone.
    Few,
    /// All of them.
    All,
}

/// A row of a table of counts.
pub(super) struct Row {
    /// Whose.
    pub(super) name: Markup,
    /// The figures.
    pub(super) counts: Counts,
    /// The one that the page is about.
    pub(super) is_self: bool,
    /// Address of the received cases, where a list can be asked for them.
    pub(super) received: Option<String>,
}

impl Row {
    /// A row like others.
    pub(super) fn new(name: Markup, counts: Counts) -> Self {
        Self { name, counts, is_self: false, received: None }
    }
}

/// A table of counts, to be scrolled sideways where it is too wide.
pub(super) fn table(
    caption: (&str, &str),
    first: (&str, &str),
    columns: Columns,
    rows: impl IntoIterator<Item = Row>,
) -> Markup {
    let all = columns == Columns::All;
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption.0) {
            table.numbers.few[!all] {
                caption { span { (names::both(caption)) } }
                thead {
                    tr {
                        th scope="col" { (names::both(first)) }
                        th scope="col" { (names::both(("收到", "Received"))) }
                        th scope="col" { (names::both(("逾期", "Overdue"))) }
                        th scope="col" { (names::both(("响应率", "Response"))) }
                        th scope="col" { (names::both(("解决率", "Resolution"))) }
                        th scope="col" { (names::both(("满意率", "Satisfaction"))) }
                        @if all {
                            th scope="col" { (names::both(("在办", "Open"))) }
                            th scope="col" { (names::both(("不予受理 / 撤回", "Declined / withdrawn"))) }
                            th scope="col" { (names::both(("待评价 / 未评价", "Pending / silent"))) }
                            th scope="col" { (names::both(("按时率", "In time"))) }
                            th scope="col" { (names::both(("退回", "Returned"))) }
                            th scope="col" { (names::both(("获准延期", "Extended"))) }
                            th scope="col" { (names::both(("被督办", "Supervised"))) }
                            th scope="col" { (names::both(("被通报", "Criticised"))) }
                            th scope="col" { (names::both(("答复用时中位数", "Median reply"))) }
                        }
                    }
                }
                tbody {
                    @for row in rows { (table_row(&row, all)) }
                }
            }
        }
    }
}

fn table_row(row: &Row, all: bool) -> Markup {
    let counts = &row.counts;
    html! {
        tr.self[row.is_self] {
            th scope="row" { (row.name) }
            td { (linked(counts.received, row.received.as_deref())) }
            td.overdue[counts.overdue > 0] { (counts.overdue) }
            (share(counts.response_rate()))
            (share(counts.resolution_rate()))
            (share(counts.satisfaction_rate()))
            @if all {
                td { (counts.open) }
                td { (counts.declined) " / " (counts.withdrawn) }
                td { (counts.awaiting_rating) " / " (counts.silent()) }
                (share(counts.timeliness_rate()))
                td { (counts.returned) }
                td { (counts.extensions_granted) }
                td { (counts.supervised) }
                td { (counts.criticised) }
                td { (counts.median_reply_seconds.map_or_else(|| "—".to_owned(), names::duration)) }
            }
        }
    }
}

/// A rate in a table: percent, and the fraction below it.
pub(super) fn share(rate: Rate) -> Markup {
    html! {
        td {
            (rate.percent().unwrap_or_else(|| "—".to_owned()))
            span.of { (rate.count) "/" (rate.of) }
        }
    }
}

/// What a month's row leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum MonthLinks<'a> {
    /// The cases that were submitted in it, of a region or of everywhere.
    Cases(Option<&'a RegionCode>),
    /// The units of a region beside each other in that month.
    Units(&'a str),
    /// Nothing.
    Nowhere,
}

/// Cases by month: the columns, and the numbers beneath.
pub(super) fn months(months: &[MonthCounts], of: Of, links: MonthLinks<'_>) -> Markup {
    let row = |one: &MonthCounts| {
        let (name, received) = match links {
            MonthLinks::Cases(region) => {
                (html! { (one.month) }, Some(submitted_in(one.month, region.cloned())))
            }
            MonthLinks::Units(region) => {
                let address = format!("/units?region={region}&month={}", one.month);
                (html! { a href=(address) { (one.month) } }, None)
            }
            MonthLinks::Nowhere => (html! { (one.month) }, None),
        };
        Row { name, counts: one.counts, is_self: false, received }
    };
    html! {
        @if months.is_empty() {
            p.fine { "还没有可以按月统计的事项。" (english("Nothing to count by month yet.")) }
        } @else {
            div.panel {
                (month_columns(
                    ("收到", "已答复"),
                    months.iter().map(|one| (one.month, one.counts.received, one.counts.replied)),
                ))
                (month_legend(("收到", "Received"), ("其中已答复", "of these, replied to")))
            }
            p.fine {
                "按收到的月份（北京时间）统计：" (of.received().0) "，后来的结果都计入收到的那个月。"
                @if matches!(links, MonthLinks::Units(_)) { "点开一个月份，可以看本地区各单位那个月的数字。" }
                (english("Each case counts for the month in which it came, whatever became of it since."))
            }
            (table(("按月统计", "By month"), ("月份", "Month"), Columns::All, months.iter().map(row)))
            @if let (MonthLinks::Cases(_), Some(latest)) = (links, months.first()) {
                p.others {
                    "各地区 " (latest.month) " 的数字："
                    a href={ "/regions.csv?month=" (latest.month) } { "下载 CSV" }
                    a href={ "/regions.jsonl?month=" (latest.month) } { "下载 JSON Lines" }
                    "换一个月份，把网址里的 month 改掉即可。"
                }
            }
        }
    }
}

/// Address of the cases that were submitted in a month.
fn submitted_in(month: Month, region: Option<RegionCode>) -> String {
    let filter = CaseFilter {
        region,
        submitted_from: first_moment(month),
        submitted_before: first_moment(month.next()),
        ..CaseFilter::default()
    };
    address("/cases", &filter, None)
}

/// A column a month, the earliest first; `latest_first` has month, whole and part. `names` are those of whole and part.
pub(super) fn month_columns(
    names: (&str, &str),
    latest_first: impl Iterator<Item = (Month, u64, u64)>,
) -> Markup {
    let mut months: Vec<(Month, u64, u64)> = latest_first.collect();
    months.reverse();
    let mut label = format!("按月的柱状图：{}，其中{}。", names.0, names.1);
    if let (Some((first, ..)), Some((last, ..))) = (months.first(), months.last()) {
        label.push_str(&format!("{first} 至 {last}。"));
    }
    if let Some((month, most, _)) = months.iter().max_by_key(|(_, whole, _)| whole) {
        label.push_str(&format!("最多的是 {month}，{most} 件。数字列在表格里。"));
    }
    let columns: Vec<charts::Column> = months
        .into_iter()
        .map(|(month, whole, part)| charts::Column { name: month_name(month), whole, part })
        .collect();
    charts::columns(&label, &columns)
}

/// Such as 26/11: short enough to stand under a column.
fn month_name(month: Month) -> String {
    format!("{:02}/{:02}", month.year.rem_euclid(100), month.month)
}

pub(super) fn month_legend(whole: (&str, &str), part: (&str, &str)) -> Markup {
    html! {
        ul.legend {
            li { (charts::swatch("whole")) " " (names::both(whole)) }
            li { (charts::swatch("tone-1")) " " (names::both(part)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn satisfaction(count: u64, of: u64) -> String {
        let name = ("满意率", "Satisfaction");
        rate(name, Rate { count, of }, ("满意", "satisfied"), ("已评价", "rated")).into_string()
    }

    #[test]
    fn a_rate_stands_with_its_fraction_and_is_none_without_a_denominator() {
        let drawn = satisfaction(1, 3);
        assert!(
            drawn.contains("33.3%") && drawn.contains("满意 <b>1</b></span> <span>÷ 已评价 <b>3</b>"),
            "{drawn}"
        );
        assert!(drawn.contains("satisfied ÷ rated"), "{drawn}");
        let drawn = satisfaction(0, 0);
        assert!(drawn.contains("不计算比率") && !drawn.contains("0%<"), "{drawn}");
    }

    #[test]
    fn silence_is_told_apart_from_those_who_may_still_rate() {
        let counts = Counts {
            received: 9,
            replied: 7,
            answered_along: 1,
            rated: 2,
            awaiting_rating: 1,
            resolved: 1,
            satisfied: 2,
            ..Counts::default()
        };
        let drawn = rates(&counts, Of::Department).into_string();
        for said in [
            "得到答复的 <b>8</b> 件（已答复 <b>7</b>，随所并入的事项一并答复 <b>1</b>）",
            "已评价 <b>2</b> + 待评价 <b>1</b> + 未评价 <b>5</b>（62.5%）",
            "不满意 <b>0</b>",
            "满意 <b>2</b></span> <span>÷ 已评价 <b>2</b>",
        ] {
            assert!(drawn.contains(said), "{said} is not in {drawn}");
        }
    }

    #[test]
    fn a_month_leads_to_the_cases_that_were_submitted_in_it() {
        let december = Month { year: 2026, month: 12 };
        assert_eq!(
            submitted_in(december, "150802".parse().ok()),
            "/cases?region=150802&from=2026-12-01&until=2026-12-31"
        );
    }

    #[test]
    fn a_count_of_nothing_leads_nowhere() {
        let links = Links { received: Some("/cases".to_owned()), ..Links::default() };
        assert!(!counts(&Counts::default(), &links).into_string().contains("href"));
        let drawn = counts(&Counts { received: 2, ..Counts::default() }, &links).into_string();
        assert!(drawn.contains("<a href=\"/cases\">2</a>"), "{drawn}");
    }
}
