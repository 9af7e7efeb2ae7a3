//! Deletes threads that are older than the setting `message_retention` allows, and removes them
//! from the inboxes.
//!
//! A thread goes as a whole, since replies refer to each other: when its last message is old
//! enough. One that still reminds, or that is still being delivered or refreshed, stays until that
//! has ended. Nothing of it remains but tombstones in the inboxes, for followers, and they are
//! purged as all others are. The reports lose it, too.
//!
//! Small threads go together, in one transaction with at most [`BATCH`] messages and recipients.
//! One with more goes in parts, its newest messages first. A message with more recipients leaves
//! the inboxes in parts before that, as if it had expired, and then loses its recipients in parts.
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
    /// How many messages and recipients go with it.
    size: i64,
}

/// Root messages `m` whose threads go.
fn is_old(sql: &mut Sql, horizon: DateTime<Utc>) -> String {
    const REMINDS: &str =
        "r.closed_at IS NULL AND (r.next_at IS NOT NULL OR r.respond_by IS NOT NULL)";
    let horizon = sql.bind(horizon);
    // The latest reply, and not whether there is a young one: for that, PostgreSQL would read all
    // young messages.
    format!(
        "m.root_id IS NULL AND m.send_at IS NULL AND m.created_at < {horizon} \
         AND coalesce((SELECT max(y.created_at) FROM message AS y WHERE y.root_id = m.id), \
         m.created_at) < {horizon} \
         AND NOT EXISTS (SELECT 1 FROM message AS y JOIN delivery AS d ON d.message_id = y.id \
         WHERE y.id = m.id OR y.root_id = m.id) \
         AND NOT EXISTS (SELECT 1 FROM refresh AS f JOIN message AS y ON y.id = f.message_id \
         WHERE y.id = m.id OR y.root_id = m.id) \
         AND NOT EXISTS (SELECT 1 FROM reminder AS r WHERE r.message_id = m.id AND {REMINDS}) \
         AND NOT EXISTS (SELECT 1 FROM message AS y JOIN reminder AS r ON r.message_id = y.id \
         WHERE y.root_id = m.id AND {REMINDS})"
    )
}

/// One part of a pass: looks at the next threads, and deletes those that are too old. Returns how
/// many it has deleted.
pub async fn forget_old(app: &App, retention: TimeDelta) -> Result<u64> {
    let now = app.clock.now();
    let horizon = now - retention;
    let Some(pass) = sweep::peek(&app.db, Pass::Messages, horizon, now).await? else {
        return Ok(0);
    };
    let passed = next(app, pass).await?;
    if let Some(large) = passed.iter().find(|thread| thread.size > BATCH) {
        // The pass stays where it is.
        shorten(app, large.id, pass.horizon).await?;
        return Ok(0);
    }
    let mut room = BATCH;
    let fits = |thread: &&Passed| {
        room -= thread.size;
        room >= 0
    };
    let part: Vec<_> = passed.iter().take_while(fits).collect();
    let is_cut = part.len() < passed.len();
    let position = part.last().filter(|_| is_cut || !is_last(&passed, pass)).map(|last| last.id.0);

    let tx = app.db.begin().await?;
    let locked = sweep::lock(&tx, Pass::Messages, horizon, now).await?;
    let Some(pass) = locked.filter(|locked| locked.position == pass.position) else {
        // Another server was faster: the transaction that ended it may be in the same group of
        // commits.
        tx.commit().await?;
        return Ok(0);
    };
    let old = part.iter().filter(|thread| thread.is_old == 1).map(|thread| thread.id);
    let deleted = match delete(&tx, old.collect(), pass.horizon, now).await {
        // Somebody is being erased, and one went with them. The pass looks again.
        Err(Error::NotFound(_)) => return Ok(0),
        deleted => deleted?,
    };
    sweep::note(&tx, Pass::Messages, position, now).await?;
    tx.commit().await?;
    Ok(deleted)
}

/// How many threads a pass would delete.
pub async fn count_old(app: &App, horizon: DateTime<Utc>) -> Result<u64> {
    let (mut pass, mut count) = (Progress { position: 0, horizon }, 0);
    loop {
        let passed = next(app, pass).await?;
        count += passed.iter().filter(|thread| thread.is_old == 1).count() as u64;
        match passed.last().filter(|_| !is_last(&passed, pass)) {
            Some(last) => pass.position = last.id.0,
            None => return Ok(count),
        }
    }
}

/// Whether these are the last threads of a pass: all that follow are young.
fn is_last(passed: &[Passed], pass: Progress) -> bool {
    // Ids grow with time, but not strictly: a planned message is as old as its sending.
    passed.len() < MOST || passed.iter().all(|thread| thread.created_at >= pass.horizon)
}

