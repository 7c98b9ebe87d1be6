//! One event of every type, with all its fields, for tests that must not forget one.

use huying_proto::events::v1::{
    CaseAbsorbed, CaseAccepted, CaseAssigned, CaseClaimed, CaseClassified, CaseClosed, CaseDeclined,
    CaseDelegated, CaseEscalated, CaseMerged, CaseQueued, CaseRated, CaseRegistered, CaseReopened,
    CaseReplied, CaseReturned, CaseSplitOff, CaseState, CaseSubmitted, CaseSupervised, CaseTransferred,
    CaseUnmerged, CaseUrged, CaseWithdrawn, ClocksRecomputed, CloseReason, CriticismCirculated,
    DeadlineExpired, DeadlineKind, DeadlineNear, DeclineGround, ErasureRequested, Event, ExtensionGranted,
    ExtensionRefused, ExtensionRequested, Part, PartAnswered, PartAssigned, PartWaived, Picture,
    PrivatePartErased, PrivatePartRead, PrivateReadRequested, ProgressReported, RatingRequested,
    RequestRefused, RouteCandidate, RuleConsidered, RuleTrace, Standing, WithdrawalRequested, event::Body,
};

use super::event::tests::{case_id, event, standing};

pub(crate) const HOUSING: &str = "150802-housing";
pub(crate) const GENERAL: &str = "150802001-general";
pub(crate) const OFFICE: &str = "150802001-office";

/// A moment of 2026, in microseconds since the epoch.
const SOON_US: i64 = 1_773_000_000_000_000;
const LATER_US: i64 = 1_774_000_000_000_000;

pub(crate) fn trace() -> Option<RuleTrace> {
    Some(RuleTrace {
        directory_revision: 7,
        considered: vec![RuleConsidered {
            rule: "150800 * 城乡建设 township general".into(),
            outcome: "采用".into(),
        }],
        conclusion: "按类别交办".into(),
        confidence_percent: 80,
        candidates: vec![RouteCandidate {
            unit: HOUSING.into(),
            category: "城乡建设/供热".into(),
            confidence_percent: 60,
        }],
        rule_set_version: 3,
        matched_keywords: vec!["暖气".into()],
    })
}

fn part(part_number: u32, unit: &str) -> Part {
    Part {
        part_number,
        unit: unit.into(),
        parent_part_number: part_number - 1,
        task: format!("请说明第 {part_number} 项情况"),
        deadline_at_us: LATER_US,
    }
}

fn pictures() -> Vec<Picture> {
    let picture = |digits: &str, media_type: &str| Picture {
        picture_id: digits.repeat(32),
        media_type: media_type.into(),
        width_px: 640,
        height_px: 480,
        size_bytes: 12_345,
    };
    vec![picture("13", "image/jpeg"), picture("a5", "image/png")]
}

