//! `deploy/bench`: what Huying does in a second on this machine, beside what this machine can do at all.
//!
//! Absolute numbers of one machine say little, so each run measures floors first: an echo of the same message, inserts
//! of the same rows, JetStream batches of the same size, an fsync. Rounds are interleaved, medians are quoted with
//! their spread, and ratios are taken within the run. At the end every acknowledged case is looked up: done once, in
//! order.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod account;
mod cpu;
mod floors;
mod load;
mod reading;
mod report;
mod words;

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use huying_tests::{environment, installation::Installation, servers::Servers};
use sqlx::ConnectOptions as _;

use crate::{load::Load, report::Report};

/// Measures Huying beside the floors of the machine.
#[derive(Debug, Parser)]
#[command(name = "huying-bench")]
struct Arguments {
    /// Seconds each measurement takes, in each round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Rounds; every figure is the median over them
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Citizens who submit at the same time
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    citizens: u64,
    /// Cases a second at which latencies are taken, evenly spaced whatever the answers do
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    rate: u64,
    /// Cases among which is read at the end; 0 leaves reading out
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    cases: u64,
    /// Writes the figures to a file as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut report = Report::default();
    let outcome = run(&arguments, &mut report).await;
    // What was measured before something failed is worth as much as ever.
    print!("{}", report.table());
    if let Some(file) = &arguments.json {
        std::fs::write(file, report.json())?;
    }
    let checked = outcome?;
    println!("\n{checked} acknowledged cases, each completed once and in the order of its versions.");
    Ok(())
}

/// Measures everything; how many acknowledged cases were found completed.
async fn run(arguments: &Arguments, report: &mut Report) -> anyhow::Result<usize> {
    let span = Duration::from_secs(arguments.seconds);
    let citizens = usize::try_from(arguments.citizens)?;
    let servers = Servers::at(environment("HUYING_BENCH_POSTGRES"), environment("HUYING_BENCH_NATS"));
    let bin_dir: PathBuf = environment("HUYING_BENCH_BIN_DIR").into();

    eprintln!("starting an installation and importing the sample municipality");
    let mut installation = Installation::start(servers.clone(), bin_dir, &[], 1).await;
    installation.import_sample().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    for (service, pid) in installation.pids() {
        report.add("idle memory", &format!("{service}-svc"), "MiB", cpu::resident_mib(pid));
    }

    let mut load = Load::prepare(&installation).await;
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}: floors", arguments.rounds);
        report.add(
            "floor",
            "fsync of 4 KiB",
            "/s",
            floors::fsync(&installation.directory, span.min(Duration::from_secs(2))),
        );
        report.add("floor", "echo", "calls/s", floors::echo(citizens, span).await?);
        report.add(
            "floor",
            "PostgreSQL, batches of 256",
            "rows/s",
            floors::inserts(&servers.postgres, span).await?,
        );
        report.add(
            "floor",
            "echo + one batched insert",
            "calls/s",
            floors::echo_and_insert(&servers.postgres, citizens, span).await?,
        );
        report.add(
            "floor",
            "JetStream, atomic batches of 500",
            "messages/s",
            floors::jetstream(&servers.nats, span).await?,
        );

        eprintln!("round {round}: submissions to intake alone");
        for service in ["routing", "notify", "ledger"] {
            installation.terminate(service, 0).await;
        }
        report.add(
            "huying",
            "submissions acknowledged, intake alone",
            "/s",
            load.submissions(citizens, span).await,
        );
        for service in ["routing", "notify", "ledger"] {
            installation.start_service(service, 0);
        }
        installation.ready().await;
        load.reconnect(&installation);
        load.drain().await;

        eprintln!("round {round}: cases completed by all four services");
        let cpu_before = cpu::Usage::now(&installation);
        let (completed, spans) = load.completions(citizens, span).await;
        report.add("huying", "cases completed", "/s", completed);
        for (process, share) in cpu::Usage::now(&installation).shares_since(&cpu_before, spans) {
            report.add("CPU while completing", &process, "% of one core", share);
        }

        eprintln!("round {round}: latency at {} cases a second", arguments.rate);
        let mut ledger = installation.database_options("ledger").connect().await?;
        let leaves_before = account::tree_size(&mut ledger).await?;
        let latencies = load.latencies(arguments.rate, span).await;
        for (name, histogram) in latencies.histograms() {
            for quantile in [0.5, 0.99] {
                let name = format!("{name}, p{}", (quantile * 100.0) as u32);
                report.add("latency", &name, "ms", histogram.value_at_quantile(quantile) as f64 / 1_000.0);
            }
        }
        account::leaf_to_checkpoint(&installation, leaves_before, report).await?;
    }
    for (service, pid) in installation.pids() {
        report.add("memory after the load", &format!("{service}-svc"), "MiB", cpu::resident_mib(pid));
    }

    eprintln!("checking that every acknowledged case was completed once, in order");
    let checked = load.check(&installation).await?;
    if arguments.cases > 0 {
        eprintln!("reading among {} cases", arguments.cases);
        // The others would go on working off what comes; they have been measured.
        for service in ["intake", "notify", "ledger"] {
            installation.terminate(service, 0).await;
        }
        reading::fill(&installation, usize::try_from(arguments.cases)?).await?;
        reading::measure(&installation, span, report).await?;
        eprintln!("appending what waits for the ledger, and reading the account");
        account::append(&mut installation, report).await?;
        account::read(&installation, span, &words::all(), report).await?;
    }
    report.ratio("submissions acknowledged, intake alone", "echo + one batched insert", 0.60);
    drop(load);
    installation.stop().await;
    Ok(checked)
}
