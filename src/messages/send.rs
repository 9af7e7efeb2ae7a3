//! Sending a new message. Messages to people are sent together with others that are waiting
//! (`db::together`): with the same statements, however many they are.

use std::collections::BTreeMap;

use ::entity::{
    id::{MessageId, Seq, UserId},
    message,
};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    CreateMessageInput, LONGEST_SUBJECT, Sent,
    audience::{Audience, add_members, add_people, address, count_recipients, resolve},
    delivery, find, planned,
    reminders::{self, Plan},
};
use crate::{
    app::App,
    auth::Actor,
    clock,
    db::{self, Apart, JsonType, Topic, Tx, time},
    error::{Error, Result},
    idempotency::{self, Begun, Call},
    inbox::{self, Arrival},
    search::{self, Searched},
    text,
};

/// A new message whose input is valid.
pub struct Draft {
    pub sender: Option<UserId>,
    pub subject: String,
    pub body: String,
    pub expires_at: Option<DateTime<Utc>>,
    pub reminder: Option<Plan>,
    pub audiences: Vec<Audience>,
}

/// A call that sends a message to people.
struct SendMessage {
    call: Option<Call>,
    draft: Draft,
}

/// What sending came to.
enum Outcome {
    Sent(Box<message::Model>),
    /// An earlier call with the same key had sent it.
    Before(MessageId),
}

/// Sends a message from the actor, or from the system when a service acts for nobody.
#[tracing::instrument(name = "messages::send", skip_all, fields(actor = actor.in_log()))]
pub async fn send(app: &App, actor: &Actor, input: CreateMessageInput) -> Result<Sent> {
    if let Some(send_at) = planned::is_planned(input.send_at, app.clock.now())? {
        return planned::plan(app, actor, input, send_at).await;
    }
    let call = Call::new(actor, "createMessage", &input, input.idempotency_key.as_deref())?;
    let outcome = match check(app, actor, input).await {
        Ok(draft) if draft.is_plain() => app.db.together(app, SendMessage { call, draft }).await?,
        checked => send_alone(app, call, checked).await?,
    };
    match outcome {
        Outcome::Sent(message) => Ok((*message, actor.user.as_deref().cloned())),
        Outcome::Before(id) => find(app, actor, id).await,
    }
}

/// Checks the input of a new message.
pub async fn check(app: &App, actor: &Actor, input: CreateMessageInput) -> Result<Draft> {
    let subject = input.subject.trim().to_owned();
    text::check_line("subject", &subject, LONGEST_SUBJECT)?;
    text::check_body(&input.body)?;
    let expires_at = input.expires_at.map(|time| clock::given("expiresAt", time)).transpose()?;
    if expires_at.is_some_and(|time| time <= app.clock.now()) {
        return Err(Error::invalid("expiresAt", "must be in the future"));
    }
    let plan = |reminder| reminders::plan(app, actor, actor.user.as_deref(), reminder);
    let reminder = input.reminder.map(plan).transpose()?;
    let audiences = resolve(app, &input.to).await?;
    let sender = actor.user_id();
    Ok(Draft { sender, subject, body: input.body, expires_at, reminder, audiences })
}

impl Draft {
    /// Whether it goes to people and to no group, and reminds nobody.
    fn is_plain(&self) -> bool {
        self.reminder.is_none() && self.people().count() == self.audiences.len()
    }

    /// The people among its addresses.
    fn people(&self) -> impl Iterator<Item = UserId> {
        self.audiences.iter().filter_map(|audience| match audience {
            Audience::User(user) => Some(user.id),
            Audience::Group { .. } => None,
        })
    }
}

/// Sends a message in a transaction of its own, if its input is valid.
async fn send_alone(app: &App, call: Option<Call>, checked: Result<Draft>) -> Result<Outcome> {
    let now = app.clock.now();
    let (tx, key, draft) = match idempotency::begin(app, call, checked, now).await? {
        Begun::New(tx, key, draft) => (tx, key, draft),
        Begun::Done(id) => return Ok(Outcome::Before(MessageId(id))),
    };
    let mut message = write(&tx, &[&draft], now).await?.remove(0);
    if draft.people().count() < draft.audiences.len() {
        add_members(&tx, message.id, draft.sender).await?;
        message.recipient_count = count_recipients(&tx, message.id).await?;
    }
    if let Some(plan) = draft.reminder {
        reminders::set(&tx, message.id, plan, now, message.expires_at).await?;
    }
    key.keep(&tx, message.id.0).await?;
    delivery::start(&tx, &message).await?;
    tx.commit().await?;
    delivery::go_on(app, &message).await;
    Ok(Outcome::Sent(Box::new(message)))
}

impl db::Call for SendMessage {
    type Context = App;
    type Answer = Outcome;

    fn weight(&self) -> usize {
        /// Rows and indexes for each recipient.
        const RECIPIENT: usize = 200;
        self.draft.body.len() + self.draft.audiences.len() * RECIPIENT
    }

