//! Inboxes: what is in them, how many, and every change of their items.
//!
//! `inbox.seq` counts the changes of one inbox. Whoever changes items locks the owners' `inbox` rows in the order of the
//! users, adds one, and stamps the new number on every item changed, in the same transaction. So the history of an inbox
//! is the items themselves, sorted by `seq`: what changed since N is what has a higher number, each item once, in its
//! newest state. The counts are kept on the same row, so they belong to the same moment.
//!
//! Locks are taken in one order everywhere: idempotency key, thread, delivery, inboxes by user, messages by id, audiences.

use ::entity::{inbox, inbox_item, message, user};
use chrono::{DateTime, Utc};
use sea_orm::{EntityTrait, Value};
use serde::Deserialize;

use crate::{
    app::App,
    auth::Actor,
    db::{Db, Topic, Tx, bind, integers, list},
    error::{Error, Result},
    id,
    page::{Page, Slice},
    receipts, text,
};

/// The most items that one call may name.
pub const MOST_ITEMS: usize = 100;
/// The most changes in one update.
pub const MOST_CHANGES: u64 = 100;
/// The most inboxes that one transaction locks for something that happens to many.
pub const BATCH: i64 = 5_000;

const ACTIVE: &str = "removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL";

/// What an inbox is made of when it is read: the item and what it is about.
#[derive(Clone, Debug, Deserialize)]
pub struct Item {
    pub row: inbox_item::Model,
    pub message: Option<message::Model>,
    pub sender: Option<user::Model>,
}

/// Which items a list shows.
#[derive(async_graphql::Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InboxView {
    /// What is there: neither archived nor snoozed.
    #[default]
    Active,
    /// What is there and not read.
    Unread,
    /// What comes back later.
    Snoozed,
    /// What was put away.
    Archived,
    /// All of them.
    All,
}

impl InboxView {
    fn condition(self) -> &'static str {
        match self {
            InboxView::Active => ACTIVE,
            InboxView::Unread => {
                "removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL AND read_at IS NULL"
            }
            InboxView::Snoozed => "removed_at IS NULL AND snoozed_until IS NOT NULL",
            InboxView::Archived => "removed_at IS NULL AND archived_at IS NOT NULL",
            InboxView::All => "removed_at IS NULL",
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub view: InboxView,
    pub kinds: Option<Vec<inbox_item::Kind>>,
    /// Part of a subject or body, in any case.
    pub search: Option<String>,
}

/// The row of an inbox: its counts, and where its history stands.
pub async fn head(db: &Db, user: i64) -> Result<inbox::Model> {
    inbox::Entity::find_by_id(user).one(db.read()).await?.ok_or(Error::NotFound("inbox"))
}

/// A page of an inbox, newest first, in one statement.
pub async fn page(db: &Db, user: i64, filter: &Filter, page: &Page<(DateTime<Utc>, i64)>) -> Result<Slice<Item>> {
    let mut values = vec![Value::from(user)];
    let mut conditions = format!("user_id = $1 AND {}", filter.view.condition());
    if let Some(kinds) = &filter.kinds {
        let kinds: Vec<_> = kinds.iter().map(|kind| bind(&mut values, sea_orm::ActiveEnum::to_value(kind))).collect();
        conditions += &format!(" AND kind IN ({})", if kinds.is_empty() { "NULL".into() } else { kinds.join(", ") });
    }
    if let Some(search) = &filter.search {
        let pattern = bind(&mut values, text::search_pattern("search", search)?);
        conditions += &format!(
            " AND message_id IN (SELECT x.id FROM message AS x WHERE x.id = inbox_item.message_id \
             AND (lower(x.subject) LIKE {pattern} ESCAPE '\\' OR lower(x.body) LIKE {pattern} ESCAPE '\\'))"
        );
    }
    for (key, comparison) in [(&page.after, "<"), (&page.before, ">")] {
        if let Some((time, id)) = key {
            let (time, id) = (bind(&mut values, *time), bind(&mut values, *id));
            conditions += &format!(" AND (updated_at, id) {comparison} ({time}, {id})");
        }
    }
    let direction = if page.backwards { "ASC" } else { "DESC" };
    let limit = bind(&mut values, page.limit as i64 + 1);
    let items = format!(
        "SELECT * FROM inbox_item WHERE {conditions} ORDER BY updated_at {direction}, id {direction} LIMIT {limit}"
    );
    let mut rows = select_items(db, &items, values).await?;
    // The statement chooses the rows; the order in which a join gives them is its own.
    rows.sort_by_key(|item: &Item| (item.row.updated_at, item.row.id));
    if !page.backwards {
        rows.reverse();
    }
    Ok(page.slice(rows))
}

/// The items of one person with these ids; others are left out.
pub async fn items(db: &Db, user: i64, ids: &[i64]) -> Result<Vec<Item>> {
    let wanted = db.dialect().is_one_of("id", "$2");
    let items = format!("SELECT * FROM inbox_item WHERE user_id = $1 AND removed_at IS NULL AND {wanted}");
    select_items(db, &items, vec![user.into(), list(ids)]).await
}

/// The items of one person about these messages.
pub async fn items_about(db: &Db, user: i64, messages: &[i64]) -> Result<Vec<Item>> {
    let wanted = db.dialect().is_one_of("message_id", "$2");
    let items = format!("SELECT * FROM inbox_item WHERE user_id = $1 AND removed_at IS NULL AND {wanted}");
    select_items(db, &items, vec![user.into(), list(messages)]).await
}

/// Items with what they are about.
async fn select_items(db: &Db, items: &str, values: Vec<Value>) -> Result<Vec<Item>> {
    let dialect = db.dialect();
    let rows = dialect.json_list(&item_json(db));
    let sql = format!("SELECT {rows} FROM ({items}) AS i {ABOUT}");
    db.json(&sql, values).await
}

/// What an item `i` is about.
const ABOUT: &str = "LEFT JOIN message AS m ON m.id = i.message_id LEFT JOIN \"user\" AS s ON s.id = m.sender_id";

/// An [`Item`] of the rows `i`, `m` and `s`.
fn item_json(db: &Db) -> String {
    let dialect = db.dialect();
    let (item, message) = (dialect.json_row::<inbox_item::Entity>("i"), dialect.json_row::<message::Entity>("m"));
    dialect.json_array(&format!("{item}, {message}, {}", dialect.json_row::<user::Entity>("s")))
}

/// How far somebody has followed an inbox: all changes up to `seq`, of those with that number the items up to `item`.
/// A bulk change stamps one number on many items, so a page may end among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    pub seq: i64,
    pub item: i64,
}

