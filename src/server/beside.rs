//! The parts of a server for a command that works directly on the database: nothing listens, no job
//! runs, nothing is measured, and the tables stay as they are.
//!
//! On PostgreSQL it is one server more, for a moment: the others hear of what it changes. A SQLite
//! database has one writer, and followers that hear of that writer's changes alone. So beside its
//! server a command only reads it; one that changes something takes the place of the server, which
//! must have been stopped.

use std::sync::Arc;

use ::entity::installation;
use sea_orm::EntityTrait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{SECRET_CHARACTERS, check_tables, random};
use crate::{
    app::{App, State},
    auth::Auth,
    catalog::Catalog,
    clock::Clock,
    config::{self, Config},
    db::{Commit, Db, Location},
    error::{Error, Result},
    inbox::live::{self, Live},
    metrics::Metrics,
    traces::Traces,
};

/// Connections to PostgreSQL for reads, and as many for transactions: a command does one thing after
/// the other.
const CONNECTIONS: u32 = 2;

/// What a command does with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// The parts of a server, for one command.
pub struct Beside {
    pub app: App,
    /// What the command has changed.
    commits: mpsc::UnboundedReceiver<Commit>,
}

impl Beside {
    /// Tells the servers what the command has changed, and closes the database.
    pub async fn close(mut self) {
        if let Some(bus) = self.app.db.bus() {
            live::tell(&bus, &mut self.commits).await;
        }
        self.app.db.close().await;
    }
}

/// Opens the database, which must be there, for one command.
pub async fn start_beside(mut config: Config, clock: Clock, access: Access) -> Result<Beside> {
    config.check()?;
    let database =
        config::Database { readers: Some(CONNECTIONS), writers: CONNECTIONS, ..config.database };
    config.database = database;
    let catalog = Catalog::open(&config.catalog)?;
    let location = Location::of(&config.database_url)?;
    let (db, commits) = match (&location, access) {
        (Location::Sqlite(path), Access::Write) if path.exists() => {
            let opened = Db::open_with(&config.database_url, &config.database).await;
            opened.map_err(|error| match error {
                Error::Unavailable(cause) => Error::Unavailable(format!(
                    "cannot change anything here: {cause}. Let its server do it (--url), or stop \
                     the server first"
                )),
                error => error,
            })?
        }
        _ => Db::open_beside(&config.database_url, &config.database).await?,
    };
    check_tables(&db).await?;
    let installation = installation::Entity::find_by_id(1).one(db.read()).await?;
    let (db, metrics, shutdown) = (Arc::new(db), Metrics::off(), CancellationToken::new());
    // Nobody follows anything here.
    let (_, no_commits) = mpsc::unbounded_channel();
    let app = App::new(State {
        live: Live::start(&db, no_commits, metrics.clone()).await?,
        db,
        metrics,
        traces: Traces::off(),
        // Nobody signs in here: a secret that nobody knows, and that is needed nowhere else.
        auth: Arc::new(Auth::new(&random(SECRET_CHARACTERS))?),
        catalog: Arc::new(catalog),
        recent_users: Arc::default(),
        config: Arc::new(config),
        clock,
        // None before the first start of a server: then there are no cursors either.
        epoch: installation.map_or_else(String::new, |row| row.epoch).into(),
        stopping: shutdown.child_token(),
        shutdown,
        demo: None,
    });
    Ok(Beside { app, commits })
}
