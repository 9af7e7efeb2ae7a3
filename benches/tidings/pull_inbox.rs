//! A look at an inbox whose owner follows much, while a lot happens to what they do not follow: it must cost what it costs when
//! nothing happens. The floor of each row is the same request of people with less: see `run`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    Bench, Result, data, f2_page,
    http::{self, Http},
    load::{Meter, Sample},
    server::Server,
    table::Row,
};

const SUBSCRIPTIONS: i64 = 1_000;
const OTHERS: i64 = 100_000;
/// One in a hundred.
const DUE: i64 = SUBSCRIPTIONS / 100;
/// The median of these is shown, each of another person: what is due is due once. The first of all is not one of them.
const LOOKS: i64 = 7;
/// The people of each kind, from this one on. None of them is an owner of many items.
const FIRST: i64 = data::MEMBERS / 2;
const PEOPLE: i64 = LOOKS + 1;
/// Those who follow nothing come behind those for whom everything is newer and those for whom nothing is.
const IDLE: i64 = FIRST + 2 * PEOPLE;

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    bench.database.fill(&statements(bench), "target, subscription, activity").await?;
    let server = Server::start_and_settle(bench).await?;
    let mut http = Http::connect(server.address).await?;
    let mut looks = Vec::new();
    for user in FIRST..IDLE + PEOPLE {
        looks.push(http::graphql(&bench.token(user)?, f2_page::QUERY, &json!({})));
    }
    for look in &looks {
        http.send(look).await?;
    }
    let (newer, rest) = looks.split_at(PEOPLE as usize);
    let (nothing_newer, idle) = rest.split_at(PEOPLE as usize);

    let mut rows = Vec::new();
    for (floor, what) in [(nothing_newer, "none newer"), (idle, "follows nothing")] {
        let mut samples = [Sample::default(), Sample::default()];
        let end = Instant::now() + bench.settings.time;
        let mut n = 0;
        while Instant::now() < end {
            for (sample, looks) in samples.iter_mut().zip([floor, newer]) {
                sample.add(1, look(&mut http, &looks[n % looks.len()]).await?);
            }
            n += 1;
        }
        let [floor, tidings] = samples;
        rows.push(Row::of_times(&format!("{work}, nothing due (floor: {what})"), &floor, &tidings));
    }

    bench.database.fill(&due(bench), "activity").await?;
    let mut samples = [Sample::default(), Sample::default()];
    for n in 0..PEOPLE as usize {
        for (sample, looks) in samples.iter_mut().zip([nothing_newer, newer]) {
            let meter = Meter::start(bench, &server)?;
            let time = look(&mut http, &looks[n]).await?;
            if n > 0 {
                sample.add(1, time);
                sample.extend(meter.stop()?);
            }
        }
    }
    server.stop().await?;
    let [floor, tidings] = samples;
    rows.push(Row::of_times(
        &format!("{work}, {DUE} due (floor: only these newer)"),
        &floor,
        &tidings,
    ));
    Ok(rows)
}

async fn look(http: &mut Http, request: &[u8]) -> Result<Duration> {
    let begin = Instant::now();
    http.send(request).await?;
    Ok(begin.elapsed())
}

/// Each person's own targets, their subscriptions, and what happens to others; for the second kind of people it has been taken in.
fn statements(bench: &Bench) -> [String; 5] {
    let now = bench.database.time("0");
    let target = |name: &str, count: i64| {
        format!(
            "{} INSERT INTO target (type, external_id, created_at) SELECT 'post', '{name}' || i, {now} FROM n",
            data::up_to(count)
        )
    };
    [
        target("followed-", 2 * PEOPLE * SUBSCRIPTIONS),
        target("other-", SUBSCRIPTIONS),
        format!(
            "{} INSERT INTO subscription (user_id, target_id, action, reason, since, created_at) \
             SELECT {FIRST} + (i - 1) / {SUBSCRIPTIONS}, t.id, 'comment', 'like_post', 0, {now} FROM n \
             JOIN target AS t ON t.external_id = 'followed-' || i ORDER BY i",
            data::up_to(2 * PEOPLE * SUBSCRIPTIONS)
        ),
        format!(
            "{} INSERT INTO activity (actor_id, action, target_id, occurred_at, created_at) \
             SELECT 1 + i % 1000, 'comment', t.id, {now}, {now} FROM n \
             JOIN target AS t ON t.external_id = 'other-' || (1 + i % {SUBSCRIPTIONS}) ORDER BY i",
            data::up_to(OTHERS)
        ),
        format!(
            "UPDATE inbox SET activities_pulled = (SELECT max(id) FROM activity) \
             WHERE user_id >= {} AND user_id < {IDLE}",
            FIRST + PEOPLE
        ),
    ]
}

/// Something is done to some of the targets of each.
fn due(bench: &Bench) -> [String; 1] {
    let now = bench.database.time("0");
    [format!(
        "INSERT INTO activity (actor_id, action, target_id, occurred_at, created_at) \
         SELECT 1, s.action, s.target_id, {now}, {now} FROM subscription AS s JOIN target AS t ON t.id = s.target_id \
         WHERE s.user_id >= {FIRST} AND s.user_id < {IDLE} AND t.external_id LIKE 'followed-%00' ORDER BY s.id"
    )]
}
