//! What was found, shown in its place: pieces of a text, each of which is one of the words that were looked for or not.
//!
//! Made from the text itself and as text: whoever shows it escapes it as any other.

use std::{collections::HashSet, ops::Range};

use super::{
    search_query::{SearchQuery, Word},
    segmentation::{self, Run, Script},
};

/// Longest excerpt, in characters, all pieces together.
pub const EXCERPT_MAX_CHARS: usize = 120;

/// Characters before the first word that an excerpt shows, so that it can be read.
const LEAD_CHARS: usize = 24;

/// Hits of a text that are looked at for its best place.
const HITS_MAX: usize = 1_000;

/// What stands for text that is left out.
const ELLIPSIS: char = '…';

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The piece.
    pub text: String,
    /// It is one of the words that were looked for.
    pub found: bool,
}

/// All of a text, with what was found in it. For a title.
pub fn mark(query: &SearchQuery, text: &str) -> Vec<Fragment> {
    let hits = hits(query, text);
    cut(text, 0..text.len(), &hits)
}

/// The place among these texts that has most of the words, at most [`EXCERPT_MAX_CHARS`] long. Among equals the earlier
/// text wins. Empty when there is none of the words in any of them.
pub fn excerpt<'a>(query: &SearchQuery, texts: impl IntoIterator<Item = &'a str>) -> Vec<Fragment> {
    let mut best: Option<(usize, Vec<Fragment>)> = None;
    for text in texts {
        // White space of every kind is one space in a list.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let hits = hits(query, &text);
        let Some((words, place)) = best_place(&text, &hits) else { continue };
        if best.as_ref().is_none_or(|(most, _)| words > *most) {
            best = Some((words, around(&text, place, &hits)));
        }
        if words == query.words().len() {
            break;
        }
    }
    best.map(|(_, fragments)| fragments).unwrap_or_default()
}

/// A word in its place.
struct Hit {
    /// Bytes of the text.
    place: Range<usize>,
    /// Which of the words.
    word: usize,
}

/// The hits in a text, in order.
fn hits(query: &SearchQuery, text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    for run in segmentation::runs(text) {
        for (number, word) in query.words().iter().enumerate() {
            hits.extend(hits_in(&run, word, text).map(|place| Hit { place, word: number }));
        }
        if hits.len() > HITS_MAX {
            break;
        }
    }
    hits.sort_by_key(|hit| (hit.place.start, hit.place.end));
    hits
}

fn hits_in<'a>(run: &'a Run, word: &'a Word, text: &'a str) -> impl Iterator<Item = Range<usize>> {
    let is_candidate = run.script == word.script && (run.script == Script::Han || is_word_of(run, word));
    let found = run.text.match_indices(word.text.as_str()).filter(move |_| is_candidate);
    found.map(|(start, found)| {
        let first = run.text[..start].chars().count();
        let last = first + found.chars().count() - 1;
        run.origins[first]..end_of_char(text, run.origins[last])
    })
}

/// Letters and digits are found as a whole, or as the letters or the digits between others.
fn is_word_of(run: &Run, word: &Word) -> bool {
    run.text == word.text || segmentation::words(Script::Other, &run.text).contains(&word.text.as_str())
}

/// The first hit of the stretch with most of the words, and how many those are.
fn best_place(text: &str, hits: &[Hit]) -> Option<(usize, Range<usize>)> {
    let mut best: Option<(usize, Range<usize>)> = None;
    for (number, first) in hits.iter().enumerate() {
        let end = end_after_chars(text, first.place.start, EXCERPT_MAX_CHARS - LEAD_CHARS - 2);
        let within = hits[number..].iter().take_while(|hit| hit.place.end <= end.max(first.place.end));
        let words = within.map(|hit| hit.word).collect::<HashSet<_>>().len();
        if best.as_ref().is_none_or(|(most, _)| words > *most) {
            best = Some((words, first.place.clone()));
        }
    }
    best
}

/// The text around a place, with an ellipsis where it goes on.
fn around(text: &str, place: Range<usize>, hits: &[Hit]) -> Vec<Fragment> {
    let before = &text[..place.start];
    let lead = before.char_indices().rev().take(LEAD_CHARS).last().map_or(place.start, |(start, _)| start);
    // From the beginning of a sentence if one begins there, for that is easier to read.
    let sentence =
        before[lead..].char_indices().rev().find(|(_, character)| "。！？；!?;".contains(*character));
    let mut start = sentence.map_or(lead, |(at, mark)| lead + at + mark.len_utf8());
    start += text[start..].len() - text[start..].trim_start().len();
    let cut_before = start > 0;
    let room = EXCERPT_MAX_CHARS - usize::from(cut_before);
    let mut end = end_after_chars(text, start, room);
    let cut_after = end < text.len();
    if cut_after {
        end = end_after_chars(text, start, room - 1);
    }
    let mut fragments = cut(text, start..end, hits);
    if cut_before {
        match fragments.first_mut().filter(|first| !first.found) {
            Some(first) => first.text.insert(0, ELLIPSIS),
            None => fragments.insert(0, Fragment { text: ELLIPSIS.into(), found: false }),
        }
    }
    if cut_after {
        match fragments.last_mut().filter(|last| !last.found) {
            Some(last) => last.text.push(ELLIPSIS),
            None => fragments.push(Fragment { text: ELLIPSIS.into(), found: false }),
        }
    }
    fragments
}

