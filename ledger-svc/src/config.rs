//! Settings of ledger-svc, each a flag and an environment variable, checked before a port is bound.

use std::{fmt, path::PathBuf, str::FromStr};

use anyhow::Context as _;
use axum::http::Uri;
use clap::Parser;
use huying_platform::{secret_file::read_secret, settings::CommonSettings};

use crate::{LogIdentity, domain::note::Signer};

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

    /// File with the private key that signs checkpoints (C2SP signed-note form), as written by `huying keys ledger`
    #[arg(long, env = "HUYING_LOG_KEY_FILE")]
    pub log_key_file: PathBuf,

    /// Where the public reaches intake-svc, such as https://intake.example.cn: pictures are shown from there. Without it
    /// the pages show the ids of pictures only
    #[arg(long, env = "HUYING_INTAKE_PUBLIC_URL")]
    pub intake_public_url: Option<PublicUrl>,
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
    /// Reads the key.
    ///
    /// # Errors
    /// When the file cannot be read, others than its owner can read it, it is no key, or the key is of another log.
    pub fn log_identity(&self) -> anyhow::Result<LogIdentity> {
        let path = self.log_key_file.display();
        let key =
            read_secret(&self.log_key_file).with_context(|| format!("reading --log-key-file {path}"))?;
        let signer = Signer::parse(&key).with_context(|| format!("--log-key-file {path}"))?;
        anyhow::ensure!(
            signer.name() == self.log_origin,
            "--log-key-file {path} is the key of {}, and --log-origin is {}; both must be the same",
            signer.name(),
            self.log_origin
        );
        Ok(LogIdentity { origin: self.log_origin.clone(), signer })
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
        let error = config("ledger.example").log_identity().unwrap_err().to_string();
        std::fs::remove_file(&file).unwrap();
        assert!(error.contains("is the key of PeterNeumann"), "{error}");
    }
}
