//! On PostgreSQL, pages keep room for new versions of rows that change often in columns that no
//! index has. A new version beside the old one needs no new entries in the indexes.
//!
//! It is for pages that are written from now on: rows of full ones come there when they change.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            for (table, percent) in FILLED {
                let change = format!("ALTER TABLE {table} SET (fillfactor = {percent})");
                manager.get_connection().execute_unprepared(&change).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            for (table, _) in FILLED {
                let change = format!("ALTER TABLE {table} RESET (fillfactor)");
                manager.get_connection().execute_unprepared(&change).await?;
            }
        }
        Ok(())
    }
}

/// How full pages are when rows are added, in percent. An announcement or a message to a large group
/// changes all inboxes of a page at once; of the others, a few rows of a page at a time.
const FILLED: [(&str, u8); 4] =
    [("inbox", 50), ("message", 90), ("message_audience", 90), ("message_recipient", 90)];
