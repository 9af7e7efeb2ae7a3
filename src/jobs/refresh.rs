//! Tells the clients of items' owners that what the items are about has changed.

use ::entity::id::RefreshId;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Job;
use crate::{app::App, error::Result, inbox::refresh};

pub struct Refresh;

#[async_trait]
impl Job for Refresh {
    fn name(&self) -> &'static str {
        "refresh"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        Ok(self.things(app, 1).await?.first().map(|_| app.clock.now()))
    }

    async fn things(&self, app: &App, most: u64) -> Result<Vec<i64>> {
        let things = refresh::noted(&app.db, most).await?;
        Ok(things.into_iter().map(|id| id.0).collect())
    }

    async fn part(&self, app: &App, id: i64) -> Result<()> {
        refresh::refresh_some(&app.db, RefreshId(id), app.clock.now()).await
    }
}
