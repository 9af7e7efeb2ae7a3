//! Backups of servers that are being written to, and what their clients receive after a restore.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

use crate::support::{
    app::{Kind, SECRET, TestApp},
    database::{Database, postgres_programs},
    process::{Server, follow, printed, tidings, token},
};

/// Sends messages before and after the ones that the tests look at.
const SOME: usize = 20;

async fn send(url: &str, subject: &str) -> Option<Value> {
    let send = "mutation($subject: String!) { createMessage(input: {
        to: [{user: {externalId: \"bob\"}}], subject: $subject, body: \"\", idempotencyKey: $subject
    }) { message { id } } }";
    let request = reqwest::Client::new().post(format!("{url}/graphql")).bearer_auth(token("alice"));
    let answer = request
        .json(&json!({"query": send, "variables": {"subject": subject}}))
        .send()
        .await
        .ok()?;
    let answer: Value = answer.json().await.ok()?;
    answer["data"]["createMessage"]["message"]["id"].is_string().then_some(answer)
}

/// A database, servers on it, and an operator's commands.
struct Site {
    database: Database,
    directory: tempfile::TempDir,
}

impl Site {
    async fn new(kind: Kind) -> Option<Self> {
        Some(Site {
            database: Database::create(kind).await?,
            directory: tempfile::tempdir().unwrap(),
        })
    }

    fn tidings(&self) -> Command {
        let mut command = tidings(self.directory.path());
        command.env("TIDINGS_DATABASE_URL", &self.database.url).env("TIDINGS_AUTH_SECRET", SECRET);
        command
    }

    fn server(&self) -> Server {
        Server::start(&mut self.tidings())
    }

    fn file(&self) -> PathBuf {
        self.database.url.strip_prefix("sqlite:").unwrap().into()
    }

    fn copy(&self) -> PathBuf {
        self.directory.path().join("backup")
    }

    fn backup(&self) {
        match self.database.url.starts_with("sqlite:") {
            true => drop(printed(self.tidings().arg("backup").arg(self.copy()).output().unwrap())),
            false => {
                postgres("pg_dump", ["--format=custom", "--file"], &self.copy(), &self.database.url)
            }
        }
    }

    fn restore(&self) {
        match self.database.url.starts_with("sqlite:") {
            true => drop(printed(self.tidings().arg("restore").arg(self.copy()).output().unwrap())),
            false => {
                let dbname = format!("--dbname={}", self.database.url);
                let clean =
                    ["--clean", "--if-exists", "--single-transaction", "--exit-on-error", &dbname];
                postgres("pg_restore", clean, &self.copy(), "");
                printed(self.tidings().arg("new-epoch").output().unwrap());
            }
        }
    }

    /// The last line of `tidings recount` if it finds nothing.
    fn recount(&self) {
        let said = printed(self.tidings().arg("recount").output().unwrap());
        assert!(said.ends_with("everything is right\n"), "{said}");
    }

    fn refusal(&self, arguments: &[&str], file: &Path) -> String {
        let refused = self.tidings().args(arguments).arg(file).output().unwrap();
        assert!(!refused.status.success());
        String::from_utf8(refused.stderr).unwrap()
    }
}

fn postgres<const N: usize>(program: &str, arguments: [&str; N], file: &Path, url: &str) {
    let program = postgres_programs().map_or(program.into(), |directory| directory.join(program));
    let mut command = Command::new(program);
    command.args(arguments).arg(file).args((!url.is_empty()).then_some(url));
    printed(command.output().unwrap());
}

fn address(server: &Server) -> &str {
    server.url.strip_prefix("http://").unwrap()
}

/// Writes until it is told to stop, and returns how many writes were acknowledged.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    tasks: tokio::task::JoinSet<()>,
}

