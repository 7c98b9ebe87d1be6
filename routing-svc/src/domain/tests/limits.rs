//! Texts of limits, and the instants at which they end.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::domain::{
    calendar::Calendar,
    limits::{DAYS_MAX, InvalidLimit, Limit, MONTHS_MAX, SECONDS_MAX, WORKING_DAYS_MAX},
};

/// An instant in Asia/Shanghai.
fn at(local: &str) -> Timestamp {
    format!("{local}+08:00").parse().unwrap()
}

fn end(limit: &str, from: &str) -> Timestamp {
    limit.parse::<Limit>().unwrap().end(at(from), &Calendar::built_in())
}

#[test]
fn working_days_end_with_the_end_of_the_last_one() {
    assert_eq!(end("1wd", "2026-03-02T09:00:00"), at("2026-03-04T00:00:00"));
    assert_eq!(end("1wd", "2026-03-06T23:59:59"), at("2026-03-10T00:00:00"), "Friday to the end of Monday");
    assert_eq!(end("13wd", "2026-09-25T10:00:00"), at("2026-10-21T00:00:00"), "over two festivals");
    assert_eq!(end("1wd", "2026-10-09T17:00:00"), at("2026-10-11T00:00:00"), "the Saturday that is made up");
}

#[test]
fn the_day_is_that_of_shanghai() {
    let late_sunday_in_utc: Timestamp = "2026-03-01T17:00:00Z".parse().unwrap();
    let end = Limit::WorkingDays(1).end(late_sunday_in_utc, &Calendar::built_in());
    assert_eq!(end, at("2026-03-04T00:00:00"), "it is Monday in Shanghai");
}

#[test]
fn days_end_with_the_end_of_the_last_one_or_of_the_next_working_day() {
    assert_eq!(end("7d", "2026-09-21T08:00:00"), at("2026-09-29T00:00:00"));
    assert_eq!(
        end("7d", "2026-09-26T08:00:00"),
        at("2026-10-09T00:00:00"),
        "the 3rd of October is a day off"
    );
    assert_eq!(end("30d", "2026-01-31T00:00:00"), at("2026-03-03T00:00:00"));
}

#[test]
fn months_end_on_the_same_day_or_the_last_of_a_shorter_month() {
    assert_eq!(end("1mo", "2026-04-15T12:00:00"), at("2026-05-16T00:00:00"));
    assert_eq!(end("1mo", "2026-01-15T12:00:00"), at("2026-02-25T00:00:00"), "after the Spring Festival");
    assert_eq!(end("1mo", "2026-01-31T12:00:00"), at("2026-03-01T00:00:00"));
    assert_eq!(end("1mo", "2028-01-31T12:00:00"), at("2028-03-01T00:00:00"), "February 29th");
    assert_eq!(end("3mo", "2025-11-30T12:00:00"), at("2026-03-01T00:00:00"));
}

#[test]
fn seconds_are_exact() {
    assert_eq!(end("90s", "2026-03-02T23:59:30.000001"), at("2026-03-03T00:01:00.000001"));
}

#[test]
fn a_limit_beyond_the_end_of_time_ends_with_it() {
    let calendar = Calendar::built_in();
    let last: Timestamp = "9999-12-30T22:00:00Z".parse().unwrap();
    for limit in [Limit::WorkingDays, Limit::Days, Limit::Months, Limit::Seconds] {
        for from in [Timestamp::MAX, last, "9999-12-29T00:00:00Z".parse().unwrap()] {
            assert_eq!(limit(u32::MAX).end(from, &calendar), last, "{}", limit(u32::MAX));
        }
    }
    assert!(Limit::Days(1).end(Timestamp::MIN, &calendar) > Timestamp::MIN);
}

#[test]
fn a_text_that_is_no_limit_is_refused() {
    for text in [
        "",
        "13",
        "wd",
        "13 wd",
        " 13wd",
        "+13wd",
        "-1d",
        "013wd",
        "1.5d",
        "13WD",
        "3m",
        "1mos",
        "１３wd",
        "工作日",
    ] {
        assert_eq!(text.parse::<Limit>(), Err(InvalidLimit::Form), "{text}");
    }
}

#[test]
fn a_limit_outside_its_bounds_is_refused_with_the_bounds() {
    for text in ["0wd", "1001wd", "99999999999999999999wd"] {
        assert_eq!(text.parse::<Limit>(), Err(InvalidLimit::Bounds { unit: "wd", max: WORKING_DAYS_MAX }));
    }
    for text in ["0d", "3651d", "0mo", "121mo", "0s", "315360001s"] {
        assert!(matches!(text.parse::<Limit>(), Err(InvalidLimit::Bounds { .. })), "{text}");
    }
    let error = "0d".parse::<Limit>().unwrap_err();
    assert_eq!(error.to_string(), "is out of bounds; 1d to 3650d would be right");
}

pub(super) fn any_limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        (1..=WORKING_DAYS_MAX).prop_map(Limit::WorkingDays),
        (1..=DAYS_MAX).prop_map(Limit::Days),
        (1..=MONTHS_MAX).prop_map(Limit::Months),
        (1..=SECONDS_MAX).prop_map(Limit::Seconds),
    ]
}

proptest! {
    #[test]
    fn a_limit_is_read_as_it_was_written(limit in any_limit()) {
        prop_assert_eq!(limit.to_string().parse(), Ok(limit));
    }

    #[test]
    fn a_text_that_is_read_is_written_the_same(text in "[0-9]{1,4}(wd|d|mo|s)") {
        if let Ok(limit) = text.parse::<Limit>() {
            prop_assert_eq!(limit.to_string(), text);
        }
    }

    #[test]
    fn a_limit_ends_after_it_began_and_a_later_beginning_never_ends_earlier(
        limit in any_limit(),
        from_s in -2_000_000_000_i64..100_000_000_000,
        later_s in 0_i64..10_000_000,
    ) {
        let calendar = Calendar::built_in();
        let from = Timestamp::from_second(from_s).unwrap();
        let later = from + SignedDuration::from_secs(later_s);
        prop_assert!(limit.end(from, &calendar) > from);
        prop_assert!(limit.end(later, &calendar) >= limit.end(from, &calendar));
    }
}
