//! The binary as an operator runs it.

use std::{
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::support::{
    app::{Kind, SECRET},
    collector::Collector,
    database::Database,
    documents::message_to,
    process::{Server, printed, tidings},
    provider::{Key, over_tls},
};

/// Without any configuration, the database and a secret that only its owner can read are created in
/// the working directory.
#[tokio::test]
async fn serve_needs_no_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&mut tidings(directory.path()));
    let token = printed(
        tidings(directory.path())
            .args(["token", "--user", "alice", "--ttl", "5m"])
            .output()
            .unwrap(),
    );

    let viewer = server.query(token.trim(), "{ viewer { externalId } viewerRole }").await;

    assert_eq!(viewer, json!({"viewer": {"externalId": "alice"}, "viewerRole": "USER"}));
    let secret = std::fs::metadata(directory.path().join("tidings.secret")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    assert!(directory.path().join("tidings.db").exists());
    server.signal("TERM");
    assert!(server.end().success());
}

/// SIGTERM stops it in order, even with open sockets; everything acknowledged is there afterwards.
/// The same holds after a kill.
#[tokio::test]
async fn what_was_acknowledged_survives_the_end_of_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let token = |user: &str| {
        let token = tidings(directory.path()).args(["token", "--user", user]).output().unwrap();
        printed(token).trim().to_owned()
    };
    let mut sent = 0;
    for signal in ["TERM", "KILL", "INT", "KILL"] {
        let server = Server::start(&mut tidings(directory.path()));
        let (alice, bob) = (token("alice"), token("bob"));
        server.query(&bob, "{ viewer { id } }").await;
        for _ in 0..10 {
            server.query(&alice, &message_to("bob", "s")).await;
            sent += 1;
        }
        server.signal(signal);
        let status = server.end();
        assert_eq!(status.success(), signal != "KILL", "{signal}: {status}");
    }
    let server = Server::start(&mut tidings(directory.path()));
    let counts = server
        .query(
            &token("bob"),
            "{ viewer { inbox { counts { unread } items(first: 100) { nodes { id } } } } }",
        )
        .await;
    assert_eq!(counts["viewer"]["inbox"]["counts"]["unread"], sent);
    assert_eq!(counts["viewer"]["inbox"]["items"]["nodes"].as_array().unwrap().len(), sent);
    server.signal("TERM");
    assert!(server.end().success());
}

/// P8: a load balancer sees that the server is about to stop while it still serves.
#[tokio::test]
async fn a_server_that_is_told_to_end_is_not_ready_first() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(tidings(directory.path()).env("TIDINGS_SHUTDOWN_DELAY", "3s"));
    let ready = async || {
        reqwest::get(format!("{}/readyz", server.url)).await.map(|answer| answer.status().as_u16())
    };
    assert_eq!(ready().await.unwrap(), 200);
    server.signal("TERM");
    loop {
        match ready().await.unwrap() {
            200 => {}
            status => break assert_eq!(status, 503),
        }
    }
    assert_eq!(reqwest::get(format!("{}/healthz", server.url)).await.unwrap().status(), 200);
    assert!(server.end().success());
}

