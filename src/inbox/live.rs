//! The live protocol: a client that returns its last cursor sees every later change once, in order.
//!
//! To follow is to read the changes since the cursor, wait for a hint when there are none, and read
//! again. Replay and live are the same query, so there is no hand-over between the two, nothing is
//! buffered, and a slow client gets fewer, newer states. A hint (“user 7 may have something”) may
//! be lost without losing data: every [`LOOK_AGAIN`] all followers look again by themselves.
//!
//! - `follow`: cursors, and the loop that follows a history. `outlet`: room for what is read for a
//!   client, until the client has taken it. `readings`: how far something has been read.
//! - `hints`: wake-ups from the commits of this process and, over NOTIFY, of the other servers.
//! - `news`: what was created and has to be taken into the inboxes that are followed here.
//! - One reader serves all followers of the process: while it reads for earlier followers, it
//!   collects what the others want to know, and asks for up to [`MOST_AT_ONCE`] of them in one
//!   statement (`inbox::changes`). Questions that fail together are asked again in halves, so that
//!   an inbox that cannot be read affects its owner only.

mod follow;
mod hints;
mod news;
mod outlet;
mod readings;

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::Duration,
};

use ::entity::id::UserId;
use futures_util::FutureExt;
use rand::Rng;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use crate::{
    db::{Commit, Db, Topic},
    error::{Error, Result},
    inbox::{self, Changes, Question},
    metrics::Metrics,
};

/// How long a lost hint can delay a change.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How many followers one statement serves.
const MOST_AT_ONCE: usize = 500;

pub use follow::{Cursor, ResyncReason, Start, Step, Update, follow, steps, update};
pub use hints::{tell, tell_within};
pub use news::News;
pub use outlet::Outlet;
pub use readings::readings;

/// The waiters for each topic, and the reader that serves them.
pub struct Live {
    followers: Mutex<HashMap<Topic, watch::Sender<Hint>>>,
    reader: mpsc::UnboundedSender<Want>,
    /// What was created and has not yet been taken into the inboxes of connected people.
    news: news::Pending,
    metrics: Arc<Metrics>,
}

/// That there may be something new to read. A follower may also be woken by an unchanged hint: then
/// it looks by itself.
#[derive(Clone, Copy, Debug)]
pub struct Hint {
    /// How many commits have been told.
    count: u64,
    /// When the last of them was made, or heard of from another server.
    at: Instant,
}

struct Want {
    question: Question,
    reply: oneshot::Sender<Result<Changes>>,
}

impl Live {
    /// Starts the reader, and tells this process and the others what the commits concern.
    pub async fn start(
        db: &Arc<Db>,
        commits: mpsc::UnboundedReceiver<Commit>,
        metrics: Arc<Metrics>,
    ) -> Result<Arc<Self>> {
        let (reader, wanted) = mpsc::unbounded_channel();
        let live = Arc::new(Live {
            followers: Mutex::default(),
            reader,
            news: news::Pending::default(),
            metrics,
        });
        let bus = db.bus();
        // A number that distinguishes this process's own notifications from those of others.
        let me: u32 = rand::rng().random_range(1..=u32::MAX);
        let (tell, to_tell) = mpsc::unbounded_channel();
        tokio::spawn(read_for_all(db.clone(), wanted));
        tokio::spawn(hints::pass_on(live.clone(), commits, bus.is_some().then_some(tell)));
        if let Some(bus) = bus {
            let listening = bus.listen().await?;
            tokio::spawn(hints::tell_others(bus.clone(), me, to_tell));
            tokio::spawn(hints::hear_others(live.clone(), bus, listening, me));
        }
        Ok(live)
    }

    /// Hints about a topic from now on. Call it before you read: a commit in between must wake you
    /// again.
    pub fn hints(&self, topic: Topic) -> watch::Receiver<Hint> {
        let mut followers = self.followers();
        let new = || watch::Sender::new(Hint { count: 0, at: Instant::now() });
        followers.entry(topic).or_insert_with(new).subscribe()
    }

    /// Says that there is something to look at, without a commit.
    pub fn hint(&self, topic: Topic) {
        self.wake([&topic], Instant::now());
    }

    /// Waits for what was created, or may have been, since the last call.
    pub async fn news(&self) -> News {
        self.news.take().await
    }

