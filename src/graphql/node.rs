//! Objects with an id, and looking them up by it.

use ::entity::id::{
    ActivityId, AnnouncementId, AudienceId, GroupId, ItemId, MessageId, TargetId, UserId,
};
use async_graphql::{Context, ID, Interface, Object};
use futures_util::future::{try_join, try_join_all};

use super::{
    actor, app,
    inbox::{Inbox, InboxCounts, items::InboxItem, thread::InboxThread},
    loader,
    loaders::{
        AudienceBy, FollowingOf, GroupBy, HeadOf, ItemBy, RecipientBy, SettingsOf, ThreadIn,
        UserBy, VisibleActivity, VisibleAnnouncement, VisibleMessage, VisibleReportRow,
        VisibleTarget,
    },
    messages::{
        message::Message,
        recipients::{MessageAudience, MessageRecipient, ReadStats, may_see_reading},
        reminders::{Deactivation, Reminder},
        reports::ReadReportRow,
    },
    notifications::{
        activities::{Activity, ActivityGroup},
        announcements::Announcement,
        catalog::{self, Catalog},
        explain::Explanation,
        subscriptions::{SubscriptionConfig, TargetSubscription},
        targets::Target,
    },
    people::{groups::Group, users::User},
};
use crate::{
    error::{Error, Result},
    id::{self, Kind},
    inbox::Subject,
    messages::reports,
    notifications::explain,
    people::users::UserRef,
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

async fn find(ctx: &Context<'_>, id: &str) -> Result<Option<Node>> {
    let (loaders, actor) = (loader(ctx), actor(ctx)?);
    let Some((kind, number, second)) = id::parse(id) else { return Ok(None) };
    Ok(match (kind, second) {
        (Kind::User, None) => {
            loaders.load_one(UserBy(UserId(number))).await?.map(|user| Node::User(user.into()))
        }
        (Kind::Group, None) => {
            loaders.load_one(GroupBy(GroupId(number))).await?.map(|group| Node::Group(Group(group)))
        }
        (Kind::Message, None) => message(ctx, MessageId(number)).await?.map(Node::Message),
        (Kind::MessageStats, None) => match message(ctx, MessageId(number)).await? {
            Some(message) => message.read_stats(ctx).await?.map(Node::ReadStats),
            None => None,
        },
        (Kind::Reminder, None) => match message(ctx, MessageId(number)).await? {
            Some(message) => message.reminder(ctx).await?.map(Node::Reminder),
            None => None,
        },
        (Kind::MessageAudience, None) => {
            audience(ctx, AudienceId(number)).await?.map(Node::MessageAudience)
        }
        (Kind::AudienceStats, None) => {
            let audience = audience(ctx, AudienceId(number)).await?;
            audience.and_then(|audience| audience.read_stats).map(Node::ReadStats)
        }
        (Kind::MessageRecipient, Some(user)) => {
            recipient(ctx, RecipientBy { audience: AudienceId(number), user: UserId(user) })
                .await?
                .map(Node::MessageRecipient)
        }
        (Kind::ReadReportRow, None) => {
            let row =
                loaders.load_one(VisibleReportRow(actor.reader(), AudienceId(number))).await?;
            row.map(|row| Node::ReadReportRow(ReadReportRow(row)))
        }
        (Kind::Inbox, None) if actor.may_see_private(UserId(number)) => {
            let both = try_join(
                loaders.load_one(HeadOf(UserId(number))),
                loaders.load_one(UserBy(UserId(number))),
            )
            .await?;
            let (Some(head), Some(owner)) = both else { return Ok(None) };
            if owner.erased_at.is_some() {
                return Ok(None);
            }
            Some(Node::Inbox(Inbox::new(head, owner.into())))
        }
        (Kind::InboxCounts, None) if actor.may_see_private(UserId(number)) => loaders
            .load_one(HeadOf(UserId(number)))
            .await?
            .map(|head| Node::InboxCounts(InboxCounts(head))),
        // An item belongs to its owner; a service or admin names the owner with `act-as`.
        (Kind::InboxItem | Kind::ActivityGroup, None) => {
            let owner = actor.user_id().unwrap_or(UserId(0));
            let item = loaders.load_one(ItemBy { owner, id: ItemId(number) }).await?;
            let Some(item) = item else { return Ok(None) };
            match (kind, &item.subject) {
                (Kind::ActivityGroup, Some(Subject::Activities(activities))) => {
                    let (row, activities) = (item.row.clone(), activities.clone());
                    Some(Node::ActivityGroup(ActivityGroup { row, activities }))
                }
                (Kind::ActivityGroup, _) => None,
                _ => Some(Node::InboxItem(InboxItem(item))),
            }
        }
        (Kind::InboxThread, Some(root)) if actor.may_see_private(UserId(number)) => {
            let key = ThreadIn { owner: UserId(number), root: MessageId(root) };
            let thread = loaders.load_one(key).await?.filter(|thread| thread.messages > 0);
            thread.map(|thread| Node::InboxThread(InboxThread(thread)))
        }
        (Kind::Announcement | Kind::AnnouncementStats, None) => {
            let announced = loaders
                .load_one(VisibleAnnouncement(actor.host_reader(), AnnouncementId(number)))
                .await?;
            match (kind, announced.map(Announcement::from)) {
                (Kind::AnnouncementStats, Some(announced)) => {
                    announced.read_stats(ctx).await?.map(Node::ReadStats)
                }
                (_, announced) => announced.map(Node::Announcement),
            }
        }
        (Kind::Activity, None) => {
            let row =
                loaders.load_one(VisibleActivity(actor.host_reader(), ActivityId(number))).await?;
            row.map(|row| Node::Activity(Activity(row)))
        }
        (Kind::Target, None) => {
            let row =
                loaders.load_one(VisibleTarget(actor.host_reader(), TargetId(number))).await?;
            row.map(|row| Node::Target(Target(row)))
        }
        (Kind::TargetSubscription, Some(target)) if actor.may_see_private(UserId(number)) => {
            let following = loaders
                .load_one(FollowingOf { user: UserId(number), target: TargetId(target) })
                .await?;
            following.map(|following| Node::TargetSubscription(TargetSubscription(following)))
        }
        (Kind::SubscriptionConfig, None) if actor.may_see_private(UserId(number)) => {
            let user = UserId(number);
            let both = try_join(loaders.load_one(UserBy(user)), loaders.load_one(SettingsOf(user)))
                .await?;
            let (Some(_), said) = both else { return Ok(None) };
            let said = said.unwrap_or_default();
            Some(Node::SubscriptionConfig(SubscriptionConfig::from_rows(app(ctx), user, &said)))
        }
        (Kind::Deactivation, None) => match loaders.load_one(UserBy(UserId(number))).await? {
            Some(user) => User::from(user).deactivation(ctx).await?.map(Node::Deactivation),
            None => None,
        },
        (Kind::Explanation, Some(user)) => {
            let (activity, user) = (Kind::Activity.encode(number), Kind::User.encode(user));
            let user = UserRef::Id(user.into());
            match explain::explain(app(ctx), actor, &activity, Some(&user)).await {
                Ok(explanation) => Some(Node::Explanation(Explanation(explanation))),
                Err(Error::NotFound(_)) => None,
                Err(error) => return Err(error),
            }
        }
        (Kind::Catalog, None) if number == catalog::THE_ONLY => {
            Some(Node::Catalog(Catalog(app(ctx).catalog.clone())))
        }
        _ => None,
    })
}

/// A message, if the reader may see it.
async fn message(ctx: &Context<'_>, id: MessageId) -> Result<Option<Message>> {
    let key = VisibleMessage(actor(ctx)?.reader(), id);
    Ok(loader(ctx).load_one(key).await?.map(Message::from))
}

/// An address of a message, if the reader may see the message.
async fn audience(ctx: &Context<'_>, id: AudienceId) -> Result<Option<MessageAudience>> {
    let (app, actor) = (app(ctx), actor(ctx)?);
    let Some(audience) = loader(ctx).load_one(AudienceBy(id)).await? else { return Ok(None) };
    let Some(message) = message(ctx, audience.row.message_id).await? else { return Ok(None) };
    let with_reading = may_see_reading(actor, message.row.sender_id);
    let with_names = reports::may_see_names(app, actor);
    Ok(Some(MessageAudience::of(audience, with_reading, with_names)))
}

/// The fact that a message reached somebody, for readers who may know who has read it.
async fn recipient(ctx: &Context<'_>, key: RecipientBy) -> Result<Option<MessageRecipient>> {
    let (loaders, actor) = (loader(ctx), actor(ctx)?);
    let Some(row) = loaders.load_one(key).await? else { return Ok(None) };
    let Some((message, _)) =
        loaders.load_one(VisibleMessage(actor.reader(), row.0.message_id)).await?
    else {
        return Ok(None);
    };
    let may_see =
        may_see_reading(actor, message.sender_id) && reports::may_see_names(app(ctx), actor);
    Ok(may_see.then(|| row.into()))
}
