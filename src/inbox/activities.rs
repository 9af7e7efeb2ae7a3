//! Items of activities: what an item contains, who did it, and why its owner has it.

use ::entity::{
    activity,
    id::{ActivityId, ItemId, UserId},
    inbox_item_activity, target, user,
};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, Order, QueryFilter, sea_query::Expr};
use serde::Deserialize;

use super::item::{Item, Texts, select_items};
use crate::{
    db::Db,
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
    let mut sql = db.sql("inbox::item_with_activity");
    let (user, activity) = (sql.bind(user), sql.bind(activity));
    let item = format!(
        "SELECT x.* FROM inbox_item_activity AS l JOIN inbox_item AS x ON x.id = l.item_id \
         WHERE l.activity_id = {activity} AND x.user_id = {user} AND x.removed_at IS NULL"
    );
    Ok(select_items(db, sql, &item, Texts::Whole).await?.pop())
}

/// Why somebody has an item of activities.
#[derive(FromQueryResult)]
struct Reason {
    item: ItemId,
    reason: String,
}

/// Why people have items of activities: the reasons of the subscriptions that were in force when
/// the activities were made. The item comes first.
pub async fn reasons(db: &Db, items: &[ItemId]) -> Result<Vec<(ItemId, String)>> {
    let mut sql = db.sql("inbox::reasons");
    let these = sql.is_one_of("i.id", items);
    sql.push(format!(
        "SELECT i.id AS item, s.reason FROM inbox_item AS i JOIN subscription AS s \
         ON s.user_id = i.user_id AND s.target_id = i.target_id AND s.action = i.action \
         WHERE {these} AND s.since < i.activity_id AND (s.until IS NULL OR s.until >= \
         (SELECT min(l.activity_id) FROM inbox_item_activity AS l WHERE l.item_id = i.id)) \
         GROUP BY i.id, s.reason ORDER BY i.id, min(s.id)"
    ));
    let reasons: Vec<Reason> = sql.all(db.read()).await?;
    Ok(reasons.into_iter().map(|found| (found.item, found.reason)).collect())
}

/// The people of items of activities, at most `most` for each, the most recent first. The item
/// comes first.
pub async fn latest_actors(
    db: &Db,
    items: &[ItemId],
    most: usize,
) -> Result<Vec<(ItemId, Vec<user::Model>)>> {
    let mut sql = db.sql("inbox::latest_actors");
    let wanted = sql.integer_table(["item"], items.iter().map(|item| [item.0]));
    let most = sql.bind(most as i64);
    let people = format!(
        "(SELECT x.* FROM inbox_item_actor AS p JOIN user_account AS x ON x.id = p.actor_id \
         WHERE p.item_id = w.item ORDER BY p.latest_activity_id DESC LIMIT {most}) AS u"
    );
    let dialect = sql.dialect();
    let people = dialect.json_list_of(&dialect.json_row::<user::Entity>("u"), &people);
    let actors = dialect.json_list(&dialect.json_array(&format!("w.item, {people}")));
    sql.push(format!("SELECT {actors} FROM {wanted} AS w"));
    sql.json(db.read()).await
}
