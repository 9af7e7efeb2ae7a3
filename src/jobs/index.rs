//! Writes the index of words that searches use.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::Job;
use crate::{
    app::App,
    error::Result,
    search::{ALL, index},
};

pub struct Index;

#[async_trait]
impl Job for Index {
    fn name(&self) -> &'static str {
        "index"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        // A full segment need not wait for more texts. It is due as late as a job may be, that is, now.
        index::due_at(&app.db, app.clock.now() - self.may_be_late_by()).await
    }

    /// So that texts that change at the same time are added together; meanwhile, searches look at
    /// them.
    fn may_be_late_by(&self) -> TimeDelta {
        TimeDelta::seconds(10)
    }

    async fn things(&self, _app: &App, _most: u64) -> Result<Vec<i64>> {
        Ok((0..ALL.len() as i64).collect())
    }

    async fn part(&self, app: &App, thing: i64) -> Result<()> {
        index::go_on(&app.db, ALL[thing as usize], app.clock.now()).await
    }
}
