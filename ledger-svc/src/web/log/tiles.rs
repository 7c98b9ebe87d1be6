//! Tiles and entry bundles, at the paths of C2SP tlog-tiles.
//!
//! A partial one may be asked for at any width that the latest checkpoint's tree has, also when it has long been full:
//! it is the beginning of what is kept. So a partial one never changes either.
//!
//! Each is held against the latest checkpoint before it is served. One that was changed is served as it is, for whoever
//! looks for what was changed, but no cache may keep it, for it may be put right.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use tower_http::{CompressionLevel, compression::CompressionLayer};

use super::{
    super::{Pages, Shared},
    FOR_EVER, LogError, NEVER, content,
};
use crate::{
    domain::tile_path::{Content, TilePath},
    use_cases::{
        read_entries::read_entries,
        read_tile::{LogFile, read_tile},
    },
};

const BYTES: &str = "application/octet-stream";

/// Leaves are JSON, and much alike: they become a sixth. Hashes would not become less.
pub(super) fn compression() -> CompressionLayer {
    CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest)
}

pub(super) async fn tile(
    State(pages): Shared,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, LogError> {
    serve(&pages, &path, &headers).await
}

pub(super) async fn entries(
    State(pages): Shared,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, LogError> {
    serve(&pages, &format!("entries/{path}"), &headers).await
}

async fn serve(pages: &Pages, path: &str, headers: &HeaderMap) -> Result<Response, LogError> {
    let named: TilePath =
        path.parse().map_err(|error| LogError::NotFound(format!("the path of the tile {error}")))?;
    let found = match named.content {
        Content::Hashes { .. } => read_tile(&pages.db, named.tile_id(), named.width).await?,
        Content::Entries => read_entries(&pages.db, named.index, named.width).await?,
    };
    let LogFile { bytes, is_covered } = found.ok_or_else(|| {
        LogError::NotFound(format!("the log has no tile {named} yet; its checkpoint says how far it is"))
    })?;
    if !is_covered {
        tracing::error!(tile = %named, "a file of the log is served that its checkpoint does not cover");
    }
    Ok(content(headers, BYTES, if is_covered { FOR_EVER } else { NEVER }, bytes))
}
