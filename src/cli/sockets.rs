//! What a running server holds open, from its metrics.

use std::time::Duration;

use axum::{
    body::Bytes,
    http::{Request, StatusCode},
};
use clap::Args;
use http_body_util::Full;
use serde_json::{Value, json};

use super::show::{Columns, Form};
use crate::{
    config::{Address, Config, Given},
    error::{Error, Result},
    fetch::{self, Client},
    metrics::{self, Metric},
};

/// What is shown, with the name in JSON and the metric.
const SHOWN: [(&str, &str, &Metric); 7] = [
    ("HTTP connections", "httpConnections", &metrics::CONNECTIONS),
    ("websockets", "websockets", &metrics::SOCKETS),
    ("event streams", "eventStreams", &metrics::STREAMS),
    ("subscriptions", "subscriptions", &metrics::SUBSCRIPTIONS),
    ("followed inboxes", "followers", &metrics::FOLLOWERS),
    ("open files", "openFiles", &metrics::FILES),
    ("most open files", "mostOpenFiles", &metrics::FILES_LIMIT),
];
const COLUMNS: Columns = &[("OPEN", "/of"), ("COUNT", "/count")];
const LARGEST: usize = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Args)]
pub struct Sockets {
    /// Where the server has its metrics, such as http://10.0.0.7:9464/metrics. Without it, at the
    /// setting metrics_listen.
    #[arg(long, value_name = "URL")]
    metrics_url: Option<String>,
    #[command(flatten)]
    form: Form,
}

pub async fn run(command: Sockets, given: &mut Given) -> Result<()> {
    let Sockets { metrics_url, form } = command;
    let (place, url) = match metrics_url {
        Some(url) => ("--metrics-url", url),
        None => ("metrics_listen", url_of(&given.config()?)?),
    };
    let text = read(&url).await.map_err(|why| Error::invalid(place, format!("{url}: {why}")))?;
    let mut rows = Vec::new();
    for (of, name, metric) in SHOWN {
        let count = value(&text, metric.name).ok_or_else(|| {
            let why = format!("{url}: has no {}: is it a Tidings?", metric.name);
            Error::invalid(place, why)
        })?;
        rows.push(json!({"of": of, "name": name, "count": count as u64}));
    }
    match form.is_json() {
        true => {
            let named = rows.iter_mut().map(|row| {
                (row["name"].as_str().unwrap_or_default().to_owned(), row["count"].clone())
            });
            form.print(&Value::Object(named.collect()), &[])
        }
        false => form.print_table(&rows, COLUMNS),
    }
}

/// Where the server of these settings answers, from this machine.
fn url_of(config: &Config) -> Result<String> {
    let address = config.metrics_listen.as_ref().map(Address::candidates).and_then(<[_]>::last);
    let address = address.ok_or_else(|| {
        let why = "is not set: the server measures nothing (see --metrics-url)";
        Error::invalid("metrics_listen", why)
    })?;
    Ok(match address.ip().is_unspecified() {
        true => format!("http://localhost:{}/metrics", address.port()),
        false => format!("http://{address}/metrics"),
    })
}

async fn read(url: &str) -> Result<String, String> {
    let url = fetch::url(url)?;
    let client = Client::new(&url, 0)?;
    let request = Request::get(url).body(Full::<Bytes>::default());
    let request = request.map_err(|error| error.to_string())?;
    let answer = client.send(request, LARGEST, PATIENCE).await?;
    match answer.status() {
        StatusCode::OK => Ok(String::from_utf8_lossy(answer.body()).into_owned()),
        status => Err(format!("the answer is {status}")),
    }
}

/// The value of a metric without labels, in Prometheus' text format.
fn value(text: &str, name: &str) -> Option<f64> {
    let mut values = text.lines().filter_map(|line| line.split_once(' '));
    values.find(|(series, _)| *series == name)?.1.trim().parse().ok()
}
