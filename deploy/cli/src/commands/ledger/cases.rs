//! `huying ledger list`, `search` and `show`: cases, as the ledger shows them.

use clap::Args;
use huying_proto::ledger::v1::{
    CaseSummary, Discrepancy, Fragment, GetCaseRequest, GetCaseResponse, Line, ListCasesRequest,
    ListCasesResponse,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    arguments::moment,
    context::{Context, Service},
    failure::Failure,
    shapes::{
        actor_json, actor_words, protobuf_timestamp, region_code, region_json, text_json, time_json,
        timestamp,
    },
    text,
    words::{self, Kind, State, kind_parser, state_parser},
};

const PAGE_SIZE_MAX: u32 = 500;
/// How far the ledger counts; one more means more than that.
const COUNTED_MAX: u64 = 10_000;
const TITLE_COLUMNS: usize = 40;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  huying ledger list\n  huying ledger list --unit 150802-housing --state replied --json\n  huying ledger list --with 150802-housing --overdue\n  huying ledger list --region 150802001 --overdue --limit 200\n  huying ledger list --query '暖气 不热' --from 2026-11-01 --before 2026-12-01"
)]
pub(super) struct ListArgs {
    /// Only with these words in their public texts, best match first
    #[arg(long, value_name = "WORDS")]
    query: Option<String>,

    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  huying ledger search 暖气 不热\n  huying ledger search 路灯 --region 150802 --kind suggestion --from 2026-11-01\n\nAll of the words have to be in the case; of many, the longest. What was found is shown «between marks»."
)]
pub(super) struct SearchArgs {
    /// Words to find
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,

    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Debug, Args)]
struct FilterArgs {
    /// Only in the subtree of this region
    #[arg(long, value_name = "CODE")]
    region: Option<String>,

    /// Only those that this unit has had to do with: held, was to act on, replied to, or had a part of
    #[arg(long, value_name = "CODE")]
    unit: Option<String>,

    /// Only those that this unit has to act on now
    #[arg(long, value_name = "CODE")]
    with: Option<String>,

    /// Only in this state; may be given several times
    #[arg(long, value_parser = state_parser())]
    state: Vec<State>,

    /// Only of this kind; may be given several times
    #[arg(long, value_parser = kind_parser())]
    kind: Vec<Kind>,

    /// Only of this category or one below it, such as 城乡建设/供热
    #[arg(long, value_name = "PATH")]
    category: Option<String>,

    /// Only those addressed to this representative, or claimed by them
    #[arg(long, value_name = "CODE")]
    representative: Option<String>,

    /// Only those submitted at this moment or later, or from this day on
    #[arg(long, value_name = "DAY", value_parser = moment)]
    from: Option<Timestamp>,

    /// Only those submitted before this moment or day
    #[arg(long, value_name = "DAY", value_parser = moment)]
    before: Option<Timestamp>,

    /// Only those that are overdue
    #[arg(long)]
    overdue: bool,

    /// How many cases to list at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  huying ledger show CASE_ID\n  huying ledger show CASE_ID --json\n\nWhat the ledger finds to be otherwise than in its log is shown first; the exit code is 6 then.\nTo find out by yourself: huying ledger verify CASE_ID"
)]
pub(super) struct ShowArgs {
    /// Id of the case
    case_id: String,
}

pub(super) async fn list(context: &Context, arguments: ListArgs) -> Result<(), Failure> {
    find(context, arguments.query.unwrap_or_default(), arguments.filter).await
}

pub(super) async fn search(context: &Context, arguments: SearchArgs) -> Result<(), Failure> {
    find(context, arguments.words.join(" "), arguments.filter).await
}

