//! What the index says of a search: the ids of things that may have its words.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use async_trait::async_trait;
use sea_orm::FromQueryResult;

use super::{
    ALL, Criterion, Searched, columns, contains, folded,
    index::{SEGMENT, Text, ids_of, progress, segment_of},
    table,
    terms::Terms,
};
use crate::{db::Db, error::Result};

/// A word with more hits than this is frequent.
pub const MOST_HITS: usize = 5_000;
/// More than this that is not in the index is too much to look at. It happens while an older
/// database is being indexed.
const MOST_UNINDEXED: i64 = 8_192;
/// How many segments are looked at first, and then at once. A frequent word is known as such from
/// a few of them.
const SEGMENTS: [i64; 2] = [16, 256];
/// How many segments are looked at for items that are known: if their texts are to decide, they are
/// a few.
const SEGMENTS_OF_ITEMS: usize = 64;
/// Texts that one statement looks at.
const TEXTS: usize = 512;
/// The most rows of the index that one statement reads.
const MOST_ROWS: usize = 4_096;

/// What the index covers of one kind of thing.
struct Coverage {
    /// The first segment that is not written.
    progress: i64,
    /// Ids before it that have to be looked at all the same; None: too many.
    again: Option<HashSet<i64>>,
}

/// A search of the index. What it knows is read at the beginning: what is indexed meanwhile is
/// then found twice, and never missed.
pub struct Search<'a> {
    db: &'a Db,
    pub terms: Terms,
    coverage: BTreeMap<Searched, Coverage>,
}

impl<'a> Search<'a> {
    pub async fn new(db: &'a Db, terms: Terms, wanted: &[Searched]) -> Result<Self> {
        let mut coverage = BTreeMap::new();
        for searched in ALL.into_iter().filter(|searched| wanted.contains(searched)) {
            let progress = progress(db, searched).await?;
            let mut sql = db.sql("search::not_covered");
            let (about, most) = (sql.bind(columns(searched).0), sql.bind(MOST_UNINDEXED + 1));
            sql.push(format!("SELECT id FROM search_again WHERE about = {about} LIMIT {most}"));
            let again: Vec<i64> = sql.values(db.read()).await?;
            let again = (again.len() as i64 <= MOST_UNINDEXED).then(|| again.into_iter().collect());
            coverage.insert(searched, Coverage { progress, again });
        }
        Ok(Search { db, terms, coverage })
    }

    /// What the index does not cover; None if it is too much.
    async fn not_covered(
        &self,
        searched: Searched,
        coverage: &Coverage,
    ) -> Result<Option<BTreeSet<i64>>> {
        let Some(again) = &coverage.again else { return Ok(None) };
        let mut sql = self.db.sql("search::after_index");
        let first = sql.bind(coverage.progress * SEGMENT);
        let (table, most) = (table(searched), sql.bind(MOST_UNINDEXED + 1));
        sql.push(format!("SELECT id FROM {table} WHERE id >= {first} ORDER BY id LIMIT {most}"));
        let mut ids: BTreeSet<i64> = sql.values(self.db.read()).await?.into_iter().collect();
        if ids.len() as i64 > MOST_UNINDEXED {
            return Ok(None);
        }
        ids.extend(again);
        Ok(Some(ids))
    }

    /// The hits of a word that is not frequent; None if all are. The newest segments first.
    async fn rare_hits(&self, searched: Searched, progress: i64) -> Result<Option<Vec<i64>>> {
        'keys: for key in self.terms.keys() {
            let mut hits = Vec::new();
            let (mut end, mut count) = (progress, SEGMENTS[0]);
            while end > 0 {
                let segments: Vec<_> = ((end - count).max(0)..end).collect();
                match self.hits(searched, &key, &segments).await? {
                    Some(more) => hits.extend(more),
                    None => continue 'keys,
                }
                if hits.len() > MOST_HITS {
                    continue 'keys;
                }
                (end, count) = (end - count, SEGMENTS[1]);
            }
            return Ok(Some(hits));
        }
        Ok(None)
    }

    /// Where some segments have words that begin with a key; None if there are too many such words.
    async fn hits(
        &self,
        searched: Searched,
        key: &str,
        segments: &[i64],
    ) -> Result<Option<Vec<i64>>> {
        let mut sql = self.db.sql("search::hits");
        let about = sql.bind(columns(searched).0);
        // All words that begin with the key: no word has the last of all characters.
        let (from, to) = (sql.bind(key), sql.bind(format!("{key}\u{10FFFF}")));
        let these = sql.is_one_of("segment", segments);
        let most = sql.bind(MOST_ROWS as i64 + 1);
        sql.push(format!(
            "SELECT segment, places FROM search_word WHERE about = {about} AND {these} \
             AND word >= {from} AND word < {to} LIMIT {most}"
        ));
        let rows: Vec<Row> = sql.all(self.db.read()).await?;
        if rows.len() > MOST_ROWS {
            return Ok(None);
        }
        Ok(Some(rows.iter().flat_map(|row| ids_of(row.segment, &row.places)).collect()))
    }
}

