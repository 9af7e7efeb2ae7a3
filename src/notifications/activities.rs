//! Activities: somebody did something to something (N1, N2). The host application reports them,
//! many in one call. How one reaches an inbox:
//!
//! 1. [`create`] compares each activity with the catalog and the limits, and looks up all actors and
//!    owners.
//! 2. The transaction, which other calls that are waiting share, claims the key. `targets` inserts
//!    or changes the things that are new or different, in the order of their names; the constraint
//!    decides who is first. A changed title is noted in `refresh`.
//! 3. The activities are inserted in one statement, one row each, under the lock of the order of
//!    commits. Their ids are consecutive: they are positions, and a repetition finds all of them by
//!    the first one. The commit names the targets.
//! 4. `pull` asks which of the connected people follow one of these targets, and takes the
//!    activities in for them. Everybody else takes them in when they next look at their inbox or
//!    begin to follow it.
//! 5. Among the activities beyond an inbox's position, `pull::take_in` selects those that a
//!    subscription asks for, that are wanted, not retracted and not the reader's own doing. They
//!    join the unread item of the same action and target, or begin a new one. The item arrives
//!    again.
//! 6. From here on it is a change of the inbox like any other. `catalog::titles` composes the
//!    sentence when somebody reads the item, in the language of the inbox's owner.
//!
//! A retracted activity leaves its items (`pull::take_back`).

use std::{collections::BTreeSet, mem};

use ::entity::{
    activity,
    id::{ActivityId, RefreshId, TargetId, UserId},
};
use async_graphql::{ID, InputObject};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use serde_json::json;

use crate::{
    app::App,
    auth::Actor,
    clock,
    db::{self, Apart, JsonType, Topic, Tx, time},
    error::{Error, Result},
    id,
    idempotency::{self, Begun, Call},
    inbox::refresh,
    notifications::{
        pull,
        targets::{self, Details, TargetKey},
    },
    people::users::{self, UserRef},
    text,
};

/// The most activities in one call.
pub const MOST: usize = 500;
const LONGEST_TITLE: usize = 200;
/// How far the host's clock may be ahead of ours.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(1);

