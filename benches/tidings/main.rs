//! `make bench`: how fast Tidings is, beside what its database alone can do.
//!
//! A time says little on a machine that others share, so every figure stands beside a floor that the same run
//! measures: the same rows read or written by plain sqlx. The floor and the server take turns, so that a slow minute
//! slows both. The server is a process of its own (`tidings serve`); what it costs is read from `/proc`.
//!
//! `cargo bench -- F2 SQLite` runs the lines whose names contain all of these; `settings` says what else can be set.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod collector;
mod crowd;
mod data;
mod database;
mod http;
mod load;
mod postgres;
mod process;
mod server;
mod settings;
mod socket;
mod statements;
mod table;

mod f0_nothing;
mod f10_start;
mod f11_remind;
mod f12_report;
mod f13_mark;
mod f1_floor;
mod f1_send;
mod f2_page;
mod f3_growth;
mod f4_group;
mod f5_announce;
mod f6_broadcast;
mod f6_floor;
mod f7_live;
mod f8_memory;
mod f9_activities;
mod p6_stalled;
mod p7_storm;
mod pull_inbox;
mod pull_target;

use std::{net::SocketAddr, process::ExitCode};

use tidings::auth::{Auth, Role};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    database::Database, f6_broadcast::New, postgres::Cluster, server::SECRET, settings::Settings,
    table::Row,
};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// How many clients send requests, each one at a time.
const CONNECTIONS: usize = 32;

const MILLION: i64 = 1_000_000;

/// What every line works with.
struct Bench {
    settings: Settings,
    database: Database,
    auth: Auth,
    watch: Watch,
}

/// How servers are watched.
#[derive(Clone, Copy)]
enum Watch {
    No,
    /// They write a line for each request, and have metrics.
    Metrics,
    /// They also send all spans to a collector, which throws them away.
    Traces(SocketAddr),
}

