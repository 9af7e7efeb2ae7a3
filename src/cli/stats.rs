//! How much is in the database, and what is due.

use clap::Args;
use serde_json::{Value, json};

use super::{
    Database,
    api::open_database,
    show::{Columns, Form},
};
use crate::{
    config::Given,
    error::{Error, Result},
    process,
    server::Access,
    stats,
};

const COUNTS: Columns = &[("OF", "/of"), ("COUNT", "/shown")];
const DUE: Columns = &[("JOB", "/job"), ("DUE SINCE", "/since"), ("SECONDS", "/seconds")];

#[derive(Args)]
pub struct Stats {
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    form: Form,
}

pub async fn run(command: Stats, given: &mut Given) -> Result<()> {
    let Stats { database, form } = command;
    database.add_to(given);
    let beside = open_database(given.config()?, Access::Read).await?;
    let (looked, now) = (stats::look(&beside.app).await, beside.app.clock.now());
    beside.close().await;
    let looked = looked?;
    let due = looked.due.iter().map(|due| {
        let seconds = due.since.map(|since| (now - since).num_seconds());
        json!({"job": due.job, "since": due.since, "seconds": seconds})
    });
    let due: Vec<_> = due.collect();
    if form.is_json() {
        let mut object = serde_json::to_value(&looked).map_err(|error| Error::internal(error))?;
        object["due"] = due.into();
        return form.print(&object, &[]);
    }
    let counts = looked.counts.iter().map(|count| {
        let about = if count.is_estimate { "about " } else { "" };
        json!({"of": count.of, "shown": format!("{about}{}", count.count)})
    });
    let size = json!({"of": "size", "shown": mebibytes(looked.size)});
    form.print_table(&counts.chain([size]).collect::<Vec<_>>(), COUNTS)?;
    process::print("\n")?;
    match due.is_empty() {
        true => process::print("nothing is due\n"),
        false => form.print_table(&due, DUE),
    }
}

fn mebibytes(bytes: i64) -> Value {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)).into()
}
