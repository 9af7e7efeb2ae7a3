//! People who use a server as usual and without haste: a page of the inbox, a small message.
//! Outside of the declared outages they are answered, and in time (P6, P20). How late one of our
//! own timers fires tells how busy the machine itself is.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    client::{Answer, Client},
    documents::CREATE_MESSAGE,
    people::{BYSTANDERS, user},
    transcript::{Outcome, What, ids, lock},
    world::{Stage, World},
};

const PAUSE: Duration = Duration::from_millis(120);
/// The longest that 99 of 100 requests may take (P6), and how many times the machine's own delay is
/// added to it.
const LONGEST: Duration = Duration::from_millis(500);
const NOISE: u32 = 4;
/// The most memory that a server may use, in MiB: what it needs for these people, and 200 for those
/// who ask for too much (P20).
const MOST_MEMORY: u64 = 500;
const TICK: Duration = Duration::from_millis(20);
const PAGE: &str = "{ viewer { inbox {
    counts { unread } items(first: 20) { nodes { id title preview readAt } } } } }";

#[derive(Default)]
pub struct Seen {
    served: Mutex<Vec<Duration>>,
    /// When it began, after the start of the round, what took longest.
    slow: Mutex<Vec<(Duration, Duration)>>,
    late: Mutex<Vec<Duration>>,
}

pub struct Bystanders {
    pub seen: Arc<Seen>,
    pub tasks: Vec<JoinHandle<()>>,
}

pub fn start(world: &Arc<World>) -> Bystanders {
    let seen = Arc::new(Seen::default());
    let mut tasks: Vec<_> = (0..world.servers.len())
        .map(|server| tokio::spawn(use_server(world.clone(), seen.clone(), server)))
        .collect();
    tasks.push(tokio::spawn(watch_timer(world.clone(), seen.clone())));
    tasks.push(tokio::spawn(watch_memory(world.clone())));
    Bystanders { seen, tasks }
}

async fn use_server(world: Arc<World>, seen: Arc<Seen>, server: usize) {
    let (client, name, token) =
        (Client::new(), BYSTANDERS[server], world.person(BYSTANDERS[server]));
    let next = BYSTANDERS[(server + 1) % BYSTANDERS.len()];
    let address = world.servers[server].address;
    let mut number = 0;
    while world.stage() < Stage::Calm {
        number += 1;
        let key = format!("bystander {name} {number}");
        let input = json!({
            "to": [{"user": user(next)}], "subject": key, "body": key,
            "idempotencyKey": key,
        });
        for (what, query, variables) in
            [("page", PAGE, json!({})), ("message", CREATE_MESSAGE, json!({"input": input}))]
        {
            let write = (what == "message")
                .then(|| world.begin(&key, What::Message { to: vec![next.into()] }));
            let begin = Instant::now();
            let answer = client.ask(address, &token, query, &variables).await;
            let end = Instant::now();
            if let (Some(write), Answer::Data(data)) = (write, &answer) {
                world.transcript.end(write, Outcome::Acknowledged(ids(data)));
            }
            if world.is_outage(server, begin, end) {
                continue;
            }
            match answer {
                Answer::Data(_) => {
                    lock(&seen.served).push(end - begin);
                    if end - begin > LONGEST {
                        lock(&seen.slow).push((begin - world.begin, end - begin));
                    }
                }
                other => {
                    let (at, took) =
                        ((begin - world.begin).as_secs_f32(), (end - begin).as_secs_f32());
                    let why = format!("{other:?}");
                    let name = &world.servers[server].name;
                    badly_served(
                        &world,
                        format!(
                            "a bystander of server {name} got no {what} at {at:.1} s, \
                             after {took:.1} s: {why:.160}"
                        ),
                    );
                }
            }
        }
        world.pause(PAUSE, Stage::Calm).await;
    }
}

async fn watch_timer(world: Arc<World>, seen: Arc<Seen>) {
    while world.stage() < Stage::Calm {
        let begin = Instant::now();
        tokio::time::sleep(TICK).await;
        lock(&seen.late).push(begin.elapsed().saturating_sub(TICK));
    }
}

async fn watch_memory(world: Arc<World>) {
    let mut most = 0;
    while world.stage() < Stage::Calm {
        for server in &world.servers {
            most = most.max(server.most_memory().await.unwrap_or_default() / 1024 / 1024);
        }
        world.pause(Duration::from_millis(200), Stage::Calm).await;
    }
    world.transcript.highest("most memory of a server, MiB", most);
    if most > MOST_MEMORY {
        world.transcript.fail(format!("a server took {most} MiB, more than {MOST_MEMORY}"));
    }
}

fn badly_served(world: &World, what: String) {
    match world.judges_time {
        true => world.transcript.fail(what),
        false => println!("  (not judged in the short form) {what}"),
    }
}

impl Seen {
    /// Judges how they were served.
    pub fn check(&self, world: &World) {
        let (served, late) = (hundredth(&self.served), hundredth(&self.late));
        let limit = LONGEST + NOISE * late;
        world.transcript.highest("bystanders' p99 outside outages, ms", served.as_millis() as u64);
        world.transcript.highest("p99 of a timer's delay, ms", late.as_millis() as u64);
        world
            .transcript
            .highest("bystanders' requests outside outages", lock(&self.served).len() as u64);
        world.transcript.highest("declared outages, s", world.outage_time().as_secs());
        if served > limit {
            badly_served(
                world,
                format!(
                    "99 of 100 requests of bystanders took up to {served:?}, more than {limit:?}"
                ),
            );
        }
    }
}

/// What 99 of 100 are at most.
fn hundredth(times: &Mutex<Vec<Duration>>) -> Duration {
    let mut times = lock(times).clone();
    times.sort_unstable();
    times.get(times.len() * 99 / 100).or(times.last()).copied().unwrap_or_default()
}
