//! The pages on which a citizen follows a case and rates it.

use huying_platform::ids::CaseId;
use huying_proto::events::v1::CaseState;
use maud::{Markup, html};
use url::Url;

use super::{
    forms::{RatingForm, WebFault},
    layout::{Indexing, Place, both, described_by, field_faults, frame, invalid, label},
    rules_in_words::{self as words, Words, beijing_time},
};
use crate::{
    domain::{rating::COMMENT_MAX_CHARS, standing::Decline},
    use_cases::track_case::TrackedCase,
};

/// What is said when no case has the receipt.
pub(super) const UNKNOWN: &str = "没有找到这个查询码，请对照回执逐个字符核对。";

/// The links of the chain that a case goes through, by how it ends.
const fn steps(state: CaseState) -> &'static [CaseState] {
    match state {
        CaseState::Unspecified
        | CaseState::Submitted
        | CaseState::Registered
        | CaseState::Assigned
        | CaseState::InHandling
        | CaseState::Replied
        | CaseState::Closed => &[
            CaseState::Submitted,
            CaseState::Registered,
            CaseState::Assigned,
            CaseState::InHandling,
            CaseState::Replied,
            CaseState::Closed,
        ],
        CaseState::Declined => &[CaseState::Submitted, CaseState::Declined],
        CaseState::Withdrawn => &[CaseState::Submitted, CaseState::Withdrawn],
        CaseState::Merged => &[CaseState::Submitted, CaseState::Merged, CaseState::Closed],
    }
}

/// Asks for the receipt code.
pub(super) fn ask(typed: &str, fault: Option<&str>) -> Markup {
    let faults: Vec<WebFault> =
        fault.map(|words| WebFault { field: "receipt_code", words: words.to_owned() }).into_iter().collect();
    frame(
        "查询进度",
        Place::Track,
        Indexing::Allowed,
        &html! {
            section.card.narrow {
                h1 { "查询进度" span.en lang="en" { "Track your case" } }
                form method="post" action="/track" {
                    div.field {
                        (label("receipt_code", Words { zh: "查询码", en: "Receipt code" }, false))
                        p.hint #receipt_code-hint { "提交时得到的 20 个字符；大小写、空格和横线都没有关系。" }
                        (field_faults("receipt_code", &faults))
                        input #receipt_code.code-input type="text" name="receipt_code" value=(typed) required
                            maxlength="64" autocomplete="off" autocapitalize="characters" spellcheck="false"
                            placeholder="XXXXX-XXXXX-XXXXX-XXXXX"
                            aria-invalid=[invalid("receipt_code", &faults)]
                            aria-describedby=[described_by("receipt_code", true, &faults)];
                    }
                    div.actions { button type="submit" { "查询" span.en lang="en" { "Look up" } } }
                }
            }
        },
    )
}

/// How a case goes. `rating` and `faults` are what a citizen tried to rate, or an empty form.
pub(super) fn status(
    case: &TrackedCase,
    rating: &RatingForm,
    faults: &[WebFault],
    ledger: Option<&Url>,
) -> Markup {
    let now_in = words::state(case.standing.state);
    frame(
        "办理进度",
        Place::Track,
        Indexing::Refused,
        &html! {
            section.card {
                h1 { "办理进度" span.en lang="en" { "How it goes" } }
                p.state {
                    strong { (now_in.zh) } " " span.en lang="en" { (now_in.en) }
                    @if case.standing.overdue { span.overdue { "已超期 " span lang="en" { "overdue" } } }
                }
                ol.steps {
                    @for &step in steps(case.standing.state) {
                        li class=(step_class(step, case.standing.state))
                            aria-current=[(step == case.standing.state).then_some("step")] {
                            (words::state(step).zh)
                        }
                    }
                }
                (facts(case, ledger))
                @if case.withdrawal_is_pending {
                    p role="status" { "您已申请撤回，正在等待处理。" }
                }
                @if !case.last_refusal.is_empty() {
                    div.notice role="status" {
                        h2 { "您上次的请求没有被采纳" }
                        p { (case.last_refusal) }
                    }
                }
                form method="post" action="/track" {
                    input type="hidden" name="receipt_code" value=(rating.receipt_code);
                    button.second type="submit" { "刷新" span.en lang="en" { "Refresh" } }
                }
            }
            @if let Some(decline) = &case.decline { (declined(decline)) }
            @if !case.reply.text.is_empty() {
                section.card.reply {
                    h2 { "答复" span.en lang="en" { "Reply" } @if case.reply.number > 1 { "（第 " (case.reply.number) " 次）" } }
                    (paragraphs(&case.reply.text))
                }
            }
            @if case.can_rate { (rating_form(case, rating, faults)) }
            @if case.can_withdraw { (withdrawal_form(&rating.receipt_code)) }
        },
    )
}

