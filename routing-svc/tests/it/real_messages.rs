//! Real messages with the replies they were given, lived through once more, year by year, under a driven clock.
//!
//! The messages and the taxonomy stand in the folder that `HUYING_TEST_DATA` names; nothing of them is kept here. Limits and
//! calendar are those that come with the program. Which reply came too late is counted by another program
//! (tests/python/overdue.py), from the moments of the messages and from nothing that routing-svc has said of a deadline.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use huying_platform::{
    redact::citizen_text,
    status::{micros, timestamp_from_proto},
};
use huying_proto::{
    events::v1::{CaseState, CaseSubmitted, DeadlineExpired, DeadlineKind, Event, event::Body},
    routing::v1::{
        self as proto, BatchCommandsRequest, BatchedCommand, Case, CaseClock, DirectoryFile,
        batch_result::Result as Answer, batched_command::Request,
    },
};
use huying_routing_svc::{store::alarms, use_cases::fire_deadlines::fire_deadlines};
use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{TimeZone, offset},
};

use super::{
    acts::OFFICE,
    town::{REGIONS, REPRESENTATIVES, STATIONS, Town, UNITS, command},
};

const GENERAL: &str = "150802001-general";
/// Departments beside those of the town, one for whatever no rule sends elsewhere.
const MORE_UNITS: &str = "150802001-general,团结街道综合办,150802001,department,general\n\
    150802-education,区教育局,150802,department,education\n\
    150802-labour,区人社局,150802,department,labour\n\
    150800-enquiries,市民服务中心,150800,department,enquiries\n";
/// For some first levels of the taxonomy; all others are left to the office.
const RULES: &str = "region,kind,category,tier,function\n150800,message,城乡建设,township,housing\n\
    150800,message,交通运输,district,roads\n150800,message,教育文体,district,education\n\
    150800,message,劳动和社会保障,district,labour\n150800,message,咨询,municipal,enquiries\n";
/// Enquiries have a limit of their own, and the taxonomy of the folder does not tell them apart.
const ENQUIRIES: &str = "咨询,,,咨询;请问;请教\n";

/// What the policies that come with the program say of the reply to a message, and to an enquiry.
const REPLY: Expected = Expected { policy: "message * * reply 13wd", working_days: 13 };
const REPLY_TO_ENQUIRY: Expected = Expected { policy: "message 咨询 * reply 3wd", working_days: 3 };
/// Registering and assigning, which the whole time of a case has besides.
const WORKING_DAYS_BEFORE_REPLY: u32 = 3;
/// After so many an assignment counts as accepted.
const WORKING_DAYS_TO_ACCEPT: u32 = 1;

/// When the office sorts its queue: after so long, or half way to a reply that came sooner.
const OFFICE_TAKES: SignedDuration = SignedDuration::from_hours(20);
/// Past the seven days in which a citizen can rate.
const AFTERWARDS: SignedDuration = SignedDuration::from_hours(24 * 9);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Expected {
    policy: &'static str,
    working_days: u32,
}

/// A message of the folder; times are in Asia/Shanghai.
struct Message {
    id: String,
    title: String,
    body: String,
    submitted_at: DateTime,
    replied_at: DateTime,
}

/// What is done for a message, in this order when it falls on one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Submit,
    Sort,
    Reply,
}

/// What became of a message.
struct Life {
    case_id: String,
    /// Whether the rules gave it to a department, or left it to the office.
    by_rules: bool,
    /// The category it had when it was taken up, which the time of the whole case goes by.
    first_category: String,
    /// The category that its text speaks for most, when the office has to find one.
    suggested: Option<String>,
    assigned_at: DateTime,
    /// As it stood when a department had just been given it.
    assigned: Case,
    accepted_by_hand: bool,
    /// Everything that happened to it, as the outbox had it; that forgets what is older than two weeks.
    history: Vec<Event>,
}

impl Life {
    fn expected(&self) -> Expected {
        expected(&category_of(&self.assigned))
    }
}

