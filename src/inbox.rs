//! Inboxes: what is in them, how many, and every change of their items.
//!
//! `inbox.seq` counts the changes of one inbox. Whoever changes items locks the owners' `inbox` rows in the order of the
//! users, adds one, and stamps the new number on every item changed, in the same transaction. So the history of an inbox
//! is the items themselves, sorted by `seq`: what changed since N is what has a higher number, each item once, in its
//! newest state. The counts are kept on the same row, so they belong to the same moment.
//!
//! Locks are taken in one order everywhere: idempotency key, thread, delivery or refresh or reminder, targets by name, withdrawal,
//! inboxes by user, recipients, messages by id, audiences, announcements by id, people by external id, order of commits.

mod change;
mod item;

use ::entity::{activity, inbox, inbox_item, inbox_item_activity};
use chrono::{DateTime, Utc};
use sea_orm::{EntityTrait, Iterable, Order, QueryFilter, Value, sea_query::Expr};

use crate::{
    db::{Db, bind, integers, list},
    error::{Error, Result},
    page::{Page, Slice},
    search,
};

/// The most changes in one update.
pub const MOST_CHANGES: u64 = 100;
/// The most inboxes that one transaction locks for something that happens to many.
pub const BATCH: i64 = 5_000;

const ACTIVE: &str = "removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL";
/// Where an item is that was not removed, and how far it is known. An index begins with the owner, this and the kind, and is in
/// the order of the pages: it serves what is picked by single values of these. The text is the index's.
const PLACE: &str = "CASE WHEN archived_at IS NOT NULL THEN 5 WHEN snoozed_until IS NOT NULL THEN 4 \
    WHEN read_at IS NOT NULL THEN CASE WHEN seen_at IS NULL THEN 2 ELSE 3 END WHEN seen_at IS NULL THEN 0 ELSE 1 END";

pub use change::{
    About, Change, apply, begin_change, change_all, change_items, count_changed, deliver, items_and_owners, lock,
    purge, remove, wake_snoozed,
};
pub use item::{Activities, Doer, Item, LATEST_ACTORS, Subject, latest_actors, reasons};

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
    /// The values of [`PLACE`] that it shows.
    fn places(self) -> &'static [u8] {
        match self {
            InboxView::Active => &[0, 1, 2, 3],
            InboxView::Unread => &[0, 1],
            InboxView::Snoozed => &[4],
            InboxView::Archived => &[5],
            InboxView::All => &[0, 1, 2, 3, 4, 5],
        }
    }
}

/// Selects of the items of `$1` in these places and of these kinds, each from one part of the index of [`PLACE`].
fn by_place(columns: &str, places: &[u8], kinds: Option<&[inbox_item::Kind]>, condition: &str) -> Vec<String> {
    let of = |place: &u8, kind: inbox_item::Kind| {
        let kind = sea_orm::ActiveEnum::to_value(&kind);
        format!(
            "SELECT {columns} FROM inbox_item WHERE user_id = $1 AND removed_at IS NULL AND {PLACE} = {place} \
             AND kind = '{kind}'{condition}"
        )
    };
    let is_wanted = |kind: &inbox_item::Kind| kinds.is_none_or(|kinds| kinds.contains(kind));
    let kinds: Vec<_> = inbox_item::Kind::iter().filter(is_wanted).collect();
    places.iter().flat_map(|place| kinds.iter().map(move |kind| of(place, *kind))).collect()
}

#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub view: InboxView,
    pub kinds: Option<Vec<inbox_item::Kind>>,
    /// Only what was done to this target.
    pub target: Option<i64>,
    /// Part of a subject, title or body, in any case.
    pub search: Option<String>,
}

/// The row of an inbox: its counts, and where its history stands.
pub async fn head(db: &Db, user: i64) -> Result<inbox::Model> {
    inbox::Entity::find_by_id(user).one(db.read()).await?.ok_or(Error::NotFound("inbox"))
}

/// A page of an inbox, newest first, in one statement.
pub async fn page(db: &Db, user: i64, filter: &Filter, page: &Page<(DateTime<Utc>, i64)>) -> Result<Slice<Item>> {
    let mut values = vec![Value::from(user)];
    let mut conditions = String::new();
    if let Some(target) = filter.target {
        conditions += &format!(" AND target_id = {}", bind(&mut values, target));
    }
    if let Some(search) = &filter.search {
        conditions += &searching(db, &bind(&mut values, search::term("search", search)?));
    }
    for (key, comparison) in [(&page.after, "<"), (&page.before, ">")] {
        if let Some((time, id)) = key {
            let (time, id) = (bind(&mut values, *time), bind(&mut values, *id));
            conditions += &format!(" AND (updated_at, id) {comparison} ({time}, {id})");
        }
    }
    let direction = if page.backwards { "ASC" } else { "DESC" };
    let order = format!("updated_at {direction}, id {direction}");
    let limit = bind(&mut values, page.limit as i64 + 1);
    let selects = match (filter.view, &filter.kinds) {
        // What is looked at most has an index of its own.
        (InboxView::Active, None) => {
            vec![format!("SELECT * FROM inbox_item WHERE user_id = $1 AND {ACTIVE}{conditions}")]
        }
        (view, kinds) => by_place("*", view.places(), kinds.as_deref(), &conditions),
    };
    if selects.is_empty() {
        return Ok(page.slice(Vec::new()));
    }
    let items = db.dialect().merge(&selects, &order, &limit);
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
    let own = db.dialect().checked("user_id = $1 AND removed_at IS NULL");
    let items = format!("SELECT * FROM inbox_item WHERE {wanted} AND {own}");
    select_items(db, &items, vec![user.into(), list(ids)]).await
}

