//! The README, the tour, and the examples in other pages of `docs/` that continue it, run as they
//! are written: their shell blocks against a server, with their output compared.

use std::process::Command;

use tidings::config::Config;

use crate::support::app::{Kind, SECRET, TestApp};

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
const TOUR: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tour.md"));
const TOKENS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tokens.md"));
const NOTIFICATIONS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/notifications.md"));
const INBOX: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/inbox.md"));

/// The blocks in one language.
pub fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The only block in a language.
pub fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let found = blocks(text, language);
    assert_eq!(found.len(), 1, "{language}");
    found[0]
}

/// Epochs are random.
fn without_epoch(line: &str) -> String {
    match line.split_once("\"cursor\":\"") {
        Some((before, rest)) => {
            format!("{before}\"cursor\":\"{}", &rest[rest.find(':').unwrap()..])
        }
        None => line.to_owned(),
    }
}

/// Times within texts are those of the day on which the example was run.
fn without_times(line: &str) -> String {
    let part = |part: &str| {
        part.trim_end_matches(|c: char| c.is_ascii_digit() || "T:.-".contains(c)).to_owned()
    };
    line.split("+00:00").map(part).collect::<Vec<_>>().join("(time)")
}

/// A part of a document, from one text up to another.
fn part<'a>(document: &'a str, from: &str, to: &str) -> &'a str {
    let rest = &document[document.find(from).unwrap()..];
    &rest[..rest.find(to).unwrap()]
}

/// The tour up to where other pages continue it, without its first block, which starts the server:
/// that is already running.
fn tour() -> String {
    part(TOUR, "# A tour", "## Follow live").replacen("```sh\n", "", 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_five_minutes_of_the_readme_work_as_they_are_written() {
    let five_minutes = part(README, "## Five minutes", "## More");
    works_as_it_is_written(&five_minutes.replacen("```sh\n", "", 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_works_as_it_is_written() {
    works_as_it_is_written(&tour()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acting_for_a_person_works_as_it_is_documented() {
    works_as_it_is_written(&(tour() + part(TOKENS, "# Tokens", "## With a shared secret"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announcements_and_activities_work_as_they_are_documented() {
    works_as_it_is_written(&(tour() + NOTIFICATIONS)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inbox_works_as_it_is_documented() {
    works_as_it_is_written(&(tour() + INBOX)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_announcement_of_the_tour_works_as_it_is_written() {
    let section = part(TOUR, "## Announcements and activities", "## Many items");
    works_as_it_is_written(&(tour() + section)).await;
}

async fn works_as_it_is_written(document: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tidings.toml");
    std::fs::write(&file, blocks(document, "toml").concat()).unwrap();
    let settings = Config::load_from(&file).unwrap();
    let as_users_have_it = |config: &mut Config| {
        config.address_book = settings.address_book;
        config.catalog = settings.catalog;
    };
    let app = TestApp::start_with(Kind::Sqlite, as_users_have_it).await.unwrap();
    let script: String = blocks(document, "sh").concat();
    let script = script.replace("http://127.0.0.1:8080", &app.url(""));
    let cargo = format!(
        "cargo() {{ while [ \"$1\" != -- ]; do shift; done; shift; '{}' \"$@\"; }}\n",
        env!("CARGO_BIN_EXE_tidings")
    );
    let output = tokio::task::spawn_blocking(move || {
        let mut bash = Command::new("bash");
        bash.args(["-c", &(cargo + &script)]).env("TIDINGS_AUTH_SECRET", SECRET).output().unwrap()
    });
    let output = output.await.unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));

    let said = blocks(document, "json").concat();

    let lines = |text: &str| {
        text.lines().map(without_epoch).map(|line| without_times(&line)).collect::<Vec<_>>()
    };
    assert_eq!(lines(&printed), lines(&said));
    app.stop().await;
}
