//! Deletes now what retention deletes by itself.

use clap::Args;
use serde_json::Value;

use super::{
    Database,
    api::open_database,
    show::{Columns, Form},
};
use crate::{
    config::Given,
    error::{Error, Result},
    jobs::purge,
    server::Access,
};

/// Things of which nothing is deleted are not shown.
const SHOWN: Columns = &[
    ("tombstones of items", "/tombstones"),
    ("idempotency keys", "/idempotencyKeys"),
    ("undos", "/undos"),
    ("old inbox items", "/items"),
    ("old threads", "/threads"),
];

#[derive(Args)]
pub struct Purge {
    /// Says how much it would be, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    form: Form,
}

pub async fn run(command: Purge, given: &mut Given) -> Result<()> {
    let Purge { dry_run, database, form } = command;
    database.add_to(given);
    let config = given.config()?;
    let (beside, purged) = match dry_run {
        true => {
            let beside = open_database(config, Access::Read).await?;
            let counted = purge::count(&beside.app).await;
            (beside, counted)
        }
        false => {
            let beside = open_database(config, Access::Write).await?;
            let purged = purge::purge(&beside.app.in_background()).await;
            (beside, purged)
        }
    };
    beside.close().await;
    let purged: Value = serde_json::to_value(purged?).map_err(|error| Error::internal(error))?;
    form.print(&purged, SHOWN)
}
