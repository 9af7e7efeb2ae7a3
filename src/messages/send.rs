//! Sending new messages and replies.
//!
//! Those that wait at the same time are sent together (`db::together`): with the same statements,
//! however many they are. A message is sent alone if it reaches many people ([`FEW`]) or reminds
//! them.

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    id::{MessageId, Seq, UserId},
    message,
};
use chrono::{DateTime, Utc};

use super::{
    CreateMessageInput, LONGEST_SUBJECT, Sent,
    audience::{self, Reach, add_all_members, count_recipients, reaches_nobody, resolve},
    delivery,
    draft::{Draft, Letter, write},
    find, planned, reminders, threads,
};
use crate::{
    app::App,
    auth::Actor,
    clock,
    db::{self, Apart, Topic, Tx},
    error::{Error, Result},
    extras::Extras,
    idempotency::{self, Begun, Call},
    inbox::{self, Arrival, Recipients},
    text,
};

/// The most people whom a message reaches that is sent together with others. They wait for it: this
/// many inboxes take some tens of milliseconds.
pub const FEW: usize = 1_000;

/// A call that sends a message to few people.
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
#[tracing::instrument(level = "debug", name = "messages::send", skip_all, fields(actor = actor.in_log()))]
pub async fn send(app: &App, actor: &Actor, input: CreateMessageInput) -> Result<Sent> {
    let call = Call::new(actor, "createMessage", &input, input.idempotency_key.as_deref())?;
    match check(app, actor, input).await {
        Ok(draft) if draft.send_at.is_some() => planned::plan(app, actor, call, draft).await,
        checked => post(app, actor, call, checked).await,
    }
}

async fn check(app: &App, actor: &Actor, input: CreateMessageInput) -> Result<Draft> {
    let CreateMessageInput { url, data, actions, category, .. } = &input;
    if url.is_some() || data.is_some() || actions.is_some() || category.is_some() {
        actor.require_host()?;
    }
    let subject = input.subject.trim().to_owned();
    text::check_line("subject", &subject, LONGEST_SUBJECT)?;
    text::check_body(&input.body)?;
    let expires_at = input.expires_at.map(|time| clock::given("expiresAt", time)).transpose()?;
    let now = app.clock.now();
    if expires_at.is_some_and(|time| time <= now) {
        return Err(Error::invalid("expiresAt", "must be in the future"));
    }
    let send_at = input.send_at.map(|time| clock::given("sendAt", time)).transpose()?;
    let send_at = send_at.filter(|time| *time > now);
    planned::check_expiry(expires_at, send_at)?;
    let plan = |reminder| reminders::plan(app, actor, actor.user.as_deref(), reminder);
    let reminder = input.reminder.map(plan).transpose()?;
    let extras = Extras::check(input.url, input.data, input.actions)?;
    app.catalog.check_category("category", input.category.as_deref())?;
    let audiences = resolve(app, actor, &input.to).await?;
    let size = audience::size(app, &audiences, FEW + 1).await?;
    Ok(Draft {
        sender: actor.user_id(),
        subject,
        body: input.body,
        expires_at,
        send_at,
        reminder,
        extras,
        category: input.category,
        audiences,
        parent: None,
        size,
    })
}

/// Sends a message whose input was checked, together with others if that can be.
pub async fn post(
    app: &App,
    actor: &Actor,
    call: Option<Call>,
    checked: Result<Draft>,
) -> Result<Sent> {
    let outcome = match checked {
        Ok(draft) if draft.reminder.is_none() && draft.size <= FEW => {
            app.db.together(app, SendMessage { call, draft }).await?
        }
        checked => send_alone(app, call, checked).await?,
    };
    match outcome {
        Outcome::Sent(message) => Ok((*message, actor.user.as_deref().cloned())),
        Outcome::Before(id) => find(app, actor, id).await,
    }
}

/// Sends a message in a transaction of its own, if its input is valid.
async fn send_alone(app: &App, call: Option<Call>, checked: Result<Draft>) -> Result<Outcome> {
    let now = app.clock.now();
    let (tx, key, mut draft) = match idempotency::begin(app, call, checked, now).await? {
        Begun::New(tx, key, draft) => (tx, key, draft),
        Begun::Done(id) => return Ok(Outcome::Before(MessageId(id))),
    };
    let mut seq = Seq(0);
    if let Some(parent) = &draft.parent {
        seq = threads::change(&tx, parent.root).await?;
        reminders::lock_for_reply(&tx, parent.id, parent.root).await?;
    }
    let letter = Letter { draft: &draft, seq, reach: Reach::in_person(&draft.audiences) };
    let mut message = write(&tx, &[letter], now).await?.remove(0);
    if draft.groups().next().is_some() {
        let (sender, parent) = (draft.sender, draft.parent.as_ref());
        add_all_members(&tx, message.id, sender, parent, draft.groups()).await?;
        message.recipient_count = count_recipients(&tx, message.id).await?;
        if message.recipient_count == 0 {
            return Err(reaches_nobody(draft.parent.is_some()));
        }
    }
    if let Some(plan) = draft.reminder.take() {
        reminders::set(&tx, message.id, plan, now, message.expires_at).await?;
    }
    key.keep(&tx, message.id.0).await?;
    delivery::start(&tx, &message).await?;
    note_replies(&tx, &[&draft], now).await?;
    tx.commit().await?;
    delivery::go_on(app, &message).await;
    Ok(Outcome::Sent(Box::new(message)))
}

impl db::Call for SendMessage {
    type Context = App;
    type Answer = Outcome;

