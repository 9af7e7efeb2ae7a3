//! Users and groups in tables whose names need no quotes.

use sea_orm_migration::prelude::*;

const NAMES: [(&str, &str); 2] = [("user", "user_account"), ("group", "user_group")];

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing on SQLite, too; on PostgreSQL this is the default.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (old, new) in NAMES {
            manager.rename_table(Table::rename().table(old, new).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (old, new) in NAMES {
            manager.rename_table(Table::rename().table(new, old).to_owned()).await?;
        }
        Ok(())
    }
}
