//! The history of threads is as long as their messages require, and the reminder of a message ends
//! with it.

use ::entity::id::MessageId;
use chrono::{DateTime, Utc};

use super::{
    Place,
    question::{Check, Range, compare, none},
};
use crate::{
    db::{Dialect, Tx},
    error::Result,
    id::Kind,
};

/// Reminders `r` of messages `m` that go on although the message has expired.
const GOES_ON: &str = "m.expired_at IS NOT NULL AND r.next_at IS NOT NULL";

pub fn checks(range: Range) -> [Check; 3] {
    [lengths(range), without_thread(range), reminders(range)]
}

fn of_thread(root: i64) -> Place {
    Place::Thread(MessageId(root))
}

/// The number of the last change that touched any message of a thread.
fn latest(dialect: Dialect, root: &str) -> String {
    let of = |which: &str| {
        format!("coalesce((SELECT max(x.seq) FROM message AS x WHERE x.{which} = {root}), 0)")
    };
    dialect.greatest(&of("root_id"), &of("id"))
}

fn lengths(range: Range) -> Check {
    let dialect = range.dialect;
    let mut sql = range.sql("recount::threads");
    let right = dialect.greatest("t.seq", &latest(dialect, "t.root_id"));
    let pairs = vec![("seq", "t.seq".to_owned(), right)];
    let from = format!("thread AS t WHERE {}", range.has(&mut sql, "t.root_id"));
    compare(sql, of_thread, "t.root_id", "NULL", pairs, &from)
}

fn without_thread(range: Range) -> Check {
    let mut sql = range.sql("recount::without_thread");
    let from = format!(
        "message AS m WHERE {} AND m.seq > 0 \
         AND NOT EXISTS (SELECT 1 FROM thread AS t WHERE t.root_id = coalesce(m.root_id, m.id))",
        range.has(&mut sql, "m.id")
    );
    let message: (&str, fn(i64) -> String) = ("m.id", |id| Kind::Message.encode(id));
    none(
        sql,
        of_thread,
        "coalesce(m.root_id, m.id)",
        message,
        "is in a history that does not exist",
        &from,
    )
}

fn reminders(range: Range) -> Check {
    let mut sql = range.sql("recount::reminders");
    let from = format!(
        "reminder AS r JOIN message AS m ON m.id = r.message_id WHERE {} AND {GOES_ON}",
        range.has(&mut sql, "m.id")
    );
    let none_named: (&str, fn(i64) -> String) = ("CAST(NULL AS bigint)", |_| String::new());
    let reminder = |message| Place::Reminder(MessageId(message));
    none(sql, reminder, "m.id", none_named, "goes on after the message has expired", &from)
}

/// Makes the history of a thread as long as its messages require.
pub async fn mend(tx: &Tx, root: MessageId) -> Result<()> {
    let mut sql = tx.sql("mend::lock_thread");
    let (root_id, for_update) = (sql.bind(root), sql.dialect().for_update());
    sql.push(format!("SELECT seq FROM thread WHERE root_id = {root_id} {for_update}"));
    sql.rows(&**tx).await?;
    let mut sql = tx.sql("mend::lengthen_thread");
    let (root, dialect) = (sql.bind(root), sql.dialect());
    let (latest, longer) =
        (latest(dialect, "m.id"), dialect.greatest("thread.seq", "excluded.seq"));
    sql.push(format!(
        "INSERT INTO thread (root_id, seq) SELECT m.id, {latest} FROM message AS m \
         WHERE m.id = {root} ON CONFLICT (root_id) DO UPDATE SET seq = {longer}"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Ends the reminder of a message that has expired.
pub async fn mend_reminder(tx: &Tx, message: MessageId, now: DateTime<Utc>) -> Result<()> {
    let mut sql = tx.sql("mend::end_reminder");
    let (message, now) = (sql.bind(message), sql.bind(now));
    sql.push(format!(
        "UPDATE reminder AS r SET next_at = NULL, closed_at = coalesce(r.closed_at, {now}) \
         WHERE r.message_id = {message} \
         AND EXISTS (SELECT 1 FROM message AS m WHERE m.id = r.message_id AND {GOES_ON})"
    ));
    sql.run(&**tx).await?;
    Ok(())
}
