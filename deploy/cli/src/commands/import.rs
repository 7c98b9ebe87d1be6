//! `huying import`: reference data from CSV files.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use futures_util::stream;
use huying_proto::routing::v1::{
    DirectoryFile, ImportDirectoryRequest, ImportDirectoryResponse, ImportedFile,
};
use serde_json::{Value, json};

use crate::{
    context::{Context, Service, authorised},
    failure::Failure,
    identity::{Identity, IdentityArgs, token_or},
    text, words,
};

/// Referenced files come before those that refer to them.
const FILES: [(&str, DirectoryFile); 8] = [
    ("regions.csv", DirectoryFile::Regions),
    ("units.csv", DirectoryFile::Units),
    ("stations.csv", DirectoryFile::Stations),
    ("representatives.csv", DirectoryFile::Representatives),
    ("categories.csv", DirectoryFile::Categories),
    ("rules.csv", DirectoryFile::Rules),
    ("policies.csv", DirectoryFile::Policies),
    ("calendar.csv", DirectoryFile::Calendar),
];
/// Well under the 1 MiB a chunk that the contract allows.
const CHUNK_BYTES: usize = 256 * 1024;
/// A whole city is checked and written in one transaction.
const IMPORT_TIMEOUT: Duration = Duration::from_secs(120);

const AFTER_HELP: &str = "\
Examples:
  huying import deploy/sample
  huying import city-data --token \"$OPERATOR_TOKEN\" --json

Of regions.csv, units.csv, stations.csv, representatives.csv, categories.csv, rules.csv, policies.csv
(limits of time) and calendar.csv (holidays and make-up workdays) those that are there are sent; a
file that is not there keeps its rows. Everything is taken, or nothing: faults are listed with file
and line. The report says of each file how many rows are new, changed and retired; with --json also
on which lines. Without a token, the call is made in the operator's name.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ImportArgs {
    /// Folder with the CSV files
    folder: PathBuf,

    #[command(flatten)]
    identity: IdentityArgs,
}

pub(crate) async fn run(context: Context, arguments: ImportArgs) -> Result<(), Failure> {
    let context = context.with_request_timeout_at_least(IMPORT_TIMEOUT);
    let token = token_or(&context, &arguments.identity, &Identity::Operator)?;
    let (names, chunks) = read_files(&arguments.folder)?;
    let client = context.directory()?;
    let report = context
        .call(Service::Routing, || {
            let mut client = client.clone();
            let request = authorised(stream::iter(chunks.clone()), &token);
            async move { client.import_directory(request?).await }
        })
        .await?;
    context.output.result(|| for_people(&names, &report), || to_json(&names, &report))
}

fn for_people(names: &[&str], report: &ImportDirectoryResponse) -> String {
    let facts = text::facts(&[
        ("files", names.join(", ")),
        ("revision", report.revision.to_string()),
        ("changed", report.changed.to_string()),
        ("unchanged", report.unchanged.to_string()),
        ("retired", report.retired.to_string()),
    ]);
    let rows: Vec<Vec<String>> = report
        .files
        .iter()
        .map(|file| {
            let counts = [file.added, file.changed, file.unchanged, file.retired];
            [file_name(file)].into_iter().chain(counts.map(|count| count.to_string())).collect()
        })
        .collect();
    if rows.is_empty() {
        return facts;
    }
    format!("{facts}\n\n{}", text::table(&["FILE", "NEW", "CHANGED", "UNCHANGED", "RETIRED"], &rows))
}

fn to_json(names: &[&str], report: &ImportDirectoryResponse) -> Value {
    let by_file: Vec<Value> = report
        .files
        .iter()
        .map(|file| {
            json!({
                "file": file_name(file),
                "added": file.added,
                "changed": file.changed,
                "unchanged": file.unchanged,
                "retired": file.retired,
                "lines": file.lines,
            })
        })
        .collect();
    json!({
        "files": names,
        "revision": report.revision,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "retired": report.retired,
        "by_file": by_file,
    })
}

fn file_name(file: &ImportedFile) -> String {
    format!("{}.csv", words::directory_file(file.file))
}

/// The names of the files that are there, and all of them as chunks.
fn read_files(folder: &Path) -> Result<(Vec<&'static str>, Vec<ImportDirectoryRequest>), Failure> {
    let mut names = Vec::new();
    let mut chunks = Vec::new();
    for (name, file) in FILES {
        let path = folder.join(name);
        if !path.exists() {
            continue;
        }
        let bytes = fs::read(&path)
            .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))?;
        names.push(name);
        // An empty file is sent too, so that its missing header is refused instead of passed over.
        let pieces: Vec<&[u8]> =
            if bytes.is_empty() { vec![&[]] } else { bytes.chunks(CHUNK_BYTES).collect() };
        chunks.extend(
            pieces
                .into_iter()
                .map(|piece| ImportDirectoryRequest { file: file.into(), chunk: piece.to_vec() }),
        );
    }
    if names.is_empty() {
        let expected = FILES.map(|(name, _)| name).join(", ");
        return Err(Failure::usage(format!("{} has none of {expected}", folder.display())));
    }
    Ok((names, chunks))
}
