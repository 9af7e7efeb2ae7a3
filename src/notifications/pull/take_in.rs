//! One transaction of a pull: it locks inboxes, selects what lies behind the position of each and
//! matches, makes items of it, and moves the positions.
//!
//! Activities become one item for each person, action and target while it is unread (N11). It grows
//! in place: it counts distinct people, rises to the time of the latest, and is unseen again. An
//! item that was read or archived is left as it is, and the next activity begins a new one.
//!
//! Nothing that was withdrawn slips in: a retraction marks the row and then empties the inboxes,
//! and a pull that had selected the row before the mark would insert the item after the emptying.
//! So pulls share the withdrawal lock, and a retraction waits for those that run. What has expired
//! is taken in until it is withdrawn for all at once: a server whose clock is ahead would pass it
//! over for good, while another could still move the expiry.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{ConnectionTrait, QueryResult};

use crate::{
    app::App,
    db::{Db, Topic, Tx, bind, integers, list},
    error::{Error, Result},
    inbox,
};

/// How many announcements, and how many activities, one transaction takes into inboxes. It ends soon, however long somebody
/// was away.
const MOST: usize = 5_000;

/// What becomes of an inbox that somebody else has locked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum IfLocked {
    Wait,
    /// It takes in nothing.
    PassOver,
}

/// What a transaction has done.
pub struct Taken {
    /// It stopped early: there is more for another.
    pub is_more_due: bool,
    /// Because it took in as much as one may.
    pub is_full: bool,
    /// Those whose inboxes have been locked.
    pub owners: Vec<i64>,
    /// Up to where activities have been taken in.
    pub activities: i64,
}

/// An activity that is to come into an inbox.
struct Match {
    user: i64,
    activity: i64,
    target: i64,
    action: String,
    /// 0: the system.
    actor: i64,
}

/// What makes activities one item: the person, the target and the action.
type Key = (i64, i64, String);

/// Takes in what is due, at most [`MOST`] of each, of the next `window` activities.
pub async fn take_in(
    tx: &Tx,
    app: &App,
    users: &[i64],
    window: i64,
    if_locked: IfLocked,
) -> Result<Taken> {
    let (owners, first_announcement, first_activity) = lock(tx, users, if_locked).await?;
    // Not before the inboxes: a withdrawal would wait as long as this does for a locked inbox, and everybody else behind it.
    tx.while_nothing_is_withdrawn().await?;
    // After the lock, and before anything is selected: what is committed up to here can be seen by all that follows.
    let (last_announcement, last_activity) = heads(&**tx, &app.db).await?;
    let mut announcements =
        announcements(tx, &owners, first_announcement, last_announcement).await?;
    let up_to_announcement =
        cut(&mut announcements, last_announcement, |(_, _, position)| *position);
    let end_of_window = first_activity.saturating_add(window).min(last_activity);
    let mut matches = matches(tx, app, &owners, end_of_window).await?;
    let up_to_activity = cut(&mut matches, end_of_window, |found| found.activity);

    let groups = group(matches);
    let open = open_items(tx, &groups).await?;
    let changed: BTreeSet<i64> = announcements
        .iter()
        .map(|(user, ..)| *user)
        .chain(groups.keys().map(|(user, ..)| *user))
        .collect();
    // An item that grows is counted by what it was and what it becomes; what a new one counts for is known.
    let growing: BTreeSet<i64> = open.keys().map(|(user, ..)| *user).collect();
    let growing: Vec<_> = growing.into_iter().collect();
    let items: Vec<_> = open.values().copied().collect();
    if !growing.is_empty() {
        inbox::begin_change(tx, &growing, &items).await?;
    }
    let mut new: BTreeMap<i64, (i64, i64)> = owners.iter().map(|user| (*user, (0, 0))).collect();
    for (user, ..) in &announcements {
        new.entry(*user).or_default().0 += 1;
    }
    for key in groups.keys().filter(|key| !open.contains_key(*key)) {
        new.entry(key.0).or_default().1 += 1;
    }
    let seqs = count_and_move(tx, &new, &growing, up_to_announcement, up_to_activity).await?;
    insert_announcements(tx, &announcements, &seqs).await?;
    grow(tx, &groups, open, &seqs).await?;
    if !growing.is_empty() {
        inbox::count_changed(tx, &growing, list(&items)).await?;
    }
    tx.concerns(changed.into_iter().map(Topic::Inbox));
    let is_more_due = up_to_announcement < last_announcement || up_to_activity < last_activity;
    let is_full = up_to_announcement < last_announcement || up_to_activity < end_of_window;
    Ok(Taken { is_more_due, is_full, owners, activities: up_to_activity })
}

