//! One transaction of a pull: it locks inboxes, selects what matches beyond the position of each,
//! makes items of it, and moves the positions.
//!
//! Activities become one item for each person, action and target while it is unread (N11). It grows
//! in place: it counts distinct people, rises to the time of the latest, and is unseen again. An
//! item that was read or archived is left as it is, and the next activity begins a new one.
//!
//! Nothing that was withdrawn slips in: a retraction marks the row and then empties the inboxes,
//! and a pull that had selected the row before the mark would insert the item after the emptying.
//! So pulls share the withdrawal lock, and a retraction waits for those that are running. An
//! announcement that has expired is taken in until it is withdrawn for all at once: a server whose
//! clock is ahead would pass it over for good, while another could still move the expiry.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::{
    app::App,
    db::{Db, Param, Topic, Tx, list},
    error::{Error, Result},
    inbox,
};

/// The most announcements, and the most activities, that one transaction takes into inboxes. It
/// ends soon, however long somebody was away.
const MOST: usize = 5_000;

/// What happens with an inbox that somebody else has locked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum IfLocked {
    Wait,
    /// It takes in nothing.
    PassOver,
}

/// What a transaction has done.
pub struct Taken {
    /// It stopped early: there is more for another transaction.
    pub is_more_due: bool,
    /// It stopped because it took in as much as one transaction may.
    pub is_full: bool,
    /// The people whose inboxes were locked.
    pub owners: Vec<i64>,
    /// The position up to which activities have been taken in.
    pub activities: i64,
}

/// An announcement that is to come into an inbox.
#[derive(FromQueryResult)]
struct Announced {
    user_id: i64,
    announcement_id: i64,
    position: i64,
}

/// An activity that is to come into an inbox.
#[derive(FromQueryResult)]
struct Match {
    user_id: i64,
    activity_id: i64,
    target_id: i64,
    action: String,
    /// 0: the system.
    actor_id: i64,
}

/// The key that makes activities one item: the person, the target and the action.
type Key = (i64, i64, String);

