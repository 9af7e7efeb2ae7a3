//! Inboxes: what is in them, how many, and every change of their items.
//!
//! There is no log of events: the history of an inbox is its items. A transaction that changes
//! items locks their owners' `inbox` rows (`db` has the order of locks), adds one to `seq`, and
//! stamps the new number on every item that it changes. So what changed since N is what has a
//! higher number: each item once, in its newest state, and never in disagreement with the inbox.
//! The counts are on the same row as `seq`, so they belong to the same moment.
//!
//! - The counts need no rule for each kind of change. `change` takes out what the items counted for
//!   before, changes them, and puts in what they count for afterwards.
//! - Items are changed in `change`, and by `notifications::pull`, which adds items and makes them
//!   grow or shrink between `begin_change` and `count_changed`. `people::users` makes the empty
//!   inbox of a new person.
//! - A removed item stays as a tombstone (`removed_at`) for `retention_days`, so that clients that
//!   were away hear of it. The purge deletes it and notes its number in `purged_seq`; an older
//!   cursor gets a `resync`.
//! - A bulk change stamps one number on many items. A page of the history that ends among them has
//!   the item's id in its cursor, too.
//!
//! The number is a counter for each inbox, under the lock of its row, and not one sequence for all:
//! numbers of a sequence become visible out of order, and a reader that asks for `id > N` would
//! then skip rows for good.

mod change;
mod history;
mod item;
pub mod live;
pub mod receipts;

use ::entity::{activity, inbox, inbox_item, inbox_item_activity};
use chrono::{DateTime, Utc};
use sea_orm::{EntityTrait, Iterable, Order, QueryFilter, Value, sea_query::Expr};

use crate::{
    db::{Db, bind, integers, list},
    error::{Error, Result},
    page::{Page, Slice},
    search,
};

/// The most inboxes that one transaction locks for something that happens to many.
pub const BATCH: i64 = 5_000;

const ACTIVE: &str = "removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL";
/// Where an item is that was not removed, and how far it is known. An index begins with the owner, this and the kind, and is in
/// the order of the pages: it serves what is picked by single values of these. The text is the index's.
const PLACE: &str = "CASE WHEN archived_at IS NOT NULL THEN 5 WHEN snoozed_until IS NOT NULL THEN 4 \
    WHEN read_at IS NOT NULL THEN CASE WHEN seen_at IS NULL THEN 2 ELSE 3 END WHEN seen_at IS NULL THEN 0 ELSE 1 END";

pub use change::{
    About, COUNTS, Change, Recipients, apply, begin_change, change_all, change_items,
    count_changed, deliver, items_and_owners, lock, purge, remove, tally, wake_snoozed, with_tally,
};
pub use history::{
    Changes, LARGEST_UPDATE, MOST_CHANGES, Position, Question, changes, how_many_fit,
};
pub use item::{
    Activities, BEGINNING, Item, ItemActor, LATEST_ACTORS, Subject, Texts, latest_actors, reasons,
};

/// Which of an inbox's lists to show.
#[derive(async_graphql::Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InboxView {
    /// Active items: neither archived nor snoozed.
    #[default]
    Active,
    /// Active items that are unread.
    Unread,
    /// Snoozed items.
    Snoozed,
    /// Archived items.
    Archived,
    /// All items.
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
fn by_place(
    columns: &str,
    places: &[u8],
    kinds: Option<&[inbox_item::Kind]>,
    condition: &str,
) -> Vec<String> {
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

/// The row of an inbox as it is stored: its counts, and where its history stands. What is due may not have come in yet:
/// `pull::up_to_date_head` takes it in first.
pub async fn stored_head(db: &Db, user: i64) -> Result<inbox::Model> {
    inbox::Entity::find_by_id(user).one(db.read()).await?.ok_or(Error::NotFound("inbox"))
}

/// A page of an inbox, newest first, in one statement.
pub async fn page(
    db: &Db,
    user: i64,
    filter: &Filter,
    page: &Page<(DateTime<Utc>, i64)>,
    texts: Texts,
) -> Result<Slice<Item>> {
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
    let mut rows = select_items(db, &items, values, texts).await?;
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
    select_items(db, &items, vec![user.into(), list(ids)], Texts::Whole).await
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
    select_items(
        db,
        &items,
        vec![user.into(), integers(messages.iter().map(|id| [*id]))],
        Texts::Whole,
    )
    .await
}

/// A page of the activities that are a part of an item, the latest first. Whose inbox it is may see them.
pub async fn activities(db: &Db, item: i64, page: &Page<i64>) -> Result<Slice<activity::Model>> {
    let parts =
        inbox_item_activity::Entity::find().filter(inbox_item_activity::COLUMN.item_id.eq(item));
    let key = Expr::col((inbox_item_activity::Entity, inbox_item_activity::Column::ActivityId));
    let parts = page.slice(page.seek(parts, [key], Order::Desc).all(db.read()).await?);
    let ids = parts.rows.iter().map(|part| part.activity_id);
    let found =
        activity::Entity::find().filter(activity::COLUMN.id.is_in(ids)).all(db.read()).await?;
    Ok(parts.map(|part| found.iter().find(|activity| activity.id == part.activity_id).cloned()))
}

/// The item of one person that an activity is in.
pub async fn item_with_activity(db: &Db, user: i64, activity: i64) -> Result<Option<Item>> {
    let item = "SELECT x.* FROM inbox_item_activity AS l JOIN inbox_item AS x ON x.id = l.item_id \
                WHERE l.activity_id = $2 AND x.user_id = $1 AND x.removed_at IS NULL";
    Ok(select_items(db, item, vec![user.into(), activity.into()], Texts::Whole).await?.pop())
}

/// Items with what they are about.
async fn select_items(db: &Db, items: &str, values: Vec<Value>, texts: Texts) -> Result<Vec<Item>> {
    let rows = db.dialect().json_list(&item::pieces(db, &(texts as i64).to_string()));
    let sql = format!("SELECT {rows} FROM ({items}) AS i {}", item::ABOUT);
    item::assemble(db, db.json(&sql, values).await?).await
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
