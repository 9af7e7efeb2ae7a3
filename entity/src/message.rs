use sea_orm::{
    Condition, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};
use serde::Deserialize;

use super::id::{MessageId, Seq, UserId};

/// A message (M2) or a reply (M7), with how far it has been read.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "message")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: MessageId,
    /// None: the system.
    pub sender_id: Option<UserId>,
    pub subject: String,
    #[sea_orm(column_type = "Text")]
    pub body: String,
    pub parent_id: Option<MessageId>,
    /// The first message of the thread; None for that message itself.
    pub root_id: Option<MessageId>,
    /// 0 for a root, 1 for a reply to it.
    #[serde(deserialize_with = "crate::or_default")]
    pub depth: i32,
    /// The position in the thread, such that sorting by it gives depth-first order: the parent's
    /// path, then the order of arrival (`messages::path`). Empty for a root.
    #[serde(with = "hex")]
    #[sea_orm(column_type = "VarBinary(StringLen::None)")]
    pub path: Vec<u8>,
    /// The thread's change that last touched this message; 0 for a root without replies.
    #[serde(deserialize_with = "crate::or_default")]
    pub seq: Seq,
    /// Counts each person once; `message_audience` counts them by address.
    #[serde(deserialize_with = "crate::or_default")]
    pub recipient_count: i32,
    #[serde(deserialize_with = "crate::or_default")]
    pub seen_count: i32,
    #[serde(deserialize_with = "crate::or_default")]
    pub read_count: i32,
    /// Those who have replied to it, or to any message of the thread that it starts.
    #[serde(deserialize_with = "crate::or_default")]
    pub replied_count: i32,
    #[serde(with = "crate::moment::nullable")]
    pub first_read_at: Option<DateTimeUtc>,
    #[serde(with = "crate::moment::nullable")]
    pub last_read_at: Option<DateTimeUtc>,
    /// When it should be removed from the inboxes.
    #[serde(with = "crate::moment::nullable")]
    pub expires_at: Option<DateTimeUtc>,
    /// When its removal from the inboxes began. From then on its expiry cannot change.
    #[serde(with = "crate::moment::nullable")]
    pub expired_at: Option<DateTimeUtc>,
    /// When it was sent; for one that is planned, when it was written.
    #[serde(with = "crate::moment")]
    pub created_at: DateTimeUtc,
    pub url: Option<String>,
    /// JSON for the clients of the host application.
    #[sea_orm(column_type = "Text", nullable)]
    pub data: Option<String>,
    /// JSON: a list of what a reader can do (`extras::ItemAction`).
    #[sea_orm(column_type = "Text", nullable)]
    pub actions: Option<String>,
    /// A category of the catalog, for good.
    pub category: Option<String>,
    /// When it is to be sent. None: it has been sent.
    #[serde(with = "crate::moment::nullable")]
    pub send_at: Option<DateTimeUtc>,
    #[sea_orm(belongs_to, from = "sender_id", to = "id")]
    pub sender: BelongsTo<Option<super::user::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub fn root(&self) -> MessageId {
        self.root_id.unwrap_or(self.id)
    }
}

/// On whose behalf a query reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reader {
    /// An admin, or the server itself.
    Everything,
    /// A person: sees what they sent and what was sent to them.
    User(UserId),
    /// The host application: sees what the system sent.
    System,
}

impl Entity {
    /// The messages that this reader may know of. Every read of messages for a client starts here.
    pub fn visible_to(reader: Reader) -> Select<Self> {
        Self::find().filter(visible_to(reader))
    }
}

fn visible_to(reader: Reader) -> Condition {
    match reader {
        Reader::Everything => Condition::all(),
        Reader::System => Condition::all().add(COLUMN.sender_id.is_null()),
        Reader::User(user) => {
            let received = super::message_recipient::Entity::find()
                .select_only()
                .expr(Expr::val(1))
                .filter(
                    Expr::col((
                        super::message_recipient::Entity,
                        super::message_recipient::Column::MessageId,
                    ))
                    .equals((Entity, Column::Id)),
                )
                .filter(super::message_recipient::COLUMN.user_id.eq(user))
                .into_query();
            Condition::any().add(COLUMN.sender_id.eq(user)).add(Expr::exists(received))
        }
    }
}

/// Represents `path` in JSON, as hexadecimal digits; a statement may leave it out.
mod hex {
    use serde::{Deserializer, de::Error};

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text: String = crate::or_default(deserializer)?;
        let byte = |pair: &[u8]| {
            std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
        };
        text.as_bytes()
            .chunks(2)
            .map(byte)
            .collect::<Option<_>>()
            .ok_or_else(|| D::Error::custom("not hexadecimal"))
    }
}
