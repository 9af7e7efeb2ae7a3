//! The words of people and groups are in the index of searches, too, and words that are lost leave it.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let lost = Table::create()
            .table("search_lost")
            .col(string_len("about", 16))
            .col(big_integer("id"))
            .col(timestamp_with_time_zone("due_at"))
            .primary_key(Index::create().col("about").col("id"))
            .to_owned();
        manager.create_table(lost).await?;
        for change in UP {
            manager.get_connection().execute_unprepared(change).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("search_lost").to_owned()).await?;
        for table in ["search_word", "search_again", "search_progress"] {
            let delete = format!("DELETE FROM {table} WHERE about IN ('user', 'group')");
            manager.get_connection().execute_unprepared(&delete).await?;
        }
        Ok(())
    }
}

const UP: [&str; 2] = [
    // What is due next.
    "CREATE INDEX search_lost_due ON search_lost (due_at)",
    "INSERT INTO search_progress (about, segment) VALUES ('user', 0), ('group', 0)",
];
