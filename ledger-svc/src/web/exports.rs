//! The lists as files: CSV and JSON Lines of cases, units, regions and representatives, and all public texts as JSON Lines.
//! What is in them, and what readers may rely on, is told in `docs/exports.md`.
//!
//! Files of any size are sent at the reader's pace and in constant memory: [`crate::exporting`]. The first page is read
//! before the answer begins, so that a ledger that cannot be read answers with an error and not with a broken file.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use huying_platform::ids::CaseId;
use serde::Deserialize;
use tower_http::{CompressionLevel, compression::CompressionLayer};

use super::{PageError, Pages, Shared, asked::CasesAsked, feed, is_known, layout, unchanged, with_tag};
use crate::{
    domain::counts::Month,
    exporting::{Full, Seat},
    use_cases::{ReadError, export_cases::export_cases, export_texts::export_texts},
};

mod columns;
mod sheet;

use sheet::{Column, Format, Sheet};

/// When somebody who found no seat may come back: exports take seconds to minutes.
const RETRY_AFTER_SECONDS: &str = "30";

/// What was read page by page may be different at the next look, and texts may be erased: nobody keeps it.
const KEPT_BY_NOBODY: HeaderValue = HeaderValue::from_static("no-store");

/// All paths of exports.
pub(super) fn routes() -> Router<Arc<Pages>> {
    use Format::{Csv, JsonLines};
    Router::new()
        .route("/cases.csv", get(|pages, asked| cases(pages, asked, Csv)))
        .route("/cases.jsonl", get(|pages, asked| cases(pages, asked, JsonLines)))
        .route("/cases.atom", get(feed::cases))
        .route("/texts.jsonl", get(texts))
        .route("/units.csv", get(|pages, headers, asked| units(pages, headers, asked, Csv)))
        .route("/units.jsonl", get(|pages, headers, asked| units(pages, headers, asked, JsonLines)))
        .route("/regions.csv", get(|pages, headers, asked| regions(pages, headers, asked, Csv)))
        .route("/regions.jsonl", get(|pages, headers, asked| regions(pages, headers, asked, JsonLines)))
        .route(
            "/representatives.csv",
            get(|pages, headers, asked| representatives(pages, headers, asked, Csv)),
        )
        .route(
            "/representatives.jsonl",
            get(|pages, headers, asked| representatives(pages, headers, asked, JsonLines)),
        )
        // Rows are much alike: they become a fifth.
        .layer(CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest))
}

/// Why there is no file.
#[derive(Debug)]
enum ExportError {
    /// There are as many exports under way as this process takes.
    Full(Full),
    /// As for a page.
    Page(PageError),
}

impl From<PageError> for ExportError {
    fn from(error: PageError) -> Self {
        Self::Page(error)
    }
}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        Self::Page(error.into())
    }
}

impl From<Full> for ExportError {
    fn from(full: Full) -> Self {
        Self::Full(full)
    }
}

impl IntoResponse for ExportError {
    fn into_response(self) -> Response {
        match self {
            Self::Page(error) => error.into_response(),
            Self::Full(full) => {
                tracing::info!(%full, "export refused");
                let message = "同时下载的人太多，请半分钟后再试。";
                let page = layout::message_page("请稍后再试", "Too many downloads", message);
                let mut response = (StatusCode::SERVICE_UNAVAILABLE, page).into_response();
                let headers = response.headers_mut();
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
                headers.insert(CACHE_CONTROL, KEPT_BY_NOBODY);
                response
            }
        }
    }
}

async fn cases(
    State(pages): Shared,
    asked: Result<Query<CasesAsked>, QueryRejection>,
    format: Format,
) -> Result<Response, ExportError> {
    let asked = readable(asked)?;
    let directory = pages.directory.load();
    let filter = asked.filter()?;
    let seat = pages.exports.take_seat()?;
    let name = format!("cases-{}", pages.exports.today());
    let rows = export_cases(Arc::clone(&pages.exports), filter);
    let mut response = send(&pages, seat, rows, format, columns::cases(&directory), &name).await?;
    response.headers_mut().insert(CACHE_CONTROL, KEPT_BY_NOBODY);
    Ok(response)
}

#[derive(Debug, Deserialize)]
struct TextsAsked {
    /// The case after which to begin.
    #[serde(default)]
    after: String,
}

async fn texts(
    State(pages): Shared,
    asked: Result<Query<TextsAsked>, QueryRejection>,
) -> Result<Response, ExportError> {
    let asked = readable(asked)?;
    let after: Option<CaseId> = match asked.after.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            let message = "after 应为事项编号，例如 0197a3f0-5d1e-7c3a-9b52-6f0d2c1e4a77。";
            PageError::BadRequest(message.to_owned())
        })?),
    };
    let seat = pages.exports.take_seat()?;
    let name = format!("texts-{}", pages.exports.today());
    let rows = export_texts(Arc::clone(&pages.exports), after);
    let mut response = send(&pages, seat, rows, Format::JsonLines, columns::texts(), &name).await?;
    response.headers_mut().insert(CACHE_CONTROL, KEPT_BY_NOBODY);
    Ok(response)
}

