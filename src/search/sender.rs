//! Finding the messages of one sender, among them those that have some words.
//!
//! No index has the items of an inbox by their sender: each delivery would write to it. So it is
//! found as words are. What somebody has sent is looked up in the list; or, if that is much, the
//! list is walked through.

use std::collections::{BTreeMap, HashSet};

use ::entity::id::UserId;
use async_trait::async_trait;

use super::{Criterion, Search, Searched, candidates::MOST_HITS};
use crate::{db::Db, error::Result};

/// Messages, and nothing else.
pub struct FromSender<'a> {
    pub db: &'a Db,
    pub sender: UserId,
    /// What they must have besides.
    pub words: Option<Search<'a>>,
}

#[async_trait]
impl Criterion for FromSender<'_> {
    async fn all(&self) -> Result<Option<BTreeMap<Searched, Vec<i64>>>> {
        let mut sql = self.db.sql("search::all_of_sender");
        let (sender, most) = (sql.bind(self.sender), sql.bind(MOST_HITS as i64 + 1));
        sql.push(format!("SELECT id FROM message WHERE sender_id = {sender} LIMIT {most}"));
        let sent: Vec<i64> = sql.values(self.db.read()).await?;
        if sent.len() <= MOST_HITS {
            return Ok(Some(BTreeMap::from([(Searched::Message, sent)])));
        }
        match &self.words {
            Some(words) => words.all().await,
            None => Ok(None),
        }
    }

    async fn among(&self, searched: Searched, ids: &[i64]) -> Result<HashSet<i64>> {
        let sent = self.sent_among(ids).await?;
        match &self.words {
            Some(words) if !sent.is_empty() => words.among(searched, &sent).await,
            _ => Ok(sent.into_iter().collect()),
        }
    }

    async fn found_among(&self, searched: Searched, ids: &[i64]) -> Result<HashSet<i64>> {
        let sent = self.sent_among(ids).await?;
        match &self.words {
            Some(words) => words.found_among(searched, &sent).await,
            None => Ok(sent.into_iter().collect()),
        }
    }
}

impl FromSender<'_> {
    /// Which of some messages are from this sender.
    async fn sent_among(&self, ids: &[i64]) -> Result<Vec<i64>> {
        let mut sql = self.db.sql("search::of_sender");
        let (these, sender) = (sql.is_one_of("id", ids), sql.bind(self.sender));
        let is_from_them = sql.dialect().checked(&format!("sender_id = {sender}"));
        sql.push(format!("SELECT id FROM message WHERE {these} AND {is_from_them}"));
        sql.values(self.db.read()).await
    }
}
