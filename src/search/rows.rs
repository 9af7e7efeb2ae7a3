//! Searching a list of rows that is in the order of their ids: people, groups, sent messages.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Effort, Entry, Found, List, Search, Searched, Terms, find, table};
use crate::{
    db::{Db, Sql},
    error::Result,
    page::{Page, Slice},
};

/// A row of such a list, by its id.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub searched: Searched,
    pub id: i64,
}

impl Entry for Row {
    fn about(&self) -> (Searched, i64) {
        (self.searched, self.id)
    }
}

/// A page of rows of a table.
pub struct Rows<'a> {
    pub db: &'a Db,
    pub searched: Searched,
    pub page: &'a Page<i64>,
    /// Whether the list begins with the largest id.
    pub is_descending: bool,
    /// The condition for the rows `x` of the list, which an index serves in the order of ids.
    pub listed: &'a (dyn Fn(&mut Sql) -> String + Send + Sync),
}

impl Rows<'_> {
    /// The order in which the page is read.
    fn direction(&self) -> &'static str {
        if self.is_descending == self.page.backwards { "ASC" } else { "DESC" }
    }

    /// The rows of a page, or those of some that are on it.
    async fn read(
        &self,
        mut sql: Sql,
        page: &Page<i64>,
        these: Option<String>,
    ) -> Result<Vec<Row>> {
        let mut wanted = (self.listed)(&mut sql) + &within(&mut sql, page, self.is_descending);
        if let Some(these) = these {
            // The ids find them: the condition would find the whole list.
            wanted = format!("{these} AND {}", sql.dialect().checked(&wanted));
        }
        let (table, direction) = (table(self.searched), self.direction());
        let limit = sql.bind(page.limit as i64);
        sql.push(format!(
            "SELECT x.id FROM {table} AS x WHERE {wanted} ORDER BY x.id {direction} LIMIT {limit}"
        ));
        let ids: Vec<i64> = sql.values(self.db.read()).await?;
        Ok(ids.into_iter().map(|id| Row { searched: self.searched, id }).collect())
    }
}

/// The condition that a row `x` is on a page of a list, or behind it.
pub fn within(sql: &mut Sql, page: &Page<i64>, is_descending: bool) -> String {
    let mut within = String::new();
    for (key, is_larger) in [(page.after, !is_descending), (page.before, is_descending)] {
        if let Some(id) = key {
            let comparison = if is_larger { ">" } else { "<" };
            within += &format!(" AND x.id {comparison} {}", sql.bind(id));
        }
    }
    within
}

/// The page that begins after an entry, in the direction in which the page is read.
pub fn after(page: &Page<i64>, entry: Option<&Row>, most: u64) -> Page<i64> {
    let mut rest = Page { limit: most, ..page.clone() };
    if let Some(Row { id, .. }) = entry {
        match page.backwards {
            true => rest.before = Some(*id),
            false => rest.after = Some(*id),
        }
    }
    rest
}

#[async_trait]
impl List for Rows<'_> {
    type Entry = Row;

    async fn walk(&self, entry: Option<&Row>, most: u64) -> Result<Vec<Row>> {
        self.read(self.db.sql("search::walk"), &after(self.page, entry, most), None).await
    }

    async fn among(&self, things: BTreeMap<Searched, Vec<i64>>) -> Result<Vec<Row>> {
        let ids = things.get(&self.searched).map(Vec::as_slice).unwrap_or_default();
        let mut sql = self.db.sql("search::listed");
        let these = sql.is_one_of("x.id", ids);
        let all = Page { limit: ids.len() as u64, ..self.page.clone() };
        self.read(sql, &all, Some(these)).await
    }
}

/// The ids on a page of a list whose rows have what somebody looks for.
pub async fn ids(
    db: &Db,
    searched: Searched,
    list: &impl List<Entry = Row>,
    page: &Page<i64>,
    text: &str,
) -> Result<Slice<i64>> {
    let search = Search::new(db, Terms::new("search", text)?, &[searched]).await?;
    let enough = page.limit as usize + 1;
    let Found { entries, stopped_at } = find(&search, list, enough, Effort::of_a_page()).await?;
    let ids = entries.into_iter().map(|row| row.id).collect();
    Ok(page.stopped(page.slice(ids), stopped_at.map(|row| row.id)))
}
