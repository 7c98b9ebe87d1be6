//! `huying submit`: a citizen's message.

use std::path::{Path, PathBuf};

use clap::Args;
use huying_proto::{
    events::v1::Publication,
    intake::v1::{Petitioner, SubmitCaseRequest, SubmitCaseResponse},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{key_or_new, text_argument};
use crate::{
    context::{Context, Service},
    failure::Failure,
    pictures,
    shapes::{region_code, region_json, time_json, timestamp},
    text,
    words::{Kind, kind_parser},
};

const AFTER_HELP: &str = "\
Examples:
  huying submit --region 150802001 --category 城乡建设/供热 \\
      --title '暖气不热' --body '三号楼室温只有十二度。'
  huying submit --representative r-150802001-003 --title '路灯坏了' --body-file letter.txt
  echo '建议增设公交站。' |
      huying submit --region 150802 --kind suggestion --title '公交' --body-file - --json
  huying submit --region 150802001 --title '暖气不热' --body-file letter.txt \\
      --petitioner-file citizen.json --picture 温度计.jpg

Arguments are visible to other users of this machine while the command runs: where others work, put
the letter and who wrote it into files. The petitioner's is JSON, each part optional:
{\"name\": \"王建国\", \"phone\": \"13800000000\", \"address\": \"三号楼\"}

The receipt is shown only here: whoever has it can track and rate the case. Sending again with the
same --key and the same message gives the same receipt; that is the right thing to do when the
outcome is unknown.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct SubmitArgs {
    /// Region of the matter: six or nine digits; that of the addressee when it is not given
    #[arg(long, value_name = "CODE", required_unless_present_any = ["representative", "station"])]
    region: Option<String>,

    /// Representative to write to
    #[arg(long, value_name = "CODE", conflicts_with = "station")]
    representative: Option<String>,

    /// Station to write to
    #[arg(long, value_name = "CODE")]
    station: Option<String>,

    /// What the matter is
    #[arg(long, default_value = "message", value_parser = kind_parser())]
    kind: Kind,

    /// Category, level names joined by "/"
    #[arg(long, value_name = "PATH")]
    category: Option<String>,

    /// Title, 1 to 120 characters
    #[arg(long)]
    title: String,

    /// Text, 1 to 20,000 characters
    #[arg(long, required_unless_present = "body_file", conflicts_with = "body_file")]
    body: Option<String>,

    /// File with the text; "-" for standard input
    #[arg(long, value_name = "FILE")]
    body_file: Option<PathBuf>,

    /// Name of the citizen; sealed, never published
    #[arg(long)]
    name: Option<String>,

    /// Phone of the citizen; sealed, never published
    #[arg(long)]
    phone: Option<String>,

    /// Address of the citizen; sealed, never published
    #[arg(long)]
    address: Option<String>,

    /// File with name, phone and address of the citizen as JSON; "-" for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "phone", "address"])]
    petitioner_file: Option<PathBuf>,

    /// File with a picture, JPEG, PNG or WebP, shown when the text is; may be given several times, at most 6, 3 MiB in all
    #[arg(long = "picture", value_name = "FILE")]
    pictures: Vec<PathBuf>,

    /// Publish only that the case exists and how it goes, not its text
    #[arg(long)]
    status_only: bool,

    /// Idempotency key, 16 to 128 visible ASCII characters; a new one when not given
    #[arg(long)]
    key: Option<String>,
}

pub(crate) async fn run(context: &Context, arguments: SubmitArgs) -> Result<(), Failure> {
    let from_standard_input = [&arguments.body_file, &arguments.petitioner_file];
    if from_standard_input.iter().all(|file| file.as_deref() == Some(Path::new("-"))) {
        return Err(Failure::usage(
            "--body-file and --petitioner-file cannot both be read from standard input",
        ));
    }
    let petitioner = match &arguments.petitioner_file {
        Some(file) => petitioner_of(&text_argument(None, Some(file))?)?,
        None => Petitioner {
            name: arguments.name.unwrap_or_default(),
            phone: arguments.phone.unwrap_or_default(),
            address: arguments.address.unwrap_or_default(),
        },
    };
    let publication = if arguments.status_only { Publication::StatusOnly } else { Publication::Public };
    let request = SubmitCaseRequest {
        idempotency_key: key_or_new(arguments.key),
        kind: arguments.kind.0.into(),
        region_code: arguments.region.unwrap_or_default(),
        representative_code: arguments.representative.unwrap_or_default(),
        station_code: arguments.station.unwrap_or_default(),
        category: arguments.category.unwrap_or_default(),
        title: arguments.title,
        body: text_argument(arguments.body, arguments.body_file.as_deref())?,
        petitioner: Some(petitioner),
        publication: publication.into(),
        pictures: arguments
            .pictures
            .iter()
            .map(|file| pictures::read_file(file))
            .collect::<Result<_, _>>()?,
    };
    let receipt = submit(context, &request).await.map_err(|failure| {
        if failure.outcome_is_unknown() {
            let key = &request.idempotency_key;
            return failure
                .with_hint(format!("the outcome is unknown; send the same message with --key {key}"));
        }
        failure
    })?;
    context
        .output
        .result(|| receipt_for_people(&receipt), || receipt_json(&receipt, &request.idempotency_key))
}

/// Who wrote, as it stands in a file. The fault is named by its place alone, for the file is private.
fn petitioner_of(json: &str) -> Result<Petitioner, Failure> {
    #[derive(Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct File {
        name: String,
        phone: String,
        address: String,
    }
    let File { name, phone, address } = serde_json::from_str(json).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::usage(format!(
            "the file of --petitioner-file is wrong at line {line}, column {column}; \
             {{\"name\": \"…\", \"phone\": \"…\", \"address\": \"…\"}}, each a text and optional, would be right"
        ))
    })?;
    Ok(Petitioner { name, phone, address })
}

