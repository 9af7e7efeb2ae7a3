//! A transaction as its statements see it, on either database.
//!
//! On SQLite it is a savepoint of sea-orm. On PostgreSQL it is ours, so that a transaction is its
//! statements, one BEGIN and one COMMIT. sqlx's pool would send a ping after each, and before that
//! it had to roll back a connection of which it does not know whether a transaction is open on it
//! (sqlx #4385). Here that is known: after a COMMIT that has succeeded, and in no other case, the
//! connection is kept for the next transaction. Any other goes back to the pool, which rolls it
//! back: because the transaction was dropped, failed to begin or to commit, or was cancelled at any
//! point of this.

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement, Values,
    prelude::async_trait::async_trait,
    sqlx::{self, AssertSqlSafe, Executor, Postgres, pool::PoolConnection},
};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Mutex;

use super::{kept::Kept, statements::Statements};

/// A transaction; dropping it rolls it back.
pub enum Transaction {
    Sqlite(DatabaseTransaction),
    Postgres(Box<PostgresTransaction>),
}

/// A transaction on one of PostgreSQL's connections.
pub struct PostgresTransaction {
    connection: Mutex<PoolConnection<Postgres>>,
    connections: Arc<Kept<Postgres>>,
    statements: Arc<Statements>,
}

/// How a transaction begins.
const BEGIN: &str = "BEGIN";
/// The same for one in which a locked row would hold up the work of others: a job's, or calls that
/// are made together. What fails is tried again.
const BEGIN_IMPATIENTLY: &str = "BEGIN; SET LOCAL lock_timeout = '250ms'";

impl PostgresTransaction {
    pub async fn begin(
        connections: &Arc<Kept<Postgres>>,
        statements: &Arc<Statements>,
        is_impatient: bool,
    ) -> Result<Self, DbErr> {
        let mut connection = connections.take().await?;
        let begin = if is_impatient { BEGIN_IMPATIENTLY } else { BEGIN };
        connection.execute(begin).await.map_err(failed)?;
        let connection = Mutex::new(connection);
        Ok(Self { connection, connections: connections.clone(), statements: statements.clone() })
    }

    pub async fn commit(self) -> Result<(), DbErr> {
        let mut connection = self.connection.into_inner();
        connection.execute("COMMIT").await.map_err(failed)?;
        self.connections.keep(connection);
        Ok(())
    }
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

/// The values of a statement, as sqlx binds them.
pub fn bound(statement: &Statement) -> SqlxValues {
    SqlxValues(statement.values.clone().unwrap_or(Values(Vec::new())))
}

#[async_trait]
impl ConnectionTrait for PostgresTransaction {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut connection = self.connection.lock().await;
        let query = sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), bound(&statement));
        let ran = query.execute(&mut **connection);
        Ok(self.statements.observe(&statement, ran).await.map_err(failed)?.into())
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut connection = self.connection.lock().await;
        Ok(connection.execute(AssertSqlSafe(sql)).await.map_err(failed)?.into())
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut connection = self.connection.lock().await;
        let query = sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), bound(&statement));
        let rows = query.fetch_all(&mut **connection);
        let rows = self.statements.observe(&statement, rows).await;
        let rows = rows.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))))?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Transaction::Sqlite(tx) => tx.get_database_backend(),
            Transaction::Postgres(tx) => tx.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Transaction::Sqlite(tx) => tx.execute_raw(statement).await,
            Transaction::Postgres(tx) => tx.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            Transaction::Sqlite(tx) => tx.execute_unprepared(sql).await,
            Transaction::Postgres(tx) => tx.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Transaction::Sqlite(tx) => tx.query_one_raw(statement).await,
            Transaction::Postgres(tx) => tx.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Transaction::Sqlite(tx) => tx.query_all_raw(statement).await,
            Transaction::Postgres(tx) => tx.query_all_raw(statement).await,
        }
    }
}
