//! What can be chosen in the environment: `MINUTES` for each database (without it, the short form,
//! in which every fault happens once), `SEED` (a new one each time; the short form always has the
//! same plan, so that test runs are alike), `DATABASE` (`sqlite` or `postgres`; default both) and
//! `SERVERS` (how many there are on one PostgreSQL; default 2). Cargo's filters work, too.

use std::{env, time::Duration};

use crate::{Result, people::BYSTANDERS};

/// Long enough for every fault to happen once.
const SHORT: Duration = Duration::from_secs(42);
const SEED_OF_SHORT: u64 = 11;
const FEWEST_SERVERS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

pub struct Settings {
    pub seed: u64,
    /// How long there is chaos, on each database.
    pub time: Duration,
    pub kinds: Vec<Kind>,
    /// On one PostgreSQL; SQLite has one.
    pub servers: usize,
    /// Whether it is a failure when bystanders wait for too long. The short form runs with all
    /// other tests on any machine, where the load would decide: there it is only reported.
    pub judges_time: bool,
}

impl Settings {
    pub fn read(arguments: &[String]) -> Result<Self> {
        let chosen = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let seed = match chosen("SEED") {
            Some(seed) => seed.parse().map_err(|_| "SEED is a number")?,
            None if chosen("MINUTES").is_none() => SEED_OF_SHORT,
            None => u64::from(rand::random::<u32>()),
        };
        let time = match chosen("MINUTES") {
            Some(minutes) => Duration::from_secs_f64(
                60.0 * minutes.parse::<f64>().map_err(|_| "MINUTES is a number")?,
            ),
            None => SHORT,
        };
        let servers = match chosen("SERVERS") {
            Some(servers) => servers
                .parse()
                .ok()
                .filter(|servers| (FEWEST_SERVERS..=BYSTANDERS.len()).contains(servers))
                .ok_or(format!("SERVERS is {FEWEST_SERVERS} to {}", BYSTANDERS.len()))?,
            None => FEWEST_SERVERS,
        };
        let database = chosen("DATABASE").unwrap_or_default();
        // `cargo test groups` asks every test binary for what is called so.
        let filters: Vec<_> =
            arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
        let is_wanted = |name: &str| {
            name.contains(&database) && filters.iter().all(|filter| name.contains(*filter))
        };
        let kinds = [("chaos::sqlite", Kind::Sqlite), ("chaos::postgres", Kind::Postgres)];
        let is_listed = arguments.iter().any(|argument| argument == "--list");
        let kinds = kinds
            .into_iter()
            .filter(|(name, _)| !is_listed && is_wanted(name))
            .map(|(_, kind)| kind)
            .collect();
        Ok(Settings { seed, time, kinds, servers, judges_time: chosen("MINUTES").is_some() })
    }
}
