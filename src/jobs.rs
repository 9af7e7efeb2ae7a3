//! What the server does by itself when its time comes: messages remind and expire, announcements are published and expire,
//! snoozed items come back, old traces are purged, and what a crash interrupted goes on.
//!
//! Each [`Job`] is done by a task of its own, in parts that are transactions of their own. So one that fails, or takes long,
//! holds up no other; and when the server stops, each ends with its part, and whoever looks next goes on. Any number of servers
//! can do the same at once: a part locks what it works on, and finds it done where another was faster.

use std::time::Duration;

use ::entity::{idempotency_key, inbox_item};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::task::JoinSet;

use crate::{
    app::App,
    db::Topic,
    error::Result,
    idempotency, inbox,
    messages::{delivery, reminders},
    notifications::{activities, announcements, pull, refresh},
};

/// How long a job that has failed waits: at first, and at most. It waits twice as long from time to time.
const TRY_AGAIN: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
/// Many changes may say in a short time that something is due earlier: a job does not look at each of them.
const LOOKS_APART: Duration = Duration::from_millis(100);
/// A purge waits for more to purge.
const PURGES_LATE: TimeDelta = TimeDelta::minutes(10);
/// How many things of one kind a job goes on with in turn.
const MOST_AT_ONCE: u64 = 100;

/// One kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    /// Large sends come into the inboxes.
    Deliver,
    /// Dates of reminders have come.
    Remind,
    /// Campaigns are over.
    Deactivate,
    /// Messages leave the inboxes.
    Expire,
    Publish,
    /// Announcements leave the inboxes.
    Withdraw,
    /// Retracted activities leave their items.
    TakeBack,
    Refresh,
    /// Snoozed items come back.
    Wake,
    /// Tombstones of items are forgotten.
    PurgeItems,
    PurgeKeys,
}

/// In an order in which the earlier ones make the later ones due.
const JOBS: [Job; 11] = [
    Job::Deliver,
    Job::Remind,
    Job::Deactivate,
    Job::Expire,
    Job::Publish,
    Job::Withdraw,
    Job::TakeBack,
    Job::Refresh,
    Job::Wake,
    Job::PurgeItems,
    Job::PurgeKeys,
];

/// When to look at a job again.
enum Next {
    /// There may be more to do.
    Now,
    /// When its time has come; None: when a change says that there is something.
    At(Option<DateTime<Utc>>),
}

impl Job {
    /// When it is due next: at a time that may be over, or not at all.
    async fn due_at(self, app: &App) -> Result<Option<DateTime<Utc>>> {
        match self {
            Job::Deliver | Job::TakeBack | Job::Refresh => {
                Ok(self.things(app, 1).await?.first().map(|_| app.clock.now()))
            }
            Job::Remind => reminders::next_due(app).await,
            Job::Deactivate => reminders::next_over(app).await,
            Job::Expire => match self.things(app, 1).await?.first() {
                Some(_) => Ok(Some(app.clock.now())),
                None => delivery::next_expiry(app).await,
            },
            Job::Publish => announcements::next_publication(app).await,
            Job::Withdraw => announcements::next_expiry(app).await,
            Job::Wake => first_wake(app).await,
            Job::PurgeItems => Ok(after(first_tombstone(app).await?, app.config.retention_days)),
            Job::PurgeKeys => Ok(after(first_key(app).await?, app.config.idempotency_days)),
        }
    }

    /// What it has to go on with now. The jobs that choose by themselves have one thing.
    async fn things(self, app: &App, most: u64) -> Result<Vec<i64>> {
        match self {
            Job::Deliver => delivery::under_way(app, most).await,
            Job::Deactivate => reminders::over(app, most).await,
            Job::Expire => delivery::expiring(app, most).await,
            Job::Publish => announcements::planned_by_now(app, most).await,
            Job::Withdraw => announcements::leaving(app, most).await,
            Job::TakeBack => activities::leaving(app, most).await,
            Job::Refresh => refresh::noted(app, most).await,
            Job::Remind | Job::Wake | Job::PurgeItems | Job::PurgeKeys => Ok(vec![0]),
        }
    }

    /// Does a part of one thing.
    #[tracing::instrument(name = "part", skip_all, fields(id = id))]
    async fn part(self, app: &App, id: i64) -> Result<()> {
        let before = |days: u16| app.clock.now() - TimeDelta::days(days.into());
        match self {
            Job::Deliver => delivery::deliver_some(app, id).await.map(drop),
            Job::Remind => reminders::remind(app).await,
            Job::Deactivate => reminders::deactivate(app, id).await,
            Job::Expire => delivery::expire_some(app, id).await.map(drop),
            Job::Publish => announcements::publish(app, id).await,
            Job::Withdraw => announcements::leave(app, id).await,
            Job::TakeBack => pull::take_back_soon(app, id).await,
            Job::Refresh => refresh::refresh_some(app, id).await,
            Job::Wake => inbox::wake_snoozed(app).await,
            Job::PurgeItems => inbox::purge(app, before(app.config.retention_days)).await,
            Job::PurgeKeys => idempotency::purge(app, before(app.config.idempotency_days)).await,
        }
    }

