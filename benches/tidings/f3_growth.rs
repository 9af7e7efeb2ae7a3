//! F3: what growth and depth do to the inbox page of F2. It is the page of a database with a tenth of the people and of the
//! inboxes, which are as long; and its last page, beside its first one.

use serde_json::{Value, json};

use crate::{
    Bench, Result, data, f2_page,
    http::{self, Http},
    load,
    server::{self, Server},
    table::{Row, number},
};

const PART: i64 = 10;
/// The inboxes that are read to their end, without the first one: other lines have sent to it.
const DEEP: std::ops::RangeInclusive<i64> = 2..=11;
/// The cursors of pages are found by as few requests as the API allows.
const MOST: i64 = 100;
const PAGE: &str = "query($after: String) { viewer { inbox { counts { unread } items(first: 20, after: $after) { nodes { \
                    id title seenAt readAt updatedAt about { ... on Message { sender { name } } } } } } } }";
const CURSOR: &str = "query($first: Int!, $after: String) { viewer { inbox { items(first: $first, after: $after) { \
                      pageInfo { endCursor } } } } }";

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let server = Server::start_and_settle(bench).await?;
    let growth = growth(bench, &server, work).await?;
    let depth = depth(bench, &server, work).await?;
    server.stop().await?;
    Ok(vec![growth, depth])
}

async fn growth(bench: &Bench, server: &Server, work: &str) -> Result<Row> {
    let (users, items) = (bench.settings.users / PART, bench.settings.items / PART);
    let small = Bench::on(bench.database.another("small").await?, &bench.settings)?;
    server::migrate(&small.database.url(), &small.settings)?;
    data::load(&small.database, users.max(data::FEWEST_USERS), items).await?;
    let small_server = Server::start_and_settle(&small).await?;
    let floor = f2_page::readers(&small, &small_server, 1..=data::owners(items)).await?;
    let readers = f2_page::readers(bench, server, 1..=data::owners(bench.settings.items)).await?;
    let (floor, tidings) = load::compare(bench, server, floor, readers).await?;
    small_server.stop().await?;
    let items = number(bench.settings.items as f64);
    Ok(Row::of_times(
        &format!("{work} of {items} items (floor: a tenth of them)"),
        &floor,
        &tidings,
    ))
}

async fn depth(bench: &Bench, server: &Server, work: &str) -> Result<Row> {
    let owners = data::owners(bench.settings.items);
    let inboxes = *DEEP.start().min(&owners)..=*DEEP.end().min(&owners);
    let mut http = Http::connect(server.address).await?;
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for user in inboxes {
        let token = bench.token(user)?;
        let after = last_page(&mut http, &token).await?;
        first.push(http::graphql(&token, PAGE, &json!({})));
        last.push(http::graphql(&token, PAGE, &json!({"after": after})));
    }
    let first = f2_page::readers_of(server, first).await?;
    let last = f2_page::readers_of(server, last).await?;
    let (floor, tidings) = load::compare(bench, server, first, last).await?;
    let page = number((data::OWN_ITEMS / f2_page::PAGE) as f64);
    Ok(Row::of_times(&format!("{work}, page {page} (floor: page 1)"), &floor, &tidings))
}

/// The cursor before the last page of an inbox that has as many items as all full ones.
async fn last_page(http: &mut Http, token: &str) -> Result<Value> {
    let (mut after, mut left) = (Value::Null, data::OWN_ITEMS - f2_page::PAGE);
    while left > 0 {
        let first = left.min(MOST);
        let request = http::graphql(token, CURSOR, &json!({"first": first, "after": after}));
        let answer: Value = serde_json::from_str(http.send(&request).await?)?;
        after = answer["data"]["viewer"]["inbox"]["items"]["pageInfo"]["endCursor"].clone();
        left -= first;
    }
    Ok(after)
}
