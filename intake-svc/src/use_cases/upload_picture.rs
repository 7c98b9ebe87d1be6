//! Keeps a picture for a progress report or a reply, which will name it.
//!
//! The same picture again is answered the same, whoever sends it, and stored once. An upload may be seen by everybody
//! who knows its id, because what departments and offices tell is public.

use huying_platform::auth::Principal;
use huying_proto::events::v1::Picture;

use super::keep_pictures::{KeepError, keep_pictures};
use crate::{
    app::App,
    domain::{
        picture::{PictureFault, PreparedPicture},
        violation::{Field, Violation},
    },
    picture_works::{NotPrepared, WorksBusy},
    store::pictures::{self, Origin},
};

/// Why a picture was not kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It is not one that can be taken.
    #[error("the picture has faults")]
    Invalid(Vec<Violation>),
    /// More is waiting than may wait.
    #[error(transparent)]
    Busy(#[from] WorksBusy),
    /// Storing it failed.
    #[error("the picture could not be kept")]
    NotKept(#[from] KeepError),
    /// A failed statement or commit.
    #[error("entering an upload failed")]
    Sql(#[from] sqlx::Error),
}

/// Keeps one picture.
///
/// # Errors
/// See [`UploadError`].
pub async fn upload_picture(app: &App, uploader: &Principal, file: Vec<u8>) -> Result<Picture, UploadError> {
    let prepared = app.picture_works.prepare(file).await.map_err(|error| match error {
        NotPrepared::Busy(busy) => UploadError::Busy(busy),
        NotPrepared::Faulty { index: _, source } => invalid(source),
    })?;
    let picture = prepared.to_proto();
    if !is_kept(app, &prepared).await? {
        let origin = Origin::Uploader(uploader.code.clone());
        let kept = keep_pictures(app, &origin, vec![prepared]).await?;
        let mut transaction = app.db.begin().await?;
        for one in &kept {
            pictures::settle(&mut transaction, one.object).await?;
        }
        transaction.commit().await?;
        tracing::info!(picture_id = picture.picture_id, subject = uploader.subject, "picture uploaded");
    }
    Ok(picture)
}

async fn is_kept(app: &App, picture: &PreparedPicture) -> sqlx::Result<bool> {
    let mut connection = app.db.acquire().await?;
    pictures::is_uploaded(&mut connection, picture.id).await
}

fn invalid(fault: PictureFault) -> UploadError {
    UploadError::Invalid(vec![Violation { field: Field::Chunk, fault: fault.into() }])
}
