//! What an inbox shows of an item: its row and what it is about, read in one statement. Long texts are read by a second
//! one, each once for all items that show it, and only where somebody asks for them.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
    sync::Arc,
};

use ::entity::{activity, announcement, inbox_item, message, target, user};
use sea_orm::ConnectionTrait;
use serde::Deserialize;

use crate::{
    db::{Db, integers, list},
    error::Result,
};

/// How many of the latest people an item brings along, which is as many as its title can name. Who wants more asks for them.
pub const LATEST_ACTORS: usize = 3;
/// Characters of the beginning of a text: enough for a preview, also of one with many marks.
pub const BEGINNING: usize = 560;
/// Bytes of texts that one statement reads.
const LARGEST_READ: usize = 8 * 1024 * 1024;

/// How much is read of the texts of messages and announcements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Texts {
    /// Nothing: the body of what an item is about is empty.
    None,
    /// The first [`BEGINNING`] characters.
    Beginning,
    /// All of it.
    Whole,
}

/// What an inbox is made of when it is read: the item and what it is about. Cheap to clone, because many may follow one
/// inbox.
#[derive(Clone, Debug)]
pub struct Item {
    pub row: Arc<inbox_item::Model>,
    pub subject: Option<Subject>,
}

/// What an item is about. How much of its text is there depends on the [`Texts`] that it was read with.
#[derive(Clone, Debug)]
pub enum Subject {
    Message { message: Arc<message::Model>, sender: Option<Arc<user::Model>> },
    Announcement { announcement: Arc<announcement::Model>, author: Option<Arc<user::Model>> },
    Activities(Arc<Activities>),
}

/// Activities of one kind on one target, which are one item (N11).
#[derive(Clone, Debug, Deserialize)]
pub struct Activities {
    pub target: target::Model,
    /// The latest of them; None when none is left, or no [`Texts`] were asked for.
    pub latest: Option<activity::Model>,
    /// The language of who has the item.
    pub locale: String,
    /// Who did them, the latest first, at most [`LATEST_ACTORS`]. None: the system.
    pub actors: Vec<ItemActor>,
}

/// A person behind the activities of an item. None stands for the system.
#[derive(Clone, Debug, Deserialize)]
pub struct ItemActor(pub Option<user::Model>);

/// An item as the statement gives it.
#[derive(Deserialize)]
pub struct Pieces {
    pub row: inbox_item::Model,
    message: Option<message::Model>,
    sender: Option<user::Model>,
    announcement: Option<announcement::Model>,
    author: Option<user::Model>,
    activities: Option<Activities>,
    /// Bytes of its text, if all of it is wanted; 0 otherwise.
    pub text_size: usize,
}

impl Item {
    /// Bytes of the text that was read with it.
    pub fn size(&self) -> usize {
        match &self.subject {
            Some(Subject::Message { message, .. }) => message.body.len(),
            Some(Subject::Announcement { announcement, .. }) => announcement.body.len(),
            Some(Subject::Activities(activities)) => activities
                .latest
                .as_ref()
                .and_then(|latest| latest.data.as_ref())
                .map_or(0, String::len),
            None => 0,
        }
    }

    pub fn message(&self) -> Option<&message::Model> {
        match &self.subject {
            Some(Subject::Message { message, .. }) => Some(message),
            _ => None,
        }
    }
}

/// Makes items of their pieces, in the same order, and reads the texts of which there is only the beginning.
pub async fn assemble(db: &Db, pieces: Vec<Pieces>) -> Result<Vec<Item>> {
    let is_longer = |piece: &Pieces, body: &str| piece.text_size > body.len();
    let of_message =
        |piece: &Pieces| piece.message.as_ref().filter(|m| is_longer(piece, &m.body)).map(|m| m.id);
    let of_announcement = |piece: &Pieces| {
        piece.announcement.as_ref().filter(|a| is_longer(piece, &a.body)).map(|a| a.id)
    };
    let mut messages = texts(db, "message", &pieces, of_message).await?;
    let mut announcements = texts(db, "announcement", &pieces, of_announcement).await?;
    // What has a long text is shared by all items about it.
    let (mut long_messages, mut long_announcements) = (HashMap::new(), HashMap::new());
    let item = |piece: Pieces| {
        let (message, announcement) = (of_message(&piece), of_announcement(&piece));
        let message = match (message, piece.message) {
            (Some(id), Some(row)) => shared(&mut long_messages, id, || {
                messages.remove(&id).map(|body| message::Model { body, ..row })
            }),
            (_, row) => row.map(Arc::new),
        };
        let announcement = match (announcement, piece.announcement) {
            (Some(id), Some(row)) => shared(&mut long_announcements, id, || {
                announcements.remove(&id).map(|body| announcement::Model { body, ..row })
            }),
            (_, row) => row.map(Arc::new),
        };
        let (sender, author) = (piece.sender.map(Arc::new), piece.author.map(Arc::new));
        let subject = message.map(|message| Subject::Message { message, sender });
        let subject = subject.or_else(|| {
            announcement.map(|announcement| Subject::Announcement { announcement, author })
        });
        let subject = subject.or_else(|| {
            piece.activities.map(|activities| Subject::Activities(Arc::new(activities)))
        });
        Item { row: Arc::new(piece.row), subject }
    };
    Ok(pieces.into_iter().map(item).collect())
}

