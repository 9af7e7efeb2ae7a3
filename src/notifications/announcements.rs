//! Announcements: something for everybody, now or at a time (N1, N6, N7).
//!
//! Creating one writes one row, however many people there are. Publishing gives it its position, in
//! the order of the commits; from then on inboxes take it in (`pull`). Once it has expired or been
//! retracted, nobody takes it in any more, and it leaves the inboxes that have it in batches.

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    announcement,
    id::{AnnouncementId, UserId},
    user,
};
use async_graphql::{ID, InputObject, MaybeUndefined};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use serde::Serialize;

use crate::{
    app::App,
    auth::Actor,
    clock,
    db::{Db, Sql, Topic, Tx},
    error::{Error, Result},
    id,
    idempotency::{self, Begun, Call},
    inbox::{self, About},
    notifications::refresh,
    search, text,
};

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
    /// When it is published to everybody; at once if omitted or in the past.
    pub publish_at: Option<DateTime<Utc>>,
    /// When it leaves the inboxes; after it is published.
    pub expires_at: Option<DateTime<Utc>>,
    /// Makes it safe to repeat this call: a repetition returns the announcement that the first call
    /// created. 1 to 255 bytes.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

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
    /// When it is published to everybody; only while it is unpublished. At once if in the past.
    pub publish_at: Option<DateTime<Utc>>,
    /// When it leaves the inboxes: a time in the past removes it at once, for good; null lets it
    /// stay.
    pub expires_at: MaybeUndefined<DateTime<Utc>>,
}

