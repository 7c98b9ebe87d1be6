use huying_proto::events::v1::{
    CaseAccepted, CaseAssigned, CaseClosed, CaseDelegated, CaseEscalated, CaseQueued, CaseRated,
    CaseRegistered, CaseReopened, CaseReplied, CaseReturned, CaseState, CloseReason, DeadlineExpired,
    DeadlineKind, Event, Part, PrivatePartErased, PrivatePartRead, ProgressReported, Publication,
    RouteCandidate, RuleConsidered, RuleTrace, Standing, event::Body,
};
use proptest::prelude::*;

use super::*;
use crate::domain::{
    event::{
        PARTS_MAX,
        tests::{assigned, event, standing, submitted},
    },
    samples::{self, GENERAL, HOUSING, OFFICE, every_event},
};

/// Leaves of events without any field that is left out when it is empty. They must never change.
const PINNED: &str = include_str!("pinned.jsonl");

fn leaf_of(event: Event) -> (String, Vec<SaltedText>) {
    let mut next = 0;
    let event = CaseEvent::parse(event).unwrap();
    let written = write(&event, || {
        next += 1;
        [next; 32]
    })
    .unwrap();
    (String::from_utf8(written.bytes).unwrap(), written.texts)
}

/// Sorted keys, no white space: serde_json's map sorts, and its writer escapes as RFC 8785.
fn canonical(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json).unwrap().to_string()
}

#[test]
fn the_leaf_of_a_submission_is_this_to_the_byte() {
    let (leaf, texts) = leaf_of(submitted(1));
    assert_eq!(
        leaf,
        concat!(
            r#"{"actor":{"code":"","role":"system"},"#,
            r#""addressee":{"code":"r-150802001-003","kind":"representative"},"#,
            r#""case_id":"0197a3f0-5d1e-7c3a-8000-000000000001","case_version":1,"category":"城乡建设/供热","#,
            r#""commitments":{"body":"BODY","title":"TITLE"},"details":{},"#,
            r#""event_id":"0197a3f0-5d1e-7001-9000-000000000001","kind":"message","#,
            r#""occurred_at":"2026-03-01T02:01:00.123456Z","publication":"public","#,
            r#""region":{"district":"150802","municipal":"150800","township":"150802001"},"standing":null,"#,
            r#""submitted_at":"2026-03-01T02:00:00.000000Z","type":"CaseSubmitted","v":1}"#,
        )
        .replace("TITLE", &HEXLOWER.encode(&commitment(&[1; 32], "暖气不热")))
        .replace("BODY", &HEXLOWER.encode(&commitment(&[2; 32], "楼里只有十四度。")))
    );
    assert_eq!(texts.iter().map(|text| text.name.as_ref()).collect::<Vec<_>>(), ["title", "body"]);
    assert!(!leaf.contains("暖气"));
}

#[test]
fn the_commitment_is_hmac_sha256() {
    // RFC 4231 test case 1 has a key of 20 bytes 0x0b; padded with zeros to 32 it is the same HMAC key.
    let mut salt = [0; 32];
    salt[..20].fill(0x0b);
    assert_eq!(
        HEXLOWER.encode(&commitment(&salt, "Hi There")),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    );
}

