//! A server for each test.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tidings::{
    app::App,
    auth::Role,
    clock::Clock,
    config::{AddressBook, Config},
    jobs, server,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};

use super::{database::Database, documents::UPSERT_USERS, user::refs};
pub use super::{
    database::Kind,
    user::{TestUser, To},
};

/// The tests' clock starts here: a Monday morning.
pub const START: &str = "2026-01-05T09:00:00Z";
pub const SECRET: &str = "a secret for tests, of more than 32 bytes";

/// Runs a test on SQLite and on PostgreSQL: `both! { async fn name(app: TestApp) { … } }`. With
/// `on one thread:` in front, client and server take turns, so that concurrent actions happen in a
/// fixed order.
macro_rules! both {
    (on one thread: $($tests:tt)*) => { both! { @1 $($tests)* } };
    (@$threads:literal $(
        $(#[$doc:meta])* async fn $name:ident($app:ident: TestApp $(,)?) $story:block
    )*) => { $(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn story($app: TestApp) $story

            #[test]
            fn sqlite() {
                crate::support::app::run(crate::support::app::Kind::Sqlite, $threads, story);
            }

            #[test]
            fn postgres() {
                crate::support::app::run(crate::support::app::Kind::Postgres, $threads, story);
            }
        }
    )* };
    ($($tests:tt)*) => { both! { @2 $($tests)* } };
}
pub(crate) use both;

/// Runs one test on one database.
pub fn run<F: Future<Output = ()>>(kind: Kind, threads: usize, story: impl FnOnce(TestApp) -> F) {
    // The snapshots of a test are checked once for each database.
    insta::allow_duplicates! {
        run_with(threads, async {
            let Some(app) = TestApp::start(kind).await else { return };
            story(app.clone()).await;
            app.stop().await;
        });
    }
}

/// Runs a story that creates its servers itself.
pub fn run_with(threads: usize, story: impl Future<Output = ()>) {
    let mut runtime = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    // RUST_LOG=debug shows the server's log.
    let log = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env());
    let _ = log.with_test_writer().try_init();
    runtime.worker_threads(threads).enable_all().build().unwrap().block_on(story);
}

/// A server on its own port and database, with a clock that stands still.
#[derive(Clone)]
pub struct TestApp(Arc<Inner>);

struct Inner {
    app: App,
    port: Arc<Port>,
    address: String,
    database: Arc<Database>,
    serving: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

/// A port that nobody else can get, even while no server listens on it: with many tests running,
/// another socket soon would.
pub struct Port(TcpSocket);

impl Port {
    pub fn address(&self) -> std::net::SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub fn any() -> Arc<Self> {
        let socket = TcpSocket::new_v4().unwrap();
        // Allows the listener to bind it, too; a socket that does not listen is not in its way.
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Arc::new(Port(socket))
    }
}

impl std::ops::Deref for TestApp {
    type Target = App;

    fn deref(&self) -> &App {
        &self.0.app
    }
}

impl TestApp {
    /// None if there is no PostgreSQL.
    pub async fn start(kind: Kind) -> Option<Self> {
        Self::start_with(kind, |_| {}).await
    }

    /// With its own settings.
    pub async fn start_with(kind: Kind, set: impl FnOnce(&mut Config)) -> Option<Self> {
        Some(Self::start_on(Database::create(kind).await?, set).await)
    }

    /// On a database that may have something in it.
    pub async fn start_on(database: Database, set: impl FnOnce(&mut Config)) -> Self {
        let clock = Clock::manual(START.parse().unwrap());
        let mut config = Config {
            database_url: database.url.as_str().into(),
            auth_secret: Some(SECRET.into()),
            migrate: false,
            // Most stories are about what people write, and not about whom they may write to.
            address_book: AddressBook::Everybody,
            ..Config::default()
        };
        // Part of a job holds its rows for ten times as long as in a release build, and longer
        // beside other tests.
        config.database.lock_timeout = std::time::Duration::from_secs(30);
        set(&mut config);
        Self::open(Arc::new(database), config, clock, Port::any()).await
    }

    async fn open(database: Arc<Database>, config: Config, clock: Clock, port: Arc<Port>) -> Self {
        let listener = TcpListener::bind(port.address()).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let app = server::start(config, clock).await.unwrap();
        let serving = tokio::spawn({
            let app = app.clone();
            async move { server::serve(app, listener).await.unwrap() }
        });
        let serving = tokio::sync::Mutex::new(Some(serving));
        TestApp(Arc::new(Inner { app, port, address, database, serving }))
    }

    /// A second server on the same database; on SQLite only after the first has stopped.
    pub async fn another(&self) -> Self {
        Self::open(self.0.database.clone(), (*self.config).clone(), self.clock.clone(), Port::any())
            .await
    }

