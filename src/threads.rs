//! Following a thread: the same protocol as an inbox's (`live`), over the messages below one root.
//!
//! `thread.seq` counts the changes of a thread, and each message has the number of the change that touched it last. What
//! changed since N is what has a higher number and is visible to the reader.

use ::entity::{message, thread, user};
use futures_util::Stream;
use sea_orm::{Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    app::App,
    db::Topic,
    error::Result,
    inbox::MOST_CHANGES,
    live::{self, ResyncReason, Start},
    messages::Sent,
};

/// One step of a thread's history.
#[derive(Clone, Debug)]
pub struct Update {
    pub messages: Vec<Sent>,
    /// Where the client stands now.
    pub seq: i64,
    pub caught_up: bool,
    pub resync: Option<ResyncReason>,
}

/// What happened in a thread after a start.
async fn update(app: &App, reader: message::Reader, root: i64, start: Start) -> Result<Update> {
    // The head first: what is committed up to it is in the messages that are read then.
    let head = thread::Entity::find_by_id(root).one(app.db.read()).await?.map_or(0, |thread| thread.seq);
    let after = match start {
        Start::After(position) if position.seq <= head => position.seq,
        Start::After(_) => return Ok(at_head(head, Some(ResyncReason::CursorUnknown))),
        Start::Lost(reason) => return Ok(at_head(head, Some(reason))),
        Start::Now => return Ok(at_head(head, None)),
    };
    let in_thread = Condition::any().add(message::COLUMN.root_id.eq(root)).add(message::COLUMN.id.eq(root));
    let mut messages = message::Entity::visible_to(reader)
        .filter(in_thread)
        .filter(message::COLUMN.seq.gt(after))
        .order_by_asc(message::Column::Seq)
        .limit(MOST_CHANGES + 1)
        .find_also_related(user::Entity)
        .all(app.db.read())
        .await?;
    let more = messages.len() as u64 > MOST_CHANGES;
    messages.truncate(MOST_CHANGES as usize);
    let last = messages.last().map_or(0, |(message, _)| message.seq);
    let seq = if more { last } else { last.max(head) };
    Ok(Update { messages, seq, caught_up: !more, resync: None })
}

fn at_head(seq: i64, resync: Option<ResyncReason>) -> Update {
    Update { messages: Vec::new(), seq, caught_up: true, resync }
}

/// Follows a thread through the eyes of a reader; the first update comes at once.
pub fn follow(app: App, reader: message::Reader, root: i64, start: Start) -> impl Stream<Item = Result<Update>> {
    live::steps(app.clone(), Topic::Thread(root), start, move |start| {
        let app = app.clone();
        async move {
            let update = update(&app, reader, root, start).await?;
            let (next, is_news) = (Start::After(crate::inbox::Position::end(update.seq)), !update.messages.is_empty());
            Ok((update, next, is_news))
        }
    })
}
