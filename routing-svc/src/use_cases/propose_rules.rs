//! Keeps a set of rules as a version, after it was checked as an import would check it and tried on past cases.
//!
//! Nothing is decided by it until it is activated. Cases are read page by page, with no transaction open meanwhile, and tried
//! where computing does not keep other calls waiting.

use std::{collections::BTreeMap, sync::Arc};

use huying_platform::{
    codes::UnitCode,
    directory::{self, day_at},
};
use huying_proto::{
    events::v1::{RoutingRule, directory_entry::Entry},
    routing::v1::{ChangedRoute, ProposeRulesResponse, RuleRemark},
};

use crate::{
    domain::{
        import::{File, SentRow, check},
        routing_rules::{Change, Hopeless, Replay, RoutingIndex, hopeless_rules, rule_text},
    },
    error::Error,
    reference::Reference,
    service::Service,
    store::{
        directory::lock_import,
        past_cases,
        rule_sets::{self, NewRuleSet},
    },
};

/// Cases that are held in memory at once; each has a text of up to 20,000 characters.
const PAGE_CASES: u32 = 200;
/// Examples in an answer, as the contract gives it.
const EXAMPLES_MAX: usize = 200;
/// Remarks of each kind in an answer: more than anybody reads, and few enough for a message that every client takes.
const REMARKS_MAX: usize = 500;

/// A set of rules.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// rules.csv.
    pub csv: Vec<u8>,
    /// What it is for.
    pub note: String,
    /// Subject of the caller's token.
    pub by: String,
    /// How many of the latest cases it is tried on.
    pub past_cases: u32,
}

/// Checks, tries and keeps a set of rules.
///
/// # Errors
/// [`Error::FaultyImport`] with every fault, or when a statement fails.
pub async fn propose_rules(service: &Service, proposal: Proposal) -> Result<ProposeRulesResponse, Error> {
    let written = read_rules(service, &proposal.csv).await?;
    let reference = service.reference().await?;
    let (proposed, replay) = try_on_past_cases(service, &reference, &written, proposal.past_cases).await?;
    let directory = Arc::clone(reference.directory());
    let (proposed, hopeless) = tokio::task::spawn_blocking(move || {
        let hopeless = hopeless_rules(proposed.rules(), &directory);
        (proposed, hopeless)
    })
    .await?;

    let new = NewRuleSet {
        csv: proposal.csv,
        note: proposal.note,
        by: proposal.by,
        at: service.clock.now(),
        rules: count(written.len()),
        activate: false,
    };
    let mut transaction = service.db.begin().await?;
    lock_import(&mut transaction).await?;
    let version = rule_sets::record(&mut transaction, &new).await?;
    transaction.commit().await?;
    tracing::info!(version, rules = new.rules, subject = new.by, tried = replay.tried, "rules proposed");

    let remarks = Remarks { written: &written, rules: proposed.rules() };
    Ok(ProposeRulesResponse {
        version,
        tried: replay.tried,
        changed: replay.changed,
        no_longer_decided: replay.no_longer_decided,
        newly_decided: replay.newly_decided,
        shadowed: remarks.shadowed(&hopeless),
        unused: remarks.unused(&hopeless, &replay),
        examples: replay.examples.into_iter().map(|change| example(change, version)).collect(),
    })
}

/// A rule and its line.
#[derive(Debug, Clone)]
struct Written {
    line: u64,
    rule: RoutingRule,
}

/// Checks the file against the entries in place, as an import would.
async fn read_rules(service: &Service, csv: &[u8]) -> Result<Vec<Written>, Error> {
    let in_place = directory::load_all(&mut *service.db.acquire().await?).await?;
    let today = day_at(service.clock.now());
    let files = BTreeMap::from([(File::Rules, csv.to_vec())]);
    let rows = tokio::task::spawn_blocking(move || check(&files, in_place, today))
        .await?
        .map_err(Error::FaultyImport)?;
    let written = |SentRow { line, entry }: SentRow| match entry.entry {
        Some(Entry::Rule(rule)) => Some(Written { line, rule }),
        Some(
            Entry::Region(_)
            | Entry::Unit(_)
            | Entry::Representative(_)
            | Entry::Station(_)
            | Entry::Category(_)
            | Entry::Policy(_)
            | Entry::CalendarDay(_),
        )
        | None => None,
    };
    Ok(rows.into_iter().filter_map(written).collect())
}

