//! `huying batch`: many commands at once, from a file.
//!
//! Guarantees that a file is read whole and without faults, or nothing of it is sent, and that every command has a
//! request id that is the same whenever the same file is sent with the same prefix, so that an unknown outcome can be
//! settled by sending the file again.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::Args;
use huying_proto::routing::v1::{BatchResult, BatchedCommand, Command, batch_result};
use serde_json::{Map, Value, json};

use super::key_or_new;
use crate::{
    acts::Act,
    context::Context,
    failure::{Exit, Failure},
    identity::{IdentityArgs, chosen_token, no_identity},
    routing_commands::perform_batch,
    shapes::standing_json,
    text, words,
};

/// What the contract takes at once.
const BATCH_MAX: usize = 500;
/// What goes into one request, well under the 4 MiB that a service reads. Long replies fill it before 500 are reached.
const BATCH_BYTES_MAX: usize = 3 * 1024 * 1024;
/// What a command has besides its line: a request id, and the framing of the fields.
const COMMAND_BYTES: usize = 256;
/// Room for some thousand commands with long texts.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

const AFTER_HELP: &str = "\
Examples:
  huying batch morning.jsonl --as 150802
  huying batch - --as 150802 --json < morning.jsonl

Each line is JSON: the case, what to do, and what belongs to it, named as in the contract:
  {\"case_id\": \"…\", \"do\": \"register\"}
  {\"case_id\": \"…\", \"do\": \"assign\", \"unit\": \"150802-roads\", \"reply_within_s\": 86400,
   \"parts\": [{\"unit\": \"150802001-enforcement\", \"task\": \"清理占道物品\"}]}
  {\"case_id\": \"…\", \"do\": \"urge\", \"text\": \"请尽快答复。\", \"expected_version\": 7}
(shown on two lines, to be written on one). What can be done: register, decline, classify, assign,
transfer, delegate, escalate, accept, return, progress, reply, answer, assign_part, answer_part,
waive_part, request_extension, grant_extension, refuse_extension, urge, supervise, criticise, claim,
close, reopen, merge, unmerge, recompute.

A line may have a \"request_id\" of its own; else it is that of --request-id with the number of the
line. Commands are sent up to 500 at a time and taken in order; one that is refused does not keep the
others from being taken. The exit code is 3 when one was refused.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BatchArgs {
    /// File with one command a line, as JSON; "-" for standard input
    file: PathBuf,

    /// What request ids begin with, up to 100 visible ASCII characters: the same file with the same one acts once; a new
    /// one when not given
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,

    #[command(flatten)]
    identity: IdentityArgs,
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    number: usize,
    case_id: String,
    request_id: String,
    expected_version: Option<u64>,
    act: Act,
    /// At least as many as the command has in a request: JSON is the longer form.
    bytes: usize,
}

pub(crate) async fn run(context: &Context, arguments: &BatchArgs) -> Result<(), Failure> {
    let token = chosen_token(context, &arguments.identity)?
        .ok_or_else(|| no_identity("whoever gives these commands"))?;
    let prefix = key_or_new(arguments.request_id.clone());
    let lines = read(&arguments.file, &prefix)?;
    let mut refused = 0;
    for batch in batches(&lines) {
        let commands = batch.iter().cloned().map(command_of).collect::<Result<Vec<_>, _>>()?;
        let results = perform_batch(context, commands, &token).await.map_err(|failure| {
            if failure.outcome_is_unknown() {
                let hint = format!("the outcome is unknown; send the same file with --request-id {prefix}");
                return failure.with_hint(hint);
            }
            failure
        })?;
        for (line, result) in batch.iter().zip(&results) {
            refused += usize::from(is_refused(result));
            context.output.result(|| for_people(line, result), || to_json(line, result))?;
        }
    }
    if refused == 0 {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, format!("{refused} of {} commands were refused", lines.len())))
}

/// The lines in order, as many together as one request takes.
fn batches(lines: &[Line]) -> Vec<&[Line]> {
    let mut batches = Vec::new();
    let (mut first, mut bytes) = (0, 0);
    for (place, line) in lines.iter().enumerate() {
        if place > first && (place - first == BATCH_MAX || bytes + line.bytes > BATCH_BYTES_MAX) {
            batches.push(&lines[first..place]);
            (first, bytes) = (place, 0);
        }
        bytes += line.bytes;
    }
    batches.push(&lines[first..]);
    batches
}

fn command_of(line: Line) -> Result<BatchedCommand, Failure> {
    let Line { case_id, request_id, expected_version, act, .. } = line;
    let request = act.request(Command { request_id, case_id, expected_version })?;
    Ok(BatchedCommand { request: Some(request) })
}

fn is_refused(result: &BatchResult) -> bool {
    !matches!(result.result, Some(batch_result::Result::Outcome(_)))
}

/// Reads a file whole.
fn read(path: &Path, prefix: &str) -> Result<Vec<Line>, Failure> {
    let unreadable = |error: io::Error| Failure::usage(format!("{} cannot be read: {error}", path.display()));
    let source: Box<dyn io::Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(unreadable)?)
    };
    let mut text = String::new();
    source.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{} is larger than 16 MiB", path.display())));
    }
    let lines =
        parse(&text, prefix).map_err(|reason| Failure::usage(format!("{}:{reason}", path.display())))?;
    if lines.is_empty() {
        return Err(Failure::usage(format!("{} holds no command", path.display())));
    }
    Ok(lines)
}