/// A new announcement whose input is valid.
struct Draft {
    title: String,
    body: String,
    url: Option<String>,
    publish_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

fn check(input: CreateAnnouncementInput, now: DateTime<Utc>) -> Result<Draft> {
    let title = input.title.trim().to_owned();
    text::check_line("title", &title, LONGEST_TITLE)?;
    text::check_body(&input.body)?;
    text::check_link("url", input.url.as_deref())?;
    let publish_at = input.publish_at.map(|time| clock::given("publishAt", time)).transpose()?;
    let publish_at = publish_at.map_or(now, |time| time.max(now));
    let expires_at = input.expires_at.map(|time| clock::given("expiresAt", time)).transpose()?;
    if expires_at.is_some_and(|time| time <= publish_at) {
        return Err(Error::invalid("expiresAt", "must be in the future, and after publishAt"));
    }
    let url = input.url.filter(|url| !url.is_empty());
    Ok(Draft { title, body: input.body, url, publish_at, expires_at })
}

/// Announces something to everybody who is known when it is published.
#[tracing::instrument(name = "announcements::create", skip_all, fields(actor = actor.in_log()))]
pub async fn create(app: &App, actor: &Actor, input: CreateAnnouncementInput) -> Result<Announced> {
    actor.require_host()?;
    let now = app.clock.now();
    let call = Call::new(actor, "createAnnouncement", &input, input.idempotency_key.as_deref())?;
    let checked = check(input, now);
    let (tx, key, draft) = match idempotency::begin(app, call, checked, now).await? {
        Begun::New(tx, key, draft) => (tx, key, draft),
        Begun::Done(id) => return find(app, actor, AnnouncementId(id)).await,
    };
    let Draft { title, body, url, publish_at, expires_at } = draft;
    let is_published = publish_at <= now;
    if is_published {
        tx.in_commit_order().await?;
    }
    let mut sql = tx.sql("announcements::insert");
    let values = [
        ("title", sql.bind(title)),
        ("body", sql.bind(body)),
        ("url", sql.bind(url)),
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
    search::add(
        &tx,
        search::Searched::Announcement,
        announcement.id.0,
        &[&announcement.title, &announcement.body],
    )
    .await?;
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

/// Changes an announcement, also in the inboxes that have it.
#[tracing::instrument(name = "announcements::update", skip_all, fields(actor = actor.in_log()))]
pub async fn update(app: &App, actor: &Actor, input: UpdateAnnouncementInput) -> Result<Announced> {
    actor.require_host()?;
    let now = app.clock.now();
    let id: AnnouncementId = id::decode(&input.announcement_id)?;
    let title = input.title.map(|title| title.trim().to_owned());
    if let Some(title) = &title {
        text::check_line("title", title, LONGEST_TITLE)?;
    }
    if let Some(body) = &input.body {
        text::check_body(body)?;
    }
    text::check_link("url", input.url.as_opt_deref().flatten())?;
    let publish_at = input.publish_at.map(|time| clock::given("publishAt", time)).transpose()?;
    let expires_at = match input.expires_at {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(time) => Some(Some(clock::given("expiresAt", time)?)),
    };

    let tx = app.db.begin().await?;
    let old = lock(&tx, id).await?;
    if old.retracted_at.is_some() {
        return Err(Error::NotFound("announcement"));
    }
    // Even before it has been withdrawn: some inboxes may have passed it over.
    let is_over = old.withdrawn_at.is_some()
        || old.position.is_some() && old.expires_at.is_some_and(|time| time <= now);
    if is_over && expires_at.is_some_and(|time| time != old.expires_at) {
        return Err(Error::Conflict("the announcement has expired and left the inboxes".into()));
    }
    if publish_at.is_some() && old.withdrawn_at.is_some() {
        return Err(Error::Conflict(
            "the announcement has expired before it could be published".into(),
        ));
    }
    if publish_at.is_some() && old.position.is_some() {
        return Err(Error::Conflict("the announcement has been published".into()));
    }
    let new = announcement::Model {
        title: title.unwrap_or(old.title.clone()),
        body: input.body.unwrap_or(old.body.clone()),
        url: match input.url {
            MaybeUndefined::Undefined => old.url.clone(),
            MaybeUndefined::Null => None,
            MaybeUndefined::Value(url) => Some(url).filter(|url| !url.is_empty()),
        },
        publish_at: publish_at.map_or(old.publish_at, |time| time.max(now)),
        expires_at: expires_at.unwrap_or(old.expires_at),
        ..old.clone()
    };
    if old.position.is_none() && new.expires_at.is_some_and(|time| time <= new.publish_at) {
        return Err(Error::invalid("expiresAt", "must be after publishAt"));
    }
    let mut noted = Vec::new();
    if new != old {
        let text = format!("{}\n{}", new.title, new.body);
        search::change(&tx, search::Searched::Announcement, [(id.0, text)]).await?;
        let change = announcement::ActiveModel {
            id: Set(id),
            title: Set(new.title),
            body: Set(new.body),
            url: Set(new.url),
            publish_at: Set(new.publish_at),
            expires_at: Set(new.expires_at),
            ..Default::default()
        };
        announcement::Entity::update(change).exec(&*tx).await?;
        if old.position.is_some() {
            noted = refresh::note(&tx, [refresh::Changed::Announcement(id)]).await?;
        }
        tx.concerns([Topic::Jobs]);
    }
    tx.commit().await?;
    publish(app, id).await?;
    if new.expires_at.is_some_and(|time| time <= now) {
        withdraw(app, id).await?;
        leave_soon(app, id).await?;
    }
    refresh::soon(app, &noted).await;
    find(app, actor, id).await
}

/// Retracts an announcement: it leaves all inboxes, and nobody new gets it. Idempotent.
#[tracing::instrument(name = "announcements::retract", skip_all, fields(actor = actor.in_log()))]
pub async fn retract(app: &App, actor: &Actor, id: &ID) -> Result<Announced> {
    actor.require_host()?;
    let id: AnnouncementId = id::decode(id)?;
    let (announcement, _) = find(app, actor, id).await?;
    if announcement.retracted_at.is_none() {
        let tx = app.db.begin().await?;
        tx.withdrawing().await?;
        let mut sql = tx.sql("announcements::retract");
        let (this, now) = (sql.bind(id), sql.bind(app.clock.now()));
        sql.push(format!(
            "UPDATE announcement SET retracted_at = {now}, \
             withdrawn_at = coalesce(withdrawn_at, {now}) \
             WHERE id = {this} AND retracted_at IS NULL"
        ));
        sql.run(&*tx).await?;
        tx.concerns([Topic::Jobs]);
        tx.commit().await?;
    }
    leave_soon(app, id).await?;
    find(app, actor, id).await
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

/// Publishes an announcement if its time has come and nobody else has. Nobody must see one that
/// expired meanwhile because no server was running: it is withdrawn without being published.
/// Idempotent.
pub async fn publish(app: &App, id: AnnouncementId) -> Result<()> {
    let now = app.clock.now();
    let tx = app.db.begin().await?;
    let row = lock(&tx, id).await?;
    let is_over = row.withdrawn_at.is_some() || row.expires_at.is_some_and(|time| time <= now);
    if row.position.is_none() && !is_over && row.publish_at <= now {
        tx.in_commit_order().await?;
        // What is late, because no server was running, is published now.
        let mut sql = tx.sql("announcements::publish");
        let (id, now) = (sql.bind(id), sql.bind(now));
        sql.push(format!(
            "UPDATE announcement SET publish_at = {now}, position = {NEXT_POSITION} WHERE id = {id}"
        ));
        sql.run(&*tx).await?;
        tx.concerns([Topic::Announcements]);
    }
    tx.commit().await
}

/// Announcements that are planned and were not withdrawn before their time.
fn planned(app: &App) -> Select<announcement::Entity> {
    let stands = Condition::any()
        .add(announcement::COLUMN.expires_at.is_null())
        .add(announcement::COLUMN.expires_at.gt(app.clock.now()));
    announcement::Entity::find()
        .filter(announcement::COLUMN.position.is_null())
        .filter(announcement::COLUMN.retracted_at.is_null())
        .filter(announcement::COLUMN.withdrawn_at.is_null())
        .filter(stands)
        .order_by_asc(announcement::Column::PublishAt)
        .select_only()
}

/// When the next announcement is to be published.
pub async fn next_publication(app: &App) -> Result<Option<DateTime<Utc>>> {
    Ok(planned(app).column(announcement::Column::PublishAt).into_tuple().one(app.db.read()).await?)
}

/// The announcements that are to be published now, at most `limit` of them.
pub async fn planned_by_now(app: &App, limit: u64) -> Result<Vec<AnnouncementId>> {
    let due = planned(app)
        .column(announcement::Column::Id)
        .filter(announcement::COLUMN.publish_at.lte(app.clock.now()));
    Ok(due.limit(limit).into_tuple().all(app.db.read()).await?)
}

/// From now on nobody takes in an announcement that has expired. Idempotent.
async fn withdraw(app: &App, id: AnnouncementId) -> Result<()> {
    let tx = app.db.begin().await?;
    tx.withdrawing().await?;
    let mut sql = tx.sql("announcements::withdraw");
    let (id, now) = (sql.bind(id), sql.bind(app.clock.now()));
    sql.push(format!(
        "UPDATE announcement SET withdrawn_at = {now} \
         WHERE id = {id} AND withdrawn_at IS NULL AND expires_at <= {now}"
    ));
    sql.run(&*tx).await?;
    tx.concerns([Topic::Jobs]);
    tx.commit().await
}

/// Removes a withdrawn announcement from the first inboxes, usually all of them; the job does
/// the rest. Nobody waits for a million inboxes.
async fn leave_soon(app: &App, id: AnnouncementId) -> Result<()> {
    if remove_some(app, id, UserId(0)).await?.is_none() {
        return settle(app, id).await;
    }
    app.live.hint(Topic::Jobs);
    Ok(())
}

/// Removes an announcement from the inboxes of the next people after a user. Returns the last of
/// them; None if there was nobody.
async fn remove_some(app: &App, id: AnnouncementId, after: UserId) -> Result<Option<UserId>> {
    let tx = app.db.begin().await?;
    let last = inbox::remove(&tx, About::Announcement(id), after, app.clock.now()).await?;
    tx.commit().await?;
    Ok(last)
}

/// Withdraws an announcement that has expired, and removes it from all inboxes; stops halfway when
/// the server stops, and another server continues. Idempotent.
pub async fn leave(app: &App, id: AnnouncementId) -> Result<()> {
    withdraw(app, id).await?;
    let mut after = UserId(0);
    while let Some(last) = remove_some(app, id, after).await? {
        if app.shutdown.is_cancelled() {
            return Ok(());
        }
        after = last;
    }
    settle(app, id).await
}

async fn settle(app: &App, id: AnnouncementId) -> Result<()> {
    let tx = app.db.begin().await?;
    let mut sql = tx.sql("announcements::settle");
    let (id, now) = (sql.bind(id), sql.bind(app.clock.now()));
    sql.push(format!(
        "UPDATE announcement SET settled_at = {now} \
         WHERE id = {id} AND withdrawn_at IS NOT NULL AND settled_at IS NULL"
    ));
    sql.run(&*tx).await?;
    tx.commit().await
}

/// Announcements that have not left the inboxes for good.
fn unsettled() -> Select<announcement::Entity> {
    announcement::Entity::find().filter(announcement::COLUMN.settled_at.is_null()).select_only()
}

/// When the next announcement leaves the inboxes.
pub async fn next_expiry(app: &App) -> Result<Option<DateTime<Utc>>> {
    let withdrawn = unsettled()
        .column(announcement::Column::Id)
        .filter(announcement::COLUMN.withdrawn_at.is_not_null());
    let withdrawn: Option<AnnouncementId> = withdrawn.into_tuple().one(app.db.read()).await?;
    if withdrawn.is_some() {
        return Ok(Some(app.clock.now()));
    }
    let expiry = unsettled().column(announcement::Column::ExpiresAt);
    let expiry = expiry.filter(announcement::COLUMN.expires_at.is_not_null());
    Ok(expiry.order_by_asc(announcement::Column::ExpiresAt).into_tuple().one(app.db.read()).await?)
}

/// The announcements that leave the inboxes now: they have expired, or a crash has kept them there.
/// At most `limit` of each.
pub async fn leaving(app: &App, limit: u64) -> Result<Vec<AnnouncementId>> {
    let unsettled = unsettled().column(announcement::Column::Id);
    let withdrawn = unsettled.clone().filter(announcement::COLUMN.withdrawn_at.is_not_null());
    let expired = unsettled.filter(announcement::COLUMN.withdrawn_at.is_null());
    let expired = expired.filter(announcement::COLUMN.expires_at.lte(app.clock.now()));
    let mut leaving = Vec::new();
    for due in [withdrawn, expired] {
        leaving.extend(due.limit(limit).into_tuple::<AnnouncementId>().all(app.db.read()).await?);
    }
    Ok(leaving)
}

/// How many people could or can see each announcement: those who were known when it was published,
/// and were active then or are now.
///
/// They are not counted when an announcement is created, since that writes one row for any number
/// of people. Counting for all announcements asked for takes one pass over the inboxes, and one
/// over those of deactivated people; the database does both counts.
pub async fn recipient_counts(
    db: &Db,
    announcements: &[announcement::Model],
) -> Result<HashMap<AnnouncementId, i64>> {
    #[derive(FromQueryResult)]
    struct Known {
        announcements_since: i64,
        people: i64,
    }
    /// People who had been deactivated by a time.
    #[derive(FromQueryResult)]
    struct Gone {
        publish_at: DateTime<Utc>,
        announcements_since: i64,
        people: i64,
    }
    let mut sql = db.sql("announcements::known");
    sql.push("SELECT announcements_since, CAST(count(*) AS bigint) AS people FROM inbox ")
        .push("GROUP BY announcements_since");
    let known = sql.all::<Known>(db.read()).await?.into_iter();
    let known: BTreeMap<_, _> =
        known.map(|known| (known.announcements_since, known.people)).collect();
    // Each deactivated person is read once, between the publications of two of these announcements.
    let ids: Vec<_> = announcements.iter().map(|row| row.id).collect();
    let mut sql = db.sql("announcements::gone");
    let (these, beginning) = (sql.is_one_of("id", &ids), sql.bind(DateTime::UNIX_EPOCH));
    sql.push(format!(
        "SELECT p.publish_at, b.announcements_since, CAST(count(*) AS bigint) AS people \
         FROM (SELECT publish_at, lag(publish_at, 1, {beginning}) OVER (ORDER BY publish_at) \
         AS previous FROM (SELECT DISTINCT publish_at FROM announcement WHERE {these}) AS d) AS p \
         JOIN user_account AS u \
         ON u.deactivated_at > p.previous AND u.deactivated_at <= p.publish_at \
         JOIN inbox AS b ON b.user_id = u.id GROUP BY p.publish_at, b.announcements_since"
    ));
    let gone: Vec<Gone> = sql.all(db.read()).await?;
    let count = |row: &announcement::Model| {
        let position = row.position.unwrap_or(0);
        let known: i64 = known.range(..position).map(|(_, people)| people).sum();
        let gone = gone.iter().filter(|gone| {
            gone.announcements_since < position && gone.publish_at <= row.publish_at
        });
        (row.id, known - gone.map(|gone| gone.people).sum::<i64>())
    };
    Ok(announcements.iter().map(count).collect())
}
