//! `purgeable` and `purge`: what is too old to be kept, and deleting it earlier than by itself.

use std::time::Duration;

use async_graphql::{Context, Object, SimpleObject};
use tokio::time::timeout;

use super::{SEARCH, actor, app, auth, cost, hosts};
use crate::{
    error::Result,
    gate::reading,
    jobs::purge::{self, Purged},
};

/// How much there is that is older than it has to be kept.
#[derive(SimpleObject)]
pub struct Purgeable {
    /// Items that have left the inboxes longer than `retention_days` ago.
    tombstones: i32,
    /// Idempotency keys that are older than `idempotency_days`.
    idempotency_keys: i32,
    /// Items whose last change can no longer be taken back, after a day.
    undos: i32,
    /// Items that leave the inboxes, by `inbox_retention`; null if it is not set.
    items: Option<i32>,
    /// Threads that are deleted with all their messages, by `message_retention`; null if it is not
    /// set.
    threads: Option<i32>,
}

impl From<Purged> for Purgeable {
    fn from(purged: Purged) -> Self {
        let most = |count: u64| count.try_into().unwrap_or(i32::MAX);
        Purgeable {
            tombstones: most(purged.tombstones),
            idempotency_keys: most(purged.idempotency_keys),
            undos: most(purged.undos),
            items: purged.items.map(most),
            threads: purged.threads.map(most),
        }
    }
}

/// What is being deleted.
#[derive(SimpleObject)]
pub struct PurgePayload {
    /// How much it was when this began; null if that took too long to count.
    purgeable: Option<Purgeable>,
}

/// How long `purge` counts what it will delete: less than a search waits for its turn.
const LONGEST_COUNT: Duration = Duration::from_secs(4);

async fn purgeable(ctx: &Context<'_>) -> Result<Purgeable> {
    Ok(reading(ctx, true, |app| async move { purge::count(&app).await }).await?.into())
}

#[derive(Default)]
pub struct PurgeQuery;

#[Object]
impl PurgeQuery {
    /// What `purge` would delete. It reads everything that is too old, and waits for its turn as a
    /// search does.
    #[graphql(directive = auth::apply(hosts()), directive = cost::apply(SEARCH))]
    async fn purgeable(&self, ctx: &Context<'_>) -> Result<Option<Purgeable>> {
        actor(ctx)?.require_host()?;
        Ok(Some(purgeable(ctx).await?))
    }
}

#[derive(Default)]
pub struct PurgeMutation;

#[Object]
impl PurgeMutation {
    /// Lets the server look now for what is older than `inbox_retention` and `message_retention`
    /// allow, and not only an hour after it has last looked. It deletes that in small parts, after
    /// the answer. Whatever else is too old goes within ten minutes by itself. Idempotent.
    #[graphql(directive = auth::apply(hosts()), directive = cost::apply(SEARCH))]
    async fn purge(&self, ctx: &Context<'_>) -> Result<Option<PurgePayload>> {
        let actor = actor(ctx)?;
        actor.require_host()?;
        // What is too much to be counted in time has to go all the same.
        let purgeable = timeout(LONGEST_COUNT, purgeable(ctx)).await.ok().transpose()?;
        purge::begin(app(ctx), actor).await?;
        Ok(Some(PurgePayload { purgeable }))
    }
}
