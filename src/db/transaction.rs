//! A transaction as its statements see it, on either database.
//!
//! It is ours and not one of sqlx's, so that a transaction is its statements, one BEGIN and one
//! COMMIT. sqlx's pool would send a ping after each, and before that it had to roll back a
//! connection of which it does not know whether a transaction is open on it (sqlx #4385).
//!
//! - On PostgreSQL that is known here: after a COMMIT that has succeeded, and in no other case, the
//!   connection is kept for the next transaction. Any other goes back to the pool, which rolls it
//!   back: because the transaction was dropped, failed to begin or to commit, or was cancelled at
//!   any point of this.
//! - On SQLite the connection is lent by the writer, which begins, commits and undoes (`sqlite`).

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    prelude::async_trait::async_trait,
    sqlx::{AssertSqlSafe, Executor, Postgres, SqliteConnection, pool::PoolConnection},
};
use tokio::sync::Mutex;

use super::{
    kept::Kept,
    statements::{Statements, failed},
};

/// A transaction; dropping it rolls it back.
pub struct Transaction {
    connection: Connection,
    statements: Arc<Statements>,
}

enum Connection {
    /// Lent by the writer for one turn.
    Sqlite(Arc<Mutex<SqliteConnection>>),
    Postgres(Box<Mutex<PoolConnection<Postgres>>>, Arc<Kept<Postgres>>),
}

/// How a transaction begins on PostgreSQL.
const BEGIN: &str = "BEGIN";
/// The same for one in which a locked row would hold up the work of others: a job's, or calls that
/// are made together. What fails is tried again.
const BEGIN_IMPATIENTLY: &str = "BEGIN; SET LOCAL lock_timeout = '250ms'";

impl Transaction {
    /// A turn on SQLite's writer, which has begun already.
    pub fn sqlite(connection: Arc<Mutex<SqliteConnection>>, statements: Arc<Statements>) -> Self {
        Transaction { connection: Connection::Sqlite(connection), statements }
    }

    pub async fn begin_on_postgres(
        connections: &Arc<Kept<Postgres>>,
        statements: &Arc<Statements>,
        is_impatient: bool,
    ) -> Result<Self, DbErr> {
        let mut connection = connections.take().await?;
        let begin = if is_impatient { BEGIN_IMPATIENTLY } else { BEGIN };
        connection.execute(begin).await.map_err(failed)?;
        let connection = Box::new(Mutex::new(connection));
        let connection = Connection::Postgres(connection, connections.clone());
        Ok(Transaction { connection, statements: statements.clone() })
    }

    /// Ends it, durably on PostgreSQL: SQLite's writer commits when it has the connection back.
    pub async fn commit(self) -> Result<(), DbErr> {
        if let Connection::Postgres(connection, connections) = self.connection {
            let mut connection = connection.into_inner();
            connection.execute("COMMIT").await.map_err(failed)?;
            connections.keep(connection);
        }
        Ok(())
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        match self.connection {
            Connection::Sqlite(_) => DbBackend::Sqlite,
            Connection::Postgres(..) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &self.connection {
            Connection::Sqlite(connection) => {
                self.statements.execute(&mut *connection.lock().await, &statement).await
            }
            Connection::Postgres(connection, _) => {
                self.statements.execute(&mut **connection.lock().await, &statement).await
            }
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = AssertSqlSafe(sql);
        Ok(match &self.connection {
            Connection::Sqlite(connection) => {
                connection.lock().await.execute(sql).await.map_err(failed)?.into()
            }
            Connection::Postgres(connection, _) => {
                connection.lock().await.execute(sql).await.map_err(failed)?.into()
            }
        })
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.connection {
            Connection::Sqlite(connection) => {
                self.statements.fetch(&mut *connection.lock().await, &statement).await
            }
            Connection::Postgres(connection, _) => {
                self.statements.fetch(&mut **connection.lock().await, &statement).await
            }
        }
    }
}
