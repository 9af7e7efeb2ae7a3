//! Inboxes: what is in them, how many, and every change of their items.
//!
//! `inbox.seq` counts the changes of one inbox. Whoever changes items locks the owners' `inbox` rows in the order of the
//! users, adds one, and stamps the new number on every item changed, in the same transaction. So the history of an inbox
//! is the items themselves, sorted by `seq`: what changed since N is what has a higher number, each item once, in its
//! newest state. The counts are kept on the same row, so they belong to the same moment.
//!
//! Locks are taken in one order everywhere: idempotency key, thread, reminder, delivery or expiry or refresh, targets by name,
//! withdrawal, inboxes by user, recipients, messages by id, audiences, announcements by id, people by external id, order of commits.

mod change;
mod history;
mod item;

use ::entity::{activity, inbox, inbox_item, inbox_item_activity};
use chrono::{DateTime, Utc};
use sea_orm::{EntityTrait, Order, QueryFilter, Value, sea_query::Expr};

use crate::{
    db::{Db, bind, list},
    error::{Error, Result},
    page::{Page, Slice},
    text,
};

/// The most inboxes that one transaction locks for something that happens to many.
pub const BATCH: i64 = 5_000;

const ACTIVE: &str = "removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL";

pub use change::{
    About, COUNTS, Change, Changed, apply, begin_change, change_all, change_items, count_changed, deliver, purge,
    remove, tally, wake_snoozed, with_tally,
};
pub use history::{Changes, LARGEST_UPDATE, MOST_CHANGES, Position, Question, changes, how_many_fit};
pub use item::{Activities, BEGINNING, Doer, Item, LATEST_ACTORS, Subject, Texts, latest_actors, reasons};

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
pub async fn page(
    db: &Db,
    user: i64,
    filter: &Filter,
    page: &Page<(DateTime<Utc>, i64)>,
    texts: Texts,
) -> Result<Slice<Item>> {
    let mut values = vec![Value::from(user)];
    let mut conditions = format!("user_id = $1 AND {}", filter.view.condition());
    if let Some(kinds) = &filter.kinds {
        let kinds: Vec<_> = kinds.iter().map(|kind| bind(&mut values, sea_orm::ActiveEnum::to_value(kind))).collect();
        conditions += &format!(" AND kind IN ({})", if kinds.is_empty() { "NULL".into() } else { kinds.join(", ") });
    }
    if let Some(target) = filter.target {
        conditions += &format!(" AND target_id = {}", bind(&mut values, target));
    }
    if let Some(search) = &filter.search {
        conditions += &searching(db, bind(&mut values, text::search("search", search)?));
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
    let items = format!("SELECT * FROM inbox_item WHERE user_id = $1 AND removed_at IS NULL AND {wanted}");
    select_items(db, &items, vec![user.into(), list(ids)], Texts::Whole).await
}

/// The items of one person about these messages.
pub async fn items_about(db: &Db, user: i64, messages: &[i64]) -> Result<Vec<Item>> {
    let wanted = db.dialect().is_one_of("message_id", "$2");
    let items = format!("SELECT * FROM inbox_item WHERE user_id = $1 AND removed_at IS NULL AND {wanted}");
    select_items(db, &items, vec![user.into(), list(messages)], Texts::Whole).await
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
    Ok(select_items(db, item, vec![user.into(), activity.into()], Texts::Whole).await?.pop())
}

/// Items with what they are about.
async fn select_items(db: &Db, items: &str, values: Vec<Value>, texts: Texts) -> Result<Vec<Item>> {
    let rows = db.dialect().json_list(&item::pieces(db, &(texts as i64).to_string()));
    let sql = format!("SELECT {rows} FROM ({items}) AS i {}", item::ABOUT);
    item::assemble(db, db.json(&sql, values).await?).await
}

/// The condition that what an item is about contains a text, in any case.
fn searching(db: &Db, text: String) -> String {
    let position = db.dialect().position();
    let contains = |column: &str| format!("{position}(lower({column}), {text}) > 0");
    let among = |reference: &str, table: &str, columns: &[&str]| {
        let columns: Vec<_> = columns.iter().map(|column| contains(&format!("x.{column}"))).collect();
        // Looked up from the item: a list of all that match would be made of the whole table.
        format!(
            "{reference} IN (SELECT x.id FROM {table} AS x WHERE x.id = inbox_item.{reference} AND ({}))",
            columns.join(" OR ")
        )
    };
    format!(
        " AND ({} OR {} OR {})",
        among("message_id", "message", &["subject", "body"]),
        among("announcement_id", "announcement", &["title", "body"]),
        among("target_id", "target", &["title"]),
    )
}
