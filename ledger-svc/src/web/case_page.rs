//! One case from the first word to the last.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use huying_platform::{directory::Directory, ids::CaseId};
use huying_proto::events::v1::{CaseState, Publication};
use maud::{Markup, html};

use super::{
    PageError, Pages, Shared,
    case_list::{state_badge, title},
    drawn, is_known,
    layout::{self, Section},
    names,
    said::{all_said, text_name},
    sentences::{addressee, sentence, who},
    unchanged,
};
use crate::{
    domain::{account::Publicity, leaf::LeafTrace},
    use_cases::{
        get_case::{ABSORBED_MAX, CaseView, LineView, RelatedCase, get_case},
        latest_checkpoint::tree_size,
    },
};

pub(super) async fn page(
    State(pages): Shared,
    headers: HeaderMap,
    Path(case_id): Path<String>,
) -> Result<Response, PageError> {
    let case_id = parse_case_id(&case_id)?;
    let directory = pages.directory.load();
    let tree_size = tree_size(&pages.db).await?;
    let tag = pages.entity_tag(tree_size, &directory);
    if is_known(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    let view = get_case(&pages.db, case_id).await?;
    let heading = view.title.clone().unwrap_or_else(|| format!("事项 {case_id}"));
    let content = html! {
        (head(&view, &directory))
        section aria-labelledby="timeline" {
            h2 #timeline { "办理过程 " span.en lang="en" { "Timeline" } }
            ol.timeline {
                @for line in &view.lines { (entry(line, &view, &pages, &directory)) }
            }
        }
    };
    Ok(drawn(layout::page(&heading, Section::Cases, Some(tree_size), &content), &tag))
}

/// The id in a page's address.
pub(super) fn parse_case_id(text: &str) -> Result<CaseId, PageError> {
    text.parse()
        .map_err(|_| PageError::NotFound("事项编号不对。编号形如 0197a3f0-5d1e-7c3a-9b52-6f0d2c1e4a77。"))
}

fn head(view: &CaseView, directory: &Directory) -> Markup {
    let account = &view.account;
    html! {
        p.crumbs { a href="/" { "公开事项" } " › " (names::place(directory, &account.region)) }
        header.case-head {
            h1 { (title(view.title.as_deref(), account)) }
            p.badges { (state_badge(account)) }
            (steps(account.state))
            dl.facts {
                div { dt { "类别 " span.en lang="en" { "Kind" } } dd {
                    (names::kind(account.kind).0)
                    @if !account.category.is_empty() { " · " (account.category.replace('/', " / ")) }
                } }
                div { dt { "地区 " span.en lang="en" { "Region" } } dd { (names::place(directory, &account.region)) } }
                @if let Some(first) = view.lines.first() {
                    div { dt { "写给 " span.en lang="en" { "To" } } dd { (addressee(&first.leaf, directory)) } }
                }
                @if !account.holder_office.is_empty() {
                    div { dt { "持有机构 " span.en lang="en" { "Held by" } } dd {
                        a href={ "/units/" (account.holder_office) } { (names::unit(directory, &account.holder_office)) }
                    } }
                }
                @if !account.responsible_unit.is_empty() {
                    div { dt { "责任单位 " span.en lang="en" { "Responsible" } } dd {
                        a href={ "/units/" (account.responsible_unit) } {
                            (names::unit(directory, &account.responsible_unit))
                        }
                    } }
                }
                @if let Some(deadline_at) = account.deadline_at {
                    @let name = if account.state == CaseState::Replied { ("评价截止", "Rate by") } else { ("期限", "Due") };
                    div { dt { (names::both(name)) } dd { (names::time(deadline_at)) } }
                }
                @if let Some(case_deadline_at) = account.case_deadline_at {
                    div { dt { "全程期限 " span.en lang="en" { "All due" } } dd { (names::time(case_deadline_at)) } }
                }
                @if account.open_parts > 0 {
                    div { dt { "协办未结 " span.en lang="en" { "Open parts" } } dd { (account.open_parts) " 项" } }
                }
                div { dt { "提交 " span.en lang="en" { "Submitted" } } dd { (names::time(account.submitted_at)) } }
                div.id { dt { "编号 " span.en lang="en" { "Case" } } dd { code { (account.case_id) } } }
            }
            (merges(view))
            (publicity_note(view))
            @if account.erased_before > 0 {
                p.note { "第 " (account.erased_before) " 步之前的标题、正文、图片和群众留言已从本账本删除，只留下承诺值，不能再核对。" }
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
                Some(title) => { (title) }
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

fn entry(line: &LineView, view: &CaseView, pages: &Pages, directory: &Directory) -> Markup {
    let leaf = &line.leaf;
    let alert =
        matches!(leaf.event_type.as_ref(), "DeadlineExpired" | "CaseSupervised" | "CriticismCirculated");
    html! {
        li #{ "v" (leaf.case_version) } .alert[alert] {
            p.meta { (names::leaf_time(&leaf.occurred_at)) " · " (who(&leaf.actor, directory)) }
            p.what { (sentence(leaf, directory)) }
            (all_said(line, pages.pictures_at.as_ref(), directory))
            @if let Some(deadline_at) = new_deadline(line, view) {
                @let replied = leaf.standing.as_ref().is_some_and(|standing| standing.state == "replied");
                p.due { @if replied { "评价截止：" } @else { "期限：" } (names::leaf_time(deadline_at)) }
            }
            @if let Some(trace) = &leaf.details.trace { (rules(trace, directory)) }
            (proof(line, view))
        }
    }
}

/// The deadline of a line, where it is another than that of the line before.
fn new_deadline<'a>(line: &'a LineView, view: &'a CaseView) -> Option<&'a str> {
    let deadline_of = |line: &'a LineView| line.leaf.standing.as_ref()?.deadline_at.as_deref();
    let before = line.leaf.case_version.checked_sub(2).and_then(|place| view.lines.get(place as usize));
    let deadline_at = deadline_of(line)?;
    (before.and_then(deadline_of) != Some(deadline_at)).then_some(deadline_at)
}

fn rules(trace: &LeafTrace<'_>, directory: &Directory) -> Markup {
    html! {
        details {
            summary { "规则依据 " span.en lang="en" { "Rule trace" } }
            p { (trace.conclusion) }
            @if !trace.considered.is_empty() {
                ol.rules {
                    @for considered in &trace.considered {
                        li { code { (considered.rule) } br; (considered.outcome) }
                    }
                }
            }
            @if !trace.matched_keywords.is_empty() {
                p { "依据关键词：" (trace.matched_keywords.join("、")) }
            }
            @if !trace.candidates.is_empty() {
                p { "供人工选择的去向：" }
                ol.rules {
                    @for candidate in &trace.candidates {
                        li {
                            @if candidate.unit.is_empty() { "暂无对应单位" } @else { (names::unit(directory, &candidate.unit)) }
                            @if !candidate.category.is_empty() { " · " (candidate.category.replace('/', " / ")) }
                            "（把握 " (candidate.confidence_percent) "%）"
                        }
                    }
                }
            }
            p.fine {
                "所用目录版本 " (trace.directory_revision)
                @if let Some(version) = trace.rule_set_version { "，规则集版本 " (version) }
                @if trace.confidence_percent > 0 { "，把握 " (trace.confidence_percent) "%" }
            }
        }
    }
}

fn proof(line: &LineView, view: &CaseView) -> Markup {
    let version = line.leaf.case_version;
    html! {
        details.proof {
            summary { "账本第 " (line.leaf_index) " 条 " span.en lang="en" { "Leaf" } }
            p {
                a href={ "/cases/" (view.account.case_id) "/lines/" (version) "/proof" } {
                    "核验这一条 " span.en lang="en" { "Inclusion proof" }
                }
            }
            @for text in &line.texts {
                p.fine {
                    (text_name(&text.name, &line.leaf.event_type).0) "的承诺值 "
                    span.en lang="en" { "HMAC-SHA256" } br;
                    code { (text.commitment) }
                }
            }
            pre { (line.json) }
        }
    }
}
