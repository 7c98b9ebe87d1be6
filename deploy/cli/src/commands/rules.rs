//! `huying rules`: routing rules as sets, tried on past cases before they decide new ones.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};
use huying_proto::routing::v1::{
    ActivateRulesRequest, ChangedRoute, GetRuleSetRequest, ListRuleSetsRequest, ProposeRulesRequest,
    ProposeRulesResponse, RuleRemark, RuleSet,
};
use serde_json::{Value, json};

use crate::{
    context::{Context, Service, authorised},
    failure::{Exit, Failure},
    identity::{Identity, IdentityArgs, token_or},
    shapes::{text_json, time_json, timestamp, trace_json},
    text,
};

/// What the contract takes of rules.csv.
const RULES_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// A set is tried on up to 20,000 cases before the answer comes.
const PROPOSAL_TIMEOUT: Duration = Duration::from_secs(120);
const PAGE_SIZE_MAX: u32 = 200;
const NOTE_COLUMNS: usize = 40;
/// Versions that are looked through for the active one: a change every day for more than ten years.
const PAGES_MAX: usize = 25;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  huying rules propose rules.csv --note '供热改由旗县办理'\n  huying rules activate 4\n  huying rules list\n  huying rules show 4 --csv > rules.csv\n\nWithout a token, the call is made in the operator's name."
)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a set of rules, try it on past cases, and keep it without activating it
    #[command(
        after_help = "Examples:\n  huying rules propose rules.csv --note '供热改由旗县办理'\n  huying rules propose rules.csv --note '试行' --past-cases 20000 --json"
    )]
    Propose {
        /// File with the rules, as rules.csv of an import
        file: PathBuf,
        /// What the set is for, 1 to 500 characters
        #[arg(long)]
        note: String,
        /// How many of the latest cases it is tried on
        #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        past_cases: u32,
        #[command(flatten)]
        identity: IdentityArgs,
    },
    /// Make a version the active one; an earlier version takes a change back
    #[command(
        after_help = "Examples:\n  huying rules activate 4\n  huying rules activate 3 --expected-active 4"
    )]
    Activate {
        /// The version
        #[arg(value_name = "VERSION")]
        rule_set: u64,
        /// Only when this version is active now; that which is active when the command begins, when not given
        #[arg(long, value_name = "VERSION")]
        expected_active: Option<u64>,
        #[command(flatten)]
        identity: IdentityArgs,
    },
    /// List versions, newest first
    #[command(after_help = "Example:\n  huying rules list --limit 10")]
    List {
        /// How many versions to list at most
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=5_000))]
        limit: u32,
        #[command(flatten)]
        identity: IdentityArgs,
    },
    /// Show the rules of a version
    #[command(after_help = "Examples:\n  huying rules show 4\n  huying rules show 4 --csv > rules.csv")]
    Show {
        /// The version
        #[arg(value_name = "VERSION")]
        rule_set: u64,
        /// Print the file alone, as it was proposed
        #[arg(long)]
        csv: bool,
        #[command(flatten)]
        identity: IdentityArgs,
    },
}

pub(crate) async fn run(context: Context, arguments: RulesArgs) -> Result<(), Failure> {
    let token = |identity: &IdentityArgs| token_or(&context, identity, &Identity::Operator);
    match arguments.action {
        Action::Propose { file, note, past_cases, identity } => {
            let token = token(&identity)?;
            propose(context, &file, note, past_cases, &token).await
        }
        Action::Activate { rule_set, expected_active, identity } => {
            activate(&context, rule_set, expected_active, &token(&identity)?).await
        }
        Action::List { limit, identity } => list(&context, limit as usize, &token(&identity)?).await,
        Action::Show { rule_set, csv, identity } => show(&context, rule_set, csv, &token(&identity)?).await,
    }
}

async fn propose(
    context: Context,
    file: &Path,
    note: String,
    past_cases: u32,
    token: &str,
) -> Result<(), Failure> {
    let context = context.with_request_timeout_at_least(PROPOSAL_TIMEOUT);
    let request = ProposeRulesRequest { rules_csv: read_rules(file)?, note, past_cases };
    let mut client = context.rules()?;
    // Once only: each proposal is a version of its own.
    let request = authorised(request, token);
    let report = context
        .call_once(Service::Routing, async move { client.propose_rules(request?).await })
        .await
        .map_err(|failure| {
            if failure.outcome_is_unknown() {
                return failure
                    .with_hint("the outcome is unknown; huying rules list shows whether it was kept");
            }
            failure
        })?;
    context.output.result(|| proposal_for_people(&report), || proposal_json(&report))
}

