//! P19: what could not be made durable is never acknowledged, and the server recovers by itself.
//!
//! A separate server process writes under load while its disk fails and recovers. Then it is
//! killed, and everything that it acknowledged must be there.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::process::{Server, printed, tidings};

/// How long the server may take to notice that the disk fails, or works again.
const SOON: Duration = Duration::from_secs(30);
/// More than the senders can send in this test: otherwise the disk that was freed is full again before
/// the server has noticed that it was.
const SIZE: &str = "size=512m";
/// Enough to fill the free space that is left inside the log.
const BODY: usize = 16 * 1024;
const SENDERS: usize = 8;

/// A disk that can be made to fail.
pub trait Disk {
    fn directory(&self) -> &Path;
    fn fail(&self, server: &Server);
    fn mend(&self, server: &Server);
}

/// A small file system that is filled: SQLite gets “disk full” errors.
pub struct Small {
    directory: tempfile::TempDir,
}

impl Small {
    /// None if file systems cannot be mounted.
    pub fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "tmpfs"])
            .arg(directory.path())
            .status();
        mount.is_ok_and(|status| status.success()).then_some(Small { directory })
    }

    pub fn make_read_only(&self) {
        let remount = ["-o", "remount,ro"];
        let status = Command::new("mount").args(remount).arg(self.directory.path()).status();
        assert!(status.unwrap().success());
    }

    fn filling(&self) -> PathBuf {
        self.directory.path().join("filling")
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.directory.path()).status();
    }
}

impl Disk for Small {
    fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn fail(&self, _: &Server) {
        let mut filling = fs::File::create(self.filling()).unwrap();
        for step in [1 << 20, 4096] {
            while filling.write_all(&vec![0; step]).is_ok() {}
        }
    }

    fn mend(&self, _: &Server) {
        fs::remove_file(self.filling()).unwrap();
    }
}

/// A directory in which the server may temporarily not write to files: SQLite gets I/O errors.
struct Limited {
    directory: tempfile::TempDir,
}

impl Limited {
    fn allow(server: &Server, size: &str) {
        let (id, limit) = (server.process.id().to_string(), format!("--fsize={size}:unlimited"));
        assert!(Command::new("prlimit").args(["--pid", &id, &limit]).status().unwrap().success());
    }
}

impl Disk for Limited {
    fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn fail(&self, server: &Server) {
        Self::allow(server, "0");
    }

