//! The settings, each from the strongest place that names it: command line, `TIDINGS_*`, `tidings.toml`, default.

use std::net::SocketAddr;

use config::{Environment, File, FileFormat};
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
        }
    }
}

impl Config {
    /// Reads the file and the environment; the command line is laid over it by `cli`.
    pub fn load() -> Result<Self> {
        // Other variables with this prefix are not ours: the name of a test's database, a script's token.
        let settings = serde_json::to_value(Config::default()).map_err(Error::internal)?;
        let ours = std::env::vars().filter(|(name, _)| {
            let setting = name.strip_prefix(PREFIX).map(str::to_lowercase);
            setting.is_some_and(|setting| settings.get(setting).is_some())
        });
        let environment = Environment::with_prefix("TIDINGS").source(Some(ours.collect()));
        let file = File::new(FILE, FileFormat::Toml).required(false);
        let read = config::Config::builder().add_source(file).add_source(environment).build();
        let config: Config =
            read.and_then(config::Config::try_deserialize).map_err(|e| Error::invalid(FILE, e.to_string()))?;
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
