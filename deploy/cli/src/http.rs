//! Files over HTTP, from somebody who may be mistaken or hostile.
//!
//! Guarantees that nothing is read without bound: a file has the size that its reader allows, a line too; what is compressed
//! is bounded by what it becomes. The beginning of an answer is waited for a minute, each further piece as long, and a
//! file has to come at [`LEAST_BYTES_A_SECOND`] on the whole, so that one byte a minute is no file. No redirect is followed,
//! so that what is read is what was named. What may succeed at another time (no connection, 429, 502 to 504, a file that
//! breaks off or comes too slowly) is asked for again, a few times.
//!
//! Not promised: an end of a command that reads many files. A site that sends each as slowly as it may takes so long for
//! each.
//!
//! An answer that is no file (404, 500) is not a failure here but what was found: an audit goes on and tells it.

use std::{
    error::Error as _,
    io::{Read as _, Write as _},
    net::IpAddr,
    time::Duration,
};

use flate2::{read::GzDecoder as ReadGzip, write::GzDecoder as WriteGzip};
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, RETRY_AFTER},
    redirect::Policy,
};
use tokio::time::{Instant, sleep};

use crate::failure::{Exit, Failure};

/// How often one file is asked for.
const ATTEMPTS: u32 = 5;
const RETRY_WAIT: Duration = Duration::from_millis(200);
/// The longest wait between attempts, also when the server asks for more.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long to wait for the beginning of an answer, and for each further piece of it.
const PIECE_MAX: Duration = Duration::from_secs(60);
/// The least that has to come of a file each second, on the whole and after [`HEAD_START`]: what a poor line carries.
const LEAST_BYTES_A_SECOND: u64 = 4 * 1024;
/// How long a file may take besides: a ledger may have to count before it sends. Tests have less.
const HEAD_START: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 60 });
/// What an answer that is no file says is read up to here.
const PROBLEM_BYTES_MAX: usize = 16 * 1024;
const PROBLEM_CHARS_MAX: usize = 200;
/// Gzip becomes a thousand times as much at most: some 16 MiB.
const UNPACKED_AT_ONCE: usize = 16 * 1024;

/// A site.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    client: Client,
    base: String,
    /// On this very machine compressing costs more than it saves.
    takes_gzip: bool,
}

/// What came instead of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoFile(pub(crate) String);

