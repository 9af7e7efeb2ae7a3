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

use ::entity::id::{ActivityId, AnnouncementId, ItemId, Seq, TargetId, UserId};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::{
    app::App,
    db::{Db, Param, Sql, Topic, Tx},
    error::{Error, Result},
    inbox::{
        self,
        kind::{ACTIVITY, ANNOUNCEMENT},
    },
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
    pub owners: Vec<UserId>,
    /// The position up to which activities have been taken in.
    pub activities: ActivityId,
}

/// An announcement that is to come into an inbox.
#[derive(FromQueryResult)]
struct Announced {
    user_id: UserId,
    announcement_id: AnnouncementId,
    position: i64,
    category: Option<String>,
}

/// An activity that is to come into an inbox.
#[derive(FromQueryResult)]
struct Match {
    user_id: UserId,
    activity_id: ActivityId,
    target_id: TargetId,
    action: String,
    /// 0: the system.
    actor_id: UserId,
}

/// What makes activities one item.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    user: UserId,
    target: TargetId,
    action: String,
}

/// What is new in an inbox.
#[derive(Clone, Copy, Default)]
struct New {
    announcements: i64,
    /// Items of activities.
    items: i64,
}

/// Some of the activities of an item.
struct Activities {
    count: i64,
    latest: ActivityId,
}

impl Activities {
    const NONE: Activities = Activities { count: 0, latest: ActivityId(0) };

    fn add(&mut self, activity: ActivityId) {
        self.count += 1;
        self.latest = self.latest.max(activity);
    }
}

/// Positions of announcements and activities: how far they have been taken in or looked at.
#[derive(Clone, Copy, FromQueryResult)]
pub struct Heads {
    pub announcement: i64,
    pub activity: ActivityId,
}

impl Heads {
    pub const BEGINNING: Heads = Heads { announcement: 0, activity: ActivityId(0) };
}

/// Takes in what is due, at most [`MOST`] of each, from the next `window` activities.
pub async fn take_in(
    tx: &Tx,
    app: &App,
    users: &[UserId],
    window: i64,
    if_locked: IfLocked,
) -> Result<Taken> {
    let (owners, first) = lock(tx, users, if_locked).await?;
    // Not before the inboxes: a withdrawal would wait as long as this does for a locked inbox, and
    // everybody else would wait behind it.
    tx.while_nothing_is_withdrawn().await?;
    // After the lock, and before anything is selected: everything committed up to here is visible
    // to all that follows.
    let last = heads(&**tx, &app.db).await?;
    let oldest = app.config.oldest_item(app.clock.now());
    let mut announcements =
        announcements(tx, &owners, first.announcement, last.announcement, oldest).await?;
    let announcement = cut(&mut announcements, last.announcement, |due: &Announced| due.position);
    let end_of_window = ActivityId(first.activity.0.saturating_add(window)).min(last.activity);
    let mut matches = matches(tx, app, &owners, end_of_window).await?;
    let activity = ActivityId(cut(&mut matches, end_of_window.0, |found| found.activity_id.0));
    let up_to = Heads { announcement, activity };

    let groups = group(matches);
    let open = open_items(tx, &groups).await?;
    let changed: BTreeSet<UserId> = announcements
        .iter()
        .map(|due| due.user_id)
        .chain(groups.keys().map(|key| key.user))
        .collect();
    // An item that grows is counted by what it was and what it becomes; what a new one counts for
    // is known.
    let growing: BTreeSet<UserId> = open.keys().map(|key| key.user).collect();
    let growing: Vec<_> = growing.into_iter().collect();
    let items: Vec<_> = open.values().copied().collect();
    if !growing.is_empty() {
        inbox::begin_change(tx, &growing, &items).await?;
    }
    let mut new: BTreeMap<UserId, New> =
        owners.iter().map(|user| (*user, New::default())).collect();
    for due in &announcements {
        new.entry(due.user_id).or_default().announcements += 1;
    }
    let mut categories: BTreeMap<UserId, Vec<&str>> = BTreeMap::new();
    for due in &announcements {
        if let Some(category) = &due.category {
            categories.entry(due.user_id).or_default().push(category);
        }
    }
    for key in groups.keys().filter(|key| !open.contains_key(*key)) {
        new.entry(key.user).or_default().items += 1;
        if let Some(category) = app.catalog.category_of(&key.action) {
            categories.entry(key.user).or_default().push(category);
        }
    }
    let seqs = count_and_move(tx, &new, &categories, &growing, up_to).await?;
    insert_announcements(tx, &announcements, &seqs).await?;
    grow(tx, app, &groups, open, &seqs).await?;
    if !growing.is_empty() {
        inbox::count_changed(tx, &growing, &items).await?;
    }
    tx.concerns(changed.into_iter().map(Topic::Inbox));
    let is_more_due = up_to.announcement < last.announcement || up_to.activity < last.activity;
    let is_full = up_to.announcement < last.announcement || up_to.activity < end_of_window;
    Ok(Taken { is_more_due, is_full, owners, activities: up_to.activity })
}

