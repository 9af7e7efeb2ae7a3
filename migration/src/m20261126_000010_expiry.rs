//! Messages that are leaving the inboxes.

use sea_orm_migration::{prelude::*, schema::*};

use crate::reference;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing on SQLite, too; on PostgreSQL this is the default.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let expiry = Table::create()
            .table("expiry")
            .col(big_integer("message_id").primary_key())
            .col(big_integer("removed_to"))
            .foreign_key(&mut reference("expiry", "message_id", "message"))
            .to_owned();
        manager.create_table(expiry).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("expiry").to_owned()).await
    }
}
