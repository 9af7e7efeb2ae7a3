//! Every change of the items of inboxes, with the counts that follow from it.

use ::entity::inbox_item;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::{BATCH, InboxView, Item, by_place, items};
use crate::{
    app::App,
    auth::Actor,
    db::{Topic, Tx, bind, integers, list},
    error::{Error, Result},
    id,
    inbox::receipts,
};

/// The most items that one call may name.
pub const MOST_ITEMS: usize = 100;

/// What can happen to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Seen,
    /// Read, and so also seen.
    Read,
    Unread,
    Archive,
    Unarchive,
    Snooze(DateTime<Utc>),
    /// Its owner wants it back: it returns to where it was.
    Unsnooze,
    /// Its time has come: it returns at the top, unseen.
    Wake,
    /// What it is about has changed: it stays where and as it is, and shows something else.
    Refresh,
    /// Its owner has not read it, or not replied: it comes back at the top, unread and unseen, wherever it is. The last time
    /// with how long there is to respond.
    Remind(Option<DateTime<Utc>>),
    /// It leaves for good. What stays is a tombstone, for clients that were away.
    Remove,
}

impl Change {
    /// The items to which it makes a difference.
    fn concerns(self, now: DateTime<Utc>, values: &mut Vec<Value>) -> String {
        match self {
            Change::Seen => "seen_at IS NULL".into(),
            Change::Read => "read_at IS NULL".into(),
            Change::Unread => "read_at IS NOT NULL".into(),
            Change::Archive => "archived_at IS NULL".into(),
            Change::Unarchive => "archived_at IS NOT NULL".into(),
            Change::Snooze(until) => {
                format!("(snoozed_until IS NULL OR snoozed_until <> {})", bind(values, until))
            }
            Change::Unsnooze => "snoozed_until IS NOT NULL".into(),
            Change::Wake => format!("snoozed_until <= {}", bind(values, now)),
            Change::Refresh | Change::Remind(_) | Change::Remove => "true".into(),
        }
    }

    /// The places, of what is there, in which such items are.
    fn places(self) -> &'static [u8] {
        match self {
            Change::Seen => &[0, 2],
            Change::Read => InboxView::Unread.places(),
            _ => InboxView::Active.places(),
        }
    }

    /// What it does to them.
    fn sets(self, now: DateTime<Utc>, values: &mut Vec<Value>) -> String {
        match self {
            Change::Seen => format!("seen_at = {}", bind(values, now)),
            Change::Read => {
                let now = bind(values, now);
                format!("read_at = {now}, seen_at = coalesce(seen_at, {now})")
            }
            Change::Unread => "read_at = NULL".into(),
            Change::Archive => format!("archived_at = {}, snoozed_until = NULL", bind(values, now)),
            Change::Unarchive => "archived_at = NULL".into(),
            Change::Snooze(until) => {
                format!("snoozed_until = {}, archived_at = NULL", bind(values, until))
            }
            Change::Unsnooze => "snoozed_until = NULL".into(),
            Change::Wake => {
                format!("snoozed_until = NULL, seen_at = NULL, updated_at = {}", bind(values, now))
            }
            // The number of the change, which every change sets, is all there is to it.
            Change::Refresh => "updated_at = updated_at".into(),
            Change::Remind(respond_by) => {
                let (now, respond_by) = (bind(values, now), bind(values, respond_by));
                format!(
                    "read_at = NULL, seen_at = NULL, archived_at = NULL, snoozed_until = NULL, updated_at = {now}, \
                     reminded_at = {now}, reminded_seq = {NEW_SEQ}, respond_by = {respond_by}"
                )
            }
            Change::Remove => format!("removed_at = {}", bind(values, now)),
        }
    }
}

