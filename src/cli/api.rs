//! The API, as commands use it: of a server by its URL, or of the database, in this process.
//!
//! Both execute the same documents, as the host application or an admin.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use async_graphql::{Request, Variables};
use axum::{
    body::Bytes,
    http::{self, HeaderValue, Method, Uri, header},
};
use chrono::{DateTime, Utc};
use clap::Args;
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Database, show::harmless};
use crate::{
    app::App,
    auth::{Actor, Role},
    clock::Clock,
    config::{Config, Given},
    error::{Error, Result},
    fetch::{self, Client},
    graphql::{Schemas, TidingsSchema},
    log,
    server::{self, Access, Beside},
    text::{self, LARGEST_FILE},
};

const TOKEN_VARIABLE: &str = "TIDINGS_TOKEN";
/// The largest answer: a page of 100 has a hundredth of it.
const LARGEST: usize = 64 * 1024 * 1024;
/// Longer than a server takes to give up.
const PATIENCE: Duration = Duration::from_secs(120);
/// The name that a command has in logs and keys, where services have theirs.
const SUBJECT: &str = "tidings";

/// Where a command does its work.
#[derive(Args)]
pub struct At {
    /// The server to ask, such as https://inbox.example.com. Without it, the command works directly
    /// on the database of the settings.
    #[arg(long, conflicts_with = "database_url")]
    url: Option<String>,
    /// A file with the token of a service or an admin for --url [default: the variable
    /// TIDINGS_TOKEN]
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    database: Database,
}

/// The API, opened for a command.
pub enum Api {
    Server(Box<Server>),
    Here(Box<Here>),
}

/// A server, and who asks it.
pub struct Server {
    client: Client,
    /// As the operator wrote it.
    url: String,
    graphql: Uri,
    authorization: HeaderValue,
    /// Where the token comes from.
    token: String,
}

/// The database of the settings.
pub struct Here {
    beside: Beside,
    schema: TidingsSchema,
}

/// What the inputs of an operation are called on the command line: the beginnings of fields, or the
/// nouns of what is not found, and the arguments that they come from.
pub type Arguments = &'static [(&'static str, &'static str)];

/// An operation with its inputs.
#[derive(Clone)]
pub struct Call {
    pub document: &'static str,
    pub variables: Value,
    pub arguments: Arguments,
}

/// The person or the group that a command is about.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Named {
    /// The host application's id.
    external_id: Option<String>,
    /// Tidings' own id, as lists show it, instead.
    #[arg(long)]
    id: Option<String>,
}

impl Named {
    /// A `UserRef` or a `GroupRef`.
    pub fn input(&self) -> Value {
        match &self.id {
            Some(id) => json!({"id": id}),
            None => json!({"externalId": self.external_id}),
        }
    }

    pub fn arguments(&self) -> Arguments {
        match &self.id {
            Some(_) => {
                &[("user", "--id"), ("group", "--id"), ("ref", "--id"), ("reason", "--reason")]
            }
            None => &[
                ("user", "EXTERNAL_ID"),
                ("group", "EXTERNAL_ID"),
                ("ref", "EXTERNAL_ID"),
                ("reason", "--reason"),
            ],
        }
    }
}

impl At {
    /// Opens what the operator has chosen. `access` is for the database: a server does what its
    /// token allows.
    pub async fn open(self, given: &mut Given, access: Access) -> Result<Api> {
        match self.url {
            Some(url) => {
                let server = Server::open(url, self.token_file.as_deref())?;
                Ok(Api::Server(Box::new(server)))
            }
            None => {
                self.database.add_to(given);
                let beside = open_database(given.config()?, access).await?;
                let schema = Schemas::new(beside.app.clone()).plain;
                Ok(Api::Here(Box::new(Here { beside, schema })))
            }
        }
    }
}

/// The parts of a server on the database of the settings. Warnings go to standard error, as a
/// server's do.
pub async fn open_database(config: Config, access: Access) -> Result<Beside> {
    log::start_with_warnings();
    server::start_beside(config, Clock::System, access).await
}

impl Api {
    /// The data of an answer without errors.
    pub async fn ask(&self, call: &Call) -> Result<Value> {
        let answer = match self {
            Api::Server(server) => server.ask(call).await?,
            Api::Here(here) => here.ask(call).await?,
        };
        match answer["errors"].get(0) {
            None => Ok(answer["data"].clone()),
            Some(error) => Err(self.refused(call, error)),
        }
    }

    pub async fn close(self) {
        if let Api::Here(here) = self {
            here.beside.close().await;
        }
    }

