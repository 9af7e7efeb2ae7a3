//! Replies (M7): who may reply, and whom a reply reaches.

use ::entity::message;

use super::{
    ReplyToMessageInput, Sent,
    audience::{Audience, reply_audiences},
    draft::Draft,
    find, send, takes_part,
};
use crate::{
    app::App,
    auth::Actor,
    error::{Error, Result},
    extras::Extras,
    id,
    idempotency::Call,
    text,
};

const PREFIX: &str = "Re: ";

/// Replies to a message that the actor received or sent.
#[tracing::instrument(level = "debug", name = "messages::reply", skip_all, fields(actor = actor.in_log()))]
pub async fn reply(app: &App, actor: &Actor, input: ReplyToMessageInput) -> Result<Sent> {
    actor.person()?;
    let call = Call::new(actor, "replyToMessage", &input, input.idempotency_key.as_deref())?;
    let checked = check(app, actor, input).await;
    send::post(app, actor, call, checked).await
}

async fn check(app: &App, actor: &Actor, input: ReplyToMessageInput) -> Result<Draft> {
    let sender = actor.person()?.id;
    text::check_body(&input.body)?;
    let (parent, author) = find(app, actor, id::decode(&input.parent_id)?).await?;
    if parent.send_at.is_some() {
        return Err(Error::Conflict("the message has not been sent yet".into()));
    }
    if !takes_part(app, sender, &parent).await? {
        return Err(Error::Conflict(
            "only people who received or sent the message can reply to it".into(),
        ));
    }
    let audiences = reply_audiences(app, sender, &parent, author, input.scope).await?;
    Ok(Draft {
        sender: Some(sender),
        subject: subject(&parent),
        body: input.body,
        expires_at: None,
        send_at: None,
        reminder: None,
        extras: Extras::default(),
        category: None,
        size: size(&parent, &audiences),
        audiences,
        parent: Some((&parent).into()),
    })
}

/// The most people that a reply reaches: through groups, only those whom its parent reached.
fn size(parent: &message::Model, audiences: &[Audience]) -> usize {
    let in_person = audiences.iter().filter(|audience| matches!(audience, Audience::User(_)));
    match in_person.count() {
        all if all == audiences.len() => all,
        some => some + parent.recipient_count as usize,
    }
}

fn subject(parent: &message::Model) -> String {
    if parent.subject.starts_with(PREFIX) {
        parent.subject.clone()
    } else {
        format!("{PREFIX}{}", parent.subject)
    }
}
