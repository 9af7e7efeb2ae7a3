//! Ids and numbers of changes, each with a type of its own: the id of a message cannot be passed
//! where that of a user is expected.
//!
//! In the database and in JSON they are plain integers. Conditions of SeaORM take any value, so
//! `COLUMN.user_id.eq(…)` is not checked; columns of models and parameters of functions are.

use std::fmt;

use sea_orm::DeriveValueType;
use serde::{Deserialize, Serialize};

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            DeriveValueType, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    /// A person, and their inbox. No person has the id 0: where an id is required, it stands for
    /// the system, and where ids are counted up, for the beginning. See [`UserId::anonymous`].
    UserId;
    GroupId;
    MessageId;
    /// An address of a message.
    AudienceId;
    AnnouncementId;
    /// An activity. Ids are in commit order, so they are also positions: that of an inbox that has
    /// taken in all activities up to this one, or that from which a subscription holds.
    ActivityId;
    TargetId;
    /// An item of an inbox.
    ItemId;
    /// A change of content that inboxes still have to be told of.
    RefreshId;
    /// The number of a change of an inbox or of a thread, counted from 1 in each.
    Seq;
}

impl UserId {
    /// Nobody's id, for a reading whose reader was erased: it is still counted, and nobody knows
    /// whose it was. No person ever has such an id. Give it a random number for each thing read.
    pub fn anonymous(random: u64) -> Self {
        const FIRST: i64 = 1 << 62;
        UserId(FIRST | (random >> 2) as i64)
    }
}
