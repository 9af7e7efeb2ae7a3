//! What the application tells its users: announcements to everybody, and activities on the targets
//! that they follow.
//!
//! Creating one writes one row, however many people will see it. It enters inboxes by `pull`, when
//! their owners look or are connected; `subscriptions` says who follows what, `explain` says why
//! somebody was notified or not, `refresh` tells clients when a title changes, and `erase` forgets a
//! person.

pub mod activities;
pub mod announcements;
pub mod erase;
pub mod explain;
pub mod pull;
pub mod refresh;
pub mod subscriptions;
pub mod targets;
