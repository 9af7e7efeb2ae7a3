//! The settings as an operator sets them, and what is said of wrong ones.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use sea_orm::{ConnectionTrait, Statement};
use tidings::{auth::Auth, clock::Clock, db::Db};

use crate::{
    disk::{Disk, Small},
    support::{
        app::{Kind, SECRET, TestApp, both},
        database::Database,
        process::{Server, printed, tidings},
    },
};

/// A command without any variables, in a directory with this file of settings.
fn command(directory: &Path, toml: &str, arguments: &[&str]) -> Command {
    fs::write(directory.join("tidings.toml"), toml).unwrap();
    let mut command = tidings(directory);
    command.env_clear().args(arguments);
    command
}

fn refusal(output: Output) -> String {
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "it was not refused: {said}");
    said
}

/// Each is told by the name that the operator used, and by its place.
#[test]
fn a_wrong_setting_is_named_where_the_operator_set_it() {
    let directory = tempfile::tempdir().unwrap();
    let serve = &["serve", "--listen", "127.0.0.1:0"][..];
    for (toml, arguments, variables, said) in [
        // Names that are no settings.
        (
            "lisen = \"a\"",
            serve,
            vec![],
            "tidings.toml:1: lisen: there is no such setting; did you mean listen?",
        ),
        (
            "\n\n[limits]\n# more\ndeph = 3",
            serve,
            vec![],
            "tidings.toml:5: limits.deph: there is no such setting; did you mean limits.depth?",
        ),
        (
            "[limit]\ndepth = 3",
            serve,
            vec![],
            "tidings.toml:1: limit: there is no such setting; did you mean limits?",
        ),
        (
            "",
            serve,
            vec![("TIDINGS_LISEN", "a")],
            "TIDINGS_LISEN: there is no such setting; did you mean TIDINGS_LISTEN?",
        ),
        (
            "",
            serve,
            vec![("TIDINGS_QUUX", "a")],
            "TIDINGS_QUUX: there is no such setting; `tidings config`",
        ),
        // Only a secret can be in a file, and the catalog in the file alone.
        (
            "",
            serve,
            vec![("TIDINGS_LISTEN_FILE", "a")],
            "TIDINGS_LISTEN_FILE: there is no such setting",
        ),
        ("", serve, vec![("TIDINGS_CATALOG", "a")], "TIDINGS_CATALOG: there is no such setting"),
        // Values of the wrong kind.
        (
            "listen = \"127.0.0.1\"",
            &["serve"][..],
            vec![],
            "tidings.toml:1: listen: “127.0.0.1” must be a host and a port",
        ),
        (
            "",
            &["serve", "--listen", "nowhere"][..],
            vec![],
            "--listen: “nowhere” must be a host and a port",
        ),
        (
            "metrics_listen = \"9464\"",
            serve,
            vec![],
            "tidings.toml:1: metrics_listen: “9464” must be a host and a port",
        ),
        ("", serve, vec![("TIDINGS_LIMITS_DEPTH", "deep")], "TIDINGS_LIMITS_DEPTH: must be"),
        ("[limits]\ndepth = \"deep\"", serve, vec![], "tidings.toml:2: limits.depth: must be"),
        (
            "[limits]\ndepth = -1",
            serve,
            vec![],
            "tidings.toml:2: limits.depth: must be a whole number that is not negative, not",
        ),
        ("limits = 5", serve, vec![], "tidings.toml:1: limits: "),
        (
            "address_book = \"somebody\"",
            serve,
            vec![],
            "tidings.toml:1: address_book: must be one of these: groups, everybody, nobody",
        ),
        (
            "",
            serve,
            vec![("TIDINGS_PEOPLE_EDIT", "locale,name")],
            "TIDINGS_PEOPLE_EDIT: must be one of these: locale, time_zone",
        ),
        ("", serve, vec![("TIDINGS_SHUTDOWN_DELAY", "soon")], "TIDINGS_SHUTDOWN_DELAY: "),
        (
            "[reminder_frequencies]\noften = \"1 moment\"",
            serve,
            vec![],
            "tidings.toml:2: reminder_frequencies.often: “1 moment”",
        ),
        ("listen = ", serve, vec![], "tidings.toml:1: "),
        // Values that cannot be meant, or that do not go together.
        (
            "\ninbox_retention = \"1s\"",
            serve,
            vec![],
            "tidings.toml:2: inbox_retention: must be between",
        ),
        (
            "",
            serve,
            vec![("TIDINGS_WEB_SCOPE", "profile")],
            "TIDINGS_WEB_SCOPE: must contain openid",
        ),
        ("", serve, vec![("TIDINGS_LOG", "tidings=loud")], "TIDINGS_LOG: "),
        (
            "\notlp_endpoint = \"collector:4318\"",
            serve,
            vec![],
            "tidings.toml:2: otlp_endpoint: must begin with https:// or http://",
        ),
        (
            "otlp_endpoint = \"http://collector:4318\"",
            serve,
            vec![("TIDINGS_OTLP_HEADERS", "key=hush")],
            "tidings.toml:1: otlp_endpoint: must be an https URL; http is for loopback only, since",
        ),
        (
            "",
            serve,
            vec![("TIDINGS_OTLP_HEADERS", "hush")],
            "TIDINGS_OTLP_HEADERS: must be headers",
        ),
        (
            "",
            serve,
            vec![("TIDINGS_OTLP_SAMPLE_RATIO", "1.5")],
            "TIDINGS_OTLP_SAMPLE_RATIO: must be from 0 to 1",
        ),
        (
            "",
            serve,
            vec![("TIDINGS_DATABASE_QUEUE", "0")],
            "TIDINGS_DATABASE_QUEUE: must be at least 1",
        ),
        (
            "",
            serve,
            vec![("TIDINGS_AUTH_SECRET", "short")],
            "TIDINGS_AUTH_SECRET: must have at least 32 bytes",
        ),
        (
            "[catalog.actions.like]\nlabel = \"L\"\nsentences.en = \"{ $who }\"\n[catalog.reasons]",
            serve,
            vec![],
            "tidings.toml:3: catalog.actions.like.sentences.en: ",
        ),
        (
            "database_url = \"mysql://127.0.0.1/none\"",
            serve,
            vec![],
            "tidings.toml:1: database_url: begins with",
        ),
        (
            "",
            &["serve", "--database-url", "sqlite:missing/tidings.db"][..],
            vec![],
            "--database-url: the directory missing does not exist",
        ),
        (
            "",
            &["migrate", "--database-url", "sqlite:missing/tidings.db"][..],
            vec![],
            "--database-url: the directory missing does not exist",
        ),
    ] {
        let mut command = command(directory.path(), toml, arguments);
        let said_it = refusal(command.envs(variables).output().unwrap());
        assert!(said_it.contains(&format!("tidings: {said}")), "wanted {said}\nsaid {said_it}");
    }
}