/// The next threads of a pass.
async fn next(app: &App, pass: Progress) -> Result<Vec<Passed>> {
    let mut sql = app.db.sql("retain::next");
    let (is_old, after) = (is_old(&mut sql, pass.horizon), sql.bind(pass.position));
    sql.push(format!(
        "SELECT o.id, o.created_at, o.is_old, CAST(CASE WHEN o.is_old = 1 THEN \
         1 + o.recipient_count + coalesce((SELECT sum(1 + y.recipient_count) FROM message AS y \
         WHERE y.root_id = o.id), 0) ELSE 0 END AS bigint) AS size \
         FROM (SELECT m.id, m.created_at, m.recipient_count, \
         CASE WHEN {is_old} THEN 1 ELSE 0 END AS is_old FROM message AS m \
         WHERE m.root_id IS NULL AND m.id > {after} ORDER BY m.id LIMIT {MOST}) AS o ORDER BY o.id"
    ));
    sql.all(app.db.read()).await
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

/// Deletes threads, as far as they are still too old, and removes them from the inboxes. Returns how
/// many they are.
async fn delete(
    tx: &Tx,
    roots: Vec<MessageId>,
    horizon: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64> {
    if roots.is_empty() {
        return Ok(0);
    }
    let roots = lock(tx, roots, horizon).await?;
    let messages = messages_of(tx, &roots).await?;
    delete_messages(tx, &messages, now).await?;
    let deleted = roots.len() as u64;
    tx.concerns(roots.into_iter().map(Topic::Thread));
    Ok(deleted)
}

/// Deletes messages whose threads are locked, without replies except those that are deleted with
/// them, and removes them from the inboxes.
async fn delete_messages(tx: &Tx, messages: &[MessageId], now: DateTime<Utc>) -> Result<()> {
    let mut sql = tx.sql("retain::items");
    let these = sql.is_one_of("message_id", messages);
    let is_there = sql.dialect().checked("removed_at IS NULL");
    sql.push(format!("SELECT id, user_id FROM inbox_item WHERE {these} AND {is_there}"));
    let (items, owners) = inbox::items_and_owners(&sql, &**tx).await?;
    if !items.is_empty() {
        inbox::lock(tx, &owners).await?;
        inbox::apply(tx, &items, Change::Remove, now).await?;
        inbox::forget_undo_of(tx, &items).await?;
    }
    let mut sql = tx.sql("retain::recipients");
    let these = sql.is_one_of("message_id", messages);
    sql.push(format!("DELETE FROM message_recipient WHERE {these}"));
    sql.run(&**tx).await?;
    forget::delete(tx, messages, now).await
}

/// Does a part of deleting a thread that is too large for one transaction: deletes its newest
/// messages, since replies refer to those before them, or takes the newest out of the inboxes.
async fn shorten(app: &App, root: MessageId, horizon: DateTime<Utc>) -> Result<()> {
    #[derive(FromQueryResult)]
    struct Newest {
        id: MessageId,
        recipient_count: i32,
    }
    let mut sql = app.db.sql("retain::newest");
    let this = sql.bind(root);
    sql.push(format!(
        "SELECT id, recipient_count FROM message WHERE root_id = {this} \
         ORDER BY id DESC LIMIT {BATCH}"
    ));
    let newest: Vec<Newest> = sql.all(app.db.read()).await?;
    let mut room = BATCH;
    let fits = |message: &&Newest| {
        room -= 1 + i64::from(message.recipient_count);
        room >= 0
    };
    let part: Vec<_> = newest.iter().take_while(fits).map(|message| message.id).collect();
    let tx = app.db.begin().await?;
    let still_old = match lock(&tx, vec![root], horizon).await {
        // Another server has just deleted it.
        Err(Error::NotFound(_)) => return Ok(()),
        still_old => still_old?,
    };
    if still_old.is_empty() {
        return tx.commit().await;
    }
    let now = app.clock.now();
    if !part.is_empty() {
        delete_messages(&tx, &part, now).await?;
        tx.concerns([Topic::Thread(root)]);
        return tx.commit().await;
    }
    // As if it had expired now.
    let large = newest.first().map_or(root, |message| message.id);
    let mut sql = tx.sql("retain::reminders");
    let this = sql.bind(large);
    sql.push(format!("DELETE FROM reminder WHERE message_id = {this}"));
    sql.run(&*tx).await?;
    let mut sql = tx.sql("retain::expire");
    let (this, now) = (sql.bind(large), sql.bind(now));
    sql.push(format!(
        "UPDATE message SET expires_at = {now} WHERE id = {this} AND expired_at IS NULL"
    ));
    sql.run(&*tx).await?;
    tx.commit().await?;
    if !delivery::expire_some(app, large).await? {
        forget_some(app, large).await?;
    }
    Ok(())
}

/// Deletes the next recipients of a message.
async fn forget_some(app: &App, message: MessageId) -> Result<()> {
    let tx = app.db.begin().await?;
    let mut sql = tx.sql("retain::some_recipients");
    let id = sql.bind(message);
    sql.push(format!(
        "DELETE FROM message_recipient WHERE message_id = {id} AND user_id IN \
         (SELECT r.user_id FROM message_recipient AS r WHERE r.message_id = {id} \
         ORDER BY r.user_id LIMIT {BATCH})"
    ));
    if sql.run(&*tx).await? == 0 {
        for (table, column, replies) in
            [("message", "id", ", replied_count = 0"), ("message_audience", "message_id", "")]
        {
            let mut sql = tx.sql("retain::nobody");
            let id = sql.bind(message);
            sql.push(format!(
                "UPDATE {table} SET recipient_count = 0, seen_count = 0, read_count = 0{replies} \
                 WHERE {column} = {id}"
            ));
            sql.run(&*tx).await?;
        }
    }
    tx.commit().await
}
