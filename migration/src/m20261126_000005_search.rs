//! What is searched, folded, where the databases cannot do it.

use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::{prelude::*, schema::*};

use crate::folded;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("search_text")
            .col(string_len("about", 16))
            .col(big_integer("id"))
            .col(text("text"))
            .primary_key(Index::create().col("about").col("id"))
            .to_owned();
        manager.create_table(table).await?;
        for (about, table, text) in TEXTS {
            fill(manager.get_connection(), about, table, text).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("search_text").to_owned()).await
    }
}

/// What is searched: its name, its table, and its text, whose parts have a line each.
const TEXTS: [(&str, &str, &str); 5] = [
    ("message", "message", "subject || '\n' || body"),
    ("announcement", "announcement", "title || '\n' || body"),
    ("target", "target", "coalesce(title, '')"),
    ("user", "\"user\"", "first_name || '\n' || last_name || '\n' || external_id"),
    ("group", "\"group\"", "name || '\n' || external_id"),
];
/// How many texts are in memory at once: each has up to 64 KiB.
const BATCH: u32 = 100;

/// Folds the texts that are there, some at a time. It locks none of the tables that it reads.
async fn fill(
    db: &SchemaManagerConnection<'_>,
    about: &str,
    table: &str,
    text: &str,
) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    // A text of ASCII letters needs no row.
    let next = format!(
        "SELECT id, {text} FROM {table} WHERE id > $1 AND octet_length({text}) <> length({text}) ORDER BY id LIMIT {BATCH}"
    );
    let mut after = 0_i64;
    loop {
        let rows = db
            .query_all_raw(Statement::from_sql_and_values(backend, &next, [after.into()]))
            .await?;
        for row in &rows {
            let text: String = row.try_get_by_index(1)?;
            after = row.try_get_by_index(0)?;
            let folded = folded(&text);
            if folded != text.to_ascii_lowercase() {
                let insert = "INSERT INTO search_text (about, id, text) VALUES ($1, $2, $3)";
                let values = [about.into(), after.into(), folded.into()];
                db.execute_raw(Statement::from_sql_and_values(backend, insert, values)).await?;
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}