/// P16: neither what people write nor their credentials get into the log, and they cannot forge a
/// log line.
#[tokio::test]
async fn the_log_has_no_secrets_and_no_letters() {
    let directory = tempfile::tempdir().unwrap();
    let mut serve = tidings(directory.path());
    serve.env("TIDINGS_LOG", "trace").env("TIDINGS_AUTH_SECRET", SECRET);
    let server = Server::start(&mut serve);
    let token = tidings::auth::Auth::new(SECRET).unwrap();
    let expires = tidings::clock::Clock::System.now() + chrono::TimeDelta::hours(1);
    let token = token.issue("alice", tidings::auth::Role::User, expires).unwrap();
    server.query(&token, "{ viewer { id } }").await;
    let send = "mutation { createMessage(input: {
        to: [{user: {externalId: \"alice\"}}], subject: \"private subject\", body: \"private body\"
    }) { message { id } } }";
    server.query(&token, send).await;
    let http = reqwest::Client::new();
    for (query, key) in [
        ("{ private_field }", "forged\nline"),
        ("{", "x"),
        ("{ node(id: \"private\\nid\") { id } }", "y"),
    ] {
        let request = http.post(format!("{}/graphql?private=1", server.url)).bearer_auth(&token);
        let request = request.header("x-request-id", key.replace('\n', " "));
        request
            .json(&json!({"query": query, "operationName": "private\nname"}))
            .send()
            .await
            .unwrap();
    }
    http.post(format!("{}/graphql", server.url))
        .bearer_auth("private.forged.token")
        .body("{}")
        .send()
        .await
        .unwrap();
    server.signal("TERM");
    let (status, log) = server.last_words();
    assert!(status.success() && log.contains("became known"), "{log}");
    for secret in ["private", "forged", SECRET, &token, token.split('.').nth(2).unwrap()] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

/// The limit that shells set is too small for a server of live inboxes.
#[test]
fn a_server_takes_as_many_open_files_as_it_may() {
    let directory = tempfile::tempdir().unwrap();
    let binary = tidings(directory.path()).get_program().to_owned();
    let mut few = Command::new("sh");
    few.args(["-c", "ulimit -Sn 256 && exec \"$0\" \"$@\""])
        .arg(binary)
        .current_dir(directory.path());
    few.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());

    let server = Server::start(&mut few);

    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process.id())).unwrap();
    let open_files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let [soft, hard] = [0, 1].map(|column| open_files.split_whitespace().nth(column).unwrap());
    assert_eq!(soft, hard);
    assert_ne!(soft, "256");
    server.signal("TERM");
    assert!(server.end().success());
}

/// Two servers on one SQLite file would not learn of each other's changes.
#[test]
fn a_sqlite_database_has_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&mut tidings(directory.path()));
    let second =
        tidings(directory.path()).args(["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another Tidings"));
    server.signal("TERM");
    assert!(server.end().success());
}

/// Unsafe configurations are refused, with the reason.
#[test]
fn a_server_without_a_chosen_secret_stays_on_loopback_and_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, reason) in [
        (["serve", "--listen", "0.0.0.0:0"], "listens on loopback only"),
        (["serve", "--database-url", "postgres://127.0.0.1/none"], "TIDINGS_AUTH_SECRET"),
        (["serve", "--database-url", "mysql://127.0.0.1/none"], "database-url"),
        (["token", "--user", ""], "user"),
    ] {
        let refused = tidings(directory.path()).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(reason), "{arguments:?}: {said}");
    }
    let short = tidings(directory.path())
        .arg("serve")
        .env("TIDINGS_AUTH_SECRET", "short")
        .output()
        .unwrap();
    assert!(!short.status.success());
}

/// A secret of digits is read as text.
#[tokio::test]
async fn settings_from_the_environment_are_taken_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let secret = "12345678901234567890123456789012";
    let token = tidings(directory.path())
        .args(["token", "--user", "alice"])
        .env("TIDINGS_AUTH_SECRET", secret)
        .env("TIDINGS_RETENTION_DAYS", "7")
        .output();
    let token = printed(token.unwrap());
    let auth = tidings::auth::Auth::new(secret).unwrap();
    let claims = auth.verify(token.trim(), chrono::DateTime::UNIX_EPOCH).await.unwrap();
    assert_eq!(claims.sub, "alice");
}

