//! What the tests of the rules are told with, and what may not enter.

use huying_platform::ids::{CaseId, EventId};
use huying_proto::events::v1::{
    Addressee, CaseAbsorbed, CaseAssigned, CaseClaimed, CaseDeclined, CaseMerged, CaseQueued, CaseRegistered,
    CaseReplied, CaseSubmitted, CaseUrged, DeadlineNear, ExtensionRequested, Part, PartAssigned, Picture,
    ProgressReported, RatingRequested, RegionPath, RouteCandidate, RuleTrace, addressee::To,
};
use uuid::Uuid;

use super::*;
use crate::domain::samples::{every_event, requests};

pub(crate) fn case_id(number: u64) -> CaseId {
    CaseId::from_uuid(Uuid::from_u64_pair(0x0197_a3f0_5d1e_7c3a, 0x8000_0000_0000_0000 | number))
}

/// An event of a public case in township 150802001, on the minute of its version.
pub(crate) fn event(case: u64, version: u64, body: Body, standing: Option<Standing>) -> Event {
    Event {
        event_id: EventId::from_uuid(Uuid::from_u64_pair(
            0x0197_a3f0_5d1e_7000 | version,
            0x9000_0000_0000_0000 | case,
        ))
        .to_string(),
        case_id: case_id(case).to_string(),
        case_version: version,
        occurred_at: Some(prost_types::Timestamp {
            seconds: 1_772_330_400 + version as i64 * 60,
            nanos: 123_456_789,
        }),
        header: Some(CaseHeader {
            kind: CaseKind::Message.into(),
            region: Some(RegionPath {
                municipal: "150800".into(),
                district: "150802".into(),
                township: "150802001".into(),
            }),
            addressee: Some(Addressee { to: Some(To::RepresentativeCode("r-150802001-003".into())) }),
            title: "暖气不热".into(),
            category: "城乡建设/供热".into(),
            publication: Publication::Public.into(),
            submitted_at_us: 1_772_330_400_000_000,
            representative_codes: vec!["r-150802001-003".into()],
        }),
        actor: Some(Actor { role: ActorRole::System.into(), code: String::new() }),
        standing,
        body: Some(body),
    }
}

pub(crate) fn standing(state: CaseState, responsible_unit: &str) -> Standing {
    Standing {
        state: state.into(),
        holder_office: "150802001-office".into(),
        responsible_unit: responsible_unit.into(),
        deadline_at_us: 1_773_000_000_000_000,
        ..Standing::default()
    }
}

pub(crate) fn submitted(case: u64) -> Event {
    event(
        case,
        1,
        Body::CaseSubmitted(CaseSubmitted { body: "楼里只有十四度。".into(), pictures: vec![] }),
        None,
    )
}

pub(crate) fn registered(case: u64, version: u64) -> Event {
    event(
        case,
        version,
        Body::CaseRegistered(CaseRegistered::default()),
        Some(standing(CaseState::Registered, "150802001-office")),
    )
}

pub(crate) fn assigned(case: u64, version: u64, unit: &str) -> Event {
    let body = CaseAssigned { unit: unit.into(), note: "请尽快办理".into(), ..CaseAssigned::default() };
    event(case, version, Body::CaseAssigned(body), Some(standing(CaseState::Assigned, unit)))
}

#[test]
fn an_event_that_waited_is_the_same_event() {
    for event in every_event() {
        let parsed = CaseEvent::parse(event).unwrap();
        assert_eq!(CaseEvent::parse(parsed.to_proto()), Ok(parsed));
    }
}

#[test]
fn requests_and_half_events_are_refused() {
    let request = event(1, 0, Body::RatingRequested(RatingRequested::default()), None);
    assert!(CaseEvent::parse(request).is_err());
    let wrong_number = event(1, 2, Body::RatingRequested(RatingRequested::default()), None);
    assert!(CaseEvent::parse(wrong_number).is_err());
    assert!(CaseEvent::parse(Event { standing: None, ..registered(1, 2) }).is_err());
    assert!(CaseEvent::parse(Event { header: None, ..submitted(1) }).is_err());
    assert!(CaseEvent::parse(Event { body: None, ..submitted(1) }).is_err());
    assert!(CaseEvent::parse(Event { case_version: 2, ..submitted(1) }).is_err());
    assert!(CaseEvent::parse(Event { actor: None, ..submitted(1) }).is_err());
    assert!(CaseEvent::parse(Event { case_id: "7".into(), ..submitted(1) }).is_err());
    assert!(CaseEvent::parse(assigned(1, 3, "a\u{0}b")).is_err());
    for code in ["a\u{0}b".to_owned(), "x".repeat(65)] {
        let mut addressed = submitted(1);
        addressed.header.as_mut().unwrap().addressee = Some(Addressee { to: Some(To::StationCode(code)) });
        assert!(CaseEvent::parse(addressed).is_err());
    }
}

