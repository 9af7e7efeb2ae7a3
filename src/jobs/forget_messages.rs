//! Deletes threads that are older than `message_retention`.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::Job;
use crate::{
    app::App,
    error::Result,
    messages::retain,
    sweep::{self, Pass},
};

pub struct ForgetMessages;

#[async_trait]
impl Job for ForgetMessages {
    fn name(&self) -> &'static str {
        "forget messages"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        match retention(app) {
            Some(retention) => sweep::next_at(&app.db, Pass::Messages, retention).await,
            None => Ok(None),
        }
    }

    async fn part(&self, app: &App, _: i64) -> Result<()> {
        part(app).await.map(drop)
    }
}

/// Returns how many threads it was.
pub async fn part(app: &App) -> Result<u64> {
    match retention(app) {
        Some(retention) => retain::forget_old(app, retention).await,
        None => Ok(0),
    }
}

/// For how long they are kept.
pub fn retention(app: &App) -> Option<TimeDelta> {
    let retention = app.config.message_retention?;
    Some(TimeDelta::from_std(retention).unwrap_or(TimeDelta::MAX))
}