/// Marks, moves or snoozes some of a person's items; gives all that were named, as they are now.
#[tracing::instrument(name = "inbox::change_items", skip_all, fields(actor = actor.user_id()))]
pub async fn change_items(
    app: &App,
    actor: &Actor,
    ids: &[String],
    change: Change,
) -> Result<Vec<Item>> {
    let owner = actor.person()?.id;
    let now = app.clock.now();
    if ids.is_empty() || ids.len() > MOST_ITEMS {
        return Err(Error::invalid("itemIds", format!("has between 1 and {MOST_ITEMS} ids")));
    }
    if matches!(change, Change::Snooze(until) if until <= now) {
        return Err(Error::invalid("until", "is in the future"));
    }
    let mut ids =
        ids.iter().map(|id| id::Kind::InboxItem.decode(id)).collect::<Result<Vec<_>>>()?;
    let mut named = std::collections::HashSet::new();
    ids.retain(|id| named.insert(*id));

    let tx = app.db.begin().await?;
    let dialect = tx.dialect();
    // Locks the inbox, too.
    let there = format!(
        "SELECT (SELECT count(*) FROM inbox_item AS i WHERE {} AND {}) FROM inbox AS b WHERE b.user_id = $1 {}",
        dialect.is_one_of("i.id", "$2"),
        dialect.checked("i.user_id = b.user_id AND i.removed_at IS NULL"),
        dialect.for_update(),
    );
    let there = tx.rows(&there, [owner.into(), list(&ids)]).await?;
    let there: i64 = there.first().map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0);
    if there < ids.len() as i64 {
        return Err(Error::NotFound(id::Kind::InboxItem.noun()));
    }
    apply(&tx, list(&ids), "true", change, now).await?;
    tx.commit().await?;

    let mut items = items(&app.db, owner, &ids).await?;
    items.sort_by_key(|item| ids.iter().position(|id| *id == item.row.id));
    Ok(items)
}

/// The same for all items of a list; `up_to` leaves alone what arrived after that number. Gives how many changed.
#[tracing::instrument(name = "inbox::change_all", skip_all, fields(actor = actor.user_id()))]
pub async fn change_all(
    app: &App,
    actor: &Actor,
    kinds: Option<&[inbox_item::Kind]>,
    up_to: Option<i64>,
    change: Change,
) -> Result<u64> {
    let owner = actor.person()?.id;
    let mut values = vec![Value::from(owner)];
    let arrived = up_to
        .map(|seq| format!(" AND arrived_seq <= {}", bind(&mut values, seq)))
        .unwrap_or_default();
    let which = by_place("id", change.places(), kinds, &arrived);
    if which.is_empty() {
        return Ok(0);
    }
    let tx = app.db.begin().await?;
    lock(&tx, &[owner]).await?;
    // As one text, which is the parameter of what follows.
    let which = format!(
        "SELECT {} FROM ({}) AS i",
        tx.dialect().json_list("i.id"),
        which.join(" UNION ALL ")
    );
    let which = tx.rows(&which, values).await?;
    let which: Option<String> =
        which.first().map(|row| row.try_get_by_index(0)).transpose()?.flatten();
    let changed = match which.filter(|which| which != "[]") {
        Some(which) => apply(&tx, which.into(), "true", change, app.clock.now()).await?,
        None => 0,
    };
    tx.commit().await?;
    Ok(changed)
}

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

/// The number of the change that is under way in the inbox of an item.
const NEW_SEQ: &str = "(SELECT b.seq FROM inbox AS b WHERE b.user_id = inbox_item.user_id)";

/// Locks some inboxes.
pub async fn lock(tx: &Tx, owners: &[i64]) -> Result<()> {
    lock_those(tx, &tx.dialect().is_one_of("user_id", "$1"), &[list(owners)]).await
}

/// How often [`lock_those`] begins again, when another inbox is locked each time.
const MOST_TRIES: usize = 4;

