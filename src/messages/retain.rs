//! Deletes threads that are older than the setting `message_retention` allows, and removes them
//! from the inboxes.
//!
//! A thread goes as a whole, since replies refer to each other: when its last message is old
//! enough. One that still reminds, or that is still being delivered or refreshed, stays until that
//! has ended.
//! Nothing of it remains but tombstones in the inboxes, for followers, and they are purged as all
//! others are. The reports lose it, too.
//!
//! Small threads go together, in one transaction with at most [`BATCH`] recipients. One with more
//! leaves the inboxes in parts first, as if it had expired, and then loses its recipients in parts.
//! All of this can be done again: a crash loses a part at most.

use ::entity::id::MessageId;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::FromQueryResult;

use super::{delivery, forget, threads};
use crate::{
    app::App,
    db::{Sql, Topic, Tx},
    error::{Error, Result},
    inbox::{self, BATCH, Change},
    sweep::{self, Pass, Progress},
};

/// Threads that one part looks at.
const MOST: usize = 200;

/// A thread that a pass has come to.
#[derive(FromQueryResult)]
struct Passed {
    id: MessageId,
    created_at: DateTime<Utc>,
    /// 1 if it goes.
    is_old: i32,
    recipients: i64,
}

/// Root messages `m` whose threads go.
fn is_old(sql: &mut Sql, horizon: DateTime<Utc>) -> String {
    let horizon = sql.bind(horizon);
    format!(
        "m.root_id IS NULL AND m.send_at IS NULL AND m.created_at < {horizon} AND NOT EXISTS \
         (SELECT 1 FROM message AS y WHERE y.root_id = m.id AND y.created_at >= {horizon}) \
         AND NOT EXISTS (SELECT 1 FROM message AS y JOIN delivery AS d ON d.message_id = y.id \
         WHERE y.id = m.id OR y.root_id = m.id) \
         AND NOT EXISTS (SELECT 1 FROM refresh AS f JOIN message AS y ON y.id = f.message_id \
         WHERE y.id = m.id OR y.root_id = m.id) \
         AND NOT EXISTS (SELECT 1 FROM reminder AS r WHERE r.message_id = m.id \
         AND r.closed_at IS NULL AND (r.next_at IS NOT NULL OR r.respond_by IS NOT NULL))"
    )
}

/// One part of a pass: looks at the next threads, and deletes those that are too old.
pub async fn forget_old(app: &App, retention: TimeDelta) -> Result<()> {
    let now = app.clock.now();
    let horizon = now - retention;
    let Some(pass) = sweep::peek(&app.db, Pass::Messages, horizon, now).await? else {
        return Ok(());
    };
    let passed = next(app.db.sql("retain::next"), pass);
    let passed: Vec<Passed> = passed.all(app.db.read()).await?;
    let large = passed.iter().find(|thread| thread.is_old == 1 && thread.recipients > BATCH);
    if let Some(large) = large {
        retire(app, large.id, pass.horizon).await?;
    }

    let tx = app.db.begin().await?;
    let Some(pass) = sweep::lock(&tx, Pass::Messages, horizon, now).await? else {
        // The transaction that ended it may be in the same group of commits.
        return tx.commit().await;
    };
    let passed: Vec<Passed> = next(tx.sql("retain::next"), pass).all(&*tx).await?;
    let mut room = BATCH;
    let fits = |thread: &&Passed| {
        room -= if thread.is_old == 1 { thread.recipients } else { 0 };
        room >= 0
    };
    let part: Vec<_> = passed.iter().take_while(fits).collect();
    let old = part.iter().filter(|thread| thread.is_old == 1).map(|thread| thread.id);
    delete(&tx, old.collect(), pass.horizon, now).await?;
    let is_cut = part.len() < passed.len();
    let is_last =
        passed.len() < MOST || passed.last().is_some_and(|last| last.created_at >= pass.horizon);
    let position = match part.last() {
        Some(last) if is_cut || !is_last => Some(last.id.0),
        // What comes next is large: it has to lose its recipients first.
        None if is_cut => Some(pass.position),
        _ => None,
    };
    sweep::note(&tx, Pass::Messages, position, now).await?;
    tx.commit().await
}

/// The next threads of a pass.
fn next(mut sql: Sql, pass: Progress) -> Sql {
    let (is_old, after) = (is_old(&mut sql, pass.horizon), sql.bind(pass.position));
    sql.push(format!(
        "SELECT m.id, m.created_at, CASE WHEN {is_old} THEN 1 ELSE 0 END AS is_old, \
         CAST(m.recipient_count + coalesce((SELECT sum(y.recipient_count) FROM message AS y \
         WHERE y.root_id = m.id), 0) AS bigint) AS recipients \
         FROM message AS m WHERE m.root_id IS NULL AND m.id > {after} ORDER BY m.id LIMIT {MOST}"
    ));
    sql
}