/// All lines, or the number of the first wrong one and what is wrong with it.
fn parse(text: &str, prefix: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    let mut request_ids = HashSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let line = parse_line(line, number, prefix).map_err(|reason| format!("{number}: {reason}"))?;
        if !request_ids.insert(line.request_id.clone()) {
            return Err(format!("{number}: the request_id \"{}\" is there already", line.request_id));
        }
        lines.push(line);
    }
    Ok(lines)
}

fn parse_line(line: &str, number: usize, prefix: &str) -> Result<Line, String> {
    let mut fields: Map<String, Value> =
        serde_json::from_str(line).map_err(|error| format!("is no JSON object: {error}"))?;
    let mut text_of = |name: &str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(format!("\"{name}\" is no text"))
        }
    };
    let case_id = text_of("case_id")?.ok_or("\"case_id\" is missing; the id of the case would be right")?;
    let request_id = text_of("request_id")?.unwrap_or_else(|| format!("{prefix}-{number}"));
    let expected_version = match fields.remove("expected_version") {
        None | Some(Value::Null) => None,
        Some(version) => Some(
            version
                .as_u64()
                .ok_or("\"expected_version\" is no version; a number such as 7 would be right")?,
        ),
    };
    let act = serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
    Ok(Line { number, case_id, request_id, expected_version, act, bytes: COMMAND_BYTES + line.len() })
}

fn for_people(line: &Line, result: &BatchResult) -> String {
    let told = match &result.result {
        Some(batch_result::Result::Outcome(outcome)) => {
            let state = outcome.standing.as_ref().map(|standing| words::state(standing.state));
            format!("{} (version {})", state.unwrap_or_default(), outcome.case_version)
        }
        Some(batch_result::Result::Refusal(refusal)) => {
            format!("REFUSED: {}", Failure::from_refusal(refusal).in_one_line())
        }
        None => "REFUSED: routing answered without a result".to_owned(),
    };
    text::line(&format!("{:>5}  {}  {:<20}  {told}", line.number, line.case_id, line.act.event_name()))
}

fn to_json(line: &Line, result: &BatchResult) -> Value {
    let (outcome, refusal) = match &result.result {
        Some(batch_result::Result::Outcome(outcome)) => {
            let outcome = json!({
                "case_version": outcome.case_version,
                "standing": standing_json(outcome.standing.as_ref()),
            });
            (outcome, Value::Null)
        }
        Some(batch_result::Result::Refusal(refusal)) => {
            let mut told = Failure::from_refusal(refusal).for_programs();
            (Value::Null, told["error"].take())
        }
        None => (Value::Null, Failure::unexpected("routing answered without a result").for_programs()),
    };
    json!({
        "line": line.number,
        "case_id": line.case_id,
        "request_id": line.request_id,
        "outcome": outcome,
        "refusal": refusal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_with_a_request_id_that_is_the_same_every_time() {
        let text = "{\"case_id\": \"c1\", \"do\": \"accept\"}\n\n\
                    {\"case_id\": \"c2\", \"do\": \"urge\", \"text\": \"请\", \"request_id\": \"own\", \"expected_version\": 7}\n";
        let lines = parse(text, "morning").unwrap();
        assert_eq!(lines, parse(text, "morning").unwrap());
        assert_eq!(lines[0].request_id, "morning-1");
        assert_eq!(lines[0].act, Act::Accept {});
        assert_eq!((lines[1].number, lines[1].request_id.as_str()), (3, "own"));
        assert_eq!(lines[1].expected_version, Some(7));
    }

    #[test]
    fn batches_are_bounded_in_number_and_size_and_keep_the_order() {
        let short = |number: usize| format!("{{\"case_id\": \"c{number}\", \"do\": \"accept\"}}\n");
        let many: String = (0..1_001).map(short).collect();
        let lines = parse(&many, "p").unwrap();
        let sizes: Vec<usize> = batches(&lines).iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [500, 500, 1]);

        let text = "答".repeat(20_000);
        let long = |number: usize| {
            format!("{{\"case_id\": \"c{number}\", \"do\": \"reply\", \"text\": \"{text}\"}}\n")
        };
        let many: String = (0..120).map(long).collect();
        let lines = parse(&many, "p").unwrap();
        let batches = batches(&lines);
        for batch in &batches {
            assert!(batch.iter().map(|line| line.bytes).sum::<usize>() <= BATCH_BYTES_MAX);
        }
        let numbers: Vec<usize> = batches.concat().iter().map(|line| line.number).collect();
        assert_eq!(numbers, (1..=120).collect::<Vec<_>>());
        assert_eq!(batches.len(), 3);
    }

    #[test]
    fn a_faulty_line_is_named_with_what_is_wrong() {
        let good = r#"{"case_id": "c1", "do": "accept"}"#;
        for (wrong, told) in [
            ("accept", "2: is no JSON object"),
            (r#"{"do": "accept"}"#, "2: \"case_id\" is missing"),
            (r#"{"case_id": 7, "do": "accept"}"#, "2: \"case_id\" is no text"),
            (r#"{"case_id": "c1", "do": "praise"}"#, "2: unknown variant `praise`"),
            (r#"{"case_id": "c1", "do": "accept", "text": "x"}"#, "2: unknown field `text`"),
            (r#"{"case_id": "c1", "do": "accept", "expected_version": "7"}"#, "2: \"expected_version\""),
            (r#"{"case_id": "c1", "do": "accept", "request_id": "p-1"}"#, "2: the request_id"),
        ] {
            let told_of = parse(&format!("{good}\n{wrong}"), "p").unwrap_err();
            assert!(told_of.starts_with(told), "{told_of}");
        }
    }
}
