//! What each type of event must have.

use std::collections::BTreeSet;

use huying_platform::ids::CaseId;
use huying_proto::events::v1::{
    CloseReason, DeadlineKind, DeclineGround, Part, Picture, RuleTrace, event::Body,
};

use super::{CATEGORY_BYTES_MAX, CODE_BYTES_MAX, InvalidEvent, check_code, wrong};

/// Pictures that one event has at most, by the contract.
pub const PICTURES_MAX: usize = 6;

/// Parts that one event assigns at most, by the contract.
pub const PARTS_MAX: usize = 20;

/// Candidates that a rule trace names at most, by the contract.
const CANDIDATES_MAX: usize = 3;

/// A category path in characters, by the contract.
const CATEGORY_CHARS_MAX: usize = 200;

/// A limit such as "10wd" or "315360000s".
const LIMIT_BYTES_MAX: usize = 16;

/// Integers of a leaf are below this, as JSON's are (RFC 8785, section 3.2.2.3).
const INTEGER_END: u64 = 1 << 53;

/// Checks what the event is made of.
pub(super) fn check(body: &Body) -> Result<(), InvalidEvent> {
    match body {
        Body::CaseRated(_)
        | Body::PrivatePartRead(_)
        | Body::PrivatePartErased(_)
        | Body::CaseWithdrawn(_) => Ok(()),
        Body::CaseSubmitted(submitted) => pictures("case_submitted.pictures", &submitted.pictures),
        Body::CaseQueued(queued) => trace("case_queued.trace", queued.trace.as_ref()),
        Body::CaseRegistered(registered) => trace("case_registered.trace", registered.trace.as_ref()),
        Body::CaseAssigned(assigned) => code("case_assigned.unit", &assigned.unit)
            .and_then(|()| trace("case_assigned.trace", assigned.trace.as_ref()))
            .and_then(|()| parts("case_assigned.parts", &assigned.parts)),
        Body::CaseDelegated(delegated) => code("case_delegated.from_office", &delegated.from_office)
            .and_then(|()| code("case_delegated.to_office", &delegated.to_office)),
        Body::CaseEscalated(escalated) => code("case_escalated.from_office", &escalated.from_office)
            .and_then(|()| code("case_escalated.to_office", &escalated.to_office)),
        Body::CaseAccepted(accepted) => code("case_accepted.unit", &accepted.unit),
        Body::CaseReturned(returned) => code("case_returned.unit", &returned.unit)
            .and_then(|()| code("case_returned.proposed_unit", &returned.proposed_unit)),
        Body::ProgressReported(reported) => code("progress_reported.unit", &reported.unit)
            .and_then(|()| code("progress_reported.representative_code", &reported.representative_code))
            .and_then(|()| pictures("progress_reported.pictures", &reported.pictures)),
        Body::CaseReplied(replied) => code("case_replied.unit", &replied.unit)
            .and_then(|()| code("case_replied.representative_code", &replied.representative_code))
            .and_then(|()| match replied.via_case_id.as_str() {
                "" => Ok(()),
                id => case("case_replied.via_case_id", id),
            })
            .and_then(|()| pictures("case_replied.pictures", &replied.pictures)),
        Body::CaseReopened(reopened) => code("case_reopened.unit", &reopened.unit),
        Body::CaseClosed(closed) => match CloseReason::try_from(closed.reason) {
            Ok(
                CloseReason::ByOffice
                | CloseReason::RatingTimeEnded
                | CloseReason::RatedTimeEnded
                | CloseReason::WithPrimary,
            ) => Ok(()),
            Ok(CloseReason::Unspecified) | Err(_) => Err(wrong("case_closed.reason", "is unknown")),
        },
        Body::DeadlineExpired(expired) => deadline_kind("deadline_expired.kind", expired.kind)
            .and_then(|()| code("deadline_expired.unit", &expired.unit)),
        Body::DeadlineNear(near) => deadline_kind("deadline_near.kind", near.kind)
            .and_then(|()| unit("deadline_near.unit", &near.unit)),
        Body::CaseDeclined(declined) => match DeclineGround::try_from(declined.ground) {
            Ok(
                DeclineGround::OutOfScope
                | DeclineGround::LegalProceedings
                | DeclineGround::AlreadyAnswered
                | DeclineGround::Unclear
                | DeclineGround::Unlawful,
            ) => Ok(()),
            Ok(DeclineGround::Unspecified) | Err(_) => Err(wrong("case_declined.ground", "is unknown")),
        },
        Body::CaseClassified(classified) => category("case_classified.category", &classified.category)
            .and_then(|()| category("case_classified.previous_category", &classified.previous_category))
            .and_then(|()| trace("case_classified.trace", classified.trace.as_ref())),
        Body::CaseTransferred(transferred) => unit("case_transferred.from_unit", &transferred.from_unit)
            .and_then(|()| unit("case_transferred.to_unit", &transferred.to_unit)),
        Body::CaseClaimed(claimed) => unit("case_claimed.representative_code", &claimed.representative_code),
        Body::PartAssigned(assigned) => match &assigned.part {
            None => Err(wrong("part_assigned.part", "is missing")),
            Some(given) => part("part_assigned.part", given)
                .and_then(|()| unit("part_assigned.by_unit", &assigned.by_unit)),
        },
        Body::PartAnswered(answered) => part_number("part_answered.part_number", answered.part_number)
            .and_then(|()| unit("part_answered.unit", &answered.unit))
            .and_then(|()| pictures("part_answered.pictures", &answered.pictures)),
        Body::PartWaived(waived) => part_number("part_waived.part_number", waived.part_number)
            .and_then(|()| unit("part_waived.unit", &waived.unit)),
        Body::ExtensionRequested(requested) => unit("extension_requested.unit", &requested.unit)
            .and_then(|()| check_code("extension_requested.limit", &requested.limit, LIMIT_BYTES_MAX)),
        Body::ExtensionGranted(granted) => unit("extension_granted.unit", &granted.unit),
        Body::ExtensionRefused(refused) => unit("extension_refused.unit", &refused.unit),
        Body::CaseUrged(urged) => unit("case_urged.unit", &urged.unit),
        Body::CaseSupervised(supervised) => unit("case_supervised.unit", &supervised.unit),
        Body::CriticismCirculated(criticism) => unit("criticism_circulated.unit", &criticism.unit),
        Body::CaseMerged(merged) => case("case_merged.into_case_id", &merged.into_case_id),
        Body::CaseAbsorbed(absorbed) => case("case_absorbed.case_id", &absorbed.case_id),
        Body::CaseUnmerged(unmerged) => case("case_unmerged.from_case_id", &unmerged.from_case_id),
        Body::CaseSplitOff(split_off) => case("case_split_off.case_id", &split_off.case_id),
        Body::ClocksRecomputed(recomputed) => {
            integer("clocks_recomputed.directory_revision", recomputed.directory_revision)
        }
        Body::RatingRequested(_)
        | Body::PrivateReadRequested(_)
        | Body::ErasureRequested(_)
        | Body::WithdrawalRequested(_)
        | Body::RequestRefused(_) => Err(wrong("body", "is a request, which is not history")),
    }
}

