//! What can happen to the items of inboxes, and the one function that does it.

use std::collections::HashMap;

use ::entity::id::{ItemId, Seq, UserId};
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use super::{NEW_SEQ, counts::difference, receipts, undo};
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

    /// What [`Change::sets`] does to the columns that counts depend on.
    fn effects(self) -> &'static [(&'static str, Becomes)] {
        match self {
            Change::Seen => &[("seen_at", Becomes::NotNull)],
            Change::Read => &[("read_at", Becomes::NotNull), ("seen_at", Becomes::NotNull)],
            Change::Unread => &[("read_at", Becomes::Null)],
            Change::Archive => {
                &[("archived_at", Becomes::NotNull), ("snoozed_until", Becomes::Null)]
            }
            Change::Unarchive => &[("archived_at", Becomes::Null)],
            Change::Snooze(_) => {
                &[("snoozed_until", Becomes::NotNull), ("archived_at", Becomes::Null)]
            }
            Change::Unsnooze => &[("snoozed_until", Becomes::Null)],
            Change::Wake => &[("snoozed_until", Becomes::Null), ("seen_at", Becomes::Null)],
            Change::Refresh => &[],
            Change::Remind(_) => &[
                ("read_at", Becomes::Null),
                ("seen_at", Becomes::Null),
                ("archived_at", Becomes::Null),
                ("snoozed_until", Becomes::Null),
            ],
            Change::Mute => &[
                ("read_at", Becomes::NotNull),
                ("seen_at", Becomes::NotNull),
                ("archived_at", Becomes::NotNull),
            ],
            Change::Undo => &[
                ("seen_at", Becomes::WhatItWas),
                ("read_at", Becomes::WhatItWas),
                ("archived_at", Becomes::WhatItWas),
                ("snoozed_until", Becomes::WhatItWas),
            ],
            Change::Remove => &[("removed_at", Becomes::NotNull)],
        }
    }

    /// Whether a condition of the counts will hold for an item after the change.
    fn afterwards(self, condition: &str) -> String {
        self.effects().iter().fold(condition.to_owned(), |condition, (column, becomes)| {
            let is_null = match becomes {
                Becomes::Null => "true".into(),
                Becomes::NotNull => "false".into(),
                Becomes::WhatItWas => format!(
                    "((SELECT u.{column} FROM inbox_undo AS u WHERE u.item_id = inbox_item.id) \
                     IS NULL)"
                ),
            };
            condition
                .replace(&format!("{column} IS NULL"), &is_null)
                .replace(&format!("{column} IS NOT NULL"), &format!("NOT {is_null}"))
        })
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

/// What a change does to a column of an item.
#[derive(Clone, Copy)]
enum Becomes {
    Null,
    NotNull,
    /// As it is remembered (`undo`).
    WhatItWas,
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

/// Applies a change to those of some items that are still there, and to which it makes a
/// difference. The caller has locked their inboxes, perhaps after finding the items, so another
/// transaction may have been faster.
///
/// The counts need no rule for each change: they change by the difference between what the items
/// count for before and afterwards.
pub async fn apply(
    tx: &Tx,
    items: &[ItemId],
    change: Change,
    now: DateTime<Utc>,
) -> Result<Changed> {
    let mut sql = tx.sql("inbox::begin_apply");
    let these = concerned(&mut sql, items, change, now);
    let (set, difference) = difference(tx.dialect(), |condition| change.afterwards(condition));
    sql.push(format!(
        "UPDATE inbox SET seq = inbox.seq + 1{set} \
         FROM (SELECT user_id{difference} FROM inbox_item WHERE {these} GROUP BY user_id) AS t \
         WHERE inbox.user_id = t.user_id RETURNING inbox.user_id, inbox.seq",
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
        undo::remember(tx, items, change, now).await?;
    }

    let mut sql = tx.sql("inbox::apply");
    let these = concerned(&mut sql, items, change, now);
    let set = change.sets(&mut sql, now);
    sql.push(format!("UPDATE inbox_item SET {set}, seq = {NEW_SEQ} WHERE {these}"));
    let count = sql.run(&**tx).await?;

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
pub fn concerned(sql: &mut Sql, items: &[ItemId], change: Change, now: DateTime<Utc>) -> String {
    let (these, concerns) = (sql.is_one_of("id", items), change.concerns(sql, now));
    let state = format!("removed_at IS NULL AND {concerns}");
    format!("{these} AND {}", sql.dialect().checked(&state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Dialect;

    /// The counts would be wrong otherwise.
    #[test]
    fn the_effects_of_a_change_are_what_it_sets() {
        let now = DateTime::UNIX_EPOCH;
        for change in [
            Change::Seen,
            Change::Read,
            Change::Unread,
            Change::Archive,
            Change::Unarchive,
            Change::Snooze(now),
            Change::Unsnooze,
            Change::Wake,
            Change::Refresh,
            Change::Remind(None),
            Change::Mute,
            Change::Undo,
            Change::Remove,
        ] {
            let sets = change.sets(&mut Sql::new("tests::sets", Dialect::Sqlite), now);
            for column in ["seen_at", "read_at", "archived_at", "snoozed_until", "removed_at"] {
                let effect = change.effects().iter().find(|(name, _)| *name == column);
                let is_as_set = match effect {
                    None => !sets.contains(column),
                    Some((_, Becomes::Null)) => sets.contains(&format!("{column} = NULL")),
                    Some((_, Becomes::NotNull)) => {
                        sets.contains(&format!("{column} = "))
                            && !sets.contains(&format!("{column} = NULL"))
                    }
                    Some((_, Becomes::WhatItWas)) => sets.contains(&format!("u.{column}")),
                };
                assert!(is_as_set, "{change:?} sets {sets}, and not {column} as its effects say");
            }
        }
    }
}
