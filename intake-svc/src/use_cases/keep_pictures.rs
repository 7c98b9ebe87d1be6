//! Puts prepared pictures where they are kept, for a submission or a report.
//!
//! 1. A row for each is committed: from here on the sweep knows of whatever is written.
//! 2. The objects are written.
//!
//! They are not shown to anybody yet: those of a submission not before it is committed and registered, an upload not
//! before it is settled. What is left behind by a call that ends anywhere between is found by `sweep_pictures`.

use bytes::Bytes;
use uuid::Uuid;

use crate::{
    app::App,
    domain::picture::PreparedPicture,
    picture_store::StoreError,
    store::pictures::{self, Origin, PictureObject},
};

/// A picture that is kept.
#[derive(Debug)]
pub struct KeptPicture {
    /// Where.
    pub object: PictureObject,
    /// What; its bytes are no longer needed and are gone.
    pub picture: huying_proto::events::v1::Picture,
}

/// Why pictures are not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The store did not take one.
    #[error("a picture could not be stored")]
    Store(#[from] StoreError),
    /// A failed statement or commit.
    #[error("entering a picture failed")]
    Sql(#[from] sqlx::Error),
}

/// Stores prepared pictures, each as an object of its own.
///
/// # Errors
/// See [`KeepError`]; some may have been stored, and are swept away a day later.
pub async fn keep_pictures(
    app: &App,
    origin: &Origin,
    prepared: Vec<PreparedPicture>,
) -> Result<Vec<KeptPicture>, KeepError> {
    let objects: Vec<PictureObject> = prepared
        .iter()
        .map(|picture| PictureObject { object_id: Uuid::now_v7(), picture_id: picture.id })
        .collect();
    let rows: Vec<_> = objects.iter().copied().zip(&prepared).collect();
    let mut transaction = app.db.begin().await?;
    pictures::insert(&mut transaction, origin, &rows, app.clock.now()).await?;
    transaction.commit().await?;

    let mut kept = Vec::with_capacity(prepared.len());
    for (object, picture) in objects.into_iter().zip(prepared) {
        let told = picture.to_proto();
        app.picture_store.put(object, Bytes::from(picture.bytes)).await?;
        kept.push(KeptPicture { object, picture: told });
    }
    Ok(kept)
}
