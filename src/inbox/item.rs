//! What an inbox shows of an item: its row and what it is about, read in one statement.

use ::entity::{activity, announcement, inbox_item, message, target, user};
use sea_orm::ConnectionTrait;
use serde::Deserialize;

use crate::{
    db::{Db, integers, list},
    error::Result,
};

/// How many of the latest people an item brings along, which is as many as its title can name. Who wants more asks for them.
pub const LATEST_ACTORS: usize = 3;

/// What an inbox is made of when it is read: the item and what it is about.
#[derive(Clone, Debug)]
pub struct Item {
    pub row: inbox_item::Model,
    pub subject: Option<Subject>,
}

/// What an item is about.
#[derive(Clone, Debug)]
pub enum Subject {
    Message { message: message::Model, sender: Option<user::Model> },
    Announcement { announcement: announcement::Model, author: Option<user::Model> },
    Activities(Box<Activities>),
}

/// Activities of one kind on one target, which are one item (N11).
#[derive(Clone, Debug, Deserialize)]
pub struct Activities {
    pub target: target::Model,
    /// The latest of them; None when none is left.
    pub latest: Option<activity::Model>,
    /// The language of who has the item.
    pub locale: String,
    /// Who did them, the latest first, at most [`LATEST_ACTORS`]. None: the system.
    pub actors: Vec<Doer>,
}

/// Somebody who did something; None inside: the system.
#[derive(Clone, Debug, Deserialize)]
pub struct Doer(pub Option<user::Model>);

/// An item as the statement gives it.
pub type Pieces = (
    Option<inbox_item::Model>,
    Option<message::Model>,
    Option<user::Model>,
    Option<announcement::Model>,
    Option<user::Model>,
    Option<Activities>,
);

impl Item {
    /// None where there is no item.
    pub fn of((row, message, sender, announcement, author, activities): Pieces) -> Option<Self> {
        let subject = message.map(|message| Subject::Message { message, sender });
        let subject =
            subject.or_else(|| announcement.map(|announcement| Subject::Announcement { announcement, author }));
        let subject = subject.or_else(|| activities.map(|activities| Subject::Activities(Box::new(activities))));
        row.map(|row| Item { row, subject })
    }

    pub fn message(&self) -> Option<&message::Model> {
        match &self.subject {
            Some(Subject::Message { message, .. }) => Some(message),
            _ => None,
        }
    }
}

/// Why items of activities came: the reasons of the subscriptions that held when their activities were made. The item first.
pub async fn reasons(db: &Db, items: &[i64]) -> Result<Vec<(i64, String)>> {
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

/// The people of items of activities, at most `most` of each, who did it last first. The item first.
pub async fn latest_actors(db: &Db, items: &[i64], most: usize) -> Result<Vec<(i64, Vec<user::Model>)>> {
    let dialect = db.dialect();
    let people = format!(
        "(SELECT x.* FROM inbox_item_actor AS p JOIN \"user\" AS x ON x.id = p.actor_id WHERE p.item_id = w.item \
         ORDER BY p.latest_activity_id DESC LIMIT {most}) AS u"
    );
    let people = dialect.json_list_of(&dialect.json_row::<user::Entity>("u"), &people);
    let latest = format!(
        "SELECT {} FROM {} AS w",
        dialect.json_list(&dialect.json_array(&format!("w.item, {people}"))),
        dialect.integer_table("$1", &["item"])
    );
    db.json(&latest, [integers(items.iter().map(|item| [*item]))]).await
}

/// Joins what an item `i` is about.
pub const ABOUT: &str = "LEFT JOIN message AS m ON m.id = i.message_id LEFT JOIN \"user\" AS s ON s.id = m.sender_id \
    LEFT JOIN announcement AS n ON n.id = i.announcement_id LEFT JOIN \"user\" AS c ON c.id = n.author_id \
    LEFT JOIN target AS t ON t.id = i.target_id";

/// The [`Pieces`] of an item `i` with [`ABOUT`].
pub fn pieces(db: &Db) -> String {
    let dialect = db.dialect();
    let latest =
        format!("(SELECT {} FROM activity AS l WHERE l.id = i.activity_id)", dialect.json_row::<activity::Entity>("l"));
    let actors = format!(
        "(SELECT x.* FROM inbox_item_actor AS p LEFT JOIN \"user\" AS x ON x.id = p.actor_id WHERE p.item_id = i.id \
         ORDER BY p.latest_activity_id DESC LIMIT {LATEST_ACTORS}) AS u"
    );
    let actors = dialect.json_list_of(&dialect.json_row::<user::Entity>("u"), &actors);
    let activities = dialect.json_array(&format!(
        "{}, {}, (SELECT o.locale FROM \"user\" AS o WHERE o.id = i.user_id), {actors}",
        dialect.json_row::<target::Entity>("t"),
        dialect.json_value(&latest),
    ));
    dialect.json_array(&format!(
        "{}, {}, {}, {}, {}, {}",
        dialect.json_row::<inbox_item::Entity>("i"),
        dialect.json_row::<message::Entity>("m"),
        dialect.json_row::<user::Entity>("s"),
        dialect.json_row::<announcement::Entity>("n"),
        dialect.json_row::<user::Entity>("c"),
        dialect.json_value(&format!("CASE WHEN t.id IS NOT NULL THEN {activities} END")),
    ))
}