/// Where the announcements and the activities stand.
pub async fn heads(connection: &impl ConnectionTrait, db: &Db) -> Result<(i64, i64)> {
    let heads = "SELECT (SELECT coalesce(max(position), 0) FROM announcement), (SELECT coalesce(max(id), 0) FROM activity)";
    let row = connection.query_one_raw(db.statement(heads, [])).await?;
    let row = row.ok_or_else(|| Error::internal("a select without a row"))?;
    Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))
}

/// Locks the inboxes of those who are active: nobody takes in for the others. Gives the positions up to which all of them have
/// taken in announcements and activities, too.
async fn lock(tx: &Tx, users: &[i64], if_locked: IfLocked) -> Result<(Vec<i64>, i64, i64)> {
    let dialect = tx.dialect();
    if if_locked == IfLocked::Wait && users.len() > 1 {
        inbox::lock(tx, users).await?;
    }
    let lock = format!(
        "SELECT b.user_id, b.announcements_pulled, b.activities_pulled FROM inbox AS b WHERE {} AND {} ORDER BY b.user_id {}",
        dialect.is_one_of("b.user_id", "$1"),
        dialect.checked("EXISTS (SELECT 1 FROM user_account AS u WHERE u.id = b.user_id AND u.deactivated_at IS NULL)"),
        match if_locked {
            IfLocked::Wait => dialect.for_update().to_owned(),
            IfLocked::PassOver => dialect.for_update_of_unlocked("b"),
        }
    );
    let rows = tx.rows(&lock, [list(users)]).await?;
    let column =
        |index| rows.iter().map(|row| row.try_get_by_index(index)).collect::<Result<Vec<i64>, _>>();
    let least = |index| Ok::<_, Error>(column(index)?.into_iter().min().unwrap_or(i64::MAX));
    Ok((column(0)?, least(1)?, least(2)?))
}

/// Shortens rows, which are sorted by position and may be one more than [`MOST`], to whole positions. Gives the last one that
/// is complete: `last` if nothing was cut off.
fn cut<R>(rows: &mut Vec<R>, last: i64, position: impl Fn(&R) -> i64) -> i64 {
    let Some(beyond) = rows.get(MOST) else { return last };
    let up_to = position(beyond) - 1;
    rows.retain(|row| position(row) <= up_to);
    up_to
}

/// The announcements that are due: for whom, which, and their positions.
///
/// Those that have expired by the clock of this server are among them until they are withdrawn for all: by the clock of another
/// they may not have, and an inbox that has passed one over never gets it.
async fn announcements(
    tx: &Tx,
    owners: &[i64],
    first: i64,
    last: i64,
) -> Result<Vec<(i64, i64, i64)>> {
    let due = format!(
        "SELECT b.user_id, n.id, n.position FROM inbox AS b \
         JOIN announcement AS n ON n.position > b.announcements_pulled AND n.position <= $2 \
         WHERE {} AND n.position > $3 AND n.withdrawn_at IS NULL ORDER BY n.position LIMIT {}",
        tx.dialect().is_one_of("b.user_id", "$1"),
        MOST + 1
    );
    let rows = tx.rows(&due, [list(owners), last.into(), first.into()]).await?;
    let row = |row: &QueryResult| {
        Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?))
    };
    rows.iter().map(row).collect()
}

/// The activities that are due: those that a subscription older than them asks for, that their owner wants, and that are not
/// their own doing. For each subscription the index is read from the position on, and nothing else.
async fn matches(tx: &Tx, app: &App, owners: &[i64], last: i64) -> Result<Vec<Match>> {
    let dialect = tx.dialect();
    let mut values = vec![list(owners), last.into()];
    let off: Vec<_> = app
        .catalog
        .actions_off_by_default()
        .into_iter()
        .map(|key| bind(&mut values, key))
        .collect();
    let by_default = if off.is_empty() {
        "true".into()
    } else {
        format!("s.action NOT IN ({})", off.join(", "))
    };
    let newer = format!(
        "SELECT x.id FROM activity AS x WHERE x.target_id = s.target_id AND x.action = s.action AND x.id > {} AND x.id <= $2 \
         AND x.retracted_at IS NULL AND (x.actor_id IS NULL OR x.actor_id <> s.user_id) ORDER BY x.id LIMIT {}",
        dialect.greatest("s.since", "b.activities_pulled"),
        MOST + 1
    );
    let due = format!(
        "SELECT DISTINCT b.user_id, a.id, a.target_id, a.action, coalesce(a.actor_id, 0) FROM inbox AS b \
         JOIN subscription AS s ON s.user_id = b.user_id AND s.until IS NULL {} \
         WHERE {} AND a.id IS NOT NULL AND coalesce((SELECT c.enabled FROM subscription_config AS c \
         WHERE c.user_id = s.user_id AND c.action = s.action AND c.until IS NULL), {by_default}) \
         ORDER BY a.id, b.user_id LIMIT {}",
        dialect.left_join_each("activity", "a", &newer),
        dialect.is_one_of("b.user_id", "$1"),
        MOST + 1
    );
    let found = |row: &QueryResult| {
        Ok(Match {
            user: row.try_get_by_index(0)?,
            activity: row.try_get_by_index(1)?,
            target: row.try_get_by_index(2)?,
            action: row.try_get_by_index(3)?,
            actor: row.try_get_by_index(4)?,
        })
    };
    tx.rows(&due, values).await?.iter().map(found).collect()
}

