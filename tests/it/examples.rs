//! The examples, run as a reader of the README would.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{ChildStdout, Command},
};

use crate::app::{TestApp, both};

const FOLLOW_INBOX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/follow-inbox");

/// Whether the example can run here. In CI it must.
fn is_installed() -> bool {
    let installed = std::path::Path::new(FOLLOW_INBOX).join("node_modules").exists();
    if !installed {
        let message = "*** SKIPPED: the examples' npm packages are missing; `make test` installs them ***";
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("{message}");
    }
    installed
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    lines.next_line().await.unwrap().expect("the example ended")
}

both! {
    /// The graphql-ws client follows an inbox, and misses nothing while the server restarts.
    async fn the_follow_inbox_example_misses_nothing_over_a_restart(app: TestApp) {
        if !is_installed() {
            return;
        }
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let mut example = Command::new("node")
            .args(["follow-inbox.mjs", "--count", "3"])
            .current_dir(FOLLOW_INBOX)
            .env("TIDINGS_URL", app.url("/graphql"))
            .env("TIDINGS_TOKEN", bob.token.as_ref().unwrap())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(example.stdout.take().unwrap()).lines();

        assert_eq!(next(&mut lines).await, "FOLLOWING — unread 0");
        alice.send(&bob, "one").await;
        assert_eq!(next(&mut lines).await, "ARRIVED one — unread 1");
        let again = app.restart().await;
        let (alice, bob) = (again.user("alice").await, again.user("bob").await);
        alice.send(&bob, "two").await;
        assert_eq!(next(&mut lines).await, "ARRIVED two — unread 2");
        bob.change("markRead", &[&bob.item("one").await]).await;
        assert_eq!(next(&mut lines).await, "UPDATED one — unread 1");
        assert!(example.wait().await.unwrap().success());
        again.stop().await;
    }
}
