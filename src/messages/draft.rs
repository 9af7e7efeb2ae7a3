//! What is about to be sent, now or later, and how it is written with its addresses and its
//! recipients.

use ::entity::{
    id::{GroupId, MessageId, Seq, UserId},
    message,
};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    audience::{Audience, Reach, add_members, add_people, address, groups},
    reminders::Plan,
    threads,
};
use crate::{
    db::{JsonType, Tx, hex, time},
    error::Result,
    extras::Extras,
    search::{self, Searched},
};

/// A new message or a reply whose input is valid.
pub struct Draft {
    pub sender: Option<UserId>,
    pub subject: String,
    pub body: String,
    pub expires_at: Option<DateTime<Utc>>,
    /// When it is to be sent. None: now.
    pub send_at: Option<DateTime<Utc>>,
    pub reminder: Option<Plan>,
    pub extras: Extras,
    pub category: Option<String>,
    pub audiences: Vec<Audience>,
    /// The message that it replies to.
    pub parent: Option<Parent>,
    /// About how many people it reaches.
    pub size: usize,
}

/// What a reply has to know of the message that it replies to.
pub struct Parent {
    pub id: MessageId,
    pub author: Option<UserId>,
    pub root: MessageId,
    depth: i32,
    path: Vec<u8>,
}

impl From<&message::Model> for Parent {
    fn from(parent: &message::Model) -> Self {
        Parent {
            id: parent.id,
            author: parent.sender_id,
            root: parent.root(),
            depth: parent.depth,
            path: parent.path.clone(),
        }
    }
}

/// A draft, with what is known of it only in its transaction.
pub struct Letter<'a> {
    pub draft: &'a Draft,
    /// The number of the change of its thread; 0 if it is not a reply.
    pub seq: Seq,
    pub reach: Reach,
}

impl Draft {
    /// The groups among its addresses.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> {
        groups(&self.audiences)
    }

    /// The thread that it continues.
    pub fn root(&self) -> Option<MessageId> {
        self.parent.as_ref().map(|parent| parent.root)
    }
}

impl Letter<'_> {
    /// The message that this becomes.
    fn sent_as(&self, id: MessageId, now: DateTime<Utc>) -> message::Model {
        let Letter { draft, seq, reach } = self;
        let parent = draft.parent.as_ref();
        message::Model {
            id,
            sender_id: draft.sender,
            subject: draft.subject.clone(),
            body: draft.body.clone(),
            parent_id: parent.map(|parent| parent.id),
            root_id: draft.root(),
            depth: parent.map_or(0, |parent| parent.depth + 1),
            path: self.path(),
            seq: *seq,
            recipient_count: reach.people.len() as i32,
            seen_count: 0,
            read_count: 0,
            replied_count: 0,
            first_read_at: None,
            last_read_at: None,
            expires_at: draft.expires_at,
            expired_at: None,
            created_at: now,
            send_at: draft.send_at,
            url: draft.extras.url.clone(),
            data: draft.extras.data.clone(),
            actions: draft.extras.actions.clone(),
            category: draft.category.clone(),
        }
    }

    fn path(&self) -> Vec<u8> {
        let parent = self.draft.parent.as_ref();
        parent.map_or_else(Vec::new, |parent| threads::path(&parent.path, self.seq))
    }
}

/// Writes messages with their addresses and those recipients that are known.
pub async fn write(
    tx: &Tx,
    letters: &[Letter<'_>],
    now: DateTime<Utc>,
) -> Result<Vec<message::Model>> {
    let messages = write_texts(tx, letters, now).await?;
    let (mut addresses, mut members) = (Vec::new(), Vec::new());
    for (message, Letter { draft, reach, .. }) in messages.iter().zip(letters) {
        let reached = |audience| (message.id, audience, reach.by(audience));
        addresses.extend(draft.audiences.iter().map(reached));
        members.extend(reach.members.iter().map(|(group, user)| (message.id, *group, *user)));
    }
    address(tx, &addresses).await?;
    if addresses.iter().any(|(_, audience, _)| matches!(audience, Audience::User(_))) {
        add_people(tx, &messages.iter().map(|message| message.id).collect::<Vec<_>>()).await?;
    }
    if !members.is_empty() {
        add_members(tx, &members).await?;
    }
    Ok(messages)
}

/// Writes messages without their addresses.
pub async fn write_texts(
    tx: &Tx,
    letters: &[Letter<'_>],
    now: DateTime<Utc>,
) -> Result<Vec<message::Model>> {
    let mut sql = tx.sql("draft::write");
    let columns = [
        ("place", JsonType::Integer),
        ("sender_id", JsonType::Integer),
        ("subject", JsonType::Text),
        ("body", JsonType::Text),
        ("parent_id", JsonType::Integer),
        ("root_id", JsonType::Integer),
        ("depth", JsonType::Integer),
        ("path", JsonType::Bytes),
        ("seq", JsonType::Integer),
        ("recipient_count", JsonType::Integer),
        ("expires_at", JsonType::Time),
        ("send_at", JsonType::Time),
        ("url", JsonType::Text),
        ("data", JsonType::Text),
        ("actions", JsonType::Text),
        ("category", JsonType::Text),
    ];
    let rows = letters.iter().enumerate().map(|(place, letter)| {
        let Letter { draft, seq, reach } = letter;
        let parent = draft.parent.as_ref();
        [
            json!(place),
            json!(draft.sender),
            json!(draft.subject),
            json!(draft.body),
            json!(parent.map(|parent| parent.id)),
            json!(draft.root()),
            json!(parent.map_or(0, |parent| parent.depth + 1)),
            hex(&letter.path()),
            json!(seq),
            json!(reach.people.len()),
            draft.expires_at.map(time).unwrap_or_default(),
            draft.send_at.map(time).unwrap_or_default(),
            json!(draft.extras.url),
            json!(draft.extras.data),
            json!(draft.extras.actions),
            json!(draft.category),
        ]
    });
    let (rows, now_param) = (sql.table(columns, rows), sql.bind(now));
    sql.push(format!(
        "INSERT INTO message (sender_id, subject, body, parent_id, root_id, depth, path, seq, \
         recipient_count, seen_count, read_count, expires_at, send_at, url, data, actions, category, \
         created_at) \
         SELECT d.sender_id, d.subject, d.body, d.parent_id, d.root_id, \
         CAST(d.depth AS integer), d.path, d.seq, CAST(d.recipient_count AS integer), 0, 0, \
         d.expires_at, d.send_at, d.url, d.data, d.actions, d.category, {now_param} \
         FROM {rows} AS d ORDER BY d.place RETURNING id"
    ));
    // Ids are given in the order of the rows.
    let mut ids: Vec<MessageId> = sql.values(&**tx).await?;
    ids.sort_unstable();
    let sent = ids.into_iter().zip(letters).map(|(id, letter)| letter.sent_as(id, now));
    let messages: Vec<_> = sent.collect();
    let texts = messages
        .iter()
        .map(|message| (message.id.0, [&*message.subject, &message.body].join("\n")));
    search::add(tx, Searched::Message, texts).await?;
    Ok(messages)
}
