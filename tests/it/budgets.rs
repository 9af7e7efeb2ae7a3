//! Nobody is affected by another's requests (P13, P20): answers that are too large, executions that
//! never wait, searches that scan, and more operations than the server can handle.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tidings::{auth::Role, config::Limits};

use crate::support::{
    app::{Kind, SECRET, TestApp, TestUser, both, run_with},
    documents::message_to,
    locks::SOON,
    process::{Server, tidings},
};

/// How much memory one request may cost (P13).
const MOST_MEMORY: u64 = 100 * 1024 * 1024;
/// How long anybody may wait; a debug build on shared cores is slower than the 250 ms of P20.
const PATIENCE: Duration = Duration::from_secs(1);

/// Queries the body of each of a hundred items this many times.
fn bodies(times: usize) -> String {
    let fields: String = (0..times).map(|n| format!("a{n}:body ")).collect();
    format!(
        "{{viewer{{inbox{{items(first:100){{nodes{{about{{...on Message{{{fields}}}}}}}}}}}}}}}"
    )
}

/// Sends a hundred messages of 64 KiB, each byte of which needs six in JSON.
async fn send_heavy_messages(from: &TestUser, to: &TestUser) {
    let input = json!({
        "to": [{"user": {"externalId": to.name}}], "subject": "s",
        "body": "\u{1}".repeat(64 * 1024),
    });
    for _ in 0..100 {
        from.create_message(input.clone()).await;
    }
}

/// The highest memory use of a process during some time, sampled.
struct Watch {
    stop: Arc<AtomicBool>,
    most: Arc<AtomicU64>,
    before: u64,
    thread: thread::JoinHandle<()>,
}

impl Watch {
    fn start(process: u32) -> Self {
        let (stop, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let before = memory(process);
        let thread = thread::spawn({
            let (stop, most) = (stop.clone(), most.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    most.fetch_max(memory(process), Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(2));
                }
            }
        });
        Watch { stop, most, before, thread }
    }

    /// By how much it grew at most.
    fn grown(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.most.load(Ordering::Relaxed).saturating_sub(self.before)
    }
}

/// Not counting mapped file pages, of which SQLite has some.
fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// A token that is valid in real time.
fn token(user: &str) -> String {
    let expires = tidings::clock::Clock::System.now() + chrono::TimeDelta::hours(1);
    tidings::auth::Auth::new(SECRET).unwrap().issue(user, Role::User, expires).unwrap()
}

/// A server in its own process, on the database of a test that has stopped.
fn process(app: &TestApp, directory: &std::path::Path) -> Server {
    let mut serve = tidings(directory);
    serve.env("TIDINGS_DATABASE_URL", &*app.config.database_url).env("TIDINGS_AUTH_SECRET", SECRET);
    // This test is not about the estimate that would refuse the request before anything is read.
    Server::start(serve.env("TIDINGS_LIMITS_COST", "100000"))
}

async fn ask(server: &Server, token: &str, query: &str) -> Value {
    let request = reqwest::Client::new().post(format!("{}/graphql", server.url)).bearer_auth(token);
    request.json(&json!({"query": query})).send().await.unwrap().json().await.unwrap()
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

/// The time within which 99 of 100 requests were served.
fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() * 99 / 100]
}

async fn a_hundred_times(server: &Server, token: &str, query: &str) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..100 {
        let start = Instant::now();
        let answer = ask(server, token, query).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        times.push(start.elapsed());
    }
    times
}

