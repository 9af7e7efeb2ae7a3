//! Everything there is in a round: a database, its servers, the time, and what has been noticed.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use rand::{SeedableRng, rngs::StdRng};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, QueryResult,
    Statement, Value,
};
use tidings::{
    auth::{Auth, Role},
    clock::Clock,
};
use tokio::sync::watch;

use crate::{
    Result,
    client::Client,
    disk::Disk,
    people::BYSTANDERS,
    postgres::{self, Cluster},
    proxy::Proxy,
    serve,
    server::Server,
    settings::{Kind, Settings},
    transcript::{Transcript, What, lock},
};

/// PostgreSQL as a small, busy one. `synchronous_commit` stays on: what is acknowledged must be
/// durable.
const POSTGRES: &str = "shared_buffers = 64MB
max_connections = 300
max_wal_size = 64MB
min_wal_size = 32MB
# A file system in memory has nothing to wait for, and nobody cuts the power.
fsync = off
deadlock_timeout = 200ms
autovacuum_naptime = 5s
log_min_duration_statement = 2000";

/// Of the servers; there are as many bystanders.
const NAMES: [&str; BYSTANDERS.len()] = ["A", "B", "C", "D"];

/// How long everybody may take to settle what they have begun, once there is calm.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How far the round is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Storm,
    /// No more faults; nobody begins anything new, and readers hurry.
    Calm,
    Over,
}

/// A time in which somebody may go unserved.
#[derive(Clone)]
struct Outage {
    /// None: of all servers.
    server: Option<usize>,
    from: Instant,
    to: Option<Instant>,
}

// The order is that of their ends: the disk after what uses it, and the directory after the disk.
pub struct World {
    pub kind: Kind,
    pub judges_time: bool,
    pub seed: u64,
    pub begin: Instant,
    pub servers: Vec<Server>,
    pub cluster: Option<Cluster>,
    pub disk: Disk,
    pub directory: Directory,
    pub transcript: Arc<Transcript>,
    stage: watch::Sender<Stage>,
    calm_since: OnceLock<Instant>,
    outages: Mutex<Vec<Outage>>,
    /// How far the world's clock is ahead of the system's, in microseconds.
    ahead: AtomicI64,
    auth: Auth,
    /// Of the database, for ourselves: nothing cuts it.
    url: String,
}

/// Where the logs are; it goes at the end, unless something was wrong.
pub struct Directory {
    pub path: PathBuf,
    is_kept: AtomicBool,
}

