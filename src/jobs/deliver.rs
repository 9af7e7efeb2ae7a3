//! Delivers large sends to the inboxes of their recipients.

use ::entity::id::MessageId;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Job;
use crate::{app::App, error::Result, messages::delivery};

pub struct Deliver;

#[async_trait]
impl Job for Deliver {
    fn name(&self) -> &'static str {
        "deliver"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        Ok(self.things(app, 1).await?.first().map(|_| app.clock.now()))
    }

    async fn things(&self, app: &App, most: u64) -> Result<Vec<i64>> {
        let things = delivery::under_way(app, most).await?;
        Ok(things.into_iter().map(|id| id.0).collect())
    }

    async fn part(&self, app: &App, id: i64) -> Result<()> {
        delivery::deliver_some(app, MessageId(id)).await.map(drop)
    }
}
