//! What is in an inbox: all that was delivered and taken in, and nothing that has left.

use ::entity::id::{MessageId, UserId};
use chrono::{DateTime, Utc};

use super::{
    CLOCKS_DIFFER, Place,
    question::{Check, Range, none, of_inbox},
};
use crate::{
    db::{Sql, Tx},
    error::Result,
    id::Kind,
    inbox::kind::ItemKind,
    sweep::{self, Pass},
};

/// What is wrong with something that has expired or was taken back, and is in an inbox.
pub const STILL_THERE: &str = "has left the inboxes and is still there";

/// The condition that a column names somebody who has an inbox: they were not erased.
fn is_known(column: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM user_account AS u WHERE u.id = {column} AND u.erased_at IS NULL)"
    )
}

/// Announcements `n` that an inbox `b` must have: it claims to have taken them in, and they have
/// not left.
fn is_taken_in() -> String {
    format!(
        "n.position > b.announcements_since AND n.position <= b.announcements_pulled \
         AND n.withdrawn_at IS NULL AND {} AND {}",
        is_known("b.user_id"),
        sweep::is_kept(Pass::Inboxes, "n.publish_at")
    )
}

/// Recipients `r` whose inboxes must have a message `m`: it has not expired by a time, and its
/// delivery has got that far.
fn is_delivered(sql: &mut Sql, until: DateTime<Utc>) -> String {
    let until = sql.bind(until);
    format!(
        "m.expired_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > {until}) \
         AND NOT EXISTS (SELECT 1 FROM delivery AS d \
         WHERE d.message_id = m.id AND d.delivered_to < r.user_id) AND {} AND {}",
        is_known("r.user_id"),
        sweep::is_kept(Pass::Inboxes, "m.created_at")
    )
}

/// Messages and announcements that have left, and are still in an inbox.
pub fn left(range: Range) -> Vec<Check> {
    let of_kind = |kind: &ItemKind| {
        let ItemKind { column, table, alias, .. } = kind;
        let has_left = kind.has_left?;
        let mut sql = range.sql("recount::left");
        let from = format!(
            "inbox_item AS i JOIN {table} AS {alias} ON {alias}.id = i.{column} \
             WHERE {} AND i.removed_at IS NULL AND {has_left}",
            range.has(&mut sql, "i.user_id")
        );
        let part = format!("{alias}.id");
        Some(none(sql, of_inbox, "i.user_id", (&part, kind.encode), STILL_THERE, &from))
    };
    ItemKind::all().filter_map(of_kind).collect()
}

pub fn not_taken_in(range: Range) -> Check {
    let mut sql = range.sql("recount::not_taken_in");
    let from = format!(
        "inbox AS b JOIN announcement AS n ON {} WHERE {} \
         AND NOT EXISTS (SELECT 1 FROM inbox_item AS i \
         WHERE i.announcement_id = n.id AND i.user_id = b.user_id AND i.removed_at IS NULL)",
        is_taken_in(),
        range.has(&mut sql, "b.user_id")
    );
    let announcement: (&str, fn(i64) -> String) = ("n.id", |id| Kind::Announcement.encode(id));
    none(sql, of_inbox, "b.user_id", announcement, "is missing", &from)
}

pub fn undelivered(range: Range) -> Check {
    let mut sql = range.sql("recount::undelivered");
    let (in_range, is_delivered) =
        (range.has(&mut sql, "m.id"), is_delivered(&mut sql, range.stays_until));
    let from = format!(
        "message AS m JOIN message_recipient AS r ON r.message_id = m.id \
         WHERE {in_range} AND {is_delivered} AND NOT EXISTS (SELECT 1 FROM inbox_item AS i \
         WHERE i.message_id = r.message_id AND i.user_id = r.user_id AND i.removed_at IS NULL)"
    );
    let user: (&str, fn(i64) -> String) = ("r.user_id", |id| Kind::User.encode(id));
    let delivery = |message| Place::Delivery(MessageId(message));
    none(sql, delivery, "m.id", user, "does not have it", &from)
}

/// Delivers the missing messages, and takes in the missing announcements. `missing` has the users
/// and messages of what was not delivered.
pub async fn bring_back(
    tx: &Tx,
    users: &[UserId],
    missing: &[(UserId, MessageId)],
    now: DateTime<Utc>,
) -> Result<()> {
    // A tombstone of something that should be there is revived.
    const BACK: &str = "DO UPDATE SET removed_at = NULL, \
        seq = excluded.seq, arrived_seq = excluded.arrived_seq \
        WHERE inbox_item.removed_at IS NOT NULL";
    let mut sql = tx.sql("mend::deliver");
    let missing = missing.iter().map(|(user, message)| [user.0, message.0]);
    let missing = sql.integer_table(["user_id", "message_id"], missing);
    let these = sql.is_one_of("b.user_id", users);
    let is_delivered = is_delivered(&mut sql, now + CLOCKS_DIFFER);
    sql.push(format!(
        "INSERT INTO inbox_item \
         (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at, category) \
         SELECT DISTINCT b.user_id, 'message', m.id, b.seq, b.seq, m.created_at, m.created_at, \
         m.category \
         FROM {missing} AS w JOIN inbox AS b ON b.user_id = w.user_id \
         JOIN message AS m ON m.id = w.message_id \
         JOIN message_recipient AS r ON r.message_id = w.message_id AND r.user_id = w.user_id \
         WHERE {these} AND {is_delivered} \
         ON CONFLICT (message_id, user_id) WHERE message_id IS NOT NULL {BACK}"
    ));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("mend::take_in");
    let these = sql.is_one_of("b.user_id", users);
    sql.push(format!(
        "INSERT INTO inbox_item \
         (user_id, kind, announcement_id, seq, arrived_seq, created_at, updated_at, category) \
         SELECT b.user_id, 'announcement', n.id, b.seq, b.seq, n.publish_at, n.publish_at, \
         n.category FROM inbox AS b JOIN announcement AS n ON {} WHERE {these} \
         ON CONFLICT (announcement_id, user_id) WHERE announcement_id IS NOT NULL {BACK}",
        is_taken_in()
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Removes the messages and announcements that have left.
pub async fn remove_left(tx: &Tx, users: &[UserId], now: DateTime<Utc>) -> Result<()> {
    let mut sql = tx.sql("mend::remove");
    let (these, removed_at) = (sql.is_one_of("user_id", users), sql.bind(now));
    let of_kind = |kind: &ItemKind| {
        let ItemKind { column, table, alias, .. } = kind;
        let has_left = kind.has_left?;
        Some(format!(
            "{column} IN (SELECT {alias}.id FROM {table} AS {alias} \
             WHERE {alias}.id = inbox_item.{column} AND {has_left})"
        ))
    };
    let any_has_left = ItemKind::all().filter_map(of_kind).collect::<Vec<_>>().join(" OR ");
    sql.push(format!(
        "UPDATE inbox_item SET removed_at = {removed_at} \
         WHERE {these} AND removed_at IS NULL AND ({any_has_left})"
    ));
    sql.run(&**tx).await?;
    Ok(())
}
