//! Messages to come: the list of them, and cancelling one. They are planned by `createMessage` and
//! changed by `updateMessage`.

use ::entity::{id::MessageId, message, user};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, sea_query::Expr};

use super::message::Message;
use crate::{
    error::Result,
    graphql::{
        actor, app,
        paging::{Paged, connection, page},
    },
    id,
    messages::planned,
};

#[derive(Default)]
pub struct PlannedQuery;

#[Object]
impl PlannedQuery {
    /// The messages that the viewer has written and that are still to be sent, in the order of
    /// their `sendAt`. For a service that acts for nobody, those of the system. They change with
    /// `updateMessage`, and `cancelMessage` ends them.
    async fn planned_messages(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<Message>>> {
        let page = page::<(DateTime<Utc>, MessageId)>((first, after, last, before))?;
        // Needs no scope: senders may see what they are going to send.
        let planned = message::Entity::find()
            .filter(match actor(ctx)?.user_id() {
                Some(sender) => message::COLUMN.sender_id.eq(sender),
                None => message::COLUMN.sender_id.is_null(),
            })
            .filter(message::COLUMN.send_at.is_not_null());
        let key = [message::Column::SendAt, message::Column::Id]
            .map(|column| Expr::col((message::Entity, column)));
        let rows = page
            .seek(planned, key, Order::Asc)
            .find_also_related(user::Entity)
            .all(app(ctx).db.read())
            .await?;
        let key = |(row, _): &(message::Model, _)| (row.send_at.unwrap_or(row.created_at), row.id);
        Ok(Some(connection(page.slice(rows), key, Message::from)))
    }
}

/// Which message.
#[derive(InputObject)]
pub struct CancelMessageInput {
    /// The message, which is still to be sent.
    message_id: ID,
}

/// What is left of the message.
#[derive(SimpleObject)]
pub struct CancelMessagePayload {
    /// The id that the message had.
    message_id: ID,
}

#[derive(Default)]
pub struct PlannedMutation;

#[Object]
impl PlannedMutation {
    /// Cancels a message that the viewer has planned (ADMIN: any message): it is deleted. CONFLICT
    /// if it has been sent.
    async fn cancel_message(
        &self,
        ctx: &Context<'_>,
        input: CancelMessageInput,
    ) -> Result<Option<CancelMessagePayload>> {
        let cancelled = planned::cancel(app(ctx), actor(ctx)?, &input.message_id).await?;
        Ok(Some(CancelMessagePayload { message_id: id::encode(cancelled).into() }))
    }
}
