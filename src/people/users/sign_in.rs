//! Signing in: a token's claims become an actor. A person's first valid token makes them known.

use std::sync::Arc;

use ::entity::user;
use chrono::{DateTime, Utc};
use sea_orm::{EntityTrait, QueryFilter};

use super::{UserInput, write::write};
use crate::{
    app::App,
    auth::{Actor, Claims, Role},
    error::{Error, Result},
    people::deactivation,
    traces::Carry,
};

/// Makes an actor from a token's claims and the request's `act-as`. A new person becomes known.
pub async fn sign_in(app: &App, claims: &Claims, act_as: Option<&str>) -> Result<Actor> {
    let user = match (claims.role, act_as) {
        (Role::User, Some(_)) => return Err(Error::Forbidden),
        (Role::Service, None) => None,
        (_, Some(external_id)) => {
            let found = lookup(app, external_id).await?;
            Some(found.ok_or_else(|| Error::invalid("act-as", "there is no such user"))?)
        }
        (Role::User | Role::Admin, None) => match lookup(app, &claims.sub).await? {
            Some(user) => Some(user),
            None => {
                // In its own task: a request that is cut off must not cut off a transaction.
                let (app, name) = (app.clone(), claims.sub.clone());
                let known = async move { become_known(&app, &name).await }.carried();
                Some(tokio::spawn(known).await.map_err(|error| Error::internal(error))??)
            }
        },
    };
    let admin = match (claims.role, act_as) {
        (Role::Admin, Some(_)) => lookup(app, &claims.sub).await?,
        _ => None,
    };
    [&user, &admin].into_iter().flatten().try_for_each(|user| deactivation::admit(user))?;
    let expires = DateTime::from_timestamp(claims.exp, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let behind = admin
        .map(|admin| admin.id)
        .filter(|admin| user.as_ref().is_some_and(|user| user.id != *admin));
    Ok(Actor { role: claims.role, subject: claims.sub.clone(), user, behind, expires })
}

async fn lookup(app: &App, external_id: &str) -> Result<Option<Arc<user::Model>>> {
    if let Some(user) = app.recent_users.get(external_id) {
        return Ok(Some(user));
    }
    let found = user::Entity::find()
        .filter(user::COLUMN.external_id.eq(external_id))
        .one(app.db.read())
        .await?;
    let found = found.map(Arc::new);
    if let Some(user) = &found {
        app.recent_users.insert(user.clone());
    }
    Ok(found)
}

#[tracing::instrument(level = "debug", name = "users::become_known", skip_all)]
async fn become_known(app: &App, external_id: &str) -> Result<Arc<user::Model>> {
    let tx = app.db.begin().await?;
    let users = write(&tx, app, vec![UserInput::of(external_id)]).await?;
    tx.commit().await?;
    tracing::info!("a user became known by a token");
    users.into_iter().next().map(Arc::new).ok_or(Error::NotFound("user"))
}
