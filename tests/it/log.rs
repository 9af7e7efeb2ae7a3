//! What the log says of a request and of a slow statement.

use std::{
    io::{BufRead, BufReader},
    time::Duration,
};

use reqwest::{Client, RequestBuilder};
use sea_orm::ConnectionTrait;
use serde_json::json;
use tracing::Level;

use crate::support::{
    app::{Port, SECRET, TestApp, TestUser, both},
    log::Log,
    process::{Server, tidings, token},
};

/// A request with a name, as a proxy gives it.
fn named(user: &TestUser, id: &str, query: &str) -> RequestBuilder {
    let request = Client::new().post(user.app.url("/graphql")).json(&json!({ "query": query }));
    request.bearer_auth(user.token.as_ref().unwrap()).header("x-request-id", id)
}

/// With a limit of next to nothing every statement is slow, and so everything that a request does
/// is in the log.
async fn with_everything_slow(app: &TestApp) -> TestApp {
    app.restart_with(|config| config.database.slow_statement = Duration::from_nanos(1)).await
}

/// Whoever collects it would have the escape sequences of colours as they are.
#[test]
fn the_log_has_no_colours_where_nobody_looks_at_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut server =
        tidings(directory.path()).args(["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut line = String::new();
    let read = BufReader::new(server.stderr.take().unwrap()).read_line(&mut line);
    server.kill().unwrap();
    server.wait().unwrap();
    read.unwrap();
    assert!(line.contains(" INFO ") && !line.contains('\x1b'), "{line:?}");
}

/// Nothing waits for the log: what cannot be written is lost, and counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_log_nobody_reads_answers_and_counts_the_lines_that_are_lost() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = Port::any();
    let mut command = tidings(directory.path());
    command
        .env("TIDINGS_AUTH_SECRET", SECRET)
        .env("TIDINGS_LOG", "trace")
        .env("TIDINGS_METRICS_LISTEN", metrics.address().to_string());
    let mut server = Server::start(&mut command);
    let measured = format!("http://{}/metrics", metrics.address());
    let counter = "tidings_log_lines_lost_total ";

    let mut lost = 0;
    let mut asked = 0;
    while lost == 0 {
        assert!(asked < 50_000, "all lines are written, or none are counted");
        for _ in 0..50 {
            server.query(&token("alice"), "{ viewer { id } }").await;
            asked += 1;
        }
        let text = reqwest::get(&measured).await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(counter));
        lost = line.unwrap().parse().unwrap();
    }

    server.signal("TERM");
    assert!(server.process.wait().unwrap().success());
}

