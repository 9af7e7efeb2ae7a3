//! The index of words: for each word of what is searched, where it is.
//!
//! It is written by a job (`jobs/index`), so that sending costs nothing more. What it knows is in
//! *segments*: each has [`SEGMENT`] ids of one kind of thing, and a row for each word of their
//! texts, with the places of these ids in the segment. A segment is written when its ids have been
//! given away. So there are few rows, and they are written where the table ends.
//!
//! What the index does not cover is little, and a search looks at its text:
//!
//! - what came after the last segment that was written (`search_progress`);
//! - what has another text now, and ids that were not there when their segment was written: the
//!   transaction that had them may not have committed yet (`search_again`). They are added later.
//!
//! What the index finds is a candidate, whose text is looked at, too. So a word may stay for a
//! while when a text changes or goes (`search_lost`). An hour later the rows of its segment are
//! looked through for it: for all that were lost by then together (`lost`).
//!
//! A transaction that writes words locks `search_progress` first, so that none of them is written
//! while it is taken out.

mod lost;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::FromQueryResult;
use serde_json::json;

pub use self::lost::note_lost;
use super::{ALL, Searched, columns, folded, table, terms::words};
use crate::{
    db::{Db, JsonType, Topic, Tx},
    error::Result,
};

/// How many ids a segment has. Larger ones have fewer rows, but more is left to look at directly.
pub const SEGMENT: i64 = 2_048;
/// Texts that are in memory at once: each has up to 64 KiB, or 11 times as much when folded.
const TEXTS: i64 = 64;
/// Bytes of words after which they are written.
const MOST_WORDS: usize = 8 * 1024 * 1024;
/// Rows of one statement.
const ROWS: usize = 2_000;
/// Ids that are added again in one transaction.
const MOST_AGAIN: i64 = 64;
/// When to look again for an id that was not there, and when to give it up: by then its transaction
/// has ended.
const MISSING: [TimeDelta; 2] = [TimeDelta::minutes(1), TimeDelta::hours(1)];
/// Of a gap of more segments than this, only the last ones are looked at: nobody has that many ids
/// under way.
const LONGEST_GAP: i64 = 4;

/// The segment of an id.
pub fn segment_of(id: i64) -> i64 {
    id.div_euclid(SEGMENT)
}

/// Wakes the job when new things have filled a segment.
pub fn note_new(tx: &Tx, ids: impl IntoIterator<Item = i64>) {
    let is_full = ids.into_iter().any(|id| id % SEGMENT == 0);
    tx.concerns(is_full.then_some(Topic::Jobs));
}

/// Notes that things have other texts, to be indexed again. Whether they have been indexed does not
/// matter: the job may be doing it at this moment.
pub async fn note_changed(
    tx: &Tx,
    searched: Searched,
    ids: &[i64],
    now: DateTime<Utc>,
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    tx.concerns([Topic::Jobs]);
    note(tx, searched, ids, now, now).await
}

async fn note(
    tx: &Tx,
    searched: Searched,
    ids: &[i64],
    now: DateTime<Utc>,
    due_at: DateTime<Utc>,
) -> Result<()> {
    let mut sql = tx.sql("search::note");
    let about = sql.bind(columns(searched).0);
    let (now, due_at) = (sql.bind(now), sql.bind(due_at));
    let ids = sql.integer_table(["id"], ids.iter().map(|id| [*id]));
    sql.push(format!(
        "INSERT INTO search_again (about, id, since, due_at) \
         SELECT CAST({about} AS varchar), t.id, {now}, {due_at} FROM {ids} AS t WHERE true \
         ON CONFLICT (about, id) DO UPDATE SET since = excluded.since, due_at = excluded.due_at"
    ));
    sql.run(&**tx).await.map(drop)
}

/// When the job has something to do next; `at_once` if a segment is to be written, since nobody
/// knows since when. One statement, because the job asks often.
pub async fn due_at(db: &Db, at_once: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let mut sql = db.sql("search::due");
    let is_full = ALL.map(|searched| {
        let (about, table) = (columns(searched).0, table(searched));
        format!(
            "WHEN '{about}' THEN (SELECT {table}.id FROM {table} \
             WHERE {table}.id >= (p.segment + 1) * {SEGMENT} ORDER BY {table}.id LIMIT 1)"
        )
    });
    sql.push(format!(
        "SELECT CASE p.about {} END AS beyond, \
         (SELECT a.due_at FROM search_again AS a ORDER BY a.due_at LIMIT 1) AS again_at, \
         (SELECT l.due_at FROM search_lost AS l ORDER BY l.due_at LIMIT 1) AS lost_at \
         FROM search_progress AS p",
        is_full.join(" ")
    ));
    let due: Vec<Due> = sql.all(db.read()).await?;
    let times = due.into_iter().flat_map(|due| {
        let full_at = due.beyond.map(|_| at_once);
        [full_at, due.again_at, due.lost_at]
    });
    Ok(times.flatten().min())
}

