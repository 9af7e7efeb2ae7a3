//! The connections that read.
//!
//! A connection that has answered is kept for the next query (`kept`). A query that fails because
//! its connection was ended while idle is run again on another: it changes nothing, so repeating it
//! does no harm.

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, Statement, TransactionTrait,
    prelude::async_trait::async_trait,
    sqlx::{self, Postgres, Sqlite},
};
use tokio::{sync::Semaphore, time::timeout};

use super::{
    Dialect,
    kept::{Kept, no_connection},
    statements::Statements,
};
use crate::error::is_lost;

#[derive(Clone)]
pub struct Reader {
    pool: DatabaseConnection,
    connections: Connections,
    /// How many there can be.
    count: u32,
    statements: Arc<Statements>,
}

#[derive(Clone)]
enum Connections {
    Sqlite(Arc<Readers<Sqlite>>),
    Postgres(Arc<Readers<Postgres>>),
}

struct Readers<D: sqlx::Database> {
    connections: Arc<Kept<D>>,
    /// One for each connection that the pool may have. Closed when nothing is to be read any more.
    places: Semaphore,
}

impl<D: sqlx::Database> Readers<D> {
    fn new(pool: &sqlx::Pool<D>, count: u32) -> Arc<Self> {
        let places = Semaphore::new(count as usize);
        Arc::new(Readers { connections: Kept::new(pool), places })
    }

    /// Runs a query on a connection. If the query fails or is cancelled, its connection goes back
    /// to the pool, which finds out whether it still works.
    async fn run<T>(
        &self,
        query: impl AsyncFnOnce(&mut D::Connection) -> Result<T, DbErr>,
    ) -> Result<T, DbErr> {
        let patience = self.connections.pool().options().get_acquire_timeout();
        let place = timeout(patience, self.places.acquire()).await;
        let place = place.map_err(|_| no_connection(sqlx::Error::PoolTimedOut))?;
        let _place = place.map_err(|_| no_connection(sqlx::Error::PoolClosed))?;
        let mut connection = self.connections.take().await?;
        let found = query(&mut connection).await?;
        self.connections.keep(connection);
        Ok(found)
    }

    fn give_back(&self) {
        self.places.close();
        self.connections.give_back();
    }
}

impl Reader {
    /// Takes over a pool of this many connections.
    pub fn new(pool: DatabaseConnection, count: u32, statements: Arc<Statements>) -> Self {
        let connections = match Dialect::of(&pool) {
            Dialect::Sqlite => {
                Connections::Sqlite(Readers::new(pool.get_sqlite_connection_pool(), count))
            }
            Dialect::Postgres => {
                Connections::Postgres(Readers::new(pool.get_postgres_connection_pool(), count))
            }
        };
        Reader { pool, connections, count, statements }
    }

    /// A transaction on one of the connections; for tests that look at plans.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        // All may be kept: one goes back to the pool.
        match &self.connections {
            Connections::Sqlite(readers) => drop(readers.connections.take().await?),
            Connections::Postgres(readers) => drop(readers.connections.take().await?),
        }
        self.pool.begin().await
    }

    /// Begins no more queries, and returns the pool for those that are under way.
    pub fn end(&self) -> &DatabaseConnection {
        match &self.connections {
            Connections::Sqlite(readers) => readers.give_back(),
            Connections::Postgres(readers) => readers.give_back(),
        }
        &self.pool
    }

    /// How many connections are in use, and how many there can be.
    pub fn in_use(&self) -> (usize, usize) {
        let free = match &self.connections {
            Connections::Sqlite(readers) => readers.places.available_permits(),
            Connections::Postgres(readers) => readers.places.available_permits(),
        };
        let all = self.count as usize;
        (all.saturating_sub(free), all)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        let _ = self.end().close_by_ref().await;
    }

    async fn rows(&self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let statements = &self.statements;
        match &self.connections {
            Connections::Sqlite(readers) => {
                readers.run(async |connection| statements.fetch(connection, statement).await).await
            }
            Connections::Postgres(readers) => {
                readers.run(async |connection| statements.fetch(connection, statement).await).await
            }
        }
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

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, _: Statement) -> Result<ExecResult, DbErr> {
        Err(DbErr::Custom("these connections only read".into()))
    }

    async fn execute_unprepared(&self, _: &str) -> Result<ExecResult, DbErr> {
        Err(DbErr::Custom("these connections only read".into()))
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        on_living(self.count, || self.rows(&statement)).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sea_orm::{SqlxPostgresConnector, sqlx::postgres::PgPoolOptions};
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;
    use crate::{config, error::Error, metrics::Metrics};

    /// Something between the server and PostgreSQL may cut a connection in its handshake.
    #[tokio::test]
    async fn a_connection_that_cannot_be_opened_is_no_defect_of_the_query() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let _ = socket.write_all(&[0]).await;
            }
        });
        let pool = PgPoolOptions::new().acquire_timeout(Duration::from_secs(5));
        let pool = pool.connect_lazy(&format!("postgres://somebody@{address}/tidings")).unwrap();
        let pool = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
        let statements = Arc::new(Statements::new(&config::Database::default(), Metrics::off()));
        let reader = Reader::new(pool, 1, statements);

        let select = Statement::from_string(DbBackend::Postgres, "SELECT 1");
        let error = reader.query_all_raw(select).await.unwrap_err();
        assert!(matches!(Error::from(error), Error::Unavailable(_)));
    }
}
