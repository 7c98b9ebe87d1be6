//! The frame of every page, the parts of forms, and the pages for what went wrong.

use maud::{DOCTYPE, Markup, html};

use super::{forms::WebFault, rules_in_words::Words};

/// Which entry of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Write,
    Track,
    Nowhere,
}

/// Whether search engines may keep a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Indexing {
    Allowed,
    Refused,
}

pub(super) fn frame(title: &str, place: Place, indexing: Indexing, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if indexing == Indexing::Refused {
                    meta name="robots" content="noindex, nofollow, noarchive";
                }
                meta name="format-detection" content="telephone=no";
                title { (title) " · 呼应 Huying" }
                link rel="stylesheet" href="/static/style.css";
            }
            body {
                a.skip href="#main" { "跳到正文 " span lang="en" { "Skip to content" } }
                header.top {
                    div.wrap {
                        a.brand href="/" { strong { "呼应" } span lang="en" { "Huying" } }
                        nav aria-label="主要页面" {
                            a href="/" aria-current=[(place == Place::Write).then_some("page")] {
                                "我要反映" span.en lang="en" { "Write" }
                            }
                            a href="/track" aria-current=[(place == Place::Track).then_some("page")] {
                                "查询进度" span.en lang="en" { "Track" }
                            }
                        }
                    }
                }
                main #main { div.wrap { (content) } }
                footer.bottom {
                    div.wrap {
                        p { "民有所呼，我有所应。" span.en lang="en" { "You call, we respond." } }
                        p.quiet {
                            "您的姓名、电话、住址单独加密保存，只有承办单位因办理需要才能查看，每次查看都会公开记录。"
                        }
                    }
                }
            }
        }
    }
}

/// A label in both languages, with a mark when the field may stay empty.
pub(super) fn label(id: &str, label: Words, optional: bool) -> Markup {
    html! {
        label for=(id) { (both(label)) @if optional { span.optional { "选填" } } }
    }
}

pub(super) fn both(words: Words) -> Markup {
    html! { span.zh { (words.zh) } " " span.en lang="en" { (words.en) } }
}

/// What is wrong with a field, right at it.
pub(super) fn field_faults(id: &str, faults: &[WebFault]) -> Markup {
    html! {
        @if has_fault(id, faults) {
            div.fault id={ (id) "-fault" } {
                @for fault in faults.iter().filter(|fault| fault.field == id) {
                    p { span.visually-hidden { "错误：" } (fault.words) }
                }
            }
        }
    }
}

pub(super) fn has_fault(id: &str, faults: &[WebFault]) -> bool {
    faults.iter().any(|fault| fault.field == id)
}

/// Value of aria-invalid.
pub(super) fn invalid(id: &str, faults: &[WebFault]) -> Option<&'static str> {
    has_fault(id, faults).then_some("true")
}

/// Value of aria-describedby: the hint, and what is wrong.
pub(super) fn described_by(id: &str, has_hint: bool, faults: &[WebFault]) -> Option<String> {
    match (has_hint, has_fault(id, faults)) {
        (false, false) => None,
        (true, false) => Some(format!("{id}-hint")),
        (false, true) => Some(format!("{id}-fault")),
        (true, true) => Some(format!("{id}-hint {id}-fault")),
    }
}

pub(super) fn not_found() -> Markup {
    message("没有这个页面", "Page not found", "地址可能有误。您可以从这里重新开始：")
}

pub(super) fn too_large() -> Markup {
    message(
        "内容太长",
        "Too long",
        "正文最多 20000 个字，图片合计最多 3 MB。请返回上一页缩短后再提交，您填写的内容还在那里。",
    )
}

pub(super) fn not_a_form() -> Markup {
    message("没有看懂这次提交", "Not understood", "请从本站页面填写后提交：")
}

pub(super) fn our_fault() -> Markup {
    message(
        "抱歉，系统出了问题",
        "Something went wrong on our side",
        "我们已记录这次故障。请稍后返回上一页再次提交，同一页面重复提交不会产生两件。",
    )
}

fn message(title: &str, english: &str, text: &str) -> Markup {
    frame(
        title,
        Place::Nowhere,
        Indexing::Refused,
        &html! {
            section.card.narrow {
                h1 { (title) span.en lang="en" { (english) } }
                p { (text) }
                p.actions {
                    a.button href="/" { "我要反映" }
                    a.button.second href="/track" { "查询进度" }
                }
            }
        },
    )
}
