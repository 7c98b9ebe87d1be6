//! One file a verb. Only here do transactions begin and commit; each reads top to bottom: begin, load, decide, save,
//! append to the outbox, commit.

pub mod activate_rules;
pub mod fire_deadlines;
pub mod forget_requests;
pub mod get_case;
pub mod get_rule_set;
pub mod import_directory;
pub mod list_cases;
pub mod list_directory;
pub mod list_rule_sets;
pub mod propose_rules;
pub mod run_commands;
pub mod take_up_requests;
pub mod take_up_submissions;
pub mod watch_assignments;

mod desk;
