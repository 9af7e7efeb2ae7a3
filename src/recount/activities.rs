//! Items of activities say how many activities they have and who did them, and are there as long as
//! they have any.

use ::entity::id::UserId;
use chrono::{DateTime, Utc};

use super::{
    contents::STILL_THERE,
    question::{Check, Pair, Range, Values, compare, none, of_inbox, select, set_from},
};
use crate::{
    db::{Sql, Tx},
    error::Result,
    id::Kind,
};

/// Activities `a` that have left all inboxes.
const HAS_LEFT: &str = "a.settled_at IS NOT NULL";

/// The items of activities in the inboxes for which a condition on `x.user_id` holds.
fn items(inboxes: &str) -> String {
    format!("SELECT x.id FROM inbox_item AS x WHERE {inboxes} AND x.kind = 'activity'")
}

/// What `inbox_item_actor` must have of some items: a row for each person, or the system, with what
/// they did of it.
fn people(items: &str) -> String {
    format!(
        "SELECT l.item_id, coalesce(a.actor_id, 0) AS actor_id, \
         CAST(count(*) AS integer) AS activity_count, max(l.activity_id) AS latest_activity_id \
         FROM inbox_item_activity AS l JOIN activity AS a ON a.id = l.activity_id \
         WHERE l.item_id IN ({items}) GROUP BY l.item_id, coalesce(a.actor_id, 0)"
    )
}

/// What an item must say of its people `p`.
fn totals() -> Values {
    vec![
        ("activity_count", "CAST(coalesce(sum(p.activity_count), 0) AS integer)".to_owned()),
        ("actor_count", "CAST(count(*) AS integer)".to_owned()),
        ("activity_id", "max(p.latest_activity_id)".to_owned()),
    ]
}

fn is_empty(item: &str) -> String {
    format!("NOT EXISTS (SELECT 1 FROM inbox_item_activity AS l WHERE l.item_id = {item}.id)")
}

pub fn checks(range: Range) -> [Check; 5] {
    [of_items(range), of_people(range), empty(range), twice(range), left(range)]
}

fn of_items(range: Range) -> Check {
    let mut sql = range.sql("recount::activities");
    let people = people(&items(&range.has(&mut sql, "x.user_id")));
    let count = |name: &str| format!("coalesce(t.{name}, 0)");
    let pairs: Vec<Pair> = vec![
        ("activity_count", "i.activity_count".to_owned(), count("activity_count")),
        ("actor_count", "i.actor_count".to_owned(), count("actor_count")),
        ("the latest activity", "i.activity_id".to_owned(), "t.activity_id".to_owned()),
        (
            "the number of its people",
            "(SELECT count(*) FROM inbox_item_actor AS p WHERE p.item_id = i.id)".to_owned(),
            count("actor_count"),
        ),
    ];
    let from = format!(
        "inbox_item AS i LEFT JOIN (SELECT p.item_id, {} FROM ({people}) AS p \
         GROUP BY p.item_id) AS t ON t.item_id = i.id WHERE i.kind = 'activity' AND {}",
        select(&totals()),
        range.has(&mut sql, "i.user_id")
    );
    compare(sql, of_inbox, "i.user_id", "i.id", pairs, &from)
}

fn of_people(range: Range) -> Check {
    let mut sql = range.sql("recount::actors");
    let people = people(&items(&range.has(&mut sql, "x.user_id")));
    let pairs = vec![
        (
            "activity_count of a person",
            "p.activity_count".to_owned(),
            "coalesce(t.activity_count, 0)".to_owned(),
        ),
        (
            "the latest activity of a person",
            "p.latest_activity_id".to_owned(),
            "t.latest_activity_id".to_owned(),
        ),
    ];
    let from = format!(
        "inbox_item AS i JOIN inbox_item_actor AS p ON p.item_id = i.id \
         LEFT JOIN ({people}) AS t ON t.item_id = p.item_id AND t.actor_id = p.actor_id WHERE {}",
        range.has(&mut sql, "i.user_id")
    );
    compare(sql, of_inbox, "i.user_id", "i.id", pairs, &from)
}

