//! An erasure looks once more, later, for what is left of the person.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let due_at = timestamp_with_time_zone_null("due_at").to_owned();
        manager.alter_table(Table::alter().table("erasure").add_column(due_at).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("erasure").drop_column("due_at").to_owned()).await
    }
}