/// Catalogs are read as they stand in the file, and the error for one that could not work names its
/// setting.
#[tokio::test]
async fn the_catalog_of_the_documents_starts_and_a_wrong_one_is_named() {
    let document = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/catalog.md"));
    let directory = tempfile::tempdir().unwrap();
    let configure =
        |toml: &str| std::fs::write(directory.path().join("tidings.toml"), toml).unwrap();
    let examples: String =
        document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();

    configure(&examples);
    let server = Server::start(&mut tidings(directory.path()));
    let token =
        printed(tidings(directory.path()).args(["token", "--user", "alice"]).output().unwrap());
    let catalog = server
        .query(token.trim(), "{ catalog { actions { key } reasons { key } targetTypes } }")
        .await;
    server.signal("TERM");
    assert!(server.end().success());

    let expected = json!({"catalog": {
        "actions": [{"key": "like"}, {"key": "comment"}, {"key": "tag"}],
        "reasons": [{"key": "upload"}, {"key": "create_post"}],
        "targetTypes": ["post", "photo"],
    }});
    assert_eq!(catalog, expected);
    for (toml, reason) in [
        (
            "[catalog.reasons.watch]\nlabel = \"W\"\nactions = [\"zap\"]",
            "catalog.reasons.watch.actions: \"zap\" is not in",
        ),
        (
            "[catalog.actions.comment]\nlabel = \"C\"\nsentences.en = \"{ $who }\"\n\
             [catalog.reasons]",
            "sentences.en: uses $who, and has $actors",
        ),
        ("[catalog.actions.comment]\nenabled = true", "label"),
        ("[catalog.action.comment]\nlabel = \"C\"", "did you mean catalog.actions?"),
    ] {
        configure(toml);
        let refused =
            tidings(directory.path()).args(["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.starts_with("tidings: ") && said.contains(reason),
            "{reason}: {said}"
        );
    }
}

/// A reader that has read enough closes the pipe; output that is lost otherwise is a failure.
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let said = tidings(directory.path()).arg("schema").stdout(full).output().unwrap();
    let said = (said.status.code(), String::from_utf8(said.stderr).unwrap());
    assert_eq!(said.0, Some(1), "{}", said.1);
    assert!(said.1.starts_with("tidings: standard output: "), "{}", said.1);

    let mut reader = tidings(directory.path());
    let reader = reader.arg("schema").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut reader = reader.spawn().unwrap();
    drop(reader.stdout.take());
    let said = reader.wait_with_output().unwrap();
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
}

#[test]
fn a_token_that_would_outlive_the_calendar_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for ttl in ["300000years", "300000000000years"] {
        let token = ["token", "--user", "alice", "--ttl", ttl];
        let said = tidings(directory.path()).args(token).output().unwrap();
        let text = String::from_utf8(said.stderr).unwrap();
        assert_eq!((said.status.code(), &*text), (Some(1), "tidings: --ttl: is too long\n"));
    }
}

/// If several servers start at once on an empty PostgreSQL, its tables are created once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_start_at_once_migrate_once() {
    let Some(database) = Database::create(Kind::Postgres).await else { return };
    let (db, _) = tidings::db::Db::open(&database.url).await.unwrap();
    db.unmigrate().await.unwrap();
    db.close().await;
    let directory = tempfile::tempdir().unwrap();
    let migrate = || {
        tidings(directory.path())
            .args(["migrate", "--database-url", &database.url])
            .spawn()
            .unwrap()
    };

    let processes: Vec<_> = (0..4).map(|_| migrate()).collect();

    for process in processes {
        printed(process.wait_with_output().unwrap());
    }
}

/// After a restore, clients from the lost future are told to load their inboxes again.
#[tokio::test]
async fn a_new_epoch_makes_old_cursors_unknown() {
    let Some(database) = Database::create(Kind::Sqlite).await else { return };
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        let mut serve = tidings(directory.path());
        Server::start(
            serve.env("TIDINGS_DATABASE_URL", &database.url).env("TIDINGS_AUTH_SECRET", SECRET),
        )
    };
    let token = tidings::auth::Auth::new(SECRET).unwrap();
    let now = tidings::clock::Clock::System.now();
    let token =
        token.issue("alice", tidings::auth::Role::User, now + chrono::TimeDelta::hours(1)).unwrap();

    let server = start();
    let before =
        server.query(&token, "{ viewer { inbox { cursor } } }").await["viewer"]["inbox"]["cursor"]
            .take();
    server.signal("TERM");
    assert!(server.end().success());
    printed(
        tidings(directory.path())
            .args(["new-epoch", "--database-url", &database.url])
            .output()
            .unwrap(),
    );
    let server = start();
    let after = server
        .query(
            &token,
            &format!("{{ viewer {{ inbox {{ changes(after: {before}) {{ resync }} }} }} }}"),
        )
        .await;

    assert_eq!(after["viewer"]["inbox"]["changes"]["resync"], "CURSOR_UNKNOWN");
    server.signal("TERM");
    assert!(server.end().success());
}

