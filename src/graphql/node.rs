use ::entity::target;
use async_graphql::{Context, ID, Interface, Object, Result};
use sea_orm::{EntityTrait, QueryFilter};

use super::{
    activities::Activity,
    actor,
    announcements::Announcement,
    app,
    groups::Group,
    inbox::{Inbox, InboxCounts},
    items::InboxItem,
    messages::Message,
    recipients::MessageRecipient,
    reports::ReadReportRow,
    subscriptions::TargetSubscription,
    targets::Target,
    users::User,
};
use crate::{
    activities, announcements,
    app::App,
    auth::Actor,
    error::{self, Error},
    id::{self, Kind},
    inbox, messages, pull, reports, subscriptions, users,
};

/// Something with an id of its own, by which it can be fetched again.
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
    /// Anything by its id; null when there is none that the caller may see.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>> {
        Ok(find(app(ctx), actor(ctx)?, &id).await?)
    }

    /// Several things by their ids, at most 100, in the order of the ids; null where there is none that the caller may see.
    async fn nodes(&self, ctx: &Context<'_>, ids: Vec<ID>) -> Result<Vec<Option<Node>>> {
        let (app, actor) = (app(ctx), actor(ctx)?);
        if ids.len() > MOST_NODES {
            return Err(Error::invalid("ids", format!("has at most {MOST_NODES} ids")).into());
        }
        let mut nodes = Vec::with_capacity(ids.len());
        for id in ids {
            nodes.push(find(app, actor, &id).await?);
        }
        Ok(nodes)
    }
}

async fn find(app: &App, actor: &Actor, id: &str) -> error::Result<Option<Node>> {
    let Some((kind, number, second)) = id::decode(id) else { return Ok(None) };
    let found = match (kind, second) {
        (Kind::User, None) => user(app, number).await.map(Node::User),
        (Kind::Group, None) => groups_find(app, number).await.map(Node::Group),
        (Kind::Message, None) => messages::find(app, actor, number).await.map(|sent| Node::Message(sent.into())),
        (Kind::MessageRecipient, Some(person)) => {
            MessageRecipient::find(app, actor, number, person).await.map(Node::MessageRecipient)
        }
        (Kind::ReadReportRow, None) => {
            reports::find(app, actor, number).await.map(|row| Node::ReadReportRow(ReadReportRow(row)))
        }
        (Kind::Inbox | Kind::InboxCounts, None) if actor.may_see_private(number) => {
            let head = pull::head(app, number).await?;
            match kind {
                Kind::Inbox => Ok(Node::Inbox(Inbox { head, owner: user(app, number).await? })),
                _ => Ok(Node::InboxCounts(InboxCounts(head))),
            }
        }
        // An item is its owner's; a service or admin names the owner by `act-as`.
        (Kind::InboxItem, None) => {
            let owner = actor.user_id().unwrap_or(0);
            let item = inbox::items(&app.db, owner, &[number]).await?.pop();
            item.map(|item| Node::InboxItem(InboxItem(item))).ok_or(Error::NotFound("inbox item"))
        }
        (Kind::Announcement, None) => {
            announcements::find(app, actor, number).await.map(|announced| Node::Announcement(announced.into()))
        }
        (Kind::Activity, None) => activities::find(app, actor, number).await.map(|row| Node::Activity(Activity(row))),
        (Kind::Target, None) => {
            let target = target::Entity::visible_to(actor.host_reader()).filter(target::COLUMN.id.eq(number));
            let target = target.one(app.db.read()).await?;
            target.map(|target| Node::Target(Target(target))).ok_or(Error::NotFound(kind.noun()))
        }
        (Kind::TargetSubscription, Some(target)) if actor.may_see_private(number) => {
            let following = subscriptions::following(app, number, target).await?;
            let following = following.map(|following| Node::TargetSubscription(TargetSubscription(following)));
            following.ok_or(Error::NotFound(kind.noun()))
        }
        _ => Err(Error::NotFound(kind.noun())),
    };
    match found {
        Ok(node) => Ok(Some(node)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn user(app: &App, id: i64) -> error::Result<User> {
    let user = users::UserRef::Id(Kind::User.encode(id).into());
    Ok(users::find(app.db.read(), &user).await?.into())
}

async fn groups_find(app: &App, id: i64) -> error::Result<Group> {
    let group = ::entity::group::Entity::find_by_id(id).filter(::entity::group::COLUMN.deleted_at.is_null());
    group.one(app.db.read()).await?.map(Group).ok_or(Error::NotFound("group"))
}
