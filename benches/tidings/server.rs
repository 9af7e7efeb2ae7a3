//! The server under test: `tidings serve`, as its users run it.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    Bench, Result, Watch, http::Http, load::Meter, process, settings::Settings, statements, table,
};

pub const SECRET: &str = "the secret of a server that lives for minutes";
const TIDINGS: &str = env!("CARGO_BIN_EXE_tidings");
const LOG: &str = "server.log";
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// A server is at rest when it and its database have used so little CPU time for so long.
const QUIET: Duration = Duration::from_millis(300);
const MOST_WHEN_QUIET: Duration = Duration::from_millis(30);
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);
const WORTH_A_NOTE: Duration = Duration::from_secs(1);
/// Nothing is in flight any more when a server is stopped.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// Where it tells how long its statements took, if somebody wants to know.
    metrics: Option<SocketAddr>,
}

/// A port on loopback that is free at this moment.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The command, away from the settings of whoever runs the bench.
fn tidings(url: &str, settings: &Settings) -> Command {
    let mut command = process::command(TIDINGS);
    command.env_clear().current_dir(&settings.directory).stdin(Stdio::null()).stdout(Stdio::null());
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    // The clients of the bench answer pings only while they wait for something.
    command.env("TIDINGS_LIMITS_PING_INTERVAL", "1h");
    // Its people have no groups in common.
    command.env("TIDINGS_ADDRESS_BOOK", "everybody");
    command
        .env("TIDINGS_AUTH_SECRET", SECRET)
        .env("TIDINGS_LOG", "warn")
        .env("TIDINGS_DATABASE_URL", url);
    command
}

/// Makes the tables.
pub fn migrate(url: &str, settings: &Settings) -> Result<()> {
    let done = tidings(url, settings).arg("migrate").status()?;
    if done.success() { Ok(()) } else { Err("tidings migrate failed".into()) }
}

impl Server {
    /// Starts the server; returns when it is ready.
    pub async fn start(bench: &Bench) -> Result<Self> {
        Server::start_at(bench, SocketAddr::from(([127, 0, 0, 1], free_port()?))).await
    }

    /// Kills the server, and starts it again where it was.
    pub async fn kill_and_start(mut self, bench: &Bench) -> Result<Self> {
        self.child.kill()?;
        self.child.wait()?;
        Server::start_at(bench, self.address).await
    }

    async fn start_at(bench: &Bench, address: SocketAddr) -> Result<Self> {
        let log = bench.settings.directory.join(LOG);
        let mut command = tidings(&bench.database.url(), &bench.settings);
        let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let is_watched = !matches!(bench.watch, Watch::No);
        if is_watched {
            command.env("TIDINGS_LOG", "info");
        }
        if is_watched || bench.settings.lists_statements {
            command.env("TIDINGS_METRICS_LISTEN", metrics.to_string());
        }
        if let Watch::Traces(collector) = bench.watch {
            command.env("TIDINGS_OTLP_ENDPOINT", format!("http://{collector}"));
        }
        command.arg("serve").arg("--listen").arg(address.to_string()).stderr(File::create(&log)?);
        let mut server = Server {
            child: command.spawn()?,
            address,
            metrics: bench.settings.lists_statements.then_some(metrics),
        };
        let begin = Instant::now();
        while !server.is_ready().await {
            if server.child.try_wait()?.is_some() || begin.elapsed() > START_TIMEOUT {
                return Err(
                    format!("the server does not start: {}", fs::read_to_string(log)?).into()
                );
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(server)
    }

    /// Starts the server; returns when it has also done what it does by itself at its start.
    pub async fn start_and_settle(bench: &Bench) -> Result<Self> {
        let server = Server::start(bench).await?;
        let begin = Instant::now();
        loop {
            let meter = Meter::start(bench, &server)?;
            tokio::time::sleep(QUIET).await;
            let sample = meter.stop()?;
            if sample.server_cpu + sample.database_cpu.unwrap_or_default() <= MOST_WHEN_QUIET {
                break;
            }
            if begin.elapsed() > SETTLE_TIMEOUT {
                return Err("the server does not come to rest after its start".into());
            }
        }
        if begin.elapsed() > WORTH_A_NOTE {
            println!(
                "(after its start the server was busy for {})",
                table::duration(begin.elapsed())
            );
        }
        Ok(server)
    }

    async fn is_ready(&self) -> bool {
        match Http::connect(self.address).await {
            Ok(mut http) => {
                http.send(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.is_ok()
            }
            Err(_) => false,
        }
    }

    pub fn cpu(&self) -> Result<Duration> {
        process::cpu(self.child.id())
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> Result<u64> {
        process::memory(self.child.id())
    }

    /// Stops the server in good order, so that the next one finds nothing to mend.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(metrics) = self.metrics {
            statements::list(metrics).await?;
        }
        process::terminate(&self.child)?;
        let begin = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begin.elapsed() > STOP_TIMEOUT {
                println!("(the server does not stop when it is told to; it is killed)");
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
