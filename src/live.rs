//! The live protocol: a client that gives back its last cursor sees every later change once, in order.
//!
//! Following is: read the changes since the cursor; when there are none, wait for a hint; read again. Replay and live are
//! the same query, so there is no hand-over between the two, nothing is buffered, and a slow client gets fewer, newer
//! states. A hint (“user 7 may have something”) may be lost without losing data: every [`LOOK_AGAIN`] all followers look
//! again by themselves.
//!
//! Hints come from the commits of this process, and on PostgreSQL over NOTIFY from the other servers. One reader serves
//! all followers: it collects what they want to know while it reads for those before them, and reads it in one statement.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{Stream, stream};
use rand::Rng;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    app::App,
    db::{Bus, Db, Heard, Listening, Topic},
    error::{Error, Result},
    inbox::{self, Changes, MOST_CHANGES, Position},
};

/// How long a lost hint can delay a change.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How many followers one statement serves.
const MOST_AT_ONCE: usize = 500;
/// Hints of one transaction beyond this are one: look at everything.
const MOST_HINTS: usize = 1_000;
/// PostgreSQL refuses a NOTIFY of 8 000 bytes.
const LONGEST_PAYLOAD: usize = 7_900;
const EVERYTHING: &str = "*";

/// Who waits for what, and the reader that serves them.
pub struct Live {
    followers: Mutex<HashMap<Topic, watch::Sender<()>>>,
    reader: mpsc::UnboundedSender<Want>,
}

struct Want {
    user: i64,
    after: Position,
    reply: oneshot::Sender<Result<Changes>>,
}

impl Live {
    /// Starts the reader, and passes on what the commits concern, to this process and the others.
    pub async fn start(db: &Arc<Db>, commits: mpsc::UnboundedReceiver<Vec<Topic>>) -> Result<Arc<Self>> {
        let (reader, wanted) = mpsc::unbounded_channel();
        let live = Arc::new(Live { followers: Mutex::default(), reader });
        let bus = db.bus();
        // A number that tells this process's own notifications from those of others.
        let me: u32 = rand::rng().random();
        let (tell, to_tell) = mpsc::unbounded_channel();
        tokio::spawn(read_for_all(db.clone(), wanted));
        tokio::spawn(pass_on(live.clone(), commits, bus.is_some().then_some(tell)));
        if let Some(bus) = bus {
            let listening = bus.listen().await?;
            tokio::spawn(tell_others(bus.clone(), me, to_tell));
            tokio::spawn(hear_others(live.clone(), bus, listening, me));
        }
        Ok(live)
    }

    /// Hints about a topic from now on. Ask for it before you read: a commit in between must wake you again.
    pub fn hints(&self, topic: Topic) -> watch::Receiver<()> {
        let mut followers = self.followers();
        followers.entry(topic).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    /// How many wait for hints.
    pub fn follower_count(&self) -> usize {
        self.followers().values().map(watch::Sender::receiver_count).sum()
    }

    /// Says that there is something to look at, without a commit.
    pub fn hint(&self, topic: Topic) {
        self.wake([&topic]);
    }

    fn wake<'a>(&self, topics: impl IntoIterator<Item = &'a Topic>) {
        let mut followers = self.followers();
        for topic in topics {
            if let Some(follower) = followers.get(topic)
                && follower.send(()).is_err()
            {
                followers.remove(topic);
            }
        }
    }

    fn wake_all(&self) {
        self.followers().retain(|_, follower| follower.send(()).is_ok());
    }

    /// Everybody who follows what is read for many at once; that a user is still welcome is looked up for each.
    fn look_again(&self) {
        self.followers().retain(|topic, follower| match topic {
            Topic::User(_) => follower.receiver_count() > 0,
            _ => follower.send(()).is_ok(),
        });
    }

