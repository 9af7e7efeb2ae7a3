//! Plays the plan: causes each fault, undoes it, and waits until the servers serve again, by
//! themselves and in time. A server that needs help is a failure.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use serde_json::json;
use tokio::task::block_in_place;

use crate::{
    Result,
    client::{Answer, Client},
    documents::CREATE_MESSAGE,
    people::{self, PROBE, READERS},
    plan::{Fault, Plan, Step},
    proxy::Weather,
    server::RECOVERY,
    transcript::{Outcome, What, ids},
    world::World,
};

/// Of a file, when nothing can be written.
const NO_BYTES: u64 = 0;
/// Descriptors beyond those of a server that has just begun: too few for its clients.
const FEW_FILES: u64 = 24;
const LOOK: Duration = Duration::from_millis(50);

/// Returns when the plan is over and everything is mended.
pub async fn play(world: &Arc<World>, plan: &Plan) {
    let faults = async {
        for step in &plan.faults {
            tokio::time::sleep(step.after).await;
            let begin = Instant::now();
            let outcome = happen(world, step).await;
            let at = (begin - world.begin).as_secs_f32();
            let said = outcome.unwrap_or_else(|error| {
                world
                    .transcript
                    .fail(format!("{:?}, {at:.1} s after the start: {error}", step.fault));
                "see above".into()
            });
            world.transcript.count("faults", 1);
            let took = begin.elapsed().as_secs_f32();
            println!(
                "  {at:>6.1} s  {:?}, {} ms: {said} ({took:.1} s)",
                step.fault,
                step.lasts.as_millis()
            );
        }
    };
    let network = async {
        for Step { after, fault: (server, weather), lasts } in &plan.network {
            tokio::time::sleep(*after).await;
            let proxy = &world.servers[*server].proxy;
            proxy.set(*weather);
            tokio::time::sleep(*lasts).await;
            proxy.set(Weather::Fair);
            world.transcript.count("faults of the network", 1);
        }
    };
    tokio::select! {
        () = faults => {}
        // It is the longer one; what is left of it is not missed.
        () = async { network.await; std::future::pending().await } => {}
    }
    for server in &world.servers {
        server.proxy.set(Weather::Fair);
    }
}

/// Does a fault and undoes it. Gives what is worth a line.
async fn happen(world: &Arc<World>, step: &Step<Fault>) -> Result<String> {
    let (fault, lasts) = (step.fault, step.lasts);
    let whom = match fault {
        // Nobody may be the worse for these.
        Fault::Later(_)
        | Fault::Skew(_)
        | Fault::LockRows
        | Fault::Misuse(_)
        | Fault::TerminateListeners => {
            return quietly(world, fault, lasts).await;
        }
        Fault::Kill(server)
        | Fault::Terminate(server)
        | Fault::TerminateBehindLock(server)
        | Fault::Freeze(server)
        | Fault::WriteErrors(server)
        | Fault::NoFiles(server)
        | Fault::Database(server, _) => Some(server),
        _ => None,
    };
    let outage = world.begin_outage(whom);
    let said = disturb(world, fault, lasts).await;
    let recovered = recover(world).await;
    world.end_outage(outage);
    let (said, recovered) = (said?, recovered?);
    Ok(format!("{said}served again {} ms after it", recovered.as_millis()))
}

/// Faults that are no outage for anybody else.
async fn quietly(world: &Arc<World>, fault: Fault, lasts: Duration) -> Result<String> {
    match fault {
        Fault::Later(minutes) => world.advance(TimeDelta::minutes(minutes)).await?,
        Fault::Skew(seconds) => {
            if let Some(last) = world.servers.last() {
                last.skew(seconds * 1_000_000).await?;
            }
        }
        Fault::LockRows => {
            let connection = world.connect().await?;
            let tx = connection.begin().await?;
            lock_rows(&tx).await?;
            tokio::time::sleep(lasts * 2).await;
            tx.rollback().await?;
        }
        Fault::Misuse(misuse) => return misuse.happen(world, lasts * 2).await,
        _ => {
            let count =
                terminate(world, "query ILIKE 'LISTEN%' OR query ILIKE '%pg_notify%'").await?;
            return Ok(format!("{count} connections"));
        }
    }
    Ok(String::new())
}

