//! The steps of an erasure, and one part of each.

use ::entity::id::UserId;
use chrono::{DateTime, Utc};

use super::State;
use crate::{
    db::Tx,
    error::Result,
    inbox,
    messages::{forget, planned},
    notifications, people,
};

/// What is erased, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
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
    /// The items of others about what they did.
    Activities,
    /// What came into their inbox meanwhile.
    LastLook,
}

const ALL: [Step; 10] = [
    Step::Planned,
    Step::Inbox,
    Step::Wishes,
    Step::Groups,
    Step::Announcements,
    Step::Targets,
    Step::Received,
    Step::Sent,
    Step::Activities,
    Step::LastLook,
];

impl Step {
    pub fn first() -> Self {
        ALL[0]
    }

    pub fn number(self) -> i32 {
        self as i32
    }

    pub fn of(number: i32) -> Option<Self> {
        ALL.get(usize::try_from(number).ok()?).copied()
    }

    pub fn next(self) -> Option<Self> {
        Self::of(self.number() + 1)
    }
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
    let State { messages, position, reached, .. } = state;
    let within = |place: Option<(i64, i64)>| {
        place.map(|(position, reached)| State { position, reached, ..state })
    };
    let Some(step) = Step::of(state.step) else { return Ok(None) };
    Ok(match step {
        Step::Planned => again(planned::forget_some(tx, user).await?),
        Step::Inbox | Step::LastLook => again(inbox::erase_some(tx, user).await?),
        Step::Wishes => again(
            notifications::erase::wishes(tx, user).await? || people::erase::keys(tx, user).await?,
        ),
        Step::Groups => at(people::erase::memberships(tx, user, position).await?),
        Step::Announcements => at(notifications::erase::announcements(tx, user, position).await?),
        Step::Targets => at(notifications::erase::targets(tx, user, position).await?),
        Step::Received => at(forget::detach(tx, user, position).await?),
        Step::Sent => within(forget::rename(tx, user, (position, reached), now).await?),
        Step::Activities => {
            let place = (position, reached);
            within(notifications::erase::activities(tx, user, place, messages, now).await?)
        }
    })
}
