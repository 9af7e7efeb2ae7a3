//! How many items are in the active list of an inbox is counted, like those of the other lists.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let active = integer("active").default(0).to_owned();
        manager.alter_table(Table::alter().table("inbox").add_column(active).to_owned()).await?;
        manager.get_connection().execute_unprepared(COUNT).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("inbox").drop_column("active").to_owned()).await
    }
}

const COUNT: &str = "UPDATE inbox SET active = t.active \
    FROM (SELECT user_id, CAST(count(*) AS integer) AS active FROM inbox_item \
    WHERE removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL \
    GROUP BY user_id) AS t WHERE inbox.user_id = t.user_id";