async fn a_large_answer_is_refused_cheaply(kind: Kind) {
    let Some(app) = TestApp::start_with(kind, |config| config.limits.body = 1024 * 1024).await
    else {
        return;
    };
    let [alice, bob] = app.users(["alice", "bob"]).await;
    send_heavy_messages(&alice, &bob).await;
    app.stop().await;
    let directory = tempfile::tempdir().unwrap();
    let server = process(&app, directory.path());
    let (alice, bob) = (token("alice"), token("bob"));
    let page = "{ viewer { inbox { counts { unread } } } }";
    ask(&server, &alice, page).await;

    let attack = bodies(98);
    assert!(attack.len() < 951);
    let (watch, start) = (Watch::start(server.process.id()), Instant::now());
    let answer = ask(&server, &bob, &attack).await;
    let (grown, time) = (watch.grown(), start.elapsed());
    assert_eq!((code(&answer), &answer["data"]), ("ANSWER_TOO_LARGE", &Value::Null), "{answer}");
    assert!(time < Duration::from_secs(4), "{time:?}");
    assert!(grown < MOST_MEMORY, "{kind:?}: one grew by {} MiB", grown >> 20);

    let watch = Watch::start(server.process.id());
    let attacks = join_all((0..20).map(|_| ask(&server, &bob, &attack)));
    let (answers, times) = tokio::join!(attacks, a_hundred_times(&server, &alice, page));
    let (grown, slowest) = (watch.grown(), p99(times));
    for answer in answers {
        assert!(matches!(code(&answer), "ANSWER_TOO_LARGE" | "UNAVAILABLE"), "{answer}");
    }
    eprintln!(
        "{kind:?}: one {time:?}, twenty grew by {} MiB, p99 of others {slowest:?}",
        grown >> 20
    );
    assert!(slowest < PATIENCE, "{kind:?}: others waited {slowest:?}");
    assert!(grown < 2 * MOST_MEMORY, "{kind:?}: twenty grew by {} MiB", grown >> 20);
    server.signal("TERM");
    assert!(server.end().success());
}

/// A request of 951 bytes that asks for 4 GB.
mod an_answer_that_is_too_large_costs_little {
    use super::*;

    #[test]
    fn sqlite() {
        run_with(2, a_large_answer_is_refused_cheaply(Kind::Sqlite));
    }

    #[test]
    fn postgres() {
        run_with(2, a_large_answer_is_refused_cheaply(Kind::Postgres));
    }
}

/// A server whose answers have at most this many bytes.
async fn with_answers_of(kind: Kind, bytes: u64) -> TestApp {
    TestApp::start_with(kind, |config| config.limits.answer = bytes).await.unwrap()
}

/// On every transport, whether the answer comes from a query, a persisted document, or
/// introspection.
#[tokio::test]
async fn every_way_to_ask_has_the_same_limit() {
    let app = with_answers_of(Kind::Sqlite, 2_000).await;
    let alice = app.user("alice").await;
    let query = format!(
        "{{ {} }}",
        (0..99).map(|n| format!("a{n}: viewer {{ id externalId }} ")).collect::<String>()
    );
    let schema = "{ __schema { types { name description fields { name } } } }";
    for large in [&query, schema] {
        let answer = alice.ask(large, json!({})).await;
        assert_eq!(
            (code(&answer), &answer["data"]),
            ("ANSWER_TOO_LARGE", &Value::Null),
            "{answer}"
        );
        let mut socket = alice.connect().await;
        socket.subscribe("1", large, json!({})).await;
        let message = socket.receive().await;
        assert_eq!(
            (&message["type"], code(&message["payload"])),
            (&json!("next"), "ANSWER_TOO_LARGE"),
            "{message}"
        );
        assert_eq!(socket.receive().await, json!({"type": "complete", "id": "1"}));
    }
    let http = reqwest::Client::new();
    let events = http.post(app.url("/graphql")).bearer_auth(alice.token.as_ref().unwrap());
    let events = events
        .header("accept", "text/event-stream")
        .json(&json!({"query": query}))
        .send()
        .await
        .unwrap();
    assert!(events.text().await.unwrap().contains("ANSWER_TOO_LARGE"));
    let hash = <sha2::Sha256 as sha2::Digest>::digest(&query);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let extensions = json!({"persistedQuery": {"version": 1, "sha256Hash": hash}}).to_string();
    let url = reqwest::Url::parse_with_params(
        &app.url("/graphql"),
        [("query", &query), ("extensions", &extensions)],
    );
    let got =
        http.get(url.unwrap()).bearer_auth(alice.token.as_ref().unwrap()).send().await.unwrap();
    assert_eq!(code(&got.json().await.unwrap()), "ANSWER_TOO_LARGE");
    app.stop().await;
}

/// The JSON of the answer is what is counted, accurate to a few bytes: quotes, escapes, numbers,
/// lists and all.
#[tokio::test]
async fn the_limit_is_that_of_the_text() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let body = "ä \"quoted\" \\ \n\t\r \u{1}\u{1f}\u{7f} 🙂".repeat(100);
    for n in 0..20 {
        let subject = format!("number \"{n}\"");
        let input =
            json!({"to": [{"user": {"externalId": "bob"}}], "subject": subject, "body": body});
        alice.create_message(input).await;
    }
    let query = "{ viewer { inbox {
        counts { unread unreadByKind { kind count } }
        items(first: 20) { nodes {
            id title kind readAt isFinalReminder about { ... on Message { body sender { name } } }
        } } } } }";
    let size = bob.query(query, json!({})).await.to_string().len() as u64;
    for (limit, is_enough) in [(size, true), (size - 200, false)] {
        let app = app.restart_with(|config| config.limits.answer = limit).await;
        let bob = TestUser { app: app.clone(), ..bob.clone() };
        let answer = bob.ask(query, json!({})).await;
        assert_eq!(answer.get("errors").is_none(), is_enough, "{limit} of {size}: {answer}");
        app.stop().await;
    }
}

