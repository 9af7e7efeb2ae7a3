//! Where a client stands in a history, and the loop that follows it from there.

use futures_util::stream;
use tokio_stream::Stream;

use crate::{
    app::App,
    db::Topic,
    error::{Error, Result},
    inbox::{Changes, MOST_CHANGES, Position},
};

/// A place in the history of one database, as clients keep it: `epoch:seq`, with `:item` where a page ended among the
/// items of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub epoch: String,
    pub position: Position,
}

impl Cursor {
    pub fn encode(epoch: &str, position: Position) -> String {
        match position.item {
            i64::MAX => format!("{epoch}:{}", position.seq),
            item => format!("{epoch}:{}:{item}", position.seq),
        }
    }

    /// None for a text that was never a cursor.
    pub fn decode(cursor: &str) -> Option<Self> {
        let mut parts = cursor.split(':');
        let epoch = parts.next()?.to_owned();
        let seq = parts.next()?.parse().ok().filter(|seq| *seq >= 0)?;
        let item = parts.next().map_or(Some(i64::MAX), |item| item.parse().ok())?;
        parts.next().is_none().then_some(Cursor { epoch, position: Position { seq, item } })
    }
}

/// Why a stream cannot go on from a cursor.
#[derive(async_graphql::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResyncReason {
    /// The client was away for longer than the server remembers what was removed, or the operator has mended the inbox.
    CursorExpired,
    /// The cursor is of another database, or of a state that a restore undid.
    CursorUnknown,
}

/// One step of an inbox's history.
#[derive(Clone, Debug)]
pub struct Update {
    /// What changed, each item once.
    pub changes: Changes,
    /// Where the client stood before.
    pub since: Position,
    /// Where it stands now.
    pub position: Position,
    pub caught_up: bool,
    pub resync: Option<ResyncReason>,
}

/// Where a follower starts.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// Now: what came before is not wanted.
    Now,
    After(Position),
    /// The given cursor leads nowhere.
    Lost(ResyncReason),
}

impl Start {
    pub fn of(app: &App, cursor: Option<&str>) -> Result<Self> {
        let Some(text) = cursor else { return Ok(Start::Now) };
        let cursor = Cursor::decode(text).ok_or_else(|| Error::invalid("after", "is not a cursor of an inbox"))?;
        Ok(match *cursor.epoch == *app.epoch {
            true => Start::After(cursor.position),
            false => Start::Lost(ResyncReason::CursorUnknown),
        })
    }
}

/// What happened in an inbox after a start, at most `limit` changes.
pub async fn update(app: &App, user: i64, start: Start, limit: u64) -> Result<Update> {
    let after = match start {
        Start::After(position) => position,
        // Of these only the head is wanted.
        Start::Now | Start::Lost(_) => Position::end(i64::MAX),
    };
    let mut changes = app.live.changes(user, after).await?;
    let head = Position::end(changes.head.seq);
    let resync = match start {
        Start::Now => None,
        Start::Lost(reason) => Some(reason),
        Start::After(position) if position.seq > changes.head.seq => Some(ResyncReason::CursorUnknown),
        Start::After(position) if position.seq < changes.head.purged_seq => Some(ResyncReason::CursorExpired),
        Start::After(_) => None,
    };
    if resync.is_some() || matches!(start, Start::Now) {
        changes.items.clear();
        return Ok(Update { changes, since: head, position: head, caught_up: true, resync });
    }
    let more = changes.items.len() as u64 > limit;
    changes.items.truncate(limit as usize);
    let position = match changes.items.last() {
        Some(last) if more => Position { seq: last.row.seq, item: last.row.id },
        _ => head,
    };
    Ok(Update { changes, since: after, position, caught_up: !more, resync: None })
}

/// Follows an inbox; the first update comes at once, so that the client knows where it stands.
pub fn follow(app: App, user: i64, start: Start) -> impl Stream<Item = Result<Update>> {
    steps(app.clone(), Topic::Inbox(user), start, move |start| {
        let app = app.clone();
        async move {
            let update = update(&app, user, start, MOST_CHANGES).await?;
            let is_news = !update.changes.items.is_empty() || update.resync.is_some();
            let next = Start::After(update.position);
            Ok((update, next, is_news))
        }
    })
}

/// The loop of following anything that has a history: read what is after a start, show it if it is news, wait for a hint,
/// read again from where that ended. `read` gives an update, where the next one starts, and whether it is news.
///
/// While the database does not answer, the stream waits and then goes on where it was. Any other error ends it.
pub fn steps<T, F>(app: App, topic: Topic, start: Start, read: impl FnMut(Start) -> F) -> impl Stream<Item = Result<T>>
where
    F: Future<Output = Result<(T, Start, bool)>>,
{
    let hints = app.live.hints(topic);
    stream::unfold(Some((hints, read, start, true)), |state| async move {
        let (mut hints, mut read, mut start, mut is_first) = state?;
        loop {
            // Before the read: a commit in between must wake us again.
            hints.borrow_and_update();
            match read(start).await {
                Ok((update, next, is_news)) if is_first || is_news => {
                    return Some((Ok(update), Some((hints, read, next, false))));
                }
                Ok((_, next, _)) => (start, is_first) = (next, false),
                Err(Error::Unavailable(cause)) => tracing::warn!(cause, "a stream waits for the database"),
                Err(error) => return Some((Err(error), None)),
            }
            if hints.changed().await.is_err() {
                return None;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_what_they_were() {
        for position in [Position::end(0), Position::end(17), Position { seq: 17, item: 4 }] {
            let cursor = Cursor::decode(&Cursor::encode("abc", position)).unwrap();
            assert_eq!((cursor.epoch.as_str(), cursor.position), ("abc", position));
        }
        for text in ["", "abc", "abc:", "abc:x", "abc:-1", "abc:1:2:3", "abc:1:x"] {
            assert_eq!(Cursor::decode(text), None, "{text}");
        }
    }
}
