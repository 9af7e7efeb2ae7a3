//! What goes wrong, and when: drawn from the seed, and printed. Every fault happens once before any
//! happens again.

use std::{fmt, hash::Hasher, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::{
    misuse::Misuse,
    proxy::Weather,
    settings::{Kind, Settings},
};

/// Faults of servers and databases. Numbers are servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Kill(usize),
    Terminate(usize),
    /// While a row is locked that others write to.
    TerminateBehindLock(usize),
    /// The process stands still.
    Freeze(usize),
    /// No process can write another byte of the database.
    FullDisk,
    /// The server's files are as if they were read-only: every write fails.
    WriteErrors(usize),
    NoFiles(usize),
    /// All clocks go on by this many minutes.
    Later(i64),
    /// The clock of the last server goes by this many seconds more or less than the others.
    Skew(i64),
    StopDatabase(&'static str),
    /// All connections of all servers to the database.
    TerminateConnections,
    /// The connection on which a server is told of the changes of others.
    TerminateListeners,
    LockRows,
    LockTable(&'static str),
    /// The network between a server and its database.
    Database(usize, Weather),
    Misuse(Misuse),
}

#[derive(Clone, Copy, Debug)]
pub struct Step<F> {
    pub after: Duration,
    pub fault: F,
    pub lasts: Duration,
}

pub struct Plan {
    pub faults: Vec<Step<Fault>>,
    /// The network between clients and a server has a plan of its own, at the same time.
    pub network: Vec<Step<(usize, Weather)>>,
}

/// What a fault takes beyond its time: until it is noticed to be over.
const RECOVERY: Duration = Duration::from_millis(700);

pub fn draw(settings: &Settings, kind: Kind) -> Plan {
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    hasher.write_u64(settings.seed);
    hasher.write_u8(kind as u8);
    let mut rng = StdRng::seed_from_u64(hasher.finish());
    let servers = match kind {
        Kind::Sqlite => 1,
        Kind::Postgres => settings.servers,
    };
    let (mut faults, mut network) = (Vec::new(), Vec::new());
    let mut time = Duration::ZERO;
    while faults.is_empty() || time < settings.time {
        let mut deck = deck(kind, servers, &mut rng);
        deck.shuffle(&mut rng);
        for fault in deck {
            // The short form ends with the deck, the long form with the time.
            if time >= settings.time.max(Duration::from_secs(60)) {
                break;
            }
            let step = step(fault, 100..500, 400..1_800, &mut rng);
            time += step.after + step.lasts + RECOVERY;
            faults.push(step);
        }
    }
    let mut in_network = Duration::ZERO;
    while in_network < time {
        use Weather::{Cut, Dripping, Stalled, Treacherous};
        let mut deck: Vec<_> = (0..servers)
            .flat_map(|server| {
                [Cut, Stalled, Dripping, Treacherous].map(|weather| (server, weather))
            })
            .collect();
        deck.shuffle(&mut rng);
        for fault in deck {
            let step = step(fault, 500..2_000, 200..3_000, &mut rng);
            in_network += step.after + step.lasts;
            network.push(step);
        }
    }
    Plan { faults, network }
}

fn step<F>(
    fault: F,
    after: std::ops::Range<u64>,
    lasts: std::ops::Range<u64>,
    rng: &mut StdRng,
) -> Step<F> {
    let mut millis = |range| Duration::from_millis(rng.random_range(range));
    Step { after: millis(after), fault, lasts: millis(lasts) }
}

fn deck(kind: Kind, servers: usize, rng: &mut StdRng) -> Vec<Fault> {
    let later = |rng: &mut StdRng| Fault::Later(rng.random_range(70..400));
    let mut deck = vec![later(rng), later(rng)];
    // Sometimes all that there is becomes too old to be kept.
    if rng.random() {
        deck.push(Fault::Later(rng.random_range(1_440..2_200)));
    }
    deck.extend(Misuse::ALL.map(Fault::Misuse));
    match kind {
        Kind::Sqlite => deck.extend([
            Fault::Kill(0),
            Fault::Kill(0),
            Fault::Terminate(0),
            Fault::Freeze(0),
            Fault::FullDisk,
            Fault::WriteErrors(0),
            Fault::NoFiles(0),
        ]),
        Kind::Postgres => {
            deck.extend((0..servers).map(Fault::Kill));
            let mut one = || rng.random_range(0..servers);
            deck.extend([
                Fault::Terminate(one()),
                Fault::TerminateBehindLock(one()),
                Fault::Freeze(one()),
                Fault::FullDisk,
                Fault::NoFiles(one()),
                Fault::Skew(if rng.random() { 60 } else { -60 }),
                Fault::StopDatabase(if rng.random() { "immediate" } else { "fast" }),
                Fault::TerminateConnections,
                Fault::TerminateListeners,
                Fault::LockRows,
                Fault::LockTable(if rng.random() { "inbox_item" } else { "message" }),
                Fault::Database(rng.random_range(0..servers), Weather::Cut),
                Fault::Database(rng.random_range(0..servers), Weather::Stalled),
            ]);
        }
    }
    deck
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: Duration =
            self.faults.iter().map(|step| step.after + step.lasts + RECOVERY).sum();
        writeln!(
            f,
            "plan: {} faults in about {} s",
            self.faults.len() + self.network.len(),
            total.as_secs()
        )?;
        for step in &self.faults {
            writeln!(
                f,
                "  after {:>4} ms: {:?} for {} ms",
                step.after.as_millis(),
                step.fault,
                step.lasts.as_millis()
            )?;
        }
        write!(f, "  meanwhile on the network:")?;
        for Step { after, fault: (server, weather), lasts } in &self.network {
            write!(f, " {}+{} {weather:?}({server})", after.as_millis(), lasts.as_millis())?;
        }
        Ok(())
    }
}
