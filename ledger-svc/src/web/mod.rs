//! The pages: drawn on the server from the same leaves that can be verified, readable without JavaScript, and without
//! anything from elsewhere but the pictures that intake-svc serves.
//!
//! Guaranteed: what people wrote is escaped (maud does); every answer, error pages included, has the strict headers of
//! [`harden`]; a page is not sent again as long as it is the same. Whether it is can only be told from the page itself: the
//! tables beside the log may have been put right, the search may have come along and the words may be another build's,
//! all of the same tree. Left to others: what may be shown (the use cases hand out nothing else).

use std::sync::Arc;

use axum::{
    Router,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER},
    },
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use data_encoding::HEXLOWER;
use huying_platform::{
    Platform,
    directory::DirectoryHandle,
    status::{chain, is_transient},
};
use maud::Markup;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use tower_http::{CompressionLevel, compression::CompressionLayer};

use crate::{
    LogIdentity,
    config::{PublicUrl, Serving},
    exporting::Exports,
    searching::{self, SearchError, Searches},
    use_cases::{ReadError, count_cases::CountCases, figures::CountFigures, get_case::GetCase},
};

mod asked;
mod case_list;
mod case_page;
mod charts;
mod damage;
mod exports;
mod feed;
mod glance;
mod layout;
mod log;
mod log_page;
mod names;
mod overview;
mod proof_page;
mod rates;
mod region_page;
mod representative_list;
mod representative_page;
mod said;
mod search_form;
mod sentences;
mod timeline;
mod unit_list;
mod unit_page;
pub(crate) mod witness;

const STYLE: &str = include_str!("style.css");
const ICON: &str = include_str!("icon.svg");

/// What the pages are drawn from.
#[derive(Debug)]
struct Pages {
    db: PgPool,
    cases: Arc<GetCase>,
    /// Lists that somebody may search.
    searches: Arc<Searches>,
    directory: DirectoryHandle,
    counts: CountCases,
    figures: Arc<CountFigures>,
    /// Where pictures are shown from, if anywhere.
    pictures_at: Option<PublicUrl>,
    /// Where the public reaches the pages, if that is known.
    public_url: Option<PublicUrl>,
    /// Name of the log.
    origin: String,
    log: Arc<LogIdentity>,
    /// Downloads of whole lists.
    exports: Arc<Exports>,
}

impl Pages {
    /// The address of a page for those who have left it: as whole as it is known.
    fn at(&self, path: &str) -> String {
        self.public_url.as_ref().map_or_else(|| path.to_owned(), |url| url.join(path))
    }
}

type Shared = axum::extract::State<Arc<Pages>>;

/// All pages.
pub fn router(
    platform: &Platform,
    readers: PgPool,
    cases: Arc<GetCase>,
    searches: Arc<Searches>,
    figures: Arc<CountFigures>,
    log: &Arc<LogIdentity>,
    serving: &Serving,
) -> Router {
    let pictures_at = serving.pictures_at.clone();
    let policy = content_policy(pictures_at.as_ref());
    let pages = Pages {
        exports: Exports::new(platform, readers.clone(), serving.exports),
        db: readers,
        cases,
        searches,
        directory: platform.directory.clone(),
        counts: CountCases::new(figures.counting()),
        figures,
        pictures_at,
        public_url: serving.public_url.clone(),
        origin: log.origin.clone(),
        log: Arc::clone(log),
    };
    let drawn = Router::new()
        .route("/", get(overview::page))
        .route("/regions/{code}", get(region_page::page))
        .route("/cases", get(case_list::page))
        .route("/cases/{case_id}", get(case_page::page))
        .route("/cases/{case_id}/lines/{case_version}/proof", get(proof_page::proof_page))
        .route("/units", get(unit_list::page))
        .route("/units/{unit}", get(unit_page::page))
        .route("/representatives", get(representative_list::page))
        .route("/representatives/{code}", get(representative_page::page))
        .route("/log", get(log_page::page))
        .route("/static/style.css", get(|| async { fixed("text/css; charset=utf-8", STYLE) }))
        // A case of two hundred events is a tenth as large then, which a phone far from the city notices.
        .layer(CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest));
    drawn
        .merge(log::routes())
        .merge(exports::routes())
        .route("/static/icon.svg", get(|| async { fixed("image/svg+xml", ICON) }))
        .fallback(|| async { PageError::NotFound("这个网址没有对应的页面。") })
        .layer(map_response(move |response: Response| std::future::ready(harden(response, &policy))))
        .with_state(Arc::new(pages))
}