    async fn make_all(app: &App, tx: &Tx, calls: &[Self]) -> Result<Vec<Outcome>, Apart> {
        let now = app.clock.now();
        let keys: Vec<_> = calls.iter().map(|send| send.call.as_ref()).collect();
        let repeated = idempotency::claim_all(tx, &keys, now).await?;
        if !repeated.is_empty() {
            return Err(Apart::These(repeated));
        }
        let mut arrivals: BTreeMap<_, i64> = BTreeMap::new();
        for user in calls.iter().flat_map(|send| send.draft.people()) {
            *arrivals.entry(user).or_default() += 1;
        }
        let seqs = inbox::count_arrivals(tx, &arrivals).await?;
        let waits = |send: &Self| send.draft.people().any(|user| !seqs.contains_key(&user));
        let waiting: Vec<_> = (0..calls.len()).filter(|index| waits(&calls[*index])).collect();
        if !waiting.is_empty() {
            return Err(Apart::These(waiting));
        }

        let drafts: Vec<_> = calls.iter().map(|send| &send.draft).collect();
        let messages = write(tx, &drafts, now).await?;
        let arrivals = drafts.iter().zip(&messages).flat_map(|(draft, message)| {
            let arrival = |user| Arrival { user, message: message.id, seq: seqs[&user] };
            draft.people().map(arrival)
        });
        inbox::add_items(tx, arrivals.collect(), now).await?;
        let ids = messages.iter().map(|message| message.id.0);
        idempotency::keep_all(tx, keys.into_iter().zip(ids)).await?;
        let expires = messages.iter().any(|message| message.expires_at.is_some());
        tx.concerns(expires.then_some(Topic::Jobs));
        Ok(messages.into_iter().map(Box::new).map(Outcome::Sent).collect())
    }

    async fn make_alone(self, app: &App) -> Result<Outcome> {
        send_alone(app, self.call, Ok(self.draft)).await
    }
}

/// Writes messages with their addresses, and the recipients who are addressed in person.
async fn write(tx: &Tx, drafts: &[&Draft], now: DateTime<Utc>) -> Result<Vec<message::Model>> {
    let mut sql = tx.sql("send::messages");
    let columns = [
        ("place", JsonType::Integer),
        ("sender_id", JsonType::Integer),
        ("subject", JsonType::Text),
        ("body", JsonType::Text),
        ("recipient_count", JsonType::Integer),
        ("expires_at", JsonType::Time),
    ];
    let rows = drafts.iter().enumerate().map(|(place, draft)| {
        [
            json!(place),
            json!(draft.sender),
            json!(draft.subject),
            json!(draft.body),
            json!(draft.people().count()),
            draft.expires_at.map(time).unwrap_or_default(),
        ]
    });
    let rows = sql.table(columns, rows);
    let (no_path, now_param) = (sql.bind(Vec::<u8>::new()), sql.bind(now));
    sql.push(format!(
        "INSERT INTO message (sender_id, subject, body, depth, path, seq, recipient_count, \
         seen_count, read_count, expires_at, created_at) \
         SELECT d.sender_id, d.subject, d.body, 0, {no_path}, 0, \
         CAST(d.recipient_count AS integer), 0, 0, d.expires_at, {now_param} \
         FROM {rows} AS d ORDER BY d.place RETURNING id"
    ));
    // Ids are given in the order of the rows.
    let mut ids: Vec<MessageId> = sql.values(&**tx).await?;
    ids.sort_unstable();
    let sent = ids.into_iter().zip(drafts).map(|(id, draft)| draft.sent_as(id, now));
    let messages: Vec<_> = sent.collect();
    let texts = messages
        .iter()
        .map(|message| (message.id.0, [&*message.subject, &message.body].join("\n")));
    search::add(tx, Searched::Message, texts).await?;
    let mut addresses = Vec::new();
    for (message, draft) in messages.iter().zip(drafts) {
        addresses.extend(draft.audiences.iter().map(|audience| (message.id, audience)));
    }
    address(tx, &addresses).await?;
    add_people(tx, &messages.iter().map(|message| message.id).collect::<Vec<_>>()).await?;
    Ok(messages)
}

impl Draft {
    /// The message that this became.
    pub fn sent_as(&self, id: MessageId, now: DateTime<Utc>) -> message::Model {
        message::Model {
            id,
            sender_id: self.sender,
            subject: self.subject.clone(),
            body: self.body.clone(),
            parent_id: None,
            root_id: None,
            depth: 0,
            path: Vec::new(),
            seq: Seq(0),
            recipient_count: self.people().count() as i32,
            seen_count: 0,
            read_count: 0,
            first_read_at: None,
            last_read_at: None,
            expires_at: self.expires_at,
            expired_at: None,
            created_at: now,
            send_at: None,
        }
    }
}
