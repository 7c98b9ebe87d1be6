//! Figures against a recount over the leaves that knows nothing of how they are counted.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use huying_ledger_svc::{
    domain::counts::{Counts, DutyCounts},
    use_cases::figures::CountFigures,
};
use huying_proto::events::v1::{
    Addressee, CaseHeader, CaseState, DeadlineKind, Event, RegionPath, Standing, addressee::To,
};
use jiff::{Timestamp, tz::TimeZone};
use proptest::{
    collection::vec,
    prelude::{Strategy, any},
    strategy::ValueTree as _,
    test_runner::TestRunner,
};
use serde_json::Value;

use crate::{
    house::House,
    story::{DEPARTMENT, DISTRICT_OFFICE, HOUSING, OFFICE, REPRESENTATIVE, Story},
};

const CASES: usize = 60;

/// A case told by numbers: what happens need not make sense, it only has to be counted.
pub(crate) fn story() -> impl Strategy<Value = Story> {
    let steps = vec((0..STEPS, 0..400_000_i64), 0..14);
    (0..120_000_i64, any::<[u8; 3]>(), steps).prop_map(|(minute, [region, addressee, category], steps)| {
        let header = |header: &mut CaseHeader| {
            let (district, township) =
                [("150802", "150802001"), ("150802", ""), ("150821", ""), ("", "")][usize::from(region % 4)];
            header.region = Some(RegionPath {
                municipal: "150800".into(),
                district: district.into(),
                township: township.into(),
            });
            header.category = ["", "教育", "教育/学校", "城乡建设/供热"][usize::from(category % 4)].into();
            header.addressee = match addressee % 3 {
                0 => None,
                1 => Some(Addressee { to: Some(To::StationCode("150802001-s1".into())) }),
                _ => header.addressee.take(),
            };
        };
        let told = Story::with("事项", "正文", minute, header).queued();
        steps.into_iter().fold(told, |told, (step, seconds)| next(told.after_s(seconds), step))
    })
}

/// Kinds of steps of [`next`].
const STEPS: u8 = 32;

/// The case that others go on as part of. Nobody looks whether there is one.
const PRIMARY: &str = "0197a3f0-5d1e-7c3a-8000-00000000000b";

fn next(told: Story, step: u8) -> Story {
    let state = told.events.last().and_then(|event| event.standing.as_ref()).map(Standing::state);
    match state {
        Some(CaseState::Merged) => next_of_merged(told, step),
        // Nobody acts any more, unless the answer is found wanting.
        Some(CaseState::Closed) if step < STEPS / 2 => told.reopened(DEPARTMENT),
        Some(CaseState::Closed | CaseState::Withdrawn | CaseState::Declined) => told,
        Some(
            CaseState::Unspecified
            | CaseState::Submitted
            | CaseState::Registered
            | CaseState::Assigned
            | CaseState::InHandling
            | CaseState::Replied,
        )
        | None => next_of_handled(told, step),
    }
}

fn next_of_merged(told: Story, step: u8) -> Story {
    match step % 9 {
        0 | 1 => told.replied_along(PRIMARY, DEPARTMENT, "好了"),
        2 => told.replied_along(PRIMARY, HOUSING, "好了"),
        3 => told.rated(true, false),
        4 => told.rated(false, false),
        5 => told.delegated_along(DISTRICT_OFFICE),
        6 => told.closed_along(),
        7 => told.unmerged(),
        _ => told.unmerged().reopened(DEPARTMENT),
    }
}

fn next_of_handled(told: Story, step: u8) -> Story {
    match step {
        0 => told.registered(),
        1 => told.assigned(DEPARTMENT),
        2 => told.assigned(HOUSING),
        3 => told.assigned_with_parts(DEPARTMENT, &[HOUSING]),
        4 => told.accepted(),
        5 | 6 => told.replied("好了"),
        7 => told.rated(true, true),
        8 => told.rated(true, false),
        9 => told.rated(false, false),
        10 => told.closed(),
        11 => told.expired(DeadlineKind::Reply),
        12 => told.returned(),
        13 => told.escalated(),
        14 => told.delegated(OFFICE),
        15 => told.transferred(HOUSING),
        16 => told.extended(),
        17 => told.urged(),
        18 => told.supervised(),
        19 => told.criticised(),
        20 => told.claimed(),
        21 => told.representative_told("我去看了"),
        22 => told.representative_urged(),
        23 => told.withdrawn("不必了"),
        24 => told.declined("已进入诉讼程序"),
        25..=27 => {
            let mut primary = Story::new("事项", "正文", 0);
            primary.case_id = PRIMARY.into();
            told.merged_into(&primary)
        }
        28 => told.reopened(DEPARTMENT),
        29 => told.representative_replied("我来答复"),
        30 => told.expired(DeadlineKind::Case),
        _ => told.part_assigned(9, HOUSING).part_answered(9, HOUSING, vec![]),
    }
}