    fn mend(&self, server: &Server) {
        Self::allow(server, "unlimited");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_by_a_full_disk() {
    match Small::mount() {
        Some(disk) => nothing_is_lost(&disk).await,
        // Not eprintln!, which is hidden for tests that pass. The other fault needs no privileges.
        None => std::io::stderr()
            .write_all(b"\n*** SKIPPED: no file system can be mounted ***\n")
            .unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_by_failing_writes() {
    nothing_is_lost(&Limited { directory: tempfile::tempdir().unwrap() }).await;
}

async fn nothing_is_lost(disk: &impl Disk) {
    let server = Server::start(&mut tidings(disk.directory()));
    let token = |user: &str| {
        let token = tidings(disk.directory()).args(["token", "--user", user]).output().unwrap();
        printed(token).trim().to_owned()
    };
    let (alice, bob) = (token("alice"), token("bob"));
    for token in [&alice, &bob] {
        server.query(token, "{ viewer { id } }").await;
    }
    let load = Load::start(&server, &alice);

    load.until("messages are sent", |load| load.acknowledged() >= 50).await;
    disk.fail(&server);
    load.until("sends are refused", |load| load.refused.load(Ordering::Relaxed) >= 20).await;
    assert_eq!(until_ready_is(&server, 503).await, "the database cannot be written to\n");
    // Reads continue.
    server
        .query(
            &bob,
            "{ viewer { inbox { counts { unread } items(first: 5) { nodes { title } } } } }",
        )
        .await;
    disk.mend(&server);
    until_ready_is(&server, 200).await;
    let before = load.acknowledged();
    load.until("messages are sent again", |load| load.acknowledged() >= before + 100).await;
    let acknowledged = load.end().await;

    let there = titles(&server, &bob).await;
    assert_eq!(acknowledged.difference(&there).next(), None, "acknowledged and absent");
    server.signal("KILL");
    server.end();
    let server = Server::start(&mut tidings(disk.directory()));
    let there = titles(&server, &bob).await;
    let lost = acknowledged.difference(&there).count();
    assert_eq!(lost, 0, "of {} acknowledged messages are gone after a crash", acknowledged.len());
    let counts = server.query(&bob, "{ viewer { inbox { counts { unread } } } }").await;
    assert_eq!(counts["viewer"]["inbox"]["counts"]["unread"], there.len());
    server.signal("TERM");
    assert!(server.end().success());
}

/// Waits until the server reports that it is ready, or not. Returns its message.
async fn until_ready_is(server: &Server, status: u16) -> String {
    let since = Instant::now();
    loop {
        let answer = reqwest::get(format!("{}/readyz", server.url)).await.unwrap();
        if answer.status() == status {
            assert_eq!(answer.headers().contains_key("retry-after"), status == 503);
            return answer.text().await.unwrap();
        }
        assert!(since.elapsed() < SOON, "/readyz does not become {status}");
    }
}

/// The titles of all items of an inbox.
async fn titles(server: &Server, token: &str) -> BTreeSet<String> {
    let (mut titles, mut after) = (BTreeSet::new(), Value::Null);
    loop {
        let page = format!(
            "{{ viewer {{ inbox {{ items(first: 100, after: {after}) {{
                nodes {{ title }} pageInfo {{ hasNextPage endCursor }} }} }} }} }}"
        );
        let page = server.query(token, &page).await["viewer"]["inbox"]["items"].take();
        for item in page["nodes"].as_array().unwrap() {
            assert!(titles.insert(item["title"].as_str().unwrap().to_owned()), "{item} came twice");
        }
        if page["pageInfo"]["hasNextPage"] == false {
            return titles;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// People who send without pause.
struct Load {
    acknowledged: Mutex<BTreeSet<String>>,
    refused: AtomicU64,
    is_over: AtomicBool,
    senders: Mutex<Vec<tokio::task::JoinHandle<()>>>,
}

impl Load {
    fn start(server: &Server, token: &str) -> Arc<Self> {
        let load = Arc::new(Load {
            acknowledged: Mutex::default(),
            refused: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            senders: Mutex::default(),
        });
        let senders = (0..SENDERS).map(|sender| {
            let (load, url, token) =
                (load.clone(), format!("{}/graphql", server.url), token.to_owned());
            tokio::spawn(async move { load.send(sender, &url, &token).await })
        });
        *load.senders.lock().unwrap() = senders.collect();
        load
    }

    async fn send(&self, sender: usize, url: &str, token: &str) {
        let http = reqwest::Client::new();
        let send = "mutation($subject: String!, $body: String!) { createMessage(input: {
            to: [{user: {externalId: \"bob\"}}], subject: $subject, body: $body
        }) { message { id } } }";
        for number in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let subject = format!("{sender} {number}");
            let request =
                json!({"query": send, "variables": {"subject": subject, "body": "x".repeat(BODY)}});
            let answer = http.post(url).bearer_auth(token).json(&request).send().await.unwrap();
            let answer: Value = answer.json().await.unwrap();
            if answer["data"]["createMessage"]["message"]["id"].is_string() {
                self.acknowledged.lock().unwrap().insert(subject);
            } else {
                assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE", "{answer:#}");
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let since = Instant::now();
        while !is_so(self) {
            let is_broken = self.senders.lock().unwrap().iter().any(|sender| sender.is_finished());
            assert!(!is_broken && since.elapsed() < SOON, "not seen: {what}");
            tokio::task::yield_now().await;
        }
    }

    /// The total number of acknowledged sends.
    async fn end(&self) -> BTreeSet<String> {
        self.is_over.store(true, Ordering::Relaxed);
        let senders = std::mem::take(&mut *self.senders.lock().unwrap());
        for sender in senders {
            sender.await.unwrap();
        }
        self.acknowledged.lock().unwrap().clone()
    }
}
