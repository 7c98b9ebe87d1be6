//! Finds a picture for whoever may see it.
//!
//! Everybody may see what was uploaded for a report or a reply, and what came with a registered case whose citizen
//! allowed the text to be shown. Who carries a case may see its pictures before that, and when nobody else may: an
//! office has to know what it registers or declines.

use huying_platform::{auth::Principal, ids::CaseId};

use crate::{
    app::App,
    domain::{authority, picture::PictureId},
    store::{
        case_status,
        pictures::{self, ShownPicture},
        submissions,
    },
};

/// Most cases with the same picture that are looked through for one that the viewer carries.
const CASES_MAX: i64 = 20;

/// Who may see a picture that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Everybody, so that it may be kept in every cache.
    ToAll(ShownPicture),
    /// The viewer alone.
    ToViewer(ShownPicture),
}

/// Finds a picture; none when there is none that the viewer may see. Somebody without a token sees what everybody sees.
///
/// # Errors
/// A failed statement.
pub async fn show_picture(
    app: &App,
    viewer: Option<&Principal>,
    picture_id: PictureId,
) -> sqlx::Result<Option<Shown>> {
    let mut connection = app.db.acquire().await?;
    if let Some(public) = pictures::find_public(&mut connection, picture_id).await? {
        return Ok(Some(Shown::ToAll(public)));
    }
    let Some(viewer) = viewer else { return Ok(None) };
    for (case_id, picture) in pictures::find_of_cases(&mut connection, picture_id, CASES_MAX).await? {
        if carries(app, &mut connection, viewer, case_id).await? {
            return Ok(Some(Shown::ToViewer(picture)));
        }
    }
    Ok(None)
}

async fn carries(
    app: &App,
    connection: &mut sqlx::PgConnection,
    viewer: &Principal,
    case_id: CaseId,
) -> sqlx::Result<bool> {
    let Some(header) = submissions::header_of(connection, case_id).await? else { return Ok(false) };
    let status = case_status::find(connection, case_id).await?;
    let region = authority::judged_by(viewer, &app.directory.load(), &header);
    Ok(region.is_some_and(|region| {
        authority::may_read(viewer, &region, status.as_ref().map(|status| &status.standing))
    }))
}
