//! Messages that are to be sent at a time.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing on SQLite, too; on PostgreSQL this is the default.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let send_at = timestamp_with_time_zone_null("send_at").to_owned();
        manager.alter_table(Table::alter().table("message").add_column(send_at).to_owned()).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in ["message_planned", "message_planned_by"] {
            manager.get_connection().execute_unprepared(&format!("DROP INDEX {index}")).await?;
        }
        manager.alter_table(Table::alter().table("message").drop_column("send_at").to_owned()).await
    }
}

/// Both have rows only for what is still to be sent.
const INDEXES: [&str; 2] = [
    // What is due.
    "CREATE INDEX message_planned ON message (send_at, id) WHERE send_at IS NOT NULL",
    // What somebody has planned.
    "CREATE INDEX message_planned_by ON message (sender_id, send_at, id) WHERE send_at IS NOT NULL",
];