both! {
    /// A mutation whose answer is too large has taken effect, once; repeating it with its key and
    /// asking for less shows that.
    async fn a_mutation_is_not_undone_by_its_answer(app: TestApp) {
        let [_, bob] = app.users(["alice", "bob"]).await;
        let app = app.restart_with(|config| config.limits.answer = 100_000).await;
        let (alice, bob) = (app.client("alice", Role::User), TestUser { app: app.clone(), ..bob });
        let send = |fields: &str| {
            format!(
                "mutation($input: CreateMessageInput!) {{
                    createMessage(input: $input) {{ message {{ id {fields} }} }} }}"
            )
        };
        let input = json!({"input": {"to": [{"user": {"externalId": "bob"}}], "subject": "large",
            "body": "x".repeat(60_000), "idempotencyKey": "1"}});

        for _ in 0..2 {
            let answer = alice.ask(&send("a: body b: body"), input.clone()).await;
            assert_eq!(
                (code(&answer), &answer["data"]),
                ("ANSWER_TOO_LARGE", &Value::Null),
                "{answer}"
            );
        }
        let sent = alice.query(&send("body"), input).await;

        assert_eq!(sent["createMessage"]["message"]["body"].as_str().unwrap().len(), 60_000);
        assert_eq!(bob.titles("ALL").await, ["large"]);
        app.stop().await;
    }

    /// An update that is too large ends the stream, so that the client reconnects and asks for
    /// less.
    async fn an_update_that_is_too_large_ends_its_stream(app: TestApp) {
        let [_, bob] = app.users(["alice", "bob"]).await;
        let app = app.restart_with(|config| config.limits.answer = 100_000).await;
        let (alice, bob) = (app.client("alice", Role::User), TestUser { app: app.clone(), ..bob });
        let follow = "subscription { inboxUpdated {
            cursor changes { item { title about { ... on Message { body } } } } } }";
        let mut socket = bob.connect().await;
        socket.subscribe("1", follow, json!({})).await;
        assert_eq!(socket.receive().await["payload"]["data"]["inboxUpdated"]["changes"], json!([]));
        let input = |title: &str, bytes: usize| {
            json!({
                "to": [{"user": {"externalId": "bob"}}], "subject": title,
                "body": "\n".repeat(bytes),
            })
        };

        alice.create_message(input("small", 40_000)).await;
        let update = socket.receive().await["payload"]["data"]["inboxUpdated"].take();
        assert_eq!(update["changes"][0]["item"]["title"], "small");
        alice.create_message(input("large", 60_000)).await;

        let last = socket.receive().await;
        assert_eq!(code(&last["payload"]), "ANSWER_TOO_LARGE", "{last}");
        assert_eq!(socket.receive().await, json!({"type": "complete", "id": "1"}));
        app.stop().await;
    }
}

/// An execution that finds everything in memory never waits: it yields to others, and ends at its
/// deadline.
#[tokio::test]
async fn an_execution_that_never_waits_holds_up_nobody_and_ends_in_time() {
    let limits = Limits {
        answer: 1 << 30,
        cost: 1_000_000,
        execution_timeout: Duration::from_millis(500),
        ..Limits::default()
    };
    let app = TestApp::start_with(Kind::Sqlite, |config| config.limits = limits).await.unwrap();
    let [alice, bob] = app.users(["alice", "bob"]).await;
    let schema = "__schema{types{name description fields{
        name description args{name description type{name ofType{name}}}
        type{name ofType{name ofType{name ofType{name}}}}}}}";
    let long = format!("{{ {} }}", (0..80).map(|n| format!("a{n}: {schema} ")).collect::<String>());
    // The first request of a kind does extra work.
    bob.query("{ viewerRole }", json!({})).await;

    let (start, is_answered) = (Instant::now(), AtomicBool::new(false));
    let asking = async {
        let answer = alice.ask(&long, json!({})).await;
        is_answered.store(true, Ordering::Relaxed);
        (answer, start.elapsed())
    };
    let others = async {
        let mut slowest = Duration::ZERO;
        while !is_answered.load(Ordering::Relaxed) {
            let start = Instant::now();
            bob.query("{ viewerRole }", json!({})).await;
            slowest = slowest.max(start.elapsed());
        }
        slowest
    };
    let ((answer, time), waited) = tokio::join!(asking, others);

    eprintln!("answered after {time:?}, another after {waited:?}");
    assert_eq!(
        code(&answer),
        "UNAVAILABLE",
        "{}",
        &answer.to_string()[..1000.min(answer.to_string().len())]
    );
    assert!(time < Duration::from_secs(3), "{time:?}");
    assert!(waited < 2 * PATIENCE, "{waited:?}");
    app.stop().await;
}