/// A case with an event of each type, none of which has more than the first ones that were ever written.
fn plain_events() -> Vec<Event> {
    let trace = || {
        let considered = RuleConsidered {
            rule: "150800 * 城乡建设 township general".into(),
            outcome: "采用".into(),
        };
        Some(RuleTrace {
            directory_revision: 7,
            considered: vec![considered],
            conclusion: "按类别交办".into(),
            ..RuleTrace::default()
        })
    };
    let unit = || HOUSING.to_owned();
    let queued = CaseQueued { trace: trace() };
    let registered = CaseRegistered { trace: trace() };
    let assigned =
        CaseAssigned { unit: unit(), trace: trace(), note: "请尽快办理".into(), ..Default::default() };
    let delegated = CaseDelegated {
        from_office: "150802-office".into(),
        to_office: OFFICE.into(),
        reason: "请就近办理".into(),
    };
    let escalated = CaseEscalated {
        from_office: OFFICE.into(),
        to_office: "150802-office".into(),
        reason: "超出权限".into(),
    };
    let accepted = CaseAccepted { unit: unit(), ..Default::default() };
    let returned = CaseReturned {
        unit: unit(),
        legal_basis: "不属于本单位职责".into(),
        proposed_unit: GENERAL.into(),
        return_number: 1,
    };
    let reported = ProgressReported { unit: unit(), text: "已派人查看".into(), ..Default::default() };
    let expired = DeadlineExpired {
        kind: DeadlineKind::Reply.into(),
        unit: unit(),
        due_at_us: 1_773_000_000_000_000,
        expiry_number: 2,
        ..Default::default()
    };
    let replied =
        CaseReplied { unit: unit(), text: "已修好".into(), reply_number: 1, ..Default::default() };
    let rated = CaseRated { resolved: false, satisfied: true, comment: "还有一点".into() };
    let reopened = CaseReopened { unit: unit(), ..Default::default() };
    let closed = CaseClosed { reason: CloseReason::ByOffice.into(), note: "办结".into() };
    let read = PrivatePartRead { purpose: "回电核实地址".into() };
    let erased = PrivatePartErased { ground: "本人申请".into() };
    let later = [
        (Body::CaseQueued(queued), CaseState::Submitted, OFFICE),
        (Body::CaseRegistered(registered), CaseState::Registered, OFFICE),
        (Body::CaseAssigned(assigned), CaseState::Assigned, HOUSING),
        (Body::CaseDelegated(delegated), CaseState::Registered, OFFICE),
        (Body::CaseEscalated(escalated), CaseState::Registered, OFFICE),
        (Body::CaseAccepted(accepted), CaseState::InHandling, HOUSING),
        (Body::CaseReturned(returned), CaseState::Registered, OFFICE),
        (Body::ProgressReported(reported), CaseState::InHandling, HOUSING),
        (Body::DeadlineExpired(expired), CaseState::InHandling, HOUSING),
        (Body::CaseReplied(replied), CaseState::Replied, HOUSING),
        (Body::CaseRated(rated), CaseState::Replied, HOUSING),
        (Body::CaseReopened(reopened), CaseState::InHandling, HOUSING),
        (Body::CaseClosed(closed), CaseState::Closed, HOUSING),
        (Body::PrivatePartRead(read), CaseState::Closed, HOUSING),
        (Body::PrivatePartErased(erased), CaseState::Closed, HOUSING),
    ];
    let later = (2..).zip(later).map(|(version, (body, state, responsible))| {
        let mut after = standing(state, responsible);
        after.overdue = matches!(body, Body::DeadlineExpired(_));
        if matches!(body, Body::CaseClosed(_)) {
            after.deadline_at_us = 0;
        }
        event(1, version, body, Some(after))
    });
    std::iter::once(submitted(1)).chain(later).collect()
}

#[test]
fn what_an_event_does_not_have_changes_no_byte_of_its_leaf() {
    let leaves: Vec<String> = plain_events().into_iter().map(|event| leaf_of(event).0).collect();
    let pinned: Vec<&str> = PINNED.lines().collect();
    assert_eq!(leaves.len(), pinned.len());
    for (leaf, pinned) in leaves.iter().zip(pinned) {
        assert_eq!(leaf, pinned);
    }
}

#[test]
fn leaves_of_every_type_are_canonical_and_read_back() {
    for event in plain_events().into_iter().chain(every_event()) {
        let (leaf, _) = leaf_of(event);
        assert_eq!(leaf, canonical(&leaf));
        let read: Leaf<'_> = serde_json::from_str(&leaf).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), leaf);
    }
}

#[test]
fn no_leaf_has_a_text_that_it_commits_to() {
    for event in every_event() {
        let parsed = CaseEvent::parse(event.clone()).unwrap();
        let (leaf, texts) = leaf_of(event);
        assert!(texts.len() <= TEXTS_MAX && texts.len() == salts_needed(&parsed));
        let read: Leaf<'_> = serde_json::from_str(&leaf).unwrap();
        for text in &texts {
            assert!(!leaf.contains(&text.text), "{} of {leaf}", text.name);
            assert_eq!(read.commitments[&text.name], HEXLOWER.encode(&commitment(&text.salt, &text.text)));
        }
        assert_eq!(read.commitments.len(), texts.len());
    }
}

#[test]
fn pictures_and_tasks_are_committed_to_by_their_place_and_number() {
    let names = |event_type: &str| {
        let event = every_event()
            .into_iter()
            .find(|event| subjects::body_name(event.body.as_ref().unwrap()) == event_type);
        let (leaf, texts) = leaf_of(event.unwrap());
        let leaf: serde_json::Value = serde_json::from_str(&leaf).unwrap();
        (texts.into_iter().map(|text| (text.name.to_string(), text.text)).collect::<Vec<_>>(), leaf)
    };
    let (texts, leaf) = names("CaseSubmitted");
    assert_eq!(
        texts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["title", "body", "picture_1", "picture_2"]
    );
    // The id itself, digits that look like a telephone number included.
    assert_eq!(texts[2].1, "13".repeat(32));
    assert_eq!(
        leaf["details"]["pictures"],
        serde_json::json!([{"media_type": "image/jpeg"}, {"media_type": "image/png"}])
    );
    let (texts, leaf) = names("CaseAssigned");
    assert_eq!(texts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["note", "task_1", "task_2"]);
    assert_eq!(
        leaf["details"]["parts"][1],
        serde_json::json!({
            "deadline_at": "2026-03-20T09:46:40.000000Z",
            "parent_part_number": 1,
            "part_number": 2,
            "unit": "150802-water"
        })
    );
    assert_eq!(names("PartAssigned").0[0].0, "task_3");
}

