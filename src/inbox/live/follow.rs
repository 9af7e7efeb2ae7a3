//! The position of a client in a history, and the loop that follows it from there.
//!
//! A client that reconnects gives its last cursor as `after`:
//!
//! 1. [`Start::of`] parses the cursor. A cursor of another epoch cannot be continued.
//! 2. [`steps`] subscribes to hints about the topic. Before every read it waits for room for the
//!    result, and marks the hints as heard: a commit in between must wake it again.
//! 3. [`update`] reads what comes after the position. A position ahead of the inbox, or of another
//!    epoch, becomes a `resync` with CURSOR_UNKNOWN; one from before the last purge, with
//!    CURSOR_EXPIRED. Such an update has the current counts and the current cursor.
//! 4. The first answer is sent even if it is empty, so that the client knows its position. As soon
//!    as the client has taken an update, the next read continues where it ended. A read that brings
//!    no news is not sent: the stream waits for a hint. From here on the stream is live, but it
//!    runs the same code as before.
//!
//! While the database does not answer, a stream waits and then continues where it was. Any other
//! error ends it, but never with `complete`, which clients take as final: they come back with their
//! last cursor.

use std::{sync::Arc, time::Duration};

use ::entity::{
    id::{ItemId, Seq, UserId},
    inbox,
};
use futures_util::stream;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_stream::Stream;

use super::{
    Hint, Live,
    outlet::{Outlet, Room},
};
use crate::{
    db::Topic,
    error::{Error, Result},
    inbox::{Changes, Item, MOST_CHANGES, Position, Question, Texts},
};

/// A position in the history of one database, as clients keep it: `epoch:seq`, followed by `:item`
/// if a page ended among the items of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub epoch: String,
    pub position: Position,
}

impl Cursor {
    pub fn encode(epoch: &str, position: Position) -> String {
        let Position { seq, item } = position;
        if position == Position::end(seq) {
            format!("{epoch}:{seq}")
        } else {
            format!("{epoch}:{seq}:{item}")
        }
    }

    /// None if the text was never a cursor.
    pub fn decode(cursor: &str) -> Option<Self> {
        let mut parts = cursor.split(':');
        let epoch = parts.next()?.to_owned();
        let seq = Seq(parts.next()?.parse().ok().filter(|seq| *seq >= 0)?);
        let position = match parts.next() {
            None => Position::end(seq),
            Some(item) => Position { seq, item: ItemId(item.parse().ok()?) },
        };
        parts.next().is_none().then_some(Cursor { epoch, position })
    }
}

/// Why a stream cannot go on from a cursor.
#[derive(async_graphql::Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResyncReason {
    /// The client was away for longer than the server remembers removed items, or the operator has
    /// repaired the inbox.
    CursorExpired,
    /// The cursor belongs to another database, or to a state that a restore undid.
    CursorUnknown,
}

/// One step of an inbox's history.
#[derive(Clone, Debug)]
pub struct Update {
    /// The row of the inbox.
    pub head: inbox::Model,
    /// What changed, each item once.
    pub items: Vec<Item>,
    /// The client's position before.
    pub since: Position,
    /// The client's position now.
    pub position: Position,
    pub caught_up: bool,
    pub resync: Option<ResyncReason>,
}

/// Where a follower starts.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// Now: earlier changes are not wanted.
    Now,
    After(Position),
    /// The given cursor cannot be continued.
    Lost(ResyncReason),
}

impl Start {
    /// Where a client starts that returns with a cursor, or with none, in the database of this
    /// epoch.
    pub fn of(epoch: &str, cursor: Option<&str>) -> Result<Self> {
        let Some(text) = cursor else { return Ok(Start::Now) };
        let cursor = Cursor::decode(text)
            .ok_or_else(|| Error::invalid("after", "is not a cursor of an inbox"))?;
        Ok(match cursor.epoch == epoch {
            true => Start::After(cursor.position),
            false => Start::Lost(ResyncReason::CursorUnknown),
        })
    }
}

