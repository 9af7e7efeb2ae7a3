//! Publication: an announcement gets its position when its time has come, and from then on inboxes
//! take it in.

use ::entity::{announcement, id::AnnouncementId};
use chrono::{DateTime, Utc};
use sea_orm::{Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::{NEXT_POSITION, lock};
use crate::{app::App, db::Topic, error::Result};

/// Publishes an announcement if its time has come and nobody else has. Nobody must see one that
/// expired meanwhile because no server was running: it is withdrawn without being published.
/// Idempotent.
pub async fn publish(app: &App, id: AnnouncementId) -> Result<()> {
    let now = app.clock.now();
    let tx = app.db.begin().await?;
    let row = lock(&tx, id).await?;
    let is_over = row.withdrawn_at.is_some() || row.expires_at.is_some_and(|time| time <= now);
    if row.position.is_none() && !is_over && row.publish_at <= now {
        tx.in_commit_order().await?;
        // What is late, because no server was running, is published now.
        let mut sql = tx.sql("announcements::publish");
        let (id, now) = (sql.bind(id), sql.bind(now));
        sql.push(format!(
            "UPDATE announcement SET publish_at = {now}, position = {NEXT_POSITION} WHERE id = {id}"
        ));
        sql.run(&*tx).await?;
        tx.concerns([Topic::Announcements]);
    }
    tx.commit().await
}

/// Announcements that are planned and were not withdrawn before their time.
fn planned(app: &App) -> Select<announcement::Entity> {
    let stands = Condition::any()
        .add(announcement::COLUMN.expires_at.is_null())
        .add(announcement::COLUMN.expires_at.gt(app.clock.now()));
    announcement::Entity::find()
        .filter(announcement::COLUMN.position.is_null())
        .filter(announcement::COLUMN.retracted_at.is_null())
        .filter(announcement::COLUMN.withdrawn_at.is_null())
        .filter(stands)
        .order_by_asc(announcement::Column::PublishAt)
        .select_only()
}

/// When the next announcement is to be published.
pub async fn next_publication(app: &App) -> Result<Option<DateTime<Utc>>> {
    Ok(planned(app).column(announcement::Column::PublishAt).into_tuple().one(app.db.read()).await?)
}

/// The announcements that are to be published now, at most `limit` of them.
pub async fn planned_by_now(app: &App, limit: u64) -> Result<Vec<AnnouncementId>> {
    let due = planned(app)
        .column(announcement::Column::Id)
        .filter(announcement::COLUMN.publish_at.lte(app.clock.now()));
    Ok(due.limit(limit).into_tuple().all(app.db.read()).await?)
}
