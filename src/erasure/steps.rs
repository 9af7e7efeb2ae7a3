//! The steps of an erasure, and one part of each.

use ::entity::id::{MessageId, UserId};
use chrono::{DateTime, Utc};

use super::State;
use crate::{
    app::App,
    db::Tx,
    error::Result,
    inbox,
    messages::{forget, planned},
    notifications, people,
};

/// What is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// What they had planned to send.
    Planned,
    /// Their items.
    Inbox,
    /// What they follow and want to hear of, and the keys of their calls.
    Wishes,
    /// Their groups.
    Groups,
    /// Their readings of announcements; those that they wrote show another name.
    Announcements,
    /// What they own shows another name.
    Targets,
    /// Their readings of messages, and their name among the addresses.
    Received,
    /// The items of others about their messages.
    Sent,
    /// The data of what they did.
    Data,
    /// The items of others about what they did.
    Activities,
}

/// The last look begins again, but needs no new names: what was written since shows the right one.
const ORDER: [Step; 18] = [
    Step::Planned,
    Step::Inbox,
    Step::Wishes,
    Step::Groups,
    Step::Announcements,
    Step::Targets,
    Step::Received,
    Step::Sent,
    Step::Data,
    Step::Activities,
    Step::Planned,
    Step::Inbox,
    Step::Wishes,
    Step::Groups,
    Step::Announcements,
    Step::Received,
    Step::Sent,
    Step::Data,
];
/// Where the last look begins.
const LAST_LOOK: i32 = 10;

fn step(place: i32) -> Option<Step> {
    ORDER.get(usize::try_from(place).ok()?).copied()
}

/// Whether there is a step at this place of the order.
pub fn is_there(place: i32) -> bool {
    step(place).is_some()
}

/// Whether a place is in the last look.
pub fn is_last_look(place: i32) -> bool {
    place >= LAST_LOOK
}

/// Whether [`apart`] does the step.
pub fn is_apart(state: State) -> bool {
    match step(state.step) {
        Some(Step::Planned) => true,
        Some(Step::Sent) => state.messages,
        _ => false,
    }
}

/// Does one part of a step whose transactions begin with the locks of threads, which come before
/// that of an erasure. Returns how far it came, as [`part`] does; None: the step is another one.
pub async fn apart(app: &App, user: UserId, state: State) -> Result<Option<Option<State>>> {
    if !is_apart(state) {
        return Ok(None);
    }
    if step(state.step) == Some(Step::Planned) {
        let is_more = planned::forget_some(app, user).await?;
        return Ok(Some(is_more.then_some(state)));
    }
    let Some(next) = forget::next_of(app, user, MessageId(state.position)).await? else {
        return Ok(Some(None));
    };
    let is_more = forget::take_back(app, next).await?;
    let position = if is_more { state.position } else { next.0 };
    Ok(Some(Some(State { position, ..state })))
}

/// Does one part of the step in progress. Returns how far it came; None: the step has ended.
pub async fn part(
    tx: &Tx,
    user: UserId,
    state: State,
    now: DateTime<Utc>,
) -> Result<Option<State>> {
    let again = |is_more: bool| is_more.then_some(state);
    let at = |position: Option<i64>| position.map(|position| State { position, ..state });
    let within = |place: Option<(i64, i64)>| {
        place.map(|(position, reached)| State { position, reached, ..state })
    };
    let State { messages, position, reached, .. } = state;
    let is_named = is_last_look(state.step);
    let Some(step) = step(state.step) else { return Ok(None) };
    if matches!(step, Step::Wishes | Step::Groups | Step::Announcements | Step::Received) {
        // What they do holds it: without it, what they are reading at this moment would be counted,
        // and not be found.
        inbox::lock(tx, &[user]).await?;
    }
    Ok(match step {
        // `apart` does it.
        Step::Planned => None,
        Step::Inbox => again(inbox::erase_some(tx, user).await?),
        Step::Wishes => again(
            notifications::erase::wishes(tx, user).await? || people::erase::keys(tx, user).await?,
        ),
        Step::Groups => at(people::erase::memberships(tx, user, position).await?),
        Step::Announcements => {
            at(notifications::erase::announcements(tx, user, position, is_named).await?)
        }
        Step::Targets => at(notifications::erase::targets(tx, user, position).await?),
        Step::Received => at(forget::detach(tx, user, position).await?),
        Step::Sent if is_named => None,
        Step::Sent => within(forget::rename(tx, user, (position, reached), now).await?),
        Step::Data if messages => at(notifications::erase::data(tx, user, position).await?),
        Step::Data => None,
        Step::Activities => {
            let place = (position, reached);
            within(notifications::erase::activities(tx, user, place, now).await?)
        }
    })
}
