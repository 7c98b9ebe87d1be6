//! The list of cases: what is looked for, what was found, and the same as files and as a feed.

use axum::{
    extract::{Query, RawQuery, State, rejection::QueryRejection},
    http::HeaderMap,
    response::{IntoResponse as _, Redirect, Response},
};
use huying_platform::directory::Directory;
use huying_proto::events::v1::{CaseState, Publication};
use maud::{Markup, html};

use super::{
    PageError, Shared,
    asked::{CasesAsked, address},
    drawn,
    layout::{self, Section},
    names,
    search_form::{chosen, search_form},
};
use crate::{
    domain::{
        account::Account,
        case_filter::CaseFilter,
        highlight::{self, Fragment},
        search_query::SearchQuery,
        title::ListedTitle,
        words,
    },
    page_token::{InvalidPageToken, page_token, parse_page_token},
    store::cases::COUNTED_MAX,
    use_cases::{
        latest_checkpoint::tree_size,
        list_cases::{CasePage, ListedCase},
    },
};

/// Cases on a page.
const PAGE_SIZE: u32 = 30;

pub(super) async fn page(
    State(pages): Shared,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    asked: Result<Query<CasesAsked>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(asked) = asked.map_err(|_| PageError::BadRequest("网址中的筛选条件无法识别。".to_owned()))?;
    let filter = asked.filter()?;
    let after = match asked.page.as_str() {
        "" => None,
        token => Some(parse_page_token(&filter, token).map_err(no_page)?),
    };
    if query.is_some_and(|query| has_empty_fields(&query)) {
        let token = Some(asked.page.as_str()).filter(|token| !token.is_empty());
        return Ok(Redirect::to(&address("/cases", &filter, token)).into_response());
    }
    let directory = pages.directory.load();
    let tree_size = tree_size(&pages.db).await?;
    let page = pages.searches.list(&filter, after, PAGE_SIZE).await?;
    let content = html! {
        h1 { "公开事项 " span.en lang="en" { "Public cases" } }
        (search_form(&filter, &directory))
        (chosen(&filter, page.total, &directory))
        (list(&page, &filter, after.is_some(), &directory))
        (files(&filter))
    };
    let feed = address("/cases.atom", &filter, None);
    let page = layout::page_with_feed("公开事项", Section::Cases, Some(tree_size), Some(&feed), &content);
    Ok(drawn(page, &headers))
}

/// A form sends all of its fields, the empty ones too. Whoever shares or keeps an address wants it without them.
fn has_empty_fields(query: &str) -> bool {
    query.split('&').any(|field| field.ends_with('='))
}

fn no_page(error: InvalidPageToken) -> PageError {
    let message = match error {
        InvalidPageToken::NotAToken => "页码标记无法识别，请从第一页开始。",
        InvalidPageToken::OtherFilter => "页码标记属于另一组筛选条件，请从第一页开始。",
    };
    PageError::BadRequest(message.to_owned())
}

fn list(page: &CasePage, filter: &CaseFilter, is_later_page: bool, directory: &Directory) -> Markup {
    html! {
        @if !page.unreadable.is_empty() {
            div.alarm role="alert" {
                p {
                    strong { "这里有 " (page.unreadable.len()) " 件事项的办理情况在数据库中被改动过，无法列出" } "，账本里的记录仍在："
                    @for case_id in &page.unreadable { a href={ "/cases/" (case_id) } { (case_id) } " " }
                }
                p { span.en lang="en" { "How these cases stand has been changed beside the log and cannot be listed; their lines are still in the log." } }
            }
        }
        @if page.cases.is_empty() && page.unreadable.is_empty() {
            div.empty {
                @if is_later_page {
                    p { "后面没有了。" br; span.en lang="en" { "Nothing further." } }
                } @else if *filter == CaseFilter::default() {
                    p {
                        "账本里还没有事项。第一件事项提交后，几秒之内就会出现在这里。" br;
                        span.en lang="en" { "No cases yet." }
                    }
                } @else {
                    p { "没有符合条件的事项。可以少用几个词，或者去掉一个条件。" br; span.en lang="en" { "No case matches." } }
                }
            }
        } @else if !page.cases.is_empty() {
            ol.cases aria-label="事项列表" {
                @for case in &page.cases { li { (row(case, filter.query.as_ref(), directory, Heading::Second)) } }
            }
        }
        @if is_later_page || page.next.is_some() {
            nav.paging aria-label="翻页" {
                @if is_later_page {
                    a.button href=(address("/cases", filter, None)) { "第一页 " span.en lang="en" { "First" } }
                }
                @if let Some(next) = &page.next {
                    a.button rel="next" href=(address("/cases", filter, Some(&page_token(filter, next)))) {
                        "下一页 " span.en lang="en" { "Next" }
                    }
                }
            }
        }
    }
}

