//! Several servers on one PostgreSQL behind a real proxy, with the configuration from the
//! documents: servers die and stop under load, and clients reconnect to another and miss nothing.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use crate::support::{
    app::{Kind, Port, SECRET},
    database::Database,
    process::{Server, follow, printed, tidings, token},
    programs,
    socket::PATIENCE,
};

const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md"));
const READERS: usize = 8;
const WRITERS: usize = 3;
/// Messages that are acknowledged between two events.
const SOME: usize = 40;
/// The pause that clients make between two tries.
const BREATH: Duration = Duration::from_millis(20);

#[derive(Clone, Copy)]
enum Proxy {
    Nginx,
    Caddy,
}

impl Proxy {
    /// None if it is not installed.
    fn program(self) -> Option<std::path::PathBuf> {
        let name = match self {
            Proxy::Nginx => "nginx",
            Proxy::Caddy => "caddy",
        };
        programs::find(name, &format!("The test of several servers behind {name}"))
    }

    /// The configuration from the document, with our addresses for the servers and the proxy, and
    /// without TLS.
    fn configuration(self, listen: SocketAddr, servers: [SocketAddr; 2]) -> String {
        let language = match self {
            Proxy::Nginx => "```nginx\n",
            Proxy::Caddy => "```caddyfile\n",
        };
        let text = DOCUMENT.split_once(language).unwrap().1.split("```").next().unwrap();
        let replace = |text: String, from: &str, to: String| {
            assert!(text.contains(from), "{from} is not in the document");
            text.replace(from, &to)
        };
        let text = replace(text.to_owned(), "10.0.0.1:8080", servers[0].to_string());
        let text = replace(text, "10.0.0.2:8080", servers[1].to_string());
        match self {
            Proxy::Nginx => {
                let text = replace(text, "listen 443 ssl", format!("listen {listen}"));
                let lines = text.lines().filter(|line| !line.contains("ssl_certificate"));
                let site = lines.collect::<Vec<_>>().join("\n");
                // A single process, which ends with the test; it writes only into its own
                // directory.
                format!(
                    "daemon off; master_process off; pid nginx.pid; error_log error.log; \
                     events {{ }}\n\
                     http {{ access_log off; client_body_temp_path body; \
                     proxy_temp_path proxy; fastcgi_temp_path fastcgi; \
                     uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n{site}\n}}"
                )
            }
            Proxy::Caddy => {
                let site = replace(text, "inbox.example.com {", format!("http://{listen} {{"));
                format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}")
            }
        }
    }

    async fn start(
        self,
        program: &Path,
        directory: &Path,
        listen: SocketAddr,
        servers: [SocketAddr; 2],
    ) -> Child {
        let file = directory.join("proxy.conf");
        fs::write(&file, self.configuration(listen, servers)).unwrap();
        let mut command = Command::new(program);
        match self {
            Proxy::Nginx => {
                command.arg("-p").arg(directory).arg("-e").arg("error.log").arg("-c").arg(&file)
            }
            Proxy::Caddy => command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file),
        };
        let log = fs::File::create(directory.join("proxy.log")).unwrap();
        command
            .env("HOME", directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let up = async {
            while TcpStream::connect(listen).await.is_err() {
                if let Some(status) = child.try_wait().unwrap() {
                    let said = ["proxy.log", "error.log"]
                        .map(|log| fs::read_to_string(directory.join(log)).unwrap_or_default());
                    panic!("the proxy has ended, {status}: {said:?}");
                }
                sleep(BREATH).await;
            }
        };
        timeout(PATIENCE, up).await.expect("the proxy does not listen");
        child
    }
}

/// What somebody who follows their inbox has received, over any number of connections.
#[derive(Default)]
struct Heard {
    cursor: Option<String>,
    /// How often each item has arrived, by its title.
    arrived: BTreeMap<String, usize>,
    /// In the order of their arrival.
    numbers: BTreeMap<String, Vec<usize>>,
    connections: usize,
    unread: u64,
}

/// Follows an inbox and reconnects whenever it is cut off, until `expected` messages have arrived.
async fn keep_following(
    address: SocketAddr,
    user: String,
    cursor: Option<String>,
    mut expected: watch::Receiver<Option<usize>>,
) -> Heard {
    let mut heard = Heard { cursor, ..Heard::default() };
    loop {
        // Whatever ends the connection, the client reconnects.
        if let Err(why) = follow_once(address, &user, &mut heard, &mut expected).await {
            tracing::debug!(user, arrived = heard.arrived.len(), %why, "cut off");
        }
        if expected.borrow().is_some_and(|all| heard.arrived.len() >= all) {
            return heard;
        }
        sleep(BREATH).await;
    }
}

