//! `huying picture`: pictures for progress reports and replies.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};
use futures_util::stream;
use huying_proto::intake::v1::UploadPictureRequest;

use crate::{
    context::{Context, Service, authorised},
    failure::Failure,
    identity::{IdentityArgs, chosen_token, no_identity},
    pictures::{self, picture_json},
};

/// Well under the 1 MiB a chunk that the contract allows.
const CHUNK_BYTES: usize = 256 * 1024;
/// A large picture is decoded and encoded anew before the answer comes.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);

const AFTER_HELP: &str = "\
Examples:
  huying picture upload 现场.jpg --as 150802-housing
  picture=$(huying picture upload 现场.jpg --as 150802-housing)
  huying case reply CASE_ID --text '已修复。' --picture \"$picture\"

JPEG, PNG or WebP, at most 10 MiB and 40 million pixels. The picture is kept without its metadata,
such as the place it was taken at. What is printed, one line of JSON, names it in a progress report,
a reply, an answer or a part's answer. The same picture again gives the same line.";

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  huying picture upload 现场.jpg --as 150802-housing")]
pub(crate) struct PictureArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Have a picture kept, and print what names it
    #[command(after_help = AFTER_HELP)]
    Upload {
        /// File with the picture
        file: PathBuf,
        #[command(flatten)]
        identity: IdentityArgs,
    },
}

pub(crate) async fn run(context: Context, arguments: PictureArgs) -> Result<(), Failure> {
    let Action::Upload { file, identity } = arguments.action;
    let context = context.with_request_timeout_at_least(UPLOAD_TIMEOUT);
    let token = chosen_token(&context, &identity)?
        .ok_or_else(|| no_identity("the unit that publishes the picture"))?;
    upload(&context, &file, &token).await
}

async fn upload(context: &Context, file: &Path, token: &str) -> Result<(), Failure> {
    let chunks = chunks_of(&pictures::read_file(file)?);
    let client = context.intake()?;
    let answer = context
        .call(Service::Intake, || {
            let mut client = client.clone();
            let request = authorised(stream::iter(chunks.clone()), token);
            async move { client.upload_picture(request?).await }
        })
        .await?;
    let picture = answer.picture.ok_or_else(|| Failure::unexpected("intake answered without a picture"))?;
    context.output.result(|| picture_json(&picture).to_string(), || picture_json(&picture))
}

/// An empty file is sent too, so that it is refused with a reason.
fn chunks_of(bytes: &[u8]) -> Vec<UploadPictureRequest> {
    if bytes.is_empty() {
        return vec![UploadPictureRequest::default()];
    }
    bytes.chunks(CHUNK_BYTES).map(|chunk| UploadPictureRequest { chunk: chunk.to_vec() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_in_order_are_the_picture() {
        let bytes: Vec<u8> = (0..=255_u8).cycle().take(2 * CHUNK_BYTES + 1).collect();
        let chunks = chunks_of(&bytes);
        assert_eq!(
            chunks.iter().map(|chunk| chunk.chunk.len()).collect::<Vec<_>>(),
            [CHUNK_BYTES, CHUNK_BYTES, 1]
        );
        let whole: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.chunk).collect();
        assert_eq!(whole, bytes);
        assert_eq!(chunks_of(&[]).len(), 1);
    }
}
