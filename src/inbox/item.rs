//! What an inbox shows of an item: its row and what it is about, read in one statement. A second
//! statement reads long texts, each once for all items that show it, and only where somebody asks
//! for them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
};

use ::entity::{
    id::{ItemId, MessageId, UserId},
    inbox_item, message,
};
use sea_orm::FromQueryResult;

use super::kind::{self, ItemKind, Pieces, Subject};
use crate::{
    db::{Db, Dialect, Sql, from_json},
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

/// Which columns are read of items, messages and their senders. What is left out has the default
/// value of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// Without those that lists of items do not show: see `kind`.
    Listed,
    All,
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
        Item { row, subject }
    };
    Ok(items.into_iter().map(item).collect())
}

/// Whole texts, by the ids of what they belong to; their sizes are known.
async fn texts(db: &Db, table: &str, sizes: BTreeMap<i64, usize>) -> Result<HashMap<i64, String>> {
    let mut found = HashMap::new();
    let (mut ids, mut size) = (Vec::new(), 0);
    let mut wanted = sizes.into_iter().peekable();
    while let Some((id, bytes)) = wanted.next() {
        ids.push(id);
        size += bytes;
        if wanted.peek().is_none_or(|(_, next)| size + next > LARGEST_READ) {
            found.extend(read_texts(db, table, &ids).await?.map(|text| (text.id, text.body)));
            ids.clear();
            size = 0;
        }
    }
    Ok(found)
}

/// A whole text, and the number of the row that has it.
#[derive(FromQueryResult)]
struct Text {
    id: i64,
    body: String,
}

/// As rows: in JSON one character can become six.
async fn read_texts(db: &Db, table: &str, ids: &[i64]) -> Result<impl Iterator<Item = Text>> {
    let mut sql = db.sql("inbox::texts");
    let these = sql.is_one_of("id", ids);
    sql.push(format!("SELECT id, body FROM {table} WHERE {these}"));
    Ok(sql.all(db.read()).await?.into_iter())
}

/// Those of the items with these ids that belong to one person.
pub async fn items(db: &Db, user: UserId, ids: &[ItemId], texts: Texts) -> Result<Vec<Item>> {
    let mut sql = db.sql("inbox::items");
    let items = select_own(&mut sql, user, ids);
    select_items(db, sql, &items, texts).await
}

/// The same without what they are about, which costs several times as much as the items do.
pub async fn rows(db: &Db, user: UserId, ids: &[ItemId]) -> Result<Vec<Item>> {
    let mut sql = db.sql("inbox::rows");
    let row = sql.dialect().json_row::<inbox_item::Entity>("i");
    let own = select_own(&mut sql, user, ids);
    let select = format!("SELECT {} FROM ({own}) AS i", sql.dialect().json_list(&row));
    let [rows] = db.ask(sql, [select]).await?;
    let rows: Vec<inbox_item::Model> = from_json(rows).await?;
    Ok(rows.into_iter().map(|row| Item { row: Arc::new(row), subject: None }).collect())
}

fn select_own(sql: &mut Sql, user: UserId, ids: &[ItemId]) -> String {
    let (user, these) = (sql.bind(user), sql.is_one_of("id", ids));
    let own = sql.dialect().checked(&format!("user_id = {user} AND removed_at IS NULL"));
    format!("SELECT * FROM inbox_item WHERE {these} AND {own}")
}

/// The items of one person about these messages.
pub async fn items_about(db: &Db, user: UserId, messages: &[MessageId]) -> Result<Vec<Item>> {
    let mut sql = db.sql("inbox::items_about");
    let user = sql.bind(user);
    let wanted = sql.integer_table(["message_id"], messages.iter().map(|id| [id.0]));
    let own = format!(
        "SELECT (SELECT x.id FROM inbox_item AS x \
         WHERE x.message_id = w.message_id AND x.user_id = {user}) FROM {wanted} AS w"
    );
    let dialect = sql.dialect();
    let items = format!(
        "SELECT * FROM inbox_item WHERE {} AND {}",
        dialect.is_among("id", &own),
        dialect.checked("removed_at IS NULL")
    );
    select_items(db, sql, &items, Texts::Whole).await
}

/// Items with what they are about: those that `items` selects, whose values are bound to `sql`.
pub async fn select_items(db: &Db, mut sql: Sql, items: &str, texts: Texts) -> Result<Vec<Item>> {
    sql.push(select_pieces(sql.dialect(), items, texts, Columns::All));
    assemble(db, sql.json(db.read()).await?).await
}

/// Selects one JSON list with the [`Pieces`] of the items that `items` selects.
pub fn select_pieces(dialect: Dialect, items: &str, texts: Texts, columns: Columns) -> String {
    let rows = dialect.json_list(pieces(dialect, texts, columns));
    format!("SELECT {rows} FROM ({items}) AS i {}", *kind::ABOUT)
}

/// The values that are read with an item. Composed once: the text is long, and the same each time.
fn pieces(dialect: Dialect, texts: Texts, columns: Columns) -> &'static str {
    static COMPOSED: [[[OnceLock<String>; 2]; 3]; 2] =
        [const { [const { [const { OnceLock::new() }; 2] }; 3] }; 2];
    let composed = &COMPOSED[dialect as usize][texts as usize][columns as usize];
    composed.get_or_init(|| kind::pieces(dialect, &(texts as i64).to_string(), columns))
}
