//! Who follows what, and who wants what (N3–N5, N9).
//!
//! A subscription is one row for each action that its reason covers. Rows are never deleted: an
//! ended one says up to which activity it held, so that it can be explained why something came. A
//! change of subscriptions or settings first takes in what is due under the old rules (N8).

use std::collections::HashSet;

use ::entity::{
    id::{TargetId, UserId},
    subscription, subscription_config, target,
};
use async_graphql::InputObject;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
};

use crate::{
    app::App,
    auth::Actor,
    error::{Error, Result},
    notifications::{
        pull,
        targets::{self, Details, Named, TargetKey, TargetRef},
    },
};

/// What to follow, and why.
#[derive(InputObject, Clone, Debug)]
pub struct SubscribeInput {
    /// The target to follow. One that is named by its type and external id is created if it does
    /// not exist.
    pub target: TargetRef,
    /// A reason from the catalog. It determines which actions the viewer hears of.
    pub reason: String,
}

/// What to stop following.
#[derive(InputObject, Clone, Debug)]
pub struct CancelSubscriptionInput {
    /// The target to stop following.
    pub target: TargetRef,
    /// The only reason to end; all of them if omitted.
    pub reason: Option<String>,
}

/// Which actions to hear of.
#[derive(InputObject, Clone, Debug)]
pub struct UpdateSubscriptionConfigInput {
    /// 1 to 100 actions, each at most once. Others stay unchanged.
    pub settings: Vec<ActionSettingInput>,
}

/// Whether to hear of an action.
#[derive(InputObject, Clone, Debug)]
pub struct ActionSettingInput {
    /// An action from the catalog.
    pub action: String,
    /// Whether to hear of it; null restores the default.
    pub enabled: Option<bool>,
}

/// What somebody follows about a target now.
#[derive(Clone, Debug)]
pub struct Following {
    pub user: UserId,
    pub target: target::Model,
    pub reasons: Vec<String>,
    pub actions: Vec<String>,
    pub since: DateTime<Utc>,
}

const MOST_SETTINGS: usize = 100;
/// The most actions of targets that one person follows: a look at an inbox looks at the latest of
/// each.
const MOST_FOLLOWED: u64 = 10_000;

