//! Tells the life of a case, event by event, the way intake and routing would.

use huying_platform::ids::{CaseId, EventId};
use huying_proto::events::v1::{
    Actor, ActorRole, Addressee, CaseAbsorbed, CaseAccepted, CaseAssigned, CaseClaimed, CaseClassified,
    CaseClosed, CaseDeclined, CaseDelegated, CaseEscalated, CaseHeader, CaseKind, CaseMerged, CaseQueued,
    CaseRated, CaseRegistered, CaseReopened, CaseReplied, CaseReturned, CaseState, CaseSubmitted,
    CaseSupervised, CaseTransferred, CaseUnmerged, CaseUrged, CaseWithdrawn, CloseReason,
    CriticismCirculated, DeadlineExpired, DeadlineKind, DeclineGround, Event, ExtensionGranted,
    ExtensionRequested, Part, PartAnswered, PartAssigned, PartWaived, Picture, PrivatePartErased,
    PrivatePartRead, ProgressReported, Publication, RegionPath, RuleConsidered, RuleTrace, Standing,
    addressee::To, event::Body,
};

/// 2026-03-01 10:00 in Shanghai, seconds since the epoch.
pub(crate) const START: i64 = 1_772_330_400;

/// When the first deadline of every case ends, microseconds since the epoch.
const DEADLINE_US: i64 = (START + 86_400 * 5) * 1_000_000;

/// A picture that intake would serve under a number.
pub(crate) fn picture(number: u8) -> Picture {
    Picture {
        picture_id: format!("{number:02x}").repeat(32),
        media_type: "image/jpeg".into(),
        width_px: 640,
        height_px: 480,
        size_bytes: 12_345,
    }
}

/// A case being told.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) case_id: String,
    pub(crate) events: Vec<Event>,
    header: CaseHeader,
    standing: Standing,
    /// Seconds that have passed since the submission without anything being told.
    waited_s: i64,
}

pub(crate) const OFFICE: &str = "150802001-office";
pub(crate) const DISTRICT_OFFICE: &str = "150802-office";
pub(crate) const DEPARTMENT: &str = "150802001-general";
pub(crate) const HOUSING: &str = "150802-housing";
pub(crate) const REPRESENTATIVE: &str = "r-150802001-003";

impl Story {
    /// A public case of the township, submitted `minute` minutes after the start.
    pub(crate) fn new(title: &str, body: &str, minute: i64) -> Self {
        Self::with(title, body, minute, |_| {})
    }

    /// The same, with another header.
    pub(crate) fn with(title: &str, body: &str, minute: i64, change: impl FnOnce(&mut CaseHeader)) -> Self {
        Self::told(title, body, minute, vec![], change)
    }

    /// A public case with pictures.
    pub(crate) fn with_pictures(title: &str, body: &str, minute: i64, pictures: Vec<Picture>) -> Self {
        Self::told(title, body, minute, pictures, |_| {})
    }

    fn told(
        title: &str,
        body: &str,
        minute: i64,
        pictures: Vec<Picture>,
        change: impl FnOnce(&mut CaseHeader),
    ) -> Self {
        let mut header = CaseHeader {
            kind: CaseKind::Message.into(),
            region: Some(RegionPath {
                municipal: "150800".into(),
                district: "150802".into(),
                township: "150802001".into(),
            }),
            addressee: Some(Addressee { to: Some(To::RepresentativeCode("r-150802001-003".into())) }),
            title: title.into(),
            category: "城乡建设/供热".into(),
            publication: Publication::Public.into(),
            submitted_at_us: (START + minute * 60) * 1_000_000,
            representative_codes: vec!["r-150802001-003".into()],
        };
        change(&mut header);
        let story = Self {
            case_id: CaseId::new_v7().to_string(),
            events: vec![],
            header,
            standing: Standing {
                holder_office: OFFICE.into(),
                responsible_unit: OFFICE.into(),
                deadline_at_us: DEADLINE_US,
                case_deadline_at_us: DEADLINE_US + 86_400_000_000 * 8,
                petitioner_count: 1,
                ..Standing::default()
            },
            waited_s: 0,
        };
        story.then(ActorRole::Citizen, Body::CaseSubmitted(CaseSubmitted { body: body.into(), pictures }))
    }

