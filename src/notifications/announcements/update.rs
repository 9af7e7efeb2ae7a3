//! Changing an announcement, also in the inboxes that have it.

use ::entity::{
    announcement,
    id::{AnnouncementId, RefreshId},
};
use async_graphql::{ID, InputObject, MaybeUndefined};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, EntityTrait};

use super::{Announced, LONGEST_TITLE, find, leaving::withdraw_and_leave, lock, publish};
use crate::{
    app::App,
    auth::Actor,
    clock,
    db::{Topic, Tx},
    error::{Error, Result},
    extras::{self, Extras, ItemAction},
    id,
    inbox::refresh,
    search, text,
};

/// A change of an announcement. Fields that are omitted stay unchanged.
#[derive(InputObject, Clone, Debug)]
pub struct UpdateAnnouncementInput {
    /// The announcement.
    pub announcement_id: ID,
    /// One line of 1 to 200 characters.
    pub title: Option<String>,
    /// Markdown, at most 64 KiB.
    pub body: Option<String>,
    /// A link to more information; null removes it.
    pub url: MaybeUndefined<String>,
    /// Data for the host application's own clients: any JSON of at most 8 KiB; null removes it.
    pub data: MaybeUndefined<serde_json::Value>,
    /// What a reader can do: at most 3 links, in place of those before; null removes them.
    pub actions: MaybeUndefined<Vec<ItemAction>>,
    /// When it is published to everybody; only while it is unpublished. At once if in the past.
    pub publish_at: Option<DateTime<Utc>>,
    /// When it leaves the inboxes: a time in the past removes it at once, for good; null lets it
    /// stay.
    pub expires_at: MaybeUndefined<DateTime<Utc>>,
}

/// A change whose input is valid. None: it stays.
struct Change {
    title: Option<String>,
    body: Option<String>,
    extras: extras::Change,
    publish_at: Option<DateTime<Utc>>,
    expires_at: Option<Option<DateTime<Utc>>>,
}

fn check(input: UpdateAnnouncementInput) -> Result<Change> {
    let title = input.title.map(|title| title.trim().to_owned());
    if let Some(title) = &title {
        text::check_line("title", title, LONGEST_TITLE)?;
    }
    if let Some(body) = &input.body {
        text::check_body(body)?;
    }
    let extras = extras::Change::check(input.url, input.data, input.actions)?;
    let publish_at = input.publish_at.map(|time| clock::given("publishAt", time)).transpose()?;
    let expires_at = match input.expires_at {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(time) => Some(Some(clock::given("expiresAt", time)?)),
    };
    Ok(Change { title, body: input.body, extras, publish_at, expires_at })
}

/// Changes an announcement, also in the inboxes that have it.
#[tracing::instrument(level = "debug", name = "announcements::update", skip_all, fields(actor = actor.in_log()))]
pub async fn update(app: &App, actor: &Actor, input: UpdateAnnouncementInput) -> Result<Announced> {
    actor.require_host()?;
    let now = app.clock.now();
    let id: AnnouncementId = id::decode(&input.announcement_id)?;
    let change = check(input)?;

    let tx = app.db.begin().await?;
    let old = lock(&tx, id).await?;
    may_change(&old, &change, now)?;
    let new = changed(&old, change, now)?;
    let noted = if new == old { Vec::new() } else { store(&tx, &new, now).await? };
    tx.commit().await?;

    publish(app, id).await?;
    if new.expires_at.is_some_and(|time| time <= now) {
        withdraw_and_leave(app, id).await?;
    }
    refresh::soon(&app.db, &noted, now).await;
    find(app, actor, id).await
}

/// Whether the state of an announcement allows a change.
fn may_change(old: &announcement::Model, change: &Change, now: DateTime<Utc>) -> Result<()> {
    if old.retracted_at.is_some() {
        return Err(Error::NotFound("announcement"));
    }
    // Even before it has been withdrawn: some inboxes may have passed it over.
    let is_over = old.withdrawn_at.is_some()
        || old.position.is_some() && old.expires_at.is_some_and(|time| time <= now);
    if is_over && change.expires_at.is_some_and(|time| time != old.expires_at) {
        return Err(Error::Conflict("the announcement has expired and left the inboxes".into()));
    }
    if change.publish_at.is_some() && old.withdrawn_at.is_some() {
        return Err(Error::Conflict(
            "the announcement has expired before it could be published".into(),
        ));
    }
    if change.publish_at.is_some() && old.position.is_some() {
        return Err(Error::Conflict("the announcement has been published".into()));
    }
    Ok(())
}

/// An announcement as it is after a change.
fn changed(
    old: &announcement::Model,
    change: Change,
    now: DateTime<Utc>,
) -> Result<announcement::Model> {
    let mut new = old.clone();
    new.title = change.title.unwrap_or(new.title);
    new.body = change.body.unwrap_or(new.body);
    let extras = Extras { url: new.url, data: new.data, actions: new.actions };
    let extras = change.extras.of(extras);
    (new.url, new.data, new.actions) = (extras.url, extras.data, extras.actions);
    new.publish_at = change.publish_at.map_or(new.publish_at, |time| time.max(now));
    new.expires_at = change.expires_at.unwrap_or(new.expires_at);
    if new.position.is_none() && new.expires_at.is_some_and(|time| time <= new.publish_at) {
        return Err(Error::invalid("expiresAt", "must be after publishAt"));
    }
    Ok(new)
}

/// Writes a change, and notes that the inboxes that may have the announcement are to be told.
async fn store(tx: &Tx, new: &announcement::Model, now: DateTime<Utc>) -> Result<Vec<RefreshId>> {
    let text = format!("{}\n{}", new.title, new.body);
    search::change(tx, search::Searched::Announcement, [(new.id.0, text)], now).await?;
    let change = announcement::ActiveModel {
        id: Set(new.id),
        title: Set(new.title.clone()),
        body: Set(new.body.clone()),
        url: Set(new.url.clone()),
        data: Set(new.data.clone()),
        actions: Set(new.actions.clone()),
        publish_at: Set(new.publish_at),
        expires_at: Set(new.expires_at),
        ..Default::default()
    };
    announcement::Entity::update(change).exec(&**tx).await?;
    let is_published = new.position.is_some();
    let changed = is_published.then_some(refresh::Changed::Announcement(new.id));
    let noted = refresh::note(tx, changed).await?;
    tx.concerns([Topic::Jobs]);
    Ok(noted)
}
