//! `huying ledger figures`: what was counted of a unit, a region, a representative, or of all there is.

use clap::Args;
use huying_proto::{
    events::v1::Tier,
    ledger::v1::{
        CategoryCount, Counts, Flow, FlowKind, GetOverviewRequest, GetOverviewResponse,
        GetRegionFiguresRequest, GetRegionFiguresResponse, GetRepresentativeArchiveRequest,
        GetRepresentativeArchiveResponse, GetUnitHistoryRequest, GetUnitHistoryResponse, MonthCounts,
        NamedCounts,
    },
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
  huying ledger figures --overview

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

    /// Of the whole municipality: what came of all cases, where, and how they went between the tiers
    #[arg(long)]
    overview: bool,
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
    if arguments.overview {
        let overview = context
            .call(Service::Ledger, || {
                let mut client = client.clone();
                async move { client.get_overview(GetOverviewRequest {}).await }
            })
            .await?;
        return context.output.result(|| overview_for_people(&overview), || overview_json(&overview));
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
    let total = history.total.unwrap_or_default();
    let besides = text::facts(&[
        ("answered along", format!("{} as part of another case", total.answered_along)),
        ("expired", total.expired.to_string()),
        ("urged", total.urged.to_string()),
        ("asked for time", total.extensions_requested.to_string()),
        ("transferred", total.transferred.to_string()),
        ("parts", total.parts.to_string()),
        ("parts answered", with_share(total.parts_answered, total.parts)),
    ]);
    let mut tables = vec![over_time(Some(&total), &history.months), besides, named("PEER", &history.peers)];
    if history.alike.len() > 1 {
        tables.push(named("ALIKE ELSEWHERE", &history.alike));
    }
    format!("{}\nof the tree of {} leaves", tables.join("\n\n"), history.tree_size)
}

fn region_for_people(figures: &GetRegionFiguresResponse) -> String {
    let mut tables = vec![over_time(figures.total.as_ref(), &figures.months)];
    if !figures.regions.is_empty() {
        tables.push(below(&figures.regions, figures.own.as_ref()));
    }
    if figures.peers.len() > 1 {
        tables.push(named("PEER", &figures.peers));
    }
    if !figures.categories.is_empty() {
        tables.push(categories(&figures.categories));
    }
    format!("{}\nof the tree of {} leaves", tables.join("\n\n"), figures.tree_size)
}

fn overview_for_people(overview: &GetOverviewResponse) -> String {
    let mut tables = vec![
        over_time(overview.total.as_ref(), &overview.months),
        below(&overview.regions, overview.own.as_ref()),
    ];
    if !overview.flows.is_empty() {
        let rows: Vec<Vec<String>> = overview
            .flows
            .iter()
            .map(|flow| {
                let known = |named: Tier| tier(named).unwrap_or("(not known)").to_owned();
                vec![
                    flow_word(flow.kind()).to_owned(),
                    known(flow.from_tier()),
                    known(flow.to_tier()),
                    flow.times.to_string(),
                ]
            })
            .collect();
        tables.push(text::table(&["WAY", "FROM", "TO", "TIMES"], &rows));
    }
    if !overview.categories.is_empty() {
        tables.push(categories(&overview.categories));
    }
    format!("{}\nof the tree of {} leaves", tables.join("\n\n"), overview.tree_size)
}

/// The regions below one, and what lies in none of them.
fn below(regions: &[NamedCounts], own: Option<&Counts>) -> String {
    let mut rows = regions.to_vec();
    rows.push(NamedCounts { code: "(in none)".into(), name: String::new(), counts: own.copied() });
    named("BELOW", &rows)
}

fn categories(counts: &[CategoryCount]) -> String {
    let rows: Vec<Vec<String>> =
        counts.iter().map(|count| vec![category_word(count).to_owned(), count.cases.to_string()]).collect();
    text::table(&["CATEGORY", "CASES"], &rows)
}

fn flow_word(kind: FlowKind) -> &'static str {
    match kind {
        FlowKind::Delegated => "delegated",
        FlowKind::Escalated => "escalated",
        FlowKind::Transferred => "transferred",
        FlowKind::Returned => "returned",
        FlowKind::Unspecified => "(not known)",
    }
}

/// `None` where the reference data does not have the unit.
fn tier(tier: Tier) -> Option<&'static str> {
    match tier {
        Tier::Municipal => Some("municipal"),
        Tier::District => Some("district"),
        Tier::Township => Some("township"),
        Tier::Unspecified => None,
    }
}

fn category_word(count: &CategoryCount) -> &str {
    if count.category.is_empty() { "(not classified)" } else { &count.category }
}

