//! Times in the JSON of hot rows, as both databases write them: RFC 3339. chrono's own
//! deserializer, which a column has without this, accepts more and takes four times as long.

use std::fmt;

use sea_orm::prelude::{DateTimeUtc, DateTimeWithTimeZone};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

struct Moment(DateTimeUtc);

/// A time that is always there.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTimeUtc, D::Error> {
    Moment::deserialize(deserializer).map(|moment| moment.0)
}

/// A time that may be NULL.
pub mod nullable {
    use super::*;

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTimeUtc>, D::Error> {
        Ok(Option::<Moment>::deserialize(deserializer)?.map(|moment| moment.0))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Moment;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a time")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
        let moment = DateTimeWithTimeZone::parse_from_rfc3339(text).map(|time| time.to_utc());
        // RFC 3339 has no years after 9999.
        moment.or_else(|_| text.parse()).map(Moment).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::{IntoDeserializer, value};

    use super::*;

    #[test]
    fn a_time_is_read_as_either_database_writes_it() {
        let read = |text: &str| {
            deserialize::<value::StrDeserializer<value::Error>>(text.into_deserializer())
        };
        for text in [
            "2026-11-28T12:34:56.123456+00:00",
            "2026-11-28T14:04:56.123456+01:30",
            "2026-11-28T12:34:56.123456Z",
        ] {
            assert_eq!(read(text).unwrap().timestamp_micros(), 1_795_869_296_123_456, "{text}");
        }
        assert_eq!(read("+12026-11-28T12:34:56+00:00").unwrap().timestamp(), 317_365_389_296);
        assert!(read("tomorrow").is_err());
    }
}
