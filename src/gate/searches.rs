//! A search may look at many rows until it has found a page of matches, and keeps a connection busy
//! meanwhile. Only a few searches run at the same time, for each person and in total, so that the
//! other connections stay free for everyone else.

use std::{sync::Arc, time::Duration};

use async_graphql::Context;
use tokio::time::timeout;

use crate::{
    app::App,
    auth::Actor,
    budget::{Budget, Holder},
    config::Limits,
    error::{Error, Result},
    traces::Carry,
};

/// How long a search waits for its turn before it is answered with UNAVAILABLE.
const PATIENCE: Duration = Duration::from_secs(5);

/// The turns of searches.
#[derive(Clone)]
pub struct Searches(Arc<Budget>);

impl Searches {
    pub fn new(limits: &Limits) -> Self {
        Searches(Budget::new(limits.searches_per_user, limits.searches_in_all))
    }
}

/// Reads a page; a search waits for its turn. A search whose caller has gone keeps its turn until
/// the database is done with it, because it cannot be cancelled there.
pub async fn reading<T, F>(
    ctx: &Context<'_>,
    is_search: bool,
    read: impl FnOnce(App) -> F,
) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let read = read(ctx.data_unchecked::<App>().clone());
    if !is_search {
        return read.await;
    }
    let Searches(turns) = ctx.data_unchecked::<Searches>();
    let turn = timeout(PATIENCE, turns.take(Holder::of(ctx.data_opt::<Actor>()), 1)).await;
    let turn = turn.map_err(|_| Error::Unavailable("too many searches at the same time".into()))?;
    let search = async move {
        let _turn = turn;
        read.await
    };
    tokio::spawn(search.carried()).await.map_err(|error| Error::internal(error))?
}
