//! The settings.
//!
//! - `given`: how they are read from the command line, the environment and the file. `file`: the
//!   file, with its lines. `place`: where a setting stands, for errors about it.
//! - `reference`: what there is to set, as the default file and as a page of the documentation.
//!
//! `TIDINGS_DATABASE_URL` is `database_url`, `TIDINGS_LIMITS_DEPTH` is `depth` in the table
//! `[limits]`, and likewise for `[database]`; lists are written with commas.

mod address;
mod catalog;
mod database;
mod file;
mod frequencies;
mod given;
mod limits;
mod people;
mod place;
pub mod reference;
mod secret;
mod time;
mod traces;
mod web;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use self::time::Time;
pub use self::{
    address::Address,
    catalog::{Action, Catalog, Noun, Reason},
    database::Database,
    frequencies::{Frequencies, Step, Unit},
    given::Given,
    limits::Limits,
    people::{AddressBook, OwnField},
    place::{Place, Places},
    secret::Secret,
    traces::CollectorAddress,
    web::SignIn,
};
use crate::error::{Error, Result};

/// The comments of the fields are the documentation of the settings: `reference` makes the default
/// file and the reference of them. A heading begins a group, and an example stands for a setting
/// without a default.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the data is: `sqlite:` followed by the path of a file, or a `postgres://` URL.
    #[schemars(extend("heading" = "Where"))]
    pub database_url: Secret,
    /// Where the server listens: a host and a port, or a port alone, `:8080`, for all addresses of
    /// the machine. Addresses other than loopback need `auth_secret` or `auth_jwks`, and TLS in
    /// front of the server.
    pub listen: Address,
    /// Whether the tables are brought up to date on start.
    pub migrate: bool,
    /// The secret that signs tokens (HS256), at least 32 bytes. If neither it nor `auth_jwks` is
    /// set, a server on SQLite creates one and keeps it in `tidings.secret` beside the database.
    #[schemars(
        extend("heading" = "Tokens"),
        example = &"a-secret-of-at-least-32-bytes-that-you-made"
    )]
    pub auth_secret: Option<Secret>,
    /// Other secrets whose tokens are accepted: the next or the previous one, during a rotation.
    pub auth_secrets_accepted: Vec<Secret>,
    /// Where to find the public keys of an identity provider (a JWKS): an https URL, an http URL on
    /// loopback, or a file.
    #[schemars(
        example = &"https://id.example.com/realms/acme/protocol/openid-connect/certs"
    )]
    pub auth_jwks: Option<String>,
    /// The algorithms that those keys may sign with. Never HS256, which is for secrets.
    #[schemars(schema_with = "algorithms")]
    pub auth_algorithms: Vec<Algorithm>,
    /// The `iss` that every token must have. If not set, it is not checked.
    #[schemars(example = &"https://id.example.com/realms/acme")]
    pub auth_issuer: Option<String>,
    /// The `aud` that every token must include.
    pub auth_audience: String,
    /// The greatest allowed difference between this server's clock and that of a token's issuer, at
    /// most `5m`. Tokens are valid that much longer.
    #[serde(with = "Time")]
    pub auth_leeway: Duration,
    /// The claim with the host application's id of the person, a text or a whole number. A name that
    /// begins with `/` is a path through objects: `/user/id`.
    pub auth_user_claim: String,
    /// The claim with the role, a text or a list of texts; it may be a path, too.
    pub auth_role_claim: String,
    /// How that claim's values map to roles, such as `["editor=user", "boss=admin"]`. If empty, they
    /// are `user`, `service` and `admin`.
    pub auth_role_values: Vec<String>,
    /// The role of a token without a known role. If not set, such a token is refused.
    #[schemars(example = &"user")]
    pub auth_default_role: Option<DefaultRole>,
    /// For how many days a client may be away and still continue its stream. After that it loads
    /// its inbox again.
    #[schemars(extend("heading" = "What people get"))]
    pub retention_days: u16,
    /// How long items stay in the inboxes, from when they last moved to the top; at least `1day`.
    /// If not set, for good.
    #[serde(with = "Time")]
    #[schemars(example = &"365days")]
    pub inbox_retention: Option<Duration>,
    /// How long threads of messages are kept, from their last message; at least `1day`. If not set,
    /// for good.
    #[serde(with = "Time")]
    #[schemars(example = &"730days")]
    pub message_retention: Option<Duration>,
    /// For how many days a repeated mutation is recognised by its idempotency key.
    pub idempotency_days: u16,
    /// Whether people may follow targets by themselves. If not, the host application subscribes
    /// them, since it knows who may see what.
    pub people_subscribe: bool,
    /// Whom people may find and write to. Replies are possible in any case, and the host application
    /// and admins may write to everybody.
    pub address_book: AddressBook,
    /// What people may change of what is known about them. The host application may change all of
    /// it in any case.
    pub people_edit: Vec<OwnField>,
    /// How often messages can remind: names, and steps of hours, days, weeks or months. `daily` and
    /// `weekly` are there in any case.
    #[schemars(
        with = "BTreeMap<String, String>",
        example = BTreeMap::from([("fortnightly", "2 weeks")])
    )]
    pub reminder_frequencies: Frequencies,
    /// What senders learn about who reads their messages.
    pub reading_details: ReadingDetails,
    /// Origins of pages on other hosts that may use the API from a browser, such as
    /// `https://app.example.com`; `*` allows any.
    #[schemars(extend("heading" = "The API"))]
    pub cors_origins: Vec<String>,
    /// The callers that may query the schema, and get suggestions for misspelt fields.
    pub introspection: Introspection,
    /// What clients may send instead of the text of a document. If not set: `trusted` if there are
    /// trusted documents, otherwise `apq`.
    #[schemars(example = &"apq")]
    pub persisted_documents: Option<PersistedDocuments>,
    /// The file of the only documents that people may send: an object that maps ids to texts, or an
    /// Apollo manifest.
    #[schemars(example = &"documents.json")]
    pub trusted_documents: Option<PathBuf>,
    /// Where the web pages get a token for a visitor with the host application's cookie: an https
    /// URL, an http URL on loopback, or a path on the host of the pages. `docs/web.md` says what it
    /// answers.
    #[schemars(
        extend("heading" = "The web pages"),
        example = &"https://app.example.com/inbox-token"
    )]
    pub web_token_url: Option<String>,
    /// What `auth_issuer` knows the web pages as. If set, people sign in there, by OpenID Connect;
    /// `web_token_url` must not be set then.
    #[schemars(example = &"tidings-inbox")]
    pub web_client_id: Option<String>,
    /// What the pages ask the issuer for, separated by spaces; `openid` is part of it.
    pub web_scope: String,
    /// What the pages ask for as the `audience` of the access tokens, for issuers that want that, such
    /// as Auth0. It is one that `auth_audience` accepts.
    #[schemars(example = &"https://inbox.example.com")]
    pub web_audience: Option<String>,
    /// What the pages ask for as the `resource` that the access tokens are for (RFC 8707), for issuers
    /// that want that: a URI that they know. The tokens' audience still has to be in `auth_audience`.
    #[schemars(example = &"https://inbox.example.com")]
    pub web_resource: Option<String>,
    /// Where pictures on the pages may come from besides this server: `https:` is any host, and
    /// origins such as `https://pictures.example.com` only these.
    pub web_image_sources: Vec<String>,
    /// Whether the pages load pictures in announcements, from the same places. They never do in
    /// messages: anybody could write one to learn who reads it, and when.
    pub web_announcement_pictures: bool,
    /// The form of the log, which goes to standard error.
    #[schemars(extend("heading" = "Running it"))]
    pub log_format: LogFormat,
    /// What is logged, such as `tidings=debug,info`.
    pub log: String,
    /// Whether each request, operation, stream and websocket has a line in the log, at `info`.
    /// `docs/metrics.md` says what is in it.
    pub access_log: bool,
    /// Whether these lines, and spans, say which person it was, by the number that other lines call
    /// `actor`.
    pub log_people: bool,
    /// Where Prometheus finds metrics, at `/metrics`: an address like that of `listen`. Anybody who
    /// can reach it can read them. If not set, nothing is measured.
    #[schemars(example = &"127.0.0.1:9464")]
    pub metrics_listen: Option<Address>,
    /// Where traces are sent: the URL of a collector of OpenTelemetry that takes OTLP over HTTP. The
    /// server adds `/v1/traces`. If not set, no spans are recorded. `docs/traces.md` says what is in
    /// them.
    #[schemars(example = &"http://127.0.0.1:4318")]
    pub otlp_endpoint: Option<String>,
    /// Headers of the requests to it, as `name=value`. The URL must be https then, or on loopback.
    pub otlp_headers: Vec<Secret>,
    /// The share of traces that is recorded, from 0 to 1, among those that begin here. A trace that
    /// a client or a proxy has begun is recorded if they record it.
    pub otlp_sample_ratio: f64,
    /// How long the server keeps working after it was told to stop, while `/readyz` already fails:
    /// load balancers need time to notice.
    #[serde(with = "Time")]
    pub shutdown_delay: Duration,
    /// How long stopping may take after that. Requests in progress get three quarters of it to
    /// finish; then they are cut off.
    #[serde(with = "Time")]
    pub shutdown_timeout: Duration,
    /// How the database is used.
    pub database: Database,
    /// What one request, connection or person may use. Sizes are in bytes; `docs/transport.md` says
    /// how they are counted.
    pub limits: Limits,
    /// What activities are about; `docs/catalog.md` explains it. Each of `target_types`, `actions`
    /// and `reasons` replaces all that is built in for it, so uncomment a whole group of tables,
    /// headers included. Only in the file: the tables have names of their own, and their order
    /// matters.
    pub catalog: Catalog,
}

