//! The command line.

mod api;
mod check;
mod explain;
mod groups;
mod purge;
mod recount;
mod serve;
mod shell;
mod show;
mod sockets;
mod stats;
mod users;

use std::{path::PathBuf, time::Duration};

use crate::{
    auth::Role,
    backup,
    clock::Clock,
    config::{Given, reference},
    db::Db,
    error::{Error, Result},
    graphql, log,
    people::users::LONGEST_EXTERNAL_ID,
    process, server, text,
};
use chrono::TimeDelta;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use self::serve::serve;

/// An inbox server that a team runs beside its own application.
#[derive(Parser)]
#[command(version, about)]
pub struct Cli {
    /// The file of settings [env: TIDINGS_CONFIG] [default: tidings.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server.
    Serve {
        #[command(flatten)]
        database: Database,
        #[command(flatten)]
        listen: Listen,
        /// Does not change the tables.
        #[arg(long)]
        no_migrate: bool,
        /// A file of trusted documents; people may send nothing else.
        #[arg(long)]
        trusted_documents: Option<String>,
        /// Serves a temporary SQLite database with sample people and messages, on loopback.
        #[cfg(feature = "demo")]
        #[arg(long, conflicts_with = "database_url")]
        demo: bool,
        /// Lets the people of the demo go on: they write, comment, read and reply.
        #[cfg(feature = "demo")]
        #[arg(long, requires = "demo")]
        demo_live: bool,
    },
    /// Brings the tables up to date and exits.
    Migrate {
        #[command(flatten)]
        database: Database,
    },
    /// Prints a file of all settings, with their defaults and what they mean.
    Config {
        /// Prints the reference of the documentation instead.
        #[arg(long)]
        reference: bool,
    },
    /// Says which settings are in force and where they come from, and whether database, keys and
    /// catalog can be used. Exits with 1 if not. Changes nothing: what it writes to the database is
    /// rolled back.
    Check {
        #[command(flatten)]
        database: Database,
        #[command(flatten)]
        listen: Listen,
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
        /// What the token allows.
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
    /// Shows and changes people.
    #[command(subcommand)]
    Users(users::Users),
    /// Shows groups and their members.
    #[command(subcommand)]
    Groups(groups::Groups),
    /// Explains why an activity reached somebody, or did not.
    Explain(explain::Explain),
    /// Says how much is in the database, and what is due.
    Stats(stats::Stats),
    /// Says how many connections, websockets and subscriptions a running server has.
    Sockets(sockets::Sockets),
    /// Deletes now what retention deletes by itself, and says how much it was. With SQLite, use --url
    /// or stop the server first.
    Purge(purge::Purge),
    /// Prints a script that completes the commands in a shell.
    Completions(shell::Completions),
    /// Writes the manual pages of all commands.
    Man(shell::Man),
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

/// A place to listen on.
#[derive(Args)]
struct Listen {
    /// The address to listen on, such as 127.0.0.1:8080, localhost:8080, or :8080 for all
    /// addresses of this machine.
    #[arg(long)]
    listen: Option<String>,
}

impl Database {
    fn add_to(self, given: &mut Given) {
        given.flag("--database-url", "database_url", self.database_url);
    }
}

impl Listen {
    fn add_to(self, given: &mut Given) {
        given.flag("--listen", "listen", self.listen);
    }
}

/// Does what the command line asks for.
pub async fn run(cli: Cli) -> Result<()> {
    let mut given = Given::new(cli.config);
    let outcome = carry_out(cli.command, &mut given).await;
    outcome.map_err(|error| given.places().locate(error))
}

/// As [`run`]; errors name settings as the file does.
async fn carry_out(command: Command, given: &mut Given) -> Result<()> {
    match command {
        #[cfg(feature = "demo")]
        Command::Serve { demo: true, demo_live, listen, .. } => {
            listen.add_to(given);
            let config = given.config()?;
            let _log = log::start(&config)?;
            crate::demo::serve(config, demo_live).await
        }
        Command::Serve { database, listen, no_migrate, trusted_documents, .. } => {
            database.add_to(given);
            listen.add_to(given);
            given.flag("--trusted-documents", "trusted_documents", trusted_documents);
            given.flag("--no-migrate", "migrate", no_migrate.then(|| "false".to_owned()));
            let config = given.config()?;
            serve(config, given.places(), Clock::System).await
        }
        Command::Check { database, listen } => {
            database.add_to(given);
            listen.add_to(given);
            let config = given.config()?;
            check::check(&config, given.places()).await
        }
        Command::Config { reference: true } => process::print(&reference::markdown()?),
        Command::Config { reference: false } => process::print(&reference::toml()?),
        Command::Schema => process::print(&graphql::sdl()),
        Command::Migrate { database } => {
            database.add_to(given);
            let config = given.config()?;
            let (db, _) = Db::open_with(&config.database_url, &config.database).await?;
            db.migrate().await?;
            db.close().await;
            Ok(())
        }
        Command::Token { database, user, role, ttl } => {
            database.add_to(given);
            let role = match role {
                RoleName::User => Role::User,
                RoleName::Service => Role::Service,
                RoleName::Admin => Role::Admin,
            };
            text::check_id("user", &user, LONGEST_EXTERNAL_ID)?;
            let expires = TimeDelta::from_std(ttl)
                .ok()
                .and_then(|ttl| Clock::System.now().checked_add_signed(ttl))
                .ok_or_else(|| Error::invalid("--ttl", "is too long"))?;
            let auth = server::existing_auth(&given.config()?)?;
            process::print(&format!("{}\n", auth.issue(&user, role, expires)?))
        }
        Command::Recount { database, fix } => {
            database.add_to(given);
            recount::recount(&given.config()?, fix).await
        }
        Command::Backup { database, file } => {
            database.add_to(given);
            backup::backup(&given.config()?.database_url, &file).await
        }
        Command::Restore { database, file } => {
            database.add_to(given);
            let now = Clock::System.now();
            let kept = backup::restore(&given.config()?.database_url, &file, now).await?;
            match kept {
                Some(kept) => {
                    let text = format!("the previous database is kept as {}\n", kept.display());
                    process::print(&text)
                }
                None => Ok(()),
            }
        }
        Command::Users(command) => users::run(command, given).await,
        Command::Groups(command) => groups::run(command, given).await,
        Command::Explain(command) => explain::run(command, given).await,
        Command::Stats(command) => stats::run(command, given).await,
        Command::Sockets(command) => sockets::run(command, given).await,
        Command::Purge(command) => purge::run(command, given).await,
        Command::Completions(command) => shell::completions(command),
        Command::Man(command) => shell::man(command),
        Command::NewEpoch { database } => {
            database.add_to(given);
            let config = given.config()?;
            let (db, _) = Db::open_with(&config.database_url, &config.database).await?;
            server::renew_epoch(&db).await?;
            db.close().await;
            Ok(())
        }
    }
}
