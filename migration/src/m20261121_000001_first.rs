//! People, groups, messages and inboxes.

use sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

use crate::reference;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // All or nothing on SQLite, too; on PostgreSQL this is the default.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables(manager.get_database_backend()) {
            manager.create_table(table).await?;
        }
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES_BACKWARDS {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn tables(backend: DbBackend) -> [TableCreateStatement; 12] {
    [
        Table::create()
            .table("installation")
            .col(integer("id").primary_key())
            .col(text("epoch"))
            .col(timestamp_with_time_zone("created_at"))
            .to_owned(),
        Table::create()
            .table("user")
            .col(big_pk_auto("id"))
            .col(text("external_id").unique_key())
            .col(text("first_name"))
            .col(text("last_name"))
            .col(text_null("email"))
            .col(text_null("avatar_url"))
            .col(text("locale"))
            .col(text("time_zone"))
            .col(timestamp_with_time_zone_null("deactivated_at"))
            .col(timestamp_with_time_zone("created_at"))
            .to_owned(),
        Table::create()
            .table("group")
            .col(big_pk_auto("id"))
            .col(text("external_id").unique_key())
            .col(text("name"))
            .col(timestamp_with_time_zone_null("deleted_at"))
            .col(timestamp_with_time_zone("created_at"))
            .to_owned(),
        Table::create()
            .table("group_member")
            .col(big_integer("group_id"))
            .col(big_integer("user_id"))
            .col(timestamp_with_time_zone("joined_at"))
            .col(timestamp_with_time_zone_null("removed_at"))
            .primary_key(Index::create().col("group_id").col("user_id"))
            .foreign_key(&mut reference("group_member", "group_id", "group"))
            .foreign_key(&mut reference("group_member", "user_id", "user"))
            .to_owned(),
        Table::create()
            .table("message")
            .col(big_pk_auto("id"))
            .col(big_integer_null("sender_id"))
            .col(text("subject"))
            .col(text("body"))
            .col(big_integer_null("parent_id"))
            .col(big_integer_null("root_id"))
            .col(integer("depth"))
            .col(var_binary("path", 0).custom(if backend == DbBackend::Postgres {
                "bytea"
            } else {
                "blob"
            }))
            .col(big_integer("seq"))
            .col(integer("recipient_count"))
            .col(integer("seen_count"))
            .col(integer("read_count"))
            .col(timestamp_with_time_zone_null("first_read_at"))
            .col(timestamp_with_time_zone_null("last_read_at"))
            .col(timestamp_with_time_zone_null("expires_at"))
            .col(timestamp_with_time_zone_null("expired_at"))
            .col(timestamp_with_time_zone("created_at"))
            .foreign_key(&mut reference("message", "sender_id", "user"))
            .foreign_key(&mut reference("message", "parent_id", "message"))
            .foreign_key(&mut reference("message", "root_id", "message"))
            .to_owned(),
        Table::create()
            .table("thread")
            .col(big_integer("root_id").primary_key())
            .col(big_integer("seq"))
            .foreign_key(&mut reference("thread", "root_id", "message"))
            .to_owned(),
        Table::create()
            .table("delivery")
            .col(big_integer("message_id").primary_key())
            .col(big_integer("delivered_to"))
            .foreign_key(&mut reference("delivery", "message_id", "message"))
            .to_owned(),
        Table::create()
            .table("message_audience")
            .col(big_pk_auto("id"))
            .col(big_integer("message_id"))
            .col(big_integer_null("user_id"))
            .col(big_integer_null("group_id"))
            .col(text("name"))
            .col(integer("recipient_count"))
            .col(integer("seen_count"))
            .col(integer("read_count"))
            .col(timestamp_with_time_zone_null("first_read_at"))
            .col(timestamp_with_time_zone_null("last_read_at"))
            .foreign_key(&mut reference("message_audience", "message_id", "message"))
            .foreign_key(&mut reference("message_audience", "user_id", "user"))
            .foreign_key(&mut reference("message_audience", "group_id", "group"))
            .to_owned(),
        // The two tables that a send fills with a row per recipient have no foreign keys: they were most of the cost
        // of a group send, and users, messages and audiences are never deleted.
        Table::create()
            .table("message_recipient")
            .col(big_integer("message_id"))
            .col(big_integer("user_id"))
            .col(big_integer("audience_id"))
            .col(timestamp_with_time_zone_null("seen_at"))
            .col(timestamp_with_time_zone_null("read_at"))
            .primary_key(Index::create().col("message_id").col("user_id").col("audience_id"))
            .to_owned(),
        Table::create()
            .table("inbox")
            .col(big_integer("user_id").primary_key())
            .col(big_integer("seq").default(0))
            .col(big_integer("purged_seq").default(0))
            .col(integer("unread").default(0))
            .col(integer("unseen").default(0))
            .col(integer("snoozed").default(0))
            .col(integer("archived").default(0))
            .foreign_key(&mut reference("inbox", "user_id", "user"))
            .to_owned(),
        Table::create()
            .table("inbox_item")
            .col(big_pk_auto("id"))
            .col(big_integer("user_id"))
            .col(string_len("kind", 16))
            .col(big_integer_null("message_id"))
            .col(big_integer("seq"))
            .col(big_integer("arrived_seq"))
            .col(timestamp_with_time_zone_null("seen_at"))
            .col(timestamp_with_time_zone_null("read_at"))
            .col(timestamp_with_time_zone_null("archived_at"))
            .col(timestamp_with_time_zone_null("snoozed_until"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .col(timestamp_with_time_zone_null("removed_at"))
            .to_owned(),
        Table::create()
            .table("idempotency_key")
            .col(text("caller"))
            .col(text("key"))
            .col(text("fingerprint"))
            .col(big_integer_null("result"))
            .col(timestamp_with_time_zone("created_at"))
            .primary_key(Index::create().col("caller").col("key"))
            .to_owned(),
    ]
}

const TABLES_BACKWARDS: [&str; 12] = [
    "idempotency_key",
    "inbox_item",
    "inbox",
    "message_recipient",
    "message_audience",
    "delivery",
    "thread",
    "message",
    "group_member",
    "group",
    "user",
    "installation",
];

/// Each with the question that it answers. The text is the same for both databases.
const INDEXES: [&str; 13] = [
    // The groups of a user.
    "CREATE INDEX group_member_user ON group_member (user_id) WHERE removed_at IS NULL",
    // What a user sent, newest first.
    "CREATE INDEX message_sender ON message (sender_id, id)",
    // The replies to a message; a thread, and what changed in it.
    "CREATE INDEX message_parent ON message (parent_id, id) WHERE parent_id IS NOT NULL",
    "CREATE INDEX message_thread ON message (root_id, seq) WHERE root_id IS NOT NULL",
    // What is due to leave the inboxes.
    "CREATE INDEX message_expires ON message (expires_at) WHERE expires_at IS NOT NULL AND expired_at IS NULL",
    // The addresses of a message, each once; NULL would make every row different (M5).
    "CREATE UNIQUE INDEX message_audience_key ON message_audience (message_id, coalesce(group_id, 0), coalesce(user_id, 0))",
    // One item for a message and person, however many addresses reached them (M5).
    "CREATE UNIQUE INDEX inbox_item_message ON inbox_item (message_id, user_id) WHERE message_id IS NOT NULL",
    // The changes of an inbox since a position.
    "CREATE INDEX inbox_item_seq ON inbox_item (user_id, seq, id)",
    // The pages of an inbox: what is there, what is archived; snoozed items by when they come back.
    "CREATE INDEX inbox_item_active ON inbox_item (user_id, updated_at, id) \
     WHERE removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL",
    "CREATE INDEX inbox_item_archived ON inbox_item (user_id, updated_at, id) WHERE removed_at IS NULL AND archived_at IS NOT NULL",
    "CREATE INDEX inbox_item_snoozed ON inbox_item (snoozed_until) WHERE removed_at IS NULL AND snoozed_until IS NOT NULL",
    // What the purges look for.
    "CREATE INDEX inbox_item_removed ON inbox_item (removed_at) WHERE removed_at IS NOT NULL",
    "CREATE INDEX idempotency_key_age ON idempotency_key (created_at)",
];
