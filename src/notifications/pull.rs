//! Pull: announcements and activities come into inboxes when their owners look, connect, or are
//! already connected (N6–N8).
//!
//! An inbox knows by two positions how far it has taken in announcements and activities. Positions
//! are in the order of commits (`Tx::in_commit_order`): what was committed later has a higher one,
//! so nothing is passed over and nothing comes twice.
//!
//! - [`look`]: a query for an inbox. One statement finds that nothing is due, with one
//!   index lookup for each thing that the owner follows; otherwise the inbox takes in first. If it
//!   cannot be written now, it is shown as it is: its counts, cursor and items still agree.
//! - [`on_connect`]: a client begins to follow an inbox.
//! - [`keep_connected`]: `inbox::live` knows whose inboxes are followed in this process and
//!   collects what is new from the hints. The followers take it in at once, up to 500 inboxes in a
//!   transaction.
//! - [`before_change`]: subscriptions and settings apply as they are when an inbox takes in. A
//!   change of them first takes in what is due under the old ones, so that nothing is retroactive.
//! - `take_in`: one transaction of a pull. `take_back`: a retracted activity leaves its items.
//!
//! A transaction takes in at most 5 000 of each, from a window of 50 000 activities, so that it
//! neither sorts nor locks for long, however long somebody was away. If few of a window match, the
//! next one is twice as large. Items get the time of the announcement or the latest activity, not
//! that of the pull: they are placed where they would be had they been pushed, while the history
//! has them last.

mod take_back;
mod take_in;

use std::{
    collections::{BTreeSet, HashSet},
    sync::OnceLock,
    time::Duration,
};

use ::entity::{
    id::{ActivityId, TargetId, UserId},
    inbox,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use tokio::time::{Instant, sleep};

use crate::{
    app::App,
    db::{Db, Dialect, Tx, from_json},
    error::{Error, Result},
    inbox::{Item, ListPage, Pieces, live::News},
    page::Slice,
    traces::{Carry, Kind, Span, at},
};

pub use take_back::take_back_soon;
pub use take_in::Heads;
use take_in::IfLocked;

/// How soon a locked inbox is tried again.
const SOON: Duration = Duration::from_millis(200);
/// The most inboxes that one transaction locks.
const MOST_INBOXES: usize = 500;
/// How many activities, by anybody, one transaction goes through at first. If few of them match,
/// the next one goes through twice as many; if many do, no more than this are sorted to take in the
/// first.
const SMALLEST_WINDOW: i64 = 50_000;

/// The row of an inbox, after it has taken in what is due if it can be written now.
pub async fn up_to_date_head(app: &App, user: UserId) -> Result<inbox::Model> {
    Ok(look(app, user, None).await?.0)
}

/// The row of an inbox and a page of its items, of the same moment, after it has taken in what is
/// due if it can be written now.
pub async fn look(
    app: &App,
    user: UserId,
    list: Option<&ListPage>,
) -> Result<(inbox::Model, Option<Slice<Item>>)> {
    let mut sight = Sight::read(&app.db, user, list).await?;
    if sight.is_due {
        before_look(app, vec![user]).await?;
        sight = Sight::read(&app.db, user, list).await?;
    }
    let page = match list {
        Some(list) => Some(list.assemble(&app.db, sight.pieces).await?),
        None => None,
    };
    Ok((sight.head, page))
}

/// An inbox as it is stored.
struct Sight {
    head: inbox::Model,
    /// Whether it may have something to take in.
    is_due: bool,
    /// The items of the page.
    pieces: Vec<Pieces>,
}

impl Sight {
    /// Reads it in one statement.
    async fn read(db: &Db, user: UserId, list: Option<&ListPage>) -> Result<Self> {
        let mut sql = db.sql("pull::look");
        let (dialect, owner) = (sql.dialect(), sql.bind(user));
        let head = format!("SELECT {} FROM inbox AS b WHERE b.user_id = {owner}", head(dialect));
        let (is_quick, pieces) = match list {
            Some(list) => (list.is_quick(), list.select(&mut sql, owner)),
            None => (true, "SELECT NULL".into()),
        };
        let [head, pieces] = match is_quick {
            true => db.ask(sql, [head, pieces]).await?,
            false => db.ask_alone(sql, [head, pieces]).await?,
        };
        let found: Option<(inbox::Model, i32)> = from_json(head).await?.pop();
        let (head, is_due) = found.ok_or(Error::NotFound("inbox"))?;
        Ok(Sight { head, is_due: is_due != 0, pieces: from_json(pieces).await? })
    }
}

/// The row of an inbox `b`, and whether it may have something to take in. Composed once: every page
/// has it.
fn head(dialect: Dialect) -> &'static str {
    static COMPOSED: [OnceLock<String>; 2] = [const { OnceLock::new() }; 2];
    COMPOSED[dialect as usize].get_or_init(|| {
        dialect.json_list(&dialect.json_array(&format!(
            "{}, CASE WHEN {} THEN 1 ELSE 0 END",
            dialect.json_row::<inbox::Entity>("b"),
            is_due(dialect)
        )))
    })
}

