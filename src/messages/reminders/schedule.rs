//! The dates of a reminder (M11): in equal steps from its beginning, and the last one always at the
//! expiry.
//!
//! Each date is counted from the beginning and not from the date before, so shifts do not add up:
//! daily at 02:30 is at 03:30 on the day that has no 02:30, and at 02:30 again on the next; the
//! 31st is the 28th in February and the 31st in March.

use chrono::{DateTime, Datelike, Days, Months, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::config::{Step, Unit};

const DAYS_OF_A_WEEK: u64 = 7;
const LAST_YEAR: i32 = 9999;

/// When a message reminds.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// The time that the dates are counted from; it is not one of them.
    pub since: DateTime<Utc>,
    pub step: Step,
    /// The zone on whose wall clock days, weeks and months are counted. Hours are hours.
    pub zone: Tz,
    /// The last date, if there is one.
    pub expiry: Option<DateTime<Utc>>,
}

impl Schedule {
    /// The first date after a time; None if the last one has passed.
    pub fn after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let step = self.step_after(time);
        match self.expiry {
            None => step,
            Some(expiry) if expiry <= time => None,
            Some(expiry) => Some(step.map_or(expiry, |step| step.min(expiry))),
        }
    }

    /// All dates after a time.
    pub fn dates(&self, time: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(self.after(time), |date| self.after(*date))
    }

    /// The first of the equal steps after a time: found by bisection, since a server may have been
    /// down for years.
    fn step_after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let is_over = |nth: u32| self.nth(nth).is_some_and(|date| date <= time);
        let mut over = 0;
        let mut ahead = 1;
        while is_over(ahead) {
            over = ahead;
            ahead = ahead.checked_mul(2)?;
        }
        while ahead - over > 1 {
            let middle = over + (ahead - over) / 2;
            if is_over(middle) {
                over = middle;
            } else {
                ahead = middle;
            }
        }
        self.nth(ahead)
    }

    /// None beyond the year 9999, as for times from clients.
    fn nth(&self, nth: u32) -> Option<DateTime<Utc>> {
        self.nth_of_calendar(nth).filter(|date| date.year() <= LAST_YEAR)
    }

    fn nth_of_calendar(&self, nth: u32) -> Option<DateTime<Utc>> {
        let count = u64::from(nth) * u64::from(self.step.count);
        if self.step.unit == Unit::Hour {
            return self.since.checked_add_signed(TimeDelta::try_hours(count.try_into().ok()?)?);
        }
        let since = self.zone.from_utc_datetime(&self.since.naive_utc()).naive_local();
        let local = match self.step.unit {
            Unit::Month => since.checked_add_months(Months::new(count.try_into().ok()?))?,
            Unit::Week => since.checked_add_days(Days::new(count * DAYS_OF_A_WEEK))?,
            Unit::Day | Unit::Hour => since.checked_add_days(Days::new(count))?,
        };
        self.resolve(local)
    }

    /// The moment of a time on the wall clock: the first one if the time occurs twice; a time that
    /// is skipped is as much later as the clock was put forward.
    fn resolve(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        if let Some(time) = self.zone.from_local_datetime(&local).earliest() {
            return Some(time.to_utc());
        }
        let before =
            self.zone.offset_from_local_datetime(&(local - TimeDelta::days(1))).earliest()?;
        Some((local - before.fix()).and_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(since: &str, step: &str, zone: Tz, expiry: Option<&str>) -> Schedule {
        let time = |text: &str| text.parse().unwrap();
        Schedule { since: time(since), step: step.parse().unwrap(), zone, expiry: expiry.map(time) }
    }

    /// All dates, as the wall clock shows them.
    fn local(schedule: &Schedule) -> Vec<String> {
        let show = |date: DateTime<Utc>| {
            date.with_timezone(&schedule.zone).format("%m-%d %H:%M").to_string()
        };
        schedule.dates(schedule.since).take(400).map(show).collect()
    }

    #[test]
    fn the_dates_of_the_source_model_are_reproduced() {
        let weekly =
            schedule("2015-09-14T09:00:00Z", "1 week", Tz::UTC, Some("2015-10-05T09:00:00Z"));
        assert_eq!(local(&weekly), ["09-21 09:00", "09-28 09:00", "10-05 09:00"]);
    }

    #[test]
    fn the_last_date_is_the_expiry_also_where_the_steps_miss_it() {
        let weekly =
            schedule("2015-09-14T09:00:00Z", "1 week", Tz::UTC, Some("2015-09-30T17:00:00Z"));
        assert_eq!(local(&weekly), ["09-21 09:00", "09-28 09:00", "09-30 17:00"]);
        let short =
            schedule("2015-09-14T09:00:00Z", "1 week", Tz::UTC, Some("2015-09-15T09:00:00Z"));
        assert_eq!(local(&short), ["09-15 09:00"]);
    }

    /// From January to January, across both changes of the clock.
    #[test]
    fn nine_in_the_morning_stays_nine_in_the_morning() {
        for (zone, since) in [
            (Tz::Europe__Paris, "2026-01-01T08:00:00Z"),
            (Tz::America__New_York, "2026-01-01T14:00:00Z"),
        ] {
            let dates = local(&schedule(since, "1 day", zone, None));
            assert!(dates.iter().all(|date| date.ends_with(" 09:00")), "{zone}");
            let days: std::collections::HashSet<_> = dates[..364].iter().collect();
            assert_eq!(days.len(), 364);
        }
    }

    #[test]
    fn hours_are_hours_whatever_the_wall_clock_does() {
        let since = "2026-03-28T12:00:00Z";
        let dates: Vec<_> = schedule(since, "12 hours", Tz::Europe__Paris, None)
            .dates(since.parse().unwrap())
            .take(3)
            .collect();
        assert!(dates.windows(2).all(|pair| pair[1] - pair[0] == TimeDelta::hours(12)));
    }

    #[test]
    fn a_time_that_is_left_out_is_moved_on_its_day_only() {
        // On 29 March 2026 the clock goes from 02:00 to 03:00 in Paris.
        let daily = schedule("2026-03-27T01:30:00Z", "1 day", Tz::Europe__Paris, None);
        assert_eq!(local(&daily)[..3], ["03-28 02:30", "03-29 03:30", "03-30 02:30"]);
    }

    #[test]
    fn a_time_that_is_there_twice_reminds_once() {
        // On 25 October 2026 the clock goes from 03:00 back to 02:00 in Paris.
        let daily = schedule("2026-10-23T00:30:00Z", "1 day", Tz::Europe__Paris, None);
        let dates: Vec<_> = daily.dates(daily.since).take(3).collect();
        let expected = ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
        assert_eq!(dates, expected.map(|date| date.parse::<DateTime<Utc>>().unwrap()));
    }

    /// Samoa had no 30 December 2011.
    #[test]
    fn a_day_that_is_left_out_reminds_nobody_twice() {
        let daily = schedule("2011-12-28T19:00:00Z", "1 day", Tz::Pacific__Apia, None);
        assert_eq!(local(&daily)[..3], ["12-29 09:00", "12-31 09:00", "01-01 09:00"]);
    }

    #[test]
    fn the_last_of_a_month_stays_the_last_of_a_month() {
        let monthly = schedule("2026-01-31T09:00:00Z", "1 month", Tz::UTC, None);
        assert_eq!(local(&monthly)[..3], ["02-28 09:00", "03-31 09:00", "04-30 09:00"]);
    }

    #[test]
    fn after_years_of_downtime_the_next_date_is_the_next_date() {
        let hourly = schedule("2000-01-01T00:00:00Z", "1 hour", Tz::UTC, None);
        assert_eq!(
            hourly.after("2026-07-01T10:15:00Z".parse().unwrap()),
            "2026-07-01T11:00:00Z".parse().ok()
        );
    }

    #[test]
    fn beyond_the_calendar_there_are_no_dates() {
        let late = schedule("9999-10-30T00:00:00Z", "1 month", Tz::UTC, None);
        assert_eq!(local(&late), ["11-30 00:00", "12-30 00:00"]);
    }
}
