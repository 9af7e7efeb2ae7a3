//! P8: a server that is told to stop does so in time, whatever delays it; work that was cut off
//! continues after the next start.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, TransactionTrait};
use serde_json::json;
use tidings::{
    auth::{Auth, Role},
    clock::Clock,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    app::{Kind, SECRET, TestApp, To, both, run},
    crowd::{count, crowd},
    documents::message_to,
    locks::{LOCK, outside, until_waiting},
    process::{Server, tidings},
};

/// What P8 promises, with the default settings.
const PROMISED: Duration = Duration::from_secs(10);

/// It does not wait for somebody else's lock.
#[test]
fn a_locked_row_does_not_hold_up_the_end() {
    run(Kind::Postgres, 2, async |app: TestApp| {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let outside = outside(&app).await;
        let holder = outside.begin().await.unwrap();
        holder.query_all_raw(app.db.statement(LOCK, [])).await.unwrap();
        // A separate process on the same database, whose transactions may wait for longer than
        // stopping may take.
        let directory = tempfile::tempdir().unwrap();
        let mut serve = tidings(directory.path());
        serve
            .env("TIDINGS_DATABASE_URL", &*app.config.database_url)
            .env("TIDINGS_AUTH_SECRET", SECRET);
        serve.env("TIDINGS_DATABASE_LOCK_TIMEOUT", "60s");
        let server = Server::start(&mut serve);
        let expires = Clock::System.now() + TimeDelta::hours(1);
        let token = Auth::new(SECRET).unwrap().issue("alice", Role::User, expires).unwrap();
        let send = json!({"query": message_to("bob", "cut off")});
        let request =
            reqwest::Client::new().post(format!("{}/graphql", server.url)).bearer_auth(token);
        let request = request.json(&send);
        let waiting =
            tokio::spawn(async move { request.send().await.unwrap().text().await.unwrap() });
        until_waiting(&outside, &app, 1..).await;

        let told = Instant::now();
        server.signal("TERM");
        let ended = tokio::task::spawn_blocking(move || server.end());
        let ended = tokio::time::timeout(PROMISED, ended).await.expect("it does not end in time");

        assert!(ended.unwrap().success());
        assert!(told.elapsed() < PROMISED);
        let answer = waiting.await.unwrap();
        assert!(answer.contains("UNAVAILABLE"), "{answer}");
        // Nothing of it remains, not even on the connections.
        until_waiting(&outside, &app, ..=0).await;
        holder.rollback().await.unwrap();
        alice.send(&bob, "later").await;
        assert_eq!(bob.titles("ALL").await, ["later"]);
        outside.close().await.unwrap();
    });
}

/// Nobody has been told anything of a request whose header is not there yet.
#[test]
fn half_a_header_does_not_hold_up_the_end() {
    run(Kind::Sqlite, 2, async |app: TestApp| {
        let mut slow = TcpStream::connect(app.address()).await.unwrap();
        slow.write_all(b"POST /graphql HTTP/1.1\r\nHost: slow\r\nX-Slow: ").await.unwrap();
        // Another connection after it: the server has read what the first has sent.
        app.user("alice").await;

        let told = Instant::now();
        app.stop().await;

        // Without a limit, it would be three quarters of the time.
        assert!(told.elapsed() < PROMISED / 2, "{:?}", told.elapsed());
    });
}

/// Nothing has been done for a request whose body is not there yet, either: it is refused, and may be
/// sent again elsewhere.
#[test]
fn half_a_body_does_not_hold_up_the_end() {
    run(Kind::Sqlite, 2, async |app: TestApp| {
        let mut slow = TcpStream::connect(app.address()).await.unwrap();
        let half = b"POST /graphql HTTP/1.1\r\nHost: slow\r\nContent-Type: application/json\r\n\
            Content-Length: 1000\r\n\r\n{\"query\": ";
        slow.write_all(half).await.unwrap();
        // Another connection after it: the server has read what the first has sent.
        app.user("alice").await;

        let told = Instant::now();
        app.stop().await;

        assert!(told.elapsed() < PROMISED / 2, "{:?}", told.elapsed());
        let mut answer = String::new();
        slow.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("UNAVAILABLE"), "{answer}");
    });
}

both! {
    /// A large send stops between two parts, and continues after the start: every inbox receives it
    /// once.
    async fn a_large_send_is_interrupted_and_goes_on(app: TestApp) {
        const PEOPLE: i64 = 50_000;
        let alice = app.user("alice").await;
        crowd(&app, PEOPLE).await;
        let sending = tokio::spawn({
            let alice = alice.clone();
            async move { alice.send_to(&[To::Group("crowd")], "to all").await }
        });
        let under_way = "SELECT count(*) FROM delivery WHERE delivered_to > 0";
        while count(&app, under_way).await == 0 {
            assert!(!sending.is_finished(), "it is over before it could be interrupted");
        }

        let told = Instant::now();
        app.stop().await;
        assert!(told.elapsed() < PROMISED);
        // It was sent: the rest follows by itself.
        sending.await.unwrap();
        let looking = outside(&app).await;
        let found = looking.query_one_raw(app.db.statement(under_way, [])).await.unwrap().unwrap();
        assert_eq!(
            found.try_get_by_index::<i64>(0).unwrap(),
            1,
            "the server has ended after the whole send"
        );
        looking.close().await.unwrap();

        let app = app.restart().await;
        app.run_due().await;
        assert_eq!(count(&app, "SELECT count(*) FROM delivery").await, 0);
        assert_eq!(count(&app, "SELECT count(*) FROM inbox_item").await, PEOPLE);
        assert_eq!(count(&app, "SELECT count(DISTINCT user_id) FROM inbox_item").await, PEOPLE);
        assert_eq!(count(&app, "SELECT count(*) FROM inbox WHERE unread = 1").await, PEOPLE);
        app.stop().await;
    }
}
