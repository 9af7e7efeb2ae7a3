//! When people read a message: a curve of how many had read it, by the hour, day or week.

use ::entity::message;
use async_graphql::Enum;
use chrono::{DateTime, Datelike, Days, NaiveDateTime, NaiveTime, Utc};
use sea_orm::FromQueryResult;

use crate::{
    app::App,
    error::{Error, Result},
};

/// The most points of a curve.
pub const MOST_POINTS: i32 = 500;

/// The length of an interval of the timeline. Intervals are in UTC; a week begins on Monday.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(name = "TimelineInterval")]
pub enum Interval {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week.
    Week,
}

impl Interval {
    fn hours(self) -> i64 {
        match self {
            Interval::Hour => 1,
            Interval::Day => 24,
            Interval::Week => 7 * 24,
        }
    }
}

/// How many people had read by the end of an interval.
pub struct Point {
    /// When the interval begins.
    pub at: DateTime<Utc>,
    pub read_count: i64,
}

/// The intervals in which people read a message for the first time, each person once; the `last`
/// ones. Points that nobody asks for are not fetched.
pub async fn timeline(
    app: &App,
    message: &message::Model,
    interval: Interval,
    last: i32,
) -> Result<Vec<Point>> {
    #[derive(FromQueryResult)]
    struct ByHour {
        hour: String,
        /// How many had read by its end.
        readers: i64,
    }
    let mut sql = app.db.sql("timeline::by_hour");
    let (message, hour) = (sql.bind(message.id), sql.dialect().hour("r.read_at"));
    let most = sql.bind(i64::from(last) * interval.hours());
    sql.push(format!(
        "SELECT hour, CAST(sum(readers) OVER (ORDER BY hour) AS bigint) AS readers \
         FROM (SELECT {hour} AS hour, count(*) AS readers \
         FROM (SELECT min(read_at) AS read_at FROM message_recipient \
         WHERE message_id = {message} AND read_at IS NOT NULL GROUP BY user_id) AS r \
         GROUP BY 1) AS h ORDER BY hour DESC LIMIT {most}"
    ));
    let mut points: Vec<Point> = Vec::new();
    let newest_first: Vec<ByHour> = sql.all(app.db.read()).await?;
    for ByHour { hour, readers: read_count } in newest_first.into_iter().rev() {
        let at =
            begin(&hour, interval).ok_or_else(|| Error::internal(format!("{hour} is no hour")))?;
        match points.last_mut() {
            Some(point) if point.at == at => point.read_count = read_count,
            _ => points.push(Point { at, read_count }),
        }
    }
    Ok(points.split_off(points.len().saturating_sub(last as usize)))
}

/// The beginning of the interval that contains this hour, given as `2026-01-05T09`.
fn begin(hour: &str, interval: Interval) -> Option<DateTime<Utc>> {
    let hour = NaiveDateTime::parse_from_str(&format!("{hour}:00"), "%Y-%m-%dT%H:%M").ok()?;
    let begin = match interval {
        Interval::Hour => hour,
        Interval::Day => hour.date().and_time(NaiveTime::MIN),
        Interval::Week => {
            let since_monday = Days::new(hour.weekday().num_days_from_monday().into());
            hour.date().checked_sub_days(since_monday)?.and_time(NaiveTime::MIN)
        }
    };
    Some(begin.and_utc())
}
