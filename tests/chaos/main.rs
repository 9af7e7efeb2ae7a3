//! `make chaos`: whether inboxes are still exactly right after everything that can go wrong has
//! gone wrong.
//!
//! Real servers run as processes, one on SQLite, then two or more on one PostgreSQL. People write
//! everything that can be written and repeat it until it is acknowledged; others follow their
//! inboxes over sockets that are cut. Meanwhile a plan, drawn from a seed that is printed, kills
//! servers, stops databases, fills disks and moves clocks. At the end everything calms down, and
//! then:
//!
//! - every acknowledged write is there, once, and what was never acknowledged is there as a whole
//!   or not at all (P1, P2, P10, P19); what was planned is sent once, or cancelled; of people who
//!   were erased nothing is left; and what is too old may be gone, and nothing younger;
//! - every receiver has heard everything once, in order, and knows what a fresh query shows, counts
//!   included (P3, P4, P5);
//! - bystanders were served all the time, except for the outages that the plan declares (P6, P20);
//! - servers ended and recovered in time by themselves (P8, P9), and nothing is left open in the
//!   database (P10).
//!
//! The modules:
//!
//! - `settings`, `plan`: what is to happen.
//! - `world`: the servers (`server`, `serve`), their database (`disk`, and the PostgreSQL of the
//!   benches) and the network between them (`proxy`).
//! - `people`, `writers`, `receivers`, `bystander`, `misuse`: who uses them, with a `client`.
//! - `faults`: what goes wrong.
//! - `transcript`: what was promised and noticed.
//! - `checks`: the end.

#![expect(clippy::print_stdout, reason = "the report is what it is for")]

mod bystander;
mod checks;
mod client;
mod disk;
mod faults;
mod misuse;
mod people;
mod plan;
mod proxy;
mod receivers;
mod serve;
mod server;
mod settings;
mod transcript;
mod world;
mod writers;

#[path = "../it/support/documents.rs"]
#[allow(dead_code, reason = "tests/it uses all of it")]
mod documents;
#[path = "../../benches/tidings/postgres.rs"]
#[allow(dead_code, reason = "the benches use all of it")]
mod postgres;
#[path = "../../benches/tidings/process.rs"]
#[allow(dead_code, reason = "the benches use all of it")]
mod process;
#[path = "../../benches/tidings/socket.rs"]
#[allow(dead_code, reason = "the benches use all of it")]
mod socket;
#[path = "../it/support/state.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "tests/it uses all of it")]
mod state;

use std::process::ExitCode;

use settings::{Kind, Settings};
use world::World;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

// As in `main.rs` of the server, which this binary is, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == serve::COMMAND) {
        return serve::run(&arguments[1..]).await;
    }
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("chaos: FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Gives whether everything was right.
async fn run(arguments: &[String]) -> Result<bool> {
    let settings = Settings::read(arguments)?;
    if settings.kinds.is_empty() {
        return Ok(true);
    }
    disk::enter_namespace(arguments)?;
    println!("chaos: SEED={}, {} s of it on each database", settings.seed, settings.time.as_secs());
    let mut is_right = true;
    for kind in &settings.kinds {
        is_right &= round(&settings, *kind).await?;
    }
    Ok(is_right)
}

/// All of it on one database.
async fn round(settings: &Settings, kind: Kind) -> Result<bool> {
    println!("\n== {kind:?} ==");
    let Some(world) = World::start(settings, kind).await? else {
        println!("*** SKIPPED: no initdb was found in PATH or /usr/lib/postgresql/*/bin ***");
        return Ok(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()));
    };
    let plan = plan::draw(settings, kind);
    println!("{plan}");
    people::gather(&world).await?;
    misuse::prepare(&world).await?;
    let receivers = receivers::start(&world);
    let writers = writers::start(&world);
    let bystanders = bystander::start(&world);
    faults::play(&world, &plan).await;
    let checks =
        checks::run(&world, receivers, writers, bystanders).await.unwrap_or_else(|error| {
            world.transcript.fail(format!("the checks could not be made: {error}"));
            Vec::new()
        });
    Ok(world.report(checks))
}
