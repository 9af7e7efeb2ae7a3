//! Running the server, and what the log says first.

use crate::{
    clock::Clock,
    config::{Config, Places},
    db::Location,
    error::{Error, Result},
    log, process,
    server::{self, Keys},
};

/// Runs the server until a signal tells it to stop. `places` say where its settings come from.
pub async fn serve(config: Config, places: &Places, clock: Clock) -> Result<()> {
    let _log = log::start(&config)?;
    let open_files = process::raise_file_limit();
    let listener = process::listen(&config).await?;
    let keys = Keys::of(&config)?;
    let is_new = keys.are_to_be_made();
    let database = Location::of(&config.database_url)?;
    if !config.listen.is_loopback() {
        tracing::warn!(
            listen = %config.listen,
            "other machines can connect, and there is no TLS here: without TLS in front, in a \
             proxy, tokens and messages can be read on their way"
        );
    }
    if let Some(address) = &config.metrics_listen
        && !address.is_loopback()
    {
        tracing::warn!(
            metrics_listen = %address,
            "other machines can connect, and anybody who does can read the metrics: let only \
             Prometheus reach this address"
        );
    }
    let app = server::start(config, clock).await?;
    // Before it reports that it serves: whoever reads that may send the signal at once.
    process::until_signalled(&app)?;
    let address = listener.local_addr().map_err(|error| Error::internal(error))?;
    // An address that stands for all of this machine cannot be opened in a browser.
    let base = match address.ip().is_unspecified() {
        true => format!("http://localhost:{}", address.port()),
        false => format!("http://{address}"),
    };
    let origin =
        |name| places.get(name).map_or_else(|| "the default".to_owned(), |place| place.to_string());
    tracing::info!(%database, from = origin("database_url"), "the database");
    match keys {
        Keys::Configured => {
            tracing::info!(from = origin("auth_secret"), "tokens are signed with auth_secret")
        }
        Keys::Public(place) => {
            tracing::info!(jwks = place, from = origin("auth_jwks"), "tokens are signed by others")
        }
        Keys::Own(file) => {
            tracing::info!(file = %file.display(), is_new, "tokens are signed with a secret that this server made by itself")
        }
    }
    tracing::info!(pages = format!("{base}/"), api = format!("{base}/graphql"), %address, open_files, "serving");
    process::say_ready();
    server::serve(app, listener).await
}
