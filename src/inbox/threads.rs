//! The messages of a thread that are in an inbox.
//!
//! How many they are is counted when somebody asks, and kept nowhere: a message to many would
//! otherwise have to write a row for each of them (decision 033). Each message of the thread is one
//! look into an index, so an inbox of any size is as fast as an empty one. Of a long thread, only
//! the newest messages are counted: a page may show a hundred of them.

use ::entity::{
    id::{MessageId, UserId},
    inbox_item::Kind,
};

use super::list::is_in;
use crate::{
    db::{Db, Param, Sql},
    error::Result,
};

/// How many messages of a thread are counted at most: the first, and those that were sent or changed
/// last.
const MOST_COUNTED: i64 = 1_000;

/// What an inbox has of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    pub owner: UserId,
    /// The first message of the thread.
    pub root: MessageId,
    /// How many of its messages are in the inbox, wherever there.
    pub messages: i64,
    /// How many of them are unread.
    pub unread: i64,
    pub is_muted: bool,
}

/// Threads in inboxes, with their owners and their first messages; in the same order.
pub async fn threads(db: &Db, wanted: &[(UserId, MessageId)]) -> Result<Vec<Thread>> {
    let mut sql = db.sql("inbox::threads");
    let dialect = sql.dialect();
    let rows = wanted.iter().map(|(owner, root)| [owner.0, root.0]);
    let wanted_rows = sql.integer_table(["user_id", "root_id"], rows);
    let is_there = dialect.checked("x.removed_at IS NULL");
    // Looked up from the message: a join would let the databases read whole tables.
    let is_unread = |message: &str| {
        format!(
            "(SELECT CASE WHEN x.read_at IS NULL THEN 1 ELSE 0 END FROM inbox_item AS x \
             WHERE {} AND {is_there}) AS is_unread",
            is_about(message, "w.user_id")
        )
    };
    let newest = format!(
        "SELECT r.id FROM message AS r WHERE r.root_id = w.root_id \
         ORDER BY r.seq DESC LIMIT {}",
        MOST_COUNTED - 1
    );
    let counts = format!(
        "(SELECT {} FROM (SELECT {} FROM ({newest}) AS m UNION ALL SELECT {}) AS p)",
        dialect.json_array("count(p.is_unread), coalesce(sum(p.is_unread), 0)"),
        is_unread("m.id"),
        is_unread("w.root_id"),
    );
    let thread = dialect.json_list(&dialect.json_array(&format!(
        "w.user_id, w.root_id, {}, (SELECT count(*) FROM thread_mute AS t \
         WHERE t.root_id = w.root_id AND t.user_id = w.user_id)",
        dialect.json_value(&counts)
    )));
    sql.push(format!("SELECT {thread} FROM {wanted_rows} AS w"));
    let found: Vec<(UserId, MessageId, (i64, i64), i64)> = sql.json(db.read()).await?;
    let thread = |(owner, root, (messages, unread), mutes)| Thread {
        owner,
        root,
        messages,
        unread,
        is_muted: mutes > 0,
    };
    Ok(found.into_iter().map(thread).collect())
}

/// Selects a person's items about the messages of a thread, in some places and of some kinds;
/// nothing if there can be none.
pub fn of_thread(
    sql: &mut Sql,
    columns: &str,
    owner: Param,
    root: MessageId,
    places: &[u8],
    kinds: Option<&[Kind]>,
    conditions: &str,
) -> Vec<String> {
    if places.is_empty() || kinds.is_some_and(|kinds| !kinds.contains(&Kind::Message)) {
        return Vec::new();
    }
    let items = items_of(sql, owner, root);
    let dialect = sql.dialect();
    vec![format!(
        "SELECT {columns} FROM inbox_item WHERE {} AND {}{conditions}",
        dialect.is_among("id", &items),
        dialect.checked(&is_in(places))
    )]
}

/// Selects the ids of a person's items about the messages of a thread; NULL for those that are not
/// in the inbox.
pub fn items_of(sql: &mut Sql, owner: Param, root: MessageId) -> String {
    let root = sql.bind(root);
    let item = |message: &str| item_about(message, &owner.to_string());
    format!(
        "SELECT {} FROM message AS m WHERE m.root_id = {root} UNION ALL SELECT {}",
        item("m.id"),
        item(&root.to_string())
    )
}

/// Selects the id of the item about a message in somebody's inbox; NULL if there is none.
///
/// Items are looked up one by one: in a join, PostgreSQL might read the items of all people about
/// the message for each of them.
pub fn item_about(message: &str, owner: &str) -> String {
    format!("(SELECT x.id FROM inbox_item AS x WHERE {})", is_about(message, owner))
}

/// The condition that an item `x` is about a message, in somebody's inbox.
///
/// The person is given as a range. For a single value, the databases might use an index that begins
/// with the person, and read a whole inbox.
fn is_about(message: &str, owner: &str) -> String {
    format!("x.message_id = {message} AND x.user_id BETWEEN {owner} AND {owner}")
}
