//! Targets: things of the host application that something is done to, and that people follow (N2).
//! They become known in passing, when an activity or a subscription names them.

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    id::{RefreshId, TargetId, UserId},
    target,
};
use async_graphql::{ID, InputObject};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, Func, OnConflict},
};

use crate::{
    app::App,
    auth::Actor,
    db::Tx,
    error::{Error, Result},
    id,
    inbox::refresh,
    search, text,
};

const LONGEST_EXTERNAL_ID: usize = 255;

/// Identifies a target by Tidings' id, or by its type and the host application's id: either `id`
/// alone, or both others.
#[derive(InputObject, Clone, Debug)]
pub struct TargetRef {
    /// Tidings' id.
    pub id: Option<ID>,
    /// A type from the catalog.
    #[graphql(name = "type")]
    pub kind: Option<String>,
    /// The host application's id, unique among targets of this type. 1 to 255 bytes.
    pub external_id: Option<String>,
}

/// What a valid reference names.
pub enum Named {
    Id(TargetId),
    Key(TargetKey),
}

/// A target's type, and its id in the host application.
#[derive(Clone, Debug)]
pub struct TargetKey {
    pub kind: String,
    pub external_id: String,
}

impl TargetRef {
    /// `field` is where the reference stands in the input.
    pub fn named(&self, field: &str) -> Result<Named> {
        match (&self.id, &self.kind, &self.external_id) {
            // An id that is none of ours is that of nothing.
            (Some(id), None, None) => Ok(Named::Id(id::decode(id).unwrap_or(TargetId(0)))),
            (None, Some(kind), Some(external_id)) => {
                Ok(Named::Key(TargetKey { kind: kind.clone(), external_id: external_id.clone() }))
            }
            _ => Err(Error::invalid(field, "must have either id, or type and externalId")),
        }
    }
}

impl Named {
    pub fn condition(&self) -> Condition {
        match self {
            Named::Id(id) => Condition::all().add(target::COLUMN.id.eq(*id)),
            Named::Key(TargetKey { kind, external_id }) => target::is_called(kind, external_id),
        }
    }
}

impl TargetKey {
    /// Refuses an invalid name.
    pub fn check(&self, app: &App, field: &str) -> Result<()> {
        if !app.catalog.has_target_type(&self.kind) {
            let types = app.catalog.target_types().join(", ");
            return Err(Error::invalid(
                format!("{field}.type"),
                format!("must be one of the catalog's: {types}"),
            ));
        }
        text::check_id(&format!("{field}.externalId"), &self.external_id, LONGEST_EXTERNAL_ID)
    }

    fn key(&self) -> Key {
        (self.external_id.clone(), self.kind.clone())
    }
}

/// What a call says about a target. A field that is None stays as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    pub owner: Option<UserId>,
    pub title: Option<String>,
    pub url: Option<String>,
}

/// The external id and the type.
type Key = (String, String);

impl Details {
    /// Whether a known target differs from this.
    fn differ(&self, known: &target::Model) -> bool {
        let differs = |new: &Option<String>, old: &Option<String>| new.is_some() && new != old;
        self.owner.is_some() && self.owner != known.owner_id
            || differs(&self.title, &known.title)
            || differs(&self.url, &known.url)
    }
}

/// The result of [`upsert`].
pub struct Upserted {
    /// The id of each target.
    pub ids: Vec<TargetId>,
    /// What is to be refreshed after the commit.
    pub noted: Vec<RefreshId>,
}

