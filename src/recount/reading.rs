//! The records of what people have seen and read: they say what happened in the inboxes, and the
//! counts of messages, of their addresses and of announcements follow from them.

use ::entity::id::{AnnouncementId, MessageId};
use serde::Serialize;

use super::{
    Place,
    question::{
        Check, Range, Values, compare, none, of_announcement, of_message, pairs, select, set_from,
    },
};
use crate::{
    db::{Sql, Tx},
    error::Result,
    id::Kind,
    inbox::kind::{ANNOUNCEMENT, ItemKind, NotedBy, Receipts},
};

/// The owner of an item `i` has seen or read it, which their record `r` does not say. What came
/// into a muted thread is read, but not by its owner.
const IS_UNNOTED: &str = "i.arrived_seq > 0 AND (i.read_at IS NOT NULL AND r.read_at IS NULL \
                          OR i.seen_at IS NOT NULL AND r.seen_at IS NULL)";

/// A table with counts of the recipients of messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Messages,
    Addresses,
}

impl Counted {
    fn table(self) -> &'static str {
        match self {
            Counted::Messages => "message",
            Counted::Addresses => "message_audience",
        }
    }

    /// Its column with the id of the message.
    fn message(self) -> &'static str {
        match self {
            Counted::Messages => "id",
            Counted::Addresses => "message_id",
        }
    }

    /// The recipients' column with the id of its row.
    fn column(self) -> &'static str {
        match self {
            Counted::Messages => "message_id",
            Counted::Addresses => "audience_id",
        }
    }

    /// What its rows must count of their recipients `r`. Each person counts once. An address does
    /// not count who has replied.
    fn counts(self) -> Values {
        let people = |which| format!("count(DISTINCT CASE WHEN {which} THEN r.user_id END)");
        let mut counts = vec![
            ("recipient_count", people("true")),
            ("seen_count", people("r.seen_at IS NOT NULL")),
            ("read_count", people("r.read_at IS NOT NULL")),
        ];
        if self == Counted::Messages {
            counts.push(("replied_count", people("r.replied_at IS NOT NULL")));
        }
        counts
    }
}

/// What an announcement must count of its readers `r`.
fn readers() -> Values {
    vec![("seen_count", "count(*)".to_owned()), ("read_count", "count(r.read_at)".to_owned())]
}

/// What somebody has seen or read in their inbox without the sender being told.
pub fn unnoted(range: Range) -> Vec<Check> {
    const SENTENCE: &str = "has seen or read it, which is not noted";
    let user: (&str, fn(i64) -> String) = ("i.user_id", |id| Kind::User.encode(id));
    let of_kind = |kind: &ItemKind| {
        let Receipts { join, noted_by } = kind.receipts.as_ref()?;
        let column = format!("i.{}", kind.column);
        let (place, which): (fn(i64) -> Place, _) = match noted_by {
            NotedBy::Recipient => (of_message, String::new()),
            NotedBy::Reader => (of_announcement, format!("{column} IS NOT NULL AND ")),
        };
        let mut sql = range.sql("recount::unnoted");
        let in_range = range.has(&mut sql, "i.user_id");
        let from = format!("inbox_item AS i {join} WHERE {which}{in_range} AND {IS_UNNOTED}");
        Some(none(sql, place, &column, user, SENTENCE, &from))
    };
    ItemKind::all().filter_map(of_kind).collect()
}

/// How many people a message, and each of its addresses, has reached, and how many of them have
/// seen and read it, and have replied to the message.
pub fn of_messages(range: Range) -> [Check; 2] {
    let counted = |name, counted: Counted, part| {
        let mut sql = range.sql(name);
        let (counts, column) = (counted.counts(), counted.column());
        let (table, owner) = (counted.table(), format!("m.{}", counted.message()));
        let from = format!(
            "{table} AS m LEFT JOIN (SELECT r.{column}, {} \
             FROM message_recipient AS r WHERE {} GROUP BY r.{column}) AS t \
             ON t.{column} = m.id WHERE {}",
            select(&counts),
            range.has(&mut sql, "r.message_id"),
            range.has(&mut sql, &owner),
        );
        let right = counts.into_iter().map(|(name, _)| (name, format!("coalesce(t.{name}, 0)")));
        let check = compare(sql, of_message, &owner, part, pairs("m", right.collect()), &from);
        Check { part: |id| format!("address {id}"), ..check }
    };
    [
        counted("recount::recipients", Counted::Messages, "NULL"),
        counted("recount::recipients_by_address", Counted::Addresses, "m.id"),
    ]
}

