//! `createActivities` on a target that very many follow, beside the same on one that nobody follows: one row each.

use std::time::Instant;

use serde_json::json;

use crate::{
    Bench, Result, data, f9_activities::create_activities, http::Http, load::Sample,
    server::Server, table::Row,
};

const FOLLOWERS: i64 = 100_000;
const WARM_UP: u32 = 50;
const TARGETS: [&str; 2] = ["followed-by-nobody", "followed-by-very-many"];

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    data::grow(&bench.database, FOLLOWERS).await?;
    bench.database.fill(&statements(bench), "target, subscription").await?;
    let server = Server::start_and_settle(bench).await?;
    let mut http = Http::connect(server.address).await?;
    let service = bench.service()?;
    let requests = TARGETS.map(|target| {
        create_activities(
            &service,
            &[json!({"actor": {"externalId": data::external_id(1)}, "action": "comment",
            "target": {"type": "post", "externalId": target}})],
        )
    });
    for _ in 0..WARM_UP {
        for request in &requests {
            http.send(request).await?;
        }
    }
    let mut samples = [Sample::default(), Sample::default()];
    let end = Instant::now() + bench.settings.time;
    while Instant::now() < end {
        for (sample, request) in samples.iter_mut().zip(&requests) {
            let begin = Instant::now();
            http.send(request).await?;
            sample.add(1, begin.elapsed());
        }
    }
    server.stop().await?;
    let [floor, tidings] = samples;
    Ok(vec![Row::of_times(work, &floor, &tidings)])
}

fn statements(bench: &Bench) -> [String; 2] {
    let now = bench.database.time("0");
    let targets = TARGETS.map(|target| format!("('post', '{target}', {now})")).join(", ");
    [
        format!("INSERT INTO target (type, external_id, created_at) VALUES {targets}"),
        format!(
            "INSERT INTO subscription (user_id, target_id, action, reason, since, created_at) \
             SELECT u.id, t.id, 'comment', 'like_post', 0, {now} FROM user_account AS u, target AS t \
             WHERE u.id <= {FOLLOWERS} AND t.external_id = '{}' ORDER BY u.id",
            TARGETS[1]
        ),
    ]
}