/// Takes in what is due, at most [`MOST`] of each, from the next `window` activities.
pub async fn take_in(
    tx: &Tx,
    app: &App,
    users: &[i64],
    window: i64,
    if_locked: IfLocked,
) -> Result<Taken> {
    let (owners, first_announcement, first_activity) = lock(tx, users, if_locked).await?;
    // Not before the inboxes: a withdrawal would wait as long as this does for a locked inbox, and
    // everybody else would wait behind it.
    tx.while_nothing_is_withdrawn().await?;
    // After the lock, and before anything is selected: everything committed up to here is visible
    // to all that follows.
    let (last_announcement, last_activity) = heads(&**tx, &app.db).await?;
    let mut announcements =
        announcements(tx, &owners, first_announcement, last_announcement).await?;
    let up_to_announcement =
        cut(&mut announcements, last_announcement, |due: &Announced| due.position);
    let end_of_window = first_activity.saturating_add(window).min(last_activity);
    let mut matches = matches(tx, app, &owners, end_of_window).await?;
    let up_to_activity = cut(&mut matches, end_of_window, |found| found.activity_id);

    let groups = group(matches);
    let open = open_items(tx, &groups).await?;
    let changed: BTreeSet<i64> = announcements
        .iter()
        .map(|due| due.user_id)
        .chain(groups.keys().map(|(user, ..)| *user))
        .collect();
    // An item that grows is counted by what it was and what it becomes; what a new one counts for
    // is known.
    let growing: BTreeSet<i64> = open.keys().map(|(user, ..)| *user).collect();
    let growing: Vec<_> = growing.into_iter().collect();
    let items: Vec<_> = open.values().copied().collect();
    if !growing.is_empty() {
        inbox::begin_change(tx, &growing, &items).await?;
    }
    let mut new: BTreeMap<i64, (i64, i64)> = owners.iter().map(|user| (*user, (0, 0))).collect();
    for due in &announcements {
        new.entry(due.user_id).or_default().0 += 1;
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

/// The current positions of announcements and activities.
pub async fn heads(connection: &impl ConnectionTrait, db: &Db) -> Result<(i64, i64)> {
    #[derive(FromQueryResult)]
    struct Heads {
        announcement: i64,
        activity: i64,
    }
    let mut sql = db.sql("take_in::heads");
    sql.push("SELECT (SELECT coalesce(max(position), 0) FROM announcement) AS announcement, ")
        .push("(SELECT coalesce(max(id), 0) FROM activity) AS activity");
    let heads: Option<Heads> = sql.one(connection).await?;
    let heads = heads.ok_or_else(|| Error::internal("a select without a row"))?;
    Ok((heads.announcement, heads.activity))
}

/// Locks the inboxes of active people; nobody takes in for the others. Also returns the positions
/// up to which all of them have taken in announcements and activities.
async fn lock(tx: &Tx, users: &[i64], if_locked: IfLocked) -> Result<(Vec<i64>, i64, i64)> {
    #[derive(FromQueryResult)]
    struct Locked {
        user_id: i64,
        announcements_pulled: i64,
        activities_pulled: i64,
    }
    if if_locked == IfLocked::Wait && users.len() > 1 {
        inbox::lock(tx, users).await?;
    }
    let mut sql = tx.sql(match if_locked {
        IfLocked::Wait => "take_in::lock",
        IfLocked::PassOver => "take_in::lock_unlocked",
    });
    let (dialect, these) = (sql.dialect(), sql.is_one_of("b.user_id", users));
    let is_active = dialect.checked(
        "EXISTS (SELECT 1 FROM user_account AS u \
         WHERE u.id = b.user_id AND u.deactivated_at IS NULL)",
    );
    let for_update = match if_locked {
        IfLocked::Wait => dialect.for_update().to_owned(),
        IfLocked::PassOver => dialect.for_update_of_unlocked("b"),
    };
    sql.push(format!(
        "SELECT b.user_id, b.announcements_pulled, b.activities_pulled FROM inbox AS b \
         WHERE {these} AND {is_active} ORDER BY b.user_id {for_update}"
    ));
    let locked: Vec<Locked> = sql.all(&**tx).await?;
    let least = |of: fn(&Locked) -> i64| locked.iter().map(of).min().unwrap_or(i64::MAX);
    Ok((
        locked.iter().map(|inbox| inbox.user_id).collect(),
        least(|inbox| inbox.announcements_pulled),
        least(|inbox| inbox.activities_pulled),
    ))
}

/// Shortens rows, which are sorted by position and may be one more than [`MOST`], to whole
/// positions. Returns the last position that is complete: `last` if nothing was cut off.
fn cut<R>(rows: &mut Vec<R>, last: i64, position: impl Fn(&R) -> i64) -> i64 {
    let Some(beyond) = rows.get(MOST) else { return last };
    let up_to = position(beyond) - 1;
    rows.retain(|row| position(row) <= up_to);
    up_to
}

/// The announcements that are due, in the order of their positions.
///
/// Announcements that have expired by the clock of this server are included until they are
/// withdrawn for all: by the clock of another they may not have, and an inbox that has passed one
/// over never gets it.
async fn announcements(tx: &Tx, owners: &[i64], first: i64, last: i64) -> Result<Vec<Announced>> {
    let mut sql = tx.sql("take_in::announcements");
    let these = sql.is_one_of("b.user_id", owners);
    let (first, last, most) = (sql.bind(first), sql.bind(last), MOST + 1);
    sql.push(format!(
        "SELECT b.user_id, n.id AS announcement_id, n.position FROM inbox AS b \
         JOIN announcement AS n ON n.position > b.announcements_pulled AND n.position <= {last} \
         WHERE {these} AND n.position > {first} AND n.withdrawn_at IS NULL \
         ORDER BY n.position LIMIT {most}"
    ));
    sql.all(&**tx).await
}

/// The activities that are due: those that a subscription older than them asks for, that the
/// inbox's owner wants, and that are not the owner's own doing. For each subscription, the index is
/// read from the position on, and nothing else.
async fn matches(tx: &Tx, app: &App, owners: &[i64], last: i64) -> Result<Vec<Match>> {
    let mut sql = tx.sql("take_in::matches");
    let dialect = sql.dialect();
    let (these, last) = (sql.is_one_of("b.user_id", owners), sql.bind(last));
    let off = app.catalog.actions_off_by_default().into_iter();
    let off: Vec<_> = off.map(|key| sql.bind(key).to_string()).collect();
    let by_default = if off.is_empty() {
        "true".into()
    } else {
        format!("s.action NOT IN ({})", off.join(", "))
    };
    let (since, most) = (dialect.greatest("s.since", "b.activities_pulled"), MOST + 1);
    let newer = format!(
        "SELECT x.id FROM activity AS x WHERE x.target_id = s.target_id AND x.action = s.action \
         AND x.id > {since} AND x.id <= {last} AND x.retracted_at IS NULL \
         AND (x.actor_id IS NULL OR x.actor_id <> s.user_id) ORDER BY x.id LIMIT {most}"
    );
    let activities = dialect.left_join_each("activity", "a", &newer);
    sql.push(format!(
        "SELECT DISTINCT b.user_id, a.id AS activity_id, a.target_id, a.action, \
         coalesce(a.actor_id, 0) AS actor_id FROM inbox AS b \
         JOIN subscription AS s ON s.user_id = b.user_id AND s.until IS NULL {activities} \
         WHERE {these} AND a.id IS NOT NULL \
         AND coalesce((SELECT c.enabled FROM subscription_config AS c \
         WHERE c.user_id = s.user_id AND c.action = s.action AND c.until IS NULL), {by_default}) \
         ORDER BY a.id, b.user_id LIMIT {most}"
    ));
    sql.all(&**tx).await
}

/// Groups the activities that become one item, in their order.
fn group(matches: Vec<Match>) -> BTreeMap<Key, Vec<Match>> {
    let mut groups: BTreeMap<Key, Vec<Match>> = BTreeMap::new();
    for found in matches {
        let key = (found.user_id, found.target_id, found.action.clone());
        groups.entry(key).or_default().push(found);
    }
    groups
}

/// The items that grow: for each key the newest that is not read, archived or removed. One index
/// lookup for each.
async fn open_items(tx: &Tx, groups: &BTreeMap<Key, Vec<Match>>) -> Result<HashMap<Key, i64>> {
    if groups.is_empty() {
        return Ok(HashMap::new());
    }
    let mut sql = tx.sql("take_in::open_items");
    let about = groups.iter().map(|((user, ..), matches)| [*user, matches[0].activity_id]);
    let wanted = sql.integer_table(["user_id", "activity_id"], about);
    sql.push(format!(
        "SELECT (SELECT x.id FROM inbox_item AS x \
         WHERE x.target_id = a.target_id AND x.user_id = w.user_id AND x.action = a.action \
         AND x.removed_at IS NULL AND x.archived_at IS NULL AND x.read_at IS NULL \
         ORDER BY x.id DESC LIMIT 1) AS id, w.user_id, a.target_id, a.action \
         FROM {wanted} AS w JOIN activity AS a ON a.id = w.activity_id"
    ));
    let found: Vec<ActivityItem> = sql.all(&**tx).await?;
    Ok(found.into_iter().filter_map(ActivityItem::known).collect())
}

/// An item of activities, if there is one, and what it is about.
#[derive(FromQueryResult)]
struct ActivityItem {
    id: Option<i64>,
    user_id: i64,
    target_id: i64,
    action: String,
}

impl ActivityItem {
    fn known(self) -> Option<(Key, i64)> {
        Some(((self.user_id, self.target_id, self.action), self.id?))
    }
}

async fn insert_announcements(
    tx: &Tx,
    announcements: &[Announced],
    seqs: &HashMap<i64, i64>,
) -> Result<()> {
    if announcements.is_empty() {
        return Ok(());
    }
    let mut sql = tx.sql("take_in::insert_announcements");
    let rows = announcements
        .iter()
        .map(|due| [due.user_id, due.announcement_id, seq_of(seqs, due.user_id)]);
    let due = sql.integer_table(["user_id", "announcement_id", "seq"], rows);
    sql.push(format!(
        "INSERT INTO inbox_item \
         (user_id, kind, announcement_id, seq, arrived_seq, created_at, updated_at) \
         SELECT d.user_id, 'announcement', n.id, d.seq, d.seq, n.publish_at, n.publish_at \
         FROM {due} AS d JOIN announcement AS n ON n.id = d.announcement_id ORDER BY n.position"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Creates the items that are missing, and adds the activities to all of them.
async fn grow(
    tx: &Tx,
    groups: &BTreeMap<Key, Vec<Match>>,
    mut items: HashMap<Key, i64>,
    seqs: &HashMap<i64, i64>,
) -> Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let new = groups.iter().filter(|(key, _)| !items.contains_key(*key));
    let new: Vec<_> = new
        .map(|((user, ..), matches)| [*user, matches[0].activity_id, seq_of(seqs, *user)])
        .collect();
    if !new.is_empty() {
        let mut sql = tx.sql("take_in::insert_items");
        let new = sql.integer_table(["user_id", "activity_id", "seq"], new);
        sql.push(format!(
            "INSERT INTO inbox_item \
             (user_id, kind, target_id, action, seq, arrived_seq, created_at, updated_at) \
             SELECT d.user_id, 'activity', a.target_id, a.action, d.seq, d.seq, \
             a.created_at, a.created_at FROM {new} AS d \
             JOIN activity AS a ON a.id = d.activity_id ORDER BY a.id \
             RETURNING id, user_id, target_id, action"
        ));
        let inserted: Vec<ActivityItem> = sql.all(&**tx).await?;
        items.extend(inserted.into_iter().filter_map(ActivityItem::known));
    }
    let (mut links, mut actors, mut changes) = (Vec::new(), BTreeMap::new(), HashMap::new());
    for (key, matches) in groups {
        let item = *items.get(key).ok_or_else(|| Error::internal("an item was not inserted"))?;
        changes.insert(item, seq_of(seqs, key.0));
        for found in matches {
            links.push([item, found.activity_id]);
            let (count, latest) = actors.entry((item, found.actor_id)).or_insert((0, 0));
            (*count, *latest) = (*count + 1, found.activity_id);
        }
    }
    let mut sql = tx.sql("take_in::link");
    let new = sql.integer_table(["item_id", "activity_id"], links.iter().copied());
    sql.push(format!(
        "INSERT INTO inbox_item_activity (item_id, activity_id) \
         SELECT item_id, activity_id FROM {new} AS d"
    ));
    sql.run(&**tx).await?;
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
    let mut sql = tx.sql("take_in::grow");
    let grown = sql.integer_table(["id", "activities", "actors", "latest", "seq"], grown);
    let updated_at = sql.dialect().greatest(
        "inbox_item.updated_at",
        "(SELECT a.created_at FROM activity AS a WHERE a.id = d.latest)",
    );
    sql.push(format!(
        "UPDATE inbox_item SET \
         activity_count = CAST(inbox_item.activity_count + d.activities AS integer), \
         actor_count = CAST(inbox_item.actor_count + d.actors AS integer), \
         activity_id = d.latest, seen_at = NULL, updated_at = {updated_at}, \
         seq = d.seq, arrived_seq = d.seq FROM {grown} AS d WHERE inbox_item.id = d.id"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Counts how often people did what items tell of; returns how many people were new to each item.
async fn count_actors(
    tx: &Tx,
    actors: &BTreeMap<(i64, i64), (i64, i64)>,
) -> Result<HashMap<i64, i64>> {
    #[derive(FromQueryResult)]
    struct Counted {
        item_id: i64,
        actor_id: i64,
        activity_count: i32,
    }
    let mut sql = tx.sql("take_in::count_actors");
    let rows =
        actors.iter().map(|((item, actor), (count, latest))| [*item, *actor, *count, *latest]);
    let did = sql.integer_table(["item_id", "actor_id", "activities", "latest"], rows);
    sql.push(format!(
        "INSERT INTO inbox_item_actor (item_id, actor_id, activity_count, latest_activity_id) \
         SELECT item_id, actor_id, CAST(activities AS integer), latest FROM {did} AS d WHERE true \
         ON CONFLICT (item_id, actor_id) DO UPDATE SET \
         activity_count = inbox_item_actor.activity_count + excluded.activity_count, \
         latest_activity_id = excluded.latest_activity_id \
         RETURNING item_id, actor_id, activity_count"
    ));
    let mut new = HashMap::new();
    for Counted { item_id, actor_id, activity_count } in sql.all(&**tx).await? {
        // A person is new if their count is no more than what was just added.
        let added = actors.get(&(item_id, actor_id)).map(|(added, _)| *added);
        if added == Some(activity_count.into()) {
            *new.entry(item_id).or_default() += 1;
        }
    }
    Ok(new)
}

/// Moves the positions of inboxes, and counts one more change of those in which something is new:
/// by person, how many announcements and how many items of activities. The items are stamped with
/// the numbers of the changes, which it returns.
///
/// One statement, since it writes each inbox once: for an announcement to everybody who is
/// connected, it is half of the work.
async fn count_and_move(
    tx: &Tx,
    new: &BTreeMap<i64, (i64, i64)>,
    growing: &[i64],
    announcements: i64,
    activities: i64,
) -> Result<HashMap<i64, i64>> {
    #[derive(FromQueryResult)]
    struct Moved {
        user_id: i64,
        seq: i64,
    }
    let mut sql = tx.sql("take_in::count_and_move");
    // The change of an inbox in which items grow has been counted already.
    let is_change = |user, count| count > 0 && growing.binary_search(user).is_err();
    let rows = new.iter().map(|(user, (announcements, activities))| {
        [*user, *announcements, *activities, i64::from(is_change(user, announcements + activities))]
    });
    let new = sql.integer_table(["user_id", "announcements", "activities", "changes"], rows);
    let (announcements, activities) = (sql.bind(announcements), sql.bind(activities));
    let further = |column: &str, to: Param| {
        let to = tx.dialect().greatest(&format!("inbox.{column}"), &to.to_string());
        format!("{column} = {to}")
    };
    let more =
        |column: &str, what: &str| format!("{column} = CAST(inbox.{column} + {what} AS integer)");
    let counts = [
        more("unread", "d.announcements + d.activities"),
        more("unseen", "d.announcements + d.activities"),
        more("unread_announcements", "d.announcements"),
        more("unread_activities", "d.activities"),
        further("announcements_pulled", announcements),
        further("activities_pulled", activities),
    ];
    sql.push(format!(
        "UPDATE inbox SET seq = inbox.seq + d.changes, {} FROM {new} AS d \
         WHERE inbox.user_id = d.user_id RETURNING inbox.user_id, inbox.seq",
        counts.join(", ")
    ));
    let moved: Vec<Moved> = sql.all(&**tx).await?;
    Ok(moved.into_iter().map(|inbox| (inbox.user_id, inbox.seq)).collect())
}

/// The number of the current change of an inbox. Every inbox that is taken into has one.
fn seq_of(seqs: &HashMap<i64, i64>, user: i64) -> i64 {
    seqs.get(&user).copied().unwrap_or(0)
}
