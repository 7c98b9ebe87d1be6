//! Settings of ledger-svc, each a flag and an environment variable, checked before a port is bound.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use anyhow::Context as _;
use axum::http::Uri;
use clap::Parser;
use huying_platform::{secret_file::read_secret, settings::CommonSettings};

use crate::{
    LogIdentity, domain::log_keys::Keyring, entry_feed::FeedBounds, exporting::ExportBounds,
    signed_mark::SignedMark, use_cases::add_checkpoint::Vouching,
};

mod neighbours;

/// The public account of Huying: an append-only log of what happened to every case, and the pages drawn from it.
#[derive(Debug, Clone, Parser)]
#[command(name = "ledger-svc", version, about)]
pub struct Config {
    /// What every service has.
    #[command(flatten)]
    pub common: CommonSettings,

    /// Name of the log, for ever: host and path without scheme, such as ledger.example.cn/150800
    #[arg(long, env = "HUYING_LOG_ORIGIN")]
    pub log_origin: String,

    /// File with the private keys that sign checkpoints (C2SP signed-note form), one a line, as written by `huying keys
    /// ledger`. All sign; the first signs foremost. A key is changed in two steps: add the new one and restart all
    /// replicas; when all who verify know it, put `retired` and the verifier key in place of the old one and restart. Readers are told of the keys in this file and of no
    /// others, whatever the database says, so keep the `retired` lines as long as anybody may ask about an old key
    #[arg(long, env = "HUYING_LOG_KEY_FILE")]
    pub log_key_file: PathBuf,

    /// File in which this machine remembers the checkpoint that it signed last, for a log whose database is taken back to a
    /// backup or to a standby that was behind: it is then not led, rather than signed a second time in another way. It must
    /// lie outside the database's disk. Without it that is remembered as long as the process lives. When leaves are lost for
    /// good, found a log of another name; delete the file, and restart, only if nobody has seen what was lost
    #[arg(long, env = "HUYING_LOG_MARK_FILE")]
    pub log_mark_file: Option<PathBuf>,

    /// File with the witnesses that are to cosign checkpoints (C2SP tlog-witness): the verifier key and the address of each,
    /// one a line, such as `w.example+1234abcd+BA… https://ledger.example.cn/witness`
    #[arg(long, env = "HUYING_WITNESSES_FILE")]
    pub witnesses_file: Option<PathBuf>,

    /// File with the private key by which this ledger cosigns the checkpoints of other logs, as written by `huying keys
    /// witness`
    #[arg(long, env = "HUYING_WITNESS_KEY_FILE", requires = "witnessed_logs_file")]
    pub witness_key_file: Option<PathBuf>,

    /// File with the logs that this ledger cosigns as a witness: their verifier keys, as their /log/vkey gives them, one a
    /// line
    #[arg(long, env = "HUYING_WITNESSED_LOGS_FILE", requires = "witness_key_file")]
    pub witnessed_logs_file: Option<PathBuf>,

    /// Where the public reaches intake-svc, such as https://intake.example.cn: pictures are shown from there. Without it
    /// the pages show the ids of pictures only
    #[arg(long, env = "HUYING_INTAKE_PUBLIC_URL")]
    pub intake_public_url: Option<PublicUrl>,

    /// Where the public reaches these pages, such as https://ledger.example.cn: what leaves them, such as a feed, has whole
    /// addresses then. Without it, it has addresses relative to its own
    #[arg(long, env = "HUYING_LEDGER_PUBLIC_URL")]
    pub public_url: Option<PublicUrl>,

    /// Streams of log entries (WatchEntries) that this process serves at once, at most; whoever comes after is told to
    /// come back
    #[arg(long, env = "HUYING_ENTRY_STREAMS_MAX", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub entry_streams_max: u32,

    /// Downloads of whole lists that this process serves at once, at most; whoever comes after is told to come back
    #[arg(long, env = "HUYING_EXPORTS_MAX", default_value_t = 16,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub exports_max: u32,
}

/// What readers get besides the log and the account, and how much.
#[derive(Debug, Clone, Default)]
pub struct Serving {
    /// Where intake-svc serves pictures, if pages are to show them.
    pub pictures_at: Option<PublicUrl>,
    /// Where the public reaches the pages, if that is known.
    pub public_url: Option<PublicUrl>,
    /// How much the streams of log entries may take up, and their times.
    pub entry_feed: FeedBounds,
    /// How much the downloads of whole lists may take up.
    pub exports: ExportBounds,
    /// For whom this ledger vouches as a witness, if for anybody.
    pub vouching: Option<Vouching>,
}

/// An address of another site that pages may name: http or https, without user, query and fragment. Made of characters
/// that mean nothing in HTML and in a content security policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    path: String,
}

