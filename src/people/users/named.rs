//! The people that callers name.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{id::UserId, user};
use async_graphql::{ID, OneofObject};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select,
    sea_query::LockType,
};
use serde::{Deserialize, Serialize};

use crate::{
    db::{Db, Sql, Tx, from_json},
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

/// What the statement is called that finds people by references.
const NAMED: &str = "users::named";

/// The people that references name, each once, in the order of the references. Each reference comes
/// with its place in the input, for the error.
pub async fn find_all(tx: &Tx, users: &[(String, &UserRef)]) -> Result<Vec<user::Model>> {
    let mut sql = tx.sql(NAMED);
    let found = match select(&mut sql, users) {
        Some(select) => sql.push(select).json(&**tx).await?,
        None => Vec::new(),
    };
    Ok(each_once(each_of(users, &found)?))
}

/// As [`find_all`], among those for whom a condition holds: for the others, the error is that there
/// is no such user.
pub async fn find_among(
    db: &Db,
    users: &[(String, &UserRef)],
    condition: Condition,
) -> Result<Vec<user::Model>> {
    let found = resolve(db, users).await?;
    if !condition.is_empty() {
        let ids = found.iter().map(|user| user.id);
        let among = user::Entity::find().filter(user::COLUMN.id.is_in(ids)).filter(condition);
        let among = among.select_only().column(user::Column::Id).into_tuple();
        let among: Vec<UserId> = among.all(db.read()).await?;
        let other = users.iter().zip(&found).find(|(_, user)| !among.contains(&user.id));
        if let Some(((field, _), _)) = other {
            return Err(no_such_user(field));
        }
    }
    Ok(each_once(found))
}

/// The person that each reference names.
pub async fn resolve(db: &Db, users: &[(String, &UserRef)]) -> Result<Vec<user::Model>> {
    let mut sql = db.sql(NAMED);
    let found = match select(&mut sql, users) {
        Some(select) => {
            let [found] = db.ask(sql, [select]).await?;
            from_json(found).await?
        }
        None => Vec::new(),
    };
    each_of(users, &found)
}

/// Selects the people that references name as one JSON list; None if they can name nobody.
fn select(sql: &mut Sql, users: &[(String, &UserRef)]) -> Option<String> {
    let mut ids = BTreeSet::new();
    let mut external_ids = BTreeSet::new();
    for (_, user) in users {
        match user {
            UserRef::Id(id) => ids.extend(id::decode::<UserId>(id)),
            // PostgreSQL has no text with a NUL.
            UserRef::ExternalId(id) if id.contains('\0') => {}
            UserRef::ExternalId(id) => external_ids.extend([id]),
        }
    }
    // Each list only if it is not empty: an empty list beside the other would make the databases
    // read all users.
    let by_id = (!ids.is_empty()).then(|| sql.is_one_of("u.id", &Vec::from_iter(ids)));
    let by_external_id = (!external_ids.is_empty())
        .then(|| sql.is_one_of_texts("u.external_id", &Vec::from_iter(external_ids)));
    let lists: Vec<_> = by_id.into_iter().chain(by_external_id).collect();
    let row = sql.dialect().json_row::<user::Entity>("u");
    let select = || {
        format!(
            "SELECT {} FROM user_account AS u WHERE {}",
            sql.dialect().json_list(&row),
            lists.join(" OR ")
        )
    };
    (!lists.is_empty()).then(select)
}

/// The person that each reference names, if they are among those who were found.
fn each_of(users: &[(String, &UserRef)], found: &[user::Model]) -> Result<Vec<user::Model>> {
    let by_id: HashMap<_, _> = found.iter().map(|user| (user.id, user)).collect();
    let by_external_id: HashMap<_, _> =
        found.iter().map(|user| (user.external_id.as_str(), user)).collect();
    let user = |(field, reference): &(String, &UserRef)| {
        let user = match reference {
            UserRef::Id(id) => id::decode(id).ok().and_then(|id| by_id.get(&id)),
            UserRef::ExternalId(id) => by_external_id.get(id.as_str()),
        };
        user.map(|user| (*user).clone()).ok_or_else(|| no_such_user(field))
    };
    users.iter().map(user).collect()
}

fn each_once(mut users: Vec<user::Model>) -> Vec<user::Model> {
    let mut known = HashSet::new();
    users.retain(|user| known.insert(user.id));
    users
}

fn no_such_user(field: &str) -> Error {
    Error::invalid(field, "there is no such user")
}
