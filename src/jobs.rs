//! What happens by itself: reminders, what is planned or expires, what comes back, what is purged,
//! and what a crash interrupted. There is a file for each [`Job`]; docs/jobs.md has a table of
//! them.
//!
//! Each job runs in its own task, in parts that are separate transactions. So a job that fails, or
//! takes long, holds up no other; and when the server stops, each job ends after its current part,
//! and the next server continues from there. Any number of servers can do the same jobs at once: a
//! part locks what it works on, and finds it done if another server was faster.

mod deactivate;
mod deliver;
mod erase;
mod expire;
mod forget_messages;
mod index;
mod publish;
pub mod purge;
mod purge_items;
mod purge_keys;
mod purge_undo;
mod refresh;
mod remind;
mod remove_old;
mod send_planned;
mod take_back;
mod wake;
mod withdraw;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::{task::JoinSet, time::Instant};
use tracing::Instrument;

use crate::{
    app::App,
    db::{Topic, in_background},
    error::Result,
    traces::{Kind, OTHER, at},
};

/// How long a failed job waits: at first, and at most. The time doubles with each failure.
const TRY_AGAIN: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
/// Many changes in a short time may say that something is due earlier: a job does not check after
/// each of them.
const LOOKS_APART: Duration = Duration::from_millis(100);
/// How long a purge waits for more to purge.
const PURGES_LATE: TimeDelta = TimeDelta::minutes(10);
/// How many things of one kind a job works on in turn.
const MOST_AT_ONCE: u64 = 100;

/// In an order in which earlier jobs make later ones due.
const JOBS: [&dyn Job; 17] = [
    &send_planned::SendPlanned,
    &deliver::Deliver,
    &remind::Remind,
    &deactivate::Deactivate,
    &expire::Expire,
    &publish::Publish,
    &withdraw::Withdraw,
    &take_back::TakeBack,
    &erase::Erase,
    &refresh::Refresh,
    &wake::Wake,
    &forget_messages::ForgetMessages,
    &remove_old::RemoveOld,
    &purge_items::PurgeItems,
    &purge_keys::PurgeKeys,
    &index::Index,
    &purge_undo::PurgeUndo,
];

/// One kind of work that happens by itself.
#[async_trait]
trait Job: Send + Sync {
    /// The name in the log.
    fn name(&self) -> &'static str;

    /// When it is next due. A time in the past means now; None means that it is not due until
    /// something changes.
    async fn due_at(&self, app: &App) -> Result<Option<DateTime<Utc>>>;

    /// How much later than due it may be done.
    fn may_be_late_by(&self) -> TimeDelta {
        TimeDelta::zero()
    }

    /// The things to work on now, at most this many. A job that chooses by itself has one.
    async fn things(&self, _app: &App, _most: u64) -> Result<Vec<i64>> {
        Ok(vec![0])
    }

    /// Does a part of one thing: a transaction that claims it, does some of it, and records the
    /// progress.
    async fn part(&self, app: &App, thing: i64) -> Result<()>;
}

/// When to look at a job again.
enum Next {
    /// There may be more to do.
    Now,
    /// When its time has come; None: when a change says that there is something to do.
    At(Option<DateTime<Utc>>),
}

/// If a job is due, does a part of each of its things. A thing that fails holds up no other.
#[tracing::instrument(name = "job", skip_all, fields(name = job.name()))]
async fn go_on(job: &dyn Job, app: &App, late: TimeDelta) -> Result<Next> {
    let due_at = job.due_at(app).await?.map(|time| time + late);
    if due_at.is_none_or(|time| time > app.clock.now()) {
        app.metrics.job_looked(job.name(), None, 0);
        return Ok(Next::At(due_at));
    }
    let things = job.things(app, MOST_AT_ONCE).await?;
    app.metrics.job_looked(job.name(), due_at, things.len());
    let mut outcome = Ok(Next::Now);
    for thing in things {
        if app.shutdown.is_cancelled() {
            break;
        }
        let span = tracing::info_span!("part", thing);
        let since = Instant::now();
        let mut trace = app.traces.begin(None, format!("job {}", job.name()), Kind::Internal);
        trace.set("tidings.job.name", job.name());
        let done = at(trace.place(), job.part(app, thing)).instrument(span).await;
        if done.is_err() {
            trace.fail(OTHER);
        }
        drop(trace);
        app.metrics.job.record(job.name(), |time| time.record(since.elapsed()));
        outcome = outcome.and_then(|next| done.map(|()| next));
    }
    outcome
}