/// Thanks for a rating.
pub(super) fn rated(receipt_code: &str) -> Markup {
    frame(
        "已收到评价",
        Place::Track,
        Indexing::Refused,
        &html! {
            section.card.narrow {
                h1 { "谢谢，已收到您的评价" span.en lang="en" { "Thank you for your rating" } }
                p { "评价会在几秒内记入办理记录。如果您要求继续办理，原承办单位会再次答复。" }
                form.actions method="post" action="/track" {
                    input type="hidden" name="receipt_code" value=(receipt_code);
                    button type="submit" { "查看进度" span.en lang="en" { "See how it goes" } }
                }
            }
        },
    )
}

fn step_class(step: CaseState, now_in: CaseState) -> &'static str {
    let place = |state: CaseState| steps(now_in).iter().position(|one| *one == state);
    match place(step).cmp(&place(now_in)) {
        std::cmp::Ordering::Less => "done",
        std::cmp::Ordering::Equal => "now",
        std::cmp::Ordering::Greater => "ahead",
    }
}

fn facts(case: &TrackedCase, ledger: Option<&Url>) -> Markup {
    html! {
        dl {
            @if !case.standing.holder_office.is_empty() {
                dt { "主管机构" span.en lang="en" { "Office" } }
                dd { (name_or_code(&case.holder_office_name, &case.standing.holder_office)) }
            }
            @if !case.standing.responsible_unit.is_empty() {
                dt { "当前承办" span.en lang="en" { "Responsible" } }
                dd { (name_or_code(&case.responsible_unit_name, &case.standing.responsible_unit)) }
            }
            @if let Some(deadline_at) = case.standing.deadline_at {
                dt { (both(deadline_words(case.standing.state))) }
                dd { (beijing_time(deadline_at)) }
            }
            dt { "收到时间" span.en lang="en" { "Received" } }
            dd { (beijing_time(case.received_at)) }
            dt { "状态更新" span.en lang="en" { "Since" } }
            dd { (beijing_time(case.state_since)) }
            dt { "公开编号" span.en lang="en" { "Public number" } }
            dd.mono { (in_ledger(case.case_id, ledger)) }
            @if let Some(primary) = case.standing.merged_into {
                dt { "并入案件" span.en lang="en" { "Handled with" } }
                dd {
                    span.mono { (in_ledger(primary, ledger)) }
                    p.quiet { "同一件事已有人反映，合并办理。答复同样会显示在这里，您可以单独评价。" }
                }
            }
        }
    }
}

/// The public number of a case, linked to its page in the ledger when it is known where that is.
fn in_ledger(case_id: CaseId, ledger: Option<&Url>) -> Markup {
    html! {
        @if let Some(ledger) = ledger {
            a href={ (ledger.as_str().trim_end_matches('/')) "/cases/" (case_id) } { (case_id) }
        } @else {
            (case_id)
        }
    }
}

fn declined(decline: &Decline) -> Markup {
    html! {
        section.card.reply {
            h2 { "不予受理的理由" span.en lang="en" { "Why it was not taken up" } }
            p { strong { (both(words::decline_ground(decline.ground))) } }
            (paragraphs(&decline.explanation))
        }
    }
}

