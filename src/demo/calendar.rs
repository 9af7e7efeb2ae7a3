//! The working days before now.

use chrono::{DateTime, Datelike, Days, NaiveTime, TimeDelta, Utc, Weekday};

use super::story::At;

const OPENING: TimeDelta = TimeDelta::hours(8);
const WORKDAY: TimeDelta = TimeDelta::hours(9);
/// Today is part of the story once this much of the working day has passed. Earlier, its events
/// would have to be squeezed too much.
const BEGUN: TimeDelta = TimeDelta::hours(2);

/// Determines the times of the story.
pub struct Calendar {
    now: DateTime<Utc>,
    /// The newest working day.
    newest: DateTime<Utc>,
    /// How much of it has passed: its times move closer together until all of them are in the past.
    over: TimeDelta,
}

impl Calendar {
    pub fn new(now: DateTime<Utc>) -> Self {
        let today = midnight(now);
        let newest = if is_working(today) && now >= today + OPENING + BEGUN {
            today
        } else {
            working_before(today)
        };
        Calendar { now, newest, over: (now - newest - OPENING).min(WORKDAY) }
    }

    pub fn at(&self, At(days_ago, hour, minute): At) -> DateTime<Utc> {
        let day = (0..days_ago).fold(self.newest, |day, _| working_before(day));
        let open_for = TimeDelta::minutes(i64::from(hour) * 60 + i64::from(minute)) - OPENING;
        let open_for = match days_ago {
            0 => TimeDelta::seconds(
                open_for.num_seconds() * self.over.num_seconds() / WORKDAY.num_seconds(),
            ),
            _ => open_for,
        };
        day + OPENING + open_for
    }

    /// When the next day begins.
    pub fn tomorrow(&self) -> DateTime<Utc> {
        midnight(self.now) + Days::new(1) + OPENING
    }
}

fn midnight(time: DateTime<Utc>) -> DateTime<Utc> {
    time.date_naive().and_time(NaiveTime::MIN).and_utc()
}

fn is_working(day: DateTime<Utc>) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

fn working_before(day: DateTime<Utc>) -> DateTime<Utc> {
    let before = day - Days::new(1);
    if is_working(before) { before } else { working_before(before) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> DateTime<Utc> {
        time.parse().unwrap()
    }

    #[test]
    fn the_story_is_in_working_hours_and_over_by_now() {
        for now in [
            "2026-03-02T07:59:59Z",
            "2026-03-02T09:59:00Z",
            "2026-03-02T10:00:00Z",
            "2026-03-02T12:34:56Z",
            "2026-03-02T23:59:59Z",
            "2026-03-07T15:00:00Z",
            "2026-03-08T00:00:00Z",
        ]
        .map(at)
        {
            let calendar = Calendar::new(now);
            assert!(calendar.at(At(0, 17, 0)) <= now, "{now}");
            for day in 0..=14 {
                let (morning, evening) = (calendar.at(At(day, 8, 0)), calendar.at(At(day, 17, 0)));
                assert!(is_working(morning) && morning - midnight(morning) == OPENING, "{now}");
                assert!(morning < evening && evening <= morning + WORKDAY, "{now}");
            }
        }
    }

    #[test]
    fn the_newest_day_shrinks_to_what_is_over_of_it() {
        let calendar = Calendar::new(at("2026-03-02T12:30:00Z"));
        assert_eq!(calendar.at(At(0, 12, 30)), at("2026-03-02T10:15:00Z"));
        assert_eq!(calendar.at(At(1, 12, 30)), at("2026-02-27T12:30:00Z"));
    }
}