/// The same cases for programs and feed readers.
fn files(filter: &CaseFilter) -> Markup {
    html! {
        p.others {
            "这份清单的全部："
            a href=(address("/cases.csv", filter, None)) { "下载 CSV" }
            a href=(address("/cases.jsonl", filter, None)) { "下载 JSON Lines" }
            a href=(address("/cases.atom", filter, None)) { "订阅 Atom" }
        }
    }
}

/// A count as far as it was counted.
pub(super) fn counted(total: u64) -> String {
    if total < COUNTED_MAX { total.to_string() } else { format!("{}+", COUNTED_MAX - 1) }
}

/// Under what a list of cases stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heading {
    /// The heading of the page.
    Second,
    /// A heading of a section.
    Third,
}

/// A case in a list.
pub(super) fn row(
    case: &ListedCase,
    query: Option<&SearchQuery>,
    directory: &Directory,
    heading: Heading,
) -> Markup {
    let account = &case.account;
    let link = html! {
        a href={ "/cases/" (account.case_id) } {
            @match (query, &case.title) {
                (_, Some(ListedTitle::Otherwise)) => {
                    strong { (names::TITLE_DIFFERS.0) } " " span.en lang="en" { (names::TITLE_DIFFERS.1) }
                }
                (Some(query), Some(ListedTitle::AsCommitted(title))) => {
                    (fragments(&highlight::mark(query, title)))
                }
                (None, Some(ListedTitle::AsCommitted(title))) => { (title) }
                (_, None) => { (self::title(None, account)) }
            }
        }
    };
    html! {
        article.case {
            @match heading {
                Heading::Second => { h2 { (link) } }
                Heading::Third => { h3 { (link) } }
            }
            p.badges { (state_badge(account)) }
            @if !case.fragments.is_empty() { p.fragment { (fragments(&case.fragments)) } }
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

fn fragments(fragments: &[Fragment]) -> Markup {
    html! {
        @for fragment in fragments {
            @if fragment.found { mark { (fragment.text) } } @else { (fragment.text) }
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
            (None, _) if account.publicity().shows("title") => {
                span.withheld { "标题缺失 · 数据库中已没有这件事项的标题" }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_says_where_counting_ended() {
        assert_eq!(counted(10_000), "10000");
        assert_eq!(counted(10_001), "10000+");
    }

    #[test]
    fn an_address_with_empty_fields_is_told_from_one_without() {
        assert!(has_empty_fields("q=&region=150802"));
        assert!(has_empty_fields("region=150802&before="));
        assert!(!has_empty_fields("q=a%3D&region=150802"));
        assert!(!has_empty_fields(""));
    }

    #[test]
    fn what_was_found_is_marked_and_escaped() {
        let piece = |text: &str, found| Fragment { text: text.to_owned(), found };
        let drawn = fragments(&[piece("<b>", false), piece("路灯&", true)]).into_string();
        assert_eq!(drawn, "&lt;b&gt;<mark>路灯&amp;</mark>");
    }
}
