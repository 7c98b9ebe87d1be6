//! How a case begins: a submission that intake acknowledged, judged by the rules.

use huying_platform::{
    codes::{RegionPath, UnitCode},
    directory::Directory,
    ids::CaseId,
};
use huying_proto::events::v1::{
    Actor, ActorRole, CaseAssigned, CaseHeader, CaseKind, CaseQueued, CaseRegistered, Event, event::Body,
};

use super::{
    case::{Case, Stage, State},
    deadlines::end_of,
    decide::{Context, Decision, Step, office_at},
    routing_rules::{Destination, route},
};

/// A submission, read from its event.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The case.
    pub case_id: CaseId,
    /// As it came; repeated on every event of the case.
    pub header: CaseHeader,
    /// Kind, from the header.
    pub kind: CaseKind,
    /// Place, from the header.
    pub path: RegionPath,
    /// Text with personal data masked.
    pub body: String,
}

/// An event that is not what it claims to be. It never becomes right by being sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not an event this reader takes.
    #[error("the event is not {expected}")]
    Other {
        /// What it should have been.
        expected: &'static str,
    },
    /// A field is missing or out of bounds.
    #[error("{field} of the event is missing or malformed")]
    Field {
        /// The field.
        field: &'static str,
    },
}

/// No office on the path of the case is known. It waits for an import of reference data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no region on the path of the case has an office")]
pub struct NoOffice;

impl Submission {
    /// Reads version 1 of a case.
    ///
    /// # Errors
    /// [`Malformed`] when the event is not a complete CaseSubmitted.
    pub fn parse(event: &Event) -> Result<Self, Malformed> {
        let Some(Body::CaseSubmitted(submitted)) = &event.body else {
            return Err(Malformed::Other { expected: "CaseSubmitted" });
        };
        if event.case_version != 1 {
            return Err(Malformed::Field { field: "case_version" });
        }
        let case_id = event.case_id.parse().map_err(|_| Malformed::Field { field: "case_id" })?;
        let header = event.header.clone().ok_or(Malformed::Field { field: "header" })?;
        let kind = header.kind();
        if kind == CaseKind::Unspecified {
            return Err(Malformed::Field { field: "header.kind" });
        }
        let path = header
            .region
            .as_ref()
            .and_then(|path| RegionPath::from_proto(path).ok())
            .ok_or(Malformed::Field { field: "header.region" })?;
        Ok(Self { case_id, header, kind, path, body: submitted.body.clone() })
    }
}

/// Takes a submission up: the rules register and assign it, or it waits in the queue of the nearest office.
///
/// # Errors
/// [`NoOffice`] when there is nobody to hold the case yet.
pub fn take_up(submission: &Submission, context: &Context<'_>) -> Result<Decision, NoOffice> {
    let routing = route(&submission.path, submission.kind, &submission.header.category, context.directory);
    let office = match &routing.destination {
        Some(destination) => destination.office.clone(),
        None => nearest_office(&submission.path, context.directory).ok_or(NoOffice)?,
    };

    let mut step = Step::from(submitted(submission, office.clone(), context), context);
    step.actor = Actor { role: ActorRole::System.into(), code: String::new() };
    step.case.give_to_office(office.clone());
    step.case.give_duty(office, Stage::Assign, end_of(context.now, context.policies.assign_within));

    let Some(Destination { department, .. }) = routing.destination else {
        return Ok(step.happened(Body::CaseQueued(CaseQueued { trace: Some(routing.trace) })).done());
    };
    step.case.state = State::Registered;
    let mut step = step.happened(Body::CaseRegistered(CaseRegistered { trace: Some(routing.trace.clone()) }));
    step.give_to_department(department.clone(), context.policies.reply_within(submission.kind));
    let body = CaseAssigned { unit: department.to_string(), trace: Some(routing.trace), note: String::new() };
    Ok(step.happened(Body::CaseAssigned(body)).done())
}

/// The case as it is with nothing but its submission.
fn submitted(submission: &Submission, office: UnitCode, context: &Context<'_>) -> Case {
    Case {
        id: submission.case_id,
        version: 1,
        kind: submission.kind,
        state: State::Submitted,
        holder_office: office,
        department: None,
        duty: None,
        overdue: false,
        return_count: 0,
        reply_count: 0,
        rated_reply: 0,
        units: Vec::new(),
        updated_at: context.now,
    }
}

/// The office of the region, or of the nearest one above that has one.
fn nearest_office(path: &RegionPath, directory: &Directory) -> Option<UnitCode> {
    [path.township.as_ref(), path.district.as_ref(), Some(&path.municipal)]
        .into_iter()
        .flatten()
        .find_map(|region| office_at(directory, region.as_str()))
}
