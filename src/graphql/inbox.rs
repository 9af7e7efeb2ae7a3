use ::entity::{inbox as row, inbox_item};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

pub mod items;
pub mod marking;
pub mod updates;

use items::{InboxItem, InboxItemKind, texts};
use updates::InboxUpdate;

use super::{
    SEARCH, actor, app, cost,
    paging::{Paged, connection, page},
    people::users::User,
};
use crate::{
    app::App,
    error::Error,
    gate::reading,
    id::Kind,
    inbox::{
        self, Filter, InboxView, MOST_CHANGES, Position,
        live::{self, Cursor, Start},
    },
    notifications::{
        pull,
        targets::{self, TargetRef},
    },
    page::Slice,
};

/// What has come in for a person.
pub struct Inbox {
    pub owner: User,
    pub head: row::Model,
}

/// What has come in for a person.
#[Object]
impl Inbox {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::Inbox.encode(self.head.user_id).into()
    }

    /// Whose inbox it is.
    async fn owner(&self) -> &User {
        &self.owner
    }

    /// How much there is, exactly.
    async fn counts(&self) -> InboxCounts {
        InboxCounts(self.head.clone())
    }

    /// The items, newest `updatedAt` first.
    async fn items(
        &self,
        ctx: &Context<'_>,
        filter: Option<InboxFilter>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Paged<InboxItem>> {
        let page = page((first, after, last, before))?;
        let items = match filter.unwrap_or_default().resolve(ctx).await? {
            Some(filter) => {
                let (user, page, texts) = (self.head.user_id, page, texts(ctx.field()));
                let is_search = filter.search.is_some();
                let read = move |app: App| async move {
                    inbox::page(&app.db, user, &filter, &page, texts).await
                };
                reading(ctx, is_search, read).await?
            }
            None => Slice { rows: Vec::new(), has_previous: false, has_next: false },
        };
        Ok(connection(items, |item| (item.row.updated_at, item.row.id), InboxItem))
    }

    /// The position of this very answer in the inbox's history: give it to `inboxUpdated(after:)`, and nothing that happens
    /// from now on is missed.
    async fn cursor(&self, ctx: &Context<'_>) -> String {
        Cursor::encode(&app(ctx).epoch, Position::end(self.head.seq))
    }

    /// What happened after a cursor: the same history as `inboxUpdated`, for who cannot hold a connection. `first` is
    /// between 1 and 100.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        after: String,
        #[graphql(default = 100)] first: i32,
    ) -> Result<InboxUpdate> {
        let limit = u64::try_from(first).ok().filter(|first| (1..=MOST_CHANGES).contains(first));
        let limit = limit
            .ok_or_else(|| Error::invalid("first", format!("is between 1 and {MOST_CHANGES}")))?;
        let app = app(ctx);
        let start = Start::of(&app.epoch, Some(&after))?;
        Ok(InboxUpdate(
            live::update(&app.live, self.head.user_id, start, limit, texts(ctx.field())).await?,
        ))
    }
}

/// How much there is in an inbox, exactly. It has an id so that a normalised cache updates every badge from a live event.
pub struct InboxCounts(pub row::Model);

/// How much there is in an inbox, exactly. It has an id so that a normalised cache updates every badge from a live event.
#[Object]
impl InboxCounts {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::InboxCounts.encode(self.0.user_id).into()
    }

    /// Items that are there and not read.
    async fn unread(&self) -> i32 {
        self.0.unread
    }

    /// Items that are there and not seen.
    async fn unseen(&self) -> i32 {
        self.0.unseen
    }

    /// Items that come back later.
    async fn snoozed(&self) -> i32 {
        self.0.snoozed
    }

    /// Items that were put away.
    async fn archived(&self) -> i32 {
        self.0.archived
    }

    /// `unread` by kind, each kind once.
    async fn unread_by_kind(&self) -> Vec<KindCount> {
        let count = |(kind, count): (inbox_item::Kind, i32)| KindCount { kind: kind.into(), count };
        inbox::kind::unread_by_kind(&self.0).into_iter().map(count).collect()
    }
}

/// A number for a kind of items.
#[derive(SimpleObject)]
pub struct KindCount {
    /// The kind.
    kind: InboxItemKind,
    /// How many there are.
    count: i32,
}

/// Which items to list.
#[derive(InputObject, Default)]
pub struct InboxFilter {
    /// The list.
    #[graphql(default)]
    view: InboxView,
    /// Only these kinds.
    kinds: Option<Vec<InboxItemKind>>,
    /// Only what was done to this.
    target: Option<TargetRef>,
    /// A part of a subject, title or body, or of the title of what something was done to, in any case.
    #[graphql(directive = cost::apply(SEARCH))]
    search: Option<String>,
}

impl InboxFilter {
    /// None for a target that the viewer cannot know of: there is nothing about it.
    async fn resolve(self, ctx: &Context<'_>) -> Result<Option<Filter>> {
        let target = match self.target {
            None => None,
            Some(target) => match targets::find(app(ctx), actor(ctx)?, &target).await {
                Ok(target) => Some(target.id),
                Err(Error::NotFound(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            },
        };
        let kinds = self.kinds.map(|kinds| kinds.into_iter().map(Into::into).collect());
        let search = self.search.filter(|search| !search.is_empty());
        Ok(Some(Filter { view: self.view, kinds, target, search }))
    }
}

impl Inbox {
    /// An inbox that has taken in what is due.
    pub async fn of(ctx: &Context<'_>, owner: User) -> Result<Self, Error> {
        Ok(Inbox { head: pull::up_to_date_head(app(ctx), owner.0.id).await?, owner })
    }
}