/// What Kubernetes sets for a service of this name, and what clients use.
#[test]
fn variables_of_others_are_no_settings() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = command(directory.path(), "", &["token", "--user", "alice"]);
    for (name, value) in [
        ("TIDINGS_AUTH_SECRET", SECRET),
        ("TIDINGS_TOKEN", "a"),
        ("TIDINGS_URL", "http://127.0.0.1:8080"),
        ("TIDINGS_SERVICE_HOST", "10.0.0.1"),
        ("TIDINGS_SERVICE_PORT_HTTP", "8080"),
        ("TIDINGS_PORT", "tcp://10.0.0.1:8080"),
        ("TIDINGS_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ] {
        command.env(name, value);
    }
    printed(command.output().unwrap());
}

#[test]
fn another_file_can_be_named_and_must_exist() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("other.toml"), "people_subscribe = false").unwrap();
    let check = || command(directory.path(), "people_subscribe = true", &["check"]);
    let wanted = "people_subscribe = false    # other.toml:1\n";
    let by_flag = printed(check().args(["--config", "other.toml"]).output().unwrap());
    assert!(by_flag.starts_with(wanted), "{by_flag}");
    let by_variable = printed(check().env("TIDINGS_CONFIG", "other.toml").output().unwrap());
    assert!(by_variable.starts_with(wanted), "{by_variable}");
    let both = check().args(["--config", "other.toml"]).env("TIDINGS_CONFIG", "none").output();
    assert!(printed(both.unwrap()).starts_with(wanted));

    let missing = refusal(check().args(["--config", "missing.toml"]).output().unwrap());
    assert!(missing.contains("--config: missing.toml: No such file"), "{missing}");
    let endless = refusal(check().args(["--config", "/dev/zero"]).output().unwrap());
    assert!(endless.contains("--config: /dev/zero: must have at most 1048576 bytes"), "{endless}");
    let missing = refusal(check().env("TIDINGS_CONFIG", "missing.toml").output().unwrap());
    assert!(missing.contains("TIDINGS_CONFIG: missing.toml: No such file"), "{missing}");
}

