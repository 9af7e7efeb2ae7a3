//! Brings back snoozed items.

use chrono::{DateTime, Utc};

use super::{
    BATCH,
    change::{Change, apply},
    items_and_owners,
    lock::lock,
};
use crate::{db::Db, error::Result};

/// Brings back the snoozed items whose time has come.
pub async fn wake_snoozed(db: &Db, now: DateTime<Utc>) -> Result<()> {
    loop {
        let mut sql = db.sql("inbox::items_to_wake");
        let by = sql.bind(now);
        // In the order of the index, so that the databases scan only what is due.
        sql.push(format!(
            "SELECT id, user_id FROM inbox_item WHERE removed_at IS NULL AND snoozed_until <= {by} \
             ORDER BY snoozed_until LIMIT {BATCH}"
        ));
        let (items, owners) = items_and_owners(&sql, db.read()).await?;
        if items.is_empty() {
            return Ok(());
        }
        let tx = db.begin().await?;
        lock(&tx, &owners).await?;
        apply(&tx, &items, Change::Wake, now).await?;
        tx.commit().await?;
    }
}
