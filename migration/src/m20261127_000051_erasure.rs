//! People who are being erased.

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
        let erased_at = timestamp_with_time_zone_null("erased_at").to_owned();
        manager
            .alter_table(Table::alter().table("user_account").add_column(erased_at).to_owned())
            .await?;
        let erasure = Table::create()
            .table("erasure")
            .col(big_integer("user_id").primary_key())
            .col(boolean("messages"))
            .col(integer("step"))
            .col(big_integer("position"))
            .col(big_integer("reached"))
            .foreign_key(&mut reference("erasure", "user_id", "user_account"))
            .to_owned();
        manager.create_table(erasure).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("erasure").to_owned()).await?;
        manager
            .alter_table(Table::alter().table("user_account").drop_column("erased_at").to_owned())
            .await
    }
}
