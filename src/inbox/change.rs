//! What can happen to the items of inboxes, and the one function that does it.

use std::collections::HashMap;

use ::entity::id::{ItemId, Seq, UserId};
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use super::{
    NEW_SEQ,
    counts::{count_changed, tally, with_tally},
    receipts, undo,
};
use crate::{
    db::{Sql, Topic, Tx},
    error::Result,
};

/// What can happen to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Seen,
    /// Read, and therefore also seen.
    Read,
    Unread,
    Archive,
    Unarchive,
    Snooze(DateTime<Utc>),
    /// Its owner wants it back: it returns to where it was.
    Unsnooze,
    /// Its snooze time has come: it returns at the top, unseen.
    Wake,
    /// What it is about has changed: its place and state stay the same, but it shows something
    /// else.
    Refresh,
    /// Its owner has not read it, or not replied: it comes back at the top, unread and unseen,
    /// wherever it is. The last reminder includes how long there is to respond.
    Remind(Option<DateTime<Utc>>),
    /// It came into a thread that its owner has muted: nobody is to notice it (`muting`).
    Mute,
    /// It becomes what it was before its last change, which is remembered (`undo`).
    Undo,
    /// It leaves for good. A tombstone stays, for clients that were away.
    Remove,
}

impl Change {
    /// The condition for the items to which this makes a difference.
    fn concerns(self, sql: &mut Sql, now: DateTime<Utc>) -> String {
        match self {
            Change::Seen => "seen_at IS NULL".into(),
            Change::Read => "read_at IS NULL".into(),
            Change::Unread => "read_at IS NOT NULL".into(),
            Change::Archive => "archived_at IS NULL".into(),
            Change::Unarchive => "archived_at IS NOT NULL".into(),
            Change::Snooze(until) => {
                format!("(snoozed_until IS NULL OR snoozed_until <> {})", sql.bind(until))
            }
            Change::Unsnooze => "snoozed_until IS NOT NULL".into(),
            Change::Wake => format!("snoozed_until <= {}", sql.bind(now)),
            Change::Refresh | Change::Remind(_) | Change::Mute | Change::Undo | Change::Remove => {
                "true".into()
            }
        }
    }

    /// Whether such items can be in a place of an inbox (`list`).
    pub fn concerns_place(self, place: u8) -> bool {
        match self {
            Change::Seen => !matches!(place, 1 | 3),
            Change::Read => !matches!(place, 2 | 3),
            Change::Archive => place != 5,
            _ => true,
        }
    }

    /// Whether it is something that people do to their own items, and may take back.
    fn can_be_undone(self) -> bool {
        match self {
            Change::Seen
            | Change::Read
            | Change::Unread
            | Change::Archive
            | Change::Unarchive
            | Change::Snooze(_)
            | Change::Unsnooze => true,
            Change::Wake
            | Change::Refresh
            | Change::Remind(_)
            | Change::Mute
            | Change::Undo
            | Change::Remove => false,
        }
    }

    /// What the change sets on them.
    fn sets(self, sql: &mut Sql, now: DateTime<Utc>) -> String {
        match self {
            Change::Seen => format!("seen_at = {}", sql.bind(now)),
            Change::Read => {
                let now = sql.bind(now);
                format!("read_at = {now}, seen_at = coalesce(seen_at, {now})")
            }
            Change::Unread => "read_at = NULL".into(),
            Change::Archive => format!("archived_at = {}, snoozed_until = NULL", sql.bind(now)),
            Change::Unarchive => "archived_at = NULL".into(),
            Change::Snooze(until) => {
                format!("snoozed_until = {}, archived_at = NULL", sql.bind(until))
            }
            Change::Unsnooze => "snoozed_until = NULL".into(),
            Change::Wake => {
                format!("snoozed_until = NULL, seen_at = NULL, updated_at = {}", sql.bind(now))
            }
            // The number of the change, which every change sets, is all that this changes.
            Change::Refresh => "updated_at = updated_at".into(),
            Change::Remind(respond_by) => {
                let (now, respond_by) = (sql.bind(now), sql.bind(respond_by));
                format!(
                    "read_at = NULL, seen_at = NULL, archived_at = NULL, snoozed_until = NULL, \
                     updated_at = {now}, reminded_at = {now}, reminded_seq = {NEW_SEQ}, \
                     respond_by = {respond_by}"
                )
            }
            Change::Mute => {
                let now = sql.bind(now);
                format!("read_at = {now}, seen_at = {now}, archived_at = {now}, arrived_seq = 0")
            }
            Change::Undo => "(seen_at, read_at, archived_at, snoozed_until) = \
                (SELECT u.seen_at, u.read_at, u.archived_at, u.snoozed_until \
                FROM inbox_undo AS u WHERE u.item_id = inbox_item.id)"
                .into(),
            Change::Remove => format!("removed_at = {}", sql.bind(now)),
        }
    }
}

