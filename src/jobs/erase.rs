//! Goes on erasing people.

use ::entity::id::UserId;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Job;
use crate::{app::App, erasure, error::Result};

pub struct Erase;

#[async_trait]
impl Job for Erase {
    fn name(&self) -> &'static str {
        "erase"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        erasure::next_at(app).await
    }

    async fn things(&self, app: &App, most: u64) -> Result<Vec<i64>> {
        let things = erasure::under_way(app, most).await?;
        Ok(things.into_iter().map(|id| id.0).collect())
    }

    async fn part(&self, app: &App, id: i64) -> Result<()> {
        erasure::erase_some(app, UserId(id)).await.map(drop)
    }
}
