use std::sync::Arc;

use ::entity::{announcement, user};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use sea_orm::{Order, sea_query::Expr};

use crate::{
    error::Error,
    graphql::{
        TEXT, actor, app, auth, cost, hosts, loader,
        loaders::RecipientsOf,
        messages::recipients::{ReadStats, may_see_reading},
        paging::{Paged, connection, page},
        people::users::User,
    },
    id::Kind,
    notifications::announcements::{
        self, Announced, CreateAnnouncementInput, UpdateAnnouncementInput,
    },
};

/// Something for everybody who is known when it is published.
pub struct Announcement {
    pub row: Arc<announcement::Model>,
    pub author: Option<User>,
}

impl From<Announced> for Announcement {
    fn from((row, author): Announced) -> Self {
        Announcement { row: row.into(), author: author.map(User::from) }
    }
}

/// Something for everybody who is known when it is published.
#[Object]
impl Announcement {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::Announcement.encode(self.row.id).into()
    }

    /// One line.
    async fn title(&self) -> &str {
        &self.row.title
    }

    /// Markdown. Sanitise it before you show it as HTML.
    #[graphql(directive = cost::apply(TEXT))]
    async fn body(&self) -> &str {
        &self.row.body
    }

    /// Where more is to be found: a web URL or a path of the host application.
    async fn url(&self) -> Option<&str> {
        self.row.url.as_deref()
    }

    /// Who made it; null for the host application itself.
    async fn author(&self) -> Option<&User> {
        self.author.as_ref()
    }

    /// When everybody got it, or is to get it.
    async fn published_at(&self) -> DateTime<Utc> {
        self.row.publish_at
    }

    /// When it leaves the inboxes, or left them; null when it stays.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.row.expires_at
    }

    /// When it was taken back; null: it was not.
    async fn retracted_at(&self) -> Option<DateTime<Utc>> {
        self.row.retracted_at
    }

    /// How far it has been read. Recipients are those who were known when it was published and were active then or are now;
    /// nobody before. For its author, SERVICE and ADMIN; null for others.
    async fn read_stats(&self, ctx: &Context<'_>) -> Result<Option<ReadStats>> {
        let actor = actor(ctx)?;
        if !actor.is_host() && !may_see_reading(actor, self.row.author_id) {
            return Ok(None);
        }
        let recipients = match self.row.position {
            Some(_) => loader(ctx).load_one(RecipientsOf(self.row.id)).await?.unwrap_or(0),
            None => 0,
        };
        Ok(Some(ReadStats::of_announcement(&self.row, recipients)))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }
}

#[derive(Default)]
pub struct AnnouncementQuery;

#[Object]
impl AnnouncementQuery {
    /// An announcement that was published and not retracted (SERVICE and ADMIN: any); null when there is none.
    async fn announcement(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Announcement>> {
        let actor = actor(ctx)?;
        let Ok(id) = Kind::Announcement.decode(&id) else { return Ok(None) };
        match announcements::find(app(ctx), actor, id).await {
            Ok(announced) => Ok(Some(announced.into())),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What was announced, the newest first by when it was made; for SERVICE and ADMIN also what is planned and what was
    /// retracted. Expired ones stay in this list.
    async fn announcements(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Paged<Announcement>> {
        let page = page::<i64>((first, after, last, before))?;
        let announced = announcement::Entity::visible_to(actor(ctx)?.host_reader());
        let rows = page.seek(
            announced,
            [Expr::col((announcement::Entity, announcement::Column::Id))],
            Order::Desc,
        );
        let rows = rows
            .find_also_related(user::Entity)
            .all(app(ctx).db.read())
            .await
            .map_err(|error| Error::database(error))?;
        Ok(connection(page.slice(rows), |(row, _)| row.id, Announcement::from))
    }
}

/// The announcement that was made.
#[derive(SimpleObject)]
pub struct CreateAnnouncementPayload {
    /// The announcement.
    announcement: Announcement,
}

/// The announcement as it is now.
#[derive(SimpleObject)]
pub struct UpdateAnnouncementPayload {
    /// The announcement.
    announcement: Announcement,
}

/// Which announcement to take back.
#[derive(InputObject)]
pub struct RetractAnnouncementInput {
    /// The announcement.
    announcement_id: ID,
}

/// The announcement as it is now.
#[derive(SimpleObject)]
pub struct RetractAnnouncementPayload {
    /// The announcement.
    announcement: Announcement,
}

#[derive(Default)]
pub struct AnnouncementMutation;

#[Object]
impl AnnouncementMutation {
    /// Announces something to everybody, at once or at `publishAt`. It costs the same for ten people and for a million. Who
    /// becomes known after it was published does not get it.
    #[graphql(directive = auth::apply(hosts()))]
    async fn create_announcement(
        &self,
        ctx: &Context<'_>,
        input: CreateAnnouncementInput,
    ) -> Result<Option<CreateAnnouncementPayload>> {
        let announced = announcements::create(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(CreateAnnouncementPayload { announcement: announced.into() }))
    }

    /// Changes an announcement, also where it has been delivered.
    #[graphql(directive = auth::apply(hosts()))]
    async fn update_announcement(
        &self,
        ctx: &Context<'_>,
        input: UpdateAnnouncementInput,
    ) -> Result<Option<UpdateAnnouncementPayload>> {
        let announced = announcements::update(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(UpdateAnnouncementPayload { announcement: announced.into() }))
    }

    /// Takes an announcement back: it leaves all inboxes. Can be repeated.
    #[graphql(directive = auth::apply(hosts()))]
    async fn retract_announcement(
        &self,
        ctx: &Context<'_>,
        input: RetractAnnouncementInput,
    ) -> Result<Option<RetractAnnouncementPayload>> {
        let announced =
            announcements::retract(app(ctx), actor(ctx)?, &input.announcement_id).await?;
        Ok(Some(RetractAnnouncementPayload { announcement: announced.into() }))
    }
}
