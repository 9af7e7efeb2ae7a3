//! What people do with the items of their own inbox: items that they name, or all items of a list.

use ::entity::{
    id::{ItemId, Seq},
    inbox_item,
};
use chrono::{DateTime, Utc};

use super::{
    change::{Change, apply},
    item::{Item, items},
    list::by_place,
    lock::lock,
};
use crate::{
    auth::Actor,
    db::Db,
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
    let mut sql = tx.sql("inbox::count_named");
    let (user, these) = (sql.bind(owner), sql.is_one_of("i.id", &ids));
    let own = sql.dialect().checked("i.user_id = b.user_id AND i.removed_at IS NULL");
    // This also locks the inbox.
    let for_update = sql.dialect().for_update();
    sql.push(format!(
        "SELECT (SELECT count(*) FROM inbox_item AS i WHERE {these} AND {own}) \
         FROM inbox AS b WHERE b.user_id = {user} {for_update}"
    ));
    let there: i64 = sql.value(&*tx).await?.unwrap_or(0);
    if there < ids.len() as i64 {
        return Err(Error::NotFound(id::Kind::InboxItem.noun()));
    }
    apply(&tx, &ids, "true", change, now).await?;
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
    let mut sql = db.sql("inbox::items_of_list");
    let user = sql.bind(owner);
    let arrived = up_to.map(|seq| format!(" AND arrived_seq <= {}", sql.bind(seq)));
    let selects =
        by_place("id", user, change.places(), kinds, arrived.as_deref().unwrap_or_default());
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
