//! Erasing a person (A12): who they were is gone at once and for good, and the rest follows in
//! steps.
//!
//! The row of the person stays, without anything of them: it stands for “somebody who left” where
//! they took part in what others have. The call itself takes away name, e-mail address, picture,
//! language, time zone and the host's id, and shuts them out. The same host's id may become known
//! again, as somebody new.
//!
//! Then these [`Step`]s follow, each in parts that are transactions: what they planned to send,
//! their inbox, what they follow and want, their groups, what they have read, and the inboxes of
//! others that show their name, which are refreshed so that followers see the change. With
//! `messages: true`, their messages leave all inboxes and lose their texts, and so do the data of
//! their activities.
//!
//! - The `erasure` row says how far it came. A part locks it and notes its end in the same
//!   transaction, so after a crash any server goes on (`jobs`). The call does what needs one part.
//! - What was counted stays counted: a reading is detached from the person and belongs to nobody
//!   ([`UserId::anonymous`]), so read rates, timelines and the numbers of people do not change. So do
//!   the people of an item of activities: “Ada and 2 others” becomes “Somebody who left and 2
//!   others”.
//! - A message may have been on its way to them when they were erased: the last step looks at their
//!   inbox again.

mod steps;

use ::entity::{
    erasure,
    id::{MessageId, UserId},
    user,
};
use sea_orm::{
    ActiveValue::Set,
    EntityTrait, FromQueryResult,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use steps::Step;

use crate::{
    app::App,
    auth::Actor,
    db::{Topic, Tx},
    error::Result,
    messages::forget,
    people::{
        erase,
        users::{self, UserRef},
    },
};

/// A person who was erased.
pub struct Erased {
    pub user: user::Model,
    /// Whether nothing is left to do.
    pub is_complete: bool,
}

/// Erases a person. Idempotent; it can be repeated with their messages.
#[tracing::instrument(name = "erasure::erase", skip_all, fields(actor = actor.in_log()))]
pub async fn erase(app: &App, actor: &Actor, user: &UserRef, messages: bool) -> Result<Erased> {
    actor.require_host()?;
    let tx = app.db.begin().await?;
    let mut user = users::lock(&tx, user).await?;
    let is_new = user.erased_at.is_none();
    if is_new {
        user = erase::take_identity(&tx, user, app.clock.now()).await?;
    }
    if is_new || messages {
        let begin = erasure::ActiveModel {
            user_id: Set(user.id),
            messages: Set(messages),
            step: Set(Step::first().number()),
            position: Set(0),
            reached: Set(0),
        };
        use erasure::Column::{Messages, Position, Reached, Step as StepColumn, UserId};
        // From the beginning, but with the messages if either call wants that.
        let again = OnConflict::column(UserId)
            .update_columns([StepColumn, Position, Reached])
            .value(
                Messages,
                Expr::col((erasure::Entity, Messages)).or(Expr::cust("excluded.messages")),
            )
            .to_owned();
        erasure::Entity::insert(begin).on_conflict(again).exec_without_returning(&*tx).await?;
        tx.concerns([Topic::Jobs]);
    }
    tx.commit().await?;
    app.recent_users.forget_all();
    let is_complete = begin(app, user.id).await;
    Ok(Erased { user, is_complete })
}

/// What a part came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The step needs more parts.
    GoesOn,
    /// The next step follows.
    EndsStep,
    /// Nothing is left to do.
    EndsAll,
}

/// Does all steps that need one part: a person with little is gone when the call returns. The job
/// does the rest, since nobody waits for a hundred thousand items. Returns whether that was all.
async fn begin(app: &App, user: UserId) -> bool {
    loop {
        match erase_some(app, user).await {
            Ok(Part::EndsStep) => {}
            Ok(part) => return part == Part::EndsAll,
            Err(error) => {
                tracing::warn!(?error, "somebody is erased later");
                return false;
            }
        }
    }
}

/// The people who are being erased, at most `limit` of them.
pub async fn under_way(app: &App, limit: u64) -> Result<Vec<UserId>> {
    let mut sql = app.db.sql("erasure::under_way");
    sql.push(format!("SELECT user_id FROM erasure ORDER BY user_id LIMIT {limit}"));
    sql.values(app.db.read()).await
}

/// How far an erasure has got.
#[derive(Clone, Copy, PartialEq, Eq, FromQueryResult)]
pub struct State {
    messages: bool,
    step: i32,
    position: i64,
    reached: i64,
}

/// Does one part. Several callers may do it at once.
pub async fn erase_some(app: &App, user: UserId) -> Result<Part> {
    // A message leaves the inboxes in transactions of its own, which begin with other locks.
    let next = match state(app, user).await? {
        Some(state) if Step::of(state.step) == Some(Step::Sent) && state.messages => {
            let next = forget::next_of(app, user, MessageId(state.position)).await?;
            if let Some(next) = next {
                forget::take_back(app, next).await?;
            }
            Some((state, next))
        }
        _ => None,
    };
    let tx = app.db.begin().await?;
    let mut sql = tx.sql("erasure::lock");
    let (this, for_update) = (sql.bind(user), sql.dialect().for_update());
    sql.push(format!(
        "SELECT messages, step, position, reached FROM erasure \
         WHERE user_id = {this} {for_update}"
    ));
    let Some(state) = sql.one::<State>(&*tx).await? else {
        // Somebody else has done it: perhaps in the same group of commits, and it is done when that
        // is durable.
        tx.commit().await?;
        return Ok(Part::EndsAll);
    };
    let moved = match next {
        Some((before, next)) if before == state => {
            next.map(|message| State { position: message.0, ..state })
        }
        // Another server was faster.
        Some(_) => Some(state),
        None if Step::of(state.step) == Some(Step::Sent) && state.messages => Some(state),
        None => steps::part(&tx, user, state, app.clock.now()).await?,
    };
    let part = note(&tx, user, state, moved).await?;
    tx.commit().await?;
    Ok(part)
}

async fn state(app: &App, user: UserId) -> Result<Option<State>> {
    let mut sql = app.db.sql("erasure::state");
    let user = sql.bind(user);
    sql.push(format!(
        "SELECT messages, step, position, reached FROM erasure WHERE user_id = {user}"
    ));
    sql.one(app.db.read()).await
}

/// Notes how far a step came, or that the next one begins, or the end.
async fn note(tx: &Tx, user: UserId, state: State, moved: Option<State>) -> Result<Part> {
    let next = moved.or_else(|| {
        let step = Step::of(state.step)?.next()?;
        Some(State { step: step.number(), position: 0, reached: 0, ..state })
    });
    let Some(State { step, position, reached, .. }) = next else {
        let mut sql = tx.sql("erasure::end");
        let user = sql.bind(user);
        sql.push(format!("DELETE FROM erasure WHERE user_id = {user}"));
        sql.run(&**tx).await?;
        return Ok(Part::EndsAll);
    };
    let mut sql = tx.sql("erasure::note");
    let (step, position, reached) = (sql.bind(step), sql.bind(position), sql.bind(reached));
    let user = sql.bind(user);
    sql.push(format!(
        "UPDATE erasure SET step = {step}, position = {position}, reached = {reached} \
         WHERE user_id = {user}"
    ));
    sql.run(&**tx).await?;
    Ok(if moved.is_some() { Part::GoesOn } else { Part::EndsStep })
}
