//! Connections of a pool that are used again without a look at them.
//!
//! sqlx's pool sends a ping to each connection that comes back, which costs as much as a small
//! query. So a connection that has done its work is kept here for the next, and goes back to its
//! pool only if it may not be as it was before: after a failure, or when its user was cancelled.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::{
    ConnAcquireErr, DbErr, RuntimeErr,
    sqlx::{self, Pool, pool::PoolConnection},
};

/// Connections of a pool, from when they were first needed.
pub struct Kept<D: sqlx::Database> {
    pool: Pool<D>,
    /// None when all of them have been given back.
    idle: Mutex<Option<Vec<PoolConnection<D>>>>,
}

impl<D: sqlx::Database> Kept<D> {
    pub fn new(pool: &Pool<D>) -> Arc<Self> {
        Arc::new(Kept { pool: pool.clone(), idle: Mutex::new(Some(Vec::new())) })
    }

    pub fn pool(&self) -> &Pool<D> {
        &self.pool
    }

    /// A connection, which may have been ended while it was idle. Dropping it returns it to the
    /// pool.
    pub async fn take(&self) -> Result<PoolConnection<D>, DbErr> {
        let kept = self.idle().as_mut().and_then(Vec::pop);
        match kept {
            Some(connection) => Ok(connection),
            None => self.pool.acquire().await.map_err(no_connection),
        }
    }

    /// Keeps a connection on which nothing is under way.
    pub fn keep(&self, connection: PoolConnection<D>) {
        if let Some(idle) = &mut *self.idle() {
            idle.push(connection);
        }
    }

    /// Gives all of them back to the pool, now and from here on.
    pub fn give_back(&self) {
        self.idle().take();
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<PoolConnection<D>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why no connection could be had, whatever went wrong on the way: not a failure of the query.
pub fn no_connection(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        error => DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))),
    }
}
