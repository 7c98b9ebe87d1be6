//! A service's house for tests: real PostgreSQL and real NATS, a database and a namespace of its own, a driven clock.
//!
//! Needs `HUYING_TEST_POSTGRES` (a superuser's URL) and `HUYING_TEST_NATS`; `deploy/test` starts both and sets them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, clippy::missing_errors_doc)]

use std::{path::PathBuf, time::Duration};

use async_nats::jetstream;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use huying_proto::events::v1::{DirectoryEntry, Event};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use prost::Message as _;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tonic::{service::Routes, transport::Channel};
use uuid::Uuid;

use crate::{
    Platform, auth,
    clock::{Clock, DrivenClock},
    directory,
    migrate::MigrationSource,
    server,
    settings::{CommonSettings, LogFormat},
    subjects::{self, Namespace},
    telemetry::Telemetry,
};

/// How long a test waits for a condition before it fails.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A running platform for one test.
#[derive(Debug)]
pub struct TestHouse {
    /// The platform, as a service's own code gets it.
    pub platform: Platform,
    /// Moves its clock.
    pub clock: DrivenClock,
    /// Settings it was started with; for a second replica over the same database and streams.
    pub settings: CommonSettings,
    service: &'static str,
    migrations: &'static [MigrationSource],
    key: SigningKey,
    database: String,
    jwks: PathBuf,
}

