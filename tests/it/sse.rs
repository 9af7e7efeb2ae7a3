//! Following with server-sent events.

use std::time::Duration;

use chrono::TimeDelta;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tidings::auth::Role;

use crate::support::app::{Kind, TestApp, TestUser, both};

const FOLLOW: &str = "subscription($after: String) {
    inboxUpdated(after: $after) { cursor resync changes { type item { title } } } }";

/// A stream of events.
struct Events {
    response: Response,
    unread: String,
}

/// An event: its type, id and data.
#[derive(Debug, PartialEq)]
struct Event {
    kind: String,
    id: Option<String>,
    data: Value,
}

impl Event {
    fn titles(&self) -> Vec<&str> {
        let changes = self.data["data"]["inboxUpdated"]["changes"].as_array().unwrap();
        changes.iter().map(|change| change["item"]["title"].as_str().unwrap()).collect()
    }
}

fn request(user: &TestUser, query: &str, variables: Value) -> RequestBuilder {
    let body = json!({"query": query, "variables": variables});
    let request = reqwest::Client::new()
        .post(user.app.url("/graphql"))
        .header("accept", "text/event-stream")
        .json(&body);
    user.token.iter().fold(request, |request, token| request.bearer_auth(token))
}

impl Events {
    async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(
            response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream")
        );
        Events { response, unread: String::new() }
    }

    /// The next block of lines; None when the stream has ended.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.unread = rest;
                return Some(block);
            }
            let chunk = self.response.chunk().await.ok()??;
            self.unread += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The next event, skipping heartbeats.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(|value| value.trim().to_owned())
            };
            if let Some(kind) = field("event:") {
                let data =
                    serde_json::from_str(&field("data:").unwrap_or_default()).unwrap_or_default();
                return Some(Event { kind, id: field("id:"), data });
            }
        }
    }
}

both! {
    /// A client that sends the id of the last event resumes from there, whatever the request says.
    async fn an_event_stream_goes_on_from_its_last_event(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let mut events = Events::open(request(&bob, FOLLOW, json!({"after": null}))).await;
        let first = events.next().await.unwrap();
        assert_eq!(first.titles(), [""; 0]);
        alice.send(&bob, "one").await;
        let one = events.next().await.unwrap();
        assert_eq!(one.titles(), ["one"]);
        drop(events);
        alice.send(&bob, "two").await;
        let again = app.restart().await;
        let (alice, bob) = (again.client("alice", Role::User), again.client("bob", Role::User));

        let stale = json!({"after": first.id});
        let resumed = request(&bob, FOLLOW, stale).header("last-event-id", one.id.unwrap());
        let mut events = Events::open(resumed).await;
        assert_eq!(events.next().await.unwrap().titles(), ["two"]);
        let to = json!([{"user": {"externalId": "bob"}}]);
        alice.create_message(json!({"to": to, "subject": "three", "body": ""})).await;
        assert_eq!(events.next().await.unwrap().titles(), ["three"]);
        drop(events);

        let mut lost =
            Events::open(request(&bob, FOLLOW, json!({})).header("last-event-id", "elsewhere:7"))
                .await;
        assert_eq!(
            lost.next().await.unwrap().data["data"]["inboxUpdated"]["resync"],
            "CURSOR_UNKNOWN"
        );
        drop(lost);
        again.stop().await;
    }

    /// When its token expires, a stream ends without a final event: the client reconnects and
    /// learns the reason.
    async fn an_event_stream_ends_when_it_is_no_longer_welcome(app: TestApp) {
        let [mut bob, carol] = app.users(["bob", "carol"]).await;
        bob.token =
            Some(app.auth.issue("bob", Role::User, app.now() + TimeDelta::minutes(5)).unwrap());
        let mut of_bob = Events::open(request(&bob, FOLLOW, json!({}))).await;
        let mut of_carol = Events::open(request(&carol, FOLLOW, json!({}))).await;
        of_bob.next().await.unwrap();
        of_carol.next().await.unwrap();

        app.advance(TimeDelta::minutes(6));
        assert_eq!(of_bob.next().await, None);
        let refused = request(&bob, FOLLOW, json!({})).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);

        app.deactivate("carol").await;
        assert_eq!(of_carol.next().await, None);
        let refused = request(&carol, FOLLOW, json!({})).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }
}

/// The distinct connections mode: results are `next`, the end is `complete`, and likewise for
/// requests that cannot be executed.
#[tokio::test]
async fn every_operation_is_answered_with_events() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let alice = app.user("alice").await;
    for (query, code) in [
        ("{ viewerRole }", None),
        ("mutation { archiveAll(input: {}) { affectedCount } }", None),
        ("{ nonsense }", Some("GRAPHQL_VALIDATION_FAILED")),
        ("{", Some("GRAPHQL_PARSE_FAILED")),
        ("subscription { inboxUpdated(after: \"x\") { cursor } }", Some("BAD_USER_INPUT")),
        ("subscription { nonsense }", Some("GRAPHQL_VALIDATION_FAILED")),
    ] {
        let mut events = Events::open(request(&alice, query, json!({}))).await;
        let next = events.next().await.unwrap();
        assert_eq!(
            (next.kind.as_str(), next.data["errors"][0]["extensions"]["code"].as_str()),
            ("next", code),
            "{query}"
        );
        assert_eq!(next.id, None);
        let complete = Event { kind: "complete".into(), id: None, data: Value::Null };
        assert_eq!(events.next().await, Some(complete), "{query}");
        assert_eq!(events.next().await, None);
    }
    app.stop().await;
}

/// A proxy does not buffer events, and sees that the connection is alive.
#[tokio::test]
async fn event_streams_pass_proxies_and_have_heartbeats() {
    let often = Duration::from_millis(50);
    let app = TestApp::start_with(Kind::Sqlite, |config| config.limits.ping_interval = often)
        .await
        .unwrap();
    let alice = app.user("alice").await;
    let mut events =
        Events::open(request(&alice, FOLLOW, json!({})).header("accept-encoding", "gzip")).await;
    let headers = events.response.headers();
    assert_eq!(headers["x-accel-buffering"], "no");
    assert_eq!(headers["cache-control"], "no-store");
    assert!(!headers.contains_key("content-encoding"));
    events.next().await.unwrap();
    for _ in 0..3 {
        assert!(events.block().await.unwrap().starts_with(':'));
    }
    app.stop().await;
    assert_eq!(events.next().await, None);
}

/// Streams count like websockets, and together with them.
#[tokio::test]
async fn a_person_has_so_many_event_streams_at_the_same_time() {
    let app = TestApp::start_with(Kind::Sqlite, |config| config.limits.sockets_per_user = 2)
        .await
        .unwrap();
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let socket = alice.connect().await;
    let _first = Events::open(request(&alice, FOLLOW, json!({}))).await;

    let refused = request(&alice, FOLLOW, json!({})).send().await.unwrap();
    Events::open(request(&bob, FOLLOW, json!({}))).await;
    socket.close().await;
    Events::open(request(&alice, FOLLOW, json!({}))).await;

    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
}

/// A client takes `complete` for the end of the subscription; here it should reconnect.
#[tokio::test]
async fn an_event_stream_that_cannot_go_on_ends_without_complete() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let mut events = Events::open(request(&bob, FOLLOW, json!({}))).await;
    events.next().await.unwrap();

    let tx = app.db.begin().await.unwrap();
    tx.run(
        "CREATE TRIGGER t AFTER INSERT ON inbox_item BEGIN UPDATE inbox_item SET kind = 'x'; END",
        [],
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    alice.send(&bob, "hello").await;

    assert_eq!(events.next().await, None);
}
