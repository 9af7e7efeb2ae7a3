//! Brings back snoozed items.

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;

use super::{
    BATCH,
    change::{Change, apply},
    items_and_owners,
    lock::lock,
};
use crate::{
    db::{Db, list},
    error::Result,
};

/// Brings back the snoozed items whose time has come.
pub async fn wake_snoozed(db: &Db, now: DateTime<Utc>) -> Result<()> {
    loop {
        // In the order of the index, so that the databases scan only what is due.
        let due = format!(
            "SELECT id, user_id FROM inbox_item WHERE removed_at IS NULL AND snoozed_until <= $1 \
             ORDER BY snoozed_until LIMIT {BATCH}"
        );
        let due = db.read().query_all_raw(db.statement(due, [now.into()])).await?;
        if due.is_empty() {
            return Ok(());
        }
        let (items, owners) = items_and_owners(&due)?;
        let tx = db.begin().await?;
        lock(&tx, &owners).await?;
        apply(&tx, list(&items), "true", Change::Wake, now).await?;
        tx.commit().await?;
    }
}
