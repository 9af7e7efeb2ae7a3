//! Statements without a name, for tests, which look at the tables and change what the server never
//! changes. The server's own statements are [`Sql`](super::Sql).

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::{Db, Tx};
use crate::error::Result;

impl Db {
    /// For tests: a statement with the parameters `$1`, `$2` …
    pub fn statement(
        &self,
        sql: impl Into<String>,
        values: impl IntoIterator<Item = Value>,
    ) -> Statement {
        Statement::from_sql_and_values(self.dialect.backend(), sql, values)
    }

    /// For tests: the first column of a query's rows.
    pub async fn integers(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<i64>> {
        let rows = self.read.query_all_raw(self.statement(sql, values)).await?;
        Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
    }
}

impl Tx {
    /// For tests: runs a statement; returns the number of rows that it changed.
    pub async fn run(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<u64> {
        let statement = Statement::from_sql_and_values(self.dialect().backend(), sql, values);
        Ok(self.inner.execute_raw(statement).await?.rows_affected())
    }

    /// For tests: the rows of a query, or of a change with RETURNING.
    pub async fn rows(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>> {
        let statement = Statement::from_sql_and_values(self.dialect().backend(), sql, values);
        Ok(self.inner.query_all_raw(statement).await?)
    }
}
