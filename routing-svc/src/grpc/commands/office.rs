//! What the office that holds a case decides.

use huying_platform::status::Violations;
use huying_proto::{
    events::v1::DeclineGround,
    routing::v1::{
        AssignCaseRequest, ClassifyCaseRequest, CloseCaseRequest, Command as Envelope, DeclineCaseRequest,
        DelegateCaseRequest, EscalateCaseRequest, GrantExtensionRequest, MergeCaseRequest,
        RecomputeClocksRequest, RefuseExtensionRequest, RegisterCaseRequest, ReopenCaseRequest,
        TransferCaseRequest, UnmergeCaseRequest,
    },
};

use super::{CommandMessage, fields, note, parts::orders, reason};
use crate::domain::command::Command;

impl CommandMessage for RegisterCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, _: &mut Violations) -> Option<Command> {
        Some(Command::Register)
    }
}

impl CommandMessage for DeclineCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let explanation = reason("explanation", &self.explanation, violations);
        Some(Command::Decline { ground: ground(self.ground, violations)?, explanation })
    }
}

impl CommandMessage for ClassifyCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        if self.category.is_empty() {
            violations.add("category", "is empty; a category path of the directory would be right");
            return None;
        }
        Some(Command::Classify { category: fields::category(&self.category, violations)? })
    }
}

impl CommandMessage for AssignCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let unit = fields::parsed("unit", &self.unit, violations);
        let note = note(&self.note, violations);
        let reply_within = fields::seconds("reply_within", self.reply_within.as_ref(), violations);
        let parts = orders(&self.parts, violations);
        Some(Command::Assign { unit: unit?, note, reply_within, parts: parts? })
    }
}

impl CommandMessage for TransferCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let unit = fields::parsed("unit", &self.unit, violations);
        let reason = reason("reason", &self.reason, violations);
        Some(Command::Transfer { unit: unit?, reason })
    }
}

impl CommandMessage for DelegateCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let region = fields::parsed("region_code", &self.region_code, violations);
        let reason = reason("reason", &self.reason, violations);
        Some(Command::Delegate { region: region?, reason })
    }
}

impl CommandMessage for EscalateCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        Some(Command::Escalate { reason: reason("reason", &self.reason, violations) })
    }
}

impl CommandMessage for GrantExtensionRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let limit = fields::optional("limit", &self.limit, violations);
        Some(Command::GrantExtension { limit, note: note(&self.note, violations) })
    }
}

impl CommandMessage for RefuseExtensionRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        Some(Command::RefuseExtension { reason: reason("reason", &self.reason, violations) })
    }
}

impl CommandMessage for CloseCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        Some(Command::Close { note: note(&self.note, violations) })
    }
}

impl CommandMessage for ReopenCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        Some(Command::Reopen { reason: reason("reason", &self.reason, violations) })
    }
}

impl CommandMessage for MergeCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let into = fields::parsed("into_case_id", &self.into_case_id, violations);
        let reason = reason("reason", &self.reason, violations);
        Some(Command::Merge { into: into?, reason })
    }
}

impl CommandMessage for UnmergeCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        Some(Command::Unmerge { reason: reason("reason", &self.reason, violations) })
    }
}

impl CommandMessage for RecomputeClocksRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        Some(Command::RecomputeClocks { reason: reason("reason", &self.reason, violations) })
    }
}

fn ground(number: i32, violations: &mut Violations) -> Option<DeclineGround> {
    match DeclineGround::try_from(number) {
        Ok(DeclineGround::Unspecified) | Err(_) => {
            let (first, last) = (DeclineGround::OutOfScope as i32, DeclineGround::Unlawful as i32);
            violations.add("ground", format!("{number} is not a ground; {first} to {last} would be right"));
            None
        }
        Ok(
            ground @ (DeclineGround::OutOfScope
            | DeclineGround::LegalProceedings
            | DeclineGround::AlreadyAnswered
            | DeclineGround::Unclear
            | DeclineGround::Unlawful),
        ) => Some(ground),
    }
}
