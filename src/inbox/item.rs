//! What an inbox shows of an item: its row and what it is about, read in one statement. A second
//! statement reads long texts, each once for all items that show it, and only where somebody asks
//! for them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use ::entity::{
    id::{ItemId, MessageId, UserId},
    inbox_item, message,
};
use sea_orm::{ConnectionTrait, Value};

use super::kind::{self, ItemKind, Pieces, Subject};
use crate::{
    db::{Db, integers, list},
    error::Result,
};

/// Characters of the beginning of a text: enough for a preview, even of a text with much markup.
pub const BEGINNING: usize = 560;
/// Bytes of texts that one statement reads.
const LARGEST_READ: usize = 8 * 1024 * 1024;

/// How much of the texts of messages and announcements is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Texts {
    /// Nothing: the body of what an item is about is empty.
    None,
    /// The first [`BEGINNING`] characters.
    Beginning,
    /// All of it.
    Whole,
}

/// What an inbox consists of when it is read: the item and what it is about. Cheap to clone,
/// because one inbox may have many followers.
#[derive(Clone, Debug)]
pub struct Item {
    pub row: Arc<inbox_item::Model>,
    pub subject: Option<Subject>,
}

impl Item {
    /// Bytes of the text that was read with the item.
    pub fn size(&self) -> usize {
        self.subject.as_ref().map_or(0, |subject| subject.text().len())
    }

    pub fn message(&self) -> Option<&message::Model> {
        match self.subject.as_ref()? {
            Subject::Message { message, .. } => Some(message),
            Subject::Announcement { .. } | Subject::Activities(_) => None,
        }
    }
}

/// Makes items from their pieces, in the same order, and reads the texts of which only the
/// beginning is there.
pub async fn assemble(db: &Db, pieces: Vec<Pieces>) -> Result<Vec<Item>> {
    let mut sizes: HashMap<_, BTreeMap<i64, usize>> = HashMap::new();
    let mut items = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let size = piece.text_size;
        let (subject, row) = piece.into_subject();
        let cut_off = subject.as_ref().filter(|subject| size > subject.text().len());
        let cut_off = cut_off.map(Subject::key);
        if let Some((kind, id)) = cut_off {
            sizes.entry(kind).or_default().insert(id, size);
        }
        items.push((row, subject, cut_off));
    }
    let mut bodies = HashMap::new();
    for kind in ItemKind::all().filter(|kind| kind.has_body) {
        let found = texts(db, kind.table, sizes.remove(&kind.kind).unwrap_or_default()).await?;
        bodies.extend(found.into_iter().map(|(id, body)| ((kind.kind, id), body)));
    }
    // A subject with a long text is shared by all items about it.
    let mut whole = HashMap::new();
    let mut complete = |subject: Subject, key| {
        if let Some(body) = bodies.remove(&key) {
            whole.insert(key, subject.with_body(body));
        }
        // None if the row was already gone.
        whole.get(&key).cloned()
    };
    let item = |(row, subject, cut_off): (_, Option<Subject>, _)| {
        let subject = match cut_off {
            Some(key) => subject.and_then(|subject| complete(subject, key)),
            None => subject,
        };
        Item { row: Arc::new(row), subject }
    };
    Ok(items.into_iter().map(item).collect())
}

/// Whole texts, by the ids of what they belong to; their sizes are known.
async fn texts(db: &Db, table: &str, sizes: BTreeMap<i64, usize>) -> Result<HashMap<i64, String>> {
    let mut found = HashMap::new();
    let sql = format!("SELECT id, body FROM {table} WHERE {}", db.dialect().is_one_of("id", "$1"));
    let (mut ids, mut size) = (Vec::new(), 0);
    let mut wanted = sizes.into_iter().peekable();
    while let Some((id, bytes)) = wanted.next() {
        ids.push(id);
        size += bytes;
        if wanted.peek().is_none_or(|(_, next)| size + next > LARGEST_READ) {
            // As rows: in JSON one character can become six.
            for row in db.read().query_all_raw(db.statement(&sql, [list(&ids)])).await? {
                found.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            }
            ids.clear();
            size = 0;
        }
    }
    Ok(found)
}

/// Those of the items with these ids that belong to one person.
pub async fn items(db: &Db, user: UserId, ids: &[ItemId]) -> Result<Vec<Item>> {
    let wanted = db.dialect().is_one_of("id", "$2");
    let own = db.dialect().checked("user_id = $1 AND removed_at IS NULL");
    let items = format!("SELECT * FROM inbox_item WHERE {wanted} AND {own}");
    select_items(db, &items, vec![user.into(), list(ids)], Texts::Whole).await
}

/// The items of one person about these messages.
pub async fn items_about(db: &Db, user: UserId, messages: &[MessageId]) -> Result<Vec<Item>> {
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
        vec![user.into(), integers(messages.iter().map(|id| [id.0]))],
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
    let rows = db.dialect().json_list(&kind::pieces(db.dialect(), &(texts as i64).to_string()));
    let sql = format!("SELECT {rows} FROM ({items}) AS i {}", *kind::ABOUT);
    assemble(db, db.json(&sql, values).await?).await
}
