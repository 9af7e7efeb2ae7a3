//! Searching: whether a text contains another, in any case and language, on any database.
//!
//! The databases fold no letters but those of ASCII: SQLite's lower() knows no others, and PostgreSQL's depends on the locale,
//! which may be C. So Rust folds both sides (`migration::folded`): what somebody looks for when they do, and what is searched
//! when it is written. The result is kept in `search_text`, but only where it is another than lower() makes of the text, so that
//! most of what is written in English, and much of the rest, is there once.

use ::entity::search_text;
use sea_orm::{
    ActiveValue::Set,
    EntityTrait,
    sea_query::{Expr, ExprTrait, Func, OnConflict},
};

use crate::{
    db::{Dialect, Tx},
    error::Result,
    text,
};

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Message,
    Announcement,
    Target,
    User,
    Group,
}

/// The most characters that somebody looks for.
const LONGEST: usize = 200;

/// What somebody looks for, folded.
pub fn term(field: &str, text: &str) -> Result<String> {
    text::check_line(field, text, LONGEST)?;
    Ok(migration::folded(text))
}

/// What `search_text` calls it, and the columns that are searched. The columns are lines of one
/// text, and what is looked for is one line.
fn columns(about: About) -> (&'static str, &'static [&'static str]) {
    match about {
        About::Message => ("message", &["subject", "body"]),
        About::Announcement => ("announcement", &["title", "body"]),
        About::Target => ("target", &["title"]),
        About::User => ("user", &["first_name", "last_name", "external_id"]),
        About::Group => ("group", &["name", "external_id"]),
    }
}

/// The folded text of a row `alias`.
fn folded(dialect: Dialect, about: About, alias: &str) -> String {
    let (name, columns) = columns(about);
    let columns: Vec<_> =
        columns.iter().map(|column| format!("coalesce({alias}.{column}, '')")).collect();
    format!(
        "coalesce((SELECT f.text FROM search_text AS f WHERE f.about = '{name}' AND f.id = {alias}.id), {})",
        dialect.lower_ascii(&columns.join(" || '\n' || "))
    )
}

/// The condition that a row `alias` contains a [`term`], which is a parameter.
pub fn contains(dialect: Dialect, about: About, alias: &str, term: &str) -> String {
    format!("{}({}, {term}) > 0", dialect.position(), folded(dialect, about, alias))
}

/// The same for a query of entities.
pub fn filter(dialect: Dialect, about: About, term: &str) -> Expr {
    let table = match about {
        About::User => "user_account",
        About::Group => "user_group",
        About::Message | About::Announcement | About::Target => columns(about).0,
    };
    let text = Expr::cust(folded(dialect, about, table));
    Expr::expr(Func::cust(dialect.position()).arg(text).arg(term)).gt(0)
}

/// Keeps what is searched of something new: its columns, in their order.
pub async fn add(tx: &Tx, about: About, id: i64, columns: &[&str]) -> Result<()> {
    write(tx, about, [(id, columns.join("\n"))]).await.map(drop)
}

/// The same of what may have been another text before.
pub async fn change(
    tx: &Tx,
    about: About,
    texts: impl IntoIterator<Item = (i64, String)>,
) -> Result<()> {
    let plain = write(tx, about, texts).await?;
    if !plain.is_empty() {
        let mut sql = tx.sql("search::forget");
        let (about, these) = (sql.bind(columns(about).0), sql.is_one_of("id", &plain));
        sql.push(format!("DELETE FROM search_text WHERE about = {about} AND {these}"));
        sql.run(&**tx).await?;
    }
    Ok(())
}

/// Writes the rows of those texts that need one; gives the ids of the others.
async fn write(
    tx: &Tx,
    about: About,
    texts: impl IntoIterator<Item = (i64, String)>,
) -> Result<Vec<i64>> {
    let (mut rows, mut plain) = (Vec::new(), Vec::new());
    for (id, text) in texts {
        let folded = migration::folded(&text);
        if folded == text.to_ascii_lowercase() {
            plain.push(id);
        } else {
            rows.push(search_text::ActiveModel {
                about: Set(columns(about).0.to_owned()),
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
