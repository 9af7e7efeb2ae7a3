//! A sender watches the read rate of a message climb (X6).

use ::entity::{id::MessageId, message};
use sea_orm::{EntityTrait, Iterable, QuerySelect, sea_query::Expr};
use tokio_stream::Stream;

use crate::{
    app::App,
    db::Topic,
    error::{Error, Result},
    inbox::live::{self, Outlet},
};

/// Tells how far a message has been read: at once, and then whenever that changes, at most once a
/// second. The message's body is empty.
pub fn follow(
    app: App,
    outlet: Outlet,
    message: MessageId,
) -> impl Stream<Item = Result<message::Model>> {
    let hints = app.live.hints(Topic::Reading(message));
    live::readings(hints, outlet, move || {
        let app = app.clone();
        async move {
            let columns =
                message::Column::iter().filter(|column| !matches!(column, message::Column::Body));
            // Needs no scope: anyone who follows may see it.
            let row = message::Entity::find_by_id(message).select_only().columns(columns);
            let row = row.expr_as(Expr::val(""), "body").one(app.db.read()).await?;
            let row = row.ok_or(Error::NotFound("message"))?;
            let reading = (row.recipient_count.into(), row.seen_count, row.read_count);
            Ok((row, reading))
        }
    })
}
