//! What the server does by itself when its time comes: messages remind and expire, announcements are published and expire,
//! snoozed items come back, old traces are purged, and what a crash interrupted goes on.
//!
//! Everything goes through [`run_due`], which can be called at any time, by any number of servers at once.

use std::time::Duration;

use ::entity::inbox_item;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    activities, announcements, app::App, db::Topic, delivery, error::Result, idempotency, inbox, refresh, reminders,
};

/// After the database did not answer.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Does everything that is due at this moment.
pub async fn run_due(app: &App) -> Result<()> {
    let now = app.clock.now();
    delivery::deliver_interrupted(app).await?;
    // A part of the reminders at a time, and the rest in between: a reminder of a million people holds up nothing else.
    loop {
        let is_more_due = reminders::run_due(app).await?;
        delivery::expire_due(app).await?;
        announcements::publish_due(app).await?;
        announcements::withdraw_due(app).await?;
        activities::take_back_due(app).await?;
        refresh::run(app).await?;
        inbox::wake_snoozed(app).await?;
        if !is_more_due {
            break;
        }
    }
    inbox::purge(app, now - TimeDelta::days(app.config.retention_days.into())).await?;
    idempotency::purge(app, now - TimeDelta::days(app.config.idempotency_days.into())).await
}

/// When something is due next, if anything is. The purges are in no hurry: they come along.
async fn next_due(app: &App) -> Result<Option<DateTime<Utc>>> {
    // The first in the order of the index: a minimum may be looked for among all that are snoozed.
    let snooze = inbox_item::Entity::find().select_only().column(inbox_item::Column::SnoozedUntil);
    let snooze =
        snooze.filter(inbox_item::COLUMN.snoozed_until.is_not_null()).filter(inbox_item::COLUMN.removed_at.is_null());
    let snooze = snooze.order_by_asc(inbox_item::Column::SnoozedUntil);
    let snooze: Option<DateTime<Utc>> = snooze.into_tuple().one(app.db.read()).await?;
    let (expiry, reminder) = (delivery::next_expiry(app).await?, reminders::next_due(app).await?);
    let announcement = announcements::next_due(app).await?;
    Ok([expiry, reminder, announcement, snooze].into_iter().flatten().min())
}

/// Runs until the server ends: sleeps until something is due, or until a change says that it may be earlier.
pub async fn run(app: App) {
    let mut changes = app.live.hints(Topic::Schedule);
    loop {
        // Before the look: a change in between must wake us again.
        changes.borrow_and_update();
        let next = async {
            run_due(&app).await?;
            next_due(&app).await
        };
        let next = next.await;
        let wait = async {
            match next {
                Ok(next) => app.clock.sleep_until(next).await,
                Err(error) => {
                    tracing::warn!(?error, "what is due has to wait");
                    tokio::time::sleep(TRY_AGAIN).await;
                }
            }
        };
        tokio::select! {
            () = wait => {}
            _ = changes.changed() => {}
            () = app.shutdown.cancelled() => return,
        }
    }
}
