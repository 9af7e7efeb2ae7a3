//! Whom a message is addressed to, and whom it thereby reaches (M4, M5): looked up before it is
//! sent, and written with it.

use std::collections::HashSet;

use ::entity::{
    id::{GroupId, MessageId, UserId},
    message, message_audience, user,
};
use async_graphql::OneofObject;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ReplyScope;
use crate::{
    app::App,
    auth::Actor,
    db::{JsonType, Tx},
    error::{Error, Result},
    people::{
        address_book,
        groups::{self, GroupRef},
        users::{self, UserRef},
    },
};

/// The most addresses that a message may have.
pub const MOST_ADDRESSES: usize = 100;

/// An address: one person, or everybody in a group.
#[derive(OneofObject, Clone, Debug, Serialize, Deserialize)]
pub enum AudienceRef {
    /// One person.
    User(UserRef),
    /// The members of a group at this moment.
    Group(GroupRef),
}

/// An address that has been looked up.
pub enum Audience {
    User(user::Model),
    Group { id: GroupId, name: String },
}

/// Looks up the addresses of a new message, in the address book of the actor; an error names the
/// address's place in the input.
pub async fn resolve(app: &App, actor: &Actor, to: &[AudienceRef]) -> Result<Vec<Audience>> {
    if to.is_empty() || to.len() > MOST_ADDRESSES {
        return Err(Error::invalid(
            "to",
            format!("must have between 1 and {MOST_ADDRESSES} addresses"),
        ));
    }
    let db = app.db.read();
    let mut people = Vec::new();
    let mut audiences = Vec::new();
    let mut known = HashSet::new();
    for (index, address) in to.iter().enumerate() {
        match address {
            AudienceRef::User(user) => people.push((format!("to.{index}"), user)),
            AudienceRef::Group(group) => {
                let own = address_book::groups(app, actor);
                let group = groups::find_among(db, group, own).await;
                let group = group.map_err(|error| match error {
                    Error::NotFound(_) => {
                        Error::invalid(format!("to.{index}"), "there is no such group")
                    }
                    error => error,
                })?;
                if known.insert(group.id) {
                    audiences.push(Audience::Group { id: group.id, name: group.name });
                }
            }
        }
    }
    if !people.is_empty() {
        let users = users::find_among(db, &people, address_book::people(app, actor)).await?;
        if let Some(user) = users.iter().find(|user| user.deactivated_at.is_some()) {
            return Err(Error::invalid("to", format!("{} is deactivated", user.external_id)));
        }
        audiences.extend(users.into_iter().map(Audience::User));
    }
    Ok(audiences)
}

/// Where a reply goes: to the sender of the parent and, if it is for everyone, also to the parent's
/// addresses.
pub async fn reply_audiences(
    app: &App,
    sender: UserId,
    parent: &message::Model,
    author: Option<user::Model>,
    scope: ReplyScope,
) -> Result<Vec<Audience>> {
    let mut audiences: Vec<_> = author.into_iter().map(Audience::User).collect();
    if scope == ReplyScope::Everyone {
        let before = message_audience::Entity::find()
            .filter(message_audience::COLUMN.message_id.eq(parent.id));
        let before = before.find_also_related(user::Entity).all(app.db.read()).await?;
        for (audience, person) in before {
            audiences.extend(person.map(Audience::User));
            audiences
                .extend(audience.group_id.map(|id| Audience::Group { id, name: audience.name }));
        }
    }
    let mut known = HashSet::from([sender]);
    audiences.retain(|audience| match audience {
        Audience::User(user) => user.deactivated_at.is_none() && known.insert(user.id),
        Audience::Group { .. } => true,
    });
    if audiences.is_empty() {
        Err(Error::Conflict("this reply would reach nobody".into()))
    } else {
        Ok(audiences)
    }
}

