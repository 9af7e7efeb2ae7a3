//! Puts new messages into the inboxes of their recipients.

use std::collections::{BTreeMap, HashMap};

use ::entity::id::{MessageId, Seq, UserId};
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use super::{categories, counts::with_new, kind::MESSAGE, lock::lock_those};
use crate::{
    db::{Sql, Topic, Tx},
    error::Result,
};

/// The recipients whose inboxes a message goes into.
#[derive(Clone, Copy, Debug)]
pub enum Recipients {
    /// All of them, and there is only one.
    One,
    All,
    /// Those with ids in `(after, up_to]`.
    Between(UserId, UserId),
}

impl Recipients {
    /// Their ids are in `(after, up_to]`.
    pub fn range(self) -> (UserId, UserId) {
        match self {
            Recipients::One | Recipients::All => (UserId(0), UserId(i64::MAX)),
            Recipients::Between(after, up_to) => (after, up_to),
        }
    }
}

/// The change of an inbox that a message arrives with.
#[derive(FromQueryResult)]
struct Counted {
    user_id: UserId,
    seq: Seq,
}

/// A message that arrives in an inbox.
pub struct Arrival {
    pub user: UserId,
    pub message: MessageId,
    /// The number of the change of this inbox.
    pub seq: Seq,
    /// Whether the message has a category, which its item gets, too.
    pub has_category: bool,
}

/// Puts a new message into inboxes.
pub async fn deliver(
    tx: &Tx,
    message: MessageId,
    category: Option<&str>,
    to: Recipients,
    now: DateTime<Utc>,
) -> Result<()> {
    let (after, up_to) = to.range();
    let which = move |sql: &mut Sql| {
        let (message, after, up_to) = (sql.bind(message), sql.bind(after), sql.bind(up_to));
        let recipients = format!(
            "SELECT user_id FROM message_recipient \
             WHERE message_id = {message} AND user_id > {after} AND user_id <= {up_to}"
        );
        sql.dialect().is_among("user_id", &recipients)
    };
    if !matches!(to, Recipients::One) {
        lock_those(tx, which).await?;
    }
    let mut sql = tx.sql("inbox::count_delivered");
    let (these, by_category) = (which(&mut sql), categories::one_more(&mut sql, category));
    let counts = with_new(&[(&MESSAGE, "1")]);
    sql.push(format!(
        "UPDATE inbox SET seq = seq + 1, {counts}{by_category} WHERE {these} \
         RETURNING user_id, seq"
    ));
    let counted: Vec<Counted> = sql.all(&**tx).await?;
    let has_category = category.is_some();
    let arrival = |Counted { user_id, seq }| Arrival { user: user_id, message, seq, has_category };
    add_items(tx, counted.into_iter().map(arrival).collect(), now).await
}

/// Counts new messages in inboxes, each as one change, however many messages come into it, and
/// those of them that have a category. Returns the numbers of the changes, without inboxes that
/// somebody else has locked: it waits for nobody.
pub async fn count_arrivals(
    tx: &Tx,
    messages: &BTreeMap<UserId, i64>,
    categories: &BTreeMap<UserId, Vec<&str>>,
) -> Result<HashMap<UserId, Seq>> {
    let mut sql = tx.sql("inbox::count_arrivals");
    let rows = messages.iter().map(|(user, count)| [user.0, *count]);
    let arrivals = sql.integer_table(["user_id", "messages"], rows);
    let (by_category, categories) = categories::more(&mut sql, "a", categories);
    let mut only_unlocked = String::new();
    if sql.dialect().locks_rows() {
        let owners: Vec<_> = messages.keys().collect();
        let unlocked = format!(
            "SELECT x.user_id FROM inbox AS x WHERE {} {}",
            sql.is_one_of("x.user_id", &owners),
            sql.dialect().for_update_of_unlocked("x")
        );
        only_unlocked = format!(" AND {}", sql.dialect().is_among("inbox.user_id", &unlocked));
    }
    let counts = with_new(&[(&MESSAGE, "a.messages")]);
    sql.push(format!(
        "UPDATE inbox SET seq = inbox.seq + 1, {counts}{by_category} \
         FROM {arrivals} AS a{categories} \
         WHERE inbox.user_id = a.user_id{only_unlocked} RETURNING inbox.user_id, inbox.seq",
    ));
    let counted: Vec<Counted> = sql.all(&**tx).await?;
    Ok(counted.into_iter().map(|Counted { user_id, seq }| (user_id, seq)).collect())
}

/// Puts new messages into inboxes that have counted them.
pub async fn add_items(tx: &Tx, mut arrivals: Vec<Arrival>, now: DateTime<Utc>) -> Result<()> {
    arrivals.sort_unstable_by_key(|arrival| (arrival.message, arrival.user));
    let category = match arrivals.iter().any(|arrival| arrival.has_category) {
        true => "(SELECT m.category FROM message AS m WHERE m.id = d.message_id)",
        false => "NULL",
    };
    let mut sql = tx.sql("inbox::add_items");
    let rows = arrivals.iter().map(|arrival| [arrival.user.0, arrival.message.0, arrival.seq.0]);
    let items = sql.integer_table(["user_id", "message_id", "seq"], rows);
    let now = sql.bind(now);
    sql.push(format!(
        "INSERT INTO inbox_item \
         (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at, category) \
         SELECT d.user_id, 'message', d.message_id, d.seq, d.seq, {now}, {now}, {category} \
         FROM {items} AS d"
    ));
    sql.run(&**tx).await?;
    tx.concerns(arrivals.into_iter().map(|arrival| Topic::Inbox(arrival.user)));
    Ok(())
}
