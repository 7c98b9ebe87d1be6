//! What can be done with a case, as one type: every command of routing's CaseService.
//!
//! The command line, `huying batch` and the sample day all come to an [`Act`]; the latter two read it from JSON, an
//! object with the act's word in "do" and the fields named as in the contract. Which state allows what, and whether an
//! act's values are good, is decided by the service.

use std::{str::FromStr, time::Duration};

use huying_proto::routing::v1::{
    AcceptCaseRequest, AnswerCaseRequest, AnswerPartRequest, AssignCaseRequest, AssignPartRequest,
    CirculateCriticismRequest, ClaimCaseRequest, ClassifyCaseRequest, CloseCaseRequest, Command,
    DeclineCaseRequest, DelegateCaseRequest, EscalateCaseRequest, GetCaseResponse, GrantExtensionRequest,
    MergeCaseRequest, PartOrder as ProtoPartOrder, RecomputeClocksRequest, RefuseExtensionRequest,
    RegisterCaseRequest, ReopenCaseRequest, ReplyCaseRequest, ReportProgressRequest, RequestExtensionRequest,
    ReturnCaseRequest, SuperviseCaseRequest, TransferCaseRequest, UnmergeCaseRequest, UrgeCaseRequest,
    WaivePartRequest, batched_command::Request,
};
use serde::{Deserialize, Deserializer};

use crate::{
    failure::Failure,
    pictures::{self, Picture},
    words::Ground,
};

/// What somebody does with a case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Act {
    Register {},
    Decline {
        ground: Ground,
        explanation: String,
    },
    Classify {
        category: String,
    },
    Assign {
        unit: String,
        #[serde(default)]
        note: String,
        #[serde(default, rename = "reply_within_s", deserialize_with = "seconds")]
        reply_within: Option<Duration>,
        #[serde(default)]
        parts: Vec<PartOrder>,
    },
    Transfer {
        unit: String,
        reason: String,
    },
    Delegate {
        region: String,
        reason: String,
    },
    Escalate {
        reason: String,
    },
    Accept {},
    Return {
        legal_basis: String,
        proposed_unit: String,
    },
    Progress {
        text: String,
        #[serde(default)]
        pictures: Vec<Picture>,
    },
    Reply {
        text: String,
        #[serde(default)]
        pictures: Vec<Picture>,
    },
    Answer {
        text: String,
        #[serde(default)]
        pictures: Vec<Picture>,
    },
    AssignPart {
        part: PartOrder,
        #[serde(default)]
        parent_part_number: u32,
    },
    AnswerPart {
        part_number: u32,
        text: String,
        #[serde(default)]
        pictures: Vec<Picture>,
    },
    WaivePart {
        part_number: u32,
        reason: String,
    },
    RequestExtension {
        limit: String,
        reason: String,
    },
    GrantExtension {
        #[serde(default)]
        limit: String,
        #[serde(default)]
        note: String,
    },
    RefuseExtension {
        reason: String,
    },
    Urge {
        text: String,
        #[serde(default)]
        part_number: u32,
    },
    Supervise {
        demand: String,
    },
    Criticise {
        text: String,
    },
    Claim {
        #[serde(default)]
        note: String,
    },
    Close {
        #[serde(default)]
        note: String,
    },
    Reopen {
        reason: String,
    },
    Merge {
        into_case_id: String,
        reason: String,
    },
    Unmerge {
        reason: String,
    },
    Recompute {
        reason: String,
    },
}

/// A part for a co-handler; as an argument `UNIT=TASK`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartOrder {
    pub(crate) unit: String,
    pub(crate) task: String,
    #[serde(default, rename = "answer_within_s", deserialize_with = "seconds")]
    pub(crate) answer_within: Option<Duration>,
}

impl FromStr for PartOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((unit, task)) if !unit.is_empty() && !task.is_empty() => {
                Ok(Self { unit: unit.to_owned(), task: task.to_owned(), answer_within: None })
            }
            _ => Err("a part is UNIT=TASK, such as 150802-roads='清理路面'".to_owned()),
        }
    }
}

