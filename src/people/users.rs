//! People: created by the host or by their first valid token (M1). Their rows are never deleted;
//! `erase` leaves nothing of a person in one.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use ::entity::{id::UserId, user};
use async_graphql::{Enum, ID, InputObject, OneofObject};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::{LockType, OnConflict},
};
use serde::{Deserialize, Serialize};

use super::deactivation;
use crate::{
    app::App,
    auth::{Actor, Claims, LONGEST_SUBJECT, Role},
    config::OwnField,
    db::{Sql, Topic, Tx},
    error::{Error, Result},
    id,
    page::{Page, Slice},
    search::{self, rows},
    text,
    traces::Carry,
};

/// The most people that one call may name.
pub const MOST: usize = 500;
pub const LONGEST_EXTERNAL_ID: usize = LONGEST_SUBJECT;
const LONGEST_NAME: usize = 100;
const LONGEST_TEXT: usize = 2_000;

/// Identifies a person by Tidings' id or by the host application's.
#[derive(OneofObject, Clone, Debug, Serialize, Deserialize)]
pub enum UserRef {
    /// Tidings' id.
    Id(ID),
    /// The host application's id.
    ExternalId(String),
}

/// What the host application knows about a person.
#[derive(InputObject, Clone, Debug)]
pub struct UserInput {
    /// The host application's id, 1 to 255 bytes; the subject of this person's tokens.
    pub external_id: String,
    /// If omitted, unchanged, or empty for a new user. At most 100 characters.
    pub first_name: Option<String>,
    /// If omitted, unchanged, or empty for a new user. At most 100 characters.
    pub last_name: Option<String>,
    /// If omitted, unchanged.
    pub email: Option<String>,
    /// An http or https URL of a picture. If omitted, unchanged.
    pub avatar_url: Option<String>,
    /// A BCP 47 language tag. If omitted, unchanged, or `en` for a new user.
    pub locale: Option<String>,
    /// A name from the IANA time zone database. If omitted, unchanged, or `UTC` for a new user.
    pub time_zone: Option<String>,
}

/// What people change of what is known about them.
#[derive(InputObject, Clone, Debug)]
pub struct UpdateViewerInput {
    /// A BCP 47 language tag. If omitted, unchanged.
    pub locale: Option<String>,
    /// A name from the IANA time zone database. If omitted, unchanged.
    pub time_zone: Option<String>,
}

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

impl UserInput {
    /// Says nothing but who it is.
    fn of(external_id: &str) -> Self {
        UserInput {
            external_id: external_id.to_owned(),
            first_name: None,
            last_name: None,
            email: None,
            avatar_url: None,
            locale: None,
            time_zone: None,
        }
    }
}

/// Changes what the operator lets people change of what is known about them (`people_edit`).
#[tracing::instrument(level = "debug", name = "users::update_viewer", skip_all, fields(actor = actor.in_log()))]
pub async fn update_viewer(
    app: &App,
    actor: &Actor,
    input: UpdateViewerInput,
) -> Result<user::Model> {
    let viewer = actor.person()?;
    let UpdateViewerInput { locale, time_zone } = input;
    for (field, is_given) in
        [(OwnField::Locale, locale.is_some()), (OwnField::TimeZone, time_zone.is_some())]
    {
        if is_given && !app.config.people_edit.contains(&field) {
            actor.require_host()?;
        }
    }
    let change = UserInput { locale, time_zone, ..UserInput::of(&viewer.external_id) };
    check(&change, "")?;
    let tx = app.db.begin().await?;
    let users = write(&tx, app, vec![change]).await?;
    // A person who is being erased does not become known again by this.
    let user = users.into_iter().find(|user| user.id == viewer.id);
    let user = user.ok_or(deactivation::DEACTIVATED)?;
    tx.concerns([Topic::User(user.id)]);
    tx.commit().await?;
    app.recent_users.forget_all();
    Ok(user)
}

/// Creates people, or changes what is known about them; all or none. Returns them in input order.
#[tracing::instrument(level = "debug", name = "users::upsert", skip_all, fields(actor = actor.in_log()))]
pub async fn upsert(app: &App, actor: &Actor, users: Vec<UserInput>) -> Result<Vec<user::Model>> {
    actor.require_host()?;
    if users.is_empty() || users.len() > MOST {
        return Err(Error::invalid("users", format!("must have between 1 and {MOST} users")));
    }
    let mut seen = HashSet::new();
    for (index, user) in users.iter().enumerate() {
        check(user, &format!("users.{index}."))?;
        if !seen.insert(&user.external_id) {
            return Err(Error::invalid(
                format!("users.{index}.externalId"),
                "occurs twice in this call",
            ));
        }
    }
    let tx = app.db.begin().await?;
    let users = write(&tx, app, users).await?;
    tx.concerns(users.iter().map(|user| Topic::User(user.id)));
    tx.commit().await?;
    app.recent_users.forget_all();
    Ok(users)
}