#[test]
fn numbers_of_citizens_in_official_texts_are_masked_before_they_are_committed_to() {
    let body = CaseAssigned {
        unit: "150802-housing".into(),
        note: "请联系 13912345678".into(),
        ..CaseAssigned::default()
    };
    let standing = standing(CaseState::Assigned, "150802-housing");
    let (_, texts) = leaf_of(event(1, 3, Body::CaseAssigned(body), Some(standing)));
    assert!(!texts[0].text.contains("13912345678"));
}

#[test]
fn rules_and_words_stand_in_leaves_of_public_texts_alone() {
    let leaf_with = |publication: Publication, state: CaseState| {
        let body = Body::CaseQueued(CaseQueued { trace: samples::trace() });
        let mut event = event(1, 2, body, Some(standing(state, "")));
        event.header.as_mut().unwrap().publication = publication.into();
        leaf_of(event).0
    };
    let tells = |leaf: &str| [leaf.contains("暖气"), leaf.contains("150800 * 城乡建设")];
    assert_eq!(tells(&leaf_with(Publication::Public, CaseState::Registered)), [true, true]);
    assert_eq!(tells(&leaf_with(Publication::StatusOnly, CaseState::Registered)), [false, false]);
    assert_eq!(tells(&leaf_with(Publication::Public, CaseState::Submitted)), [false, false]);
    assert!(leaf_with(Publication::StatusOnly, CaseState::Registered).contains("按类别交办"));
}

#[test]
fn the_longest_leaf_fits() {
    let sentence = || "\u{1}".repeat(9_000);
    let code = || "\"".repeat(64);
    let considered = RuleConsidered { rule: sentence(), outcome: sentence() };
    let candidate =
        RouteCandidate { unit: code(), category: "😀".repeat(200), confidence_percent: u32::MAX };
    let part = |place: u32| Part {
        part_number: u32::MAX - place,
        unit: code(),
        parent_part_number: u32::MAX,
        task: "请说明情况".into(),
        deadline_at_us: i64::MAX,
    };
    let body = CaseAssigned {
        unit: code(),
        trace: Some(RuleTrace {
            directory_revision: (1 << 53) - 1,
            considered: vec![considered; 20],
            conclusion: sentence(),
            confidence_percent: u32::MAX,
            candidates: vec![candidate; 3],
            rule_set_version: (1 << 53) - 1,
            matched_keywords: vec![sentence(); 20],
        }),
        note: "请尽快办理".into(),
        parts: (0..PARTS_MAX as u32).map(part).collect(),
    };
    let standing = Standing {
        holder_office: code(),
        responsible_unit: code(),
        deadline_at_us: i64::MAX,
        case_deadline_at_us: i64::MAX,
        open_parts: u32::MAX,
        petitioner_count: u32::MAX,
        merged_into: "0197a3f0-5d1e-7c3a-8000-000000000002".into(),
        ..standing(CaseState::InHandling, "")
    };
    let mut event = event(1, 3, Body::CaseAssigned(body), Some(standing));
    event.actor.as_mut().unwrap().code = code();
    event.header.as_mut().unwrap().category = "\"".repeat(800);
    let (leaf, texts) = leaf_of(event);
    assert!(leaf.len() <= LEAF_MAX_BYTES);
    assert_eq!(texts.len(), TEXTS_MAX);
}

proptest! {
    #[test]
    fn any_text_in_a_leaf_is_escaped_canonically(category in "[^\\p{Cc}]{0,40}", conclusion in "\\PC{0,40}|[\u{0}-\u{1f}\"\\\\\u{7f}]{0,20}") {
        let mut event = assigned(1, 3, "150802001-general");
        event.header.as_mut().unwrap().category = category;
        if let Some(Body::CaseAssigned(assigned)) = &mut event.body {
            assigned.trace = Some(RuleTrace { conclusion, ..RuleTrace::default() });
        }
        let (leaf, _) = leaf_of(event);
        prop_assert_eq!(&leaf, &canonical(&leaf));
    }
}