fn read_rules(file: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::usage(format!("{} cannot be read: {error}", file.display()));
    if fs::metadata(file).map_err(unreadable)?.len() > RULES_BYTES_MAX {
        return Err(Failure::usage(format!("{} is larger than 2 MiB", file.display())));
    }
    fs::read(file).map_err(unreadable)
}

async fn activate(
    context: &Context,
    version: u64,
    expected_active: Option<u64>,
    token: &str,
) -> Result<(), Failure> {
    let expected_active_version = match expected_active {
        Some(expected) => expected,
        None => active_version(context, token).await?,
    };
    let client = context.rules()?;
    let answer = context
        .call(Service::Routing, || {
            let mut client = client.clone();
            let request = authorised(ActivateRulesRequest { version, expected_active_version }, token);
            async move { client.activate_rules(request?).await }
        })
        .await?;
    context.output.result(
        || {
            text::facts(&[
                ("active", answer.version.to_string()),
                ("before", expected_active_version.to_string()),
                ("revision", answer.directory_revision.to_string()),
            ])
        },
        || {
            json!({
                "version": answer.version,
                "previous_version": expected_active_version,
                "directory_revision": answer.directory_revision,
            })
        },
    )
}

/// The version that is active now.
async fn active_version(context: &Context, token: &str) -> Result<u64, Failure> {
    let mut request = ListRuleSetsRequest { page_size: PAGE_SIZE_MAX, before_version: 0 };
    for _ in 0..PAGES_MAX {
        let page = list_page(context, &request, token).await?;
        if let Some(active) = page.iter().find(|set| set.active) {
            return Ok(active.version);
        }
        match page.last() {
            Some(oldest) => request.before_version = oldest.version,
            None => break,
        }
    }
    Err(Failure::new(Exit::NotFound, "no version of the rules is active")
        .with_hint("huying import with rules.csv makes and activates one; or give --expected-active"))
}

async fn list(context: &Context, limit: usize, token: &str) -> Result<(), Failure> {
    let mut request = ListRuleSetsRequest::default();
    let mut sets: Vec<RuleSet> = Vec::new();
    loop {
        request.page_size = u32::try_from(limit - sets.len()).unwrap_or(PAGE_SIZE_MAX).min(PAGE_SIZE_MAX);
        let page = list_page(context, &request, token).await?;
        let Some(oldest) = page.last() else { break };
        request.before_version = oldest.version;
        sets.extend(page);
        if sets.len() >= limit {
            sets.truncate(limit);
            break;
        }
    }
    context.output.result(
        || list_for_people(&sets),
        || json!({ "rule_sets": sets.iter().map(rule_set_json).collect::<Vec<_>>() }),
    )
}

async fn list_page(
    context: &Context,
    request: &ListRuleSetsRequest,
    token: &str,
) -> Result<Vec<RuleSet>, Failure> {
    let client = context.rules()?;
    let page = context
        .call(Service::Routing, || {
            let mut client = client.clone();
            let request = authorised(*request, token);
            async move { client.list_rule_sets(request?).await }
        })
        .await?;
    Ok(page.rule_sets)
}

async fn show(context: &Context, version: u64, csv_alone: bool, token: &str) -> Result<(), Failure> {
    let client = context.rules()?;
    let found = context
        .call(Service::Routing, || {
            let mut client = client.clone();
            let request = authorised(GetRuleSetRequest { version }, token);
            async move { client.get_rule_set(request?).await }
        })
        .await?;
    let csv = String::from_utf8(found.rules_csv)
        .map_err(|_| Failure::unexpected(format!("the rules of version {version} are no UTF-8")))?;
    let set = found.rule_set.unwrap_or_default();
    context.output.result(
        || {
            let csv = text::lines(csv.trim_end_matches('\n'));
            if csv_alone { csv } else { format!("{}\n\n{csv}", set_facts(&set)) }
        },
        || json!({ "rule_set": rule_set_json(&set), "rules_csv": csv }),
    )
}