#[async_trait]
impl Criterion for Search<'_> {
    /// In each kind, all words are looked up until one is rare.
    async fn all(&self) -> Result<Option<BTreeMap<Searched, Vec<i64>>>> {
        let mut found = BTreeMap::new();
        for (searched, coverage) in &self.coverage {
            let Some(mut ids) = self.not_covered(*searched, coverage).await? else {
                return Ok(None);
            };
            let Some(hits) = self.rare_hits(*searched, coverage.progress).await? else {
                return Ok(None);
            };
            ids.extend(hits);
            let mut ids: Vec<_> = ids.into_iter().collect();
            // One announcement or target may be in many items, so its text decides first. The
            // texts of others are looked at only if they are in the list.
            if matches!(searched, Searched::Announcement | Searched::Target) {
                let mut rest = Vec::new();
                for ids in ids.chunks(TEXTS) {
                    rest.extend(self.found_among(*searched, ids).await?);
                }
                ids = rest;
            }
            found.insert(*searched, ids);
        }
        Ok(Some(found))
    }

    /// What the index does not exclude.
    async fn among(&self, searched: Searched, ids: &[i64]) -> Result<HashSet<i64>> {
        let Some(Coverage { progress, again: Some(again) }) = self.coverage.get(&searched) else {
            return Ok(ids.iter().copied().collect());
        };
        let is_covered = |id: &&i64| segment_of(**id) < *progress && !again.contains(id);
        let (covered, mut found): (Vec<i64>, HashSet<i64>) = (
            ids.iter().filter(is_covered).copied().collect(),
            ids.iter().filter(|id| !is_covered(id)).copied().collect(),
        );
        let mut left: HashSet<i64> = covered.into_iter().collect();
        for key in self.terms.keys() {
            let segments: BTreeSet<_> = left.iter().map(|id| segment_of(*id)).collect();
            let segments: Vec<_> = segments.into_iter().collect();
            let mut hits = HashSet::new();
            for segments in segments.chunks(SEGMENTS_OF_ITEMS) {
                match self.hits(searched, &key, segments).await? {
                    Some(more) => hits.extend(more),
                    // Then their texts decide.
                    None => hits.extend(
                        left.iter().filter(|id| segments.contains(&segment_of(**id))).copied(),
                    ),
                }
            }
            left.retain(|id| hits.contains(id));
        }
        found.extend(left);
        Ok(found)
    }

    /// Their texts say so.
    async fn found_among(&self, searched: Searched, ids: &[i64]) -> Result<HashSet<i64>> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let mut sql = self.db.sql("search::texts");
        let (term, these) = (sql.bind(self.terms.longest()), sql.is_one_of("x.id", ids));
        let (table, dialect) = (table(searched), sql.dialect());
        let (text, has_it) =
            (folded(dialect, searched, "x"), contains(dialect, searched, "x", term));
        // The text is read only where it has one of the words: most have not.
        let has_it = dialect.checked(&has_it);
        sql.push(format!(
            "SELECT x.id, {text} AS text FROM {table} AS x WHERE {these} AND {has_it}"
        ));
        let texts: Vec<Text> = sql.all(self.db.read()).await?;
        let found = texts.iter().filter(|text| self.terms.are_in(&text.text));
        Ok(found.map(|text| text.id).collect())
    }
}

/// A word in a segment.
#[derive(FromQueryResult)]
struct Row {
    segment: i64,
    places: String,
}
