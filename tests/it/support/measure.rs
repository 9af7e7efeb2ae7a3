//! How much a statement reads: in pages on PostgreSQL, in steps of its virtual machine on SQLite.
//!
//! Statements that the server ran are run again, in the same order, on earlier copies of its
//! database. So the same ids come out, while each copy can have different statistics.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use serde_json::Value;

use super::{
    app::TestApp,
    database::Database,
    plan::{postgres_plan, values},
};

/// What a database knows about its tables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistics {
    /// Their current state.
    Fresh,
    /// Nothing.
    None,
    /// Their state when they were empty. That is what the server's own database knows here.
    Empty,
    /// Their state when the first messages had been sent to the first people.
    Early,
}

/// How many steps of SQLite count as one.
const STEPS: u32 = 10;

/// A copy of a database, with a connection that plans as the server's do.
pub struct Copy {
    pub connection: DatabaseConnection,
    steps: Arc<AtomicU64>,
    pub statistics: Statistics,
    _database: Database,
}

impl Copy {
    /// Of a server that has stopped.
    pub async fn of(app: &TestApp, statistics: Statistics) -> Self {
        let database = app.copy_database().await;
        let mut options = ConnectOptions::new(database.url.as_str());
        options.max_connections(1).sqlx_logging(false);
        options.map_sqlx_postgres_opts(|options| options.options(tidings::db::PLANS));
        let connection = sea_orm::Database::connect(options).await.unwrap();
        let steps = Arc::new(AtomicU64::new(0));
        if connection.get_database_backend() == DbBackend::Sqlite {
            let mut one = connection.get_sqlite_connection_pool().acquire().await.unwrap();
            let counter = steps.clone();
            one.lock_handle().await.unwrap().set_progress_handler(STEPS as i32, move || {
                counter.fetch_add(u64::from(STEPS), Ordering::Relaxed);
                true
            });
        }
        let copy = Copy { connection, steps, statistics, _database: database };
        copy.learn().await;
        copy
    }

    async fn learn(&self) {
        let statements = match (self.statistics, self.connection.get_database_backend()) {
            (Statistics::Empty, _) => "",
            (Statistics::Fresh | Statistics::Early, _) => "ANALYZE",
            (Statistics::None, DbBackend::Postgres) => {
                "DELETE FROM pg_statistic; UPDATE pg_class SET relpages = 0, reltuples = -1 \
                 WHERE relnamespace = 'public'::regnamespace"
            }
            (Statistics::None, _) => "DELETE FROM sqlite_stat1; ANALYZE sqlite_schema",
        };
        self.connection.execute_unprepared(statements).await.unwrap();
    }

    /// Runs a statement; returns how much it read, and how.
    pub async fn run(&self, statement: &Statement) -> (u64, String) {
        if statement.db_backend == DbBackend::Postgres {
            let plan = postgres_plan(&self.connection, statement, true).await;
            let pages = |name: &str| plan[0]["Plan"][name].as_u64().unwrap_or(0);
            return (
                pages("Shared Hit Blocks") + pages("Shared Read Blocks"),
                outline(&plan[0]["Plan"], 0),
            );
        }
        let explain = Statement::from_sql_and_values(
            DbBackend::Sqlite,
            format!("EXPLAIN QUERY PLAN {}", statement.sql),
            values(statement),
        );
        let plan = self.connection.query_all_raw(explain).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.try_get_by_index(3).unwrap()).collect();
        self.steps.store(0, Ordering::Relaxed);
        let ran = self.connection.query_all_raw(statement.clone()).await;
        ran.unwrap_or_else(|error| panic!("{error}: {statement}"));
        (self.steps.load(Ordering::Relaxed), plan.join("\n"))
    }
}

/// The nodes of a PostgreSQL plan, with what each reads.
fn outline(node: &Value, depth: usize) -> String {
    let text = |name: &str| node[name].as_str().unwrap_or_default();
    let mut lines = format!(
        "{}{} {} {} {}{}: {} rows, {} times, {} pages\n",
        "  ".repeat(depth),
        text("Node Type"),
        text("Relation Name"),
        text("Index Name"),
        text("Index Cond"),
        text("Filter"),
        node["Actual Rows"],
        node["Actual Loops"],
        node["Shared Hit Blocks"].as_u64().unwrap_or(0)
            + node["Shared Read Blocks"].as_u64().unwrap_or(0),
    );
    for part in node["Plans"].as_array().into_iter().flatten() {
        lines += &outline(part, depth + 1);
    }
    lines
}
