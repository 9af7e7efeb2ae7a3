//! Mends what was found: makes everything about a place follow from its items and recipients,
//! under the locks of those who change them. What is correct stays, so it does no harm if somebody
//! else mended it first.

use std::collections::BTreeSet;

use ::entity::id::{MessageId, UserId};
use chrono::{DateTime, Utc};

use super::{Finding, Place, activities, contents, inboxes, reading, subscriptions, threads};
use crate::{
    db::{Db, Topic, Tx},
    error::Result,
    inbox::{self, live},
};

/// How many inboxes, messages or announcements one transaction locks.
const MOST: usize = 100;

/// Mends what was found. Check again afterwards: the findings may have hidden others.
pub async fn mend(db: &Db, findings: &[Finding], now: DateTime<Utc>) -> Result<()> {
    let undelivered = findings.iter().filter_map(|finding| match finding {
        Finding { place: Place::Delivery(message), part: Some(user), .. } => {
            Some((UserId(*user), *message))
        }
        _ => None,
    });
    let undelivered: Vec<_> = undelivered.collect();
    let of_inbox = |finding: &Finding| match finding.place {
        Place::Inbox(user) => Some(user),
        Place::Delivery(_) => finding.part.map(UserId),
        _ => None,
    };
    for users in places(findings, of_inbox).chunks(MOST) {
        let missing: Vec<_> =
            undelivered.iter().filter(|(user, _)| users.contains(user)).copied().collect();
        let tx = db.begin().await?;
        mend_inboxes(&tx, users, &missing, now).await?;
        live::tell_within(&tx, users.iter().map(|user| Topic::Inbox(*user))).await?;
        tx.commit().await?;
    }
    let of_message = |finding: &Finding| match finding.place {
        Place::Message(message) => Some(message),
        _ => None,
    };
    for messages in places(findings, of_message).chunks(MOST) {
        let tx = db.begin().await?;
        reading::mend_messages(&tx, messages).await?;
        live::tell_within(&tx, messages.iter().map(|message| Topic::Reading(*message))).await?;
        tx.commit().await?;
    }
    let of_announcement = |finding: &Finding| match finding.place {
        Place::Announcement(announcement) => Some(announcement),
        _ => None,
    };
    for announcements in places(findings, of_announcement).chunks(MOST) {
        let tx = db.begin().await?;
        reading::mend_announcements(&tx, announcements).await?;
        tx.commit().await?;
    }
    for finding in findings {
        let tx = db.begin().await?;
        match finding.place {
            Place::Thread(root) => {
                threads::mend(&tx, root).await?;
                live::tell_within(&tx, [Topic::Thread(root)]).await?;
            }
            Place::Reminder(message) => {
                threads::mend_reminder(&tx, message, now).await?;
            }
            Place::Subscriptions(user) => subscriptions::mend(&tx, user).await?,
            Place::Inbox(_) | Place::Delivery(_) | Place::Message(_) | Place::Announcement(_) => {}
        }
        tx.commit().await?;
    }
    Ok(())
}

/// What some of the findings are about, each once.
fn places<I: Ord>(findings: &[Finding], of: impl Fn(&Finding) -> Option<I>) -> Vec<I> {
    findings.iter().filter_map(of).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Mends inboxes: what is missing from them comes in, what has expired or was retracted leaves, and
/// the counts follow. `missing` has the users and messages of what was not delivered.
///
/// Their clients may have seen any of the errors. So none can continue from an older cursor: they
/// reload the inbox.
async fn mend_inboxes(
    tx: &Tx,
    users: &[UserId],
    missing: &[(UserId, MessageId)],
    now: DateTime<Utc>,
) -> Result<()> {
    inbox::lock(tx, users).await?;
    tx.while_nothing_is_withdrawn().await?;
    inboxes::mend_positions(tx, users).await?;
    inbox::begin_change(tx, users, &[]).await?;
    contents::bring_back(tx, users, missing, now).await?;
    contents::remove_left(tx, users, now).await?;
    activities::mend(tx, users, now).await?;
    inboxes::mend_counts(tx, users).await
}
