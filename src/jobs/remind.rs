//! When a message's date comes, brings it back to people who have not read or answered it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Job;
use crate::{app::App, error::Result, messages::reminders};

pub struct Remind;

#[async_trait]
impl Job for Remind {
    fn name(&self) -> &'static str {
        "remind"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        reminders::next_due(app).await
    }

    async fn part(&self, app: &App, _: i64) -> Result<()> {
        reminders::remind(app).await
    }
}