/// Activities to report; all of them or none.
#[derive(InputObject, Clone, Debug, Serialize)]
pub struct CreateActivitiesInput {
    /// 1 to 500, in the order in which they happened.
    pub activities: Vec<ActivityInput>,
    /// Makes it safe to repeat this call: a repetition returns the activities that the first call
    /// created. 1 to 255 bytes.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// Somebody did something to a target.
#[derive(InputObject, Clone, Debug, Serialize)]
pub struct ActivityInput {
    /// Who did it. If omitted, the person the caller acts for (`act-as`), or else the system.
    pub actor: Option<UserRef>,
    /// An action from the catalog.
    pub action: String,
    /// The target of the action. It is created or updated with what is given here.
    pub target: TargetInput,
    /// Data for display; at most 8 KiB. A text in `preview` becomes the preview of the inbox item.
    pub data: Option<serde_json::Value>,
    /// When it happened; not in the future. If omitted, now.
    pub occurred_at: Option<DateTime<Utc>>,
}

/// The target of an activity.
#[derive(InputObject, Clone, Debug, Serialize)]
pub struct TargetInput {
    /// A type from the catalog.
    #[graphql(name = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    /// The host application's id, unique among targets of this type. 1 to 255 bytes.
    pub external_id: String,
    /// The owner. If omitted, unchanged.
    pub owner: Option<UserRef>,
    /// Its display name, at most 200 characters. If omitted, unchanged.
    pub title: Option<String>,
    /// Where to find it: an http or https URL, or a path of the host application. If omitted or
    /// empty, unchanged.
    pub url: Option<String>,
}

/// Activities whose input is valid.
struct Draft {
    /// The person who did it, if an activity names nobody.
    actor: Option<UserId>,
    activities: Vec<ActivityInput>,
    targets: Vec<TargetKey>,
    people: Vec<People>,
    /// The data of each, as it is stored.
    data: Vec<Option<String>>,
}

/// The people that an activity names.
struct People {
    actor: Option<UserId>,
    owner: Option<UserId>,
}

/// A call that creates activities.
struct CreateActivities {
    call: Option<Call>,
    draft: Draft,
}

/// What creating came to.
enum Outcome {
    /// The activities, and what is to be refreshed.
    Created(Vec<activity::Model>, Vec<RefreshId>),
    /// An earlier call with the same key had created them, from this one on.
    Before(ActivityId),
}

/// Reports what people did; all or none. Made together with other calls that are waiting
/// (`db::together`).
#[tracing::instrument(level = "debug", name = "activities::create", skip_all, fields(actor = actor.in_log()))]
pub async fn create(
    app: &App,
    actor: &Actor,
    input: CreateActivitiesInput,
) -> Result<Vec<activity::Model>> {
    actor.require_host()?;
    let count = input.activities.len();
    let call = Call::new(actor, "createActivities", &input, input.idempotency_key.as_deref())?;
    let outcome = match check(app, actor, input.activities).await {
        Ok(draft) => app.db.together(app, CreateActivities { call, draft }).await?,
        refused => create_alone(app, call, refused).await?,
    };
    match outcome {
        Outcome::Created(activities, noted) => {
            refresh::soon(&app.db, &noted, app.clock.now()).await;
            Ok(activities)
        }
        Outcome::Before(first) => made_by(app, first, count).await,
    }
}

/// Creates activities in a transaction of their own, if their input is valid.
async fn create_alone(app: &App, call: Option<Call>, checked: Result<Draft>) -> Result<Outcome> {
    let now = app.clock.now();
    let (tx, key, draft) = match idempotency::begin(app, call, checked, now).await? {
        Begun::New(tx, key, draft) => (tx, key, draft),
        Begun::Done(first) => return Ok(Outcome::Before(ActivityId(first))),
    };
    let (activities, noted) = write(&tx, &[&draft], now).await?;
    if let Some(first) = activities.first() {
        key.keep(&tx, first.id.0).await?;
    }
    tx.commit().await?;
    Ok(Outcome::Created(activities, noted))
}

impl db::Call for CreateActivities {
    type Context = App;
    type Answer = Outcome;

    fn weight(&self) -> usize {
        /// The row and its indexes.
        const ACTIVITY: usize = 512;
        let data: usize = self.draft.data.iter().flatten().map(String::len).sum();
        self.draft.activities.len() * ACTIVITY + data
    }

    async fn make_all(app: &App, tx: &Tx, calls: &[Self]) -> Result<Vec<Outcome>, Apart> {
        let now = app.clock.now();
        let keys: Vec<_> = calls.iter().map(|create| create.call.as_ref()).collect();
        Apart::if_any(idempotency::claim_all(tx, &keys, now).await?)?;
        let drafts: Vec<_> = calls.iter().map(|create| &create.draft).collect();
        let (activities, mut noted) = write(tx, &drafts, now).await?;
        let mut activities = activities.into_iter();
        let created: Vec<Vec<_>> = drafts
            .iter()
            .map(|draft| activities.by_ref().take(draft.activities.len()).collect())
            .collect();
        let firsts: Vec<_> = created
            .iter()
            .map(|activities| activities.first().map_or(0, |first| first.id.0))
            .collect();
        idempotency::keep_all(tx, keys.into_iter().zip(firsts)).await?;
        // The first caller refreshes for all of them.
        let outcome = |activities| Outcome::Created(activities, mem::take(&mut noted));
        Ok(created.into_iter().map(outcome).collect())
    }

