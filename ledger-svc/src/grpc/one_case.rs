//! One case with its lines: what of a request is wanted, and a case as the contract has it.

use data_encoding::HEXLOWER;
use huying_platform::{
    ids::CaseId,
    status::{Violations, timestamp_to_proto},
};
use huying_proto::{
    events::v1::Actor,
    ledger::v1::{Discrepancy, GetCaseRequest, GetCaseResponse, Line, Text},
};
use jiff::Timestamp;
use tonic::Status;

use super::cases::summary;
use crate::{
    domain::words,
    use_cases::get_case::{CaseView, DamagedLine, LINES_MAX, LineView, LinesWanted, TextView},
};

/// What is asked for.
#[allow(clippy::result_large_err)] // The size is tonic's choice.
pub(super) fn parse_request(request: &GetCaseRequest) -> Result<(CaseId, LinesWanted), Status> {
    let mut violations = Violations::new();
    let case_id = match request.case_id.parse() {
        Ok(case_id) => case_id,
        Err(error) => {
            violations.add("case_id", format!("{error}"));
            CaseId::from_uuid(uuid::Uuid::nil())
        }
    };
    let count_max = match request.lines_max as usize {
        0 => LINES_MAX,
        count if count <= LINES_MAX => count,
        count => {
            violations.add("lines_max", format!("is {count}; 1 to {LINES_MAX} would be right"));
            LINES_MAX
        }
    };
    violations.check()?;
    Ok((case_id, LinesWanted { first_version: request.first_version.max(1), count_max }))
}

/// A case as it is answered with.
pub(super) fn response(view: CaseView) -> GetCaseResponse {
    let case = summary(&view.account, view.title);
    let mut lines: Vec<Line> =
        view.lines.into_iter().map(line).chain(view.damaged.into_iter().map(damaged_line)).collect();
    lines.sort_by_key(|line| line.case_version);
    let discrepancies = view.discrepancies.into_iter().map(|found| Discrepancy {
        case_version: found.case_version,
        what: found.subject.word().to_owned(),
        detail: found.detail,
    });
    GetCaseResponse {
        case: Some(case),
        lines,
        next_version: view.next_version.unwrap_or(0),
        discrepancies: discrepancies.collect(),
        being_drawn: !view.is_checked,
    }
}

fn line(line: LineView) -> Line {
    let occurred_at: Option<Timestamp> = line.leaf.occurred_at.parse().ok();
    let role = words::role_of(&line.leaf.actor.role).unwrap_or_default();
    Line {
        case_version: line.case_version,
        event_type: line.leaf.event_type.into_owned(),
        occurred_at: occurred_at.map(timestamp_to_proto),
        actor: Some(Actor { role: role.into(), code: line.leaf.actor.code.into_owned() }),
        leaf_index: line.leaf_index,
        leaf: line.json,
        texts: line.texts.into_iter().map(text).collect(),
    }
}

/// What can be told of a line that nobody can read: where it stands, and what stands there.
fn damaged_line(line: DamagedLine) -> Line {
    Line { case_version: line.case_version, leaf_index: line.leaf_index, leaf: line.kept, ..Line::default() }
}

/// A text that the log has no commitment to is left out; the discrepancy says so.
fn text(text: TextView) -> Text {
    let (shown, salt) = match text.shown {
        Some(shown) => (shown.text, HEXLOWER.encode(&shown.salt)),
        None => (String::new(), String::new()),
    };
    Text { name: text.name, text: shown, commitment: text.commitment, salt, erased: text.erased }
}
