//! Programs as clients of the server, in Node.js and Python.

use std::{path::PathBuf, process::Stdio};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{
    app::{TestApp, TestUser},
    socket::PATIENCE,
};

/// A running program and its output.
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Runs `node <arguments>` in a directory of the checkout. None if Node.js or the packages are
    /// missing, which in CI must not happen.
    pub fn start(
        directory: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Option<Self> {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(directory);
        if !directory.join("node_modules").exists() {
            let message = format!(
                "*** SKIPPED: no npm packages in {}; `make test` gets them ***",
                directory.display()
            );
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("{message}");
            return None;
        }
        let mut command = Command::new("node");
        command.args(arguments).current_dir(directory).envs(environment.iter().copied());
        Some(Self::run(command))
    }

    /// Runs a script of tests/clients with Python, as this user. None if its packages are missing,
    /// because there is no Python or pip.
    pub fn python(
        arguments: &[&str],
        user: &TestUser,
        environment: &[(&str, &str)],
    ) -> Option<Self> {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        let python = directory.join(".venv/bin/python");
        let has_packages = std::process::Command::new(&python).args(["-c", "import gql"]).output();
        if !has_packages.is_ok_and(|tried| tried.status.success()) {
            eprintln!("*** SKIPPED: no Python with gql; `make test` gets it with pip ***");
            return None;
        }
        let (url, token) = (user.app.url("/graphql"), user.token.as_ref().unwrap());
        let mut command = Command::new(python);
        command.args(arguments).current_dir(directory).envs(environment.iter().copied());
        command.envs([("TIDINGS_URL", &url), ("TIDINGS_TOKEN", token)]);
        Some(Self::run(command))
    }

    pub fn run(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Program { stdin: child.stdin.take(), child, lines }
    }

    /// A program that follows this user's inbox.
    pub fn following(directory: &str, arguments: &[&str], user: &TestUser) -> Option<Self> {
        let (url, token) = (user.app.url("/graphql"), user.token.as_ref().unwrap());
        Self::start(directory, arguments, &[("TIDINGS_URL", &url), ("TIDINGS_TOKEN", token)])
    }

    /// Sends it a line of JSON.
    pub async fn tell(&mut self, order: Value) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{order}\n").as_bytes()).await.unwrap();
    }

    /// Its next line.
    pub async fn line(&mut self) -> String {
        self.try_line().await.expect("the program ended")
    }

    async fn try_line(&mut self) -> Option<String> {
        timeout(PATIENCE, self.lines.next_line())
            .await
            .expect("the program prints nothing")
            .unwrap()
    }

    /// Its remaining output, and whether it exited successfully.
    pub async fn end(mut self) -> (Vec<String>, bool) {
        drop(self.stdin.take());
        let mut rest = Vec::new();
        while let Some(line) = self.try_line().await {
            rest.push(line);
        }
        (rest, self.child.wait().await.unwrap().success())
    }
}

/// A client of tests/clients that follows a test's commands.
pub struct Client(Program);

impl Client {
    pub fn start(script: &str, app: &TestApp, environment: &[(&str, &str)]) -> Option<Self> {
        let url = app.url("/graphql");
        let environment = [&[("TIDINGS_URL", url.as_str())], environment].concat();
        Program::start("tests/clients", &[script], &environment).map(Client)
    }

    /// The next event it reports.
    pub async fn event(&mut self) -> Value {
        serde_json::from_str(&self.0.line().await).unwrap()
    }

    pub async fn expect(&mut self, event: Value) {
        assert_eq!(self.event().await, event);
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        self.0.tell(json!({"subscribe": id, "query": query, "variables": variables})).await;
    }

    pub async fn stop(&mut self, id: &str) {
        self.0.tell(json!({"stop": id})).await;
    }

    /// Waits for its question, and answers it.
    pub async fn answer(&mut self, question: &str, answer: &str) {
        self.expect(json!(["ask", question])).await;
        self.0.tell(json!({"answer": answer})).await;
    }

    /// The data of the next result, which must belong to this operation.
    pub async fn data(&mut self, id: &str) -> Value {
        let mut event = self.event().await;
        assert_eq!((&event[0], &event[1]), (&json!("next"), &json!(id)), "{event:#}");
        assert_eq!(event[2].get("errors"), None, "{event:#}");
        event[2]["data"].take()
    }

    /// The events that it reports from now on, without further commands.
    pub async fn end(self) -> Vec<String> {
        self.0.end().await.0
    }
}
