//! The representatives of a region, found by what they are called.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};
use huying_platform::{codes::RegionCode, directory::Directory};
use maud::{Markup, html};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::{
    PageError, Shared, asked, drawn,
    layout::{self, Section},
    names,
    rates::{self, english},
};
use crate::{
    domain::counts::{Month, Rate},
    use_cases::figures::{NamedRepresentative, RepresentativeList},
};

/// Representatives on a page.
const PAGE_SIZE: usize = 50;

/// Longest text to look for, in characters: longer than any designation.
const QUERY_CHARS_MAX: usize = 100;

/// Pages that can be asked for: more than there are, in any municipality.
const PAGES_MAX: usize = 1_000_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    region: String,
    /// Such as 2026-11; all time without.
    month: String,
    page: String,
}

/// Whom somebody looks for.
pub(super) struct Wanted {
    /// Part of a designation or a code.
    pub(super) query: String,
    pub(super) region: Option<RegionCode>,
    /// Month whose figures are wanted; those over all time without.
    pub(super) month: Option<Month>,
    /// From 1.
    page: usize,
}

impl Asked {
    pub(super) fn wanted(&self) -> Result<Wanted, PageError> {
        let refused = |message: &str| PageError::BadRequest(message.to_owned());
        let query = self.q.trim();
        if query.chars().count() > QUERY_CHARS_MAX {
            return Err(refused("代表名称最多 100 个字。"));
        }
        let page = match self.page.as_str() {
            "" => 1,
            text => text
                .parse()
                .ok()
                .filter(|page| (1..=PAGES_MAX).contains(page))
                .ok_or_else(|| refused("页码应为 1、2、3……"))?,
        };
        let (region, month) = (asked::region(&self.region)?, asked::month(&self.month)?);
        Ok(Wanted { query: query.to_owned(), region, month, page })
    }
}

impl Wanted {
    pub(super) fn matches(&self, one: &NamedRepresentative) -> bool {
        one.designation.contains(&self.query) || one.code.contains(&self.query)
    }

    fn address(&self, page: usize) -> String {
        self.address_of("/representatives", page)
    }

    /// The address of a page, or of a file, of these representatives.
    fn address_of(&self, path: &str, page: usize) -> String {
        let mut fields = Serializer::new(String::new());
        if !self.query.is_empty() {
            fields.append_pair("q", &self.query);
        }
        if let Some(region) = &self.region {
            fields.append_pair("region", region.as_str());
        }
        if let Some(month) = self.month {
            fields.append_pair("month", &month.to_string());
        }
        if page > 1 {
            fields.append_pair("page", &page.to_string());
        }
        match fields.finish() {
            fields if fields.is_empty() => path.to_owned(),
            fields => format!("{path}?{fields}"),
        }
    }
}

pub(super) async fn page(
    State(pages): Shared,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(asked) = asked.map_err(|_| PageError::BadRequest("网址中的条件无法识别。".to_owned()))?;
    let wanted = asked.wanted()?;
    let directory = pages.directory.load();
    let first = (wanted.page - 1) * PAGE_SIZE;
    let mut list = match wanted.query.is_empty() {
        true => {
            let (region, month) = (wanted.region.as_ref(), wanted.month);
            pages.figures.representatives(&directory, region, month, first, PAGE_SIZE).await?
        }
        false => {
            let (region, month) = (wanted.region.as_ref(), wanted.month);
            pages.figures.representatives(&directory, region, month, 0, usize::MAX).await?
        }
    };
    if !wanted.query.is_empty() {
        list.representatives.retain(|one| wanted.matches(one));
        list.count = list.representatives.len();
        list.representatives = list.representatives.into_iter().skip(first).take(PAGE_SIZE).collect();
    }
    let content = html! {
        h1 { "人大代表 " span.en lang="en" { "Representatives" } }
        p.fine {
            "代表按称谓公开，不公布姓名。点开一位代表，可以看到由账本得出的履职档案。"
            (english("By designation, never by name. Each has a duty archive drawn from the log."))
        }
        (form(&wanted, &directory))
        p.chosen { span.count {
            @if wanted.query.is_empty() && wanted.region.is_none() { "共 " } @else { "符合条件的 " }
            strong { (list.count) } " 位"
            @if let Some(month) = wanted.month {
                "，只看 " strong { (month) } " 经手的事项，结果截至现在"
            }
        } }
        (table(&list, &directory))
        (paging(&wanted, list.count))
        p.others {
            "这份名单的全部数字："
            a href=(wanted.address_of("/representatives.csv", 1)) { "下载 CSV" }
            a href=(wanted.address_of("/representatives.jsonl", 1)) { "下载 JSON Lines" }
        }
    };
    Ok(drawn(layout::page("人大代表", Section::Representatives, Some(list.tree_size), &content), &headers))
}

