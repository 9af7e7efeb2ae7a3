//! How many people have replied to a message is counted, like those who have read it.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let replied = integer("replied_count").default(0).to_owned();
        manager.alter_table(Table::alter().table("message").add_column(replied).to_owned()).await?;
        let database = manager.get_connection();
        database.execute_unprepared(COUNT).await?;
        // Only counting needed it.
        database.execute_unprepared("DROP INDEX IF EXISTS message_recipient_replied").await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let message = Table::alter().table("message").drop_column("replied_count").to_owned();
        manager.alter_table(message).await
    }
}

const COUNT: &str = "UPDATE message SET replied_count = t.people \
    FROM (SELECT message_id, CAST(count(DISTINCT user_id) AS integer) AS people \
    FROM message_recipient WHERE replied_at IS NOT NULL GROUP BY message_id) AS t \
    WHERE message.id = t.message_id";
