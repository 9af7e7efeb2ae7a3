//! The settings, each from the strongest place that names it: command line, `TIDINGS_*`, `tidings.toml`, default.
//!
//! `TIDINGS_DATABASE_URL` is `database_url`, `TIDINGS_LIMITS_DEPTH` is `depth` in the table `[limits]`, and so with those of
//! `[database]`; a list is written with commas.

mod catalog;
mod database;
mod frequencies;
mod limits;
mod secret;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use config::{File, FileFormat, Value, ValueKind};
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};

pub use self::{
    catalog::{Action, Catalog, Noun, Reason},
    database::Database,
    frequencies::{Frequencies, Step, Unit},
    limits::Limits,
    secret::Secret,
};
use crate::error::{Error, Result};

/// The file that is read from the working directory when it is there.
const FILE: &str = "tidings.toml";
const PREFIX: &str = "TIDINGS_";
/// Those whose settings have variables, too.
const TABLES: [&str; 2] = ["limits", "database"];

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `sqlite:` and a path, or a `postgres://` URL.
    pub database_url: Secret,
    /// Where to listen. Without keys for tokens that somebody chose, only loopback is possible.
    pub listen: SocketAddr,
    /// The secret that tokens are signed with (HS256), at least 32 bytes. Made and kept in a file beside a SQLite
    /// database when it is missing, and `auth_jwks`, too.
    pub auth_secret: Option<Secret>,
    /// Other secrets whose tokens are good, too: the next one and the last one, while one replaces the other.
    pub auth_secrets_accepted: Vec<Secret>,
    /// Where the public keys of an identity provider are (a JWKS): an https URL, an http URL on loopback, or a file.
    pub auth_jwks: Option<String>,
    /// What those keys may sign with. Never HS256, which is for secrets.
    pub auth_algorithms: Vec<Algorithm>,
    /// The `iss` that every token must have. None: it is not looked at.
    pub auth_issuer: Option<String>,
    /// What must be in the `aud` of every token.
    pub auth_audience: String,
    /// By how much the clocks of who makes tokens and of this server may differ.
    #[serde(with = "humantime_serde")]
    pub auth_leeway: Duration,
    /// The claim with the host's id of the person. One that begins with `/` is a path: `/user/id`.
    pub auth_user_claim: String,
    /// The claim with the role, a text or a list of texts; a path as above.
    pub auth_role_claim: String,
    /// What that claim says for our roles, as `editor=user`. Empty: `user`, `service` and `admin`.
    pub auth_role_values: Vec<String>,
    /// The role of a token that has none that means something. None: it is refused.
    pub auth_default_role: Option<DefaultRole>,
    /// Whether tables are brought up to date on start.
    pub migrate: bool,
    /// Days for which a client may be away and still continue its stream; older cursors get a `resync`.
    pub retention_days: u16,
    /// Days for which a repeated mutation is recognised by its idempotency key.
    pub idempotency_days: u16,
    /// Whether people may follow targets by themselves. If not, the host application does it for them, who may see what.
    pub people_subscribe: bool,
    /// How often messages can remind: names, and steps as `2 weeks`.
    pub reminder_frequencies: Frequencies,
    /// What senders are told of who reads their messages.
    pub reading_details: ReadingDetails,
    /// `text` or `json`.
    pub log_format: LogFormat,
    /// What is logged, as in `tidings=debug,info`.
    pub log: String,
    /// Origins of pages on other hosts that may use the API from a browser, as https://app.example.com; `*` is any.
    pub cors_origins: Vec<String>,
    /// Who may ask for the schema, and is told what a misspelt field may have meant.
    pub introspection: Introspection,
    /// Whether clients may send the hash of a document instead of its text. Without this setting: `trusted` where there are
    /// trusted documents, and `apq` otherwise.
    pub persisted_documents: Option<PersistedDocuments>,
    /// The file of trusted documents: an object of ids and texts, or a manifest of Apollo's.
    pub trusted_documents: Option<PathBuf>,
    /// How long the server goes on after it was told to end, while `/readyz` already fails: load balancers need a while to
    /// notice.
    #[serde(with = "humantime_serde")]
    pub shutdown_delay: Duration,
    /// How long it may take to end after that. Requests in flight have three quarters of it to finish; what is left then is
    /// cut off.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// How the database is used.
    pub database: Database,
    /// What one request, connection or person may use.
    pub limits: Limits,
    /// What activities are about. In the file only: it has names of its own, and their order counts.
    pub catalog: Catalog,
}

