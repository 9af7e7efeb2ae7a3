//! Inboxes: what is in them, the counts, and every change to their items.
//!
//! There is no event log: the history of an inbox is its items. A transaction that changes items
//! locks their owners' `inbox` rows (`db` gives the order of locks), increments `seq`, and stamps
//! the new number on every item it changes. So the changes since N are the items with a higher
//! number: each item once, in its newest state, and always consistent with the inbox. The counts
//! are on the same row as `seq`, so they belong to the same moment.
//!
//! - The counts need no rule for each kind of change. They change by the difference between what the
//!   items count for before and afterwards (`counts`).
//! - Items are changed by `change`, and by `notifications::pull`, which adds items and makes them
//!   grow or shrink: between `begin_change`, which subtracts what they count for, and
//!   `count_changed`, which adds it again. `people::users` creates the empty inbox of a new person.
//! - A removed item stays as a tombstone (`removed_at`) for `retention_days`, so that clients that
//!   were away learn of it. The purge deletes it and records its number in `purged_seq`; an older
//!   cursor gets a `resync`.
//! - A bulk change stamps one number on many items. If a page of the history ends among them, its
//!   cursor also has the item's id.
//!
//! Each inbox has its own counter, under the lock of its row, rather than one sequence for all:
//! numbers from a sequence become visible out of order, and a reader that asks for `id > N` would
//! then skip rows for good.
//!
//! - `kind`: what a kind of item is. `item`: an item as it is read, with what it is about.
//!   `activities`: what an item of activities contains. `show`: what an item shows in a list.
//! - `list`: the lists of an inbox, with their filters and pages. `search`: those with a search.
//! - `change`: every change to items. `counts`: what they count for. `categories`: the same by
//!   category. `lock`: locking inboxes.
//! - `marking`: what people do with their items. `undo`: they take it back. `deliver`: a message
//!   arrives. `remove`: what has expired leaves. `retain`: what is too old leaves. `wake`: snoozed
//!   items come back. `purge`: tombstones are deleted. `erase`: an inbox is emptied. `refresh`: what
//!   items are about shows something else.
//! - `threads`: what an inbox has of a thread. `muting`: threads that wake nobody.
//! - `receipts`: who has seen and read what.
//! - `history`: what changed in many inboxes since a position. `live`: following it.

mod activities;
mod categories;
mod change;
mod counts;
mod deliver;
mod erase;
mod history;
mod item;
pub mod kind;
mod list;
pub mod live;
mod lock;
mod marking;
mod muting;
mod purge;
pub mod receipts;
pub mod refresh;
mod remove;
mod retain;
mod search;
mod show;
mod threads;
mod undo;
mod wake;

use ::entity::id::{ItemId, UserId};
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::{db::Sql, error::Result};

pub use activities::{
    Activities, ActivityActor, LATEST_ACTORS, activities, item_with_activity, latest_actors,
    reasons,
};
pub use categories::{
    check_filter, counted as counts_for_category, more as more_by_category, unread_by_category,
};
pub use change::{Change, Changed, apply};
pub use counts::{
    COUNTS, UNREAD, begin_change, count_changed, count_of_view, tally, with_new, with_tally,
};
pub use deliver::{Arrival, Recipients, add_items, count_arrivals, deliver};
pub use erase::erase_some;
pub use history::{
    Changes, LARGEST_UPDATE, MOST_CHANGES, Position, Question, changes, how_many_fit,
};
pub use item::{Columns, Item, Texts, items, items_about, rows};
pub use kind::{About, Pieces, Subject};
pub use list::{Filter, InboxView, ListPage};
pub use lock::lock;
pub use marking::{change_all, change_items};
pub use muting::{forget_mutes, mute, quieten, unmute};
pub use purge::{count_tombstones, purge};
pub use remove::remove;
pub use retain::{count_old, remove_old};
pub use threads::{Thread, item_about, threads};
pub use undo::{
    UNDO_WITHIN, count_old as count_undo, forget as forget_undo, forget_undo_of,
    oldest as oldest_undo, undo,
};
pub use wake::wake_snoozed;

/// The most inboxes that one transaction locks for something that affects many. On SQLite every
/// other writer waits for it.
pub const BATCH: i64 = 3_000;

/// The number of the change in progress in the item's inbox.
const NEW_SEQ: &str = "(SELECT b.seq FROM inbox AS b WHERE b.user_id = inbox_item.user_id)";

/// The items that a statement returns as `id`, and their owners, as `user_id`. Where `id` is NULL
/// there is no item.
pub async fn items_and_owners(
    sql: &Sql,
    connection: &impl ConnectionTrait,
) -> Result<(Vec<ItemId>, Vec<UserId>)> {
    #[derive(FromQueryResult)]
    struct Found {
        id: Option<ItemId>,
        user_id: UserId,
    }
    let found: Vec<Found> = sql.all(connection).await?;
    Ok(found.into_iter().filter_map(|found| Some((found.id?, found.user_id))).unzip())
}