/// What the rows of a file of figures are about.
#[derive(Debug, Clone, Copy)]
struct Scope {
    /// Of whom they are.
    list: &'static str,
    /// One month, or all time.
    month: Option<Month>,
    /// Leaves in the tree that the figures were drawn from.
    tree_size: u64,
}

impl Scope {
    /// Name of the file: another one for other figures.
    fn file_name(&self) -> String {
        let Self { list, month, tree_size } = self;
        match month {
            Some(month) => format!("{list}-{month}-{tree_size}"),
            None => format!("{list}-{tree_size}"),
        }
    }
}

#[derive(Debug, Deserialize)]
struct FiguresAsked {
    #[serde(default)]
    month: String,
}

impl FiguresAsked {
    fn month(&self) -> Result<Option<Month>, PageError> {
        let parsed = match self.month.as_str() {
            "" => return Ok(None),
            text => text.parse(),
        };
        parsed.map(Some).map_err(|_| PageError::BadRequest("month 应为月份，例如 2026-11。".to_owned()))
    }
}

async fn units(
    State(pages): Shared,
    headers: HeaderMap,
    asked: Result<Query<FiguresAsked>, QueryRejection>,
    format: Format,
) -> Result<Response, ExportError> {
    let month = readable(asked)?.month()?;
    let directory = pages.directory.load();
    let list = pages.figures.units(&directory, None, month).await?;
    let scope = Scope { list: "units", month, tree_size: list.tree_size };
    let tag = pages.entity_tag(list.tree_size, &directory);
    if is_known(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    let response = figures(&pages, scope, list.units, format, columns::units(&directory, scope)).await?;
    Ok(with_tag(response, &tag))
}

async fn regions(
    State(pages): Shared,
    headers: HeaderMap,
    asked: Result<Query<FiguresAsked>, QueryRejection>,
    format: Format,
) -> Result<Response, ExportError> {
    let month = readable(asked)?.month()?;
    let directory = pages.directory.load();
    let list = pages.figures.regions(&directory, month).await?;
    let scope = Scope { list: "regions", month, tree_size: list.tree_size };
    let tag = pages.entity_tag(list.tree_size, &directory);
    if is_known(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    let response = figures(&pages, scope, list.regions, format, columns::regions(scope)).await?;
    Ok(with_tag(response, &tag))
}

async fn representatives(
    State(pages): Shared,
    headers: HeaderMap,
    asked: Result<Query<FiguresAsked>, QueryRejection>,
    format: Format,
) -> Result<Response, ExportError> {
    let month = readable(asked)?.month()?;
    let directory = pages.directory.load();
    let list = pages.figures.representatives(&directory, None, month, 0, usize::MAX).await?;
    let scope = Scope { list: "representatives", month, tree_size: list.tree_size };
    let tag = pages.entity_tag(list.tree_size, &directory);
    if is_known(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    let columns = columns::representatives(&directory, scope);
    let response = figures(&pages, scope, list.representatives, format, columns).await?;
    Ok(with_tag(response, &tag))
}

/// A file of figures, which were all drawn from one tree.
async fn figures<T: Send + Sync + 'static>(
    pages: &Pages,
    scope: Scope,
    rows: Vec<T>,
    format: Format,
    columns: Vec<Column<T>>,
) -> Result<Response, ExportError> {
    let seat = pages.exports.take_seat()?;
    let rows = stream::once(std::future::ready(Ok(rows)));
    Ok(send(pages, seat, rows, format, columns, &scope.file_name()).await?)
}

/// Begins to send a file, once its first page has been read.
async fn send<T: Send + Sync + 'static>(
    pages: &Pages,
    seat: Seat,
    rows: impl Stream<Item = Result<Vec<T>, ReadError>> + Send + 'static,
    format: Format,
    columns: Vec<Column<T>>,
    name: &str,
) -> Result<Response, ReadError> {
    let mut rows = rows.boxed();
    let first = rows.try_next().await?;
    let body = pages.exports.start(seat, move |outlet| async move {
        let mut sheet = Sheet::new(format, columns);
        let mut page = first;
        while let Some(rows_of_page) = page {
            for row in rows_of_page {
                sheet.write(&row);
                if let Some(piece) = sheet.full_piece() {
                    outlet.put(piece).await?;
                }
            }
            outlet.check()?;
            page = rows.try_next().await?;
        }
        sheet.end();
        outlet.put(sheet.piece()).await
    });
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    let disposition = format!("attachment; filename=\"{name}.{}\"", format.extension());
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

fn readable<T>(asked: Result<Query<T>, QueryRejection>) -> Result<T, PageError> {
    let Query(asked) = asked.map_err(|_| PageError::BadRequest("网址中的条件无法识别。".to_owned()))?;
    Ok(asked)
}
