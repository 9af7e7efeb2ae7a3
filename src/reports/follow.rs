//! A sender watches the read rate of a message climb (X6).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::entity::message;
use sea_orm::EntityTrait;
use tokio::time::{Instant, sleep_until};
use tokio_stream::Stream;

use crate::{
    app::App,
    db::Topic,
    error::{Error, Result},
    live::{self, Start},
};

/// Many read within the same second; one state for all of them is enough.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// What was shown last, and when.
type Last = Option<(message::Model, Instant)>;

/// The state of a message's reading at once, and then whenever it has changed, at most once a second.
pub fn follow(app: App, message: i64) -> impl Stream<Item = Result<message::Model>> {
    let last: Arc<Mutex<Last>> = Arc::default();
    live::steps(app.clone(), Topic::Reading(message), Start::Now, move |start| {
        let (app, last) = (app.clone(), last.clone());
        async move {
            let before = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((_, shown)) = &before {
                sleep_until(*shown + AT_MOST_EVERY).await;
            }
            // Needs no scope: who follows may see it.
            let row = message::Entity::find_by_id(message).one(app.db.read()).await?;
            let row = row.ok_or(Error::NotFound("message"))?;
            let is_news = before.is_none_or(|(before, _)| reading(&before) != reading(&row));
            if is_news {
                *last.lock().unwrap_or_else(PoisonError::into_inner) = Some((row.clone(), Instant::now()));
            }
            Ok((row, start, is_news))
        }
    })
}

fn reading(row: &message::Model) -> (i32, i32, i32) {
    (row.recipient_count, row.seen_count, row.read_count)
}