    fn followers(&self) -> std::sync::MutexGuard<'_, HashMap<Topic, watch::Sender<()>>> {
        self.followers.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    async fn changes(&self, user: i64, after: Position) -> Result<Changes> {
        let (reply, answer) = oneshot::channel();
        let gone = || Error::Unavailable("the server is stopping".into());
        self.reader.send(Want { user, after, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// Serves all followers of the process; ends when nobody can follow any more.
async fn read_for_all(db: Arc<Db>, mut wanted: mpsc::UnboundedReceiver<Want>) {
    let mut wants = Vec::new();
    while wanted.recv_many(&mut wants, MOST_AT_ONCE).await > 0 {
        // Followers of one inbox mostly stand at the same place.
        let mut questions: HashMap<(i64, Position), Vec<oneshot::Sender<Result<Changes>>>> = HashMap::new();
        for want in wants.drain(..) {
            questions.entry((want.user, want.after)).or_default().push(want.reply);
        }
        let (keys, replies): (Vec<_>, Vec<_>) = questions.into_iter().unzip();
        let answers = match inbox::changes(&db, &keys, MOST_CHANGES).await {
            Ok(answers) => answers.into_iter().map(|answer| answer.ok_or(Error::NotFound("inbox"))).collect(),
            Err(error) => vec![Err(error); keys.len()],
        };
        for (answer, replies) in answers.into_iter().zip(replies) {
            for reply in replies {
                let _ = reply.send(answer.clone());
            }
        }
    }
}

async fn pass_on(
    live: Arc<Live>,
    mut commits: mpsc::UnboundedReceiver<Vec<Topic>>,
    others: Option<mpsc::UnboundedSender<Vec<Topic>>>,
) {
    let mut look_again = tokio::time::interval(LOOK_AGAIN);
    loop {
        tokio::select! {
            commit = commits.recv() => {
                let Some(topics) = commit else { return };
                live.wake(&topics);
                if let Some(others) = &others {
                    let _ = others.send(topics);
                }
            }
            _ = look_again.tick() => live.look_again(),
        }
    }
}

/// Tells the other servers what has changed, many commits at once: a NOTIFY in each transaction halves what PostgreSQL
/// can write.
async fn tell_others(bus: Bus, me: u32, mut changes: mpsc::UnboundedReceiver<Vec<Topic>>) {
    let mut batch = Vec::new();
    while changes.recv_many(&mut batch, MOST_AT_ONCE).await > 0 {
        let topics: BTreeSet<Topic> = batch.drain(..).flatten().collect();
        for payload in payloads(me, &topics) {
            if let Err(error) = bus.notify(&payload).await {
                tracing::warn!(?error, "cannot notify the other servers; they look again by themselves");
            }
        }
    }
}

fn payloads(me: u32, topics: &BTreeSet<Topic>) -> Vec<String> {
    if topics.len() > MOST_HINTS {
        return vec![format!("{me}:{EVERYTHING}")];
    }
    let mut payloads = vec![format!("{me}:")];
    for topic in topics {
        let word = match topic {
            Topic::Inbox(id) => format!("i{id},"),
            Topic::Thread(id) => format!("t{id},"),
            Topic::User(id) => format!("u{id},"),
            Topic::Schedule => "s,".to_owned(),
        };
        match payloads.last_mut() {
            Some(last) if last.len() + word.len() <= LONGEST_PAYLOAD => last.push_str(&word),
            _ => payloads.push(format!("{me}:{word}")),
        }
    }
    payloads
}

/// The topics of a payload; None for all of them.
fn topics(payload: &str) -> Option<Vec<Topic>> {
    let topic = |word: &str| match word.split_at_checked(1)? {
        ("i", id) => id.parse().ok().map(Topic::Inbox),
        ("t", id) => id.parse().ok().map(Topic::Thread),
        ("u", id) => id.parse().ok().map(Topic::User),
        ("s", "") => Some(Topic::Schedule),
        _ => None,
    };
    payload.split(',').filter(|word| !word.is_empty()).map(topic).collect()
}

async fn hear_others(live: Arc<Live>, bus: Bus, mut listening: Listening, me: u32) {
    let me = me.to_string();
    loop {
        match listening.next().await {
            Ok(Heard::Told(payload)) => match payload.split_once(':') {
                Some((from, _)) if from == me => {}
                Some((_, payload)) => match topics(payload) {
                    Some(topics) => live.wake(&topics),
                    None => live.wake_all(),
                },
                None => live.wake_all(),
            },
            Ok(Heard::Gap) => live.wake_all(),
            Ok(Heard::End) => return,
            Err(error) => {
                tracing::warn!(?error, "cannot hear the other servers");
                tokio::time::sleep(LOOK_AGAIN).await;
                if let Ok(again) = bus.listen().await {
                    listening = again;
                }
                live.wake_all();
            }
        }
    }
}

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
    /// The client was away for longer than the server remembers what was removed.
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
            let (next, is_news) = (Start::After(update.position), !update.changes.items.is_empty());
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

    #[test]
    fn what_one_server_tells_the_others_understand() {
        let told = BTreeSet::from([Topic::Inbox(1), Topic::Thread(2), Topic::User(3), Topic::Schedule]);
        let payloads = payloads(9, &told);
        assert_eq!(payloads.len(), 1);
        let heard = topics(payloads[0].strip_prefix("9:").unwrap()).unwrap();
        assert_eq!(heard.into_iter().collect::<BTreeSet<_>>(), told);
    }

    #[test]
    fn long_tellings_are_cut_to_what_the_database_takes() {
        let many: BTreeSet<_> = (0..MOST_HINTS as i64).map(|n| Topic::Inbox(i64::MAX - n)).collect();
        let cut = payloads(9, &many);
        assert!(cut.len() > 1 && cut.iter().all(|payload| payload.len() < 8_000));
        let heard: usize = cut.iter().map(|payload| topics(&payload[2..]).unwrap().len()).sum();
        assert_eq!(heard, MOST_HINTS);
        let too_many: BTreeSet<_> = (0..=MOST_HINTS as i64).map(Topic::Inbox).collect();
        assert_eq!(payloads(9, &too_many), ["9:*"]);
        assert_eq!(topics(EVERYTHING), None);
    }
}