/// Whose act it is, where nobody says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    HoldingOffice,
    ResponsibleUnit,
    /// The co-handler of a part.
    CoHandler {
        part_number: u32,
    },
    /// A representative whom the case is addressed to, or who has claimed it.
    FollowingRepresentative,
    /// A representative of a region the case is in: many, so that somebody must say which.
    AnyRepresentative,
}

impl Act {
    /// Whose act it is.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Register { .. }
            | Self::Decline { .. }
            | Self::Classify { .. }
            | Self::Assign { .. }
            | Self::Transfer { .. }
            | Self::Delegate { .. }
            | Self::Escalate { .. }
            | Self::WaivePart { .. }
            | Self::GrantExtension { .. }
            | Self::RefuseExtension { .. }
            | Self::Urge { .. }
            | Self::Supervise { .. }
            | Self::Criticise { .. }
            | Self::Close { .. }
            | Self::Reopen { .. }
            | Self::Merge { .. }
            | Self::Unmerge { .. }
            | Self::Recompute { .. } => Actor::HoldingOffice,
            Self::Accept { .. }
            | Self::Return { .. }
            | Self::Progress { .. }
            | Self::Reply { .. }
            | Self::RequestExtension { .. } => Actor::ResponsibleUnit,
            Self::AssignPart { parent_part_number: 0, .. } => Actor::HoldingOffice,
            Self::AssignPart { parent_part_number: part_number, .. }
            | Self::AnswerPart { part_number, .. } => Actor::CoHandler { part_number: *part_number },
            Self::Answer { .. } => Actor::FollowingRepresentative,
            Self::Claim { .. } => Actor::AnyRepresentative,
        }
    }

    /// Name of the event that the act leads to.
    pub(crate) fn event_name(&self) -> &'static str {
        match self {
            Self::Register {} => "CaseRegistered",
            Self::Decline { .. } => "CaseDeclined",
            Self::Classify { .. } => "CaseClassified",
            Self::Assign { .. } => "CaseAssigned",
            Self::Transfer { .. } => "CaseTransferred",
            Self::Delegate { .. } => "CaseDelegated",
            Self::Escalate { .. } => "CaseEscalated",
            Self::Accept {} => "CaseAccepted",
            Self::Return { .. } => "CaseReturned",
            Self::Progress { .. } => "ProgressReported",
            Self::Reply { .. } | Self::Answer { .. } => "CaseReplied",
            Self::AssignPart { .. } => "PartAssigned",
            Self::AnswerPart { .. } => "PartAnswered",
            Self::WaivePart { .. } => "PartWaived",
            Self::RequestExtension { .. } => "ExtensionRequested",
            Self::GrantExtension { .. } => "ExtensionGranted",
            Self::RefuseExtension { .. } => "ExtensionRefused",
            Self::Urge { .. } => "CaseUrged",
            Self::Supervise { .. } => "CaseSupervised",
            Self::Criticise { .. } => "CriticismCirculated",
            Self::Claim { .. } => "CaseClaimed",
            Self::Close { .. } => "CaseClosed",
            Self::Reopen { .. } => "CaseReopened",
            Self::Merge { .. } => "CaseMerged",
            Self::Unmerge { .. } => "CaseUnmerged",
            Self::Recompute { .. } => "ClocksRecomputed",
        }
    }

    /// The act as the contract writes it.
    pub(crate) fn request(self, command: Command) -> Result<Request, Failure> {
        let command = Some(command);
        Ok(match self {
            Self::Register {} => Request::RegisterCase(RegisterCaseRequest { command }),
            Self::Decline { ground: Ground(ground), explanation } => {
                Request::DeclineCase(DeclineCaseRequest { command, ground: ground.into(), explanation })
            }
            Self::Classify { category } => Request::ClassifyCase(ClassifyCaseRequest { command, category }),
            Self::Assign { unit, note, reply_within, parts } => Request::AssignCase(AssignCaseRequest {
                command,
                unit,
                note,
                reply_within: protobuf_duration(reply_within)?,
                parts: parts.into_iter().map(part_order).collect::<Result<_, _>>()?,
            }),
            Self::Transfer { unit, reason } => {
                Request::TransferCase(TransferCaseRequest { command, unit, reason })
            }
            Self::Delegate { region, reason } => {
                Request::DelegateCase(DelegateCaseRequest { command, region_code: region, reason })
            }
            Self::Escalate { reason } => Request::EscalateCase(EscalateCaseRequest { command, reason }),
            Self::Accept {} => Request::AcceptCase(AcceptCaseRequest { command }),
            Self::Return { legal_basis, proposed_unit } => {
                Request::ReturnCase(ReturnCaseRequest { command, legal_basis, proposed_unit })
            }
            Self::Progress { text, pictures } => {
                let pictures = pictures::to_proto(pictures);
                Request::ReportProgress(ReportProgressRequest { command, text, pictures })
            }
            Self::Reply { text, pictures } => {
                let pictures = pictures::to_proto(pictures);
                Request::ReplyCase(ReplyCaseRequest { command, text, pictures })
            }
            Self::Answer { text, pictures } => {
                let pictures = pictures::to_proto(pictures);
                Request::AnswerCase(AnswerCaseRequest { command, text, pictures })
            }
            Self::AssignPart { part, parent_part_number } => Request::AssignPart(AssignPartRequest {
                command,
                part: Some(part_order(part)?),
                parent_part_number,
            }),
            Self::AnswerPart { part_number, text, pictures } => {
                let pictures = pictures::to_proto(pictures);
                Request::AnswerPart(AnswerPartRequest { command, part_number, text, pictures })
            }
            Self::WaivePart { part_number, reason } => {
                Request::WaivePart(WaivePartRequest { command, part_number, reason })
            }
            Self::RequestExtension { limit, reason } => {
                Request::RequestExtension(RequestExtensionRequest { command, limit, reason })
            }
            Self::GrantExtension { limit, note } => {
                Request::GrantExtension(GrantExtensionRequest { command, limit, note })
            }
            Self::RefuseExtension { reason } => {
                Request::RefuseExtension(RefuseExtensionRequest { command, reason })
            }
            Self::Urge { text, part_number } => {
                Request::UrgeCase(UrgeCaseRequest { command, text, part_number })
            }
            Self::Supervise { demand } => Request::SuperviseCase(SuperviseCaseRequest { command, demand }),
            Self::Criticise { text } => {
                Request::CirculateCriticism(CirculateCriticismRequest { command, text })
            }
            Self::Claim { note } => Request::ClaimCase(ClaimCaseRequest { command, note }),
            Self::Close { note } => Request::CloseCase(CloseCaseRequest { command, note }),
            Self::Reopen { reason } => Request::ReopenCase(ReopenCaseRequest { command, reason }),
            Self::Merge { into_case_id, reason } => {
                Request::MergeCase(MergeCaseRequest { command, into_case_id, reason })
            }
            Self::Unmerge { reason } => Request::UnmergeCase(UnmergeCaseRequest { command, reason }),
            Self::Recompute { reason } => {
                Request::RecomputeClocks(RecomputeClocksRequest { command, reason })
            }
        })
    }
}

