//! Announcements: something for everybody, now or at a time (N1, N6, N7).
//!
//! Creating one writes one row, however many people there are. Publishing gives it its position, in
//! the order of the commits; from then on inboxes take it in (`pull`). Once it has expired or been
//! retracted, nobody takes it in any more, and it leaves the inboxes that have it in batches.
//!
//! - `update`: changing one, also in the inboxes that have it.
//! - `publication`: those that are planned, and how they are published.
//! - `list`: those in a state, and searching them.
//! - `leaving`: retractions, and how announcements leave the inboxes.
//! - `recipients`: how many people could or can see it. `follow`: how far it has been read, live.

mod follow;
mod leaving;
mod list;
mod publication;
mod recipients;
mod update;

use ::entity::{announcement, id::AnnouncementId, user};
use async_graphql::InputObject;
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, QueryFilter};
use serde::Serialize;

use crate::{
    app::App,
    auth::Actor,
    clock,
    db::{Sql, Topic, Tx},
    error::{Error, Result},
    extras::{Extras, ItemAction},
    idempotency::{self, Begun, Call},
    search, text,
};

pub use follow::follow;
pub use leaving::{leave, leaving, next_expiry, retract};
pub use list::{AnnouncementState, found};
pub use publication::{next_publication, planned_by_now, publish};
pub use recipients::recipient_counts;
pub use update::{UpdateAnnouncementInput, update};

const LONGEST_TITLE: usize = 200;

/// An announcement and the person who created it.
pub type Announced = (announcement::Model, Option<user::Model>);

/// A new announcement.
#[derive(InputObject, Clone, Debug, Serialize)]
pub struct CreateAnnouncementInput {
    /// One line of 1 to 200 characters.
    pub title: String,
    /// Markdown, at most 64 KiB.
    pub body: String,
    /// A link to more information: an http or https URL, or a path of the host application.
    pub url: Option<String>,
    /// Data for the host application's own clients: any JSON of at most 8 KiB.
    // Left out of the fingerprint if there is none, as it was before it existed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
    /// What a reader can do: at most 3 links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<ItemAction>>,
    /// A category of the catalog, which cannot change later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// When it is published to everybody; at once if omitted or in the past.
    pub publish_at: Option<DateTime<Utc>>,
    /// When it leaves the inboxes; after it is published.
    pub expires_at: Option<DateTime<Utc>>,
    /// Makes it safe to repeat this call: a repetition returns the announcement that the first call
    /// created. 1 to 255 bytes.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// A new announcement whose input is valid.
struct Draft {
    title: String,
    body: String,
    extras: Extras,
    category: Option<String>,
    publish_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

fn check(app: &App, input: CreateAnnouncementInput, now: DateTime<Utc>) -> Result<Draft> {
    let title = input.title.trim().to_owned();
    text::check_line("title", &title, LONGEST_TITLE)?;
    text::check_body(&input.body)?;
    let extras = Extras::check(input.url, input.data, input.actions)?;
    app.catalog.check_category("category", input.category.as_deref())?;
    let publish_at = input.publish_at.map(|time| clock::given("publishAt", time)).transpose()?;
    let publish_at = publish_at.map_or(now, |time| time.max(now));
    let expires_at = input.expires_at.map(|time| clock::given("expiresAt", time)).transpose()?;
    if expires_at.is_some_and(|time| time <= publish_at) {
        return Err(Error::invalid("expiresAt", "must be in the future, and after publishAt"));
    }
    let (body, category) = (input.body, input.category);
    Ok(Draft { title, body, extras, category, publish_at, expires_at })
}

/// Announces something to everybody who is known when it is published.
#[tracing::instrument(level = "debug", name = "announcements::create", skip_all, fields(actor = actor.in_log()))]
pub async fn create(app: &App, actor: &Actor, input: CreateAnnouncementInput) -> Result<Announced> {
    actor.require_host()?;
    let now = app.clock.now();
    let call = Call::new(actor, "createAnnouncement", &input, input.idempotency_key.as_deref())?;
    let checked = check(app, input, now);
    let (tx, key, draft) = match idempotency::begin(app, call, checked, now).await? {
        Begun::New(tx, key, draft) => (tx, key, draft),
        Begun::Done(id) => return find(app, actor, AnnouncementId(id)).await,
    };
    let Draft { title, body, extras, category, publish_at, expires_at } = draft;
    let is_published = publish_at <= now;
    if is_published {
        tx.in_commit_order().await?;
    }
    let mut sql = tx.sql("announcements::insert");
    let values = [
        ("title", sql.bind(title)),
        ("body", sql.bind(body)),
        ("url", sql.bind(extras.url)),
        ("data", sql.bind(extras.data)),
        ("actions", sql.bind(extras.actions)),
        ("category", sql.bind(category)),
        ("author_id", sql.bind(actor.user_id())),
        ("publish_at", sql.bind(publish_at)),
        ("expires_at", sql.bind(expires_at)),
        ("created_at", sql.bind(now)),
    ];
    let columns = values.map(|(column, _)| column).join(", ");
    let values = values.map(|(_, value)| value.to_string()).join(", ");
    let is_first = sql.bind(is_published);
    sql.push(format!(
        "INSERT INTO announcement ({columns}, seen_count, read_count, position) \
         VALUES ({values}, 0, 0, CASE WHEN {is_first} THEN {NEXT_POSITION} END) RETURNING *"
    ));
    let announcement = one(sql, &tx).await?;
    let text = [&*announcement.title, &announcement.body].join("\n");
    search::add(&tx, search::Searched::Announcement, [(announcement.id.0, text)]).await?;
    key.keep(&tx, announcement.id.0).await?;
    tx.concerns(is_published.then_some(Topic::Announcements));
    if !is_published || expires_at.is_some() {
        tx.concerns([Topic::Jobs]);
    }
    tx.commit().await?;
    Ok((announcement, actor.user.as_deref().cloned()))
}

/// The position of the next publication, as part of the statement that assigns it: no other is
/// assigned between [`Tx::in_commit_order`] and the commit, and under that lock every round trip
/// counts.
const NEXT_POSITION: &str = "(SELECT coalesce(max(position), 0) + 1 FROM announcement)";

/// The one announcement that a statement returns.
async fn one(sql: Sql, tx: &Tx) -> Result<announcement::Model> {
    sql.one(&**tx).await?.ok_or(Error::NotFound("announcement"))
}

/// An announcement that the actor may know about.
pub async fn find(app: &App, actor: &Actor, id: AnnouncementId) -> Result<Announced> {
    let query = announcement::Entity::visible_to(actor.host_reader())
        .filter(announcement::COLUMN.id.eq(id));
    query
        .find_also_related(user::Entity)
        .one(app.db.read())
        .await?
        .ok_or(Error::NotFound("announcement"))
}

async fn lock(tx: &Tx, id: AnnouncementId) -> Result<announcement::Model> {
    let mut sql = tx.sql("announcements::lock");
    let (id, for_update) = (sql.bind(id), sql.dialect().for_update());
    sql.push(format!("SELECT * FROM announcement WHERE id = {id} {for_update}"));
    one(sql, tx).await
}
