//! Every change of the items of inboxes, with the counts that follow from it.

use ::entity::inbox_item;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Value};

use super::{ACTIVE, BATCH, Item, items};
use crate::{
    app::App,
    auth::Actor,
    db::{Topic, Tx, bind, list},
    error::{Error, Result},
    id, receipts,
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
            Change::Snooze(until) => format!("(snoozed_until IS NULL OR snoozed_until <> {})", bind(values, until)),
            Change::Unsnooze => "snoozed_until IS NOT NULL".into(),
            Change::Wake => format!("snoozed_until <= {}", bind(values, now)),
            Change::Refresh | Change::Remind(_) | Change::Remove => "true".into(),
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
            Change::Snooze(until) => format!("snoozed_until = {}, archived_at = NULL", bind(values, until)),
            Change::Unsnooze => "snoozed_until = NULL".into(),
            Change::Wake => format!("snoozed_until = NULL, seen_at = NULL, updated_at = {}", bind(values, now)),
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
pub async fn change_items(app: &App, actor: &Actor, ids: &[String], change: Change) -> Result<Vec<Item>> {
    let owner = actor.person()?.id;
    let now = app.clock.now();
    if ids.is_empty() || ids.len() > MOST_ITEMS {
        return Err(Error::invalid("itemIds", format!("has between 1 and {MOST_ITEMS} ids")));
    }
    if matches!(change, Change::Snooze(until) if until <= now) {
        return Err(Error::invalid("until", "is in the future"));
    }
    let mut ids = ids.iter().map(|id| id::Kind::InboxItem.decode(id)).collect::<Result<Vec<_>>>()?;
    let mut named = std::collections::HashSet::new();
    ids.retain(|id| named.insert(*id));

    let tx = app.db.begin().await?;
    let which = format!("user_id = $1 AND {}", tx.dialect().is_one_of("id", "$2"));
    let values = vec![owner.into(), list(&ids)];
    let there = format!("SELECT id FROM inbox_item WHERE {which} AND removed_at IS NULL");
    if tx.rows(&there, values.clone()).await?.len() < ids.len() {
        return Err(Error::NotFound(id::Kind::InboxItem.noun()));
    }
    apply(&tx, &which, values, change, now, BATCH).await?;
    tx.commit().await?;

    let mut items = items(&app.db, owner, &ids).await?;
    items.sort_by_key(|item| ids.iter().position(|id| *id == item.row.id));
    Ok(items)
}

/// The same for all items of a list; `up_to` leaves alone what arrived after that number. Gives how many changed.
pub async fn change_all(
    app: &App,
    actor: &Actor,
    kinds: Option<&[inbox_item::Kind]>,
    up_to: Option<i64>,
    change: Change,
) -> Result<u64> {
    let owner = actor.person()?.id;
    let mut values = vec![Value::from(owner)];
    let mut which = format!("user_id = $1 AND {ACTIVE}");
    if let Some(kinds) = kinds {
        let kinds: Vec<_> = kinds.iter().map(|kind| bind(&mut values, sea_orm::ActiveEnum::to_value(kind))).collect();
        which += &format!(" AND kind IN ({})", if kinds.is_empty() { "NULL".into() } else { kinds.join(", ") });
    }
    if let Some(seq) = up_to {
        which += &format!(" AND arrived_seq <= {}", bind(&mut values, seq));
    }
    let tx = app.db.begin().await?;
    let changed = apply(&tx, &which, values, change, app.clock.now(), BATCH).await?;
    tx.commit().await?;
    Ok(changed.items)
}

/// The counts of an inbox, and which items count.
pub const COUNTS: [(&str, &str); 6] = [
    ("unread", "archived_at IS NULL AND snoozed_until IS NULL AND read_at IS NULL"),
    (
        "unread_announcements",
        "archived_at IS NULL AND snoozed_until IS NULL AND read_at IS NULL AND kind = 'announcement'",
    ),
    ("unread_activities", "archived_at IS NULL AND snoozed_until IS NULL AND read_at IS NULL AND kind = 'activity'"),
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

/// What [`apply`] did.
pub struct Changed {
    /// The last inbox that it locked. When there is none, there is nothing left to change; when there is, somebody else may
    /// have changed the items first.
    pub last: Option<i64>,
    pub items: u64,
}

/// Changes items: those for which `which` holds, a condition on `inbox_item` with its values, and for which the change
/// makes a difference. At most `most` inboxes are touched, those of the lowest users.
///
/// The counts follow without a rule for each change: what the items counted for before is taken out of them, and what
/// they count for afterwards is put in.
pub async fn apply(
    tx: &Tx,
    which: &str,
    mut values: Vec<Value>,
    change: Change,
    now: DateTime<Utc>,
    most: i64,
) -> Result<Changed> {
    let dialect = tx.dialect();
    let which = format!("{which} AND removed_at IS NULL AND {}", change.concerns(now, &mut values));

    let locked = format!(
        "SELECT user_id FROM inbox WHERE user_id IN (SELECT user_id FROM inbox_item WHERE {which}) \
         ORDER BY user_id LIMIT {most} {}",
        dialect.for_update()
    );
    let owners = tx.rows(&locked, values.clone()).await?;
    let owners = owners.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<i64>, _>>()?;
    let mut changed = Changed { last: owners.last().copied(), items: 0 };
    if owners.is_empty() {
        return Ok(changed);
    }

    // Looked at again under the locks: somebody may have been faster.
    let which = format!("{which} AND {}", dialect.is_one_of("user_id", &bind(&mut values, list(&owners))));
    let take_out = format!(
        "UPDATE inbox SET seq = inbox.seq + 1, {} \
         FROM (SELECT user_id, {} FROM inbox_item WHERE {which} GROUP BY user_id) AS t \
         WHERE inbox.user_id = t.user_id RETURNING inbox.user_id",
        with_tally('-'),
        tally(),
    );
    // Only their items change now: what the others' last change touched was put in when it happened.
    let owners = tx.rows(&take_out, values.clone()).await?;
    let owners = owners.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<i64>, _>>()?;
    if owners.is_empty() {
        return Ok(changed);
    }

    let set = change.sets(now, &mut values);
    changed.items = tx.run(&format!("UPDATE inbox_item SET {set}, seq = {NEW_SEQ} WHERE {which}"), values).await?;

    if change != Change::Remove {
        count_changed(tx, &owners).await?;
    }
    if matches!(change, Change::Seen | Change::Read) {
        for owner in &owners {
            receipts::record(tx, *owner, change == Change::Read, now).await?;
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
    let count = format!("UPDATE inbox SET seq = seq + 1 WHERE {}", dialect.is_one_of("user_id", "$1"));
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

/// Puts what the last change of these inboxes touched into their counts.
pub async fn count_changed(tx: &Tx, owners: &[i64]) -> Result<()> {
    let put_in = format!(
        "UPDATE inbox SET {} \
         FROM (SELECT i.user_id, {} FROM inbox AS b JOIN inbox_item AS i ON i.user_id = b.user_id AND i.seq = b.seq \
         WHERE {} GROUP BY i.user_id) AS t WHERE inbox.user_id = t.user_id",
        with_tally('+'),
        tally(),
        tx.dialect().is_one_of("b.user_id", "$1"),
    );
    tx.run(&put_in, [list(owners)]).await?;
    Ok(())
}

/// Puts a new message into the inboxes of its recipients with ids in `(after, up_to]`.
pub async fn deliver(tx: &Tx, message: i64, after: i64, up_to: i64, now: DateTime<Utc>) -> Result<()> {
    let recipients = "SELECT user_id FROM message_recipient WHERE message_id = $1 AND user_id > $2 AND user_id <= $3";
    let range: [Value; 3] = [message.into(), after.into(), up_to.into()];
    // What a new item counts for is known: one unread and one unseen.
    let count = format!(
        "UPDATE inbox SET seq = inbox.seq + 1, unread = inbox.unread + 1, unseen = inbox.unseen + 1 \
         FROM (SELECT user_id FROM inbox WHERE user_id IN ({recipients}) ORDER BY user_id {}) AS l \
         WHERE inbox.user_id = l.user_id RETURNING inbox.user_id",
        tx.dialect().for_update()
    );
    let owners = tx.rows(&count, range.clone()).await?;
    let owners = owners.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<i64>, _>>()?;
    let insert = format!(
        "INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at) \
         SELECT user_id, 'message', $1, seq, seq, $4, $4 FROM inbox WHERE user_id IN ({recipients})"
    );
    tx.run(&insert, range.into_iter().chain([now.into()])).await?;
    tx.concerns(owners.into_iter().map(Topic::Inbox));
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
    let which = format!("{column} = $1 AND user_id > $2");
    Ok(apply(tx, &which, vec![id.into(), after.into()], Change::Remove, now, BATCH).await?.last)
}

/// Brings back the snoozed items whose time has come.
pub async fn wake_snoozed(app: &App) -> Result<()> {
    loop {
        let now = app.clock.now();
        // In the order of the index, so that the databases go through what is due and nothing else.
        let due = format!(
            "SELECT id FROM inbox_item WHERE removed_at IS NULL AND snoozed_until <= $1 ORDER BY snoozed_until LIMIT {BATCH}"
        );
        let due = app.db.read().query_all_raw(app.db.statement(due, [now.into()])).await?;
        if due.is_empty() {
            return Ok(());
        }
        let ids = due.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<i64>, _>>()?;
        let tx = app.db.begin().await?;
        apply(&tx, &tx.dialect().is_one_of("id", "$1"), vec![list(&ids)], Change::Wake, now, BATCH).await?;
        tx.commit().await?;
    }
}

/// Deletes the tombstones from before `horizon`, and notes how far each inbox can no longer be continued.
pub async fn purge(app: &App, horizon: DateTime<Utc>) -> Result<()> {
    loop {
        let old = format!("SELECT id, user_id FROM inbox_item WHERE removed_at < $1 ORDER BY removed_at LIMIT {BATCH}");
        let old = app.db.read().query_all_raw(app.db.statement(old, [horizon.into()])).await?;
        if old.is_empty() {
            return Ok(());
        }
        let column = |index| old.iter().map(|row| row.try_get_by_index(index)).collect::<Result<Vec<i64>, _>>();
        let (ids, owners) = (column(0)?, column(1)?);
        let tx = app.db.begin().await?;
        let dialect = tx.dialect();
        let lock = format!(
            "SELECT user_id FROM inbox WHERE {} ORDER BY user_id {}",
            dialect.is_one_of("user_id", "$1"),
            dialect.for_update()
        );
        tx.rows(&lock, [list(&owners)]).await?;
        let ids = list(&ids);
        let note = format!(
            "UPDATE inbox SET purged_seq = CASE WHEN d.seq > purged_seq THEN d.seq ELSE purged_seq END \
             FROM (SELECT user_id, max(seq) AS seq FROM inbox_item WHERE {} GROUP BY user_id) AS d \
             WHERE inbox.user_id = d.user_id",
            dialect.is_one_of("id", "$1")
        );
        tx.run(&note, [ids.clone()]).await?;
        tx.run(&format!("DELETE FROM inbox_item WHERE {}", dialect.is_one_of("id", "$1")), [ids]).await?;
        tx.commit().await?;
    }
}
