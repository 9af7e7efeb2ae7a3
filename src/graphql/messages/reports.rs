//! `readReport`, and how far a message has been read, live and over time.

use ::entity::id::AudienceId;
use async_graphql::{Context, ID, Object, SelectionField, SimpleObject, Subscription};
use chrono::{DateTime, Utc};
use futures_util::future::Either;
use tokio_stream::{Stream, StreamExt};

use super::{
    message::Message,
    recipients::{Audience, MessageAudience, ReadStats, may_see_reading},
};
use crate::{
    error::{Error, Result},
    graphql::{
        actor, app, loader,
        loaders::VisibleReportRow,
        outlet,
        paging::{Paged, columns, connection, page},
    },
    id::{self, Kind},
    messages::{
        self,
        reports::{self, Point, ReadReportFilter, ReadReportOrder, Row},
    },
    notifications::announcements,
};

/// How far one address of a message has been read.
pub struct ReadReportRow(pub Row);

/// How far one address of a message has been read.
#[Object(serial)]
impl ReadReportRow {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::encode(self.0.audience.id).into()
    }

    /// The message.
    async fn message(&self, ctx: &Context<'_>) -> Result<Message> {
        if !has_below(ctx.field(), &["body", "sender"]) {
            return Ok(Message { row: self.0.message.clone().into(), sender: None });
        }
        Message::find(ctx, self.0.message.id).await?.ok_or(Error::NotFound("message"))
    }

    /// The person or group that it was addressed to.
    async fn sent_to(&self, ctx: &Context<'_>) -> Result<MessageAudience> {
        Ok(MessageAudience {
            number: self.0.audience.id,
            audience: Audience::of(self.0.user.clone(), self.0.group.clone()),
            name: self.0.audience.name.clone(),
            read_stats: Some(self.stats(ctx)?),
        })
    }

    /// When it was sent.
    async fn sent_at(&self) -> DateTime<Utc> {
        self.0.message.created_at
    }

    /// How far it has been read.
    async fn read_stats(&self, ctx: &Context<'_>) -> Result<ReadStats> {
        self.stats(ctx)
    }
}

impl ReadReportRow {
    /// The row of this address, if the caller has such a report.
    pub async fn find(ctx: &Context<'_>, id: AudienceId) -> Result<Option<Self>> {
        let key = VisibleReportRow(actor(ctx)?.reader(), id);
        Ok(loader(ctx).load_one(key).await?.map(ReadReportRow))
    }

    fn stats(&self, ctx: &Context<'_>) -> Result<ReadStats> {
        Ok(ReadStats::of_audience(&self.0.audience, reports::may_see_names(app(ctx), actor(ctx)?)))
    }
}

/// Fields of rows, of their messages and of statistics for which `Columns::Listed` are enough,
/// whichever of these they are selected on.
const LISTED: &[&str] = &[
    // Rows and messages.
    "createdAt",
    "id",
    "message",
    "name",
    "readStats",
    "sentAt",
    "sentTo",
    "subject",
    // Statistics.
    "firstReadAt",
    "lastReadAt",
    "readCount",
    "readRate",
    "recipientCount",
    "seenCount",
];

/// Whether one of these fields is selected below a field. The report reads no bodies, which can be
/// large, and no senders.
fn has_below(field: SelectionField<'_>, names: &[&str]) -> bool {
    field.selection_set().any(|field| names.contains(&field.name()) || has_below(field, names))
}

/// How many people had read a message by the end of an interval.
#[derive(SimpleObject)]
pub struct ReadTimelinePoint {
    /// When the interval begins.
    at: DateTime<Utc>,
    /// How many people had read it by the end of the interval.
    read_count: i32,
    /// `readCount` divided by the message's `recipientCount`, between 0 and 1.
    read_rate: f64,
}

impl ReadTimelinePoint {
    pub fn of(point: Point, recipients: i32) -> Self {
        let read_rate = point.read_count as f64 / f64::from(recipients.max(1));
        ReadTimelinePoint { at: point.at, read_count: point.read_count as i32, read_rate }
    }
}

#[derive(Default)]
pub struct ReportQuery;

#[Object]
impl ReportQuery {
    /// How far the viewer's messages have been read: one row for each message and address. ADMIN:
    /// of all messages. A service that acts for nobody: of the system's messages.
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
    async fn read_report(
        &self,
        ctx: &Context<'_>,
        filter: Option<ReadReportFilter>,
        #[graphql(default)] order_by: ReadReportOrder,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<ReadReportRow>>> {
        let page = page::<reports::Key>((first, after, last, before))?;
        let (filter, columns) = (filter.unwrap_or_default(), columns(ctx.field(), LISTED));
        let found = reports::page(app(ctx), actor(ctx)?, &filter, order_by, &page, columns).await?;
        Ok(Some(connection(found, |row: &Row| row.key, ReadReportRow)))
    }
}

#[derive(Default)]
pub struct ReportSubscription;

#[Subscription]
impl ReportSubscription {
    /// How far a message or an announcement has been read: the current state at once, then again
    /// whenever it changes, at most once a second. For its sender or author and ADMIN, and SERVICE
    /// for announcements and for the system's messages. The recipients of an announcement are
    /// counted when this begins, and when it is published.
    async fn read_stats_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the message or announcement.")] id: ID,
    ) -> Result<impl Stream<Item = Result<ReadStats>> + use<>> {
        let (app, actor) = (app(ctx).clone(), actor(ctx)?);
        if let Ok(id) = id::decode(&id) {
            let (announced, _) = announcements::find(&app, actor, id).await?;
            if !actor.is_host() && !may_see_reading(actor, announced.author_id) {
                return Err(Error::NotFound(Kind::Announcement.noun()));
            }
            let stats =
                announcements::follow(app, outlet(ctx)?, id).map(|known| -> Result<ReadStats> {
                    let (row, recipients) = known?;
                    Ok(ReadStats::of_announcement(&row, recipients))
                });
            return Ok(Either::Left(stats));
        }
        let (message, _) = messages::find(&app, actor, id::decode(&id)?).await?;
        if !may_see_reading(actor, message.sender_id) {
            return Err(Error::NotFound(Kind::Message.noun()));
        }
        let with_names = reports::may_see_names(&app, actor);
        let stats = reports::follow(app, outlet(ctx)?, message.id)
            .map(move |row| -> Result<ReadStats> { Ok(ReadStats::of_message(&row?, with_names)) });
        Ok(Either::Right(stats))
    }
}
