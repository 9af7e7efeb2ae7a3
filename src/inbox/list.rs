//! The lists of an inbox, with their filters and pages.

use ::entity::{
    id::{ItemId, MessageId, Seq, TargetId, UserId},
    inbox_item,
};
use chrono::{DateTime, Utc};
use sea_orm::Iterable;

use super::{
    categories::{by_category, check_filter, is_among},
    item::{self, Columns, Item, Texts},
    kind::Pieces,
    search,
    threads::of_thread,
};
use crate::{
    db::{Db, Param, Sql},
    error::Result,
    page::{Page, Slice},
};

const ACTIVE: &str = "removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL";
/// The place of an item that has not been removed, and whether it was seen or read. An index begins
/// with the owner, this and the kind, and is in the order of the pages: it serves conditions on
/// single values of these. The text must be that of the index, in the migration of places.
pub const PLACE: &str = "CASE WHEN archived_at IS NOT NULL THEN 5 \
    WHEN snoozed_until IS NOT NULL THEN 4 \
    WHEN read_at IS NOT NULL THEN CASE WHEN seen_at IS NULL THEN 2 ELSE 3 END \
    WHEN seen_at IS NULL THEN 0 ELSE 1 END";

/// Which of an inbox's lists to show.
#[derive(async_graphql::Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InboxView {
    /// Active items: neither archived nor snoozed.
    #[default]
    Active,
    /// Active items that are unread.
    Unread,
    /// Snoozed items.
    Snoozed,
    /// Archived items.
    Archived,
    /// All items.
    All,
}

impl InboxView {
    /// The values of [`PLACE`] that this view shows.
    pub fn places(self) -> &'static [u8] {
        match self {
            InboxView::Active => &[0, 1, 2, 3],
            InboxView::Unread => &[0, 1],
            InboxView::Snoozed => &[4],
            InboxView::Archived => &[5],
            InboxView::All => &[0, 1, 2, 3, 4, 5],
        }
    }
}

/// Selects items of a person in these places and of these kinds, each from one part of the index of
/// [`PLACE`].
pub fn by_place(
    columns: &str,
    owner: Param,
    places: &[u8],
    kinds: Option<&[inbox_item::Kind]>,
    condition: &str,
) -> Vec<String> {
    let of = |place: &u8, kind: inbox_item::Kind| {
        let kind = sea_orm::ActiveEnum::to_value(&kind);
        format!(
            "SELECT {columns} FROM inbox_item WHERE user_id = {owner} AND removed_at IS NULL \
             AND {PLACE} = {place} AND kind = '{kind}'{condition}"
        )
    };
    let is_wanted = |kind: &inbox_item::Kind| kinds.is_none_or(|kinds| kinds.contains(kind));
    let kinds: Vec<_> = inbox_item::Kind::iter().filter(is_wanted).collect();
    places.iter().flat_map(|place| kinds.iter().map(move |kind| of(place, *kind))).collect()
}

/// Which items of an inbox to list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub view: InboxView,
    pub kinds: Option<Vec<inbox_item::Kind>>,
    /// Only of these categories, which need not be in the catalog any more.
    pub categories: Option<Vec<String>>,
    /// Only what was done to this target.
    pub target: Option<TargetId>,
    /// Only the messages of the thread with this first message.
    pub thread: Option<MessageId>,
    /// Only the messages that this person has sent.
    pub sender: Option<UserId>,
    /// Only what moved to the top, by `updated_at`, at this moment or later.
    pub updated_from: Option<DateTime<Utc>>,
    /// Only what moved to the top before this moment.
    pub updated_before: Option<DateTime<Utc>>,
    /// Words of a subject, title or body, ignoring case.
    pub search: Option<String>,
}

impl Filter {
    /// Whether no index has its items, so that they must be searched for (`search`).
    pub fn is_search(&self) -> bool {
        self.search.is_some() || self.sender.is_some()
    }

    /// What it asks of an item, apart from its place, its kind, its category, its thread and what
    /// must be searched for.
    pub fn conditions(&self, sql: &mut Sql) -> String {
        let mut conditions = String::new();
        if let Some(target) = self.target {
            conditions += &format!(" AND target_id = {}", sql.bind(target));
        }
        // Lists are in this order, so their indexes begin and end there.
        for (moment, comparison) in [(self.updated_from, ">="), (self.updated_before, "<")] {
            if let Some(moment) = moment {
                conditions += &format!(" AND updated_at {comparison} {}", sql.bind(moment));
            }
        }
        conditions
    }
}

/// A page of one of an inbox's lists, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct ListPage {
    pub filter: Filter,
    pub page: Page<(DateTime<Utc>, ItemId)>,
    pub texts: Texts,
    pub columns: Columns,
}

