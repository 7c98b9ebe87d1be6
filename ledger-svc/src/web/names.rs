//! What things are called on the pages: the official names of the directory, and the Chinese and English words for
//! kinds, states and tiers.

use huying_platform::{
    codes::{RegionPath, Tier},
    directory::Directory,
};
use huying_proto::events::v1::{CaseKind, CaseState};
use jiff::{
    Timestamp,
    civil::Time,
    tz::{TimeZone, offset},
};
use maud::{Markup, html};

use crate::domain::account::AddresseeKind;

/// Tiers of regions.
const TIERS: usize = 3;

/// In the place of a title that is not the one that the log has committed to, in both languages.
pub(super) const TITLE_DIFFERS: (&str, &str) = ("标题与账本不符", "The title is not that of the log");

/// Official name of a unit; its code when the directory does not know it.
pub(super) fn unit<'a>(directory: &'a Directory, code: &'a str) -> &'a str {
    directory.unit(code).map_or(code, |unit| unit.name.as_str())
}

/// Official name of a region; its code when the directory does not know it.
pub(super) fn region<'a>(directory: &'a Directory, code: &'a str) -> &'a str {
    directory.region(code).map_or(code, |region| region.name.as_str())
}

/// Official name of a unit with a link to its figures.
pub(super) fn unit_link(directory: &Directory, code: &str) -> Markup {
    html! { a href={ "/units/" (code) } { (unit(directory, code)) } }
}

/// Designation of a representative; the code when the directory does not know it.
pub(super) fn representative<'a>(directory: &'a Directory, code: &'a str) -> &'a str {
    directory.representative(code).map_or(code, |one| one.designation.as_str())
}

/// What a citizen wrote to, by its kind and code: an office is named where it was its region that was written to.
pub(super) fn addressee(directory: &Directory, kind: Option<AddresseeKind>, code: &str) -> String {
    match kind {
        Some(AddresseeKind::Representative) => representative(directory, code).to_owned(),
        Some(AddresseeKind::Station) => {
            directory.station(code).map_or_else(|| code.to_owned(), |station| station.name.clone())
        }
        Some(AddresseeKind::Region) | None => directory
            .office_of(code)
            .map_or_else(|| region(directory, code).to_owned(), |office| office.name.clone()),
    }
}

/// The regions from the municipality down to one, which is the last of them, by code. A region that the directory does
/// not know is alone: nobody can say any more what it lay in.
pub(super) fn regions_down_to<'a>(directory: &'a Directory, code: &'a str) -> Vec<&'a str> {
    let mut path = vec![code];
    for _ in 0..TIERS {
        match directory.region(path.last().unwrap_or(&code)) {
            Some(region) if !region.parent.is_empty() => path.push(&region.parent),
            Some(_) | None => break,
        }
    }
    path.reverse();
    path
}

/// Where a matter is: district and township, or what there is of it.
pub(super) fn place(directory: &Directory, path: &RegionPath) -> String {
    match (&path.district, &path.township) {
        (Some(district), Some(township)) => {
            format!("{} · {}", region(directory, district.as_str()), region(directory, township.as_str()))
        }
        (Some(district), None) => region(directory, district.as_str()).to_owned(),
        // A few municipalities have no districts: their townships are directly below them.
        (None, Some(township)) => {
            let municipal = region(directory, path.municipal.as_str());
            format!("{municipal} · {}", region(directory, township.as_str()))
        }
        (None, None) => region(directory, path.municipal.as_str()).to_owned(),
    }
}

/// Tier of the office that holds a case.
pub(super) fn tier_of_unit(directory: &Directory, unit: &str) -> Option<Tier> {
    tier_of_region(directory.unit(unit).map(|unit| unit.region.as_str())?)
}

/// Tier of a region.
pub(super) fn tier_of_region(region: &str) -> Option<Tier> {
    region.parse::<huying_platform::codes::RegionCode>().ok().map(|code| code.tier())
}

pub(super) fn tier(tier: Tier) -> (&'static str, &'static str) {
    match tier {
        Tier::Municipal => ("市级", "Municipal"),
        Tier::District => ("县级", "District"),
        Tier::Township => ("乡级", "Township"),
    }
}

pub(super) fn kind(kind: CaseKind) -> (&'static str, &'static str) {
    match kind {
        CaseKind::Unspecified => ("事项", "Matter"),
        CaseKind::Message => ("留言", "Message"),
        CaseKind::Suggestion => ("建议", "Suggestion"),
        CaseKind::ProjectProposal => ("民生实事建议", "Project proposal"),
        CaseKind::DraftComment => ("立法意见", "Draft comment"),
        CaseKind::Appointment => ("约见", "Appointment"),
    }
}

/// All kinds, the most common first.
pub(super) const KINDS: [CaseKind; 5] = [
    CaseKind::Message,
    CaseKind::Suggestion,
    CaseKind::ProjectProposal,
    CaseKind::DraftComment,
    CaseKind::Appointment,
];

pub(super) fn state(state: CaseState) -> (&'static str, &'static str) {
    match state {
        CaseState::Unspecified => ("未知", "Unknown"),
        CaseState::Submitted => ("已提交", "Submitted"),
        CaseState::Registered => ("已登记", "Registered"),
        CaseState::Assigned => ("已交办", "Assigned"),
        CaseState::InHandling => ("办理中", "In handling"),
        CaseState::Replied => ("已答复", "Replied"),
        CaseState::Closed => ("已办结", "Closed"),
        CaseState::Declined => ("不予受理", "Declined"),
        CaseState::Withdrawn => ("已撤回", "Withdrawn"),
        CaseState::Merged => ("已并案", "Merged"),
    }
}

