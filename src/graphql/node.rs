//! Objects with an id, and looking them up by it.

use ::entity::id::{
    ActivityId, AnnouncementId, AudienceId, GroupId, ItemId, MessageId, TargetId, UserId,
};
use async_graphql::{Context, ID, Interface, Object};
use futures_util::future::try_join_all;

use super::{
    actor,
    inbox::{Inbox, InboxCounts, items::InboxItem, thread::InboxThread},
    messages::{
        message::Message,
        recipients::{MessageAudience, MessageRecipient, ReadStats},
        reminders::{Deactivation, Reminder},
        reports::ReadReportRow,
    },
    notifications::{
        activities::{Activity, ActivityGroup},
        announcements::Announcement,
        catalog::Catalog,
        explain::Explanation,
        subscriptions::{SubscriptionConfig, TargetSubscription},
        targets::Target,
    },
    people::{groups::Group, users::User},
};
use crate::{
    error::{Error, Result},
    id::{self, Kind},
};

/// An object with its own id, by which it can be fetched again.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Opaque and unique among everything."))]
#[expect(clippy::large_enum_variant, reason = "an answer has few of them, and not for long")]
pub enum Node {
    User(User),
    Group(Group),
    Message(Message),
    MessageRecipient(MessageRecipient),
    Inbox(Inbox),
    InboxCounts(InboxCounts),
    InboxItem(InboxItem),
    InboxThread(InboxThread),
    Announcement(Announcement),
    Activity(Activity),
    Target(Target),
    TargetSubscription(TargetSubscription),
    ReadReportRow(ReadReportRow),
    ActivityGroup(ActivityGroup),
    MessageAudience(MessageAudience),
    ReadStats(ReadStats),
    Reminder(Reminder),
    SubscriptionConfig(SubscriptionConfig),
    Deactivation(Deactivation),
    Explanation(Explanation),
    Catalog(Catalog),
}

#[derive(Default)]
pub struct NodeQuery;

const MOST_NODES: usize = 100;

#[Object]
impl NodeQuery {
    /// Any object by its id; null if there is none that the caller may see.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of any object.")] id: ID,
    ) -> Result<Option<Node>> {
        find(ctx, &id).await
    }

    /// Several objects by their ids, at most 100, in the order of the ids. Null in place of each
    /// one that does not exist or that the caller may not see.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Between 0 and 100 ids, of any objects.")] ids: Vec<ID>,
    ) -> Result<Option<Vec<Option<Node>>>> {
        if ids.len() > MOST_NODES {
            return Err(Error::invalid("ids", format!("must have at most {MOST_NODES} ids")));
        }
        // Concurrently, so that the loaders read objects of one kind together.
        Ok(Some(try_join_all(ids.iter().map(|id| find(ctx, id))).await?))
    }
}

/// The object with an id. Each kind says how it is found, and for whom.
async fn find(ctx: &Context<'_>, id: &str) -> Result<Option<Node>> {
    // All objects need a token, even those that everybody may see.
    actor(ctx)?;
    let Some((kind, number, second)) = id::parse(id) else { return Ok(None) };
    match (kind, second) {
        (Kind::User, None) => node(User::find(ctx, UserId(number)).await),
        (Kind::Group, None) => node(Group::find(ctx, GroupId(number)).await),
        (Kind::Message, None) => node(Message::find(ctx, MessageId(number)).await),
        (Kind::MessageStats, None) => {
            node(ReadStats::find_of_message(ctx, MessageId(number)).await)
        }
        (Kind::Reminder, None) => node(Reminder::find(ctx, MessageId(number)).await),
        (Kind::MessageAudience, None) => node(MessageAudience::find(ctx, AudienceId(number)).await),
        (Kind::AudienceStats, None) => {
            node(ReadStats::find_of_audience(ctx, AudienceId(number)).await)
        }
        (Kind::MessageRecipient, Some(user)) => {
            node(MessageRecipient::find(ctx, AudienceId(number), UserId(user)).await)
        }
        (Kind::ReadReportRow, None) => node(ReadReportRow::find(ctx, AudienceId(number)).await),
        (Kind::Inbox, None) => node(Inbox::find(ctx, UserId(number)).await),
        (Kind::InboxCounts, None) => node(InboxCounts::find(ctx, UserId(number)).await),
        (Kind::InboxItem, None) => node(InboxItem::find(ctx, ItemId(number)).await),
        (Kind::ActivityGroup, None) => node(ActivityGroup::find(ctx, ItemId(number)).await),
        (Kind::InboxThread, Some(root)) => {
            node(InboxThread::find(ctx, UserId(number), MessageId(root)).await)
        }
        (Kind::Announcement, None) => node(Announcement::find(ctx, AnnouncementId(number)).await),
        (Kind::AnnouncementStats, None) => {
            node(ReadStats::find_of_announcement(ctx, AnnouncementId(number)).await)
        }
        (Kind::Activity, None) => node(Activity::find(ctx, ActivityId(number)).await),
        (Kind::Target, None) => node(Target::find(ctx, TargetId(number)).await),
        (Kind::TargetSubscription, Some(target)) => {
            node(TargetSubscription::find(ctx, UserId(number), TargetId(target)).await)
        }
        (Kind::SubscriptionConfig, None) => {
            node(SubscriptionConfig::find(ctx, UserId(number)).await)
        }
        (Kind::Deactivation, None) => node(Deactivation::find(ctx, UserId(number)).await),
        (Kind::Explanation, Some(user)) => {
            node(Explanation::find(ctx, ActivityId(number), UserId(user)).await)
        }
        (Kind::Catalog, None) => node(Ok(Catalog::find(ctx, number))),
        _ => Ok(None),
    }
}

fn node(found: Result<Option<impl Into<Node>>>) -> Result<Option<Node>> {
    Ok(found?.map(Into::into))
}
