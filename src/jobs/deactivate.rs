//! Ends campaigns: users who have not answered the last reminder in time are deactivated.

use ::entity::id::MessageId;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Job;
use crate::{app::App, error::Result, messages::reminders};

pub struct Deactivate;

#[async_trait]
impl Job for Deactivate {
    fn name(&self) -> &'static str {
        "deactivate"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        reminders::next_over(app).await
    }

    async fn things(&self, app: &App, most: u64) -> Result<Vec<i64>> {
        let things = reminders::over(app, most).await?;
        Ok(things.into_iter().map(|id| id.0).collect())
    }

    async fn part(&self, app: &App, id: i64) -> Result<()> {
        reminders::deactivate(app, MessageId(id)).await
    }
}