/// None where there was no row any more.
fn shared<K: Hash + Eq, V>(
    known: &mut HashMap<K, Arc<V>>,
    key: K,
    make: impl FnOnce() -> Option<V>,
) -> Option<Arc<V>> {
    match known.get(&key) {
        Some(known) => Some(known.clone()),
        None => make().map(|made| known.entry(key).or_insert(Arc::new(made)).clone()),
    }
}

/// Whole texts, by the ids of what they belong to.
async fn texts(
    db: &Db,
    table: &str,
    pieces: &[Pieces],
    id: impl Fn(&Pieces) -> Option<i64>,
) -> Result<HashMap<i64, String>> {
    let sizes: BTreeMap<i64, usize> =
        pieces.iter().filter_map(|piece| Some((id(piece)?, piece.text_size))).collect();
    let mut found = HashMap::new();
    let sql = format!("SELECT id, body FROM {table} WHERE {}", db.dialect().is_one_of("id", "$1"));
    let (mut ids, mut size) = (Vec::new(), 0);
    let mut wanted = sizes.into_iter().peekable();
    while let Some((id, bytes)) = wanted.next() {
        ids.push(id);
        size += bytes;
        if wanted.peek().is_none_or(|(_, next)| size + next > LARGEST_READ) {
            // As rows: in JSON a character can become six.
            for row in db.read().query_all_raw(db.statement(&sql, [list(&ids)])).await? {
                found.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            }
            ids.clear();
            size = 0;
        }
    }
    Ok(found)
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
pub async fn latest_actors(
    db: &Db,
    items: &[i64],
    most: usize,
) -> Result<Vec<(i64, Vec<user::Model>)>> {
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
    db.json(&latest, [integers(items.iter().map(|item| [*item]))]).await
}

/// Joins what an item `i` is about.
pub const ABOUT: &str = "LEFT JOIN message AS m ON m.id = i.message_id LEFT JOIN user_account AS s ON s.id = m.sender_id \
    LEFT JOIN announcement AS n ON n.id = i.announcement_id LEFT JOIN user_account AS c ON c.id = n.author_id \
    LEFT JOIN target AS t ON t.id = i.target_id";

/// The [`Pieces`] of an item `i` with [`ABOUT`]; `texts` is an expression that gives the number of a [`Texts`].
pub fn pieces(db: &Db, texts: &str) -> String {
    let dialect = db.dialect();
    let latest = format!(
        "(SELECT {} FROM activity AS l WHERE l.id = i.activity_id)",
        dialect.json_row::<activity::Entity>("l")
    );
    let latest = format!("CASE WHEN {texts} > 0 THEN {latest} END");
    let actors = format!(
        "(SELECT x.* FROM inbox_item_actor AS p LEFT JOIN user_account AS x ON x.id = p.actor_id WHERE p.item_id = i.id \
         ORDER BY p.latest_activity_id DESC LIMIT {LATEST_ACTORS}) AS u"
    );
    let actors = dialect.json_list_of(&dialect.json_row::<user::Entity>("u"), &actors);
    let activities = dialect.json_array(&format!(
        "{}, {}, (SELECT o.locale FROM user_account AS o WHERE o.id = i.user_id), {actors}",
        dialect.json_row::<target::Entity>("t"),
        dialect.json_value(&latest),
    ));
    // A CASE, because a long text is fetched from elsewhere only where something is made of it.
    let beginning = |alias: &'static str| {
        move |column: &str| {
            let beginning = format!(
                "CASE WHEN {texts} > 0 THEN substr({alias}.body, 1, {BEGINNING}) ELSE '' END"
            );
            (column == "body").then_some(beginning)
        }
    };
    let pieces = dialect.json_array(&format!(
        "{}, {}, {}, {}, {}, {}, CASE WHEN {texts} > 1 THEN coalesce(octet_length(m.body), octet_length(n.body), 0) \
         ELSE 0 END",
        dialect.json_row::<inbox_item::Entity>("i"),
        dialect.json_row_with::<message::Entity>("m", beginning("m")),
        dialect.json_row::<user::Entity>("s"),
        dialect.json_row_with::<announcement::Entity>("n", beginning("n")),
        dialect.json_row::<user::Entity>("c"),
        dialect.json_value(&format!("CASE WHEN t.id IS NOT NULL THEN {activities} END")),
    ));
    // Of an inbox without changes there is a row, but no item.
    format!("CASE WHEN i.id IS NOT NULL THEN {pieces} END")
}
