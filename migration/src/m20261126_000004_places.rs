//! Every view of an inbox has an index that serves its order.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for change in ["DROP INDEX inbox_item_archived", PLACE] {
            manager.get_connection().execute_unprepared(change).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for change in ["DROP INDEX inbox_item_place", ARCHIVED] {
            manager.get_connection().execute_unprepared(change).await?;
        }
        Ok(())
    }
}

/// The pages of an inbox by where items are, how far they are known, and their kind. The expression is `inbox::PLACE`: the
/// databases use the index for what has the same text.
const PLACE: &str = "CREATE INDEX inbox_item_place ON inbox_item (user_id, \
    (CASE WHEN archived_at IS NOT NULL THEN 5 WHEN snoozed_until IS NOT NULL THEN 4 \
    WHEN read_at IS NOT NULL THEN CASE WHEN seen_at IS NULL THEN 2 ELSE 3 END WHEN seen_at IS NULL THEN 0 ELSE 1 END), \
    kind, updated_at, id) WHERE removed_at IS NULL";

/// What it replaces.
const ARCHIVED: &str = "CREATE INDEX inbox_item_archived ON inbox_item (user_id, updated_at, id) \
    WHERE removed_at IS NULL AND archived_at IS NOT NULL";
