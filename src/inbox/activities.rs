//! Items of activities: what an item contains, who did it, and why its owner has it.

use ::entity::{
    activity,
    id::{ActivityId, ItemId, UserId},
    inbox_item_activity, target, user,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, sea_query::Expr};
use serde::Deserialize;

use super::item::{Item, Texts, select_items};
use crate::{
    db::{Db, integers, list},
    error::Result,
    page::{Page, Slice},
};

/// How many of the latest people an item includes: as many as its title can name. A client that
/// wants more asks for them.
pub const LATEST_ACTORS: usize = 3;

/// Activities of one kind on one target, which form one item (N11).
#[derive(Clone, Debug, Deserialize)]
pub struct Activities {
    pub target: target::Model,
    /// The latest activity; None when none is left, or no [`Texts`] were asked for.
    pub latest: Option<activity::Model>,
    /// The language of the item's owner.
    pub locale: String,
    /// The people who did them, the latest first, at most [`LATEST_ACTORS`]. None: the system.
    pub actors: Vec<ActivityActor>,
}

/// Somebody who did something; None inside: the system.
#[derive(Clone, Debug, Deserialize)]
pub struct ActivityActor(pub Option<user::Model>);

/// A page of the activities in an item, the latest first. The owner of the inbox may see them.
pub async fn activities(
    db: &Db,
    item: ItemId,
    page: &Page<ActivityId>,
) -> Result<Slice<activity::Model>> {
    let parts =
        inbox_item_activity::Entity::find().filter(inbox_item_activity::COLUMN.item_id.eq(item));
    let key = Expr::col((inbox_item_activity::Entity, inbox_item_activity::Column::ActivityId));
    let parts = page.slice(page.seek(parts, [key], Order::Desc).all(db.read()).await?);
    let ids = parts.rows.iter().map(|part| part.activity_id);
    let found =
        activity::Entity::find().filter(activity::COLUMN.id.is_in(ids)).all(db.read()).await?;
    Ok(parts.map(|part| found.iter().find(|activity| activity.id == part.activity_id).cloned()))
}

/// The item of one person that contains an activity.
pub async fn item_with_activity(
    db: &Db,
    user: UserId,
    activity: ActivityId,
) -> Result<Option<Item>> {
    let item = "SELECT x.* FROM inbox_item_activity AS l JOIN inbox_item AS x ON x.id = l.item_id \
                WHERE l.activity_id = $2 AND x.user_id = $1 AND x.removed_at IS NULL";
    Ok(select_items(db, item, vec![user.into(), activity.into()], Texts::Whole).await?.pop())
}

/// Why people have items of activities: the reasons of the subscriptions that were in force when
/// the activities were made. The item comes first.
pub async fn reasons(db: &Db, items: &[ItemId]) -> Result<Vec<(ItemId, String)>> {
    let reasons = format!(
        "SELECT i.id, s.reason FROM inbox_item AS i \
         JOIN subscription AS s ON s.user_id = i.user_id AND s.target_id = i.target_id AND s.action = i.action \
         WHERE {} AND s.since < i.activity_id AND (s.until IS NULL OR s.until >= \
         (SELECT min(l.activity_id) FROM inbox_item_activity AS l WHERE l.item_id = i.id)) \
         GROUP BY i.id, s.reason ORDER BY i.id, min(s.id)",
        db.dialect().is_one_of("i.id", "$1")
    );
    let rows = db.read().query_all_raw(db.statement(reasons, [list(items)])).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// The people of items of activities, at most `most` for each, the most recent first. The item
/// comes first.
pub async fn latest_actors(
    db: &Db,
    items: &[ItemId],
    most: usize,
) -> Result<Vec<(ItemId, Vec<user::Model>)>> {
    let dialect = db.dialect();
    let people = format!(
        "(SELECT x.* FROM inbox_item_actor AS p JOIN user_account AS x ON x.id = p.actor_id WHERE p.item_id = w.item \
         ORDER BY p.latest_activity_id DESC LIMIT {most}) AS u"
    );
    let people = dialect.json_list_of(&dialect.json_row::<user::Entity>("u"), &people);
    let latest = format!(
        "SELECT {} FROM {} AS w",
        dialect.json_list(&dialect.json_array(&format!("w.item, {people}"))),
        dialect.integer_table("$1", &["item"])
    );
    db.json(&latest, [integers(items.iter().map(|item| [item.0]))]).await
}
