//! Starting and stopping: the parts of the server are created here, in order, and stopped here, in
//! order.

mod beside;
mod keys;

use std::sync::{Arc, OnceLock};

use ::entity::installation;
use rand::{Rng, distr::Alphanumeric};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    app::{App, State},
    budget::Budget,
    catalog::Catalog,
    clock::Clock,
    config::Config,
    db::{self, Db, Tables},
    error::{Error, Result},
    gate::Gate,
    graphql,
    http::{self, Http, SocketLimits},
    inbox::live::Live,
    jobs,
    metrics::Metrics,
    notifications::pull::{self, Heads},
    process,
    traces::Traces,
};

pub use self::{
    beside::{Access, Beside, start_beside},
    keys::{Keys, auth, existing_auth},
};

const EPOCH_CHARACTERS: usize = 10;
const SECRET_CHARACTERS: usize = 48;

/// Opens the database, brings it up to date, and creates what the server works with.
pub async fn start(config: Config, clock: Clock) -> Result<App> {
    config.check()?;
    let catalog = Catalog::open(&config.catalog)?;
    let auth = auth(&config)?;
    let metrics = match &config.metrics_listen {
        Some(address) => Metrics::on(process::bind("metrics_listen", address).await?)?,
        None => Metrics::off(),
    };
    let traces = Traces::open(&config, &clock, &metrics)?;
    let (db, commits) =
        Db::open_measured(&config.database_url, &config.database, metrics.clone()).await?;
    match config.migrate {
        true => db.migrate().await?,
        false => check_tables(&db).await?,
    }
    let epoch = epoch(&db, &clock).await?;
    let db = Arc::new(db);
    let shutdown = CancellationToken::new();
    Ok(App::new(State {
        live: Live::start(&db, commits, metrics.clone()).await?,
        db,
        metrics,
        traces,
        auth: Arc::new(auth),
        catalog: Arc::new(catalog),
        recent_users: Arc::default(),
        config: Arc::new(config),
        clock,
        epoch: epoch.into(),
        stopping: shutdown.child_token(),
        shutdown,
        demo: None,
    }))
}

/// Refuses tables that this version cannot work with.
async fn check_tables(db: &Db) -> Result<()> {
    match db::tables(db.read()).await? {
        Tables::Current => Ok(()),
        Tables::Newer(migration) => {
            tracing::warn!(migration, "the database is of a later version than this server");
            Ok(())
        }
        Tables::Missing | Tables::Older => Err(Error::Conflict(
            "the database does not have the tables of this version: run `tidings migrate`".into(),
        )),
    }
}

/// Serves until the app is told to shut down, and then until everything has stopped in order.
pub async fn serve(app: App, listener: TcpListener) -> Result<()> {
    let tasks = TaskTracker::new();
    let limits = &app.config.limits;
    let schemas = graphql::Schemas::new(app.clone());
    let http = Http {
        gate: Arc::new(Gate::open(app.config.clone(), &schemas.sdl(), http::documents())?),
        schemas,
        sockets: SocketLimits::new(limits),
        answers: Budget::new(limits.answers_per_user, limits.answers_in_all),
        operations: Budget::new(limits.operations_per_user, limits.operations_in_all),
        tasks: tasks.clone(),
        app: app.clone(),
    };
    let (all_recorded, sending) = (CancellationToken::new(), app.traces.take_collector());
    let sending = sending.map(|collector| tokio::spawn(collector.run(all_recorded.clone())));
    let mut background = JoinSet::new();
    if let Some(listener) = app.metrics.take_listener() {
        background.spawn(http::metrics::serve(http.clone(), listener));
    }
    let router = http::router(http);
    background.spawn(jobs::run(app.in_background()));
    // Before anybody can connect. If the database is down, everything is checked once it is back.
    let looked_at = pull::heads(&app).await.unwrap_or(Heads::BEGINNING);
    background.spawn(pull::keep_connected(app.in_background(), looked_at));
    background.spawn({
        let app = app.clone();
        async move {
            let _ = app.shutdown.run_until_cancelled(app.auth.keep_keys_fresh(&app.clock)).await;
        }
    });
    let work = async {
        http::serve(&app, listener, router, limits.connections).await;
        tasks.close();
        tasks.wait().await;
        while background.join_next().await.is_some() {}
    };
    let spans = async {
        all_recorded.cancel();
        if let Some(sending) = sending {
            let _ = sending.await;
        }
    };
    end_in_time(&app, work, spans).await;
    Ok(())
}

/// Lets work finish by itself for some time after the app was told to shut down, then stops the
/// database, and sends the last spans.
///
/// Whatever has not finished in three quarters of the time is cut off through its transactions:
/// they are rolled back, and whoever waits for one gets UNAVAILABLE. The rest of the time is for
/// these answers and for closing connections. Anything still running after that ends with the
/// process; nobody was told that it succeeded.
async fn end_in_time(app: &App, work: impl Future<Output = ()>, spans: impl Future<Output = ()>) {
    let limit = app.config.shutdown_timeout;
    let told = OnceLock::new();
    let late = async {
        app.shutdown.cancelled().await;
        let _ = told.set(Instant::now());
        sleep(limit * 3 / 4).await;
    };
    {
        tokio::pin!(work);
        let is_late = tokio::select! {
            () = &mut work => false,
            () = late => true,
        };
        if is_late {
            tracing::warn!("some work did not finish in time and was cut off");
            let cut_off = async {
                app.db.cut_off().await;
                work.await;
            };
            let _ = timeout(limit / 10, cut_off).await;
        }
    }
    // The whole remaining time: on a slow disk, SQLite's log takes a while, and its lock is
    // released after that.
    let left =
        told.get().map_or(limit, |told| limit.saturating_sub(told.elapsed())).max(limit / 10);
    // A collector that hangs would otherwise hold up the end of every server.
    let for_spans = left.min(limit / 4);
    let (closed, sent) = tokio::join!(timeout(left, app.db.close()), timeout(for_spans, spans));
    if closed.is_err() {
        tracing::warn!("the database connections did not close in time");
    }
    if sent.is_err() {
        tracing::warn!("the collector did not take the last spans in time");
    }
}

/// The name of the database's history, created at its first start.
async fn epoch(db: &Db, clock: &Clock) -> Result<String> {
    let first = installation::ActiveModel {
        id: Set(1),
        epoch: Set(random(EPOCH_CHARACTERS)),
        created_at: Set(clock.now()),
    };
    let once = OnConflict::column(installation::Column::Id).do_nothing().to_owned();
    let tx = db.begin().await?;
    installation::Entity::insert(first).on_conflict(once).try_insert().exec(&*tx).await?;
    tx.commit().await?;
    let row = installation::Entity::find_by_id(1).one(db.read()).await?;
    row.map(|row| row.epoch).ok_or_else(|| Error::internal("no epoch"))
}

/// Gives the database's history a new name, so that no client continues from a state that a restore
/// undid.
pub async fn renew_epoch(db: &Db) -> Result<()> {
    let new = installation::ActiveModel {
        id: Set(1),
        epoch: Set(random(EPOCH_CHARACTERS)),
        ..Default::default()
    };
    let tx = db.begin().await?;
    installation::Entity::update(new).exec(&*tx).await?;
    tx.commit().await
}

fn random(characters: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(characters).map(char::from).collect()
}
