//! The settings. For each, the first of these that sets it wins: command line, `TIDINGS_*`
//! variables, `tidings.toml`, default.
//!
//! `TIDINGS_DATABASE_URL` is `database_url`, `TIDINGS_LIMITS_DEPTH` is `depth` in the table
//! `[limits]`, and likewise for `[database]`; lists are written with commas.

mod catalog;
mod database;
mod frequencies;
mod limits;
mod people;
mod secret;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use config::{File, FileFormat, Value, ValueKind};
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};

pub use self::{
    catalog::{Action, Catalog, Noun, Reason},
    database::Database,
    frequencies::{Frequencies, Step, Unit},
    limits::Limits,
    people::{AddressBook, OwnField},
    secret::Secret,
};
use crate::error::{Error, Result};

/// Read from the working directory if it exists.
const FILE: &str = "tidings.toml";
const PREFIX: &str = "TIDINGS_";
/// The tables whose settings can also be set by variables.
const TABLES: [&str; 2] = ["limits", "database"];

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `sqlite:` followed by a path, or a `postgres://` URL.
    pub database_url: Secret,
    /// The address to listen on. Only loopback is possible unless keys for tokens have been
    /// configured.
    pub listen: SocketAddr,
    /// The secret that signs tokens (HS256), at least 32 bytes. If neither it nor `auth_jwks` is
    /// set, a secret is created and kept in a file beside the SQLite database.
    pub auth_secret: Option<Secret>,
    /// Other secrets whose tokens are accepted: the next or the previous one, during a rotation.
    pub auth_secrets_accepted: Vec<Secret>,
    /// Where to find the public keys of an identity provider (a JWKS): an https URL, an http URL on
    /// loopback, or a file.
    pub auth_jwks: Option<String>,
    /// The algorithms that those keys may sign with. Never HS256, which is for secrets.
    pub auth_algorithms: Vec<Algorithm>,
    /// The `iss` that every token must have. None: it is not checked.
    pub auth_issuer: Option<String>,
    /// The `aud` that every token must include.
    pub auth_audience: String,
    /// The greatest allowed difference between this server's clock and that of a token's issuer.
    #[serde(with = "humantime_serde")]
    pub auth_leeway: Duration,
    /// The claim with the host's id of the person. A value that begins with `/` is a path:
    /// `/user/id`.
    pub auth_user_claim: String,
    /// The claim with the role, a string or a list of strings; a path as for the subject.
    pub auth_role_claim: String,
    /// How that claim's values map to roles, such as `editor=user`. Empty: `user`, `service` and
    /// `admin`.
    pub auth_role_values: Vec<String>,
    /// The role of a token without a recognised role. None: the token is refused.
    pub auth_default_role: Option<DefaultRole>,
    /// Whether tables are brought up to date on start.
    pub migrate: bool,
    /// For how many days a client may be away and still continue its stream; older cursors get a
    /// `resync`.
    pub retention_days: u16,
    /// How long items stay in the inboxes, from when they last moved to the top. None: for good.
    #[serde(with = "humantime_serde")]
    pub inbox_retention: Option<Duration>,
    /// How long threads of messages are kept, from their last message. None: for good.
    #[serde(with = "humantime_serde")]
    pub message_retention: Option<Duration>,
    /// For how many days a repeated mutation is recognised by its idempotency key.
    pub idempotency_days: u16,
    /// Whether people may follow targets by themselves. If not, the host application subscribes
    /// them, since it knows who may see what.
    pub people_subscribe: bool,
    /// Whom people may find and write to. The host application and admins may write to everybody.
    pub address_book: AddressBook,
    /// What people may change of what is known about them. The host application may change all of
    /// it in any case.
    pub people_edit: Vec<OwnField>,
    /// How often messages can remind: names with their steps, such as `2 weeks`.
    pub reminder_frequencies: Frequencies,
    /// What senders learn about who reads their messages.
    pub reading_details: ReadingDetails,
    /// `text` or `json`.
    pub log_format: LogFormat,
    /// What is logged, such as `tidings=debug,info`.
    pub log: String,
    /// Origins of pages on other hosts that may use the API from a browser, such as
    /// https://app.example.com; `*` allows any.
    pub cors_origins: Vec<String>,
    /// The callers that may query the schema, and get suggestions for misspelt fields.
    pub introspection: Introspection,
    /// Whether clients may send the hash of a document instead of its text. If not set: `trusted`
    /// if there are trusted documents, otherwise `apq`.
    pub persisted_documents: Option<PersistedDocuments>,
    /// The file of trusted documents: an object that maps ids to texts, or an Apollo manifest.
    pub trusted_documents: Option<PathBuf>,
    /// How long the server keeps working after it was told to stop, while `/readyz` already fails:
    /// load balancers need time to notice.
    #[serde(with = "humantime_serde")]
    pub shutdown_delay: Duration,
    /// How long stopping may take after that. Requests in progress get three quarters of it to
    /// finish; then they are cut off.
    #[serde(with = "humantime_serde")]
    pub shutdown_timeout: Duration,
    /// How the database is used.
    pub database: Database,
    /// What one request, connection or person may use.
    pub limits: Limits,
    /// What activities are about. Only in the file: its tables have names of their own, and their
    /// order matters.
    pub catalog: Catalog,
}