fn paragraphs(text: &str) -> Markup {
    html! { @for paragraph in text.lines().filter(|line| !line.trim().is_empty()) { p { (paragraph) } } }
}

fn deadline_words(state: CaseState) -> Words {
    match state {
        CaseState::Replied => Words { zh: "评价截止", en: "Rate until" },
        CaseState::Unspecified
        | CaseState::Submitted
        | CaseState::Registered
        | CaseState::Assigned
        | CaseState::InHandling
        | CaseState::Closed
        | CaseState::Declined
        | CaseState::Withdrawn
        | CaseState::Merged => Words { zh: "办理时限", en: "Due" },
    }
}

fn name_or_code<'a>(name: &'a str, code: &'a str) -> &'a str {
    if name.is_empty() { code } else { name }
}

fn rating_form(case: &TrackedCase, rating: &RatingForm, faults: &[WebFault]) -> Markup {
    html! {
        form.card method="post" action="/rate" {
            h2 { "您怎么评价" span.en lang="en" { "Your rating" } }
            input type="hidden" name="receipt_code" value=(rating.receipt_code);
            input type="hidden" name="idempotency_key" value=(rating.idempotency_key);
            (yes_or_no("resolved", Words { zh: "事情解决了吗？", en: "Is it resolved?" },
                ["已解决", "没有解决"], &rating.resolved, faults))
            (yes_or_no("satisfied", Words { zh: "对办理满意吗？", en: "Are you satisfied with the handling?" },
                ["满意", "不满意"], &rating.satisfied, faults))
            div.field {
                (label("comment", Words { zh: "想说的话", en: "Comment" }, true))
                p.hint #comment-hint { "会公开（遮盖个人信息），最多 " (COMMENT_MAX_CHARS) " 个字。" }
                (field_faults("comment", faults))
                textarea #comment name="comment" rows="4" maxlength=(COMMENT_MAX_CHARS)
                    aria-invalid=[invalid("comment", faults)]
                    aria-describedby=[described_by("comment", true, faults)] { "\n" (rating.comment) }
            }
            @if case.can_reopen {
                div.field #reopen {
                    (field_faults("reopen", faults))
                    label.choice.wide {
                        input type="checkbox" name="reopen" value="yes" checked[rating.reopen == "yes"];
                        span { (both(reopen_words(case.standing.state))) }
                    }
                }
            }
            div.actions { button type="submit" { "提交评价" span.en lang="en" { "Send rating" } } }
        }
    }
}

fn reopen_words(state: CaseState) -> Words {
    match state {
        CaseState::Merged => {
            Words { zh: "没有解决，请单独继续办理", en: "Not resolved: handle it by itself" }
        }
        CaseState::Unspecified
        | CaseState::Submitted
        | CaseState::Registered
        | CaseState::Assigned
        | CaseState::InHandling
        | CaseState::Replied
        | CaseState::Closed
        | CaseState::Declined
        | CaseState::Withdrawn => {
            Words { zh: "没有解决，请继续办理", en: "Not resolved: handle it again" }
        }
    }
}

fn withdrawal_form(receipt_code: &str) -> Markup {
    html! {
        form.card method="post" action="/withdraw" {
            h2 { "不用再办了？" span.en lang="en" { "No longer needed?" } }
            p { "在答复之前可以撤回。下一步会请您确认。" }
            input type="hidden" name="receipt_code" value=(receipt_code);
            div.actions { button.second type="submit" { "撤回" span.en lang="en" { "Take it back" } } }
        }
    }
}

fn yes_or_no(id: &str, question: Words, answers: [&str; 2], chosen: &str, faults: &[WebFault]) -> Markup {
    html! {
        fieldset id=(id) aria-describedby=[described_by(id, false, faults)] {
            legend { (both(question)) }
            (field_faults(id, faults))
            div.choices {
                @for (value, answer) in ["yes", "no"].into_iter().zip(answers) {
                    label.choice {
                        input type="radio" name=(id) value=(value) required checked[chosen == value];
                        span { (answer) }
                    }
                }
            }
        }
    }
}