both! {
    /// Documents full of searches leave connections for others.
    async fn searches_leave_room_for_others(app: TestApp) {
        let app = app.restart_with(|config| config.limits.cost = 100_000).await;
        let [alice, bob, eve] = app.users(["alice", "bob", "eve"]).await;
        let input = json!({
            "to": [{"user": {"externalId": "bob"}}], "subject": "s", "body": "x".repeat(64 * 1024),
        });
        join_all((0..8).map(async |_| {
            for _ in 0..50 {
                alice.create_message(input.clone()).await;
            }
        }))
        .await;
        let search = |n| {
            format!(
                "a{n}: items(filter: {{view: ALL, search: \"nothing like it\"}}) {{
                    nodes {{ id }} }} "
            )
        };
        let searches =
            format!("{{ viewer {{ inbox {{ {} }} }} }}", (0..40).map(search).collect::<String>());
        let page = "{ viewer { inbox { counts { unread } items { nodes { id title } } } } }";
        eve.query(page, json!({})).await;

        let attacks = join_all((0..8).map(|_| bob.ask(&searches, json!({}))));
        let others = async {
            let mut times = Vec::new();
            for _ in 0..20 {
                let start = Instant::now();
                eve.query(page, json!({})).await;
                times.push(start.elapsed());
            }
            times
        };
        let (answers, times) = tokio::join!(attacks, others);

        let slowest = times.into_iter().max().unwrap();
        eprintln!("the slowest of the others took {slowest:?}");
        for answer in answers {
            let is_told = answer.get("errors").is_none() || code(&answer) == "UNAVAILABLE";
            assert!(is_told, "{answer}");
        }
        assert!(slowest < PATIENCE, "{slowest:?}");
        app.stop().await;
    }
}

/// A document full of searches is refused because of its cost.
#[tokio::test]
async fn a_search_costs_more_than_a_page() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let alice = app.user("alice").await;
    let search = |n| format!("a{n}: items(filter: {{search: \"x\"}}) {{ nodes {{ id }} }} ");
    let searches = |times: usize| {
        format!("{{ viewer {{ inbox {{ {} }} }} }}", (0..times).map(search).collect::<String>())
    };
    alice.query(&searches(3), json!({})).await;
    assert_eq!(alice.refusal(&searches(40), json!({})).await.0, "QUERY_TOO_COMPLEX");
    let by_variables = "query($f: InboxFilter) { viewer { inbox { ".to_owned()
        + &(0..40)
            .map(|n| format!("a{n}: items(filter: $f, first: 1) {{ nodes {{ id }} }} "))
            .collect::<String>()
        + "} } }";
    alice.query(&by_variables, json!({"f": {}})).await;
    assert_eq!(
        alice.refusal(&by_variables, json!({"f": {"search": "x"}})).await.0,
        "QUERY_TOO_COMPLEX"
    );
    app.stop().await;
}