async fn disturb(world: &Arc<World>, fault: Fault, lasts: Duration) -> Result<String> {
    match fault {
        Fault::Kill(server) => {
            world.servers[server].kill().await?;
            tokio::time::sleep(lasts / 4).await;
            world.start_server(server).await?;
        }
        Fault::Terminate(server) => return end_in_order(world, server).await,
        Fault::TerminateBehindLock(server) => {
            let connection = world.connect().await?;
            let tx = connection.begin().await?;
            lock_rows(&tx).await?;
            tokio::time::sleep(lasts).await;
            let said = end_in_order(world, server).await;
            tx.rollback().await?;
            return said;
        }
        Fault::Freeze(server) => {
            world.servers[server].signal("STOP").await?;
            tokio::time::sleep(lasts).await;
            world.servers[server].signal("CONT").await?;
        }
        Fault::FullDisk if !world.disk.can_be_full() => {
            let None = world.cluster else { return Ok("SKIPPED, we may not mount: ".into()) };
            return file_limit(world, 0, NO_BYTES, lasts).await;
        }
        Fault::FullDisk => {
            block_in_place(|| world.disk.fill())?;
            tokio::time::sleep(lasts).await;
            world.disk.free()?;
            if world.cluster.is_some() && world.connect().await.is_err() {
                // PostgreSQL ends when it cannot write its log: whoever runs it starts it again.
                control(world, "start")?;
            }
        }
        Fault::WriteErrors(server) => return file_limit(world, server, NO_BYTES, lasts).await,
        Fault::NoFiles(server) => {
            world.servers[server].limit("nofile", Some(FEW_FILES)).await?;
            tokio::time::sleep(lasts).await;
            world.servers[server].limit("nofile", Some(4096)).await?;
        }
        Fault::StopDatabase(mode) => {
            control(world, &format!("stop -m {mode}"))?;
            tokio::time::sleep(lasts).await;
            control(world, "start")?;
        }
        Fault::TerminateConnections => {
            let count = terminate(world, "true").await?;
            return Ok(format!("{count} connections, "));
        }
        Fault::LockTable(table) => {
            let connection = world.connect().await?;
            let tx = connection.begin().await?;
            tx.execute_unprepared(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")).await?;
            tokio::time::sleep(lasts).await;
            tx.rollback().await?;
        }
        Fault::Database(server, weather) => {
            let network = world.servers[server].database.as_ref().ok_or("no network")?;
            network.set(weather);
            tokio::time::sleep(lasts).await;
            network.set(Weather::Fair);
        }
        _ => {}
    }
    Ok(String::new())
}

fn control(world: &World, how: &str) -> Result<()> {
    let cluster = world.cluster.as_ref().ok_or("no PostgreSQL")?;
    block_in_place(|| cluster.control(how))
}

/// Tells a server to end and starts it again; it is killed when it does not end.
async fn end_in_order(world: &World, server: usize) -> Result<String> {
    let ended = world.servers[server].terminate().await;
    world.start_server(server).await?;
    let took = ended?;
    world.transcript.highest("longest end after SIGTERM, ms", took.as_millis() as u64);
    Ok(format!("ended in {} ms, ", took.as_millis()))
}

async fn file_limit(world: &World, server: usize, bytes: u64, lasts: Duration) -> Result<String> {
    world.servers[server].limit("fsize", Some(bytes)).await?;
    tokio::time::sleep(lasts).await;
    world.servers[server].limit("fsize", None).await?;
    Ok(String::new())
}

/// Locks two inboxes in the order in which the servers lock them: in any other order, one side
/// would be the victim of a deadlock.
async fn lock_rows(tx: &impl ConnectionTrait) -> Result<()> {
    let lock = format!(
        "SELECT user_id FROM inbox WHERE user_id IN (SELECT id FROM user_account \
         WHERE external_id IN ('{}', '{}')) \
         ORDER BY user_id FOR UPDATE",
        READERS[0],
        people::CORRESPONDENTS[0]
    );
    tx.execute_unprepared(&lock).await?;
    Ok(())
}

/// Ends connections of the servers to PostgreSQL; gives how many.
async fn terminate(world: &World, which: &str) -> Result<u64> {
    let connection: DatabaseConnection = world.connect().await?;
    let terminate = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE application_name LIKE 'tidings%' AND ({which})"
    );
    Ok(world.rows(&connection, &terminate, []).await?.len() as u64)
}

/// Returns when every server has made a write durable, by itself. Gives how long that took.
pub async fn recover(world: &World) -> Result<Duration> {
    let begin = Instant::now();
    let client = Client::new();
    for (index, server) in world.servers.iter().enumerate() {
        let key = format!("probe {index} {}", world.begin.elapsed().as_micros());
        let write = world.begin(&key, What::Message { to: vec![PROBE.into()] });
        let input = json!({
            "to": [{"user": people::user(PROBE)}], "subject": key, "body": key,
            "idempotencyKey": key,
        });
        loop {
            match client
                .ask(server.address, &world.person(PROBE), CREATE_MESSAGE, &json!({"input": input}))
                .await
            {
                Answer::Data(data) => {
                    world.transcript.end(write, Outcome::Acknowledged(ids(&data)));
                    break;
                }
                Answer::Refused(code, why) => {
                    return Err(format!("a probe was refused: {code}: {why}").into());
                }
                Answer::Unclear(why) => {
                    world.transcript.unclear(&why);
                    if begin.elapsed() > RECOVERY {
                        // So that the round can go on.
                        world.servers[index].kill().await?;
                        world.start_server(index).await?;
                        let name = server.name;
                        return Err(format!(
                            "server {name} did not recover in {RECOVERY:?}, and was killed: {why}"
                        )
                        .into());
                    }
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }
    let took = begin.elapsed();
    world.transcript.highest("longest recovery, ms", took.as_millis() as u64);
    Ok(took)
}
