//! What is in the database, and what is due, without a scan that would hurt a big one.
//!
//! A table is counted up to [`MOST_COUNTED`] rows. Of a larger one the number is an estimate:
//! PostgreSQL's own, as of its last ANALYZE, and on SQLite the highest id, which also counts rows
//! that have been deleted.

use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use crate::{
    app::App,
    db::Db,
    error::Result,
    jobs::{self, Due},
};

/// Counting this many rows takes some tenths of a second at most.
const MOST_COUNTED: i64 = 1_000_000;

/// What is counted: a name for people, and the table.
const TABLES: [(&str, &str); 6] = [
    ("users", "user_account"),
    ("groups", "user_group"),
    ("messages", "message"),
    ("announcements", "announcement"),
    ("activities", "activity"),
    ("inbox items", "inbox_item"),
];

/// A database at a moment.
#[derive(Clone, Debug)]
pub struct Look {
    pub at: DateTime<Utc>,
    pub counts: Vec<Count>,
    /// Bytes of all tables and indices.
    pub size: i64,
    /// What the jobs have to do. Empty if everything is done.
    pub due: Vec<Due>,
}

/// How many rows a table has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    pub of: &'static str,
    pub count: i64,
    pub is_estimate: bool,
}

/// Looks at everything once.
pub async fn look(app: &App) -> Result<Look> {
    let mut counts = Vec::new();
    for (of, table) in TABLES {
        counts.push(count(&app.db, of, table, MOST_COUNTED).await?);
    }
    let mut sql = app.db.sql("stats::size");
    sql.push(format!("SELECT {}", sql.dialect().size()));
    let size = sql.value(app.db.read()).await?.unwrap_or(0);
    Ok(Look { counts, size, due: jobs::due(app).await?, at: app.clock.now() })
}

/// Counts the rows of a table up to `most`, and estimates them if there are more.
pub async fn count(db: &Db, of: &'static str, table: &str, most: i64) -> Result<Count> {
    #[derive(FromQueryResult)]
    struct Rows {
        counted: i64,
        estimated: Option<i64>,
    }
    let mut sql = db.sql("stats::count");
    let (estimate, up_to) = (sql.dialect().estimated_rows(table), most + 1);
    sql.push(format!(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {up_to}) AS r) AS counted, \
         ({estimate}) AS estimated"
    ));
    let rows = sql.one(db.read()).await?.unwrap_or(Rows { counted: 0, estimated: None });
    Ok(match rows.counted > most {
        // A table that was never analysed has no estimate.
        true => {
            Count { of, count: rows.estimated.unwrap_or(0).max(rows.counted), is_estimate: true }
        }
        false => Count { of, count: rows.counted, is_estimate: false },
    })
}
