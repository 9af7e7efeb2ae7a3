//! An inbox: its counts, its items, and following it live.

use ::entity::{id::UserId, inbox as row, inbox_item};
use async_graphql::{
    Context, ID, InputObject, InputType, Name, Object, SelectionField, SimpleObject, Value,
};
use chrono::{DateTime, Utc};
use futures_util::future::try_join;

pub mod items;
pub mod marking;
pub mod thread;
pub mod updates;

use items::{InboxItem, InboxItemKind, LISTED, texts};
use updates::InboxUpdate;

use super::{
    SEARCH, actor, app, cost, loader,
    loaders::HeadOf,
    paging::{Paged, columns, page, with_fields},
    people::users::User,
};
use crate::{
    app::App,
    error::{Error, Result, known},
    gate::reading,
    id,
    inbox::{
        self, Filter, InboxView, Item, ListPage, MOST_CHANGES, Position,
        live::{self, Cursor, Start},
    },
    messages::threads,
    notifications::{
        pull,
        targets::{self, TargetRef},
    },
    page::Slice,
    people::users::{self, UserRef},
};

/// A person's inbox.
pub struct Inbox {
    pub owner: User,
    pub head: row::Model,
    /// The page that was read with the head.
    page: Option<(ListPage, Slice<Item>)>,
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
    ) -> Result<Option<InboxItems>> {
        let page = page((first, after, last, before))?;
        let filter = filter.unwrap_or_default().resolve(ctx, self.head.user_id).await?;
        let total_count = filter.as_ref().and_then(|filter| self.total(filter));
        let items = match filter {
            Some(filter) => {
                let (texts, columns) = (texts(ctx.field()), columns(ctx.field(), LISTED));
                let list = ListPage { filter, page, texts, columns };
                match &self.page {
                    Some((read, items)) if *read == list => items.clone(),
                    _ => {
                        let (user, is_search) = (self.head.user_id, list.filter.is_search());
                        let read = move |app: App| async move { list.read(&app.db, user).await };
                        reading(ctx, is_search, read).await?
                    }
                }
            }
            None => Slice::empty(),
        };
        let key = |item: &Item| (item.row.updated_at, item.row.id);
        Ok(Some(with_fields(items, key, InboxItem, Counted { total_count })))
    }

    /// The position of this answer in the inbox's history. Pass it to `inboxUpdated(after:)` to
    /// miss nothing that happens from now on.
    async fn cursor(&self, ctx: &Context<'_>) -> String {
        Cursor::encode(&app(ctx).epoch, Position::end(self.head.seq))
    }

    /// What changed after a cursor: the same history as `inboxUpdated`, for clients that cannot
    /// hold a connection open.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The last `cursor` that the client has.")] after: String,
        #[graphql(default = 100, desc = "The most changes to return: between 1 and 100.")]
        first: i32,
    ) -> Result<Option<InboxUpdate>> {
        let limit = u64::try_from(first).ok().filter(|first| (1..=MOST_CHANGES).contains(first));
        let limit = limit.ok_or_else(|| {
            Error::invalid("first", format!("must be between 1 and {MOST_CHANGES}"))
        })?;
        let app = app(ctx);
        let start = Start::of(&app.epoch, Some(&after))?;
        let texts = texts(ctx.field());
        let update = live::update(&app.live, self.head.user_id, start, limit, texts).await?;
        Ok(Some(InboxUpdate(update)))
    }
}

/// Exact counts of an inbox's items. It has an id so that a normalised cache updates every badge
/// from a live event.
pub struct InboxCounts(pub row::Model);

impl InboxCounts {
    /// The counts of a person's inbox, if the caller may see what is private to them.
    pub async fn find(ctx: &Context<'_>, owner: UserId) -> Result<Option<Self>> {
        if !actor(ctx)?.may_see_private(owner) {
            return Ok(None);
        }
        Ok(loader(ctx).load_one(HeadOf(owner)).await?.map(InboxCounts))
    }
}

/// Exact counts of an inbox's items. It has an id so that a normalised cache updates every badge
/// from a live event.
#[Object(serial)]
impl InboxCounts {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::of_counts(self.0.user_id).into()
    }

    /// Active items: neither archived nor snoozed.
    async fn active(&self) -> i32 {
        self.0.active
    }

    /// Active items that are unread.
    async fn unread(&self) -> i32 {
        self.0.unread
    }

    /// Active items that are unseen.
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

    /// `unread` split by category: each category of the catalog once, in its order, and then those
    /// of items from before the catalog changed. Items without a category are not counted here.
    async fn unread_by_category(&self, ctx: &Context<'_>) -> Vec<CategoryCount> {
        let mut unread = inbox::unread_by_category(&self.0);
        let known = app(ctx).catalog.categories().iter();
        let mut counts: Vec<_> = known
            .map(|category| (category.key.clone(), unread.remove(&category.key).unwrap_or(0)))
            .collect();
        counts.extend(unread);
        counts.into_iter().map(|(category, count)| CategoryCount { category, count }).collect()
    }
}

/// Inbox items in pages, and how many there are.
pub type InboxItems = Paged<InboxItem, Counted>;

/// What a list of inbox items has in addition to its pages.
#[derive(SimpleObject)]
pub struct Counted {
    /// How many items the list has on all its pages, at the moment of the inbox's `counts`. Only for
    /// a view without other filters, whose items are counted; null for other lists.
    total_count: Option<i32>,
}

/// A count for one kind of item.
#[derive(SimpleObject)]
pub struct KindCount {
    /// The kind.
    kind: InboxItemKind,
    /// The number of items.
    count: i32,
}