/// What becomes one item, in the order of the activities.
fn group(matches: Vec<Match>) -> BTreeMap<Key, Vec<Match>> {
    let mut groups: BTreeMap<Key, Vec<Match>> = BTreeMap::new();
    for found in matches {
        groups.entry((found.user, found.target, found.action.clone())).or_default().push(found);
    }
    groups
}

/// The items that grow: for each key the newest that is neither read nor put away. One look into the index for each.
async fn open_items(tx: &Tx, groups: &BTreeMap<Key, Vec<Match>>) -> Result<HashMap<Key, i64>> {
    if groups.is_empty() {
        return Ok(HashMap::new());
    }
    let open = format!(
        "SELECT (SELECT x.id FROM inbox_item AS x WHERE x.target_id = a.target_id AND x.user_id = w.user_id \
         AND x.action = a.action AND x.removed_at IS NULL AND x.archived_at IS NULL AND x.read_at IS NULL \
         ORDER BY x.id DESC LIMIT 1) AS item, w.user_id, a.target_id, a.action \
         FROM {} AS w JOIN activity AS a ON a.id = w.activity_id",
        tx.dialect().integer_table("$1", &["user_id", "activity_id"])
    );
    let about = groups.iter().map(|((user, ..), matches)| [*user, matches[0].activity]);
    let mut items = HashMap::new();
    for row in tx.rows(&open, [integers(about)]).await? {
        if row.try_get_by_index::<Option<i64>>(0)?.is_some() {
            items.extend([item(&row)?]);
        }
    }
    Ok(items)
}

/// A row of an item: its id, and what it is about.
fn item(row: &QueryResult) -> Result<(Key, i64)> {
    let key = (row.try_get_by_index(1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?);
    Ok((key, row.try_get_by_index(0)?))
}

async fn insert_announcements(
    tx: &Tx,
    announcements: &[(i64, i64, i64)],
    seqs: &HashMap<i64, i64>,
) -> Result<()> {
    if announcements.is_empty() {
        return Ok(());
    }
    let insert = format!(
        "INSERT INTO inbox_item (user_id, kind, announcement_id, seq, arrived_seq, created_at, updated_at) \
         SELECT d.user_id, 'announcement', n.id, d.seq, d.seq, n.publish_at, n.publish_at FROM {} AS d \
         JOIN announcement AS n ON n.id = d.announcement_id ORDER BY n.position",
        tx.dialect().integer_table("$1", &["user_id", "announcement_id", "seq"])
    );
    let rows = announcements.iter().map(|(user, id, _)| [*user, *id, seq_of(seqs, *user)]);
    tx.run(&insert, [integers(rows)]).await?;
    Ok(())
}

/// Makes the items that are missing, and adds the activities to all of them.
async fn grow(
    tx: &Tx,
    groups: &BTreeMap<Key, Vec<Match>>,
    mut items: HashMap<Key, i64>,
    seqs: &HashMap<i64, i64>,
) -> Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let dialect = tx.dialect();
    let new = groups.iter().filter(|(key, _)| !items.contains_key(*key));
    let new: Vec<_> = new
        .map(|((user, ..), matches)| [*user, matches[0].activity, seq_of(seqs, *user)])
        .collect();
    if !new.is_empty() {
        let insert = format!(
            "INSERT INTO inbox_item (user_id, kind, target_id, action, seq, arrived_seq, created_at, updated_at) \
             SELECT d.user_id, 'activity', a.target_id, a.action, d.seq, d.seq, a.created_at, a.created_at FROM {} AS d \
             JOIN activity AS a ON a.id = d.activity_id ORDER BY a.id \
             RETURNING id, user_id, target_id, action",
            dialect.integer_table("$1", &["user_id", "activity_id", "seq"])
        );
        for row in tx.rows(&insert, [integers(new)]).await? {
            items.extend([item(&row)?]);
        }
    }
    let (mut links, mut actors, mut changes) = (Vec::new(), BTreeMap::new(), HashMap::new());
    for (key, matches) in groups {
        let item = *items.get(key).ok_or_else(|| Error::internal("an item was not inserted"))?;
        changes.insert(item, seq_of(seqs, key.0));
        for found in matches {
            links.push([item, found.activity]);
            let (count, latest) = actors.entry((item, found.actor)).or_insert((0, 0));
            (*count, *latest) = (*count + 1, found.activity);
        }
    }
    let link = format!(
        "INSERT INTO inbox_item_activity (item_id, activity_id) SELECT item_id, activity_id FROM {} AS d",
        dialect.integer_table("$1", &["item_id", "activity_id"])
    );
    tx.run(&link, [integers(links.iter().copied())]).await?;
    let mut new_actors = count_actors(tx, &actors).await?;

    let mut grown: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for [item, activity] in links {
        let (count, latest) = grown.entry(item).or_default();
        (*count, *latest) = (*count + 1, activity.max(*latest));
    }
    let grown = grown.into_iter().map(|(item, (count, latest))| {
        [
            item,
            count,
            new_actors.remove(&item).unwrap_or(0),
            latest,
            changes.remove(&item).unwrap_or(0),
        ]
    });
    let update = format!(
        "UPDATE inbox_item SET activity_count = CAST(inbox_item.activity_count + d.activities AS integer), \
         actor_count = CAST(inbox_item.actor_count + d.actors AS integer), activity_id = d.latest, seen_at = NULL, \
         updated_at = {}, seq = d.seq, arrived_seq = d.seq FROM {} AS d WHERE inbox_item.id = d.id",
        dialect.greatest(
            "inbox_item.updated_at",
            "(SELECT a.created_at FROM activity AS a WHERE a.id = d.latest)"
        ),
        dialect.integer_table("$1", &["id", "activities", "actors", "latest", "seq"]),
    );
    tx.run(&update, [integers(grown)]).await?;
    Ok(())
}

