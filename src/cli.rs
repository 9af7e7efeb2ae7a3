//! The command line.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, time::Duration};

use crate::{
    auth::Role,
    backup,
    clock::Clock,
    config::{Config, LogFormat},
    db::{self, Db},
    error::{Error, Result},
    graphql,
    people::users,
    process, recount, server, text,
};
use chrono::TimeDelta;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// An inbox server that a team runs beside its own application.
#[derive(Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server.
    Serve {
        #[command(flatten)]
        database: Database,
        /// The address to listen on, such as 127.0.0.1:8080.
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// Does not change the tables.
        #[arg(long)]
        no_migrate: bool,
        /// A file of trusted documents; people may send nothing else.
        #[arg(long)]
        trusted_documents: Option<PathBuf>,
        /// Serves a temporary SQLite database with sample people and messages, on loopback.
        #[cfg(feature = "demo")]
        #[arg(long, conflicts_with = "database_url")]
        demo: bool,
    },
    /// Brings the tables up to date and exits.
    Migrate {
        #[command(flatten)]
        database: Database,
    },
    /// Prints the GraphQL schema.
    Schema,
    /// Prints a token.
    Token {
        #[command(flatten)]
        database: Database,
        /// The host application's id of the person, or a name for the service.
        #[arg(long)]
        user: String,
        #[arg(long, value_enum, default_value = "user")]
        role: RoleName,
        /// How long the token is valid, such as 30m, 1h or 7d.
        #[arg(long, default_value = "1h", value_parser = humantime::parse_duration)]
        ttl: Duration,
    },
    /// Checks whether all counts, positions and read receipts agree with the items and recipients;
    /// works while servers run. Exits with 1 if something is wrong.
    Recount {
        #[command(flatten)]
        database: Database,
        /// Repairs what is wrong. With SQLite, stop the server first.
        #[arg(long)]
        fix: bool,
    },
    /// Copies a SQLite database to a new file; works while its server runs.
    Backup {
        #[command(flatten)]
        database: Database,
        /// The new file.
        file: PathBuf,
    },
    /// Replaces a SQLite database with a backup; stop its server first. The old database is kept
    /// beside it.
    Restore {
        #[command(flatten)]
        database: Database,
        /// The backup.
        file: PathBuf,
    },
    /// Run this after restoring a PostgreSQL database: clients with cursors from the lost future
    /// then resynchronise.
    NewEpoch {
        #[command(flatten)]
        database: Database,
    },
}

#[derive(Args)]
struct Database {
    /// sqlite: followed by a path, or a postgres:// URL.
    #[arg(long)]
    database_url: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleName {
    User,
    Service,
    Admin,
}

impl Database {
    fn config(self) -> Result<Config> {
        let mut config = Config::load()?;
        config.database_url = self.database_url.map_or(config.database_url, Into::into);
        Ok(config)
    }
}

/// Does what the command line asks for.
pub async fn run(cli: Cli) -> Result<()> {
    match cli.command {
        #[cfg(feature = "demo")]
        Command::Serve { demo: true, listen, .. } => {
            let mut config = Config::load()?;
            config.listen = listen.unwrap_or(config.listen);
            log(&config);
            crate::demo::serve(config).await
        }
        Command::Serve { database, listen, no_migrate, trusted_documents, .. } => {
            let mut config = database.config()?;
            config.listen = listen.unwrap_or(config.listen);
            config.trusted_documents = trusted_documents.or(config.trusted_documents);
            config.migrate &= !no_migrate;
            serve(config, Clock::System).await
        }
        Command::Migrate { database } => {
            let config = database.config()?;
            let (db, _) = Db::open_with(&config.database_url, &config.database).await?;
            db.migrate().await?;
            db.close().await;
            Ok(())
        }
        Command::Schema => process::print(&graphql::sdl()),
        Command::Token { database, user, role, ttl } => {
            let role = match role {
                RoleName::User => Role::User,
                RoleName::Service => Role::Service,
                RoleName::Admin => Role::Admin,
            };
            text::check_id("user", &user, users::LONGEST_EXTERNAL_ID)?;
            let ttl = TimeDelta::from_std(ttl).map_err(|_| Error::invalid("ttl", "is too long"))?;
            let auth = server::auth(&database.config()?)?;
            process::print(&format!("{}\n", auth.issue(&user, role, Clock::System.now() + ttl)?))
        }
        Command::Recount { database, fix } => recount(&database.config()?, fix).await,
        Command::Backup { database, file } => {
            backup::backup(&database.config()?.database_url, &file).await
        }
        Command::Restore { database, file } => {
            let kept =
                backup::restore(&database.config()?.database_url, &file, Clock::System.now())
                    .await?;
            match kept {
                Some(kept) => {
                    let text = format!("the previous database is kept as {}\n", kept.display());
                    process::print(&text)
                }
                None => Ok(()),
            }
        }
        Command::NewEpoch { database } => {
            let config = database.config()?;
            let (db, _) = Db::open_with(&config.database_url, &config.database).await?;
            server::renew_epoch(&db).await?;
            db.close().await;
            Ok(())
        }
    }
}

async fn recount(config: &Config, fix: bool) -> Result<()> {
    let now = Clock::System.now();
    let report = match fix {
        true => {
            let (db, _) = Db::open(&config.database_url).await.map_err(|error| match error {
                Error::Unavailable(cause) => {
                    Error::Unavailable(format!("cannot repair: {cause}; stop it first"))
                }
                error => error,
            })?;
            let mut report = recount::check(db.read(), now).await?;
            if !report.findings.is_empty() {
                process::print(&report.to_string())?;
                recount::mend(&db, &report.findings, now).await?;
                process::print("repaired; checking again:\n")?;
                report = recount::check(db.read(), now).await?;
            }
            db.close().await;
            report
        }
        false => {
            let connection = db::beside(&config.database_url).await?;
            let report = recount::check(&connection, now).await?;
            let _ = connection.close().await;
            report
        }
    };
    process::print(&report.to_string())?;
    match report.findings.len() {
        0 => Ok(()),
        _ if fix => Err(Error::Conflict("something is still wrong".into())),
        _ => Err(Error::Conflict("something is wrong; --fix repairs it".into())),
    }
}

/// Runs the server until a signal tells it to stop.
pub async fn serve(config: Config, clock: Clock) -> Result<()> {
    log(&config);
    let open_files = process::raise_file_limit();
    let listener = process::listen(&config).await?;
    let app = server::start(config, clock).await?;
    // Before it reports that it serves: whoever reads that may send the signal at once.
    process::until_signalled(&app)?;
    let address = listener.local_addr().map_err(|error| Error::internal(error))?;
    tracing::info!(%address, open_files, "serving");
    server::serve(app, listener).await
}

fn log(config: &Config) {
    let filter = tracing_subscriber::EnvFilter::new(&config.log);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_colourful());
    match config.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Whether a person reads the log and has not asked for plain text (<https://no-color.org>). In a
/// file or a collector the escape sequences would only be noise.
fn is_colourful() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}
