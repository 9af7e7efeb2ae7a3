//! Announcements, activities, targets, and who follows what.

use sea_orm_migration::{prelude::*, schema::*};

use crate::reference;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (table, column) in columns() {
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in
            ["inbox_item_announcement", "inbox_item_target", "inbox_since", "user_deactivated"]
        {
            manager.get_connection().execute_unprepared(&format!("DROP INDEX {index}")).await?;
        }
        // None of the items of the older tables is one of these.
        manager
            .get_connection()
            .execute_unprepared("DELETE FROM inbox_item WHERE kind <> 'message'")
            .await?;
        for (table, column) in columns() {
            let column = column.get_column_name();
            manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await?;
        }
        for table in TABLES_BACKWARDS {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn tables() -> [TableCreateStatement; 9] {
    [
        Table::create()
            .table("announcement")
            .col(big_pk_auto("id"))
            .col(text("title"))
            .col(text("body"))
            .col(text_null("url"))
            .col(big_integer_null("author_id"))
            .col(timestamp_with_time_zone("publish_at"))
            .col(big_integer_null("position").unique_key())
            .col(timestamp_with_time_zone_null("expires_at"))
            .col(timestamp_with_time_zone_null("retracted_at"))
            .col(timestamp_with_time_zone_null("withdrawn_at"))
            .col(timestamp_with_time_zone_null("settled_at"))
            .col(integer("seen_count"))
            .col(integer("read_count"))
            .col(timestamp_with_time_zone_null("first_read_at"))
            .col(timestamp_with_time_zone_null("last_read_at"))
            .col(timestamp_with_time_zone("created_at"))
            .foreign_key(&mut reference("announcement", "author_id", "user"))
            .to_owned(),
        // Without foreign keys, as message_recipient is: a row for every reader.
        Table::create()
            .table("announcement_reading")
            .col(big_integer("announcement_id"))
            .col(big_integer("user_id"))
            .col(timestamp_with_time_zone("seen_at"))
            .col(timestamp_with_time_zone_null("read_at"))
            .primary_key(Index::create().col("announcement_id").col("user_id"))
            .to_owned(),
        Table::create()
            .table("target")
            .col(big_pk_auto("id"))
            .col(text("type"))
            .col(text("external_id"))
            .col(big_integer_null("owner_id"))
            .col(text_null("title"))
            .col(text_null("url"))
            .col(timestamp_with_time_zone("created_at"))
            .foreign_key(&mut reference("target", "owner_id", "user"))
            .to_owned(),
        Table::create()
            .table("activity")
            .col(big_pk_auto("id"))
            .col(big_integer_null("actor_id"))
            .col(text("action"))
            .col(big_integer("target_id"))
            .col(text_null("data"))
            .col(timestamp_with_time_zone("occurred_at"))
            .col(timestamp_with_time_zone_null("retracted_at"))
            .col(timestamp_with_time_zone_null("settled_at"))
            .col(timestamp_with_time_zone("created_at"))
            .foreign_key(&mut reference("activity", "actor_id", "user"))
            .foreign_key(&mut reference("activity", "target_id", "target"))
            .to_owned(),
        Table::create()
            .table("subscription")
            .col(big_pk_auto("id"))
            .col(big_integer("user_id"))
            .col(big_integer("target_id"))
            .col(text("action"))
            .col(text("reason"))
            .col(big_integer("since"))
            .col(big_integer_null("until"))
            .col(timestamp_with_time_zone("created_at"))
            .foreign_key(&mut reference("subscription", "user_id", "user"))
            .foreign_key(&mut reference("subscription", "target_id", "target"))
            .to_owned(),
        Table::create()
            .table("subscription_config")
            .col(big_pk_auto("id"))
            .col(big_integer("user_id"))
            .col(text("action"))
            .col(boolean("enabled"))
            .col(big_integer("since"))
            .col(big_integer_null("until"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone_null("ended_at"))
            .foreign_key(&mut reference("subscription_config", "user_id", "user"))
            .to_owned(),
        // These two are filled when inboxes are, and have no foreign keys either.
        Table::create()
            .table("inbox_item_activity")
            .col(big_integer("item_id"))
            .col(big_integer("activity_id"))
            .primary_key(Index::create().col("item_id").col("activity_id"))
            .to_owned(),
        Table::create()
            .table("inbox_item_actor")
            .col(big_integer("item_id"))
            .col(big_integer("actor_id"))
            .col(integer("activity_count"))
            .col(big_integer("latest_activity_id"))
            .primary_key(Index::create().col("item_id").col("actor_id"))
            .to_owned(),
        Table::create()
            .table("refresh")
            .col(big_pk_auto("id"))
            .col(big_integer_null("announcement_id"))
            .col(big_integer_null("target_id"))
            .col(big_integer("refreshed_to"))
            .to_owned(),
    ]
}

fn columns() -> [(&'static str, ColumnDef); 11] {
    [
        ("inbox", big_integer("announcements_since").default(0).take()),
        ("inbox", big_integer("announcements_pulled").default(0).take()),
        ("inbox", big_integer("activities_pulled").default(0).take()),
        ("inbox", integer("unread_announcements").default(0).take()),
        ("inbox", integer("unread_activities").default(0).take()),
        ("inbox_item", big_integer_null("announcement_id").take()),
        ("inbox_item", big_integer_null("target_id").take()),
        ("inbox_item", text_null("action").take()),
        ("inbox_item", big_integer_null("activity_id").take()),
        ("inbox_item", integer("activity_count").default(0).take()),
        ("inbox_item", integer("actor_count").default(0).take()),
    ]
}

const TABLES_BACKWARDS: [&str; 9] = [
    "refresh",
    "inbox_item_actor",
    "inbox_item_activity",
    "subscription_config",
    "subscription",
    "activity",
    "target",
    "announcement_reading",
    "announcement",
];

/// Each with the question that it answers. The text is the same for both databases.
const INDEXES: [&str; 17] = [
    // What is to be published, what is due to leave the inboxes, and what is leaving them.
    "CREATE INDEX announcement_planned ON announcement (publish_at) WHERE position IS NULL AND retracted_at IS NULL",
    "CREATE INDEX announcement_expires ON announcement (expires_at) WHERE expires_at IS NOT NULL AND settled_at IS NULL",
    "CREATE INDEX announcement_withdrawn ON announcement (id) WHERE withdrawn_at IS NOT NULL AND settled_at IS NULL",
    // A target by its name in the host application. The id first: a call names many of few types.
    "CREATE UNIQUE INDEX target_key ON target (external_id, type)",
    // What was done to a target since a position; the latest of it.
    "CREATE INDEX activity_target ON activity (target_id, action, id)",
    // What is leaving the inboxes.
    "CREATE INDEX activity_retracted ON activity (id) WHERE retracted_at IS NOT NULL AND settled_at IS NULL",
    // What a user follows, each row once; all that they have ever followed; who follows a target.
    "CREATE UNIQUE INDEX subscription_key ON subscription (user_id, target_id, action, reason) WHERE until IS NULL",
    "CREATE INDEX subscription_history ON subscription (user_id, target_id, action)",
    "CREATE INDEX subscription_target ON subscription (target_id, user_id) WHERE until IS NULL",
    // What a user wants, and wanted.
    "CREATE UNIQUE INDEX subscription_config_key ON subscription_config (user_id, action) WHERE until IS NULL",
    "CREATE INDEX subscription_config_history ON subscription_config (user_id, action)",
    // One item for an announcement and person.
    "CREATE UNIQUE INDEX inbox_item_announcement ON inbox_item (announcement_id, user_id) WHERE announcement_id IS NOT NULL",
    // The items about a target: all of them, those of a user, the one that grows.
    "CREATE INDEX inbox_item_target ON inbox_item (target_id, user_id, action, id) WHERE target_id IS NOT NULL",
    // Which items have an activity.
    "CREATE INDEX inbox_item_activity_of ON inbox_item_activity (activity_id, item_id)",
    // The latest people of an item.
    "CREATE INDEX inbox_item_actor_latest ON inbox_item_actor (item_id, latest_activity_id)",
    // How many could see an announcement.
    "CREATE INDEX inbox_since ON inbox (announcements_since)",
    "CREATE INDEX user_deactivated ON \"user\" (deactivated_at) WHERE deactivated_at IS NOT NULL",
];
