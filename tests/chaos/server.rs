//! A server under test: a process that is started, killed, told to end and started again, always at
//! the same address.

use std::{
    fs::OpenOptions,
    io::Write,
    net::{SocketAddr, TcpListener},
    process::{Command as StdCommand, Stdio},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpSocket,
    process::{Child, ChildStderr, Command},
    sync::Mutex,
};

use crate::{Result, client::Client, process, proxy::Proxy, serve, transcript::Transcript};

/// How long a server may take from its start, or after a fault, until it serves.
pub const RECOVERY: Duration = Duration::from_secs(20);
/// How long it may take to end when told to (P8: 10 seconds), plus what a busy machine may add.
const END: Duration = Duration::from_millis(12_500);
const LOOK: Duration = Duration::from_millis(25);

pub struct Server {
    pub name: &'static str,
    pub address: SocketAddr,
    /// Keeps the address ours while no server listens there.
    _port: TcpSocket,
    /// Where clients connect.
    pub proxy: Arc<Proxy>,
    /// Between the server and PostgreSQL.
    pub database: Option<Arc<Proxy>>,
    url: String,
    process: Mutex<Option<Child>>,
    /// How far its clock is from that of the world, in microseconds.
    skew: AtomicI64,
}

/// A port on loopback that is free at this moment.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Server {
    /// `url`: of the database, as the server is to reach it.
    pub async fn new(
        name: &'static str,
        url: String,
        database: Option<Arc<Proxy>>,
    ) -> Result<Self> {
        let port = TcpSocket::new_v4()?;
        // Lets the listener have it as well; one that does not listen itself is not in its way.
        port.set_reuseaddr(true)?;
        port.bind("127.0.0.1:0".parse()?)?;
        let address = port.local_addr()?;
        let proxy = Proxy::start(address).await?;
        let (process, skew) = (Mutex::default(), AtomicI64::new(0));
        Ok(Server { name, address, _port: port, proxy, database, url, process, skew })
    }

    /// Starts it with a clock so far ahead, in microseconds; it may not serve yet.
    pub async fn start(
        &self,
        ahead: i64,
        log: &std::path::Path,
        transcript: &Arc<Transcript>,
    ) -> Result<()> {
        // A write beyond the limit of a file's size is an error and no signal.
        let ignoring = "trap '' XFSZ; exec \"$@\"";
        let mut command = process::command("sh");
        command.args(["-c", ignoring, "chaos"]).arg(std::env::current_exe()?);
        command.args([serve::COMMAND, &self.url, &self.address.to_string()]);
        command.arg((ahead + self.skew.load(Ordering::SeqCst)).to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = Command::from(command).kill_on_drop(true).spawn()?;
        if let Some(said) = child.stderr.take() {
            let log = log.join(format!("server-{}.log", self.name));
            tokio::spawn(keep_log(said, log, transcript.clone()));
        }
        *self.process.lock().await = Some(child);
        Ok(())
    }

    pub async fn id(&self) -> Option<u32> {
        self.process.lock().await.as_ref().and_then(Child::id)
    }

    /// The most memory that the process that is running now ever had, in bytes.
    pub async fn most_memory(&self) -> Option<u64> {
        process::most_memory(self.id().await?).ok()
    }

    pub async fn kill(&self) -> Result<()> {
        match self.process.lock().await.take() {
            Some(mut child) => Ok(child.kill().await?),
            None => Ok(()),
        }
    }

    /// Tells it to end, and returns how long that took. Ending late or with a failure is an error.
    pub async fn terminate(&self) -> Result<Duration> {
        let Some(mut child) = self.process.lock().await.take() else { return Ok(Duration::ZERO) };
        self.signal_to(child.id(), "TERM")?;
        let begin = Instant::now();
        match tokio::time::timeout(END, child.wait()).await {
            Ok(status) => match status? {
                status if status.success() => Ok(begin.elapsed()),
                status => Err(format!("server {} ended with {status}", self.name).into()),
            },
            Err(_) => {
                child.kill().await?;
                Err(format!(
                    "server {} had not ended {} s after SIGTERM",
                    self.name,
                    END.as_secs_f32()
                )
                .into())
            }
        }
    }

    pub async fn signal(&self, signal: &str) -> Result<()> {
        self.signal_to(self.id().await, signal)
    }

    fn signal_to(&self, id: Option<u32>, signal: &str) -> Result<()> {
        let id = id.ok_or("no process")?.to_string();
        run("kill", &[&format!("-{signal}"), &id])
    }

    /// Sets a soft limit of the running process, as `nofile` or `fsize`; none: it has no limit.
    pub async fn limit(&self, resource: &str, limit: Option<u64>) -> Result<()> {
        let id = self.id().await.ok_or("no process")?.to_string();
        let limit = limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
        run("prlimit", &["--pid", &id, &format!("--{resource}={limit}:")])
    }

    /// Moves its clock.
    pub async fn advance(&self, micros: i64) -> Result<()> {
        if let Some(input) =
            self.process.lock().await.as_mut().and_then(|child| child.stdin.as_mut())
        {
            input.write_all(format!("{micros}\n").as_bytes()).await?;
        }
        Ok(())
    }

    /// Sets how far its clock is from that of the world.
    pub async fn skew(&self, micros: i64) -> Result<()> {
        let before = self.skew.swap(micros, Ordering::SeqCst);
        self.advance(micros - before).await
    }

    /// Returns when it says that it is ready.
    pub async fn ready(&self, client: &Client) -> Result<()> {
        let begin = Instant::now();
        loop {
            match client.get(self.address, "/readyz").await {
                Ok(200) => return Ok(()),
                _ if begin.elapsed() > RECOVERY => {
                    return Err(
                        format!("server {} is not ready after {RECOVERY:?}", self.name).into()
                    );
                }
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }
}

/// Writes down what a server says. A panic is a defect, whatever else is right.
async fn keep_log(said: ChildStderr, log: std::path::PathBuf, transcript: Arc<Transcript>) {
    let Ok(mut file) = OpenOptions::new().append(true).create(true).open(log) else { return };
    let mut lines = BufReader::new(said).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.contains("panicked at") {
            transcript.fail(format!("a server panicked: {line}"));
        }
        let _ = writeln!(file, "{line}");
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = StdCommand::new(program).args(arguments).output()?;
    match output.status.success() {
        true => Ok(()),
        false => {
            Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
        }
    }
}
