//! Search: whether a text has what somebody looks for, regardless of case, in any language and on
//! any database.
//!
//! The databases fold only ASCII letters: SQLite's lower() knows no others, and PostgreSQL's
//! depends on the locale, which may be C. So Rust folds both sides (`migration::folded`): the
//! search term when somebody searches, and the searched text when it is written. The result is kept
//! in `search_text`, but only where it differs from what lower() makes of the text, so that most
//! English text, and much other text, is stored only once.
//!
//! A search finds the beginnings of words (`terms`). An index says where words are (`index`,
//! `candidates`), and the text decides. `find`: how a page of a list is found. `rows`: lists of
//! people, groups and sent messages; `inbox::search` has that of an inbox. `sender` finds what
//! somebody has sent in the same way.

mod candidates;
mod find;
pub mod index;
pub mod rows;
mod sender;
mod terms;

use ::entity::search_text;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};

pub use candidates::Search;
pub use find::{Criterion, Effort, Entry, Found, List, find};
pub use sender::FromSender;
pub use terms::{LONGEST, Terms};

use crate::{
    db::{Dialect, Param, Tx},
    error::Result,
};

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Searched {
    Message,
    Announcement,
    Target,
    User,
    Group,
}

/// Everything that is searched: its words are in the index.
pub const ALL: [Searched; 5] =
    [Searched::Message, Searched::Announcement, Searched::Target, Searched::User, Searched::Group];

/// The name that `search_text` uses for it, and the searched columns. The columns are lines of one
/// text, and a search term is a single line.
fn columns(searched: Searched) -> (&'static str, &'static [&'static str]) {
    match searched {
        Searched::Message => ("message", &["subject", "body"]),
        Searched::Announcement => ("announcement", &["title", "body"]),
        Searched::Target => ("target", &["title"]),
        Searched::User => ("user", &["first_name", "last_name", "external_id"]),
        Searched::Group => ("group", &["name", "external_id"]),
    }
}

/// The table of its rows.
fn table(searched: Searched) -> &'static str {
    match searched {
        Searched::User => "user_account",
        Searched::Group => "user_group",
        Searched::Message | Searched::Announcement | Searched::Target => columns(searched).0,
    }
}

/// The folded text of a row `alias`.
fn folded(dialect: Dialect, searched: Searched, alias: &str) -> String {
    let (name, columns) = columns(searched);
    let columns: Vec<_> =
        columns.iter().map(|column| format!("coalesce({alias}.{column}, '')")).collect();
    format!(
        "coalesce((SELECT f.text FROM search_text AS f \
         WHERE f.about = '{name}' AND f.id = {alias}.id), {})",
        dialect.lower_ascii(&columns.join(" || '\n' || "))
    )
}

/// The condition that a row `alias` has a folded text.
fn contains(dialect: Dialect, searched: Searched, alias: &str, term: Param) -> String {
    format!("{}({}, {term}) > 0", dialect.position(), folded(dialect, searched, alias))
}

/// Stores the searchable texts of something new: the searched columns as lines of one text.
pub async fn add(
    tx: &Tx,
    searched: Searched,
    texts: impl IntoIterator<Item = (i64, String)>,
) -> Result<()> {
    let texts: Vec<_> = texts.into_iter().collect();
    index::note_new(tx, texts.iter().map(|(id, _)| *id));
    write(tx, searched, texts).await.map(drop)
}

/// Stores the searchable text of something that may have had another text before.
pub async fn change(
    tx: &Tx,
    searched: Searched,
    texts: impl IntoIterator<Item = (i64, String)>,
    now: DateTime<Utc>,
) -> Result<()> {
    let texts: Vec<_> = texts.into_iter().collect();
    let ids: Vec<_> = texts.iter().map(|(id, _)| *id).collect();
    index::note_changed(tx, searched, &ids, now).await?;
    let plain = write(tx, searched, texts).await?;
    if !plain.is_empty() {
        let mut sql = tx.sql("search::forget");
        let (about, these) = (sql.bind(columns(searched).0), sql.is_one_of("id", &plain));
        sql.push(format!("DELETE FROM search_text WHERE about = {about} AND {these}"));
        sql.run(&**tx).await?;
    }
    Ok(())
}

/// Forgets the texts of what is deleted. Their words leave the index later.
pub async fn forget(tx: &Tx, searched: Searched, ids: &[i64], now: DateTime<Utc>) -> Result<()> {
    index::note_lost(tx, searched, ids, now).await?;
    for table in ["search_text", "search_again"] {
        let mut sql = tx.sql("search::forget_deleted");
        let (about, these) = (sql.bind(columns(searched).0), sql.is_one_of("id", ids));
        sql.push(format!("DELETE FROM {table} WHERE about = {about} AND {these}"));
        sql.run(&**tx).await?;
    }
    Ok(())
}

/// Writes the rows of the texts that need one; returns the ids of the others.
async fn write(
    tx: &Tx,
    searched: Searched,
    texts: impl IntoIterator<Item = (i64, String)>,
) -> Result<Vec<i64>> {
    let (mut rows, mut plain) = (Vec::new(), Vec::new());
    for (id, text) in texts {
        let folded = migration::folded(&text);
        if folded == text.to_ascii_lowercase() {
            plain.push(id);
        } else {
            rows.push(search_text::ActiveModel {
                about: Set(columns(searched).0.to_owned()),
                id: Set(id),
                text: Set(folded),
            });
        }
    }
    if !rows.is_empty() {
        use search_text::Column;
        let newest =
            OnConflict::columns([Column::About, Column::Id]).update_column(Column::Text).to_owned();
        search_text::Entity::insert_many(rows)
            .on_conflict(newest)
            .exec_without_returning(&**tx)
            .await?;
    }
    Ok(plain)
}