/// The people who have seen and read an announcement.
pub fn of_announcements(range: Range) -> Check {
    let mut sql = range.sql("recount::readers");
    let readings = "announcement_reading AS r WHERE r.announcement_id = n.id";
    let counted = readers().into_iter();
    let right = counted.map(|(name, count)| (name, format!("(SELECT {count} FROM {readings})")));
    let from = format!("announcement AS n WHERE {}", range.has(&mut sql, "n.id"));
    compare(sql, of_announcement, "n.id", "NULL", pairs("n", right.collect()), &from)
}

/// Records what was seen and read in the inboxes, and counts the readers of messages and of their
/// addresses.
pub async fn mend_messages(tx: &Tx, messages: &[MessageId]) -> Result<()> {
    let mut sql = tx.sql("mend::note_readings");
    let these = sql.is_one_of("r.message_id", messages);
    sql.push(format!(
        "UPDATE message_recipient AS r SET seen_at = coalesce(r.seen_at, i.seen_at, i.read_at), \
         read_at = coalesce(r.read_at, i.read_at) FROM inbox_item AS i \
         WHERE {these} AND i.message_id = r.message_id AND i.user_id = r.user_id AND {IS_UNNOTED}"
    ));
    sql.run(&**tx).await?;
    lock(tx, tx.sql("mend::lock_messages"), "message", messages).await?;
    count_readers(tx, tx.sql("mend::message_counts"), Counted::Messages, messages).await?;
    count_readers(tx, tx.sql("mend::address_counts"), Counted::Addresses, messages).await
}

/// Counts the people whom rows of a table have reached, and those of them who have read it.
async fn count_readers(
    tx: &Tx,
    mut sql: Sql,
    counted: Counted,
    messages: &[MessageId],
) -> Result<()> {
    let (table, message, column) = (counted.table(), counted.message(), counted.column());
    let these = sql.is_one_of(message, messages);
    let recipients = format!(
        "message_recipient AS r \
         WHERE r.message_id = {table}.{message} AND r.{column} = {table}.id"
    );
    let set = set_from(&counted.counts(), &first_and_last(table), &recipients);
    sql.push(format!("UPDATE {table} SET {set} WHERE {these}"));
    sql.run(&**tx).await?;
    Ok(())
}

/// When readers `r` have read a row of a table, unless it is known.
fn first_and_last(table: &str) -> [(&'static str, String); 2] {
    [("first_read_at", "min"), ("last_read_at", "max")].map(|(column, of_all)| {
        (column, format!("coalesce({table}.{column}, {of_all}(r.read_at))"))
    })
}

/// Records what was seen and read in the inboxes, and counts the readers of announcements.
pub async fn mend_announcements(tx: &Tx, announcements: &[AnnouncementId]) -> Result<()> {
    let mut sql = tx.sql("mend::note_announcement_readings");
    let these = sql.is_one_of("i.announcement_id", announcements);
    let join = ANNOUNCEMENT.receipts.as_ref().map_or("", |receipts| receipts.join);
    sql.push(format!(
        "INSERT INTO announcement_reading (announcement_id, user_id, seen_at, read_at) \
         SELECT i.announcement_id, i.user_id, coalesce(i.seen_at, i.read_at), i.read_at \
         FROM inbox_item AS i {join} WHERE {these} AND {IS_UNNOTED} \
         ON CONFLICT (announcement_id, user_id) DO UPDATE SET read_at = excluded.read_at \
         WHERE announcement_reading.read_at IS NULL"
    ));
    sql.run(&**tx).await?;
    lock(tx, tx.sql("mend::lock_announcements"), "announcement", announcements).await?;
    let mut sql = tx.sql("mend::announcement_counts");
    let these = sql.is_one_of("id", announcements);
    let readings = "announcement_reading AS r WHERE r.announcement_id = announcement.id";
    let set = set_from(&readers(), &first_and_last("announcement"), readings);
    sql.push(format!("UPDATE announcement SET {set} WHERE {these}"));
    sql.run(&**tx).await?;
    Ok(())
}

/// Locks rows by their ids, always in the same order.
async fn lock(tx: &Tx, mut sql: Sql, table: &str, ids: &[impl Serialize]) -> Result<()> {
    let (these, for_update) = (sql.is_one_of("id", ids), sql.dialect().for_update());
    sql.push(format!("SELECT id FROM {table} WHERE {these} ORDER BY id {for_update}"));
    sql.rows(&**tx).await?;
    Ok(())
}
