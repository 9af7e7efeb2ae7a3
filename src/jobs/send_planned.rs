//! Sends planned messages when their time has come.

use ::entity::id::MessageId;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Job;
use crate::{app::App, error::Result, messages::planned};

pub struct SendPlanned;

#[async_trait]
impl Job for SendPlanned {
    fn name(&self) -> &'static str {
        "send planned"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        planned::next(app).await
    }

    async fn things(&self, app: &App, most: u64) -> Result<Vec<i64>> {
        let things = planned::due(app, most).await?;
        Ok(things.into_iter().map(|id| id.0).collect())
    }

    async fn part(&self, app: &App, id: i64) -> Result<()> {
        planned::send_due(app, MessageId(id)).await
    }
}
