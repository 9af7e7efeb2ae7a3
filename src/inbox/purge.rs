//! Deletes old tombstones, which limits how old a cursor may be that a client continues from.

use chrono::{DateTime, Utc};

use super::{BATCH, erase::delete, items_and_owners, lock::lock};
use crate::{db::Db, error::Result};

/// How many tombstones [`purge`] would delete.
pub async fn count_tombstones(db: &Db, horizon: DateTime<Utc>) -> Result<u64> {
    let mut sql = db.sql("inbox::count_tombstones");
    let before = sql.bind(horizon);
    sql.push(format!("SELECT count(*) FROM inbox_item WHERE removed_at < {before}"));
    sql.count(db.read()).await
}

/// Deletes the tombstones from before `horizon`, and records up to which number each inbox can no
/// longer be continued. Returns how many there were.
pub async fn purge(db: &Db, horizon: DateTime<Utc>) -> Result<u64> {
    let mut purged = 0;
    loop {
        let mut sql = db.sql("inbox::old_tombstones");
        let before = sql.bind(horizon);
        sql.push(format!(
            "SELECT id, user_id FROM inbox_item WHERE removed_at < {before} \
             ORDER BY removed_at LIMIT {BATCH}"
        ));
        let (items, owners) = items_and_owners(&sql, db.read()).await?;
        if items.is_empty() {
            return Ok(purged);
        }
        let tx = db.begin().await?;
        lock(&tx, &owners).await?;
        let mut sql = tx.sql("inbox::note_purge");
        let these = sql.is_one_of("id", &items);
        sql.push(format!(
            "UPDATE inbox SET purged_seq = \
             CASE WHEN d.seq > purged_seq THEN d.seq ELSE purged_seq END \
             FROM (SELECT user_id, max(seq) AS seq FROM inbox_item \
             WHERE {these} GROUP BY user_id) AS d WHERE inbox.user_id = d.user_id"
        ));
        sql.run(&*tx).await?;
        delete(&tx, &items).await?;
        tx.commit().await?;
        purged += items.len() as u64;
    }
}