/// Writes people and, for new ones, their inboxes.
async fn write(tx: &Tx, app: &App, users: Vec<UserInput>) -> Result<Vec<user::Model>> {
    let place: HashMap<_, _> =
        users.iter().enumerate().map(|(n, user)| (user.external_id.clone(), n)).collect();
    // Those who are known need no insert, which would use up an id.
    let named = user::Entity::find().filter(user::COLUMN.external_id.is_in(place.keys().cloned()));
    let before = named.clone().select_only().column(user::Column::ExternalId);
    let before: Vec<String> = before.into_tuple().all(&**tx).await?;
    let before: HashSet<_> = before.into_iter().collect();
    // In a fixed order: two calls that name the same people in different orders would deadlock.
    let mut sorted: Vec<_> =
        users.iter().filter(|user| !before.contains(&user.external_id)).collect();
    sorted.sort_by(|one, other| one.external_id.cmp(&other.external_id));
    let now = app.clock.now();
    let rows: Vec<_> = sorted.into_iter().map(|user| new_row(user, now)).collect();
    if !rows.is_empty() {
        // Waits for anyone who is creating one of them at this moment.
        let once = OnConflict::column(user::Column::ExternalId).do_nothing().to_owned();
        user::Entity::insert_many(rows).on_conflict(once).exec_without_returning(&**tx).await?;
    }
    // From here on nobody else changes them: omitted fields stay as they are now, not as they were
    // before a lock.
    let locked = named.order_by_asc(user::Column::ExternalId).lock(LockType::NoKeyUpdate);
    let mut changed = Vec::new();
    let mut known = locked.all(&**tx).await?;
    if known.len() < place.len() {
        return Err(Error::Unavailable("one of these users is being erased".into()));
    }
    if known.iter().any(|user| user.erased_at.is_some()) {
        return Err(Error::Conflict("one of these users was erased".into()));
    }
    known.sort_by_key(|user| place.get(&user.external_id));
    let text =
        |user: &user::Model| [&*user.first_name, &*user.last_name, &*user.external_id].join("\n");
    let (mut texts, mut new_texts) = (Vec::new(), Vec::new());
    for (old, new) in known.iter_mut().zip(users) {
        let user = changed_by(old, new);
        if text(&user) != text(&*old) {
            texts.push((user.id.0, text(&user)));
        } else if !before.contains(&user.external_id) {
            new_texts.push((user.id.0, text(&user)));
        }
        if user != *old {
            changed.push(user.clone().into_active_model());
            *old = user;
        }
    }
    if !changed.is_empty() {
        use user::Column::{AvatarUrl, Email, FirstName, Id, LastName, Locale, TimeZone};
        let newest = OnConflict::column(Id)
            .update_columns([FirstName, LastName, Email, AvatarUrl, Locale, TimeZone])
            .to_owned();
        user::Entity::insert_many(changed)
            .on_conflict(newest)
            .exec_without_returning(&**tx)
            .await?;
    }
    search::add(tx, search::Searched::User, new_texts).await?;
    search::change(tx, search::Searched::User, texts, app.clock.now()).await?;
    give_inboxes(tx, &known).await?;
    Ok(known)
}

/// Writes the inboxes of those who have none yet. What was announced and done before somebody
/// became known is not for them (N7).
async fn give_inboxes(tx: &Tx, users: &[user::Model]) -> Result<()> {
    let mut sql = tx.sql("users::insert_inboxes");
    let people = sql.integer_table(["id"], users.iter().map(|user| [user.id.0]));
    sql.push(format!(
        "INSERT INTO inbox (user_id, announcements_since, announcements_pulled, activities_pulled) \
         SELECT u.id, h.announcement, h.announcement, h.activity FROM {people} AS u, \
         (SELECT (SELECT coalesce(max(position), 0) FROM announcement) AS announcement, \
         (SELECT coalesce(max(id), 0) FROM activity) AS activity) AS h \
         WHERE true ON CONFLICT (user_id) DO NOTHING"
    ));
    sql.run(&**tx).await.map(drop)
}