async fn find(context: &Context, query: String, filter: FilterArgs) -> Result<(), Failure> {
    let limit = filter.limit as usize;
    let mut request = request(query, filter);
    let mut cases: Vec<CaseSummary> = Vec::new();
    let mut unreadable: Vec<String> = Vec::new();
    let total = loop {
        request.page_size = u32::try_from(limit - cases.len()).unwrap_or(PAGE_SIZE_MAX).min(PAGE_SIZE_MAX);
        let page = list_page(context, &request).await?;
        cases.extend(page.cases);
        cases.truncate(limit);
        unreadable.extend(page.unreadable_case_ids);
        if page.next_page_token.is_empty() || cases.len() == limit {
            break page.total;
        }
        request.page_token = page.next_page_token;
    };
    context.output.result(
        || list_for_people(&cases, &unreadable, total),
        || {
            json!({
                "cases": cases.iter().map(summary_json).collect::<Vec<_>>(),
                "unreadable": unreadable,
                "total": total,
            })
        },
    )?;
    match unreadable.len() {
        0 => Ok(()),
        count => Err(Failure::unverified(format!("{count} cases are kept in a way that makes no sense"))),
    }
}

fn request(query: String, filter: FilterArgs) -> ListCasesRequest {
    ListCasesRequest {
        query,
        region_code: filter.region.unwrap_or_default(),
        unit: filter.unit.unwrap_or_default(),
        responsible_unit: filter.with.unwrap_or_default(),
        states: filter.state.iter().map(|state| state.0.into()).collect(),
        kinds: filter.kind.iter().map(|kind| kind.0.into()).collect(),
        category: filter.category.unwrap_or_default(),
        representative_code: filter.representative.unwrap_or_default(),
        submitted_from: filter.from.map(protobuf_timestamp),
        submitted_before: filter.before.map(protobuf_timestamp),
        overdue_only: filter.overdue,
        ..ListCasesRequest::default()
    }
}

