//! F10: how long a server with a migrated database takes to be ready.

use std::time::Instant;

use crate::{Bench, Result, load::Sample, server::Server, table, table::Row};

/// The median of these is shown; the first start of all is not one of them.
const STARTS: usize = 7;

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let mut sample = Sample::default();
    for start in 0..=STARTS {
        let begin = Instant::now();
        let server = Server::start(bench).await?;
        if start > 0 {
            sample.add(1, begin.elapsed());
            sample.server_cpu += server.cpu()?;
        }
        server.stop().await?;
    }
    Ok(vec![Row {
        work: work.to_owned(),
        tidings: table::duration(sample.percentile(50)),
        server_cpu: table::duration(sample.of_one(sample.server_cpu)),
        p50: table::duration(sample.percentile(50)),
        p99: table::duration(sample.percentile(99)),
        ..Row::default()
    }])
}
