//! The ladder of a clock: when its steps come, in which order, and that each comes once.

use huying_platform::codes::Tier;
use huying_proto::events::v1::CaseKind;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{limits::any_limit, policies::any_policy};
use crate::domain::{
    calendar::Calendar,
    clocks::{Clock, LadderStep, Scope},
    limits::Limit,
    policies::{Policies, PolicyStep, read_policies},
};

/// An instant in Asia/Shanghai.
fn at(local: &str) -> Timestamp {
    format!("{local}+08:00").parse().unwrap()
}

fn scope<'a>(policies: &'a Policies, calendar: &'a Calendar) -> Scope<'a> {
    Scope { policies, calendar, kind: CaseKind::Message, category: "", tier: Tier::District }
}

fn reply_clock(began: &str) -> Clock {
    let (policies, calendar) = (Policies::built_in(), Calendar::built_in());
    Clock::start(PolicyStep::Reply, at(began), &scope(&policies, &calendar))
}

fn instants(clock: &Clock) -> [Timestamp; 5] {
    LadderStep::ALL.map(|step| clock.instant(step))
}

#[test]
fn a_reply_clock_has_its_ladder_on_working_mornings() {
    let clock = reply_clock("2026-03-02T00:00:00");
    assert_eq!(clock.began_at, at("2026-03-02T00:00:00"));
    assert_eq!(clock.due_at, at("2026-03-20T00:00:00"), "13 working days, the last being Thursday the 19th");
    assert_eq!(clock.remind_at, at("2026-03-16T09:36:00"), "80 % of 18 days");
    assert_eq!(clock.urge_at, at("2026-03-20T09:00:00"));
    assert_eq!(clock.supervise_at, at("2026-03-24T09:00:00"), "3 working days after the 19th");
    assert_eq!(clock.criticise_at, at("2026-03-26T09:00:00"));
    assert_eq!((clock.rule.as_str(), clock.calendar_revision, clock.taken), ("message * * reply 13wd", 0, 0));
    assert_eq!(clock.next_alarm(), Some(clock.remind_at));
    assert!(!clock.is_overdue());
}

#[test]
fn nobody_is_urged_on_a_holiday() {
    let clock = reply_clock("2026-09-10T10:00:00");
    assert_eq!(clock.due_at, at("2026-09-30T00:00:00"), "a Sunday that is made up counts among the 13");
    assert_eq!(clock.urge_at, at("2026-09-30T09:00:00"));
    assert_eq!(clock.supervise_at, at("2026-10-09T09:00:00"));
    assert_eq!(clock.criticise_at, at("2026-10-12T09:00:00"), "Saturday the 10th is worked");
}

#[test]
fn a_deadline_in_the_middle_of_a_day_is_urged_from_that_day() {
    let (policies, calendar) = (Policies::built_in(), Calendar::built_in());
    let limit = Limit::Seconds(3_600);
    let clock =
        Clock::start_with(limit, "1 hour".into(), at("2026-03-06T10:00:00"), &scope(&policies, &calendar));
    assert_eq!(clock.due_at, at("2026-03-06T11:00:00"));
    assert_eq!(clock.remind_at, at("2026-03-06T10:48:00"));
    assert_eq!(clock.urge_at, at("2026-03-09T09:00:00"), "the Monday after that Friday");
    assert_eq!(clock.rule, "1 hour");
}

#[test]
fn a_ladder_in_seconds_is_exact() {
    let lines = "kind,category,tier,step,limit\n*,*,*,reply,10s\n*,*,*,urge,1s\n\
                 *,*,*,supervise,3s\n*,*,*,criticise,5s\n";
    let policies = Policies::new(read_policies(lines).unwrap());
    let calendar = Calendar::new(7, []);
    let began_at = at("2026-03-06T10:00:00.000003");
    let clock = Clock::start(PolicyStep::Reply, began_at, &scope(&policies, &calendar));
    let seconds = instants(&clock).map(|instant| instant.duration_since(began_at).as_secs());
    assert_eq!(seconds, [8, 10, 11, 13, 15]);
    assert_eq!((clock.rule.as_str(), clock.calendar_revision), ("* * * reply 10s", 7));
}

#[test]
fn a_ladder_in_days_and_months_falls_on_the_morning_of_the_day() {
    let lines = "kind,category,tier,step,limit\n*,*,*,urge,1d\n*,*,*,supervise,10d\n*,*,*,criticise,1mo\n";
    let policies = Policies::new(read_policies(lines).unwrap());
    let calendar = Calendar::built_in();
    let clock = Clock::start(PolicyStep::Rate, at("2026-01-24T10:00:00"), &scope(&policies, &calendar));
    // The seventh day is a Saturday, so the last day is the Monday after it.
    assert_eq!(clock.due_at, at("2026-02-03T00:00:00"));
    assert_eq!(clock.urge_at, at("2026-02-03T09:00:00"));
    assert_eq!(clock.supervise_at, at("2026-02-12T09:00:00"));
    assert_eq!(clock.criticise_at, at("2026-03-02T09:00:00"));
}

