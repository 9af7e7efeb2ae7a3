//! The report as comma-separated values (RFC 4180), page by page: a report of any size needs the
//! memory of one page.

use chrono::{DateTime, Utc};
use futures_util::{Stream, stream};

use super::{ReadReportFilter, ReadReportOrder, Row, may_see_names, may_see_times, page};
use crate::{
    app::App,
    auth::Actor,
    error::{Error, Result},
    id,
    inbox::Columns,
    page::Page,
    people::deactivation,
};

const HEAD: &str = "message_id,subject,sent_to,sent_at,recipient_count,seen_count,read_count,\
    read_rate,read_percent,first_read_at,last_read_at\r\n";
const PAGE: u64 = 500;

/// The lines of the report, a page at a time, the first one with the header. Each page checks again
/// that the actor still has access and that the token is still valid.
pub fn lines(
    app: App,
    actor: Actor,
    filter: ReadReportFilter,
    order: ReadReportOrder,
) -> impl Stream<Item = Result<String>> {
    let start = Page { after: None, before: None, limit: PAGE, backwards: false };
    stream::try_unfold(Some(start), move |next| {
        let (app, actor, filter) = (app.clone(), actor.clone(), filter.clone());
        async move {
            let Some(place) = next else { return Ok(None) };
            if actor.expires <= app.clock.now() {
                return Err(Error::TokenExpired);
            }
            deactivation::check_active(&app, &actor).await?;
            let found = page(&app, &actor, &filter, order, &place, Columns::Listed).await?;
            let with_names = may_see_names(&app, &actor);
            let mut text = if place.after.is_none() { HEAD.to_owned() } else { String::new() };
            found.rows.iter().for_each(|row| text.push_str(&line(row, with_names)));
            let last = found.rows.last().filter(|_| found.has_next);
            let next = last.map(|row| Page { after: Some(row.key), ..place });
            Ok(Some((text, next)))
        }
    })
}

fn line(row: &Row, with_names: bool) -> String {
    let counts = &row.audience;
    let rate = f64::from(counts.read_count) / f64::from(counts.recipient_count.max(1));
    let with_times = may_see_times(with_names, counts.recipient_count);
    let time = |time: Option<DateTime<Utc>>| {
        time.filter(|_| with_times).map_or_else(String::new, |time| time.to_rfc3339())
    };
    let cells = [
        id::encode(row.message.id),
        cell(&row.message.subject),
        cell(&counts.name),
        row.message.created_at.to_rfc3339(),
        counts.recipient_count.to_string(),
        counts.seen_count.to_string(),
        counts.read_count.to_string(),
        rate.to_string(),
        format!("{:.1}", rate * 100.0),
        time(counts.first_read_at),
        time(counts.last_read_at),
    ];
    cells.join(",") + "\r\n"
}

/// Text that somebody wrote. A spreadsheet would take some of it for a formula and run it: an
/// apostrophe prevents that.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains(['"', ',', '\r', '\n']) || !guard.is_empty() {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_cannot_be_formulas() {
        for (text, written) in [
            ("plain – text", "plain – text"),
            ("a, b", "\"a, b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("-2+3", "\"'-2+3\""),
            ("+x,\"y\"", "\"'+x,\"\"y\"\"\""),
            ("\ttab", "\"'\ttab\""),
        ] {
            assert_eq!(cell(text), written);
        }
    }
}