impl TestHouse {
    /// Creates the database and the namespace, and starts the platform.
    pub async fn start(service: &'static str, migrations: &'static [MigrationSource]) -> Self {
        let id = Uuid::now_v7().simple().to_string();
        let id = &id[id.len() - 12..];
        let database = format!("test_{id}");
        let options = server_options().database("postgres");
        let mut admin =
            options.connect().await.unwrap_or_else(|error| panic!("HUYING_TEST_POSTGRES: {error}"));
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {database}"))).execute(&mut admin).await.unwrap();
        admin.close().await.unwrap();

        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).unwrap();
        let key = SigningKey::from_bytes(&seed);
        let jwks = std::env::temp_dir().join(format!("huying-test-{id}.jwks.json"));
        let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let set = serde_json::json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "test", "x": x}
        ]});
        std::fs::write(&jwks, set.to_string()).unwrap();

        let settings = CommonSettings {
            database_url: server_options().database(&database).to_url_lossy().to_string(),
            database_connections_max: 8,
            nats_url: environment("HUYING_TEST_NATS"),
            nats_credentials: None,
            namespace: Namespace::new(&format!("t{id}")).unwrap(),
            grpc_listen: "127.0.0.1:0".parse().unwrap(),
            http_listen: "127.0.0.1:0".parse().unwrap(),
            jwks: jwks.to_str().unwrap().to_owned(),
            tls_cert: None,
            tls_key: None,
            calls_max: 1_024,
            connections_max: 1_024,
            http_connections_max: 64,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            otlp_endpoint: None,
            trace_sample_ratio: 0.0,
        };
        let (clock, driven) = Clock::driven(jiff::Timestamp::now());
        let platform =
            Platform::assemble(service, &settings, migrations, clock, Telemetry::default()).await.unwrap();
        Self { platform, clock: driven, settings, service, migrations, key, database, jwks }
    }

    /// A second replica over the same database, streams and clock.
    pub async fn replica(&self) -> Platform {
        let clock = self.platform.clock.clone();
        Platform::assemble(self.service, &self.settings, self.migrations, clock, Telemetry::default())
            .await
            .unwrap()
    }

    /// A token, good for a day of the driven clock.
    #[must_use]
    pub fn token(&self, role: &str, code: &str, region: &str) -> String {
        let now = self.platform.clock.now().as_second();
        self.token_with(&serde_json::json!({
            "sub": format!("{role}-{code}"), "role": role, "code": code, "region": region,
            "aud": auth::AUDIENCE, "iat": now, "exp": now + 86_400,
        }))
    }

    /// A token with any claims, signed with the key that services trust.
    #[must_use]
    pub fn token_with(&self, claims: &serde_json::Value) -> String {
        let header = Header { kid: Some("test".to_owned()), ..Header::new(Algorithm::EdDSA) };
        let der = self.key.to_pkcs8_der().unwrap();
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(der.as_bytes())).unwrap()
    }

    /// Replaces the reference data.
    pub async fn set_directory(&self, entries: &[DirectoryEntry]) {
        let mut transaction = self.platform.db.begin().await.unwrap();
        let revision = directory::revision(&mut transaction).await.unwrap() + 1;
        directory::upsert(&mut transaction, revision, entries).await.unwrap();
        directory::set_revision(&mut transaction, revision).await.unwrap();
        transaction.commit().await.unwrap();
        self.platform.directory.reload().await.unwrap();
    }

    /// Puts an event on the stream, as another service's relay would.
    pub async fn publish_case_event(&self, event: &Event) {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("ce-id", event.event_id.as_str());
        self.publish(&subjects::case_event(event), headers, event.encode_to_vec()).await;
    }

    /// Puts any bytes on the stream.
    pub async fn publish(&self, subject: &str, headers: async_nats::HeaderMap, payload: Vec<u8>) {
        let context = jetstream::new(self.platform.nats.clone());
        let subject = self.settings.namespace.subject(subject);
        context.publish_with_headers(subject, headers, payload.into()).await.unwrap().await.unwrap();
    }

    /// Every case event in the outbox, in order.
    pub async fn outbox_events(&self) -> Vec<Event> {
        let payloads: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT payload FROM outbox WHERE stream = 'CASES' ORDER BY seq")
                .fetch_all(&self.platform.db)
                .await
                .unwrap();
        payloads.iter().map(|payload| Event::decode(payload.as_slice()).unwrap()).collect()
    }

    /// Serves gRPC on a free port and connects to it.
    pub async fn grpc_channel(&self, routes: Routes) -> Channel {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (platform, settings) = (self.platform.clone(), self.settings.clone());
        let stop = self.platform.shutdown();
        tokio::spawn(async move { server::grpc(&platform, &settings, routes, listener, stop).await });
        Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
    }

    /// Serves pages on a free port; the base URL.
    pub async fn http_base(&self, web: axum::Router) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (platform, settings) = (self.platform.clone(), self.settings.clone());
        let stop = self.platform.shutdown();
        tokio::spawn(async move { server::http(&platform, &settings, web, listener, stop).await });
        format!("http://{address}")
    }

    /// Waits until a condition holds, and fails with `what` when it does not in time.
    pub async fn until<F: Future<Output = bool>>(&self, what: &str, mut condition: impl FnMut() -> F) {
        let give_up_at = tokio::time::Instant::now() + DEADLINE;
        while !condition().await {
            assert!(tokio::time::Instant::now() < give_up_at, "not within {DEADLINE:?}: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends everything and removes the database and the streams.
    pub async fn stop(self) {
        let context = jetstream::new(self.platform.nats.clone());
        self.platform.end().await;
        for stream in [subjects::CASES, subjects::DIRECTORY] {
            // Streams of a test that failed early may not exist.
            let _ = context.delete_stream(self.settings.namespace.stream(stream)).await;
        }
        let mut admin: PgConnection = server_options().database("postgres").connect().await.unwrap();
        sqlx::query(AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.database)))
            .execute(&mut admin)
            .await
            .unwrap();
        std::fs::remove_file(&self.jwks).unwrap();
    }
}

fn server_options() -> PgConnectOptions {
    environment("HUYING_TEST_POSTGRES")
        .parse()
        .unwrap_or_else(|error| panic!("HUYING_TEST_POSTGRES: {error}"))
}

fn environment(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; ./deploy/test starts the servers and sets it"))
}
