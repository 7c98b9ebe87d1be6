//! The lists as files: CSV and JSON Lines of cases, units, regions, representatives and flows between units, and all public
//! texts as JSON Lines.
//! What is in them, and what readers may rely on, is told in `docs/exports.md`.
//!
//! Files of any size are sent at the reader's pace and in constant memory: [`crate::exporting`]. The first page is read
//! before the answer begins, so that a ledger that cannot be read answers with an error and not with a broken file.

use std::{io, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Query, State, rejection::QueryRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use huying_platform::{codes::RegionCode, ids::CaseId};
use serde::Deserialize;
use tower_http::{CompressionLevel, compression::CompressionLayer};

use super::{
    PageError, Pages, Shared,
    asked::{self, CasesAsked},
    feed, is_known, layout, representative_list, tag_of, unchanged, unit_list, with_tag,
};
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
        .route("/flows.csv", get(|pages, headers| flows(pages, headers, Csv)))
        .route("/flows.jsonl", get(|pages, headers| flows(pages, headers, JsonLines)))
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
    /// Name of the file: another one for other figures, or for those of one region.
    fn file_name(&self, region: Option<&RegionCode>) -> String {
        let Self { list, month, tree_size } = self;
        let region = region.map_or_else(String::new, |region| format!("-{region}"));
        let month = month.map_or_else(String::new, |month| format!("-{month}"));
        format!("{list}{region}{month}-{tree_size}")
    }
}

#[derive(Debug, Deserialize)]
struct RegionsAsked {
    #[serde(default)]
    month: String,
}

async fn units(
    State(pages): Shared,
    headers: HeaderMap,
    asked: Result<Query<unit_list::Asked>, QueryRejection>,
    format: Format,
) -> Result<Response, ExportError> {
    let asked = readable(asked)?;
    let (region, month) = (asked::region(&asked.region)?, asked::month(&asked.month)?);
    let directory = pages.directory.load();
    let list = pages.figures.units(&directory, region.as_ref().map(RegionCode::as_str), month).await?;
    let scope = Scope { list: "units", month, tree_size: list.tree_size };
    let columns = columns::units(&directory, scope);
    let file = FiguresFile { name: scope.file_name(region.as_ref()), rows: list.units, columns };
    file.send(&pages, &headers, format).await
}

async fn regions(
    State(pages): Shared,
    headers: HeaderMap,
    asked: Result<Query<RegionsAsked>, QueryRejection>,
    format: Format,
) -> Result<Response, ExportError> {
    let month = asked::month(&readable(asked)?.month)?;
    let directory = pages.directory.load();
    let list = pages.figures.regions(&directory, month).await?;
    let scope = Scope { list: "regions", month, tree_size: list.tree_size };
    let columns = columns::regions(scope);
    let file = FiguresFile { name: scope.file_name(None), rows: list.regions, columns };
    file.send(&pages, &headers, format).await
}

async fn representatives(
    State(pages): Shared,
    headers: HeaderMap,
    asked: Result<Query<representative_list::Asked>, QueryRejection>,
    format: Format,
) -> Result<Response, ExportError> {
    let wanted = readable(asked)?.wanted()?;
    let directory = pages.directory.load();
    let (region, month) = (wanted.region.as_ref(), wanted.month);
    let mut list = pages.figures.representatives(&directory, region, month, 0, usize::MAX).await?;
    list.representatives.retain(|one| wanted.matches(one));
    let scope = Scope { list: "representatives", month, tree_size: list.tree_size };
    let columns = columns::representatives(&directory, scope);
    let file = FiguresFile { name: scope.file_name(region), rows: list.representatives, columns };
    file.send(&pages, &headers, format).await
}

async fn flows(State(pages): Shared, headers: HeaderMap, format: Format) -> Result<Response, ExportError> {
    let directory = pages.directory.load();
    let list = pages.figures.flows().await?;
    let scope = Scope { list: "flows", month: None, tree_size: list.tree_size };
    let columns = columns::flows(&directory, list.tree_size);
    let file = FiguresFile { name: scope.file_name(None), rows: list.flows, columns };
    file.send(&pages, &headers, format).await
}

/// A file of figures, which were all drawn from one tree: as many rows as the directory has entries, or pairs of units and months for flows, so it is written in
/// memory, and whoever has it already need not take it again.
struct FiguresFile<T> {
    name: String,
    rows: Vec<T>,
    columns: Vec<Column<T>>,
}

impl<T: Send + Sync + 'static> FiguresFile<T> {
    async fn send(self, pages: &Pages, headers: &HeaderMap, format: Format) -> Result<Response, ExportError> {
        let seat = pages.exports.take_seat()?;
        let mut sheet = Sheet::new(format, self.columns);
        let mut pieces = Vec::new();
        for row in &self.rows {
            sheet.write(row);
            if let Some(piece) = sheet.full_piece() {
                pieces.push(piece);
                // A piece takes a millisecond, in which nobody else has this thread.
                tokio::task::yield_now().await;
            }
        }
        sheet.end();
        pieces.push(sheet.piece());
        let tag = tag_of(pieces.iter().map(Vec::as_slice));
        if is_known(headers, &tag) {
            return Ok(unchanged(&tag));
        }
        let body = pages.exports.start(seat, move |outlet| async move {
            for piece in pieces {
                outlet.put(piece).await?;
            }
            Ok(())
        });
        Ok(with_tag(download(body, format, &self.name), &tag))
    }
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
    Ok(download(body, format, name))
}

/// The answer that is saved as a file.
fn download(
    body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    format: Format,
    name: &str,
) -> Response {
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    let disposition = format!("attachment; filename=\"{name}.{}\"", format.extension());
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    response
}

fn readable<T>(asked: Result<Query<T>, QueryRejection>) -> Result<T, PageError> {
    let Query(asked) = asked.map_err(|_| PageError::BadRequest("网址中的条件无法识别。".to_owned()))?;
    Ok(asked)
}
