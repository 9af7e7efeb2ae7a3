//! Which keys tokens are verified and signed with. If nobody has configured any, and the database
//! is SQLite, the server makes a secret once and keeps it in a file beside the database that only
//! its owner can read.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{SECRET_CHARACTERS, random};
use crate::{
    auth::Auth,
    config::{Config, MIN_SECRET_BYTES},
    db::{self, Location},
    error::{Error, Result},
};

const SECRET_FILE: &str = "tidings.secret";

/// Where the keys come from.
pub enum Keys {
    /// The secret of the settings.
    Configured,
    /// Only the public keys at this place, which cannot sign.
    Public(String),
    /// The secret in this file, which the server makes by itself.
    Own(PathBuf),
}

impl Keys {
    /// Refuses settings with which the server would be open to others, or would make a secret that
    /// other servers do not have.
    pub fn of(config: &Config) -> Result<Self> {
        match (&config.auth_secret, &config.auth_jwks) {
            (Some(_), _) => return Ok(Keys::Configured),
            (None, Some(place)) => return Ok(Keys::Public(place.clone())),
            (None, None) => {}
        }
        let Location::Sqlite(path) = Location::of(&config.database_url)? else {
            let why = "set TIDINGS_AUTH_SECRET or TIDINGS_AUTH_JWKS: the servers on one \
                       PostgreSQL share it, so none of them can create it";
            return Err(Error::invalid("auth_secret", why));
        };
        if !config.listen.is_loopback() {
            let why = "set TIDINGS_AUTH_SECRET or TIDINGS_AUTH_JWKS: without it the server \
                       listens on loopback only";
            return Err(Error::invalid("auth_secret", why));
        }
        Ok(Keys::Own(path.with_file_name(SECRET_FILE)))
    }

    /// Whether the server would have to make its secret first.
    pub fn are_to_be_made(&self) -> bool {
        matches!(self, Keys::Own(file) if !file.exists())
    }
}

/// Verifies tokens, according to the settings. Makes a secret if the server needs one and has none.
pub fn auth(config: &Config) -> Result<Auth> {
    open(config, |file| match make(file)? {
        Some(secret) => Ok(secret),
        None => read(file),
    })
}

/// As [`auth`], but makes no secret: only a server does, so that a command in a wrong directory, or
/// of a wrong user, leaves no file behind.
pub fn existing_auth(config: &Config) -> Result<Auth> {
    open(config, read)
}

fn open(config: &Config, own: impl FnOnce(&Path) -> Result<String>) -> Result<Auth> {
    match Keys::of(config)? {
        Keys::Configured => Auth::open(config, config.auth_secret.as_deref()),
        Keys::Public(_) => Auth::open(config, None),
        Keys::Own(file) => Auth::open(config, Some(&own(&file)?)),
    }
}

/// None if there is one already.
fn make(file: &Path) -> Result<Option<String>> {
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(mut new) => {
            let secret = random(SECRET_CHARACTERS);
            new.write_all(secret.as_bytes()).map_err(|error| failed(file, error))?;
            Ok(Some(secret))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(db::no_directory(file)),
        Err(error) => Err(failed(file, error)),
    }
}

fn read(file: &Path) -> Result<String> {
    let secret = fs::read_to_string(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::invalid(
            "auth_secret",
            format!(
                "is not set, and there is no {}: start the server once, which makes it, or set \
                 the secret of the server whose tokens you want",
                file.display()
            ),
        ),
        _ => failed(file, error),
    })?;
    let secret = secret.trim().to_owned();
    match secret.len() < MIN_SECRET_BYTES {
        true => Err(Error::internal(format!("{} contains no secret; remove it", file.display()))),
        false => Ok(secret),
    }
}

fn failed(file: &Path, error: io::Error) -> Error {
    Error::Unavailable(format!("{}: {error}", file.display()))
}
