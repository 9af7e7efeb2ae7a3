//! Starting and stopping: the parts of the server are made here, in order, and end here, in order.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::PathBuf, sync::Arc, time::Duration};

use ::entity::installation;
use rand::{Rng, distr::Alphanumeric};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    app::App,
    auth::Auth,
    clock::Clock,
    config::Config,
    db::{Db, Location},
    due,
    error::{Error, Result},
    graphql,
    http::{self, Http},
    live::Live,
    users::Known,
};

/// How long requests in flight may take to finish when the server ends.
const GRACE: Duration = Duration::from_secs(8);
const SECRET_FILE: &str = "tidings.secret";
const SECRET_CHARACTERS: usize = 48;
const EPOCH_CHARACTERS: usize = 10;

/// Opens the database, brings it up to date, and makes what the server works with.
pub async fn start(config: Config, clock: Clock) -> Result<App> {
    let secret = secret(&config)?;
    let (db, commits) = Db::open(&config.database_url).await?;
    if config.migrate {
        db.migrate().await?;
    }
    let epoch = epoch(&db, &clock).await?;
    let db = Arc::new(db);
    Ok(App {
        live: Live::start(&db, commits).await?,
        db,
        auth: Arc::new(Auth::new(&secret)),
        known: Arc::new(Known::default()),
        config: Arc::new(config),
        clock,
        epoch: epoch.into(),
        shutdown: CancellationToken::new(),
        demo: None,
    })
}

/// Serves until the app is told to shut down, and then until everything has ended in good order.
pub async fn serve(app: App, listener: TcpListener) -> Result<()> {
    let sockets = TaskTracker::new();
    let schema = graphql::schema(app.clone());
    let router = http::router(Http { app: app.clone(), schema, sockets: sockets.clone() });
    let due = tokio::spawn(due::run(app.clone()));
    let stop = app.shutdown.clone().cancelled_owned();
    let mut server = tokio::spawn(axum::serve(listener, router).with_graceful_shutdown(stop).into_future());
    let outcome = tokio::select! {
        outcome = &mut server => outcome,
        () = async { app.shutdown.cancelled().await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!("some requests did not finish in time");
            server.abort();
            Ok(Ok(()))
        }
    };
    sockets.close();
    sockets.wait().await;
    let _ = due.await;
    app.db.close().await;
    outcome.map_err(Error::internal)?.map_err(Error::internal)
}

/// The name of the database's history, made at its first start.
async fn epoch(db: &Db, clock: &Clock) -> Result<String> {
    let first =
        installation::ActiveModel { id: Set(1), epoch: Set(random(EPOCH_CHARACTERS)), created_at: Set(clock.now()) };
    let once = OnConflict::column(installation::Column::Id).do_nothing().to_owned();
    let tx = db.begin().await?;
    installation::Entity::insert(first).on_conflict(once).try_insert().exec(&*tx).await?;
    tx.commit().await?;
    let row = installation::Entity::find_by_id(1).one(db.read()).await?;
    row.map(|row| row.epoch).ok_or_else(|| Error::Internal("no epoch".into()))
}

/// Gives the database's history a new name, so that no client continues from a state that a restore undid.
pub async fn renew_epoch(db: &Db) -> Result<()> {
    let new = installation::ActiveModel { id: Set(1), epoch: Set(random(EPOCH_CHARACTERS)), ..Default::default() };
    let tx = db.begin().await?;
    installation::Entity::update(new).exec(&*tx).await?;
    tx.commit().await
}

/// The secret of the tokens: the configured one; beside a SQLite database, one that is made once and kept in a file that
/// only its owner can read.
pub fn secret(config: &Config) -> Result<String> {
    if let Some(secret) = &config.auth_secret {
        return Ok(secret.clone());
    }
    let Location::Sqlite(path) = Location::of(&config.database_url)? else {
        let why = "set TIDINGS_AUTH_SECRET: the servers on one PostgreSQL share it, so none of them can make it";
        return Err(Error::invalid("auth_secret", why));
    };
    if !config.listen.ip().is_loopback() {
        let why = "set TIDINGS_AUTH_SECRET: without it the server listens on loopback only";
        return Err(Error::invalid("auth_secret", why));
    }
    let file: PathBuf = path.with_file_name(SECRET_FILE);
    let failed = |error: std::io::Error| Error::Internal(format!("{}: {error}", file.display()));
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file) {
        Ok(mut new) => {
            let secret = random(SECRET_CHARACTERS);
            new.write_all(secret.as_bytes()).map_err(failed)?;
            Ok(secret)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let secret = fs::read_to_string(&file).map_err(failed)?.trim().to_owned();
            match secret.len() < crate::config::MIN_SECRET_BYTES {
                true => Err(Error::Internal(format!("{} holds no secret; remove it", file.display()))),
                false => Ok(secret),
            }
        }
        Err(error) => Err(failed(error)),
    }
}

fn random(characters: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(characters).map(char::from).collect()
}
