//! What the log says of a request and of a slow statement.

use std::{
    io::{self, BufRead, BufReader, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::{Client, RequestBuilder};
use sea_orm::ConnectionTrait;
use serde_json::json;
use tracing::subscriber::DefaultGuard;

use crate::support::{
    app::{TestApp, TestUser, both},
    process::tidings,
};

/// What is logged on this thread, as the server writes it. The tests have one thread, so that it is
/// everything.
struct Log {
    text: Text,
    _listening: DefaultGuard,
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn listen() -> Self {
        let text = Text::default();
        let written = text.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || written.clone())
            .finish();
        Log { text, _listening: tracing::subscriber::set_default(log) }
    }

    /// The lines that have all of these words.
    fn lines_with(&self, words: &[&str]) -> Vec<String> {
        let text = String::from_utf8(self.text.0.lock().unwrap().clone()).unwrap();
        let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
        text.lines().filter(has_all).map(str::to_owned).collect()
    }
}

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
        let log = Log::listen();

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
}
