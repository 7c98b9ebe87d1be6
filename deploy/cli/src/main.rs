//! `huying`: the command line of Huying, for people and scripts.
//!
//! It speaks to the services over the same public contracts as everybody else and keeps nothing. The ledger is verified
//! with code of its own ([`verify`]). Parses the command line, runs one command, tells the shell how it went.

mod acts;
mod arguments;
mod commands;
mod context;
mod environment;
mod failure;
mod files;
mod following;
mod http;
mod identity;
mod jwt;
mod output;
mod patience;
mod pictures;
mod progress;
mod routing_commands;
mod shapes;
mod text;
mod verify;
mod words;

use std::process::ExitCode;

use clap::{Parser as _, error::ErrorKind};

use crate::{
    arguments::{Cli, Command},
    context::Context,
    environment::Environment,
    failure::{Exit, Failure},
    output::Output,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse_command_line(&error),
    };
    let context = Context::new(&cli.global, Environment::read());
    let output = context.output;
    if let Some(why) = context.environment.ignored() {
        output.remark(why);
    }
    match Box::pin(run(cli.command, context)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure.exit() != Exit::Ok {
                output.failure(&failure);
            }
            ExitCode::from(failure.exit() as u8)
        }
    }
}

async fn run(command: Command, context: Context) -> Result<(), Failure> {
    match command {
        Command::Submit(arguments) => commands::submit::run(&context, arguments).await,
        Command::Track(arguments) => commands::track::run(&context, &arguments).await,
        Command::Rate(arguments) => commands::rate::run(&context, arguments).await,
        Command::Withdraw(arguments) => commands::withdraw::run(&context, arguments).await,
        Command::Work(arguments) => commands::work::run(&context, arguments).await,
        Command::Watch(arguments) => commands::watch::run(&context, arguments).await,
        Command::Case(arguments) => commands::case::run(&context, arguments).await,
        Command::Batch(arguments) => commands::batch::run(&context, &arguments).await,
        Command::Picture(arguments) => commands::picture::run(context, arguments).await,
        Command::Subscribe(arguments) => commands::subscribe::run(&context, arguments).await,
        Command::Ledger(arguments) => commands::ledger::run(&context, arguments).await,
        Command::Import(arguments) => commands::import::run(context, arguments).await,
        Command::Rules(arguments) => commands::rules::run(context, arguments).await,
        Command::Token(arguments) => commands::token::run(&context, &arguments),
        Command::Keys(arguments) => commands::keys::run(&context, &arguments),
        Command::DeadLetters(arguments) => commands::dead_letters::run(&context, arguments).await,
        Command::Sample(arguments) => commands::sample::run(context, arguments).await,
    }
}

/// Prints help and version as asked, and a wrong command line as an error in the form that was asked for. The exit
/// code of clap for a wrong command line, 2, is ours too.
fn refuse_command_line(error: &clap::Error) -> ExitCode {
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if !is_help && std::env::args_os().any(|argument| argument == "--json") {
        let message = error.to_string();
        let message = message.trim().strip_prefix("error: ").unwrap_or(message.trim());
        Output::Json.failure(&Failure::usage(message));
    } else {
        // When nobody reads the message any more, the exit code still says it.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8))
}
