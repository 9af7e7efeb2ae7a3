//! What people do with the items of their own inbox: items that they name, or all items of a list.

use ::entity::{
    id::{ItemId, Seq},
    inbox_item,
};
use chrono::{DateTime, Utc};
use sea_orm::Value;

use super::{
    change::{Change, apply},
    item::{Item, items},
    list::by_place,
    lock::lock,
};
use crate::{
    auth::Actor,
    db::{Db, bind, list},
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
    let mut named = std::collections::HashSet::new();
    ids.retain(|id| named.insert(*id));

    let tx = db.begin().await?;
    let dialect = tx.dialect();
    // This also locks the inbox.
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

    let mut items = items(db, owner, &ids).await?;
    items.sort_by_key(|item| ids.iter().position(|id| *id == item.row.id));
    Ok(items)
}

/// Marks, moves or snoozes all items of a list; `up_to` leaves alone what arrived after that
/// number. Returns how many changed.
#[tracing::instrument(name = "inbox::change_all", skip_all, fields(actor = actor.in_log()))]
pub async fn change_all(
    db: &Db,
    actor: &Actor,
    kinds: Option<&[inbox_item::Kind]>,
    up_to: Option<Seq>,
    change: Change,
    now: DateTime<Utc>,
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
    let tx = db.begin().await?;
    lock(&tx, &[owner]).await?;
    // As one text, which is the parameter of the next statements.
    let which = format!(
        "SELECT {} FROM ({}) AS i",
        tx.dialect().json_list("i.id"),
        which.join(" UNION ALL ")
    );
    let which = tx.rows(&which, values).await?;
    let which: Option<String> =
        which.first().map(|row| row.try_get_by_index(0)).transpose()?.flatten();
    let changed = match which.filter(|which| which != "[]") {
        Some(which) => apply(&tx, which.into(), "true", change, now).await?,
        None => 0,
    };
    tx.commit().await?;
    Ok(changed)
}
