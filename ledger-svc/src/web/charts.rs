//! Numbers drawn as SVG: pure functions from numbers to markup.
//!
//! No chart says anything alone. Whatever it shows stands beside it as text, in a table or a list that its page draws,
//! so each is marked as a picture with a sentence in its place, or as decoration where a number stands in the same row.
//! Measures are in percent of the width and whole pixels of height, so that letters keep their size on a phone; looks
//! are in the style sheet alone, because the content policy allows no other.

use maud::{Markup, html};

/// Pixels of the part of [`columns`] that has the columns.
const COLUMNS_HEIGHT: u64 = 160;

/// Pixels above and below it: for the highest number, and for the names of the months.
const COLUMNS_ABOVE: u64 = 22;
const COLUMNS_BELOW: u64 = 24;

/// Places that there are for columns at least: a single one would otherwise be as wide as the page.
const COLUMN_PLACES_MIN: usize = 8;

/// Names that fit under the columns of a narrow phone.
const COLUMN_NAMES_MAX: usize = 6;

/// A bar beside its number: `value` of `max`, which fills the width.
pub(super) fn bar(value: u64, max: u64) -> Markup {
    html! {
        svg.bar width="100%" height="8" aria-hidden="true" focusable="false" {
            rect.track width="100%" height="8" rx="2" {}
            @if value > 0 { rect.fill width=(percent(value, max)) height="8" rx="2" {} }
        }
    }
}

/// A part of a whole in [`shares`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// Class of its look: one of the tones `tone-1` to `tone-4` of the style sheet.
    pub(super) tone: &'static str,
    /// How many.
    pub(super) value: u64,
}

/// Parts of one whole side by side. The list beside it has the same tones as swatches, see [`swatch`].
pub(super) fn shares(parts: &[Share]) -> Markup {
    let total: u64 = parts.iter().map(|part| part.value).sum();
    let placed = parts.iter().scan(0, |before, part| {
        let left = *before;
        *before += part.value;
        Some((left, part))
    });
    html! {
        svg.shares width="100%" height="20" aria-hidden="true" focusable="false" {
            rect.track width="100%" height="20" rx="3" {}
            @for (left, part) in placed.filter(|(_, part)| part.value > 0) {
                rect class=(part.tone) x=(percent(left, total)) width=(percent(part.value, total)) height="20" {}
            }
        }
    }
}

/// The tone of a part, before its name in a list.
pub(super) fn swatch(tone: &str) -> Markup {
    html! {
        svg.swatch width="12" height="12" aria-hidden="true" focusable="false" {
            rect class=(tone) width="12" height="12" rx="2" {}
        }
    }
}

/// A place on the axis of [`columns`].
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// What stands under it, where there is room.
    pub(super) name: String,
    /// The whole column.
    pub(super) whole: u64,
    /// The lower part of it, drawn filled; at most the whole.
    pub(super) part: u64,
}

/// Columns from left to right, each with a filled part. `label` is the sentence read in place of the picture.
pub(super) fn columns(label: &str, columns: &[Column]) -> Markup {
    let max = columns.iter().map(|column| column.whole).max().unwrap_or(0);
    let count = columns.len().max(COLUMN_PLACES_MIN) as u64;
    let every = columns.len().div_ceil(COLUMN_NAMES_MAX).max(1);
    let floor = COLUMNS_ABOVE + COLUMNS_HEIGHT;
    html! {
        svg.columns width="100%" height=(floor + COLUMNS_BELOW) role="img" aria-label=(label) focusable="false" {
            line.grid x1="0" x2="100%" y1=(COLUMNS_ABOVE) y2=(COLUMNS_ABOVE) {}
            line.grid x1="0" x2="100%" y1=(COLUMNS_ABOVE + COLUMNS_HEIGHT / 2) y2=(COLUMNS_ABOVE + COLUMNS_HEIGHT / 2) {}
            text.top x="0" y=(COLUMNS_ABOVE - 6) { (max) }
            @for (place, column) in columns.iter().enumerate() {
                // A column takes three fifths of its place.
                @let left = percent(place as u64 * 5 + 1, count * 5);
                @let width = percent(3, count * 5);
                @let whole = height(column.whole, max);
                @let part = height(column.part.min(column.whole), max);
                rect.whole x=(left) y=(floor - whole) width=(width) height=(whole) {}
                rect.part x=(left) y=(floor - part) width=(width) height=(part) {}
                // The last one is named, and so is every so many-th before it.
                @if (columns.len() - 1 - place).is_multiple_of(every) {
                    text x=(percent(place as u64 * 2 + 1, count * 2)) y=(floor + 17) text-anchor="middle" { (column.name) }
                }
            }
            line.axis x1="0" x2="100%" y1=(floor) y2=(floor) {}
        }
    }
}

