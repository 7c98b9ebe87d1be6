//! Which cases an address asks for. The list of cases, its downloads and its feed read their addresses here, so that one
//! set of names means the same everywhere.

use huying_platform::codes::{InvalidCode, RegionCode, RepresentativeCode, UnitCode};
use jiff::{
    SignedDuration, Timestamp,
    civil::Date,
    tz::{TimeZone, offset},
};
use maud::{Markup, html};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::PageError;
use crate::domain::{
    case_filter::CaseFilter,
    counts::{InvalidMonth, Month},
    search_query::{InvalidQuery, QUERY_MAX_CHARS, SearchQuery},
    words,
};

/// Longest category path in an address, in characters: as long as the contract allows.
const CATEGORY_CHARS_MAX: usize = 200;

/// A day there, since no hour is ever left out or doubled.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The parameters of an address, as they stand in it. An empty one is one that was not given, as browsers send it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct CasesAsked {
    /// Words to find.
    pub(super) q: String,
    /// Code of a region.
    pub(super) region: String,
    /// Code of a unit that has had to do with the case.
    pub(super) unit: String,
    /// Code of the unit that has to act on it now.
    pub(super) with: String,
    /// Word of a kind.
    pub(super) kind: String,
    /// Category path, or the beginning of one.
    pub(super) category: String,
    /// Word of a state.
    pub(super) state: String,
    /// "1" for overdue ones only.
    pub(super) overdue: String,
    /// First day, such as 2026-11-23.
    pub(super) from: String,
    /// Last day.
    pub(super) until: String,
    /// The day after the last one: another way to say `until`.
    pub(super) before: String,
    /// Code of a representative.
    pub(super) representative: String,
    /// Token of a page.
    pub(super) page: String,
}

impl CasesAsked {
    /// The filter they mean.
    ///
    /// # Errors
    /// [`PageError::BadRequest`] says which of them makes no sense, and what would.
    pub(super) fn filter(&self) -> Result<CaseFilter, PageError> {
        let mut filter = CaseFilter::default();
        if !self.q.trim().is_empty() {
            filter.query = Some(SearchQuery::parse(&self.q).map_err(no_query)?);
        }
        filter.region = region(&self.region)?;
        filter.unit = unit(&self.unit)?;
        filter.waiting_for = unit(&self.with)?;
        if !self.representative.is_empty() {
            let code: Result<RepresentativeCode, InvalidCode> = self.representative.parse();
            let code =
                code.map_err(|_| wrong("代表代码应由小写字母、数字和连字符组成，例如 r-150802001-003。"))?;
            filter.representative = Some(code.to_string());
        }
        if !self.kind.is_empty() {
            let kind = words::kind_of(&self.kind).ok_or_else(|| {
                wrong("没有这种类型。应为 message、suggestion、project_proposal、draft_comment 或 appointment。")
            })?;
            filter.kinds.push(kind);
        }
        if !self.state.is_empty() {
            let state = words::state_of(&self.state)
                .ok_or_else(|| wrong("没有这种办理状态。应为 submitted、registered、assigned、in_handling、replied、closed、declined、withdrawn 或 merged。"))?;
            filter.states.push(state);
        }
        filter.category = category(&self.category)?;
        match self.overdue.as_str() {
            "" | "0" => {}
            "1" => filter.overdue_only = true,
            _ => return Err(wrong("“只看逾期”应为 1 或不填。")),
        }
        filter.submitted_from = beginning_of(&self.from)?;
        filter.submitted_before = match (self.until.as_str(), self.before.as_str()) {
            ("", before) => beginning_of(before)?,
            (until, "") => end_of(until)?,
            (_, _) => return Err(wrong("until（最后一天）和 before（最后一天的后一天）只能写一个。")),
        };
        Ok(filter)
    }
}

/// The region that a parameter means. One that the directory does not know any more may have cases still.
pub(super) fn region(text: &str) -> Result<Option<RegionCode>, PageError> {
    match text {
        "" => Ok(None),
        code => code
            .parse()
            .map(Some)
            .map_err(|_: InvalidCode| wrong("地区代码应为六位或九位数字，例如 150802。")),
    }
}

