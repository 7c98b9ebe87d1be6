//! Each line of a timeline in a plain Chinese sentence. Everything in it is from the leaf, but names, which are the
//! directory's.

use huying_platform::directory::Directory;
use huying_proto::events::v1::DeclineGround;
use maud::{Markup, html};

use super::names;
use crate::domain::{
    account::AddresseeKind,
    leaf::{Details, Leaf, LeafActor},
    words,
};

/// Who it was.
pub(super) fn who(actor: &LeafActor<'_>, directory: &Directory) -> String {
    let code = actor.code.as_ref();
    match actor.role.as_ref() {
        "citizen" => "群众".to_owned(),
        "office" | "department" => names::unit(directory, code).to_owned(),
        "representative" => names::representative(directory, code).to_owned(),
        "system" => "系统（按规则）".to_owned(),
        "operator" => "系统运维人员".to_owned(),
        other => other.to_owned(),
    }
}

/// What the line says.
pub(super) fn sentence(leaf: &Leaf<'_>, directory: &Directory) -> Markup {
    let details = &leaf.details;
    let name = |code: Option<&str>| names::unit(directory, code.unwrap_or("")).to_owned();
    let unit = name(details.unit.as_deref());
    let holder = name(leaf.standing.as_ref().map(|standing| standing.holder_office.as_ref()));
    let actor = who(&leaf.actor, directory);
    let by_rules = leaf.actor.role == "system";
    let by_itself = details.automatic == Some(true);
    let representative =
        details.representative_code.as_deref().map(|code| names::representative(directory, code).to_owned());
    html! {
        @match leaf.event_type.as_ref() {
            "CaseSubmitted" => { "群众提交，写给" strong { (addressee(leaf, directory)) } }
            "CaseQueued" => { "规则无法可靠判断承办单位，转" strong { (holder) } "人工登记" }
            "CaseRegistered" => { strong { (holder) } "登记受理" @if by_rules { "（按规则自动登记）" } }
            "CaseDeclined" => {
                strong { (holder) } "不予受理：" strong { (ground(details.ground.as_deref())) }
            }
            "CaseClassified" => {
                strong { (actor) }
                @match details.previous_category.as_deref() {
                    Some(previous) => { "将类别由" (category(Some(previous))) "改为" (category(details.category.as_deref())) }
                    None => { "将类别定为" (category(details.category.as_deref())) }
                }
            }
            "CaseAssigned" => {
                strong { (holder) } "交办至" strong { (unit) }
                @if !details.parts.is_empty() { "，另请协办 " (details.parts.len()) " 项" }
                @if by_rules { "（按规则自动交办）" }
            }
            "CaseTransferred" => {
                strong { (holder) } "将事项由" strong { (name(details.from_unit.as_deref())) }
                "改派至" strong { (name(details.to_unit.as_deref())) }
            }
            "CaseDelegated" => {
                strong { (name(details.from_office.as_deref())) } "交下级"
                strong { (name(details.to_office.as_deref())) } "办理"
            }
            "CaseEscalated" => {
                strong { (name(details.from_office.as_deref())) } "提请上级"
                strong { (name(details.to_office.as_deref())) } "办理"
            }
            "CaseClaimed" => { strong { (representative.unwrap_or(actor)) } "认领，将跟踪这件事项的办理" }
            "CaseAccepted" => {
                strong { (unit) }
                @if by_itself { "在规定时间内未作表示，视为接收，开始办理" } @else { "接收，开始办理" }
            }
            "CaseReturned" => {
                strong { (unit) } "退回" strong { (holder) }
                @if let Some(number) = details.return_number { "（第 " (number) " 次）" }
                @if let Some(proposed) = details.proposed_unit.as_deref().filter(|code| !code.is_empty()) {
                    "，建议改由" strong { (name(Some(proposed))) } "承办"
                }
            }
            "ProgressReported" => {
                @match representative {
                    Some(representative) => { strong { (representative) } "报告跟踪情况" }
                    None => { strong { (unit) } "报告办理进展" }
                }
            }
            "PartAssigned" => {
                strong { (name(details.by_unit.as_deref())) } "请"
                @for part in &details.parts { strong { (name(Some(&part.unit))) } } "协办"
            }
            "PartAnswered" => { strong { (unit) } "答复协办事项" (part(details)) }
            "PartWaived" => { strong { (actor) } "不再要求" strong { (unit) } "答复协办事项" (part(details)) }
            "ExtensionRequested" => {
                strong { (unit) } "申请延期 " (names::limit(details.limit.as_deref().unwrap_or("")))
                @if let Some(deadline_at) = &details.deadline_at { "，到 " (names::leaf_deadline(deadline_at)) }
            }
            "ExtensionGranted" => {
                strong { (holder) } "同意" strong { (unit) } "延期"
                (moved("，期限", details.previous_deadline_at.as_deref(), details.deadline_at.as_deref()))
            }
            "ExtensionRefused" => { strong { (holder) } "不同意" strong { (unit) } "延期，期限不变" }
            "CaseReplied" => {
                @match representative {
                    Some(representative) => { strong { (representative) } "直接答复" }
                    None => { strong { (unit) } "答复" }
                }
                @if let Some(number) = details.reply_number.filter(|number| *number > 1) { "（第 " (number) " 次）" }
                @if let Some(via) = details.via_case_id.as_deref() {
                    "（随" (case_link(via, "所并入的事项")) "一并答复）"
                }
            }
            "CaseRated" => {
                "群众评价：" strong { @if details.resolved == Some(true) { "问题已解决" } @else { "问题未解决" } }
                "，" strong { @if details.satisfied == Some(true) { "满意" } @else { "不满意" } }
            }
            "CaseReopened" => {
                @if leaf.actor.role == "office" {
                    strong { (actor) } "认为答复不到位，由" strong { (unit) } "重新办理"
                } @else {
                    "群众认为问题没有解决，由" strong { (unit) } "重新办理"
                }
            }
            "CaseClosed" => {
                @match details.reason.as_deref() {
                    Some("rating_time_ended") => { "评价期已满，群众未评价，自动办结（未评价不计为满意）" }
                    Some("rated_time_ended") => { "群众已评价，评价期满，自动办结" }
                    Some("with_primary") => { "所并入的事项已经办结，本事项随之办结" }
                    _ => { strong { (holder) } "办结销号" }
                }
            }
            "DeadlineNear" => {
                "提醒" strong { (unit) } "：" (to_do(details.kind.as_deref())) "的期限将至" (part(details))
                @if let Some(due_at) = &details.due_at { "，期限为 " (names::leaf_deadline(due_at)) }
            }
            "DeadlineExpired" => {
                @if details.kind.as_deref() == Some("case") {
                    "整件事项逾期未答复，现由" strong { (unit) } "办理"
                } @else if details.kind.as_deref() == Some("rate") {
                    "群众评价的期限已过"
                } @else {
                    strong { (unit) } "逾期未" (to_do(details.kind.as_deref())) (part(details))
                }
                @if let Some(due_at) = &details.due_at { "，期限为 " (names::leaf_deadline(due_at)) }
                @if let Some(number) = details.expiry_number.filter(|number| *number > 1) {
                    "（第 " (number) " 次）"
                }
            }
            "CaseUrged" => {
                @if by_itself { "期限已过，系统自动催办" } @else { strong { (actor) } "催办" }
                strong { (unit) } (part(details))
                @if let Some(number) = details.urge_number.filter(|number| *number > 1) { "（第 " (number) " 次）" }
            }
            "CaseSupervised" => {
                @if by_itself { "逾期仍未办理，系统自动列入督办，督促" } @else { strong { (actor) } "督办" }
                strong { (unit) } (part(details))
            }
            "CriticismCirculated" => {
                @if by_itself { "逾期仍未办理，系统自动通报批评" } @else { strong { (actor) } "通报批评" }
                strong { (unit) } (part(details))
            }
            "CaseMerged" => {
                strong { (holder) } "将本事项并入" (case_link(details.into_case_id.as_deref().unwrap_or(""), "另一事项"))
                "一并办理"
            }
            "CaseAbsorbed" => {
                (case_link(details.case_id.as_deref().unwrap_or(""), "另一事项")) "并入本事项一并办理"
                (people(leaf))
            }
            "CaseUnmerged" => {
                strong { (actor) } "将本事项从"
                (case_link(details.from_case_id.as_deref().unwrap_or(""), "所并入的事项")) "中分出，恢复单独办理"
            }
            "CaseSplitOff" => {
                (case_link(details.case_id.as_deref().unwrap_or(""), "一件并入的事项")) "不再与本事项一并办理" (people(leaf))
            }
            "CaseWithdrawn" => { "群众撤回了这件事项" }
            "ClocksRecomputed" => {
                strong { (actor) } "按现行日历和时限重新计算期限"
                (moved("，本环节", details.previous_deadline_at.as_deref(), details.deadline_at.as_deref()))
                (moved("，全程", details.previous_case_deadline_at.as_deref(), details.case_deadline_at.as_deref()))
            }
            "PrivatePartRead" => { strong { (actor) } "查阅了来信人的非公开信息" }
            "PrivatePartErased" => {
                "受理系统已删除来信人非公开信息的密钥，此前的标题、正文、图片和群众留言也已从本账本删除"
            }
            other => { (other) }
        }
    }
}

