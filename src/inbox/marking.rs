//! What people do with the items of their own inbox: items that they name, or all items of a list.
//!
//! Changes of named items are made together with those of others that are waiting (`db::together`).

use std::collections::{HashMap, HashSet};

use ::entity::{
    id::{ItemId, Seq, UserId},
    inbox_item,
};
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use super::{
    categories::{by_category, check_filter},
    change::{Change, apply},
    item::{Item, items},
    list::by_place,
    lock::lock,
};
use crate::{
    auth::Actor,
    db::{self, Apart, Db, Tx},
    error::{Error, Result},
    id,
};

/// The most items that one call may name.
pub const MOST_ITEMS: usize = 100;

/// Marks, moves or snoozes some of a person's items; returns all that were named, in their new
/// state.
#[tracing::instrument(name = "inbox::change_items", skip_all, fields(actor = actor.in_log()))]
pub async fn change_items(
    db: &Db,
    actor: &Actor,
    ids: &[String],
    change: Change,
    now: DateTime<Utc>,
) -> Result<Vec<Item>> {
    let owner = actor.person()?.id;
    if ids.is_empty() || ids.len() > MOST_ITEMS {
        return Err(Error::invalid("itemIds", format!("must have between 1 and {MOST_ITEMS} ids")));
    }
    if matches!(change, Change::Snooze(until) if until <= now) {
        return Err(Error::invalid("until", "must be in the future"));
    }
    let mut ids = ids.iter().map(|id| id::decode(id)).collect::<Result<Vec<ItemId>>>()?;
    let mut named = HashSet::new();
    ids.retain(|id| named.insert(*id));

    db.together(db, Mark { owner, ids: ids.clone(), change, now }).await??;
    let mut items = items(db, owner, &ids).await?;
    items.sort_by_key(|item| ids.iter().position(|id| *id == item.row.id));
    Ok(items)
}

/// A change of some items by their owner.
struct Mark {
    owner: UserId,
    ids: Vec<ItemId>,
    change: Change,
    now: DateTime<Utc>,
}

impl db::Call for Mark {
    type Context = Db;
    type Answer = Result<()>;

    fn weight(&self) -> usize {
        /// The row, its indexes and its receipts.
        const ITEM: usize = 1_000;
        self.ids.len() * ITEM
    }

    async fn make_all(_: &Db, tx: &Tx, marks: &[Self]) -> Result<Vec<Result<()>>, Apart> {
        let free = lock_free(tx, marks).await?;
        let waits =
            |index: &usize| free.as_ref().is_some_and(|free| !free.contains(&marks[*index].owner));
        Apart::if_any((0..marks.len()).filter(waits))?;
        Ok(change_own(tx, marks).await?)
    }

    async fn make_alone(self, db: &Db) -> Result<Result<()>> {
        let tx = db.begin().await?;
        lock(&tx, &[self.owner]).await?;
        let answer = change_own(&tx, &[self]).await?.remove(0);
        tx.commit().await?;
        Ok(answer)
    }
}

/// Locks the inboxes that nobody else has locked, and returns their owners; None where there is
/// nothing to lock.
async fn lock_free(tx: &Tx, marks: &[Mark]) -> Result<Option<HashSet<UserId>>> {
    if !tx.dialect().locks_rows() {
        return Ok(None);
    }
    let mut sql = tx.sql("inbox::lock_free");
    let owners: Vec<_> = marks.iter().map(|mark| mark.owner).collect();
    let these = sql.is_one_of("b.user_id", &owners);
    let unlocked = sql.dialect().for_update_of_unlocked("b");
    sql.push(format!("SELECT b.user_id FROM inbox AS b WHERE {these} {unlocked}"));
    Ok(Some(sql.values(&**tx).await?.into_iter().collect()))
}

/// Changes the items that belong to those who name them. The inboxes are locked.
async fn change_own(tx: &Tx, marks: &[Mark]) -> Result<Vec<Result<()>>> {
    #[derive(FromQueryResult)]
    struct There {
        id: ItemId,
        user_id: UserId,
    }
    let mut sql = tx.sql("inbox::named");
    let named: Vec<_> = marks.iter().flat_map(|mark| &mark.ids).collect();
    let (these, is_there) =
        (sql.is_one_of("id", &named), sql.dialect().checked("removed_at IS NULL"));
    sql.push(format!("SELECT id, user_id FROM inbox_item WHERE {these} AND {is_there}"));
    let there: Vec<There> = sql.all(&**tx).await?;
    let owners: HashMap<_, _> =
        there.into_iter().map(|There { id, user_id }| (id, user_id)).collect();
    let mut changes: Vec<(Change, DateTime<Utc>, Vec<ItemId>)> = Vec::new();
    let mut answers = Vec::with_capacity(marks.len());
    for mark in marks {
        if mark.ids.iter().any(|id| owners.get(id) != Some(&mark.owner)) {
            answers.push(Err(Error::NotFound(id::Kind::InboxItem.noun())));
            continue;
        }
        answers.push(Ok(()));
        match changes.iter_mut().find(|(change, ..)| *change == mark.change) {
            Some((_, now, items)) => {
                *now = mark.now.max(*now);
                items.extend(&mark.ids);
            }
            None => changes.push((mark.change, mark.now, mark.ids.clone())),
        }
    }
    for (change, now, items) in changes {
        apply(tx, &items, "true", change, now).await?;
    }
    Ok(answers)
}

/// Marks, moves or snoozes all items of a list; `up_to` leaves alone what arrived after that
/// number. Returns how many changed.
#[tracing::instrument(name = "inbox::change_all", skip_all, fields(actor = actor.in_log()))]
pub async fn change_all(
    db: &Db,
    actor: &Actor,
    kinds: Option<&[inbox_item::Kind]>,
    categories: Option<&[String]>,
    up_to: Option<Seq>,
    change: Change,
    now: DateTime<Utc>,
) -> Result<u64> {
    let owner = actor.person()?.id;
    check_filter("filter.categories", categories)?;
    let mut sql = db.sql("inbox::items_of_list");
    let user = sql.bind(owner);
    let arrived = up_to.map(|seq| format!(" AND arrived_seq <= {}", sql.bind(seq)));
    let (places, arrived) = (change.places(), arrived.as_deref().unwrap_or_default());
    let selects = match categories {
        None => by_place("id", user, places, kinds, arrived),
        Some(categories) => by_category(&mut sql, "id", user, places, kinds, categories, arrived),
    };
    if selects.is_empty() {
        return Ok(0);
    }
    let tx = db.begin().await?;
    lock(&tx, &[owner]).await?;
    let ids = sql.dialect().json_list("i.id");
    sql.push(format!("SELECT {ids} FROM ({}) AS i", selects.join(" UNION ALL ")));
    let items: Vec<ItemId> = sql.json(&*tx).await?;
    let changed = match items.is_empty() {
        true => 0,
        false => apply(&tx, &items, "true", change, now).await?,
    };
    tx.commit().await?;
    Ok(changed)
}