impl PublicUrl {
    /// Scheme, host and port, as a content security policy names a source.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The address of something below it; `path` begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin, self.path)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

/// A text that is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an address such as https://intake.example.cn, without user, query and fragment")]
pub struct InvalidPublicUrl;

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let plain = |character: char| character.is_ascii_alphanumeric() || "-._~:/[]".contains(character);
        let uri: Uri = text.parse().map_err(|_| InvalidPublicUrl)?;
        match (uri.scheme_str(), uri.authority(), uri.query()) {
            (Some(scheme @ ("http" | "https")), Some(authority), None) if text.chars().all(plain) => {
                Ok(Self {
                    origin: format!("{scheme}://{authority}"),
                    path: uri.path().trim_end_matches('/').to_owned(),
                })
            }
            _ => Err(InvalidPublicUrl),
        }
    }
}

impl Config {
    /// What readers get, and how much.
    ///
    /// # Errors
    /// When the key or the logs of a witness cannot be read.
    pub fn serving(&self) -> anyhow::Result<Serving> {
        let vouching = match (&self.witness_key_file, &self.witnessed_logs_file) {
            (Some(key), Some(logs)) => Some(neighbours::vouching(&self.log_origin, key, logs)?),
            (None, _) | (_, None) => None,
        };
        Ok(Serving {
            pictures_at: self.intake_public_url.clone(),
            public_url: self.public_url.clone(),
            entry_feed: FeedBounds { streams: self.entry_streams_max as usize, ..FeedBounds::default() },
            exports: ExportBounds { exports: self.exports_max as usize, ..ExportBounds::default() },
            vouching,
        })
    }

    /// Reads the keys and the witnesses.
    ///
    /// # Errors
    /// When a file cannot be read, others than its owner can read the keys, a line is none, or a key is of another log.
    pub fn log_identity(&self) -> anyhow::Result<LogIdentity> {
        let path = self.log_key_file.display();
        let keys =
            read_secret(&self.log_key_file).with_context(|| format!("reading --log-key-file {path}"))?;
        let keys =
            Keyring::parse(&keys, &self.log_origin).with_context(|| format!("--log-key-file {path}"))?;
        let witnesses =
            self.witnesses_file.as_deref().map(neighbours::witnesses).transpose()?.unwrap_or_default();
        let mark = Arc::new(SignedMark::new(&self.log_origin, self.log_mark_file.clone()));
        Ok(LogIdentity { origin: self.log_origin.clone(), keys, witnesses, mark })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use clap::Parser as _;

    use super::*;

    #[test]
    fn an_address_that_could_mean_something_in_a_policy_or_a_page_is_refused() {
        let url: PublicUrl = "https://intake.example.cn:8443/huying/".parse().unwrap();
        assert_eq!(url.origin(), "https://intake.example.cn:8443");
        assert_eq!(url.join("/pictures/7"), "https://intake.example.cn:8443/huying/pictures/7");
        assert_eq!(
            "http://127.0.0.1:8080".parse::<PublicUrl>().unwrap().to_string(),
            "http://127.0.0.1:8080"
        );
        for wrong in [
            "",
            "intake.example.cn",
            "/pictures",
            "ftp://intake.example.cn",
            "https://",
            "https://me@intake.example.cn",
            "https://intake.example.cn?x=1",
            "https://intake.example.cn/#x",
            "https://intake.example.cn;script-src",
            "https://intake.example.cn/a b",
            "https://intake.example.cn/\"x",
            "https://intake.example.cn/'x",
            "https://*",
        ] {
            assert_eq!(wrong.parse::<PublicUrl>(), Err(InvalidPublicUrl), "{wrong}");
        }
    }

    #[test]
    fn the_default_of_streams_is_that_of_the_feed() {
        let config = Config::parse_from([
            "ledger-svc",
            "--database-url=postgres://localhost/x",
            "--nats-url=nats://localhost",
            "--jwks=jwks.json",
            "--log-origin=ledger.example",
            "--log-key-file=key",
        ]);
        assert_eq!(config.serving().unwrap().entry_feed, FeedBounds::default());
    }

    #[test]
    fn a_key_of_another_log_or_one_that_others_can_read_is_refused() {
        let file = std::env::temp_dir().join(format!("huying-ledger-key-{}", std::process::id()));
        std::fs::write(
            &file,
            "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n",
        )
        .unwrap();
        let config = |origin: &str| {
            Config::parse_from([
                "ledger-svc",
                "--database-url=postgres://localhost/x",
                "--nats-url=nats://localhost",
                "--jwks=jwks.json",
                &format!("--log-origin={origin}"),
                &format!("--log-key-file={}", file.display()),
            ])
        };
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o640);
        let error = format!("{:#}", config("PeterNeumann").log_identity().unwrap_err());
        assert!(error.contains("chmod 600"), "{error}");
        mode(0o600);
        assert_eq!(config("PeterNeumann").log_identity().unwrap().origin, "PeterNeumann");
        let error = format!("{:#}", config("ledger.example").log_identity().unwrap_err());
        std::fs::remove_file(&file).unwrap();
        assert!(error.contains("is the key of PeterNeumann"), "{error}");
    }
}
