//! What an inbox shows of an item: its row and what it is about, read in one statement. Long texts are read by a second
//! one, each once for all items that show it, and only where somebody asks for them.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
    sync::Arc,
};

use ::entity::{activity, announcement, inbox_item, message, target, user};
use sea_orm::{ConnectionTrait, Value};
use serde::Deserialize;

use super::activities::{Activities, LATEST_ACTORS};
use crate::{
    db::{Db, integers, list},
    error::Result,
};

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

/// The items of one person with these ids; others are left out.
pub async fn items(db: &Db, user: i64, ids: &[i64]) -> Result<Vec<Item>> {
    let wanted = db.dialect().is_one_of("id", "$2");
    let own = db.dialect().checked("user_id = $1 AND removed_at IS NULL");
    let items = format!("SELECT * FROM inbox_item WHERE {wanted} AND {own}");
    select_items(db, &items, vec![user.into(), list(ids)], Texts::Whole).await
}

/// The items of one person about these messages.
pub async fn items_about(db: &Db, user: i64, messages: &[i64]) -> Result<Vec<Item>> {
    let dialect = db.dialect();
    let own = format!(
        "SELECT (SELECT x.id FROM inbox_item AS x WHERE x.message_id = w.message_id AND x.user_id = $1) FROM {} AS w",
        dialect.integer_table("$2", &["message_id"])
    );
    let items = format!(
        "SELECT * FROM inbox_item WHERE {} AND {}",
        dialect.is_among("id", &own),
        dialect.checked("removed_at IS NULL")
    );
    select_items(
        db,
        &items,
        vec![user.into(), integers(messages.iter().map(|id| [*id]))],
        Texts::Whole,
    )
    .await
}

/// Items with what they are about.
pub async fn select_items(
    db: &Db,
    items: &str,
    values: Vec<Value>,
    texts: Texts,
) -> Result<Vec<Item>> {
    let rows = db.dialect().json_list(&pieces(db, &(texts as i64).to_string()));
    let sql = format!("SELECT {rows} FROM ({items}) AS i {}", ABOUT);
    assemble(db, db.json(&sql, values).await?).await
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
