//! Whether the tables are those of this version.

use std::collections::BTreeSet;

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbErr, RuntimeErr};

use super::{Dialect, Sql};
use crate::error::{Error, Result};

/// SQLite's code, which also stands for wrong SQL, and PostgreSQL's.
const MISSING_TABLE: [&str; 2] = ["1", "42P01"];

/// The tables of a database, compared with what this version knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tables {
    /// Those of this version.
    Current,
    /// There are none yet.
    Missing,
    /// Of an earlier version.
    Older,
    /// Of a later version, which has this migration.
    Newer(String),
}

impl Tables {
    /// Whether a server of this version can work with them. Those of a later version have
    /// everything that it needs: servers are replaced one by one.
    pub fn can_be_used(&self) -> bool {
        matches!(self, Tables::Current | Tables::Newer(_))
    }

    /// Refuses to change the tables of a later version.
    pub fn can_be_brought_up_to_date(self) -> Result<()> {
        match self {
            Tables::Newer(migration) => Err(Error::Conflict(format!(
                "the database is of a later version, which has {migration}: it needs a newer \
                 tidings than {}",
                env!("CARGO_PKG_VERSION")
            ))),
            Tables::Current | Tables::Missing | Tables::Older => Ok(()),
        }
    }
}

/// Looks at the tables.
pub async fn tables(connection: &impl ConnectionTrait) -> Result<Tables> {
    let mut sql = Sql::new("db::tables", Dialect::of(connection));
    let sql = sql.push("SELECT version FROM seaql_migrations").statement();
    // Not by `Sql::rows`, which logs each failure: without tables, it is the answer.
    let applied = match connection.query_all_raw(sql).await {
        Err(error) if is_missing_table(&error) => return Ok(Tables::Missing),
        applied => applied?,
    };
    let applied: BTreeSet<String> =
        applied.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?;
    let known = Migrator::migrations();
    let known: BTreeSet<_> = known.iter().map(|migration| migration.name().to_owned()).collect();
    Ok(match (known.difference(&applied).next(), applied.difference(&known).next()) {
        (None, None) => Tables::Current,
        (None, Some(later)) => Tables::Newer(later.clone()),
        (Some(_), _) if applied.is_empty() => Tables::Missing,
        (Some(_), _) => Tables::Older,
    })
}

fn is_missing_table(error: &DbErr) -> bool {
    let (DbErr::Query(RuntimeErr::SqlxError(cause)) | DbErr::Exec(RuntimeErr::SqlxError(cause))) =
        error
    else {
        return false;
    };
    let code = cause.as_database_error().and_then(|cause| cause.code());
    code.is_some_and(|code| MISSING_TABLE.contains(&&*code))
}