/// The rows of many inboxes as [`up_to_date_head`] returns them, each once.
pub async fn heads_of(app: &App, users: &[UserId]) -> Result<Vec<inbox::Model>> {
    let mut sql = app.db.sql("pull::due_among");
    let (these, is_due) = (sql.is_one_of("b.user_id", users), is_due(sql.dialect()));
    sql.push(format!(
        "SELECT b.user_id FROM inbox AS b WHERE {these} AND {is_due} ORDER BY b.user_id"
    ));
    let due: Vec<UserId> = sql.values(app.db.read()).await?;
    if !due.is_empty() {
        before_look(app, due).await?;
    }
    let heads = inbox::Entity::find().filter(inbox::COLUMN.user_id.is_in(users.iter().copied()));
    Ok(heads.all(app.db.read()).await?)
}

/// Takes in what is due before somebody looks. While nothing can be written, because the disk is
/// full or a row is locked, they see their inbox as it is: counts, cursor and items are those of
/// one moment, and what is new comes later.
#[tracing::instrument(level = "debug", name = "pull::before_look", skip_all, fields(people = users.len()))]
async fn before_look(app: &App, users: Vec<UserId>) -> Result<()> {
    // In its own task: a request that is cut off must not cut off a transaction.
    let (of, due) = (app.clone(), users.clone());
    let pulled = tokio::spawn(async move { pull(&of, &due).await }.carried()).await;
    match pulled.map_err(|error| Error::internal(error))? {
        Err(Error::Unavailable(cause)) => {
            tracing::warn!(cause, "an inbox is shown without what is new");
            users.into_iter().for_each(|user| app.live.pull_soon(user));
            Ok(())
        }
        outcome => outcome,
    }
}

/// Whether an inbox `b` may have something to take in. It looks at the latest activity of each
/// thing that its owner follows, and so does not depend on how many activities there are.
fn is_due(dialect: Dialect) -> String {
    format!(
        "(coalesce((SELECT max(n.position) FROM announcement AS n), 0) > b.announcements_pulled \
         OR EXISTS (SELECT 1 FROM subscription AS s \
         WHERE s.user_id = b.user_id AND s.until IS NULL AND {}))",
        is_newer(dialect)
    )
}

/// Whether there is an activity that a subscription `s` asks for and an inbox `b` has not taken in.
/// One index lookup.
fn is_newer(dialect: Dialect) -> String {
    let since = dialect.greatest("s.since", "b.activities_pulled");
    format!(
        "(SELECT max(a.id) FROM activity AS a \
         WHERE a.target_id = s.target_id AND a.action = s.action) > {since}"
    )
}

/// Takes what is due into some inboxes.
pub async fn pull(app: &App, users: &[UserId]) -> Result<()> {
    pull_as(app, users, IfLocked::Wait).await.map(drop)
}

/// Takes what is due into some inboxes; returns the owners of those that were locked, if these are
/// passed over.
async fn pull_as(app: &App, users: &[UserId], if_locked: IfLocked) -> Result<BTreeSet<UserId>> {
    let mut passed_over = BTreeSet::new();
    for users in users.chunks(MOST_INBOXES) {
        let mut window = SMALLEST_WINDOW;
        loop {
            let tx = app.db.begin().await?;
            let taken = take_in::take_in(&tx, app, users, window, if_locked).await?;
            tx.commit().await?;
            passed_over.extend(users.iter().filter(|user| !taken.owners.contains(user)));
            if !taken.is_more_due {
                break;
            }
            if !taken.is_full {
                window *= 2;
            }
        }
    }
    Ok(passed_over)
}

/// Takes what is due under the old rules into the inbox of a person who is changing what they
/// follow or want (N8), and locks it. Returns the position from which the new rules hold. Call
/// [`pull`] first, outside of the transaction, to leave it little to do.
pub async fn before_change(tx: &Tx, app: &App, user: UserId) -> Result<ActivityId> {
    loop {
        let taken = take_in::take_in(tx, app, &[user], i64::MAX, IfLocked::Wait).await?;
        if !taken.is_more_due {
            return Ok(taken.activities);
        }
    }
}

/// Takes what is due into the inbox of somebody who begins to follow it. While the database does
/// not answer they wait, as does their stream.
pub async fn on_connect(app: &App, user: UserId) -> Result<()> {
    match up_to_date_head(app, user).await {
        Err(Error::Unavailable(cause)) => {
            tracing::warn!(cause, "an inbox takes in later what is new");
            app.live.pull_soon(user);
            Ok(())
        }
        outcome => outcome.map(drop),
    }
}

