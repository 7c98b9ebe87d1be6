//! One installation of Huying: four databases, a namespace, keys, and the services as processes.

use std::{
    collections::{BTreeSet, HashMap},
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, postgres::PgConnectOptions};
use tonic::transport::Channel;
use uuid::Uuid;

use crate::{servers::Servers, until};

/// The services, in the order in which a case meets them.
pub const SERVICES: [&str; 4] = ["intake", "routing", "notify", "ledger"];

/// A running installation.
#[derive(Debug)]
pub struct Installation {
    /// Its PostgreSQL and NATS.
    pub servers: Servers,
    /// Keys and logs.
    pub directory: PathBuf,
    bin_dir: PathBuf,
    id: String,
    settings: Vec<(String, String)>,
    processes: HashMap<(&'static str, usize), Process>,
}

#[derive(Debug)]
struct Process {
    child: Option<Child>,
    grpc: Port,
    http: Port,
}

impl Installation {
    /// Creates databases and keys. Nothing runs yet. `settings` are environment variables for every service.
    pub async fn prepare(servers: Servers, bin_dir: PathBuf, settings: &[(&str, &str)]) -> Self {
        let id = Uuid::now_v7().simple().to_string();
        let id = id[id.len() - 12..].to_owned();
        let directory = std::env::temp_dir().join(format!("huying-{id}"));
        std::fs::create_dir_all(&directory).unwrap();
        let installation = Self {
            servers,
            directory,
            bin_dir,
            id,
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            processes: HashMap::new(),
        };
        let mut admin = installation.postgres().connect().await.unwrap();
        for service in SERVICES {
            let statement = format!("CREATE DATABASE {}", installation.database(service));
            sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
        }
        admin.close().await.unwrap();
        let keys = installation.directory.join("keys");
        let path = |name: &str| keys.join(name).to_str().unwrap().to_owned();
        std::fs::create_dir_all(&keys).unwrap();
        installation.huying(&["keys", "jwt", "--out-dir", keys.to_str().unwrap()]);
        installation.huying(&["keys", "sealing", "--out", &path("sealing.key")]);
        installation.huying(&[
            "keys",
            "ledger",
            "--origin",
            "huying.test/150800",
            "--out",
            &path("ledger.key"),
        ]);
        installation
    }

    /// Prepares, and starts `replicas` of each service.
    pub async fn start(
        servers: Servers,
        bin_dir: PathBuf,
        settings: &[(&str, &str)],
        replicas: usize,
    ) -> Self {
        let mut installation = Self::prepare(servers, bin_dir, settings).await;
        for replica in 0..replicas {
            for service in SERVICES {
                installation.start_service(service, replica);
            }
        }
        installation.ready().await;
        installation
    }

    /// With the servers and programs that `deploy/test` provides, and the sample municipality imported.
    pub async fn with_sample(replicas: usize) -> Self {
        let bin_dir = crate::environment("HUYING_TEST_BIN_DIR").into();
        let installation = Self::start(Servers::shared(), bin_dir, &[], replicas).await;
        installation.import_sample().await;
        installation
    }

