//! An index of the words in what inboxes show. A job fills it; until it has, searches look at the texts.

use sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // In the order of their bytes on both databases: all words that begin alike are together.
        let (word, end) = match manager.get_database_backend() {
            DbBackend::Postgres => ("text COLLATE \"C\"", ""),
            _ => ("text", " WITHOUT ROWID"),
        };
        let words = format!(
            "CREATE TABLE search_word (about varchar(16) NOT NULL, segment bigint NOT NULL, word {word} NOT NULL, \
             places text NOT NULL, PRIMARY KEY (about, segment, word)){end}"
        );
        let db = manager.get_connection();
        db.execute_unprepared(&words).await?;
        for change in REST {
            db.execute_unprepared(change).await?;
        }
        let again = Table::create()
            .table("search_again")
            .col(string_len("about", 16))
            .col(big_integer("id"))
            .col(timestamp_with_time_zone("since"))
            .col(timestamp_with_time_zone("due_at"))
            .primary_key(Index::create().col("about").col("id"))
            .to_owned();
        manager.create_table(again).await?;
        // What is due next.
        db.execute_unprepared("CREATE INDEX search_again_due ON search_again (due_at)").await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["search_again", "search_progress", "search_word"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

/// The text is the same for both databases.
const REST: [&str; 2] = [
    "CREATE TABLE search_progress (about varchar(16) PRIMARY KEY NOT NULL, segment bigint NOT NULL)",
    "INSERT INTO search_progress (about, segment) VALUES ('message', 0), ('announcement', 0), ('target', 0)",
];