/// All states: first those of a case's way, in their order, then those in which it has left it.
pub(super) const STATES: [CaseState; 9] = [
    CaseState::Submitted,
    CaseState::Registered,
    CaseState::Assigned,
    CaseState::InHandling,
    CaseState::Replied,
    CaseState::Closed,
    CaseState::Declined,
    CaseState::Withdrawn,
    CaseState::Merged,
];

/// The way of a case that is handled by itself.
const WAY: [CaseState; 6] = [
    CaseState::Submitted,
    CaseState::Registered,
    CaseState::Assigned,
    CaseState::InHandling,
    CaseState::Replied,
    CaseState::Closed,
];

/// The way that a case in a state is on, from the first state to the last.
pub(super) fn way(state: CaseState) -> &'static [CaseState] {
    match state {
        CaseState::Unspecified
        | CaseState::Submitted
        | CaseState::Registered
        | CaseState::Assigned
        | CaseState::InHandling
        | CaseState::Replied
        | CaseState::Closed => &WAY,
        CaseState::Declined => &[CaseState::Submitted, CaseState::Declined],
        CaseState::Withdrawn => &[CaseState::Submitted, CaseState::Withdrawn],
        CaseState::Merged => &[CaseState::Submitted, CaseState::Merged, CaseState::Closed],
    }
}

/// What a limit such as "10wd" says.
pub(super) fn limit(limit: &str) -> String {
    let end = limit.find(|character: char| !character.is_ascii_digit()).unwrap_or(limit.len());
    let (number, unit) = limit.split_at(end);
    match unit {
        "wd" => format!("{number} 个工作日"),
        "d" => format!("{number} 天"),
        "mo" => format!("{number} 个月"),
        "s" => format!("{number} 秒"),
        _ => limit.to_owned(),
    }
}

/// A moment in China's time, to the minute. All of China keeps UTC+8 without summer time.
pub(super) fn minute(time: Timestamp) -> String {
    time.to_zoned(TimeZone::fixed(offset(8))).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A moment as an element.
pub(super) fn time(time: Timestamp) -> Markup {
    html! { time datetime=(format!("{time:.0}")) { (minute(time)) } }
}

/// The end of a time, to the minute. One that ends with a day ends at its 24:00, not at 0:00 of the next: whoever reads a
/// date takes it for the last day on which something can be done.
fn last_minute(time: Timestamp) -> String {
    let zoned = time.to_zoned(TimeZone::fixed(offset(8)));
    match zoned.time() == Time::midnight() {
        true => zoned.date().yesterday().map_or_else(|_| minute(time), |day| format!("{day} 24:00")),
        false => minute(time),
    }
}

/// The end of a time, as an element.
pub(super) fn deadline(time: Timestamp) -> Markup {
    html! { time datetime=(format!("{time:.0}")) { (last_minute(time)) } }
}

/// The end of a time as written in a leaf, as an element.
pub(super) fn leaf_deadline(text: &str) -> Markup {
    match text.parse::<Timestamp>() {
        Ok(moment) => deadline(moment),
        Err(_) => html! { (text) },
    }
}

/// How long something took, in the two largest units that say something.
pub(super) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} 秒"),
        (0, 0, _) => format!("{minutes} 分钟"),
        (0, _, _) if minutes % 60 == 0 => format!("{hours} 小时"),
        (0, _, _) => format!("{hours} 小时 {} 分钟", minutes % 60),
        _ if hours % 24 == 0 => format!("{days} 天"),
        _ => format!("{days} 天 {} 小时", hours % 24),
    }
}

/// A moment as written in a leaf, as an element.
pub(super) fn leaf_time(text: &str) -> Markup {
    match text.parse::<Timestamp>() {
        Ok(moment) => time(moment),
        Err(_) => html! { (text) },
    }
}

/// A Chinese word and the English one beside it.
pub(super) fn both((chinese, english): (&str, &str)) -> Markup {
    html! { (chinese) " " span.en lang="en" { (english) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_ends_with_a_day_is_told_with_that_day() {
        for (deadline, told) in [
            ("2026-12-10T16:00:00Z", "2026-12-10 24:00"),
            ("2026-12-10T16:01:00Z", "2026-12-11 00:01"),
            ("2026-12-10T09:30:00Z", "2026-12-10 17:30"),
        ] {
            assert_eq!(last_minute(deadline.parse().unwrap()), told);
        }
    }

    #[test]
    fn a_township_is_named_with_or_without_a_district_above_it() {
        let directory = Directory::default();
        let place = |district: Option<&str>, township: Option<&str>| {
            let code = |code: &str| code.parse().unwrap();
            let path = RegionPath {
                municipal: code("441900"),
                district: district.map(code),
                township: township.map(code),
            };
            super::place(&directory, &path)
        };
        assert_eq!(place(None, None), "441900");
        assert_eq!(place(None, Some("441900101")), "441900 · 441900101");
        assert_eq!(place(Some("150802"), None), "150802");
        assert_eq!(place(Some("150802"), Some("150802001")), "150802 · 150802001");
    }

    #[test]
    fn a_duration_is_told_as_exactly_as_it_matters() {
        for (seconds, told) in [
            (0, "0 秒"),
            (59, "59 秒"),
            (60, "1 分钟"),
            (3_599, "59 分钟"),
            (3_660, "1 小时 1 分钟"),
            (86_399, "23 小时 59 分钟"),
            (90_000, "1 天 1 小时"),
            (7_230, "2 小时"),
            (864_000, "10 天"),
        ] {
            assert_eq!(duration(seconds), told);
        }
    }
}
