//! The web pages and packages: what the files `*.test.mjs` of `web/tests` and `web/packages` say of
//! them, and what the server answers for them.
//!
//! Those files start the servers that they look at themselves, because they also kill them: from
//! `$TIDINGS_BINARY`, on SQLite files of their own, or on PostgreSQL, where `$TIDINGS_TEST_DATABASES`
//! is an address that answers each request with the URL of a new database.

use std::{
    fs,
    path::{Path, PathBuf},
};

use axum::{Router, routing::get};
use reqwest::{Client, StatusCode, header, redirect};
use serde_json::{Map, Value, json};
use tidings::{auth::Role, config::PersistedDocuments};
use tokio::{net::TcpListener, process::Command};

use crate::support::{
    app::{Kind, TestApp},
    browser::{self, WEB},
    database::Database,
};

const PAGE: &str = "index.html";
const DOCUMENTS: &str = "persisted-documents.json";
/// For a whole file, which Node.js counts as a test; the slowest machine needs a part of it.
const LONGEST_MILLIS: &str = "900000";

/// How many files are tested at a time: a browser and its server wait for each other much of the
/// time.
const AT_A_TIME: &str = "4";

/// Those that take longest begin first, so that none of them is alone at the end.
const LONGEST: [&str; 11] = [
    "packages",
    "load",
    "inbox",
    "states",
    "sending",
    "looks",
    "pictures",
    "week",
    "signing-in",
    "admin",
    "screens",
];

#[ignore = "needs the machine for itself: make test runs it after the others"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_and_packages_do_what_their_tests_say_on_sqlite() {
    run_all(Kind::Sqlite, |_| true).await;
}

/// Those that look at what servers keep and tell: over kills and restarts, with a network that is
/// cut, when much arrives, and in the lists of senders and admins. How pages look, and what they do with what they are
/// told, does not depend on the database.
#[ignore = "needs the machine for itself: make test runs it after the others"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_and_packages_do_what_their_tests_say_on_postgresql() {
    const FILES: [&str; 5] = ["admin", "inbox", "load", "network", "sending"];
    run_all(Kind::Postgres, |name| FILES.contains(&name)).await;
}

/// Runs the files with these names by Node.js's test runner.
async fn run_all(kind: Kind, is_wanted: impl Fn(&str) -> bool) {
    let Some(chromium) = browser::chromium(PAGE) else { return };
    if Database::create(kind).await.is_none() {
        return;
    }
    let name = |file: &String| {
        let name = Path::new(file).file_name().unwrap().to_str().unwrap();
        name.trim_end_matches(".test.mjs").to_owned()
    };
    let mut files = test_files();
    files.retain(|file| is_wanted(&name(file)));
    let rank = |file: &String| LONGEST.iter().position(|long| *long == name(file));
    files.sort_by_key(|file| rank(file).unwrap_or(LONGEST.len()));
    assert!(!files.is_empty(), "there are no tests in web/");
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"])
        .arg(format!("--test-concurrency={AT_A_TIME}"))
        .arg(format!("--test-timeout={LONGEST_MILLIS}"))
        .args(files)
        .current_dir(WEB)
        .env("CHROMIUM", &chromium)
        .env("TIDINGS_BINARY", env!("CARGO_BIN_EXE_tidings"))
        .env_remove("TIDINGS_TEST_DATABASES")
        .kill_on_drop(true);
    if let Kind::Postgres = kind {
        node.env("TIDINGS_TEST_DATABASES", give_databases().await);
    }
    let output = node.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let [said, complained] = [&output.stdout, &output.stderr].map(|bytes| text(bytes));
    // Shown with `--nocapture`, too: how long each of them took.
    eprintln!("on {kind:?}:\n{said}\n{complained}");
    assert!(output.status.success(), "a test of web/ failed on {kind:?}");
}

/// The address of a server that answers with the URL of a new PostgreSQL database.
async fn give_databases() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let give = || async { Database::create(Kind::Postgres).await.unwrap().url.clone() };
    let router = Router::new().route("/", get(give));
    tokio::spawn(axum::serve(listener, router).into_future());
    format!("http://{address}/")
}

/// The paths of those files, relative to `web`.
fn test_files() -> Vec<String> {
    let entries = |directory: PathBuf| {
        fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path())
    };
    let web = PathBuf::from(WEB);
    let packages = entries(web.join("packages")).map(|package| package.join("tests"));
    let mut files: Vec<_> = packages
        .chain([web.join("tests")])
        .flat_map(entries)
        .map(|file| file.strip_prefix(&web).unwrap().to_str().unwrap().to_owned())
        .filter(|file| file.ends_with(".test.mjs"))
        .collect();
    files.sort();
    files
}

/// What was built is what the binary serves, with the headers that keep foreign code out.
#[tokio::test]
async fn the_binary_serves_the_pages_that_were_built() {
    if browser::chromium(PAGE).is_none() {
        return;
    }
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    let get = |path: &str| client.get(app.url(path)).send();

    let first = get("/").await.unwrap();
    assert_eq!(first.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(first.headers()[header::LOCATION], "inbox");
    let built = fs::read_to_string(PathBuf::from(WEB).join("dist").join(PAGE)).unwrap();
    for path in ["/inbox", "/sent", "/admin"] {
        let page = get(path).await.unwrap();
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(!policy.contains("unsafe") && policy.contains("style-src 'self';"), "{policy}");
        assert_eq!(page.text().await.unwrap(), built, "{path}");
    }
    let script = built.split_once("src=\"./").unwrap().1.split_once('"').unwrap().0;
    let script = get(&format!("/{script}")).await.unwrap();
    assert_eq!(script.status(), StatusCode::OK);
    assert_eq!(script.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    app.stop().await;
}

/// Where people may send nothing but known documents, the pages work all the same.
#[tokio::test]
async fn every_document_of_the_pages_is_known_and_fits_the_schema() {
    if browser::chromium(DOCUMENTS).is_none() {
        return;
    }
    let manifest = fs::read_to_string(PathBuf::from(WEB).join("dist").join(DOCUMENTS)).unwrap();
    let manifest: Map<String, Value> = serde_json::from_str(&manifest).unwrap();
    assert!(!manifest.is_empty());
    let trusted = Some(PersistedDocuments::Trusted);
    let app = TestApp::start_with(Kind::Sqlite, |config| config.persisted_documents = trusted)
        .await
        .unwrap();
    let ada = app.client("ada", Role::User);
    let token = ada.token.as_ref().unwrap();
    let send = async |body: Value| {
        let request = Client::new().post(app.url("/graphql")).bearer_auth(token).json(&body);
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };

    for (id, text) in manifest {
        let answer = send(json!({ "documentId": id })).await;
        // Most of them need variables, or are subscriptions, which are for a websocket.
        let error = &answer["errors"][0];
        let (code, message) = (error["extensions"]["code"].as_str(), error["message"].as_str());
        let is_for_lack_of_input = message.is_some_and(|message| {
            message.contains("is required") || message.contains("subscription")
        });
        assert!(answer["errors"].is_null() || is_for_lack_of_input, "{code:?} {message:?}: {text}");
    }
    let other = send(json!({ "query": "{ viewer { id } }" })).await;
    assert_eq!(other["errors"][0]["extensions"]["code"], "FORBIDDEN");
    app.stop().await;
}
