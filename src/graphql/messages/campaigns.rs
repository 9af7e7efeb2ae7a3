//! The list of campaigns (M12).

use ::entity::{
    id::MessageId,
    message::{self, Reader},
    reminder, user,
};
use async_graphql::{Context, InputObject, Object};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, sea_query::Expr};

use super::message::Message;
use crate::{
    error::Result,
    graphql::{
        actor, app,
        paging::{Paged, connection, page},
    },
    messages::Sent,
};

/// Which campaigns to list.
#[derive(InputObject, Default)]
pub struct CampaignFilter {
    /// Only those that deactivate people who do not reply (true), or only the others (false).
    deactivates_non_repliers: Option<bool>,
}

#[derive(Default)]
pub struct CampaignQuery;

#[Object]
impl CampaignQuery {
    /// The campaigns among the viewer's messages, newest first: those that remind people until they
    /// have replied (`until: REPLIED`), also when that has ended. `Message.reminder` says how far
    /// each has come. ADMIN: of all messages. A service that acts for nobody: of the system's.
    async fn campaigns(
        &self,
        ctx: &Context<'_>,
        filter: Option<CampaignFilter>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<Message>>> {
        let page = page::<MessageId>((first, after, last, before))?;
        let mut campaigns = reminder::Entity::find()
            .filter(reminder::COLUMN.until.eq(reminder::Until::Replied))
            .filter(message::COLUMN.send_at.is_null());
        match actor(ctx)?.reader() {
            Reader::Everything => {}
            Reader::User(sender) => {
                campaigns = campaigns.filter(message::COLUMN.sender_id.eq(sender));
            }
            Reader::System => campaigns = campaigns.filter(message::COLUMN.sender_id.is_null()),
        }
        if let Some(deactivates) = filter.unwrap_or_default().deactivates_non_repliers {
            campaigns = campaigns.filter(reminder::COLUMN.deactivates.eq(deactivates));
        }
        let key = [Expr::col((reminder::Entity, reminder::Column::MessageId))];
        let rows = page
            .seek(campaigns, key, Order::Desc)
            .find_also_related(message::Entity)
            .find_also(message::Entity, user::Entity)
            .all(app(ctx).db.read())
            .await?;
        let sent = |(_, message, sender): (_, Option<message::Model>, _)| Some((message?, sender));
        let sent: Vec<Sent> = rows.into_iter().filter_map(sent).collect();
        Ok(Some(connection(page.slice(sent), |(row, _)| row.id, Message::from)))
    }
}
