//! Working days of real years, and what a calendar file may say.

use jiff::civil::{Date, date};
use proptest::prelude::*;

use crate::domain::calendar::{Calendar, CalendarDay, DayKind, read_calendar};

fn holiday(date: Date) -> CalendarDay {
    CalendarDay { date, kind: DayKind::Holiday, name: "放假".into(), provisional: false }
}

fn working_days_of(calendar: &Calendar, year: i16) -> usize {
    date(year, 1, 1)
        .series(jiff::ToSpan::day(1))
        .take_while(|day| day.year() == year)
        .filter(|day| calendar.is_working_day(*day))
        .count()
}

#[test]
fn the_built_in_calendar_knows_the_working_days_of_2007_to_2027() {
    let calendar = Calendar::built_in();
    assert_eq!(calendar.revision(), 0);
    let counted: Vec<usize> = (2007..=2027).map(|year| working_days_of(&calendar, year)).collect();
    let announced = [
        249, 251, 250, 250, 250, 249, 250, 250, 249, 250, 249, 250, 250, 249, 250, 249, 249, 251, 248, 248,
        248,
    ];
    assert_eq!(counted, announced);
}

#[test]
fn only_2027_is_provisional() {
    let calendar = Calendar::built_in();
    let years: std::collections::BTreeSet<i16> =
        calendar.days().filter(|day| day.provisional).map(|day| day.date.year()).collect();
    assert_eq!(years.into_iter().collect::<Vec<_>>(), [2027]);
    assert_eq!(calendar.days().filter(|day| day.provisional).count(), 13, "the days the law gives");
}

#[test]
fn every_built_in_line_says_something_that_the_week_does_not() {
    for day in Calendar::built_in().days() {
        let is_worked_by_the_week = Calendar::new(1, []).is_working_day(day.date);
        assert_eq!(is_worked_by_the_week, day.kind == DayKind::Holiday, "{}", day.date);
    }
}

#[test]
fn a_weekend_day_that_is_made_up_counts_and_a_weekday_off_does_not() {
    let calendar = Calendar::built_in();
    assert!(!calendar.is_working_day(date(2026, 10, 1)));
    assert!(calendar.is_working_day(date(2026, 10, 10)), "the Saturday after the National Day is worked");
    assert!(!calendar.is_working_day(date(2015, 9, 3)), "a day that was off in one year only");
    assert!(calendar.is_working_day(date(2014, 9, 3)));
    assert!(calendar.is_working_day(date(2013, 4, 7)), "the Sunday after Qingming was worked");
}

#[test]
fn the_day_itself_never_counts() {
    let calendar = Calendar::built_in();
    let monday = date(2026, 3, 2);
    assert_eq!(calendar.nth_working_day_after(monday, 1), date(2026, 3, 3));
    assert_eq!(calendar.nth_working_day_after(date(2026, 3, 7), 1), date(2026, 3, 9), "from a Saturday");
    assert_eq!(calendar.nth_working_day_after(monday, 13), date(2026, 3, 19));
    assert_eq!(calendar.nth_working_day_after(date(2026, 9, 30), 3), date(2026, 10, 10), "over a long break");
    assert_eq!(calendar.nth_working_day_after(monday, 0), monday);
}

#[test]
fn counting_ends_with_the_last_day_there_is() {
    let calendar = Calendar::built_in();
    assert_eq!(calendar.nth_working_day_after(date(9999, 12, 1), u32::MAX), Date::MAX);
    assert_eq!(calendar.nth_working_day_after(Date::MAX, 1), Date::MAX);
}

#[test]
fn announced_years_replace_the_built_in_ones_and_leave_the_others() {
    let calendar = Calendar::announced(9, [holiday(date(2027, 2, 11))]);
    assert_eq!(calendar.revision(), 9);
    assert!(!calendar.is_working_day(date(2027, 2, 11)));
    assert!(calendar.is_working_day(date(2027, 2, 10)), "the provisional days of 2027 are gone");
    assert!(!calendar.is_working_day(date(2026, 10, 1)));
    assert_eq!(Calendar::new(9, [holiday(date(2027, 2, 11))]).days().count(), 1);
    assert_eq!(Calendar::announced(0, []), Calendar::built_in());
}

