//! Removes announcements that have expired or were retracted from the inboxes.

use ::entity::id::AnnouncementId;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Job;
use crate::{app::App, error::Result, notifications::announcements};

pub struct Withdraw;

#[async_trait]
impl Job for Withdraw {
    fn name(&self) -> &'static str {
        "withdraw"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        announcements::next_expiry(app).await
    }

    async fn things(&self, app: &App, most: u64) -> Result<Vec<i64>> {
        let things = announcements::leaving(app, most).await?;
        Ok(things.into_iter().map(|id| id.0).collect())
    }

    async fn part(&self, app: &App, id: i64) -> Result<()> {
        announcements::leave(app, AnnouncementId(id)).await
    }
}