/// What happened, in a few English words; nothing for a type that this build does not know.
pub(super) fn english_name(event_type: &str) -> Option<&'static str> {
    Some(match event_type {
        "CaseSubmitted" => "Submitted",
        "CaseQueued" => "Left to the office to decide",
        "CaseRegistered" => "Registered and accepted",
        "CaseDeclined" => "Declined",
        "CaseClassified" => "Classified",
        "CaseAssigned" => "Assigned",
        "CaseTransferred" => "Transferred",
        "CaseDelegated" => "Delegated to the tier below",
        "CaseEscalated" => "Escalated to the tier above",
        "CaseClaimed" => "Claimed by a representative",
        "CaseAccepted" => "Accepted",
        "CaseReturned" => "Returned",
        "ProgressReported" => "Progress reported",
        "PartAssigned" => "Co-handler asked",
        "PartAnswered" => "Co-handler answered",
        "PartWaived" => "Co-handler's answer waived",
        "ExtensionRequested" => "More time asked for",
        "ExtensionGranted" => "More time granted",
        "ExtensionRefused" => "More time refused",
        "CaseReplied" => "Replied",
        "CaseRated" => "Rated",
        "CaseReopened" => "Reopened",
        "CaseClosed" => "Closed",
        "DeadlineNear" => "Deadline near",
        "DeadlineExpired" => "Overdue",
        "CaseUrged" => "Urged",
        "CaseSupervised" => "Put under supervision",
        "CriticismCirculated" => "Criticised in a circular",
        "CaseMerged" => "Merged into another case",
        "CaseAbsorbed" => "Another case merged in",
        "CaseUnmerged" => "On its own again",
        "CaseSplitOff" => "Another case split off",
        "CaseWithdrawn" => "Withdrawn",
        "ClocksRecomputed" => "Deadlines recomputed",
        "PrivatePartRead" => "Private part read",
        "PrivatePartErased" => "Private part erased",
        _ => return None,
    })
}