    fn then(mut self, role: ActorRole, body: Body) -> Self {
        let version = self.events.len() as u64 + 1;
        let code = match role {
            ActorRole::Office => self.standing.holder_office.clone(),
            ActorRole::Department => self.standing.responsible_unit.clone(),
            ActorRole::Representative => REPRESENTATIVE.to_owned(),
            ActorRole::Unspecified | ActorRole::Citizen | ActorRole::System | ActorRole::Operator => {
                String::new()
            }
        };
        self.events.push(Event {
            event_id: EventId::new_v7().to_string(),
            case_id: self.case_id.clone(),
            case_version: version,
            occurred_at: Some(prost_types::Timestamp {
                seconds: self.header.submitted_at_us / 1_000_000 + self.waited_s + version as i64,
                nanos: 5_000,
            }),
            header: Some(self.header.clone()),
            actor: Some(Actor { role: role.into(), code }),
            standing: (version > 1).then(|| self.standing.clone()),
            body: Some(body),
        });
        self
    }

    fn at(mut self, state: CaseState, responsible: &str) -> Self {
        self.standing.state = state.into();
        self.standing.responsible_unit = responsible.into();
        self.standing.overdue = false;
        self
    }

    /// Something after which the case stands otherwise than it stood for whoever did it.
    fn then_at(mut self, role: ActorRole, body: Body, state: CaseState, responsible: &str) -> Self {
        self = self.then(role, body).at(state, responsible);
        // The standing is that after the event.
        if let Some(last) = self.events.last_mut() {
            last.standing = Some(self.standing.clone());
        }
        self
    }

    /// Time passes.
    pub(crate) fn after_s(mut self, seconds: i64) -> Self {
        self.waited_s += seconds;
        self
    }

    pub(crate) fn claimed(self) -> Self {
        let body = CaseClaimed { representative_code: REPRESENTATIVE.into(), note: "由我跟进".into() };
        self.then(ActorRole::Representative, Body::CaseClaimed(body))
    }

    pub(crate) fn representative_told(self, text: &str) -> Self {
        let body = ProgressReported {
            text: text.into(),
            representative_code: REPRESENTATIVE.into(),
            ..ProgressReported::default()
        };
        self.then(ActorRole::Representative, Body::ProgressReported(body))
    }

    pub(crate) fn representative_urged(self) -> Self {
        let body = CaseUrged {
            unit: self.standing.responsible_unit.clone(),
            text: "群众在等".into(),
            urge_number: 1,
            ..CaseUrged::default()
        };
        self.then(ActorRole::Representative, Body::CaseUrged(body))
    }

    pub(crate) fn delegated(mut self, to_office: &str) -> Self {
        let body = CaseDelegated {
            from_office: self.standing.holder_office.clone(),
            to_office: to_office.into(),
            reason: "由属地办理".into(),
        };
        self.standing.holder_office = to_office.into();
        self.at(CaseState::Registered, to_office).then(ActorRole::Office, Body::CaseDelegated(body))
    }

    pub(crate) fn supervised(self) -> Self {
        let body = CaseSupervised {
            unit: self.standing.responsible_unit.clone(),
            demand: "三日内答复".into(),
            ..CaseSupervised::default()
        };
        self.then(ActorRole::Office, Body::CaseSupervised(body))
    }

    pub(crate) fn criticised(self) -> Self {
        let body = CriticismCirculated {
            unit: self.standing.responsible_unit.clone(),
            text: "久拖不办".into(),
            ..CriticismCirculated::default()
        };
        self.then(ActorRole::Office, Body::CriticismCirculated(body))
    }

    pub(crate) fn queued(self) -> Self {
        let trace =
            Some(RuleTrace { conclusion: "没有类别，不能确定".into(), ..RuleTrace::default() });
        let holder = self.standing.holder_office.clone();
        self.at(CaseState::Submitted, &holder).then(ActorRole::System, Body::CaseQueued(CaseQueued { trace }))
    }