/// The items of one person about these messages.
pub async fn items_about(db: &Db, user: i64, messages: &[i64]) -> Result<Vec<Item>> {
    let dialect = db.dialect();
    let own = format!(
        "SELECT (SELECT x.id FROM inbox_item AS x WHERE x.message_id = w.message_id AND x.user_id = $1) FROM {} AS w",
        dialect.integer_table("$2", &["message_id"])
    );
    let items = format!(
        "SELECT * FROM inbox_item WHERE {} AND {}",
        dialect.is_among("id", &own),
        dialect.checked("removed_at IS NULL")
    );
    select_items(db, &items, vec![user.into(), integers(messages.iter().map(|id| [*id]))]).await
}

/// A page of the activities that are a part of an item, the latest first. Whose inbox it is may see them.
pub async fn activities(db: &Db, item: i64, page: &Page<i64>) -> Result<Slice<activity::Model>> {
    let parts = inbox_item_activity::Entity::find().filter(inbox_item_activity::COLUMN.item_id.eq(item));
    let key = Expr::col((inbox_item_activity::Entity, inbox_item_activity::Column::ActivityId));
    let parts = page.slice(page.seek(parts, [key], Order::Desc).all(db.read()).await?);
    let ids = parts.rows.iter().map(|part| part.activity_id);
    let found = activity::Entity::find().filter(activity::COLUMN.id.is_in(ids)).all(db.read()).await?;
    Ok(parts.map(|part| found.iter().find(|activity| activity.id == part.activity_id).cloned()))
}

/// The item of one person that an activity is in.
pub async fn item_with_activity(db: &Db, user: i64, activity: i64) -> Result<Option<Item>> {
    let item = "SELECT x.* FROM inbox_item_activity AS l JOIN inbox_item AS x ON x.id = l.item_id \
                WHERE l.activity_id = $2 AND x.user_id = $1 AND x.removed_at IS NULL";
    Ok(select_items(db, item, vec![user.into(), activity.into()]).await?.pop())
}

/// Items with what they are about.
async fn select_items(db: &Db, items: &str, values: Vec<Value>) -> Result<Vec<Item>> {
    let rows = db.dialect().json_list(&item::pieces(db));
    let sql = format!("SELECT {rows} FROM ({items}) AS i {}", item::ABOUT);
    Ok(db.json(&sql, values).await?.into_iter().filter_map(Item::of).collect())
}

/// The condition that what an item is about contains a text, in any case.
fn searching(db: &Db, term: &str) -> String {
    let among = |reference: &str, table: &str, about: search::About| {
        // Looked up from the item: a list of all that match would be made of the whole table.
        format!(
            "{reference} IN (SELECT x.id FROM {table} AS x WHERE x.id = inbox_item.{reference} AND {})",
            search::contains(db.dialect(), about, "x", term)
        )
    };
    format!(
        " AND ({} OR {} OR {})",
        among("message_id", "message", search::About::Message),
        among("announcement_id", "announcement", search::About::Announcement),
        among("target_id", "target", search::About::Target),
    )
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
        "SELECT {} FROM {} AS w JOIN inbox AS b ON b.user_id = w.user_id {} {}",
        dialect.json_list(&dialect.json_array(&format!(
            "w.n, {}, {}",
            dialect.json_row::<inbox::Entity>("b"),
            item::pieces(db)
        ))),
        dialect.integer_table("$1", &["n", "user_id", "seq", "item"]),
        dialect.left_join_each("inbox_item", "i", &newer),
        item::ABOUT,
    );
    let found: Vec<(usize, inbox::Model, item::Pieces)> = db.json(&sql, [integers(rows)]).await?;
    let mut answers = vec![None; wanted.len()];
    for (n, head, pieces) in found {
        let answer = answers[n].get_or_insert(Changes { head, items: Vec::new() });
        answer.items.extend(Item::of(pieces));
    }
    for answer in answers.iter_mut().flatten() {
        answer.items.sort_by_key(|item| (item.row.seq, item.row.id));
    }
    Ok(answers)
}
