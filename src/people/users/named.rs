//! The people that callers name.

use std::collections::{HashMap, HashSet};

use ::entity::{id::UserId, user};
use async_graphql::{ID, OneofObject};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select,
    sea_query::LockType,
};
use serde::{Deserialize, Serialize};

use crate::{
    db::Tx,
    error::{Error, Result},
    id,
};

/// Identifies a person by Tidings' id or by the host application's.
#[derive(OneofObject, Clone, Debug, Serialize, Deserialize)]
pub enum UserRef {
    /// Tidings' id.
    Id(ID),
    /// The host application's id.
    ExternalId(String),
}

/// The person that a reference names.
pub async fn find(db: &impl ConnectionTrait, user: &UserRef) -> Result<user::Model> {
    one(named(user)?, db).await
}

/// The person that a reference names, locked: nobody else changes who they are.
pub async fn lock(tx: &Tx, user: &UserRef) -> Result<user::Model> {
    one(named(user)?.lock(LockType::NoKeyUpdate), &**tx).await
}

fn named(user: &UserRef) -> Result<Select<user::Entity>> {
    Ok(match user {
        UserRef::Id(id) => user::Entity::find_by_id(id::decode::<UserId>(id)?),
        UserRef::ExternalId(id) => user::Entity::find().filter(user::COLUMN.external_id.eq(id)),
    })
}

async fn one(query: Select<user::Entity>, db: &impl ConnectionTrait) -> Result<user::Model> {
    query.one(db).await?.ok_or(Error::NotFound("user"))
}

/// The people that references name, each once, in the order of the references. Each reference comes
/// with its place in the input, for the error.
pub async fn find_all(
    db: &impl ConnectionTrait,
    users: &[(String, &UserRef)],
) -> Result<Vec<user::Model>> {
    find_among(db, users, Condition::all()).await
}

/// As [`find_all`], among those for whom a condition holds: for the others, the error is that there
/// is no such user.
pub async fn find_among(
    db: &impl ConnectionTrait,
    users: &[(String, &UserRef)],
    condition: Condition,
) -> Result<Vec<user::Model>> {
    let mut named = HashSet::new();
    let mut found = resolve_among(db, users, condition).await?;
    found.retain(|user| named.insert(user.id));
    Ok(found)
}

/// The person that each reference names.
pub async fn resolve(
    db: &impl ConnectionTrait,
    users: &[(String, &UserRef)],
) -> Result<Vec<user::Model>> {
    resolve_among(db, users, Condition::all()).await
}

async fn resolve_among(
    db: &impl ConnectionTrait,
    users: &[(String, &UserRef)],
    condition: Condition,
) -> Result<Vec<user::Model>> {
    let mut ids = HashSet::new();
    let mut external_ids = HashSet::new();
    for (_, user) in users {
        match user {
            UserRef::Id(id) => ids.extend(id::decode::<UserId>(id)),
            UserRef::ExternalId(id) => external_ids.extend([id.as_str()]),
        }
    }
    // Each list only if it is not empty: an empty list beside the other would make the databases
    // read all users.
    let by_id = (!ids.is_empty()).then(|| user::COLUMN.id.is_in(ids));
    let by_external_id =
        (!external_ids.is_empty()).then(|| user::COLUMN.external_id.is_in(external_ids));
    let named = Condition::any().add_option(by_id).add_option(by_external_id);
    let found = match named.is_empty() {
        true => Vec::new(),
        false => user::Entity::find().filter(named).filter(condition).all(db).await?,
    };
    let by_id: HashMap<_, _> = found.iter().map(|user| (user.id, user)).collect();
    let by_external_id: HashMap<_, _> =
        found.iter().map(|user| (user.external_id.as_str(), user)).collect();
    let user = |(field, reference): &(String, &UserRef)| {
        let user = match reference {
            UserRef::Id(id) => id::decode(id).ok().and_then(|id| by_id.get(&id)),
            UserRef::ExternalId(id) => by_external_id.get(id.as_str()),
        };
        user.map(|user| (*user).clone())
            .ok_or_else(|| Error::invalid(field, "there is no such user"))
    };
    users.iter().map(user).collect()
}