/// What becomes of one case for one of those who count it.
#[derive(Debug, Clone, Default)]
struct Row {
    received: Option<Timestamp>,
    replied: Option<(Timestamp, bool)>,
    answered_along: bool,
    rating: Option<(bool, bool)>,
    state: String,
    open: bool,
    overdue: bool,
    times: [u64; TIMES.len()],
}

/// What is counted by how often it happened; that of which `true` is said also of the case as a whole.
const TIMES: [(&str, bool); 10] = [
    ("CaseReturned", true),
    ("ExtensionGranted", true),
    ("CaseSupervised", true),
    ("CriticismCirculated", true),
    ("DeadlineExpired", false),
    ("PartAssigned", false),
    ("PartAnswered", false),
    ("CaseTransferred", false),
    ("ExtensionRequested", false),
    ("CaseUrged", false),
];

impl Row {
    fn is_answered(&self) -> bool {
        self.replied.is_some() || self.answered_along
    }

    fn is_over(&self) -> bool {
        ["closed", "declined", "withdrawn"].contains(&self.state.as_str())
    }
}

/// What becomes of one case for one representative.
#[derive(Debug, Clone, Default)]
struct Duty {
    addressed: Option<Timestamp>,
    claimed: Option<Timestamp>,
    answered: Option<Timestamp>,
    urged: u64,
    told: u64,
    last: Option<Timestamp>,
    case: Row,
}

fn string<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn time(value: &Value, path: &str) -> Option<Timestamp> {
    string(value, path).parse().ok()
}

fn month(time: Timestamp) -> String {
    time.to_zoned(TimeZone::get("Asia/Shanghai").unwrap()).strftime("%Y-%m").to_string()
}

fn middle(mut times: Vec<(Timestamp, Timestamp)>) -> Option<u64> {
    times.sort_by_key(|(from, to)| to.as_microsecond() - from.as_microsecond());
    let (from, to) = times.get(times.len().checked_sub(1)? / 2)?;
    Some(((to.as_microsecond() - from.as_microsecond()).max(0) as u64).div_ceil(1_000_000))
}

fn count(rows: &[Row]) -> Counts {
    let number = |of: fn(&Row) -> bool| rows.iter().filter(|row| of(row)).count() as u64;
    let times = |kind: usize| rows.iter().map(|row| row.times[kind]).sum();
    Counts {
        received: number(|row| row.received.is_some()),
        replied: number(|row| row.replied.is_some()),
        replied_in_time: number(|row| row.replied.is_some_and(|(_, in_time)| in_time)),
        answered_along: number(|row| row.answered_along && row.replied.is_none()),
        rated: number(|row| row.is_answered() && row.rating.is_some()),
        resolved: number(|row| row.is_answered() && row.rating.is_some_and(|(resolved, _)| resolved)),
        satisfied: number(|row| row.is_answered() && row.rating.is_some_and(|(_, satisfied)| satisfied)),
        awaiting_rating: number(|row| row.is_answered() && row.rating.is_none() && !row.is_over()),
        open: number(|row| row.open),
        overdue: number(|row| row.open && row.overdue),
        declined: number(|row| row.received.is_some() && row.state == "declined"),
        withdrawn: number(|row| row.received.is_some() && row.state == "withdrawn"),
        returned: times(0),
        extensions_granted: times(1),
        supervised: times(2),
        criticised: times(3),
        expired: times(4),
        parts: times(5),
        parts_answered: times(6),
        transferred: times(7),
        extensions_requested: times(8),
        urged: times(9),
        median_reply_seconds: middle(
            rows.iter().filter_map(|row| Some((row.received?, row.replied?.0))).collect(),
        ),
    }
}

fn count_duty(rows: &[Duty]) -> DutyCounts {
    let taken_on: Vec<&Duty> = rows.iter().filter(|row| row.addressed.or(row.claimed).is_some()).collect();
    let number = |of: fn(&Duty) -> bool| taken_on.iter().filter(|row| of(row)).count() as u64;
    let cases = count(&taken_on.iter().map(|row| row.case.clone()).collect::<Vec<_>>());
    DutyCounts {
        received: number(|row| row.addressed.is_some()),
        claimed: number(|row| row.claimed.is_some()),
        taken_on: taken_on.len() as u64,
        answered: number(|row| row.answered.is_some()),
        replied: cases.replied,
        urged: rows.iter().map(|row| row.urged).sum(),
        progress_reported: rows.iter().map(|row| row.told).sum(),
        rated: cases.rated,
        resolved: cases.resolved,
        satisfied: cases.satisfied,
        median_answer_seconds: middle(
            taken_on.iter().filter_map(|row| Some((row.addressed.or(row.claimed)?, row.answered?))).collect(),
        ),
        last_act_at: rows.iter().filter_map(|row| row.last).max(),
    }
}