/// The part that a line is about.
fn part(details: &Details<'_>) -> Markup {
    html! { @if let Some(number) = details.part_number { "（第 " (number) " 项）" } }
}

/// What has to be done in time.
fn to_do(kind: Option<&str>) -> &'static str {
    match kind {
        Some("register") => "登记受理",
        Some("assign") => "交办",
        Some("reply") => "答复",
        Some("rate") => "评价",
        Some("case") => "答复整件事项",
        Some("part") => "答复协办事项",
        _ => "办理",
    }
}

/// The ground on which a case was not taken up.
fn ground(word: Option<&str>) -> &'static str {
    match word.and_then(words::decline_ground_of) {
        Some(DeclineGround::OutOfScope) => "不属于受理范围",
        Some(DeclineGround::LegalProceedings) => "已进入诉讼、仲裁、行政复议等法定途径",
        Some(DeclineGround::AlreadyAnswered) => "同一事项已经答复且无新的事实",
        Some(DeclineGround::Unclear) => "内容不清",
        Some(DeclineGround::Unlawful) => "违反法律法规",
        Some(DeclineGround::Unspecified) | None => "未说明依据",
    }
}

fn category(path: Option<&str>) -> Markup {
    match path {
        None | Some("") => html! { "“未分类”" },
        Some(path) => html! { "“" (path.replace('/', " / ")) "”" },
    }
}