    pub(crate) fn registered(self) -> Self {
        let holder = self.standing.holder_office.clone();
        self.at(CaseState::Registered, &holder)
            .then(ActorRole::System, Body::CaseRegistered(CaseRegistered::default()))
    }

    pub(crate) fn assigned(self, unit: &str) -> Self {
        let trace = Some(RuleTrace {
            directory_revision: 7,
            considered: vec![RuleConsidered {
                rule: "150800 * 城乡建设 township general".into(),
                outcome: "采用".into(),
            }],
            conclusion: "按类别交办".into(),
            ..RuleTrace::default()
        });
        let body = CaseAssigned { unit: unit.into(), trace, note: "请按期答复".into(), parts: vec![] };
        self.at(CaseState::Assigned, unit).then(ActorRole::System, Body::CaseAssigned(body))
    }

    pub(crate) fn accepted(self) -> Self {
        let unit = self.standing.responsible_unit.clone();
        let body = CaseAccepted { unit: unit.clone(), automatic: false };
        self.at(CaseState::InHandling, &unit).then(ActorRole::Department, Body::CaseAccepted(body))
    }

    pub(crate) fn progress(self, text: &str) -> Self {
        let unit = self.standing.responsible_unit.clone();
        let body = ProgressReported { unit, text: text.into(), ..ProgressReported::default() };
        self.then(ActorRole::Department, Body::ProgressReported(body))
    }

    pub(crate) fn returned(self) -> Self {
        let body = CaseReturned {
            unit: self.standing.responsible_unit.clone(),
            legal_basis: "不属于本单位职责".into(),
            proposed_unit: HOUSING.into(),
            return_number: 1,
        };
        let holder = self.standing.holder_office.clone();
        self.then_at(ActorRole::Department, Body::CaseReturned(body), CaseState::Registered, &holder)
    }

    pub(crate) fn escalated(mut self) -> Self {
        let body = CaseEscalated {
            from_office: self.standing.holder_office.clone(),
            to_office: DISTRICT_OFFICE.into(),
            reason: "超出街道权限".into(),
        };
        self.standing.holder_office = DISTRICT_OFFICE.into();
        self.at(CaseState::Registered, DISTRICT_OFFICE).then(ActorRole::Office, Body::CaseEscalated(body))
    }

    /// The department has done its part: what is left is to strike the case off, which is the office's.
    pub(crate) fn replied(mut self, text: &str) -> Self {
        let unit = self.standing.responsible_unit.clone();
        let holder = self.standing.holder_office.clone();
        let body = CaseReplied { unit, text: text.into(), reply_number: 1, ..CaseReplied::default() };
        self.standing.case_deadline_at_us = 0;
        self.then_at(ActorRole::Department, Body::CaseReplied(body), CaseState::Replied, &holder)
    }

    pub(crate) fn rated(self, resolved: bool, satisfied: bool) -> Self {
        let body = CaseRated { resolved, satisfied, comment: "谢谢".into() };
        self.then(ActorRole::Citizen, Body::CaseRated(body))
    }

    pub(crate) fn closed(self) -> Self {
        let body = CaseClosed { reason: CloseReason::ByOffice.into(), note: String::new() };
        self.ended(CaseState::Closed).then(ActorRole::Office, Body::CaseClosed(body))
    }

    pub(crate) fn expired(mut self, kind: DeadlineKind) -> Self {
        self.standing.overdue = true;
        let body = DeadlineExpired {
            kind: kind.into(),
            unit: self.standing.responsible_unit.clone(),
            due_at_us: self.standing.deadline_at_us,
            expiry_number: 1,
            part_number: 0,
        };
        self.then(ActorRole::System, Body::DeadlineExpired(body))
    }

    pub(crate) fn erased(self) -> Self {
        let body = PrivatePartErased { ground: "本人申请".into() };
        self.then(ActorRole::Office, Body::PrivatePartErased(body))
    }

