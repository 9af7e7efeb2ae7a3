//! Upgrades (O10): a database that an earlier release has made and filled is brought up to date,
//! and everybody finds what they had.
//!
//! Each folder of `upgrade/` is of one release: what the demo's people had then, as a database of
//! either kind, and what they were shown on it, as answers to a query of that time. `make baseline`
//! adds the folder of this version; CONTRIBUTING.md says when.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use tidings::{
    auth::Role,
    clock::Clock,
    config::{AddressBook, Config},
    demo, server,
};

use crate::support::{
    app::{Kind, START, TestApp, run_with},
    database::{Database, postgres_programs},
    process::{Server, printed, tidings},
};

/// What everybody is asked, in its cheapest form: the answers are kept.
const SEEN: &str = "{ viewer { name groups(first: 20) { nodes { name } } inbox { cursor
      counts { active unread unseen snoozed archived unreadByKind { kind count } }
      items(filter: {view: ALL}, first: 20) { nodes {
        id title readAt archivedAt snoozedUntil thread { id messageCount unreadCount isMuted } } }
      found: items(filter: {view: ALL, search: \"the\"}, first: 10) { nodes { id } } } }
    sentMessages(first: 20) { nodes { id subject sendAt readStats { recipientCount } } } }";

/// A release that can be upgraded.
struct Release(PathBuf);

impl Release {
    fn all() -> Vec<Self> {
        let folders = fs::read_dir(folder()).unwrap();
        folders.map(|folder| Release(folder.unwrap().path())).collect()
    }

    /// The version that is tested.
    fn this() -> Self {
        Release(folder().join(env!("CARGO_PKG_VERSION")))
    }

    fn dump(&self, kind: Kind) -> PathBuf {
        self.0.join(format!("{}.sql", name(kind)))
    }

    /// The one before this version, or this version.
    fn is_last(&self) -> bool {
        Self::all().iter().all(|other| other.version() <= self.version())
    }

    fn version(&self) -> Vec<u32> {
        let name = self.to_string();
        name.split('.').map(|part| part.parse().unwrap()).collect()
    }

    /// The query, and its answers by people.
    fn seen(&self, kind: Kind) -> PathBuf {
        self.0.join(format!("{}.json", name(kind)))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.0.file_name().unwrap().to_str().unwrap())
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => "sqlite",
        Kind::Postgres => "postgres",
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/upgrade")
}

/// A server with the demo's catalog, at the moment at which its story ends.
fn settings(config: &mut Config) {
    config.catalog = demo::with_categories(config.catalog.clone());
    config.address_book = AddressBook::Everybody;
}

async fn everybody_finds_what_they_had(kind: Kind) {
    let releases = Release::all();
    assert!(!releases.is_empty(), "no earlier release is kept");
    let Some(new) = Database::create(kind).await else { return };
    let of_new_database = columns(&new.url).await;
    for release in releases {
        let database = Database::load(kind, &release.dump(kind)).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let operator = |command: &str| {
            let mut tidings = tidings(directory.path());
            tidings.env("TIDINGS_DATABASE_URL", &database.url).arg(command);
            printed(tidings.output().unwrap())
        };
        let before = columns(&database.url).await;
        operator("migrate");
        let after = columns(&database.url).await;
        assert_eq!(after, of_new_database, "a migration that {release} has was changed");
        if release.is_last() {
            assert_works_with(&before, &after);
        }
        let said = operator("recount");
        assert!(said.ends_with("everything is right\n"), "{said}");

        let app = TestApp::start_on(database, settings).await;
        let seen: Value = serde_json::from_slice(&fs::read(release.seen(kind)).unwrap()).unwrap();
        for (person, had) in seen["people"].as_object().unwrap() {
            let client = app.client(person, Role::User);
            let has = client.query(seen["query"].as_str().unwrap(), json!({})).await;
            assert_eq!(&has, had, "{person} of {release}");
            // A client that was away meanwhile continues where it was.
            app.assert_live_equals_refetch(&client).await;
        }
        app.stop().await;
    }
}

/// Columns that the last release does not use any more, as `table.column`: they may be gone.
const UNUSED: &[&str] = &[];

/// Servers of the last release go on beside new ones: what they read must be there, and what they
/// insert must be enough.
fn assert_works_with(before: &Columns, after: &Columns) {
    let gone = before.keys().filter(|column| !after.contains_key(*column));
    let gone: Vec<_> = gone.filter(|column| !UNUSED.contains(&column.as_str())).collect();
    assert!(gone.is_empty(), "servers of the last release need {gone:?}");
    let tables: Vec<_> = before.keys().filter_map(|column| column.split('.').next()).collect();
    let needed = after.iter().filter(|(column, kind)| {
        let is_new = tables.contains(&column.split('.').next().unwrap())
            && before.get(*column).is_none_or(|old| old.is_needed != kind.is_needed);
        is_new && kind.is_needed
    });
    let needed: Vec<_> = needed.map(|(column, _)| column).collect();
    assert!(needed.is_empty(), "servers of the last release do not write {needed:?}");
}

/// The columns of a database, as `table.column`.
type Columns = BTreeMap<String, Column>;

#[derive(Debug, PartialEq)]
struct Column {
    type_name: String,
    /// Every row needs a value, and none is given by itself.
    is_needed: bool,
}

async fn columns(url: &str) -> Columns {
    let database = sea_orm::Database::connect(url).await.unwrap();
    let sql = match url.starts_with("sqlite:") {
        true => {
            "SELECT m.name || '.' || c.name AS name, c.type AS type_name,
             c.\"notnull\" = 1 AND c.dflt_value IS NULL AS is_needed
             FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'"
        }
        false => {
            "SELECT table_name || '.' || column_name AS name, CAST(data_type AS text) AS type_name,
             is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AS is_needed
             FROM information_schema.columns WHERE table_schema = 'public'"
        }
    };
    let sql = Statement::from_string(database.get_database_backend(), sql);
    let rows = database.query_all_raw(sql).await.unwrap();
    database.close().await.unwrap();
    let column = |row: &sea_orm::QueryResult| {
        let type_name = row.try_get("", "type_name").unwrap();
        let is_needed = row.try_get("", "is_needed").unwrap();
        (row.try_get("", "name").unwrap(), Column { type_name, is_needed })
    };
    rows.iter().map(column).collect()
}

#[test]
fn a_column_that_older_servers_need_or_do_not_write_is_noticed() {
    let columns = |columns: &[(&str, bool)]| -> Columns {
        let column = |(name, is_needed): &(&str, bool)| {
            let column = Column { type_name: "text".into(), is_needed: *is_needed };
            ((*name).to_owned(), column)
        };
        columns.iter().map(column).collect()
    };
    let before = columns(&[("message.id", true), ("message.body", true)]);
    let with = |column, is_needed| {
        columns(&[("message.id", true), ("message.body", true), (column, is_needed)])
    };
    assert_works_with(&before, &with("message.colour", false));
    assert_works_with(&before, &with("colour.name", true));
    for after in [with("message.colour", true), columns(&[("message.id", true)])] {
        std::panic::catch_unwind(|| assert_works_with(&before, &after)).unwrap_err();
    }
}

/// Somebody who goes back a release, or whose old server is started again during an upgrade.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_on_the_tables_of_a_later_release_if_it_is_told_to_leave_them_alone() {
    let database = Database::create(Kind::Sqlite).await.unwrap();
    let connection = sea_orm::Database::connect(&database.url).await.unwrap();
    let later = "INSERT INTO seaql_migrations VALUES ('m29991231_000001_later', 0)";
    connection.execute_unprepared(later).await.unwrap();
    connection.close().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let server = || {
        let mut server = tidings(directory.path());
        server.env("TIDINGS_DATABASE_URL", &database.url);
        server
    };
    let refused = server().args(["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("m29991231_000001_later"), "{said}");

    let server = Server::start(server().env("TIDINGS_MIGRATE", "false"));
    server.signal("TERM");
    assert!(server.end().success());
}

#[test]
fn everybody_finds_what_they_had_before_an_upgrade_on_sqlite() {
    run_with(2, everybody_finds_what_they_had(Kind::Sqlite));
}

#[test]
fn everybody_finds_what_they_had_before_an_upgrade_on_postgres() {
    run_with(2, everybody_finds_what_they_had(Kind::Postgres));
}

/// Not a test: `make baseline`.
#[test]
#[ignore = "writes the folder of this version"]
fn this_version_is_kept_for_later_ones() {
    fs::create_dir_all(&Release::this().0).unwrap();
    run_with(2, async {
        keep(Kind::Sqlite).await;
        keep(Kind::Postgres).await;
    });
}

/// Fills a database, writes down what everybody is shown, and dumps it.
async fn keep(kind: Kind) {
    let release = Release::this();
    let database = Database::create(kind).await.expect("PostgreSQL is needed");
    let mut config = Config { database_url: database.url.as_str().into(), ..Config::default() };
    config.auth_secret = Some(crate::support::app::SECRET.into());
    settings(&mut config);
    // Not served meanwhile: what is due at the end of the story must not happen at its beginning.
    let app = server::start(config, Clock::manual(START.parse().unwrap())).await.unwrap();
    demo::fill(&app).await.unwrap();
    app.shutdown.cancel();
    app.db.close().await;
    drop(app);

    let url = database.url.clone();
    let app = TestApp::start_on(database, settings).await;
    let mut people = json!({});
    let users = "{ users(first: 100) { nodes { externalId erasedAt } } }";
    let users = app.service().query(users, json!({})).await;
    // The first look takes in what is new, and others' looks count in what senders see.
    for answers in [&mut json!({}), &mut people] {
        for user in users["users"]["nodes"].as_array().unwrap() {
            if user["erasedAt"].is_null() {
                let person = user["externalId"].as_str().unwrap();
                answers[person] = app.client(person, Role::User).query(SEEN, json!({})).await;
            }
        }
    }
    app.stop().await;
    fs::write(release.dump(kind), dump(&url)).unwrap();
    let lines = people.as_object().unwrap().iter();
    let lines: Vec<_> = lines.map(|(person, seen)| format!("{}: {seen}", json!(person))).collect();
    let file = format!(
        "{{\"query\": {},\n\"people\": {{\n{}\n}}}}\n",
        json!(SEEN.split_whitespace().collect::<Vec<_>>().join(" ")),
        lines.join(",\n")
    );
    fs::write(release.seen(kind), file).unwrap();
}

/// A database as SQL.
fn dump(url: &str) -> String {
    let Some(file) = url.strip_prefix("sqlite:") else {
        let program = postgres_programs().unwrap().join("pg_dump");
        let mut dump = Command::new(program);
        let dump = printed(dump.args(["--no-owner", "--no-privileges", url]).output().unwrap());
        // Commands of psql that only the newest ones know.
        let is_sql =
            |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
        return dump.lines().filter(is_sql).map(|line| format!("{line}\n")).collect();
    };
    let script = "import sqlite3, sys\n\
                  for line in sqlite3.connect(sys.argv[1]).iterdump(): print(line)";
    printed(Command::new("python3").args(["-c", script, file]).output().unwrap())
}
