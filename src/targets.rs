//! Targets: things of the host application that something is done to, and that people follow (N2). They become known in
//! passing, by an activity or a subscription that names them.

use std::collections::{BTreeMap, HashMap};

use ::entity::target;
use async_graphql::InputObject;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, Func, OnConflict},
};
use serde::Serialize;

use crate::{
    app::App,
    auth::Actor,
    db::Tx,
    error::{Error, Result},
    refresh, search, text,
};

const LONGEST_EXTERNAL_ID: usize = 255;

/// Names a target as the host application does.
#[derive(InputObject, Clone, Debug, Serialize)]
pub struct TargetRef {
    /// A type of the catalog.
    #[graphql(name = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    /// The host application's id, unique among the targets of this type. 1 to 255 bytes.
    pub external_id: String,
}

impl TargetRef {
    /// Refuses one that cannot be.
    pub fn check(&self, app: &App, field: &str) -> Result<()> {
        if !app.catalog.has_target_type(&self.kind) {
            let types = app.catalog.target_types().join(", ");
            return Err(Error::invalid(format!("{field}.type"), format!("is one of the catalog: {types}")));
        }
        text::check_line(&format!("{field}.externalId"), &self.external_id, LONGEST_EXTERNAL_ID)
    }

    fn key(&self) -> Key {
        (self.external_id.clone(), self.kind.clone())
    }
}

/// What a call says of a target. What is None stays as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    pub owner: Option<i64>,
    pub title: Option<String>,
    pub url: Option<String>,
}

/// The external id and the type.
type Key = (String, String);

impl Details {
    /// Whether a target that is known is not yet so.
    fn differ(&self, known: &target::Model) -> bool {
        let differs = |new: &Option<String>, old: &Option<String>| new.is_some() && new != old;
        self.owner.is_some() && self.owner != known.owner_id
            || differs(&self.title, &known.title)
            || differs(&self.url, &known.url)
    }
}

/// What [`know`] has done.
pub struct Known {
    /// Of each target.
    pub ids: Vec<i64>,
    /// What is to be refreshed after the commit.
    pub noted: Vec<i64>,
}

/// Makes targets known, or changes what is known of them. Of one that stands here twice, the later details hold.
pub async fn know(tx: &Tx, targets: &[(&TargetRef, Details)], now: DateTime<Utc>) -> Result<Known> {
    // In one order: two calls that name the same targets in different orders would lock each other out.
    let mut wanted: BTreeMap<Key, Details> = BTreeMap::new();
    for (target, new) in targets {
        let details = wanted.entry(target.key()).or_default();
        details.owner = new.owner.or(details.owner);
        details.title = new.title.clone().or_else(|| details.title.take());
        details.url = new.url.clone().or_else(|| details.url.take());
    }
    let mut known = named(&**tx, wanted.keys()).await?;
    let is_news = |(key, details): &(&Key, &Details)| known.get(*key).is_none_or(|known| details.differ(known));
    let news: Vec<_> = wanted.iter().filter(is_news).collect();
    let mut noted = Vec::new();
    if !news.is_empty() {
        let rows = news.iter().map(|((external_id, kind), details)| target::ActiveModel {
            id: NotSet,
            r#type: Set(kind.clone()),
            external_id: Set(external_id.clone()),
            owner_id: Set(details.owner),
            title: Set(details.title.clone()),
            url: Set(details.url.clone()),
            created_at: Set(now),
        });
        use target::Column::{ExternalId, OwnerId, Title, Type, Url};
        let newest = [OwnerId, Title, Url].map(|column| {
            let new = Expr::col(("excluded", column));
            (column, Func::coalesce([new, Expr::col((target::Entity, column))]).into())
        });
        let change = OnConflict::columns([ExternalId, Type]).values(newest).to_owned();
        let insert = target::Entity::insert_many(rows.collect::<Vec<_>>()).on_conflict(change);
        insert.exec_without_returning(&**tx).await?;
        let changed =
            news.iter().filter_map(|(key, _)| known.get(*key)).map(|known| refresh::Changed::Target(known.id));
        noted = refresh::note(tx, changed).await?;
        let texts: Vec<_> =
            news.iter().filter(|(_, details)| details.title.is_some()).map(|(key, _)| (*key).clone()).collect();
        known = named(&**tx, wanted.keys()).await?;
        let texts =
            texts.iter().filter_map(|key| known.get(key)).map(|row| (row.id, row.title.clone().unwrap_or_default()));
        search::change(tx, search::About::Target, texts).await?;
    }
    let id = |target: &TargetRef| known.get(&target.key()).map(|target| target.id);
    let ids: Option<Vec<_>> = targets.iter().map(|(target, _)| id(target)).collect();
    let ids = ids.ok_or_else(|| Error::Internal("a target was not inserted".into()))?;
    Ok(Known { ids, noted })
}

/// The targets with these names.
async fn named(db: &impl ConnectionTrait, keys: impl Iterator<Item = &Key>) -> Result<HashMap<Key, target::Model>> {
    let external_ids: Vec<_> = keys.map(|(external_id, _)| external_id.clone()).collect();
    // Those of other types with the same id come along, and are looked up by nobody.
    let found = target::Entity::find().filter(target::COLUMN.external_id.is_in(external_ids)).all(db).await?;
    Ok(found.into_iter().map(|target| ((target.external_id.clone(), target.r#type.clone()), target)).collect())
}

/// The target that a reference names, for an actor who may know of it.
pub async fn find(app: &App, actor: &Actor, target: &TargetRef) -> Result<target::Model> {
    let query = target::Entity::visible_to(actor.host_reader());
    let query = query.filter(target::is_called(&target.kind, &target.external_id));
    query.one(app.db.read()).await?.ok_or(Error::NotFound("target"))
}
