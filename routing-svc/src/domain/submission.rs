//! How a case begins: a submission that intake acknowledged, judged by the rules.

use huying_platform::{
    codes::{RegionPath, UnitCode},
    directory::Directory,
    ids::CaseId,
};
use huying_proto::events::v1::{
    CaseAssigned, CaseClassified, CaseHeader, CaseKind, CaseQueued, CaseRegistered, Event, Picture,
    event::Body,
};

use super::{
    case::{Case, Stage, State},
    decide::{Context, Decision, Step, office_at},
    routing_rules::{Classified, Destination, RouteQuery, RoutingIndex},
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
    /// The citizen's pictures.
    pub pictures: Vec<Picture>,
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
        let (body, pictures) = (submitted.body.clone(), submitted.pictures.clone());
        Ok(Self { case_id, header, kind, path, body, pictures })
    }

    fn query(&self) -> RouteQuery<'_> {
        RouteQuery {
            path: &self.path,
            kind: self.kind,
            category: &self.header.category,
            addressee: self.header.addressee.as_ref().and_then(|addressee| addressee.to.as_ref()),
            title: &self.header.title,
            body: &self.body,
        }
    }
}

/// Takes a submission up: the rules register and assign it, or it waits in the queue of the nearest office. The rules must
/// be those of the context's directory.
///
/// # Errors
/// [`NoOffice`] when there is nobody to hold the case yet.
pub fn take_up(
    submission: &Submission,
    rules: &RoutingIndex,
    context: &Context<'_>,
) -> Result<Decision, NoOffice> {
    let routing = rules.route(&submission.query());
    let office = match &routing.destination {
        Some(destination) => destination.office.clone(),
        None => nearest_office(&submission.path, context.directory).ok_or(NoOffice)?,
    };

    let mut step = Step::of(submitted(submission, office.clone(), context), context);
    if let Some(Classified { category, .. }) = &routing.classified {
        // The clocks go by the category, so it is there before they begin.
        step.case.category.clone_from(category);
    }
    step.hand_to_office(office);
    step.case.whole = Some(step.whole_from(context.now));
    if let Some(Classified { category, trace }) = routing.classified {
        let body = CaseClassified { category, previous_category: String::new(), trace: Some(trace) };
        step.happened_by_itself(Body::CaseClassified(body));
    }

    let Some(Destination { office, department }) = routing.destination else {
        step.happened_by_itself(Body::CaseQueued(CaseQueued { trace: Some(routing.trace) }));
        return Ok(step.done());
    };
    step.case.state = State::Registered;
    step.hand_to_office(office);
    step.happened_by_itself(Body::CaseRegistered(CaseRegistered { trace: Some(routing.trace.clone()) }));
    let clock = step.clock(&department, step.policy_of(Stage::Reply));
    step.give_to_department(department.clone(), clock);
    step.happened_by_itself(Body::CaseAssigned(CaseAssigned {
        unit: department.to_string(),
        trace: Some(routing.trace),
        note: String::new(),
        parts: Vec::new(),
    }));
    Ok(step.done())
}

/// The case as it is with nothing but its submission.
fn submitted(submission: &Submission, office: UnitCode, context: &Context<'_>) -> Case {
    Case {
        id: submission.case_id,
        version: 1,
        kind: submission.kind,
        category: submission.header.category.clone(),
        state: State::Submitted,
        holder_office: office,
        department: None,
        duty: None,
        whole: None,
        accepted_by_itself_at: None,
        parts: Vec::new(),
        extension: None,
        return_count: 0,
        reply_count: 0,
        rated_reply: 0,
        urge_count: 0,
        urged_at: None,
        supervised: false,
        criticised: false,
        claimed_by: Vec::new(),
        merged_into: None,
        merged: Vec::new(),
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