/// Public keys replace the secret: none is generated, and nothing can be signed.
#[test]
fn with_public_keys_no_secret_is_needed_or_made() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("jwks.json"), r#"{"keys": []}"#).unwrap();
    let with_keys = |keys: &str| {
        let mut command = tidings(directory.path());
        command.env("TIDINGS_AUTH_JWKS", keys);
        command
    };
    let server = Server::start(&mut with_keys("jwks.json"));
    server.signal("TERM");
    assert!(server.end().success());
    assert!(!directory.path().join("tidings.secret").exists());
    let everywhere = tidings::config::Config {
        database_url: "postgres://127.0.0.1/none".into(),
        listen: ([0, 0, 0, 0], 0).into(),
        auth_jwks: directory.path().join("jwks.json").to_str().map(str::to_owned),
        ..Default::default()
    };
    assert!(tidings::server::auth(&everywhere).is_ok());

    for (command, reason) in [
        (with_keys("jwks.json").args(["token", "--user", "alice"]), "nothing to sign with"),
        (with_keys("missing.json").arg("serve"), "TIDINGS_AUTH_JWKS: missing.json"),
        (with_keys("http://id.example.com/jwks").arg("serve"), "http is for loopback only"),
        (
            with_keys("jwks.json").arg("serve").env("TIDINGS_AUTH_ALGORITHMS", "RS256,HS256"),
            "TIDINGS_AUTH_ALGORITHMS",
        ),
        (
            with_keys("jwks.json").arg("serve").env("TIDINGS_AUTH_ALGORITHMS", "none"),
            "TIDINGS_AUTH_ALGORITHMS",
        ),
        (
            with_keys("jwks.json").arg("serve").env("TIDINGS_AUTH_DEFAULT_ROLE", "admin"),
            "TIDINGS_AUTH_DEFAULT_ROLE",
        ),
        (
            with_keys("jwks.json").arg("serve").env("TIDINGS_AUTH_ROLE_VALUES", "editor=owner"),
            "TIDINGS_AUTH_ROLE_VALUES",
        ),
        (
            with_keys("jwks.json").arg("serve").env("TIDINGS_AUTH_SECRETS_ACCEPTED", "short"),
            "TIDINGS_AUTH_SECRETS_ACCEPTED",
        ),
    ] {
        let refused = command.output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(reason), "{reason}: {said}");
    }
}

/// As in a container that has nothing but the binary.
#[tokio::test]
async fn a_machine_without_certificates_can_use_http() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("none.pem"), "").unwrap();
    let tidings = || {
        let mut command = tidings(directory.path());
        command.env("SSL_CERT_FILE", "none.pem").env("TIDINGS_TOKEN", "a token");
        command
    };
    let collector = Collector::start().await;
    let server = Server::start(tidings().env("TIDINGS_OTLP_ENDPOINT", &collector.url));
    let list = |url: &str| {
        let refused = tidings().args(["users", "list", "--url", url]).output().unwrap();
        String::from_utf8(refused.stderr).unwrap()
    };

    let (over_http, over_https) = (list(&server.url), list("https://localhost"));

    assert!(over_http.contains("UNAUTHENTICATED"), "{over_http}");
    assert!(over_https.contains("no CA certificates"), "{over_https}");
    server.signal("TERM");
    assert!(server.end().success());
}

/// The machine's certificates are trusted, or those that `SSL_CERT_FILE` names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_come_over_tls_from_a_server_that_is_trusted() {
    let key = Key::ec();
    let (url, certificate) = over_tls(&[key.public("key")]).await;
    let expires = tidings::clock::Clock::System.now() + chrono::TimeDelta::hours(1);
    let claims =
        json!({"sub": "alice", "role": "user", "aud": "tidings", "exp": expires.timestamp()});
    let token = key.sign(Some("key"), &claims);
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("trusted.pem"), certificate).unwrap();

    let server = Server::start(
        tidings(directory.path())
            .env("TIDINGS_AUTH_JWKS", &url)
            .env("SSL_CERT_FILE", "trusted.pem"),
    );
    let viewer = server.query(&token, "{ viewer { externalId } }").await;
    assert_eq!(viewer, json!({"viewer": {"externalId": "alice"}}));
    server.signal("TERM");
    assert!(server.end().success());

    let untrusting = Server::start(tidings(directory.path()).env("TIDINGS_AUTH_JWKS", &url));
    let request =
        reqwest::Client::new().post(format!("{}/graphql", untrusting.url)).bearer_auth(&token);
    let refused = request.json(&json!({"query": "{ viewer { id } }"})).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    untrusting.signal("TERM");
    assert!(untrusting.end().success());
}