#[tokio::test]
async fn overdue_marks_of_real_messages_are_those_of_an_independent_count() {
    let Some(data) = std::env::var_os("HUYING_TEST_DATA").map(PathBuf::from) else {
        skipped("HUYING_TEST_DATA names no folder with messages-with-replies.jsonl");
        return;
    };
    let Some(python) = std::env::var_os("HUYING_TEST_PYTHON").map(PathBuf::from) else {
        skipped("HUYING_TEST_PYTHON is not set; ./deploy/test sets it");
        return;
    };
    let messages = read_messages(&data);
    let town = informed(&data).await;
    let lives = live_through(&town, &messages).await;
    town.house.stop().await;
    assert_eq!(lives.len(), messages.len());

    for life in lives.values() {
        let clock = reply_clock(&life.assigned);
        assert_eq!(clock.policy, life.expected().policy);
        assert_eq!(clock.began_at_us, micros(instant(life.assigned_at)));
        assert_eq!(clock.calendar_revision, 0, "the calendar that comes with the program");
    }
    let late = Late::count(&python, &messages, &lives);
    let marks = Marks::read(&lives);
    assert_same("of the reply", &marks.reply, &late.reply);
    assert_same("of the whole case", &marks.whole, &late.whole);
    assert_same("of acceptance", &marks.accepted_by_itself, &late.acceptance);
    for (id, life) in &lives {
        assert_eq!(life.accepted_by_hand, !late.acceptance.contains(id), "message {id}");
    }

    // The comparison says something: under both limits some were late, and some were not.
    for limit in [REPLY, REPLY_TO_ENQUIRY] {
        let all = lives.values().filter(|life| life.expected() == limit).count();
        let overdue = late.reply.iter().filter(|id| lives[**id].expected() == limit).count();
        assert!(0 < overdue && overdue < all, "{overdue} of {all} under {}", limit.policy);
    }
    let by_rules = lives.values().filter(|life| life.by_rules).count();
    assert!(0 < by_rules && by_rules < lives.len(), "{by_rules} by rules");
}

/// A town with the taxonomy of the folder, and with neither limits nor calendar of its own.
async fn informed(data: &Path) -> Town {
    let mut categories = String::from("level1,level2,level3,keywords\n");
    for line in std::fs::read_to_string(data.join("categories.csv")).unwrap().lines().skip(1) {
        categories.push_str(&format!("{line},\n"));
    }
    categories.push_str(ENQUIRIES);
    let town = Town::empty().await;
    town.import(&[
        (DirectoryFile::Regions, REGIONS),
        (DirectoryFile::Units, &format!("{UNITS}{MORE_UNITS}")),
        (DirectoryFile::Stations, STATIONS),
        (DirectoryFile::Representatives, REPRESENTATIVES),
        (DirectoryFile::Categories, &categories),
        (DirectoryFile::Rules, RULES),
    ])
    .await
    .unwrap();
    town
}

/// Lets all messages be submitted, sorted and answered, each at its time, and everything in between happen by itself.
async fn live_through<'a>(town: &Town, messages: &'a [Message]) -> BTreeMap<&'a str, Life> {
    let mut acts: Vec<(DateTime, Act, &Message)> = Vec::new();
    for message in messages {
        acts.push((message.submitted_at, Act::Submit, message));
        acts.push((sorted_at(message), Act::Sort, message));
        acts.push((message.replied_at, Act::Reply, message));
    }
    acts.sort_by_key(|(at, act, _)| (*at, *act));

    let mut lives: BTreeMap<&str, Life> = BTreeMap::new();
    town.house.clock.set(instant(acts[0].0));
    for (at, act, message) in acts {
        pass_until(town, instant(at)).await;
        let id = message.id.as_str();
        match act {
            Act::Submit => {
                lives.insert(id, submit(town, message).await);
            }
            Act::Sort => sort(town, lives.get_mut(id).unwrap(), at).await,
            Act::Reply => reply(town, lives.get_mut(id).unwrap()).await,
        }
    }
    pass_until(town, town.house.platform.clock.now() + AFTERWARDS).await;
    for life in lives.values_mut() {
        let seen = town.get("auditor", "", &life.case_id).await.unwrap();
        assert_eq!(seen.case.unwrap().standing.unwrap().state(), CaseState::Closed);
        life.history = seen.history;
    }
    lives
}

/// Moves the clock on, from one moment at which something happens by itself to the next.
async fn pass_until(town: &Town, moment: Timestamp) {
    loop {
        let mut connection = town.house.platform.db.acquire().await.unwrap();
        let next = alarms::next(&mut connection).await.unwrap().filter(|next| *next <= moment);
        drop(connection);
        let Some(next) = next else { break };
        town.house.clock.set(next);
        assert!(fire_deadlines(&town.service).await.unwrap() > 0, "nothing happened at {next}");
    }
    town.house.clock.set(moment);
}