#[test]
fn every_request_is_refused_whatever_its_number() {
    for body in requests() {
        for version in [0, 2] {
            let told = event(1, version, body.clone(), Some(standing(CaseState::Registered, "u")));
            assert!(CaseEvent::parse(told).is_err());
        }
    }
}

/// What is wrong with an event of this body.
fn refusal(body: Body) -> String {
    let event = event(1, 3, body, Some(standing(CaseState::InHandling, "150802-housing")));
    CaseEvent::parse(event).unwrap_err().0
}

#[test]
fn fields_out_of_their_bounds_are_refused_by_name() {
    let picture = Picture {
        picture_id: "ab".repeat(32),
        media_type: "image/jpeg".into(),
        width_px: 1,
        height_px: 1,
        size_bytes: 1,
    };
    let part = |part_number| Part { part_number, unit: "150802-housing".into(), ..Part::default() };
    let reported = |pictures| {
        Body::ProgressReported(ProgressReported { unit: "u".into(), pictures, ..ProgressReported::default() })
    };
    let assigned =
        |parts| Body::CaseAssigned(CaseAssigned { unit: "u".into(), parts, ..CaseAssigned::default() });
    let traced = |trace| Body::CaseQueued(CaseQueued { trace: Some(trace) });
    let candidate = |category: String| RouteCandidate { category, ..RouteCandidate::default() };
    let cases = [
        (reported(vec![picture.clone(); 7]), "progress_reported.pictures has 7"),
        (
            reported(vec![Picture { picture_id: "AB".repeat(32), ..picture.clone() }]),
            "progress_reported.pictures.picture_id",
        ),
        (
            reported(vec![Picture { media_type: "image/gif".into(), ..picture }]),
            "progress_reported.pictures.media_type",
        ),
        (assigned((1..=21).map(part).collect()), "case_assigned.parts has 21"),
        (assigned(vec![part(4), part(4)]), "case_assigned.parts has part 4 twice"),
        (assigned(vec![part(0)]), "case_assigned.parts.part_number is 0"),
        (assigned(vec![Part { part_number: 1, ..Part::default() }]), "case_assigned.parts.unit is empty"),
        (
            traced(RuleTrace { candidates: vec![candidate(String::new()); 4], ..RuleTrace::default() }),
            "case_queued.trace.candidates has 4",
        ),
        (
            traced(RuleTrace { candidates: vec![candidate("类".repeat(201))], ..RuleTrace::default() }),
            "case_queued.trace.candidates.category is longer",
        ),
        (
            traced(RuleTrace { rule_set_version: 1 << 53, ..RuleTrace::default() }),
            "case_queued.trace.rule_set_version",
        ),
        (Body::CaseDeclined(CaseDeclined::default()), "case_declined.ground"),
        (Body::PartAssigned(PartAssigned::default()), "part_assigned.part is missing"),
        (Body::DeadlineNear(DeadlineNear { unit: "u".into(), ..Default::default() }), "deadline_near.kind"),
        (Body::CaseUrged(CaseUrged::default()), "case_urged.unit is empty"),
        (Body::CaseClaimed(CaseClaimed::default()), "case_claimed.representative_code is empty"),
        (Body::CaseMerged(CaseMerged::default()), "case_merged.into_case_id"),
        (
            Body::CaseAbsorbed(CaseAbsorbed { case_id: "0197A3F0-5D1E-7C3A-8000-000000000001".into() }),
            "case_absorbed.case_id is not written",
        ),
        (
            Body::CaseReplied(CaseReplied {
                unit: "u".into(),
                via_case_id: "7".into(),
                ..Default::default()
            }),
            "case_replied.via_case_id",
        ),
        (
            Body::ExtensionRequested(ExtensionRequested {
                unit: "u".into(),
                limit: "9".repeat(17),
                ..ExtensionRequested::default()
            }),
            "extension_requested.limit",
        ),
    ];
    for (body, expected) in cases {
        let told = refusal(body);
        assert!(told.starts_with(expected), "{told}, not {expected}");
    }
    let standing = Standing { merged_into: "x".into(), ..standing(CaseState::Merged, "") };
    assert!(CaseEvent::parse(Event { standing: Some(standing), ..registered(1, 2) }).is_err());
}
