//! Searching an inbox: a page of the items whose texts have what somebody looks for, or that
//! somebody has sent, newest first (`search::find`).

use std::{borrow::Cow, collections::BTreeMap};

use ::entity::{
    id::{ItemId, UserId},
    inbox_item::Kind,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use super::{
    categories::is_among,
    item::{Item, select_items},
    kind::ItemKind,
    list::{Filter, ListPage, is_in, selected, within},
    threads::items_of,
};
use crate::{
    db::Db,
    error::{Error, Result},
    page::{Page, Slice},
    search::{self, Effort, Entry, Found, FromSender, List, Search, Searched, Terms},
};

/// More than the items of one inbox about one target. With a limit, PostgreSQL looks them up for
/// each target, instead of going through the inbox.
const ITEMS_ABOUT_ONE: u64 = 1_000_000;

/// What a search has to know of an item.
const KEY: &str = "id, updated_at, kind, coalesce(message_id, announcement_id, target_id) AS about";

#[derive(Clone, Debug, FromQueryResult)]
struct Key {
    id: ItemId,
    updated_at: DateTime<Utc>,
    kind: Kind,
    about: i64,
}

type Place = (DateTime<Utc>, ItemId);

impl Key {
    fn place(&self) -> Place {
        (self.updated_at, self.id)
    }
}

impl Entry for Key {
    fn about(&self) -> (Searched, i64) {
        (ItemKind::of(self.kind).searched, self.about)
    }
}

/// A page of an inbox with a search.
pub async fn page(db: &Db, user: UserId, list: &ListPage) -> Result<Slice<Item>> {
    let ListPage { filter, page, texts, .. } = list;
    let enough = page.limit as usize + 1;
    let found = find(db, user, filter, page, enough, Effort::of_a_page()).await?;
    let mut sql = db.sql("inbox::found");
    let ids: Vec<_> = found.entries.iter().map(|key| key.id).collect();
    let items = format!("SELECT * FROM inbox_item WHERE {}", sql.is_one_of("id", &ids));
    let slice = list.slice(select_items(db, sql, &items, *texts).await?);
    Ok(page.stopped(slice, found.stopped_at.map(|key| key.place())))
}

/// All items of an inbox that a search finds.
pub async fn all(db: &Db, user: UserId, filter: &Filter) -> Result<Vec<ItemId>> {
    let everything = Page { after: None, before: None, limit: 1, backwards: false };
    let effort = Effort::unlimited();
    let found = find(db, user, filter, &everything, usize::MAX, effort).await?;
    Ok(found.entries.into_iter().map(|key| key.id).collect())
}

async fn find(
    db: &Db,
    user: UserId,
    filter: &Filter,
    page: &Page<Place>,
    enough: usize,
    effort: Effort,
) -> Result<Found<Key>> {
    let terms = filter.search.as_deref().map(|text| Terms::new("search", text)).transpose()?;
    let mut filter = Cow::Borrowed(filter);
    if filter.sender.is_some() {
        // Only messages have one. With a walk through other kinds, a page would stop earlier.
        let kinds = filter.kinds.as_deref().unwrap_or(&[Kind::Message]);
        if filter.target.is_some() || !kinds.contains(&Kind::Message) {
            return Ok(Found { entries: Vec::new(), stopped_at: None });
        }
        filter.to_mut().kinds = Some(vec![Kind::Message]);
    }
    let filter = &*filter;
    let is_wanted =
        |kind: &&ItemKind| filter.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind.kind));
    let kinds: Vec<_> = ItemKind::all().filter(is_wanted).collect();
    let wanted: Vec<_> = kinds.iter().map(|kind| kind.searched).collect();
    let words = match terms {
        Some(terms) => Some(Search::new(db, terms, &wanted).await?),
        None => None,
    };
    let items = Items { db, user, filter, page, kinds };
    match (filter.sender, words) {
        (Some(sender), words) => {
            let sent = FromSender { db, sender, words };
            search::find(&sent, &items, enough, effort).await
        }
        (None, Some(words)) => search::find(&words, &items, enough, effort).await,
        (None, None) => Err(Error::internal("there is nothing to search for")),
    }
}

/// The items of an inbox on a page and behind it.
struct Items<'a> {
    db: &'a Db,
    user: UserId,
    filter: &'a Filter,
    page: &'a Page<Place>,
    kinds: Vec<&'static ItemKind>,
}

#[async_trait]
impl List for Items<'_> {
    type Entry = Key;

    async fn walk(&self, after: Option<&Key>, most: u64) -> Result<Vec<Key>> {
        let mut part = Page { limit: most - 1, ..self.page.clone() };
        let place = after.map(Key::place);
        // Backwards, the walk goes towards the newest.
        match part.backwards {
            true => part.before = place.or(part.before),
            false => part.after = place.or(part.after),
        }
        let mut sql = self.db.sql("inbox::walk");
        let owner = sql.bind(self.user);
        let Some(items) = selected(&mut sql, KEY, owner, self.filter, &part) else {
            return Ok(Vec::new());
        };
        sql.push(items);
        sql.all(self.db.read()).await
    }

    async fn among(&self, things: BTreeMap<Searched, Vec<i64>>) -> Result<Vec<Key>> {
        in_inbox(self.db, self.user, self.filter, self.page, &self.kinds, things).await
    }
}

/// The items about some things that are in a list of an inbox, in the order of the page.
async fn in_inbox(
    db: &Db,
    user: UserId,
    filter: &Filter,
    page: &Page<Place>,
    kinds: &[&ItemKind],
    candidates: BTreeMap<Searched, Vec<i64>>,
) -> Result<Vec<Key>> {
    let mut sql = db.sql("inbox::candidates");
    let owner = sql.bind(user);
    let mut parts = Vec::new();
    for ItemKind { kind, column, searched, .. } in kinds {
        let ids = candidates.get(searched).into_iter().flatten();
        let things = sql.integer_table(["id"], ids.map(|id| [*id]));
        let items = format!(
            "SELECT y.id FROM inbox_item AS y WHERE y.{column} = w.id AND y.user_id = {owner}"
        );
        parts.push(match kind {
            Kind::Message | Kind::Announcement => format!("SELECT ({items}) FROM {things} AS w"),
            // Several of its items may be about one target.
            Kind::Activity => {
                let items = format!("{items} LIMIT {ITEMS_ABOUT_ONE}");
                let items = sql.dialect().left_join_each("inbox_item", "x", &items);
                format!("SELECT x.id FROM {things} AS w {items}")
            }
        });
    }
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let mut listed = is_in(filter.view.places());
    listed += &filter.conditions(&mut sql);
    listed += &within(&mut sql, page);
    listed += &is_among(&mut sql, filter.categories.as_deref());
    if let Some(root) = filter.thread {
        let items = items_of(&mut sql, owner, root);
        listed += &format!(" AND {}", sql.dialect().is_among("id", &items));
    }
    let (these, listed) =
        (sql.dialect().is_among("id", &parts.join(" UNION ALL ")), sql.dialect().checked(&listed));
    sql.push(format!("SELECT {KEY} FROM inbox_item WHERE {these} AND {listed}"));
    let mut keys: Vec<Key> = sql.all(db.read()).await?;
    keys.sort_by_key(|key| (key.updated_at, key.id));
    if !page.backwards {
        keys.reverse();
    }
    Ok(keys)
}
