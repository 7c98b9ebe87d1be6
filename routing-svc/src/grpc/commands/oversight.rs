//! What offices above and representatives do so that a case moves.

use huying_platform::status::Violations;
use huying_proto::routing::v1::{
    AnswerCaseRequest, CirculateCriticismRequest, ClaimCaseRequest, Command as Envelope,
    SuperviseCaseRequest, UrgeCaseRequest,
};

use super::{CommandMessage, REPLY_CHARS_MAX, fields, note, reason};
use crate::domain::command::Command;

impl CommandMessage for UrgeCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let part = Some(self.part_number).filter(|&number| number > 0);
        Some(Command::Urge { text: reason("text", &self.text, violations), part })
    }
}

impl CommandMessage for SuperviseCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        Some(Command::Supervise { demand: reason("demand", &self.demand, violations) })
    }
}

impl CommandMessage for CirculateCriticismRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        Some(Command::Criticise { text: reason("text", &self.text, violations) })
    }
}

impl CommandMessage for ClaimCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        Some(Command::Claim { note: note(&self.note, violations) })
    }
}

impl CommandMessage for AnswerCaseRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let text = fields::text("text", &self.text, REPLY_CHARS_MAX, violations);
        Some(Command::Answer { text, pictures: fields::pictures(&self.pictures, violations)? })
    }
}
