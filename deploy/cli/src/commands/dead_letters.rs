//! `huying dead-letters`: messages that a service could not process.

use clap::{Args, Subcommand};
use huying_proto::operations::v1::{DeadLetter, ListDeadLettersRequest, ReplayDeadLetterRequest};
use serde_json::{Value, json};

use crate::{
    context::{Context, Service, authorised},
    failure::Failure,
    identity::{Identity, IdentityArgs, token_or},
    shapes::{text_json, time_json, timestamp},
    text,
};

const PAGE_SIZE_MAX: u32 = 500;
const REASON_COLUMNS: usize = 60;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  huying dead-letters list\n  huying dead-letters replay ID --service routing"
)]
pub(crate) struct DeadLettersArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List dead letters, latest first
    #[command(
        after_help = "Examples:\n  huying dead-letters list\n  huying dead-letters list --service ledger --limit 500 --json"
    )]
    List {
        /// Only of this service; of all four when not given
        #[arg(long)]
        service: Option<Service>,
        /// How many to list at most for each service
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        #[command(flatten)]
        identity: IdentityArgs,
    },
    /// Publish a dead letter's message again; a service that has processed it drops it as a duplicate
    #[command(after_help = "Example:\n  huying dead-letters replay ID --service routing")]
    Replay {
        /// Id of the dead letter
        id: String,
        /// The service whose dead letter it is
        #[arg(long)]
        service: Service,
        #[command(flatten)]
        identity: IdentityArgs,
    },
}

pub(crate) async fn run(context: &Context, arguments: DeadLettersArgs) -> Result<(), Failure> {
    match arguments.action {
        Action::List { service, limit, identity } => {
            let token = token_or(context, &identity, &Identity::Operator)?;
            list(context, service, limit as usize, &token).await
        }
        Action::Replay { id, service, identity } => {
            let token = token_or(context, &identity, &Identity::Operator)?;
            replay(context, service, &id, &token).await
        }
    }
}

async fn list(context: &Context, service: Option<Service>, limit: usize, token: &str) -> Result<(), Failure> {
    let services = service.map_or(Service::ALL.to_vec(), |service| vec![service]);
    let mut found: Vec<(Service, DeadLetter)> = Vec::new();
    for service in services {
        let letters = list_of(context, service, limit, token)
            .await
            .map_err(|failure| failure.during(&format!("dead letters of {service}")))?;
        found.extend(letters.into_iter().map(|letter| (service, letter)));
    }
    context.output.result(
        || for_people(&found),
        || {
            let letters: Vec<Value> =
                found.iter().map(|(service, letter)| to_json(*service, letter)).collect();
            json!({ "dead_letters": letters })
        },
    )
}

async fn list_of(
    context: &Context,
    service: Service,
    limit: usize,
    token: &str,
) -> Result<Vec<DeadLetter>, Failure> {
    let client = context.dead_letters(service)?;
    let mut request = ListDeadLettersRequest::default();
    let mut letters = Vec::new();
    loop {
        request.page_size = u32::try_from(limit - letters.len()).unwrap_or(PAGE_SIZE_MAX).min(PAGE_SIZE_MAX);
        let page = context
            .call(service, || {
                let mut client = client.clone();
                let request = authorised(request.clone(), token);
                async move { client.list_dead_letters(request?).await }
            })
            .await?;
        letters.extend(page.dead_letters);
        letters.truncate(limit);
        if page.next_page_token.is_empty() || letters.len() == limit {
            return Ok(letters);
        }
        request.page_token = page.next_page_token;
    }
}

async fn replay(context: &Context, service: Service, id: &str, token: &str) -> Result<(), Failure> {
    let client = context.dead_letters(service)?;
    context
        .call(service, || {
            let mut client = client.clone();
            let request = authorised(ReplayDeadLetterRequest { dead_letter_id: id.to_owned() }, token);
            async move { client.replay_dead_letter(request?).await }
        })
        .await?;
    context.output.result(
        || format!("dead letter {} of {service} is published again", text::line(id)),
        || json!({ "dead_letter_id": id, "service": service.to_string(), "replayed": true }),
    )
}

fn for_people(found: &[(Service, DeadLetter)]) -> String {
    if found.is_empty() {
        return "no dead letters".to_owned();
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(service, letter)| {
            vec![
                service.to_string(),
                letter.dead_letter_id.clone(),
                text::moment(timestamp(letter.failed_at.as_ref())),
                text::moment(timestamp(letter.replayed_at.as_ref())),
                letter.subject.clone(),
                text::shortened(&text::line(&letter.reason), REASON_COLUMNS),
            ]
        })
        .collect();
    text::table(&["SERVICE", "ID", "FAILED", "REPLAYED", "SUBJECT", "REASON"], &rows)
}

fn to_json(service: Service, letter: &DeadLetter) -> Value {
    json!({
        "service": service.to_string(),
        "dead_letter_id": letter.dead_letter_id,
        "subject": letter.subject,
        "message_id": text_json(&letter.message_id),
        "reason": letter.reason,
        "failed_at": time_json(timestamp(letter.failed_at.as_ref())),
        "replayed_at": time_json(timestamp(letter.replayed_at.as_ref())),
        "payload_bytes": letter.payload_bytes,
    })
}