/// What happened in an inbox after a start, at most `limit` changes.
pub async fn update(
    live: &Live,
    user: UserId,
    start: Start,
    limit: u64,
    texts: Texts,
) -> Result<Update> {
    let after = match start {
        Start::After(position) => position,
        // Only the head is wanted here.
        Start::Now | Start::Lost(_) => Position::end(Seq(i64::MAX)),
    };
    let Changes { head, mut items, mut has_more } =
        live.changes(Question { user, after, texts }).await?;
    let end = Position::end(head.seq);
    let resync = match start {
        Start::Now => None,
        Start::Lost(reason) => Some(reason),
        Start::After(position) if position.seq > head.seq => Some(ResyncReason::CursorUnknown),
        Start::After(position) if position.seq < head.purged_seq => {
            Some(ResyncReason::CursorExpired)
        }
        Start::After(_) => None,
    };
    if resync.is_some() || matches!(start, Start::Now) {
        return Ok(Update {
            head,
            items: Vec::new(),
            since: end,
            position: end,
            caught_up: true,
            resync,
        });
    }
    has_more |= items.len() as u64 > limit;
    items.truncate(limit as usize);
    let position = match items.last() {
        Some(last) if has_more => Position { seq: last.row.seq, item: last.row.id },
        _ => end,
    };
    Ok(Update { head, items, since: after, position, caught_up: !has_more, resync: None })
}

/// Follows an inbox; the first update comes at once, so that the client knows its position.
pub fn follow(
    live: Arc<Live>,
    outlet: Outlet,
    user: UserId,
    start: Start,
    texts: Texts,
) -> impl Stream<Item = Result<Update>> {
    let hints = live.hints(Topic::Inbox(user));
    steps(hints, outlet, start, Duration::ZERO, move |start| {
        let live = live.clone();
        async move {
            let update = update(&live, user, start, MOST_CHANGES, texts).await?;
            Ok(Step {
                next: Start::After(update.position),
                is_news: !update.items.is_empty() || update.resync.is_some(),
                size: update.items.iter().map(Item::size).sum(),
                update,
            })
        }
    })
}

/// What comes after a start.
pub struct Step<T> {
    pub update: T,
    /// Where the next one starts.
    pub next: Start,
    pub is_news: bool,
    /// Bytes of the texts in the update.
    pub size: usize,
}

/// What a client has been shown, until it has taken it.
struct Shown {
    when: Instant,
    room: Room,
    /// When the commit was made that led to it; None if no commit did, such as for the first.
    told_at: Option<Instant>,
}

