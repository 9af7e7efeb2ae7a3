//! What a database URL names.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use sea_orm::sqlx::postgres::PgConnectOptions;

use crate::error::{Error, Result};

/// What a database URL names. It is shown without user and password.
pub enum Location {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl Location {
    pub fn of(url: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::invalid("database_url", why));
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return match url.parse() {
                Ok(options) => Ok(Location::Postgres(Box::new(options))),
                // It may repeat a part of the URL, and that can be the password.
                Err(_) => refuse("is no URL of the form postgres://user:password@host:port/name"),
            };
        }
        let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        match path {
            None => refuse("begins with sqlite: or postgres://"),
            Some(path) if path.is_empty() || path.starts_with(':') || path.contains('?') => {
                refuse("sqlite: is followed by the path of a file")
            }
            Some(path) => Ok(Location::Sqlite(PathBuf::from(path))),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Sqlite(path) => write!(f, "SQLite in {}", path.display()),
            Location::Postgres(options) => {
                let (host, port) = (options.get_host(), options.get_port());
                let database = options.get_database().unwrap_or(options.get_username());
                match options.get_socket() {
                    Some(socket) => write!(f, "PostgreSQL at {}", socket.display())?,
                    None => write!(f, "PostgreSQL at {host}:{port}")?,
                }
                write!(f, ", database {database}")
            }
        }
    }
}

/// The error for a file that cannot be created because its directory is missing.
pub fn no_directory(file: &Path) -> Error {
    let directory = directory(file).display();
    Error::invalid("database_url", format!("the directory {directory} does not exist"))
}

/// Refuses a file whose directory is missing or cannot be written to: SQLite has its log there.
pub fn check_directory(file: &Path) -> Result<()> {
    let directory = directory(file);
    if !directory.is_dir() {
        return Err(no_directory(file));
    }
    // It has no name, and so nothing is left of it.
    tempfile::tempfile_in(directory).map(drop).map_err(|error| {
        let why = format!("the directory {} cannot be written to: {error}", directory.display());
        Error::invalid("database_url", why)
    })
}

/// The directory of a file, which is the working directory if the path has none.
pub fn directory(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_shown_without_its_password() {
        let shown = |url: &str| Location::of(url).map(|location| location.to_string()).unwrap();
        let url = "postgres://tidings:hush@db.example.com:5433/inbox";
        assert_eq!(shown(url), "PostgreSQL at db.example.com:5433, database inbox");
        assert_eq!(shown("sqlite:/var/lib/tidings.db"), "SQLite in /var/lib/tidings.db");
        let refused = Location::of("postgres://tidings:hush@db.example.com:port/inbox").err();
        assert!(!format!("{refused:?}").contains("hush"), "{refused:?}");
    }
}