async fn follow_once(
    address: SocketAddr,
    user: &str,
    heard: &mut Heard,
    expected: &mut watch::Receiver<Option<usize>>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut request = format!("ws://{address}/graphql").into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    // As a page on the proxy's host does.
    request.headers_mut().insert("origin", format!("http://{address}").parse()?);
    let stream = TcpStream::connect(address).await?;
    let (mut socket, _) =
        timeout(PATIENCE, tokio_tungstenite::client_async(request, stream)).await??;
    let init = json!({
        "type": "connection_init", "payload": {"authorization": format!("Bearer {}", token(user))},
    });
    socket.send(Message::text(init.to_string())).await?;
    let query = "subscription($after: String) { inboxUpdated(after: $after) {
        cursor resync counts { unread } changes { type item { title } } } }";
    let mut is_following = false;
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = expected.changed() => None,
        };
        let Some(message) = message else { return Ok(()) };
        let Message::Text(text) = message? else { continue };
        let message: Value = serde_json::from_str(&text)?;
        match message["type"].as_str() {
            Some("connection_ack") => {
                let payload = json!({"query": query, "variables": {"after": heard.cursor}});
                socket
                    .send(Message::text(
                        json!({"type": "subscribe", "id": "1", "payload": payload}).to_string(),
                    ))
                    .await?;
            }
            Some("next") => {
                let update = &message["payload"]["data"]["inboxUpdated"];
                let Some(cursor) = update["cursor"].as_str() else {
                    return Err(text.to_string().into());
                };
                assert_eq!(update["resync"], Value::Null, "{user} cannot go on: {text}");
                heard.connections += usize::from(!is_following);
                is_following = true;
                for change in update["changes"].as_array().into_iter().flatten() {
                    let title = change["item"]["title"].as_str().unwrap_or_default().to_owned();
                    assert_eq!(change["type"], "ARRIVED", "{text}");
                    if let Some((writer, number)) = title.split_once(": ") {
                        heard.numbers.entry(writer.to_owned()).or_default().push(number.parse()?);
                    }
                    *heard.arrived.entry(title).or_default() += 1;
                }
                heard.cursor = Some(cursor.to_owned());
                heard.unread = update["counts"]["unread"].as_u64().unwrap_or(0);
                if expected.borrow().is_some_and(|all| heard.arrived.len() >= all) {
                    return Ok(());
                }
            }
            Some("ping") => socket.send(Message::text(json!({"type": "pong"}).to_string())).await?,
            // An error, or the end of the stream.
            _ => return Err(text.to_string().into()),
        }
    }
}

/// Sends to all readers, repeating each message under one key until it is acknowledged.
async fn keep_writing(
    address: SocketAddr,
    name: usize,
    sent: Arc<AtomicUsize>,
    stop: watch::Receiver<bool>,
) -> usize {
    let send = "mutation($to: [AudienceRef!]!, $subject: String!) {
        createMessage(input: {to: $to, subject: $subject, body: \"\", idempotencyKey: $subject}) {
            message { id } } }";
    let to: Value = (0..READERS)
        .map(|reader| json!({"user": {"externalId": format!("reader{reader}")}}))
        .collect();
    let http = reqwest::Client::new();
    let mut n = 0;
    // A message that may have been sent is repeated until it is acknowledged.
    let mut is_pending = false;
    while is_pending || !*stop.borrow() {
        is_pending = true;
        let variables = json!({"to": to, "subject": format!("{name}: {n}")});
        let request = http.post(format!("http://{address}/graphql")).bearer_auth(token("writer"));
        let request =
            request.json(&json!({"query": send, "variables": variables})).timeout(PATIENCE);
        let answer: Option<Value> = match request.send().await {
            Ok(answer) => answer.json().await.ok(),
            Err(_) => None,
        };
        match answer {
            Some(answer) if answer["data"]["createMessage"]["message"]["id"].is_string() => {
                n += 1;
                is_pending = false;
                sent.fetch_add(1, Ordering::Relaxed);
            }
            // Sent again, under the same key.
            _ => sleep(BREATH).await,
        }
    }
    n
}