fn set_facts(set: &RuleSet) -> String {
    text::facts(&[
        ("version", format!("{}{}", set.version, if set.active { " (active)" } else { "" })),
        ("note", set.note.clone()),
        ("rules", set.rules.to_string()),
        ("proposed", format!("{} by {}", text::moment(timestamp(set.proposed_at.as_ref())), set.proposed_by)),
        (
            "activated",
            timestamp(set.activated_at.as_ref())
                .map_or_else(String::new, |at| format!("{} by {}", text::moment(Some(at)), set.activated_by)),
        ),
    ])
}

fn list_for_people(sets: &[RuleSet]) -> String {
    if sets.is_empty() {
        return "no rules have been imported or proposed".to_owned();
    }
    let rows: Vec<Vec<String>> = sets
        .iter()
        .map(|set| {
            vec![
                set.version.to_string(),
                if set.active { "active".to_owned() } else { String::new() },
                set.rules.to_string(),
                text::moment(timestamp(set.proposed_at.as_ref())),
                set.proposed_by.clone(),
                text::moment(timestamp(set.activated_at.as_ref())),
                text::shortened(&text::line(&set.note), NOTE_COLUMNS),
            ]
        })
        .collect();
    text::table(&["VERSION", "", "RULES", "PROPOSED", "BY", "ACTIVATED", "NOTE"], &rows)
}

fn rule_set_json(set: &RuleSet) -> Value {
    json!({
        "version": set.version,
        "note": set.note,
        "active": set.active,
        "rules": set.rules,
        "proposed_by": set.proposed_by,
        "proposed_at": time_json(timestamp(set.proposed_at.as_ref())),
        "activated_by": text_json(&set.activated_by),
        "activated_at": time_json(timestamp(set.activated_at.as_ref())),
    })
}

fn proposal_for_people(report: &ProposeRulesResponse) -> String {
    let mut shown = text::facts(&[
        ("version", report.version.to_string()),
        ("tried on", format!("{} past cases", report.tried)),
        ("elsewhere", report.changed.to_string()),
        ("newly decided", report.newly_decided.to_string()),
        ("not decided any more", report.no_longer_decided.to_string()),
        ("activate", format!("huying rules activate {}", report.version)),
    ]);
    for (heading, remarks) in [("shadowed", &report.shadowed), ("unused", &report.unused)] {
        for remark in remarks {
            let said = format!("{heading}, line {}: {} — {}", remark.line, remark.rule, remark.remark);
            shown.push_str(&format!("\n{}", text::line(&said)));
        }
    }
    if !report.examples.is_empty() {
        let nobody = |unit: &str| if unit.is_empty() { "(a person)".to_owned() } else { unit.to_owned() };
        let rows: Vec<Vec<String>> = report
            .examples
            .iter()
            .map(|example| {
                let why = example.trace.as_ref().map(|trace| trace.conclusion.clone()).unwrap_or_default();
                vec![
                    example.case_id.clone(),
                    nobody(&example.active_unit),
                    nobody(&example.proposed_unit),
                    why,
                ]
            })
            .collect();
        shown.push_str(&format!("\n\n{}", text::table(&["CASE", "NOW", "PROPOSED", "WHY"], &rows)));
    }
    shown
}

fn proposal_json(report: &ProposeRulesResponse) -> Value {
    json!({
        "version": report.version,
        "tried": report.tried,
        "changed": report.changed,
        "no_longer_decided": report.no_longer_decided,
        "newly_decided": report.newly_decided,
        "examples": report.examples.iter().map(example_json).collect::<Vec<_>>(),
        "shadowed": report.shadowed.iter().map(remark_json).collect::<Vec<_>>(),
        "unused": report.unused.iter().map(remark_json).collect::<Vec<_>>(),
    })
}

fn example_json(example: &ChangedRoute) -> Value {
    json!({
        "case_id": example.case_id,
        "active_unit": text_json(&example.active_unit),
        "proposed_unit": text_json(&example.proposed_unit),
        "trace": trace_json(example.trace.as_ref()),
    })
}

fn remark_json(remark: &RuleRemark) -> Value {
    json!({ "line": remark.line, "rule": remark.rule, "remark": remark.remark })
}
