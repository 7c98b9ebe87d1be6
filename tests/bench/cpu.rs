//! Where processor time and memory go, as the kernel counts them under /proc.

use std::{collections::BTreeMap, fs, time::Duration};

use huying_tests::{environment, installation::Installation};

/// Clock ticks a second of /proc/PID/stat; Linux reports 100 on every architecture it runs on today.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor seconds used so far, by process; PostgreSQL's children are summed.
#[derive(Debug)]
pub(crate) struct Usage(BTreeMap<String, f64>);

impl Usage {
    pub(crate) fn now(installation: &Installation) -> Self {
        let mut seconds = BTreeMap::new();
        for (service, pid) in installation.pids() {
            seconds.insert(format!("{service}-svc"), ticks(pid, 11) / TICKS_PER_SECOND);
        }
        seconds.insert("nats-server".to_owned(), ticks(recorded_pid("nats"), 11) / TICKS_PER_SECOND);
        let postmaster = recorded_pid("postgres");
        // Children that live count by themselves, those that have ended count in the postmaster.
        let mut postgres = ticks(postmaster, 11) + ticks(postmaster, 13);
        for pid in all_pids() {
            if stat(pid).and_then(|fields| fields.get(1)?.parse::<u32>().ok()) == Some(postmaster) {
                postgres += ticks(pid, 11);
            }
        }
        seconds.insert("postgres".to_owned(), postgres / TICKS_PER_SECOND);
        seconds.insert("generator".to_owned(), ticks(std::process::id(), 11) / TICKS_PER_SECOND);
        Self(seconds)
    }

    /// Percent of one core, by process.
    pub(crate) fn shares_since(&self, before: &Self, span: Duration) -> Vec<(String, f64)> {
        self.0
            .iter()
            .map(|(process, seconds)| {
                let used = seconds - before.0.get(process).copied().unwrap_or(0.0);
                (process.clone(), 100.0 * used / span.as_secs_f64())
            })
            .collect()
    }
}

/// Resident memory of a process.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1_024.0
}

/// User and system ticks: field `first` after the process's name, and the one behind it.
fn ticks(pid: u32, first: usize) -> f64 {
    let field = |fields: &[String], at: usize| {
        fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0)
    };
    stat(pid).map_or(0.0, |fields| field(&fields, first) + field(&fields, first + 1))
}

fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn all_pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The process id that `deploy/bench` has noted for a server.
fn recorded_pid(name: &str) -> u32 {
    let record = format!("{}/pid/{name}", environment("HUYING_BENCH_RUN_DIR"));
    let text = fs::read_to_string(&record).unwrap_or_else(|error| panic!("{record}: {error}"));
    text.split_whitespace()
        .next()
        .and_then(|pid| pid.parse().ok())
        .unwrap_or_else(|| panic!("{record}: {text}"))
}
