//! The figures that every page has alike: the rates with their formulas, and tables of what they were counted from.
//!
//! No rate stands without its denominator, and a rate of nothing is a dash. Silence is told apart, as what it is.

use maud::{Markup, html};

use super::{
    charts::{self, Share},
    names,
};
use crate::{
    domain::counts::{Counts, Month, Rate},
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
    pub(super) fn received(self) -> &'static str {
        match self {
            Self::Region => "本地区群众提交的事项",
            Self::Office => "曾由本机构持有的事项",
            Self::Department => "曾交办给本单位的事项",
        }
    }

    /// What a replied case is.
    pub(super) fn replied(self) -> &'static str {
        match self {
            Self::Region => "已经得到答复的事项，不论由谁答复",
            Self::Office => "由本机构持有期间得到答复的事项",
            Self::Department => "本单位答复过的事项",
        }
    }
}

/// The three rates and timeliness, each with what it is a share of; silence apart.
pub(super) fn rates(counts: &Counts) -> Markup {
    html! {
        ul.rates {
            (rate(("响应率", "Response"), counts.response_rate(), ("已答复", "收到")))
            (rate(("按时率", "In time"), counts.timeliness_rate(), ("按时答复", "已答复")))
            (rate(("解决率", "Resolution"), counts.resolution_rate(), ("已解决", "已评价")))
            (rate(("满意率", "Satisfaction"), counts.satisfaction_rate(), ("满意", "已评价")))
        }
        (silence(counts.replied, counts.rated, counts.satisfied))
    }
}

/// One rate, its bar and its formula.
pub(super) fn rate(name: (&str, &str), rate: Rate, (counted, of): (&str, &str)) -> Markup {
    html! {
        li {
            h3 { (names::both(name)) }
            p.percent { (rate.percent().unwrap_or_else(|| "—".to_owned())) }
            (charts::bar(rate.count, rate.of.max(1)))
            p.formula {
                span { "= " (counted) " " b { (rate.count) } } " "
                span { "÷ " (of) " " b { (rate.of) } @if rate.of == 0 { "，不计算比率" } }
            }
        }
    }
}

/// What became of the replies: judged well, judged badly, or met with silence, which is neither.
pub(super) fn silence(replied: u64, rated: u64, satisfied: u64) -> Markup {
    let silent = Rate { count: replied.saturating_sub(rated), of: replied };
    let parts = [
        ("tone-1", "满意", satisfied),
        ("tone-3", "不满意", rated.saturating_sub(satisfied)),
        ("tone-4", "沉默", silent.count),
    ];
    html! {
        @if replied > 0 {
            div.silence {
                (charts::shares(&parts.map(|(tone, _, value)| Share { tone, value })))
                ul.legend aria-label={ "已答复的 " (replied) " 件" } {
                    @for (tone, name, value) in parts { li { (charts::swatch(tone)) " " (name) " " b { (value) } } }
                }
                p {
                    "沉默 " span.en lang="en" { "Silent" } " 是答复后始终没有评价的：" b { (silent.count) } " ÷ 已答复 " b { (replied) }
                    @if let Some(percent) = silent.percent() { " = " b { (percent) } }
                    "。单独列出，不算满意，也不算不满意。"
                }
            }
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
}

/// A table of counts, to be scrolled sideways where it is too wide.
pub(super) fn table(
    caption: &str,
    first: (&str, &str),
    columns: Columns,
    rows: impl IntoIterator<Item = Row>,
) -> Markup {
    let all = columns == Columns::All;
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table.numbers.few[!all] {
                caption { (caption) }
                thead {
                    tr {
                        th scope="col" { (names::both(first)) }
                        th scope="col" { (names::both(("收到", "Received"))) }
                        th scope="col" { (names::both(("逾期", "Overdue"))) }
                        th scope="col" { (names::both(("响应率", "Response"))) }
                        th scope="col" { (names::both(("解决率", "Resolution"))) }
                        th scope="col" { (names::both(("满意率", "Satisfaction"))) }
                        @if all {
                            th scope="col" { (names::both(("待办", "Open"))) }
                            th scope="col" { (names::both(("沉默", "Silent"))) }
                            th scope="col" { (names::both(("按时率", "In time"))) }
                            th scope="col" { (names::both(("退回", "Returned"))) }
                            th scope="col" { (names::both(("获准延期", "Extended"))) }
                            th scope="col" { (names::both(("被督办", "Supervised"))) }
                            th scope="col" { (names::both(("被通报", "Criticised"))) }
                            th scope="col" { (names::both(("用时中位", "Median"))) }
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
            td { (counts.received) }
            td.overdue[counts.overdue > 0] { (counts.overdue) }
            (share(counts.response_rate()))
            (share(counts.resolution_rate()))
            (share(counts.satisfaction_rate()))
            @if all {
                td { (counts.open) }
                td { (counts.silent()) }
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

/// Cases by month: the columns, and the numbers beneath.
pub(super) fn months(months: &[MonthCounts], of: Of) -> Markup {
    html! {
        @if months.is_empty() {
            p.fine { "还没有可以按月统计的事项。" }
        } @else {
            div.panel {
                (month_columns(
                    ("收到", "已答复"),
                    months.iter().map(|one| (one.month, one.counts.received, one.counts.replied)),
                ))
                (month_legend("收到", "其中已答复"))
            }
            p.fine { "按收到的月份（北京时间）统计：" (of.received()) "，后来的结果都计入收到的那个月。" }
            (table(
                "按月统计",
                ("月份", "Month"),
                Columns::All,
                months.iter().map(|one| Row { name: html! { (one.month) }, counts: one.counts, is_self: false }),
            ))
        }
    }
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

pub(super) fn month_legend(whole: &str, part: &str) -> Markup {
    html! {
        ul.legend {
            li { (charts::swatch("whole")) " " (whole) }
            li { (charts::swatch("tone-1")) " " (part) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_stands_with_its_fraction_and_is_none_without_a_denominator() {
        let drawn =
            rate(("满意率", "Satisfaction"), Rate { count: 1, of: 3 }, ("满意", "已评价")).into_string();
        assert!(
            drawn.contains("33.3%") && drawn.contains("满意 <b>1</b></span> <span>÷ 已评价 <b>3</b>"),
            "{drawn}"
        );
        let drawn =
            rate(("满意率", "Satisfaction"), Rate { count: 0, of: 0 }, ("满意", "已评价")).into_string();
        assert!(drawn.contains("不计算比率") && !drawn.contains("0%<"), "{drawn}");
    }

    #[test]
    fn silence_is_told_apart() {
        let counts =
            Counts { received: 9, replied: 8, rated: 2, resolved: 1, satisfied: 2, ..Counts::default() };
        let drawn = rates(&counts).into_string();
        assert!(drawn.contains("<b>6</b> ÷ 已答复 <b>8</b> = <b>75.0%</b>"), "{drawn}");
        assert!(drawn.contains("不满意 <b>0</b>") && drawn.contains("沉默 <b>6</b>"), "{drawn}");
        assert!(drawn.contains("满意 <b>2</b></span> <span>÷ 已评价 <b>2</b>"), "{drawn}");
    }
}
