//! The programs of `docs/sending.md`, run as they stand there, each in its language: they sign a
//! token, send a message, and follow an inbox.

use std::path::Path;

use tokio::process::Command;

use crate::{
    readme::block,
    support::{
        app::{Kind, SECRET, TestApp},
        node::Program,
        programs,
    },
};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sending.md"));

/// Writes the program into a directory, under its name.
fn write(directory: &Path, language: &str, name: &str) {
    std::fs::write(directory.join(name), block(PAGE, language)).unwrap();
}

async fn prints_what_the_page_says(mut program: Command, directory: &Path) {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    program.current_dir(directory);
    program.env("TIDINGS_URL", app.url("")).env("TIDINGS_AUTH_SECRET", SECRET);

    let (lines, has_succeeded) = Program::run(program).end().await;

    assert!(has_succeeded, "{lines:#?}");
    assert_eq!(lines, block(PAGE, "text").lines().collect::<Vec<_>>());
    app.stop().await;
}

async fn the_script_works(interpreter: &str, language: &str, name: &str) {
    let what = format!("The program in {language} of docs/sending.md");
    let Some(interpreter) = programs::find(interpreter, &what) else { return };
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), language, name);
    let mut program = Command::new(interpreter);
    program.arg(name);
    prints_what_the_page_says(program, directory.path()).await;
}

#[tokio::test]
async fn the_program_for_node_sends_and_follows() {
    the_script_works("node", "js", "order.mjs").await;
}

#[tokio::test]
async fn the_program_for_python_sends_and_follows() {
    the_script_works("python3", "python", "order.py").await;
}

#[tokio::test]
async fn the_program_for_php_sends_and_follows() {
    the_script_works("php", "php", "order.php").await;
}

/// It is built first, which takes longer than a test waits for a line of output.
#[tokio::test]
async fn the_program_for_go_sends_and_follows() {
    let Some(go) = programs::find("go", "The program in Go of docs/sending.md") else { return };
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "go", "order.go");

    let mut build = Command::new(go);
    build.args(["build", "-o", "order", "order.go"]).current_dir(directory.path());
    let built = build.output().await.unwrap();

    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    prints_what_the_page_says(Command::new(directory.path().join("order")), directory.path()).await;
}
