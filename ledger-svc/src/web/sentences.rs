//! Each line of a timeline in a plain Chinese sentence. Everything in it is from the leaf, but names, which are the
//! directory's.

use huying_platform::directory::Directory;
use maud::{Markup, html};

use super::names;
use crate::domain::leaf::{Leaf, LeafActor};

/// Who it was.
pub(super) fn who(actor: &LeafActor<'_>, directory: &Directory) -> String {
    let code = actor.code.as_ref();
    match actor.role.as_ref() {
        "citizen" => "群众".to_owned(),
        "office" | "department" => names::unit(directory, code).to_owned(),
        "representative" => {
            directory.representative(code).map_or_else(|| code.to_owned(), |one| one.designation.clone())
        }
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
    let by_rules = leaf.actor.role == "system";
    html! {
        @match leaf.event_type.as_ref() {
            "CaseSubmitted" => { "群众提交，写给" strong { (addressee(leaf, directory)) } }
            "CaseQueued" => { "规则不能可靠地判断承办单位，转" strong { (holder) } "人工登记" }
            "CaseRegistered" => { strong { (holder) } "登记受理" @if by_rules { "（按规则自动登记）" } }
            "CaseAssigned" => {
                strong { (holder) } "交办至" strong { (unit) } @if by_rules { "（按规则自动交办）" }
            }
            "CaseDelegated" => {
                strong { (name(details.from_office.as_deref())) } "交下级"
                strong { (name(details.to_office.as_deref())) } "办理"
            }
            "CaseEscalated" => {
                strong { (name(details.from_office.as_deref())) } "提请上级"
                strong { (name(details.to_office.as_deref())) } "办理"
            }
            "CaseAccepted" => { strong { (unit) } "接收，开始办理" }
            "CaseReturned" => {
                strong { (unit) } "退回" strong { (holder) }
                @if let Some(number) = details.return_number { "（第 " (number) " 次）" }
                @if let Some(proposed) = details.proposed_unit.as_deref().filter(|code| !code.is_empty()) {
                    "，建议改由" strong { (name(Some(proposed))) } "承办"
                }
            }
            "ProgressReported" => { strong { (unit) } "报告办理进展" }
            "CaseReplied" => {
                strong { (unit) } "答复"
                @if let Some(number) = details.reply_number.filter(|number| *number > 1) { "（第 " (number) " 次）" }
            }
            "CaseRated" => {
                "群众评价：" strong { @if details.resolved == Some(true) { "问题已解决" } @else { "问题未解决" } }
                "，" strong { @if details.satisfied == Some(true) { "满意" } @else { "不满意" } }
            }
            "CaseReopened" => { "群众认为问题没有解决，由" strong { (unit) } "重新办理" }
            "CaseClosed" => {
                @if details.reason.as_deref() == Some("rating_time_ended") {
                    "评价期已满，群众没有评价，自动办结（沉默不计为满意）"
                } @else if details.reason.as_deref() == Some("rated_time_ended") {
                    "群众已评价，评价期满，自动办结"
                } @else {
                    strong { (holder) } "办结销号"
                }
            }
            "DeadlineExpired" => {
                strong { (unit) }
                @match details.kind.as_deref() {
                    Some("assign") => { "逾期未登记交办" }
                    Some("reply") => { "逾期未答复" }
                    _ => { "期限已过" }
                }
                @if let Some(due_at) = &details.due_at { "，期限为 " (names::leaf_time(due_at)) }
                @if let Some(number) = details.expiry_number.filter(|number| *number > 1) {
                    "（第 " (number) " 次）"
                }
            }
            "PrivatePartRead" => { strong { (who(&leaf.actor, directory)) } "查阅了来信人的非公开信息" }
            "PrivatePartErased" => {
                "受理系统已删除来信人非公开信息的密钥，此前的标题、正文和群众留言也已从本账本删除"
            }
            other => { (other) }
        }
    }
}

/// What a text of a line is called.
pub(super) fn text_name(name: &str, event_type: &str) -> (&'static str, &'static str) {
    match (name, event_type) {
        ("title", _) => ("标题", "Title"),
        ("body", _) => ("正文", "Text"),
        ("note", "CaseClosed") => ("办结说明", "Note"),
        ("note", _) => ("交办意见", "Note"),
        ("reason", _) => ("理由", "Reason"),
        ("legal_basis", _) => ("退回依据", "Legal basis"),
        ("text", "CaseReplied") => ("答复内容", "Reply"),
        ("text", _) => ("进展内容", "Progress"),
        ("comment", _) => ("群众留言", "Comment"),
        ("purpose", _) => ("查阅目的", "Purpose"),
        ("ground", _) => ("删除依据", "Ground"),
        _ => ("文字", "Text"),
    }
}

/// Whom the citizen wrote to.
pub(super) fn addressee(leaf: &Leaf<'_>, directory: &Directory) -> String {
    let Some(addressee) = &leaf.addressee else { return "人大机构".to_owned() };
    let code = addressee.code.as_ref();
    match addressee.kind.as_ref() {
        "representative" => {
            directory.representative(code).map_or_else(|| code.to_owned(), |one| one.designation.clone())
        }
        "station" => directory.station(code).map_or_else(|| code.to_owned(), |station| station.name.clone()),
        _ => directory
            .office_of(code)
            .map_or_else(|| names::region(directory, code).to_owned(), |office| office.name.clone()),
    }
}