fn unit(text: &str) -> Result<Option<String>, PageError> {
    if text.is_empty() {
        return Ok(None);
    }
    let code: Result<UnitCode, InvalidCode> = text.parse();
    let code = code.map_err(|_| wrong("单位代码应由小写字母、数字和连字符组成，例如 150802-housing。"))?;
    Ok(Some(code.to_string()))
}

fn category(text: &str) -> Result<Option<String>, PageError> {
    if text.is_empty() {
        return Ok(None);
    }
    let is_path = text.split('/').all(|level| !level.trim().is_empty());
    if !is_path || text.chars().count() > CATEGORY_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(wrong("类别应为一级或多级名称，用 / 隔开，例如 城乡建设/供热。"));
    }
    Ok(Some(text.to_owned()))
}

/// The beginning of a day in Asia/Shanghai, which has had no other offset since 1991.
fn beginning_of(day: &str) -> Result<Option<Timestamp>, PageError> {
    if day.is_empty() {
        return Ok(None);
    }
    let refused = || wrong("日期应写成 2026-11-23 的样子。");
    // Other forms of ISO 8601 would parse too, and then one day had many addresses.
    let is_plain = day.len() == 10 && day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date: Date = day.parse().ok().filter(|_| is_plain).ok_or_else(refused)?;
    let zoned = date.to_zoned(TimeZone::fixed(offset(8))).map_err(|_| refused())?;
    Ok(Some(zoned.timestamp()))
}

/// The end of a day there, which is the beginning of the next.
fn end_of(day: &str) -> Result<Option<Timestamp>, PageError> {
    let next = beginning_of(day)?.map(|begins| begins.checked_add(DAY));
    next.transpose().map_err(|_| wrong("日期应写成 2026-11-23 的样子。"))
}

/// The first moment of a month there; `None` for one too far away to be told.
pub(super) fn first_moment(month: Month) -> Option<Timestamp> {
    let first = Date::new(month.year, month.month, 1).ok()?;
    Some(first.to_zoned(TimeZone::fixed(offset(8))).ok()?.timestamp())
}

/// The month that a parameter means.
pub(super) fn month(text: &str) -> Result<Option<Month>, PageError> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_: InvalidMonth| wrong("月份应写成 2026-11 的样子。")),
    }
}

/// Where a month is chosen. Browsers without a calendar of months offer a field for the text.
pub(super) fn month_field(chosen: Option<Month>) -> Markup {
    html! {
        label.month {
            span { "月份 " span.en lang="en" { "Month" } }
            input.field type="month" name="month" placeholder="2026-11" value=[chosen];
        }
    }
}

/// The day that ends at a time of a filter.
pub(super) fn last_day(before: Timestamp) -> String {
    before.checked_sub(DAY).map_or_else(|_| day(before), day)
}

/// The day that begins at a time of a filter.
pub(super) fn day(time: Timestamp) -> String {
    time.to_zoned(TimeZone::fixed(offset(8))).date().to_string()
}

fn wrong(message: &str) -> PageError {
    PageError::BadRequest(message.to_owned())
}

fn no_query(error: InvalidQuery) -> PageError {
    match error {
        InvalidQuery::TooLong(chars) => {
            PageError::BadRequest(format!("搜索词有 {chars} 个字，最多 {QUERY_MAX_CHARS} 个。"))
        }
        InvalidQuery::NoWord => wrong("搜索词里没有可以查找的汉字、字母或数字。"),
        InvalidQuery::OnlyParticles => wrong("“的”“了”这样的字每篇都有，请加一个词，例如 供暖。"),
    }
}