/// A count for one category of items.
#[derive(SimpleObject)]
pub struct CategoryCount {
    /// The key of the category.
    category: String,
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
    /// Only items of these categories, by their keys; at most 10. A key that no item has finds
    /// nothing.
    categories: Option<Vec<String>>,
    /// Only activities on this target.
    target: Option<TargetRef>,
    /// Only the messages of this thread: the id of any message of it that the owner of the inbox
    /// sent or received.
    thread: Option<ID>,
    /// Only the messages that this person has sent. Somebody of whom there are none finds nothing,
    /// as does somebody who does not exist. Its pages may be short, as those of a search.
    #[graphql(directive = cost::apply(SEARCH))]
    sender: Option<UserRef>,
    /// Only items with an `updatedAt` at this moment or later.
    updated_from: Option<DateTime<Utc>>,
    /// Only items with an `updatedAt` before this moment.
    updated_before: Option<DateTime<Utc>>,
    /// Words to look for in subjects, titles, bodies and the titles of targets, in any order. Each
    /// is the beginning of a word there, or all of it; case-insensitive. At most 200 characters,
    /// with a letter or a digit. A page of a search may be short, or empty, although there are more:
    /// `pageInfo` says so, and its cursor goes on from there.
    #[graphql(directive = cost::apply(SEARCH))]
    search: Option<String>,
}

impl InboxFilter {
    /// None if the viewer may not know of the target, or the owner of the thread, or if there is no
    /// such sender: there is nothing to list.
    async fn resolve(mut self, ctx: &Context<'_>, owner: UserId) -> Result<Option<Filter>> {
        let (mut target, mut thread, mut sender) = (None, None, None);
        if let Some(named) = self.target.take() {
            let named = named.named("filter.target")?;
            let found = known(targets::find(app(ctx), actor(ctx)?, &named).await)?;
            let Some(found) = found else { return Ok(None) };
            target = Some(found.id);
        }
        if let Some(id) = self.thread.take() {
            let found = known(threads::root_of(app(ctx), owner, &id).await)?;
            let Some(root) = found else { return Ok(None) };
            thread = Some(root);
        }
        // Not only among those whom the owner may write to: who wrote to them is known to them.
        if let Some(user) = self.sender.take() {
            let found = known(users::find(app(ctx).db.read(), &user).await)?;
            let Some(user) = found else { return Ok(None) };
            sender = Some(user.id);
        }
        Ok(Some(Filter { target, thread, sender, ..self.without_ids() }))
    }

    /// The filter, but for the target, the thread and the sender, which must be looked up.
    fn without_ids(self) -> Filter {
        let kinds = self.kinds.map(|kinds| kinds.into_iter().map(Into::into).collect());
        let search = self.search.filter(|search| !search.is_empty());
        let InboxFilter { view, categories, updated_from, updated_before, .. } = self;
        Filter {
            view,
            kinds,
            categories,
            search,
            updated_from,
            updated_before,
            ..Filter::default()
        }
    }
}

impl Inbox {
    /// The inbox of this person, as it is, if the caller may see what is private to them.
    pub async fn find(ctx: &Context<'_>, owner: UserId) -> Result<Option<Self>> {
        if !actor(ctx)?.may_see_private(owner) {
            return Ok(None);
        }
        let (head, owner) =
            try_join(loader(ctx).load_one(HeadOf(owner)), User::find(ctx, owner)).await?;
        let (Some(head), Some(owner)) = (head, owner) else { return Ok(None) };
        let is_known = owner.0.erased_at.is_none();
        Ok(is_known.then_some(Inbox { owner, head, page: None }))
    }

    /// How many items a list has, if that is counted.
    fn total(&self, filter: &Filter) -> Option<i32> {
        match filter {
            Filter {
                view,
                kinds: None,
                categories: None,
                target: None,
                thread: None,
                sender: None,
                updated_from: None,
                updated_before: None,
                search: None,
            } => Some(inbox::count_of_view(&self.head, *view)),
            _ => None,
        }
    }

    /// An inbox, after taking in everything that is due. Reads it in one statement with the page of
    /// items that the query asks for, so that they belong to the same moment.
    pub async fn of(ctx: &Context<'_>, owner: User) -> Result<Self, Error> {
        let list = page_below(ctx.field());
        let (head, items) = pull::look(app(ctx), owner.0.id, list.as_ref()).await?;
        Ok(Inbox { owner, head, page: list.zip(items) })
    }
}

/// The page of items that is selected below an inbox. None if there are several, or if it cannot be
/// read at once: a target, a thread or a sender is looked up first, and a search waits for its turn.
fn page_below(inbox: SelectionField<'_>) -> Option<ListPage> {
    if inbox.name() != "inbox" {
        return None;
    }
    let mut lists = inbox.selection_set().filter(|field| field.name() == "items");
    let (Some(list), None) = (lists.next(), lists.next()) else { return None };
    let arguments = list.arguments().ok()?;
    let filter: Option<InboxFilter> = argument(&arguments, "filter")?;
    let filter = filter.unwrap_or_default();
    let is_looked_up =
        filter.target.is_some() || filter.thread.is_some() || filter.sender.is_some();
    if is_looked_up || filter.search.is_some() {
        return None;
    }
    // What is wrong with an argument is said where the items are resolved.
    inbox::check_filter("categories", filter.categories.as_deref()).ok()?;
    let page = page((
        argument(&arguments, "first")?,
        argument(&arguments, "after")?,
        argument(&arguments, "last")?,
        argument(&arguments, "before")?,
    ));
    let (filter, texts, columns) = (filter.without_ids(), texts(list), columns(list, LISTED));
    Some(ListPage { filter, page: page.ok()?, texts, columns })
}

fn argument<T: InputType>(arguments: &[(Name, Value)], name: &str) -> Option<T> {
    let value = arguments.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    T::parse(value).ok()
}
