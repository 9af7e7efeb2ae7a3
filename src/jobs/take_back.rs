//! Removes retracted activities from the items that contain them.

use ::entity::id::ActivityId;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Job;
use crate::{
    app::App,
    error::Result,
    notifications::{activities, pull},
};

pub struct TakeBack;

#[async_trait]
impl Job for TakeBack {
    fn name(&self) -> &'static str {
        "take back"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        Ok(self.things(app, 1).await?.first().map(|_| app.clock.now()))
    }

    async fn things(&self, app: &App, most: u64) -> Result<Vec<i64>> {
        let things = activities::leaving(app, most).await?;
        Ok(things.into_iter().map(|id| id.0).collect())
    }

    async fn part(&self, app: &App, id: i64) -> Result<()> {
        pull::take_back_soon(app, ActivityId(id)).await
    }
}