/// A job that has something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub job: &'static str,
    /// Since when it may not wait any longer; None if the job knows only that it is due.
    pub since: Option<DateTime<Utc>>,
}

/// The jobs that are due, in the order in which they are done.
pub async fn due(app: &App) -> Result<Vec<Due>> {
    let mut due = Vec::new();
    for job in JOBS {
        // What is due since then is due because a job has found something, whenever that came.
        let before = app.clock.now();
        let Some(at) = job.due_at(app).await? else { continue };
        let since = at + job.may_be_late_by();
        if since <= app.clock.now() {
            due.push(Due { job: job.name(), since: Some(since).filter(|since| *since < before) });
        }
    }
    Ok(due)
}

/// Does everything that is due now, to completion. What fails holds up nothing else; the first
/// error is returned at the end.
pub async fn run_due(app: &App) -> Result<()> {
    let mut outcome = Ok(());
    let mut jobs = JOBS.to_vec();
    let mut is_more_due = true;
    while is_more_due && !app.shutdown.is_cancelled() {
        is_more_due = false;
        let mut left = Vec::new();
        for job in jobs {
            match go_on(job, app, TimeDelta::zero()).await {
                Ok(next) => {
                    is_more_due |= matches!(next, Next::Now);
                    left.push(job);
                }
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        jobs = left;
    }
    outcome
}

/// Runs until the server ends and each job has finished its current part.
pub async fn run(app: App) {
    for job in JOBS {
        app.metrics.job_failed.record(job.name(), |_| {});
        app.metrics.job.record(job.name(), |_| {});
    }
    let mut running: JoinSet<()> =
        JOBS.into_iter().map(|job| in_background(keep_doing(app.clone(), job))).collect();
    while let Some(ended) = running.join_next().await {
        if let Err(defect) = ended {
            tracing::error!(?defect, "a job has ended before the server");
        }
    }
}

/// Does one job whenever it is due: sleeps until then, or until a change says that it may be due
/// earlier.
async fn keep_doing(app: App, job: &dyn Job) {
    let mut changes = app.live.hints(Topic::Jobs);
    let mut back_off = TRY_AGAIN;
    while !app.shutdown.is_cancelled() {
        // Before looking: a change in between must wake us again.
        changes.borrow_and_update();
        let next = go_on(job, &app, job.may_be_late_by()).await;
        let wait = async {
            match &next {
                Ok(Next::Now) => {}
                Ok(Next::At(time)) => tokio::select! {
                    () = app.clock.sleep_until(*time) => {}
                    _ = changes.changed() => tokio::time::sleep(LOOKS_APART).await,
                },
                Err(error) => {
                    tracing::warn!(job = job.name(), ?error, "what is due has to wait");
                    app.metrics.job_failed.count(job.name());
                    tokio::time::sleep(back_off).await;
                }
            }
        };
        app.shutdown.run_until_cancelled(wait).await;
        back_off = if next.is_ok() { TRY_AGAIN } else { (back_off * 2).min(LONGEST_BACK_OFF) };
    }
}

/// When something from this time is old enough to be purged.
fn days_after(time: Option<DateTime<Utc>>, days: u16) -> Option<DateTime<Utc>> {
    time.map(|time| time + TimeDelta::days(days.into()) + TimeDelta::microseconds(1))
}

/// What is older than this is purged.
fn days_before(app: &App, days: u16) -> DateTime<Utc> {
    app.clock.now() - TimeDelta::days(days.into())
}
