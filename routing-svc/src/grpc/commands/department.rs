//! What a department does with a case that it is responsible for.

use huying_platform::status::Violations;
use huying_proto::routing::v1::{
    AcceptCaseRequest, Command as Envelope, ReplyCaseRequest, ReportProgressRequest, RequestExtensionRequest,
    ReturnCaseRequest,
};

use super::{CommandMessage, PROGRESS_CHARS_MAX, REPLY_CHARS_MAX, fields, reason};
use crate::domain::command::Command;

impl CommandMessage for AcceptCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, _: &mut Violations) -> Option<Command> {
        Some(Command::Accept)
    }
}

impl CommandMessage for ReturnCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let legal_basis = reason("legal_basis", &self.legal_basis, violations);
        let proposed_unit = fields::parsed("proposed_unit", &self.proposed_unit, violations);
        Some(Command::Return { legal_basis, proposed_unit: proposed_unit? })
    }
}

impl CommandMessage for ReportProgressRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let text = fields::text("text", &self.text, PROGRESS_CHARS_MAX, violations);
        Some(Command::ReportProgress { text, pictures: fields::pictures(&self.pictures, violations)? })
    }
}

impl CommandMessage for ReplyCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let text = fields::text("text", &self.text, REPLY_CHARS_MAX, violations);
        Some(Command::Reply { text, pictures: fields::pictures(&self.pictures, violations)? })
    }
}

impl CommandMessage for RequestExtensionRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let limit = fields::parsed("limit", &self.limit, violations);
        let reason = reason("reason", &self.reason, violations);
        Some(Command::RequestExtension { limit: limit?, reason })
    }
}
