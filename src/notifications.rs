//! What the application tells its users: announcements to everybody, and activities on the targets
//! that they follow.
//!
//! Creating one writes one row, however many people will see it. It enters inboxes by `pull`, when
//! their owners look or are connected; `subscriptions` says who follows what, `explain` says why
//! somebody was notified or not, and `erase` forgets a person. `inbox::refresh` tells clients when a
//! title changes.

pub mod activities;
pub mod announcements;
pub mod erase;
pub mod explain;
pub mod pull;
pub mod subscriptions;
pub mod targets;
