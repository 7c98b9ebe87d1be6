//! Tells the life of a case, event by event, the way intake and routing would.

use huying_platform::ids::{CaseId, EventId};
use huying_proto::events::v1::{
    Actor, ActorRole, Addressee, CaseAccepted, CaseAssigned, CaseClosed, CaseEscalated, CaseHeader, CaseKind,
    CaseQueued, CaseRated, CaseRegistered, CaseReplied, CaseReturned, CaseState, CaseSubmitted, CloseReason,
    DeadlineExpired, DeadlineKind, Event, PrivatePartErased, PrivatePartRead, ProgressReported, Publication,
    RegionPath, RuleConsidered, RuleTrace, Standing, addressee::To, event::Body,
};

/// 2026-03-01 10:00 in Shanghai, seconds since the epoch.
const START: i64 = 1_772_330_400;

/// A case being told.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) case_id: String,
    pub(crate) events: Vec<Event>,
    header: CaseHeader,
    standing: Standing,
}

pub(crate) const OFFICE: &str = "150802001-office";
pub(crate) const DISTRICT_OFFICE: &str = "150802-office";
pub(crate) const DEPARTMENT: &str = "150802001-general";
pub(crate) const HOUSING: &str = "150802-housing";

impl Story {
    /// A public case of the township, submitted `minute` minutes after the start.
    pub(crate) fn new(title: &str, body: &str, minute: i64) -> Self {
        Self::with(title, body, minute, |_| {})
    }

    /// The same, with another header.
    pub(crate) fn with(title: &str, body: &str, minute: i64, change: impl FnOnce(&mut CaseHeader)) -> Self {
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
                deadline_at_us: (START + 86_400 * 5) * 1_000_000,
                ..Standing::default()
            },
        };
        story.then(ActorRole::Citizen, Body::CaseSubmitted(CaseSubmitted { body: body.into() }))
    }

    fn then(mut self, role: ActorRole, body: Body) -> Self {
        let version = self.events.len() as u64 + 1;
        let code = match role {
            ActorRole::Office => self.standing.holder_office.clone(),
            ActorRole::Department => self.standing.responsible_unit.clone(),
            ActorRole::Unspecified
            | ActorRole::Citizen
            | ActorRole::Representative
            | ActorRole::System
            | ActorRole::Operator => String::new(),
        };
        self.events.push(Event {
            event_id: EventId::new_v7().to_string(),
            case_id: self.case_id.clone(),
            case_version: version,
            occurred_at: Some(prost_types::Timestamp {
                seconds: self.header.submitted_at_us / 1_000_000 + version as i64,
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
        });
        let body = CaseAssigned { unit: unit.into(), trace, note: "请按期答复".into() };
        self.at(CaseState::Assigned, unit).then(ActorRole::System, Body::CaseAssigned(body))
    }

    pub(crate) fn accepted(self) -> Self {
        let unit = self.standing.responsible_unit.clone();
        let body = CaseAccepted { unit: unit.clone() };
        self.at(CaseState::InHandling, &unit).then(ActorRole::Department, Body::CaseAccepted(body))
    }

    pub(crate) fn progress(self, text: &str) -> Self {
        let unit = self.standing.responsible_unit.clone();
        self.then(ActorRole::Department, Body::ProgressReported(ProgressReported { unit, text: text.into() }))
    }

    pub(crate) fn returned(self) -> Self {
        let body = CaseReturned {
            unit: self.standing.responsible_unit.clone(),
            legal_basis: "不属于本单位职责".into(),
            proposed_unit: HOUSING.into(),
            return_number: 1,
        };
        let holder = self.standing.holder_office.clone();
        let told = self.then(ActorRole::Department, Body::CaseReturned(body));
        let mut told = told.at(CaseState::Registered, &holder);
        // The standing is that after the event.
        if let Some(last) = told.events.last_mut() {
            last.standing = Some(told.standing.clone());
        }
        told
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

    pub(crate) fn replied(self, text: &str) -> Self {
        let unit = self.standing.responsible_unit.clone();
        let body = CaseReplied { unit: unit.clone(), text: text.into(), reply_number: 1 };
        self.at(CaseState::Replied, &unit).then(ActorRole::Department, Body::CaseReplied(body))
    }

    pub(crate) fn rated(self, resolved: bool, satisfied: bool) -> Self {
        let body = CaseRated { resolved, satisfied, comment: "谢谢".into() };
        self.then(ActorRole::Citizen, Body::CaseRated(body))
    }

    pub(crate) fn closed(mut self) -> Self {
        let unit = self.standing.responsible_unit.clone();
        self.standing.deadline_at_us = 0;
        let body = CaseClosed { reason: CloseReason::ByOffice.into(), note: String::new() };
        self.at(CaseState::Closed, &unit).then(ActorRole::Office, Body::CaseClosed(body))
    }

    pub(crate) fn expired(mut self, kind: DeadlineKind) -> Self {
        self.standing.overdue = true;
        let body = DeadlineExpired {
            kind: kind.into(),
            unit: self.standing.responsible_unit.clone(),
            due_at_us: self.standing.deadline_at_us,
            expiry_number: 1,
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
}