/// The body of every event of a history, in the order of the contract.
fn every_body() -> Vec<Body> {
    let other = case_id(2).to_string();
    let unit = || HOUSING.to_owned();
    vec![
        Body::CaseSubmitted(CaseSubmitted { body: "楼里只有十四度。".into(), pictures: pictures() }),
        Body::CaseQueued(CaseQueued { trace: trace() }),
        Body::CaseRegistered(CaseRegistered { trace: trace() }),
        Body::CaseAssigned(CaseAssigned {
            unit: unit(),
            trace: trace(),
            note: "请尽快办理".into(),
            parts: vec![part(1, GENERAL), part(2, "150802-water")],
        }),
        Body::CaseDelegated(CaseDelegated {
            from_office: "150802-office".into(),
            to_office: OFFICE.into(),
            reason: "请就近办理".into(),
        }),
        Body::CaseEscalated(CaseEscalated {
            from_office: OFFICE.into(),
            to_office: "150802-office".into(),
            reason: "超出权限".into(),
        }),
        Body::CaseAccepted(CaseAccepted { unit: unit(), automatic: true }),
        Body::CaseReturned(CaseReturned {
            unit: unit(),
            legal_basis: "不属于本单位职责".into(),
            proposed_unit: GENERAL.into(),
            return_number: 1,
        }),
        Body::ProgressReported(ProgressReported {
            unit: String::new(),
            text: "已到现场查看".into(),
            pictures: pictures(),
            representative_code: "r-150802001-003".into(),
        }),
        Body::CaseReplied(CaseReplied {
            unit: unit(),
            text: "已修好".into(),
            reply_number: 2,
            pictures: pictures(),
            representative_code: "r-150802001-003".into(),
            via_case_id: other.clone(),
        }),
        Body::CaseRated(CaseRated { resolved: true, satisfied: false, comment: "还有一点".into() }),
        Body::CaseReopened(CaseReopened { unit: unit(), reason: "答复没有说明原因".into() }),
        Body::CaseClosed(CaseClosed { reason: CloseReason::WithPrimary.into(), note: "一并办结".into() }),
        Body::DeadlineExpired(DeadlineExpired {
            kind: DeadlineKind::Part.into(),
            unit: unit(),
            due_at_us: SOON_US,
            expiry_number: 1,
            part_number: 2,
        }),
        Body::PrivatePartRead(PrivatePartRead { purpose: "回电核实地址".into() }),
        Body::PrivatePartErased(PrivatePartErased { ground: "本人申请".into() }),
        Body::CaseDeclined(CaseDeclined {
            ground: DeclineGround::LegalProceedings.into(),
            explanation: "此事已由法院受理".into(),
        }),
        Body::CaseClassified(CaseClassified {
            category: "交通出行/停车".into(),
            previous_category: "城乡建设/供热".into(),
            trace: trace(),
        }),
        Body::CaseTransferred(CaseTransferred {
            from_unit: GENERAL.into(),
            to_unit: unit(),
            reason: "由主管单位办理".into(),
        }),
        Body::CaseClaimed(CaseClaimed {
            representative_code: "r-150802001-003".into(),
            note: "我来跟踪".into(),
        }),
        Body::PartAssigned(PartAssigned { part: Some(part(3, GENERAL)), by_unit: unit() }),
        Body::PartAnswered(PartAnswered {
            part_number: 3,
            unit: GENERAL.into(),
            text: "管网已检查".into(),
            pictures: pictures(),
        }),
        Body::PartWaived(PartWaived { part_number: 3, unit: GENERAL.into(), reason: "已不需要".into() }),
        Body::ExtensionRequested(ExtensionRequested {
            unit: unit(),
            limit: "10wd".into(),
            deadline_at_us: LATER_US,
            reason: "配件未到".into(),
        }),
        Body::ExtensionGranted(ExtensionGranted {
            unit: unit(),
            deadline_at_us: LATER_US,
            previous_deadline_at_us: SOON_US,
            note: "同意".into(),
        }),
        Body::ExtensionRefused(ExtensionRefused { unit: unit(), reason: "理由不足".into() }),
        Body::DeadlineNear(DeadlineNear {
            kind: DeadlineKind::Reply.into(),
            unit: unit(),
            due_at_us: SOON_US,
            part_number: 2,
        }),
        Body::CaseUrged(CaseUrged {
            unit: unit(),
            text: "请尽快答复".into(),
            automatic: true,
            part_number: 2,
            urge_number: 2,
        }),
        Body::CaseSupervised(CaseSupervised {
            unit: unit(),
            demand: "三日内答复".into(),
            automatic: true,
            part_number: 2,
        }),
        Body::CriticismCirculated(CriticismCirculated {
            unit: unit(),
            text: "逾期不办".into(),
            automatic: true,
            part_number: 2,
        }),
        Body::CaseMerged(CaseMerged { into_case_id: other.clone(), reason: "同一事项".into() }),
        Body::CaseAbsorbed(CaseAbsorbed { case_id: other.clone() }),
        Body::CaseUnmerged(CaseUnmerged { from_case_id: other.clone(), reason: "地点不同".into() }),
        Body::CaseSplitOff(CaseSplitOff { case_id: other }),
        Body::CaseWithdrawn(CaseWithdrawn { reason: "已自行解决".into() }),
        Body::ClocksRecomputed(ClocksRecomputed {
            previous_deadline_at_us: SOON_US,
            deadline_at_us: LATER_US,
            previous_case_deadline_at_us: SOON_US,
            case_deadline_at_us: LATER_US,
            directory_revision: 9,
            reason: "放假安排调整".into(),
        }),
    ]
}

/// An event of every type, each with the version of its place, and all that a standing can have.
pub(crate) fn every_event() -> Vec<Event> {
    let standing = Standing {
        overdue: true,
        case_deadline_at_us: LATER_US,
        open_parts: 2,
        petitioner_count: 3,
        merged_into: case_id(2).to_string(),
        ..standing(CaseState::Merged, HOUSING)
    };
    (1..)
        .zip(every_body())
        .map(|(version, body)| event(1, version, body, (version > 1).then(|| standing.clone())))
        .collect()
}

/// What is no part of a history.
pub(crate) fn requests() -> Vec<Body> {
    vec![
        Body::RatingRequested(RatingRequested::default()),
        Body::PrivateReadRequested(PrivateReadRequested::default()),
        Body::ErasureRequested(ErasureRequested::default()),
        Body::RequestRefused(RequestRefused::default()),
        Body::WithdrawalRequested(WithdrawalRequested::default()),
    ]
}

mod tests {
    use std::collections::BTreeSet;

    use huying_platform::subjects::body_name;
    use prost::Message as _;

    use super::*;

    #[test]
    fn every_event_of_the_contract_is_among_the_samples() {
        let contracts = prost_types::FileDescriptorSet::decode(huying_proto::FILE_DESCRIPTOR_SET).unwrap();
        let events =
            contracts.file.iter().find(|file| file.name().ends_with("events/v1/events.proto")).unwrap();
        let event = events.message_type.iter().find(|message| message.name() == "Event").unwrap();
        let declared: BTreeSet<&str> = event
            .field
            .iter()
            .filter(|field| field.oneof_index.is_some())
            .map(|field| field.type_name().rsplit('.').next().unwrap())
            .collect();
        let bodies = [every_body(), requests()].concat();
        assert_eq!(bodies.iter().map(body_name).collect::<BTreeSet<_>>(), declared);
    }
}