    /// Imports the sample municipality and waits until every service that was started knows it.
    pub async fn import_sample(&self) {
        self.import(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/sample")).await;
    }

    /// Imports the files of a folder, the first of this installation, and waits until every service that was started
    /// knows them.
    pub async fn import(&self, folder: &Path) {
        self.huying(&["import", folder.to_str().unwrap()]);
        let started: BTreeSet<_> = self.processes.keys().map(|(service, _)| *service).collect();
        for service in started {
            let mut connection = self.postgres().database(&self.database(service)).connect().await.unwrap();
            let connection = tokio::sync::Mutex::new(&mut connection);
            until("the reference data is known everywhere", async || {
                let revision = "SELECT revision FROM directory_revision";
                let revision: i64 =
                    sqlx::query_scalar(revision).fetch_one(&mut **connection.lock().await).await.unwrap();
                (revision > 0).then_some(())
            })
            .await;
        }
        // Snapshots in memory follow the database within a quarter of a second.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }

    /// Starts a replica of a service; after a kill at its old ports.
    pub fn start_service(&mut self, service: &'static str, replica: usize) {
        let (grpc, http) = match self.processes.remove(&(service, replica)) {
            Some(process) => (process.grpc, process.http),
            None => (Port::reserve(), Port::reserve()),
        };
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.directory.join(format!("{service}-{replica}.log")))
            .unwrap();
        let keys = self.directory.join("keys");
        let child = Command::new(self.bin_dir.join(format!("{service}-svc")))
            .env(
                "HUYING_DATABASE_URL",
                self.postgres().database(&self.database(service)).to_url_lossy().as_str(),
            )
            .env("HUYING_NATS_URL", &self.servers.nats)
            .env("HUYING_NAMESPACE", format!("t{}", self.id))
            .env("HUYING_GRPC_LISTEN", grpc.address.to_string())
            .env("HUYING_HTTP_LISTEN", http.address.to_string())
            .env("HUYING_JWKS", keys.join("jwks.json"))
            .env("HUYING_SEALING_KEY_FILE", keys.join("sealing.key"))
            .env("HUYING_PICTURES", self.directory.join("pictures"))
            .env("HUYING_LOG_ORIGIN", "huying.test/150800")
            .env("HUYING_LOG_KEY_FILE", keys.join("ledger.key"))
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{service}-svc in {}: {error}", self.bin_dir.display()));
        self.processes.insert((service, replica), Process { child: Some(child), grpc, http });
    }

    /// Waits until every started service says it is ready.
    pub async fn ready(&self) {
        let client = http_client();
        for ((service, replica), process) in
            self.processes.iter().filter(|(_, process)| process.child.is_some())
        {
            let url = format!("http://{}/readyz", process.http.address);
            until(&format!("{service} {replica} is ready; see {}", self.directory.display()), async || {
                client
                    .get(&url)
                    .send()
                    .await
                    .ok()
                    .filter(|response| response.status().is_success())
                    .map(|_| ())
            })
            .await;
        }
    }

    /// Kills a replica with SIGKILL.
    pub fn kill(&mut self, service: &'static str, replica: usize) {
        if let Some(mut child) = self.processes.get_mut(&(service, replica)).and_then(|p| p.child.take()) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends SIGTERM to a replica and waits for its end; how long that took, and whether it ended well.
    pub async fn terminate(&mut self, service: &'static str, replica: usize) -> (Duration, bool) {
        let process = self.processes.get_mut(&(service, replica)).unwrap();
        let mut child = process.child.take().unwrap();
        let started = std::time::Instant::now();
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
        (started.elapsed(), status.success())
    }

    /// Process ids of the running services, by name and replica.
    #[must_use]
    pub fn pids(&self) -> Vec<(&'static str, u32)> {
        let running = |((service, _), process): (&(&'static str, usize), &Process)| {
            process.child.as_ref().map(|child| (*service, child.id()))
        };
        self.processes.iter().filter_map(running).collect()
    }

    /// gRPC URL of a replica.
    #[must_use]
    pub fn grpc_url(&self, service: &'static str, replica: usize) -> String {
        format!("http://{}", self.processes[&(service, replica)].grpc.address)
    }

    /// HTTP URL of a replica.
    #[must_use]
    pub fn http_url(&self, service: &'static str, replica: usize) -> String {
        format!("http://{}", self.processes[&(service, replica)].http.address)
    }

    /// A channel to a replica, connected at first use and again after a kill.
    #[must_use]
    pub fn channel(&self, service: &'static str, replica: usize) -> Channel {
        Channel::from_shared(self.grpc_url(service, replica))
            .unwrap()
            .timeout(Duration::from_secs(15))
            .connect_timeout(Duration::from_secs(5))
            .connect_lazy()
    }

    /// Options for connecting to a service's database.
    #[must_use]
    pub fn database_options(&self, service: &str) -> PgConnectOptions {
        self.postgres().database(&self.database(service))
    }

    /// Runs the command line and returns its standard output; fails when it does.
    pub fn huying(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.try_huying(arguments);
        assert!(code == 0, "huying {arguments:?} ended with {code}: {stdout}{stderr}");
        stdout
    }

    /// Runs the command line: exit code, standard output, standard error.
    #[must_use]
    pub fn try_huying(&self, arguments: &[&str]) -> (i32, String, String) {
        let keys = self.directory.join("keys");
        let mut command = Command::new(self.bin_dir.join("huying"));
        // Its own directory, so that no installation in the checkout is found.
        command.current_dir(&self.directory).args(arguments);
        command.env("HUYING_SIGNING_KEY", keys.join("jwt.key.pem"));
        for service in SERVICES {
            if self.processes.contains_key(&(service, 0)) {
                command.env(format!("HUYING_{}", service.to_uppercase()), self.grpc_url(service, 0));
            }
        }
        if let Ok(vkey) = std::fs::read_to_string(keys.join("ledger.key.pub")) {
            command.env("HUYING_LEDGER_VKEY", vkey.trim());
        }
        let output = command.output().unwrap();
        (
            output.status.code().unwrap_or(-1),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    /// A token for a role.
    #[must_use]
    pub fn token(&self, role: &str, code: &str, region: &str) -> String {
        let key = self.directory.join("keys/jwt.key.pem");
        let mut arguments = vec!["token", "--key", key.to_str().unwrap(), "--role", role, "--ttl", "1d"];
        if !code.is_empty() {
            arguments.extend([if role == "representative" { "--representative" } else { "--unit" }, code]);
        }
        if !region.is_empty() {
            arguments.extend(["--region", region]);
        }
        self.huying(&arguments).trim().to_owned()
    }

    /// Stops everything, deletes databases, streams and files.
    pub async fn stop(mut self) {
        let keys: Vec<_> = self.processes.keys().copied().collect();
        for (service, replica) in keys {
            self.kill(service, replica);
        }
        let mut admin = self.postgres().connect().await.unwrap();
        for service in SERVICES {
            let statement = format!("DROP DATABASE {} WITH (FORCE)", self.database(service));
            sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
        }
        if let Ok(options) = huying_platform::service::broker_options(&self.servers.nats)
            && let Ok(client) = options.connect(&self.servers.nats).await
        {
            let context = async_nats::jetstream::new(client);
            for stream in ["CASES", "DIRECTORY"] {
                // A test that failed early may not have them.
                let _ = context.delete_stream(format!("{stream}-t{}", self.id)).await;
            }
        }
        std::fs::remove_dir_all(&self.directory).unwrap();
    }

    fn database(&self, service: &str) -> String {
        format!("huying_{service}_{}", self.id)
    }

    fn postgres(&self) -> PgConnectOptions {
        self.servers.postgres.parse().unwrap()
    }
}

impl Drop for Installation {
    /// A test that fails leaves no process behind, and tells what the services said last.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (service, replica) in self.processes.keys() {
                let log = self.directory.join(format!("{service}-{replica}.log"));
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                let lines: Vec<_> = said.lines().collect();
                println!("--- the end of {}", log.display());
                println!("{}", lines[lines.len().saturating_sub(40)..].join("\n"));
            }
        }
        for process in self.processes.values_mut() {
            if let Some(mut child) = process.child.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// A client for pages and probes.
#[must_use]
pub fn http_client() -> reqwest::Client {
    // Fails only when a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}

/// A port of this installation's, and the lock that keeps it from every other until the test ends.
#[derive(Debug)]
struct Port {
    address: SocketAddr,
    _lock: File,
}

impl Port {
    /// A free port below those that the kernel gives to outgoing connections, of which other tests open many: one of
    /// those could be taken between this look and the service's start. Tests run in processes of their own, so that what
    /// keeps two of them from the same port is a file that each locks.
    fn reserve() -> Self {
        let directory = std::env::temp_dir().join("huying-ports");
        std::fs::create_dir_all(&directory).unwrap();
        loop {
            let mut random = [0_u8; 2];
            getrandom::fill(&mut random).unwrap();
            let number = 10_000 + u16::from_ne_bytes(random) % 8_000;
            let lock = File::create(directory.join(number.to_string())).unwrap();
            let address = SocketAddr::from(([127, 0, 0, 1], number));
            if lock.try_lock().is_ok() && TcpListener::bind(address).is_ok() {
                return Self { address, _lock: lock };
            }
        }
    }
}
