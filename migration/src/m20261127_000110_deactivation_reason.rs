//! Why the host application deactivated somebody, in its words.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let reason = text_null("deactivation_reason").to_owned();
        let user = Table::alter().table("user_account").add_column(reason).to_owned();
        manager.alter_table(user).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let user =
            Table::alter().table("user_account").drop_column("deactivation_reason").to_owned();
        manager.alter_table(user).await
    }
}
