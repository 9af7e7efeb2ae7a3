//! Deletes tombstones of items after `retention_days`.

use ::entity::inbox_item;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use sea_orm::{EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Job, PURGES_LATE, days_after, days_before};
use crate::{app::App, error::Result, inbox};

pub struct PurgeItems;

#[async_trait]
impl Job for PurgeItems {
    fn name(&self) -> &'static str {
        "purge items"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        let first = inbox_item::Entity::find().select_only().column(inbox_item::Column::RemovedAt);
        let first = first
            .filter(inbox_item::COLUMN.removed_at.is_not_null())
            .order_by_asc(inbox_item::Column::RemovedAt);
        let first = first.into_tuple().one(app.db.read()).await?;
        Ok(days_after(first, app.config.retention_days))
    }

    fn may_be_late_by(&self) -> TimeDelta {
        PURGES_LATE
    }

    async fn part(&self, app: &App, _: i64) -> Result<()> {
        inbox::purge(&app.db, days_before(app, app.config.retention_days)).await.map(drop)
    }
}