fn archive_for_people(archive: &GetRepresentativeArchiveResponse) -> String {
    text::facts(&[
        ("representative", archive.designation.clone()),
        ("received", archive.received.to_string()),
        ("claimed", archive.claimed.to_string()),
        ("taken on", archive.taken_on.to_string()),
        ("answered", with_share(archive.answered, archive.taken_on)),
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
        ("not yet rated", format!("{} of the answered, which are not over", total.awaiting_rating)),
        ("silent", format!("{} of the answered are over and were never rated", total.silent)),
        ("declined", format!("{} of the received", total.declined)),
        ("withdrawn", format!("{} of the received", total.withdrawn)),
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
        .map(|named| {
            row(format!("{} {}", named.code, named.name).trim_end(), &named.counts.unwrap_or_default())
        })
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
        "alike": named_json(&history.alike),
        "tree_size": history.tree_size,
    })
}

fn region_figures_json(region: &str, figures: &GetRegionFiguresResponse) -> Value {
    json!({
        "region": region,
        "total": counts_json(figures.total.as_ref()),
        "months": months_json(&figures.months),
        "regions": named_json(&figures.regions),
        "own": counts_json(figures.own.as_ref()),
        "peers": named_json(&figures.peers),
        "categories": categories_json(&figures.categories),
        "tree_size": figures.tree_size,
    })
}

fn overview_json(overview: &GetOverviewResponse) -> Value {
    let flow_months: Vec<Value> = overview
        .flow_months
        .iter()
        .map(|month| json!({ "month": month.month, "flows": flows_json(&month.flows) }))
        .collect();
    json!({
        "total": counts_json(overview.total.as_ref()),
        "months": months_json(&overview.months),
        "regions": named_json(&overview.regions),
        "own": counts_json(overview.own.as_ref()),
        "flows": flows_json(&overview.flows),
        "flow_months": flow_months,
        "categories": categories_json(&overview.categories),
        "tree_size": overview.tree_size,
    })
}

fn flows_json(flows: &[Flow]) -> Vec<Value> {
    flows
        .iter()
        .map(|flow| {
            json!({
                "kind": flow_word(flow.kind()),
                "from_tier": tier(flow.from_tier()),
                "to_tier": tier(flow.to_tier()),
                "times": flow.times,
            })
        })
        .collect()
}

fn categories_json(counts: &[CategoryCount]) -> Vec<Value> {
    counts
        .iter()
        .map(|count| json!({ "category": text_json(&count.category), "cases": count.cases }))
        .collect()
}

fn archive_json(representative: &str, archive: &GetRepresentativeArchiveResponse) -> Value {
    json!({
        "representative": representative,
        "designation": archive.designation,
        "received": archive.received,
        "claimed": archive.claimed,
        "taken_on": archive.taken_on,
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
        "awaiting_rating": counts.awaiting_rating,
        "answered_along": counts.answered_along,
        "open": counts.open,
        "overdue": counts.overdue,
        "declined": counts.declined,
        "withdrawn": counts.withdrawn,
        "returned": counts.returned,
        "extensions_granted": counts.extensions_granted,
        "supervised": counts.supervised,
        "criticised": counts.criticised,
        "expired": counts.expired,
        "parts": counts.parts,
        "parts_answered": counts.parts_answered,
        "transferred": counts.transferred,
        "extensions_requested": counts.extensions_requested,
        "urged": counts.urged,
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
            ..GetUnitHistoryResponse::default()
        };
        let shown = unit_for_people(&history);
        for part in
            ["3 (75.0%)", "1 (50.0%)", "2026-11", "1d 1h or less", "u 住建局", "of the tree of 42 leaves"]
        {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert!(shown.contains("returned       7"), "{shown}");
    }
    #[test]
    fn the_overview_shows_what_lies_in_no_region_below_and_the_ways_between_the_tiers() {
        let counts = |received| Counts { received, ..Counts::default() };
        let flow = |kind: FlowKind, from: Tier, times| Flow {
            kind: kind.into(),
            from_tier: from.into(),
            to_tier: Tier::Municipal.into(),
            times,
        };
        let overview = GetOverviewResponse {
            total: Some(counts(7)),
            regions: vec![NamedCounts {
                code: "150802".into(),
                name: "临河区".into(),
                counts: Some(counts(4)),
            }],
            own: Some(counts(3)),
            flows: vec![
                flow(FlowKind::Escalated, Tier::Township, 5),
                flow(FlowKind::Transferred, Tier::Unspecified, 1),
            ],
            categories: vec![CategoryCount { category: String::new(), cases: 7 }],
            tree_size: 42,
            ..GetOverviewResponse::default()
        };
        let shown = overview_for_people(&overview);
        let lines: Vec<Vec<&str>> =
            shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
        let has = |words: &[&str]| lines.iter().any(|line| line.starts_with(words));
        for words in [
            &["150802", "临河区", "4"][..],
            &["(in", "none)", "3"],
            &["escalated", "township", "municipal", "5"],
            &["transferred", "(not", "known)", "municipal", "1"],
            &["(not", "classified)", "7"],
        ] {
            assert!(has(words), "{words:?} in {shown}");
        }
        let json = overview_json(&overview);
        assert_eq!((&json["own"]["received"], &json["flows"][1]["from_tier"]), (&json!(3), &Value::Null));
    }
}