/// Two levels above each other and what goes between them, in [`levels`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Between {
    /// How many go down.
    pub(super) down: u64,
    /// How many go up.
    pub(super) up: u64,
}

/// Levels from the highest to the lowest, and arrows between neighbours, the thicker the more goes that way.
/// `between` has one entry fewer than `names`. What passes by all levels between the highest and the lowest is `across`:
/// it goes along both sides of narrower boxes.
pub(super) fn levels(label: &str, names: &[&str], between: &[Between], across: Option<Between>) -> Markup {
    const BOX: u64 = 38;
    const GAP: u64 = 74;
    let max = between.iter().chain(&across).flat_map(|between| [between.down, between.up]).max().unwrap_or(0);
    let bottom = names.len() as u64 * (BOX + GAP) - GAP;
    let is_inner = |place: usize| across.is_some() && place > 0 && place + 1 < names.len();
    html! {
        svg.levels width="100%" height=(bottom.max(BOX)) role="img" aria-label=(label) focusable="false" {
            @for (place, name) in names.iter().enumerate() {
                @let top = place as u64 * (BOX + GAP);
                @let (left, width) = if is_inner(place) { ("24%", "52%") } else { ("0.5%", "99%") };
                rect.level x=(left) y=(top + 1) width=(width) height=(BOX - 2) rx="4" {}
                text x="50%" y=(top + 25) text-anchor="middle" { (name) }
            }
            @for (place, between) in between.iter().enumerate() {
                @let top = place as u64 * (BOX + GAP) + BOX;
                (arrow("28%", top, GAP, between.down, max, true))
                (arrow("68%", top, GAP, between.up, max, false))
            }
            @if let Some(across) = across {
                @let length = bottom.saturating_sub(2 * BOX);
                (arrow("5%", BOX, length, across.down, max, true))
                (arrow("88%", BOX, length, across.up, max, false))
            }
        }
    }
}

/// An arrow between two levels with its number beside it. An `svg` of its own is what lets the head be in pixels at a
/// place in percent.
fn arrow(x: &str, top: u64, gap: u64, value: u64, max: u64, is_down: bool) -> Markup {
    let width = 1 + height(value, max) * 9 / COLUMNS_HEIGHT;
    let (from, to) = (top + 5, top + gap - 5);
    html! {
        svg.arrow .none[value == 0] x=(x) y="0" width="1" height="100%" overflow="visible" {
            @if is_down {
                line x1="0" x2="0" y1=(from) y2=(to - 9) stroke-width=(width) {}
                path d={ "M -8 " (to - 10) " L 8 " (to - 10) " L 0 " (to) " Z" } {}
            } @else {
                line x1="0" x2="0" y1=(from + 9) y2=(to) stroke-width=(width) {}
                path d={ "M -8 " (from + 10) " L 8 " (from + 10) " L 0 " (from) " Z" } {}
            }
            text x="14" y=(top + gap / 2 + 5) { (value) }
        }
    }
}

/// Pixels of a column: at least two where there is something, so that it is seen.
fn height(value: u64, max: u64) -> u64 {
    if value == 0 || max == 0 {
        return 0;
    }
    let pixels = u128::from(value) * u128::from(COLUMNS_HEIGHT) / u128::from(max);
    u64::try_from(pixels).unwrap_or(COLUMNS_HEIGHT).clamp(2, COLUMNS_HEIGHT)
}