impl Load {
    fn start(url: &str) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..4 {
            let (stop, sent, url) = (stop.clone(), sent.clone(), url.to_owned());
            tasks.spawn(async move {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    send(&url, &format!("{writer}: {n}")).await.expect("an acknowledgement");
                    sent.fetch_add(1, Ordering::Relaxed);
                    n += 1;
                }
            });
        }
        Load { stop, sent, tasks }
    }

    /// Returns when this many more writes are acknowledged.
    async fn more(&self, count: usize) -> usize {
        let wanted = self.sent.load(Ordering::Relaxed) + count;
        while self.sent.load(Ordering::Relaxed) < wanted {
            tokio::task::yield_now().await;
        }
        self.sent.load(Ordering::Relaxed)
    }

    async fn end(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        self.sent.load(Ordering::Relaxed)
    }
}

/// A copy made under load contains everything that was acknowledged before, and nothing
/// half-written. After a restore, clients that knew more are told to load their inboxes again.
async fn a_backup_is_one_moment(kind: Kind) {
    let Some(site) = Site::new(kind).await else { return };
    let server = site.server();
    server.query(&token("bob"), "{ viewer { id } }").await;
    let mut live = follow(address(&server), "bob", None).await;
    let load = Load::start(&server.url);
    let before = load.more(SOME).await;

    let backup = tokio::task::spawn_blocking({
        let site = Arc::new(site);
        move || {
            site.backup();
            site
        }
    });
    let site = backup.await.unwrap();
    let after = load.more(SOME).await;
    let all = load.end().await;
    while live.state.counts["unread"] != all {
        live.next_update().await;
    }
    site.recount();
    server.signal("TERM");
    assert!(server.end().success());
    site.restore();

    site.recount();
    let server = site.server();
    let mut again = follow(address(&server), "bob", Some(&live.state.cursor)).await;
    assert_eq!(again.update["resync"], "CURSOR_UNKNOWN");
    let restored = again.state.counts["unread"].as_u64().unwrap() as usize;
    assert!((before..=after).contains(&restored), "{before} <= {restored} <= {after}");
    send(&server.url, "after the restore").await.unwrap();
    assert_eq!(again.next_change().await.title.as_deref(), Some("after the restore"));
    server.signal("TERM");
    assert!(server.end().success());
    site.recount();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_one_moment_of_sqlite() {
    a_backup_is_one_moment(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_one_moment_of_postgres() {
    a_backup_is_one_moment(Kind::Postgres).await;
}

/// A restore keeps the database that it replaces, together with the log that its killed server
/// left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_keeps_what_was_there() {
    let site = Site::new(Kind::Sqlite).await.unwrap();
    let server = site.server();
    server.query(&token("bob"), "{ viewer { id } }").await;
    send(&server.url, "before").await.unwrap();
    site.backup();
    assert_eq!(fs::metadata(site.copy()).unwrap().permissions().mode() & 0o777, 0o600);
    send(&server.url, "after").await.unwrap();
    server.signal("KILL");
    server.end();
    let log = PathBuf::from(format!("{}-wal", site.file().display()));
    assert!(log.metadata().unwrap().len() > 0, "the killed server has left its log");

    fs::set_permissions(site.file(), fs::Permissions::from_mode(0o640)).unwrap();
    site.restore();

    let beside: Vec<_> = fs::read_dir(site.file().parent().unwrap())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    let kept = beside.iter().find(|path| {
        path.display().to_string().contains(".until-")
            && !path.display().to_string().ends_with("-wal")
    });
    let subjects = async |file: &Path| {
        let database = tidings::db::beside(&format!("sqlite:{}", file.display())).await.unwrap();
        let sql = "SELECT subject FROM message ORDER BY id";
        let rows = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, sql);
        let rows = sea_orm::ConnectionTrait::query_all_raw(&database, rows).await.unwrap();
        let subjects: Vec<String> =
            rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        database.close().await.unwrap();
        subjects
    };
    assert_eq!(subjects(kept.unwrap()).await, ["before", "after"]);
    assert_eq!(subjects(&site.file()).await, ["before"]);
    assert_eq!(fs::metadata(site.file()).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(
        !beside.iter().any(|path| path.display().to_string().contains("tidings-restore")),
        "{beside:?}"
    );
    site.recount();
}

/// No file is overwritten, and no database is replaced by a damaged one or while a server runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_lose_something_is_refused() {
    let site = Site::new(Kind::Sqlite).await.unwrap();
    let server = site.server();
    server.query(&token("bob"), "{ viewer { id } }").await;
    site.backup();
    let backup = fs::read(site.copy()).unwrap();
    assert!(site.refusal(&["backup"], &site.copy()).contains("is there already"));
    assert_eq!(fs::read(site.copy()).unwrap(), backup);
    assert!(site.refusal(&["restore"], &site.copy()).contains("in use by another Tidings"));
    send(&server.url, "stays").await.unwrap();
    server.signal("TERM");
    assert!(server.end().success());

    let before = fs::read(site.file()).unwrap();
    let file = site.directory.path().join("wrong");
    let mut damaged = backup.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 4096].fill(0xff);
    let wrong: [(&[u8], &str); 4] = [
        (
            b"no database at all, but long enough to be taken for the head of one",
            "is no sound database",
        ),
        (b"", "is no database of Tidings"),
        (&damaged, "is no sound database"),
        (&backup[..backup.len() / 2], "is no sound database"),
    ];
    for (content, why) in wrong {
        fs::write(&file, content).unwrap();
        let said = site.refusal(&["restore"], &file);
        assert!(said.contains(why), "{said}");
    }
    assert!(site.refusal(&["restore"], Path::new("missing")).contains("no such file"));
    let later =
        sqlite(&site.copy(), "INSERT INTO seaql_migrations VALUES ('m30000101_000001_later', 0)")
            .await;
    assert!(site.refusal(&["restore"], &later).contains("is of a later version"));
    assert_eq!(fs::read(site.file()).unwrap(), before);
    let nowhere = site.refusal(&["backup"], &site.directory.path().join("missing/backup"));
    assert!(nowhere.contains("missing"), "{nowhere}");
    let postgres = site.refusal(&["backup", "--database-url", "postgres://127.0.0.1/none"], &file);
    assert!(postgres.contains("pg_dump"), "{postgres}");
}

