//! A sender watches the read rate of a message climb (X6).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::entity::{id::MessageId, message};
use sea_orm::{EntityTrait, Iterable, QuerySelect, sea_query::Expr};
use tokio_stream::Stream;

use crate::{
    app::App,
    db::Topic,
    error::{Error, Result},
    inbox::live::{self, Outlet, Start, Step},
};

/// Many people read within the same second; one state for all of them is enough.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// The counts that were last shown.
type Last = Option<(i32, i32, i32)>;

/// Tells how far a message has been read: at once, and then whenever that changes, at most once a
/// second. The message's body is empty.
pub fn follow(
    app: App,
    outlet: Outlet,
    message: MessageId,
) -> impl Stream<Item = Result<message::Model>> {
    let last: Arc<Mutex<Last>> = Arc::default();
    let hints = app.live.hints(Topic::Reading(message));
    live::steps(hints, outlet, Start::Now, AT_MOST_EVERY, move |next| {
        let (app, last) = (app.clone(), last.clone());
        async move {
            let columns =
                message::Column::iter().filter(|column| !matches!(column, message::Column::Body));
            // Needs no scope: anyone who follows may see it.
            let row = message::Entity::find_by_id(message).select_only().columns(columns);
            let row = row.expr_as(Expr::val(""), "body").one(app.db.read()).await?;
            let update = row.ok_or(Error::NotFound("message"))?;
            let reading = Some((update.recipient_count, update.seen_count, update.read_count));
            let before = std::mem::replace(
                &mut *last.lock().unwrap_or_else(PoisonError::into_inner),
                reading,
            );
            Ok(Step { update, next, is_news: before != reading, size: 0 })
        }
    })
}