/// The messages of threads.
async fn messages_of(tx: &Tx, roots: &[MessageId]) -> Result<Vec<MessageId>> {
    let mut sql = tx.sql("retain::thread");
    let (ids, of_thread) = (sql.is_one_of("id", roots), sql.is_one_of("root_id", roots));
    sql.push(format!(
        "SELECT id FROM message WHERE {ids} UNION ALL SELECT id FROM message WHERE {of_thread}"
    ));
    sql.values(&**tx).await
}

/// Locks threads, and returns those that are still too old: somebody may have replied.
async fn lock(tx: &Tx, roots: Vec<MessageId>, horizon: DateTime<Utc>) -> Result<Vec<MessageId>> {
    for root in &roots {
        threads::change(tx, *root).await?;
    }
    let mut sql = tx.sql("retain::still_old");
    let (these, is_old) = (sql.is_one_of("m.id", &roots), is_old(&mut sql, horizon));
    sql.push(format!("SELECT m.id FROM message AS m WHERE {these} AND {is_old}"));
    sql.values(&**tx).await
}

/// Deletes threads, as far as they are still too old, and removes them from the inboxes.
async fn delete(
    tx: &Tx,
    roots: Vec<MessageId>,
    horizon: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<()> {
    if roots.is_empty() {
        return Ok(());
    }
    let roots = lock(tx, roots, horizon).await?;
    let messages = messages_of(tx, &roots).await?;
    let mut sql = tx.sql("retain::items");
    let these = sql.is_one_of("message_id", &messages);
    let is_there = sql.dialect().checked("removed_at IS NULL");
    sql.push(format!("SELECT id, user_id FROM inbox_item WHERE {these} AND {is_there}"));
    let (items, owners) = inbox::items_and_owners(&sql, &**tx).await?;
    if !items.is_empty() {
        inbox::lock(tx, &owners).await?;
        inbox::apply(tx, &items, "true", Change::Remove, now).await?;
        inbox::forget_undo_of(tx, &items).await?;
    }
    let mut sql = tx.sql("retain::recipients");
    let these = sql.is_one_of("message_id", &messages);
    sql.push(format!("DELETE FROM message_recipient WHERE {these}"));
    sql.run(&**tx).await?;
    tx.concerns(roots.into_iter().map(Topic::Thread));
    forget::delete(tx, &messages).await
}

/// Takes a thread with many recipients out of the inboxes, and its recipients from it, in parts.
async fn retire(app: &App, root: MessageId, horizon: DateTime<Utc>) -> Result<()> {
    let tx = app.db.begin().await?;
    let roots = match lock(&tx, vec![root], horizon).await {
        // Another server has just deleted it.
        Err(Error::NotFound(_)) => return Ok(()),
        roots => roots?,
    };
    let messages = messages_of(&tx, &roots).await?;
    // As if they had expired now.
    let mut sql = tx.sql("retain::expire");
    let (these, now) = (sql.is_one_of("id", &messages), sql.bind(app.clock.now()));
    sql.push(format!("UPDATE message SET expires_at = {now} WHERE {these} AND expired_at IS NULL"));
    sql.run(&*tx).await?;
    let mut sql = tx.sql("retain::reminders");
    let these = sql.is_one_of("message_id", &messages);
    sql.push(format!("DELETE FROM reminder WHERE {these}"));
    sql.run(&*tx).await?;
    tx.commit().await?;
    for message in messages {
        delivery::expire(app, message).await?;
        while forget_some(app, message).await? {}
    }
    Ok(())
}

/// Deletes the next recipients of a message. Returns whether there may be more.
async fn forget_some(app: &App, message: MessageId) -> Result<bool> {
    let tx = app.db.begin().await?;
    let mut sql = tx.sql("retain::some_recipients");
    let id = sql.bind(message);
    sql.push(format!(
        "DELETE FROM message_recipient WHERE message_id = {id} AND user_id IN \
         (SELECT r.user_id FROM message_recipient AS r WHERE r.message_id = {id} \
         ORDER BY r.user_id LIMIT {BATCH})"
    ));
    let is_more = sql.run(&*tx).await? > 0;
    if !is_more {
        for (table, column) in [("message", "id"), ("message_audience", "message_id")] {
            let mut sql = tx.sql("retain::nobody");
            let id = sql.bind(message);
            sql.push(format!(
                "UPDATE {table} SET recipient_count = 0, seen_count = 0, read_count = 0 \
                 WHERE {column} = {id}"
            ));
            sql.run(&*tx).await?;
        }
    }
    tx.commit().await?;
    Ok(is_more)
}
