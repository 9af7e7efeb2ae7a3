//! What can be chosen. In the environment:
//!
//! - `TIDINGS_BENCH_SECONDS`: how long each side of a line is measured (3).
//! - `TIDINGS_BENCH_USERS`: how many people there are (100 000; at least 10 100).
//! - `TIDINGS_BENCH_ITEMS`: how many inbox items there are (1 000 000), in inboxes of 10 000.
//! - `TIDINGS_BENCH_SOCKETS`: how many are cut off at once (10 000).
//! - `TIDINGS_BENCH_STATEMENTS`: with any value, each server that stops lists the statements that took the most time.
//! - `TMPDIR`: where the databases are made (`/var/tmp`: a disk, while on `/tmp` a commit may cost nothing).

use std::{
    fmt::Display,
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use tempfile::TempDir;

use crate::{Result, data};

#[derive(Clone)]
pub struct Settings {
    pub time: Duration,
    pub users: i64,
    pub items: i64,
    pub sockets: usize,
    pub lists_statements: bool,
    pub directory: PathBuf,
    filters: Vec<String>,
}

/// A directory that goes when it is dropped.
pub fn directory() -> Result<TempDir> {
    let parent =
        std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
    // Others may go through it: PostgreSQL runs as another user when we are root.
    let permissions = Permissions::from_mode(0o755);
    Ok(tempfile::Builder::new()
        .prefix("tidings-bench-")
        .permissions(permissions)
        .tempdir_in(parent)?)
}

impl Settings {
    pub fn read(directory: &Path) -> Result<Self> {
        Ok(Settings {
            time: Duration::from_secs(from_environment("TIDINGS_BENCH_SECONDS", 3)?),
            users: from_environment("TIDINGS_BENCH_USERS", 100_000)?.max(data::FEWEST_USERS),
            items: from_environment("TIDINGS_BENCH_ITEMS", 1_000_000)?,
            sockets: from_environment("TIDINGS_BENCH_SOCKETS", 10_000)?,
            lists_statements: std::env::var_os("TIDINGS_BENCH_STATEMENTS").is_some(),
            directory: directory.to_owned(),
            // Cargo adds --bench.
            filters: std::env::args()
                .skip(1)
                .filter(|argument| !argument.starts_with('-'))
                .collect(),
        })
    }

    /// Whether a line was asked for.
    pub fn want(&self, line: &str) -> bool {
        self.filters.iter().all(|filter| line.contains(filter))
    }
}

fn from_environment<T: FromStr<Err: Display>>(name: &str, default: T) -> Result<T> {
    match std::env::var(name) {
        Ok(text) => text.parse().map_err(|error| format!("{name}: {error}").into()),
        Err(_) => Ok(default),
    }
}
