//! `huying sample play`: a day of messages, played through the public contracts.
//!
//! - [`script`]: the file's format, one message a line with the steps of its case.
//! - [`play`]: one case, from submission to its last step.

mod play;
mod script;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use self::{
    play::{Player, Problem},
    script::Script,
};
use crate::{
    context::Context,
    failure::{Exit, Failure},
    identity::{no_identity, signing_key},
};

/// The sample day is played right after an import, and perhaps while a service starts: calls are tried more often.
const ATTEMPTS: u32 = 8;
/// How often progress is told at most.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

const AFTER_HELP: &str = "\
Examples:
  huying sample play deploy/sample/day.jsonl
  huying sample play deploy/sample/day.jsonl --parallel 16 --json

Acts in the name of every office and department, and so needs HUYING_SIGNING_KEY, as in a trial
installation. What has been played is not played again: a second run goes on where the first was
interrupted. The exit code is 1 when a step failed.";

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  huying sample play deploy/sample/day.jsonl")]
pub(crate) struct SampleArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Play a file of sample messages: submit each and take its case through its steps
    #[command(after_help = AFTER_HELP)]
    Play {
        /// File with one message a line, as JSON
        file: PathBuf,
        /// Cases that are played at the same time
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
        parallel: u16,
    },
}

pub(crate) async fn run(context: Context, arguments: SampleArgs) -> Result<(), Failure> {
    let Action::Play { file, parallel } = arguments.action;
    if signing_key(&context)?.is_none() {
        return Err(no_identity("the offices and departments of the sample"));
    }
    let scripts = script::read(&file)?;
    play::check_services(&context).await?;
    let context = context.with_patience(ATTEMPTS);
    let player = Player::new(&context, &scripts)?;
    let problems = play_all(&context, &player, &scripts, usize::from(parallel)).await?;
    tell(&context, &scripts, &problems)
}

async fn play_all(
    context: &Context,
    player: &Player<'_>,
    scripts: &[Script],
    parallel: usize,
) -> Result<Vec<Problem>, Failure> {
    let mut cases =
        stream::iter(scripts).map(|script| Box::pin(player.play(script))).buffer_unordered(parallel);
    let started = Instant::now();
    let mut told = started;
    let mut problems = Vec::new();
    let mut played = 0_usize;
    while let Some(outcome) = cases.next().await {
        played += 1;
        if let Err(problem) = outcome {
            context.output.remark(&problem.in_one_line());
            problems.push(problem);
        }
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            let seconds = started.elapsed().as_secs();
            context
                .output
                .progress(&format!("{played} of {} cases played after {seconds}s", scripts.len()))?;
        }
    }
    Ok(problems)
}

fn tell(context: &Context, scripts: &[Script], problems: &[Problem]) -> Result<(), Failure> {
    let steps: usize = scripts.iter().map(|script| script.steps.len()).sum();
    context.output.result(
        || format!("{} cases with {steps} steps played, {} failed", scripts.len(), problems.len()),
        || {
            let failed: Vec<Value> = problems.iter().map(Problem::to_json).collect();
            json!({ "cases": scripts.len(), "steps": steps, "failed": failed })
        },
    )?;
    if problems.is_empty() {
        return Ok(());
    }
    let message = format!("{} of {} cases were not played to the end", problems.len(), scripts.len());
    Err(Failure::new(Exit::Unexpected, message))
}
