//! `huying ledger`: the public account, as everybody may read it.

use clap::{Args, Subcommand};
use huying_proto::ledger::v1::{
    CaseSummary, GetCaseRequest, GetCaseResponse, Line, ListCasesRequest, ListCasesResponse,
};
use serde_json::{Value, json};

use super::ledger_verify::{self, VerifyArgs};
use crate::{
    context::{Context, Service},
    failure::Failure,
    shapes::{actor_json, actor_words, region_code, region_json, text_json, time_json, timestamp},
    text,
    words::{self, State, state_parser},
};

const PAGE_SIZE_MAX: u32 = 500;
/// How far the ledger counts; one more means more than that.
const COUNTED_MAX: u64 = 10_000;
const TITLE_COLUMNS: usize = 40;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  huying ledger list --region 150802\n  huying ledger show CASE_ID\n  huying ledger verify CASE_ID\n\nNo token is needed: the ledger is public."
)]
pub(crate) struct LedgerArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List cases, latest submission first
    List(ListArgs),
    /// Show a case with its timeline
    #[command(after_help = "Examples:\n  huying ledger show CASE_ID\n  huying ledger show CASE_ID --json")]
    Show {
        /// Id of the case
        case_id: String,
    },
    /// Prove what the ledger shows
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  huying ledger list\n  huying ledger list --unit 150802-housing --state replied --json\n  huying ledger list --region 150802001 --overdue --limit 200"
)]
struct ListArgs {
    /// Only in the subtree of this region
    #[arg(long, value_name = "CODE")]
    region: Option<String>,

    /// Only of this unit
    #[arg(long, value_name = "CODE")]
    unit: Option<String>,

    /// Only in this state; may be given several times
    #[arg(long, value_parser = state_parser())]
    state: Vec<State>,

    /// Only those that are overdue
    #[arg(long)]
    overdue: bool,