/// Why there is no page.
#[derive(Debug)]
enum PageError {
    /// There is nothing of that name; what was looked for, in a sentence.
    NotFound(&'static str),
    /// The address has something that makes no sense; what, in a sentence.
    BadRequest(String),
    /// Too many others search.
    Busy,
    /// The ledger could not be read.
    Read(ReadError),
}

impl From<SearchError> for PageError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Busy => Self::Busy,
            SearchError::Read(error) => error.into(),
        }
    }
}

impl From<ReadError> for PageError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::CaseNotFound(_) => {
                Self::NotFound("账本里没有这个编号。刚提交的事项可能要过一两秒才会出现，请稍后再看。")
            }
            ReadError::OutOfRange(_) => Self::NotFound("账本里还没有这一条。"),
            ReadError::NoCheckpoint
            | ReadError::CorruptLeaf(_)
            | ReadError::CorruptAccount(_)
            | ReadError::CorruptTiles(_)
            | ReadError::ForeignKeys
            | ReadError::Sql(_) => Self::Read(error),
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let retry_after = matches!(self, Self::Busy).then(|| searching::RETRY_AFTER.as_secs());
        let (status, title, english, message) = match self {
            Self::NotFound(message) => (StatusCode::NOT_FOUND, "没有找到", "Not found", message.to_owned()),
            Self::BadRequest(message) => (StatusCode::BAD_REQUEST, "网址有误", "Bad request", message),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "请稍后再试",
                "Too many searches",
                "同时搜索的人太多，请过几秒再试。".to_owned(),
            ),
            Self::Read(error) => {
                let passing = match &error {
                    ReadError::NoCheckpoint => true,
                    ReadError::Sql(error) => is_transient(error),
                    ReadError::CaseNotFound(_)
                    | ReadError::OutOfRange(_)
                    | ReadError::CorruptLeaf(_)
                    | ReadError::CorruptAccount(_)
                    | ReadError::CorruptTiles(_)
                    | ReadError::ForeignKeys => false,
                };
                tracing::error!(error = chain(&error), "page not drawn");
                let status =
                    if passing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR };
                (
                    status,
                    "暂时无法读取",
                    "Temporarily unavailable",
                    "账本暂时读不出来，请稍后再试。".to_owned(),
                )
            }
        };
        let mut response = layout::message_page(title, english, &message).into_response();
        *response.status_mut() = status;
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// True when the reader has this very page.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .any(|known| known.to_str().is_ok_and(|known| known.split(',').any(|known| known.trim() == tag)))
}

/// The answer to a reader who has the page.
fn unchanged(tag: &str) -> Response {
    with_tag(StatusCode::NOT_MODIFIED.into_response(), tag)
}

/// A page, unless the reader has it already.
fn drawn(page: Markup, headers: &HeaderMap) -> Response {
    let tag = tag_of([page.0.as_bytes()]);
    if is_known(headers, &tag) { unchanged(&tag) } else { with_tag(page.into_response(), &tag) }
}

/// The entity tag of a page or a file of these pieces: another one for other bytes. Weak, for it may be compressed.
fn tag_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let hash = pieces.into_iter().fold(Sha256::new(), Sha256::chain_update).finalize();
    format!("W/\"{}\"", HEXLOWER.encode(&hash[..16]))
}

fn with_tag(mut response: Response, tag: &str) -> Response {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    // May be kept, and must be asked about each time.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn fixed(content_type: &'static str, content: &'static str) -> impl IntoResponse {
    // The address of a page's style has its fingerprint, so it may be kept for long.
    ([(CONTENT_TYPE, content_type), (CACHE_CONTROL, "public, max-age=604800")], content)
}

/// What a page may have: its own style, pictures from where they are served, no scripts, no frames.
fn content_policy(pictures_at: Option<&PublicUrl>) -> HeaderValue {
    let pictures = pictures_at.map_or_else(String::new, |url| format!(" {}", url.origin()));
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'{pictures}; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("a public address is of visible ASCII characters")
}

/// Headers that keep a page what it is.
fn harden(mut response: Response, policy: &HeaderValue) -> Response {
    const HEADERS: [(HeaderName, &str); 4] = [
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("x-frame-options"), "DENY"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy.clone());
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