/// What public keys may sign with.
fn algorithms(_: &mut SchemaGenerator) -> Schema {
    let names = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
    json_schema!({"type": "array", "items": {"type": "string", "enum": names}})
}

/// What senders learn about who reads their messages. Admins see everything.
#[derive(
    async_graphql::Enum, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ReadingDetails {
    /// Who has read them, and when.
    Names,
    /// How many people have read them.
    Counts,
}

/// The callers that may query the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Introspection {
    /// Everybody, also without a token.
    Everybody,
    /// Everybody with a token.
    SignedIn,
    /// Admins only.
    Admins,
}

/// What clients may send instead of the text of a document.
#[derive(
    async_graphql::Enum, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DefaultRole {
    User,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            database_url: "sqlite:tidings.db".into(),
            listen: ([127, 0, 0, 1], 8080).into(),
            migrate: true,
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
            retention_days: 30,
            inbox_retention: None,
            message_retention: None,
            idempotency_days: 7,
            people_subscribe: true,
            address_book: AddressBook::Groups,
            people_edit: vec![OwnField::Locale, OwnField::TimeZone],
            reminder_frequencies: Frequencies::default(),
            reading_details: ReadingDetails::Names,
            cors_origins: Vec::new(),
            introspection: Introspection::SignedIn,
            persisted_documents: None,
            trusted_documents: None,
            web_token_url: None,
            web_client_id: None,
            web_scope: "openid".into(),
            web_audience: None,
            web_resource: None,
            web_image_sources: vec!["https:".into()],
            web_announcement_pictures: false,
            log_format: LogFormat::Text,
            log: "info,sea_orm_migration=warn".into(),
            access_log: true,
            log_people: false,
            metrics_listen: None,
            otlp_endpoint: None,
            otlp_headers: Vec::new(),
            otlp_sample_ratio: 1.0,
            shutdown_delay: Duration::ZERO,
            shutdown_timeout: Duration::from_secs(10),
            database: Database::default(),
            limits: Limits::default(),
            catalog: Catalog::default(),
        }
    }
}

impl Config {
    /// Reads a file, and the environment.
    pub fn load_from(file: &Path) -> Result<Self> {
        let mut given = Given::new(Some(file.to_owned()));
        given.config().map_err(|error| given.places().locate(error))
    }

    /// Refuses settings that contradict each other or that nobody can have meant.
    pub fn check(&self) -> Result<()> {
        self.check_retention()?;
        self.collector()?;
        self.check_web()
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

    /// The same settings, with the default rules for tokens and for signing in.
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
            web_token_url: new.web_token_url,
            web_client_id: new.web_client_id,
            web_scope: new.web_scope,
            web_audience: new.web_audience,
            web_resource: new.web_resource,
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
            otlp_headers: vec!["key=hush".into()],
            ..Config::default()
        };
        for printed in [format!("{config:?}"), serde_json::to_string(&config).unwrap()] {
            assert!(!printed.contains("hush"), "{printed}");
        }
    }
}
