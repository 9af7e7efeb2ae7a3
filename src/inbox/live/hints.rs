//! Tells waiters what commits concern: in this process and, over PostgreSQL, in others.
//!
//! The other servers are told after the commits, many of them in one statement, on a separate
//! connection: a NOTIFY inside each transaction halves PostgreSQL's write throughput. A lost hint
//! costs time, not data. Only deactivations are told within their transaction ([`tell_within`]): a
//! server that ends right after its commit would lose the hint, and sockets elsewhere do not look
//! again by themselves.

use std::{collections::BTreeSet, sync::Arc};

use ::entity::id::{AnnouncementId, MessageId, TargetId, UserId};
use tokio::{sync::mpsc, time::Instant};

use super::{LOOK_AGAIN, Live, MOST_AT_ONCE};
use crate::{
    db::{Bus, Commit, Heard, Listening, Topic, Tx},
    error::Result,
};

/// PostgreSQL refuses a NOTIFY of 8 000 bytes.
const LONGEST_PAYLOAD: usize = 7_900;
/// How many payloads one statement sends: less than a megabyte.
const MOST_PAYLOADS: usize = 100;
/// Commits are merged until they name this many topics. No commit alone names many more: a
/// transaction changes [`BATCH`](crate::inbox::BATCH) inboxes at most.
const MOST_MERGED: usize = 50_000;
/// The sender of what everybody has to hear.
const NOBODY: u32 = 0;

pub async fn pass_on(
    live: Arc<Live>,
    mut commits: mpsc::UnboundedReceiver<Commit>,
    others: Option<mpsc::UnboundedSender<Vec<Topic>>>,
) {
    let mut look_again = tokio::time::interval(LOOK_AGAIN);
    loop {
        tokio::select! {
            commit = commits.recv() => {
                let Some(Commit { topics, at }) = commit else { return };
                live.metrics.own_hints.increment(1);
                live.wake(&topics, at);
                if let Some(others) = &others {
                    let _ = others.send(topics);
                }
            }
            _ = look_again.tick() => live.look_again(),
        }
    }
}

/// Tells the other servers what has changed, many commits at once. Everything is told by its name:
/// looking up what nobody follows costs the others next to nothing, while making all of their
/// followers read again costs a lot.
pub async fn tell_others(bus: Bus, me: u32, mut changes: mpsc::UnboundedReceiver<Vec<Topic>>) {
    let mut commits = Vec::new();
    while changes.recv_many(&mut commits, MOST_AT_ONCE).await > 0 {
        notify(&bus, me, commits.drain(..)).await;
    }
}

/// Tells the servers of all commits so far, for a process that has no followers.
pub async fn tell(bus: &Bus, commits: &mut mpsc::UnboundedReceiver<Commit>) {
    let commits = std::iter::from_fn(|| commits.try_recv().ok());
    notify(bus, NOBODY, commits.map(|commit| commit.topics)).await;
}

async fn notify(bus: &Bus, me: u32, commits: impl Iterator<Item = Vec<Topic>>) {
    for topics in merged(commits) {
        for payloads in payloads(me, &topics).chunks(MOST_PAYLOADS) {
            if let Err(error) = bus.notify(payloads).await {
                tracing::warn!(
                    ?error,
                    "cannot notify the other servers; they look again by themselves"
                );
            }
        }
    }
}

/// What some commits concern, each topic once, in batches that are not too much to hold.
fn merged(commits: impl Iterator<Item = Vec<Topic>>) -> impl Iterator<Item = BTreeSet<Topic>> {
    let mut commits = commits.peekable();
    std::iter::from_fn(move || {
        commits.peek()?;
        let mut topics = BTreeSet::new();
        while topics.len() < MOST_MERGED
            && let Some(commit) = commits.next()
        {
            topics.extend(commit);
        }
        Some(topics)
    })
}

/// Tells the other servers within the transaction: they hear of it if, and only if, it is
/// committed, even if this server ends right after. For what must not wait until the waiters next
/// look; this is rare.
pub async fn tell_within(tx: &Tx, topics: impl IntoIterator<Item = Topic>) -> Result<()> {
    let topics: BTreeSet<Topic> = topics.into_iter().collect();
    for payload in payloads(NOBODY, &topics) {
        tx.notify(&payload).await?;
    }
    tx.concerns(topics);
    Ok(())
}

fn payloads(me: u32, topics: &BTreeSet<Topic>) -> Vec<String> {
    let mut payloads = vec![format!("{me}:")];
    for topic in topics {
        let word = match topic {
            Topic::Inbox(id) => format!("i{id},"),
            Topic::Thread(id) => format!("t{id},"),
            Topic::Reading(id) => format!("r{id},"),
            Topic::AnnouncementReading(id) => format!("n{id},"),
            Topic::User(id) => format!("u{id},"),
            Topic::Announcements => "a,".to_owned(),
            Topic::Target(id) => format!("g{id},"),
            Topic::Jobs => "s,".to_owned(),
        };
        match payloads.last_mut() {
            Some(last) if last.len() + word.len() <= LONGEST_PAYLOAD => last.push_str(&word),
            _ => payloads.push(format!("{me}:{word}")),
        }
    }
    payloads
}