/// Locks the inboxes for which a condition on `user_id` holds.
///
/// None of them is held while another is waited for: one that stays locked would keep everybody else of a group waiting, too.
/// Where many compete for the same inboxes this could go on for ever, so after some tries they are locked one after the other,
/// in the order of the users.
async fn lock_those(tx: &Tx, which: &str, values: &[Value]) -> Result<()> {
    let dialect = tx.dialect();
    if !dialect.locks_rows() {
        return Ok(());
    }
    let lock_free = format!(
        "WITH locked AS MATERIALIZED (SELECT user_id FROM inbox WHERE {which} {} SKIP LOCKED) \
         SELECT min(user_id) FROM inbox WHERE {which} AND user_id NOT IN (SELECT user_id FROM locked)",
        dialect.for_update()
    );
    let wait = format!("SELECT user_id FROM inbox WHERE user_id = $1 {}", dialect.for_update());
    tx.execute_unprepared("SAVEPOINT before_inboxes").await?;
    for _ in 0..MOST_TRIES {
        let first_locked = tx.rows(&lock_free, values.iter().cloned()).await?;
        let first_locked =
            first_locked.first().map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose()?;
        let Some(first_locked) = first_locked.flatten() else { return Ok(()) };
        tx.execute_unprepared("ROLLBACK TO SAVEPOINT before_inboxes").await?;
        tx.rows(&wait, [first_locked.into()]).await?;
    }
    tx.execute_unprepared("ROLLBACK TO SAVEPOINT before_inboxes").await?;
    let in_order = format!(
        "SELECT user_id FROM inbox WHERE {which} ORDER BY user_id {}",
        dialect.for_update()
    );
    tx.rows(&in_order, values.iter().cloned()).await?;
    Ok(())
}