/// The loop that follows anything with a history: read what comes after a start, show it if it is
/// news, wait for a hint, read again from where that ended; at most once per `pause`. Take the
/// `hints` before anything else that leads to news.
///
/// It reads when there is room for the result, and keeps the room until it is asked for the next
/// update: by then the client has taken this one. While the database does not answer, the stream
/// waits and then continues where it was. Any other error ends it.
pub fn steps<T, F>(
    hints: watch::Receiver<Hint>,
    outlet: Outlet,
    start: Start,
    pause: Duration,
    read: impl FnMut(Start) -> F,
) -> impl Stream<Item = Result<T>>
where
    F: Future<Output = Result<Step<T>>>,
{
    let shown: Option<Shown> = None;
    let told = hints.borrow().count;
    stream::unfold(Some((hints, told, outlet, read, start, shown)), move |state| async move {
        let (mut hints, mut told, outlet, mut read, mut start, shown) = state?;
        let mut is_first = shown.is_none();
        let mut has_waited = false;
        if let Some(Shown { when, room, told_at }) = shown {
            drop(room);
            // What waits on purpose is not late.
            if let Some(at) = told_at.filter(|_| pause.is_zero()) {
                outlet.metrics.live_delay.record(at.elapsed());
            }
            sleep_until(when + pause).await;
        }
        loop {
            let mut room = outlet.room().await?;
            // Before the read: a commit in between must wake us again.
            let hint = *hints.borrow_and_update();
            // Boxed: otherwise a follower that waits would keep room for it.
            match Box::pin(read(start)).await {
                Ok(Step { update, next, is_news, size }) if is_first || is_news => {
                    room.shrink_to(size);
                    let is_told = hint.count != told;
                    if has_waited && is_news && !is_told {
                        outlet.metrics.hints_lost.increment(1);
                    }
                    let told_at = (is_told && !is_first).then_some(hint.at);
                    let shown = Some(Shown { when: Instant::now(), room, told_at });
                    return Some((
                        Ok(update),
                        Some((hints, hint.count, outlet, read, next, shown)),
                    ));
                }
                Ok(Step { next, .. }) => {
                    (start, is_first, told) = (next, false, hint.count);
                }
                Err(Error::Unavailable(cause)) => {
                    tracing::warn!(cause, "a stream waits for the database")
                }
                Err(error) => return Some((Err(error), None)),
            }
            drop(room);
            hints.changed().await.ok()?;
            has_waited = true;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::net::TcpListener;
    use tokio_stream::StreamExt;

    use super::*;
    use crate::{
        budget::{Budget, Holder},
        metrics::Metrics,
    };

    /// Each read finds news, or nothing; after one that finds nothing the stream is woken.
    #[tokio::test]
    async fn news_that_nobody_was_told_of_is_a_lost_hint_and_other_news_is_timed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let metrics = Metrics::on(listener).unwrap();
        let outlet = Outlet::new(Budget::new(1 << 30, 1 << 30), Holder::Strangers, metrics.clone());
        let (told, hints) = watch::channel(Hint { count: 0, at: Instant::now() });
        let mut told = Some(told);
        let mut reads = ["news", "look again", "news", "commit", "news", "end"].into_iter();
        let steps = steps(hints, outlet, Start::Now, Duration::ZERO, move |next| {
            let found = reads.next().unwrap();
            // In the read, because a hint before it would be one that it has already answered.
            match found {
                "look again" => told.as_ref().unwrap().send_modify(|_| {}),
                "commit" => told.as_ref().unwrap().send_modify(|hint| hint.count += 1),
                "end" => told = None,
                _ => {}
            }
            async move { Ok(Step { update: (), next, is_news: found == "news", size: 0 }) }
        });
        let mut steps = pin!(steps);
        let counts = || {
            let text = metrics.text(chrono::DateTime::UNIX_EPOCH);
            ["tidings_live_hints_lost_total ", "tidings_live_delay_seconds_count "].map(|name| {
                let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                value.parse::<u64>().unwrap()
            })
        };

        steps.next().await.unwrap().unwrap();
        assert_eq!(counts(), [0, 0], "the first is not news");
        steps.next().await.unwrap().unwrap();
        assert_eq!(counts(), [1, 0], "the stream has found it by itself");
        steps.next().await.unwrap().unwrap();
        assert_eq!(counts(), [1, 0], "the client has not taken it yet");
        assert!(steps.next().await.is_none());
        assert_eq!(counts(), [1, 1]);
    }

    #[test]
    fn cursors_come_back_as_what_they_were() {
        for position in [
            Position::end(Seq(0)),
            Position::end(Seq(17)),
            Position { seq: Seq(17), item: ItemId(4) },
        ] {
            let cursor = Cursor::decode(&Cursor::encode("abc", position)).unwrap();
            assert_eq!((cursor.epoch.as_str(), cursor.position), ("abc", position));
        }
        for text in ["", "abc", "abc:", "abc:x", "abc:-1", "abc:1:2:3", "abc:1:x"] {
            assert_eq!(Cursor::decode(text), None, "{text}");
        }
    }
}
