//! Statements written as SQL: each has a name, a text, and the values of its parameters.
//!
//! Bind the values first, and write the text with the results. So a text names what it takes, and
//! nobody numbers parameters:
//!
//! ```ignore
//! let mut sql = tx.sql("delivery::next_part");
//! let (message, after) = (sql.bind(message), sql.bind(after));
//! sql.push(format!(
//!     "SELECT max(user_id) FROM message_recipient \
//!      WHERE message_id = {message} AND user_id > {after}"
//! ));
//! let last: Option<UserId> = sql.value(&*tx).await?;
//! ```
//!
//! - A function that returns a part of a text with values takes the [`Sql`] and binds them itself.
//! - Rows become structs that derive `FromQueryResult`: columns are found by their names.
//! - The name is that of the module and of what the statement does. It precedes the text, as `/*
//!   delivery::next_part */`, where the database's own log and `pg_stat_activity` show it. Our log
//!   shows it when the statement fails or is slow. `tests/it/sql.rs` runs every name.
//! - Values never appear in the text, except limits, of which there are few: the text has to be the
//!   same each time, or it is prepared each time.

use std::fmt;

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, QueryResult, Statement, TryGetable, Value};
use serde::Serialize;

use super::{Dialect, JsonType};
use crate::error::{Error, Result};

/// JSON of more bytes than this is parsed where it holds up nobody.
const LONG_JSON: usize = 256 * 1024;

/// A statement that is being written.
#[derive(Clone, Debug)]
pub struct Sql {
    name: &'static str,
    dialect: Dialect,
    text: String,
    values: Vec<Value>,
}

/// Represents a bound value in the text of its statement, any number of times.
#[derive(Clone, Copy, Debug)]
pub struct Param(usize);

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.0)
    }
}

impl Sql {
    pub fn new(name: &'static str, dialect: Dialect) -> Self {
        Sql { name, dialect, text: format!("/* {name} */ "), values: Vec::new() }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The values that are bound, in the order of their numbers.
    pub fn bound(&self) -> &[Value] {
        &self.values
    }

    /// How the database spells what the two databases spell differently.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Binds a value; write the result where the value is to be.
    pub fn bind(&mut self, value: impl Into<Value>) -> Param {
        self.values.push(value.into());
        Param(self.values.len())
    }

    /// Adds text.
    pub fn push(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.text.push_str(text.as_ref());
        self
    }

    /// The condition that a column is one of some ids, of any number: they are bound as one value.
    pub fn is_one_of(&mut self, column: &str, ids: &[impl Serialize]) -> String {
        let ids = self.bind_list(ids);
        self.dialect.is_one_of(column, ids)
    }

    /// The condition that a column is one of some texts, of any number: they are bound as one value.
    pub fn is_one_of_texts(&mut self, column: &str, texts: &[&String]) -> String {
        let texts = self.bind(serde_json::json!(texts).to_string());
        self.dialect.is_one_of_texts(column, texts)
    }

    /// Binds some ids for [`Dialect::is_one_of`], where more than one condition uses them.
    pub fn bind_list(&mut self, ids: &[impl Serialize]) -> Param {
        self.bind(serde_json::json!(ids).to_string())
    }

    /// Rows of integers as a table with these columns: `FROM {table} AS t`.
    pub fn integer_table<const N: usize>(
        &mut self,
        columns: [&str; N],
        rows: impl IntoIterator<Item = [i64; N]>,
    ) -> String {
        let rows: Vec<_> = rows.into_iter().map(|row| row.to_vec()).collect();
        let rows = self.bind(serde_json::json!(rows).to_string());
        self.dialect.integer_table(rows, &columns)
    }

    /// Rows as a table with these columns: `FROM {table} AS t`.
    pub fn table<const N: usize>(
        &mut self,
        columns: [(&str, JsonType); N],
        rows: impl IntoIterator<Item = [serde_json::Value; N]>,
    ) -> String {
        let rows = serde_json::Value::from_iter(rows.into_iter().map(Vec::from));
        let rows = self.bind(rows.to_string());
        self.dialect.table(rows, &columns)
    }

    /// The statement as it will be sent.
    pub fn statement(&self) -> Statement {
        Statement::from_sql_and_values(self.dialect.backend(), &self.text, self.values.clone())
    }

    /// Runs a change; returns the number of rows that it changed.
    pub async fn run(&self, connection: &impl ConnectionTrait) -> Result<u64> {
        let ran = connection.execute_raw(self.statement()).await;
        Ok(ran.map_err(|error| self.failed(error))?.rows_affected())
    }

    /// The rows of a query, or of a change with RETURNING.
    pub async fn all<T: FromQueryResult>(
        &self,
        connection: &impl ConnectionTrait,
    ) -> Result<Vec<T>> {
        let rows = self.rows(connection).await?;
        let rows: Result<_, _> = rows.iter().map(|row| T::from_query_result(row, "")).collect();
        rows.map_err(|error| self.failed(error))
    }

    /// The first of the rows. All are fetched, and so locked, if the query locks rows.
    pub async fn one<T: FromQueryResult>(
        &self,
        connection: &impl ConnectionTrait,
    ) -> Result<Option<T>> {
        Ok(self.all(connection).await?.into_iter().next())
    }

    /// The only column of the rows.
    pub async fn values<V: TryGetable>(&self, connection: &impl ConnectionTrait) -> Result<Vec<V>> {
        let rows = self.rows(connection).await?;
        let values: Result<_, _> = rows.iter().map(|row| row.try_get_by_index(0)).collect();
        values.map_err(|error| self.failed(error))
    }

    /// The only column of the first row; None if it is NULL, or if there is no row.
    pub async fn value<V: TryGetable>(
        &self,
        connection: &impl ConnectionTrait,
    ) -> Result<Option<V>> {
        Ok(self.values::<Option<V>>(connection).await?.into_iter().next().flatten())
    }

    /// The number that a `count(*)` returns.
    pub async fn count(&self, connection: &impl ConnectionTrait) -> Result<u64> {
        let count: Option<i64> = self.value(connection).await?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }

    /// Whether there is a row. If the query locks rows, they are locked when this returns.
    pub async fn exists(&self, connection: &impl ConnectionTrait) -> Result<bool> {
        Ok(!self.rows(connection).await?.is_empty())
    }

    /// Rows of a hot query as one JSON text: the query selects one [`Dialect::json_list`].
    ///
    /// One row with one text costs half as much as twenty rows with thirty columns, on both
    /// databases.
    pub async fn json<T: serde::de::DeserializeOwned + Send + 'static>(
        &self,
        connection: &impl ConnectionTrait,
    ) -> Result<Vec<T>> {
        from_json(self.value(connection).await?).await
    }

