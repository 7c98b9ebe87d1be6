//! One case from the first word to the last.

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::Response,
};
use huying_platform::{directory::Directory, ids::CaseId};
use huying_proto::events::v1::{CaseState, Publication};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    PageError, Shared,
    case_list::{state_badge, title},
    damage, drawn,
    layout::{self, Section},
    names,
    rates::english,
    timeline::timeline,
};
use crate::{
    domain::{
        account::{Addressee, AddresseeKind, Publicity},
        title::ListedTitle,
    },
    use_cases::{
        get_case::{ABSORBED_MAX, CaseView, LinesWanted, RelatedCase},
        latest_checkpoint::tree_size,
    },
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// Version of the first line wanted.
    from: String,
}

pub(super) async fn page(
    State(pages): Shared,
    headers: HeaderMap,
    Path(case_id): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, PageError> {
    let case_id = parse_case_id(&case_id)?;
    let Query(asked) = asked.map_err(|_| wrong_version())?;
    let first_version = match asked.from.as_str() {
        "" => 1,
        text => text
            .parse()
            .ok()
            .filter(|version| (1..=VERSIONS_MAX).contains(version))
            .ok_or_else(wrong_version)?,
    };
    let directory = pages.directory.load();
    let tree_size = tree_size(&pages.db).await?;
    let view = pages.cases.get(case_id, LinesWanted { first_version, ..LinesWanted::default() }).await?;
    let heading = view.title.clone().unwrap_or_else(|| format!("事项 {case_id}"));
    let content = html! {
        (damage::alarm(&view.discrepancies))
        (damage::unchecked(view.is_checked))
        (head(&view, &directory))
        (timeline(&view, &pages, &directory))
        (receipt(&view))
        @if pages.public_url.is_some() {
            p.printed { "网上查看和核验：" (pages.at(&format!("/cases/{case_id}"))) }
        }
    };
    // What is wrong with the case is looked for each time, so the page itself tells whether it is the one that is known.
    Ok(drawn(layout::page(&heading, Section::Cases, Some(tree_size), &content), &headers))
}

/// Titles longer than this are set smaller, so that a phone has room for more than the title.
const LONG_TITLE_CHARS: usize = 40;

/// Later than the last version of any case, and within what the database can count.
const VERSIONS_MAX: u64 = 1 << 31;

fn wrong_version() -> PageError {
    PageError::BadRequest("from 应为步骤的编号：1、2、3……".to_owned())
}

/// The id in a page's address.
pub(super) fn parse_case_id(text: &str) -> Result<CaseId, PageError> {
    text.parse()
        .map_err(|_| PageError::NotFound("事项编号不对。编号形如 0197a3f0-5d1e-7c3a-9b52-6f0d2c1e4a77。"))
}

fn head(view: &CaseView, directory: &Directory) -> Markup {
    let account = &view.account;
    let region = &account.region;
    let path = [Some(&region.municipal), region.district.as_ref(), region.township.as_ref()];
    html! {
        (layout::crumbs(
            std::iter::once(("/cases".to_owned(), "公开事项"))
                .chain(path.into_iter().flatten().map(|code| {
                    (format!("/regions/{code}"), names::region(directory, code.as_str()))
                })),
        ))
        header.case-head {
            @let is_long = view.title.as_ref().is_some_and(|title| title.chars().count() > LONG_TITLE_CHARS);
            h1.long[is_long] {
                @if is_title_changed(view) { span.withheld { "标题与账本不符，不予显示" } }
                @else { (title(view.title.as_deref(), account)) }
            }
            p.badges { (state_badge(account)) }
            @if !view.is_proven {
                p.note {
                    "这件事项有账本记录缺失、被改动或无法读懂，下面的办理状态、期限和评价取自数据库，没有账本的证明。"
                    (english("How the case stands is what is kept beside the log, and is not proved by it."))
                }
            }
            (steps(account.state))
            (facts(view, directory))
            (merges(view))
            (publicity_note(view))
            @if account.erased_before > 0 {
                p.note { "第 " (account.erased_before) " 步之前的标题、正文、图片和群众留言已从本账本删除，只留下承诺值，不能再核对。" }
            }
        }
    }
}

fn is_title_changed(view: &CaseView) -> bool {
    view.kept_title.as_ref().is_some_and(|title| title.unproven.is_some())
}

fn facts(view: &CaseView, directory: &Directory) -> Markup {
    let account = &view.account;
    html! {
        dl.facts {
            div { dt { "类别 " span.en lang="en" { "Kind" } } dd {
                (names::kind(account.kind).0)
                @if !account.category.is_empty() { " · " (account.category.replace('/', " / ")) }
            } }
            div { dt { "地区 " span.en lang="en" { "Region" } } dd { (names::place(directory, &account.region)) } }
            @if let Some(addressee) = &account.addressee {
                div { dt { "写给 " span.en lang="en" { "To" } } dd { (addressee_link(addressee, directory)) } }
            }
            @if !account.holder_office.is_empty() {
                div { dt { "主管机构 " span.en lang="en" { "Held by" } } dd {
                    (names::unit_link(directory, &account.holder_office))
                } }
            }
            @if !account.responsible_unit.is_empty() {
                div { dt { "责任单位 " span.en lang="en" { "Responsible" } } dd {
                    (names::unit_link(directory, &account.responsible_unit))
                } }
            }
            @if !view.followers.is_empty() {
                div { dt { "跟踪代表 " span.en lang="en" { "Followed by" } } dd {
                    @for (place, code) in view.followers.iter().enumerate() {
                        @if place > 0 { "、" }
                        a href={ "/representatives/" (code) } { (names::representative(directory, code)) }
                    }
                } }
            }
            @if let Some(deadline_at) = account.deadline_at {
                @let name = if account.state == CaseState::Replied { ("评价截止", "Rate by") } else { ("期限", "Due") };
                div { dt { (names::both(name)) } dd { (names::deadline(deadline_at)) } }
            }
            // What goes on as part of another case has no clock that runs.
            @if let Some(case_deadline_at) = account.case_deadline_at.filter(|_| account.state != CaseState::Merged) {
                div { dt { "全程期限 " span.en lang="en" { "All due" } } dd { (names::deadline(case_deadline_at)) } }
            }
            @if account.open_parts > 0 {
                div { dt { "协办未结 " span.en lang="en" { "Open parts" } } dd { (account.open_parts) " 项" } }
            }
            @if let Some(rating) = account.rating {
                div { dt { "群众评价 " span.en lang="en" { "Rating" } } dd {
                    @if rating.resolved { "问题已解决" } @else { "问题未解决" }
                    "，" @if rating.satisfied { "满意" } @else { "不满意" }
                    @if !view.is_proven { " " span.withheld { "（未经账本证明）" } }
                } }
            }
            div { dt { "提交 " span.en lang="en" { "Submitted" } } dd { (names::time(account.submitted_at)) } }
            div.id { dt { "编号 " span.en lang="en" { "Case" } } dd { code { (account.case_id) } } }
        }
    }
}

/// Whom the citizen wrote to, with a link where there is a page about them.
fn addressee_link(to: &Addressee, directory: &Directory) -> Markup {
    let name = names::addressee(directory, Some(to.kind), &to.code);
    html! {
        @match to.kind {
            AddresseeKind::Representative => { a href={ "/representatives/" (to.code) } { (name) } }
            AddresseeKind::Region => { a href={ "/regions/" (to.code) } { (name) } }
            AddresseeKind::Station => { (name) }
        }
    }
}

/// What the citizen can keep.
fn receipt(view: &CaseView) -> Markup {
    html! {
        section.no-print aria-labelledby="receipt" {
            h2 #receipt { "留存证明 " span.en lang="en" { "Keep a proof" } }
            p.fine {
                "下载一个小文件，证明这件事项在提交时就已写入账本。以后不用联网，用 "
                code { "huying ledger verify 文件" } " 或者任何支持 C2SP tlog-proof 的程序都可以核对。 "
                a href="/log" { "怎样核验" }
            }
            p {
                a.button href={ "/cases/" (view.account.case_id) "/receipt.tlog-proof" } {
                    "下载回执证明 " span.en lang="en" { "Receipt proof" }
                }
            }
        }
    }
}

/// The cases it goes on with.
fn merges(view: &CaseView) -> Markup {
    let shown = view.absorbed.len();
    html! {
        @if let Some(into) = &view.merged_into {
            p.note { "本事项并入另一事项一并办理：" (related(into)) }
        }
        @if shown > 0 {
            div.note {
                p { "以下事项并入本事项一并办理，共 " (view.account.petitioner_count) " 人反映：" }
                ul.related {
                    @for other in &view.absorbed { li { (related(other)) } }
                }
                @if shown == ABSORBED_MAX { p { "只列出最先并入的 " (ABSORBED_MAX) " 件，其余见办理过程。" } }
            }
        }
    }
}

fn related(other: &RelatedCase) -> Markup {
    html! {
        a href={ "/cases/" (other.case_id) } {
            @match &other.title {
                Some(ListedTitle::AsCommitted(title)) => { (title) }
                Some(ListedTitle::Otherwise) => { (names::TITLE_DIFFERS.0) " " (other.case_id) }
                None => { "事项 " (other.case_id) }
            }
        }
    }
}

/// Why texts are not shown, where they are not.
fn publicity_note(view: &CaseView) -> Markup {
    let account = &view.account;
    html! {
        @match (account.publication, account.publicity()) {
            (_, Publicity::Everything) => {}
            (Publication::StatusOnly, Publicity::ExplanationOnly | Publicity::Nothing) => {
                p.note { "来信人选择只公开办理情况，因此信件和答复的文字和图片都不显示；每段文字、每张图片在账本中留有加盐的承诺值，未删除的日后仍可核对。" }
            }
            (Publication::Public | Publication::Unspecified, Publicity::ExplanationOnly) => {
                p.note { "这件事项未予受理，来信的文字和图片不公开，只公布不予受理的依据和说明。" }
            }
            (Publication::Public | Publication::Unspecified, Publicity::Nothing) => {
                p.note { (unregistered_note(account.state)) }
            }
        }
    }
}

fn unregistered_note(state: CaseState) -> &'static str {
    match state {
        CaseState::Withdrawn => "这件事项在登记受理之前已由来信人撤回，文字和图片不公开。",
        CaseState::Merged | CaseState::Closed => {
            "这件事项在登记受理之前已并入另一事项，文字和图片不公开；办理情况见所并入的事项。"
        }
        CaseState::Unspecified
        | CaseState::Submitted
        | CaseState::Registered
        | CaseState::Assigned
        | CaseState::InHandling
        | CaseState::Replied
        | CaseState::Declined => "这件事项还没有登记受理，未删除的文字和图片在登记受理之后公开。",
    }
}

/// How far the case is on its way.
fn steps(state: CaseState) -> Markup {
    let way = names::way(state);
    let reached = way.iter().position(|own| *own == state).unwrap_or(0);
    html! {
        ol.steps aria-label="办理阶段" {
            @for (place, own) in way.iter().enumerate() {
                li .done[place < reached] aria-current=[(place == reached).then_some("step")] {
                    (names::state(*own).0)
                }
            }
        }
    }
}
