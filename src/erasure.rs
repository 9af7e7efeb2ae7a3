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
//! - What was on its way when they were erased may come after its step: a message to them, with their
//!   name among its addresses, or one of theirs. So after [`ON_ITS_WAY`] the steps look once more.
//! - What was sent or planned is changed by `messages`, in transactions that begin with other locks.
//!   All others lock the inbox of the person: what they are just doing comes before or after.

mod steps;

use ::entity::{erasure, id::UserId, user};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set,
    EntityTrait, FromQueryResult,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use crate::{
    app::App,
    auth::Actor,
    db::{Topic, Tx},
    error::Result,
    people::{
        erase,
        users::{self, UserRef},
    },
};

/// By then, whatever had begun before somebody was erased has ended: calls are cut off after
/// seconds, and so are transactions.
const ON_ITS_WAY: TimeDelta = TimeDelta::minutes(5);

/// A person who was erased.
pub struct Erased {
    pub user: user::Model,
    /// Whether nothing is left to do but the last look.
    pub is_complete: bool,
}

/// Erases a person. Idempotent; it can be repeated with their messages.
#[tracing::instrument(level = "debug", name = "erasure::erase", skip_all, fields(actor = actor.in_log()))]
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
            step: Set(0),
            position: Set(0),
            reached: Set(0),
            due_at: Set(None),
        };
        use erasure::Column::{DueAt, Messages, Position, Reached, Step as StepColumn, UserId};
        // From the beginning, but with the messages if either call wants that.
        let again = OnConflict::column(UserId)
            .update_columns([StepColumn, Position, Reached, DueAt])
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
    /// The next step follows, or somebody else has gone on: look again.
    EndsStep,
    /// Nothing is left to do now.
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

/// When there is something to do next.
pub async fn next_at(app: &App) -> Result<Option<DateTime<Utc>>> {
    let now = app.clock.now();
    let mut sql = app.db.sql("erasure::next");
    let now = sql.bind(now);
    sql.push(format!("SELECT min(coalesce(due_at, {now})) FROM erasure"));
    sql.value(app.db.read()).await
}

/// The people who are to be erased further, at most `limit` of them.
pub async fn under_way(app: &App, limit: u64) -> Result<Vec<UserId>> {
    let mut sql = app.db.sql("erasure::under_way");
    let now = sql.bind(app.clock.now());
    sql.push(format!(
        "SELECT user_id FROM erasure WHERE coalesce(due_at, {now}) <= {now} \
         ORDER BY user_id LIMIT {limit}"
    ));
    sql.values(app.db.read()).await
}

/// How far an erasure has got.
#[derive(Clone, Copy, PartialEq, Eq, FromQueryResult)]
pub struct State {
    messages: bool,
    /// The place of the step in the order of the steps.
    step: i32,
    position: i64,
    reached: i64,
    due_at: Option<DateTime<Utc>>,
}

impl State {
    const COLUMNS: &str = "messages, step, position, reached, due_at";
}

/// Does one part, if it is due. Several callers may do it at once.
pub async fn erase_some(app: &App, user: UserId) -> Result<Part> {
    let now = app.clock.now();
    let before = state(app, user).await?;
    let apart = match before {
        Some(state) if state.due_at.is_none_or(|time| time <= now) => {
            steps::apart(app, user, state).await?
        }
        _ => None,
    };
    let tx = app.db.begin().await?;
    let mut sql = tx.sql("erasure::lock");
    let (this, for_update) = (sql.bind(user), sql.dialect().for_update());
    sql.push(format!("SELECT {} FROM erasure WHERE user_id = {this} {for_update}", State::COLUMNS));
    let state = sql.one::<State>(&*tx).await?;
    let Some(state) = state.filter(|state| state.due_at.is_none_or(|time| time <= now)) else {
        // Somebody else has done it: perhaps in the same group of commits, and it is done when that
        // is durable.
        tx.commit().await?;
        return Ok(Part::EndsAll);
    };
    let moved = match apart {
        Some(moved) if before == Some(state) => moved,
        None if !steps::is_apart(state) => steps::part(&tx, user, state, now).await?,
        // Somebody else was faster, or such a step has just begun: look again.
        _ => {
            tx.commit().await?;
            return Ok(Part::EndsStep);
        }
    };
    let part = note(&tx, user, state, moved, now).await?;
    tx.commit().await?;
    Ok(part)
}

async fn state(app: &App, user: UserId) -> Result<Option<State>> {
    let mut sql = app.db.sql("erasure::state");
    let user = sql.bind(user);
    sql.push(format!("SELECT {} FROM erasure WHERE user_id = {user}", State::COLUMNS));
    sql.one(app.db.read()).await
}

/// Notes how far a step came, or that the next one begins, or the end.
async fn note(
    tx: &Tx,
    user: UserId,
    state: State,
    moved: Option<State>,
    now: DateTime<Utc>,
) -> Result<Part> {
    let next = || {
        let step = state.step + 1;
        steps::is_there(step).then_some(State { step, position: 0, reached: 0, ..state })
    };
    let Some(next) = moved.or_else(next) else {
        let mut sql = tx.sql("erasure::end");
        let user = sql.bind(user);
        sql.push(format!("DELETE FROM erasure WHERE user_id = {user}"));
        sql.run(&**tx).await?;
        return Ok(Part::EndsAll);
    };
    let begins_last_look = steps::is_last_look(next.step) && !steps::is_last_look(state.step);
    let due_at = if begins_last_look { Some(now + ON_ITS_WAY) } else { next.due_at };
    let mut sql = tx.sql("erasure::note");
    let State { step, position, reached, .. } = next;
    let (step, position, reached) = (sql.bind(step), sql.bind(position), sql.bind(reached));
    let (due_at, user) = (sql.bind(due_at), sql.bind(user));
    sql.push(format!(
        "UPDATE erasure SET step = {step}, position = {position}, reached = {reached}, \
         due_at = {due_at} WHERE user_id = {user}"
    ));
    sql.run(&**tx).await?;
    Ok(match moved {
        Some(_) => Part::GoesOn,
        None if begins_last_look => Part::EndsAll,
        None => Part::EndsStep,
    })
}