fn empty(range: Range) -> Check {
    let mut sql = range.sql("recount::empty");
    let from = format!(
        "inbox_item AS i WHERE i.kind = 'activity' AND i.removed_at IS NULL AND {} AND {}",
        range.has(&mut sql, "i.user_id"),
        is_empty("i")
    );
    let item: (&str, fn(i64) -> String) = ("i.id", |id| Kind::InboxItem.encode(id));
    none(sql, of_inbox, "i.user_id", item, "has no activities and is still there", &from)
}

/// An activity is in one item of an inbox.
fn twice(range: Range) -> Check {
    let mut sql = range.sql("recount::twice");
    let from = format!(
        "(SELECT i.user_id, l.activity_id FROM inbox_item AS i \
         JOIN inbox_item_activity AS l ON l.item_id = i.id \
         WHERE {} GROUP BY i.user_id, l.activity_id HAVING count(*) > 1) AS d",
        range.has(&mut sql, "i.user_id")
    );
    let activity: (&str, fn(i64) -> String) = ("d.activity_id", |id| Kind::Activity.encode(id));
    none(sql, of_inbox, "d.user_id", activity, "is in it twice", &from)
}

fn left(range: Range) -> Check {
    let mut sql = range.sql("recount::activities_left");
    let from = format!(
        "inbox_item AS i JOIN inbox_item_activity AS l ON l.item_id = i.id \
         JOIN activity AS a ON a.id = l.activity_id WHERE {} AND {HAS_LEFT}",
        range.has(&mut sql, "i.user_id")
    );
    let activity: (&str, fn(i64) -> String) = ("a.id", |id| Kind::Activity.encode(id));
    none(sql, of_inbox, "i.user_id", activity, STILL_THERE, &from)
}

/// Makes the items of activities follow from the activities that are in them.
pub async fn mend(tx: &Tx, users: &[UserId], now: DateTime<Utc>) -> Result<()> {
    let of_users = |sql: &mut Sql| items(&sql.is_one_of("x.user_id", users));
    let mut sql = tx.sql("mend::unlink_left");
    let items = of_users(&mut sql);
    sql.push(format!(
        "DELETE FROM inbox_item_activity WHERE item_id IN ({items}) \
         AND activity_id IN (SELECT a.id FROM activity AS a WHERE {HAS_LEFT})"
    ));
    sql.run(&**tx).await?;
    // If an activity is in two items, the first keeps it.
    let mut sql = tx.sql("mend::unlink_twice");
    let items = of_users(&mut sql);
    sql.push(format!(
        "DELETE FROM inbox_item_activity WHERE item_id IN ({items}) AND EXISTS \
         (SELECT 1 FROM inbox_item_activity AS o JOIN inbox_item AS first ON first.id = o.item_id \
         JOIN inbox_item AS i ON i.user_id = first.user_id \
         WHERE i.id = inbox_item_activity.item_id \
         AND o.activity_id = inbox_item_activity.activity_id \
         AND o.item_id < inbox_item_activity.item_id)"
    ));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("mend::no_actors");
    let items = of_users(&mut sql);
    sql.push(format!("DELETE FROM inbox_item_actor WHERE item_id IN ({items})"));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("mend::actors");
    let people = people(&of_users(&mut sql));
    sql.push(format!(
        "INSERT INTO inbox_item_actor (item_id, actor_id, activity_count, latest_activity_id) \
         {people}"
    ));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("mend::activity_counts");
    let (items, removed_at) = (of_users(&mut sql), sql.bind(now));
    let set = set_from(&totals(), &[], "inbox_item_actor AS p WHERE p.item_id = inbox_item.id");
    sql.push(format!(
        "UPDATE inbox_item SET {set}, removed_at = CASE WHEN removed_at IS NULL AND {} \
         THEN {removed_at} ELSE removed_at END WHERE id IN ({items})",
        is_empty("inbox_item")
    ));
    sql.run(&**tx).await?;
    Ok(())
}