    async fn make_alone(self, app: &App) -> Result<Outcome> {
        create_alone(app, self.call, Ok(self.draft)).await
    }
}

/// Writes activities with consecutive ids, in the order of the drafts. Returns them, and what is to
/// be refreshed after the commit.
async fn write(
    tx: &Tx,
    drafts: &[&Draft],
    now: DateTime<Utc>,
) -> Result<(Vec<activity::Model>, Vec<RefreshId>)> {
    let mut described = Vec::new();
    let mut rows = Vec::new();
    for draft in drafts {
        let activities = draft.activities.iter().zip(&draft.targets);
        for ((new, target), (people, data)) in activities.zip(draft.people.iter().zip(&draft.data))
        {
            let TargetInput { title, url, .. } = new.target.clone();
            let url = url.filter(|url| !url.is_empty());
            described.push((target, Details { owner: people.owner, title, url }));
            rows.push(activity::Model {
                id: ActivityId(0),
                actor_id: people.actor.or(draft.actor),
                action: new.action.clone(),
                target_id: TargetId(0),
                data: data.clone(),
                occurred_at: new.occurred_at.map_or(now, |time| clock::in_micros(time).min(now)),
                retracted_at: None,
                settled_at: None,
                created_at: now,
            });
        }
    }
    let known = targets::upsert(tx, &described, now).await?;
    for (row, target) in rows.iter_mut().zip(&known.ids) {
        row.target_id = *target;
    }
    // From here on nobody else writes activities until this transaction ends.
    tx.in_commit_order().await?;
    let ids = insert(tx, &rows, now).await?;
    for (row, id) in rows.iter_mut().zip(ids) {
        row.id = id;
    }
    tx.concerns(known.ids.into_iter().collect::<BTreeSet<_>>().into_iter().map(Topic::Target));
    Ok((rows, known.noted))
}

/// Returns the ids, in the order of the rows.
async fn insert(tx: &Tx, rows: &[activity::Model], now: DateTime<Utc>) -> Result<Vec<ActivityId>> {
    let mut sql = tx.sql("activities::insert");
    let columns = [
        ("place", JsonType::Integer),
        ("actor_id", JsonType::Integer),
        ("action", JsonType::Text),
        ("target_id", JsonType::Integer),
        ("data", JsonType::Text),
        ("occurred_at", JsonType::Time),
    ];
    let row = |(place, row): (usize, &activity::Model)| {
        [
            json!(place),
            json!(row.actor_id),
            json!(row.action),
            json!(row.target_id),
            json!(row.data),
            time(row.occurred_at),
        ]
    };
    let (rows, now) = (sql.table(columns, rows.iter().enumerate().map(row)), sql.bind(now));
    sql.push(format!(
        "INSERT INTO activity (actor_id, action, target_id, data, occurred_at, created_at) \
         SELECT r.actor_id, r.action, r.target_id, r.data, r.occurred_at, {now} \
         FROM {rows} AS r ORDER BY r.place RETURNING id"
    ));
    let mut ids: Vec<ActivityId> = sql.values(&**tx).await?;
    ids.sort_unstable();
    Ok(ids)
}

/// The activities that an earlier call created: this many, from the first one on.
async fn made_by(app: &App, first: ActivityId, count: usize) -> Result<Vec<activity::Model>> {
    // Needs no scope: the caller created them.
    let made = activity::Entity::find()
        .filter(activity::COLUMN.id.gte(first))
        .order_by_asc(activity::Column::Id);
    Ok(made.limit(count as u64).all(app.db.read()).await?)
}

/// Refuses invalid activities.
async fn check(app: &App, actor: &Actor, activities: Vec<ActivityInput>) -> Result<Draft> {
    if activities.is_empty() || activities.len() > MOST {
        return Err(Error::invalid(
            "activities",
            format!("must have between 1 and {MOST} activities"),
        ));
    }
    let now = app.clock.now();
    let mut targets = Vec::with_capacity(activities.len());
    let mut data = Vec::with_capacity(activities.len());
    for (index, activity) in activities.iter().enumerate() {
        let path = format!("activities.{index}");
        targets.push(check_one(app, activity, &path, now)?);
        let of_this = activity.data.as_ref();
        data.push(of_this.map(|of| text::check_data(&format!("{path}.data"), of)).transpose()?);
    }
    let people = people(app, &activities).await?;
    Ok(Draft { actor: actor.user_id(), activities, targets, people, data })
}

/// Refuses an activity whose action, target or time is invalid; returns the target.
fn check_one(
    app: &App,
    activity: &ActivityInput,
    path: &str,
    now: DateTime<Utc>,
) -> Result<TargetKey> {
    if app.catalog.action(&activity.action).is_none() {
        let actions: Vec<_> =
            app.catalog.actions().iter().map(|action| action.key.as_str()).collect();
        return Err(Error::invalid(
            format!("{path}.action"),
            format!("must be one of the catalog's: {}", actions.join(", ")),
        ));
    }
    let TargetInput { kind, external_id, title, url, .. } = &activity.target;
    let target = TargetKey { kind: kind.clone(), external_id: external_id.clone() };
    target.check(app, &format!("{path}.target"))?;
    if let Some(title) = title {
        text::check_line(&format!("{path}.target.title"), title, LONGEST_TITLE)?;
    }
    text::check_link(&format!("{path}.target.url"), url.as_deref())?;
    if let Some(time) = activity.occurred_at
        && clock::given(&format!("{path}.occurredAt"), time)? > now + CLOCKS_DIFFER
    {
        return Err(Error::invalid(format!("{path}.occurredAt"), "must not be in the future"));
    }
    Ok(target)
}

/// The people of each activity.
async fn people(app: &App, activities: &[ActivityInput]) -> Result<Vec<People>> {
    let mut named = Vec::new();
    for (index, activity) in activities.iter().enumerate() {
        named.extend(activity.actor.iter().map(|user| (format!("activities.{index}.actor"), user)));
        named.extend(
            activity
                .target
                .owner
                .iter()
                .map(|user| (format!("activities.{index}.target.owner"), user)),
        );
    }
    let mut found = users::resolve(&app.db, &named).await?.into_iter().map(|user| user.id);
    let mut next = |user: &Option<UserRef>| user.as_ref().and_then(|_| found.next());
    Ok(activities
        .iter()
        .map(|activity| People {
            actor: next(&activity.actor),
            owner: next(&activity.target.owner),
        })
        .collect())
}

/// Retracts an activity: it leaves its items, and enters no other. Idempotent.
#[tracing::instrument(level = "debug", name = "activities::retract", skip_all, fields(actor = actor.in_log()))]
pub async fn retract(app: &App, actor: &Actor, id: &ID) -> Result<activity::Model> {
    actor.require_host()?;
    let id: ActivityId = id::decode(id)?;
    if find(app, actor, id).await?.retracted_at.is_none() {
        let tx = app.db.begin().await?;
        tx.withdrawing().await?;
        let mut sql = tx.sql("activities::retract");
        let (this, now) = (sql.bind(id), sql.bind(app.clock.now()));
        sql.push(format!(
            "UPDATE activity SET retracted_at = {now} WHERE id = {this} AND retracted_at IS NULL"
        ));
        sql.run(&*tx).await?;
        tx.concerns([Topic::Jobs]);
        tx.commit().await?;
    }
    pull::take_back_soon(app, id).await?;
    find(app, actor, id).await
}

/// The activities that are leaving items, at most `limit` of them; `pull::take_back_soon` continues
/// with each.
pub async fn leaving(app: &App, limit: u64) -> Result<Vec<ActivityId>> {
    let due = activity::Entity::find().select_only().column(activity::Column::Id);
    let due = due
        .filter(activity::COLUMN.retracted_at.is_not_null())
        .filter(activity::COLUMN.settled_at.is_null());
    Ok(due
        .order_by_asc(activity::Column::Id)
        .limit(limit)
        .into_tuple::<ActivityId>()
        .all(app.db.read())
        .await?)
}

/// An activity that the actor may know about.
pub async fn find(app: &App, actor: &Actor, id: ActivityId) -> Result<activity::Model> {
    let query =
        activity::Entity::visible_to(actor.host_reader()).filter(activity::COLUMN.id.eq(id));
    query.one(app.db.read()).await?.ok_or(Error::NotFound("activity"))
}
