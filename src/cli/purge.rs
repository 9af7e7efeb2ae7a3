//! Deletes now what retention deletes by itself.

use clap::Args;
use serde_json::{Value, json};

use super::{
    api::{Api, At, Call, Here},
    show::{Columns, Form},
};
use crate::{
    config::Given,
    error::{Error, Result},
    jobs::purge,
    process,
    server::Access,
};

/// A document that selects what is shown.
macro_rules! document {
    ($before:literal, $after:literal) => {
        concat!($before, "purgeable { tombstones idempotencyKeys undos items threads }", $after)
    };
}

const COUNT: &str = document!("query Purgeable { ", " }");
const PURGE: &str = document!("mutation Purge { purge { ", " } }");

/// Things of which nothing is deleted are not shown.
const SHOWN: Columns = &[
    ("tombstones of items", "/tombstones"),
    ("idempotency keys", "/idempotencyKeys"),
    ("undos", "/undos"),
    ("old inbox items", "/items"),
    ("old threads", "/threads"),
];

const UNCOUNTED: &str = "it is being deleted; there is too much of it to count it meanwhile\n";

#[derive(Args)]
pub struct Purge {
    /// Says how much it would be, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    form: Form,
}

pub async fn run(command: Purge, given: &mut Given) -> Result<()> {
    let Purge { dry_run, at, form } = command;
    let api = at.open(given, if dry_run { Access::Read } else { Access::Write }).await?;
    let ask =
        async |document| api.ask(&Call { document, variables: json!({}), arguments: &[] }).await;
    let purged = match &api {
        _ if dry_run => ask(COUNT).await.map(|mut answer| answer["purgeable"].take()),
        Api::Server(_) => ask(PURGE).await.map(|mut answer| answer["purge"]["purgeable"].take()),
        Api::Here(here) => purge_here(here).await,
    };
    api.close().await;
    match purged? {
        Value::Null if !form.is_json() => process::print(UNCOUNTED),
        purged => form.print(&purged, SHOWN),
    }
}

/// All of it, by ourselves: there may be no server that would do it.
async fn purge_here(here: &Here) -> Result<Value> {
    let purged = purge::purge(&here.app().in_background()).await?;
    serde_json::to_value(purged).map_err(|error| Error::internal(error))
}
