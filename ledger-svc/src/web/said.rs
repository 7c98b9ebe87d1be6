//! What was said with a line of a timeline: texts, what co-handlers were asked, pictures.

use std::borrow::Cow;

use huying_platform::directory::Directory;
use maud::{Markup, html};

use super::{damage, names};
use crate::{
    config::PublicUrl,
    domain::leaf::{PICTURE_NAME, TASK_NAME},
    use_cases::get_case::{LineView, TextView},
};

/// Everything but the title, which is the page's own; of that, what was put in its place.
pub(super) fn all_said(line: &LineView, pictures_at: Option<&PublicUrl>, directory: &Directory) -> Markup {
    let event_type = &line.leaf.event_type;
    let texts = line
        .texts
        .iter()
        .filter(|text| text.name != "title" && !text.is_picture() && !text.name.starts_with(TASK_NAME));
    let title = line.texts.iter().find(|text| text.name == "title");
    html! {
        @if let Some(kept) = title.and_then(|title| title.unproven.as_deref()) { (damage::unproven("标题", kept)) }
        @for text in texts { (said(text, event_type)) }
        (parts(line, directory))
        (pictures(line, pictures_at))
    }
}

/// What a text of a line is called.
pub(super) fn text_name(name: &str, event_type: &str) -> (Cow<'static, str>, Cow<'static, str>) {
    if let Some(place) = name.strip_prefix(PICTURE_NAME) {
        return (format!("图片 {place}").into(), format!("Picture {place}").into());
    }
    if let Some(number) = name.strip_prefix(TASK_NAME) {
        return (format!("第 {number} 项协办要求").into(), format!("Task {number}").into());
    }
    let (chinese, english) = match (name, event_type) {
        ("title", _) => ("标题", "Title"),
        ("body", _) => ("正文", "Text"),
        ("note", "CaseClosed") => ("办结说明", "Note"),
        ("note", "CaseClaimed") => ("认领说明", "Note"),
        ("note", "ExtensionGranted") => ("延期意见", "Note"),
        ("note", _) => ("交办意见", "Note"),
        ("reason", _) => ("理由", "Reason"),
        ("withdrawal_reason", _) => ("撤回理由", "Reason"),
        ("explanation", _) => ("不予受理的说明", "Explanation"),
        ("legal_basis", _) => ("退回依据", "Legal basis"),
        ("text", "CaseReplied") => ("答复内容", "Reply"),
        ("text", "PartAnswered") => ("协办答复", "Answer"),
        ("text", "CaseUrged") => ("催办内容", "Urging"),
        ("text", "CriticismCirculated") => ("通报内容", "Criticism"),
        ("text", _) => ("进展内容", "Progress"),
        ("demand", _) => ("督办要求", "Demand"),
        ("comment", _) => ("群众留言", "Comment"),
        ("purpose", _) => ("查阅目的", "Purpose"),
        ("ground", _) => ("删除依据", "Ground"),
        _ => ("文字", "Text"),
    };
    (chinese.into(), english.into())
}

fn said(text: &TextView, event_type: &str) -> Markup {
    let name = text_name(&text.name, event_type);
    html! {
        @match (&text.shown, &text.unproven) {
            (Some(shown), _) => {
                @let is_main = matches!(text.name.as_str(), "body" | "text" | "explanation");
                div.said.main[is_main] {
                    @if !is_main { span.label { (name.0) } }
                    p { (shown.text) }
                }
            }
            (None, Some(kept)) => { (damage::unproven(&name.0, kept)) }
            (None, None) if text.erased => {
                p.withheld { (name.0) "已删除 " span.en lang="en" { (name.1) " deleted" } }
            }
            (None, None) => {
                p.withheld { (name.0) "不公开 " span.en lang="en" { (name.1) " withheld" } }
            }
        }
    }
}

fn parts(line: &LineView, directory: &Directory) -> Markup {
    let parts = &line.leaf.details.parts;
    html! {
        @if !parts.is_empty() {
            ul.parts {
                @for part in parts {
                    li {
                        "第 " (part.part_number) " 项 · " strong { (names::unit(directory, &part.unit)) }
                        " · 期限 " (names::leaf_deadline(&part.deadline_at))
                        @if part.parent_part_number > 0 { " · 属于第 " (part.parent_part_number) " 项" }
                        @let name = format!("{TASK_NAME}{}", part.part_number);
                        @if let Some(task) = line.texts.iter().find(|text| text.name == name) {
                            (said(task, &line.leaf.event_type))
                        }
                    }
                }
            }
        }
    }
}

fn pictures(line: &LineView, pictures_at: Option<&PublicUrl>) -> Markup {
    let pictures: Vec<&TextView> = line.texts.iter().filter(|text| text.is_picture()).collect();
    let (event_type, count) = (&line.leaf.event_type, pictures.len());
    let is_shown = pictures.iter().any(|picture| picture.shown.is_some() || picture.unproven.is_some());
    html! {
        // But for what was changed, all pictures of a line are shown, withheld or deleted together.
        @if is_shown {
            div.pictures {
                @for picture in pictures.iter().filter(|picture| picture.shown.is_some()) {
                    (shown_picture(picture, event_type, pictures_at))
                }
            }
            @for picture in &pictures {
                @if let Some(kept) = &picture.unproven {
                    (damage::unproven(&text_name(&picture.name, event_type).0, kept))
                }
            }
        } @else if pictures.iter().any(|picture| picture.erased) {
            p.withheld { (count) " 张图片已删除 " span.en lang="en" { "Pictures deleted" } }
        } @else if count > 0 {
            p.withheld { (count) " 张图片不公开 " span.en lang="en" { "Pictures withheld" } }
        }
    }
}

fn shown_picture(picture: &TextView, event_type: &str, pictures_at: Option<&PublicUrl>) -> Markup {
    let name = text_name(&picture.name, event_type).0;
    let id = picture.shown.as_ref().map_or("", |shown| shown.text.as_str());
    html! {
        @match pictures_at {
            Some(url) => {
                @let source = url.join(&format!("/pictures/{id}"));
                a href=(source) { img src=(source) alt=(name) loading="lazy" decoding="async"; }
            }
            None => { p.fine { (name) "（SHA-256）" br; code { (id) } } }
        }
    }
}
