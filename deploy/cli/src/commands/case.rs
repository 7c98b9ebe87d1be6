//! `huying case <verb>`: what offices and departments do with a case.
//!
//! Every verb is one call with a request id, so that repeating it acts once. When nobody says in whose name to act and
//! the installation's signing key is at hand, as in a trial, the unit that has to act is looked up and acted for.

mod display;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use huying_proto::intake::v1::{ErasePrivatePartRequest, ReadPrivatePartRequest};
use serde_json::json;

use self::display::{
    case_for_people, outcome_for_people, outcome_json, private_part_for_people, private_part_json,
    shown_case_json,
};
use super::{get_case, key_or_new, rate, text_argument};
use crate::{
    arguments::duration,
    context::{Context, Service, authorised},
    failure::Failure,
    identity::{Identity, IdentityArgs, chosen_token, no_identity, signing_key, token_of, token_or},
    routing_commands::{Act, Actor, perform},
    text,
};

const AFTER_HELP: &str = "\
Examples:
  huying case show CASE_ID
  huying case accept CASE_ID --as 150802001-housing
  huying case assign CASE_ID --unit 150802001-housing --as 150802001
  huying case reply CASE_ID --text '管道已更换，室温恢复到二十度。'

In whose name: --token, else --as CODE, else HUYING_TOKEN. Where none is given and
HUYING_SIGNING_KEY is set (a trial installation), the command acts for the unit that has to act:
register, assign, delegate, escalate, close and erase for the office that holds the case; accept,
return, progress, reply and private for the unit responsible for it.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CaseArgs {
    #[command(subcommand)]
    verb: Verb,
}

/// What every command on a case has.
#[derive(Debug, Args)]
struct CommandArgs {
    /// Id of the case
    case_id: String,

    /// Id of this act, 16 to 128 visible ASCII characters: the same id acts once; a new one when not given
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,

    /// Act only when the case is at this version
    #[arg(long, value_name = "VERSION")]
    expected_version: Option<u64>,

    #[command(flatten)]
    identity: IdentityArgs,
}

