//! Publishes planned announcements.

use ::entity::id::AnnouncementId;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Job;
use crate::{app::App, error::Result, notifications::announcements};

pub struct Publish;

#[async_trait]
impl Job for Publish {
    fn name(&self) -> &'static str {
        "publish"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        announcements::next_publication(app).await
    }

    async fn things(&self, app: &App, most: u64) -> Result<Vec<i64>> {
        let things = announcements::planned_by_now(app, most).await?;
        Ok(things.into_iter().map(|id| id.0).collect())
    }

    async fn part(&self, app: &App, id: i64) -> Result<()> {
        announcements::publish(app, AnnouncementId(id)).await
    }
}
