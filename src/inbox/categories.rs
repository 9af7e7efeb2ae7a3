//! Unread items by category.
//!
//! An inbox has how many in its row, in `unread_by_category`: a JSON object with a number for each
//! category that has any. So they are of the same moment as the other counts, are changed by the
//! statements that change those, and cost nothing where no item has a category. An item keeps the
//! category with which it arrived: what it counts for does not depend on what the catalog says
//! later.

use std::collections::{BTreeMap, BTreeSet};

use ::entity::{id::UserId, inbox, inbox_item::Kind};
use serde_json::json;

use super::{counts::UNREAD, kind::ItemKind, list::PLACE};
use crate::{
    db::{Dialect, JsonType, Param, Sql},
    error::{Error, Result},
};

/// How many unread items of each category an inbox has, without those that have none.
pub fn unread_by_category(inbox: &inbox::Model) -> BTreeMap<String, i32> {
    let kept = inbox.unread_by_category.as_deref();
    kept.and_then(|kept| serde_json::from_str(kept).ok()).unwrap_or_default()
}

/// The part of a tally: a list with the category of each of some items that counts for one. The
/// items have not been removed.
pub fn tally(dialect: Dialect) -> String {
    dialect.json_list_where("category", &counted())
}

/// The condition that an item counts for its category.
pub fn counted() -> String {
    format!("removed_at IS NULL AND {UNREAD} AND category IS NOT NULL")
}

/// Adds a list of categories to the counts of `inbox`, or subtracts it. NULL is an empty list.
pub fn with_list(dialect: Dialect, sign: char, list: &str) -> String {
    with_lists(dialect, &[(sign, list)])
}

/// The same with several lists.
pub fn with_lists(dialect: Dialect, lists: &[(char, &str)]) -> String {
    let kept = dialect.json_members("inbox.unread_by_category");
    let mut counts =
        format!("SELECT k.key AS category, CAST(k.value AS bigint) AS unread FROM {kept} AS k");
    for (sign, list) in lists {
        let listed = dialect.json_elements(list);
        counts += &format!(" UNION ALL SELECT l.value, {sign}1 FROM {listed} AS l");
    }
    let has_any: Vec<_> = lists.iter().map(|(_, list)| format!("{list} <> '[]'")).collect();
    let has_any = has_any.join(" OR ");
    format!(
        "unread_by_category = CASE WHEN {has_any} THEN (SELECT {} FROM \
         (SELECT u.category, CAST(sum(u.unread) AS bigint) AS unread FROM ({counts}) AS u \
         GROUP BY u.category HAVING sum(u.unread) <> 0) AS c) ELSE inbox.unread_by_category END",
        dialect.json_object("c.category", "c.unread")
    )
}

/// Counts one new item of a category: what a statement that changes `inbox` sets besides. Empty if
/// it has none.
pub fn one_more(sql: &mut Sql, category: Option<&str>) -> String {
    let Some(category) = category else { return String::new() };
    let list = sql.bind(json!([category]).to_string());
    format!(", {}", with_list(sql.dialect(), '+', &list.to_string()))
}

/// Counts new items of categories, by owner: what a statement sets besides that changes `inbox`,
/// and what it joins to its rows, which have a `user_id`. Both are empty if there are none.
pub fn more(sql: &mut Sql, rows: &str, new: &BTreeMap<UserId, Vec<&str>>) -> (String, String) {
    if new.is_empty() {
        return (String::new(), String::new());
    }
    let columns = [("user_id", JsonType::Integer), ("categories", JsonType::Text)];
    let lists = new.iter().map(|(user, new)| [json!(user), json!(json!(new).to_string())]);
    let lists = sql.table(columns, lists);
    (
        format!(", {}", with_list(sql.dialect(), '+', "g.categories")),
        format!(" LEFT JOIN {lists} AS g ON g.user_id = {rows}.user_id"),
    )
}

/// The most categories that one filter may name.
const MOST_NAMED: usize = 10;

/// Refuses a filter that names too many categories.
pub fn check_filter(field: &str, categories: Option<&[String]>) -> Result<()> {
    if categories.is_some_and(|named| named.len() > MOST_NAMED) {
        return Err(Error::invalid(field, format!("must have at most {MOST_NAMED} categories")));
    }
    Ok(())
}

/// The condition that an item is of one of these categories. Empty if any will do.
pub fn is_among(sql: &mut Sql, categories: Option<&[String]>) -> String {
    let Some(categories) = categories else { return String::new() };
    let params: Vec<_> = categories.iter().map(|key| sql.bind(key.as_str()).to_string()).collect();
    match params.is_empty() {
        true => " AND 1 = 0".into(),
        false => format!(" AND category IN ({})", params.join(", ")),
    }
}

/// Selects items of a person in these places, of these kinds and categories, each from one part of
/// the index of categories.
pub fn by_category(
    sql: &mut Sql,
    columns: &str,
    owner: Param,
    places: &[u8],
    kinds: Option<&[Kind]>,
    categories: &[String],
    condition: &str,
) -> Vec<String> {
    let of_kinds = match kinds {
        None => String::new(),
        Some([]) => return Vec::new(),
        Some(kinds) => {
            let names: Vec<_> = kinds.iter().map(|kind| ItemKind::of(*kind).name()).collect();
            let among = format!("kind IN ('{}')", names.join("', '"));
            format!(" AND {}", sql.dialect().checked(&among))
        }
    };
    let categories: BTreeSet<_> = categories.iter().collect();
    let categories: Vec<_> = categories.into_iter().map(|key| sql.bind(key.as_str())).collect();
    let of = |place: &u8, category: &Param| {
        format!(
            "SELECT {columns} FROM inbox_item WHERE user_id = {owner} AND removed_at IS NULL \
             AND category IS NOT NULL AND category = {category} AND {PLACE} = {place}\
             {of_kinds}{condition}"
        )
    };
    places.iter().flat_map(|place| categories.iter().map(move |one| of(place, one))).collect()
}
