//! What retention deletes, all of it and now: the same functions as the jobs, one after the other, and
//! how much it was.
//!
//! What leaves the inboxes leaves a tombstone for `retention_days`, so the tombstones come first: the
//! count before is then what is deleted.

use chrono::TimeDelta;
use serde::Serialize;

use super::{days_before, forget_messages, remove_old};
use crate::{
    app::App,
    auth::Actor,
    error::Result,
    idempotency, inbox,
    messages::retain,
    sweep::{self, Pass},
};

/// How much it is, of each kind. None: the setting that would delete it is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Purged {
    /// Tombstones of items that have left inboxes, after `retention_days`.
    pub tombstones: u64,
    /// Idempotency keys, after `idempotency_days`.
    pub idempotency_keys: u64,
    /// Items whose last change can no longer be taken back, after a day.
    pub undos: u64,
    /// Items that leave the inboxes, after `inbox_retention`.
    pub items: Option<u64>,
    /// Threads with all their messages, after `message_retention`.
    pub threads: Option<u64>,
}

/// Deletes it, in many transactions.
pub async fn purge(app: &App) -> Result<Purged> {
    let now = app.clock.now();
    let purged = Purged {
        tombstones: inbox::purge(&app.db, days_before(app, app.config.retention_days)).await?,
        idempotency_keys: idempotency::purge(app, days_before(app, app.config.idempotency_days))
            .await?,
        undos: inbox::forget_undo(&app.db, now).await?,
        items: None,
        threads: None,
    };
    let items = match remove_old::retention(app) {
        Some(retention) => {
            let part = async || remove_old::part(app).await;
            Some(run(app, Pass::Inboxes, retention, part).await?)
        }
        None => None,
    };
    let threads = match forget_messages::retention(app) {
        Some(retention) => {
            let part = async || forget_messages::part(app).await;
            Some(run(app, Pass::Messages, retention, part).await?)
        }
        None => None,
    };
    Ok(Purged { items, threads, ..purged })
}

/// Lets the servers begin the passes now that would begin within an hour. What has no pass goes
/// within ten minutes.
pub async fn begin(app: &App, actor: &Actor) -> Result<()> {
    actor.require_host()?;
    let passes = [
        (Pass::Inboxes, remove_old::retention(app)),
        (Pass::Messages, forget_messages::retention(app)),
    ];
    for (pass, retention) in passes {
        if retention.is_some() {
            sweep::begin_again(&app.db, pass, app.clock.now()).await?;
        }
    }
    Ok(())
}

/// Counts what [`purge`] would delete at this moment, and changes nothing.
pub async fn count(app: &App) -> Result<Purged> {
    let now = app.clock.now();
    let items = match remove_old::retention(app) {
        Some(retention) => Some(inbox::count_old(&app.db, now - retention).await?),
        None => None,
    };
    let threads = match forget_messages::retention(app) {
        Some(retention) => Some(retain::count_old(app, now - retention).await?),
        None => None,
    };
    let tombstones = days_before(app, app.config.retention_days);
    let keys = days_before(app, app.config.idempotency_days);
    Ok(Purged {
        tombstones: inbox::count_tombstones(&app.db, tombstones).await?,
        idempotency_keys: idempotency::count_old(app, keys).await?,
        undos: inbox::count_undo(&app.db, now).await?,
        items,
        threads,
    })
}

/// A whole pass, whenever the next one would begin. Returns how much it has deleted.
async fn run(
    app: &App,
    pass: Pass,
    retention: TimeDelta,
    part: impl AsyncFn() -> Result<u64>,
) -> Result<u64> {
    sweep::begin_again(&app.db, pass, app.clock.now()).await?;
    let mut deleted = 0;
    while let Some(next_at) = sweep::next_at(&app.db, pass, retention).await?
        && next_at <= app.clock.now()
    {
        deleted += part().await?;
    }
    Ok(deleted)
}