impl Position {
    /// After everything that has this number.
    pub fn end(seq: i64) -> Self {
        Position { seq, item: i64::MAX }
    }
}

/// What changed in an inbox after a position, and the row of the same moment.
#[derive(Clone, Debug)]
pub struct Changes {
    pub head: inbox::Model,
    /// In the order of the history; at most one more than was asked for, which says that there is more.
    pub items: Vec<Item>,
}

/// Reads the changes of many inboxes at once, at most `limit` + 1 of each, in one statement: one moment for all.
/// The answers have the order of the questions; None where there is no such inbox.
pub async fn changes(db: &Db, wanted: &[(i64, Position)], limit: u64) -> Result<Vec<Option<Changes>>> {
    let dialect = db.dialect();
    let rows = wanted.iter().enumerate().map(|(n, (user, position))| [n as i64, *user, position.seq, position.item]);
    let newer = format!(
        "SELECT x.id FROM inbox_item AS x WHERE x.user_id = w.user_id AND (x.seq, x.id) > (w.seq, w.item) \
         ORDER BY x.seq, x.id LIMIT {}",
        limit + 1
    );
    let sql = format!(
        "SELECT {} FROM {} AS w JOIN inbox AS b ON b.user_id = w.user_id {} {ABOUT}",
        dialect.json_list(&dialect.json_array(&format!(
            "w.n, {}, {}",
            dialect.json_row::<inbox::Entity>("b"),
            item_json(db)
        ))),
        dialect.integer_table("$1", &["n", "user_id", "seq", "item"]),
        dialect.left_join_each("inbox_item", "i", &newer),
    );
    type Row = (usize, inbox::Model, (Option<inbox_item::Model>, Option<message::Model>, Option<user::Model>));
    let found: Vec<Row> = db.json(&sql, [integers(rows)]).await?;
    let mut answers = vec![None; wanted.len()];
    for (n, head, (item, message, sender)) in found {
        let answer = answers[n].get_or_insert(Changes { head, items: Vec::new() });
        answer.items.extend(item.map(|row| Item { row, message, sender }));
    }
    for answer in answers.iter_mut().flatten() {
        answer.items.sort_by_key(|item| (item.row.seq, item.row.id));
    }
    Ok(answers)
}

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
            Change::Remove => "true".into(),
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