async fn submit(town: &Town, message: &Message) -> Life {
    let mut event = town.submitted("");
    event.header.as_mut().unwrap().title = citizen_text(&message.title);
    let body = citizen_text(&message.body);
    event.body = Some(Body::CaseSubmitted(CaseSubmitted { body, pictures: Vec::new() }));
    let case_id = town.take_up(&event).await;
    let seen = town.get("auditor", "", &case_id).await.unwrap();
    let case = seen.case.unwrap();
    let suggested = seen.history.into_iter().find_map(|event| match event.body {
        Some(Body::CaseQueued(queued)) => queued.trace?.candidates.into_iter().next(),
        _ => None,
    });
    Life {
        case_id,
        by_rules: case.standing.as_ref().unwrap().state() == CaseState::Assigned,
        first_category: category_of(&case),
        suggested: suggested.map(|candidate| candidate.category),
        assigned_at: message.submitted_at,
        assigned: case,
        accepted_by_hand: false,
        history: Vec::new(),
    }
}

/// The office registers and assigns what the rules left to it, under the category that was suggested when it has none.
async fn sort(town: &Town, life: &mut Life, at: DateTime) {
    if life.by_rules {
        return;
    }
    let envelope = || command(&life.case_id);
    let mut requests = vec![Request::RegisterCase(proto::RegisterCaseRequest { command: envelope() })];
    if let Some(category) = life.suggested.clone().filter(|_| life.first_category.is_empty()) {
        requests.push(Request::ClassifyCase(proto::ClassifyCaseRequest { command: envelope(), category }));
    }
    requests.push(Request::AssignCase(proto::AssignCaseRequest {
        command: envelope(),
        unit: GENERAL.into(),
        ..Default::default()
    }));
    for answer in run(town, "office", OFFICE, requests).await {
        assert!(matches!(answer, Answer::Outcome(_)), "{answer:?}");
    }
    life.assigned_at = at;
    life.assigned = town.case(&life.case_id).await;
}

/// The department answers; what has not been accepted by itself it accepts before.
async fn reply(town: &Town, life: &mut Life) {
    let department = life.assigned.standing.as_ref().unwrap().responsible_unit.clone();
    let accept = proto::AcceptCaseRequest { command: command(&life.case_id) };
    let reply = proto::ReplyCaseRequest {
        command: command(&life.case_id),
        text: "情况已核实，问题已处理。".into(),
        pictures: Vec::new(),
    };
    let requests = vec![Request::AcceptCase(accept), Request::ReplyCase(reply)];
    let answers = run(town, "department", &department, requests).await;
    life.accepted_by_hand = matches!(&answers[0], Answer::Outcome(_));
    let Answer::Outcome(replied) = &answers[1] else { panic!("{answers:?}") };
    let standing = replied.standing.as_ref().unwrap();
    assert_eq!((standing.state(), standing.overdue), (CaseState::Replied, false));
}

async fn run(town: &Town, role: &str, code: &str, requests: Vec<Request>) -> Vec<Answer> {
    let commands = requests.into_iter().map(|request| BatchedCommand { request: Some(request) }).collect();
    let request = town.call(role, code, BatchCommandsRequest { commands });
    let response = town.cases().batch_commands(request).await.unwrap().into_inner();
    response.results.into_iter().map(|result| result.result.unwrap()).collect()
}

/// Which messages were marked, as everybody can read it in the events.
#[derive(Default)]
struct Marks<'a> {
    reply: BTreeSet<&'a str>,
    whole: BTreeSet<&'a str>,
    accepted_by_itself: BTreeSet<&'a str>,
}

impl<'a> Marks<'a> {
    fn read(lives: &BTreeMap<&'a str, Life>) -> Self {
        let mut marks = Self::default();
        for (&id, life) in lives {
            for event in &life.history {
                let is_first = match &event.body {
                    Some(Body::DeadlineExpired(expired)) => {
                        let at = timestamp_from_proto(event.occurred_at.as_ref().unwrap()).unwrap();
                        assert_eq!(micros(at), expired.due_at_us, "message {id}");
                        assert!(event.standing.as_ref().unwrap().overdue, "message {id}");
                        marks.expiry(id, life, expired)
                    }
                    Some(Body::CaseAccepted(accepted)) if accepted.automatic => {
                        marks.accepted_by_itself.insert(id)
                    }
                    _ => true,
                };
                assert!(is_first, "message {id} was marked twice");
            }
        }
        marks
    }