async fn clients_come_back_on_another_server(proxy: Proxy) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env());
    let _ = log.with_test_writer().try_init();
    let Some(program) = proxy.program() else { return };
    let Some(database) = Database::create(Kind::Postgres).await else { return };
    let directory = tempfile::tempdir().unwrap();
    let ports = [Port::any(), Port::any(), Port::any()];
    let [listen, first, second] = [0, 1, 2].map(|port| ports[port].address());
    let start = |address: SocketAddr| {
        let mut command = tidings(directory.path());
        command.env("TIDINGS_DATABASE_URL", &database.url).env("TIDINGS_AUTH_SECRET", SECRET);
        // Nobody reads the log, so it must not fill the pipe.
        command.env("TIDINGS_LOG", "tidings::cli=info,error");
        Server::start_at(&mut command, &address.to_string())
    };
    let (one, other) = (start(first), start(second));
    let mut cursors = Vec::new();
    for reader in 0..READERS {
        let inbox =
            one.query(&token(&format!("reader{reader}")), "{ viewer { inbox { cursor } } }").await;
        cursors.push(inbox["viewer"]["inbox"]["cursor"].as_str().map(str::to_owned));
    }
    let _proxy = proxy.start(&program, directory.path(), listen, [first, second]).await;

    let (all, expected) = watch::channel(None);
    let mut readers = JoinSet::new();
    for (reader, cursor) in cursors.into_iter().enumerate() {
        readers.spawn(keep_following(listen, format!("reader{reader}"), cursor, expected.clone()));
    }
    let (stop, stopped) = watch::channel(false);
    let sent = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(keep_writing(listen, writer, sent.clone(), stopped.clone()));
    }
    let some_more = async || {
        let wanted = sent.load(Ordering::Relaxed) + SOME;
        let more = async {
            while sent.load(Ordering::Relaxed) < wanted {
                sleep(BREATH).await;
            }
        };
        timeout(3 * PATIENCE, more).await.expect("writing does not go on");
    };

    some_more().await;
    one.signal("KILL");
    assert!(!one.end().success());
    some_more().await;
    let one = start(first);
    some_more().await;
    other.signal("TERM");
    assert!(other.end().success());
    some_more().await;
    stop.send(true).unwrap();
    let mut written = 0;
    while let Some(count) = writers.join_next().await {
        written += count.unwrap();
    }
    all.send(Some(written)).unwrap();

    let mut connections = 0;
    while let Some(heard) =
        timeout(PATIENCE, readers.join_next()).await.expect("something is missing")
    {
        let heard = heard.unwrap();
        assert_eq!(heard.arrived.len(), written);
        assert!(
            heard.arrived.values().all(|times| *times == 1),
            "something came twice: {:?}",
            heard.arrived
        );
        assert!(
            heard.numbers.values().all(|numbers| numbers.is_sorted()),
            "the order is wrong: {:?}",
            heard.numbers
        );
        assert_eq!(heard.unread, written as u64);
        connections += heard.connections;
    }
    assert!(
        connections >= 2 * READERS,
        "each was on a server that ended, and came back: {connections}"
    );
    an_event_stream_is_not_held_up(listen).await;
    // Their ids and cursors belong to the database: a client connected directly to a server
    // continues from there.
    let fresh = follow(&first.to_string(), "reader0", None).await;
    assert_eq!(fresh.state.counts["unread"], written);
    one.signal("TERM");
    assert!(one.end().success());
    let mut recount = tidings(directory.path());
    assert!(
        printed(recount.args(["recount", "--database-url", &database.url]).output().unwrap())
            .ends_with("is right\n")
    );
}

/// The first event arrives while the stream is open.
async fn an_event_stream_is_not_held_up(address: SocketAddr) {
    let request = reqwest::Client::new()
        .post(format!("http://{address}/graphql"))
        .bearer_auth(token("reader0"));
    let request = request.header("accept", "text/event-stream").timeout(PATIENCE);
    let query = "subscription { inboxUpdated { cursor } }";
    let mut answer = request.json(&json!({"query": query})).send().await.unwrap();
    let mut read = String::new();
    while !read.contains("inboxUpdated") {
        read.push_str(&String::from_utf8_lossy(
            &answer.chunk().await.unwrap().expect("the stream has ended"),
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_come_back_on_another_server_behind_nginx() {
    clients_come_back_on_another_server(Proxy::Nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_come_back_on_another_server_behind_caddy() {
    clients_come_back_on_another_server(Proxy::Caddy).await;
}
