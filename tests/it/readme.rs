//! The README's tour, run as it is written: its shell blocks against a server, and what it says comes out.

use std::process::Command;

use crate::app::{Kind, TestApp};

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));

/// The blocks of one language between two headings.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Epochs are made by chance.
fn without_epoch(line: &str) -> String {
    match line.split_once("\"cursor\":\"") {
        Some((before, rest)) => format!("{before}\"cursor\":\"{}", &rest[rest.find(':').unwrap()..]),
        None => line.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_five_minute_tour_works_as_it_is_written() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let start = README.find("## Five minutes").unwrap();
    let tour = &README[start..README.find("### Follow live").unwrap()];
    // The first block starts the server, which is there.
    let script: String = blocks(tour, "sh")[1..].concat();
    let script = script.replace("http://127.0.0.1:8080", &app.url(""));
    let cargo = format!(
        "cargo() {{ while [ \"$1\" != -- ]; do shift; done; shift; '{}' \"$@\"; }}\n",
        env!("CARGO_BIN_EXE_tidings")
    );
    let output = tokio::task::spawn_blocking(move || {
        let mut bash = Command::new("bash");
        bash.args(["-c", &(cargo + &script)]).env("TIDINGS_AUTH_SECRET", crate::app::SECRET).output().unwrap()
    });
    let output = output.await.unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));

    let said = blocks(tour, "json").concat();

    let lines = |text: &str| text.lines().map(without_epoch).collect::<Vec<_>>();
    assert_eq!(lines(&printed), lines(&said));
    app.stop().await;
}