impl Actor {
    /// Code of the unit or representative whose act it is, on a case as routing shows it.
    pub(crate) fn code(self, found: &GetCaseResponse) -> Result<String, Failure> {
        let case = found.case.as_ref();
        let standing = case.and_then(|case| case.standing.as_ref());
        let holder = || standing.map(|standing| standing.holder_office.clone()).unwrap_or_default();
        match self {
            Self::HoldingOffice => Ok(holder()),
            // A closed case has nobody who must act; its office may still be asked, and the service will say what it
            // allows.
            Self::ResponsibleUnit => Ok(standing
                .map(|standing| standing.responsible_unit.clone())
                .filter(|unit| !unit.is_empty())
                .unwrap_or_else(holder)),
            Self::CoHandler { part_number } => case
                .into_iter()
                .flat_map(|case| &case.parts)
                .filter_map(|listed| listed.part.as_ref())
                .find(|part| part.part_number == part_number)
                .map(|part| part.unit.clone())
                .ok_or_else(|| {
                    Failure::usage(format!("the case has no part {part_number}"))
                        .with_hint("huying case show lists its parts")
                }),
            Self::FollowingRepresentative => case
                .and_then(|case| case.header.as_ref()?.representative_codes.first().cloned())
                .ok_or_else(|| {
                    Failure::usage("no representative follows the case")
                        .with_hint("a representative who has claimed it may answer: --as CODE")
                }),
            Self::AnyRepresentative => {
                Err(Failure::usage("any representative of a region the case is in may do this")
                    .with_hint("say who: --as CODE, such as --as r-150802001-003"))
            }
        }
    }
}

