//! Whom a message is addressed to, and whom it thereby reaches (M4, M5): looked up before it is
//! sent, and written with it.

use std::collections::{BTreeSet, HashSet};

use ::entity::{
    id::{GroupId, MessageId, UserId},
    message, message_audience, user,
};
use async_graphql::OneofObject;
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    ReplyScope,
    draft::{Draft, Parent},
};
use crate::{
    app::App,
    auth::Actor,
    db::{Dialect, JsonType, Tx},
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
    User(Box<user::Model>),
    Group { id: GroupId, name: String },
}

impl From<user::Model> for Audience {
    fn from(user: user::Model) -> Self {
        Audience::User(Box::new(user))
    }
}

/// Whom a message reaches.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Everybody, each once.
    pub people: BTreeSet<UserId>,
    /// Those who belong to the groups among its addresses, by each of them.
    pub members: Vec<(GroupId, UserId)>,
}

impl Reach {
    /// The people among some addresses.
    pub fn in_person(audiences: &[Audience]) -> Self {
        let people = audiences.iter().filter_map(|audience| match audience {
            Audience::User(user) => Some(user.id),
            Audience::Group { .. } => None,
        });
        Reach { people: people.collect(), members: Vec::new() }
    }

    /// How many are reached by one of the addresses.
    pub fn by(&self, audience: &Audience) -> usize {
        match audience {
            Audience::User(_) => 1,
            Audience::Group { id, .. } => {
                self.members.iter().filter(|(group, _)| group == id).count()
            }
        }
    }
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
        let among = address_book::people(app, actor);
        let users = users::find_among(&app.db, &people, among).await?;
        if let Some(user) = users.iter().find(|user| user.deactivated_at.is_some()) {
            return Err(Error::invalid("to", format!("{} is deactivated", user.external_id)));
        }
        audiences.extend(users.into_iter().map(Audience::from));
    }
    Ok(audiences)
}

/// The groups among some addresses.
pub fn groups(audiences: &[Audience]) -> impl Iterator<Item = GroupId> {
    audiences.iter().filter_map(|audience| match audience {
        Audience::User(_) => None,
        Audience::Group { id, .. } => Some(*id),
    })
}

/// About how many people some addresses reach; of a group, at most `most` are counted.
pub async fn size(app: &App, audiences: &[Audience], most: usize) -> Result<usize> {
    let groups: Vec<_> = groups(audiences).collect();
    let in_person = audiences.len() - groups.len();
    Ok(in_person + groups::count_members(&app.db, &groups, most).await?)
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
    let mut audiences: Vec<_> = author.into_iter().map(Audience::from).collect();
    if scope == ReplyScope::Everyone {
        let before = message_audience::Entity::find()
            .filter(message_audience::COLUMN.message_id.eq(parent.id));
        let before = before.find_also_related(user::Entity).all(app.db.read()).await?;
        for (audience, person) in before {
            audiences.extend(person.map(Audience::from));
            audiences
                .extend(audience.group_id.map(|id| Audience::Group { id, name: audience.name }));
        }
    }
    let mut known = HashSet::from([sender]);
    audiences.retain(|audience| match audience {
        Audience::User(user) => user.deactivated_at.is_none() && known.insert(user.id),
        Audience::Group { .. } => true,
    });
    if audiences.is_empty() { Err(reaches_nobody(true)) } else { Ok(audiences) }
}

