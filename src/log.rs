//! The log of the process: where it is written, and what is in it.

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    sync::OnceLock,
    thread,
    time::Duration,
};

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    config::{Config, LogFormat},
    error::{Error, Result},
};

/// Lines that wait to be written. When there are more, they are lost, and counted.
const LONGEST_QUEUE: usize = 10_000;
/// The thread that writes the log waits this long between two writes. Without that, almost every
/// line of a busy server wakes it and is written alone, which costs more than making the line.
const PAUSE: Duration = Duration::from_millis(10);

static LOST: OnceLock<ErrorCounter> = OnceLock::new();

/// Starts the log, as the settings want it. It is written as long as the answer is kept; then it
/// has a second for what is still waiting.
///
/// A thread of its own writes it: a full pipe that nobody reads stops the log and not the server.
pub fn start(config: &Config) -> Result<WorkerGuard> {
    let filter = filter(config)?;
    let (writer, guard) = NonBlockingBuilder::default()
        .thread_name("log")
        .buffered_lines_limit(LONGEST_QUEUE)
        .finish(InBatches(BufWriter::new(io::stderr())));
    LOST.get_or_init(|| writer.error_counter());
    let lines = fmt::layer().with_writer(writer).with_ansi(is_colourful());
    let log = tracing_subscriber::registry().with(filter);
    match config.log_format {
        LogFormat::Text => log.with(lines).init(),
        LogFormat::Json => log.with(lines.json()).init(),
    }
    Ok(guard)
}

/// Writes what has come since the last write at once.
struct InBatches<W: Write>(BufWriter<W>);

impl<W: Write> Write for InBatches<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    /// Called when no more lines are waiting.
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        thread::sleep(PAUSE);
        Ok(())
    }
}

/// Starts the log of a command, which has only warnings: its output is for somebody else.
pub fn start_with_warnings() {
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN);
    log.with_writer(io::stderr).with_ansi(is_colourful()).init();
}

/// What is logged. Not an `EnvFilter`, which takes a lock whenever a span is entered or left: with
/// the spans of requests that was an eighth of what a server spent on a message.
pub fn filter(config: &Config) -> Result<Targets> {
    config.log.parse().map_err(|error| Error::invalid("log", format!("cannot be read: {error}")))
}

/// How many lines were not written because too many waited.
pub fn lost_lines() -> usize {
    LOST.get().map_or(0, ErrorCounter::dropped_lines)
}

/// Whether a person reads the log and has not asked for plain text (<https://no-color.org>). In a
/// file or a collector the escape sequences would only be noise.
fn is_colourful() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}