    /// If it is due, does a part of each thing. One that fails holds up no other.
    #[tracing::instrument(name = "job", skip_all, fields(job = ?self))]
    async fn go_on(self, app: &App, late: TimeDelta) -> Result<Next> {
        let due_at = self.due_at(app).await?.map(|time| time + late);
        if due_at.is_none_or(|time| time > app.clock.now()) {
            return Ok(Next::At(due_at));
        }
        let mut outcome = Ok(Next::Now);
        for id in self.things(app, MOST_AT_ONCE).await? {
            if app.shutdown.is_cancelled() {
                break;
            }
            let done = self.part(app, id).await;
            outcome = outcome.and_then(|next| done.map(|()| next));
        }
        outcome
    }
}

/// Does everything that is due at this moment, to its end. What fails holds up nothing else; the first error is given at last.
pub async fn run_due(app: &App) -> Result<()> {
    let mut outcome = Ok(());
    let mut jobs = JOBS.to_vec();
    let mut is_more_due = true;
    while is_more_due && !app.shutdown.is_cancelled() {
        is_more_due = false;
        let mut failed = Vec::new();
        for job in &jobs {
            match job.go_on(app, TimeDelta::zero()).await {
                Ok(Next::Now) => is_more_due = true,
                Ok(Next::At(_)) => {}
                Err(error) => {
                    failed.push(*job);
                    outcome = outcome.and(Err(error));
                }
            }
        }
        jobs.retain(|job| !failed.contains(job));
    }
    outcome
}

/// Runs until the server ends, and each job has ended with its part.
pub async fn run(app: App) {
    let mut jobs: JoinSet<()> = JOBS.into_iter().map(|job| keep_doing(app.clone(), job)).collect();
    while let Some(ended) = jobs.join_next().await {
        if let Err(defect) = ended {
            tracing::error!(?defect, "a job has ended before the server");
        }
    }
}

/// Does one job whenever it is due: sleeps until then, or until a change says that it may be earlier.
async fn keep_doing(app: App, job: Job) {
    let late = if matches!(job, Job::PurgeItems | Job::PurgeKeys) {
        PURGES_LATE
    } else {
        TimeDelta::zero()
    };
    let mut changes = app.live.hints(Topic::Schedule);
    let mut back_off = TRY_AGAIN;
    while !app.shutdown.is_cancelled() {
        // Before the look: a change in between must wake us again.
        changes.borrow_and_update();
        let next = job.go_on(&app, late).await;
        let wait = async {
            match &next {
                Ok(Next::Now) => {}
                Ok(Next::At(time)) => tokio::select! {
                    () = app.clock.sleep_until(*time) => {}
                    _ = changes.changed() => tokio::time::sleep(LOOKS_APART).await,
                },
                Err(error) => {
                    tracing::warn!(?job, ?error, "what is due has to wait");
                    tokio::time::sleep(back_off).await;
                }
            }
        };
        app.shutdown.run_until_cancelled(wait).await;
        back_off = if next.is_ok() { TRY_AGAIN } else { (back_off * 2).min(LONGEST_BACK_OFF) };
    }
}

/// What is older than this is purged.
fn after(oldest: Option<DateTime<Utc>>, days: u16) -> Option<DateTime<Utc>> {
    oldest.map(|time| time + TimeDelta::days(days.into()) + TimeDelta::microseconds(1))
}

/// When the first snoozed item comes back.
async fn first_wake(app: &App) -> Result<Option<DateTime<Utc>>> {
    // The first in the order of the index: a minimum may be looked for among all that are snoozed.
    let first = inbox_item::Entity::find().select_only().column(inbox_item::Column::SnoozedUntil);
    let first = first
        .filter(inbox_item::COLUMN.snoozed_until.is_not_null())
        .filter(inbox_item::COLUMN.removed_at.is_null());
    Ok(first.order_by_asc(inbox_item::Column::SnoozedUntil).into_tuple().one(app.db.read()).await?)
}

/// When the first of the items that are remembered was removed.
async fn first_tombstone(app: &App) -> Result<Option<DateTime<Utc>>> {
    let first = inbox_item::Entity::find().select_only().column(inbox_item::Column::RemovedAt);
    let first = first
        .filter(inbox_item::COLUMN.removed_at.is_not_null())
        .order_by_asc(inbox_item::Column::RemovedAt);
    Ok(first.into_tuple().one(app.db.read()).await?)
}

/// When the first of the keys that are remembered was used.
async fn first_key(app: &App) -> Result<Option<DateTime<Utc>>> {
    let first = idempotency_key::Entity::find()
        .select_only()
        .column_as(idempotency_key::Column::CreatedAt.min(), "at");
    Ok(first.into_tuple::<Option<DateTime<Utc>>>().one(app.db.read()).await?.flatten())
}