/// What senders learn about who reads their messages. Admins see everything.
#[derive(async_graphql::Enum, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadingDetails {
    /// Who has read them, and when.
    Names,
    /// How many people have read them.
    Counts,
}

/// The callers that may query the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Introspection {
    Everybody,
    /// Everybody with a token.
    SignedIn,
    Admins,
}

/// What clients may send instead of the text of a document.
#[derive(async_graphql::Enum, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PersistedDocuments {
    /// Nothing.
    Off,
    /// The hash of a document that was sent before (automatic persisted queries).
    Apq,
    /// The id of a trusted document; people may send nothing else.
    Trusted,
}

/// The role of a token that names none: only one that can do no harm.
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
            inbox_retention: None,
            message_retention: None,
            idempotency_days: 7,
            people_subscribe: true,
            address_book: AddressBook::Groups,
            people_edit: vec![OwnField::Locale, OwnField::TimeZone],
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
    /// Reads the file and the environment; `cli` adds the command line.
    pub fn load() -> Result<Self> {
        Self::load_from(FILE)
    }

    /// Reads a file of this name, if there is one, and the environment.
    pub fn load_from(file: &str) -> Result<Self> {
        let failed = |error: config::ConfigError| Error::invalid(file, error.to_string());
        let file = File::new(file, FileFormat::Toml).required(false);
        let mut builder = config::Config::builder().add_source(file);
        // Other variables with this prefix are not settings: the name of a test's database, a
        // script's token.
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

    /// What clients may send instead of the text of a document.
    pub fn documents(&self) -> PersistedDocuments {
        self.persisted_documents.unwrap_or(match self.trusted_documents {
            Some(_) => PersistedDocuments::Trusted,
            None => PersistedDocuments::Apq,
        })
    }

    /// Refuses a retention that nobody can have meant.
    pub fn check_retention(&self) -> Result<()> {
        for (name, retention) in [
            ("inbox_retention", self.inbox_retention),
            ("message_retention", self.message_retention),
        ] {
            if retention.is_some_and(|time| time < SHORTEST_RETENTION || days(time) > 36_500) {
                return Err(Error::invalid(name, "must be between 1 day and 100 years"));
            }
        }
        Ok(())
    }

    /// What is older than this does not come into an inbox any more; None: everything does.
    pub fn oldest_item(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.inbox_retention
            .and_then(|time| now.checked_sub_signed(TimeDelta::from_std(time).ok()?))
    }

    /// The same settings, with the default rules for tokens.
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

/// A shorter retention is a mistake in its unit.
const SHORTEST_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

fn days(time: Duration) -> u64 {
    time.as_secs() / SHORTEST_RETENTION.as_secs()
}

/// HS256's hash has 32 bytes; a shorter secret would be weaker than the signature.
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
