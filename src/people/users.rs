//! People: created by the host or by their first valid token (M1). Their rows are never deleted;
//! `erase` leaves nothing of a person in one.
//!
//! - `sign_in`: a token becomes an actor. `named`: a reference becomes a person. `list`: pages of
//!   people.
//! - `known`: what is known about people, and who changes it. `write`: their rows.

mod known;
mod list;
mod named;
mod sign_in;
mod write;

use crate::auth::LONGEST_SUBJECT;

pub use self::{
    known::{UpdateViewerInput, UserInput, update_viewer, upsert},
    list::{UserState, found, with_rows},
    named::{UserRef, find, find_all, find_among, lock, resolve},
    sign_in::sign_in,
};

/// The most people that one call may name.
pub const MOST: usize = 500;
pub const LONGEST_EXTERNAL_ID: usize = LONGEST_SUBJECT;