    pub(crate) fn read(self) -> Self {
        let body = PrivatePartRead { purpose: "回电核实地址".into() };
        self.then(ActorRole::Office, Body::PrivatePartRead(body))
    }

    pub(crate) fn declined(self, explanation: &str) -> Self {
        let body =
            CaseDeclined { ground: DeclineGround::LegalProceedings.into(), explanation: explanation.into() };
        self.ended(CaseState::Declined).then(ActorRole::Office, Body::CaseDeclined(body))
    }

    pub(crate) fn withdrawn(self, reason: &str) -> Self {
        let body = CaseWithdrawn { reason: reason.into() };
        self.ended(CaseState::Withdrawn).then(ActorRole::Citizen, Body::CaseWithdrawn(body))
    }

    fn ended(mut self, state: CaseState) -> Self {
        self.standing.deadline_at_us = 0;
        self.standing.case_deadline_at_us = 0;
        self.at(state, "")
    }

    pub(crate) fn classified(mut self, category: &str) -> Self {
        let body = CaseClassified {
            category: category.into(),
            previous_category: std::mem::replace(&mut self.header.category, category.into()),
            trace: None,
        };
        self.then(ActorRole::Office, Body::CaseClassified(body))
    }

    /// Assigned with a co-handler for each of the parts, numbered from 1.
    pub(crate) fn assigned_with_parts(mut self, unit: &str, co_handlers: &[&str]) -> Self {
        let parts: Vec<Part> =
            (1..).zip(co_handlers).map(|(number, co_handler)| part(number, co_handler)).collect();
        self.standing.open_parts = parts.len() as u32;
        let body = CaseAssigned { unit: unit.into(), parts, ..CaseAssigned::default() };
        self.at(CaseState::Assigned, unit).then(ActorRole::Office, Body::CaseAssigned(body))
    }

    pub(crate) fn part_assigned(mut self, number: u32, unit: &str) -> Self {
        self.standing.open_parts += 1;
        let by_unit = self.standing.responsible_unit.clone();
        let body = PartAssigned { part: Some(part(number, unit)), by_unit };
        self.then(ActorRole::Department, Body::PartAssigned(body))
    }

    pub(crate) fn part_answered(mut self, part_number: u32, unit: &str, pictures: Vec<Picture>) -> Self {
        self.standing.open_parts -= 1;
        let body =
            PartAnswered { part_number, unit: unit.into(), text: "管网压力正常".into(), pictures };
        self.then(ActorRole::Department, Body::PartAnswered(body))
    }

    pub(crate) fn part_waived(mut self, part_number: u32, unit: &str) -> Self {
        self.standing.open_parts -= 1;
        let body = PartWaived { part_number, unit: unit.into(), reason: "已经查明".into() };
        self.then(ActorRole::Office, Body::PartWaived(body))
    }

    pub(crate) fn transferred(self, unit: &str) -> Self {
        let body = CaseTransferred {
            from_unit: self.standing.responsible_unit.clone(),
            to_unit: unit.into(),
            reason: "由主管单位办理".into(),
        };
        self.at(CaseState::Assigned, unit).then(ActorRole::Office, Body::CaseTransferred(body))
    }

    /// Ten working days asked for and granted.
    pub(crate) fn extended(mut self) -> Self {
        let (unit, previous) = (self.standing.responsible_unit.clone(), self.standing.deadline_at_us);
        let deadline_at_us = previous + 86_400_000_000 * 14;
        let requested = ExtensionRequested {
            unit: unit.clone(),
            limit: "10wd".into(),
            deadline_at_us,
            reason: "配件未到".into(),
        };
        self = self.then(ActorRole::Department, Body::ExtensionRequested(requested));
        self.standing.deadline_at_us = deadline_at_us;
        let granted =
            ExtensionGranted {
                unit, deadline_at_us, previous_deadline_at_us: previous, note: "同意".into()
            };
        self.then(ActorRole::Office, Body::ExtensionGranted(granted))
    }

    pub(crate) fn urged(self) -> Self {
        let body = CaseUrged {
            unit: self.standing.responsible_unit.clone(),
            text: "请尽快答复".into(),
            urge_number: 1,
            ..CaseUrged::default()
        };
        self.then(ActorRole::Office, Body::CaseUrged(body))
    }