impl ListPage {
    /// Reads it, in one statement if there is no search.
    pub async fn read(&self, db: &Db, user: UserId) -> Result<Slice<Item>> {
        check_filter("categories", self.filter.categories.as_deref())?;
        if self.filter.is_search() {
            return search::page(db, user, self).await;
        }
        let mut sql = db.sql("inbox::page");
        let owner = sql.bind(user);
        let select = self.select(&mut sql, owner);
        let pieces = sql.push(select).json(db.read()).await?;
        self.assemble(db, pieces).await
    }

    /// Whether it reads little more than it shows: from where the page begins in an index, and no
    /// long texts.
    pub fn is_quick(&self) -> bool {
        let Filter { target, thread, .. } = &self.filter;
        let is_walked = target.is_some() || thread.is_some() || self.filter.is_search();
        !is_walked && self.texts != Texts::Whole
    }

    /// Selects one JSON list of [`Pieces`] for [`ListPage::assemble`]. There is no search.
    pub fn select(&self, sql: &mut Sql, owner: Param) -> String {
        let none = || format!("SELECT * FROM inbox_item WHERE user_id = {owner} AND 1 = 0");
        let items = selected(sql, "*", owner, &self.filter, &self.page).unwrap_or_else(none);
        item::select_pieces(sql.dialect(), &items, self.texts, self.columns)
    }

    /// The page that consists of these pieces.
    pub async fn assemble(&self, db: &Db, pieces: Vec<Pieces>) -> Result<Slice<Item>> {
        Ok(self.slice(item::assemble(db, pieces).await?))
    }

    /// The page that consists of these items.
    pub fn slice(&self, mut items: Vec<Item>) -> Slice<Item> {
        // The statement chooses the rows; a join returns them in its own order.
        items.sort_by_key(|item| (item.row.updated_at, item.row.id));
        if !self.page.backwards {
            items.reverse();
        }
        self.page.slice(items)
    }
}

/// The condition that an item is in one of these places.
pub fn is_in(places: &[u8]) -> String {
    let places: Vec<_> = places.iter().map(u8::to_string).collect();
    format!("removed_at IS NULL AND {PLACE} IN ({})", places.join(", "))
}

/// Selects the ids of all items that a filter without a search shows, in those of its places for
/// which `is_wanted` holds; `up_to` leaves out what arrived after that number. Nothing if there can
/// be none.
pub fn all(
    sql: &mut Sql,
    owner: UserId,
    filter: &Filter,
    is_wanted: impl Fn(u8) -> bool,
    up_to: Option<Seq>,
) -> Vec<String> {
    let user = sql.bind(owner);
    let mut conditions = filter.conditions(sql);
    if let Some(seq) = up_to {
        conditions += &format!(" AND arrived_seq <= {}", sql.bind(seq));
    }
    let places = filter.view.places().iter().copied();
    let places: Vec<u8> = places.filter(|place| is_wanted(*place)).collect();
    parts(sql, "id", user, filter, &places, &conditions)
}

/// Selects the items of a filter in these places, each from one part of an index.
fn parts(
    sql: &mut Sql,
    columns: &str,
    owner: Param,
    filter: &Filter,
    places: &[u8],
    conditions: &str,
) -> Vec<String> {
    let kinds = filter.kinds.as_deref();
    match (filter.thread, &filter.categories) {
        (Some(root), categories) => {
            let among = is_among(sql, categories.as_deref());
            of_thread(sql, columns, owner, root, places, kinds, &format!("{conditions}{among}"))
        }
        (None, None) => by_place(columns, owner, places, kinds, conditions),
        (None, Some(categories)) => {
            by_category(sql, columns, owner, places, kinds, categories, conditions)
        }
    }
}

/// The condition that an item is on a page or behind it.
pub fn within(sql: &mut Sql, page: &Page<(DateTime<Utc>, ItemId)>) -> String {
    let mut conditions = String::new();
    for (key, comparison) in [(&page.after, "<"), (&page.before, ">")] {
        if let Some((time, id)) = key {
            let (time, id) = (sql.bind(*time), sql.bind(*id));
            conditions += &format!(" AND (updated_at, id) {comparison} ({time}, {id})");
        }
    }
    conditions
}

/// Selects the items of a page, but for its search; None if it has none.
pub fn selected(
    sql: &mut Sql,
    columns: &str,
    owner: Param,
    filter: &Filter,
    page: &Page<(DateTime<Utc>, ItemId)>,
) -> Option<String> {
    let conditions = filter.conditions(sql) + &within(sql, page);
    let direction = if page.backwards { "ASC" } else { "DESC" };
    let order = format!("updated_at {direction}, id {direction}");
    let limit = sql.bind(page.limit as i64 + 1);
    let selects = match filter {
        // The most used view has an index of its own.
        Filter { view: InboxView::Active, kinds: None, categories: None, thread: None, .. } => {
            vec![format!(
                "SELECT {columns} FROM inbox_item WHERE user_id = {owner} AND {ACTIVE}{conditions}"
            )]
        }
        filter => parts(sql, columns, owner, filter, filter.view.places(), &conditions),
    };
    (!selects.is_empty()).then(|| sql.dialect().merge(&selects, &order, limit))
}
