//! The list of cases, its filters, and the counts above it.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};
use huying_platform::{
    codes::{RegionCode, Tier},
    directory::Directory,
};
use huying_proto::events::v1::{CaseState, Publication};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    PageError, Shared, drawn, is_known,
    layout::{self, Section},
    names, unchanged,
};
use crate::{
    domain::{account::Account, words},
    grpc::{page_token, parse_page_token},
    store::cases::{COUNTED_MAX, CaseFilter, Place},
    use_cases::{
        count_cases::Counts,
        latest_checkpoint::tree_size,
        list_cases::{CasePage, ListedCase, list_cases},
    },
};

/// Cases on a page.
const PAGE_SIZE: u32 = 30;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    region: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    overdue: String,
    #[serde(default)]
    after: String,
}

pub(super) async fn page(
    State(pages): Shared,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(asked) = asked.map_err(|_| PageError::BadRequest("网址中的筛选条件无法识别。".to_owned()))?;
    let directory = pages.directory.load();
    let (filter, after) = parse(&asked, &directory)?;
    let tree_size = tree_size(&pages.db).await?;
    let counts = pages.counts.counts(tree_size).await?;
    // The counts may be a moment older than the list, so the page is the same only when both are.
    let tag = pages.entity_tag(tree_size, &directory).replacen('-', &format!("-{}-", counts.tree_size), 1);
    if is_known(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    let page = list_cases(&pages.db, &filter, after, PAGE_SIZE).await?;
    let content = html! {
        (overview(&counts, &directory))
        (filters(&filter, &directory))
        (list(&page, &filter, after.is_some(), &directory))
    };
    Ok(drawn(layout::page("公开事项", Section::Cases, Some(tree_size), &content), &tag))
}

fn parse(asked: &Asked, directory: &Directory) -> Result<(CaseFilter, Option<Place>), PageError> {
    let refused = |message: &str| PageError::BadRequest(message.to_owned());
    let mut filter = CaseFilter::default();
    if !asked.region.is_empty() {
        let region: RegionCode =
            asked.region.parse().map_err(|_| refused("地区代码应为六位或九位数字，例如 150802。"))?;
        if directory.region(region.as_str()).is_none() {
            return Err(refused("没有这个代码的地区。"));
        }
        filter.region = Some(region);
    }
    if !asked.unit.is_empty() {
        directory.unit(&asked.unit).ok_or_else(|| refused("没有这个代码的单位。"))?;
        filter.unit = Some(asked.unit.clone());
    }
    if !asked.state.is_empty() {
        let state = words::state_of(&asked.state).ok_or_else(|| refused("没有这种办理状态。"))?;
        filter.states.push(state);
    }
    match asked.overdue.as_str() {
        "" | "0" => {}
        "1" => filter.overdue_only = true,
        _ => return Err(refused("“只看逾期”应为 1 或不填。")),
    }
    let after = match asked.after.as_str() {
        "" => None,
        token => Some(parse_page_token(token).ok_or_else(|| refused("页码标记无法识别，请从第一页开始。"))?),
    };
    Ok((filter, after))
}

fn overview(counts: &Counts, directory: &Directory) -> Markup {
    let total: u64 = counts.standings.iter().map(|standing| standing.cases).sum();
    let of = |tier: Tier| -> u64 {
        let alike = counts.standings.iter().filter(|standing| {
            let own = match standing.holder_office.as_str() {
                "" => names::tier_of_region(&standing.region),
                office => names::tier_of_unit(directory, office),
            };
            own == Some(tier)
        });
        alike.map(|standing| standing.cases).sum()
    };
    let answered: u64 = counts
        .standings
        .iter()
        .filter(|standing| matches!(standing.state, CaseState::Replied | CaseState::Closed))
        .map(|standing| standing.cases)
        .sum();
    let overdue: u64 =
        counts.standings.iter().filter(|standing| standing.overdue).map(|standing| standing.cases).sum();
    html! {
        section.overview aria-labelledby="overview" {
            h1 #overview { "公开事项 " span.en lang="en" { "Public cases" } }
            dl.counts {
                div.total { dt { "全部 " span.en lang="en" { "All" } } dd { (total) } }
                @for tier in [Tier::Municipal, Tier::District, Tier::Township] {
                    div { dt { (names::both(names::tier(tier))) } dd { (of(tier)) } }
                }
                div { dt { "已答复或办结 " span.en lang="en" { "Answered" } } dd { (answered) } }
                div.overdue[overdue > 0] { dt { "逾期 " span.en lang="en" { "Overdue" } } dd { (overdue) } }
            }
        }
    }
}

fn filters(filter: &CaseFilter, directory: &Directory) -> Markup {
    let region = filter.region.as_ref().map_or("", RegionCode::as_str);
    let unit = filter.unit.as_deref().unwrap_or("");
    let state = filter.states.first().copied();
    // The units of the chosen region, or of the municipality: all of a city's would be a list nobody reads.
    let mut units: Vec<&str> = match region {
        "" => directory
            .children_of("")
            .iter()
            .flat_map(|code| directory.units_of(code))
            .map(String::as_str)
            .collect(),
        code => directory.units_of(code).iter().map(String::as_str).collect(),
    };
    if !unit.is_empty() && !units.contains(&unit) {
        units.insert(0, unit);
    }
    html! {
        form.filters method="get" action="/" aria-label="筛选" {
            label {
                span { "地区 " span.en lang="en" { "Region" } }
                select name="region" {
                    option value="" { "全部地区" }
                    @for municipal in directory.children_of("") {
                        option value=(municipal) selected[region == municipal] { (names::region(directory, municipal)) }
                        @for district in directory.children_of(municipal) {
                            optgroup label=(names::region(directory, district)) {
                                option value=(district) selected[region == district] {
                                    (names::region(directory, district)) "（全部）"
                                }
                                @for township in directory.children_of(district) {
                                    option value=(township) selected[region == township] {
                                        (names::region(directory, township))
                                    }
                                }
                            }
                        }
                    }
                }
            }
            label {
                span { "单位 " span.en lang="en" { "Unit" } }
                select name="unit" {
                    option value="" { "全部单位" }
                    @for code in units {
                        option value=(code) selected[unit == code] { (names::unit(directory, code)) }
                    }
                }
            }
            label {
                span { "状态 " span.en lang="en" { "State" } }
                select name="state" {
                    option value="" { "全部状态" }
                    @for own in names::STATES {
                        option value=(words::state_word(own).unwrap_or_default()) selected[state == Some(own)] {
                            (names::state(own).0)
                        }
                    }
                }
            }
            label.check {
                input type="checkbox" name="overdue" value="1" checked[filter.overdue_only];
                span { "只看逾期 " span.en lang="en" { "Overdue only" } }
            }
            button type="submit" { "筛选 " span.en lang="en" { "Filter" } }
        }
    }
}

fn list(page: &CasePage, filter: &CaseFilter, is_later_page: bool, directory: &Directory) -> Markup {
    let filtered = *filter != CaseFilter::default();
    html! {
        section aria-label="事项列表" {
            @if filtered {
                p.found {
                    "符合条件的事项 " strong { (counted(page.total)) } " 件 · "
                    a href="/" { "清除筛选 " span.en lang="en" { "Clear" } }
                }
            }
            @if page.cases.is_empty() {
                div.empty {
                    @if is_later_page {
                        p { "后面没有了。" }
                    } @else if filtered {
                        p { "没有符合条件的事项。" br; span.en lang="en" { "No case matches." } }
                    } @else {
                        p {
                            "账本里还没有事项。第一件事项提交后，几秒之内就会出现在这里。" br;
                            span.en lang="en" { "No cases yet." }
                        }
                    }
                }
            } @else {
                ol.cases {
                    @for case in &page.cases { li { (row(case, directory)) } }
                }
            }
            nav.paging aria-label="翻页" {
                @if is_later_page { a.button href=(address(filter, None)) { "第一页 " span.en lang="en" { "First" } } }
                @if let Some(next) = page.next {
                    a.button rel="next" href=(address(filter, Some(next))) { "下一页 " span.en lang="en" { "Next" } }
                }
            }
        }
    }
}

/// A count as far as it was counted.
fn counted(total: u64) -> String {
    if total < COUNTED_MAX { total.to_string() } else { format!("{}+", COUNTED_MAX - 1) }
}

fn row(case: &ListedCase, directory: &Directory) -> Markup {
    let account = &case.account;
    html! {
        article.case {
            h2 {
                a href={ "/cases/" (account.case_id) } { (title(case.title.as_deref(), account)) }
            }
            p.badges { (state_badge(account)) }
            dl {
                div { dt { "地区" } dd { (names::place(directory, &account.region)) } }
                div {
                    dt { "类别" }
                    dd {
                        (names::kind(account.kind).0)
                        @if !account.category.is_empty() { " · " (account.category.replace('/', " / ")) }
                    }
                }
                div {
                    dt { "责任单位" }
                    dd {
                        @if account.responsible_unit.is_empty() && account.holder_office.is_empty() {
                            "等待分派"
                        } @else if account.responsible_unit.is_empty() {
                            (names::unit(directory, &account.holder_office))
                        } @else {
                            (names::unit(directory, &account.responsible_unit))
                        }
                    }
                }
                div { dt { "提交" } dd { (names::time(account.submitted_at)) } }
            }
        }
    }
}

/// Title of a case, or why there is none.
pub(super) fn title(title: Option<&str>, account: &Account) -> Markup {
    html! {
        @match (title, account.publication) {
            (Some(title), _) => { (title) }
            (None, _) if account.is_erased(1, "title") => { span.withheld { "已删除" } }
            (None, Publication::StatusOnly) => { span.withheld { "未公开 · 仅公开办理情况" } }
            (None, Publication::Public | Publication::Unspecified) => {
                span.withheld { (why_withheld(account.state)) }
            }
        }
    }
}

/// Why the texts of a case are not shown although its citizen allowed it.
fn why_withheld(state: CaseState) -> &'static str {
    match state {
        CaseState::Declined => "不予受理 · 来信不公开",
        CaseState::Withdrawn => "登记受理前已撤回 · 来信不公开",
        CaseState::Merged | CaseState::Closed => "登记受理前已并案 · 来信不公开",
        CaseState::Unspecified
        | CaseState::Submitted
        | CaseState::Registered
        | CaseState::Assigned
        | CaseState::InHandling
        | CaseState::Replied => "待登记 · 登记受理后公开",
    }
}

