//! The end of a round: everything calms down, then everything is compared with everything else.
//! Each difference is noted in the transcript as a failure.
//!
//! - `database`: what must be true of the rows, whatever was written.
//! - `promises`: what was acknowledged, against the rows.

mod database;
mod promises;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    Result,
    bystander::Bystanders,
    client::{Client, short},
    faults,
    people::{self, READERS},
    receivers::{Receiver, Receivers},
    state::InboxState,
    transcript::lock,
    world::{PATIENCE, Stage, World},
};

const LOOK: Duration = Duration::from_millis(100);
/// How long a follower may take to hear the last change: the server looks again every 5 seconds by
/// itself. It is shorter than the time after which a client reconnects by itself, which would hide
/// a change that nobody was told of.
const CATCH_UP: Duration = Duration::from_secs(15);
/// A transaction that is idle for longer is one that nobody will end.
const IDLE: Duration = Duration::from_secs(5);

/// Ends the round. Gives the names of what was checked.
pub async fn run(
    world: &Arc<World>,
    receivers: Receivers,
    writers: Vec<JoinHandle<()>>,
    bystanders: Bystanders,
) -> Result<Vec<String>> {
    let mut done = Vec::new();
    let begin = Instant::now();
    world.enter(Stage::Calm);
    bystanders.seen.check(world);
    end_all(world, "a writer", writers.into_iter().chain(bystanders.tasks)).await;
    done.push("everybody was served outside the outages".into());
    for server in &world.servers {
        server.skew(0).await?;
    }
    faults::recover(world).await?;
    // Five minutes after an erasure has ended, what was on its way is erased, too.
    for later in [0, 6] {
        world.advance(TimeDelta::minutes(later)).await?;
        if let Err(error) = database::settle(world).await {
            world.transcript.fail(error.to_string());
        }
    }
    done.push("what was due is done".into());
    look_at_all(world).await?;
    for receiver in &receivers.all {
        if let Err(error) = agrees(world, receiver).await {
            world.transcript.fail(format!("{}: {error}", receiver.name));
        }
        done.push(format!("{} knows what there is", receiver.name));
    }
    heard_numbers(world, &receivers);
    done.push("numbered messages came in their order".into());
    database::nothing_is_open(world).await?;
    done.push("no transaction is left open".into());

    // What is there now has to be there after the worst end, too.
    for server in &world.servers {
        server.kill().await?;
    }
    for server in 0..world.servers.len() {
        world.start_server(server).await?;
    }
    faults::recover(world).await?;
    done.extend(database::check(world).await?);
    done.extend(promises::check(world).await?);

    world.enter(Stage::Over);
    end_all(world, "a receiver", receivers.tasks).await;
    for server in &world.servers {
        match server.terminate().await {
            Ok(took) => {
                world.transcript.highest("longest end after SIGTERM, ms", took.as_millis() as u64)
            }
            Err(error) => world.transcript.fail(error.to_string()),
        }
    }
    world.transcript.highest("calm and checks, s", begin.elapsed().as_secs());
    Ok(done)
}

/// Waits for tasks that know that they are to end.
async fn end_all(world: &World, who: &str, tasks: impl IntoIterator<Item = JoinHandle<()>>) {
    let deadline = tokio::time::Instant::now() + PATIENCE + Duration::from_secs(20);
    for task in tasks {
        let abort = task.abort_handle();
        match tokio::time::timeout_at(deadline, task).await {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => {
                world.transcript.fail(format!("{who} of the harness panicked: {panic}"))
            }
            Err(_) => {
                abort.abort();
                world.transcript.fail(format!("{who} does not end"));
            }
        }
    }
}

/// Everybody looks at their inbox: what was announced comes into it.
async fn look_at_all(world: &World) -> Result<()> {
    let (client, mut rng) = (Client::new(), world.rng("looks"));
    for name in people::everybody() {
        let look = "mutation { pullInbox { inbox { cursor } } }";
        client.read(world, &mut rng, &world.person(name), look, &json!({})).await?;
    }
    Ok(())
}

/// What a receiver knows is what a fresh query shows (P5).
async fn agrees(world: &World, receiver: &Receiver) -> Result<()> {
    let (client, mut rng, token) =
        (Client::new(), world.rng("agrees"), world.person(receiver.person));
    let deadline = Instant::now() + CATCH_UP;
    loop {
        // Each time: time goes on, and something may become due.
        let fresh = receiver.fetch(world, &client, &mut rng, &token, 0).await?;
        if let Some(known) = &*lock(&receiver.known)
            && known.cursor == fresh.cursor
        {
            return match difference(known, &fresh) {
                Some(difference) => Err(difference.into()),
                None => Ok(()),
            };
        }
        if Instant::now() > deadline {
            let cursor = lock(&receiver.known).as_ref().map(|known| known.cursor.clone());
            return Err(format!("stays at {cursor:?}, and the inbox is at {}", fresh.cursor).into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The first thing in which two states differ.
fn difference(known: &InboxState, fresh: &InboxState) -> Option<String> {
    if known.counts != fresh.counts {
        return Some(format!("has counted {}, and there are {}", known.counts, fresh.counts));
    }
    let tally = fresh.tally();
    for (name, count) in tally.as_object().into_iter().flatten() {
        if fresh.counts[name] != *count {
            return Some(format!("{name} is {}, and the items are {count}", fresh.counts[name]));
        }
    }
    for (id, item) in &fresh.items {
        match known.items.get(id) {
            None => return Some(format!("has not heard of {}", short(item))),
            Some(known) => {
                let mut fields = item.as_object().into_iter().flatten();
                if let Some((field, is)) = fields.find(|(field, is)| known[field.as_str()] != **is)
                {
                    let (known, title) = (short(&known[field.as_str()]), &item["title"]);
                    return Some(format!(
                        "knows {field} of {id}, {title}, as {known}\n    and it is {}",
                        short(is)
                    ));
                }
            }
        }
    }
    let gone = known.items.iter().find(|(id, _)| !fresh.items.contains_key(*id));
    gone.map(|(_, item)| format!("still has {}", short(item)))
}

/// Everybody to whom numbered messages came has heard all of them.
fn heard_numbers(world: &World, receivers: &Receivers) {
    for (lane, readers) in [("0", &READERS[..2]), ("1", &READERS[1..])] {
        let sent = world.transcript.writes();
        let sent =
            sent.iter().filter(|write| write.key.starts_with(&format!("lane {lane} "))).count()
                as u64;
        for receiver in receivers.all.iter().filter(|receiver| readers.contains(&receiver.person)) {
            if let Some(heard) = receiver.heard_up_to(lane)
                && heard != sent
            {
                world
                    .transcript
                    .fail(format!("{} heard lane {lane} up to {heard} of {sent}", receiver.name));
            }
        }
    }
}

/// Waits until a condition holds, for as long as everybody's patience. Gives whether it does.
async fn eventually(patience: Duration, holds: impl AsyncFn() -> Result<bool>) -> Result<bool> {
    let begin = Instant::now();
    while !holds().await? {
        if begin.elapsed() > patience {
            return Ok(false);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(true)
}