    pub(crate) fn merged_into(mut self, primary: &Self) -> Self {
        self.standing.merged_into = primary.case_id.clone();
        let body = CaseMerged { into_case_id: primary.case_id.clone(), reason: "同一事项".into() };
        self.ended(CaseState::Merged).then(ActorRole::Office, Body::CaseMerged(body))
    }

    pub(crate) fn absorbed(mut self, other: &Self) -> Self {
        self.standing.petitioner_count += 1;
        let body = CaseAbsorbed { case_id: other.case_id.clone() };
        self.then(ActorRole::Office, Body::CaseAbsorbed(body))
    }

    /// The reply of the case it is part of, and its closing.
    pub(crate) fn replied_and_closed_with(self, primary: &Self, unit: &str, text: &str) -> Self {
        self.replied_along(&primary.case_id, unit, text).closed_along()
    }

    /// The reply of the case it is part of.
    pub(crate) fn replied_along(self, primary: &str, unit: &str, text: &str) -> Self {
        let replied = CaseReplied {
            unit: unit.into(),
            text: text.into(),
            reply_number: 1,
            via_case_id: primary.into(),
            ..CaseReplied::default()
        };
        self.then(ActorRole::System, Body::CaseReplied(replied))
    }

    /// The closing of the case it is part of.
    pub(crate) fn closed_along(mut self) -> Self {
        self.standing.merged_into = String::new();
        let closed = CaseClosed { reason: CloseReason::WithPrimary.into(), note: String::new() };
        self.at(CaseState::Closed, "").then(ActorRole::System, Body::CaseClosed(closed))
    }

    /// The case it is part of is handed to another office.
    pub(crate) fn delegated_along(mut self, to_office: &str) -> Self {
        let body = CaseDelegated {
            from_office: self.standing.holder_office.clone(),
            to_office: to_office.into(),
            reason: "由属地办理".into(),
        };
        self.standing.holder_office = to_office.into();
        self.then(ActorRole::Office, Body::CaseDelegated(body))
    }

    /// It goes on by itself again, with its office.
    pub(crate) fn unmerged(mut self) -> Self {
        let from_case_id = std::mem::take(&mut self.standing.merged_into);
        let holder = self.standing.holder_office.clone();
        let body = CaseUnmerged { from_case_id, reason: "不是同一事项".into() };
        self.with_new_clocks()
            .at(CaseState::Registered, &holder)
            .then(ActorRole::Office, Body::CaseUnmerged(body))
    }

    /// The department has to answer again.
    pub(crate) fn reopened(self, unit: &str) -> Self {
        let body = CaseReopened { unit: unit.into(), reason: "答复不实".into() };
        self.with_new_clocks()
            .at(CaseState::InHandling, unit)
            .then(ActorRole::Office, Body::CaseReopened(body))
    }

    /// Five days for the stage, and thirteen for the whole.
    fn with_new_clocks(mut self) -> Self {
        let now_us = self.header.submitted_at_us + self.waited_s * 1_000_000;
        self.standing.deadline_at_us = now_us + 86_400_000_000 * 5;
        self.standing.case_deadline_at_us = now_us + 86_400_000_000 * 13;
        self
    }

    /// A representative answers, in the name of the office that holds it.
    pub(crate) fn representative_replied(self, text: &str) -> Self {
        let office = self.standing.holder_office.clone();
        let body = CaseReplied {
            unit: office.clone(),
            text: text.into(),
            reply_number: 1,
            representative_code: REPRESENTATIVE.into(),
            ..CaseReplied::default()
        };
        self.at(CaseState::Replied, &office).then(ActorRole::Representative, Body::CaseReplied(body))
    }
}

fn part(part_number: u32, unit: &str) -> Part {
    Part {
        part_number,
        unit: unit.into(),
        parent_part_number: 0,
        task: format!("请说明第 {part_number} 项情况"),
        deadline_at_us: DEADLINE_US,
    }
}