/// The current positions of announcements and activities.
pub async fn heads(connection: &impl ConnectionTrait, db: &Db) -> Result<Heads> {
    let mut sql = db.sql("take_in::heads");
    sql.push("SELECT (SELECT coalesce(max(position), 0) FROM announcement) AS announcement, ")
        .push("(SELECT coalesce(max(id), 0) FROM activity) AS activity");
    sql.one(connection).await?.ok_or_else(|| Error::internal("a select without a row"))
}

/// Locks the inboxes of active people; nobody takes in for the others. Also returns the positions
/// up to which all of them have taken in announcements and activities.
async fn lock(tx: &Tx, users: &[UserId], if_locked: IfLocked) -> Result<(Vec<UserId>, Heads)> {
    #[derive(FromQueryResult)]
    struct Locked {
        user_id: UserId,
        announcements_pulled: i64,
        activities_pulled: ActivityId,
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
    let owners = locked.iter().map(|inbox| inbox.user_id).collect();
    let announcement = locked.iter().map(|inbox| inbox.announcements_pulled).min();
    let activity = locked.iter().map(|inbox| inbox.activities_pulled).min();
    let least = Heads {
        announcement: announcement.unwrap_or(i64::MAX),
        activity: activity.unwrap_or(ActivityId(i64::MAX)),
    };
    Ok((owners, least))
}

/// Shortens rows, which are sorted by position and may be one more than [`MOST`], to whole
/// positions. Returns the last position that is complete: `last` if nothing was cut off.
fn cut<R>(rows: &mut Vec<R>, last: i64, position: impl Fn(&R) -> i64) -> i64 {
    let Some(beyond) = rows.get(MOST) else { return last };
    let up_to = position(beyond) - 1;
    rows.retain(|row| position(row) <= up_to);
    up_to
}

/// The condition that something of this time is not so old that it would be removed again.
fn is_kept(sql: &mut Sql, time: &str, oldest: Option<DateTime<Utc>>) -> String {
    oldest.map_or_else(String::new, |oldest| format!(" AND {time} >= {}", sql.bind(oldest)))
}

/// The announcements that are due, in the order of their positions.
///
/// Announcements that have expired by the clock of this server are included until they are
/// withdrawn for all: by the clock of another they may not have, and an inbox that has passed one
/// over never gets it.
async fn announcements(
    tx: &Tx,
    owners: &[UserId],
    first: i64,
    last: i64,
    oldest: Option<DateTime<Utc>>,
) -> Result<Vec<Announced>> {
    let mut sql = tx.sql("take_in::announcements");
    let is_kept = is_kept(&mut sql, "n.publish_at", oldest);
    let these = sql.is_one_of("b.user_id", owners);
    let (first, last, most) = (sql.bind(first), sql.bind(last), MOST + 1);
    sql.push(format!(
        "SELECT b.user_id, n.id AS announcement_id, n.position, n.category FROM inbox AS b \
         JOIN announcement AS n ON n.position > b.announcements_pulled AND n.position <= {last} \
         WHERE {these} AND n.position > {first} AND n.withdrawn_at IS NULL{is_kept} \
         ORDER BY n.position LIMIT {most}"
    ));
    sql.all(&**tx).await
}

/// The activities that are due: those that a subscription older than them asks for, that the
/// inbox's owner wants, and that are not the owner's own doing. For each subscription, the index is
/// read from the position on, and nothing else.
async fn matches(tx: &Tx, app: &App, owners: &[UserId], last: ActivityId) -> Result<Vec<Match>> {
    let mut sql = tx.sql("take_in::matches");
    let dialect = sql.dialect();
    let (these, last) = (sql.is_one_of("b.user_id", owners), sql.bind(last));
    let is_kept = is_kept(&mut sql, "x.created_at", app.config.oldest_item(app.clock.now()));
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
         AND x.id > {since} AND x.id <= {last} AND x.retracted_at IS NULL{is_kept} \
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
        let key =
            Key { user: found.user_id, target: found.target_id, action: found.action.clone() };
        groups.entry(key).or_default().push(found);
    }
    groups
}