/// The row of a person whom nobody knows yet.
fn new_row(new: &UserInput, now: DateTime<Utc>) -> user::ActiveModel {
    user::ActiveModel {
        id: NotSet,
        external_id: Set(new.external_id.clone()),
        first_name: Set(new.first_name.clone().unwrap_or_default()),
        last_name: Set(new.last_name.clone().unwrap_or_default()),
        email: Set(new.email.clone()),
        avatar_url: Set(new.avatar_url.clone()),
        locale: Set(new.locale.clone().unwrap_or_else(|| "en".to_owned())),
        time_zone: Set(new.time_zone.clone().unwrap_or_else(|| "UTC".to_owned())),
        deactivated_at: NotSet,
        deactivated_by: NotSet,
        deactivation_reason: NotSet,
        created_at: Set(now),
        erased_at: NotSet,
    }
}

/// A person, updated with what the host says about them now.
fn changed_by(old: &user::Model, new: UserInput) -> user::Model {
    let old = old.clone();
    user::Model {
        first_name: new.first_name.unwrap_or(old.first_name),
        last_name: new.last_name.unwrap_or(old.last_name),
        email: new.email.or(old.email),
        avatar_url: new.avatar_url.or(old.avatar_url),
        locale: new.locale.unwrap_or(old.locale),
        time_zone: new.time_zone.unwrap_or(old.time_zone),
        ..old
    }
}

/// `path` is in front of the name of a field, for the error.
fn check(user: &UserInput, path: &str) -> Result<()> {
    let field = |name: &str| format!("{path}{name}");
    text::check_id(&field("externalId"), &user.external_id, LONGEST_EXTERNAL_ID)?;
    for (name, value, longest) in [
        ("firstName", &user.first_name, LONGEST_NAME),
        ("lastName", &user.last_name, LONGEST_NAME),
        ("email", &user.email, LONGEST_TEXT),
        ("avatarUrl", &user.avatar_url, LONGEST_TEXT),
    ] {
        text::check_optional_line(&field(name), value.as_deref(), longest)?;
    }
    let refuse = |name: &str, message: &str| Err(Error::invalid(field(name), message));
    if user.email.as_ref().is_some_and(|email| !email.contains('@')) {
        return refuse("email", "must be an e-mail address");
    }
    if user.avatar_url.as_deref().is_some_and(|url| !text::is_web_url(url)) {
        return refuse("avatarUrl", "must be an http or https URL");
    }
    let is_tag = |tag: &String| {
        (2..=35).contains(&tag.len())
            && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !tag.starts_with('-')
    };
    if user.locale.as_ref().is_some_and(|locale| !is_tag(locale)) {
        return refuse("locale", "must be a BCP 47 language tag, such as en or pt-BR");
    }
    if user.time_zone.as_ref().is_some_and(|zone| zone.parse::<chrono_tz::Tz>().is_err()) {
        return refuse(
            "timeZone",
            "must be a name from the IANA time zone database, such as Europe/Paris",
        );
    }
    Ok(())
}

/// The person that a reference names, locked: nobody else changes who they are.
pub async fn lock(tx: &Tx, user: &UserRef) -> Result<user::Model> {
    one(named(user)?.lock(LockType::NoKeyUpdate), &**tx).await
}

/// Whether somebody may use their inbox.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// Those who may.
    Active,
    /// Those who were deactivated, without those who were erased.
    Deactivated,
}

impl UserState {
    /// The condition that a row `alias` is in this state: that of an index, in the order of ids.
    pub fn is_of(self, alias: &str) -> String {
        match self {
            UserState::Active => format!("{alias}.deactivated_at IS NULL"),
            UserState::Deactivated => {
                format!("{alias}.deactivated_at IS NOT NULL AND {alias}.erased_at IS NULL")
            }
        }
    }
}

/// A page of everybody, or of those in a state, in whose name or external id words are found.
pub async fn found(
    app: &App,
    state: Option<UserState>,
    text: &str,
    page: &Page<i64>,
) -> Result<Slice<user::Model>> {
    let listed = move |_: &mut Sql| state.map_or("true".to_owned(), |state| state.is_of("x"));
    let searched = search::Searched::User;
    let list = rows::Rows { db: &app.db, searched, page, is_descending: false, listed: &listed };
    with_rows(app, rows::ids(&app.db, searched, &list, page, text).await?).await
}

/// The people with the ids on a page.
pub async fn with_rows(app: &App, ids: Slice<i64>) -> Result<Slice<user::Model>> {
    let people = user::Entity::find().filter(user::COLUMN.id.is_in(ids.rows.clone()));
    let people = people.all(app.db.read()).await?;
    let mut people: HashMap<_, _> = people.into_iter().map(|user| (user.id.0, user)).collect();
    Ok(ids.map(|id| people.remove(&id)))
}

/// The person that a reference names.
pub async fn find(db: &impl ConnectionTrait, user: &UserRef) -> Result<user::Model> {
    one(named(user)?, db).await
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
