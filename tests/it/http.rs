//! GraphQL over HTTP, in addition to the audit suite of graphql-http (`clients.rs`).

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};
use tidings::{auth::Role, config::Introspection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    app::{Kind, TestApp, TestUser, both},
    documents::message_to,
};

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

/// An answer, taken apart.
struct Answer {
    status: StatusCode,
    headers: header::HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn code(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
    }
}

async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer {
        status,
        headers,
        body: serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default(),
    }
}

fn post(app: &TestApp, accept: &str, body: &Value) -> RequestBuilder {
    reqwest::Client::new().post(app.url("/graphql")).header(header::ACCEPT, accept).json(body)
}

async fn start() -> TestApp {
    TestApp::start(Kind::Sqlite).await.unwrap()
}

/// The specification's table: a request that could not be executed gets 400 with the newer media
/// type, and has no data in either.
#[tokio::test]
async fn a_request_that_is_not_executed_has_a_status_and_no_data() {
    let app = start().await;
    for (body, code) in [
        (json!({"query": "{"}), "GRAPHQL_PARSE_FAILED"),
        (json!({"query": "{ nonsense }"}), "GRAPHQL_VALIDATION_FAILED"),
        (
            json!({"query": "query a { viewerRole } query b { viewerRole }"}),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({"query": "query a { viewerRole }", "operationName": "c"}),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (json!({"query": "query($id: ID!) { node(id: $id) { id } }"}), "GRAPHQL_VALIDATION_FAILED"),
        (json!({"query": "subscription { inboxUpdated { cursor } }"}), "BAD_USER_INPUT"),
    ] {
        for (accept, status) in [(GRAPHQL, StatusCode::BAD_REQUEST), (JSON, StatusCode::OK)] {
            let answer = send(post(&app, accept, &body)).await;
            assert_eq!((answer.status, answer.code()), (status, code), "{body} {accept}");
            assert!(
                answer.header("content-type").starts_with(accept),
                "{}",
                answer.header("content-type")
            );
            assert_eq!(
                answer.body.as_object().unwrap().keys().collect::<Vec<_>>(),
                ["errors"],
                "{body}"
            );
        }
    }
    app.stop().await;
}

/// A request with a failed field has not failed.
#[tokio::test]
async fn a_request_that_is_executed_is_a_success() {
    let app = start().await;
    let answer = send(post(&app, GRAPHQL, &json!({"query": "{ __typename viewer { id } }"}))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body["data"], json!({"__typename": "Query", "viewer": null}));
    app.stop().await;
}

/// A body that is not a GraphQL request does not reach GraphQL (trap 5).
#[tokio::test]
async fn other_requests_are_refused_with_a_status_and_a_code() {
    let app = start().await;
    let http = reqwest::Client::new();
    let body = |kind: &str, body: &str| {
        http.post(app.url("/graphql")).header("content-type", kind).body(body.to_owned())
    };
    let get = |query: &str| http.get(app.url(&format!("/graphql?{query}")));
    let valid = r#"{"query": "{ viewerRole }"}"#;
    for (request, status) in [
        (body("text/plain", valid), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            body("application/x-www-form-urlencoded", "query={viewerRole}"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (body("application/json; charset=latin1", valid), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (http.post(app.url("/graphql")).body(valid), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (body(JSON, "nonsense"), StatusCode::BAD_REQUEST),
        (body(JSON, ""), StatusCode::BAD_REQUEST),
        (body(JSON, "{}"), StatusCode::BAD_REQUEST),
        (body(JSON, &format!("[{valid}]")), StatusCode::BAD_REQUEST),
        (body(JSON, r#"{"query": 1}"#), StatusCode::BAD_REQUEST),
        (body(JSON, r#"{"query": "{ viewerRole }", "variables": []}"#), StatusCode::BAD_REQUEST),
        (body(JSON, &"[".repeat(200_000)), StatusCode::BAD_REQUEST),
        (body(JSON, &format!("{{\"query\": {}", "[".repeat(200_000))), StatusCode::BAD_REQUEST),
        (body(JSON, &"x".repeat(300_000)), StatusCode::PAYLOAD_TOO_LARGE),
        (body(JSON, valid).header("accept", "text/html"), StatusCode::NOT_ACCEPTABLE),
        (body(JSON, valid).bearer_auth("nonsense"), StatusCode::UNAUTHORIZED),
        (
            get("query=mutation{archiveAll(input:{}){affectedCount}}"),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (get(""), StatusCode::BAD_REQUEST),
        (get("documentId=a&variables=nonsense"), StatusCode::BAD_REQUEST),
    ] {
        let shown = format!("{request:?}");
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{shown}");
        assert!(
            !answer.code().is_empty() && answer.body.get("data").is_none(),
            "{shown}: {}",
            answer.body
        );
    }
    // What is wrong is said of what was sent.
    for (request, part) in [
        (body(JSON, "{}"), "body"),
        (get(""), "URL"),
        (get("query={viewerRole}&query={viewerRole}"), "URL"),
        (get("documentId=a&variables=nonsense"), "variables"),
        (get("documentId=a&extensions=[]"), "extensions"),
    ] {
        let shown = format!("{request:?}");
        let answer = send(request).await;
        let message = answer.body["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(message.contains(part), "{shown}: {message}");
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::HEAD] {
        let answer = send(
            http.request(method.clone(), app.url("/graphql"))
                .json(&json!({"query": "{ viewerRole }"})),
        )
        .await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header("allow"), "GET, POST", "{method}");
        // An answer to HEAD has no body.
        let code = if method == Method::HEAD { "" } else { "BAD_USER_INPUT" };
        assert_eq!(answer.code(), code, "{method}");
    }
    let unauthorized = send(body(JSON, valid).bearer_auth("nonsense")).await;
    assert_eq!(unauthorized.header("www-authenticate"), "Bearer");
    app.stop().await;
}

/// An answer is only for its caller, and can be found in the log by its id.
#[tokio::test]
async fn answers_have_an_id_and_are_kept_by_nobody() {
    let app = start().await;
    let ask = || post(&app, JSON, &json!({"query": "{ viewerRole }"}));
    let (one, other) = (send(ask()).await, send(ask()).await);
    assert_eq!(one.header("cache-control"), "no-store");
    assert_eq!(one.header("x-content-type-options"), "nosniff");
    assert!(one.header("vary").contains("accept"));
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
    let named = send(ask().header("x-request-id", "from-the-proxy.1")).await;
    assert_eq!(named.header("x-request-id"), "from-the-proxy.1");
    let forged = send(ask().header("x-request-id", "two words")).await;
    assert_ne!(forged.header("x-request-id"), "two words");
    app.stop().await;
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_can_read_it() {
    let app =
        TestApp::start_with(Kind::Sqlite, |config| config.introspection = Introspection::Everybody)
            .await
            .unwrap();
    let large =
        json!({"query": "{ __schema { types { name description fields { name description } } } }"});
    let plain = send(post(&app, JSON, &large)).await;
    assert_eq!(plain.header("content-encoding"), "");
    let compressed = send(post(&app, JSON, &large).header("accept-encoding", "gzip")).await;
    assert_eq!(compressed.header("content-encoding"), "gzip");
    app.stop().await;
}

/// A page from another origin can use the API only if the configuration names that origin.
#[tokio::test]
async fn pages_of_other_origins_need_to_be_named() {
    let named = "https://app.example.com";
    let app = TestApp::start_with(Kind::Sqlite, |config| config.cors_origins = vec![named.into()])
        .await
        .unwrap();
    let closed = start().await;
    let preflight = |app: &TestApp, origin: &str| {
        let request = reqwest::Client::new()
            .request(Method::OPTIONS, app.url("/graphql"))
            .header("origin", origin);
        let wanted = "authorization,content-type,act-as";
        send(
            request
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", wanted),
        )
    };
    let allowed = preflight(&app, named).await;
    assert_eq!(allowed.header("access-control-allow-origin"), named);
    assert!(allowed.header("access-control-allow-headers").contains("authorization"));
    assert_eq!(
        preflight(&app, "https://evil.example.com").await.header("access-control-allow-origin"),
        ""
    );
    assert_eq!(preflight(&closed, named).await.header("access-control-allow-origin"), "");
    app.stop().await;
    closed.stop().await;
}

/// The schema is for callers with a token, unless the configuration says otherwise; so are
/// suggestions about it.
#[tokio::test]
async fn strangers_do_not_get_to_know_the_schema() {
    let app = start().await;
    let alice = app.user("alice").await;
    let schema = "{ __schema { queryType { name } } }";
    assert_eq!(app.stranger().refusal(schema, json!({})).await.0, "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(
        app.stranger().refusal("{ __type(name: \"User\") { name } }", json!({})).await.0,
        "GRAPHQL_VALIDATION_FAILED"
    );
    assert_eq!(app.stranger().query("{ __typename }", json!({})).await["__typename"], "Query");
    assert_eq!(alice.query(schema, json!({})).await["__schema"]["queryType"]["name"], "Query");
    for misspelt in ["{ viewr { id } }", "{ sentMessages(firstt: 1) { nodes { id } } }"] {
        let said = |answer: Value| answer["errors"][0]["message"].as_str().unwrap().to_owned();
        let (stranger, known) = (
            said(app.stranger().ask(misspelt, json!({})).await),
            said(alice.ask(misspelt, json!({})).await),
        );
        assert!(known.contains("Did you mean"), "{known}");
        assert!(!stranger.contains("Did you mean") && known.starts_with(&stranger), "{stranger}");
    }
    app.stop().await;

    let closed =
        TestApp::start_with(Kind::Sqlite, |config| config.introspection = Introspection::Admins)
            .await
            .unwrap();
    let alice = closed.user("alice").await;
    assert_eq!(alice.refusal(schema, json!({})).await.0, "GRAPHQL_VALIDATION_FAILED");
    assert!(!alice.ask("{ viewr { id } }", json!({})).await.to_string().contains("Did you mean"));
    assert_eq!(
        closed.admin().await.query(schema, json!({})).await["__schema"]["queryType"]["name"],
        "Query"
    );
    closed.stop().await;
}

/// Reads until the server has closed the connection.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said).await;
    String::from_utf8_lossy(&said).into_owned()
}

async fn connect(app: &TestApp) -> TcpStream {
    let address = app.url("");
    TcpStream::connect(address.trim_start_matches("http://")).await.unwrap()
}

/// A client that sends headers too slowly is cut off, also on a connection that was used before.
#[tokio::test]
async fn a_header_that_does_not_end_is_cut_off() {
    let short = Duration::from_millis(300);
    let app = TestApp::start_with(Kind::Sqlite, |config| config.limits.header_timeout = short)
        .await
        .unwrap();
    for before in ["", "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"] {
        let mut stream = connect(&app).await;
        stream
            .write_all(format!("{before}GET /healthz HTTP/1.1\r\nhost: a\r\n").as_bytes())
            .await
            .unwrap();
        let (mut reading, mut writing) = stream.split();
        let mut said = Vec::new();
        let start = Instant::now();
        let drip = async {
            let mut drops = tokio::time::interval(short / 10);
            while writing.write_all(b"a: b\r\n").await.is_ok() {
                drops.tick().await;
            }
        };
        tokio::select! {
            _ = reading.read_to_end(&mut said) => {}
            () = drip => {}
        }
        // Long before an idle connection would be closed.
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
        assert_eq!(
            String::from_utf8_lossy(&said).matches("200 OK").count(),
            usize::from(!before.is_empty())
        );
    }
    app.stop().await;
}

/// A connection may be idle for longer than a header may take, but not forever.
#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let app = TestApp::start_with(Kind::Sqlite, |config| {
        config.limits.header_timeout = Duration::from_millis(50);
        config.limits.idle_timeout = Duration::from_millis(400);
    });
    let app = app.await.unwrap();
    let mut stream = connect(&app).await;
    // Before the request: the server may answer it, and count, before this goes on.
    let start = Instant::now();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(read_to_end(&mut stream).await.contains("200 OK"));
    assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());
    app.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_end_is_refused() {
    let app = TestApp::start_with(Kind::Sqlite, |config| {
        config.limits.body_timeout = Duration::from_millis(300)
    });
    let app = app.await.unwrap();
    let mut stream = connect(&app).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                content-length: 1000\r\nconnection: close\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let said = read_to_end(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    app.stop().await;
}

/// A client that does not read its answers delays nobody, not even the stopping server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_nobody_takes_is_given_up() {
    let app = TestApp::start_with(Kind::Sqlite, |config| {
        config.limits.write_timeout = Duration::from_millis(300)
    });
    let app = app.await.unwrap();
    let [alice, bob] = app.users(["alice", "bob"]).await;
    for _ in 0..100 {
        let to = json!([{"user": {"externalId": "bob"}}]);
        alice.create_message(json!({"to": to, "subject": "s", "body": "x".repeat(60_000)})).await;
    }
    let query = "{ viewer { inbox { items(first: 100) {
        nodes { about { ... on Message { body } } } } } } }";
    let body = json!({"query": query}).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        bob.token.unwrap(),
        body.len()
    );
    let mut stream = connect(&app).await;
    for _ in 0..5 {
        stream.write_all(request.as_bytes()).await.unwrap();
    }
    // The first answer is being sent.
    stream.readable().await.unwrap();

    let start = Instant::now();
    app.stop().await;

    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(read_to_end(&mut stream).await.len() < 5 * 6_000_000);
}

both! {
    /// A mutation that takes too long gets an error as its answer, but still runs to its end.
    async fn what_takes_too_long_is_answered_as_unavailable(app: TestApp) {
        let [_, bob] = app.users(["alice", "bob"]).await;
        let slow = app
            // Enough for everything else, on a slow machine, too.
            .restart_with(|config| config.limits.execution_timeout = Duration::from_secs(2))
            .await;
        let (alice, bob) =
            (slow.client("alice", Role::User), TestUser { app: slow.clone(), ..bob });
        let mut live = bob.follow_inbox(None).await;
        let others = slow.db.begin().await.unwrap();
        others.run("UPDATE inbox SET unread = unread", []).await.unwrap();

        let sent = alice.ask(&message_to("bob", "late"), json!({})).await;
        assert_eq!(sent["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{sent}");
        drop(others);

        assert_eq!(live.take_titles(1).await, ["late"]);
        slow.stop().await;
    }
}

/// Errors are short: they repeat neither the source nor the names in it.
#[tokio::test]
async fn errors_are_shorter_than_what_they_are_about() {
    let app = start().await;
    let alice = app.user("alice").await;
    let long = "x".repeat(100_000);
    let mistakes: String = (0..1_900).map(|n| format!("f{n} ")).collect();
    for (what, body) in [
        ("a parse error", json!({"query": format!("{{ viewer(a: \"{long}\") ! }}")})),
        (
            "an operation that is not there",
            json!({"query": "query a { viewerRole }", "operationName": long}),
        ),
        ("many mistakes", json!({"query": format!("{{ {mistakes} }}")})),
        (
            "a long value",
            json!({
                "query": "query($v: String) { user(ref: $v) { id } }", "variables": {"v": long},
            }),
        ),
        (
            "a long variable",
            json!({"query": "query($v: Int) { viewerRole }", "variables": {"v": long}}),
        ),
        ("a long key", json!({"query": "{ viewerRole }", "documentId": long})),
    ] {
        let answer = send(post(&app, JSON, &body).bearer_auth(alice.token.as_ref().unwrap())).await;
        let size = answer.body.to_string().len();
        assert!(
            answer.body["errors"].is_array() || what == "a long variable",
            "{what}: {}",
            answer.body
        );
        assert!(size < 10_000, "{what}: {size} bytes");
    }
    let said = send(post(&app, JSON, &json!({"query": "{ viewer(a: 1) {\n  ! } }"}))).await.body;
    let error = &said["errors"][0];
    assert_eq!(error["locations"], json!([{"line": 2, "column": 3}]), "{said}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("2:3") && message.contains("expected") && !message.contains("viewer"),
        "{said}"
    );
    app.stop().await;
}

/// A client that sends more than is read, at whatever speed, learns why it is refused: a connection
/// closed with unread bytes would be reset, and the answer lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upload_hears_its_answer() {
    let app = start().await;
    let token = app.client("alice", Role::User).token.unwrap();
    let head = |kind: &str, length: &str, token: &str| {
        format!(
            "POST /graphql HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\
             content-type: {kind}\r\n{length}\r\n\r\n"
        )
    };
    let size = 4 * 1024 * 1024;
    let length = format!("content-length: {size}");
    let chunked = "transfer-encoding: chunked";
    for (status, kind, length, token) in [
        ("413", "application/json", length.as_str(), token.as_str()),
        ("413", "application/json", chunked, &token),
        ("415", "text/plain", &length, &token),
        ("415", "text/plain", chunked, &token),
        ("401", "application/json", &length, "nonsense"),
    ] {
        for pause in [Duration::ZERO, Duration::from_millis(15)] {
            let mut stream = connect(&app).await;
            stream.write_all(head(kind, length, token).as_bytes()).await.unwrap();
            let part = vec![b' '; 64 * 1024];
            for _ in 0..size / part.len() {
                if length == chunked {
                    stream.write_all(format!("{:x}\r\n", part.len()).as_bytes()).await.unwrap();
                }
                stream
                    .write_all(&part)
                    .await
                    .unwrap_or_else(|error| panic!("{status} {length} {pause:?}: {error}"));
                if length == chunked {
                    stream.write_all(b"\r\n").await.unwrap();
                }
                tokio::time::sleep(pause).await;
            }
            let mut said = [0; 12];
            let read = stream.read_exact(&mut said).await;
            assert!(read.is_ok(), "{status} {length} {pause:?}: {read:?}");
            assert_eq!(
                String::from_utf8_lossy(&said),
                format!("HTTP/1.1 {status}"),
                "{length} {pause:?}"
            );
        }
    }
    app.stop().await;
}