/// Writes the addresses of messages.
pub async fn address(tx: &Tx, addresses: &[(MessageId, &Audience)]) -> Result<()> {
    let mut sql = tx.sql("audience::address");
    let columns = [
        ("message_id", JsonType::Integer),
        ("user_id", JsonType::Integer),
        ("group_id", JsonType::Integer),
        ("name", JsonType::Text),
    ];
    let row = |(message, audience): &(MessageId, &Audience)| match audience {
        Audience::User(user) => [json!(message), json!(user.id), json!(null), json!(user.name())],
        Audience::Group { id, name } => [json!(message), json!(null), json!(id), json!(name)],
    };
    let addresses = sql.table(columns, addresses.iter().map(row));
    sql.push(format!(
        "INSERT INTO message_audience \
         (message_id, user_id, group_id, name, recipient_count, seen_count, read_count) \
         SELECT a.message_id, a.user_id, a.group_id, a.name, \
         CASE WHEN a.user_id IS NULL THEN 0 ELSE 1 END, 0, 0 FROM {addresses} AS a"
    ));
    sql.run(&**tx).await.map(drop)
}

/// Writes the recipients of messages who are addressed in person.
pub async fn add_people(tx: &Tx, messages: &[MessageId]) -> Result<()> {
    let mut sql = tx.sql("audience::add_people");
    let these = sql.is_one_of("message_id", messages);
    sql.push(format!(
        "INSERT INTO message_recipient (message_id, user_id, audience_id) \
         SELECT message_id, user_id, id FROM message_audience \
         WHERE {these} AND user_id IS NOT NULL"
    ));
    sql.run(&**tx).await.map(drop)
}

/// Writes the members of the groups among a message's addresses, except the sender.
pub async fn add_members(tx: &Tx, message: MessageId, sender: Option<UserId>) -> Result<()> {
    let mut sql = tx.sql("audience::add_members");
    let (message, sender) = (sql.bind(message), sql.bind(sender.unwrap_or(UserId(0))));
    sql.push(format!(
        "INSERT INTO message_recipient (message_id, user_id, audience_id) \
         SELECT a.message_id, m.user_id, a.id FROM message_audience AS a \
         JOIN group_member AS m ON m.group_id = a.group_id AND m.removed_at IS NULL \
         JOIN user_account AS u ON u.id = m.user_id AND u.deactivated_at IS NULL \
         WHERE a.message_id = {message} AND m.user_id <> {sender}"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Writes the people whom the parent of a reply reached by the same groups and who still belong to
/// them, except the sender of the reply and the sender of the parent, who is addressed in person.
pub async fn add_remaining_members(
    tx: &Tx,
    reply: &message::Model,
    parent: &message::Model,
) -> Result<()> {
    let mut sql = tx.sql("audience::add_remaining_members");
    let (reply_id, parent_id) = (sql.bind(reply.id), sql.bind(parent.id));
    let sender = sql.bind(reply.sender_id.unwrap_or(UserId(0)));
    let author = sql.bind(parent.sender_id.unwrap_or(UserId(0)));
    sql.push(format!(
        "INSERT INTO message_recipient (message_id, user_id, audience_id) \
         SELECT a.message_id, r.user_id, a.id FROM message_audience AS a \
         JOIN message_audience AS p ON p.message_id = {parent_id} AND p.group_id = a.group_id \
         JOIN message_recipient AS r ON r.message_id = {parent_id} AND r.audience_id = p.id \
         JOIN group_member AS m ON m.group_id = a.group_id AND m.user_id = r.user_id \
         AND m.removed_at IS NULL \
         JOIN user_account AS u ON u.id = r.user_id AND u.deactivated_at IS NULL \
         WHERE a.message_id = {reply_id} AND r.user_id <> {sender} AND r.user_id <> {author}"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Writes how many people a message and each of its addresses reach, from now on for good (M9).
/// Returns the number for the message.
pub async fn count_recipients(tx: &Tx, message: MessageId) -> Result<i32> {
    let mut sql = tx.sql("audience::count_by_address");
    let id = sql.bind(message);
    sql.push(format!(
        "UPDATE message_audience SET recipient_count = r.n FROM \
         (SELECT audience_id, CAST(count(*) AS integer) AS n FROM message_recipient \
         WHERE message_id = {id} GROUP BY audience_id) AS r \
         WHERE message_audience.id = r.audience_id"
    ));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("audience::count");
    let id = sql.bind(message);
    sql.push(format!(
        "UPDATE message SET recipient_count = \
         (SELECT CAST(count(DISTINCT user_id) AS integer) FROM message_recipient \
         WHERE message_id = {id}) WHERE id = {id} RETURNING recipient_count"
    ));
    match sql.value(&**tx).await? {
        Some(0) | None => Err(Error::invalid("to", "reaches nobody")),
        Some(count) => Ok(count),
    }
}