/// State, how many people wrote, and the overdue mark.
pub(super) fn state_badge(account: &Account) -> Markup {
    let class = words::state_word(account.state).unwrap_or_default();
    html! {
        span class={ "badge " (class) } { (names::both(names::state(account.state))) }
        @if account.petitioner_count > 1 {
            " " span.badge.people {
                (account.petitioner_count) " 人反映 " span.en lang="en" { (account.petitioner_count) " people" }
            }
        }
        @if account.overdue { " " span.badge.overdue { "逾期 " span.en lang="en" { "Overdue" } } }
    }
}

/// The address of a page of this list. All values are codes, words or tokens without characters to escape.
fn address(filter: &CaseFilter, after: Option<Place>) -> String {
    let mut parts = Vec::new();
    if let Some(region) = &filter.region {
        parts.push(format!("region={region}"));
    }
    if let Some(unit) = &filter.unit {
        parts.push(format!("unit={unit}"));
    }
    if let Some(state) = filter.states.first().and_then(|state| words::state_word(*state)) {
        parts.push(format!("state={state}"));
    }
    if filter.overdue_only {
        parts.push("overdue=1".to_owned());
    }
    if let Some(place) = after {
        parts.push(format!("after={}", page_token(place)));
    }
    if parts.is_empty() { "/".to_owned() } else { format!("/?{}", parts.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn a_count_says_where_counting_ended() {
        assert_eq!(counted(10_000), "10000");
        assert_eq!(counted(10_001), "10000+");
    }
}