/// Everything that is counted, by whom it is counted for.
#[derive(Default)]
struct Recount {
    rows: BTreeMap<String, Vec<Row>>,
    duties: Vec<Duty>,
}

impl Recount {
    fn of(leaves: &[Value]) -> Self {
        let mut cases: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for leaf in leaves {
            cases.entry(string(leaf, "/case_id")).or_default().push(leaf);
        }
        let mut recount = Self::default();
        for history in cases.values() {
            recount.add(history);
        }
        recount
    }

    fn add(&mut self, history: &[&Value]) {
        let first = history[0];
        let mut case = Row { received: time(first, "/submitted_at"), ..Row::default() };
        let mut units: BTreeMap<&str, Row> = BTreeMap::new();
        let mut duty = Duty::default();
        if string(first, "/addressee/code") == REPRESENTATIVE {
            duty.addressed = case.received;
        }
        let (mut had, mut repliers) = (["", ""], ["", ""]);
        let (mut of_stage, mut of_whole) = (None, None);
        for leaf in history.iter().skip(1) {
            let at = time(leaf, "/occurred_at").unwrap();
            let has =
                ["holder_office", "responsible_unit"].map(|who| string(leaf, &format!("/standing/{who}")));
            for unit in has.into_iter().filter(|unit| !unit.is_empty() && !had.contains(unit)) {
                units.entry(unit).or_default().received.get_or_insert(at);
            }
            let kind = string(leaf, "/type");
            let unit = string(leaf, "/details/unit");
            let is_merged = string(leaf, "/standing/state") == "merged";
            if let Some(what) = TIMES.iter().position(|(counted, _)| *counted == kind)
                && string(leaf, "/details/kind") != "case"
            {
                let named = if kind == "CaseTransferred" { string(leaf, "/details/from_unit") } else { unit };
                case.times[what] += u64::from(TIMES[what].1);
                if kind != "PartAssigned" {
                    units.entry(named).or_default().times[what] += 1;
                }
            }
            for part in leaf.pointer("/details/parts").and_then(Value::as_array).into_iter().flatten() {
                units.entry(string(part, "/unit")).or_default().times[5] += 1;
            }
            if kind == "CaseReplied" {
                let late = |deadline: Option<Timestamp>| deadline.is_some_and(|deadline| at > deadline);
                case.replied.get_or_insert((at, !late(of_stage) && !late(of_whole)));
                repliers = [unit, has[0]];
                for unit in repliers {
                    let row = units.entry(unit).or_default();
                    match row.received {
                        Some(_) => _ = row.replied.get_or_insert((at, !late(of_stage.or(of_whole)))),
                        None => row.answered_along = true,
                    }
                }
            }
            if kind == "CaseRated" {
                let flag = |name: &str| leaf["details"][name] == true;
                case.rating = Some((flag("resolved"), flag("satisfied")));
                for unit in repliers.into_iter().filter(|unit| !unit.is_empty()) {
                    units.entry(unit).or_default().rating = case.rating;
                }
            }
            if string(leaf, "/actor/role") == "representative" {
                duty.last = Some(at);
                match kind {
                    "CaseClaimed" => _ = duty.claimed.get_or_insert(at),
                    "CaseUrged" => duty.urged += 1,
                    "CaseReplied" => _ = duty.answered.get_or_insert(at),
                    _ => {
                        duty.told += 1;
                        duty.answered.get_or_insert(at);
                    }
                }
            }
            (had, of_stage) = (has, time(leaf, "/standing/deadline_at"));
            of_whole = time(leaf, "/standing/case_deadline_at").or(of_whole.filter(|_| is_merged));
            case.overdue = leaf["standing"]["overdue"] == true;
        }
        let state = history.last().map_or("", |leaf| string(leaf, "/standing/state"));
        case.open = ["", "submitted", "registered", "assigned", "in_handling"].contains(&state);
        state.clone_into(&mut case.state);
        for row in units.values_mut() {
            state.clone_into(&mut row.state);
        }
        if let Some(row) = units.get_mut(had[1]) {
            (row.open, row.overdue) = (case.open, case.overdue);
        }
        let mut tell = |who: &str, row: &Row| {
            self.rows.entry(who.to_owned()).or_default().push(row.clone());
            if let Some(received) = row.received {
                self.rows.entry(format!("{who} {}", month(received))).or_default().push(row.clone());
            }
        };
        tell("", &case);
        for tier in ["municipal", "district", "township"] {
            let code = string(first, &format!("/region/{tier}"));
            if !code.is_empty() {
                tell(code, &case);
            }
        }
        for (unit, row) in &units {
            tell(unit, row);
        }
        if duty.addressed.is_some() || duty.last.is_some() {
            duty.case = case;
            self.duties.push(duty);
        }
    }

