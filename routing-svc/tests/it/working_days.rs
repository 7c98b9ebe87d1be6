//! Working days as Huying counts them equal those that others count, day by day.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use huying_routing_svc::domain::calendar::Calendar;
use jiff::{
    SignedDuration, ToSpan as _,
    civil::{Date, date},
};

/// The n of the n-th working day that is compared.
const COUNTED: usize = 30;

/// The sources of tests/python/working_days.py, and the last day that each knows.
const SOURCES: [(&str, Date); 2] =
    [("chinesecalendar", date(2026, 12, 31)), ("holidays", date(2027, 12, 31))];

#[test]
fn every_working_day_of_2007_to_2026_is_where_two_independent_sources_have_it() {
    let Some(python) = std::env::var_os("HUYING_TEST_PYTHON") else {
        skipped("HUYING_TEST_PYTHON is not set; ./deploy/test sets it");
        return;
    };
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/python/working_days.py");
    let output = Command::new(python).arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let calendar = Calendar::built_in();
    let mut days_compared: BTreeMap<&str, usize> = BTreeMap::new();
    let printed = String::from_utf8(output.stdout).unwrap();
    for line in printed.lines() {
        let mut fields = line.split(' ');
        let (source, last) =
            SOURCES.into_iter().find(|(source, _)| fields.clone().next() == Some(source)).unwrap();
        let day: Date = fields.nth(1).unwrap().parse().unwrap();
        let offsets: Vec<i64> = fields.map(|offset| offset.parse().unwrap()).collect();
        compare(&calendar, source, last, day, &offsets);
        *days_compared.entry(source).or_default() += 1;
    }
    for (source, last) in SOURCES {
        let expected = date(2007, 1, 1).series(1.day()).take_while(|day| *day <= last).count();
        assert_eq!(days_compared.get(source), Some(&expected), "{source} did not tell of every day");
    }
}

/// Compares the first thirty working days after a day; those that the source does not know must be beyond its last day.
fn compare(calendar: &Calendar, source: &str, last: Date, day: Date, offsets: &[i64]) {
    assert!(offsets.len() <= COUNTED, "{source} {day}");
    let nth = |n: usize| calendar.nth_working_day_after(day, u32::try_from(n).unwrap());
    for (n, offset) in (1..).zip(offsets) {
        let theirs = day + SignedDuration::from_hours(24 * offset);
        assert_eq!(nth(n), theirs, "{source}: working day {n} after {day}");
    }
    if offsets.len() < COUNTED {
        assert!(nth(offsets.len() + 1) > last, "{source}: working days after {day} are missing");
    }
}

#[expect(clippy::print_stderr, reason = "a test that compares nothing says so")]
fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}
