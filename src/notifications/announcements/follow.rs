//! An author watches the read rate of an announcement climb (X6).

use std::{
    slice,
    sync::{Arc, Mutex, PoisonError},
};

use ::entity::{announcement, id::AnnouncementId};
use sea_orm::{EntityTrait, Iterable, QuerySelect, sea_query::Expr};
use tokio_stream::Stream;

use super::recipient_counts;
use crate::{
    app::App,
    db::Topic,
    error::{Error, Result},
    inbox::live::{self, Outlet},
};

/// Its recipients, and its position when they were counted.
type Counted = Option<(Option<i64>, i64)>;

/// Tells how far an announcement has been read, and how many recipients it has: at once, and then
/// whenever that changes, at most once a second. The announcement's body is empty.
///
/// The recipients are counted when this begins, and when it is published meanwhile: counting them
/// takes a pass over all inboxes.
pub fn follow(
    app: App,
    outlet: Outlet,
    announcement: AnnouncementId,
) -> impl Stream<Item = Result<(announcement::Model, i64)>> {
    let counted: Arc<Mutex<Counted>> = Arc::default();
    let hints = app.live.hints(Topic::AnnouncementReading(announcement));
    live::readings(hints, outlet, move || {
        let (app, counted) = (app.clone(), counted.clone());
        async move {
            use announcement::{Column, Entity};
            let columns = Column::iter().filter(|column| !matches!(column, Column::Body));
            // Needs no scope: anyone who follows may see it.
            let row = Entity::find_by_id(announcement).select_only().columns(columns);
            let row = row.expr_as(Expr::val(""), "body").one(app.db.read()).await?;
            let row = row.ok_or(Error::NotFound("announcement"))?;
            let known = *counted.lock().unwrap_or_else(PoisonError::into_inner);
            let recipients = match known {
                Some((position, recipients)) if position == row.position => recipients,
                _ => recipients(&app, &row).await?,
            };
            *counted.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((row.position, recipients));
            let reading = (recipients, row.seen_count, row.read_count);
            Ok(((row, recipients), reading))
        }
    })
}

/// How many people a published announcement reached; there are none before.
async fn recipients(app: &App, row: &announcement::Model) -> Result<i64> {
    if row.position.is_none() {
        return Ok(0);
    }
    let counts = recipient_counts(&app.db, slice::from_ref(row)).await?;
    Ok(counts.get(&row.id).copied().unwrap_or(0))
}
