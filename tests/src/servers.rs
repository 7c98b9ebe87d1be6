//! PostgreSQL and NATS: those that the script has started for everybody, or a pair of a test's own that it may kill.

use std::{path::PathBuf, process::Command};

/// Where the servers are.
#[derive(Debug, Clone)]
pub struct Servers {
    /// URL of a PostgreSQL superuser.
    pub postgres: String,
    /// URL of the broker.
    pub nats: String,
    own: Option<PathBuf>,
}

impl Servers {
    /// The servers that `deploy/test` has started.
    #[must_use]
    pub fn shared() -> Self {
        Self {
            postgres: crate::environment("HUYING_TEST_POSTGRES"),
            nats: crate::environment("HUYING_TEST_NATS"),
            own: None,
        }
    }

    /// Servers given by their URLs.
    #[must_use]
    pub fn at(postgres: String, nats: String) -> Self {
        Self { postgres, nats, own: None }
    }

    /// A pair of one's own, in a directory of its own.
    #[must_use]
    pub fn start_own(directory: PathBuf) -> Self {
        std::fs::create_dir_all(&directory).unwrap();
        let mut servers = Self { postgres: String::new(), nats: String::new(), own: Some(directory) };
        servers.start_again();
        servers
    }

    /// Starts whichever of the own servers is not running, at its old place with its old data.
    pub fn start_again(&mut self) {
        for line in self.script(&["start"]).lines() {
            match line.split_once('=') {
                Some(("POSTGRES", url)) => self.postgres = url.to_owned(),
                Some(("NATS", url)) => self.nats = url.to_owned(),
                Some(_) | None => {}
            }
        }
    }

    /// Kills one of the own servers with SIGKILL: "postgres" or "nats".
    pub fn kill(&self, name: &str) {
        self.script(&["kill", name]);
    }

    /// Stops the own servers and deletes what they keep.
    pub fn stop(self) {
        if let Some(directory) = &self.own {
            self.script(&["stop"]);
            std::fs::remove_dir_all(directory).unwrap();
        }
    }

    fn script(&self, arguments: &[&str]) -> String {
        let directory =
            self.own.as_ref().expect("only a test's own servers are started, killed and stopped by it");
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("servers.sh");
        let output = Command::new(script).arg(directory).args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "servers {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}
