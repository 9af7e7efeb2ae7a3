//! Removes expired messages from the inboxes.

use ::entity::id::MessageId;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Job;
use crate::{app::App, error::Result, messages::delivery};

pub struct Expire;

#[async_trait]
impl Job for Expire {
    fn name(&self) -> &'static str {
        "expire"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        match self.things(app, 1).await?.first() {
            Some(_) => Ok(Some(app.clock.now())),
            None => delivery::next_expiry(app).await,
        }
    }

    async fn things(&self, app: &App, most: u64) -> Result<Vec<i64>> {
        let things = delivery::expiring(app, most).await?;
        Ok(things.into_iter().map(|id| id.0).collect())
    }

    async fn part(&self, app: &App, id: i64) -> Result<()> {
        delivery::expire_some(app, MessageId(id)).await.map(drop)
    }
}
