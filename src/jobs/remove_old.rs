//! Removes from the inboxes what is older than `inbox_retention`.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::Job;
use crate::{
    app::App,
    error::Result,
    inbox,
    sweep::{self, Pass},
};

pub struct RemoveOld;

#[async_trait]
impl Job for RemoveOld {
    fn name(&self) -> &'static str {
        "remove old"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        match retention(app) {
            Some(retention) => sweep::next_at(&app.db, Pass::Inboxes, retention).await,
            None => Ok(None),
        }
    }

    async fn part(&self, app: &App, _: i64) -> Result<()> {
        part(app).await.map(drop)
    }
}

/// Returns how many items it was.
pub async fn part(app: &App) -> Result<u64> {
    match retention(app) {
        Some(retention) => inbox::remove_old(&app.db, retention, app.clock.now()).await,
        None => Ok(0),
    }
}

/// For how long they are kept.
pub fn retention(app: &App) -> Option<TimeDelta> {
    let retention = app.config.inbox_retention?;
    Some(TimeDelta::from_std(retention).unwrap_or(TimeDelta::MAX))
}