impl Site {
    /// A site at an address such as `https://ledger.example.cn`.
    ///
    /// # Errors
    /// When it is no address.
    pub(crate) fn new(address: &str, connect_timeout: Duration) -> Result<Self, Failure> {
        let wrong = || {
            Failure::usage(format!("\"{address}\" is no address of a ledger"))
                .with_hint("an address looks like http://127.0.0.1:8084 or https://ledger.example.cn")
        };
        let url: Url = address.parse().map_err(|_| wrong())?;
        let is_plain = url.query().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
            return Err(wrong());
        }
        let is_local = is_loopback(&url);
        // Fails only when one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .user_agent(concat!("huying/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(connect_timeout)
            .read_timeout(PIECE_MAX);
        if is_local {
            client = client.no_proxy();
        }
        let client = client
            .build()
            .map_err(|error| Failure::unexpected(format!("no HTTP client can be made: {error}")))?;
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { client, base, takes_gzip: !is_local })
    }

    /// Its address.
    pub(crate) fn address(&self) -> &str {
        &self.base
    }

    /// A file of at most so many bytes. `path` begins with a slash.
    ///
    /// # Errors
    /// When the site cannot be reached, or is busy for too long.
    pub(crate) async fn file(
        &self,
        path: &str,
        bytes_max: usize,
    ) -> Result<Result<Vec<u8>, NoFile>, Failure> {
        let mut attempt = 1;
        loop {
            let read = match self.open(path).await? {
                Ok(response) => read_file(response, bytes_max).await,
                Err(no_file) => return Ok(Err(no_file)),
            };
            match read {
                Ok(read) => return Ok(read),
                Err(error) if attempt == ATTEMPTS => return Err(self.not_whole(path, &error)),
                Err(_) => sleep(RETRY_WAIT * 2_u32.pow(attempt)).await,
            }
            attempt += 1;
        }
    }

    /// A text file of at most so many bytes.
    ///
    /// # Errors
    /// As of [`Self::file`].
    pub(crate) async fn text(&self, path: &str, bytes_max: usize) -> Result<Result<String, NoFile>, Failure> {
        let read = self.file(path, bytes_max).await?;
        Ok(read.and_then(|bytes| String::from_utf8(bytes).map_err(|_| NoFile("no UTF-8".to_owned()))))
    }

    /// A file of any size, to be read line by line; no line may have more than so many bytes.
    ///
    /// # Errors
    /// As of [`Self::file`].
    pub(crate) async fn lines(
        &self,
        path: &str,
        line_bytes_max: usize,
    ) -> Result<Result<Lines, NoFile>, Failure> {
        Ok(self.open(path).await?.map(|response| Lines {
            gzip: is_gzip(&response).then(|| WriteGzip::new(Vec::new())),
            body: Body::of(response),
            packed: Vec::new(),
            read: Vec::new(),
            taken: 0,
            line_bytes_max,
        }))
    }

    /// An answer that has a file.
    async fn open(&self, path: &str) -> Result<Result<Response, NoFile>, Failure> {
        let mut attempt = 1;
        loop {
            let mut request = self.client.get(format!("{}{path}", self.base));
            if self.takes_gzip {
                request = request.header(ACCEPT_ENCODING, "gzip");
            }
            let asked_to_wait = match request.send().await {
                Ok(response) if response.status() == StatusCode::OK => return Ok(Ok(response)),
                Ok(response) if !is_busy(response.status()) => return Ok(Err(no_file(response).await)),
                Ok(response) if attempt == ATTEMPTS => {
                    return Err(Failure::unexpected(format!(
                        "{}{path} answered {} {ATTEMPTS} times",
                        self.base,
                        response.status()
                    )));
                }
                Ok(response) => retry_after(&response),
                // Nobody is there: a person does not wait for that.
                Err(error) if error.is_connect() || attempt == ATTEMPTS => {
                    return Err(self.unreachable(path, &error));
                }
                Err(_) => Duration::ZERO,
            };
            sleep((RETRY_WAIT * 2_u32.pow(attempt)).max(asked_to_wait).min(RETRY_WAIT_MAX)).await;
            attempt += 1;
        }
    }

    fn unreachable(&self, path: &str, error: &reqwest::Error) -> Failure {
        self.not_whole(path, &Broken::of(error))
            .with_hint("is Huying running? ./deploy/up starts a trial installation")
    }

    fn not_whole(&self, path: &str, broken: &Broken) -> Failure {
        Failure::new(broken.exit, format!("{}{path} cannot be read: {}", self.base, broken.reason))
    }
}

/// Why what an answer has did not come.
#[derive(Debug)]
struct Broken {
    exit: Exit,
    reason: String,
}

impl Broken {
    fn of(error: &reqwest::Error) -> Self {
        let exit = if error.is_timeout() { Exit::TimedOut } else { Exit::Unexpected };
        Self { exit, reason: causes(error) }
    }
}

/// What an answer has, piece by piece, at a pace.
#[derive(Debug)]
struct Body {
    response: Response,
    begun_at: Instant,
    /// Bytes so far, as they came.
    came: u64,
}

impl Body {
    fn of(response: Response) -> Self {
        Self { response, begun_at: Instant::now(), came: 0 }
    }

    /// The next piece, or `None` after the last.
    async fn piece(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        let piece = self.response.chunk().await.map_err(|error| Broken::of(&error))?;
        let piece: Option<Vec<u8>> = piece.map(Into::into);
        self.came += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        let elapsed = self.begun_at.elapsed();
        if piece.is_some() && elapsed > time_for(self.came) {
            let reason = format!("{} bytes within {} s, which is too slow", self.came, elapsed.as_secs());
            return Err(Broken { exit: Exit::TimedOut, reason });
        }
        Ok(piece)
    }
}

/// How long so many bytes may take.
fn time_for(bytes: u64) -> Duration {
    HEAD_START + Duration::from_secs(bytes / LEAST_BYTES_A_SECOND)
}