/// What another program writes, as docs/settings.md has it. Keys are read again and again.
#[test]
fn settings_can_come_through_a_pipe_and_keys_cannot() {
    let directory = tempfile::tempdir().unwrap();
    let mut shell = Command::new("bash");
    let check = "exec \"$0\" check --config <(echo people_subscribe = false)";
    shell.args(["-c", check, env!("CARGO_BIN_EXE_tidings")]);
    let said = printed(shell.current_dir(&directory).env_clear().output().unwrap());
    assert!(said.starts_with("people_subscribe = false    # /dev/fd/"), "{said}");

    let keys = command(directory.path(), "auth_jwks = \"/dev/stdin\"", &["check"]).output();
    let said = String::from_utf8(keys.unwrap().stdout).unwrap();
    assert!(said.contains("/dev/stdin: is not a file, which can be read again"), "{said}");
}

/// As systemd, Docker and Kubernetes hand them over.
#[tokio::test]
async fn secrets_come_from_files() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("secret", &format!("{SECRET}\n"));
    let older = "an older secret, with a comma, of 32 bytes";
    write("older", &format!("{older}\nanother older secret, of at least 32 bytes\n"));
    write("url", "sqlite:named-by-a-file.db\r\n");
    let with_files = |arguments: &[&str]| {
        let mut command = command(directory.path(), "", arguments);
        command.env("TIDINGS_AUTH_SECRET_FILE", "secret");
        command.env("TIDINGS_AUTH_SECRETS_ACCEPTED_FILE", "older");
        command.env("TIDINGS_DATABASE_URL_FILE", "url");
        command
    };

    let token = printed(with_files(&["token", "--user", "alice"]).output().unwrap());
    let auth = Auth::new(SECRET).unwrap();
    let claims = auth.verify(token.trim(), chrono::DateTime::UNIX_EPOCH).await.unwrap();
    assert_eq!(claims.sub, "alice");

    let server = Server::start(&mut with_files(&[]));
    let expires = Clock::System.now() + chrono::TimeDelta::hours(1);
    let token = Auth::new(older).unwrap().issue("bob", tidings::auth::Role::User, expires).unwrap();
    let viewer = server.query(&token, "{ viewer { externalId } }").await;
    assert_eq!(viewer["viewer"]["externalId"], "bob");
    assert!(directory.path().join("named-by-a-file.db").exists());
    server.signal("TERM");
    assert!(server.end().success());

    let both = with_files(&["check"]).env("TIDINGS_AUTH_SECRET", SECRET).output().unwrap();
    let said = refusal(both);
    assert!(
        said.contains("TIDINGS_AUTH_SECRET_FILE: sets the same as TIDINGS_AUTH_SECRET; unset one"),
        "{said}"
    );
    let missing = with_files(&["check"]).env("TIDINGS_AUTH_SECRET_FILE", "none").output().unwrap();
    let said = refusal(missing);
    assert!(said.contains("TIDINGS_AUTH_SECRET_FILE: none: No such file"), "{said}");
    write("secret", "short\n");
    let said = refusal(with_files(&["token", "--user", "alice"]).output().unwrap());
    assert!(said.contains("TIDINGS_AUTH_SECRET_FILE (secret): must have at least 32"), "{said}");
    assert!(!said.contains("short"), "{said}");
}