/// `value` of `of` in percent with two decimals, as an attribute; 0 of nothing.
fn percent(value: u64, of: u64) -> String {
    let hundredths = u128::from(value) * 10_000 / u128::from(of.max(1));
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_bar_fills_its_width_and_none_is_wider() {
        assert!(bar(7, 7).into_string().contains("width=\"100.00%\""));
        assert!(bar(1, 3).into_string().contains("width=\"33.33%\""));
        assert!(!bar(0, 3).into_string().contains("fill"));
        assert!(!bar(0, 0).into_string().contains("fill"));
    }

    #[test]
    fn shares_lie_side_by_side_without_gap_or_overlap() {
        let share = |tone, value| Share { tone, value };
        let drawn = shares(&[share("tone-1", 1), share("tone-2", 0), share("tone-3", 3)]).into_string();
        assert!(drawn.contains("class=\"tone-1\" x=\"0.00%\" width=\"25.00%\""), "{drawn}");
        assert!(!drawn.contains("tone-2"), "{drawn}");
        assert!(drawn.contains("class=\"tone-3\" x=\"25.00%\" width=\"75.00%\""), "{drawn}");
    }

    #[test]
    fn a_column_is_seen_however_small_and_has_its_part_within() {
        let column = |whole, part| Column { name: "1".to_owned(), whole, part };
        let drawn = columns("", &[column(1_000, 2_000), column(1, 0), column(0, 0)]).into_string();
        assert!(drawn.contains("x=\"2.50%\" y=\"22\" width=\"7.50%\" height=\"160\""), "{drawn}");
        assert!(drawn.contains("x=\"15.00%\" y=\"180\" width=\"7.50%\" height=\"2\""), "{drawn}");
        assert!(!drawn.contains("height=\"161\""), "{drawn}");
    }

    #[test]
    fn as_many_columns_are_named_as_a_phone_has_room_for_and_the_last_one_is() {
        for count in [1, 2, 6, 7, 12, 24] {
            let named: Vec<Column> =
                (1..=count).map(|name| Column { name: format!("m{name}m"), whole: 1, part: 1 }).collect();
            let drawn = columns("", &named).into_string();
            assert!(drawn.contains(&format!("m{count}m")), "{drawn}");
            assert!(drawn.matches('m').count() > 0 && drawn.matches("</text>").count() <= 7, "{drawn}");
        }
    }

    #[test]
    fn no_numbers_at_all_are_drawn_without_dividing_by_them() {
        assert!(columns("", &[]).into_string().contains("axis"));
        assert!(shares(&[]).into_string().contains("track"));
        let drawn = levels("", &["市级", "县级"], &[Between { down: 0, up: u64::MAX }], None).into_string();
        assert!(drawn.contains("stroke-width=\"1\"") && drawn.contains("stroke-width=\"10\""), "{drawn}");
    }

    #[test]
    fn what_passes_by_a_level_goes_along_its_sides() {
        let (names, between) = (["市级", "县级", "乡级"], [Between { down: 3, up: 4 }; 2]);
        let drawn = levels("", &names, &between, None).into_string();
        assert_eq!((drawn.matches("width=\"99%\"").count(), drawn.matches("<path").count()), (3, 4));
        let across = Some(Between { down: 1_234, up: 2 });
        let drawn = levels("", &names, &between, across).into_string();
        assert_eq!((drawn.matches("width=\"52%\"").count(), drawn.matches("<path").count()), (1, 6));
        assert!(drawn.contains(">1234</text>"), "{drawn}");
    }

    #[test]
    fn no_chart_needs_a_style_of_its_own() {
        let drawn = [
            bar(1, 2),
            shares(&[Share { tone: "tone-1", value: 1 }]),
            columns("每月", &[Column { name: "1".to_owned(), whole: 2, part: 1 }]),
            levels(
                "层级",
                &["市级", "县级"],
                &[Between { down: 1, up: 2 }],
                Some(Between { down: 3, up: 4 }),
            ),
        ];
        for drawn in drawn {
            assert!(!drawn.into_string().contains("style"));
        }
    }
}