#[test]
fn policies_that_put_steps_in_the_wrong_order_do_not_reorder_the_ladder() {
    let lines = "kind,category,tier,step,limit\n*,*,*,urge,9wd\n*,*,*,supervise,1s\n*,*,*,criticise,1s\n";
    let policies = Policies::new(read_policies(lines).unwrap());
    let calendar = Calendar::built_in();
    let clock = Clock::start(PolicyStep::Reply, at("2026-03-02T10:00:00"), &scope(&policies, &calendar));
    assert_eq!(clock.supervise_at.duration_since(clock.urge_at), SignedDuration::from_micros(1));
    assert_eq!(clock.criticise_at.duration_since(clock.supervise_at), SignedDuration::from_micros(1));
}

#[test]
fn a_step_is_taken_at_its_instant_and_not_a_microsecond_before() {
    let mut clock = reply_clock("2026-03-02T10:00:00");
    for step in LadderStep::ALL {
        let instant = clock.instant(step);
        assert_eq!(clock.next_alarm(), Some(instant));
        assert_eq!(clock.take_due(instant - SignedDuration::from_micros(1)), []);
        assert_eq!(clock.is_overdue(), step > LadderStep::Overdue);
        assert_eq!(clock.take_due(instant), [step]);
        assert_eq!(clock.is_overdue(), step >= LadderStep::Overdue);
    }
    assert_eq!(clock.next_alarm(), None);
    assert_eq!(clock.take_due(Timestamp::MAX), []);
}

#[test]
fn one_big_jump_takes_every_step_in_order() {
    let mut clock = reply_clock("2026-03-02T10:00:00");
    assert_eq!(clock.take_due(at("2036-03-02T10:00:00")), LadderStep::ALL);
    assert_eq!(clock.take_due(at("2026-03-02T10:00:00")), []);
    assert_eq!(clock.take_due(at("2046-03-02T10:00:00")), []);
}

#[test]
fn an_extended_clock_keeps_its_beginning_and_has_its_ladder_anew() {
    let (policies, calendar) = (Policies::built_in(), Calendar::announced(12, []));
    let mut clock = reply_clock("2026-03-02T00:00:00");
    assert_eq!(clock.take_due(at("2026-03-18T00:00:00")), [LadderStep::Reminder]);
    let extended = clock.extended(at("2026-04-01T00:00:00"), "延期".into(), &scope(&policies, &calendar));
    assert_eq!(extended.began_at, clock.began_at);
    assert_eq!(extended.due_at, at("2026-04-01T00:00:00"));
    assert_eq!(extended.remind_at, at("2026-03-26T00:00:00"), "80 % of 30 days");
    assert_eq!(extended.urge_at, at("2026-04-01T09:00:00"));
    assert_eq!((extended.taken, extended.rule.as_str(), extended.calendar_revision), (0, "延期", 12));
}

#[test]
fn a_ladder_fits_before_the_end_of_time() {
    let (policies, calendar) = (Policies::built_in(), Calendar::built_in());
    let scope = scope(&policies, &calendar);
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        for until in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            let clock = Clock::start(PolicyStep::Reply, now, &scope).extended(until, String::new(), &scope);
            check_ladder(&clock);
        }
    }
}

fn check_ladder(clock: &Clock) {
    let mut before = clock.began_at;
    for instant in instants(clock) {
        assert!(instant > before, "{clock:?}");
        assert_eq!(instant.subsec_nanosecond() % 1_000, 0, "{clock:?}");
        before = instant;
    }
    assert_eq!(clock.taken, 0);
}

proptest! {
    #[test]
    fn a_ladder_rises_whatever_the_policies_say(
        given in prop::collection::vec(any_policy(), 0..20),
        step in prop::sample::select(&PolicyStep::ALL[..]),
        now_us in 0_i64..4_000_000_000_000_000,
        limit in any_limit(),
        until_us in 0_i64..4_000_000_000_000_000,
    ) {
        let (policies, calendar) = (Policies::new(given), Calendar::built_in());
        let scope = scope(&policies, &calendar);
        let now = Timestamp::from_microsecond(now_us).unwrap();
        let clock = Clock::start(step, now, &scope);
        check_ladder(&clock);
        prop_assert_eq!(clock.began_at, now);
        prop_assert_eq!(clock.due_at, policies.find(step, scope.kind, "", scope.tier).limit.end(now, &calendar));
        let tighter = Clock::start_with(limit, limit.to_string(), now, &scope);
        check_ladder(&tighter);
        prop_assert_eq!(tighter.due_at, limit.end(now, &calendar));
        let until = Timestamp::from_microsecond(until_us).unwrap();
        let extended = clock.extended(until, String::new(), &scope);
        check_ladder(&extended);
        prop_assert!(extended.due_at == until || until_us <= now_us + 1);
    }

    #[test]
    fn no_step_is_taken_twice_or_early_or_out_of_order_however_the_time_jumps(
        days in prop::collection::vec(-10_i64..60, 0..40),
    ) {
        let mut clock = reply_clock("2026-03-02T10:00:00");
        let began_at = clock.began_at;
        let mut taken = Vec::new();
        let mut latest = began_at;
        for day in days {
            let now = began_at + SignedDuration::from_hours(24 * day);
            latest = latest.max(now);
            for step in clock.take_due(now) {
                prop_assert!(clock.instant(step) <= now);
                taken.push(step);
            }
            prop_assert_eq!(&LadderStep::ALL[..taken.len()], &taken[..]);
            prop_assert!(clock.next_alarm().is_none_or(|alarm| alarm > latest), "what was due was taken");
            prop_assert_eq!(clock.is_overdue(), taken.contains(&LadderStep::Overdue));
        }
    }
}
