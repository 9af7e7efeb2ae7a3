//! Messages, their addresses and recipients, reminders, and reports.

use std::collections::HashMap;

use ::entity::{
    group,
    id::{AudienceId, MessageId, UserId},
    message, message_audience, message_recipient, reminder, user,
};
use async_graphql::dataloader::Loader;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Loaders, by_first};
use crate::{
    error::{Error, Result},
    graphql::messages::recipients::{RecipientRow, recipients},
    messages::{Sent, reports},
};

/// A message, if the reader may see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisibleMessage(pub message::Reader, pub MessageId);

impl Loader<VisibleMessage> for Loaders {
    type Value = Sent;
    type Error = Error;

    async fn load(&self, keys: &[VisibleMessage]) -> Result<HashMap<VisibleMessage, Sent>> {
        let mut found = HashMap::new();
        for (reader, ids) in by_first(keys.iter().map(|key| (key.0, key.1))) {
            let messages =
                message::Entity::visible_to(reader).filter(message::COLUMN.id.is_in(ids));
            for sent in messages.find_also_related(user::Entity).all(self.0.db.read()).await? {
                found.insert(VisibleMessage(reader, sent.0.id), sent);
            }
        }
        Ok(found)
    }
}

/// The addresses of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AudiencesOf(pub MessageId);

impl Loader<AudiencesOf> for Loaders {
    type Value = Vec<Audience>;
    type Error = Error;

    async fn load(&self, keys: &[AudiencesOf]) -> Result<HashMap<AudiencesOf, Vec<Audience>>> {
        let rows = message_audience::Entity::find()
            .filter(message_audience::COLUMN.message_id.is_in(keys.iter().map(|key| key.0)))
            .order_by_asc(message_audience::Column::Id)
            .find_also_related(user::Entity)
            .find_also(message_audience::Entity, group::Entity)
            .all(self.0.db.read())
            .await?;
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for (row, user, group) in rows {
            found.entry(AudiencesOf(row.message_id)).or_default().push(Audience {
                row,
                user,
                group,
            });
        }
        Ok(found)
    }
}

/// An address of a message. The caller checks whether the reader may see the message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AudienceBy(pub AudienceId);

impl Loader<AudienceBy> for Loaders {
    type Value = Audience;
    type Error = Error;

    async fn load(&self, keys: &[AudienceBy]) -> Result<HashMap<AudienceBy, Audience>> {
        let rows = message_audience::Entity::find()
            .filter(message_audience::COLUMN.id.is_in(keys.iter().map(|key| key.0)))
            .find_also_related(user::Entity)
            .find_also(message_audience::Entity, group::Entity)
            .all(self.0.db.read())
            .await?;
        let audience = |(row, user, group): (message_audience::Model, _, _)| {
            (AudienceBy(row.id), Audience { row, user, group })
        };
        Ok(rows.into_iter().map(audience).collect())
    }
}

#[derive(Clone)]
pub struct Audience {
    pub row: message_audience::Model,
    pub user: Option<user::Model>,
    pub group: Option<group::Model>,
}

/// The fact that a message reached a person by an address. The caller checks whether the reader may
/// know of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecipientBy {
    pub audience: AudienceId,
    pub user: UserId,
}

impl Loader<RecipientBy> for Loaders {
    type Value = RecipientRow;
    type Error = Error;

    async fn load(&self, keys: &[RecipientBy]) -> Result<HashMap<RecipientBy, RecipientRow>> {
        // Looked up by message, because that is how the recipients are indexed.
        let audiences = message_audience::Entity::find().select_only();
        let audiences =
            audiences.columns([message_audience::Column::Id, message_audience::Column::MessageId]);
        let audiences = audiences
            .filter(message_audience::COLUMN.id.is_in(keys.iter().map(|key| key.audience)));
        let messages: Vec<(AudienceId, MessageId)> =
            audiences.into_tuple().all(self.0.db.read()).await?;
        let messages: HashMap<_, _> = messages.into_iter().collect();
        let mut any = Condition::any();
        for key in keys {
            let Some(message) = messages.get(&key.audience) else { continue };
            let one = Condition::all()
                .add(message_recipient::COLUMN.message_id.eq(*message))
                .add(message_recipient::COLUMN.user_id.eq(key.user))
                .add(message_recipient::COLUMN.audience_id.eq(key.audience));
            any = any.add(one);
        }
        if any.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = recipients().filter(any).all(self.0.db.read()).await?;
        let key =
            |row: &RecipientRow| RecipientBy { audience: row.0.audience_id, user: row.0.user_id };
        Ok(rows.into_iter().map(|row| (key(&row), row)).collect())
    }
}

/// The reminder of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReminderOf(pub MessageId);

impl Loader<ReminderOf> for Loaders {
    type Value = reminder::Model;
    type Error = Error;

    async fn load(&self, keys: &[ReminderOf]) -> Result<HashMap<ReminderOf, reminder::Model>> {
        let found = reminder::Entity::find()
            .filter(reminder::COLUMN.message_id.is_in(keys.iter().map(|key| key.0)));
        let found = found.all(self.0.db.read()).await?;
        Ok(found.into_iter().map(|row| (ReminderOf(row.message_id), row)).collect())
    }
}

/// A row of a report, if the reader may see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisibleReportRow(pub message::Reader, pub AudienceId);

impl Loader<VisibleReportRow> for Loaders {
    type Value = reports::Row;
    type Error = Error;

    async fn load(
        &self,
        keys: &[VisibleReportRow],
    ) -> Result<HashMap<VisibleReportRow, reports::Row>> {
        let mut found = HashMap::new();
        for (reader, ids) in by_first(keys.iter().map(|key| (key.0, key.1))) {
            let rows = reports::visible_to(&self.0, reader, &ids).await?;
            found.extend(
                rows.into_iter().map(|row| (VisibleReportRow(reader, row.audience.id), row)),
            );
        }
        Ok(found)
    }
}