    fn counts(&self, who: &str) -> Counts {
        self.rows.get(who).map(|rows| count(rows)).unwrap_or_default()
    }
}

/// Holds all figures against a recount over the leaves.
async fn check(house: &House) {
    let leaves: Vec<Vec<u8>> = sqlx::query_scalar("SELECT leaf FROM leaves ORDER BY leaf_index")
        .fetch_all(&house.house.platform.db)
        .await
        .unwrap();
    let leaves: Vec<Value> = leaves.iter().map(|leaf| serde_json::from_slice(leaf).unwrap()).collect();
    let recount = Recount::of(&leaves);
    let platform = &house.house.platform;
    let directory = platform.directory.load();
    let figures = CountFigures::new(platform, platform.db.clone());

    for unit in [OFFICE, DISTRICT_OFFICE, DEPARTMENT, HOUSING] {
        let history = figures.unit_history(&directory, unit).await.unwrap();
        assert_eq!(history.tree_size, leaves.len() as u64);
        assert_eq!(history.total, recount.counts(unit), "{unit}");
        for month in &history.months {
            assert_eq!(month.counts, recount.counts(&format!("{unit} {}", month.month)), "{unit}");
        }
        let received: u64 = history.months.iter().map(|month| month.counts.received).sum();
        assert_eq!(received, history.total.received, "{unit}");
    }
    for unit in figures.units(&directory, None, None).await.unwrap().units {
        assert_eq!(unit.counts, recount.counts(&unit.code), "{}", unit.code);
    }
    for code in ["150800", "150802", "150821", "150802001"] {
        let region = figures.region_figures(&directory, &code.parse().unwrap()).await.unwrap();
        assert_eq!(region.total, recount.counts(code), "{code}");
        for month in &region.months {
            assert_eq!(month.counts, recount.counts(&format!("{code} {}", month.month)), "{code}");
        }
        for below in region.regions {
            assert_eq!(below.counts, recount.counts(&below.code), "{}", below.code);
        }
        let categorised: u64 = region.categories.iter().map(|category| category.cases).sum();
        assert_eq!(categorised, region.total.received);
    }
    let overview = figures.overview(&directory).await.unwrap();
    assert_eq!(overview.total, recount.counts(""));
    for kind in ["CaseDelegated", "CaseEscalated", "CaseTransferred", "CaseReturned"] {
        let is_told =
            |leaf: &&Value| string(leaf, "/type") == kind && string(leaf, "/standing/state") != "merged";
        let told = leaves.iter().filter(is_told).count() as u64;
        let flows = overview.flows.iter().filter(|flow| format!("Case{:?}", flow.kind) == kind);
        assert_eq!(flows.map(|flow| flow.times).sum::<u64>(), told, "{kind}");
    }
    let archive = figures.representative_archive(REPRESENTATIVE).await.unwrap();
    assert_eq!(archive.total, count_duty(&recount.duties));
    let list = figures.representatives(&directory, None, None, 0, 10).await.unwrap();
    assert_eq!(list.representatives[0].counts, archive.total);
}

fn stories() -> Vec<Story> {
    vec(story(), CASES).new_tree(&mut TestRunner::deterministic()).unwrap().current()
}

#[tokio::test]
async fn figures_are_what_a_recount_over_the_leaves_says() {
    let house = House::start().await;
    let stories = stories();
    // First the beginnings of all cases, then the rest of them, so that counts go on from what was there.
    let beginning = |story: &Story| story.events.len().div_ceil(2);
    let first: Vec<Event> =
        stories.iter().flat_map(|story| story.events[..beginning(story)].to_vec()).collect();
    let rest: Vec<Event> =
        stories.iter().flat_map(|story| story.events[beginning(story)..].to_vec()).collect();
    house.publish_until(&first, first.len() as u64).await;
    check(&house).await;
    house.publish_until(&rest, (first.len() + rest.len()) as u64).await;
    check(&house).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exported_figures_are_what_python_makes_of_the_served_leaves() {
    let house = House::start().await;
    let events: Vec<Event> = stories().into_iter().flat_map(|story| story.events).collect();
    house.publish_until(&events, events.len() as u64).await;
    let base_url = house.house.http_base(house.pages.clone()).await;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/python/figures.py");
    let python = std::env::var("HUYING_TEST_PYTHON").expect("./deploy/test sets HUYING_TEST_PYTHON");
    let mut command = Command::new(python);
    command.arg(script).arg(base_url);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.starts_with(&format!("{} leaves of {CASES} cases, ", events.len())), "{told}");
    house.stop().await;
}
