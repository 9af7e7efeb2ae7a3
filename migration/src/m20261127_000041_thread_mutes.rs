//! The threads that people have muted.

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
        // The key is in this order for what every reply asks: who has muted the thread?
        let mutes = Table::create()
            .table("thread_mute")
            .col(big_integer("root_id"))
            .col(big_integer("user_id"))
            .col(timestamp_with_time_zone("muted_at"))
            .primary_key(Index::create().col("root_id").col("user_id"))
            .to_owned();
        manager.create_table(mutes).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("thread_mute").to_owned()).await
    }
}
