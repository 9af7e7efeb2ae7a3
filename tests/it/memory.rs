//! How much memory a server process holds for clients that do not read, and after they have gone
//! (P6, P17, P20).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tidings::{
    auth::{Auth, Role},
    clock::Clock,
};

use crate::support::{
    process::{Server, tidings},
    socket::{PATIENCE, Socket},
};

const SECRET: &str = "a secret for tests, of more than 32 bytes";
const MIB: usize = 1024 * 1024;
/// What the allocator keeps varies by this much from storm to storm, up and down; a leak would be
/// larger.
const NOISE: usize = 20 * MIB;
/// How long a message may take to be durable and announced, on a busy machine.
const SOON: Duration = Duration::from_secs(5);

/// A figure of the process's memory in bytes, by the kernel's name for it.
fn memory(server: &Server, name: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// The files and sockets that the process has open.
fn descriptors(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count()
}

fn send(to: &str, subject: &str, body: &str) -> String {
    let input = format!(
        "to: [{{user: {{externalId: \"{to}\"}}}}], subject: \"{subject}\", body: \"{body}\""
    );
    format!("mutation {{ createMessage(input: {{{input}}}) {{ message {{ id }} }} }}")
}

/// Somebody follows their inbox four hundred times from long ago, with all that their sockets
/// allow, and reads nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_not_read_large_updates_cost_little_and_leave_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(tidings(directory.path()).env("TIDINGS_AUTH_SECRET", SECRET));
    let auth = Auth::new(SECRET).unwrap();
    let expires = Clock::System.now() + chrono::TimeDelta::hours(1);
    let token = |name, role| auth.issue(name, role, expires).unwrap();
    let (host, mallory, bob) =
        (token("host", Role::Service), token("mallory", Role::User), token("bob", Role::User));
    server.query(&bob, "{ viewer { id } }").await;
    let cursor = server.query(&mallory, "{ viewer { inbox { cursor } } }").await["viewer"]["inbox"]
        ["cursor"]
        .clone();
    let epoch = cursor.as_str().unwrap().split(':').next().unwrap().to_owned();
    let large = "x".repeat(60_000);
    let messages = (0..40).map(|n| send("mallory", &n.to_string(), &large)).collect::<Vec<_>>();
    join_all(messages.iter().map(|message| server.query(&host, message))).await;
    let follow = "subscription($after: String) { inboxUpdated(after: $after) {
        cursor changes { item { title preview about { ... on Message { body } } } } } }";
    let mut live = Socket::open(server.address()).await.introduced(&bob).await;
    live.subscribe("1", follow, json!({})).await;
    live.receive().await;
    let (before, open) = (memory(&server, "VmRSS"), descriptors(&server));

    let mut settled = Vec::new();
    for storm in 0..3 {
        let stalled = join_all((0..20).map(async |_| {
            let mut socket = Socket::open_narrow(server.address()).await.introduced(&mallory).await;
            for n in 0..20 {
                socket
                    .subscribe(&n.to_string(), follow, json!({"after": format!("{epoch}:{n}")}))
                    .await;
            }
            socket
        }))
        .await;
        for n in 0..10 {
            let title = format!("{storm}/{n}");
            let sent = Instant::now();
            server.query(&host, &send("bob", &title, "hello")).await;
            let update = live.receive().await;
            assert_eq!(
                update["payload"]["data"]["inboxUpdated"]["changes"][0]["item"]["title"], title,
                "{update}"
            );
            assert!(sent.elapsed() < SOON, "{title} took {:?}", sent.elapsed());
        }
        let peak = memory(&server, "VmHWM");
        assert!(peak < before + 200 * MIB, "{} MiB became {}", before / MIB, peak / MIB);
        drop(stalled);
        let deadline = Instant::now() + PATIENCE;
        while descriptors(&server) > open {
            assert!(
                Instant::now() < deadline,
                "the server does not let go of sockets that have gone"
            );
            tokio::task::yield_now().await;
        }
        // Without the database file, whose mapped pages vary as the system likes.
        settled.push(memory(&server, "RssAnon"));
    }

    let mib: Vec<_> = settled.iter().map(|bytes| bytes / MIB).collect();
    assert!(
        settled[2] <= settled[0] + settled[0] / 10 + NOISE,
        "after each storm there were {mib:?} MiB"
    );
    server.signal("TERM");
    assert!(server.end().success());
}