    fn weight(&self) -> usize {
        /// Rows and indexes for each recipient.
        const RECIPIENT: usize = 500;
        let Draft { body, extras, size, .. } = &self.draft;
        body.len() + extras.size() + size * RECIPIENT
    }

    async fn make_all(app: &App, tx: &Tx, calls: &[Self]) -> Result<Vec<Outcome>, Apart> {
        let now = app.clock.now();
        let keys: Vec<_> = calls.iter().map(|send| send.call.as_ref()).collect();
        Apart::if_any(idempotency::claim_all(tx, &keys, now).await?)?;
        let drafts: Vec<_> = calls.iter().map(|send| &send.draft).collect();
        let seqs = number(tx, &drafts).await?;
        let reaches = audience::reach(tx, &drafts).await?;
        // Made alone, it is refused if nobody is left in its groups; if they have grown, it goes in
        // parts.
        let is_odd = |reach: &Reach| reach.people.is_empty() || reach.people.len() > FEW;
        Apart::if_any((0..calls.len()).filter(|place| is_odd(&reaches[*place])))?;
        let mut arrivals: BTreeMap<UserId, i64> = BTreeMap::new();
        let mut categories: BTreeMap<UserId, Vec<&str>> = BTreeMap::new();
        for (draft, reach) in drafts.iter().zip(&reaches) {
            for user in &reach.people {
                *arrivals.entry(*user).or_default() += 1;
                if let Some(category) = &draft.category {
                    categories.entry(*user).or_default().push(category);
                }
            }
        }
        let changes = inbox::count_arrivals(tx, &arrivals, &categories).await?;
        let waits = |reach: &Reach| reach.people.iter().any(|user| !changes.contains_key(user));
        Apart::if_any((0..calls.len()).filter(|place| waits(&reaches[*place])))?;

        let letters = drafts.iter().zip(seqs).zip(reaches);
        let letters: Vec<_> =
            letters.map(|((draft, seq), reach)| Letter { draft, seq, reach }).collect();
        let messages = write(tx, &letters, now).await?;
        let arrivals = letters.iter().zip(&messages).flat_map(|(letter, message)| {
            let (message, has_category) = (message.id, letter.draft.category.is_some());
            let changes = &changes;
            let arrival = move |user| Arrival { user, message, seq: changes[&user], has_category };
            letter.reach.people.iter().copied().map(arrival)
        });
        inbox::add_items(tx, arrivals.collect(), now).await?;
        let replies = messages.iter().filter(|message| message.root_id.is_some());
        let replies: Vec<_> = replies.map(|reply| reply.id).collect();
        if !replies.is_empty() {
            inbox::quieten(tx, &replies, Recipients::All, now).await?;
        }
        note_replies(tx, &drafts, now).await?;
        let ids = messages.iter().map(|message| message.id.0);
        idempotency::keep_all(tx, keys.into_iter().zip(ids)).await?;
        tx.concerns(drafts.iter().filter_map(|draft| draft.root()).map(Topic::Thread));
        let expires = messages.iter().any(|message| message.expires_at.is_some());
        tx.concerns(expires.then_some(Topic::Jobs));
        Ok(messages.into_iter().map(Box::new).map(Outcome::Sent).collect())
    }

    async fn make_alone(self, app: &App) -> Result<Outcome> {
        send_alone(app, self.call, Ok(self.draft)).await
    }
}

/// Gives the replies among some drafts their numbers in their threads, each another one, and locks
/// the reminders that they end. Waits for nobody.
async fn number(tx: &Tx, drafts: &[&Draft]) -> Result<Vec<Seq>, Apart> {
    let mut replies: BTreeMap<MessageId, i64> = BTreeMap::new();
    for root in drafts.iter().filter_map(|draft| draft.root()) {
        *replies.entry(root).or_default() += 1;
    }
    if replies.is_empty() {
        return Ok(vec![Seq(0); drafts.len()]);
    }
    let last = threads::count_replies(tx, &replies).await?;
    let is_locked = |draft: &Draft| draft.root().is_some_and(|root| !last.contains_key(&root));
    Apart::if_any((0..drafts.len()).filter(|place| is_locked(drafts[*place])))?;

    let parents = drafts.iter().filter_map(|draft| draft.parent.as_ref());
    let ended: Vec<_> = parents.flat_map(|parent| [parent.id, parent.root]).collect();
    let locked = reminders::lock_free_for_replies(tx, &ended).await?;
    let is_locked = |draft: &Draft| {
        let parent = draft.parent.as_ref();
        parent.is_some_and(|parent| locked.contains(&parent.id) || locked.contains(&parent.root))
    };
    Apart::if_any((0..drafts.len()).filter(|place| is_locked(drafts[*place])))?;

    let first = |(root, last): (MessageId, Seq)| (root, last.0 - replies[&root] + 1);
    let mut next: HashMap<_, _> = last.into_iter().map(first).collect();
    let mut take = |root| {
        let next = next.entry(root).or_default();
        *next += 1;
        Seq(*next - 1)
    };
    Ok(drafts.iter().map(|draft| draft.root().map_or(Seq(0), &mut take)).collect())
}

/// Notes that those who reply have answered.
async fn note_replies(tx: &Tx, drafts: &[&Draft], now: DateTime<Utc>) -> Result<()> {
    let answers = drafts.iter().filter_map(|draft| {
        let (replier, parent) = (draft.sender?, draft.parent.as_ref()?);
        Some([(parent.id, replier), (parent.root, replier)])
    });
    reminders::note_replies(tx, answers.flatten().collect(), now).await
}
