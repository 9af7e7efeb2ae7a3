//! The process as the system sees it: its port, its signals, its output, and how many files it may open.

use std::io::Write;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    app::App,
    config::Config,
    error::{Error, Result},
};

/// Takes the port, or says that another process has it.
pub async fn listen(config: &Config) -> Result<TcpListener> {
    let busy = |error: std::io::Error| {
        Error::Unavailable(format!("cannot listen on {}: {error}", config.listen))
    };
    TcpListener::bind(config.listen).await.map_err(busy)
}

/// SIGXFSZ, which tokio has no name for: a file is larger than the process may make it.
const FILE_SIZE_EXCEEDED: SignalKind = SignalKind::from_raw(25);

/// Ends the server on Ctrl-C and SIGTERM.
pub fn until_signalled(app: &App) -> Result<()> {
    // Heard by nobody, which is enough: by itself this signal ends the process, and the failed write is an error like others.
    let _ = signal(FILE_SIZE_EXCEEDED).map_err(Error::internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    let app = app.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        app.stopping.cancel();
        tokio::time::sleep(app.config.shutdown_delay).await;
        app.shutdown.cancel();
    });
    Ok(())
}

/// Writes to standard output. If nobody reads it any more, that is no error.
pub fn print(text: &str) -> Result<()> {
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// Raises the limit as far as the system lets us: the usual one of 1024 is from before there were so many connections, and
/// is too small for a server of live inboxes. Returns the new limit; None if there is none.
pub fn raise_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files stays what it is");
            limit.current
        }
    }
}
