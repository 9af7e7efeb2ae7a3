//! What people do with the items of their own inbox: items that they name, or all items of a list.
//!
//! Changes of named items are made together with those of others that are waiting (`db::together`).
//! Each call is a change with a number of its own, by which it can be taken back (`undo`).

use std::collections::{HashMap, HashSet};

use ::entity::id::{ItemId, Seq, UserId};
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use super::{
    categories::check_filter,
    change::{Change, Changed, apply},
    list::{Filter, all, is_in},
    lock::lock,
    search,
};
use crate::{
    auth::Actor,
    db::{self, Apart, Db, Tx},
    error::{Error, Result},
    id,
};

/// The most items that one call may name.
pub const MOST_ITEMS: usize = 500;

/// Marks, moves or snoozes some of a person's items; returns those that were named, each once, and
/// the number of the change, if there was anything to change.
#[tracing::instrument(level = "debug", name = "inbox::change_items", skip_all, fields(actor = actor.in_log()))]
pub async fn change_items(
    db: &Db,
    actor: &Actor,
    ids: &[String],
    change: Change,
    now: DateTime<Utc>,
) -> Result<(Vec<ItemId>, Option<Seq>)> {
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

    let seq = db.together(db, Mark { owner, ids: ids.clone(), change, now }).await??;
    Ok((ids, seq))
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
    /// The number of the change, if there was anything to change.
    type Answer = Result<Option<Seq>>;

    fn weight(&self) -> usize {
        /// The row, its indexes and its receipts.
        const ITEM: usize = 1_000;
        self.ids.len() * ITEM
    }

    async fn make_all(_: &Db, tx: &Tx, marks: &[Self]) -> Result<Vec<Self::Answer>, Apart> {
        let free = lock_free(tx, marks).await?;
        let waits =
            |index: &usize| free.as_ref().is_some_and(|free| !free.contains(&marks[*index].owner));
        Apart::if_any((0..marks.len()).filter(waits))?;
        Ok(change_own(tx, marks).await?)
    }

    async fn make_alone(self, db: &Db) -> Result<Self::Answer> {
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

/// The same change of items of several people, by one call of each.
struct Same {
    change: Change,
    now: DateTime<Utc>,
    items: Vec<ItemId>,
    /// Each with the place of their call.
    owners: HashMap<UserId, usize>,
}

/// Changes the items that belong to those who name them. The inboxes are locked.
async fn change_own(tx: &Tx, marks: &[Mark]) -> Result<Vec<Result<Option<Seq>>>> {
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
    let mut changes: Vec<Same> = Vec::new();
    let mut answers = Vec::with_capacity(marks.len());
    for (place, mark) in marks.iter().enumerate() {
        if mark.ids.iter().any(|id| owners.get(id) != Some(&mark.owner)) {
            answers.push(Err(Error::NotFound(id::Kind::InboxItem.noun())));
            continue;
        }
        answers.push(Ok(None));
        // Two calls of one person are two changes: each can be taken back by itself.
        let is_same =
            |same: &&mut Same| same.change == mark.change && !same.owners.contains_key(&mark.owner);
        match changes.iter_mut().find(is_same) {
            Some(same) => {
                same.now = mark.now.max(same.now);
                same.items.extend(&mark.ids);
                same.owners.insert(mark.owner, place);
            }
            None => changes.push(Same {
                change: mark.change,
                now: mark.now,
                items: mark.ids.clone(),
                owners: HashMap::from([(mark.owner, place)]),
            }),
        }
    }
    for Same { change, now, items, owners } in changes {
        for (owner, seq) in apply(tx, &items, change, now).await?.seqs {
            if let Some(place) = owners.get(&owner) {
                answers[*place] = Ok(Some(seq));
            }
        }
    }
    Ok(answers)
}

/// Marks, moves or snoozes all items that a filter shows; `up_to` leaves alone what arrived after
/// that number.
#[tracing::instrument(level = "debug", name = "inbox::change_all", skip_all, fields(actor = actor.in_log()))]
pub async fn change_all(
    db: &Db,
    actor: &Actor,
    filter: &Filter,
    up_to: Option<Seq>,
    change: Change,
    now: DateTime<Utc>,
) -> Result<Changed> {
    let owner = actor.person()?.id;
    check_filter("filter.categories", filter.categories.as_deref())?;
    let mut sql = db.sql("inbox::items_of_list");
    let selects = match filter.is_search() {
        false => all(&mut sql, owner, filter, |place| change.concerns_place(place), up_to),
        // A search may take long, so nothing is locked meanwhile. What moves while it goes on, or
        // grows, is not changed.
        true => {
            let found = search::all(db, owner, filter).await?;
            let (these, user) = (sql.is_one_of("id", &found), sql.bind(owner));
            let mut is_still = format!("user_id = {user} AND {}", is_in(filter.view.places()));
            if let Some(up_to) = up_to {
                is_still += &format!(" AND arrived_seq <= {}", sql.bind(up_to));
            }
            let is_still = sql.dialect().checked(&is_still);
            vec![format!("SELECT id FROM inbox_item WHERE {these} AND {is_still}")]
        }
    };
    if selects.is_empty() {
        return Ok(Changed::default());
    }
    let tx = db.begin().await?;
    lock(&tx, &[owner]).await?;
    let ids = sql.dialect().json_list("i.id");
    sql.push(format!("SELECT {ids} FROM ({}) AS i", selects.join(" UNION ALL ")));
    let items: Vec<ItemId> = sql.json(&*tx).await?;
    let changed = match items.is_empty() {
        true => Changed::default(),
        false => apply(&tx, &items, change, now).await?,
    };
    tx.commit().await?;
    Ok(changed)
}