#[derive(FromQueryResult)]
struct Due {
    /// An id behind the segment that is to be written next.
    beyond: Option<i64>,
    again_at: Option<DateTime<Utc>>,
    lost_at: Option<DateTime<Utc>>,
}

/// Does a part of what there is to do for one kind of thing.
pub async fn go_on(db: &Db, searched: Searched, now: DateTime<Utc>) -> Result<()> {
    add_again(db, searched, now).await?;
    lost::take_out(db, searched, now).await?;
    match next_segment(db, searched).await? {
        Some(segment) => write_segment(db, searched, segment, now).await,
        None => Ok(()),
    }
}

/// The number of the first segment that is not written.
pub async fn progress(db: &Db, searched: Searched) -> Result<i64> {
    let mut sql = db.sql("search::progress");
    let about = sql.bind(columns(searched).0);
    sql.push(format!("SELECT segment FROM search_progress WHERE about = {about}"));
    Ok(sql.value(db.read()).await?.unwrap_or(0))
}

/// The segment to write next, if its ids have been given away: there are later ones.
async fn next_segment(db: &Db, searched: Searched) -> Result<Option<i64>> {
    let next = progress(db, searched).await?;
    let Some(first) = first_from(db, searched, next * SEGMENT).await? else { return Ok(None) };
    let next = next.max(segment_of(first) - LONGEST_GAP);
    let is_full = first_from(db, searched, (next + 1) * SEGMENT).await?.is_some();
    Ok(is_full.then_some(next))
}

/// The first id from this one on.
async fn first_from(db: &Db, searched: Searched, id: i64) -> Result<Option<i64>> {
    let mut sql = db.sql("search::first");
    let id = sql.bind(id);
    let table = table(searched);
    sql.push(format!("SELECT id FROM {table} WHERE id >= {id} ORDER BY id LIMIT 1"));
    sql.value(db.read()).await
}

/// Writes a segment. Its texts are read before the transaction, which would otherwise hold up
/// SQLite's writer: a text that changes meanwhile is in `search_again`, and so is what is not there
/// yet.
async fn write_segment(
    db: &Db,
    searched: Searched,
    segment: i64,
    now: DateTime<Utc>,
) -> Result<()> {
    let (first, end) = (segment * SEGMENT, (segment + 1) * SEGMENT);
    let mut missing: Vec<_> = (first.max(1)..end).collect();
    let mut words = Words::default();
    let mut after = first - 1;
    loop {
        let texts = texts(db, searched, after, end).await?;
        let Some(last) = texts.last() else { break };
        after = last.id;
        missing.retain(|id| texts.binary_search_by_key(id, |text| text.id).is_err());
        for text in &texts {
            words.add(text);
        }
        if words.size > MOST_WORDS {
            // Not all of it, so the segment is not done: if this server stops now, these words are
            // written twice, which does no harm.
            let Some(tx) = claim(db, searched, segment).await? else { return Ok(()) };
            std::mem::take(&mut words).write(&tx, searched).await?;
            tx.commit().await?;
        }
    }
    let Some(tx) = claim(db, searched, segment).await? else { return Ok(()) };
    if !missing.is_empty() {
        note(&tx, searched, &missing, now, now + MISSING[0]).await?;
    }
    words.write(&tx, searched).await?;
    let mut sql = tx.sql("search::advance");
    let (about, next) = (sql.bind(columns(searched).0), sql.bind(segment + 1));
    sql.push(format!("UPDATE search_progress SET segment = {next} WHERE about = {about}"));
    sql.run(&*tx).await?;
    tx.commit().await
}

/// A transaction that writes a segment; None if another server has written it.
async fn claim(db: &Db, searched: Searched, segment: i64) -> Result<Option<Tx>> {
    let tx = db.begin().await?;
    let next = lock(&tx, searched).await?;
    if next.is_some_and(|next| next <= segment) {
        return Ok(Some(tx));
    }
    tx.commit().await?;
    Ok(None)
}

/// Lets nobody else write words; returns the first segment that is not written.
async fn lock(tx: &Tx, searched: Searched) -> Result<Option<i64>> {
    let mut sql = tx.sql("search::lock");
    let (about, for_update) = (sql.bind(columns(searched).0), sql.dialect().for_update());
    sql.push(format!("SELECT segment FROM search_progress WHERE about = {about} {for_update}"));
    sql.value(&**tx).await
}