/// Counts how often people did what items tell of; gives how many were new to each item.
async fn count_actors(
    tx: &Tx,
    actors: &BTreeMap<(i64, i64), (i64, i64)>,
) -> Result<HashMap<i64, i64>> {
    let count = format!(
        "INSERT INTO inbox_item_actor (item_id, actor_id, activity_count, latest_activity_id) \
         SELECT item_id, actor_id, CAST(activities AS integer), latest FROM {} AS d WHERE true \
         ON CONFLICT (item_id, actor_id) DO UPDATE SET \
         activity_count = inbox_item_actor.activity_count + excluded.activity_count, \
         latest_activity_id = excluded.latest_activity_id RETURNING item_id, actor_id, activity_count",
        tx.dialect().integer_table("$1", &["item_id", "actor_id", "activities", "latest"])
    );
    let rows =
        actors.iter().map(|((item, actor), (count, latest))| [*item, *actor, *count, *latest]);
    let mut new = HashMap::new();
    for row in tx.rows(&count, [integers(rows)]).await? {
        let key: (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let in_all = i64::from(row.try_get_by_index::<i32>(2)?);
        // Nobody is known of whom there is no more than what was just added.
        if actors.get(&key).is_some_and(|(added, _)| *added == in_all) {
            *new.entry(key.0).or_default() += 1;
        }
    }
    Ok(new)
}

/// Moves the positions of inboxes, and counts one more change of those in which something is new: by person, how many
/// announcements and how many items of activities. The items are stamped with the numbers of the changes, which it gives.
///
/// One statement, since it writes each inbox once: for an announcement to all who are connected it is half of the work.
async fn count_and_move(
    tx: &Tx,
    new: &BTreeMap<i64, (i64, i64)>,
    growing: &[i64],
    announcements: i64,
    activities: i64,
) -> Result<HashMap<i64, i64>> {
    let dialect = tx.dialect();
    let more =
        |column: &str, what: &str| format!("{column} = CAST(inbox.{column} + {what} AS integer)");
    let update = format!(
        "UPDATE inbox SET seq = inbox.seq + d.changes, \
         {}, {}, {}, {}, announcements_pulled = {}, activities_pulled = {} FROM {} AS d \
         WHERE inbox.user_id = d.user_id RETURNING inbox.user_id, inbox.seq",
        more("unread", "d.announcements + d.activities"),
        more("unseen", "d.announcements + d.activities"),
        more("unread_announcements", "d.announcements"),
        more("unread_activities", "d.activities"),
        dialect.greatest("inbox.announcements_pulled", "$2"),
        dialect.greatest("inbox.activities_pulled", "$3"),
        dialect.integer_table("$1", &["user_id", "announcements", "activities", "changes"]),
    );
    // The change of an inbox in which items grow is counted already.
    let is_change = |user, count| count > 0 && growing.binary_search(user).is_err();
    let rows = new.iter().map(|(user, (announcements, activities))| {
        [*user, *announcements, *activities, i64::from(is_change(user, announcements + activities))]
    });
    let rows = tx.rows(&update, [integers(rows), announcements.into(), activities.into()]).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// The number of the change that is under way in an inbox. Every inbox that is taken into has one.
fn seq_of(seqs: &HashMap<i64, i64>, user: i64) -> i64 {
    seqs.get(&user).copied().unwrap_or(0)
}