#[derive(Clone, Copy)]
enum Line {
    Nothing,
    SendToMany,
    SendToMillion,
    SendToOne,
    Page,
    Growth,
    Group(i64),
    Live,
    Memory,
    Storm,
    Start,
    RemindMany,
    RemindOfMany,
    Report,
    Mark,
    Broadcast(New, usize),
    Activities(usize),
    PullInbox,
    PullTarget,
    Announce,
    Stalled,
    /// Another line, with servers that are watched as in production.
    Watched(&'static Line),
    /// The same, and every request is traced.
    Traced(&'static Line),
}

/// From F11 on, lines leave something in the database: more people, announcements that everybody has due, activities.
const LINES: [(&str, Line); 29] = [
    ("F0 a query for nothing", Line::Nothing),
    ("F1 createMessage to one of all people", Line::SendToMany),
    ("F1 createMessage, always to the same person", Line::SendToOne),
    ("F2 the inbox page: 20 newest of 10 000 items", Line::Page),
    ("F1 with metrics and an access log", Line::Watched(&Line::SendToMany)),
    ("F2 with metrics and an access log", Line::Watched(&Line::Page)),
    ("F1 with metrics, an access log and traces", Line::Traced(&Line::SendToMany)),
    ("F2 with metrics, an access log and traces", Line::Traced(&Line::Page)),
    ("F3 the inbox page", Line::Growth),
    ("F4 createMessage to a group of 10 000", Line::Group(data::MEMBERS)),
    ("F7 from createMessage to the websocket frame", Line::Live),
    ("F8 memory of a socket", Line::Memory),
    ("P6 to frame, beside 200 that read nothing (floor: without them)", Line::Stalled),
    ("P7 followers of inboxes", Line::Storm),
    ("F10 from start to /readyz", Line::Start),
    ("F11 reminders: 1 message, 100 000 people", Line::RemindMany),
    ("F11 reminders: 10 000 messages, 1 person each", Line::RemindOfMany),
    ("F12 readReport: 20 messages to 100 000 each", Line::Report),
    ("F13 markRead of one item", Line::Mark),
    ("F4 createMessage to a group of 100 000", Line::Group(crowd::SIZE)),
    (
        "F6 activity to 1 000 followers (floor: plain broadcast)",
        Line::Broadcast(New::Activity, 1_000),
    ),
    (
        "F6 announcement to 1 000 connected (floor: plain broadcast)",
        Line::Broadcast(New::Announcement, 1_000),
    ),
    (
        "F6 announcement to 5 000 connected (floor: plain broadcast)",
        Line::Broadcast(New::Announcement, 5_000),
    ),
    ("F9 createActivities, one by one", Line::Activities(1)),
    ("F9 createActivities, in batches of 500", Line::Activities(500)),
    ("Pull past 100 000 of others", Line::PullInbox),
    ("Pull: createActivities where 100 000 follow (floor: nobody does)", Line::PullTarget),
    ("F5 createAnnouncement", Line::Announce),
    ("F1 createMessage to one of 1 000 000 people", Line::SendToMillion),
];

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = tokio::select! {
        outcome = run() => outcome,
        () = told_to_stop() => Err("stopped".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns when the bench is to end early; leaving `main` ends the processes that it started.
async fn told_to_stop() {
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate => {}
    }
}

async fn run() -> Result<()> {
    let directory = settings::directory()?;
    let settings = Settings::read(directory.path())?;
    let sqlite = Database::Sqlite(settings.directory.join("tidings.db"));
    let on_sqlite = measure(&settings, "SQLite", || Ok(sqlite)).await;
    let on_postgres = match postgres::binaries() {
        Some(binaries) => {
            measure(&settings, "PostgreSQL", || {
                Cluster::start(&binaries, &settings.directory, "")
                    .map(|cluster| Database::Postgres(Box::new(cluster)))
            })
            .await
        }
        None => {
            println!(
                "\nPostgreSQL: SKIPPED! There is no initdb in PATH or /usr/lib/postgresql/*/bin."
            );
            Ok(())
        }
    };
    on_sqlite.and(on_postgres)
}

/// Runs the lines that were asked for on one database.
async fn measure(
    settings: &Settings,
    name: &str,
    database: impl FnOnce() -> Result<Database>,
) -> Result<()> {
    let lines: Vec<_> =
        LINES.into_iter().filter(|(line, _)| settings.want(&format!("{name} {line}"))).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let database = database()?;
    server::migrate(&database.url(), settings)?;
    let loaded = data::load(&database, settings.users, settings.items).await?;
    println!(
        "\n{name}: {} items in inboxes of {}, {} users; {CONNECTIONS} connections; {} s a side; {} cores; {loaded}",
        table::number(settings.items as f64),
        table::number(data::OWN_ITEMS as f64),
        table::number(settings.users as f64),
        settings.time.as_secs(),
        std::thread::available_parallelism()?,
    );
    let mut bench = Bench::on(database, settings)?;
    let collector = collector::start().await?;
    println!("{}", Row::head());
    let mut outcome = Ok(());
    for (name, line) in lines {
        bench.watch = match line {
            Line::Watched(_) => Watch::Metrics,
            Line::Traced(_) => Watch::Traces(collector),
            _ => Watch::No,
        };
        match bench.line(name, line).await {
            Ok(rows) => rows.iter().for_each(|row| println!("{row}")),
            Err(error) => {
                println!("{name}: FAILED: {error}");
                outcome = Err("not all lines were measured".into());
            }
        }
    }
    outcome
}

impl Bench {
    fn on(database: Database, settings: &Settings) -> Result<Self> {
        let auth = Auth::new(SECRET).map_err(|error| format!("{error:?}"))?;
        Ok(Bench { settings: settings.clone(), database, auth, watch: Watch::No })
    }

    async fn line(&self, name: &str, line: Line) -> Result<Vec<Row>> {
        match line {
            Line::Nothing => f0_nothing::run(self, name).await,
            Line::SendToMany => f1_send::run(self, name, 1..=self.settings.users).await,
            Line::SendToMillion => {
                data::grow(&self.database, MILLION).await?;
                f1_send::run(self, name, 1..=MILLION).await
            }
            Line::SendToOne => f1_send::run(self, name, 1..=1).await,
            Line::Page => f2_page::run(self, name).await,
            Line::Growth => f3_growth::run(self, name).await,
            Line::Group(members) => f4_group::run(self, name, members).await,
            Line::Live => f7_live::run(self, name).await,
            Line::Memory => f8_memory::run(self, name).await,
            Line::Storm => p7_storm::run(self, name).await,
            Line::Start => f10_start::run(self, name).await,
            Line::RemindMany => f11_remind::run(self, name, 1, crowd::SIZE).await,
            Line::RemindOfMany => f11_remind::run(self, name, 10_000, 1).await,
            Line::Report => f12_report::run(self, name).await,
            Line::Mark => f13_mark::run(self, name).await,
            Line::Broadcast(new, connected) => f6_broadcast::run(self, name, new, connected).await,
            Line::Activities(batch) => f9_activities::run(self, name, batch).await,
            Line::PullInbox => pull_inbox::run(self, name).await,
            Line::PullTarget => pull_target::run(self, name).await,
            Line::Stalled => p6_stalled::run(self, name).await,
            Line::Announce => f5_announce::run(self, name).await,
            Line::Watched(line) | Line::Traced(line) => Box::pin(self.line(name, *line)).await,
        }
    }

    /// The token of a user of [`data`].
    fn token(&self, user: i64) -> Result<String> {
        self.token_of(&data::external_id(user))
    }

    /// The token of anybody, by the external id.
    fn token_of(&self, user: &str) -> Result<String> {
        self.issue(user, Role::User)
    }

    /// The token of the host application.
    fn service(&self) -> Result<String> {
        self.issue("host", Role::Service)
    }

    fn issue(&self, name: &str, role: Role) -> Result<String> {
        let expires = tidings::clock::Clock::System.now() + chrono::TimeDelta::days(1);
        self.auth.issue(name, role, expires).map_err(|error| format!("{error:?}").into())
    }

    /// A statement without values.
    fn statement(&self, sql: &str) -> sea_orm::Statement {
        let backend = match self.database {
            Database::Sqlite(_) => sea_orm::DbBackend::Sqlite,
            Database::Postgres(_) => sea_orm::DbBackend::Postgres,
        };
        sea_orm::Statement::from_string(backend, sql)
    }
}
