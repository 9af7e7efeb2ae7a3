//! A database for each test: a SQLite file, or a database in a throwaway PostgreSQL.
//!
//! Migrations run once for each kind, in a template; every test gets a copy of it. PostgreSQL is
//! started by the first test that needs it and stops with the test process, however that ends.
//! `TIDINGS_TEST_POSTGRES_URL` selects another server (`postgres://user@host:port`, PostgreSQL 15
//! or newer); what the tests create there is not removed.

use std::{
    cmp::Reverse,
    env, fs,
    io::{BufRead, BufReader, Write, stderr},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use sea_orm::{ConnectOptions, ConnectionTrait};
use tempfile::TempDir;
use tidings::db::Db;
use tokio::{runtime, sync::Mutex};

use super::app::Port;

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A database with empty tables, used by nobody else.
pub struct Database {
    pub url: String,
    /// SQLite: the directory of the file, kept until the test ends.
    _directory: Option<TempDir>,
}

impl Database {
    /// None if there is no PostgreSQL, with one notice. In CI it panics: a skipped test counts as
    /// failed there.
    pub async fn create(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Sqlite => {
                let directory = TempDir::new().unwrap();
                let file = directory.path().join("tidings.db");
                fs::write(&file, &*SQLITE_TEMPLATE).unwrap();
                Some(Self {
                    url: format!("sqlite:{}", file.display()),
                    _directory: Some(directory),
                })
            }
            Kind::Postgres => {
                let url = copy_in_postgres(&template()).await?;
                Some(Self { url, _directory: None })
            }
        }
    }
}

impl Database {
    /// What a file of SQL makes, such as a dump; None if there is no PostgreSQL.
    pub async fn load(kind: Kind, sql: &Path) -> Option<Self> {
        match kind {
            Kind::Sqlite => {
                let directory = TempDir::new().unwrap();
                let url = format!("sqlite:{}", directory.path().join("tidings.db").display());
                let database = sea_orm::Database::connect(format!("{url}?mode=rwc")).await.unwrap();
                // A dump has its tables in the order of their names, not of their references.
                let sql = format!("PRAGMA foreign_keys = OFF;{}", fs::read_to_string(sql).unwrap());
                database.execute_unprepared(&sql).await.unwrap();
                database.close().await.unwrap();
                Some(Self { url, _directory: Some(directory) })
            }
            Kind::Postgres => {
                let url = new_in_postgres("TEMPLATE template0").await?;
                let mut psql = Command::new(postgres_programs()?.join("psql"));
                psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file"]);
                let said = psql.arg(sql).arg(&url).output().unwrap();
                assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
                Some(Self { url, _directory: None })
            }
        }
    }

    /// Another database with the same contents. Nobody may have this one open.
    pub async fn copy(&self) -> Self {
        match self.url.strip_prefix("sqlite:") {
            Some(file) => {
                let directory = TempDir::new().unwrap();
                let copy = directory.path().join("tidings.db");
                fs::copy(file, &copy).unwrap();
                Self { url: format!("sqlite:{}", copy.display()), _directory: Some(directory) }
            }
            None => {
                let (_, name) = self.url.rsplit_once('/').unwrap();
                Self { url: copy_in_postgres(name).await.unwrap(), _directory: None }
            }
        }
    }
}

/// A separate database in the throwaway PostgreSQL, created as a copy of another; None if there is
/// no PostgreSQL.
async fn copy_in_postgres(origin: &str) -> Option<String> {
    new_in_postgres(&format!("TEMPLATE {origin} STRATEGY FILE_COPY")).await
}

async fn new_in_postgres(origin: &str) -> Option<String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = POSTGRES.as_ref()?;
    let name = format!("t{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    Some(server.create_database(&name, origin).await)
}

/// The file of a migrated database.
static SQLITE_TEMPLATE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("template.db");
    aside(async || migrate(&format!("sqlite:{}", file.display())).await);
    fs::read(file).unwrap()
});

