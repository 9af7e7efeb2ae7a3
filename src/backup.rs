//! Copies of a SQLite database: made while its server runs, and put back while none does.
//!
//! A backup is one moment of the database. It is there whole or not at all, and only its owner can read it. A restore
//! replaces the database in one step, keeps what was there beside it, and begins a new history: whoever has a cursor from
//! before is told to load their inbox anew. PostgreSQL has tools of its own for this (docs/operations.md).

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

/// Copies the database to a new file. Its server may run, and goes on meanwhile.
pub async fn backup(url: &str, to: &Path) -> Result<()> {
    sqlite(url, "pg_dump")?;
    if to.try_exists().map_err(|error| failed(to, error))? {
        return Err(exists(to));
    }
    let directory = directory(to);
    // Beside the file, since it is to be renamed; and with rights for its owner only, before there is anything in it.
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
    // What somebody else has put there meanwhile stays.
    new.persist_noclobber(to).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => exists(to),
        _ => failed(to, error.error),
    })?;
    sync(directory)
}

/// Puts a backup in the place of the database. Gives where what was there before is now, if anything was.
pub async fn restore(url: &str, from: &Path, now: DateTime<Utc>) -> Result<Option<PathBuf>> {
    let path = sqlite(url, "pg_restore")?;
    let _lock = db::lock(&path)?;
    check(from).await?;
    // Made ready apart: until it is renamed, nothing has happened.
    let directory = directory(&path);
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
    // Whose server it is may not be who restores it.
    if let Ok(old) = path.metadata() {
        fs::set_permissions(&new, old.permissions()).map_err(|error| failed(&new, error))?;
        chown(&new, Some(old.uid()), Some(old.gid())).map_err(|error| failed(&new, error))?;
    }
    File::open(&new).and_then(|file| file.sync_all()).map_err(|error| failed(&new, error))?;

    let kept = put_aside(&path, now)?;
    // The log of the old database must not meet the new one: SQLite would write it into it.
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

/// Refuses a file that is no sound database of ours, or is of a later version.
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

/// Gives the database a second name, under which its log is as well: what a killed server has left there is a part of it.
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

/// A copy that only its owner can read, on the disk.
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
        Location::Postgres => {
            let why = format!(
                "is a PostgreSQL, and this is for SQLite: use {tool}, as docs/operations.md says"
            );
            Err(Error::invalid("database-url", why))
        }
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
