//! Threads: how replies are ordered, and following a thread by the same protocol as an inbox
//! (`live`).
//!
//! `thread.seq` counts the changes of a thread, and each message has the number of the change that
//! touched it last. What changed since N are the messages with a higher number that are visible to
//! the reader.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use ::entity::{
    id::{MessageId, Seq, UserId},
    message, thread, user,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, SqlErr, sea_query::Expr,
};
use tokio_stream::Stream;

use super::Sent;
use crate::{
    app::App,
    auth::Actor,
    db::{Topic, Tx},
    error::{Error, Result},
    id,
    inbox::{
        self, LARGEST_UPDATE, MOST_CHANGES, Position, how_many_fit,
        live::{self, Outlet, ResyncReason, Start, Step},
    },
};

/// One step of a thread's history.
#[derive(Clone, Debug)]
pub struct Update {
    pub messages: Vec<Sent>,
    /// The position that the client is at now.
    pub seq: Seq,
    pub caught_up: bool,
    pub resync: Option<ResyncReason>,
}

/// What has happened in a thread since a start.
async fn update(
    app: &App,
    reader: message::Reader,
    root: MessageId,
    start: Start,
) -> Result<Update> {
    // The head first: everything committed up to it is in the messages that are read afterwards.
    let head = thread::Entity::find_by_id(root)
        .one(app.db.read())
        .await?
        .map_or(Seq(0), |thread| thread.seq);
    let after = match start {
        Start::After(position) if position.seq <= head => position.seq,
        Start::After(_) => return Ok(at_head(head, Some(ResyncReason::CursorUnknown))),
        Start::Lost(reason) => return Ok(at_head(head, Some(reason))),
        Start::Now => return Ok(at_head(head, None)),
    };
    let in_thread =
        Condition::any().add(message::COLUMN.root_id.eq(root)).add(message::COLUMN.id.eq(root));
    let newer = message::Entity::visible_to(reader)
        .filter(in_thread)
        .filter(message::COLUMN.seq.gt(after))
        .order_by_asc(message::Column::Seq)
        .limit(MOST_CHANGES + 1);
    // Their sizes first: together they may be larger than an update should be.
    let size = Expr::cust("CAST(octet_length(message.body) AS bigint)");
    let newer = newer.select_only().columns([message::Column::Id, message::Column::Seq]).expr(size);
    let newer: Vec<(MessageId, Seq, i64)> = newer.into_tuple().all(app.db.read()).await?;
    let sizes = newer.iter().map(|(_, _, bytes)| *bytes as usize);
    let shown = &newer[..how_many_fit(sizes, MOST_CHANGES as usize, LARGEST_UPDATE)];
    let Some((_, last, _)) = shown.last() else { return Ok(at_head(head, None)) };
    let messages = message::Entity::visible_to(reader)
        .filter(message::COLUMN.id.is_in(shown.iter().map(|(id, _, _)| *id)))
        // What has changed since comes again at its new place.
        .filter(message::COLUMN.seq.lte(*last))
        .order_by_asc(message::Column::Seq)
        .find_also_related(user::Entity)
        .all(app.db.read())
        .await?;
    let more = shown.len() < newer.len();
    let seq = if more { *last } else { head.max(*last) };
    Ok(Update { messages, seq, caught_up: !more, resync: None })
}

fn at_head(seq: Seq, resync: Option<ResyncReason>) -> Update {
    Update { messages: Vec::new(), seq, caught_up: true, resync }
}

/// Follows a thread as a given reader sees it; the first update comes at once.
pub fn follow(
    app: App,
    outlet: Outlet,
    reader: message::Reader,
    root: MessageId,
    start: Start,
) -> impl Stream<Item = Result<Update>> {
    let hints = app.live.hints(Topic::Thread(root));
    live::steps(hints, outlet, start, Duration::ZERO, move |start| {
        let app = app.clone();
        async move {
            let update = update(&app, reader, root, start).await?;
            Ok(Step {
                next: Start::After(Position::end(update.seq)),
                is_news: !update.messages.is_empty(),
                size: update.messages.iter().map(|(message, _)| message.body.len()).sum(),
                update,
            })
        }
    })
}