/// Inserts targets, or changes their details. If a target is listed twice, the later details win.
pub async fn upsert(
    tx: &Tx,
    targets: &[(&TargetKey, Details)],
    now: DateTime<Utc>,
) -> Result<Upserted> {
    // In a fixed order: two calls that name the same targets in different orders would deadlock.
    let mut wanted: BTreeMap<Key, Details> = BTreeMap::new();
    for (target, new) in targets {
        let details = wanted.entry(target.key()).or_default();
        details.owner = new.owner.or(details.owner);
        details.title = new.title.clone().or_else(|| details.title.take());
        details.url = new.url.clone().or_else(|| details.url.take());
    }
    let mut known = named(&**tx, wanted.keys()).await?;
    let new: Vec<_> = wanted
        .iter()
        .filter(|(key, _)| !known.contains_key(*key))
        .map(|new| row(new, now))
        .collect();
    if !new.is_empty() {
        let count = new.len();
        let once = OnConflict::columns(KEY).do_nothing().to_owned();
        let made =
            target::Entity::insert_many(new).on_conflict(once).exec_with_returning(&**tx).await?;
        let titles = made.iter().filter_map(|target| Some((target.id.0, target.title.clone()?)));
        search::add(tx, search::Searched::Target, titles).await?;
        let all_made = made.len() == count;
        known.extend(made.into_iter().map(keyed));
        if !all_made {
            // Somebody else has created the others, and the statement has waited for them to
            // commit.
            let others =
                named(&**tx, wanted.keys().filter(|key| !known.contains_key(*key))).await?;
            known.extend(others);
        }
    }
    let differs = |(key, details): &(&Key, &Details)| {
        known.get(*key).is_some_and(|known| details.differ(known))
    };
    let changed: Vec<_> = wanted.iter().filter(differs).collect();
    let mut noted = Vec::new();
    if !changed.is_empty() {
        use target::Column::{OwnerId, Title, Url};
        let newest = [OwnerId, Title, Url].map(|column| {
            let new = Expr::col(("excluded", column));
            (column, Func::coalesce([new, Expr::col((target::Entity, column))]).into())
        });
        let change = OnConflict::columns(KEY).values(newest).to_owned();
        let rows: Vec<_> = changed.iter().map(|change| row(*change, now)).collect();
        target::Entity::insert_many(rows).on_conflict(change).exec_without_returning(&**tx).await?;
        let rows = changed.iter().filter_map(|(key, _)| known.get(*key));
        noted = refresh::note(tx, rows.map(|known| refresh::Changed::Target(known.id))).await?;
        // Under the locks that the statement has taken: this is the current title.
        let titles = |(key, details): &(&Key, &Details)| {
            Some((known.get(*key)?.id.0, details.title.clone()?))
        };
        search::change(tx, search::Searched::Target, changed.iter().filter_map(titles), now)
            .await?;
    }
    let id = |target: &TargetKey| known.get(&target.key()).map(|target| target.id);
    let ids: Option<Vec<_>> = targets.iter().map(|(target, _)| id(target)).collect();
    let ids = ids.ok_or_else(|| Error::internal("a target was not inserted"))?;
    Ok(Upserted { ids, noted })
}

/// The columns that identify a target.
const KEY: [target::Column; 2] = [target::Column::ExternalId, target::Column::Type];

fn row(
    ((external_id, kind), details): (&Key, &Details),
    now: DateTime<Utc>,
) -> target::ActiveModel {
    target::ActiveModel {
        id: NotSet,
        r#type: Set(kind.clone()),
        external_id: Set(external_id.clone()),
        owner_id: Set(details.owner),
        title: Set(details.title.clone()),
        url: Set(details.url.clone()),
        created_at: Set(now),
    }
}

fn keyed(target: target::Model) -> (Key, target::Model) {
    ((target.external_id.clone(), target.r#type.clone()), target)
}

/// The targets with these names.
async fn named(
    db: &impl ConnectionTrait,
    keys: impl Iterator<Item = &Key>,
) -> Result<HashMap<Key, target::Model>> {
    let external_ids: Vec<_> = keys.map(|(external_id, _)| external_id.clone()).collect();
    // Targets of other types with the same id are also returned; nobody looks them up.
    let found = target::Entity::find()
        .filter(target::COLUMN.external_id.is_in(external_ids))
        .all(db)
        .await?;
    Ok(found.into_iter().map(keyed).collect())
}

/// The target with this name, for an actor who may know about it.
pub async fn find(app: &App, actor: &Actor, named: &Named) -> Result<target::Model> {
    let query = target::Entity::visible_to(actor.host_reader()).filter(named.condition());
    query.one(app.db.read()).await?.ok_or(Error::NotFound("target"))
}
