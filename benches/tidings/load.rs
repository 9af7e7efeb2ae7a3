//! Closed loops: each client does one thing after the other, as fast as it is answered.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{Bench, Result, server::Server};

/// How often the floor and the server take turns within one line.
const ROUNDS: u32 = 3;
const WARM_UP: Duration = Duration::from_millis(500);

pub trait Client: Send + 'static {
    /// Does something and waits for its end; gives how many operations that was.
    fn once(&mut self) -> impl Future<Output = Result<u64>> + Send;
}

/// What was measured, in all rounds.
#[derive(Default)]
pub struct Sample {
    pub operations: u64,
    pub time: Duration,
    pub server_cpu: Duration,
    /// None: the database is a part of its client's process.
    pub database_cpu: Option<Duration>,
    latencies: Vec<Duration>,
}

impl Sample {
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.time.as_secs_f64()
    }

    /// The part of one operation.
    pub fn of_one(&self, all: Duration) -> Duration {
        all.div_f64(self.operations.max(1) as f64)
    }

    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * percent / 100).copied().unwrap_or_default()
    }

    pub fn add(&mut self, operations: u64, latency: Duration) {
        self.operations += operations;
        self.latencies.insert(self.latencies.partition_point(|known| *known <= latency), latency);
    }

    pub fn extend(&mut self, round: Sample) {
        self.operations += round.operations;
        self.time += round.time;
        self.server_cpu += round.server_cpu;
        self.database_cpu =
            round.database_cpu.map(|cpu| cpu + self.database_cpu.unwrap_or_default());
        self.latencies.extend(round.latencies);
        self.latencies.sort_unstable();
    }
}

/// What happens between its start and its stop.
pub struct Meter<'a> {
    bench: &'a Bench,
    server: &'a Server,
    begin: Instant,
    server_cpu: Duration,
    database_cpu: Option<Duration>,
}

impl<'a> Meter<'a> {
    pub fn start(bench: &'a Bench, server: &'a Server) -> Result<Self> {
        let (server_cpu, database_cpu) = (server.cpu()?, bench.database.cpu()?);
        Ok(Meter { bench, server, begin: Instant::now(), server_cpu, database_cpu })
    }

    /// The time and the costs; what was done meanwhile has to be added.
    pub fn stop(self) -> Result<Sample> {
        let time = self.begin.elapsed();
        let database_cpu = self.bench.database.cpu()?.zip(self.database_cpu);
        // A process that has just ended may be in neither sum.
        let database_cpu = database_cpu.map(|(now, before)| now.saturating_sub(before));
        let server_cpu = self.server.cpu()?.saturating_sub(self.server_cpu);
        Ok(Sample { time, server_cpu, database_cpu, ..Sample::default() })
    }
}

/// Lets the clients of the floor and those of the server work in turns.
pub async fn compare(
    bench: &Bench,
    server: &Server,
    mut floor: Vec<impl Client>,
    mut tidings: Vec<impl Client>,
) -> Result<(Sample, Sample)> {
    let (mut floor_sample, mut tidings_sample) = (Sample::default(), Sample::default());
    for _ in 0..ROUNDS {
        floor_sample.extend(round(bench, server, &mut floor).await?);
        tidings_sample.extend(round(bench, server, &mut tidings).await?);
    }
    Ok((floor_sample, tidings_sample))
}

/// What one set of clients does.
pub async fn measure(
    bench: &Bench,
    server: &Server,
    clients: &mut Vec<impl Client>,
) -> Result<Sample> {
    let mut sample = Sample::default();
    for _ in 0..ROUNDS {
        sample.extend(round(bench, server, clients).await?);
    }
    Ok(sample)
}

async fn round<C: Client>(bench: &Bench, server: &Server, clients: &mut Vec<C>) -> Result<Sample> {
    let start = Instant::now() + WARM_UP;
    let end = start + bench.settings.time / ROUNDS;
    let mut loops = JoinSet::new();
    for client in clients.drain(..) {
        loops.spawn(work(client, start, end));
    }
    sleep_until(start).await;
    let meter = Meter::start(bench, server)?;
    sleep_until(end).await;
    let mut sample = meter.stop()?;
    while let Some(ended) = loops.join_next().await {
        let (client, operations, latencies) = ended??;
        sample.operations += operations;
        sample.latencies.extend(latencies);
        clients.push(client);
    }
    Ok(sample)
}

/// One client's loop; counts what ends between the two times.
async fn work<C: Client>(
    mut client: C,
    start: Instant,
    end: Instant,
) -> Result<(C, u64, Vec<Duration>)> {
    let (mut operations, mut latencies) = (0, Vec::new());
    loop {
        let begin = Instant::now();
        if begin >= end {
            return Ok((client, operations, latencies));
        }
        let done = client.once().await?;
        let now = Instant::now();
        if now >= start && now < end {
            operations += done;
            latencies.push(now - begin);
        }
    }
}
