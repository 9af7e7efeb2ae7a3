//! The lists of an inbox, with their filters and pages.

use ::entity::{
    id::{ItemId, MessageId, Seq, TargetId, UserId},
    inbox_item,
};
use chrono::{DateTime, Utc};
use sea_orm::Iterable;

use super::{
    item::{Item, Texts, select_items},
    kind::ItemKind,
    threads::of_thread,
};
use crate::{
    db::{Db, Dialect, Param, Sql},
    error::Result,
    page::{Page, Slice},
    search,
};

const ACTIVE: &str = "removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL";
/// The place of an item that has not been removed, and whether it was seen or read. An index begins
/// with the owner, this and the kind, and is in the order of the pages: it serves conditions on
/// single values of these. The text must be that of the index, in the migration of places.
const PLACE: &str = "CASE WHEN archived_at IS NOT NULL THEN 5 \
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

#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub view: InboxView,
    pub kinds: Option<Vec<inbox_item::Kind>>,
    /// Only what was done to this target.
    pub target: Option<TargetId>,
    /// Only the messages of the thread with this first message.
    pub thread: Option<MessageId>,
    /// Part of a subject, title or body, ignoring case.
    pub search: Option<String>,
}

impl Filter {
    /// What it asks of an item, apart from its place, its kind and its thread.
    fn conditions(&self, sql: &mut Sql) -> Result<String> {
        let mut conditions = String::new();
        if let Some(target) = self.target {
            conditions += &format!(" AND target_id = {}", sql.bind(target));
        }
        if let Some(search) = &self.search {
            let term = sql.bind(search::term("search", search)?);
            conditions += &searching(sql.dialect(), term);
        }
        Ok(conditions)
    }
}

/// The condition that an item is in one of these places.
pub fn is_in(places: &[u8]) -> String {
    let places: Vec<_> = places.iter().map(u8::to_string).collect();
    format!("removed_at IS NULL AND {PLACE} IN ({})", places.join(", "))
}

/// Selects the ids of all items that a filter shows, in those of its places for which `is_wanted`
/// holds; `up_to` leaves out what arrived after that number. Nothing if there can be none.
pub fn all(
    sql: &mut Sql,
    owner: UserId,
    filter: &Filter,
    is_wanted: impl Fn(u8) -> bool,
    up_to: Option<Seq>,
) -> Result<Vec<String>> {
    let user = sql.bind(owner);
    let mut conditions = filter.conditions(sql)?;
    if let Some(seq) = up_to {
        conditions += &format!(" AND arrived_seq <= {}", sql.bind(seq));
    }
    let places = filter.view.places().iter().copied();
    let places: Vec<u8> = places.filter(|place| is_wanted(*place)).collect();
    let kinds = filter.kinds.as_deref();
    Ok(match filter.thread {
        Some(root) => of_thread(sql, "id", user, root, &places, kinds, &conditions),
        None => by_place("id", user, &places, kinds, &conditions),
    })
}

/// A page of an inbox, newest first, in one statement.
pub async fn page(
    db: &Db,
    user: UserId,
    filter: &Filter,
    page: &Page<(DateTime<Utc>, ItemId)>,
    texts: Texts,
) -> Result<Slice<Item>> {
    let mut sql = db.sql("inbox::page");
    let owner = sql.bind(user);
    let mut conditions = filter.conditions(&mut sql)?;
    for (key, comparison) in [(&page.after, "<"), (&page.before, ">")] {
        if let Some((time, id)) = key {
            let (time, id) = (sql.bind(*time), sql.bind(*id));
            conditions += &format!(" AND (updated_at, id) {comparison} ({time}, {id})");
        }
    }
    let direction = if page.backwards { "ASC" } else { "DESC" };
    let order = format!("updated_at {direction}, id {direction}");
    let limit = sql.bind(page.limit as i64 + 1);
    let kinds = filter.kinds.as_deref();
    let selects = match (filter.thread, filter.view, kinds) {
        (Some(root), view, kinds) => {
            of_thread(&mut sql, "*", owner, root, view.places(), kinds, &conditions)
        }
        // The most used view has an index of its own.
        (None, InboxView::Active, None) => vec![format!(
            "SELECT * FROM inbox_item WHERE user_id = {owner} AND {ACTIVE}{conditions}"
        )],
        (None, view, kinds) => by_place("*", owner, view.places(), kinds, &conditions),
    };
    if selects.is_empty() {
        return Ok(page.slice(Vec::new()));
    }
    let items = sql.dialect().merge(&selects, &order, limit);
    let mut rows = select_items(db, sql, &items, texts).await?;
    // The statement chooses the rows; a join returns them in its own order.
    rows.sort_by_key(|item: &Item| (item.row.updated_at, item.row.id));
    if !page.backwards {
        rows.reverse();
    }
    Ok(page.slice(rows))
}

/// The condition that what an item is about contains a text, ignoring case.
fn searching(dialect: Dialect, term: Param) -> String {
    let among = |ItemKind { column, table, searched, .. }: &ItemKind| {
        // Looked up from the item: a list of all matches would need the whole table.
        format!(
            "{column} IN (SELECT x.id FROM {table} AS x WHERE x.id = inbox_item.{column} AND {})",
            search::contains(dialect, *searched, "x", term)
        )
    };
    format!(" AND ({})", ItemKind::all().map(among).collect::<Vec<_>>().join(" OR "))
}
