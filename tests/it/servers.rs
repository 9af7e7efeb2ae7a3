//! Several servers on one PostgreSQL, behind a real proxy with the configuration from the documents
//! and without one: servers die and stop under load, and clients go on at another and miss nothing.

mod people;
mod proxy;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde_json::Value;

use self::{
    people::{Crowd, READERS, reader},
    proxy::Proxy,
};
use crate::support::{
    app::{Kind, Port, SECRET},
    database::Database,
    process::{Server, follow, printed, tidings, token},
    socket::PATIENCE,
};

/// The pause that clients make between two tries.
const BREATH: Duration = Duration::from_millis(20);

/// A database, and where its servers listen.
struct Place {
    database: Database,
    directory: tempfile::TempDir,
}

impl Place {
    /// None if there is no PostgreSQL.
    async fn find() -> Option<Self> {
        let log = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env());
        let _ = log.with_test_writer().try_init();
        let database = Database::create(Kind::Postgres).await?;
        Some(Place { database, directory: tempfile::tempdir().unwrap() })
    }

    fn start(&self, address: SocketAddr) -> Server {
        let mut command = tidings(self.directory.path());
        command.env("TIDINGS_DATABASE_URL", &self.database.url).env("TIDINGS_AUTH_SECRET", SECRET);
        // Nobody reads the log, so it must not fill the pipe.
        command.env("TIDINGS_LOG", "tidings::cli=info,error");
        Server::start_at(&mut command, &address.to_string())
    }

    /// Everything that is counted is right.
    fn assert_recounted(&self) {
        let mut recount = tidings(self.directory.path());
        recount.args(["recount", "--database-url", &self.database.url]);
        assert!(printed(recount.output().unwrap()).ends_with("is right\n"));
    }
}

/// Makes the readers known; gives from where each follows.
async fn cursors(server: &Server) -> Vec<Option<String>> {
    let mut cursors = Vec::new();
    for number in 0..READERS {
        let inbox = server.query(&token(&reader(number)), "{ viewer { inbox { cursor } } }").await;
        cursors.push(inbox["viewer"]["inbox"]["cursor"].as_str().map(str::to_owned));
    }
    cursors
}

async fn clients_come_back_on_another_server(proxy: Proxy) {
    let Some(program) = proxy.program() else { return };
    let Some(place) = Place::find().await else { return };
    let ports = [Port::any(), Port::any(), Port::any()];
    let [listen, first, second] = [0, 1, 2].map(|port| ports[port].address());
    let (one, other) = (place.start(first), place.start(second));
    let cursors = cursors(&one).await;
    let _proxy = proxy.start(&program, place.directory.path(), listen, [first, second]).await;
    let crowd = Crowd::start(&[listen], cursors);

    crowd.some_more().await;
    one.signal("KILL");
    assert!(!one.end().success());
    crowd.some_more().await;
    let one = place.start(first);
    crowd.some_more().await;
    other.signal("TERM");
    assert!(other.end().success());
    crowd.some_more().await;

    let (written, connections) = crowd.end().await;
    assert!(
        connections >= 2 * READERS,
        "each was on a server that ended, and came back: {connections}"
    );
    an_event_stream_is_not_held_up(listen).await;
    // Their ids and cursors belong to the database: a client connected directly to a server
    // continues from there.
    let fresh = follow(&first.to_string(), &reader(0), None).await;
    assert_eq!(fresh.state.counts["unread"], written.unread);
    one.signal("TERM");
    assert!(one.end().success());
    place.assert_recounted();
}

/// The first event arrives while the stream is open.
async fn an_event_stream_is_not_held_up(address: SocketAddr) {
    let request = reqwest::Client::new()
        .post(format!("http://{address}/graphql"))
        .bearer_auth(token(&reader(0)));
    let request = request.header("accept", "text/event-stream").timeout(PATIENCE);
    let query = "subscription { inboxUpdated { cursor } }";
    let mut answer = request.json(&serde_json::json!({"query": query})).send().await.unwrap();
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

/// People follow, send and read, each request at the next of the servers. One of these is killed
/// and comes back, another is stopped for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_servers_share_one_postgres_and_every_inbox_is_exactly_right() {
    let Some(place) = Place::find().await else { return };
    let ports = [Port::any(), Port::any(), Port::any(), Port::any()];
    let addresses = [0, 1, 2, 3].map(|port: usize| ports[port].address());
    let [a, b, c, d] = addresses.map(|address| place.start(address));
    let cursors = cursors(&a).await;
    let crowd = Crowd::start(&addresses, cursors);

    crowd.some_more().await;
    b.signal("KILL");
    assert!(!b.end().success());
    crowd.some_more().await;
    c.signal("TERM");
    assert!(c.end().success());
    crowd.some_more().await;
    let b = place.start(addresses[1]);
    crowd.some_more().await;

    let (written, connections) = crowd.end().await;
    // At first, a quarter of them is on each.
    assert!(connections >= READERS + READERS / 2, "nobody came back: {connections}");
    for number in 0..READERS {
        let [of_a, of_b, of_d] =
            [inbox(&a, number).await, inbox(&b, number).await, inbox(&d, number).await];
        assert_eq!((of_a.len(), unread(&of_a)), (written.messages, written.unread));
        assert!(of_a == of_b && of_b == of_d, "servers show different inboxes");
    }
    for server in [a, b, d] {
        server.signal("TERM");
        assert!(server.end().success());
    }
    place.assert_recounted();
}

/// An inbox as a server shows it: whether each message is read, by its title.
async fn inbox(server: &Server, number: usize) -> BTreeMap<String, bool> {
    let mut all = BTreeMap::new();
    let mut after = String::from("null");
    loop {
        let page = format!(
            "{{ viewer {{ inbox {{ items(first: 100, after: {after}) {{
                nodes {{ title readAt }} pageInfo {{ hasNextPage endCursor }} }} }} }} }}"
        );
        let page = server.query(&token(&reader(number)), &page).await;
        let items = &page["viewer"]["inbox"]["items"];
        for item in items["nodes"].as_array().unwrap() {
            let title = item["title"].as_str().unwrap().to_owned();
            assert_eq!(
                all.insert(title, item["readAt"].is_string()),
                None,
                "{item} is there twice"
            );
        }
        if items["pageInfo"]["hasNextPage"] == Value::Bool(false) {
            return all;
        }
        after = items["pageInfo"]["endCursor"].to_string();
    }
}

fn unread(inbox: &BTreeMap<String, bool>) -> usize {
    inbox.values().filter(|is_read| !**is_read).count()
}
