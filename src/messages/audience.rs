//! Whom a message is addressed to, and whom it reaches by that (M4, M5): looked up before it is sent, and written with it.

use std::collections::HashSet;

use ::entity::{message, message_audience, user};
use async_graphql::OneofObject;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    EntityTrait, QueryFilter,
};
use serde::{Deserialize, Serialize};

use super::ReplyScope;
use crate::{
    app::App,
    db::Tx,
    error::{Error, Result},
    people::{
        groups::{self, GroupRef},
        users::{self, UserRef},
    },
};

const MOST_ADDRESSES: usize = 100;

/// An address: one person, or everybody in a group.
#[derive(OneofObject, Clone, Debug, Serialize, Deserialize)]
pub enum AudienceRef {
    /// One person.
    User(UserRef),
    /// The members of a group at this moment.
    Group(GroupRef),
}

/// The members of the groups among a message's addresses, but not `$2`, who sends it.
pub const TO_MEMBERS: &str = "INSERT INTO message_recipient (message_id, user_id, audience_id) \
    SELECT a.message_id, m.user_id, a.id FROM message_audience AS a \
    JOIN group_member AS m ON m.group_id = a.group_id AND m.removed_at IS NULL \
    JOIN user_account AS u ON u.id = m.user_id AND u.deactivated_at IS NULL \
    WHERE a.message_id = $1 AND m.user_id <> $2";

/// Those whom the parent `$2` reached by the same groups and who still belong to them, but not `$3` and `$4`: who
/// replies, and who sent the parent and is addressed in person.
pub const TO_REMAINING_MEMBERS: &str = "INSERT INTO message_recipient (message_id, user_id, audience_id) \
    SELECT a.message_id, r.user_id, a.id FROM message_audience AS a \
    JOIN message_audience AS p ON p.message_id = $2 AND p.group_id = a.group_id \
    JOIN message_recipient AS r ON r.message_id = $2 AND r.audience_id = p.id \
    JOIN group_member AS m ON m.group_id = a.group_id AND m.user_id = r.user_id AND m.removed_at IS NULL \
    JOIN user_account AS u ON u.id = r.user_id AND u.deactivated_at IS NULL \
    WHERE a.message_id = $1 AND r.user_id <> $3 AND r.user_id <> $4";

/// An address that was looked up.
pub enum Audience {
    User(user::Model),
    Group { id: i64, name: String },
}

/// Looks up the addresses of a new message; what is wrong with one names its place in the input.
pub async fn resolve(app: &App, to: &[AudienceRef]) -> Result<Vec<Audience>> {
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
                let group = groups::find(db, group).await;
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
        let users = users::find_all(db, &people).await?;
        if let Some(user) = users.iter().find(|user| user.deactivated_at.is_some()) {
            return Err(Error::invalid("to", format!("{} is deactivated", user.external_id)));
        }
        audiences.extend(users.into_iter().map(Audience::User));
    }
    Ok(audiences)
}

/// Where a reply goes: to who sent the parent, and for everyone also to its addresses.
pub async fn reply_audiences(
    app: &App,
    sender: i64,
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

/// Writes a message's addresses, and the recipients that are addressed in person.
pub async fn address(tx: &Tx, message: &message::Model, audiences: &[Audience]) -> Result<()> {
    let rows = audiences.iter().map(|audience| {
        let (user_id, group_id, name) = match audience {
            Audience::User(user) => (Some(user.id), None, user.name()),
            Audience::Group { id, name } => (None, Some(*id), name.clone()),
        };
        message_audience::ActiveModel {
            id: NotSet,
            message_id: Set(message.id),
            user_id: Set(user_id),
            group_id: Set(group_id),
            name: Set(name),
            recipient_count: Set(i32::from(user_id.is_some())),
            seen_count: Set(0),
            read_count: Set(0),
            first_read_at: Set(None),
            last_read_at: Set(None),
        }
    });
    message_audience::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
    let in_person = "INSERT INTO message_recipient (message_id, user_id, audience_id) \
                     SELECT message_id, user_id, id FROM message_audience WHERE message_id = $1 AND user_id IS NOT NULL";
    tx.run(in_person, [message.id.into()]).await?;
    Ok(())
}

/// Writes how many people a message and each of its addresses reach, from now on for good (M9). Gives the first number.
pub async fn count_recipients(tx: &Tx, message: i64) -> Result<i32> {
    let by_address = "UPDATE message_audience SET recipient_count = r.n FROM \
        (SELECT audience_id, CAST(count(*) AS integer) AS n FROM message_recipient WHERE message_id = $1 GROUP BY audience_id) AS r \
        WHERE message_audience.id = r.audience_id";
    tx.run(by_address, [message.into()]).await?;
    let in_all = "UPDATE message SET recipient_count = \
        (SELECT CAST(count(DISTINCT user_id) AS integer) FROM message_recipient WHERE message_id = $1) \
        WHERE id = $1 RETURNING recipient_count";
    let count = tx.rows(in_all, [message.into()]).await?;
    match count.first().map(|row| row.try_get_by_index(0)).transpose()? {
        Some(0) | None => Err(Error::invalid("to", "reaches nobody")),
        Some(count) => Ok(count),
    }
}
