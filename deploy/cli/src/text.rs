//! Text for a terminal: harmless, aligned, readable.
//!
//! Guarantees that nothing a citizen or a server wrote can move the cursor, change colours or reverse the reading
//! direction. Alignment counts columns as terminals do: a Chinese character takes two.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};

/// One line of text: control characters, line breaks included, become spaces.
pub(crate) fn line(text: &str) -> String {
    text.chars().filter(|c| !reorders(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Text of several lines: line breaks stay, all other control characters go.
pub(crate) fn lines(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || (!c.is_control() && !reorders(*c))).collect()
}

/// JSON in one line, which a terminal shows as it is: characters that would move its cursor or reverse the reading direction
/// are escaped, as JSON allows for any character of a string, and they stand nowhere else.
pub(crate) fn json(value: &serde_json::Value) -> String {
    let mut escaped = String::new();
    for c in value.to_string().chars() {
        if c.is_control() || reorders(c) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Text of several lines, each moved to the right.
pub(crate) fn indented(text: &str, columns: usize) -> String {
    let margin = " ".repeat(columns);
    lines(text).lines().map(|line| format!("{margin}{line}")).collect::<Vec<_>>().join("\n")
}

/// Unicode's explicit directional characters: with them a text can show itself in another order than it has.
fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Columns a text takes on a terminal.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// East Asian wide and fullwidth characters (Unicode Standard Annex 11), as blocks.
fn is_wide(c: char) -> bool {
    matches!(
        c,
        '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{303e}'
            | '\u{3041}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}'
            | '\u{1f300}'..='\u{1faff}'
            | '\u{20000}'..='\u{3fffd}'
    )
}

/// At most so many columns of a text, the last being "…" when something was cut off.
pub(crate) fn shortened(text: &str, columns_max: usize) -> String {
    if columns(text) <= columns_max {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += if is_wide(c) { 2 } else { 1 };
        if used > columns_max {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}

/// Rows under a heading, in columns two spaces apart. The cells are made harmless here.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| line(cell)).collect::<Vec<_>>()).collect();
    let mut widths: Vec<usize> = heading.iter().map(|cell| columns(cell)).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(cell));
        }
    }
    let heading: Vec<String> = heading.iter().map(|cell| (*cell).to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&heading).chain(&rows) {
        let mut drawn = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let padding = width.saturating_sub(columns(cell));
            let _ = write!(drawn, "{cell}{:padding$}  ", "");
        }
        text.push_str(drawn.trim_end());
        text.push('\n');
    }
    text.pop();
    text
}

/// `label  value` lines with the values aligned; those without a value are left out.
pub(crate) fn facts(pairs: &[(&str, String)]) -> String {
    let shown: Vec<_> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = shown.iter().map(|(label, _)| columns(label)).max().unwrap_or(0);
    let drawn: Vec<String> =
        shown.iter().map(|(label, value)| format!("{label:width$}  {}", line(value))).collect();
    drawn.join("\n")
}

/// A moment in the time zone of the machine, to the second.
pub(crate) fn moment(at: Option<Timestamp>) -> String {
    match at {
        Some(at) => at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => String::new(),
    }
}

/// A deadline, and how far off it is.
pub(crate) fn deadline(at: Option<Timestamp>, now: Timestamp) -> String {
    let Some(at) = at else { return String::new() };
    let seconds = at.as_second() - now.as_second();
    let distance = duration(seconds.unsigned_abs());
    if seconds >= 0 {
        format!("{} (in {distance})", moment(Some(at)))
    } else {
        format!("{} ({distance} ago)", moment(Some(at)))
    }
}

/// The two largest units of a duration.
pub(crate) fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_never_reach_the_terminal() {
        let value = serde_json::json!({ "a\u{202e}": ["\u{9b}2J\u{7f}\u{1b}", "路灯\n"] });
        let shown = json(&value);
        assert_eq!(shown, r#"{"a\u202e":["\u009b2J\u007f\u001b","路灯\n"]}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        let hostile = "a\u{1b}[31mb\r\nc\u{9b}2Jd\u{202e}e\u{7}";
        assert_eq!(line(hostile), "a [31mb  c 2Jde ");
        assert_eq!(lines(hostile), "a[31mb\nc2Jde");
    }

    #[test]
    fn chinese_takes_two_columns_and_tables_align() {
        assert_eq!(columns("供热a"), 5);
        assert_eq!(shortened("暖气不热三天了", 7), "暖气不…");
        let drawn =
            table(&["WHO", "N"], &[vec!["住建局".into(), "1".into()], vec!["a\nb".into(), "22".into()]]);
        assert_eq!(drawn, "WHO     N\n住建局  1\na b     22");
    }

    #[test]
    fn facts_without_a_value_are_left_out() {
        assert_eq!(
            facts(&[("case", "x".into()), ("reply", String::new()), ("at", "y".into())]),
            "case  x\nat    y"
        );
    }

    #[test]
    fn a_deadline_says_how_far_off_it_is() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let later = Timestamp::from_second(1_000_000 + 90_061).unwrap();
        assert!(deadline(Some(later), now).ends_with("(in 1d 1h)"));
        assert!(deadline(Some(now), later).ends_with("(1d 1h ago)"));
    }
}