/// Adds what has another text, or was missing.
async fn add_again(db: &Db, searched: Searched, now: DateTime<Utc>) -> Result<()> {
    let tx = db.begin().await?;
    lock(&tx, searched).await?;
    let mut sql = tx.sql("search::again");
    let (about, now_param) = (sql.bind(columns(searched).0), sql.bind(now));
    let for_update = sql.dialect().for_update();
    sql.push(format!(
        "SELECT id, since, due_at FROM search_again \
         WHERE about = {about} AND due_at <= {now_param} ORDER BY id LIMIT {MOST_AGAIN} {for_update}"
    ));
    let again: Vec<Again> = sql.all(&*tx).await?;
    if again.is_empty() {
        return tx.commit().await;
    }
    let ids: Vec<_> = again.iter().map(|again| again.id).collect();
    let texts = texts_of(&tx, searched, &ids).await?;
    let mut words = Words::default();
    texts.iter().for_each(|text| words.add(text));
    words.write(&tx, searched).await?;

    let is_there = |again: &Again| texts.iter().any(|text| text.id == again.id);
    let is_over = |again: &&Again| is_there(again) || again.since + MISSING[1] <= now;
    let (over, missing): (Vec<_>, Vec<_>) = again.iter().partition(is_over);
    // What was missing is new, and has lost nothing.
    let changed = again.iter().filter(|again| again.due_at == again.since);
    let changed: Vec<_> = changed.map(|again| again.id).collect();
    note_lost(&tx, searched, &changed, now).await?;
    let ids = |again: Vec<&Again>| again.iter().map(|again| again.id).collect::<Vec<_>>();
    let mut sql = tx.sql("search::no_more");
    let (about, these) = (sql.bind(columns(searched).0), sql.is_one_of("id", &ids(over)));
    sql.push(format!("DELETE FROM search_again WHERE about = {about} AND {these}"));
    sql.run(&*tx).await?;
    if !missing.is_empty() {
        let mut sql = tx.sql("search::later");
        let (about, due_at) = (sql.bind(columns(searched).0), sql.bind(now + MISSING[1]));
        let these = sql.is_one_of("id", &ids(missing));
        sql.push(format!(
            "UPDATE search_again SET due_at = {due_at} WHERE about = {about} AND {these}"
        ));
        sql.run(&*tx).await?;
    }
    tx.commit().await
}

#[derive(FromQueryResult)]
struct Again {
    id: i64,
    since: DateTime<Utc>,
    due_at: DateTime<Utc>,
}

/// The folded text of something.
#[derive(FromQueryResult)]
pub struct Text {
    pub id: i64,
    pub text: String,
}

/// Some of the texts of a segment, in the order of their ids.
async fn texts(db: &Db, searched: Searched, after: i64, end: i64) -> Result<Vec<Text>> {
    let mut sql = db.sql("search::texts_of_segment");
    let (after, end) = (sql.bind(after), sql.bind(end));
    let (table, text) = (table(searched), folded(sql.dialect(), searched, "x"));
    sql.push(format!(
        "SELECT x.id, {text} AS text FROM {table} AS x WHERE x.id > {after} AND x.id < {end} \
         ORDER BY x.id LIMIT {TEXTS}"
    ));
    sql.all(db.read()).await
}

/// The texts of these ids, without those that are not there.
async fn texts_of(tx: &Tx, searched: Searched, ids: &[i64]) -> Result<Vec<Text>> {
    let mut sql = tx.sql("search::texts_again");
    let (these, text) = (sql.is_one_of("x.id", ids), folded(sql.dialect(), searched, "x"));
    let table = table(searched);
    sql.push(format!("SELECT x.id, {text} AS text FROM {table} AS x WHERE {these}"));
    sql.all(&**tx).await
}

/// Words with the places where they are, by their segment.
#[derive(Default)]
struct Words {
    places: BTreeMap<(i64, String), Vec<i64>>,
    /// Bytes of the words.
    size: usize,
}

impl Words {
    fn add(&mut self, text: &Text) {
        let (segment, place) = (segment_of(text.id), text.id.rem_euclid(SEGMENT));
        for word in words(&text.text) {
            let length = word.len();
            let places = self.places.entry((segment, word)).or_insert_with(|| {
                self.size += length;
                Vec::new()
            });
            if places.last() != Some(&place) {
                places.push(place);
            }
        }
    }

    async fn write(self, tx: &Tx, searched: Searched) -> Result<()> {
        let list = |places: &[i64]| places.iter().map(i64::to_string).collect::<Vec<_>>().join(" ");
        let rows: Vec<_> = self.places.into_iter().collect();
        for rows in rows.chunks(ROWS) {
            let mut sql = tx.sql("search::write");
            let about = sql.bind(columns(searched).0);
            let columns = [
                ("segment", JsonType::Integer),
                ("word", JsonType::Text),
                ("places", JsonType::Text),
            ];
            let rows = sql.table(
                columns,
                rows.iter().map(|((segment, word), places)| {
                    [json!(segment), json!(word), json!(list(places))]
                }),
            );
            sql.push(format!(
                "INSERT INTO search_word (about, segment, word, places) \
                 SELECT CAST({about} AS varchar), w.segment, w.word, w.places FROM {rows} AS w \
                 WHERE true ON CONFLICT (about, segment, word) \
                 DO UPDATE SET places = search_word.places || ' ' || excluded.places"
            ));
            sql.run(&**tx).await?;
        }
        Ok(())
    }
}

/// The ids in a row of the index.
pub fn ids_of(segment: i64, places: &str) -> impl Iterator<Item = i64> {
    let place = move |place: &str| Some(segment * SEGMENT + place.parse::<i64>().ok()?);
    places.split(' ').filter_map(place)
}