/// A stretch of the text in pieces. Hits that overlap or touch are one piece; one that sticks out is cut off.
fn cut(text: &str, stretch: Range<usize>, hits: &[Hit]) -> Vec<Fragment> {
    let mut fragments: Vec<Fragment> = Vec::new();
    let mut done = stretch.start;
    let mut push = |piece: &str, found: bool| match fragments.last_mut() {
        _ if piece.is_empty() => {}
        Some(last) if last.found == found => last.text.push_str(piece),
        _ => fragments.push(Fragment { text: piece.to_owned(), found }),
    };
    for hit in hits {
        let (start, end) = (hit.place.start.max(done), hit.place.end.min(stretch.end));
        if start >= end {
            continue;
        }
        push(&text[done..start], false);
        push(&text[start..end], true);
        done = end;
    }
    push(&text[done..stretch.end], false);
    fragments
}

fn end_of_char(text: &str, start: usize) -> usize {
    text[start..].chars().next().map_or(start, |character| start + character.len_utf8())
}

fn end_after_chars(text: &str, start: usize, chars: usize) -> usize {
    text[start..].char_indices().nth(chars).map_or(text.len(), |(end, _)| start + end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(text: &str) -> SearchQuery {
        SearchQuery::parse(text).unwrap()
    }

    /// With what was found in brackets.
    fn drawn(fragments: &[Fragment]) -> String {
        fragments
            .iter()
            .map(|Fragment { text, found }| if *found { format!("[{text}]") } else { text.clone() })
            .collect()
    }

    #[test]
    fn what_was_found_is_marked_as_it_is_written() {
        assert_eq!(drawn(&mark(&query("供暖 ktv"), "ＫＴＶ与供暖、供暖费")), "[ＫＴＶ]与[供暖]、[供暖]费");
        assert_eq!(drawn(&mark(&query("m2"), "100㎡")), "100[㎡]");
        assert_eq!(drawn(&mark(&query("供暖 暖气"), "供暖气")), "[供暖气]");
        assert_eq!(drawn(&mark(&query("停电"), "停水")), "停水");
        assert_eq!(drawn(&mark(&query("12"), "2012年12月a12")), "2012年[12]月a[12]");
        assert_eq!(mark(&query("水"), ""), []);
    }

    #[test]
    fn an_excerpt_is_the_place_with_most_of_the_words() {
        let body = format!("停水{}。周末停水\n也 停电，请尽快{}", "一二三四五".repeat(40), "处理".repeat(60));
        let shown = drawn(&excerpt(&query("停水 停电"), ["标题", &body]));
        assert!(shown.starts_with("…周末[停水] 也 [停电]，请尽快处理"), "{shown}");
        assert!(shown.ends_with('…'), "{shown}");
        let shown = drawn(&excerpt(&query("停水"), ["本周停水", "停水停水"]));
        assert_eq!(shown, "本周[停水]");
        assert_eq!(excerpt(&query("停水"), ["没有", ""]), []);
    }

    #[test]
    fn markup_is_text_like_any_other() {
        assert_eq!(drawn(&mark(&query("停水"), "<b>停水</b>&amp;")), "<b>[停水]</b>&amp;");
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_of_the_text(
            text in "[停水电a1㎡。 \n\u{2003}<𠀀]{0,300}",
            words in "[停水电a1]{1,3}( [停水电a1]{1,3})?",
        ) {
            let query = query(&words);
            let fragments = excerpt(&query, [text.as_str()]);
            let shown: String = fragments.iter().map(|fragment| fragment.text.as_str()).collect();
            prop_assert!(shown.chars().count() <= EXCERPT_MAX_CHARS);
            let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert!(spaced.contains(shown.trim_matches(ELLIPSIS)), "{shown}");
            prop_assert!(fragments.is_empty() || fragments.iter().any(|fragment| fragment.found));
            let marked: String = mark(&query, &text).into_iter().map(|fragment| fragment.text).collect();
            prop_assert_eq!(marked, text);
        }
    }
}