/// However long a backup reads, the log only grows meanwhile, and no writer waits for the reader.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_backup_holds_up_no_writer() {
    use sea_orm::{ConnectionTrait, TransactionTrait};
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let write = async |bytes: usize| {
        let begin = std::time::Instant::now();
        let tx = app.db.begin().await.unwrap();
        let insert = format!(
            "INSERT INTO idempotency_key (caller, key, fingerprint, created_at) \
             VALUES (hex(randomblob(16)), 'key', hex(zeroblob({bytes})), \
             '2026-01-05T09:00:00+00:00')"
        );
        tx.run(&insert, []).await.unwrap();
        tx.commit().await.unwrap();
        begin.elapsed()
    };
    let database = tidings::db::beside(&app.config.database_url).await.unwrap();
    let reading = database.begin().await.unwrap();
    reading
        .query_one_raw(app.db.statement("SELECT count(*) FROM idempotency_key", []))
        .await
        .unwrap();

    // More than the log may grow before a checkpoint wants to reset it…
    for _ in 0..20 {
        write(2_000_000).await;
    }
    // …which it tries twice a second.
    let begin = std::time::Instant::now();
    let mut longest = std::time::Duration::ZERO;
    while begin.elapsed() < std::time::Duration::from_secs(3) {
        longest = longest.max(write(1).await);
    }

    assert!(longest < std::time::Duration::from_secs(2), "somebody waited for {longest:?}");
    reading.rollback().await.unwrap();
    app.stop().await;
}

/// A copy of a database in which a statement was run.
async fn sqlite(file: &Path, sql: &str) -> PathBuf {
    let copy = file.with_extension("changed");
    fs::copy(file, &copy).unwrap();
    let database = sea_orm::Database::connect(format!("sqlite:{}", copy.display())).await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(&database, sql).await.unwrap();
    database.close().await.unwrap();
    copy
}
