//! Programs in Node.js, as clients of the server.

use std::{path::PathBuf, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{app::TestUser, socket::PATIENCE};

/// A program that runs, and what it prints.
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Runs `node <arguments>` in a directory of the checkout. None where Node.js or the packages are missing, which in CI
    /// they must not be.
    pub fn start(directory: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Option<Self> {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(directory);
        if !directory.join("node_modules").exists() {
            let message = format!("*** SKIPPED: no npm packages in {}; `make test` gets them ***", directory.display());
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("{message}");
            return None;
        }
        let mut child = Command::new("node")
            .args(arguments)
            .current_dir(directory)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Some(Program { stdin: child.stdin.take(), child, lines })
    }

    /// A program that follows this user's inbox.
    pub fn following(directory: &str, arguments: &[&str], user: &TestUser) -> Option<Self> {
        let (url, token) = (user.app.url("/graphql"), user.token.as_ref().unwrap());
        Self::start(directory, arguments, &[("TIDINGS_URL", &url), ("TIDINGS_TOKEN", token)])
    }

    /// What it prints next.
    pub async fn line(&mut self) -> String {
        self.try_line().await.expect("the program ended")
    }

    async fn try_line(&mut self) -> Option<String> {
        timeout(PATIENCE, self.lines.next_line()).await.expect("the program prints nothing").unwrap()
    }

    /// What it prints from now to its end, and whether that was a good one.
    pub async fn end(mut self) -> (Vec<String>, bool) {
        drop(self.stdin.take());
        let mut rest = Vec::new();
        while let Some(line) = self.try_line().await {
            rest.push(line);
        }
        (rest, self.child.wait().await.unwrap().success())
    }
}
