//! The binary, as an operator runs it, and people who use such a server.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use tidings::{auth::Role, clock::Clock};

use super::{
    app::SECRET,
    socket::{Following, Socket},
};

pub fn tidings(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.current_dir(directory).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("TIDINGS_ADDRESS_BOOK", "everybody");
    command
}

pub fn printed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A running server; its log is read until it says where it serves.
pub struct Server {
    pub process: Child,
    pub url: String,
    /// What its log said before it served.
    pub first_words: String,
    log: BufReader<std::process::ChildStderr>,
}

impl Server {
    pub fn start(command: &mut Command) -> Self {
        Self::start_at(command, "127.0.0.1:0")
    }

    #[expect(clippy::zombie_processes, reason = "`last_words` or the drop waits for it")]
    pub fn start_at(command: &mut Command, address: &str) -> Self {
        let mut process = command
            .args(["serve", "--listen", address])
            .env("TIDINGS_LOG_FORMAT", "json")
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut first_words = String::new();
        loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended: {:?}", process.wait());
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            first_words += &line;
            if let Some(address) = entry["fields"]["address"].as_str() {
                return Server { url: format!("http://{address}"), first_words, process, log };
            }
        }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Where it listens, as host and port.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub async fn query(&self, token: &str, query: &str) -> Value {
        let request =
            reqwest::Client::new().post(format!("{}/graphql", self.url)).bearer_auth(token);
        let answer: Value =
            request.json(&json!({"query": query})).send().await.unwrap().json().await.unwrap();
        assert!(answer.get("errors").is_none(), "{answer:#}");
        answer["data"].clone()
    }

    pub fn signal(&self, name: &str) {
        // The shell's built-in kill, because small machines have no other.
        let kill = format!("kill -{name} {}", self.process.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success());
    }

    pub fn end(self) -> std::process::ExitStatus {
        self.last_words().0
    }

    /// Its exit status, and the rest of its output.
    pub fn last_words(mut self) -> (std::process::ExitStatus, String) {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.log, &mut rest).unwrap();
        (self.process.wait().unwrap(), rest)
    }
}

impl Drop for Server {
    /// Ends what a test that has failed left running.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn token(user: &str) -> String {
    let auth = tidings::auth::Auth::new(SECRET).unwrap();
    auth.issue(user, Role::User, Clock::System.now() + chrono::TimeDelta::hours(1)).unwrap()
}

/// Somebody's inbox, followed over a real websocket.
pub async fn follow(address: &str, user: &str, after: Option<&str>) -> Following {
    let mut socket = Socket::open(address).await;
    let payload = json!({"Authorization": format!("Bearer {}", token(user))});
    socket.send(json!({"type": "connection_init", "payload": payload})).await;
    assert_eq!(socket.receive().await["type"], "connection_ack");
    Following::inbox(socket, after).await
}
