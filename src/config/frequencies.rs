//! How often a message can remind: names, and the steps that they stand for.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

const LONGEST_NAME: usize = 50;
const MOST_UNITS: u16 = 1_000;

/// The names that senders choose from. `daily` and `weekly` always exist; the settings can add
/// names or redefine these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Frequencies(BTreeMap<String, Step>);

/// The time from one date to the next, such as `2 weeks`. Days, weeks and months follow the local
/// clock; hours do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub count: u16,
    pub unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Hour,
    Day,
    Week,
    Month,
}

/// Each is one word: an older server takes a step for its own if it ends in a space and a unit that
/// it knows (`messages::reminders`). It would take `5 business days`, and could not read it; it
/// leaves `5 weekdays` to newer servers.
const UNITS: [(&str, Unit); 4] =
    [("hour", Unit::Hour), ("day", Unit::Day), ("week", Unit::Week), ("month", Unit::Month)];

impl Frequencies {
    pub fn step(&self, name: &str) -> Option<Step> {
        self.0.get(name).copied()
    }

    /// In alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Default for Frequencies {
    fn default() -> Self {
        let every = |unit| Step { count: 1, unit };
        Frequencies(BTreeMap::from([
            ("daily".into(), every(Unit::Day)),
            ("weekly".into(), every(Unit::Week)),
        ]))
    }
}

impl<'de> Deserialize<'de> for Frequencies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut all = Self::default();
        for (name, step) in BTreeMap::<String, Step>::deserialize(deserializer)? {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_plain) {
                let rule = format!("of 1 to {LONGEST_NAME} letters, digits, - and _");
                return Err(D::Error::custom(format!("“{name}” is no name {rule}")));
            }
            all.0.insert(name, step);
        }
        Ok(all)
    }
}

/// A step that the settings may have.
impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let step: Step = String::deserialize(deserializer)?.parse().map_err(D::Error::custom)?;
        match step.count > MOST_UNITS {
            true => Err(D::Error::custom(format!("“{step}” is more than {MOST_UNITS}"))),
            false => Ok(step),
        }
    }
}

impl Step {
    /// The units that this version of the server knows, singular and plural. A later version may
    /// know more.
    pub fn units() -> impl Iterator<Item = String> {
        UNITS.into_iter().flat_map(|(name, _)| [name.to_owned(), format!("{name}s")])
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("“{text}” must look like 12 hours, 1 day, 2 weeks or 3 months");
        let (count, unit) = text.trim().split_once(' ').ok_or_else(refuse)?;
        let count = count.parse().ok().filter(|count| *count > 0).ok_or_else(refuse)?;
        let unit = unit.trim_start();
        let unit = unit.strip_suffix('s').unwrap_or(unit);
        let (_, unit) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
        Ok(Step { count, unit })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = UNITS.iter().find(|(_, unit)| *unit == self.unit).map_or("", |(name, _)| name);
        write!(f, "{} {name}{}", self.count, if self.count == 1 { "" } else { "s" })
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_as_they_are_written() {
        for text in ["1 day", "2 weeks", "12 hours", "1 month"] {
            assert_eq!(text.parse::<Step>().unwrap().to_string(), text);
        }
        for text in ["", "day", "0 days", "-1 days", "65536 days", "1 year", "1.5 days", "1day"] {
            assert!(text.parse::<Step>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_settings_add_to_daily_and_weekly() {
        let read = |json: serde_json::Value| serde_json::from_value::<Frequencies>(json);
        let all = read(serde_json::json!({"monthly": "1 month", "weekly": "7 days"})).unwrap();
        assert_eq!(all.names().collect::<Vec<_>>(), ["daily", "monthly", "weekly"]);
        assert_eq!(all.step("weekly"), Some(Step { count: 7, unit: Unit::Day }));
        let why = read(serde_json::json!({"often": "1 moment"})).unwrap_err().to_string();
        assert!(why.starts_with("“1 moment”"), "{why}");
        assert!(read(serde_json::json!({"two words": "1 day"})).is_err());
        assert!(read(serde_json::json!({"rarely": "1000 days"})).is_ok());
        assert!(read(serde_json::json!({"never": "1001 days"})).is_err());
    }
}