/// A deadline that was moved; nothing where it does not run or stayed.
fn moved(what: &str, from: Option<&str>, to: Option<&str>) -> Markup {
    html! {
        @match (from, to) {
            (from, to) if from == to => {}
            (Some(from), Some(to)) => { (what) "由 " (names::leaf_deadline(from)) " 改为 " (names::leaf_deadline(to)) }
            (None, Some(to)) => { (what) "改为 " (names::leaf_deadline(to)) }
            (_, None) => { (what) "不再计算" }
        }
    }
}

fn case_link(case_id: &str, words: &str) -> Markup {
    html! { a href={ "/cases/" (case_id) } { (words) } }
}

/// How many people wrote about the matter, after a line that changed it.
fn people(leaf: &Leaf<'_>) -> Markup {
    let count = leaf.standing.as_ref().map_or(0, |standing| standing.petitioner_count);
    html! { @if count > 0 { "，共 " (count) " 人反映" } }
}

/// Whom the citizen wrote to.
fn addressee(leaf: &Leaf<'_>, directory: &Directory) -> String {
    let Some(addressee) = &leaf.addressee else { return "人大机构".to_owned() };
    names::addressee(directory, AddresseeKind::of_word(&addressee.kind), &addressee.code)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::{event::CaseEvent, leaf, samples::every_event};

    #[test]
    fn every_event_has_a_sentence_of_its_own() {
        let directory = Directory::default();
        let (mut sentences, mut names) = (BTreeSet::new(), BTreeSet::new());
        for event in every_event() {
            let event = CaseEvent::parse(event).unwrap();
            let bytes = leaf::write(&event, || [1; 32]).unwrap().bytes;
            let leaf: Leaf<'_> = serde_json::from_slice(&bytes).unwrap();
            let sentence = sentence(&leaf, &directory).into_string();
            assert!(!sentence.contains(leaf.event_type.as_ref()), "{sentence}");
            assert!(!sentence.is_ascii(), "{sentence}");
            assert!(sentences.insert(sentence.clone()), "{sentence} is told twice");
            let english = english_name(&leaf.event_type);
            assert!(english.is_some_and(|english| names.insert(english)), "{}: {english:?}", leaf.event_type);
        }
    }

    #[test]
    fn what_was_late_is_named() {
        for (kind, said) in [
            ("register", "逾期未登记受理"),
            ("assign", "逾期未交办"),
            ("reply", "逾期未答复"),
            ("part", "逾期未答复协办事项（第 2 项）"),
            ("case", "整件事项逾期未答复"),
        ] {
            let event = every_event().into_iter().find(|event| {
                matches!(event.body, Some(huying_proto::events::v1::event::Body::DeadlineExpired(_)))
            });
            let event = CaseEvent::parse(event.unwrap()).unwrap();
            let bytes = leaf::write(&event, || [1; 32]).unwrap().bytes;
            let mut leaf: Leaf<'_> = serde_json::from_slice(&bytes).unwrap();
            leaf.details.kind = Some(kind.into());
            let told = sentence(&leaf, &Directory::default()).into_string().replace("</strong>", "");
            assert!(told.contains(said), "{told}");
        }
    }

    #[test]
    fn a_limit_is_told_in_words() {
        for (limit, words) in
            [("10wd", "10 个工作日"), ("30d", "30 天"), ("3mo", "3 个月"), ("90s", "90 秒"), ("soon", "soon")]
        {
            assert_eq!(names::limit(limit), words);
        }
    }
}