/// The first message of a thread, from the id of any message of it that a person sent or received.
pub async fn root_of(app: &App, person: UserId, id: &str) -> Result<MessageId> {
    let message = message::Entity::visible_to(message::Reader::User(person))
        .filter(message::COLUMN.id.eq(id::decode::<MessageId>(id)?))
        .one(app.db.read())
        .await?;
    message.map(|message| message.root()).ok_or(Error::NotFound("message"))
}

/// Mutes a thread for the actor, or lets it be heard again (`inbox::mute`). Returns its first
/// message.
#[tracing::instrument(level = "debug", name = "threads::mute", skip_all, fields(actor = actor.in_log()))]
pub async fn mute(app: &App, actor: &Actor, id: &str, is_muted: bool) -> Result<MessageId> {
    let person = actor.person()?.id;
    let root = root_of(app, person, id).await?;
    let now = app.clock.now();
    match is_muted {
        true => inbox::mute(&app.db, person, root, now).await?,
        false => inbox::unmute(&app.db, person, root, now).await?,
    }
    Ok(root)
}

/// Locks a thread and counts one more change of it; returns the number of the change. A thread that
/// somebody else has just deleted is not found.
pub async fn change(tx: &Tx, root: MessageId) -> Result<Seq> {
    let mut sql = tx.sql("threads::change");
    let root = sql.bind(root);
    sql.push(format!(
        "INSERT INTO thread (root_id, seq) VALUES ({root}, 1) \
         ON CONFLICT (root_id) DO UPDATE SET seq = thread.seq + 1 RETURNING seq"
    ));
    let counted =
        tx.query_one_raw(sql.statement()).await.map_err(|error| match error.sql_err() {
            // The root is gone.
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => Error::NotFound("message"),
            _ => Error::database(error),
        })?;
    let counted = counted.ok_or_else(|| Error::internal("no thread"))?;
    Ok(counted.try_get_by_index(0)?)
}

/// Counts replies in threads, each as a change, and locks the threads. Returns the number of the
/// last one in each, without threads that somebody else has locked: it waits for nobody, except for
/// another first reply to the same message.
pub async fn count_replies(
    tx: &Tx,
    replies: &BTreeMap<MessageId, i64>,
) -> Result<HashMap<MessageId, Seq>> {
    #[derive(FromQueryResult)]
    struct Counted {
        root_id: MessageId,
        seq: Seq,
    }
    let mut sql = tx.sql("threads::count_replies");
    let rows = replies.iter().map(|(root, count)| [root.0, *count]);
    let replied = sql.integer_table(["root_id", "replies"], rows);
    let (mut free, mut is_free) = (String::new(), "true");
    if sql.dialect().locks_rows() {
        let roots: Vec<_> = replies.keys().collect();
        let these = sql.is_one_of("x.root_id", &roots);
        let unlocked = sql.dialect().for_update_of_unlocked("x");
        free = format!(
            "WITH free AS MATERIALIZED \
             (SELECT x.root_id FROM thread AS x WHERE {these} {unlocked}) "
        );
        is_free = "(r.root_id IN (SELECT root_id FROM free) \
                   OR NOT EXISTS (SELECT 1 FROM thread AS x WHERE x.root_id = r.root_id))";
    }
    // In the order of the threads.
    sql.push(format!(
        "{free}INSERT INTO thread (root_id, seq) SELECT r.root_id, r.replies FROM {replied} AS r \
         WHERE {is_free} ORDER BY r.root_id \
         ON CONFLICT (root_id) DO UPDATE SET seq = thread.seq + excluded.seq \
         RETURNING root_id, seq"
    ));
    let counted: Vec<Counted> = sql.all(&**tx).await?;
    Ok(counted.into_iter().map(|Counted { root_id, seq }| (root_id, seq)).collect())
}

/// The path of a reply: its parent's path, then its number in the thread, encoded so that bytes
/// sort as the numbers do.
pub fn path(parent: &[u8], seq: Seq) -> Vec<u8> {
    let bytes = seq.0.to_be_bytes();
    let digits = &bytes[(seq.0.leading_zeros() / 8) as usize..];
    [parent, &[digits.len() as u8], digits].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_sort_depth_first_in_the_order_of_arrival() {
        let first = path(&[], Seq(1));
        let late = path(&first, Seq(70_000));
        let second = path(&[], Seq(2));
        let many = path(&[], Seq(300));
        let mut sorted = vec![many.clone(), second.clone(), late.clone(), first.clone()];
        sorted.sort();
        assert_eq!(sorted, [first, late, second, many]);
    }
}
