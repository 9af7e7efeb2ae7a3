//! Searching what somebody has sent.

use std::collections::HashMap;

use ::entity::{
    id::{MessageId, UserId},
    message, user,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::Sent;
use crate::{
    app::App,
    db::Sql,
    error::Result,
    page::{Page, Slice},
    search::{Searched, rows},
};

/// A page of the messages that a person sent, or the system, newest first, in which words are
/// found: of all, or only of replies, or only of those that start a thread.
pub async fn found(
    app: &App,
    sender: Option<UserId>,
    is_reply: Option<bool>,
    text: &str,
    page: &Page<i64>,
) -> Result<Slice<Sent>> {
    let listed = move |sql: &mut Sql| {
        let by = match sender {
            Some(sender) => format!("x.sender_id = {}", sql.bind(sender)),
            None => "x.sender_id IS NULL".into(),
        };
        let replies = match is_reply {
            Some(true) => " AND x.parent_id IS NOT NULL",
            Some(false) => " AND x.parent_id IS NULL",
            None => "",
        };
        format!("{by} AND x.send_at IS NULL{replies}")
    };
    let searched = Searched::Message;
    let list = rows::Rows { db: &app.db, searched, page, is_descending: true, listed: &listed };
    let found = rows::ids(&app.db, searched, &list, page, text).await?;
    // Needs no scope: senders may see what they sent.
    let sent = message::Entity::find().filter(message::COLUMN.id.is_in(found.rows.clone()));
    let sent = sent.find_also_related(user::Entity).all(app.db.read()).await?;
    let mut sent: HashMap<MessageId, Sent> =
        sent.into_iter().map(|sent| (sent.0.id, sent)).collect();
    Ok(found.map(|id| sent.remove(&MessageId(id))))
}