    /// How many cases to list at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

pub(crate) async fn run(context: &Context, arguments: LedgerArgs) -> Result<(), Failure> {
    match arguments.action {
        Action::List(arguments) => list(context, arguments).await,
        Action::Show { case_id } => show(context, &case_id).await,
        Action::Verify(arguments) => ledger_verify::run(context, &arguments).await,
    }
}

async fn list(context: &Context, arguments: ListArgs) -> Result<(), Failure> {
    let limit = arguments.limit as usize;
    let mut request = ListCasesRequest {
        region_code: arguments.region.unwrap_or_default(),
        unit: arguments.unit.unwrap_or_default(),
        states: arguments.state.iter().map(|state| state.0.into()).collect(),
        overdue_only: arguments.overdue,
        ..ListCasesRequest::default()
    };
    let mut cases: Vec<CaseSummary> = Vec::new();
    let total = loop {
        request.page_size = u32::try_from(limit - cases.len()).unwrap_or(PAGE_SIZE_MAX).min(PAGE_SIZE_MAX);
        let page = list_page(context, &request).await?;
        cases.extend(page.cases);
        cases.truncate(limit);
        if page.next_page_token.is_empty() || cases.len() == limit {
            break page.total;
        }
        request.page_token = page.next_page_token;
    };
    context.output.result(
        || list_for_people(&cases, total),
        || json!({ "cases": cases.iter().map(summary_json).collect::<Vec<_>>(), "total": total }),
    )
}

/// One page of the ledger's cases.
pub(super) async fn list_page(
    context: &Context,
    request: &ListCasesRequest,
) -> Result<ListCasesResponse, Failure> {
    let client = context.ledger()?;
    context
        .call(Service::Ledger, || {
            let mut client = client.clone();
            let request = request.clone();
            async move { client.list_cases(request).await }
        })
        .await
}

/// A case as the ledger shows it.
pub(super) async fn shown_case(context: &Context, case_id: &str) -> Result<GetCaseResponse, Failure> {
    let client = context.ledger()?;
    context
        .call(Service::Ledger, || {
            let mut client = client.clone();
            let request = GetCaseRequest { case_id: case_id.to_owned() };
            async move { client.get_case(request).await }
        })
        .await
}

async fn show(context: &Context, case_id: &str) -> Result<(), Failure> {
    let shown = shown_case(context, case_id).await?;
    context.output.result(
        || case_for_people(&shown),
        || {
            json!({
                "case": shown.case.as_ref().map(summary_json),
                "lines": shown.lines.iter().map(line_json).collect::<Vec<_>>(),
            })
        },
    )
}

fn list_for_people(cases: &[CaseSummary], total: u64) -> String {
    if cases.is_empty() {
        return "no cases".to_owned();
    }
    let rows: Vec<Vec<String>> = cases
        .iter()
        .map(|case| {
            let overdue = if case.overdue { " OVERDUE" } else { "" };
            let title = if case.title.is_empty() { "(not public)" } else { &case.title };
            vec![
                text::moment(timestamp(case.submitted_at.as_ref())),
                format!("{}{overdue}", words::state(case.state)),
                case.responsible_unit.clone(),
                region_code(case.region.as_ref()).to_owned(),
                case.case_id.clone(),
                text::shortened(&text::line(title), TITLE_COLUMNS),
            ]
        })
        .collect();
    let table = text::table(&["SUBMITTED", "STATE", "UNIT", "REGION", "CASE", "TITLE"], &rows);
    let total = if total > COUNTED_MAX { format!("{COUNTED_MAX}+") } else { total.to_string() };
    format!("{table}\n{} of {total} cases", cases.len())
}

fn case_for_people(shown: &GetCaseResponse) -> String {
    let case = shown.case.clone().unwrap_or_default();
    let overdue = if case.overdue { ", overdue" } else { "" };
    let mut text = text::facts(&[
        ("case", case.case_id),
        ("title", if case.title.is_empty() { "(not public)".to_owned() } else { case.title }),
        ("kind", words::kind(case.kind)),
        ("category", case.category),
        ("region", region_code(case.region.as_ref()).to_owned()),
        ("submitted", text::moment(timestamp(case.submitted_at.as_ref()))),
        ("state", format!("{}{overdue} (version {})", words::state(case.state), case.case_version)),
        ("held by", case.holder_office),
        ("unit", case.responsible_unit),
        ("open parts", if case.open_parts > 0 { case.open_parts.to_string() } else { String::new() }),
        ("people", if case.petitioner_count > 1 { case.petitioner_count.to_string() } else { String::new() }),
        ("part of", case.merged_into),
    ]);
    for line in &shown.lines {
        text.push_str(&format!("\n\n{}", line_for_people(line)));
    }
    text
}

fn line_for_people(line: &Line) -> String {
    let mut shown = format!(
        "v{}  {}  {}  by {}  (leaf {})",
        line.case_version,
        text::moment(timestamp(line.occurred_at.as_ref())),
        text::line(&line.event_type),
        text::line(&actor_words(line.actor.as_ref())),
        line.leaf_index,
    );
    for beside in &line.texts {
        let name = text::line(&beside.name);
        if beside.erased {
            shown.push_str(&format!("\n    {name}: (deleted)"));
        } else if beside.salt.is_empty() {
            shown.push_str(&format!("\n    {name}: (not public)"));
        } else {
            shown.push_str(&format!("\n    {name}:\n{}", text::indented(&beside.text, 6)));
        }
    }
    shown
}

fn summary_json(case: &CaseSummary) -> Value {
    json!({
        "case_id": case.case_id,
        "kind": words::kind(case.kind),
        "state": words::state(case.state),
        "region": region_json(case.region.as_ref()),
        "title": text_json(&case.title),
        "category": text_json(&case.category),
        "holder_office": text_json(&case.holder_office),
        "responsible_unit": text_json(&case.responsible_unit),
        "overdue": case.overdue,
        "open_parts": case.open_parts,
        "petitioner_count": case.petitioner_count,
        "merged_into": text_json(&case.merged_into),
        "case_version": case.case_version,
        "submitted_at": time_json(timestamp(case.submitted_at.as_ref())),
        "updated_at": time_json(timestamp(case.updated_at.as_ref())),
    })
}

fn line_json(line: &Line) -> Value {
    let texts: Vec<Value> = line
        .texts
        .iter()
        .map(|beside| {
            let is_public = !beside.salt.is_empty();
            json!({
                "name": beside.name,
                "text": if is_public { json!(beside.text) } else { Value::Null },
                "commitment": beside.commitment,
                "salt": text_json(&beside.salt),
                "erased": beside.erased,
            })
        })
        .collect();
    json!({
        "case_version": line.case_version,
        "event_type": line.event_type,
        "occurred_at": time_json(timestamp(line.occurred_at.as_ref())),
        "actor": actor_json(line.actor.as_ref()),
        "leaf_index": line.leaf_index,
        "leaf": line.leaf,
        "texts": texts,
    })
}