/// Sends a submission until it is acknowledged, refused, or given up.
pub(crate) async fn submit(
    context: &Context,
    request: &SubmitCaseRequest,
) -> Result<SubmitCaseResponse, Failure> {
    let client = context.intake()?;
    context
        .call(Service::Intake, || {
            let mut client = client.clone();
            let request = request.clone();
            async move { client.submit_case(request).await }
        })
        .await
}

fn receipt_for_people(receipt: &SubmitCaseResponse) -> String {
    text::facts(&[
        ("receipt", receipt.receipt_code.clone()),
        ("case", receipt.case_id.clone()),
        ("region", region_code(receipt.region.as_ref()).to_owned()),
        ("received", text::moment(timestamp(receipt.received_at.as_ref()))),
        ("follow", format!("huying track {}", receipt.receipt_code)),
    ])
}

fn receipt_json(receipt: &SubmitCaseResponse, key: &str) -> Value {
    json!({
        "case_id": receipt.case_id,
        "receipt_code": receipt.receipt_code,
        "received_at": time_json(timestamp(receipt.received_at.as_ref())),
        "region": region_json(receipt.region.as_ref()),
        "idempotency_key": key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_petitioner_is_read_from_json_and_never_repeated_in_an_error() {
        let read = petitioner_of(r#"{"name": "王建国", "phone": "13800000000"}"#).unwrap();
        assert_eq!(
            (read.name.as_str(), read.phone.as_str(), read.address.as_str()),
            ("王建国", "13800000000", "")
        );
        for wrong in [r#"{"nickname": "王建国"}"#, r#"{"phone": 13800000000}"#, "王建国"] {
            let told = petitioner_of(wrong).unwrap_err().for_people();
            assert!(
                told.contains("--petitioner-file") && !told.contains("王建国") && !told.contains("138"),
                "{told}"
            );
        }
    }
}
