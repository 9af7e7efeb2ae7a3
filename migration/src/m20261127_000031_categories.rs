//! The categories of messages, announcements and inbox items, and how many unread items each has.

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
        for (table, column) in columns() {
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        manager.get_connection().execute_unprepared(PLACE).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("DROP INDEX inbox_item_category").await?;
        for (table, column) in columns() {
            let column = column.get_column_name();
            manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

fn columns() -> [(&'static str, ColumnDef); 4] {
    [
        ("message", text_null("category").take()),
        ("announcement", text_null("category").take()),
        ("inbox_item", text_null("category").take()),
        ("inbox", text_null("unread_by_category").take()),
    ]
}

/// The pages of an inbox by category, and by where items are. The expression is `inbox::PLACE`: the
/// databases use the index for what has the same text. Items without a category are not in it.
const PLACE: &str = "CREATE INDEX inbox_item_category ON inbox_item (user_id, category, \
    (CASE WHEN archived_at IS NOT NULL THEN 5 WHEN snoozed_until IS NOT NULL THEN 4 \
    WHEN read_at IS NOT NULL THEN CASE WHEN seen_at IS NULL THEN 2 ELSE 3 END \
    WHEN seen_at IS NULL THEN 0 ELSE 1 END), \
    updated_at, id) WHERE removed_at IS NULL AND category IS NOT NULL";
