//! Deletes idempotency keys after `idempotency_days`.

use ::entity::idempotency_key;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use sea_orm::{ColumnTrait, EntityTrait, QuerySelect};

use super::{Job, PURGES_LATE, days_after, days_before};
use crate::{app::App, error::Result, idempotency};

pub struct PurgeKeys;

#[async_trait]
impl Job for PurgeKeys {
    fn name(&self) -> &'static str {
        "purge keys"
    }

    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>> {
        let first = idempotency_key::Entity::find().select_only();
        let first = first.column_as(idempotency_key::Column::CreatedAt.min(), "at");
        let first = first.into_tuple::<Option<DateTime<Utc>>>().one(app.db.read()).await?.flatten();
        Ok(days_after(first, app.config.idempotency_days))
    }

    fn may_be_late_by(&self) -> TimeDelta {
        PURGES_LATE
    }

    async fn part(&self, app: &App, _: i64) -> Result<()> {
        idempotency::purge(app, days_before(app, app.config.idempotency_days)).await.map(drop)
    }
}
