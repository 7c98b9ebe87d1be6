//! Shows one case with everything a handler needs of it, to those on its path.

use huying_platform::{
    auth::Principal,
    ids::CaseId,
    status::{micros, timestamp_to_proto},
};
use huying_proto::{
    events::v1::{self as events, DeadlineKind},
    routing::v1::{self as proto, CaseClock, CasePart, GetCaseResponse},
};
use prost::Message as _;

use super::desk::header_of;
use crate::{
    domain::{
        authority::{Act, Verdict, allowed_to, judge, relation_of},
        case::{Case, Duty, Extension, ExtensionStatus, Part, PartStatus, Stage, WholeClock},
        clocks::Clock,
        command::{CommandName, allowed_commands},
    },
    error::Error,
    service::Service,
    store::{
        cases::{self, Whole},
        history,
        rows::Stored,
    },
};

/// How many of the cases that go on as part of one are listed.
const MERGED_LISTED_MAX: usize = 100;

/// Reads a case.
///
/// # Errors
/// When it is unknown, or the caller has nothing to do with it.
pub async fn get_case(
    service: &Service,
    principal: &Principal,
    case_id: CaseId,
) -> Result<GetCaseResponse, Error> {
    let directory = service.directory.load();
    let Whole { stored, body, pictures } =
        cases::find(&service.db, case_id).await?.ok_or(Error::CaseNotFound { case_id })?;
    let relation = relation_of(principal, &stored.case, &stored.header, &directory);
    if judge(principal.role, relation, Act::Read) != Verdict::Permitted {
        tracing::warn!(
            subject = principal.subject,
            role = ?principal.role,
            code = principal.code,
            case_id = %case_id,
            relation = ?relation,
            "reading denied"
        );
        return Err(Error::OutOfScope);
    }
    let header = header_of(&stored.case, &stored.header);
    let mut history = history::latest(&service.db, case_id, header.encoded_len()).await?;
    // The case may have moved on between the two reads; the answer is about one version.
    history.retain(|event| event.case_version <= stored.case.version);
    for event in &mut history {
        event.header = Some((*header).clone());
    }
    let allowed = allowed_commands(&stored.case, &directory, service.clock.now());
    let allowed_to_you = allowed_to(principal.role, relation, &allowed);
    Ok(GetCaseResponse {
        case: Some(in_full(&stored, body, pictures)),
        history,
        allowed_commands: rpc_names(&allowed),
        allowed_to_you: rpc_names(&allowed_to_you),
    })
}

fn rpc_names(commands: &[CommandName]) -> Vec<String> {
    commands.iter().map(|command| command.rpc().to_owned()).collect()
}

/// A case as lists show it.
pub(super) fn summary(stored: &Stored) -> proto::Case {
    let case = &stored.case;
    proto::Case {
        case_id: case.id.to_string(),
        case_version: case.version,
        header: Some((*header_of(case, &stored.header)).clone()),
        standing: Some(case.standing()),
        body: String::new(),
        return_count: case.return_count,
        reply_count: case.reply_count,
        updated_at: Some(timestamp_to_proto(case.updated_at)),
        stage: case.duty.as_ref().map_or(DeadlineKind::Unspecified, |duty| duty.stage.to_proto()).into(),
        pictures: Vec::new(),
        lead_unit: case.department.as_ref().map(ToString::to_string).unwrap_or_default(),
        parts: Vec::new(),
        clocks: Vec::new(),
        extension: case.extension.as_ref().map(extension),
        claimed_by: case.claimed_by.iter().map(ToString::to_string).collect(),
        merged_case_ids: Vec::new(),
        urged: case.urge_count > 0,
        supervised: case.supervised,
        criticised: case.criticised,
    }
}

fn in_full(stored: &Stored, body: String, pictures: Vec<events::Picture>) -> proto::Case {
    let case = &stored.case;
    proto::Case {
        body,
        pictures,
        parts: case.parts.iter().map(part).collect(),
        clocks: clocks(case),
        merged_case_ids: case.merged.iter().take(MERGED_LISTED_MAX).map(ToString::to_string).collect(),
        ..summary(stored)
    }
}

fn part(part: &Part) -> CasePart {
    let status = match part.status {
        PartStatus::Open => proto::PartStatus::Open,
        PartStatus::Answered => proto::PartStatus::Answered,
        PartStatus::Waived => proto::PartStatus::Waived,
    };
    CasePart {
        part: Some(events::Part {
            part_number: part.number,
            unit: part.unit.to_string(),
            parent_part_number: part.parent.unwrap_or(0),
            task: part.task.clone(),
            deadline_at_us: micros(part.clock.due_at),
        }),
        status: status.into(),
        overdue: part.status == PartStatus::Open && part.clock.is_overdue(),
        given_by: part.given_by.to_string(),
    }
}

fn extension(extension: &Extension) -> proto::Extension {
    let status = match extension.status {
        ExtensionStatus::Requested => proto::ExtensionStatus::Requested,
        ExtensionStatus::Granted => proto::ExtensionStatus::Granted,
        ExtensionStatus::Refused => proto::ExtensionStatus::Refused,
    };
    proto::Extension {
        status: status.into(),
        limit: extension.limit.to_string(),
        reason: extension.reason.clone(),
    }
}

/// The clocks that run: of the stage, of the whole case, and of each open part.
fn clocks(case: &Case) -> Vec<CaseClock> {
    let Some(duty) = &case.duty else { return Vec::new() };
    let whole = case.whole.as_ref().map(|whole| whole_clock(whole, duty));
    let parts = case.open_parts().map(|part| {
        let clock = ladder(&part.clock, DeadlineKind::Part, part.unit.to_string());
        CaseClock { part_number: part.number, ..clock }
    });
    std::iter::once(stage_clock(duty)).chain(whole).chain(parts).collect()
}

fn stage_clock(duty: &Duty) -> CaseClock {
    let clock = ladder(&duty.clock, duty.stage.to_proto(), duty.unit.to_string());
    match duty.stage {
        // Nobody is reminded of rating; the case closes when the time ends.
        Stage::Rate => CaseClock {
            remind_at_us: 0,
            urge_at_us: 0,
            supervise_at_us: 0,
            criticise_at_us: 0,
            steps_taken: 0,
            ..clock
        },
        Stage::Register | Stage::Assign | Stage::Reply => clock,
    }
}

/// The clock of the whole case has no ladder but its end.
fn whole_clock(whole: &WholeClock, duty: &Duty) -> CaseClock {
    CaseClock {
        kind: DeadlineKind::Case.into(),
        unit: duty.unit.to_string(),
        began_at_us: micros(whole.began_at),
        due_at_us: micros(whole.due_at),
        policy: whole.rule.clone(),
        calendar_revision: whole.calendar_revision,
        steps_taken: u32::from(whole.expired),
        ..CaseClock::default()
    }
}

fn ladder(clock: &Clock, kind: DeadlineKind, unit: String) -> CaseClock {
    CaseClock {
        kind: kind.into(),
        unit,
        part_number: 0,
        began_at_us: micros(clock.began_at),
        due_at_us: micros(clock.due_at),
        policy: clock.rule.clone(),
        calendar_revision: clock.calendar_revision,
        remind_at_us: micros(clock.remind_at),
        urge_at_us: micros(clock.urge_at),
        supervise_at_us: micros(clock.supervise_at),
        criticise_at_us: micros(clock.criticise_at),
        steps_taken: clock.taken.into(),
    }
}
