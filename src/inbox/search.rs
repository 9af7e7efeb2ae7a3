//! Searching an inbox: a page of the items whose texts have what somebody looks for, newest first.
//!
//! The index of words (`search::index`) knows things, not inboxes. So there are two ways to a page,
//! and neither looks at all texts of an inbox:
//!
//! - If one of the words is rare, all that has it is looked up, and then which of it is in this
//!   inbox.
//! - If all words are frequent, the inbox is walked through by time, and the index says which of
//!   its items may have them. A page is full soon: that is what frequent means.
//!
//! In both, the texts of candidates are looked at until the page is full. What the index does not
//! cover, such as the newest messages, is a candidate.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    id::{ItemId, UserId},
    inbox_item::Kind,
};
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
    error::Result,
    page::{Page, Slice},
    search::{Search, Searched, Terms},
};

/// How many items are walked through first, and at most at once.
const WALK: [u64; 2] = [64, 2_048];
/// How many texts are looked at first, and at most at once.
const TEXTS: [usize; 2] = [64, 512];
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

/// A page of an inbox with a search.
pub async fn page(db: &Db, user: UserId, list: &ListPage, text: &str) -> Result<Slice<Item>> {
    let ListPage { filter, page, texts } = list;
    let found = find(db, user, filter, text, page, page.limit as usize + 1).await?;
    let mut sql = db.sql("inbox::found");
    let ids: Vec<_> = found.iter().map(|key| key.id).collect();
    let items = format!("SELECT * FROM inbox_item WHERE {}", sql.is_one_of("id", &ids));
    Ok(list.slice(select_items(db, sql, &items, *texts).await?))
}

/// All items of an inbox that a search finds.
pub async fn all(db: &Db, user: UserId, filter: &Filter, text: &str) -> Result<Vec<ItemId>> {
    let everything = Page { after: None, before: None, limit: WALK[1], backwards: false };
    let found = find(db, user, filter, text, &everything, usize::MAX).await?;
    Ok(found.into_iter().map(|key| key.id).collect())
}

/// The first items of a list that a search finds, until they are enough.
async fn find(
    db: &Db,
    user: UserId,
    filter: &Filter,
    text: &str,
    page: &Page<Place>,
    enough: usize,
) -> Result<Vec<Key>> {
    let is_wanted =
        |kind: &&ItemKind| filter.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind.kind));
    let kinds: Vec<_> = ItemKind::all().filter(is_wanted).collect();
    let wanted: Vec<_> = kinds.iter().map(|kind| kind.searched).collect();
    let search = Search::new(db, Terms::new("search", text)?, &wanted).await?;
    match search.all().await? {
        Some(candidates) => {
            let keys = in_inbox(db, user, filter, page, &kinds, candidates).await?;
            found_first(&search, &keys, enough).await
        }
        None => walk(db, user, filter, page, &search, enough).await,
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

/// The first items of a list that are found.
async fn walk(
    db: &Db,
    user: UserId,
    filter: &Filter,
    page: &Page<Place>,
    search: &Search<'_>,
    enough: usize,
) -> Result<Vec<Key>> {
    let mut found = Vec::new();
    let mut part = Page { limit: WALK[0], ..page.clone() };
    loop {
        let mut sql = db.sql("inbox::walk");
        let owner = sql.bind(user);
        let Some(items) = selected(&mut sql, KEY, owner, filter, &part) else { break };
        sql.push(items);
        let keys: Vec<Key> = sql.all(db.read()).await?;
        let Some(last) = keys.last() else { break };
        let place = Some((last.updated_at, last.id));
        // Backwards, the walk goes towards the newest.
        match part.backwards {
            true => part.before = place,
            false => part.after = place,
        }
        let is_last = keys.len() as u64 <= part.limit;
        let mut candidates = Vec::new();
        let by_kind = about(&keys);
        for (kind, ids) in &by_kind {
            let may = search.among(ItemKind::of(*kind).searched, ids).await?;
            candidates.extend(
                keys.iter().filter(|key| key.kind == *kind && may.contains(&key.about)).cloned(),
            );
        }
        candidates.sort_by_key(|key| (key.updated_at, key.id));
        if !part.backwards {
            candidates.reverse();
        }
        found.extend(found_first(search, &candidates, enough - found.len()).await?);
        if found.len() == enough || is_last {
            break;
        }
        part.limit = (part.limit * 2).min(WALK[1]);
    }
    Ok(found)
}

/// The first of some candidates whose texts have what is looked for.
async fn found_first(search: &Search<'_>, keys: &[Key], enough: usize) -> Result<Vec<Key>> {
    let (mut found, mut left, mut count) = (Vec::new(), keys, TEXTS[0]);
    while !left.is_empty() && found.len() < enough {
        let (now, later) = left.split_at(count.min(left.len()));
        let mut has_it = HashMap::new();
        for (kind, ids) in about(now) {
            let ids = search.found_among(ItemKind::of(kind).searched, &ids).await?;
            has_it.insert(kind, ids);
        }
        let is_found =
            |key: &&Key| has_it.get(&key.kind).is_some_and(|ids| ids.contains(&key.about));
        found.extend(now.iter().filter(is_found).cloned());
        (left, count) = (later, (count * 2).min(TEXTS[1]));
    }
    found.truncate(enough);
    Ok(found)
}

/// What items are about, by their kinds, each once.
fn about(keys: &[Key]) -> Vec<(Kind, Vec<i64>)> {
    let of = |kind: &ItemKind| {
        let ids = keys.iter().filter(|key| key.kind == kind.kind).map(|key| key.about);
        (kind.kind, ids.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>())
    };
    ItemKind::all().map(of).filter(|(_, ids)| !ids.is_empty()).collect()
}
