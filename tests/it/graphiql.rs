//! GraphiQL, in a browser; and what the server says about it.

use std::{path::PathBuf, process::Stdio};

use reqwest::{Client, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::support::{
    app::{Kind, TestApp},
    browser::{self, WEB},
};

const PAGE: &str = "graphiql.html";

/// Runs a script of `web/tests`. SCREENSHOTS=directory makes it take screenshots.
async fn browse(script: &str, chromium: PathBuf, server: &str, token: &str) {
    let script = Command::new("node")
        .arg(format!("tests/{script}"))
        .current_dir(WEB)
        .env("CHROMIUM", chromium)
        .env("TIDINGS_URL", server)
        .env("TIDINGS_TOKEN", token)
        .kill_on_drop(true)
        .output();
    let output = script.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// `tidings serve --demo`.
struct Demo {
    process: Child,
    url: String,
    _directory: tempfile::TempDir,
}

impl Demo {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_tidings"))
            .args(["serve", "--demo", "--listen", "127.0.0.1:0"])
            .current_dir(directory.path())
            .env_clear()
            // It stops with the test, and its own temporary directory is deleted with this one.
            .env("TMPDIR", directory.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        loop {
            let line = lines.next_line().await.unwrap().expect("the demo ended");
            if let Some(url) = line.strip_prefix("GraphiQL  ") {
                let url = url.strip_suffix("/graphiql").unwrap().to_owned();
                return Demo { process, url, _directory: directory };
            }
        }
    }

    async fn users(&self, host: &str) -> Response {
        let request =
            Client::new().get(format!("{}/demo/users.json", self.url)).header(header::HOST, host);
        request.header(header::ORIGIN, format!("http://{host}")).send().await.unwrap()
    }
}

/// A newcomer runs the ready-made tabs, follows an inbox, and sees what somebody else sends in a
/// second tab arrive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_can_play_with_the_demo() {
    let Some(chromium) = browser::chromium(PAGE) else { return };
    let mut demo = Demo::start().await;

    browse("demo.mjs", chromium, &demo.url, "").await;

    demo.process.kill().await.unwrap();
}

/// Without a demo, somebody who pastes a token gets the schema and can send queries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pasted_token_opens_the_schema() {
    let Some(chromium) = browser::chromium(PAGE) else { return };
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let alice = app.user("alice").await;

    browse("token.mjs", chromium, &app.url(""), alice.token.as_ref().unwrap()).await;

    app.stop().await;
}

/// A foreign page whose name resolves to this machine gets no tokens from the demo.
#[tokio::test]
async fn the_demo_gives_its_tokens_to_this_machine_only() {
    let mut demo = Demo::start().await;
    for host in ["localhost", "127.0.0.1:8080", "[::1]:8080"] {
        let answer = demo.users(host).await;
        assert_eq!(answer.status(), StatusCode::OK, "{host}");
        assert!(answer.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_none());
        assert_eq!(answer.json::<Value>().await.unwrap()[0]["name"], "ada");
    }
    for host in ["tidings.example", "localhost.example:8080", "192.168.0.1:8080"] {
        let answer = demo.users(host).await;
        assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST, "{host}");
        assert!(!answer.text().await.unwrap().contains("token"), "{host}");
    }
    demo.process.kill().await.unwrap();
}

/// What the demo says of somebody's picture is where it is.
#[tokio::test]
async fn people_in_the_demo_have_portraits() {
    let mut demo = Demo::start().await;
    let users: Value = demo.users("localhost").await.json().await.unwrap();
    let (token, path) =
        (users[0]["token"].as_str().unwrap(), users[0]["avatarUrl"].as_str().unwrap());
    let query = Client::new().post(format!("{}/graphql", demo.url)).bearer_auth(token);
    let query = query.json(&json!({"query": "{ viewer { name avatarUrl } }"}));
    let answer: Value = query.send().await.unwrap().json().await.unwrap();
    let ada = &answer["data"]["viewer"];
    assert_eq!(ada["name"], users[0]["displayName"]);
    assert_eq!(ada["avatarUrl"], format!("{}/{path}", demo.url));

    let portrait = reqwest::get(ada["avatarUrl"].as_str().unwrap()).await.unwrap();
    assert_eq!(portrait.headers()[header::CONTENT_TYPE], "image/svg+xml");
    assert!(portrait.text().await.unwrap().starts_with("<svg"));
    let nobody = reqwest::get(format!("{}/demo/pictures/nobody.svg", demo.url)).await.unwrap();
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
    demo.process.kill().await.unwrap();
}

/// The headers that keep foreign code from running in the page, and foreign pages from framing it.
#[tokio::test]
async fn graphiql_is_under_a_strict_policy() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();

    let page = Client::new().get(app.url("/graphiql")).send().await.unwrap();

    let said = |name| page.headers()[name].to_str().unwrap();
    let policy = said("content-security-policy");
    let scripts = policy.split(';').find(|rule| rule.trim().starts_with("script-src")).unwrap();
    assert!(!scripts.contains("unsafe") && !scripts.contains("http"), "{policy}");
    for rule in
        ["default-src 'none'", "connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(rule), "{policy}");
    }
    assert_eq!(said("x-content-type-options"), "nosniff");
    assert_eq!(said("referrer-policy"), "no-referrer");
    assert_eq!(said("cache-control"), "no-cache");
    app.stop().await;
}

/// A browser caches files with a hash in their names, and revalidates the page itself.
#[tokio::test]
async fn pages_are_cached_as_long_as_they_are_right() {
    if browser::chromium(PAGE).is_none() {
        return;
    }
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let get = |path: String, name, value: String| {
        Client::new().get(app.url(&path)).header(name, value).send()
    };

    let page = get("/graphiql".into(), header::ACCEPT, "text/html".into()).await.unwrap();
    let tag = page.headers()[header::ETAG].to_str().unwrap().to_owned();
    let again = get("/graphiql".into(), header::IF_NONE_MATCH, tag).await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);

    let html = page.text().await.unwrap();
    let script = html.split_once("src=\"./").unwrap().1.split_once('"').unwrap().0;
    let plain =
        get(format!("/{script}"), header::ACCEPT_ENCODING, "gzip;q=0".into()).await.unwrap();
    assert_eq!(plain.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
    assert_eq!(plain.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    assert!(plain.headers().get(header::CONTENT_ENCODING).is_none());
    let compressed =
        get(format!("/{script}"), header::ACCEPT_ENCODING, "br, gzip".into()).await.unwrap();
    assert_eq!(compressed.headers()[header::CONTENT_ENCODING], "gzip");
    assert!(compressed.content_length().unwrap() * 2 < plain.content_length().unwrap());
    app.stop().await;
}

/// Its tokens are visible to everybody.
#[tokio::test]
async fn only_the_demo_gives_tokens_away() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let answer = Client::new().get(app.url("/demo/users.json")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    app.stop().await;
}