/// Tries the rules on the latest cases, newest first, beside those in force.
async fn try_on_past_cases(
    service: &Service,
    reference: &Arc<Reference>,
    written: &[Written],
    cases_max: u32,
) -> Result<(Arc<RoutingIndex>, Replay), Error> {
    let rules: Vec<RoutingRule> = written.iter().map(|written| written.rule.clone()).collect();
    let active = Arc::clone(reference);
    // The version is not known before it is kept; the examples get it then.
    let proposed = Arc::new(tokio::task::spawn_blocking(move || active.routing.with_rules(rules, 0)).await?);
    let mut replay = Replay::default();
    let mut last = None;
    while replay.tried < cases_max {
        let wanted = PAGE_CASES.min(cases_max - replay.tried);
        let page = past_cases::page(&service.db, last, wanted).await?;
        let Some(oldest) = page.last() else { break };
        last = Some(oldest.case_id);
        let (active, proposed) = (Arc::clone(reference), Arc::clone(&proposed));
        replay = tokio::task::spawn_blocking(move || {
            for case in &page {
                replay.try_on(case, &active.routing, &proposed, EXAMPLES_MAX);
            }
            replay
        })
        .await?;
    }
    Ok((proposed, replay))
}

fn example(change: Change, version: u64) -> ChangedRoute {
    let unit = |unit: Option<UnitCode>| unit.map(|unit| unit.to_string()).unwrap_or_default();
    let mut trace = change.trace;
    trace.rule_set_version = version;
    ChangedRoute {
        case_id: change.case_id.to_string(),
        active_unit: unit(change.active),
        proposed_unit: unit(change.proposed),
        trace: Some(trace),
    }
}

/// What is to know of single rules.
struct Remarks<'a> {
    written: &'a [Written],
    rules: &'a [RoutingRule],
}

impl Remarks<'_> {
    fn shadowed(&self, hopeless: &[(usize, Hopeless)]) -> Vec<RuleRemark> {
        let shadowed = hopeless.iter().filter_map(|(rule, why)| match why {
            Hopeless::Shadowed { by } => Some((
                *rule,
                format!(
                    "wherever it applies, line {} applies, too, and wins: {}",
                    self.line(*by),
                    rule_text(&self.rules[*by])
                ),
            )),
            Hopeless::LeadsNowhere => None,
        });
        self.bounded(shadowed)
    }

    fn unused(&self, hopeless: &[(usize, Hopeless)], replay: &Replay) -> Vec<RuleRemark> {
        let why: BTreeMap<usize, &Hopeless> = hopeless.iter().map(|(rule, why)| (*rule, why)).collect();
        let unused = (0..self.rules.len()).filter_map(|rule| match why.get(&rule) {
            Some(Hopeless::Shadowed { .. }) => None,
            Some(Hopeless::LeadsNowhere) => {
                Some((rule, "nowhere in its region is there a department that it could lead to".to_owned()))
            }
            None if replay.has_won(rule) => None,
            None => Some((rule, format!("won none of {} past cases", replay.tried))),
        });
        self.bounded(unused)
    }

    /// Lists remarks up to the bound, and says of the others how many they are.
    fn bounded(&self, remarks: impl Iterator<Item = (usize, String)>) -> Vec<RuleRemark> {
        let mut listed = Vec::new();
        let mut unlisted = 0;
        for (rule, remark) in remarks {
            if listed.len() < REMARKS_MAX {
                listed.push(RuleRemark { line: self.line(rule), rule: rule_text(&self.rules[rule]), remark });
            } else {
                unlisted += 1;
            }
        }
        if unlisted > 0 {
            let remark = format!("{unlisted} more rules are like these");
            listed.push(RuleRemark { line: 0, rule: String::new(), remark });
        }
        listed
    }

    fn line(&self, rule: usize) -> u32 {
        self.written.get(rule).map_or(0, |written| u32::try_from(written.line).unwrap_or(u32::MAX))
    }
}

/// A file of 2 MiB has far fewer rules than a u32 counts.
fn count(rules: usize) -> u32 {
    u32::try_from(rules).unwrap_or(u32::MAX)
}