    /// Stops the server as SIGTERM does, and starts it again on the same database and address.
    pub async fn restart(&self) -> Self {
        self.restart_with(|_| {}).await
    }

    /// Restarts with other settings.
    pub async fn restart_with(&self, set: impl FnOnce(&mut Config)) -> Self {
        self.stop().await;
        let mut config = (*self.config).clone();
        set(&mut config);
        Self::open(self.0.database.clone(), config, self.clock.clone(), self.0.port.clone()).await
    }

    /// Stops the server in order.
    pub async fn stop(&self) {
        self.shutdown.cancel();
        if let Some(serving) = self.0.serving.lock().await.take() {
            serving.await.unwrap();
        }
    }

    /// A copy of its database, for use after it has stopped.
    pub async fn copy_database(&self) -> Database {
        self.0.database.copy().await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.0.address)
    }

    /// Where it listens, as host and port.
    pub fn address(&self) -> &str {
        &self.0.address
    }

    pub fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
    }

    /// Does what is due now, and returns when that is done.
    pub async fn run_due(&self) {
        jobs::run_due(self).await.unwrap();
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Anybody with a token.
    pub fn client(&self, name: &str, role: Role) -> TestUser {
        let token = self.auth.issue(name, role, self.now() + TimeDelta::days(365)).unwrap();
        TestUser {
            app: self.clone(),
            name: name.into(),
            id: String::new(),
            token: Some(token),
            act_as: None,
        }
    }

    /// A known person.
    pub async fn user(&self, name: &str) -> TestUser {
        let mut user = self.client(name, Role::User);
        user.id = user.query("{ viewer { id } }", json!({})).await["viewer"]["id"]
            .as_str()
            .unwrap()
            .into();
        user
    }

    pub async fn users<const N: usize>(&self, names: [&str; N]) -> [TestUser; N] {
        let mut users = Vec::with_capacity(N);
        for name in names {
            users.push(self.user(name).await);
        }
        users.try_into().unwrap_or_else(|_| unreachable!())
    }

    pub async fn admin(&self) -> TestUser {
        let mut admin = self.client("root", Role::Admin);
        admin.id = admin.query("{ viewer { id } }", json!({})).await["viewer"]["id"]
            .as_str()
            .unwrap()
            .into();
        admin
    }

    /// The host application.
    pub fn service(&self) -> TestUser {
        self.client("host", Role::Service)
    }

    /// A client without a token.
    pub fn stranger(&self) -> TestUser {
        TestUser {
            app: self.clone(),
            name: "stranger".into(),
            id: String::new(),
            token: None,
            act_as: None,
        }
    }

    /// Makes a person known, or changes them.
    pub async fn upsert_user(&self, user: Value) {
        self.service().query(UPSERT_USERS, json!({"users": [user]})).await;
    }

    pub async fn deactivate(&self, user: &str) {
        let deactivate = "mutation($user: UserRef!) {
            deactivateUser(input: {user: $user}) { user { id } } }";
        self.service().query(deactivate, json!({"user": {"externalId": user}})).await;
    }

    pub async fn reactivate(&self, user: &str) {
        let reactivate = "mutation($user: UserRef!) {
            reactivateUser(input: {user: $user}) { user { id } } }";
        self.service().query(reactivate, json!({"user": {"externalId": user}})).await;
    }

    /// A group with these members.
    pub async fn group(&self, name: &str, members: &[&TestUser]) -> String {
        let upsert = "mutation($id: String!) {
            upsertGroup(input: {externalId: $id, name: $id}) { group { id } } }";
        let made = self.service().query(upsert, json!({"id": name})).await;
        let id = made["upsertGroup"]["group"]["id"].as_str().unwrap().to_owned();
        if !members.is_empty() {
            self.add_members(name, members).await;
        }
        id
    }

    pub async fn add_members(&self, group: &str, members: &[&TestUser]) {
        let add = "mutation($group: GroupRef!, $users: [UserRef!]!) {
            addGroupMembers(input: {group: $group, users: $users}) { group { id } } }";
        self.service()
            .query(add, json!({"group": {"externalId": group}, "users": refs(members)}))
            .await;
    }

    pub async fn remove_members(&self, group: &str, members: &[&TestUser]) {
        let remove = "mutation($group: GroupRef!, $users: [UserRef!]!) {
            removeGroupMembers(input: {group: $group, users: $users}) { group { id } } }";
        self.service()
            .query(remove, json!({"group": {"externalId": group}, "users": refs(members)}))
            .await;
    }

    /// A client that followed the inbox from the beginning must have what a fresh query shows (P5).
    pub async fn assert_live_equals_refetch(&self, user: &TestUser) {
        let mut live = user.follow_inbox(Some(&format!("{}:0", self.epoch))).await;
        let fresh = user.inbox().await;
        live.until(&fresh.cursor).await;
        assert_eq!(live.state, fresh, "what {} has heard is not what there is", user.name);
    }
}
