//! `huying ledger figures`: what was counted of a unit, a region or a representative.

use clap::Args;
use huying_proto::ledger::v1::{
    CategoryCount, Counts, GetRegionFiguresRequest, GetRegionFiguresResponse,
    GetRepresentativeArchiveRequest, GetRepresentativeArchiveResponse, GetUnitHistoryRequest,
    GetUnitHistoryResponse, MonthCounts, NamedCounts,
};
use serde_json::{Value, json};

use crate::{
    context::{Context, Service},
    failure::Failure,
    shapes::{text_json, time_json, timestamp},
    text,
};

const HEADING: [&str; 9] =
    ["", "RECEIVED", "REPLIED", "IN TIME", "RATED", "RESOLVED", "SATISFIED", "OPEN", "OVERDUE"];

const AFTER_HELP: &str = "\
Examples:
  huying ledger figures --unit 150802-housing
  huying ledger figures --region 150802 --json
  huying ledger figures --representative r-150802001-003

Behind each number, in brackets, is its share: of the replied in the received 响应率, of those in
time in the replied 按时率, of the resolved 解决率 and of the satisfied 满意率 in the rated. Everybody
can recompute them from the leaves: huying ledger audit";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
#[group(required = true, multiple = false)]
pub(super) struct FiguresArgs {
    /// Of this office or department, with its peers
    #[arg(long, value_name = "CODE")]
    unit: Option<String>,

    /// Of this region with all below it
    #[arg(long, value_name = "CODE")]
    region: Option<String>,

    /// Of this representative: the duty archive 履职档案
    #[arg(long, value_name = "CODE")]
    representative: Option<String>,
}

pub(super) async fn run(context: &Context, arguments: &FiguresArgs) -> Result<(), Failure> {
    let client = context.figures()?;
    if let Some(unit) = &arguments.unit {
        let history = context
            .call(Service::Ledger, || {
                let mut client = client.clone();
                let request = GetUnitHistoryRequest { unit: unit.clone() };
                async move { client.get_unit_history(request).await }
            })
            .await?;
        return context.output.result(|| unit_for_people(&history), || unit_json(unit, &history));
    }
    if let Some(region) = &arguments.region {
        let figures = context
            .call(Service::Ledger, || {
                let mut client = client.clone();
                let request = GetRegionFiguresRequest { region_code: region.clone() };
                async move { client.get_region_figures(request).await }
            })
            .await?;
        return context
            .output
            .result(|| region_for_people(&figures), || region_figures_json(region, &figures));
    }
    let representative = arguments.representative.clone().unwrap_or_default();
    let archive = context
        .call(Service::Ledger, || {
            let mut client = client.clone();
            let request = GetRepresentativeArchiveRequest { representative: representative.clone() };
            async move { client.get_representative_archive(request).await }
        })
        .await?;
    context.output.result(|| archive_for_people(&archive), || archive_json(&representative, &archive))
}

fn unit_for_people(history: &GetUnitHistoryResponse) -> String {
    let tables = [over_time(history.total.as_ref(), &history.months), named("PEER", &history.peers)];
    format!("{}\nof the tree of {} leaves", tables.join("\n\n"), history.tree_size)
}

fn region_for_people(figures: &GetRegionFiguresResponse) -> String {
    let mut tables = vec![over_time(figures.total.as_ref(), &figures.months)];
    if !figures.regions.is_empty() {
        tables.push(named("BELOW", &figures.regions));
    }
    if !figures.categories.is_empty() {
        let rows: Vec<Vec<String>> = figures
            .categories
            .iter()
            .map(|count| vec![category_word(count).to_owned(), count.cases.to_string()])
            .collect();
        tables.push(text::table(&["CATEGORY", "CASES"], &rows));
    }
    format!("{}\nof the tree of {} leaves", tables.join("\n\n"), figures.tree_size)
}

fn category_word(count: &CategoryCount) -> &str {
    if count.category.is_empty() { "(not classified)" } else { &count.category }
}

fn archive_for_people(archive: &GetRepresentativeArchiveResponse) -> String {
    text::facts(&[
        ("representative", archive.designation.clone()),
        ("received", archive.received.to_string()),
        ("claimed", archive.claimed.to_string()),
        ("answered", archive.answered.to_string()),
        ("replied", archive.replied.to_string()),
        ("rated", archive.rated.to_string()),
        ("resolved", with_share(archive.resolved, archive.rated)),
        ("satisfied", with_share(archive.satisfied, archive.rated)),
        ("urged", archive.urged.to_string()),
        ("progress", archive.progress_reported.to_string()),
        ("time to answer", median(archive.median_answer_seconds, archive.answered)),
        ("last act", text::moment(timestamp(archive.last_act_at.as_ref()))),
        ("leaves", archive.tree_size.to_string()),
    ])
}

/// The total, and the months below it.
fn over_time(total: Option<&Counts>, months: &[MonthCounts]) -> String {
    let total = total.copied().unwrap_or_default();
    let mut rows = vec![row("all time", &total)];
    rows.extend(months.iter().map(|month| row(&month.month, &month.counts.unwrap_or_default())));
    let facts = text::facts(&[
        ("silent", format!("{} of the replied were never rated", total.silent)),
        ("time to reply", median(total.median_reply_seconds, total.replied)),
        ("returned", total.returned.to_string()),
        ("extended", total.extensions_granted.to_string()),
        ("supervised", total.supervised.to_string()),
        ("criticised", total.criticised.to_string()),
    ]);
    format!("{}\n\n{facts}", text::table(&HEADING, &rows))
}

