//! Passes over tables that look for what is too old.

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
        let sweep = Table::create()
            .table("sweep")
            .col(string_len("name", 16).primary_key())
            .col(big_integer("position"))
            .col(timestamp_with_time_zone("horizon"))
            .col(timestamp_with_time_zone("next_at"))
            .to_owned();
        manager.create_table(sweep).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("sweep").to_owned()).await
    }
}