    /// An error of an answer: its code, and the argument that it is about.
    fn refused(&self, call: &Call, error: &Value) -> Error {
        let text = |value: &Value| harmless(value.as_str().unwrap_or_default());
        let (code, message) = (text(&error["extensions"]["code"]), text(&error["message"]));
        let field = text(&error["extensions"]["field"]);
        // “user.externalId: must be …” says the field once more.
        let message = message.strip_prefix(&format!("{field}: ")).unwrap_or(&message);
        let place = match (code.as_str(), self) {
            ("UNAUTHENTICATED" | "DEACTIVATED" | "DEACTIVATED_NO_REPLY", Api::Server(server)) => {
                Some(server.token.as_str())
            }
            ("NOT_FOUND", _) => call.argument_of(message.rsplit(' ').next().unwrap_or_default()),
            _ if field.is_empty() => None,
            _ => Some(call.argument_of(&field).unwrap_or(&field)),
        };
        let message = format!("{message} ({code})");
        match place {
            Some(place) => Error::invalid(place, message),
            None => Error::Conflict(message),
        }
    }
}

impl Call {
    fn argument_of(&self, name: &str) -> Option<&'static str> {
        let argument = self.arguments.iter().find(|(beginning, _)| name.starts_with(beginning));
        argument.map(|(_, argument)| *argument)
    }

    /// The error for something that the API answers with null because there is no such thing.
    pub fn not_found(&self, noun: &str) -> Error {
        let message = format!("there is no such {noun} (NOT_FOUND)");
        match self.argument_of(noun) {
            Some(argument) => Error::invalid(argument, message),
            None => Error::Conflict(message),
        }
    }
}

impl Server {
    fn open(url: String, token_file: Option<&Path>) -> Result<Self> {
        let refuse = |why: &str| Error::invalid("--url", format!("{url}: {why}"));
        // A token that is read on its way can be used by the reader.
        let server = fetch::private_url(&url).map_err(refuse)?;
        if server.query().is_some() {
            return Err(refuse("must have no query"));
        }
        let path = server.path().trim_end_matches('/').trim_end_matches("/graphql");
        let mut graphql = server.clone().into_parts();
        graphql.path_and_query = format!("{path}/graphql").parse().ok();
        let graphql = Uri::from_parts(graphql).map_err(|_| refuse("is not a URL"))?;
        let (place, token) = token(token_file)?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| Error::invalid(&place, "is no token"))?;
        authorization.set_sensitive(true);
        let client = Client::new(&graphql, 1).map_err(|why| refuse(&why))?;
        Ok(Server { client, url, graphql, authorization, token: place })
    }

    async fn ask(&self, call: &Call) -> Result<Value> {
        let unreachable = |why: String| Error::Unavailable(format!("{}: {why}", self.url));
        let body = json!({"query": call.document, "variables": call.variables}).to_string();
        let request = http::Request::builder()
            .method(Method::POST)
            .uri(self.graphql.clone())
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/graphql-response+json, application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Error::internal(error))?;
        let answered = self.client.send(request, LARGEST, PATIENCE).await;
        let answered = answered.map_err(unreachable)?;
        let status = answered.status();
        let answer = serde_json::from_slice::<Value>(answered.body()).unwrap_or_default();
        match answer.get("data").is_some() || answer["errors"].get(0).is_some() {
            true => Ok(answer),
            false => Err(unreachable(format!("the answer is {status} and not of Tidings"))),
        }
    }
}

impl Here {
    pub fn app(&self) -> &App {
        &self.beside.app
    }

    async fn ask(&self, call: &Call) -> Result<Value> {
        let actor = Actor {
            role: Role::Admin,
            subject: SUBJECT.to_owned(),
            user: None,
            behind: None,
            expires: DateTime::<Utc>::MAX_UTC,
        };
        let variables = Variables::from_json(call.variables.clone());
        let request = Request::new(call.document).variables(variables).data(actor);
        let response = self.schema.execute(request).await;
        serde_json::to_value(response).map_err(|error| Error::internal(error))
    }
}

/// The token, and where it comes from. It is never an argument: others on the machine see those.
fn token(file: Option<&Path>) -> Result<(String, String)> {
    let (place, token) = match file {
        Some(file) => {
            let place = format!("--token-file {}", file.display());
            let token = text::read_file(file, LARGEST_FILE)
                .map_err(|error| Error::invalid(&place, error.to_string()))?;
            (place, token)
        }
        None => {
            let token = env::var(TOKEN_VARIABLE).map_err(|_| {
                let why = format!("needs a token: --token-file, or the variable {TOKEN_VARIABLE}");
                Error::invalid("--url", why)
            })?;
            (TOKEN_VARIABLE.to_owned(), token)
        }
    };
    match token.trim() {
        "" => Err(Error::invalid(place, "is empty")),
        token => Ok((place, token.to_owned())),
    }
}
