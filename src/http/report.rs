//! `GET /reports/read-rate.csv`: the report of `readReport` as a file, for the same people and with
//! the same filters.

use axum::{
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use serde::Deserialize;

use super::{Http, accept::Format, actor, graphql::Refusal};
use crate::{
    auth::NEEDS_TOKEN,
    error::{Error, Result},
    messages::{
        AudienceRef,
        reports::{self, ReadReportFilter, ReadReportOrder},
    },
    people::{groups::GroupRef, users::UserRef},
};

/// The filters, named as in GraphQL; people and groups are identified by their external ids.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    sender: Option<String>,
    message_id: Option<String>,
    sent_to_user: Option<String>,
    sent_to_group: Option<String>,
    sent_from: Option<DateTime<Utc>>,
    sent_before: Option<DateTime<Utc>>,
    max_read_rate: Option<f64>,
    is_reply: Option<bool>,
    order_by: Option<String>,
}

pub async fn read_rate(State(http): State<Http>, headers: HeaderMap, uri: Uri) -> Response {
    match respond(&http, &headers, &uri).await {
        Ok(response) => response,
        Err(error) => Refusal::from(error).respond(Format::Json),
    }
}

async fn respond(http: &Http, headers: &HeaderMap, uri: &Uri) -> Result<Response> {
    let actor = actor(&http.app, headers).await?;
    let actor = actor.ok_or(NEEDS_TOKEN)?;
    let parameters = Query::<Parameters>::try_from_uri(uri);
    let Query(parameters) =
        parameters.map_err(|refusal| Error::invalid("query", refusal.body_text()))?;
    let (filter, order) = parameters.read()?;
    let mut pages = Box::pin(reports::lines(http.app.clone(), actor, filter, order));
    // The first page is read before the answer begins: an error shows there, and can still be
    // answered as one.
    let first = pages.next().await.transpose()?.unwrap_or_default();
    let rest = pages.map(|page| {
        page.map_err(|error| {
            tracing::warn!(?error, "a report was cut off");
            std::io::Error::other("the report was cut off")
        })
    });
    let body = futures_util::stream::once(async move { Ok(first) }).chain(rest);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"read-rate.csv\""),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((
        headers.map(|(name, value)| (name, HeaderValue::from_static(value))),
        Body::from_stream(body),
    )
        .into_response())
}

impl Parameters {
    fn read(self) -> Result<(ReadReportFilter, ReadReportOrder)> {
        let order = match self.order_by.as_deref() {
            None | Some("NEWEST_FIRST") => ReadReportOrder::NewestFirst,
            Some("OLDEST_FIRST") => ReadReportOrder::OldestFirst,
            Some("LOWEST_RATE_FIRST") => ReadReportOrder::LowestRateFirst,
            Some("HIGHEST_RATE_FIRST") => ReadReportOrder::HighestRateFirst,
            Some(_) => {
                return Err(Error::invalid(
                    "orderBy",
                    "must be an order of readReport, such as NEWEST_FIRST",
                ));
            }
        };
        let sent_to = match (self.sent_to_user, self.sent_to_group) {
            (Some(_), Some(_)) => return Err(Error::invalid("sentToGroup", "excludes sentToUser")),
            (Some(user), None) => Some(AudienceRef::User(UserRef::ExternalId(user))),
            (None, group) => group.map(|group| AudienceRef::Group(GroupRef::ExternalId(group))),
        };
        let filter = ReadReportFilter {
            sender: self.sender.map(UserRef::ExternalId),
            message_id: self.message_id.map(Into::into),
            sent_to,
            sent_from: self.sent_from,
            sent_before: self.sent_before,
            max_read_rate: self.max_read_rate,
            is_reply: self.is_reply,
        };
        Ok((filter, order))
    }
}
