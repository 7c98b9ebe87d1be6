//! `huying work`: what a unit has to do.

use clap::Args;
use huying_proto::routing::v1::{Case, ListCasesRequest};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    arguments::moment,
    context::{Context, Service, authorised},
    failure::Failure,
    identity::{Identity, IdentityArgs, token_or},
    shapes::{case_json, micros, protobuf_timestamp, region_code},
    text,
    words::{self, Kind, Stage, State, kind_parser, stage_parser, state_parser},
};

const PAGE_SIZE_MAX: u32 = 500;
const TITLE_COLUMNS: usize = 40;

const AFTER_HELP: &str = "\
Examples:
  huying work --unit 150802-housing
  huying work --region 150802 --state assigned --state in_handling
  huying work --unit 150802-office --overdue --json
  huying work --region 150802 --category 城乡建设/供热 --kind message --submitted-from 2026-03-01

Without --state, cases in every open state are listed, oldest deadline first. A day given to
--submitted-from or --submitted-before begins at midnight in China. Without a token, the call is
made in the name of --unit, or of the operator.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct WorkArgs {
    /// Cases this unit is responsible for or has an open part of or, for an office, holds
    #[arg(long, value_name = "CODE")]
    unit: Option<String>,

    /// Only in the subtree of this region
    #[arg(long, value_name = "CODE")]
    region: Option<String>,

    /// Only in this state; may be given several times
    #[arg(long, value_parser = state_parser())]
    state: Vec<State>,

    /// Only in this stage; may be given several times
    #[arg(long, value_parser = stage_parser())]
    stage: Vec<Stage>,

    /// Only those that bear the overdue mark, or whose deadline has passed
    #[arg(long)]
    overdue: bool,

    /// Only of this kind; may be given several times
    #[arg(long, value_parser = kind_parser())]
    kind: Vec<Kind>,

    /// Only of this category and those below it
    #[arg(long, value_name = "PATH")]
    category: Option<String>,

    /// Only those addressed to this representative or their station, or claimed by them
    #[arg(long, value_name = "CODE")]
    representative: Option<String>,

    /// Only those submitted at this time or after it: a day such as 2026-03-01, or a moment of RFC 3339
    #[arg(long, value_name = "TIME", value_parser = moment)]
    submitted_from: Option<Timestamp>,

    /// Only those submitted before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    submitted_before: Option<Timestamp>,

    /// How many cases to list at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,

    #[command(flatten)]
    identity: IdentityArgs,
}

pub(crate) async fn run(context: &Context, arguments: WorkArgs) -> Result<(), Failure> {
    let proposed = match &arguments.unit {
        // An installation may have units whose codes do not say whose they are; an operator sees those too.
        Some(unit) => Identity::parse(unit).unwrap_or(Identity::Operator),
        None => Identity::Operator,
    };
    let token = token_or(context, &arguments.identity, &proposed)?;
    let client = context.cases()?;
    let mut request = ListCasesRequest {
        unit: arguments.unit.unwrap_or_default(),
        states: arguments.state.iter().map(|state| state.0.into()).collect(),
        region_code: arguments.region.unwrap_or_default(),
        overdue_only: arguments.overdue,
        page_size: 0,
        page_token: String::new(),
        stages: arguments.stage.iter().map(|stage| stage.0.into()).collect(),
        category: arguments.category.unwrap_or_default(),
        representative_code: arguments.representative.unwrap_or_default(),
        submitted_from: arguments.submitted_from.map(protobuf_timestamp),
        submitted_before: arguments.submitted_before.map(protobuf_timestamp),
        kinds: arguments.kind.iter().map(|kind| kind.0.into()).collect(),
    };
    let limit = arguments.limit as usize;
    let mut cases: Vec<Case> = Vec::new();
    let has_more = loop {
        let missing = u32::try_from(limit - cases.len()).unwrap_or(PAGE_SIZE_MAX);
        request.page_size = missing.min(PAGE_SIZE_MAX);
        let page = context
            .call(Service::Routing, || {
                let mut client = client.clone();
                let request = authorised(request.clone(), &token);
                async move { client.list_cases(request?).await }
            })
            .await?;
        cases.extend(page.cases);
        cases.truncate(limit);
        if page.next_page_token.is_empty() {
            break false;
        }
        if cases.len() == limit {
            break true;
        }
        request.page_token = page.next_page_token;
    };
    context.output.result(
        || for_people(&cases, has_more),
        || json!({ "cases": cases.iter().map(case_json).collect::<Vec<_>>(), "has_more": has_more }),
    )
}

fn for_people(cases: &[Case], has_more: bool) -> String {
    if cases.is_empty() {
        return "nothing to do".to_owned();
    }
    let now = Timestamp::now();
    let rows: Vec<Vec<String>> = cases.iter().map(|case| row(case, now)).collect();
    let mut shown = text::table(&["DEADLINE", "STATE", "NEXT TO ACT", "REGION", "CASE", "TITLE"], &rows);
    if has_more {
        shown.push_str("\nthere are more: --limit N shows them");
    }
    shown
}

fn row(case: &Case, now: Timestamp) -> Vec<String> {
    let header = case.header.clone().unwrap_or_default();
    let standing = case.standing.clone().unwrap_or_default();
    let overdue = if standing.overdue { " OVERDUE" } else { "" };
    vec![
        text::deadline(micros(standing.deadline_at_us), now),
        format!("{}{overdue}", words::state(standing.state)),
        standing.responsible_unit,
        region_code(header.region.as_ref()).to_owned(),
        case.case_id.clone(),
        text::shortened(&text::line(&header.title), TITLE_COLUMNS),
    ]
}
