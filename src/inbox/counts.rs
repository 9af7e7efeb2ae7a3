//! The counts of inboxes. A change takes the items that it touches out of them, and puts them in again as they are then.

use sea_orm::Value;

use super::NEW_SEQ;
use crate::{
    db::{Tx, list},
    error::Result,
};

/// The counts of an inbox, and which items count.
pub const COUNTS: [(&str, &str); 6] = [
    ("unread", "archived_at IS NULL AND snoozed_until IS NULL AND read_at IS NULL"),
    (
        "unread_announcements",
        "archived_at IS NULL AND snoozed_until IS NULL AND read_at IS NULL AND kind = 'announcement'",
    ),
    (
        "unread_activities",
        "archived_at IS NULL AND snoozed_until IS NULL AND read_at IS NULL AND kind = 'activity'",
    ),
    ("unseen", "archived_at IS NULL AND snoozed_until IS NULL AND seen_at IS NULL"),
    ("snoozed", "snoozed_until IS NOT NULL"),
    ("archived", "archived_at IS NOT NULL"),
];

/// How many of some items there are in each of the counts.
pub fn tally() -> String {
    let count = |(name, which): (&str, &str)| {
        format!("CAST(count(*) FILTER (WHERE removed_at IS NULL AND {which}) AS integer) AS {name}")
    };
    COUNTS.map(count).join(", ")
}

/// Sets the counts of an inbox to what they are with, or without, a tally `t`.
pub fn with_tally(sign: char) -> String {
    COUNTS.map(|(name, _)| format!("{name} = inbox.{name} {sign} t.{name}")).join(", ")
}

/// Takes some items out of the counts, before they change, and counts one more change of these inboxes, which the caller has
/// locked. The caller stamps its number on the items, and puts them in again by [`count_changed`].
pub async fn begin_change(tx: &Tx, owners: &[i64], items: &[i64]) -> Result<()> {
    let dialect = tx.dialect();
    let count =
        format!("UPDATE inbox SET seq = seq + 1 WHERE {}", dialect.is_one_of("user_id", "$1"));
    tx.run(&count, [list(owners)]).await?;
    if items.is_empty() {
        return Ok(());
    }
    let take_out = format!(
        "UPDATE inbox SET {} FROM (SELECT user_id, {} FROM inbox_item WHERE {} GROUP BY user_id) AS t \
         WHERE inbox.user_id = t.user_id",
        with_tally('-'),
        tally(),
        dialect.is_one_of("id", "$1"),
    );
    tx.run(&take_out, [list(items)]).await?;
    Ok(())
}

/// Puts those of some items, a [`list`], that the last change of these inboxes touched into their counts.
pub async fn count_changed(tx: &Tx, owners: &[i64], items: Value) -> Result<()> {
    let dialect = tx.dialect();
    let put_in = format!(
        "UPDATE inbox SET {} FROM (SELECT user_id, {} FROM inbox_item WHERE {} AND {} GROUP BY user_id) AS t \
         WHERE inbox.user_id = t.user_id",
        with_tally('+'),
        tally(),
        dialect.is_one_of("id", "$1"),
        // Not of inboxes that this change leaves alone: what their own last change touched was put in when it happened.
        dialect.checked(&format!("seq = {NEW_SEQ} AND {}", dialect.is_one_of("user_id", "$2"))),
    );
    tx.run(&put_in, [items, list(owners)]).await?;
    Ok(())
}