    fn expiry(&mut self, id: &'a str, life: &Life, expired: &DeadlineExpired) -> bool {
        match expired.kind() {
            DeadlineKind::Reply => {
                assert_eq!(expired.due_at_us, reply_clock(&life.assigned).due_at_us, "message {id}");
                self.reply.insert(id)
            }
            DeadlineKind::Case => self.whole.insert(id),
            kind @ (DeadlineKind::Unspecified
            | DeadlineKind::Register
            | DeadlineKind::Assign
            | DeadlineKind::Rate
            | DeadlineKind::Part) => panic!("{kind:?} of message {id} expired"),
        }
    }
}

/// Which messages were answered too late, counted without routing-svc.
struct Late<'a> {
    reply: BTreeSet<&'a str>,
    whole: BTreeSet<&'a str>,
    acceptance: BTreeSet<&'a str>,
}

impl<'a> Late<'a> {
    fn count(python: &Path, messages: &'a [Message], lives: &BTreeMap<&'a str, Life>) -> Self {
        let count = |limit: &dyn Fn(&Message, &Life) -> (DateTime, u32)| {
            let limits =
                messages.iter().map(|message| (message, limit(message, &lives[message.id.as_str()])));
            answered_after(python, limits)
        };
        Self {
            reply: count(&|_, life| (life.assigned_at, life.expected().working_days)),
            whole: count(&|message, life| {
                let working_days = expected(&life.first_category).working_days;
                (message.submitted_at, WORKING_DAYS_BEFORE_REPLY + working_days)
            }),
            acceptance: count(&|_, life| (life.assigned_at, WORKING_DAYS_TO_ACCEPT)),
        }
    }
}

/// The messages that were answered after the last of so many working days from a moment on.
fn answered_after<'a>(
    python: &Path,
    limits: impl Iterator<Item = (&'a Message, (DateTime, u32))>,
) -> BTreeSet<&'a str> {
    let mut ids = Vec::new();
    let mut lines = String::new();
    for (message, (from, working_days)) in limits {
        ids.push(message.id.as_str());
        lines.push_str(&format!("{} {from} {working_days} {}\n", message.id, message.replied_at));
    }
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/python/overdue.py");
    let mut child =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // Written besides, so that neither program waits for the other to read.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "overdue.py failed");

    let printed = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<(&str, &str)> = printed.lines().map(|line| line.split_once(' ').unwrap()).collect();
    assert_eq!(answers.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
    ids.into_iter().zip(answers).filter(|(_, (_, late))| *late == "1").map(|(id, _)| id).collect()
}

fn assert_same(what: &str, marked: &BTreeSet<&str>, late: &BTreeSet<&str>) {
    let wrongly: Vec<&&str> = marked.difference(late).collect();
    let missing: Vec<&&str> = late.difference(marked).collect();
    assert!(
        wrongly.is_empty() && missing.is_empty(),
        "marks {what}: {} expected; wrongly marked: {wrongly:?}; missing: {missing:?}",
        late.len()
    );
}

fn read_messages(data: &Path) -> Vec<Message> {
    let text = std::fs::read_to_string(data.join("messages-with-replies.jsonl")).unwrap();
    let read = |line: &str| {
        let fields: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| fields[name].as_str().unwrap().to_owned();
        Message {
            id: field("id"),
            title: field("title"),
            body: field("body"),
            submitted_at: field("submitted_at").parse().unwrap(),
            replied_at: field("replied_at").parse().unwrap(),
        }
    };
    let messages: Vec<Message> = text.lines().map(read).collect();
    assert_eq!(messages.len(), 800);
    messages
}

fn sorted_at(message: &Message) -> DateTime {
    let until_reply = message.replied_at.duration_since(message.submitted_at);
    let half_way = SignedDuration::from_secs(until_reply.as_secs() / 2);
    message.submitted_at.checked_add(OFFICE_TAKES.min(half_way)).unwrap()
}

fn expected(category: &str) -> Expected {
    if category == "咨询" { REPLY_TO_ENQUIRY } else { REPLY }
}

fn category_of(case: &Case) -> String {
    case.header.as_ref().unwrap().category.clone()
}

fn reply_clock(case: &Case) -> &CaseClock {
    case.clocks.iter().find(|clock| clock.kind() == DeadlineKind::Reply).unwrap()
}

/// The instant of a time of the messages; China has had no summer time since 1991.
fn instant(at: DateTime) -> Timestamp {
    TimeZone::fixed(offset(8)).to_timestamp(at).unwrap()
}

#[expect(clippy::print_stderr, reason = "a test that compares nothing says so")]
fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}
