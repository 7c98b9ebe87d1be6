//! The pages: drawn on the server from the same leaves that can be verified, readable without JavaScript, and without
//! anything from elsewhere but the pictures that intake-svc serves.
//!
//! Guaranteed: what people wrote is escaped (maud does); every answer, error pages included, has the strict headers of
//! [`harden`]; a page is not sent again as long as the tree and the reference data are what they were. Left to others:
//! what may be shown (the use cases hand out nothing else).

use std::sync::Arc;

use axum::{
    Router,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use huying_platform::{
    Platform,
    directory::{Directory, DirectoryHandle},
    status::{chain, is_transient},
};
use maud::Markup;
use sqlx::PgPool;

use crate::{
    LogIdentity,
    config::PublicUrl,
    use_cases::{ReadError, count_cases::CountCases},
};

mod case_list;
mod case_page;
mod layout;
mod log_pages;
mod names;
mod said;
mod sentences;
mod unit_pages;

const STYLE: &str = include_str!("style.css");
const ICON: &str = include_str!("icon.svg");

/// What the pages are drawn from.
#[derive(Debug)]
struct Pages {
    db: PgPool,
    directory: DirectoryHandle,
    counts: CountCases,
    verifier_key: String,
    /// Where pictures are shown from, if anywhere.
    pictures_at: Option<PublicUrl>,
    /// Changes with everything that a page looks like whatever the ledger has.
    looks: String,
}

impl Pages {
    /// What tells one drawing of a page from the next: the tree, the reference data, and the page's own looks.
    fn entity_tag(&self, tree_size: u64, directory: &Directory) -> String {
        format!("W/\"{tree_size}-{}-{}\"", directory.revision(), self.looks)
    }
}

type Shared = axum::extract::State<Arc<Pages>>;

/// All pages.
pub fn router(
    platform: &Platform,
    readers: PgPool,
    log: &LogIdentity,
    pictures_at: Option<PublicUrl>,
) -> Router {
    let policy = content_policy(pictures_at.as_ref());
    let pages = Pages {
        db: readers,
        directory: platform.directory.clone(),
        // Counting all cases may take longer than a reader may, and is done once for all of them.
        counts: CountCases::new(platform.db.clone()),
        verifier_key: log.signer.verifier_key(),
        looks: layout::looks(pictures_at.as_ref()),
        pictures_at,
    };
    Router::new()
        .route("/", get(case_list::page))
        .route("/cases/{case_id}", get(case_page::page))
        .route("/cases/{case_id}/lines/{case_version}/proof", get(log_pages::proof_page))
        .route("/cases/{case_id}/lines/{case_version}/proof.json", get(log_pages::proof_json))
        .route("/units", get(unit_pages::list))
        .route("/units/{unit}", get(unit_pages::figures))
        .route("/log/checkpoint", get(log_pages::checkpoint))
        .route("/log/vkey", get(log_pages::verifier_key))
        .route("/static/style.css", get(|| async { fixed("text/css; charset=utf-8", STYLE) }))
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
    /// The ledger could not be read.
    Read(ReadError),
}

impl From<ReadError> for PageError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::CaseNotFound(_) => {
                Self::NotFound("账本里没有这个编号。刚提交的事项可能要过一两秒才会出现，请稍后再看。")
            }
            ReadError::LeafOutOfRange { .. } => Self::NotFound("账本里还没有这一条。"),
            ReadError::NoCheckpoint
            | ReadError::CorruptLeaf(_)
            | ReadError::CorruptTiles(_)
            | ReadError::Sql(_) => Self::Read(error),
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, title, english, message) = match self {
            Self::NotFound(message) => (StatusCode::NOT_FOUND, "没有找到", "Not found", message.to_owned()),
            Self::BadRequest(message) => (StatusCode::BAD_REQUEST, "网址有误", "Bad request", message),
            Self::Read(error) => {
                let passing = match &error {
                    ReadError::NoCheckpoint => true,
                    ReadError::Sql(error) => is_transient(error),
                    ReadError::CaseNotFound(_)
                    | ReadError::LeafOutOfRange { .. }
                    | ReadError::CorruptLeaf(_)
                    | ReadError::CorruptTiles(_) => false,
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

fn drawn(page: Markup, tag: &str) -> Response {
    with_tag(page.into_response(), tag)
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
