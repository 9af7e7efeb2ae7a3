//! Forgets what items were before changes that can no longer be taken back.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Job, PURGES_LATE};
use crate::{app::App, error::Result, inbox};

pub struct PurgeUndo;

#[async_trait]
impl Job for PurgeUndo {
    fn name(&self) -> &'static str {
        "purge undo"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        Ok(inbox::oldest_undo(&app.db).await?.map(|oldest| oldest + inbox::UNDO_WITHIN))
    }

    fn may_be_late_by(&self) -> TimeDelta {
        PURGES_LATE
    }

    async fn part(&self, app: &App, _: i64) -> Result<()> {
        inbox::forget_undo(&app.db, app.clock.now()).await.map(drop)
    }
}