    /// Lets somebody who follows their inbox take in what is new as soon as possible.
    pub fn pull_soon(&self, user: UserId) {
        self.news.add_person(user);
    }

    /// The people whose inboxes are followed in this process.
    pub fn connected(&self) -> Vec<UserId> {
        let followers = self.followers();
        let inboxes = followers.iter().filter(|(_, follower)| follower.receiver_count() > 0);
        inboxes
            .filter_map(
                |(topic, _)| if let Topic::Inbox(user) = topic { Some(*user) } else { None },
            )
            .collect()
    }

    /// Tells followers of what was committed, or heard of, at this time.
    fn wake<'a>(&self, topics: impl IntoIterator<Item = &'a Topic>, at: Instant) {
        let mut followers = self.followers();
        for topic in topics {
            self.news.add(topic);
            if let Some(follower) = followers.get(topic)
                && !is_woken(follower, Some(at))
            {
                followers.remove(topic);
            }
        }
    }

    fn wake_all(&self) {
        self.news.add_all();
        self.followers().retain(|_, follower| is_woken(follower, None));
    }

    /// Wakes everybody who follows what is read for many at once. Whether a user is still welcome
    /// is checked for each separately, and the jobs watch the clock by themselves.
    fn look_again(&self) {
        self.news.add_all();
        self.followers().retain(|topic, follower| match topic {
            Topic::User(_) | Topic::Jobs => follower.receiver_count() > 0,
            _ => is_woken(follower, None),
        });
    }

    fn followers(&self) -> std::sync::MutexGuard<'_, HashMap<Topic, watch::Sender<Hint>>> {
        self.followers.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    async fn changes(&self, question: Question) -> Result<Changes> {
        let (reply, answer) = oneshot::channel();
        let gone = || Error::Unavailable("the server is stopping".into());
        self.reader.send(Want { question, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// Wakes the followers of a topic, if there are any: because of a commit, or to look by themselves.
fn is_woken(follower: &watch::Sender<Hint>, told_at: Option<Instant>) -> bool {
    let is_followed = follower.receiver_count() > 0;
    if is_followed {
        follower.send_modify(|hint| {
            if let Some(at) = told_at {
                *hint = Hint { count: hint.count + 1, at };
            }
        });
    }
    is_followed
}

/// Serves all followers of the process; ends when nobody can follow any more.
async fn read_for_all(db: Arc<Db>, mut wanted: mpsc::UnboundedReceiver<Want>) {
    let mut wants = Vec::new();
    while wanted.recv_many(&mut wants, MOST_AT_ONCE).await > 0 {
        // Followers of one inbox are mostly at the same position.
        let mut questions: HashMap<Question, Vec<oneshot::Sender<Result<Changes>>>> =
            HashMap::new();
        for want in wants.drain(..) {
            questions.entry(want.question).or_default().push(want.reply);
        }
        let (questions, replies): (Vec<_>, Vec<_>) = questions.into_iter().unzip();
        for (answer, replies) in read(&db, &questions).await.into_iter().zip(replies) {
            for reply in replies {
                let _ = reply.send(answer.clone());
            }
        }
    }
}

/// The answers in the order of the questions. Questions that fail together are asked again in
/// halves, down to the one that causes the failure.
async fn read(db: &Db, questions: &[Question]) -> Vec<Result<Changes>> {
    let mut answers = Vec::with_capacity(questions.len());
    let mut parts = vec![questions];
    while let Some(part) = parts.pop() {
        // If the reader ended, nobody could follow anything any more.
        let changes = AssertUnwindSafe(inbox::changes(db, part)).catch_unwind().await;
        match changes.unwrap_or_else(|panic| Err(Error::panicked(panic))) {
            Ok(found) => {
                answers.extend(found.into_iter().map(|found| found.ok_or(Error::NotFound("inbox"))))
            }
            Err(Error::Internal(defect)) if part.len() > 1 => {
                tracing::warn!(
                    cause = defect.cause(),
                    place = defect.place(),
                    inboxes = part.len(),
                    "cannot read the changes of many inboxes at once"
                );
                let (first, rest) = part.split_at(part.len() / 2);
                parts.extend([rest, first]);
            }
            Err(error) => answers.extend(vec![Err(error); part.len()]),
        }
    }
    answers
}
