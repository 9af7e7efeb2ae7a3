//! Brings back snoozed items whose time has come.

use ::entity::inbox_item;
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use sea_orm::{EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Job;
use crate::{app::App, error::Result, inbox};

pub struct Wake;

#[async_trait]
impl Job for Wake {
    fn name(&self) -> &'static str {
        "wake"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        // The first in the order of the index: the databases might look for a minimum among all
        // snoozed items.
        let first =
            inbox_item::Entity::find().select_only().column(inbox_item::Column::SnoozedUntil);
        let first = first
            .filter(inbox_item::COLUMN.snoozed_until.is_not_null())
            .filter(inbox_item::COLUMN.removed_at.is_null())
            .order_by_asc(inbox_item::Column::SnoozedUntil);
        Ok(first.into_tuple().one(app.db.read()).await?)
    }

    async fn part(&self, app: &App, _: i64) -> Result<()> {
        inbox::wake_snoozed(&app.db, app.clock.now()).await
    }
}