/// Follows a target for a reason. Idempotent.
#[tracing::instrument(level = "debug", name = "subscriptions::subscribe", skip_all, fields(actor = actor.in_log()))]
pub async fn subscribe(app: &App, actor: &Actor, input: SubscribeInput) -> Result<Following> {
    let user = subscriber(app, actor)?;
    let target = match input.target.named("target")? {
        Named::Key(key) => key,
        named => {
            let target = targets::find(app, actor, &named).await?;
            TargetKey { kind: target.r#type, external_id: target.external_id }
        }
    };
    target.check(app, "target")?;
    let reason = app.catalog.reason(&input.reason).ok_or_else(|| unknown_reason(app))?;

    let now = app.clock.now();
    pull::pull(app, &[user]).await?;
    let tx = app.db.begin().await?;
    let target = targets::upsert(&tx, &[(&target, Details::default())], now).await?.ids[0];
    let since = pull::before_change(&tx, app, user).await?;
    let rows = reason.actions.iter().map(|action| subscription::ActiveModel {
        id: NotSet,
        user_id: Set(user),
        target_id: Set(target),
        action: Set(action.clone()),
        reason: Set(reason.key.clone()),
        since: Set(since),
        until: Set(None),
        created_at: Set(now),
    });
    // The lock of the inbox keeps anybody else from subscribing this person at the same time.
    let known = of_target(&*tx, user, target).await?;
    let is_new = |row: &subscription::ActiveModel| {
        !known.iter().any(|known| {
            Set(known.action.clone()) == row.action && Set(known.reason.clone()) == row.reason
        })
    };
    let rows: Vec<_> = rows.filter(is_new).collect();
    if !rows.is_empty() {
        let followed = subscription::Entity::find().filter(subscription::COLUMN.user_id.eq(user));
        if followed.filter(subscription::COLUMN.until.is_null()).count(&*tx).await? >= MOST_FOLLOWED
        {
            return Err(Error::LimitExceeded(format!(
                "somebody follows at most {MOST_FOLLOWED} actions of targets"
            )));
        }
        subscription::Entity::insert_many(rows).exec_without_returning(&*tx).await?;
    }
    tx.commit().await?;
    following(app, user, target).await?.ok_or(Error::NotFound("subscription"))
}

/// Ends a subscription, or one reason of it; returns what is left of it. Idempotent.
#[tracing::instrument(level = "debug", name = "subscriptions::cancel", skip_all, fields(actor = actor.in_log()))]
pub async fn cancel(
    app: &App,
    actor: &Actor,
    input: CancelSubscriptionInput,
) -> Result<Option<Following>> {
    let user = subscriber(app, actor)?;
    let named = input.target.named("target")?;
    if let Named::Key(key) = &named {
        key.check(app, "target")?;
    }
    if let Some(reason) = &input.reason
        && app.catalog.reason(reason).is_none()
        && !was_followed_for(app, user, reason).await?
    {
        return Err(unknown_reason(app));
    }
    let known = target::Entity::find().filter(named.condition()).one(app.db.read()).await?;
    // Nobody follows a target that is not known.
    let Some(target) = known else { return Ok(None) };

    pull::pull(app, &[user]).await?;
    let tx = app.db.begin().await?;
    let until = pull::before_change(&tx, app, user).await?;
    let mut sql = tx.sql("subscriptions::cancel");
    let (until, owner, followed) = (sql.bind(until), sql.bind(user), sql.bind(target.id));
    sql.push(format!(
        "UPDATE subscription SET until = {until} \
         WHERE user_id = {owner} AND target_id = {followed} AND until IS NULL"
    ));
    if let Some(reason) = input.reason {
        let reason = sql.bind(reason);
        sql.push(format!(" AND reason = {reason}"));
    }
    sql.run(&*tx).await?;
    tx.commit().await?;
    following(app, user, target.id).await
}

/// Sets what a person wants to hear of. Idempotent.
#[tracing::instrument(level = "debug", name = "subscriptions::configure", skip_all, fields(actor = actor.in_log()))]
pub async fn configure(
    app: &App,
    actor: &Actor,
    input: UpdateSubscriptionConfigInput,
) -> Result<UserId> {
    let user = actor.person()?.id;
    if input.settings.is_empty() || input.settings.len() > MOST_SETTINGS {
        return Err(Error::invalid(
            "settings",
            format!("must have between 1 and {MOST_SETTINGS} settings"),
        ));
    }
    let mut named = HashSet::new();
    for (index, setting) in input.settings.iter().enumerate() {
        let field = format!("settings.{index}.action");
        if app.catalog.action(&setting.action).is_none() {
            return Err(Error::invalid(field, "must be an action from the catalog"));
        }
        if !named.insert(&setting.action) {
            return Err(Error::invalid(field, "occurs twice in this call"));
        }
    }

    let now = app.clock.now();
    pull::pull(app, &[user]).await?;
    let tx = app.db.begin().await?;
    let since = pull::before_change(&tx, app, user).await?;
    let old = settings(&*tx, &[user]).await?;
    for ActionSettingInput { action, enabled } in input.settings {
        let old = old.iter().find(|old| old.until.is_none() && old.action == action);
        if old.map(|old| old.enabled) == enabled {
            continue;
        }
        if let Some(old) = old {
            let mut sql = tx.sql("subscriptions::end_setting");
            let (until, ended_at, id) = (sql.bind(since), sql.bind(now), sql.bind(old.id));
            sql.push(format!(
                "UPDATE subscription_config SET until = {until}, ended_at = {ended_at} \
                 WHERE id = {id}"
            ));
            sql.run(&*tx).await?;
        }
        if let Some(enabled) = enabled {
            let new = subscription_config::ActiveModel {
                id: NotSet,
                user_id: Set(user),
                action: Set(action),
                enabled: Set(enabled),
                since: Set(since),
                until: Set(None),
                created_at: Set(now),
                ended_at: Set(None),
            };
            subscription_config::Entity::insert(new).exec_without_returning(&*tx).await?;
        }
    }
    tx.commit().await?;
    Ok(user)
}

/// Everything that people have ever said about what they want, the oldest first.
pub async fn settings(
    db: &impl ConnectionTrait,
    users: &[UserId],
) -> Result<Vec<subscription_config::Model>> {
    let of = subscription_config::COLUMN.user_id.is_in(users.iter().copied());
    let settings = subscription_config::Entity::find().filter(of);
    Ok(settings.order_by_asc(subscription_config::Column::Id).all(db).await?)
}

/// What a person follows about a target now.
pub async fn following(app: &App, user: UserId, target: TargetId) -> Result<Option<Following>> {
    let rows = of_target(app.db.read(), user, target).await?;
    let target = target::Entity::find_by_id(target).one(app.db.read()).await?;
    Ok(target.and_then(|target| Following::of(target, rows)))
}

impl Following {
    /// From the rows of one person and target; None if there are none.
    pub fn of(target: target::Model, rows: Vec<subscription::Model>) -> Option<Self> {
        let first = rows.first()?;
        let (user, mut since) = (first.user_id, first.created_at);
        let (mut reasons, mut actions) = (Vec::new(), Vec::new());
        for row in rows {
            since = since.min(row.created_at);
            if !reasons.contains(&row.reason) {
                reasons.push(row.reason);
            }
            if !actions.contains(&row.action) {
                actions.push(row.action);
            }
        }
        Some(Following { user, target, reasons, actions, since })
    }
}

async fn of_target(
    db: &impl ConnectionTrait,
    user: UserId,
    target: TargetId,
) -> Result<Vec<subscription::Model>> {
    let rows = subscription::Entity::find().filter(subscription::COLUMN.user_id.eq(user));
    let rows = rows
        .filter(subscription::COLUMN.target_id.eq(target))
        .filter(subscription::COLUMN.until.is_null());
    Ok(rows.order_by_asc(subscription::Column::Id).all(db).await?)
}

/// Whether a person follows anything for a reason, which the catalog may have lost since.
async fn was_followed_for(app: &App, user: UserId, reason: &str) -> Result<bool> {
    let rows = subscription::Entity::find().filter(subscription::COLUMN.user_id.eq(user));
    let rows = rows
        .filter(subscription::COLUMN.until.is_null())
        .filter(subscription::COLUMN.reason.eq(reason));
    Ok(rows.one(app.db.read()).await?.is_some())
}

/// The person who follows: the actor themself, if the operator lets people choose, or the person
/// for whom the host application acts.
fn subscriber(app: &App, actor: &Actor) -> Result<UserId> {
    let user = actor.person()?.id;
    if !app.config.people_subscribe {
        actor.require_host()?;
    }
    Ok(user)
}

fn unknown_reason(app: &App) -> Error {
    let reasons: Vec<_> = app.catalog.reasons().iter().map(|reason| reason.key.as_str()).collect();
    Error::invalid("reason", format!("must be one of the catalog's: {}", reasons.join(", ")))
}
