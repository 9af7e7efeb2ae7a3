//! Reminders, who was reminded and who replied, and why somebody was deactivated.

use sea_orm::DbBackend;
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
        let reminder = Table::create()
            .table("reminder")
            .col(big_integer("message_id").primary_key())
            .col(text("frequency"))
            .col(text("step"))
            .col(string_len("until", 16))
            .col(text("zone"))
            .col(timestamp_with_time_zone("since"))
            .col(timestamp_with_time_zone_null("next_at"))
            .col(big_integer("reminded_to").default(0))
            .col(integer("sent_count").default(0))
            .col(timestamp_with_time_zone_null("respond_by"))
            .col(boolean("deactivates").default(false))
            .col(big_integer("deactivated_to").default(0))
            .col(timestamp_with_time_zone_null("deactivated_at"))
            .col(timestamp_with_time_zone_null("closed_at"))
            .foreign_key(ForeignKey::create().from("reminder", "message_id").to("message", "id"))
            .to_owned();
        manager.create_table(reminder).await?;
        for (table, column) in columns() {
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            // Servers ask for messages with their reminders; dropping these first would lock the two the other way round.
            manager
                .get_connection()
                .execute_unprepared("LOCK TABLE message IN ACCESS EXCLUSIVE MODE")
                .await?;
        }
        manager.get_connection().execute_unprepared("DROP INDEX message_audience_group").await?;
        for (table, column) in columns() {
            let name = column.get_column_name();
            manager.alter_table(Table::alter().table(table).drop_column(name).to_owned()).await?;
        }
        manager.drop_table(Table::drop().table("reminder").to_owned()).await
    }
}

/// Each in a statement of its own: SQLite adds one column at a time.
fn columns() -> [(&'static str, ColumnDef); 7] {
    [
        ("user", big_integer_null("deactivated_by").to_owned()),
        ("message_recipient", timestamp_with_time_zone_null("replied_at").to_owned()),
        ("message_recipient", timestamp_with_time_zone_null("reminded_at").to_owned()),
        ("message_recipient", integer("reminder_count").default(0).to_owned()),
        ("inbox_item", timestamp_with_time_zone_null("reminded_at").to_owned()),
        ("inbox_item", big_integer_null("reminded_seq").to_owned()),
        ("inbox_item", timestamp_with_time_zone_null("respond_by").to_owned()),
    ]
}

/// Each with the question that it answers. The text is the same for both databases.
const INDEXES: [&str; 3] = [
    // What is due.
    "CREATE INDEX reminder_due ON reminder (next_at, message_id) WHERE next_at IS NOT NULL",
    // Until when the last ones may answer.
    "CREATE INDEX reminder_respond ON reminder (respond_by) WHERE respond_by IS NOT NULL AND closed_at IS NULL",
    // What was sent to a group, for reports.
    "CREATE INDEX message_audience_group ON message_audience (group_id, message_id) WHERE group_id IS NOT NULL",
];
