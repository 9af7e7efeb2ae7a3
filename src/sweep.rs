//! Passes over a table, in the order of its ids, that look for what is too old (A13).
//!
//! Ids grow with time, so what is old is at the beginning, and a pass ends where the young rows
//! begin: it needs no index. The `sweep` row is the lock of a pass, and says how far it came, from
//! which time on everything is kept, and when the next pass begins. So any number of servers share
//! one, and after a crash any of them goes on.

use ::entity::{installation, sweep};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{EntityTrait, FromQueryResult};

use crate::{
    db::{Db, Topic, Tx},
    error::Result,
};

/// How long after a pass the next one begins.
const APART: TimeDelta = TimeDelta::hours(1);

/// What is looked through.
#[derive(Clone, Copy, Debug)]
pub enum Pass {
    Inboxes,
    Messages,
}

impl Pass {
    /// Its name in `sweep`.
    const fn name(self) -> &'static str {
        match self {
            Pass::Inboxes => "inbox",
            Pass::Messages => "message",
        }
    }
}

/// How far a pass has got.
#[derive(Clone, Copy, FromQueryResult)]
pub struct Progress {
    /// All rows up to this one have been looked at.
    pub position: i64,
    /// What is older than this goes.
    pub horizon: DateTime<Utc>,
}

/// When the next part is due. The first pass begins when the installation is as old as things may
/// become: nothing is older.
pub async fn next_at(db: &Db, pass: Pass, retention: TimeDelta) -> Result<Option<DateTime<Utc>>> {
    if let Some(row) = sweep::Entity::find_by_id(pass.name()).one(db.read()).await? {
        return Ok(Some(row.next_at));
    }
    let installation = installation::Entity::find_by_id(1).one(db.read()).await?;
    Ok(installation.and_then(|row| row.created_at.checked_add_signed(retention)))
}

/// What [`lock`] would return, without the lock.
pub async fn peek(
    db: &Db,
    pass: Pass,
    horizon: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Progress>> {
    Ok(match sweep::Entity::find_by_id(pass.name()).one(db.read()).await? {
        None => Some(Progress { position: 0, horizon }),
        Some(row) if row.next_at > now => None,
        Some(row) if row.position == 0 => {
            Some(Progress { position: 0, horizon: row.horizon.max(horizon) })
        }
        Some(row) => Some(Progress { position: row.position, horizon: row.horizon }),
    })
}

/// Locks a pass; a new one begins with this horizon. None if nothing is due: another server was
/// faster.
pub async fn lock(
    tx: &Tx,
    pass: Pass,
    horizon: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Progress>> {
    let mut sql = tx.sql("sweep::begin");
    let (name, horizon, due) = (sql.bind(pass.name()), sql.bind(horizon), sql.bind(now));
    // Locks the row, whether it is new or not.
    sql.push(format!(
        "INSERT INTO sweep (name, position, horizon, next_at) \
         VALUES ({name}, 0, {horizon}, {due}) ON CONFLICT (name) DO UPDATE SET horizon = CASE \
         WHEN sweep.position = 0 AND sweep.next_at <= {due} AND sweep.horizon < {horizon} \
         THEN {horizon} ELSE sweep.horizon END"
    ));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("sweep::progress");
    let (name, now) = (sql.bind(pass.name()), sql.bind(now));
    sql.push(format!(
        "SELECT position, horizon FROM sweep WHERE name = {name} AND next_at <= {now}"
    ));
    sql.one(&**tx).await
}

/// Begins a pass again, from the beginning and now, also if there was none yet: a clock that was
/// wrong when the installation was new would otherwise keep the first one away.
pub async fn begin_again(db: &Db, pass: Pass, now: DateTime<Utc>) -> Result<()> {
    let tx = db.begin().await?;
    let mut sql = tx.sql("sweep::begin_again");
    let (name, now) = (sql.bind(pass.name()), sql.bind(now));
    // The pass knows its horizon when it begins.
    let horizon = sql.bind(DateTime::UNIX_EPOCH);
    sql.push(format!(
        "INSERT INTO sweep (name, position, horizon, next_at) VALUES ({name}, 0, {horizon}, {now}) \
         ON CONFLICT (name) DO UPDATE SET position = 0, next_at = {now}"
    ));
    sql.run(&*tx).await?;
    tx.concerns([Topic::Jobs]);
    tx.commit().await
}

/// Notes how far a pass came. None: it has ended, and the next one begins after some time.
pub async fn note(tx: &Tx, pass: Pass, position: Option<i64>, now: DateTime<Utc>) -> Result<()> {
    let next_at = if position.is_some() { now } else { now + APART };
    let mut sql = tx.sql("sweep::note");
    let (name, position) = (sql.bind(pass.name()), sql.bind(position.unwrap_or(0)));
    let next_at = sql.bind(next_at);
    sql.push(format!(
        "UPDATE sweep SET position = {position}, next_at = {next_at} WHERE name = {name}"
    ));
    sql.run(&**tx).await.map(drop)
}

/// The condition that something of this time is certainly still there: no pass has looked for what
/// is as old.
pub fn is_kept(pass: Pass, time: &str) -> String {
    let name = pass.name();
    format!("NOT EXISTS (SELECT 1 FROM sweep AS w WHERE w.name = '{name}' AND w.horizon > {time})")
}
