//! The command line: the commands, and the options that all of them have.
//!
//! Settings are not read from the environment by clap but by [`crate::environment`], because a trial installation's
//! `.run/env` stands behind the environment and nothing may be written to the environment.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::{
    Timestamp,
    civil::Date,
    tz::{self, TimeZone},
};

use crate::commands;

const AFTER_HELP: &str = "\
Examples:
  huying submit --region 150802001 --title '暖气不热' --body '三号楼室温只有十二度。'
  huying track RECEIPT --wait-for assigned
  huying work --unit 150802001-housing
  huying case accept CASE_ID
  huying watch --unit 150802-housing
  huying ledger verify CASE_ID

Exit codes:
  0  ok
  1  something unexpected, or a service that cannot be reached
  2  the command line, a file or a setting is wrong
  3  refused: invalid argument, failed precondition, already exists, version mismatch
  4  not found
  5  not authorised: no token, a bad one, or one that does not allow this
  6  verification failed: what the ledger shows does not prove true
  7  timed out

Settings come from the options, else from the environment, else from the .run/env of a trial
installation (./deploy/up) at or above the current directory. With --json, results are JSON on
standard output, one document a line, and errors are JSON on standard error.";

/// Huying 呼应: submit and follow messages, handle cases, read and verify the public ledger
#[derive(Debug, Parser)]
#[command(name = "huying", version, after_help = AFTER_HELP, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct GlobalArgs {
    /// Print JSON: results on standard output, errors on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Address of the intake service, such as http://127.0.0.1:7101 [env: HUYING_INTAKE]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) intake: Option<String>,

    /// Address of the routing service [env: HUYING_ROUTING]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) routing: Option<String>,

    /// Address of the notify service [env: HUYING_NOTIFY]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) notify: Option<String>,

    /// Address of the ledger service [env: HUYING_LEDGER]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) ledger: Option<String>,

    /// How long to wait for one answer of a service
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(crate) request_timeout: Duration,
}

#[cfg(test)]
impl Default for GlobalArgs {
    fn default() -> Self {
        Self {
            json: false,
            intake: None,
            routing: None,
            notify: None,
            ledger: None,
            request_timeout: Duration::from_secs(10),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Submit a citizen's message and get its receipt
    Submit(commands::submit::SubmitArgs),
    /// See how a case goes, by its receipt
    Track(commands::track::TrackArgs),
    /// Rate the outcome of a case, by its receipt
    Rate(commands::rate::RateArgs),
    /// Take a case back, by its receipt
    Withdraw(commands::withdraw::WithdrawArgs),
    /// List what a unit has to do, oldest deadline first
    Work(commands::work::WorkArgs),
    /// Receive what is given to a unit and taken from it
    Watch(commands::watch::WatchArgs),
    /// Handle a case, or look at it as a handler does
    Case(commands::case::CaseArgs),
    /// Give many commands at once, from a file
    Batch(commands::batch::BatchArgs),
    /// Have a picture kept, for a progress report or a reply
    Picture(commands::picture::PictureArgs),
    /// Receive notifications as they come
    Subscribe(commands::subscribe::SubscribeArgs),
    /// Read and verify the public ledger
    Ledger(commands::ledger::LedgerArgs),
    /// Import reference data from CSV files
    Import(commands::import::ImportArgs),
    /// Propose, try, activate and take back routing rules
    Rules(commands::rules::RulesArgs),
    /// Make a token with an installation's signing key
    Token(commands::token::TokenArgs),
    /// Make the keys of an installation
    Keys(commands::keys::KeysArgs),
    /// See messages that a service could not process, and have them tried again
    DeadLetters(commands::dead_letters::DeadLettersArgs),
    /// Play a day of sample messages
    Sample(commands::sample::SampleArgs),
}

/// Reads "5s", "2h 30m", "30d".
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; a duration looks like 5s, 2h or 30d"))
}

/// Reads a moment of RFC 3339, or a day, which begins at midnight in China (UTC+8, without summer time since 1991).
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    if text.len() != "2026-03-01".len() {
        return text.parse().map_err(|error| not_a_moment(&error));
    }
    let day: Date = text.parse().map_err(|error| not_a_moment(&error))?;
    let midnight = day.to_zoned(TimeZone::fixed(tz::offset(8))).map_err(|error| not_a_moment(&error))?;
    Ok(midnight.timestamp())
}

fn not_a_moment(error: &jiff::Error) -> String {
    format!("{error}; a day looks like 2026-03-01, a moment like 2026-03-01T09:00:00+08:00")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    fn assert_shows_examples(command: &clap::Command, name: &str) {
        for verb in command.get_subcommands() {
            let name = format!("{name} {}", verb.get_name());
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("huying "), "{name} has no example");
            assert_shows_examples(verb, &name);
        }
    }

    #[test]
    fn every_command_shows_an_example() {
        assert_shows_examples(&Cli::command(), "huying");
    }

    #[test]
    fn durations_are_written_with_their_unit() {
        assert_eq!(duration("2h 30m").unwrap(), Duration::from_secs(9_000));
        assert!(duration("5").is_err());
    }

    #[test]
    fn a_day_begins_at_midnight_in_china() {
        assert_eq!(moment("2026-03-01").unwrap().to_string(), "2026-02-28T16:00:00Z");
        assert_eq!(moment("2026-03-01T09:00:00+08:00").unwrap().to_string(), "2026-03-01T01:00:00Z");
        for wrong in ["yesterday", "2026-02-30", "2026-03-01T09:00:00"] {
            assert!(moment(wrong).unwrap_err().contains("a day looks like"), "{wrong}");
        }
    }
}