/// One page of the ledger's cases.
pub(in crate::commands) async fn list_page(
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

/// A case as the ledger shows it, with all of its lines.
pub(in crate::commands) async fn shown_case(
    context: &Context,
    case_id: &str,
) -> Result<GetCaseResponse, Failure> {
    let client = context.ledger()?;
    let mut request = GetCaseRequest { case_id: case_id.to_owned(), ..GetCaseRequest::default() };
    let mut shown = GetCaseResponse::default();
    loop {
        let page = context
            .call(Service::Ledger, || {
                let mut client = client.clone();
                let request = request.clone();
                async move { client.get_case(request).await }
            })
            .await?;
        shown.lines.extend(page.lines);
        for found in page.discrepancies {
            // What is wrong with the case as a whole is said with every page.
            if !shown.discrepancies.contains(&found) {
                shown.discrepancies.push(found);
            }
        }
        // The latest page has how the case stands last.
        shown.case = page.case;
        if page.next_version == 0 {
            return Ok(shown);
        }
        if page.next_version <= request.first_version {
            return Err(Failure::unexpected(format!(
                "the ledger goes back to version {} of the case",
                page.next_version
            )));
        }
        request.first_version = page.next_version;
    }
}

pub(super) async fn show(context: &Context, arguments: &ShowArgs) -> Result<(), Failure> {
    let shown = shown_case(context, &arguments.case_id).await?;
    context.output.result(
        || case_for_people(&shown),
        || {
            json!({
                "case": shown.case.as_ref().map(summary_json),
                "lines": shown.lines.iter().map(line_json).collect::<Vec<_>>(),
                "discrepancies": shown.discrepancies.iter().map(discrepancy_json).collect::<Vec<_>>(),
            })
        },
    )?;
    match shown.discrepancies.len() {
        0 => Ok(()),
        1 => Err(Failure::unverified("something of the case is not as the log has it")),
        count => Err(Failure::unverified(format!("{count} things of the case are not as the log has them"))),
    }
}

/// A discrepancy in a line.
pub(in crate::commands) fn discrepancy_line(found: &Discrepancy) -> String {
    let place = if found.case_version > 0 { format!(" v{}", found.case_version) } else { String::new() };
    text::line(&format!("{}{place}: {}", found.what, found.detail))
}

fn discrepancy_json(found: &Discrepancy) -> Value {
    json!({
        "case_version": if found.case_version > 0 { json!(found.case_version) } else { Value::Null },
        "what": found.what,
        "detail": found.detail,
    })
}

fn list_for_people(cases: &[CaseSummary], unreadable: &[String], total: u64) -> String {
    let mut lines: Vec<String> =
        unreadable.iter().map(|case_id| format!("NOT AS THE LOG HAS IT  {}", text::line(case_id))).collect();
    if cases.is_empty() {
        lines.push("no cases".to_owned());
        return lines.join("\n");
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
    for (place, line) in table.lines().enumerate() {
        lines.push(line.to_owned());
        // The heading has no case.
        let fragments = place.checked_sub(1).and_then(|place| cases.get(place)).map(|case| &case.fragments);
        if let Some(fragments) = fragments.filter(|fragments| !fragments.is_empty()) {
            lines.push(format!("    {}", marked(fragments)));
        }
    }
    let total = if total > COUNTED_MAX { format!("{COUNTED_MAX}+") } else { total.to_string() };
    lines.push(format!("{} of {total} cases", cases.len()));
    lines.join("\n")
}

/// A piece of a text in which the words that were found are «between marks».
fn marked(fragments: &[Fragment]) -> String {
    let piece = |fragment: &Fragment| match fragment.found {
        true => format!("«{}»", fragment.text),
        false => fragment.text.clone(),
    };
    text::line(&fragments.iter().map(piece).collect::<String>())
}

fn case_for_people(shown: &GetCaseResponse) -> String {
    let case = shown.case.clone().unwrap_or_default();
    let overdue = if case.overdue { ", overdue" } else { "" };
    let mut text: String = shown
        .discrepancies
        .iter()
        .map(|found| format!("NOT AS THE LOG HAS IT  {}\n", discrepancy_line(found)))
        .collect();
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&text::facts(&[
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
    ]));
    for line in &shown.lines {
        text.push_str(&format!("\n\n{}", line_for_people(line)));
    }
    text
}

fn line_for_people(line: &Line) -> String {
    if line.event_type.is_empty() {
        return format!("v{}  (the line cannot be read)  (leaf {})", line.case_version, line.leaf_index);
    }
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
    let fragments: Vec<Value> = case
        .fragments
        .iter()
        .map(|fragment| json!({ "text": fragment.text, "found": fragment.found }))
        .collect();
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
        "fragments": fragments,
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
        "event_type": text_json(&line.event_type),
        "occurred_at": time_json(timestamp(line.occurred_at.as_ref())),
        "actor": actor_json(line.actor.as_ref()),
        "leaf_index": line.leaf_index,
        "leaf": line.leaf,
        "texts": texts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_between_marks_below_its_case() {
        let fragment = |text: &str, found| Fragment { text: text.into(), found };
        let found = CaseSummary {
            case_id: "one".into(),
            fragments: vec![fragment("三号楼", false), fragment("暖气", true), fragment("\n不热", false)],
            ..CaseSummary::default()
        };
        let shown = list_for_people(&[found, CaseSummary::default()], &[], 2);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[1].contains("one"), "{shown}");
        assert_eq!(lines[2], "    三号楼«暖气» 不热");
        assert_eq!((lines.len(), lines[4]), (5, "2 of 2 cases"));
    }

    #[test]
    fn a_case_that_cannot_be_listed_comes_first() {
        let shown = list_for_people(&[CaseSummary::default()], &["one".to_owned()], 2);
        assert!(shown.starts_with("NOT AS THE LOG HAS IT  one\n"), "{shown}");
        let shown = list_for_people(&[], &["one".to_owned()], 1);
        assert_eq!(shown, "NOT AS THE LOG HAS IT  one\nno cases");
    }

    #[test]
    fn what_is_not_as_the_log_has_it_comes_first() {
        let found =
            Discrepancy { case_version: 3, what: "text".into(), detail: "\"body\" is another".into() };
        let unreadable = Line { case_version: 3, leaf_index: 9, ..Line::default() };
        let shown = GetCaseResponse {
            lines: vec![unreadable],
            discrepancies: vec![found],
            ..GetCaseResponse::default()
        };
        let shown = case_for_people(&shown);
        assert!(shown.starts_with("NOT AS THE LOG HAS IT  text v3: \"body\" is another\n\n"), "{shown}");
        assert!(shown.ends_with("v3  (the line cannot be read)  (leaf 9)"), "{shown}");
    }
}
