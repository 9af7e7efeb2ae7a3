//! Lists of what somebody has sent: all of it, what words find, and what all of its recipients have
//! read.

use std::collections::HashMap;

use ::entity::{
    id::{MessageId, UserId},
    message, user,
};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter};

use super::Sent;
use crate::{
    app::App,
    db::Sql,
    error::Result,
    page::{Key, Page, Slice},
    search::{Searched, rows},
};

/// The most messages that a page by reading looks at. Counts change with every reading, and an
/// index on them would slow all of them down; so the page stops there, and says where.
const MOST_LOOKED_AT: i64 = 2_000;

/// Which of the messages that have been sent.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// None: the system.
    pub sender: Option<UserId>,
    /// Only replies, or only those that start a thread.
    pub is_reply: Option<bool>,
    /// Only those that everybody has read, or only the others.
    pub is_read_by_all: Option<bool>,
}

impl Wanted {
    /// What an index serves of it, for messages `x`.
    fn listed(self, sql: &mut Sql) -> String {
        let by = match self.sender {
            Some(sender) => format!("x.sender_id = {}", sql.bind(sender)),
            None => "x.sender_id IS NULL".into(),
        };
        let replies = match self.is_reply {
            Some(true) => " AND x.parent_id IS NOT NULL",
            Some(false) => " AND x.parent_id IS NULL",
            None => "",
        };
        format!("{by} AND x.send_at IS NULL{replies}")
    }

    fn is_as_read(self, message: &message::Model) -> bool {
        let is_read_by_all = message.read_count >= message.recipient_count;
        self.is_read_by_all.is_none_or(|wanted| wanted == is_read_by_all)
    }
}

/// A page of them, newest first, in which words are found.
pub async fn found(app: &App, wanted: Wanted, text: &str, page: &Page<i64>) -> Result<Slice<Sent>> {
    let listed = move |sql: &mut Sql| wanted.listed(sql);
    let searched = Searched::Message;
    let list = rows::Rows { db: &app.db, searched, page, is_descending: true, listed: &listed };
    let found = rows::ids(&app.db, searched, &list, page, text).await?;
    let found = with_rows(app, with_ends(found)).await?;
    Ok(found.map(|sent| wanted.is_as_read(&sent.0).then_some(sent)))
}

/// A page of them, newest first.
pub async fn page(app: &App, wanted: Wanted, page: &Page<i64>) -> Result<Slice<Sent>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: i64,
        is_end: bool,
    }
    let mut sql = app.db.sql("messages::sent");
    let listed = wanted.listed(&mut sql) + &rows::within(&mut sql, page, true);
    let (direction, furthest) = if page.backwards { ("ASC", "max") } else { ("DESC", "min") };
    let limit = sql.bind(page.limit as i64 + 1);
    let (as_read, most) = match wanted.is_read_by_all {
        Some(true) => ("read_count >= recipient_count", MOST_LOOKED_AT.to_string()),
        Some(false) => ("read_count < recipient_count", MOST_LOOKED_AT.to_string()),
        None => ("true", limit.to_string()),
    };
    sql.push(format!(
        "WITH looked AS (SELECT x.id, x.read_count, x.recipient_count FROM message AS x \
         WHERE {listed} ORDER BY x.id {direction} LIMIT {most}) \
         SELECT id, false AS is_end FROM (SELECT id FROM looked \
         WHERE {as_read} ORDER BY id {direction} LIMIT {limit}) AS f \
         UNION ALL SELECT {furthest}(id), true FROM looked HAVING count(*) = {MOST_LOOKED_AT}"
    ));
    let rows: Vec<Row> = sql.all(app.db.read()).await?;
    let end = rows.iter().find(|row| row.is_end).map(|row| row.id);
    let mut ids: Vec<i64> = rows.iter().filter(|row| !row.is_end).map(|row| row.id).collect();
    ids.sort_unstable();
    if !page.backwards {
        ids.reverse();
    }
    let is_full = ids.len() as u64 > page.limit;
    let slice = page.stopped(page.slice(ids), end.filter(|_| !is_full));
    with_rows(app, slice).await
}

/// The same page, whose cursors are those of its first and last row, also if these are left out.
fn with_ends(slice: Slice<i64>) -> Slice<i64> {
    let cursor = |id: Option<&i64>| id.map(Key::encode);
    let start = slice.start.clone().or_else(|| cursor(slice.rows.first()));
    let end = slice.end.clone().or_else(|| cursor(slice.rows.last()));
    Slice { start, end, ..slice }
}

/// The messages with the ids on a page.
async fn with_rows(app: &App, ids: Slice<i64>) -> Result<Slice<Sent>> {
    // Needs no scope: senders may see what they sent.
    let sent = message::Entity::find().filter(message::COLUMN.id.is_in(ids.rows.clone()));
    let sent = sent.find_also_related(user::Entity).all(app.db.read()).await?;
    let mut sent: HashMap<MessageId, Sent> =
        sent.into_iter().map(|sent| (sent.0.id, sent)).collect();
    Ok(ids.map(|id| sent.remove(&MessageId(id))))
}
