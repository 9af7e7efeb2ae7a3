//! Which statements of a server took the most time, by its metrics: where to look first when a line is slow.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use crate::{Result, http::Http, table};

const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
const METRIC: &str = "tidings_db_statement_duration_seconds";
const MOST: usize = 12;

/// Prints the statements that took the most time together, with how often they ran.
pub async fn list(metrics: SocketAddr) -> Result<()> {
    let mut http = Http::connect(metrics).await?;
    let mut statements: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for line in http.send(REQUEST).await?.lines() {
        let Some((what, value)) = line.strip_prefix(METRIC).and_then(|line| line.split_once(' '))
        else {
            continue;
        };
        let Some((what, name)) = what.split_once("{statement=\"") else { continue };
        let (time, count) = statements.entry(name.trim_end_matches("\"}")).or_default();
        match what {
            "_sum" => *time = value.parse()?,
            "_count" => *count = value.parse()?,
            _ => {}
        }
    }
    let mut statements: Vec<_> =
        statements.into_iter().filter(|(_, (time, _))| *time > 0.0).collect();
    statements.sort_by(|(_, (one, _)), (_, (other, _))| other.total_cmp(one));
    for (name, (time, count)) in statements.into_iter().take(MOST) {
        println!(
            "    {name:<40} {:>10} times {:>10} each, {:>10} together",
            table::number(count),
            table::duration(Duration::from_secs_f64(time / count)),
            table::duration(Duration::from_secs_f64(time)),
        );
    }
    Ok(())
}