fn code(field: &str, code: &str) -> Result<(), InvalidEvent> {
    check_code(field, code, CODE_BYTES_MAX)
}

/// A unit, or a representative, that must be named.
fn unit(field: &str, named: &str) -> Result<(), InvalidEvent> {
    if named.is_empty() {
        return Err(wrong(field, "is empty"));
    }
    code(field, named)
}

/// An id in the form in which ids are written everywhere, so that it is the same in every leaf.
fn case(field: &str, id: &str) -> Result<(), InvalidEvent> {
    let case_id: CaseId = id.parse().map_err(|error| wrong(field, error))?;
    if case_id.to_string() != id {
        return Err(wrong(field, "is not written with lower-case digits and hyphens"));
    }
    Ok(())
}

fn category(field: &str, path: &str) -> Result<(), InvalidEvent> {
    if path.chars().count() > CATEGORY_CHARS_MAX {
        return Err(wrong(field, format_args!("is longer than {CATEGORY_CHARS_MAX} characters")));
    }
    check_code(field, path, CATEGORY_BYTES_MAX)
}

fn integer(field: &str, number: u64) -> Result<(), InvalidEvent> {
    if number >= INTEGER_END {
        return Err(wrong(field, format_args!("is {number}; a number below 2^53 would be right")));
    }
    Ok(())
}

fn deadline_kind(field: &str, kind: i32) -> Result<(), InvalidEvent> {
    match DeadlineKind::try_from(kind) {
        Ok(
            DeadlineKind::Assign
            | DeadlineKind::Reply
            | DeadlineKind::Rate
            | DeadlineKind::Register
            | DeadlineKind::Case
            | DeadlineKind::Part,
        ) => Ok(()),
        Ok(DeadlineKind::Unspecified) | Err(_) => Err(wrong(field, "is unknown")),
    }
}

fn trace(field: &str, trace: Option<&RuleTrace>) -> Result<(), InvalidEvent> {
    let Some(trace) = trace else { return Ok(()) };
    integer(&format!("{field}.directory_revision"), trace.directory_revision)?;
    integer(&format!("{field}.rule_set_version"), trace.rule_set_version)?;
    at_most(&format!("{field}.candidates"), trace.candidates.len(), CANDIDATES_MAX)?;
    for candidate in &trace.candidates {
        code(&format!("{field}.candidates.unit"), &candidate.unit)?;
        category(&format!("{field}.candidates.category"), &candidate.category)?;
    }
    Ok(())
}

fn parts(field: &str, parts: &[Part]) -> Result<(), InvalidEvent> {
    at_most(field, parts.len(), PARTS_MAX)?;
    let mut numbers = BTreeSet::new();
    for given in parts {
        part(field, given)?;
        if !numbers.insert(given.part_number) {
            return Err(wrong(field, format_args!("has part {} twice", given.part_number)));
        }
    }
    Ok(())
}

fn part(field: &str, part: &Part) -> Result<(), InvalidEvent> {
    part_number(&format!("{field}.part_number"), part.part_number)?;
    unit(&format!("{field}.unit"), &part.unit)
}

fn part_number(field: &str, number: u32) -> Result<(), InvalidEvent> {
    if number == 0 {
        return Err(wrong(field, "is 0; parts are counted from 1"));
    }
    Ok(())
}

fn pictures(field: &str, pictures: &[Picture]) -> Result<(), InvalidEvent> {
    at_most(field, pictures.len(), PICTURES_MAX)?;
    for picture in pictures {
        let id = picture.picture_id.as_bytes();
        if id.len() != 64 || !id.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong(&format!("{field}.picture_id"), "is not 64 lower-case hexadecimal digits"));
        }
        if !matches!(picture.media_type.as_str(), "image/jpeg" | "image/png" | "image/webp") {
            return Err(wrong(
                &format!("{field}.media_type"),
                "is none of image/jpeg, image/png and image/webp",
            ));
        }
    }
    Ok(())
}

fn at_most(field: &str, count: usize, max: usize) -> Result<(), InvalidEvent> {
    if count > max {
        return Err(wrong(field, format_args!("has {count} entries; at most {max} are allowed")));
    }
    Ok(())
}
