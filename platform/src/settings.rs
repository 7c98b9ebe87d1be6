//! Settings that every service has: a flag and an environment variable each, checked before a port is bound.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};

use crate::subjects::Namespace;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Settings of every service.
#[derive(Debug, Clone, Args)]
pub struct CommonSettings {
    /// PostgreSQL 15 or newer; the service's own database, such as postgres://intake:secret@localhost/huying_intake
    #[arg(long, env = "HUYING_DATABASE_URL", hide_env_values = true)]
    pub database_url: String,

    /// Connections to PostgreSQL, at most; two are taken by the relay and the consumers' leader election
    #[arg(long, env = "HUYING_DATABASE_CONNECTIONS_MAX", default_value_t = 16,
          value_parser = clap::value_parser!(u32).range(4..=500))]
    pub database_connections_max: u32,

    /// nats-server 2.12 or newer with JetStream, such as nats://user:secret@localhost:4222; several separated by commas
    #[arg(long, env = "HUYING_NATS_URL", hide_env_values = true)]
    pub nats_url: String,

    /// Credentials file (.creds) for a broker that authenticates by NKey and JWT
    #[arg(long, env = "HUYING_NATS_CREDENTIALS")]
    pub nats_credentials: Option<PathBuf>,

    /// First token of every subject; separates installations that share one NATS
    #[arg(long, env = "HUYING_NAMESPACE", default_value = "huying", value_parser = Namespace::new)]
    pub namespace: Namespace,

    /// Address and port of the gRPC server
    #[arg(long, env = "HUYING_GRPC_LISTEN", default_value = "127.0.0.1:0")]
    pub grpc_listen: SocketAddr,

    /// Address and port of the HTTP server: /healthz, /readyz, /metrics, and pages where the service has any
    #[arg(long, env = "HUYING_HTTP_LISTEN", default_value = "127.0.0.1:0")]
    pub http_listen: SocketAddr,

    /// Public keys that tokens are verified with (JWKS, RFC 7517): a file, or an https URL (http on loopback only)
    #[arg(long, env = "HUYING_JWKS")]
    pub jwks: String,

    /// Certificate chain (PEM) of the gRPC server; with --tls-key the server speaks TLS
    #[arg(long, env = "HUYING_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key (PEM) of the gRPC server
    #[arg(long, env = "HUYING_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// gRPC calls worked on at once; past it callers get RESOURCE_EXHAUSTED with RetryInfo
    #[arg(long, env = "HUYING_CALLS_MAX", default_value_t = 2_048,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub calls_max: u32,

    /// Connections to the gRPC server at once; past it new ones wait to be accepted
    #[arg(long, env = "HUYING_CONNECTIONS_MAX", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections_max: u32,

    /// Connections to the HTTP server at once; past it new ones wait to be accepted
    #[arg(long, env = "HUYING_HTTP_CONNECTIONS_MAX", default_value_t = 1_024,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub http_connections_max: u32,

    /// What is logged: a level or a tracing filter, such as info or huying_routing_svc=debug
    #[arg(long, env = "HUYING_LOG", default_value = "info")]
    pub log: String,

    /// How log lines look
    #[arg(long, env = "HUYING_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// OpenTelemetry collector (OTLP over gRPC) that spans are sent to, such as http://localhost:4317
    #[arg(long, env = "HUYING_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,

    /// Share of traces that begin here and are sampled, 0 to 1
    #[arg(long, env = "HUYING_TRACE_SAMPLE_RATIO", default_value_t = 0.01, value_parser = ratio)]
    pub trace_sample_ratio: f64,
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        Ok(_) | Err(_) => Err("a number from 0 to 1 would be right".to_owned()),
    }
}