fn named(of: &str, counts: &[NamedCounts]) -> String {
    let mut heading = HEADING;
    heading[0] = of;
    let rows: Vec<Vec<String>> = counts
        .iter()
        .map(|named| row(&format!("{} {}", named.code, named.name), &named.counts.unwrap_or_default()))
        .collect();
    text::table(&heading, &rows)
}

fn row(name: &str, counts: &Counts) -> Vec<String> {
    vec![
        name.to_owned(),
        counts.received.to_string(),
        with_share(counts.replied, counts.received),
        with_share(counts.replied_in_time, counts.replied),
        counts.rated.to_string(),
        with_share(counts.resolved, counts.rated),
        with_share(counts.satisfied, counts.rated),
        counts.open.to_string(),
        counts.overdue.to_string(),
    ]
}

/// A number, and its share in percent, rounded half up, where there is anything to have a share of.
fn with_share(count: u64, of: u64) -> String {
    let tenths = u128::from(count) * 2_000 + u128::from(of);
    match tenths.checked_div(u128::from(of) * 2) {
        Some(tenths) => format!("{count} ({}.{}%)", tenths / 10, tenths % 10),
        None => count.to_string(),
    }
}

/// Half of them took no longer.
fn median(seconds: u64, count: u64) -> String {
    if count == 0 { String::new() } else { format!("{} or less for half of them", text::duration(seconds)) }
}

fn unit_json(unit: &str, history: &GetUnitHistoryResponse) -> Value {
    json!({
        "unit": unit,
        "total": counts_json(history.total.as_ref()),
        "months": months_json(&history.months),
        "peers": named_json(&history.peers),
        "tree_size": history.tree_size,
    })
}

fn region_figures_json(region: &str, figures: &GetRegionFiguresResponse) -> Value {
    let categories: Vec<Value> = figures
        .categories
        .iter()
        .map(|count| json!({ "category": text_json(&count.category), "cases": count.cases }))
        .collect();
    json!({
        "region": region,
        "total": counts_json(figures.total.as_ref()),
        "months": months_json(&figures.months),
        "regions": named_json(&figures.regions),
        "categories": categories,
        "tree_size": figures.tree_size,
    })
}

fn archive_json(representative: &str, archive: &GetRepresentativeArchiveResponse) -> Value {
    json!({
        "representative": representative,
        "designation": archive.designation,
        "received": archive.received,
        "claimed": archive.claimed,
        "answered": archive.answered,
        "replied": archive.replied,
        "urged": archive.urged,
        "progress_reported": archive.progress_reported,
        "rated": archive.rated,
        "resolved": archive.resolved,
        "satisfied": archive.satisfied,
        "median_answer_seconds": median_json(archive.median_answer_seconds, archive.answered),
        "last_act_at": time_json(timestamp(archive.last_act_at.as_ref())),
        "tree_size": archive.tree_size,
    })
}

fn months_json(months: &[MonthCounts]) -> Vec<Value> {
    months
        .iter()
        .map(|month| json!({ "month": month.month, "counts": counts_json(month.counts.as_ref()) }))
        .collect()
}

fn named_json(counts: &[NamedCounts]) -> Vec<Value> {
    counts
        .iter()
        .map(|named| {
            json!({
                "code": named.code,
                "name": text_json(&named.name),
                "counts": counts_json(named.counts.as_ref()),
            })
        })
        .collect()
}

fn counts_json(counts: Option<&Counts>) -> Value {
    let counts = counts.copied().unwrap_or_default();
    json!({
        "received": counts.received,
        "replied": counts.replied,
        "replied_in_time": counts.replied_in_time,
        "rated": counts.rated,
        "resolved": counts.resolved,
        "satisfied": counts.satisfied,
        "silent": counts.silent,
        "open": counts.open,
        "overdue": counts.overdue,
        "returned": counts.returned,
        "extensions_granted": counts.extensions_granted,
        "supervised": counts.supervised,
        "criticised": counts.criticised,
        "median_reply_seconds": median_json(counts.median_reply_seconds, counts.replied),
    })
}

/// The contract's 0 is none where there was nothing to take the median of.
fn median_json(seconds: u64, count: u64) -> Value {
    if count == 0 { Value::Null } else { json!(seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_nothing_is_none() {
        assert_eq!(with_share(1, 3), "1 (33.3%)");
        assert_eq!(with_share(2, 3), "2 (66.7%)");
        assert_eq!(with_share(3, 3), "3 (100.0%)");
        assert_eq!(with_share(0, 0), "0");
        assert_eq!(median_json(0, 0), Value::Null);
        assert_eq!(median_json(0, 2), json!(0));
    }

    #[test]
    fn every_figure_of_a_unit_is_shown() {
        let counts = Counts { received: 4, replied: 3, rated: 2, satisfied: 1, ..Counts::default() };
        let history = GetUnitHistoryResponse {
            total: Some(Counts { median_reply_seconds: 90_000, returned: 7, ..counts }),
            months: vec![MonthCounts { month: "2026-11".into(), counts: Some(counts) }],
            peers: vec![NamedCounts { code: "u".into(), name: "住建局".into(), counts: None }],
            tree_size: 42,
        };
        let shown = unit_for_people(&history);
        for part in
            ["3 (75.0%)", "1 (50.0%)", "2026-11", "1d 1h or less", "u 住建局", "of the tree of 42 leaves"]
        {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert!(shown.contains("returned       7"), "{shown}");
    }
}
