//! `huying case <verb>`: what offices, departments and representatives do with a case.
//!
//! - [`verbs`]: the verbs that are commands of the contract, with their arguments.
//! - [`handler`]: in whose name a case is handled.
//! - [`display`]: how a case and an outcome are shown.
//!
//! Every verb is one call with a request id, so that repeating it acts once.

mod display;
mod handler;
mod verbs;

use clap::{Args, Subcommand};
use huying_proto::intake::v1::{ErasePrivatePartRequest, ReadPrivatePartRequest};
use serde_json::json;

use self::{
    display::{
        case_for_people, outcome_for_people, outcome_json, private_part_for_people, private_part_json,
        shown_case_json,
    },
    handler::handler_of,
    verbs::ActVerb,
};
use super::{get_case, key_or_new, rate, work};
use crate::{
    acts::Actor,
    context::{Context, Service, authorised},
    failure::Failure,
    identity::{Identity, IdentityArgs, token_or},
    routing_commands::perform,
    text,
};

const AFTER_HELP: &str = "\
Examples:
  huying case show CASE_ID
  huying case accept CASE_ID --as 150802001-housing
  huying case assign CASE_ID --unit 150802001-housing --as 150802001
  huying case reply CASE_ID --text '管道已更换，室温恢复到二十度。'

In whose name: --token, else --as CODE, else HUYING_TOKEN. Where none is given and
HUYING_SIGNING_KEY is set (a trial installation), the command acts for whoever has to act: accept,
return, progress, reply, extension request and private for the unit responsible for the case; part
answer, and part assign --of, for the co-handler of the part; answer for a representative who follows
the case; everything else for the office that holds it. Claim always wants --as.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CaseArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(flatten)]
    Act(ActVerb),
    /// 评价: rate the outcome, by receipt; the same as huying rate
    Rate(rate::RateArgs),
    /// Show a case with its parts, clocks and history, as handlers see it
    #[command(after_help = "Example:\n  huying case show CASE_ID --json")]
    Show {
        /// Id of the case
        case_id: String,
        #[command(flatten)]
        identity: IdentityArgs,
    },
    /// List cases, oldest deadline first; the same as huying work
    List(work::WorkArgs),
    /// Read the citizen's private part; the reading is entered in the public history
    #[command(after_help = "Example:\n  huying case private CASE_ID --purpose '联系群众核实地址'")]
    Private {
        /// Id of the case
        case_id: String,
        /// Why it must be read; published
        #[arg(long)]
        purpose: String,
        #[command(flatten)]
        identity: IdentityArgs,
    },
    /// Erase the citizen's private part for good; the erasure is entered in the public history
    #[command(after_help = "Example:\n  huying case erase CASE_ID --ground '群众申请删除'")]
    Erase {
        /// Id of the case
        case_id: String,
        /// Why; published
        #[arg(long)]
        ground: String,
        #[command(flatten)]
        identity: IdentityArgs,
    },
}

pub(crate) async fn run(context: &Context, arguments: CaseArgs) -> Result<(), Failure> {
    match arguments.verb {
        Verb::Act(verb) => act(context, verb).await,
        Verb::Rate(arguments) => rate::run(context, arguments).await,
        Verb::Show { case_id, identity } => show(context, &case_id, &identity).await,
        Verb::List(arguments) => work::run(context, arguments).await,
        Verb::Private { case_id, purpose, identity } => {
            read_private_part(context, case_id, purpose, &identity).await
        }
        Verb::Erase { case_id, ground, identity } => {
            erase_private_part(context, case_id, ground, &identity).await
        }
    }
}

async fn act(context: &Context, verb: ActVerb) -> Result<(), Failure> {
    let (command, act) = verb.into_act()?;
    let handler = handler_of(context, &command.identity, &command.case_id, act.actor()).await?;
    let request_id = key_or_new(command.request_id);
    let outcome =
        perform(context, act, &command.case_id, &request_id, command.expected_version, &handler.token)
            .await
            .map_err(|failure| {
                if failure.outcome_is_unknown() {
                    // The same id acts once only for the same caller, who may not be the next to act any more.
                    let acting_as =
                        handler.stands_in_for.as_ref().map_or(String::new(), |code| format!(" --as {code}"));
                    return failure.with_hint(format!(
                        "the outcome is unknown; call again with --request-id {request_id}{acting_as}"
                    ));
                }
                handler.explain(failure)
            })?;
    context.output.result(|| outcome_for_people(&outcome), || outcome_json(&outcome, &request_id))
}

async fn show(context: &Context, case_id: &str, identity: &IdentityArgs) -> Result<(), Failure> {
    let token = token_or(context, identity, &Identity::Operator)?;
    let found = get_case(context, case_id, &token).await?;
    context.output.result(|| case_for_people(&found), || shown_case_json(&found))
}

async fn read_private_part(
    context: &Context,
    case_id: String,
    purpose: String,
    identity: &IdentityArgs,
) -> Result<(), Failure> {
    let handler = handler_of(context, identity, &case_id, Actor::ResponsibleUnit).await?;
    let mut client = context.intake()?;
    let request = authorised(ReadPrivatePartRequest { case_id: case_id.clone(), purpose }, &handler.token);
    // Once only: each reading is entered in the history of the case.
    let read = context
        .call_once(Service::Intake, async move { client.read_private_part(request?).await })
        .await
        .map_err(|failure| handler.explain(failure))?;
    context.output.result(|| private_part_for_people(&case_id, &read), || private_part_json(&case_id, &read))
}

async fn erase_private_part(
    context: &Context,
    case_id: String,
    ground: String,
    identity: &IdentityArgs,
) -> Result<(), Failure> {
    let handler = handler_of(context, identity, &case_id, Actor::HoldingOffice).await?;
    let client = context.intake()?;
    context
        .call(Service::Intake, || {
            let mut client = client.clone();
            let message = ErasePrivatePartRequest { case_id: case_id.clone(), ground: ground.clone() };
            let request = authorised(message, &handler.token);
            async move { client.erase_private_part(request?).await }
        })
        .await
        .map_err(|failure| handler.explain(failure))?;
    context.output.result(
        || format!("the private part of case {} is erased for good", text::line(&case_id)),
        || json!({ "case_id": case_id, "erased": true }),
    )
}
