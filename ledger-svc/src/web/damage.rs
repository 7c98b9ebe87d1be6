//! What is not as the log has it: told loudly, at the top of the page and in its place.

use maud::{Markup, html};

use crate::{
    domain::discrepancy::{Discrepancy, Subject},
    use_cases::get_case::{DamagedLine, LineView},
};

/// Discrepancies that are listed one by one.
const LISTED_MAX: usize = 20;

/// The banner of a page on which something is not as it was logged; nothing where all of it is.
pub(super) fn alarm(discrepancies: &[Discrepancy]) -> Markup {
    html! {
        @if !discrepancies.is_empty() {
            div.alarm role="alert" {
                h2 { "注意：以下内容与账本不符 " span.en lang="en" { "Not as the log has it" } }
                p {
                    "每次打开本页，系统都会把所存的内容与签名的账本逐条核对。现在有 " strong { (discrepancies.len()) }
                    " 处对不上：它们在写入账本之后被改动过，或者丢失了。请以账本中的承诺值和证明为准。"
                }
                ul {
                    @for one in discrepancies.iter().take(LISTED_MAX) { li { (told(one)) } }
                }
                @if discrepancies.len() > LISTED_MAX {
                    p { "另有 " (discrepancies.len() - LISTED_MAX) " 处，见各步。" }
                }
                p { "任何人都可以用 " code { "huying ledger audit" } " 核对整个账本。" a href="/log" { "怎样核验" } }
            }
        }
    }
}

/// Said of a case while what is kept beside its lines cannot be held against them.
pub(super) fn unchecked(is_checked: bool) -> Markup {
    html! {
        @if !is_checked {
            div.notice role="status" {
                p {
                    "办理状态和统计数字正在按账本重新生成，这一次没有与账本核对；本页按账本各条显示。请稍后再看。 "
                    span.en lang="en" {
                        "Being drawn anew from the log: what is kept of this case was not held against its lines this time."
                    }
                }
            }
        }
    }
}

fn told(discrepancy: &Discrepancy) -> Markup {
    html! {
        @if discrepancy.case_version > 0 {
            a href={ "#v" (discrepancy.case_version) } { "第 " (discrepancy.case_version) " 步" } "："
        }
        (what(discrepancy.subject)) " " span.detail lang="en" { (discrepancy.detail) }
    }
}

fn what(subject: Subject) -> &'static str {
    match subject {
        Subject::Leaf => "账本记录不是当初写入的那一条，或者缺失。",
        Subject::Tile => "账本的哈希树与签名的检查点不一致。",
        Subject::Text => "文字与账本中的承诺值不一致。",
        Subject::Account => "所存的办理状态与账本各条推算的结果不一致，本页按账本显示。",
        Subject::Figures => "统计所用的数字与账本各条推算的结果不一致。",
        Subject::Search => {
            "搜索所存的内容与本事项公开的文字不一致：按这些文字可能搜不到它，或者会按别的文字搜到它。"
        }
    }
}

/// What is wrong with one line, in its place. A text that is shown as changed says so itself.
pub(super) fn of_line(discrepancies: &[Discrepancy], line: &LineView) -> Markup {
    let says_so = line.texts.iter().any(|text| text.unproven.is_some());
    let mut own = discrepancies
        .iter()
        .filter(|one| one.case_version == line.case_version && !(says_so && one.subject == Subject::Text))
        .peekable();
    html! {
        @if own.peek().is_some() {
            div.damaged {
                @for one in own { p { strong { "与账本不符：" } (what(one.subject)) } }
            }
        }
    }
}

/// A text that matches no commitment: shown as what it is.
pub(super) fn unproven(name: &str, kept: &str) -> Markup {
    html! {
        div.damaged {
            p { strong { (name) "与账本中的承诺值不符" } "，不能当作当初的原文。现在存着的是：" }
            p.kept { (kept) }
        }
    }
}

/// A line that cannot be read any more.
pub(super) fn unreadable(line: &DamagedLine) -> Markup {
    html! {
        div.damaged {
            p { strong { "这一条账本记录已无法读出" } "。现在存着的是：" }
            pre { (line.kept) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_and_a_sound_page_says_nothing() {
        assert_eq!(alarm(&[]).into_string(), "");
        let wrong = [
            Discrepancy::of_whole(
                Subject::Figures,
                "what the figures count is not what its lines say: rated",
            ),
            Discrepancy::of_line(3, Subject::Text, "the text body is not the one that was committed to"),
        ];
        let drawn = alarm(&wrong).into_string();
        assert!(drawn.contains("role=\"alert\"") && drawn.contains("<strong>2</strong> 处"), "{drawn}");
        assert!(drawn.contains("<a href=\"#v3\">第 3 步</a>：文字与账本中的承诺值不一致。"), "{drawn}");
    }

    #[test]
    fn what_was_not_checked_is_said_to_be_so() {
        assert_eq!(unchecked(true).into_string(), "");
        assert!(unchecked(false).into_string().contains("没有与账本核对"));
    }

    #[test]
    fn a_changed_text_is_escaped_like_any_other() {
        assert!(unproven("正文", "<b>").into_string().contains("&lt;b&gt;"));
    }
}