/// How many of some items there are in each of the counts.
const TALLY: &str = "\
    CAST(count(*) FILTER (WHERE removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL AND read_at IS NULL) AS integer) AS unread, \
    CAST(count(*) FILTER (WHERE removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL AND seen_at IS NULL) AS integer) AS unseen, \
    CAST(count(*) FILTER (WHERE removed_at IS NULL AND snoozed_until IS NOT NULL) AS integer) AS snoozed, \
    CAST(count(*) FILTER (WHERE removed_at IS NULL AND archived_at IS NOT NULL) AS integer) AS archived";

/// What [`apply`] did.
pub struct Changed {
    /// The inboxes that it locked. When there are none, there is nothing left to change; when there are, somebody else may
    /// have changed their items first.
    pub inboxes: usize,
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
    let mut changed = Changed { inboxes: owners.len(), items: 0 };
    if owners.is_empty() {
        return Ok(changed);
    }

    // Looked at again under the locks: somebody may have been faster.
    let which = format!("{which} AND {}", dialect.is_one_of("user_id", &bind(&mut values, list(&owners))));
    let take_out = format!(
        "UPDATE inbox SET seq = inbox.seq + 1, unread = inbox.unread - t.unread, unseen = inbox.unseen - t.unseen, \
         snoozed = inbox.snoozed - t.snoozed, archived = inbox.archived - t.archived \
         FROM (SELECT user_id, {TALLY} FROM inbox_item WHERE {which} GROUP BY user_id) AS t \
         WHERE inbox.user_id = t.user_id"
    );
    if tx.run(&take_out, values.clone()).await? == 0 {
        return Ok(changed);
    }

    let set = change.sets(now, &mut values);
    let stamp = "seq = (SELECT b.seq FROM inbox AS b WHERE b.user_id = inbox_item.user_id)";
    changed.items = tx.run(&format!("UPDATE inbox_item SET {set}, {stamp} WHERE {which}"), values).await?;

    if change != Change::Remove {
        let put_in = format!(
            "UPDATE inbox SET unread = inbox.unread + t.unread, unseen = inbox.unseen + t.unseen, \
             snoozed = inbox.snoozed + t.snoozed, archived = inbox.archived + t.archived \
             FROM (SELECT i.user_id, {TALLY} FROM inbox AS b JOIN inbox_item AS i ON i.user_id = b.user_id AND i.seq = b.seq \
             WHERE {} GROUP BY i.user_id) AS t WHERE inbox.user_id = t.user_id",
            dialect.is_one_of("b.user_id", "$1")
        );
        tx.run(&put_in, [list(&owners)]).await?;
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

/// Takes a message out of at most [`BATCH`] inboxes.
pub async fn remove_message(tx: &Tx, message: i64, now: DateTime<Utc>) -> Result<Changed> {
    apply(tx, "message_id = $1", vec![message.into()], Change::Remove, now, BATCH).await
}

/// Brings back the snoozed items whose time has come.
pub async fn wake_snoozed(app: &App) -> Result<()> {
    loop {
        let tx = app.db.begin().await?;
        let woken = apply(&tx, "user_id > $1", vec![0i64.into()], Change::Wake, app.clock.now(), BATCH).await?;
        tx.commit().await?;
        if woken.inboxes == 0 {
            return Ok(());
        }
    }
}

/// Deletes the tombstones from before `horizon`, and notes how far each inbox can no longer be continued.
pub async fn purge(app: &App, horizon: DateTime<Utc>) -> Result<()> {
    loop {
        let tx = app.db.begin().await?;
        let doomed = "SELECT user_id, max(seq) AS seq FROM inbox_item WHERE removed_at < $1 GROUP BY user_id";
        let locked = format!(
            "SELECT user_id FROM inbox WHERE user_id IN (SELECT user_id FROM inbox_item WHERE removed_at < $1) \
             ORDER BY user_id LIMIT {BATCH} {}",
            tx.dialect().for_update()
        );
        let note = format!(
            "UPDATE inbox SET purged_seq = CASE WHEN d.seq > purged_seq THEN d.seq ELSE purged_seq END FROM ({locked}) AS l JOIN ({doomed}) AS d ON d.user_id = l.user_id \
             WHERE inbox.user_id = l.user_id"
        );
        let noted = tx.run(&note, [horizon.into()]).await?;
        // Only what the inbox has noted may go.
        let delete = "DELETE FROM inbox_item WHERE removed_at < $1 \
                      AND seq <= (SELECT b.purged_seq FROM inbox AS b WHERE b.user_id = inbox_item.user_id)";
        tx.run(delete, [horizon.into()]).await?;
        tx.commit().await?;
        if noted == 0 {
            return Ok(());
        }
    }
}
