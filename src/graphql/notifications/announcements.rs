use std::sync::Arc;

use ::entity::{announcement, id::AnnouncementId, user};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use sea_orm::{Order, QueryFilter, sea_query::Expr};

use crate::{
    error::{Result, known},
    gate::reading,
    graphql::{
        SEARCH, TEXT, actor, app, auth, cost,
        extras::{self, ItemAction},
        hosts, list_size, loader,
        loaders::{RecipientsOf, VisibleAnnouncement},
        messages::recipients::{ReadStats, may_see_reading},
        paging::{Paged, connection, page},
        people::users::User,
    },
    id,
    notifications::announcements::{
        self, Announced, AnnouncementState, CreateAnnouncementInput, UpdateAnnouncementInput,
    },
};

/// An announcement to everybody known when it is published.
pub struct Announcement {
    pub row: Arc<announcement::Model>,
    pub author: Option<User>,
}

impl From<Announced> for Announcement {
    fn from((row, author): Announced) -> Self {
        Announcement { row: row.into(), author: author.map(User::from) }
    }
}

impl Announcement {
    /// The announcement with this id, if the caller may see it.
    pub async fn find(ctx: &Context<'_>, id: AnnouncementId) -> Result<Option<Self>> {
        let key = VisibleAnnouncement(actor(ctx)?.host_reader(), id);
        Ok(loader(ctx).load_one(key).await?.map(Announcement::from))
    }
}

/// An announcement to everybody known when it is published.
#[Object]
impl Announcement {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::encode(self.row.id).into()
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

    /// A link to more information: a web URL or a path of the host application.
    async fn url(&self) -> Option<&str> {
        self.row.url.as_deref()
    }

    /// Data that the host application sent along for its clients; null if there is none.
    async fn data(&self) -> Result<Option<serde_json::Value>> {
        extras::data(self.row.data.as_deref())
    }

    /// What the reader can do, at most 3 links.
    #[graphql(directive = list_size::apply(3))]
    async fn actions(&self) -> Vec<ItemAction> {
        extras::actions(self.row.actions.as_deref())
    }

    /// Its category, a key of the catalog; null if it has none.
    async fn category(&self) -> Option<&str> {
        self.row.category.as_deref()
    }

    /// Who made it; null for the host application itself.
    async fn author(&self) -> Option<&User> {
        self.author.as_ref()
    }

    /// When it was, or will be, published to everybody.
    async fn published_at(&self) -> DateTime<Utc> {
        self.row.publish_at
    }

    /// When it leaves, or left, the inboxes; null if it stays.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.row.expires_at
    }

    /// When it was retracted; null if it was not.
    async fn retracted_at(&self) -> Option<DateTime<Utc>> {
        self.row.retracted_at
    }

    /// How far it has been read. Recipients are the people who were known when it was published and
    /// were active then or are active now; there are none before that. For its author, SERVICE and
    /// ADMIN; null for others.
    pub async fn read_stats(&self, ctx: &Context<'_>) -> Result<Option<ReadStats>> {
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

    /// When it was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }
}

#[derive(Default)]
pub struct AnnouncementQuery;

#[Object]
impl AnnouncementQuery {
    /// A published announcement that has not been retracted (SERVICE and ADMIN: any announcement);
    /// null if there is none.
    async fn announcement(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The announcement's id.")] id: ID,
    ) -> Result<Option<Announcement>> {
        let actor = actor(ctx)?;
        let Ok(id) = id::decode(&id) else { return Ok(None) };
        Ok(known(announcements::find(app(ctx), actor, id).await)?.map(Announcement::from))
    }

    /// Announcements, most recently created first. SERVICE and ADMIN also see scheduled and
    /// retracted ones. Expired ones stay in this list.
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
    async fn announcements(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Words to look for in titles and bodies, or their beginnings, in any order and \
                    case; see `InboxFilter.search`. If omitted, all are listed.",
            directive = cost::apply(SEARCH)
        )]
        search: Option<String>,
        #[graphql(desc = "Only announcements in this state. If omitted, all are listed.")]
        state: Option<AnnouncementState>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<Announcement>>> {
        let page = page::<AnnouncementId>((first, after, last, before))?;
        if let Some(text) = search {
            let actor = actor(ctx)?.clone();
            let found = move |app| async move {
                announcements::found(&app, &actor, state, &text, &page.by_number()).await
            };
            let found = reading(ctx, true, found).await?;
            return Ok(Some(connection(found, |(row, _)| row.id, Announcement::from)));
        }
        let mut announced = announcement::Entity::visible_to(actor(ctx)?.host_reader());
        if let Some(state) = state {
            announced = announced.filter(Expr::cust(state.is_of("announcement")));
        }
        let rows = page.seek(
            announced,
            [Expr::col((announcement::Entity, announcement::Column::Id))],
            Order::Desc,
        );
        let rows = rows.find_also_related(user::Entity).all(app(ctx).db.read()).await?;
        Ok(Some(connection(page.slice(rows), |(row, _)| row.id, Announcement::from)))
    }
}

/// The new announcement.
#[derive(SimpleObject)]
pub struct CreateAnnouncementPayload {
    /// The announcement.
    announcement: Announcement,
}

/// The announcement after the change.
#[derive(SimpleObject)]
pub struct UpdateAnnouncementPayload {
    /// The announcement.
    announcement: Announcement,
}

/// Which announcement to retract.
#[derive(InputObject)]
pub struct RetractAnnouncementInput {
    /// The announcement.
    announcement_id: ID,
}

/// The announcement after the change.
#[derive(SimpleObject)]
pub struct RetractAnnouncementPayload {
    /// The announcement.
    announcement: Announcement,
}

#[derive(Default)]
pub struct AnnouncementMutation;

#[Object]
impl AnnouncementMutation {
    /// Announces something to everybody, at once or at `publishAt`. The cost does not depend on how
    /// many people there are. People who become known after it was published do not receive it.
    #[graphql(directive = auth::apply(hosts()))]
    async fn create_announcement(
        &self,
        ctx: &Context<'_>,
        input: CreateAnnouncementInput,
    ) -> Result<Option<CreateAnnouncementPayload>> {
        let announced = announcements::create(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(CreateAnnouncementPayload { announcement: announced.into() }))
    }

    /// Changes an announcement, even if it has already been delivered.
    #[graphql(directive = auth::apply(hosts()))]
    async fn update_announcement(
        &self,
        ctx: &Context<'_>,
        input: UpdateAnnouncementInput,
    ) -> Result<Option<UpdateAnnouncementPayload>> {
        let announced = announcements::update(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(UpdateAnnouncementPayload { announcement: announced.into() }))
    }

    /// Retracts an announcement: it is removed from all inboxes. Idempotent.
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