/// What a change did.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// How many items changed.
    pub count: u64,
    /// The number of the change in each inbox of which items changed.
    pub seqs: HashMap<UserId, Seq>,
}

/// The number of a change in an inbox.
#[derive(FromQueryResult)]
struct Begun {
    user_id: UserId,
    seq: Seq,
}

/// Applies a change to those of some items that are still there, for which `only` holds, and to
/// which it makes a difference. The caller has locked their inboxes, perhaps after finding the
/// items, so another transaction may have been faster.
///
/// The counts need no rule for each change: what the items counted for before is subtracted, and
/// what they count for afterwards is added.
pub async fn apply(
    tx: &Tx,
    items: &[ItemId],
    only: &str,
    change: Change,
    now: DateTime<Utc>,
) -> Result<Changed> {
    let mut sql = tx.sql("inbox::begin_apply");
    let these = concerned(&mut sql, items, only, change, now);
    sql.push(format!(
        "UPDATE inbox SET seq = inbox.seq + 1, {} \
         FROM (SELECT user_id, {} FROM inbox_item WHERE {these} GROUP BY user_id) AS t \
         WHERE inbox.user_id = t.user_id RETURNING inbox.user_id, inbox.seq",
        with_tally(tx.dialect(), '-'),
        tally(tx.dialect()),
    ));
    let begun: Vec<Begun> = sql.all(&**tx).await?;
    if begun.is_empty() {
        // What was muted is read, but nobody has noted that its owner read it.
        note_receipts(tx, items, change, now).await?;
        return Ok(Changed::default());
    }
    let seqs: HashMap<_, _> =
        begun.into_iter().map(|Begun { user_id, seq }| (user_id, seq)).collect();
    let owners: Vec<UserId> = seqs.keys().copied().collect();
    if change.can_be_undone() {
        undo::remember(tx, items, only, change, now).await?;
    }

    let mut sql = tx.sql("inbox::apply");
    let these = concerned(&mut sql, items, only, change, now);
    let set = change.sets(&mut sql, now);
    sql.push(format!("UPDATE inbox_item SET {set}, seq = {NEW_SEQ} WHERE {these}"));
    let count = sql.run(&**tx).await?;

    if change != Change::Remove {
        count_changed(tx, &owners, items).await?;
    }
    note_receipts(tx, items, change, now).await?;
    tx.concerns(owners.into_iter().map(Topic::Inbox));
    if matches!(change, Change::Snooze(_) | Change::Undo) {
        tx.concerns([Topic::Jobs]);
    }
    Ok(Changed { count, seqs })
}

/// Notes what the owners of items have seen or read, if that is what the change means.
async fn note_receipts(
    tx: &Tx,
    items: &[ItemId],
    change: Change,
    now: DateTime<Utc>,
) -> Result<()> {
    match change {
        Change::Seen | Change::Read => {
            receipts::record(tx, items, change == Change::Read, now).await
        }
        _ => Ok(()),
    }
}

/// The condition for those of some items that a change concerns.
///
/// It names the items and only checks their state: for a condition on the state the databases would
/// look for an index and, with wrong statistics or none, scan a whole inbox, or all of them.
pub fn concerned(
    sql: &mut Sql,
    items: &[ItemId],
    only: &str,
    change: Change,
    now: DateTime<Utc>,
) -> String {
    let (these, concerns) = (sql.is_one_of("id", items), change.concerns(sql, now));
    let state = format!("removed_at IS NULL AND {concerns} AND {only}");
    format!("{these} AND {}", sql.dialect().checked(&state))
}