impl Directory {
    fn make() -> Result<Self> {
        let permissions = fs::Permissions::from_mode(0o755);
        let path = tempfile::Builder::new()
            .prefix("tidings-chaos-")
            .permissions(permissions)
            .tempdir()?
            .keep();
        Ok(Directory { path, is_kept: AtomicBool::new(false) })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !self.is_kept.load(Ordering::SeqCst) {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

impl World {
    /// None where there is no PostgreSQL.
    pub async fn start(settings: &Settings, kind: Kind) -> Result<Option<Arc<Self>>> {
        let directory = Directory::make()?;
        let disk = Disk::mount(directory.path.join("disk"), settings.time)?;
        let mut servers = Vec::new();
        let (cluster, url) = match kind {
            Kind::Sqlite => {
                let url = format!("sqlite:{}", disk.path.join("tidings.db").display());
                servers.push(Server::new(NAMES[0], url.clone(), None).await?);
                (None, url)
            }
            Kind::Postgres => {
                let Some(binaries) = postgres::binaries() else { return Ok(None) };
                let cluster = Cluster::start(&binaries, &disk.path, POSTGRES)?;
                let url = cluster.url();
                let (_, address) = url.split_once('@').ok_or("no address")?;
                let (address, name) = address.split_once('/').ok_or("no name")?;
                for server in NAMES.into_iter().take(settings.servers) {
                    let network = Proxy::start(address.parse()?).await?;
                    let url = format!("postgres://postgres@{}/{name}", network.address);
                    servers.push(Server::new(server, url, Some(network)).await?);
                }
                (Some(cluster), url)
            }
        };
        let world = Arc::new(World {
            kind,
            judges_time: settings.judges_time,
            seed: settings.seed,
            begin: Instant::now(),
            servers,
            cluster,
            disk,
            directory,
            transcript: Arc::default(),
            stage: watch::Sender::new(Stage::Storm),
            calm_since: OnceLock::new(),
            outages: Mutex::default(),
            ahead: AtomicI64::new(0),
            auth: Auth::new(serve::SECRET).map_err(|error| format!("{error:?}"))?,
            url,
        });
        for server in 0..world.servers.len() {
            world.start_server(server).await?;
        }
        Ok(Some(world))
    }

    /// Starts a server; returns when it is ready.
    pub async fn start_server(&self, server: usize) -> Result<()> {
        let server = &self.servers[server];
        server
            .start(self.ahead.load(Ordering::SeqCst), &self.directory.path, &self.transcript)
            .await?;
        server.ready(&Client::new()).await
    }

    /// Random numbers of one's own, the same for the same seed.
    pub fn rng(&self, whose: &str) -> StdRng {
        let mut hasher = DefaultHasher::new();
        (self.seed, self.kind == Kind::Postgres, whose).hash(&mut hasher);
        StdRng::seed_from_u64(hasher.finish())
    }

    /// The time, as servers have it whose clocks are right.
    pub fn now(&self) -> DateTime<Utc> {
        Clock::System.now() + TimeDelta::microseconds(self.ahead.load(Ordering::SeqCst))
    }

    /// Moves all clocks.
    pub async fn advance(&self, by: TimeDelta) -> Result<()> {
        let by = by.num_microseconds().unwrap_or_default();
        self.ahead.fetch_add(by, Ordering::SeqCst);
        for server in &self.servers {
            server.advance(by).await?;
        }
        Ok(())
    }

    /// Whether something may have become too old to be kept ([`serve::RETENTION`]).
    pub fn forgets(&self) -> bool {
        TimeDelta::microseconds(self.ahead.load(Ordering::SeqCst))
            > serve::RETENTION - TimeDelta::hours(1)
    }

    /// Before a write with a key is sent.
    pub fn begin(&self, key: &str, what: What) -> usize {
        self.transcript.begin(key, what, self.now())
    }

    pub fn token(&self, name: &str, role: Role) -> String {
        self.auth.issue(name, role, self.now() + TimeDelta::days(3_650)).unwrap_or_default()
    }

    pub fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    pub fn enter(&self, stage: Stage) {
        if stage == Stage::Calm {
            let _ = self.calm_since.set(Instant::now());
        }
        self.stage.send_replace(stage);
    }

    /// Sleeps for so long, or until this stage begins.
    pub async fn pause(&self, time: Duration, until: Stage) {
        let mut stage = self.stage.subscribe();
        let _ = tokio::time::timeout(time, stage.wait_for(|stage| *stage >= until)).await;
    }

    /// Whether it has been calm for so long that everything should be clear.
    pub fn is_patience_over(&self) -> bool {
        self.calm_since.get().is_some_and(|since| since.elapsed() > PATIENCE)
    }

    /// Declares that a server, or all of them, may be unavailable from now on. Returns the number
    /// with which to end the outage.
    pub fn begin_outage(&self, server: Option<usize>) -> usize {
        let mut outages = lock(&self.outages);
        outages.push(Outage { server, from: Instant::now(), to: None });
        outages.len() - 1
    }

    pub fn end_outage(&self, number: usize) {
        lock(&self.outages)[number].to = Some(Instant::now());
    }

    /// Whether a request between these moments met an outage of this server.
    pub fn is_outage(&self, server: usize, from: Instant, to: Instant) -> bool {
        /// What has queued up meanwhile is still being served.
        const AFTERMATH: Duration = Duration::from_secs(1);
        let is_ours = |outage: &Outage| outage.server.is_none_or(|of| of == server);
        let meets = |outage: &Outage| {
            outage.from <= to && outage.to.is_none_or(|end| end + AFTERMATH >= from)
        };
        lock(&self.outages).iter().any(|outage| is_ours(outage) && meets(outage))
    }

    /// How long outages were declared, of any server.
    pub fn outage_time(&self) -> Duration {
        lock(&self.outages)
            .iter()
            .map(|outage| outage.to.unwrap_or_else(Instant::now) - outage.from)
            .sum()
    }

    /// A connection of our own to the database.
    pub async fn connect(&self) -> Result<DatabaseConnection> {
        let mut options = ConnectOptions::new(self.url.clone());
        options.max_connections(1).sqlx_logging(false).connect_timeout(Duration::from_secs(10));
        Ok(Database::connect(options).await?)
    }

    pub fn statement(
        &self,
        sql: impl Into<String>,
        values: impl IntoIterator<Item = Value>,
    ) -> Statement {
        let backend = match self.kind {
            Kind::Sqlite => DbBackend::Sqlite,
            Kind::Postgres => DbBackend::Postgres,
        };
        Statement::from_sql_and_values(backend, sql, values)
    }

    pub async fn rows(
        &self,
        connection: &DatabaseConnection,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>> {
        let rows = connection.query_all_raw(self.statement(sql, values)).await;
        rows.map_err(|error| format!("{error}: {sql}").into())
    }

    /// Prints what came of it. Gives whether everything was right.
    pub fn report(&self, checks: Vec<String>) -> bool {
        for (name, number) in self.transcript.numbers() {
            println!("  {name:<44} {number:>10}");
        }
        let (failures, count) = self.transcript.failures();
        for failure in &failures {
            println!("  FAILED: {failure}");
        }
        println!("{:?}: {} checks, {count} failures, seed {}", self.kind, checks.len(), self.seed);
        if count > 0 {
            self.directory.is_kept.store(true, Ordering::SeqCst);
            let _ = self.disk.keep(&self.directory.path.join("database"));
            println!("  what there is was kept in {}", self.directory.path.display());
        }
        count == 0
    }
}
