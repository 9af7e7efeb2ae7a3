//! Deletes old tombstones, which limits how old a cursor may be that a client continues from.

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;

use super::{BATCH, items_and_owners, lock::lock};
use crate::{
    db::{Db, list},
    error::Result,
};

/// Deletes the tombstones from before `horizon`, and records up to which number each inbox can no
/// longer be continued.
pub async fn purge(db: &Db, horizon: DateTime<Utc>) -> Result<()> {
    loop {
        let old = format!(
            "SELECT id, user_id FROM inbox_item WHERE removed_at < $1 ORDER BY removed_at LIMIT {BATCH}"
        );
        let old = db.read().query_all_raw(db.statement(old, [horizon.into()])).await?;
        if old.is_empty() {
            return Ok(());
        }
        let (ids, owners) = items_and_owners(&old)?;
        let tx = db.begin().await?;
        let dialect = tx.dialect();
        lock(&tx, &owners).await?;
        let ids = list(&ids);
        let note = format!(
            "UPDATE inbox SET purged_seq = CASE WHEN d.seq > purged_seq THEN d.seq ELSE purged_seq END \
             FROM (SELECT user_id, max(seq) AS seq FROM inbox_item WHERE {} GROUP BY user_id) AS d \
             WHERE inbox.user_id = d.user_id",
            dialect.is_one_of("id", "$1")
        );
        tx.run(&note, [ids.clone()]).await?;
        tx.run(&format!("DELETE FROM inbox_item WHERE {}", dialect.is_one_of("id", "$1")), [ids])
            .await?;
        tx.commit().await?;
    }
}
