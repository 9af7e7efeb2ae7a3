use ::entity::id::{
    ActivityId, AnnouncementId, AudienceId, GroupId, ItemId, MessageId, TargetId, UserId,
};
use async_graphql::{Context, ID, Interface, Object, Result};
use futures_util::future::{try_join, try_join_all};

use super::{
    actor, app,
    inbox::{Inbox, InboxCounts, items::InboxItem},
    loader,
    loaders::{
        FollowingOf, GroupBy, HeadOf, ItemBy, RecipientBy, UserBy, VisibleActivity,
        VisibleAnnouncement, VisibleMessage, VisibleReportRow, VisibleTarget,
    },
    messages::{
        message::Message,
        recipients::{MessageRecipient, may_see_reading},
        reports::ReadReportRow,
    },
    notifications::{
        activities::Activity, announcements::Announcement, subscriptions::TargetSubscription,
        targets::Target,
    },
    people::{groups::Group, users::User},
};
use crate::{
    error::{self, Error},
    id::{self, Kind},
    messages::reports,
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
    Announcement(Announcement),
    Activity(Activity),
    Target(Target),
    TargetSubscription(TargetSubscription),
    ReadReportRow(ReadReportRow),
}

#[derive(Default)]
pub struct NodeQuery;

const MOST_NODES: usize = 100;

#[Object]
impl NodeQuery {
    /// Any object by its id; null if there is none that the caller may see.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>> {
        Ok(find(ctx, &id).await?)
    }

    /// Several objects by their ids, at most 100, in the order of the ids. Null in place of each
    /// one that does not exist or that the caller may not see.
    async fn nodes(&self, ctx: &Context<'_>, ids: Vec<ID>) -> Result<Vec<Option<Node>>> {
        if ids.len() > MOST_NODES {
            return Err(Error::invalid("ids", format!("must have at most {MOST_NODES} ids")).into());
        }
        // Concurrently, so that the loaders read objects of one kind together.
        Ok(try_join_all(ids.iter().map(|id| find(ctx, id))).await?)
    }
}

async fn find(ctx: &Context<'_>, id: &str) -> error::Result<Option<Node>> {
    let (loaders, actor) = (loader(ctx), actor(ctx)?);
    let Some((kind, number, second)) = id::parse(id) else { return Ok(None) };
    Ok(match (kind, second) {
        (Kind::User, None) => {
            loaders.load_one(UserBy(UserId(number))).await?.map(|user| Node::User(user.into()))
        }
        (Kind::Group, None) => {
            loaders.load_one(GroupBy(GroupId(number))).await?.map(|group| Node::Group(Group(group)))
        }
        (Kind::Message, None) => {
            let sent = loaders.load_one(VisibleMessage(actor.reader(), MessageId(number))).await?;
            sent.map(|sent| Node::Message(sent.into()))
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
            Some(Node::Inbox(Inbox { head, owner: owner.into() }))
        }
        (Kind::InboxCounts, None) if actor.may_see_private(UserId(number)) => loaders
            .load_one(HeadOf(UserId(number)))
            .await?
            .map(|head| Node::InboxCounts(InboxCounts(head))),
        // An item belongs to its owner; a service or admin names the owner with `act-as`.
        (Kind::InboxItem, None) => {
            let item = loaders
                .load_one(ItemBy {
                    owner: actor.user_id().unwrap_or(UserId(0)),
                    id: ItemId(number),
                })
                .await?;
            item.map(|item| Node::InboxItem(InboxItem(item)))
        }
        (Kind::Announcement, None) => {
            let announced = loaders
                .load_one(VisibleAnnouncement(actor.host_reader(), AnnouncementId(number)))
                .await?;
            announced.map(|announced| Node::Announcement(announced.into()))
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
        _ => None,
    })
}

/// The fact that a message reached somebody, for readers who may know who has read it.
async fn recipient(ctx: &Context<'_>, key: RecipientBy) -> error::Result<Option<MessageRecipient>> {
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