#[test]
fn what_config_prints_is_a_file_of_settings() {
    let directory = tempfile::tempdir().unwrap();
    let print = |arguments: &[&str]| {
        printed(command(directory.path(), "wrong = 1", arguments).output().unwrap())
    };
    let file = print(&["config"]);
    assert!(file.contains("\n# listen = \"127.0.0.1:8080\"\n"), "{file}");
    let reference = print(&["config", "--reference"]);
    assert!(reference.contains("\n### `limits.depth`\n"), "{reference}");

    let check = printed(command(directory.path(), &file, &["check"]).output().unwrap());
    assert!(check.starts_with("# Everything else has its default"), "{check}");
}

/// What is in force, without secrets, and from where.
#[test]
fn check_says_what_is_in_force_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let toml = "address_book = \"nobody\"\nlog = \"warn\"\n[limits]\ndepth = 12\n\
                [catalog.actions.comment]\nlabel = \"Comments\"\n[catalog.reasons]\n";
    let mut check = command(directory.path(), toml, &["check", "--listen", ":8080"]);
    let check = check.env("TIDINGS_AUTH_SECRET", SECRET).env("TIDINGS_LOG", "info");
    let check = check.env("TIDINGS_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    let check = check.env("TIDINGS_OTLP_HEADERS", "authorization=Bearer hush,x-tenant=hush");

    let said = printed(check.output().unwrap());

    let (in_force, checked) = said.split_once("\n\n").unwrap();
    assert_eq!(
        in_force,
        "listen = \":8080\"    # --listen\n\
         auth_secret = \"<secret>\"    # TIDINGS_AUTH_SECRET\n\
         address_book = \"nobody\"    # tidings.toml:1\n\
         log = \"info\"    # TIDINGS_LOG\n\
         otlp_endpoint = \"http://127.0.0.1:4318\"    # TIDINGS_OTLP_ENDPOINT\n\
         otlp_headers = [\"<secret>\", \"<secret>\"]    # TIDINGS_OTLP_HEADERS\n\
         limits.depth = 12    # tidings.toml:4\n\
         catalog.actions = comment    # tidings.toml:5\n\
         catalog.reasons =     # tidings.toml:7\n\
         # Everything else has its default; `tidings config` prints all settings."
    );
    assert_eq!(
        checked,
        "settings: agree with each other\n\
         database: SQLite in tidings.db is not there yet; `tidings serve` creates it\n\
         keys: auth_secret signs\n\
         catalog: types of targets: 2, actions: 1, reasons: 0\n\
         documents: none are trusted\n"
    );
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// Everything that is wrong is said at once, and by the exit status.
#[test]
fn check_finds_what_cannot_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let toml = "database_url = \"postgres://tidings:hush@127.0.0.1:1/none\"\n\
                auth_jwks = \"http://127.0.0.1:1/jwks\"\n\
                web_scope = \"profile\"\n\
                trusted_documents = \"missing.json\"\n\
                [catalog]\n\
                target_types = []\n";
    let output = command(directory.path(), toml, &["check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    for wanted in [
        "settings: cannot be used: tidings.toml:3: web_scope: must contain openid\n",
        "database: cannot be used: PostgreSQL at 127.0.0.1:1, database none: Connection refused",
        "keys: cannot be used: tidings.toml:2: auth_jwks: ",
        "documents: cannot be used: tidings.toml:4: trusted_documents: missing.json",
    ] {
        assert!(said.contains(wanted), "wanted {wanted}\nsaid {said}");
    }
    assert!(!said.contains("hush"), "{said}");
}

/// SQLite has its log beside the database, and the server its lock.
#[test]
fn check_finds_a_directory_that_cannot_be_written_to() {
    let Some(disk) = Small::mount() else { return };
    let place = disk.directory().join("tidings.db");
    let directory = tempfile::tempdir().unwrap();
    let toml = format!("database_url = \"sqlite:{}\"", place.display());
    printed(command(directory.path(), &toml, &["migrate"]).output().unwrap());
    let check = || command(directory.path(), &toml, &["check"]).output().unwrap();
    let said = printed(check());
    assert!(said.contains("tidings.db can be used\n"), "{said}");

    disk.make_read_only();

    let output = check();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    let wanted = format!(
        "database: cannot be used: tidings.toml:1: database_url: the directory {} cannot be \
         written to: Read-only file system",
        disk.directory().display()
    );
    assert!(said.contains(&wanted), "wanted {wanted}\nsaid {said}");
}

/// As after a restore by somebody else, whose tables they are then.
#[tokio::test]
async fn check_finds_a_database_that_can_only_be_read() {
    let Some(database) = Database::create(Kind::Postgres).await else { return };
    let (db, _) = Db::open(&database.url).await.unwrap();
    let (server, name) = database.url.rsplit_once('/').unwrap();
    let (_, host) = server.rsplit_once('@').unwrap();
    // Roles are not part of a database: its name is nobody else's.
    let reader = format!("{name}_reader");
    let tx = db.begin().await.unwrap();
    let create = format!("CREATE ROLE {reader} LOGIN IN ROLE pg_read_all_data");
    tx.execute_unprepared(&create).await.unwrap();
    tx.commit().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut check = command(directory.path(), "", &["check"]);
    check.env("TIDINGS_AUTH_SECRET", SECRET);
    check.env("TIDINGS_DATABASE_URL", format!("postgres://{reader}@{host}/{name}"));

    let output = check.output().unwrap();

    let tx = db.begin().await.unwrap();
    tx.execute_unprepared(&format!("DROP ROLE {reader}")).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    let wanted = "database: cannot be used: it can be read, but not written to: ";
    let cause = "permission denied for table installation";
    assert!(said.contains(wanted) && said.contains(cause), "{said}");
}

/// By its host and the cause; the password stays secret.
#[tokio::test]
async fn a_database_that_does_not_answer_is_named_with_the_cause() {
    let directory = tempfile::tempdir().unwrap();
    let serve = |url: &str| {
        let mut serve = command(directory.path(), "", &["serve", "--listen", "127.0.0.1:0"]);
        serve.env("TIDINGS_AUTH_SECRET", SECRET).env("TIDINGS_DATABASE_URL", url);
        refusal(serve.env("TIDINGS_DATABASE_ACQUIRE_TIMEOUT", "1s").output().unwrap())
    };
    let said = serve("postgres://tidings:hush@127.0.0.1:1/inbox");
    assert!(
        said.contains("PostgreSQL at 127.0.0.1:1, database inbox: Connection refused")
            && !said.contains("hush"),
        "{said}"
    );
    if let Some(database) = Database::create(Kind::Postgres).await {
        let (server, _) = database.url.rsplit_once('/').unwrap();
        let said = serve(&format!("{server}/there_is_none"));
        assert!(said.contains("database \"there_is_none\" does not exist"), "{said}");
    }
    fs::write(directory.path().join("letter.txt"), "Dear Bob, this is no database.").unwrap();
    let said = serve("sqlite:letter.txt");
    assert!(said.contains("letter.txt: ") && said.contains("not a database"), "{said}");
}

/// An older program would not know what a newer one has written.
async fn a_later_database_needs_a_newer_tidings(kind: Kind) {
    let Some(database) = Database::create(kind).await else { return };
    let (db, _) = Db::open(&database.url).await.unwrap();
    let tx = db.begin().await.unwrap();
    let later = "INSERT INTO seaql_migrations VALUES ('m30000101_000001_later', 0)";
    tx.execute_unprepared(later).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    let directory = tempfile::tempdir().unwrap();
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"], &["check"]] {
        let mut command = command(directory.path(), "", arguments);
        command.env("TIDINGS_AUTH_SECRET", SECRET).env("TIDINGS_DATABASE_URL", &database.url);
        let output = command.output().unwrap();
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(
            !output.status.success()
                && said.contains("m30000101_000001_later: it needs a newer tidings"),
            "{arguments:?}: {said}"
        );
    }
    // Servers are replaced one by one: one that is told to leave the tables alone may start again.
    let mut serve = command(directory.path(), "migrate = false", &[]);
    serve.env("TIDINGS_AUTH_SECRET", SECRET).env("TIDINGS_DATABASE_URL", &database.url);
    let server = Server::start(&mut serve);
    assert!(server.first_words.contains("of a later version"), "{}", server.first_words);
    let ready = reqwest::get(format!("{}/readyz", server.url)).await.unwrap();
    assert_eq!(ready.status(), 200);
    server.signal("TERM");
    assert!(server.end().success());
}