/// A text as an argument or from a file.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct TextArgs {
    /// Text; published
    #[arg(long)]
    text: Option<String>,

    /// File with the text; "-" for standard input
    #[arg(long, value_name = "FILE")]
    text_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// 登记: accept a case from the office's queue
    #[command(after_help = "Example:\n  huying case register CASE_ID --as 150802001")]
    Register {
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 交办: give a registered case to a department of the office's own region
    #[command(
        after_help = "Examples:\n  huying case assign CASE_ID --unit 150802001-housing\n  huying case assign CASE_ID --unit 150802001-housing --note '请尽快' --reply-within 3d"
    )]
    Assign {
        /// Unit code of the department
        #[arg(long, value_name = "CODE")]
        unit: String,
        /// For the department, up to 2,000 characters
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        /// A tighter limit than the policy's
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        reply_within: Option<Duration>,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 下交: hand a case to an office directly below
    #[command(
        after_help = "Example:\n  huying case delegate CASE_ID --region 150802001 --reason '属街道职责'"
    )]
    Delegate {
        /// Region directly below the office's
        #[arg(long, value_name = "CODE")]
        region: String,
        /// Why; published
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 上报: hand a case to the office above
    #[command(after_help = "Example:\n  huying case escalate CASE_ID --reason '超出街道职权'")]
    Escalate {
        /// Why; published
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 受理: take up an assigned case
    #[command(after_help = "Example:\n  huying case accept CASE_ID --as 150802001-housing")]
    Accept {
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 退回: give a case back with a legal basis and a proposed unit
    #[command(
        after_help = "Example:\n  huying case return CASE_ID --legal-basis '《水法》第十二条' --proposed-unit 150802-roads"
    )]
    Return {
        /// The law, regulation or mandate that says whose it is; published
        #[arg(long, value_name = "TEXT")]
        legal_basis: String,
        /// Unit code of the department whose it is
        #[arg(long, value_name = "CODE")]
        proposed_unit: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 进展: tell the public how far the handling is
    #[command(after_help = "Example:\n  huying case progress CASE_ID --text '已派人上门测温。'")]
    Progress {
        #[command(flatten)]
        text: TextArgs,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 答复: answer the citizen
    #[command(
        after_help = "Examples:\n  huying case reply CASE_ID --text '管道已更换。'\n  huying case reply CASE_ID --text-file reply.txt"
    )]
    Reply {
        #[command(flatten)]
        text: TextArgs,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 评价: rate the outcome, by receipt; the same as huying rate
    Rate(rate::RateArgs),
    /// 办结: strike a replied case off
    #[command(after_help = "Example:\n  huying case close CASE_ID --note '回访属实'")]
    Close {
        /// Published
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// Show a case with its history, as handlers see it
    #[command(after_help = "Example:\n  huying case show CASE_ID --json")]
    Show {
        /// Id of the case
        case_id: String,
        #[command(flatten)]
        identity: IdentityArgs,
    },
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
        Verb::Register { command } => act(context, command, Act::Register).await,
        Verb::Assign { unit, note, reply_within, command } => {
            act(context, command, Act::Assign { unit, note, reply_within }).await
        }
        Verb::Delegate { region, reason, command } => {
            act(context, command, Act::Delegate { region, reason }).await
        }
        Verb::Escalate { reason, command } => act(context, command, Act::Escalate { reason }).await,
        Verb::Accept { command } => act(context, command, Act::Accept).await,
        Verb::Return { legal_basis, proposed_unit, command } => {
            act(context, command, Act::Return { legal_basis, proposed_unit }).await
        }
        Verb::Progress { text, command } => {
            let text = text_argument(text.text, text.text_file.as_deref())?;
            act(context, command, Act::Progress { text }).await
        }
        Verb::Reply { text, command } => {
            let text = text_argument(text.text, text.text_file.as_deref())?;
            act(context, command, Act::Reply { text }).await
        }
        Verb::Rate(arguments) => rate::run(context, arguments).await,
        Verb::Close { note, command } => act(context, command, Act::Close { note }).await,
        Verb::Show { case_id, identity } => show(context, &case_id, &identity).await,
        Verb::Private { case_id, purpose, identity } => {
            read_private_part(context, case_id, purpose, &identity).await
        }
        Verb::Erase { case_id, ground, identity } => {
            erase_private_part(context, case_id, ground, &identity).await
        }
    }
}

async fn act(context: &Context, command: CommandArgs, act: Act) -> Result<(), Failure> {
    let handler = handler_of(context, &command.identity, &command.case_id, act.actor()).await?;
    let request_id = key_or_new(command.request_id);
    let outcome =
        perform(context, &act, &command.case_id, &request_id, command.expected_version, &handler.token)
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

/// In whose name a case is handled.
struct Handler {
    token: String,
    /// The unit that was found to have to act, where the user named nobody.
    stands_in_for: Option<String>,
}

impl Handler {
    /// A refusal may surprise somebody who did not choose the name.
    fn explain(&self, failure: Failure) -> Failure {
        match &self.stands_in_for {
            Some(code) => {
                failure.with_hint(format!("called in the name of {code}; --as CODE chooses another"))
            }
            None => failure,
        }
    }
}

/// Whom the user chose; else, in a trial, the unit that has to act.
async fn handler_of(
    context: &Context,
    arguments: &IdentityArgs,
    case_id: &str,
    actor: Actor,
) -> Result<Handler, Failure> {
    if let Some(token) = chosen_token(context, arguments)? {
        return Ok(Handler { token, stands_in_for: None });
    }
    if signing_key(context)?.is_none() {
        return Err(no_identity("this"));
    }
    let operator = token_of(context, &Identity::Operator)?;
    let found = get_case(context, case_id, &operator).await?;
    let standing = found.case.and_then(|case| case.standing).unwrap_or_default();
    // A closed case has nobody who must act; its office may still be asked, and the service will say what it allows.
    let code = match actor {
        Actor::ResponsibleUnit if !standing.responsible_unit.is_empty() => standing.responsible_unit,
        Actor::ResponsibleUnit | Actor::HoldingOffice => standing.holder_office,
    };
    let token = token_of(context, &Identity::parse(&code)?)?;
    Ok(Handler { token, stands_in_for: Some(code) })
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
