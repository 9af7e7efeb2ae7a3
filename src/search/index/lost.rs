//! Taking the words that texts have lost out of the index.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::FromQueryResult;
use serde_json::json;

use super::{ROWS, SEGMENT, lock, segment_of, texts_of};
use crate::{
    db::{Db, JsonType, Tx},
    error::Result,
    search::{Searched, columns, terms::words},
};

/// How long words stay that a text has lost. By then, a transaction that was writing its segment has
/// ended.
const LOST_AFTER: TimeDelta = TimeDelta::hours(1);
/// Texts whose lost words are taken out in one transaction.
const MOST_LOST: i64 = 256;

/// Notes that things may have lost words that the index still has.
pub async fn note_lost(tx: &Tx, searched: Searched, ids: &[i64], now: DateTime<Utc>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut sql = tx.sql("search::note_lost");
    let (about, due_at) = (sql.bind(columns(searched).0), sql.bind(now + LOST_AFTER));
    let ids = sql.integer_table(["id"], ids.iter().map(|id| [*id]));
    sql.push(format!(
        "INSERT INTO search_lost (about, id, due_at) \
         SELECT CAST({about} AS varchar), t.id, {due_at} FROM {ids} AS t WHERE true \
         ON CONFLICT (about, id) DO UPDATE SET due_at = excluded.due_at"
    ));
    sql.run(&**tx).await.map(drop)
}

/// Takes out the words that some texts of a segment have lost.
pub async fn take_out(db: &Db, searched: Searched, now: DateTime<Utc>) -> Result<()> {
    let tx = db.begin().await?;
    lock(&tx, searched).await?;
    let mut sql = tx.sql("search::next_lost");
    let (about, now) = (sql.bind(columns(searched).0), sql.bind(now));
    sql.push(format!(
        "SELECT id FROM search_lost WHERE about = {about} AND due_at <= {now} \
         ORDER BY due_at LIMIT 1"
    ));
    let Some(first) = sql.value::<i64>(&*tx).await? else { return tx.commit().await };
    let segment = segment_of(first);
    let mut sql = tx.sql("search::lost");
    let (about, from) = (sql.bind(columns(searched).0), sql.bind(segment * SEGMENT));
    let to = sql.bind((segment + 1) * SEGMENT);
    sql.push(format!(
        "SELECT id FROM search_lost WHERE about = {about} AND id >= {from} AND id < {to} \
         ORDER BY id LIMIT {MOST_LOST}"
    ));
    let ids: Vec<i64> = sql.values(&*tx).await?;
    let texts = texts_of(&tx, searched, &ids).await?;
    let mut has: HashMap<i64, HashSet<String>> =
        ids.iter().map(|id| (id.rem_euclid(SEGMENT), HashSet::new())).collect();
    for text in &texts {
        has.entry(text.id.rem_euclid(SEGMENT)).or_default().extend(words(&text.text));
    }
    let mut after = String::new();
    loop {
        let rows = words_after(&tx, searched, segment, &after).await?;
        let Some(last) = rows.last() else { break };
        after.clone_from(&last.word);
        let is_last = rows.len() < ROWS;
        keep(&tx, searched, segment, rows, &has).await?;
        if is_last {
            break;
        }
    }
    let mut sql = tx.sql("search::taken_out");
    let (about, these) = (sql.bind(columns(searched).0), sql.is_one_of("id", &ids));
    sql.push(format!("DELETE FROM search_lost WHERE about = {about} AND {these}"));
    sql.run(&*tx).await?;
    tx.commit().await
}

/// A word of a segment, with its places.
#[derive(FromQueryResult)]
struct Word {
    word: String,
    places: String,
}

/// The next words of a segment.
async fn words_after(tx: &Tx, searched: Searched, segment: i64, after: &str) -> Result<Vec<Word>> {
    let mut sql = tx.sql("search::words_after");
    let (about, segment) = (sql.bind(columns(searched).0), sql.bind(segment));
    let after = sql.bind(after);
    sql.push(format!(
        "SELECT word, places FROM search_word \
         WHERE about = {about} AND segment = {segment} AND word > {after} \
         ORDER BY word LIMIT {ROWS}"
    ));
    sql.all(&**tx).await
}

/// Takes places out of words of a segment, where the text of the place does not have the word.
async fn keep(
    tx: &Tx,
    searched: Searched,
    segment: i64,
    rows: Vec<Word>,
    has: &HashMap<i64, HashSet<String>>,
) -> Result<()> {
    let (mut gone, mut left) = (Vec::new(), Vec::new());
    for Word { word, places } in rows {
        let is_kept = |place: &&str| {
            let texts = place.parse().ok().and_then(|place: i64| has.get(&place));
            texts.is_none_or(|words| words.contains(&word))
        };
        let kept: Vec<_> = places.split(' ').filter(is_kept).collect();
        match kept.join(" ") {
            kept if kept.is_empty() => gone.push([json!(word)]),
            kept if kept.len() < places.len() => left.push([json!(word), json!(kept)]),
            _ => {}
        }
    }
    let about = columns(searched).0;
    if !gone.is_empty() {
        let mut sql = tx.sql("search::delete_words");
        let (about, segment) = (sql.bind(about), sql.bind(segment));
        let gone = sql.table([("word", JsonType::Text)], gone);
        let these = sql.dialect().is_among("word", &format!("SELECT w.word FROM {gone} AS w"));
        sql.push(format!(
            "DELETE FROM search_word WHERE about = {about} AND segment = {segment} AND {these}"
        ));
        sql.run(&**tx).await?;
    }
    if !left.is_empty() {
        let mut sql = tx.sql("search::shorten_words");
        let (about, segment) = (sql.bind(about), sql.bind(segment));
        let left = sql.table([("word", JsonType::Text), ("places", JsonType::Text)], left);
        sql.push(format!(
            "UPDATE search_word SET places = w.places FROM {left} AS w \
             WHERE search_word.about = {about} AND search_word.segment = {segment} \
             AND search_word.word = w.word"
        ));
        sql.run(&**tx).await?;
    }
    Ok(())
}
