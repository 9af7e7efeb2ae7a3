//! The connections that read. A connection that was ended while idle is discovered when a query
//! fails on it, and the query is run again on another: it changes nothing, so repeating it does no
//! harm.

use std::ops::Deref;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    prelude::async_trait::async_trait,
};

use crate::error::is_lost;

#[derive(Clone)]
pub struct Reader {
    pool: DatabaseConnection,
    connections: u32,
}

impl Reader {
    pub fn new(pool: DatabaseConnection, connections: u32) -> Self {
        Reader { pool, connections }
    }
}

/// Runs something again if its connection turns out to be lost: once for each connection that the
/// pool can have, since all of them may be lost.
pub async fn on_living<T, F>(connections: u32, run: impl Fn() -> F) -> Result<T, DbErr>
where
    F: Future<Output = Result<T, DbErr>>,
{
    for _ in 0..connections {
        match run().await {
            Err(error) if is_lost(&error) => {
                tracing::debug!(%error, "a connection is gone; another is tried")
            }
            outcome => return outcome,
        }
    }
    run().await
}

impl Deref for Reader {
    type Target = DatabaseConnection;

    fn deref(&self) -> &DatabaseConnection {
        &self.pool
    }
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        on_living(self.connections, || self.pool.execute_raw(statement.clone())).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        on_living(self.connections, || self.pool.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        on_living(self.connections, || self.pool.query_one_raw(statement.clone())).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        on_living(self.connections, || self.pool.query_all_raw(statement.clone())).await
    }
}
