//! The process as the system sees it: its port, its signals, its output, and how many files it may
//! open.

use std::io::{self, Write};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    app::App,
    config::{Address, Config},
    error::{Error, Result},
};

/// Binds the port of the server.
pub async fn listen(config: &Config) -> Result<TcpListener> {
    bind("listen", &config.listen).await
}

/// Binds the address of the setting with this name; reports if it is already in use.
pub async fn bind(name: &str, address: &Address) -> Result<TcpListener> {
    let busy =
        |error: io::Error| Error::invalid(name, format!("cannot listen on {address}: {error}"));
    TcpListener::bind(address.candidates()).await.map_err(busy)
}

/// SIGXFSZ, for which tokio has no name: a file would exceed the size that the process may write.
const FILE_SIZE_EXCEEDED: SignalKind = SignalKind::from_raw(25);

/// Stops the server on Ctrl-C and SIGTERM.
pub fn until_signalled(app: &App) -> Result<()> {
    // Nothing needs to handle it: by default this signal ends the process; if it is caught, the
    // write fails with an ordinary error.
    let _ = signal(FILE_SIZE_EXCEEDED).map_err(|error| Error::internal(error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| Error::internal(error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| Error::internal(error))?;
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

/// Tells systemd that the server is up, if it was started by a unit with `Type=notify`. Connections
/// are accepted from then on at the latest.
pub fn say_ready() {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::warn!(%error, "systemd does not hear that the server is up, and goes on waiting");
    }
}

/// Writes to standard output; a closed pipe means that the reader has read enough.
pub fn print(text: &str) -> Result<()> {
    let mut output = io::stdout();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Unavailable(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Raises the limit on open files as far as the system allows: the usual 1024 dates from before
/// servers had this many connections. Returns the new limit; None if there is none.
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
