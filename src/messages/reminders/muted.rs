//! People who have muted a thread are not reminded of its messages, unless it is a campaign: that
//! deactivates those who do not reply.

use std::collections::HashSet;

use ::entity::id::{ItemId, MessageId};

use crate::{db::Tx, error::Result, inbox};

/// The items of people who have muted the threads of these messages and are therefore not reminded.
pub async fn items(tx: &Tx, messages: &[MessageId]) -> Result<HashSet<ItemId>> {
    let mut sql = tx.sql("reminders::muted");
    let these = sql.is_one_of("q.message_id", messages);
    sql.push(format!(
        "SELECT x.id FROM reminder AS q JOIN message AS m ON m.id = q.message_id \
         JOIN thread_mute AS t ON t.root_id = coalesce(m.root_id, m.id) \
         JOIN inbox_item AS x ON {} WHERE {these} AND NOT q.deactivates",
        inbox::is_about("m.id", "t.user_id")
    ));
    Ok(sql.values(&**tx).await?.into_iter().collect())
}