/// What senders are told of who reads their messages. Admins see everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadingDetails {
    /// Who has read, and when.
    Names,
    /// How many have.
    Counts,
}

/// Who may ask for the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Introspection {
    Everybody,
    /// Everybody with a token.
    SignedIn,
    Admins,
}

/// What clients may send instead of the text of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PersistedDocuments {
    /// Nothing.
    Off,
    /// The hash of one that was sent before (automatic persisted queries).
    Apq,
    /// The id of a trusted one; and people may send nothing else.
    Trusted,
}

/// What a token may be without saying so: nothing that could do harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultRole {
    User,
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
            auth_secrets_accepted: Vec::new(),
            auth_jwks: None,
            auth_algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
            auth_issuer: None,
            auth_audience: "tidings".into(),
            auth_leeway: Duration::ZERO,
            auth_user_claim: "sub".into(),
            auth_role_claim: "role".into(),
            auth_role_values: Vec::new(),
            auth_default_role: None,
            migrate: true,
            retention_days: 30,
            idempotency_days: 7,
            people_subscribe: true,
            reminder_frequencies: Frequencies::default(),
            reading_details: ReadingDetails::Names,
            log_format: LogFormat::Text,
            log: "info,sea_orm_migration=warn".into(),
            cors_origins: Vec::new(),
            introspection: Introspection::SignedIn,
            persisted_documents: None,
            trusted_documents: None,
            shutdown_delay: Duration::ZERO,
            shutdown_timeout: Duration::from_secs(10),
            database: Database::default(),
            limits: Limits::default(),
            catalog: Catalog::default(),
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
        let settings =
            serde_json::to_value(Config::default()).map_err(|error| Error::internal(error))?;
        for (name, value) in std::env::vars() {
            let Some(name) = name.strip_prefix(PREFIX).map(str::to_lowercase) else { continue };
            let in_table = TABLES.iter().find_map(|table| {
                let setting = name.strip_prefix(table)?.strip_prefix('_')?;
                Some((format!("{table}.{setting}"), Some(settings[table].get(setting)?)))
            });
            let (key, default) = in_table.unwrap_or_else(|| (name.clone(), settings.get(&name)));
            let value: ValueKind = match default {
                Some(serde_json::Value::Array(_)) => value
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .collect::<Vec<_>>()
                    .into(),
                Some(serde_json::Value::Object(_)) | None => continue,
                Some(_) => value.into(),
            };
            let origin = "the environment".to_owned();
            builder =
                builder.set_override(key, Value::new(Some(&origin), value)).map_err(failed)?;
        }
        builder.build().and_then(config::Config::try_deserialize).map_err(failed)
    }

    /// The same settings, with the rules for tokens that hold where nobody has set any.
    pub fn with_default_auth(self) -> Self {
        let new = Config::default();
        Config {
            auth_secret: new.auth_secret,
            auth_secrets_accepted: new.auth_secrets_accepted,
            auth_jwks: new.auth_jwks,
            auth_algorithms: new.auth_algorithms,
            auth_issuer: new.auth_issuer,
            auth_audience: new.auth_audience,
            auth_leeway: new.auth_leeway,
            auth_user_claim: new.auth_user_claim,
            auth_role_claim: new.auth_role_claim,
            auth_role_values: new.auth_role_values,
            auth_default_role: new.auth_default_role,
            ..self
        }
    }
}

/// HS256's hash has 32 bytes; a shorter secret is weaker than the signature.
pub const MIN_SECRET_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_settings_show_no_secrets() {
        let config = Config {
            database_url: "postgres://tidings:hush@localhost/tidings".into(),
            auth_secret: Some("hush".into()),
            auth_secrets_accepted: vec!["hush".into()],
            ..Config::default()
        };
        for printed in [format!("{config:?}"), serde_json::to_string(&config).unwrap()] {
            assert!(!printed.contains("hush"), "{printed}");
        }
    }
}