/// The topics of a payload; None means all: for `*`, or if another version of the server sent
/// something that this one does not know.
fn topics(payload: &str) -> Option<Vec<Topic>> {
    let topic = |word: &str| match word.split_at_checked(1)? {
        ("i", id) => id.parse().ok().map(UserId).map(Topic::Inbox),
        ("t", id) => id.parse().ok().map(MessageId).map(Topic::Thread),
        ("r", id) => id.parse().ok().map(MessageId).map(Topic::Reading),
        ("n", id) => id.parse().ok().map(AnnouncementId).map(Topic::AnnouncementReading),
        ("u", id) => id.parse().ok().map(UserId).map(Topic::User),
        ("a", "") => Some(Topic::Announcements),
        ("g", id) => id.parse().ok().map(TargetId).map(Topic::Target),
        ("s", "") => Some(Topic::Jobs),
        _ => None,
    };
    payload.split(',').filter(|word| !word.is_empty()).map(topic).collect()
}

pub async fn hear_others(live: Arc<Live>, bus: Bus, mut listening: Listening, me: u32) {
    let me = me.to_string();
    loop {
        match listening.next().await {
            Ok(Heard::Told(payload)) => match payload.split_once(':') {
                Some((from, _)) if from == me => {}
                Some((_, payload)) => match topics(payload) {
                    Some(topics) => {
                        live.metrics.hints_of_others.increment(1);
                        live.wake(&topics, Instant::now());
                    }
                    None => live.wake_all(),
                },
                None => live.wake_all(),
            },
            Ok(Heard::Gap) => {
                live.metrics.hint_gaps.increment(1);
                live.wake_all();
            }
            Ok(Heard::End) => return,
            Err(error) => {
                tracing::warn!(?error, "cannot hear the other servers");
                live.metrics.hint_gaps.increment(1);
                tokio::time::sleep(LOOK_AGAIN).await;
                if let Ok(again) = bus.listen().await {
                    listening = again;
                }
                live.wake_all();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(user: i64) -> Topic {
        Topic::Inbox(UserId(user))
    }

    #[test]
    fn what_one_server_tells_the_others_understand() {
        let told = BTreeSet::from([
            Topic::Inbox(UserId(1)),
            Topic::Thread(MessageId(2)),
            Topic::User(UserId(3)),
            Topic::Reading(MessageId(4)),
            Topic::AnnouncementReading(AnnouncementId(5)),
            Topic::Jobs,
        ]);
        let payloads = payloads(9, &told);
        assert_eq!(payloads.len(), 1);
        let heard = topics(payloads[0].strip_prefix("9:").unwrap()).unwrap();
        assert_eq!(heard.into_iter().collect::<BTreeSet<_>>(), told);
    }

    #[test]
    fn long_tellings_are_cut_to_what_the_database_takes() {
        let many: BTreeSet<_> = (0..6_000).map(|n| inbox(i64::MAX - n)).collect();
        let cut = payloads(9, &many);
        assert!(cut.len() > 1 && cut.iter().all(|payload| payload.len() < 8_000));
        let heard: BTreeSet<_> =
            cut.iter().flat_map(|payload| topics(&payload[2..]).unwrap()).collect();
        assert_eq!(heard, many);
        assert_eq!(topics("*"), None);
    }

    /// Under load hundreds of commits are told at once, each concerning a few people.
    #[test]
    fn what_many_commits_concern_is_told_by_name() {
        let commits: Vec<_> = (0..500).map(|n| (n..n + 5).map(inbox).collect::<Vec<_>>()).collect();
        let told: Vec<_> =
            merged(commits.into_iter()).flat_map(|topics| payloads(9, &topics)).collect();
        let heard: Vec<_> =
            told.iter().flat_map(|payload| topics(&payload[2..]).expect("everything")).collect();
        assert_eq!(heard, (0..504).map(inbox).collect::<Vec<_>>());
    }

    #[test]
    fn what_large_commits_concern_is_merged_as_far_as_it_can_be_held() {
        let commits: Vec<Vec<_>> =
            (0..30).map(|n| (n * 5_000..(n + 1) * 5_000).map(inbox).collect()).collect();
        let sizes: Vec<_> = merged(commits.into_iter()).map(|topics| topics.len()).collect();
        assert_eq!(sizes, [50_000, 50_000, 50_000]);
        assert_eq!(merged(std::iter::empty()).count(), 0);
    }
}
