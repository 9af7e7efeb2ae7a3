//! Backups of a SQLite database: made while its server runs, and restored while none does.
//!
//! A backup is a single moment of the database. It exists completely or not at all, and only its
//! owner can read it. A restore replaces the database in one step, keeps the previous database
//! beside it, and begins a new history: anyone with an older cursor is told to reload their inbox.
//! PostgreSQL has its own tools for this (docs/backups.md).

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::{
    db::{self, Db, Location},
    error::{Error, Result},
    server,
};

/// Copies the database to a new file. Its server may be running, and continues meanwhile.
pub async fn backup(url: &str, to: &Path) -> Result<()> {
    sqlite(url, "pg_dump")?;
    if to.try_exists().map_err(|error| failed(to, error))? {
        return Err(exists(to));
    }
    let directory = db::directory(to);
    // In the same directory, since it will be renamed; and with permissions for its owner only,
    // before it contains anything.
    let new = tempfile::Builder::new().prefix(".tidings-backup-").tempfile_in(directory);
    let new = new.map_err(|error| failed(directory, error))?;
    let database = db::beside(url).await?;
    let path =
        new.path().to_str().ok_or_else(|| Error::invalid("file", "must be a path in UTF-8"))?;
    let copy = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO $1", [path.into()]);
    let copied = database.execute_raw(copy).await;
    let _ = database.close().await;
    copied?;
    new.as_file().sync_all().map_err(|error| failed(to, error))?;
    // A file that somebody else has put there meanwhile stays.
    new.persist_noclobber(to).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => exists(to),
        _ => failed(to, error.error),
    })?;
    sync(directory)
}

/// Replaces the database with a backup. Returns where the previous database is now, if there was
/// one.
pub async fn restore(url: &str, from: &Path, now: DateTime<Utc>) -> Result<Option<PathBuf>> {
    let path = sqlite(url, "pg_restore")?;
    let _lock = db::lock(&path)?;
    check(from).await?;
    // Prepared separately: until it is renamed, nothing has changed.
    let directory = db::directory(&path);
    let apart = tempfile::Builder::new().prefix(".tidings-restore-").tempdir_in(directory);
    let apart = apart.map_err(|error| failed(directory, error))?;
    let new = apart.path().join("tidings.db");
    copy(from, &new)?;
    let (db, _) = Db::open(&format!("sqlite:{}", new.display())).await?;
    server::renew_epoch(&db).await?;
    db.close().await;
    if with_suffix(&new, "-wal").metadata().is_ok_and(|log| log.len() > 0) {
        return Err(Error::internal("the new database was not closed"));
    }
    // The server may run as another user than the one who restores.
    if let Ok(old) = path.metadata() {
        fs::set_permissions(&new, old.permissions()).map_err(|error| failed(&new, error))?;
        chown(&new, Some(old.uid()), Some(old.gid())).map_err(|error| failed(&new, error))?;
    }
    File::open(&new).and_then(|file| file.sync_all()).map_err(|error| failed(&new, error))?;

    let kept = put_aside(&path, now)?;
    // The log of the old database must not meet the new database: SQLite would write it into the
    // new one.
    for suffix in ["-wal", "-shm"] {
        match fs::remove_file(with_suffix(&path, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(&path, error));
            }
            _ => {}
        }
    }
    sync(directory)?;
    fs::rename(&new, &path).map_err(|error| failed(&path, error))?;
    sync(directory)?;
    Ok(kept)
}

/// Rejects a file that is not a sound database of ours, or is of a later version.
async fn check(file: &Path) -> Result<()> {
    let refuse = |why: &str| Error::invalid("file", format!("{}: {why}", file.display()));
    if !file.is_file() {
        return Err(refuse("there is no such file"));
    }
    let unsound = |error: &dyn std::fmt::Debug| refuse(&format!("is no sound database: {error:?}"));
    let backup =
        db::beside(&format!("sqlite:{}", file.display())).await.map_err(|error| unsound(&error))?;
    let checked = async {
        let verdict = first_column(&backup, "PRAGMA integrity_check")
            .await
            .map_err(|error| unsound(&error))?;
        if verdict != ["ok"] {
            return Err(unsound(&verdict.first()));
        }
        let of_ours =
            "SELECT version FROM seaql_migrations WHERE EXISTS (SELECT 1 FROM installation)";
        let versions = first_column(&backup, of_ours).await.unwrap_or_default();
        if versions.is_empty() {
            return Err(refuse("is no database of Tidings"));
        }
        let known: Vec<_> =
            Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
        match versions.iter().find(|version| !known.contains(version)) {
            Some(version) => Err(refuse(&format!("is of a later version, which has {version}"))),
            None => Ok(()),
        }
    };
    let checked = checked.await;
    let _ = backup.close().await;
    checked
}

async fn first_column(connection: &DatabaseConnection, sql: &str) -> Result<Vec<String>> {
    let rows = connection.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
    Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
}

/// Gives the database a second name, and its log as well: what a killed server has left in the log
/// is a part of the database.
fn put_aside(path: &Path, now: DateTime<Utc>) -> Result<Option<PathBuf>> {
    if !path.exists() {
        return Ok(None);
    }
    let kept = with_suffix(path, &now.format(".until-%Y%m%dT%H%M%SZ").to_string());
    let log = with_suffix(path, "-wal");
    if log.exists() {
        copy(&log, &with_suffix(&kept, "-wal"))?;
    }
    fs::hard_link(path, &kept).map_err(|error| failed(&kept, error))?;
    Ok(Some(kept))
}

/// Makes a copy that only its owner can read, and syncs it to disk.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let copy = || {
        let mut new = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
        io::copy(&mut File::open(from)?, &mut new)?;
        new.sync_all()
    };
    copy().map_err(|error| failed(to, error))
}

/// Makes the names in a directory durable.
fn sync(directory: &Path) -> Result<()> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| failed(directory, error))
}

fn sqlite(url: &str, tool: &str) -> Result<PathBuf> {
    match Location::of(url)? {
        Location::Sqlite(path) => Ok(path),
        Location::Postgres(_) => {
            let why = format!(
                "is a PostgreSQL, and this is for SQLite: use {tool}, as docs/backups.md says"
            );
            Err(Error::invalid("database_url", why))
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn exists(path: &Path) -> Error {
    Error::invalid("file", format!("{} is there already", path.display()))
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::Unavailable(format!("{}: {error}", path.display()))
}
