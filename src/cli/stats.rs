//! How much is in the database, and what is due.

use clap::Args;
use serde_json::{Value, json};

use super::{
    api::{At, Call},
    show::{Columns, Form},
};
use crate::{config::Given, error::Result, process, server::Access};

const LOOK: &str = "query DatabaseStats { databaseStats {
    counts { of count isEstimate } size due { job since seconds } } }";

const COUNTS: Columns = &[("OF", "/of"), ("COUNT", "/shown")];
const DUE: Columns = &[("JOB", "/job"), ("DUE SINCE", "/since"), ("SECONDS", "/seconds")];

#[derive(Args)]
pub struct Stats {
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    form: Form,
}

pub async fn run(command: Stats, given: &mut Given) -> Result<()> {
    let Stats { at, form } = command;
    let api = at.open(given, Access::Read).await?;
    let call = Call { document: LOOK, variables: json!({}), arguments: &[] };
    let looked = api.ask(&call).await;
    api.close().await;
    let mut stats = looked?["databaseStats"].take();
    whole(&mut stats["size"]);
    for count in stats["counts"].as_array_mut().into_iter().flatten() {
        whole(&mut count["count"]);
    }
    if form.is_json() {
        return form.print(&stats, &[]);
    }
    let counts = stats["counts"].as_array().into_iter().flatten().map(|count| {
        let about = if count["isEstimate"] == true { "about " } else { "" };
        json!({"of": count["of"], "shown": format!("{about}{}", count["count"])})
    });
    let size = json!({"of": "size", "shown": mebibytes(&stats["size"])});
    form.print_table(&counts.chain([size]).collect::<Vec<_>>(), COUNTS)?;
    process::print("\n")?;
    match stats["due"].as_array() {
        Some(due) if !due.is_empty() => form.print_table(due, DUE),
        _ => process::print("nothing is due\n"),
    }
}

/// The API has large numbers as floats, which show a point.
fn whole(number: &mut Value) {
    *number = (number.as_f64().unwrap_or_default() as i64).into();
}

fn mebibytes(bytes: &Value) -> String {
    format!("{:.1} MiB", bytes.as_f64().unwrap_or_default() / f64::from(1 << 20))
}