/// The items that grow: for each key the newest that is not read, archived or removed. One index
/// lookup for each.
async fn open_items(tx: &Tx, groups: &BTreeMap<Key, Vec<Match>>) -> Result<HashMap<Key, ItemId>> {
    if groups.is_empty() {
        return Ok(HashMap::new());
    }
    let mut sql = tx.sql("take_in::open_items");
    let about = groups.iter().map(|(key, matches)| [key.user.0, matches[0].activity_id.0]);
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
    id: Option<ItemId>,
    user_id: UserId,
    target_id: TargetId,
    action: String,
}

impl ActivityItem {
    fn known(self) -> Option<(Key, ItemId)> {
        let key = Key { user: self.user_id, target: self.target_id, action: self.action };
        Some((key, self.id?))
    }
}

async fn insert_announcements(
    tx: &Tx,
    announcements: &[Announced],
    seqs: &HashMap<UserId, Seq>,
) -> Result<()> {
    if announcements.is_empty() {
        return Ok(());
    }
    let mut sql = tx.sql("take_in::insert_announcements");
    let rows = announcements
        .iter()
        .map(|due| [due.user_id.0, due.announcement_id.0, seq_of(seqs, due.user_id).0]);
    let due = sql.integer_table(["user_id", "announcement_id", "seq"], rows);
    sql.push(format!(
        "INSERT INTO inbox_item \
         (user_id, kind, announcement_id, seq, arrived_seq, created_at, updated_at, category) \
         SELECT d.user_id, 'announcement', n.id, d.seq, d.seq, n.publish_at, n.publish_at, \
         n.category FROM {due} AS d JOIN announcement AS n ON n.id = d.announcement_id \
         ORDER BY n.position"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Creates the items that are missing, and adds the activities to all of them.
async fn grow(
    tx: &Tx,
    app: &App,
    groups: &BTreeMap<Key, Vec<Match>>,
    mut items: HashMap<Key, ItemId>,
    seqs: &HashMap<UserId, Seq>,
) -> Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let new = groups.iter().filter(|(key, _)| !items.contains_key(*key));
    let new: Vec<_> = new
        .map(|(key, matches)| [key.user.0, matches[0].activity_id.0, seq_of(seqs, key.user).0])
        .collect();
    if !new.is_empty() {
        let mut sql = tx.sql("take_in::insert_items");
        let new = sql.integer_table(["user_id", "activity_id", "seq"], new);
        let category = category_of_action(&mut sql, app);
        sql.push(format!(
            "INSERT INTO inbox_item \
             (user_id, kind, target_id, action, seq, arrived_seq, created_at, updated_at, \
             category) SELECT d.user_id, 'activity', a.target_id, a.action, d.seq, d.seq, \
             a.created_at, a.created_at, {category} FROM {new} AS d \
             JOIN activity AS a ON a.id = d.activity_id ORDER BY a.id \
             RETURNING id, user_id, target_id, action"
        ));
        let inserted: Vec<ActivityItem> = sql.all(&**tx).await?;
        items.extend(inserted.into_iter().filter_map(ActivityItem::known));
    }
    let (mut links, mut changes) = (Vec::new(), HashMap::new());
    let (mut grown, mut actors) = (BTreeMap::new(), BTreeMap::new());
    for (key, matches) in groups {
        let item = *items.get(key).ok_or_else(|| Error::internal("an item was not inserted"))?;
        changes.insert(item, seq_of(seqs, key.user));
        for Match { activity_id, actor_id, .. } in matches {
            links.push([item.0, activity_id.0]);
            grown.entry(item).or_insert(Activities::NONE).add(*activity_id);
            actors.entry((item, *actor_id)).or_insert(Activities::NONE).add(*activity_id);
        }
    }
    let mut sql = tx.sql("take_in::link");
    let new = sql.integer_table(["item_id", "activity_id"], links);
    sql.push(format!(
        "INSERT INTO inbox_item_activity (item_id, activity_id) \
         SELECT item_id, activity_id FROM {new} AS d"
    ));
    sql.run(&**tx).await?;
    let mut new_actors = count_actors(tx, &actors).await?;

    let grown = grown.into_iter().map(|(item, Activities { count, latest })| {
        [
            item.0,
            count,
            new_actors.remove(&item).unwrap_or(0),
            latest.0,
            changes.remove(&item).map_or(0, |seq| seq.0),
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

/// The category of the action of an activity `a`, by the catalog.
fn category_of_action(sql: &mut Sql, app: &App) -> String {
    let mut cases = String::new();
    for action in app.catalog.actions() {
        if let Some(category) = &action.category {
            let (action, category) = (sql.bind(action.key.as_str()), sql.bind(category.as_str()));
            cases += &format!(" WHEN {action} THEN {category}");
        }
    }
    match cases.is_empty() {
        true => "NULL".into(),
        false => format!("CASE a.action{cases} END"),
    }
}

/// Counts how often people did what items tell of; returns how many people were new to each item.
async fn count_actors(
    tx: &Tx,
    actors: &BTreeMap<(ItemId, UserId), Activities>,
) -> Result<HashMap<ItemId, i64>> {
    #[derive(FromQueryResult)]
    struct Counted {
        item_id: ItemId,
        actor_id: UserId,
        activity_count: i32,
    }
    let mut sql = tx.sql("take_in::count_actors");
    let rows = actors.iter().map(|((item, actor), did)| [item.0, actor.0, did.count, did.latest.0]);
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
        let added = actors.get(&(item_id, actor_id)).map(|did| did.count);
        if added == Some(activity_count.into()) {
            *new.entry(item_id).or_default() += 1;
        }
    }
    Ok(new)
}

/// Moves the positions of inboxes, and counts one more change of those in which something is new:
/// by person, how many announcements and how many items of activities, and their categories. The
/// items are stamped with the numbers of the changes, which it returns.
///
/// One statement, since it writes each inbox once: for an announcement to everybody who is
/// connected, it is half of the work.
async fn count_and_move(
    tx: &Tx,
    new: &BTreeMap<UserId, New>,
    categories: &BTreeMap<UserId, Vec<&str>>,
    growing: &[UserId],
    up_to: Heads,
) -> Result<HashMap<UserId, Seq>> {
    #[derive(FromQueryResult)]
    struct Moved {
        user_id: UserId,
        seq: Seq,
    }
    let mut sql = tx.sql("take_in::count_and_move");
    // The change of an inbox in which items grow has been counted already.
    let is_change = |user, count| count > 0 && growing.binary_search(user).is_err();
    let rows = new.iter().map(|(user, New { announcements, items })| {
        [user.0, *announcements, *items, i64::from(is_change(user, announcements + items))]
    });
    let new = sql.integer_table(["user_id", "announcements", "activities", "changes"], rows);
    let (by_category, categories) = inbox::more_by_category(&mut sql, "d", categories);
    let (announcement, activity) = (sql.bind(up_to.announcement), sql.bind(up_to.activity));
    let further = |column: &str, to: Param| {
        let to = tx.dialect().greatest(&format!("inbox.{column}"), &to.to_string());
        format!("{column} = {to}")
    };
    let counts =
        inbox::with_new(&[(&ANNOUNCEMENT, "d.announcements"), (&ACTIVITY, "d.activities")]);
    sql.push(format!(
        "UPDATE inbox SET seq = inbox.seq + d.changes, {counts}{by_category}, {}, {} \
         FROM {new} AS d{categories} \
         WHERE inbox.user_id = d.user_id RETURNING inbox.user_id, inbox.seq",
        further("announcements_pulled", announcement),
        further("activities_pulled", activity)
    ));
    let moved: Vec<Moved> = sql.all(&**tx).await?;
    Ok(moved.into_iter().map(|inbox| (inbox.user_id, inbox.seq)).collect())
}

/// The number of the current change of an inbox. Every inbox that is taken into has one.
fn seq_of(seqs: &HashMap<UserId, Seq>, user: UserId) -> Seq {
    seqs.get(&user).copied().unwrap_or(Seq(0))
}
