//! What items were before their owners changed them, so that a change can be taken back.

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
        // No foreign key: every change of an item by its owner writes a row.
        let undo = Table::create()
            .table("inbox_undo")
            .col(big_integer("item_id").primary_key())
            .col(big_integer("seq"))
            .col(timestamp_with_time_zone_null("seen_at"))
            .col(timestamp_with_time_zone_null("read_at"))
            .col(timestamp_with_time_zone_null("archived_at"))
            .col(timestamp_with_time_zone_null("snoozed_until"))
            .col(timestamp_with_time_zone("changed_at"))
            .to_owned();
        manager.create_table(undo).await?;
        // What the purge looks for.
        let age = "CREATE INDEX inbox_undo_age ON inbox_undo (changed_at)";
        manager.get_connection().execute_unprepared(age).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("inbox_undo").to_owned()).await
    }
}
