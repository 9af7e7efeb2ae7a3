//! F0: a query that reads nothing: what HTTP, the token and GraphQL cost each request before anything is done for it.

use serde_json::json;

use crate::{
    Bench, Result, f2_page, http,
    load::{self, Sample},
    server::Server,
    table::{self, Row},
};

const QUERY: &str = "{ __typename }";

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let server = Server::start_and_settle(bench).await?;
    let request = http::graphql(&bench.token(1)?, QUERY, &json!({}));
    let mut clients = f2_page::readers_of(&server, vec![request]).await?;
    let sample = load::measure(bench, &server, &mut clients).await?;
    server.stop().await?;
    Ok(vec![Row {
        floor: String::new(),
        ratio: String::new(),
        tidings: format!("{}/s", table::number(sample.rate())),
        ..Row::of_rates(work, &Sample::default(), &sample)
    }])
}