both! {
    on one thread:
    /// Its values are never logged.
    async fn a_slow_statement_is_a_warning_with_its_name(app: TestApp) {
        let slow = match app.db.is_postgres() {
            true => "/* tests::slow */ SELECT CAST($1 AS text), CAST(pg_sleep(0.2) AS text)",
            false => {
                "/* tests::slow */ WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL \
                SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*), $1 FROM n"
            }
        };
        let run = async |app: &TestApp| {
            let read = app.db.statement(slow, ["private".into()]);
            app.db.read().query_all_raw(read).await.unwrap();
            let tx = app.db.begin().await.unwrap();
            tx.rows(slow, ["private".into()]).await.unwrap();
            tx.commit().await.unwrap();
        };
        let log = Log::listen();

        let watching = Duration::from_millis(50);
        let app = app.restart_with(|config| config.database.slow_statement = watching).await;
        run(&app).await;

        let warnings = log.lines_with(&["WARN", "a slow statement", "name=\"tests::slow\""]);
        assert_eq!(warnings.len(), 2, "{warnings:#?}");
        for line in warnings {
            let milliseconds = line.split_once("milliseconds=").unwrap().1;
            assert!(milliseconds.parse::<u64>().unwrap() > 50, "{line}");
        }
        assert_eq!(log.lines_with(&["private"]), [""; 0]);

        let app = app.restart_with(|config| config.database.slow_statement = Duration::ZERO).await;
        run(&app).await;
        assert_eq!(log.lines_with(&["tests::slow"]).len(), 2, "nothing is slow with 0s");
        app.stop().await;
    }

    async fn a_line_of_the_log_says_which_request_and_which_operation(app: TestApp) {
        let alice = app.user("alice").await;
        let app = with_everything_slow(&app).await;
        let log = Log::at(Level::DEBUG);

        let send = "mutation { createMessage(input: {to: [{user: {externalId: \"alice\"}}], \
            subject: \"hello\", body: \"\"}) { message { sentTo { name } } } }";
        named(&alice, "send-1", send).send().await.unwrap().text().await.unwrap();
        let sent = log.lines_with(&["request{id=\"send-1\"}", "messages::send{actor=", "draft::write"]);
        assert!(!sent.is_empty(), "{:#?}", log.lines_with(&[]));

        // What a task of its own does for a request is the request's, too: here, loading the
        // addresses.
        let loaded = log.lines_with(&["request{id=\"send-1\"}", "message_audience", "SELECT"]);
        assert!(!loaded.is_empty(), "{:#?}", log.lines_with(&[]));
        let bob = app.client("bob", tidings::auth::Role::User);
        named(&bob, "new-1", "{ viewer { id } }").send().await.unwrap();
        let known = ["request{id=\"new-1\"}", "users::become_known", "became known by a token"];
        assert_eq!(log.lines_with(&known).len(), 1, "{:#?}", log.lines_with(&[]));
        app.stop().await;
    }

    /// Their parts are made after the beginning of the answer has left.
    async fn what_a_stream_logs_has_the_name_of_its_request(app: TestApp) {
        let alice = app.user("alice").await;
        let app = with_everything_slow(&app).await;
        let log = Log::listen();

        let query = "{ viewer { inbox { counts { unread } } } }";
        let events = named(&alice, "events-1", query).header("accept", "text/event-stream");
        let events = events.send().await.unwrap().text().await.unwrap();

        assert!(events.contains("unread"), "{events}");
        // Signing in comes before the answer begins.
        let mut lines = log.lines_with(&["request{id=\"events-1\"}", "a slow statement"]);
        lines.retain(|line| !line.contains("user_account"));
        assert!(!lines.is_empty(), "{:#?}", log.lines_with(&[]));
        app.stop().await;
    }

    /// What people write and who they are is not in it.
    async fn each_request_has_one_line_that_says_how_it_went(app: TestApp) {
        let alice = app.user("alice").await;
        let log = Log::listen();

        for (id, query) in [
            ("good-1", "query Mine { viewer { id } }"),
            ("wrong-1", "query Mine { nothing }"),
            ("write-1", "mutation Read { markRead(input: {itemIds: []}) { affectedCount } }"),
        ] {
            named(&alice, id, query).send().await.unwrap().text().await.unwrap();
        }
        Client::new().get(app.url("/healthz")).send().await.unwrap();
        Client::new().get(app.url("/nowhere")).send().await.unwrap();

        let lines = log.lines_with(&["tidings::http::access: request"]);
        assert_eq!(lines.len(), 4, "{lines:#?}");
        let has = |line: &str, words: &[&str]| {
            for word in words {
                assert!(line.contains(word), "{word}: {line}");
            }
        };
        let common = ["role=\"user\"", "route=\"graphql\"", "milliseconds=", "bytes="];
        lines[..3].iter().for_each(|line| has(line, &common));
        has(&lines[0], &["id=\"good-1\"", "kind=\"query\"", "operation=\"Mine\"", "code=\"OK\""]);
        has(&lines[1], &["id=\"wrong-1\"", "code=\"GRAPHQL_VALIDATION_FAILED\""]);
        has(&lines[2], &["kind=\"mutation\"", "operation=\"Read\""]);
        has(&lines[3], &["route=\"pages\"", "status=404"]);
        assert_eq!(log.lines_with(&["tidings::http::access", "person="]), [""; 0]);
        app.stop().await;
    }

    async fn what_comes_over_a_websocket_has_lines_too(app: TestApp) {
        let alice = app.user("alice").await;
        let log = Log::listen();

        let mut live = alice.follow_inbox(None).await;
        live.socket.subscribe("2", "query Mine { viewer { id } }", json!({})).await;
        assert_eq!(live.socket.receive().await["type"], "next");
        assert_eq!(live.socket.receive().await["type"], "complete");
        live.socket.close().await;
        app.stop().await;

        let operations = log.lines_with(&["tidings::http::access: operation", "operation=\"Mine\""]);
        assert_eq!(operations.len(), 1, "{:#?}", log.lines_with(&["access"]));
        assert!(operations[0].contains("code=\"OK\"") && operations[0].contains("role=\"user\""));
        let streams = log.lines_with(&["access: stream", "transport=\"websocket\"", "updates=1"]);
        assert_eq!(streams.len(), 1, "{:#?}", log.lines_with(&["access"]));
        let sockets = log.lines_with(&["access: socket", "reason=\"client_left\"", "operations=2"]);
        assert_eq!(sockets.len(), 1, "{:#?}", log.lines_with(&["access"]));
        assert_eq!(log.lines_with(&["access: request"]), [""; 0], "the socket has its own line");
    }

    async fn an_event_stream_has_one_line_at_its_end(app: TestApp) {
        let alice = app.user("alice").await;
        let log = Log::listen();

        let query = "query Mine { viewer { id } }";
        let events = named(&alice, "events-2", query).header("accept", "text/event-stream");
        events.send().await.unwrap().text().await.unwrap();

        let lines = log.lines_with(&["tidings::http::access"]);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        for word in ["id=\"events-2\"", "stream", "transport=\"events\"", "reason=\"complete\""] {
            assert!(lines[0].contains(word), "{word}: {lines:#?}");
        }
        app.stop().await;
    }

    async fn people_are_in_the_access_log_only_if_the_operator_wants_it(app: TestApp) {
        let alice = app.user("alice").await;
        let with_people = app.restart_with(|config| config.log_people = true).await;
        let log = Log::listen();
        named(&alice, "with-1", "{ viewer { id } }").send().await.unwrap();
        let without = with_people.restart_with(|config| config.access_log = false).await;
        named(&alice, "without-1", "{ viewer { id } }").send().await.unwrap();
        without.stop().await;

        let lines = log.lines_with(&["tidings::http::access"]);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].contains("with-1") && lines[0].contains("person="), "{lines:#?}");
    }
}
