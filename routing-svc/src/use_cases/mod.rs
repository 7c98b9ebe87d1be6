//! One file a verb. Only here do transactions begin and commit; each reads top to bottom: begin, load, decide, save,
//! append to the outbox, commit.

pub mod fire_deadlines;
pub mod get_case;
pub mod import_directory;
pub mod list_cases;
pub mod list_directory;
pub mod run_command;
pub mod take_up_requests;
pub mod take_up_submissions;

mod entry;