    /// The rows as the driver returns them.
    pub async fn rows(&self, connection: &impl ConnectionTrait) -> Result<Vec<QueryResult>> {
        let rows = connection.query_all_raw(self.statement()).await;
        rows.map_err(|error| self.failed(error))
    }

    /// Makes an error that says which statement failed.
    fn failed(&self, error: DbErr) -> Error {
        let named = |cause: String| format!("{}: {cause}", self.name);
        match Error::from(error) {
            Error::Internal(defect) => Error::internal(named(defect.cause())),
            Error::Unavailable(cause) => Error::Unavailable(named(cause)),
            other => other,
        }
    }
}

/// Values in the JSON of a [`Dialect::json_list`].
pub async fn from_json<T: serde::de::DeserializeOwned + Send + 'static>(
    list: Option<String>,
) -> Result<Vec<T>> {
    let list = list.unwrap_or_else(|| "[]".into());
    let is_long = list.len() > LONG_JSON;
    let read = move || serde_json::from_str(&list).map_err(|error| Error::internal(error));
    match is_long {
        true => tokio::task::spawn_blocking(read).await.map_err(|error| Error::internal(error))?,
        false => read(),
    }
}

/// The name of a statement, if it has one, and the text after it.
pub fn name_and_text(sql: &str) -> (Option<&str>, &str) {
    let named = sql.strip_prefix("/* ").and_then(|rest| rest.split_once(" */ "));
    named.map_or((None, sql), |(name, text)| (Some(name), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(dialect: Dialect) -> Sql {
        Sql::new("tests::some", dialect)
    }

    #[test]
    fn a_bound_value_can_stand_in_the_text_many_times() {
        let mut sql = sql(Dialect::Sqlite);
        let (after, before) = (sql.bind(7), sql.bind("x"));
        sql.push(format!("SELECT 1 WHERE a > {after} AND b < {before}"));
        sql.push(format!(" AND c > {after}"));
        let statement = sql.statement();
        assert_eq!(statement.sql, "/* tests::some */ SELECT 1 WHERE a > $1 AND b < $2 AND c > $1");
        assert_eq!(statement.values.unwrap().0, [7.into(), "x".into()]);
    }

    /// Otherwise the statement would be prepared anew for each list.
    #[test]
    fn the_text_is_the_same_for_any_number_of_ids() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let text = |ids: &[i64]| {
                let mut sql = sql(dialect);
                let these = sql.is_one_of("id", ids);
                let pairs = sql.integer_table(["a", "b"], ids.iter().map(|id| [*id, 1]));
                sql.push(format!("SELECT * FROM {pairs} AS t WHERE {these}"));
                sql.statement().sql
            };
            assert_eq!(text(&[]), text(&[1, 2, 3]));
        }
    }

    #[test]
    fn a_name_is_found_again() {
        let statement = sql(Dialect::Postgres).push("SELECT 1").statement();
        assert_eq!(name_and_text(&statement.sql), (Some("tests::some"), "SELECT 1"));
        assert_eq!(name_and_text("SELECT 1 /* x */ "), (None, "SELECT 1 /* x */ "));
    }
}