/// The server that contains the template; None if PostgreSQL is not installed.
static POSTGRES: LazyLock<Option<Server>> = LazyLock::new(|| {
    let named = env::var("TIDINGS_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
    let server = if let Some(url) = named {
        Server { url: url.trim_end_matches('/').to_owned(), _script: None, _port: None }
    } else if let Some(initdb) = initdb() {
        Server::start(&initdb)
    } else {
        assert!(
            env::var_os("CI").is_none_or(|ci| ci.is_empty()),
            "PostgreSQL is not tested: no initdb was found"
        );
        // Not eprintln!, which is hidden for tests that pass.
        stderr()
            .write_all(b"\n*** PostgreSQL tests are SKIPPED: no initdb was found ***\n\n")
            .unwrap();
        return None;
    };
    // The most limited locale: what works in it works in all.
    let origin = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'";
    aside(async || migrate(&server.create_database(&template(), origin).await).await);
    Some(server)
});

/// Unique to this process: the template of another process on the same server may have other
/// tables.
fn template() -> String {
    format!("t{}_template", process::id())
}

async fn migrate(url: &str) {
    let (db, _heard) = Db::open(url).await.unwrap();
    db.migrate().await.unwrap();
    db.close().await;
}

/// Waits for work that is done on another thread: a `LazyLock` is not async, and the test's thread
/// already has a runtime.
fn aside(work: impl AsyncFnOnce() + Send) {
    let work =
        || runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work());
    thread::scope(|scope| scope.spawn(work).join().unwrap());
}

struct Server {
    /// Without a database.
    url: String,
    /// Its standard input is closed when this process ends, which is what `POSTGRES_SCRIPT` waits
    /// for.
    _script: Option<Child>,
    _port: Option<Arc<Port>>,
}

impl Server {
    fn start(initdb: &Path) -> Self {
        // Held while the files are made, which takes seconds.
        let port = Port::any();
        let mut script = Command::new("sh")
            .args(["-c", POSTGRES_SCRIPT])
            .env("BIN", initdb.parent().unwrap())
            .env("PORT", port.address().port().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is meant for us: the script must survive to clean up.
            .process_group(0)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(script.stdout.take().unwrap());
        let mut said = String::new();
        while !said.ends_with("ready\n") {
            assert!(output.read_line(&mut said).unwrap() > 0, "PostgreSQL does not start:\n{said}");
        }
        let url = format!("postgres://postgres@{}", port.address());
        Self { url, _script: Some(script), _port: Some(port) }
    }

    /// Returns the URL of the new database.
    async fn create_database(&self, name: &str, origin: &str) -> String {
        // A template cannot be copied while it is in use, and another copy may count as use.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
        let _turn = ONE_AT_A_TIME.lock().await;
        let mut options = ConnectOptions::new(format!("{}/postgres", self.url));
        options.max_connections(1).sqlx_logging(false);
        let admin = sea_orm::Database::connect(options).await.unwrap();
        // On a server that existed before, an earlier process may have had our process id.
        admin.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name}")).await.unwrap();
        admin.execute_unprepared(&format!("CREATE DATABASE {name} {origin}")).await.unwrap();
        admin.close().await.unwrap();
        format!("{}/{name}", self.url)
    }
}

/// Where PostgreSQL's programs are.
pub fn postgres_programs() -> Option<PathBuf> {
    initdb()?.parent().map(Path::to_owned)
}

/// From PATH, or else the newest of those that Debian keeps outside of it.
fn initdb() -> Option<PathBuf> {
    let mut debian: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|version| version.unwrap().path())
        .collect();
    debian.sort_by_key(|path| {
        Reverse(path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()))
    });
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(debian.iter().map(|version| version.join("bin")))
        // PATH may have a link to it, but none to the programs beside it.
        .find_map(|directory| directory.join("initdb").canonicalize().ok())
}

/// Creates a PostgreSQL on $PORT with the programs in $BIN, prints "ready", and removes everything
/// when standard input ends.
///
/// A shell does it because it outlives us: no signal that ends this process leaves a server or its
/// files behind.
const POSTGRES_SCRIPT: &str = r#"
set -e
exec 2>&1
as_postgres() { "$@"; }
directory=$(mktemp -d "${TMPDIR:-/tmp}/tidings-pg-XXXXXX")
cd "$directory"
end() {
    as_postgres "$BIN/pg_ctl" stop -D data -m immediate >/dev/null 2>&1 || true
    rm -rf "$directory"
}
trap end EXIT
# "ready" may find nobody who listens; that is no reason to leave without the above.
trap '' PIPE

if [ "$(id -u)" = 0 ]; then
    # PostgreSQL refuses to run as root.
    chown postgres .
    as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
fi

as_postgres "$BIN/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
cat >>data/postgresql.conf <<END
listen_addresses = '127.0.0.1'
port = $PORT
unix_socket_directories = ''
max_connections = 400
shared_buffers = 64MB
autovacuum = off
# Nothing here has to survive a crash.
fsync = off
synchronous_commit = off
full_page_writes = off
END
as_postgres "$BIN/pg_ctl" start -D data -l log --wait --timeout=30 --silent || { cat log; exit 1; }

echo ready
cat >/dev/null
"#;
