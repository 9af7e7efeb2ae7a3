//! `databaseStats`: how much there is, and what is due.

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::{SEARCH, actor, auth, cost, hosts, list_size};
use crate::{
    error::Result,
    gate::reading,
    stats::{self, Look},
};

/// How much is in the database, and what the server has to do.
#[derive(SimpleObject)]
pub struct DatabaseStats {
    /// The large tables.
    #[graphql(directive = list_size::apply(6))]
    counts: Vec<RowCount>,
    /// The bytes of all tables and indices: a whole number, which may be too large for an Int.
    size: f64,
    /// The jobs that have something to do; empty if everything is done.
    #[graphql(directive = list_size::apply(17))]
    due: Vec<DueJob>,
}

/// How many rows a table has.
#[derive(SimpleObject)]
pub struct RowCount {
    /// What is counted, such as `inbox items`.
    of: &'static str,
    /// A whole number, which may be too large for an Int.
    count: f64,
    /// Whether it is only an estimate: a table of more than a million rows is not counted.
    is_estimate: bool,
}

/// A job that has something to do.
#[derive(SimpleObject)]
pub struct DueJob {
    /// Its name, as in logs and metrics.
    job: &'static str,
    /// Since when it is due; null if the job knows only that it is.
    since: Option<DateTime<Utc>>,
    /// How many seconds that is ago.
    seconds: Option<i32>,
}

impl From<Look> for DatabaseStats {
    fn from(look: Look) -> Self {
        let Look { counts, size, due, at } = look;
        let counts = counts.into_iter().map(|count| RowCount {
            of: count.of,
            count: count.count as f64,
            is_estimate: count.is_estimate,
        });
        let due = due.into_iter().map(|due| DueJob {
            job: due.job,
            since: due.since,
            seconds: due
                .since
                .map(|since| (at - since).num_seconds().try_into().unwrap_or(i32::MAX)),
        });
        DatabaseStats { counts: counts.collect(), size: size as f64, due: due.collect() }
    }
}

#[derive(Default)]
pub struct StatsQuery;

#[Object]
impl StatsQuery {
    /// How much is in the database, and what the server has to do. It counts up to a million rows of
    /// each large table, and waits for its turn as a search does.
    #[graphql(directive = auth::apply(hosts()), directive = cost::apply(SEARCH))]
    async fn database_stats(&self, ctx: &Context<'_>) -> Result<Option<DatabaseStats>> {
        actor(ctx)?.require_host()?;
        let look = reading(ctx, true, |app| async move { stats::look(&app).await }).await?;
        Ok(Some(look.into()))
    }
}