/// A file that is read line by line.
#[derive(Debug)]
pub(crate) struct Lines {
    body: Body,
    gzip: Option<WriteGzip<Vec<u8>>>,
    /// What came and was not yet unpacked.
    packed: Vec<u8>,
    /// What came and was not yet handed out, after what was.
    read: Vec<u8>,
    taken: usize,
    line_bytes_max: usize,
}

impl Lines {
    /// The next line without its end, or `None` after the last; says why the file is not whole otherwise.
    pub(crate) async fn next(&mut self) -> Result<Option<&str>, String> {
        let mut searched = self.taken;
        let end = loop {
            if let Some(length) = self.read[searched..].iter().position(|byte| *byte == b'\n') {
                break searched + length;
            }
            if self.read.len() - self.taken > self.line_bytes_max {
                return Err(format!("a line has more than {} bytes", self.line_bytes_max));
            }
            self.read.drain(..self.taken);
            self.taken = 0;
            searched = self.read.len();
            if !self.read_on().await? {
                return match self.read.len() {
                    0 => Ok(None),
                    _ => Err("its last line has no end".to_owned()),
                };
            }
        };
        let line = self.taken..end;
        self.taken = end + 1;
        let line = std::str::from_utf8(&self.read[line]).map_err(|_| "a line is no UTF-8".to_owned())?;
        Ok(Some(line))
    }

    /// Reads a piece; false after the last.
    async fn read_on(&mut self) -> Result<bool, String> {
        if self.packed.is_empty() {
            let piece = self.body.piece().await.map_err(|broken| broken.reason)?;
            let is_over = piece.is_none();
            match (&mut self.gzip, piece) {
                (None, piece) => {
                    self.read.extend_from_slice(piece.as_deref().unwrap_or_default());
                    return Ok(!is_over);
                }
                (Some(gzip), None) => {
                    gzip.try_finish().map_err(|error| not_gzip(&error))?;
                    self.read.append(gzip.get_mut());
                    return Ok(!self.read.is_empty());
                }
                (Some(_), Some(piece)) => self.packed = piece,
            }
        }
        if let Some(gzip) = &mut self.gzip {
            let some = self.packed.len().min(UNPACKED_AT_ONCE);
            gzip.write_all(&self.packed[..some]).map_err(|error| not_gzip(&error))?;
            self.packed.drain(..some);
            self.read.append(gzip.get_mut());
        }
        Ok(true)
    }
}

fn not_gzip(error: &std::io::Error) -> String {
    format!("it is not compressed as gzip is: {error}")
}

/// Reads a whole file. The outer error is worth another try.
async fn read_file(response: Response, bytes_max: usize) -> Result<Result<Vec<u8>, NoFile>, Broken> {
    let too_large = || Ok(Err(NoFile(format!("a file of more than {bytes_max} bytes"))));
    let is_gzip = is_gzip(&response);
    let mut body = Body::of(response);
    let mut bytes = Vec::new();
    while let Some(piece) = body.piece().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > bytes_max {
            return too_large();
        }
    }
    if !is_gzip {
        return Ok(Ok(bytes));
    }
    let mut unpacked = Vec::new();
    let limit = bytes_max as u64 + 1;
    match ReadGzip::new(&bytes[..]).take(limit).read_to_end(&mut unpacked) {
        Ok(_) if unpacked.len() > bytes_max => too_large(),
        Ok(_) => Ok(Ok(unpacked)),
        Err(error) => Ok(Err(NoFile(format!("a file that is not compressed as gzip is: {error}")))),
    }
}

fn is_gzip(response: &Response) -> bool {
    response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip")
}

fn is_busy(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

fn retry_after(response: &Response) -> Duration {
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// What an answer without a file says: the problem, where it is the JSON of the log, and the status.
async fn no_file(response: Response) -> NoFile {
    let status = response.status();
    let body = read_file(response, PROBLEM_BYTES_MAX).await.ok().and_then(Result::ok).unwrap_or_default();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    match body.pointer("/error/problem").and_then(serde_json::Value::as_str) {
        Some(problem) => {
            let problem: String = problem.chars().take(PROBLEM_CHARS_MAX).collect();
            NoFile(format!("HTTP {status}: {problem}"))
        }
        None => NoFile(format!("HTTP {status}")),
    }
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// An error with its causes, without the address that its user names.
fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

#[cfg(test)]
mod tests;
