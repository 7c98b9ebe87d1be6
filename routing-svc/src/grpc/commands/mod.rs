//! The commands of CaseService, from message to [`Command`]: one impl each, by who gives them.

mod department;
mod office;
mod oversight;
mod parts;

use huying_platform::{
    auth::Principal,
    ids::CaseId,
    keys::{IdempotencyKey, body_hash},
    status::Violations,
};
use huying_proto::routing::v1::{self as proto, BatchedCommand, batched_command::Request};

use super::fields;
use crate::{domain::command::Command, store::requests::RequestKey, use_cases::run_commands::CommandRequest};

/// Bounds, in characters, as the contract gives them.
const NOTE_CHARS_MAX: usize = 2_000;
const PROGRESS_CHARS_MAX: usize = 10_000;
const REPLY_CHARS_MAX: usize = 20_000;

/// A message that is a command.
pub(super) trait CommandMessage: prost::Message {
    /// What every command carries.
    fn envelope(&self) -> Option<&proto::Command>;

    /// What is asked. None only with a violation.
    fn parse(&self, violations: &mut Violations) -> Option<Command>;
}

/// Makes a request of a message, or names what is wrong with it.
pub(super) fn prepare<M: CommandMessage>(
    principal: &Principal,
    message: &M,
) -> Result<CommandRequest, Violations> {
    let mut violations = Violations::new();
    let envelope = parse_envelope(message.envelope(), &mut violations);
    let command = message.parse(&mut violations);
    if !violations.is_empty() {
        return Err(violations);
    }
    let (Some((request_id, case_id, expected_version)), Some(command)) = (envelope, command) else {
        // Every None above came with a violation.
        violations.add("command", "is incomplete");
        return Err(violations);
    };
    let key = RequestKey {
        caller: principal.subject.clone(),
        request_id: request_id.as_str().to_owned(),
        command: command.name().rpc(),
        body_hash: body_hash(message),
    };
    Ok(CommandRequest { principal: principal.clone(), key, case_id, expected_version, command })
}

/// The same for a command of a batch: it is the same request as by its own RPC.
pub(super) fn prepare_batched(
    principal: &Principal,
    batched: &BatchedCommand,
) -> Result<CommandRequest, Violations> {
    match &batched.request {
        Some(Request::RegisterCase(message)) => prepare(principal, message),
        Some(Request::DeclineCase(message)) => prepare(principal, message),
        Some(Request::ClassifyCase(message)) => prepare(principal, message),
        Some(Request::AssignCase(message)) => prepare(principal, message),
        Some(Request::TransferCase(message)) => prepare(principal, message),
        Some(Request::DelegateCase(message)) => prepare(principal, message),
        Some(Request::EscalateCase(message)) => prepare(principal, message),
        Some(Request::AcceptCase(message)) => prepare(principal, message),
        Some(Request::ReturnCase(message)) => prepare(principal, message),
        Some(Request::ReportProgress(message)) => prepare(principal, message),
        Some(Request::ReplyCase(message)) => prepare(principal, message),
        Some(Request::AnswerCase(message)) => prepare(principal, message),
        Some(Request::AssignPart(message)) => prepare(principal, message),
        Some(Request::AnswerPart(message)) => prepare(principal, message),
        Some(Request::WaivePart(message)) => prepare(principal, message),
        Some(Request::RequestExtension(message)) => prepare(principal, message),
        Some(Request::GrantExtension(message)) => prepare(principal, message),
        Some(Request::RefuseExtension(message)) => prepare(principal, message),
        Some(Request::UrgeCase(message)) => prepare(principal, message),
        Some(Request::SuperviseCase(message)) => prepare(principal, message),
        Some(Request::CirculateCriticism(message)) => prepare(principal, message),
        Some(Request::ClaimCase(message)) => prepare(principal, message),
        Some(Request::CloseCase(message)) => prepare(principal, message),
        Some(Request::ReopenCase(message)) => prepare(principal, message),
        Some(Request::MergeCase(message)) => prepare(principal, message),
        Some(Request::UnmergeCase(message)) => prepare(principal, message),
        Some(Request::RecomputeClocks(message)) => prepare(principal, message),
        None => {
            let mut violations = Violations::new();
            violations.add("request", "is missing; one of the commands would be right");
            Err(violations)
        }
    }
}

fn parse_envelope(
    command: Option<&proto::Command>,
    violations: &mut Violations,
) -> Option<(IdempotencyKey, CaseId, Option<u64>)> {
    let Some(command) = command else {
        violations.add("command", "is missing; request_id and case_id would be right");
        return None;
    };
    let request_id = match IdempotencyKey::parse(&command.request_id) {
        Ok(key) => Some(key),
        Err(error) => {
            violations.add("command.request_id", error.to_string());
            None
        }
    };
    let case_id = fields::parsed("command.case_id", &command.case_id, violations);
    Some((request_id?, case_id?, command.expected_version))
}

/// A reason: 1 to 2,000 characters.
fn reason(field: &str, text: &str, violations: &mut Violations) -> String {
    fields::text(field, text, NOTE_CHARS_MAX, violations)
}

/// A note: up to 2,000 characters.
fn note(text: &str, violations: &mut Violations) -> String {
    fields::note("note", text, NOTE_CHARS_MAX, violations)
}