/// The address of something about the cases of a filter, such as "/cases" or "/cases.csv"; a page of it, where a token is
/// given. Two filters that mean the same have the same address.
pub(super) fn address(path: &str, filter: &CaseFilter, page: Option<&str>) -> String {
    let mut query = Serializer::new(String::new());
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    };
    add("q", filter.query.as_ref().map(SearchQuery::as_str));
    add("region", filter.region.as_ref().map(RegionCode::as_str));
    add("unit", filter.unit.as_deref());
    add("with", filter.waiting_for.as_deref());
    add("representative", filter.representative.as_deref());
    add("kind", filter.kinds.first().and_then(|kind| words::kind_word(*kind)));
    add("category", filter.category.as_deref());
    add("state", filter.states.first().and_then(|state| words::state_word(*state)));
    add("overdue", filter.overdue_only.then_some("1"));
    add("from", filter.submitted_from.map(day).as_deref());
    add("until", filter.submitted_before.map(last_day).as_deref());
    add("page", page);
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{CaseKind, CaseState};

    use super::*;

    fn asked(query: &str) -> Result<CaseFilter, String> {
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let fields = pairs.into_iter().map(|(name, value)| (name, serde_json::Value::from(value)));
        let asked: CasesAsked = serde_json::from_value(serde_json::Value::Object(fields.collect())).unwrap();
        asked.filter().map_err(|error| match error {
            PageError::BadRequest(message) => message,
            PageError::NotFound(_) | PageError::Busy | PageError::Read(_) => "another error".to_owned(),
        })
    }

    #[test]
    fn an_address_reads_back_as_its_filter() {
        let query = "q=%E8%B7%AF%E7%81%AF&region=150802&unit=150802-housing&with=150802-office&representative=r-150802001-003&kind=message\
                     &category=%E5%9F%8E%E4%B9%A1%E5%BB%BA%E8%AE%BE%2F%E4%BE%9B%E7%83%AD&state=in_handling&overdue=1\
                     &from=2026-11-01&until=2026-11-30";
        let filter = asked(query).unwrap();
        assert_eq!(filter.query.as_ref().unwrap().as_str(), "路灯");
        assert_eq!(filter.kinds, [CaseKind::Message]);
        assert_eq!(filter.states, [CaseState::InHandling]);
        assert_eq!(filter.submitted_from, Some("2026-10-31T16:00:00Z".parse().unwrap()));
        assert_eq!(filter.submitted_before, Some("2026-11-30T16:00:00Z".parse().unwrap()));
        let address = address("/cases", &filter, None);
        assert_eq!(asked(address.split_once('?').unwrap().1).unwrap(), filter);
        assert_eq!(address, format!("/cases?{query}"));
    }

    #[test]
    fn the_last_day_is_among_those_asked_for() {
        let november = asked("until=2026-11-30").unwrap();
        assert_eq!(november, asked("before=2026-12-01").unwrap());
        assert_eq!(november.submitted_before, Some("2026-11-30T16:00:00Z".parse().unwrap()));
        assert_eq!(address("/cases", &november, None), "/cases?until=2026-11-30");
    }

    #[test]
    fn what_is_empty_was_not_asked() {
        let filter = asked("q=+&region=&unit=&kind=&category=&state=&overdue=&from=&until=&before=").unwrap();
        assert_eq!(filter, CaseFilter::default());
        assert_eq!(address("/cases.csv", &filter, None), "/cases.csv");
        assert_eq!(address("/cases", &filter, Some("a_b-c")), "/cases?page=a_b-c");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (query, named) in [
            ("region=1", "地区代码"),
            ("unit=%E5%B1%80", "单位代码"),
            ("with=%E5%B1%80", "单位代码"),
            ("representative=R", "代表代码"),
            ("kind=x", "类型"),
            ("state=x", "状态"),
            ("category=%2F", "类别"),
            ("category=a%2F%2Fb", "类别"),
            ("overdue=yes", "逾期"),
            ("from=2026-02-30", "日期"),
            ("before=20261123", "日期"),
            ("before=-009999-01-01", "日期"),
            ("until=2026-11", "日期"),
            ("until=2026-11-30&before=2026-12-01", "只能写一个"),
        ] {
            let message = asked(query).unwrap_err();
            assert!(message.contains(named), "{query}: {message}");
        }
        assert!(asked(&format!("q={}", "a".repeat(201))).unwrap_err().contains("201"));
        assert!(asked("q=%3F%EF%BC%9F").unwrap_err().contains("搜索词"));
        assert!(asked(&format!("category={}", "a".repeat(201))).is_err());
    }
}
