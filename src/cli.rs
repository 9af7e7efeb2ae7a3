//! The command line.

use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use chrono::TimeDelta;
use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    app::App,
    auth::Role,
    backup,
    clock::Clock,
    config::{Config, LogFormat},
    db::{self, Db},
    demo,
    error::{Error, Result},
    graphql, open_files,
    people::users,
    recount, server, text,
};

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
        /// Where to listen, as 127.0.0.1:8080.
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// Leaves the tables as they are.
        #[arg(long)]
        no_migrate: bool,
        /// A file of documents; people may send nothing else.
        #[arg(long)]
        trusted_documents: Option<PathBuf>,
        /// A temporary SQLite database with people and messages to look at, on loopback.
        #[arg(long, conflicts_with = "database_url")]
        demo: bool,
    },
    /// Brings the tables up to date and ends.
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
        /// How long it is valid, as 30m, 1h or 7d.
        #[arg(long, default_value = "1h", value_parser = humantime::parse_duration)]
        ttl: Duration,
    },
    /// Looks whether all counts, positions and readings are what the items and recipients make of them, also while servers run.
    /// Ends with 1 if something is wrong.
    Recount {
        #[command(flatten)]
        database: Database,
        /// Mends what is wrong. With SQLite the server has to be stopped.
        #[arg(long)]
        fix: bool,
    },
    /// Copies a SQLite database to a new file, also while its server runs.
    Backup {
        #[command(flatten)]
        database: Database,
        /// The new file.
        file: PathBuf,
    },
    /// Puts a backup in the place of a SQLite database, whose server is stopped. What was there stays beside it.
    Restore {
        #[command(flatten)]
        database: Database,
        /// The backup.
        file: PathBuf,
    },
    /// Run this after a restore of a PostgreSQL: clients whose cursors are from the lost future then resynchronise.
    NewEpoch {
        #[command(flatten)]
        database: Database,
    },
}

#[derive(Args)]
struct Database {
    /// sqlite: and a path, or a postgres:// URL.
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

/// Does what the command line says.
pub async fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Serve { demo: true, listen, .. } => {
            let mut config = Config::load()?;
            config.listen = listen.unwrap_or(config.listen);
            log(&config);
            demo::serve(config).await
        }
        Command::Serve { database, listen, no_migrate, trusted_documents, demo: false } => {
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
        Command::Schema => print(&graphql::sdl()),
        Command::Token { database, user, role, ttl } => {
            let role = match role {
                RoleName::User => Role::User,
                RoleName::Service => Role::Service,
                RoleName::Admin => Role::Admin,
            };
            text::check_id("user", &user, users::LONGEST_EXTERNAL_ID)?;
            let ttl = TimeDelta::from_std(ttl).map_err(|_| Error::invalid("ttl", "is too long"))?;
            let auth = server::auth(&database.config()?)?;
            print(&format!("{}\n", auth.issue(&user, role, Clock::System.now() + ttl)?))
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
                Some(kept) => print(&format!("what was there before is {}\n", kept.display())),
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
                    Error::Unavailable(format!("cannot mend: {cause}; stop it first"))
                }
                error => error,
            })?;
            let mut report = recount::check(db.read(), now).await?;
            if !report.findings.is_empty() {
                print(&report.to_string())?;
                recount::mend(&db, &report.findings, now).await?;
                print("mended; a second look:\n")?;
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
    print(&report.to_string())?;
    match report.findings.len() {
        0 => Ok(()),
        _ if fix => Err(Error::Conflict("something is still wrong".into())),
        _ => Err(Error::Conflict("something is wrong; --fix mends it".into())),
    }
}

/// Runs the server until it is told to end by a signal.
pub async fn serve(config: Config, clock: Clock) -> Result<()> {
    log(&config);
    let open_files = open_files::raise_limit();
    let listener = listen(&config).await?;
    let app = server::start(config, clock).await?;
    // Before it says that it serves: who reads that may tell it to end.
    until_signalled(&app)?;
    let address = listener.local_addr().map_err(|error| Error::internal(error))?;
    tracing::info!(%address, open_files, "serving");
    server::serve(app, listener).await
}

/// Takes the port; says so when somebody else has it.
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

/// Whether a person looks at the log, who has not asked for none (<https://no-color.org>). A file
/// or a collector would have the escape sequences as they are.
fn is_colourful() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

/// To standard output; whoever closed it has read enough.
pub fn print(text: &str) -> Result<()> {
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