fn form(wanted: &Wanted, directory: &Directory) -> Markup {
    let chosen = wanted.region.as_ref().map_or("", RegionCode::as_str);
    let option = |code: &str, all: &str| {
        html! { option value=(code) selected[chosen == code] { (names::region(directory, code)) (all) } }
    };
    html! {
        search {
            form.search.wraps action="/representatives" {
                label.unseen for="q" { "代表称谓或代码" }
                input.field #q type="search" name="q" value=(wanted.query) maxlength=(QUERY_CHARS_MAX)
                    placeholder="例如 第12号代表";
                label.unseen for="region" { "地区" }
                select.field #region name="region" {
                    option value="" { "全部地区" }
                    @if !chosen.is_empty() && directory.active_region(chosen).is_none() { (option(chosen, "")) }
                    @for municipal in directory.children_of("") {
                        (option(municipal, ""))
                        @for district in directory.children_of(municipal) {
                            optgroup label=(names::region(directory, district)) {
                                (option(district, "（全部）"))
                                @for township in directory.children_of(district) { (option(township, "")) }
                            }
                        }
                    }
                }
                (asked::month_field(wanted.month))
                button.button.strong type="submit" { "查找 " span.en lang="en" { "Find" } }
            }
        }
    }
}

fn table(list: &RepresentativeList, directory: &Directory) -> Markup {
    html! {
        @if list.representatives.is_empty() {
            div.empty { p { "没有符合条件的代表。" br; span.en lang="en" { "No representative matches." } } }
        } @else {
            div.scroll tabindex="0" role="region" aria-label="人大代表" {
                table.numbers.few {
                    caption { span {
                        "履职情况。本人回应率 = 本人回应 ÷ 经手（写给本人的和本人认领的，各计一次）；所涉事项满意率 = 满意 ÷ 已评价，不论由谁答复 "
                        span.en lang="en" { "Answered = answered by them ÷ addressed to or claimed by them; satisfaction is of the cases, whoever replied" }
                    } }
                    thead {
                        tr {
                            th scope="col" { (names::both(("代表", "Representative"))) }
                            th scope="col" { (names::both(("写给本人", "Received"))) }
                            th scope="col" { (names::both(("认领", "Claimed"))) }
                            th scope="col" { (names::both(("本人回应率", "Answered"))) }
                            th scope="col" { (names::both(("催办", "Urged"))) }
                            th scope="col" { (names::both(("所涉事项满意率", "Satisfaction"))) }
                        }
                    }
                    tbody { @for one in &list.representatives { (row(one, directory)) } }
                }
            }
        }
    }
}

fn row(one: &NamedRepresentative, directory: &Directory) -> Markup {
    let counts = &one.counts;
    html! {
        tr {
            th scope="row" {
                a href={ "/representatives/" (one.code) } { (one.designation) }
                @if !one.region.is_empty() { span.of { (names::region(directory, &one.region)) } }
            }
            td { (counts.received) }
            td { (counts.claimed) }
            (rates::share(counts.answer_rate()))
            td { (counts.urged) }
            (rates::share(Rate { count: counts.satisfied, of: counts.rated }))
        }
    }
}

fn paging(wanted: &Wanted, count: usize) -> Markup {
    let last = count.div_ceil(PAGE_SIZE).max(1);
    html! {
        @if last > 1 || wanted.page > 1 {
            nav.paging aria-label="翻页" {
                @if wanted.page > 1 {
                    a.button rel="prev" href=(wanted.address((wanted.page - 1).min(last))) { "上一页 " span.en lang="en" { "Previous" } }
                }
                span.place { "第 " (wanted.page) " 页，共 " (last) " 页" }
                @if wanted.page < last {
                    a.button rel="next" href=(wanted.address(wanted.page + 1)) { "下一页 " span.en lang="en" { "Next" } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(q: &str, region: &str, page: &str) -> Asked {
        let (q, region, page) = (q.to_owned(), region.to_owned(), page.to_owned());
        Asked { q, region, page, ..Asked::default() }
    }

    #[test]
    fn the_next_page_is_of_the_same_search() {
        let wanted = asked(" 第12号 ", "150802", "2").wanted().ok().unwrap();
        assert_eq!(wanted.address(3), "/representatives?q=%E7%AC%AC12%E5%8F%B7&region=150802&page=3");
        assert_eq!(asked("", "", "").wanted().ok().unwrap().address(1), "/representatives");
        let of_november = Asked { month: "2026-11".to_owned(), ..Asked::default() }.wanted().ok().unwrap();
        assert_eq!(of_november.address(2), "/representatives?month=2026-11&page=2");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            asked(&"长".repeat(101), "", ""),
            asked("", "1", ""),
            asked("", "", "0"),
            asked("", "", "-1"),
            asked("", "", "99999999999999999999"),
            Asked { month: "2026-13".to_owned(), ..Asked::default() },
        ] {
            assert!(wrong.wanted().is_err());
        }
    }
}
