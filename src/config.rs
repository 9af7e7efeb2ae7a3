//! The settings, each from the strongest place that names it: command line, `TIDINGS_*`, `tidings.toml`, default.
//!
//! `TIDINGS_DATABASE_URL` is `database_url`, `TIDINGS_LIMITS_DEPTH` is `depth` in the table `[limits]`; a list is written with
//! commas.

use std::{net::SocketAddr, time::Duration};

use config::{File, FileFormat, Value, ValueKind};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The file that is read from the working directory when it is there.
const FILE: &str = "tidings.toml";
const PREFIX: &str = "TIDINGS_";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `sqlite:` and a path, or a `postgres://` URL.
    pub database_url: String,
    /// Where to listen. Without a secret that somebody chose, only loopback is possible.
    pub listen: SocketAddr,
    /// The secret that tokens are signed with (HS256), at least 32 bytes. Made and kept in a file beside a SQLite
    /// database when it is missing.
    pub auth_secret: Option<String>,
    /// Whether tables are brought up to date on start.
    pub migrate: bool,
    /// Days for which a client may be away and still continue its stream; older cursors get a `resync`.
    pub retention_days: u16,
    /// Days for which a repeated mutation is recognised by its idempotency key.
    pub idempotency_days: u16,
    /// `text` or `json`.
    pub log_format: LogFormat,
    /// What is logged, as in `tidings=debug,info`.
    pub log: String,
    /// What one request, connection or person may use.
    pub limits: Limits,
}

/// What one request, connection or person may use. Sizes are in bytes, times as in `10s` or `500ms`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Fields within fields.
    pub depth: u64,
    /// Objects that a request can load, by the sizes of its pages; ten plain fields count as one.
    pub cost: u64,
    /// Aliases in a document.
    pub aliases: usize,
    /// Directives in a document.
    pub directives: usize,
    /// Operations in a document.
    pub operations: usize,
    /// Fragments in a document.
    pub fragments: usize,
    /// Variables of a request.
    pub variables: usize,
    /// Words, numbers, strings and signs in a document.
    pub tokens: usize,
    /// Lists and objects within each other in one value.
    pub value_nesting: usize,
    /// The body of an HTTP request.
    pub body: usize,
    /// One message on a websocket.
    pub socket_message: usize,
    /// Operations at the same time on a websocket.
    pub operations_per_socket: usize,
    /// Websockets and event streams of one person at the same time, on one server.
    pub sockets_per_user: usize,
    /// For the headers of a request.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// For the body of a request.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// For the execution of a query or mutation.
    #[serde(with = "humantime_serde")]
    pub execution_timeout: Duration,
    /// After which an HTTP connection without requests is closed.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// For the `connection_init` of a websocket.
    #[serde(with = "humantime_serde")]
    pub init_timeout: Duration,
    /// For a client to take one message.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// Between two pings on a websocket or two heartbeats of an event stream; a websocket that leaves two pings unanswered is
    /// closed.
    #[serde(with = "humantime_serde")]
    pub ping_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth: 15,
            cost: 2_000,
            aliases: 100,
            directives: 20,
            operations: 5,
            fragments: 50,
            variables: 50,
            tokens: 4_000,
            value_nesting: 32,
            body: 256 * 1024,
            socket_message: 64 * 1024,
            operations_per_socket: 20,
            sockets_per_user: 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(15),
            execution_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            init_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(25),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            database_url: "sqlite:tidings.db".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            auth_secret: None,
            migrate: true,
            retention_days: 30,
            idempotency_days: 7,
            log_format: LogFormat::Text,
            log: "info,sea_orm_migration=warn".into(),
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Reads the file and the environment; the command line is laid over it by `cli`.
    pub fn load() -> Result<Self> {
        let failed = |error: config::ConfigError| Error::invalid(FILE, error.to_string());
        let file = File::new(FILE, FileFormat::Toml).required(false);
        let mut builder = config::Config::builder().add_source(file);
        // Other variables with this prefix are not ours: the name of a test's database, a script's token.
        let settings = serde_json::to_value(Config::default()).map_err(Error::internal)?;
        for (name, value) in std::env::vars() {
            let Some(name) = name.strip_prefix(PREFIX).map(str::to_lowercase) else { continue };
            let (key, default) = match name.strip_prefix("limits_") {
                Some(limit) => (format!("limits.{limit}"), settings["limits"].get(limit)),
                None => (name.clone(), settings.get(&name)),
            };
            let value: ValueKind = match default {
                Some(serde_json::Value::Array(_)) => value.split(',').map(str::trim).collect::<Vec<_>>().into(),
                Some(serde_json::Value::Object(_)) | None => continue,
                Some(_) => value.into(),
            };
            let origin = "the environment".to_owned();
            builder = builder.set_override(key, Value::new(Some(&origin), value)).map_err(failed)?;
        }
        let config: Config = builder.build().and_then(config::Config::try_deserialize).map_err(failed)?;
        match &config.auth_secret {
            Some(secret) if secret.len() < MIN_SECRET_BYTES => {
                Err(Error::invalid("auth_secret", format!("has at least {MIN_SECRET_BYTES} bytes")))
            }
            _ => Ok(config),
        }
    }
}

/// HS256's hash has 32 bytes; a shorter secret is weaker than the signature.
pub const MIN_SECRET_BYTES: usize = 32;