/// The current positions. Ask for them before anybody can connect, for [`keep_connected`].
pub async fn heads(app: &App) -> Result<Heads> {
    take_in::heads(app.db.read(), &app.db).await
}

/// Runs until the server stops: whatever is created enters the inboxes that are followed in this
/// process, at once.
///
/// Hints say what was created. They may be lost, so every few seconds it also looks at everything
/// created since the last time, from `looked_at` on. An inbox that somebody else has locked is
/// passed over and tried again soon, so that the others do not wait for it.
pub async fn keep_connected(app: App, mut looked_at: Heads) {
    let mut passed_over = BTreeSet::new();
    loop {
        let mut news = tokio::select! {
            news = app.live.news() => news,
            () = sleep(SOON), if !passed_over.is_empty() => News::default(),
            () = app.shutdown.cancelled() => return,
        };
        news.people.append(&mut passed_over);
        let people = news.people.clone();
        let since = Instant::now();
        let taken_in = take_in_news(&app, news, &mut looked_at).await;
        app.metrics.pull.record(since.elapsed());
        match taken_in {
            Ok(locked) => passed_over = locked,
            // The next look finds what failed.
            Err(error) => {
                tracing::warn!(?error, "the connected have to wait for what is new");
                app.metrics.pull_failed.increment(1);
                passed_over = people;
            }
        }
        app.metrics.pull_waiting.set(passed_over.len() as f64);
    }
}

/// Returns the owners of the inboxes that were locked.
#[tracing::instrument(level = "debug", name = "pull::take_in_news", skip_all)]
async fn take_in_news(
    app: &App,
    mut news: News,
    looked_at: &mut Heads,
) -> Result<BTreeSet<UserId>> {
    let mut passed_over = BTreeSet::new();
    // Before the list: anyone who connects later takes in all of this by themselves.
    let heads = if news.anything { heads(app).await? } else { *looked_at };
    let connected = app.live.connected();
    if !connected.is_empty() {
        if heads.activity > looked_at.activity {
            let mut sql = app.db.sql("pull::targets_since");
            let since = sql.bind(looked_at.activity);
            // As a computed value: for the column, SQLite would read all activities in the order of
            // an index of their targets.
            sql.push(format!(
                "SELECT DISTINCT +target_id AS target_id FROM activity WHERE id > {since}"
            ));
            news.targets.extend(sql.values::<TargetId>(app.db.read()).await?);
        }
        let mut due: Vec<_> = news.people.into_iter().collect();
        if news.announcements || heads.announcement > looked_at.announcement {
            due.extend(without_announcements(&app.db, &connected).await?);
        }
        if !news.targets.is_empty() {
            let targets: Vec<_> = news.targets.into_iter().collect();
            due.extend(followers(&app.db, &targets, &connected).await?);
        }
        due.sort_unstable();
        due.dedup();
        // Nobody asked for it: it is a trace of its own, if there is anything to do.
        let span = match due.is_empty() {
            true => Span::default(),
            false => app.traces.begin(None, "pull", Kind::Internal),
        };
        passed_over = at(span.place(), pull_as(app, &due, IfLocked::PassOver)).await?;
        let connected: HashSet<_> = connected.into_iter().collect();
        passed_over.retain(|user| connected.contains(user));
    }
    *looked_at = heads;
    Ok(passed_over)
}

/// Those of `people` who have not taken in all announcements.
async fn without_announcements(db: &Db, people: &[UserId]) -> Result<Vec<UserId>> {
    let mut sql = db.sql("pull::without_announcements");
    let these = sql.is_one_of("b.user_id", people);
    sql.push(format!(
        "SELECT b.user_id FROM inbox AS b WHERE {these} AND b.announcements_pulled < \
         (SELECT max(n.position) FROM announcement AS n)"
    ));
    sql.values(db.read()).await
}

/// Those of `people` who follow one of `targets` and have not taken in what was done to it.
async fn followers(db: &Db, targets: &[TargetId], people: &[UserId]) -> Result<Vec<UserId>> {
    let mut sql = db.sql("pull::followers");
    let targets = sql.integer_table(["id"], targets.iter().map(|id| [id.0]));
    let these = sql.is_one_of("s.user_id", people);
    let is_newer = is_newer(sql.dialect());
    sql.push(format!(
        "SELECT DISTINCT s.user_id FROM {targets} AS t \
         JOIN subscription AS s ON s.target_id = t.id AND s.until IS NULL AND {these} \
         JOIN inbox AS b ON b.user_id = s.user_id WHERE {is_newer}"
    ));
    sql.values(db.read()).await
}