/// Writes the addresses of messages, and how many people each of them reaches.
pub async fn address(tx: &Tx, addresses: &[(MessageId, &Audience, usize)]) -> Result<()> {
    let mut sql = tx.sql("audience::address");
    let columns = [
        ("message_id", JsonType::Integer),
        ("user_id", JsonType::Integer),
        ("group_id", JsonType::Integer),
        ("name", JsonType::Text),
        ("reached", JsonType::Integer),
    ];
    let row = |(message, audience, reached): &(MessageId, &Audience, usize)| {
        let (user, group, name) = match audience {
            Audience::User(user) => (Some(user.id), None, user.name()),
            Audience::Group { id, name } => (None, Some(*id), name.clone()),
        };
        [json!(message), json!(user), json!(group), json!(name), json!(reached)]
    };
    let addresses = sql.table(columns, addresses.iter().map(row));
    sql.push(format!(
        "INSERT INTO message_audience \
         (message_id, user_id, group_id, name, recipient_count, seen_count, read_count) \
         SELECT a.message_id, a.user_id, a.group_id, a.name, CAST(a.reached AS integer), 0, 0 \
         FROM {addresses} AS a"
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

/// Writes recipients whom messages reach by groups among their addresses.
pub async fn add_members(tx: &Tx, members: &[(MessageId, GroupId, UserId)]) -> Result<()> {
    let mut sql = tx.sql("audience::add_members");
    let rows = members.iter().map(|(message, group, user)| [message.0, group.0, user.0]);
    let members = sql.integer_table(["message_id", "group_id", "user_id"], rows);
    sql.push(format!(
        "INSERT INTO message_recipient (message_id, user_id, audience_id) \
         SELECT d.message_id, d.user_id, a.id FROM {members} AS d \
         JOIN message_audience AS a ON a.message_id = d.message_id AND a.group_id = d.group_id"
    ));
    sql.run(&**tx).await.map(drop)
}

/// Members `m` of the group of an address `a` of a new message: all but its sender.
fn members(dialect: Dialect) -> String {
    let then_join = dialect.then_join();
    format!(
        "{then_join} group_member AS m ON m.group_id = a.group_id \
         AND m.removed_at IS NULL AND m.user_id <> a.sender_id \
         JOIN user_account AS u ON u.id = m.user_id AND u.deactivated_at IS NULL"
    )
}

/// Members `m` of the group of an address `a` of a reply: those whom its parent reached by the same
/// group and who still belong to it, except the sender of the reply and the author of the parent,
/// who is addressed in person.
fn remaining_members(dialect: Dialect) -> String {
    let then_join = dialect.then_join();
    format!(
        "{then_join} message_audience AS p ON p.message_id = a.parent_id \
         AND p.group_id = a.group_id \
         {then_join} message_recipient AS r ON r.message_id = a.parent_id AND r.audience_id = p.id \
         AND r.user_id <> a.sender_id AND r.user_id <> a.author_id \
         {then_join} group_member AS m ON m.group_id = a.group_id AND m.user_id = r.user_id \
         AND m.removed_at IS NULL \
         JOIN user_account AS u ON u.id = m.user_id AND u.deactivated_at IS NULL"
    )
}

/// The groups that a message is addressed to, as rows with what [`members`] and
/// [`remaining_members`] need to know. `place` says which of several messages it is.
fn rows_of_groups(
    place: usize,
    sender: Option<UserId>,
    parent: Option<&Parent>,
    groups: impl Iterator<Item = GroupId>,
) -> impl Iterator<Item = [i64; 5]> {
    let or_nobody = |user: Option<UserId>| user.unwrap_or(UserId(0)).0;
    let sender = or_nobody(sender);
    let author = or_nobody(parent.and_then(|parent| parent.author));
    let parent = parent.map_or(0, |parent| parent.id.0);
    groups.map(move |group| [place as i64, group.0, sender, parent, author])
}

const GROUP_COLUMNS: [&str; 5] = ["place", "group_id", "sender_id", "parent_id", "author_id"];

/// Whom each of some drafts reaches at this moment.
pub async fn reach(tx: &Tx, drafts: &[&Draft]) -> Result<Vec<Reach>> {
    #[derive(FromQueryResult)]
    struct Member {
        place: i64,
        group_id: GroupId,
        user_id: UserId,
    }
    let mut reaches: Vec<_> =
        drafts.iter().map(|draft| Reach::in_person(&draft.audiences)).collect();
    for (name, members, are_replies) in [
        ("audience::members", members(tx.dialect()), false),
        ("audience::remaining_members", remaining_members(tx.dialect()), true),
    ] {
        let these = drafts.iter().enumerate();
        let these = these.filter(|(_, draft)| draft.parent.is_some() == are_replies);
        let rows = |(place, draft): (usize, &&Draft)| {
            let (sender, parent) = (draft.sender, draft.parent.as_ref());
            rows_of_groups(place, sender, parent, draft.groups()).collect::<Vec<_>>()
        };
        let groups: Vec<_> = these.flat_map(rows).collect();
        if groups.is_empty() {
            continue;
        }
        let mut sql = tx.sql(name);
        let groups = sql.integer_table(GROUP_COLUMNS, groups);
        sql.push(format!("SELECT a.place, a.group_id, m.user_id FROM {groups} AS a {members}"));
        for Member { place, group_id, user_id } in sql.all(&**tx).await? {
            let reach: &mut Reach = &mut reaches[place as usize];
            reach.people.insert(user_id);
            reach.members.push((group_id, user_id));
        }
    }
    Ok(reaches)
}

/// Writes all members of the groups among a message's addresses, however many they are.
pub async fn add_all_members(
    tx: &Tx,
    message: MessageId,
    sender: Option<UserId>,
    parent: Option<&Parent>,
    groups: impl Iterator<Item = GroupId>,
) -> Result<()> {
    let (name, members) = match parent {
        None => ("audience::add_all_members", members(tx.dialect())),
        Some(_) => ("audience::add_all_remaining_members", remaining_members(tx.dialect())),
    };
    let mut sql = tx.sql(name);
    let then_join = tx.dialect().then_join();
    let message = sql.bind(message);
    let groups = sql.integer_table(GROUP_COLUMNS, rows_of_groups(0, sender, parent, groups));
    sql.push(format!(
        "INSERT INTO message_recipient (message_id, user_id, audience_id) \
         SELECT {message}, m.user_id, b.id FROM {groups} AS a \
         {then_join} message_audience AS b ON b.message_id = {message} AND b.group_id = a.group_id \
         {members}"
    ));
    sql.run(&**tx).await.map(drop)
}

/// Writes how many people a message and each of its addresses reach, from now on for good (M9).
/// Returns the number for the message, which may be 0.
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
    Ok(sql.value(&**tx).await?.unwrap_or_default())
}

/// Why something is not sent. The addresses of a new message are an input, and those of a reply
/// are not.
pub fn reaches_nobody(is_reply: bool) -> Error {
    match is_reply {
        true => Error::Conflict("this reply would reach nobody".into()),
        false => Error::invalid("to", "reaches nobody"),
    }
}
