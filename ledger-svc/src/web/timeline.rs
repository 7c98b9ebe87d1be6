//! The lines of a case from the first word to the last, each with the leaf that it is.

use huying_platform::directory::Directory;
use maud::{Markup, html};

use super::{
    Pages, damage, names,
    said::all_said,
    sentences::{english_name, sentence, who},
};
use crate::{
    domain::leaf::LeafTrace,
    use_cases::get_case::{CaseView, DamagedLine, LineView},
};

/// Lines from which on the page offers to go to the last one at once.
const LONG_LINES: usize = 12;

/// All lines of the page, in their order.
pub(super) fn timeline(view: &CaseView, pages: &Pages, directory: &Directory) -> Markup {
    html! {
        section aria-labelledby="timeline" {
            h2 #timeline { "办理过程 " span.en lang="en" { "Timeline" } }
            (jumps(view))
            ol.timeline {
                @for (place, line) in view.lines.iter().enumerate() {
                    @let before = place.checked_sub(1).and_then(|place| view.lines.get(place));
                    (damaged_before(view, before, line))
                    (entry(line, before, view, pages, directory))
                }
                @let last = view.lines.last().map_or(0, |line| line.case_version);
                @for line in view.damaged.iter().filter(|line| line.case_version > last) { (damaged_entry(line)) }
            }
            (pages_of(view))
        }
    }
}

/// The lines that cannot be read, in their places between two that can.
fn damaged_before(view: &CaseView, before: Option<&LineView>, line: &LineView) -> Markup {
    let between = before.map_or(0, |before| before.case_version)..line.case_version;
    html! {
        @for damaged in view.damaged.iter().filter(|damaged| between.contains(&damaged.case_version)) {
            (damaged_entry(damaged))
        }
    }
}

fn damaged_entry(line: &DamagedLine) -> Markup {
    html! {
        li.alert #{ "v" (line.case_version) } {
            p.meta { "第 " (line.case_version) " 步 · 账本序号 " (line.leaf_index) }
            (damage::unreadable(line))
        }
    }
}

/// The way to the lines before and after these, of a case that has more than a page shows.
fn pages_of(view: &CaseView) -> Markup {
    let address = format!("/cases/{}", view.account.case_id);
    let is_later = view.lines.first().is_some_and(|line| line.case_version > 1);
    html! {
        @if is_later || view.next_version.is_some() {
            nav.paging aria-label="翻页" {
                @if is_later { a.button href=(address) { "从第一步看起 " span.en lang="en" { "From the first" } } }
                @if let Some(next) = view.next_version {
                    a.button rel="next" href={ (address) "?from=" (next) } { "后面的步骤 " span.en lang="en" { "Further" } }
                }
            }
        }
    }
}

/// Where the lines are that people look for: in a case of two hundred they would be far to scroll to.
fn jumps(view: &CaseView) -> Markup {
    let told: Vec<(u64, &str)> = view
        .lines
        .iter()
        .filter_map(|line| {
            let name = match line.leaf.event_type.as_ref() {
                "CaseReplied" => "答复",
                "CaseRated" => "评价",
                "CaseClosed" => "办结",
                _ => return None,
            };
            Some((line.case_version, name))
        })
        .collect();
    let last = view.lines.last().filter(|_| view.lines.len() >= LONG_LINES);
    html! {
        @if last.is_some() {
            p.jumps {
                "共 " (view.account.version) " 步："
                @for (version, name) in told { a href={ "#v" (version) } { (name) "（第 " (version) " 步）" } }
                @if let Some(last) = last { a href={ "#v" (last.case_version) } { "最新一步 " span.en lang="en" { "Latest" } } }
            }
        }
    }
}

fn entry(
    line: &LineView,
    before: Option<&LineView>,
    view: &CaseView,
    pages: &Pages,
    directory: &Directory,
) -> Markup {
    let leaf = &line.leaf;
    let alert =
        matches!(leaf.event_type.as_ref(), "DeadlineExpired" | "CaseSupervised" | "CriticismCirculated");
    html! {
        li #{ "v" (line.case_version) } .alert[alert] {
            p.meta { (names::leaf_time(&leaf.occurred_at)) " · " (who(&leaf.actor, directory)) }
            p.what {
                (sentence(leaf, directory))
                @if let Some(english) = english_name(&leaf.event_type) { " " span.en lang="en" { (english) } }
            }
            (damage::of_line(&view.discrepancies, line))
            (all_said(line, pages.pictures_at.as_ref(), directory))
            @if let Some(deadline_at) = new_deadline(line, before) {
                @let replied = leaf.standing.as_ref().is_some_and(|standing| standing.state == "replied");
                p.due { @if replied { "评价截止：" } @else { "期限：" } (names::leaf_deadline(deadline_at)) }
            }
            @if let Some(trace) = &leaf.details.trace { (rules(trace, tells_words(line, view), directory)) }
            (proof(line, view))
        }
    }
}

/// The deadline of a line, where it is another than that of the line before.
fn new_deadline<'a>(line: &'a LineView, before: Option<&'a LineView>) -> Option<&'a str> {
    let deadline_of = |line: &'a LineView| line.leaf.standing.as_ref()?.deadline_at.as_deref();
    let deadline_at = deadline_of(line)?;
    (before.and_then(deadline_of) != Some(deadline_at)).then_some(deadline_at)
}

/// Whether what the rules found in the citizen's text may be told: as long as the text itself may.
fn tells_words(line: &LineView, view: &CaseView) -> bool {
    let account = &view.account;
    account.publicity().shows("body") && account.erased_before < line.case_version
}

fn rules(trace: &LeafTrace<'_>, tells_words: bool, directory: &Directory) -> Markup {
    html! {
        details {
            summary { "规则依据 " span.en lang="en" { "Rule trace" } }
            p { (trace.conclusion) }
            @if tells_words && !trace.considered.is_empty() {
                ol.rules {
                    @for considered in &trace.considered {
                        li { code { (considered.rule) } br; (considered.outcome) }
                    }
                }
            }
            @if tells_words && !trace.matched_keywords.is_empty() {
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
    let address = format!("/cases/{}/lines/{}", view.account.case_id, line.case_version);
    html! {
        p.leaf {
            a href={ (address) "/proof" } { "账本序号 " (line.leaf_index) }
            a href={ (address) ".tlog-proof" } { "证明文件 " span.en lang="en" { "Proof" } }
        }
    }
}
