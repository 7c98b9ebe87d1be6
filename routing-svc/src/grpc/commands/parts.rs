//! Parts of co-handlers: given, answered, waived.

use huying_platform::status::Violations;
use huying_proto::routing::v1::{
    AnswerPartRequest, AssignPartRequest, Command as Envelope, PartOrder, WaivePartRequest,
};

use super::{CommandMessage, NOTE_CHARS_MAX, PROGRESS_CHARS_MAX, fields, reason};
use crate::domain::command::{self, Command, PARTS_MAX};

impl CommandMessage for AssignPartRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let Some(part) = &self.part else {
            violations.add("part", "is missing; unit and task would be right");
            return None;
        };
        let parent = Some(self.parent_part_number).filter(|&number| number > 0);
        Some(Command::AssignPart { order: order("part", part, violations)?, parent })
    }
}

impl CommandMessage for AnswerPartRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let number = part_number(self.part_number, violations);
        let text = fields::text("text", &self.text, PROGRESS_CHARS_MAX, violations);
        let pictures = fields::pictures(&self.pictures, violations);
        Some(Command::AnswerPart { number: number?, text, pictures: pictures? })
    }
}

impl CommandMessage for WaivePartRequest {
    fn envelope(&self) -> Option<&Envelope> {
        self.command.as_ref()
    }

    fn parse(&self, violations: &mut Violations) -> Option<Command> {
        let number = part_number(self.part_number, violations);
        let reason = reason("reason", &self.reason, violations);
        Some(Command::WaivePart { number: number?, reason })
    }
}

/// The parts that come with an assignment.
pub(super) fn orders(parts: &[PartOrder], violations: &mut Violations) -> Option<Vec<command::PartOrder>> {
    if parts.len() > PARTS_MAX {
        violations.add("parts", format!("has {} entries; at most {PARTS_MAX} would be right", parts.len()));
        return None;
    }
    let orders: Vec<Option<command::PartOrder>> =
        parts.iter().enumerate().map(|(at, part)| order(&format!("parts[{at}]"), part, violations)).collect();
    orders.into_iter().collect()
}

/// `field` is where the order stands in the request.
fn order(field: &str, part: &PartOrder, violations: &mut Violations) -> Option<command::PartOrder> {
    let unit = fields::parsed(&format!("{field}.unit"), &part.unit, violations);
    let task = fields::text(&format!("{field}.task"), &part.task, NOTE_CHARS_MAX, violations);
    let answer_within =
        fields::seconds(&format!("{field}.answer_within"), part.answer_within.as_ref(), violations);
    Some(command::PartOrder { unit: unit?, task, answer_within })
}

fn part_number(number: u32, violations: &mut Violations) -> Option<u32> {
    if number == 0 {
        violations.add("part_number", "is 0; the number of a part, from 1 on, would be right");
        return None;
    }
    Some(number)
}