both! {
    /// Beyond its capacity, the server refuses at once and says when to retry.
    async fn more_operations_than_there_is_room_for_are_refused_at_once(app: TestApp) {
        app.users(["alice", "bob", "carol"]).await;
        let app = app
            .restart_with(|config| {
                config.limits.operations_in_all = 2;
                // Those that wait do so until they are released, however slow the machine is.
                (config.limits.execution_timeout, config.database.acquire_timeout) =
                    (2 * SOON, 2 * SOON);
            })
            .await;
        let [alice, bob, carol] =
            ["alice", "bob", "carol"].map(|name| app.client(name, Role::User));
        let locked = app.db.begin().await.unwrap();
        locked.run("UPDATE inbox SET unread = unread", []).await.unwrap();
        let send = &message_to("carol", "s");
        // They are in nobody's way while they hold no place: Carol's question may be faster.
        let send_by = async |sender: &TestUser| loop {
            let answer = sender.ask(send, json!({})).await;
            if answer.get("errors").is_none() || code(&answer) != "UNAVAILABLE" {
                return answer;
            }
        };
        let sending = async { tokio::join!(send_by(&alice), send_by(&bob)) };
        let refused = async {
            let start = Instant::now();
            loop {
                let answer = carol.ask("{ viewerRole }", json!({})).await;
                if answer.get("errors").is_some() {
                    assert_eq!(
                        (code(&answer), &answer["errors"][0]["extensions"]["retryAfter"]),
                        ("UNAVAILABLE", &json!(1))
                    );
                    break;
                }
                assert!(start.elapsed() < SOON, "nothing was refused");
            }
            for (accept, status) in
                [("application/json", 200), ("application/graphql-response+json", 503)]
            {
                let request =
                    reqwest::Client::new().post(app.url("/graphql")).header("accept", accept);
                let request = request
                    .bearer_auth(carol.token.as_ref().unwrap())
                    .json(&json!({"query": "{ viewerRole }"}));
                let answer = request.send().await.unwrap();
                assert_eq!(
                    (answer.status().as_u16(), &answer.headers()["retry-after"]),
                    (status, &"1".parse().unwrap())
                );
            }
            drop(locked);
        };
        let ((first, second), ()) = tokio::join!(sending, refused);
        for sent in [first, second] {
            assert!(sent.get("errors").is_none(), "{sent}");
        }
        assert_eq!(carol.query("{ viewerRole }", json!({})).await["viewerRole"], "USER");
        app.stop().await;
    }
}

/// A caller who exceeds the limit per minute is told how long to wait for the next one.
#[tokio::test]
async fn a_rate_that_is_used_up_says_when_to_come_back() {
    let app =
        TestApp::start_with(Kind::Sqlite, |config| config.limits.operations_per_minute = Some(2))
            .await
            .unwrap();
    let alice = app.user("alice").await;
    alice.query("{ viewerRole }", json!({})).await;
    let request =
        reqwest::Client::new().post(app.url("/graphql")).bearer_auth(alice.token.as_ref().unwrap());
    let answer = request.json(&json!({"query": "{ viewerRole }"})).send().await.unwrap();
    let seconds: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(answer.status() == 429 && (30..=60).contains(&seconds), "{seconds}");
    app.stop().await;
}

/// Answers that a client does not read count towards its owner's share and nobody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_cost_only_who_asked() {
    let app = TestApp::start_with(Kind::Sqlite, |config| {
        config.limits.answers_per_user = 10 * 1024 * 1024;
        config.limits.execution_timeout = Duration::from_millis(1_500);
    });
    let app = app.await.unwrap();
    let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
    let input = json!({
        "to": [{"user": {"externalId": "bob"}}, {"user": {"externalId": "carol"}}], "subject": "s",
        "body": "x".repeat(60_000),
    });
    for _ in 0..100 {
        alice.create_message(input.clone()).await;
    }
    let body = json!({"query": bodies(1)}).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        bob.token.as_ref().unwrap(),
        body.len()
    );
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let mut unread = socket.connect(app.address().parse().unwrap()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut unread, request.as_bytes()).await.unwrap();
    unread.readable().await.unwrap();

    assert_eq!(bob.refusal(&bodies(1), json!({})).await.0, "UNAVAILABLE");
    bob.query("{ viewer { inbox { counts { unread } } } }", json!({})).await;
    carol.query(&bodies(1), json!({})).await;

    drop(unread);
    let start = Instant::now();
    while bob.ask(&bodies(1), json!({})).await.get("errors").is_some() {
        assert!(start.elapsed() < Duration::from_secs(10), "the bytes have not come back");
    }
    app.stop().await;
}

/// A connection beyond the server's limit is told so and closed.
#[tokio::test]
async fn a_connection_too_many_is_told_so() {
    let app =
        TestApp::start_with(Kind::Sqlite, |config| config.limits.connections = 2).await.unwrap();
    let connect = async || tokio::net::TcpStream::connect(app.address()).await.unwrap();
    let _idle = (connect().await, connect().await);
    let mut said = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut connect().await, &mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("retry-after: 1"), "{said}");
    app.stop().await;
}