#[test]
fn a_file_may_have_its_columns_in_any_order_and_blank_lines() {
    let text = "\u{feff}name,date,provisional,kind\n国庆节, 2027-10-01 ,true,holiday\n\n国庆节,2027-10-09,,workday\n";
    let days = read_calendar(text).unwrap();
    assert_eq!(days.len(), 2);
    assert_eq!(days[0].date, date(2027, 10, 1));
    assert_eq!((days[0].kind, days[0].provisional), (DayKind::Holiday, true));
    assert_eq!((days[1].kind, days[1].provisional), (DayKind::Workday, false));
}

#[test]
fn a_faulty_file_has_each_fault_by_line_and_column() {
    let text = "date,kind,name,provisional\n\
                2027-13-01,holiday,元旦,false\n\
                2027-01-01T00:00,holiday,元旦,false\n\
                1927-01-01,holiday,元旦,false\n\
                2027-01-01,off,元旦,false\n\
                2027-01-01,holiday,,false\n\
                2027-01-01,holiday,元旦,maybe\n\
                2027-01-04,workday,元旦,false\n\
                2027-01-01,holiday,元旦\n\
                2027-01-01,holiday,元旦,false\n\
                2027-01-01,holiday,元旦,false\n";
    let faults = read_calendar(text).unwrap_err();
    let places: Vec<(u64, &str)> = faults.iter().map(|fault| (fault.line, fault.column.as_str())).collect();
    assert_eq!(
        places,
        [
            (2, "date"),
            (3, "date"),
            (4, "date"),
            (5, "kind"),
            (6, "name"),
            (7, "provisional"),
            (8, "date"),
            (9, "row"),
            (11, "date"),
        ]
    );
    assert_eq!(faults[3].to_string(), "5:kind: \"off\" is not a kind of day; holiday or workday would be");
}

#[test]
fn a_header_that_does_not_fit_is_one_fault() {
    for (header, column) in [
        ("", "row"),
        ("date,kind,name", "provisional"),
        ("date,kind,name,provisional,date", "date"),
        ("date,kind,name,provisional,note", "note"),
    ] {
        let faults = read_calendar(header).unwrap_err();
        assert_eq!(faults.len(), 1, "{header}");
        assert_eq!((faults[0].line, faults[0].column.as_str()), (1, column), "{header}");
    }
}

#[test]
fn a_fault_after_blank_lines_names_the_line_it_is_in() {
    for (text, line) in [
        ("date,kind,name,provisional\n\n\nx,holiday,元旦,\n", 4),
        ("date,kind,name,provisional\r\n\r\nx,holiday,元旦,\r\n", 3),
        ("\n\ndate,kind,name\n", 3),
        ("date,kind,name,provisional\n\n2026-01-01,holiday\n", 3),
    ] {
        assert_eq!(read_calendar(text).unwrap_err()[0].line, line, "{text:?}");
    }
}

#[test]
fn no_more_than_a_hundred_faults_are_listed() {
    let text = format!("date,kind,name,provisional\n{}", "x,y,z,w\n".repeat(1_000));
    assert_eq!(read_calendar(&text).unwrap_err().len(), 100);
}

proptest! {
    #[test]
    fn the_nth_working_day_is_a_working_day_with_n_minus_one_before_it(
        days in 0_i64..20_000,
        n in 1_u32..60,
    ) {
        let calendar = Calendar::built_in();
        let from = date(1990, 1, 1).saturating_add(jiff::SignedDuration::from_hours(24 * days));
        let last = calendar.nth_working_day_after(from, n);
        prop_assert!(last > from && calendar.is_working_day(last));
        let counted = from.tomorrow().unwrap().series(jiff::ToSpan::day(1))
            .take_while(|day| *day <= last)
            .filter(|day| calendar.is_working_day(*day))
            .count();
        prop_assert_eq!(u32::try_from(counted).unwrap(), n);
    }

    #[test]
    fn reading_takes_any_text_without_a_panic(text in "(date,kind,name,provisional\n)?[-a-z0-9,\"\n*]{0,200}") {
        let _ = read_calendar(&text);
    }
}
