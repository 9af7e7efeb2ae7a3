//! Whether the tables are those of this version.

use std::collections::BTreeSet;

use migration::{Migrator, MigratorTrait};
use sea_orm::ConnectionTrait;

use super::{Dialect, Sql};
use crate::error::{Error, Result};

/// Where the migrations note which of them were made.
const MIGRATIONS: &str = "seaql_migrations";

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
    let dialect = Dialect::of(connection);
    // A statement that fails would count as a failure of the database.
    let mut sql = Sql::new("db::has_tables", dialect);
    sql.push(format!("SELECT 1 WHERE {}", dialect.has_table(MIGRATIONS)));
    if !sql.exists(connection).await? {
        return Ok(Tables::Missing);
    }
    let mut sql = Sql::new("db::tables", dialect);
    let applied: Vec<String> =
        sql.push(format!("SELECT version FROM {MIGRATIONS}")).values(connection).await?;
    let applied = BTreeSet::from_iter(applied);
    let known = Migrator::migrations();
    let known: BTreeSet<_> = known.iter().map(|migration| migration.name().to_owned()).collect();
    Ok(match (known.difference(&applied).next(), applied.difference(&known).next()) {
        (None, None) => Tables::Current,
        (None, Some(later)) => Tables::Newer(later.clone()),
        (Some(_), _) if applied.is_empty() => Tables::Missing,
        (Some(_), _) => Tables::Older,
    })
}