#[tokio::test]
async fn a_later_sqlite_database_needs_a_newer_tidings() {
    a_later_database_needs_a_newer_tidings(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_postgres_database_needs_a_newer_tidings() {
    a_later_database_needs_a_newer_tidings(Kind::Postgres).await;
}

both! {
    /// A database that answers is not enough.
    async fn a_server_without_its_tables_is_not_ready(app: TestApp) {
        let ready = async || {
            let answer = reqwest::get(app.url("/readyz")).await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        assert_eq!(ready().await, (200, "ready\n".into()));
        let run = async |sql: &str| {
            let tx = app.db.begin().await.unwrap();
            tx.execute_raw(Statement::from_string(tx.get_database_backend(), sql)).await.unwrap();
            tx.commit().await.unwrap();
        };
        let newest = "(SELECT max(version) FROM seaql_migrations)";
        run(&format!("DELETE FROM seaql_migrations WHERE version = {newest}")).await;
        let other = "the database does not have the tables of this server\n";
        assert_eq!(ready().await, (503, other.into()));
        run("DROP TABLE seaql_migrations").await;
        assert_eq!(ready().await, (503, other.into()));
    }
}

/// `--no-migrate` is for those who run `tidings migrate` first.
#[test]
fn a_server_does_not_start_on_tables_that_it_may_not_create() {
    let directory = tempfile::tempdir().unwrap();
    let mut serve =
        command(directory.path(), "", &["serve", "--listen", "127.0.0.1:0", "--no-migrate"]);
    let said = refusal(serve.output().unwrap());
    assert!(said.contains("run `tidings migrate`"), "{said}");
    printed(command(directory.path(), "", &["migrate"]).output().unwrap());
    let server = Server::start(command(directory.path(), "", &[]).env("TIDINGS_MIGRATE", "false"));
    server.signal("TERM");
    assert!(server.end().success());
}

#[tokio::test]
async fn a_server_listens_on_what_people_write() {
    let directory = tempfile::tempdir().unwrap();
    for address in ["localhost:0", ":0"] {
        let mut serve = command(directory.path(), "", &[]);
        let server = Server::start_at(serve.env("TIDINGS_AUTH_SECRET", SECRET), address);
        let port = server.url.rsplit_once(':').unwrap().1;
        let healthy = reqwest::get(format!("http://127.0.0.1:{port}/healthz")).await.unwrap();
        assert_eq!(healthy.status(), 200, "{address}");
        let warns = server.first_words.contains("without TLS in front");
        assert_eq!(warns, address == ":0", "{}", server.first_words);
        server.signal("TERM");
        assert!(server.end().success());
    }
}

/// There are no tokens for them.
#[test]
fn a_server_warns_of_metrics_that_other_machines_can_read() {
    let directory = tempfile::tempdir().unwrap();
    for address in ["localhost:0", ":0"] {
        let mut serve = command(directory.path(), "", &[]);
        let server = Server::start(serve.env("TIDINGS_METRICS_LISTEN", address));
        let warns = server.first_words.contains("anybody who does can read the metrics");
        assert_eq!(warns, address == ":0", "{}", server.first_words);
        server.signal("TERM");
        assert!(server.end().success());
    }
}

/// As the unit of the package has it, with `Type=notify`.
#[test]
fn systemd_hears_that_a_server_is_up() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut serve = command(directory.path(), "", &[]);

    let server = Server::start(serve.env("NOTIFY_SOCKET", &socket));

    let mut heard = [0; 64];
    let length = systemd.recv(&mut heard).unwrap();
    assert_eq!(&heard[..length], b"READY=1\n");
    server.signal("TERM");
    assert!(server.end().success());
}

/// It says so at once: nobody would notice that nothing is measured.
#[test]
fn a_server_does_not_start_if_the_address_of_its_metrics_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let mut serve = command(directory.path(), "", &["serve", "--listen", "127.0.0.1:0"]);
    let said = refusal(serve.env("TIDINGS_METRICS_LISTEN", &address).output().unwrap());
    let wanted = format!("TIDINGS_METRICS_LISTEN: cannot listen on {address}: ");
    assert!(said.contains(&wanted), "{said}");
}

/// Where everything is, and whose secret signs: the first questions of somebody who looks at a log.
#[test]
fn the_log_begins_with_where_everything_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tidings.secret");
    for is_new in [true, false] {
        let server = Server::start(&mut command(directory.path(), "", &[]));
        let said = server.first_words.clone();
        for wanted in [
            format!("\"pages\":\"{}/\"", server.url),
            format!("\"api\":\"{}/graphql\"", server.url),
            "\"database\":\"SQLite in tidings.db\",\"from\":\"the default\"".into(),
            format!("\"file\":\"tidings.secret\",\"is_new\":{is_new}"),
        ] {
            assert!(said.contains(&wanted), "wanted {wanted}\nsaid {said}");
        }
        assert!(!said.contains(&fs::read_to_string(&file).unwrap()), "{said}");
        server.signal("TERM");
        assert!(server.end().success());
    }
    let configured = format!("auth_secret = \"{SECRET}\"");
    let server = Server::start(&mut command(directory.path(), &configured, &[]));
    let said = server.first_words.clone();
    assert!(said.contains("\"from\":\"tidings.toml:1\"") && !said.contains(SECRET), "{said}");
    server.signal("TERM");
    assert!(server.end().success());
}

/// In a wrong directory it would be another secret than that of the server.
#[test]
fn a_command_makes_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let said =
        refusal(command(directory.path(), "", &["token", "--user", "alice"]).output().unwrap());
    assert!(said.contains("auth_secret: is not set, and there is no tidings.secret"), "{said}");
    assert!(!directory.path().join("tidings.secret").exists());
}

/// Whatever mask the process has; files that are there keep their permissions.
#[test]
fn only_the_owner_can_read_a_new_database() {
    let directory = tempfile::tempdir().unwrap();
    let binary = tidings(directory.path()).get_program().to_owned();
    let mut serve = Command::new("sh");
    serve.args(["-c", "umask 0 && exec \"$0\" \"$@\""]).arg(binary).current_dir(directory.path());
    serve.env_clear().stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mode = |name: &str| {
        fs::metadata(directory.path().join(name)).unwrap().permissions().mode() & 0o777
    };

    let server = Server::start(&mut serve);

    for name in ["tidings.db", "tidings.db-wal", "tidings.db-shm", "tidings.secret"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    server.signal("TERM");
    assert!(server.end().success());
}
