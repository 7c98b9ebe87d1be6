//! Settings of ledger-svc, each a flag and an environment variable, checked before a port is bound.

use std::path::PathBuf;

use anyhow::Context as _;
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
