//! Times as people write them: `10s`, `500ms`, `365days`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The form of a duration, for `#[serde(with = "Time")]`; also for one that may be missing. A type
/// and not a module, because the schema needs one.
pub struct Time;

impl Time {
    pub fn serialize<T, S: Serializer>(time: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        for<'a> humantime_serde::Serde<&'a T>: Serialize,
    {
        humantime_serde::serialize(time, serializer)
    }

    pub fn deserialize<'de, T, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>
    where
        humantime_serde::Serde<T>: Deserialize<'de>,
    {
        humantime_serde::deserialize(deserializer)
    }
}

impl JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}
