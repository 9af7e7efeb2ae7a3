//! The file of settings, with the line of everything in it.

use std::path::Path;

use config::{Map, Value, ValueKind};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::place::Place;
use crate::error::{Error, Result};

pub struct Tables {
    pub values: Map<String, Value>,
    /// By name, `catalog.actions.like.label`, in the order of the file; tables have lines, too.
    pub lines: Vec<(String, usize)>,
}

impl Tables {
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        let line_ends: Vec<_> = text.match_indices('\n').map(|(at, _)| at).collect();
        let line_of = |at: usize| 1 + line_ends.partition_point(|end| *end < at);
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(span.start));
            let place = Place::Line { file: file.to_owned(), line };
            Error::invalid(place.to_string(), error.message())
        })?;
        let mut lines = Vec::new();
        let values = values_of(table.into_inner(), "", &mut |name, at| {
            lines.push((name, line_of(at)));
        });
        Ok(Tables { values, lines })
    }
}

fn values_of(
    table: DeTable,
    above: &str,
    found: &mut impl FnMut(String, usize),
) -> Map<String, Value> {
    let mut values = Map::new();
    for (key, value) in table {
        let (at, key) = (key.span().start, key.into_inner());
        let name = match above {
            "" => key.to_string(),
            above => format!("{above}.{key}"),
        };
        found(name.clone(), at);
        values.insert(key.to_string(), value_of(value, &name, found));
    }
    values
}

fn value_of(value: Spanned<DeValue>, name: &str, found: &mut impl FnMut(String, usize)) -> Value {
    let kind: ValueKind = match value.into_inner() {
        DeValue::String(text) => text.into_owned().into(),
        DeValue::Boolean(yes) => yes.into(),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => number.into(),
            // Refused where a number is expected.
            Err(_) => number.as_str().into(),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) => number.into(),
            Err(_) => number.as_str().into(),
        },
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(items) => {
            let items = items.into_iter().map(|item| value_of(item, name, found));
            items.collect::<Vec<_>>().into()
        }
        DeValue::Table(table) => values_of(table, name, found).into(),
    };
    Value::new(None, kind)
}
