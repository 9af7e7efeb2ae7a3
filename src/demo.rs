//! A server to look at: people, groups and conversations in a temporary database.

use crate::{
    cli,
    clock::Clock,
    config::Config,
    error::{Error, Result},
    server,
};

pub async fn serve(mut config: Config) -> Result<()> {
    let directory = tempfile::Builder::new().prefix("tidings-demo-").tempdir().map_err(Error::internal)?;
    config.database_url = format!("sqlite:{}", directory.path().join("tidings.db").display());
    let listener = cli::listen(&config).await?;
    let app = server::start(config, Clock::System).await?;
    cli::until_signalled(&app.shutdown)?;
    server::serve(app, listener).await
}
