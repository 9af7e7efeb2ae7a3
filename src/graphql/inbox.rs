use ::entity::{id::UserId, inbox as row, inbox_item};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

pub mod items;
pub mod marking;
pub mod thread;
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
    id,
    inbox::{
        self, Filter, InboxView, MOST_CHANGES, Position,
        live::{self, Cursor, Start},
    },
    messages::threads,
    notifications::{
        pull,
        targets::{self, TargetRef},
    },
    page::Slice,
};

/// A person's inbox.
pub struct Inbox {
    pub owner: User,
    pub head: row::Model,
}

/// A person's inbox.
#[Object]
impl Inbox {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::of_inbox(self.head.user_id).into()
    }

    /// The person whose inbox this is.
    async fn owner(&self) -> &User {
        &self.owner
    }

    /// Exact counts of its items.
    async fn counts(&self) -> InboxCounts {
        InboxCounts(self.head.clone())
    }

    /// The items, most recent `updatedAt` first.
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
        let items = match filter.unwrap_or_default().resolve(ctx, self.head.user_id).await? {
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

    /// The position of this answer in the inbox's history. Pass it to `inboxUpdated(after:)` to
    /// miss nothing that happens from now on.
    async fn cursor(&self, ctx: &Context<'_>) -> String {
        Cursor::encode(&app(ctx).epoch, Position::end(self.head.seq))
    }

    /// What changed after a cursor: the same history as `inboxUpdated`, for clients that cannot
    /// hold a connection open. `first` is between 1 and 100.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        after: String,
        #[graphql(default = 100)] first: i32,
    ) -> Result<InboxUpdate> {
        let limit = u64::try_from(first).ok().filter(|first| (1..=MOST_CHANGES).contains(first));
        let limit = limit.ok_or_else(|| {
            Error::invalid("first", format!("must be between 1 and {MOST_CHANGES}"))
        })?;
        let app = app(ctx);
        let start = Start::of(&app.epoch, Some(&after))?;
        Ok(InboxUpdate(
            live::update(&app.live, self.head.user_id, start, limit, texts(ctx.field())).await?,
        ))
    }
}

/// Exact counts of an inbox's items. It has an id so that a normalised cache updates every badge
/// from a live event.
pub struct InboxCounts(pub row::Model);

/// Exact counts of an inbox's items. It has an id so that a normalised cache updates every badge
/// from a live event.
#[Object]
impl InboxCounts {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::of_counts(self.0.user_id).into()
    }

    /// Active items (neither archived nor snoozed) that are unread.
    async fn unread(&self) -> i32 {
        self.0.unread
    }

    /// Active items (neither archived nor snoozed) that are unseen.
    async fn unseen(&self) -> i32 {
        self.0.unseen
    }

    /// Snoozed items.
    async fn snoozed(&self) -> i32 {
        self.0.snoozed
    }

    /// Archived items.
    async fn archived(&self) -> i32 {
        self.0.archived
    }

    /// `unread` split by kind; each kind appears once.
    async fn unread_by_kind(&self) -> Vec<KindCount> {
        let count = |(kind, count): (inbox_item::Kind, i32)| KindCount { kind: kind.into(), count };
        inbox::kind::unread_by_kind(&self.0).into_iter().map(count).collect()
    }
}

/// A count for one kind of item.
#[derive(SimpleObject)]
pub struct KindCount {
    /// The kind.
    kind: InboxItemKind,
    /// The number of items.
    count: i32,
}

/// Which items to list.
#[derive(InputObject, Default)]
pub struct InboxFilter {
    /// Which of the inbox's lists.
    #[graphql(default)]
    view: InboxView,
    /// Only these kinds.
    kinds: Option<Vec<InboxItemKind>>,
    /// Only activities on this target.
    target: Option<TargetRef>,
    /// Only the messages of this thread: the id of any message of it that the owner of the inbox
    /// sent or received.
    thread: Option<ID>,
    /// Text to look for in subjects, titles, bodies and the titles of targets; case-insensitive.
    #[graphql(directive = cost::apply(SEARCH))]
    search: Option<String>,
}

impl InboxFilter {
    /// None if the viewer may not know of the target, or the owner of the thread: there is nothing
    /// about it.
    async fn resolve(self, ctx: &Context<'_>, owner: UserId) -> Result<Option<Filter>> {
        let target = match self.target {
            None => None,
            Some(target) => match targets::find(app(ctx), actor(ctx)?, &target).await {
                Ok(target) => Some(target.id),
                Err(Error::NotFound(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            },
        };
        let thread = match self.thread {
            None => None,
            Some(id) => match threads::root_of(app(ctx), owner, &id).await {
                Ok(root) => Some(root),
                Err(Error::NotFound(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            },
        };
        let kinds = self.kinds.map(|kinds| kinds.into_iter().map(Into::into).collect());
        let search = self.search.filter(|search| !search.is_empty());
        Ok(Some(Filter { view: self.view, kinds, target, thread, search }))
    }
}

impl Inbox {
    /// An inbox, after taking in everything that is due.
    pub async fn of(ctx: &Context<'_>, owner: User) -> Result<Self, Error> {
        Ok(Inbox { head: pull::up_to_date_head(app(ctx), owner.0.id).await?, owner })
    }
}
