//! Indexes of lists by state: of people and of announcements.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // Each by itself: no server that still writes waits for one table while it holds another. What
    // a crash has left out is made by the next run.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, place) in INDEXES {
            let create = format!("CREATE INDEX IF NOT EXISTS {name} ON {place}");
            manager.get_connection().execute_unprepared(&create).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in INDEXES {
            let drop = format!("DROP INDEX IF EXISTS {name}");
            manager.get_connection().execute_unprepared(&drop).await?;
        }
        Ok(())
    }
}

/// Each has the condition of its list, and is in the order of its pages. None depends on a column
/// that reading changes, so that a reading touches no index.
const INDEXES: [(&str, &str); 5] = [
    ("user_account_active", "user_account (id) WHERE deactivated_at IS NULL"),
    (
        "user_account_out",
        "user_account (id) WHERE deactivated_at IS NOT NULL AND erased_at IS NULL",
    ),
    ("announcement_scheduled", "announcement (id) WHERE position IS NULL AND withdrawn_at IS NULL"),
    ("announcement_live", "announcement (id) WHERE position IS NOT NULL AND withdrawn_at IS NULL"),
    ("announcement_ended", "announcement (id) WHERE withdrawn_at IS NOT NULL"),
];