/// Changes those of some items, a [`list`], that are still there, for which `only` holds and to which it makes a difference. The
/// caller has locked the inboxes that they are in, perhaps after it found them: somebody may have been faster. Gives how many
/// there were.
///
/// The counts follow without a rule for each change: what the items counted for before is taken out of them, and what
/// they count for afterwards is put in.
///
/// Each statement is given the items: by a condition on their state the databases would look for an index, and with wrong
/// statistics, or none, go through a whole inbox, or all of them.
pub async fn apply(
    tx: &Tx,
    items: Value,
    only: &str,
    change: Change,
    now: DateTime<Utc>,
) -> Result<u64> {
    let dialect = tx.dialect();
    let mut values = vec![items.clone()];
    let concerns =
        format!("removed_at IS NULL AND {} AND {only}", change.concerns(now, &mut values));
    let which = format!("{} AND {}", dialect.is_one_of("id", "$1"), dialect.checked(&concerns));
    let take_out = format!(
        "UPDATE inbox SET seq = inbox.seq + 1, {} \
         FROM (SELECT user_id, {} FROM inbox_item WHERE {which} GROUP BY user_id) AS t \
         WHERE inbox.user_id = t.user_id RETURNING inbox.user_id",
        with_tally('-'),
        tally(),
    );
    let owners = tx.rows(&take_out, values.clone()).await?;
    let owners =
        owners.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<i64>, _>>()?;
    if owners.is_empty() {
        return Ok(0);
    }

    let set = change.sets(now, &mut values);
    let changed = tx
        .run(&format!("UPDATE inbox_item SET {set}, seq = {NEW_SEQ} WHERE {which}"), values)
        .await?;

    if change != Change::Remove {
        count_changed(tx, &owners, items.clone()).await?;
    }
    if matches!(change, Change::Seen | Change::Read) {
        for owner in &owners {
            receipts::record(tx, *owner, items.clone(), change == Change::Read, now).await?;
        }
    }
    tx.concerns(owners.into_iter().map(Topic::Inbox));
    if matches!(change, Change::Snooze(_)) {
        tx.concerns([Topic::Schedule]);
    }
    Ok(changed)
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

/// The recipients of a message into whose inboxes it comes.
#[derive(Clone, Copy, Debug)]
pub enum Recipients {
    /// All, and there is only one.
    One,
    All,
    /// Those with ids in `(after, up_to]`.
    Between(i64, i64),
}

/// Puts a new message into inboxes.
pub async fn deliver(tx: &Tx, message: i64, to: Recipients, now: DateTime<Utc>) -> Result<()> {
    let (after, up_to) = match to {
        Recipients::One | Recipients::All => (0, i64::MAX),
        Recipients::Between(after, up_to) => (after, up_to),
    };
    let dialect = tx.dialect();
    let recipients = "SELECT user_id FROM message_recipient WHERE message_id = $1 AND user_id > $2 AND user_id <= $3";
    let (which, values) =
        (dialect.is_among("user_id", recipients), [message.into(), after.into(), up_to.into()]);
    if !matches!(to, Recipients::One) {
        lock_those(tx, &which, &values).await?;
    }
    // What a new item counts for is known: one unread and one unseen.
    let count = format!(
        "UPDATE inbox SET seq = seq + 1, unread = unread + 1, unseen = unseen + 1 WHERE {which} RETURNING user_id, seq"
    );
    let changes = tx.rows(&count, values).await?;
    let change = |row: &QueryResult| Ok([row.try_get_by_index(0)?, row.try_get_by_index(1)?]);
    let mut changes = changes.iter().map(change).collect::<Result<Vec<[i64; 2]>>>()?;
    changes.sort_unstable();
    let insert = format!(
        "INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at) \
         SELECT d.user_id, 'message', $2, d.seq, d.seq, $3, $3 FROM {} AS d",
        dialect.integer_table("$1", &["user_id", "seq"])
    );
    tx.run(&insert, [integers(changes.iter().copied()), message.into(), now.into()]).await?;
    tx.concerns(changes.into_iter().map(|[owner, _]| Topic::Inbox(owner)));
    Ok(())
}

/// What items can be about that leaves inboxes as a whole.
#[derive(Clone, Copy, Debug)]
pub enum About {
    Message(i64),
    Announcement(i64),
}

/// Takes what is about something out of the inboxes of at most [`BATCH`] people after a user. Gives the last of them.
pub async fn remove(tx: &Tx, about: About, after: i64, now: DateTime<Utc>) -> Result<Option<i64>> {
    let (column, id) = match about {
        About::Message(id) => ("message_id", id),
        About::Announcement(id) => ("announcement_id", id),
    };
    let find = format!(
        "SELECT id, user_id FROM inbox_item WHERE {column} = $1 AND user_id > $2 AND removed_at IS NULL \
         ORDER BY user_id LIMIT {BATCH}"
    );
    let (items, owners) = items_and_owners(&tx.rows(&find, [id.into(), after.into()]).await?)?;
    if let Some(last) = owners.last() {
        lock(tx, &owners).await?;
        apply(tx, list(&items), "true", Change::Remove, now).await?;
        return Ok(Some(*last));
    }
    Ok(None)
}

/// Rows of the ids of items and of their owners.
pub fn items_and_owners(rows: &[QueryResult]) -> Result<(Vec<i64>, Vec<i64>)> {
    let column =
        |index| rows.iter().map(|row| row.try_get_by_index(index)).collect::<Result<Vec<i64>, _>>();
    Ok((column(0)?, column(1)?))
}

/// Brings back the snoozed items whose time has come.
pub async fn wake_snoozed(app: &App) -> Result<()> {
    loop {
        let now = app.clock.now();
        // In the order of the index, so that the databases go through what is due and nothing else.
        let due = format!(
            "SELECT id, user_id FROM inbox_item WHERE removed_at IS NULL AND snoozed_until <= $1 \
             ORDER BY snoozed_until LIMIT {BATCH}"
        );
        let due = app.db.read().query_all_raw(app.db.statement(due, [now.into()])).await?;
        if due.is_empty() {
            return Ok(());
        }
        let (items, owners) = items_and_owners(&due)?;
        let tx = app.db.begin().await?;
        lock(&tx, &owners).await?;
        apply(&tx, list(&items), "true", Change::Wake, now).await?;
        tx.commit().await?;
    }
}

/// Deletes the tombstones from before `horizon`, and notes how far each inbox can no longer be continued.
pub async fn purge(app: &App, horizon: DateTime<Utc>) -> Result<()> {
    loop {
        let old = format!(
            "SELECT id, user_id FROM inbox_item WHERE removed_at < $1 ORDER BY removed_at LIMIT {BATCH}"
        );
        let old = app.db.read().query_all_raw(app.db.statement(old, [horizon.into()])).await?;
        if old.is_empty() {
            return Ok(());
        }
        let (ids, owners) = items_and_owners(&old)?;
        let tx = app.db.begin().await?;
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