fn part_order(part: PartOrder) -> Result<ProtoPartOrder, Failure> {
    let PartOrder { unit, task, answer_within } = part;
    Ok(ProtoPartOrder { unit, task, answer_within: protobuf_duration(answer_within)? })
}

fn protobuf_duration(duration: Option<Duration>) -> Result<Option<prost_types::Duration>, Failure> {
    duration
        .map(prost_types::Duration::try_from)
        .transpose()
        .map_err(|_| Failure::usage("the duration is too long"))
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use huying_proto::{
        events::v1::{CaseHeader, DeclineGround, Part, Standing},
        routing::v1::{Case, CasePart},
    };

    fn read(json: &str) -> Result<Act, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn an_act_is_read_from_json_with_the_contracts_names() {
        let assigned = read(
            r#"{"do":"assign","unit":"150802-roads","reply_within_s":90,
                "parts":[{"unit":"150802001-enforcement","task":"清障","answer_within_s":60}]}"#,
        )
        .unwrap();
        let part = PartOrder {
            unit: "150802001-enforcement".into(),
            task: "清障".into(),
            answer_within: Some(Duration::from_secs(60)),
        };
        assert_eq!(
            assigned,
            Act::Assign {
                unit: "150802-roads".into(),
                note: String::new(),
                reply_within: Some(Duration::from_secs(90)),
                parts: vec![part],
            }
        );
        let declined = read(r#"{"do":"decline","ground":"out_of_scope","explanation":"x"}"#).unwrap();
        let Request::DeclineCase(request) = declined.request(Command::default()).unwrap() else { panic!() };
        assert_eq!(request.ground(), DeclineGround::OutOfScope);
        for (wrong, told) in [
            (r#"{"do":"decline","ground":"dislike","explanation":"x"}"#, "out_of_scope"),
            (r#"{"do":"accept","text":"x"}"#, "text"),
            (r#"{"do":"reply"}"#, "text"),
            (r#"{"do":"replay"}"#, "reply"),
        ] {
            assert!(read(wrong).unwrap_err().contains(told), "{wrong}");
        }
    }

    #[test]
    fn a_part_is_given_as_unit_and_task() {
        let part: PartOrder = "150802-roads=清理=路面".parse().unwrap();
        assert_eq!((part.unit.as_str(), part.task.as_str()), ("150802-roads", "清理=路面"));
        assert!("150802-roads".parse::<PartOrder>().unwrap_err().contains("UNIT=TASK"));
        assert!("=x".parse::<PartOrder>().is_err());
    }

    #[test]
    fn the_actor_is_found_in_the_case() {
        let part = Part { part_number: 2, unit: "150802001-social".into(), ..Part::default() };
        let found = GetCaseResponse {
            case: Some(Case {
                header: Some(CaseHeader {
                    representative_codes: vec!["r-150802-001".into()],
                    ..CaseHeader::default()
                }),
                standing: Some(Standing {
                    holder_office: "150802-office".into(),
                    responsible_unit: "150802-roads".into(),
                    ..Standing::default()
                }),
                parts: vec![CasePart { part: Some(part), ..CasePart::default() }],
                ..Case::default()
            }),
            ..GetCaseResponse::default()
        };
        let code = |actor: Actor| actor.code(&found).ok();
        assert_eq!(code(Actor::HoldingOffice).as_deref(), Some("150802-office"));
        assert_eq!(code(Actor::ResponsibleUnit).as_deref(), Some("150802-roads"));
        assert_eq!(code(Actor::CoHandler { part_number: 2 }).as_deref(), Some("150802001-social"));
        assert_eq!(code(Actor::CoHandler { part_number: 1 }), None);
        assert_eq!(code(Actor::FollowingRepresentative).as_deref(), Some("r-150802-001"));
        assert_eq!(code(Actor::AnyRepresentative), None);

        let mut closed = found.clone();
        closed.case.as_mut().unwrap().standing.as_mut().unwrap().responsible_unit.clear();
        assert_eq!(Actor::ResponsibleUnit.code(&closed).unwrap(), "150802-office");
    }
}
