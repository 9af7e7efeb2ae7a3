//! An index of the campaigns, for their list.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(INDEX).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            // Servers ask for messages with their reminders, in this order: without it, each could
            // wait for the other.
            connection.execute_unprepared("LOCK TABLE message IN ACCESS EXCLUSIVE MODE").await?;
        }
        connection.execute_unprepared("DROP INDEX reminder_campaign").await.map(drop)
    }
}

/// Which messages remind until people have replied, and which of these deactivate those who do not.
/// Not a partial one: PostgreSQL does not use that for a value that is bound.
const INDEX: &str = "CREATE INDEX reminder_campaign ON reminder (until, message_id, deactivates)";
