//! The reference data as decisions need it: the directory with its rules indexed, the limits and the calendar.
//!
//! Made once for each snapshot of the directory, and shared by all decisions until the next one.

use std::sync::Arc;

use huying_platform::{codes::Tier, directory::Directory, status::chain};
use huying_proto::events::v1::{self as proto, Actor, CaseKind};
use jiff::Timestamp;

use crate::domain::{
    calendar::{Calendar, CalendarDay, DayKind},
    decide::Context,
    policies::{Policies, Policy},
    routing_rules::RoutingIndex,
};

/// One view of everything a decision goes by.
#[derive(Debug)]
pub struct Reference {
    /// The rules, over the directory.
    pub routing: RoutingIndex,
    /// The limits in force: those that were imported, and the built-in ones where none was.
    pub policies: Policies,
    /// The calendar in force: the years that were imported, and the built-in ones of all others.
    pub calendar: Calendar,
}

impl Reference {
    /// Prepares a snapshot. `rule_set_version` is that of the rules in it.
    #[must_use]
    pub fn new(directory: Arc<Directory>, rule_set_version: u64) -> Self {
        let policies = Policies::new(directory.policies().iter().filter_map(policy));
        let days: Vec<CalendarDay> = directory.calendar_days().iter().filter_map(calendar_day).collect();
        let calendar = if days.is_empty() {
            Calendar::built_in()
        } else {
            Calendar::announced(directory.revision(), days)
        };
        Self { routing: RoutingIndex::new(directory, rule_set_version), policies, calendar }
    }

    /// The snapshot.
    #[must_use]
    pub const fn directory(&self) -> &Arc<Directory> {
        self.routing.directory()
    }

    /// What a decision at a moment, asked for by somebody, goes by.
    #[must_use]
    pub fn context(&self, now: Timestamp, actor: Actor) -> Context<'_> {
        Context {
            now,
            actor,
            directory: self.directory(),
            policies: &self.policies,
            calendar: &self.calendar,
        }
    }
}

/// The import lets nothing through that cannot be read. A row that was edited by hand is left out, and said so.
fn policy(entry: &proto::Policy) -> Option<Policy> {
    let limit = entry.limit.parse().inspect_err(|error| unreadable(&entry.limit, error)).ok()?;
    let step = entry.step.parse().inspect_err(|error| unreadable(&entry.step, error)).ok()?;
    let kind = match entry.kind() {
        CaseKind::Unspecified => None,
        kind @ (CaseKind::Message
        | CaseKind::Suggestion
        | CaseKind::ProjectProposal
        | CaseKind::DraftComment
        | CaseKind::Appointment) => Some(kind),
    };
    let tier = Tier::try_from(entry.tier()).ok();
    Some(Policy { kind, category: entry.category.clone(), tier, step, limit })
}

fn calendar_day(entry: &proto::CalendarDay) -> Option<CalendarDay> {
    let date = entry.date.parse().inspect_err(|error| unreadable(&entry.date, error)).ok()?;
    let kind = if entry.working { DayKind::Workday } else { DayKind::Holiday };
    Some(CalendarDay { date, kind, name: entry.name.clone(), provisional: entry.provisional })
}

fn unreadable(text: &str, error: &(dyn std::error::Error + 'static)) {
    tracing::error!(text, error = chain(error), "an entry of the directory cannot be read and is left out");
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{DirectoryEntry, directory_entry::Entry};

    use super::*;
    use crate::domain::policies::PolicyStep;

    fn reference(entries: Vec<Entry>) -> Reference {
        let entries =
            entries.into_iter().map(|entry| DirectoryEntry { entry: Some(entry), ..Default::default() });
        Reference::new(Arc::new(Directory::new(7, entries)), 0)
    }

    fn reply_to_a_message(reference: &Reference) -> String {
        reference.policies.find(PolicyStep::Reply, CaseKind::Message, "", Tier::District).to_string()
    }

    #[test]
    fn without_an_import_the_built_in_limits_and_calendar_hold() {
        let reference = reference(Vec::new());
        assert_eq!(reply_to_a_message(&reference), "message * * reply 13wd");
        assert_eq!(reference.calendar, Calendar::built_in());
    }

    #[test]
    fn what_was_imported_holds_before_what_is_built_in() {
        let limit = proto::Policy { step: "reply".into(), limit: "90s".into(), ..Default::default() };
        let day =
            proto::CalendarDay { date: "2030-05-01".into(), name: "劳动节".into(), ..Default::default() };
        let reference = reference(vec![Entry::Policy(limit), Entry::CalendarDay(day)]);
        assert_eq!(reply_to_a_message(&reference), "* * * reply 90s");
        let accept = reference.policies.find(PolicyStep::Accept, CaseKind::Message, "", Tier::District);
        assert_eq!(accept.limit.to_string(), "1wd");
        assert_eq!(reference.calendar.revision(), 7);
        assert!(!reference.calendar.is_working_day("2030-05-01".parse().unwrap()));
        assert!(!reference.calendar.is_working_day("2026-10-01".parse().unwrap()), "other years stay");
    }

    #[test]
    fn an_entry_that_was_edited_by_hand_is_left_out() {
        let limit = proto::Policy { step: "reply".into(), limit: "soon".into(), ..Default::default() };
        assert_eq!(reply_to_a_message(&reference(vec![Entry::Policy(limit)])), "message * * reply 13wd");
    }
}
