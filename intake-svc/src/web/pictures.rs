//! `GET /pictures/{id}`: a picture, to whoever may see it.
//!
//! What everybody may see never changes under its id, so it may stay in every cache. What only a handler may see, who
//! shows a token as in gRPC, stays in none. Whether a picture is not there or may not be seen is not told.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use huying_platform::{auth::Principal, status::chain};
use tonic::metadata::MetadataMap;

use super::{database_error, layout, page, retry_later};
use crate::{
    app::App,
    domain::picture::PictureId,
    store::pictures::ShownPicture,
    use_cases::show_picture::{Shown, show_picture},
};

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const FOR_NOBODY_ELSE: HeaderValue = HeaderValue::from_static("private, no-store");
/// Nothing of a picture is ever run or loads anything.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'");

pub(super) async fn show(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let Some(picture_id) = id.ok().and_then(|Path(id)| id.parse::<PictureId>().ok()) else {
        return not_found();
    };
    let viewer = viewer(&app, &headers);
    match show_picture(&app, viewer.as_ref(), picture_id).await {
        Ok(Some(Shown::ToAll(_))) if is_known(&headers, picture_id) => {
            (StatusCode::NOT_MODIFIED, cached(picture_id, FOR_EVER)).into_response()
        }
        Ok(Some(Shown::ToAll(picture))) => answer(&app, picture, FOR_EVER).await,
        Ok(Some(Shown::ToViewer(picture))) => answer(&app, picture, FOR_NOBODY_ELSE).await,
        Ok(None) => not_found(),
        Err(error) => database_error(&error),
    }
}

async fn answer(app: &App, picture: ShownPicture, cache_control: HeaderValue) -> Response {
    let stream = match app.picture_store.read(picture.object).await {
        Ok(Some(stream)) => stream,
        Ok(None) => {
            tracing::error!(object_id = %picture.object.object_id, "a picture is missing in the store");
            return not_found();
        }
        Err(error) => {
            tracing::warn!(error = chain(&error), "picture store not reachable");
            return retry_later(page(StatusCode::SERVICE_UNAVAILABLE, layout::our_fault()));
        }
    };
    let Ok(content_type) = HeaderValue::try_from(picture.media_type) else { return not_found() };
    let content = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_LENGTH, HeaderValue::from(picture.size_bytes)),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        // The ledger's pages show it, from an address of their own.
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin")),
    ];
    (cached(picture.object.picture_id, cache_control), content, Body::from_stream(stream)).into_response()
}

/// Who asks; nobody when there is no token, or one that is not good.
fn viewer(app: &App, headers: &HeaderMap) -> Option<Principal> {
    headers.get(header::AUTHORIZATION)?;
    app.auth.authenticate(&MetadataMap::from_headers(headers.clone())).ok()
}

fn cached(picture_id: PictureId, cache_control: HeaderValue) -> [(HeaderName, HeaderValue); 2] {
    // The id is made of digits and letters alone.
    let entity = HeaderValue::try_from(entity_tag(picture_id)).unwrap_or(HeaderValue::from_static("\"\""));
    [(header::CACHE_CONTROL, cache_control), (header::ETAG, entity)]
}

fn is_known(headers: &HeaderMap, picture_id: PictureId) -> bool {
    let asked = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    asked.is_some_and(|tags| tags.contains(&entity_tag(picture_id)))
}

fn entity_tag(picture_id: PictureId) -> String {
    format!("\"{picture_id}\"")
}

fn not_found() -> Response {
    page(StatusCode::NOT_FOUND, layout::not_found())
}
