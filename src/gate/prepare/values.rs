//! The values of a request: its variables, and the document's values with the variables inserted.

use std::collections::HashMap;

use async_graphql::{
    Name, Value, Variables,
    parser::types::{ExecutableDocument, Selection, SelectionSet},
};
use async_graphql_value::Value as DocumentValue;

use crate::config::Limits;

/// Each time a text exceeds this many bytes, it counts as one more value.
const BYTES_PER_VALUE: usize = 64;

/// The size of the values in a request.
pub struct Values<'a> {
    /// The sizes of the variables, or of their defaults if those are larger.
    variables: HashMap<&'a Name, u64>,
    /// The length of the longest list.
    pub longest: u64,
}

impl<'a> Values<'a> {
    pub fn of(document: &'a ExecutableDocument, variables: &'a Variables) -> Self {
        let sizes = variables.iter().map(|(name, value)| (name, size(value))).collect();
        let mut values = Values {
            variables: sizes,
            longest: variables.values().map(longest).max().unwrap_or(0),
        };
        let operations = document.operations.iter().map(|(_, operation)| operation);
        for operation in operations.clone() {
            for definition in &operation.node.variable_definitions {
                let Some(default) = definition.node.default_value() else { continue };
                let known = values.variables.entry(&definition.node.name.node).or_default();
                *known = size(default).max(*known);
                values.longest = values.longest.max(longest(default));
            }
        }
        let sets = operations.map(|operation| &operation.node.selection_set.node);
        for set in sets
            .chain(document.fragments.values().map(|fragment| &fragment.node.selection_set.node))
        {
            values.longest = values.longest.max(longest_in(set));
        }
        values
    }

    /// How many values a value consists of, with its variables expanded; long texts count as several.
    pub fn size_of(&self, value: &DocumentValue) -> u64 {
        match value {
            DocumentValue::Variable(name) => self.variables.get(name).copied().unwrap_or(1),
            DocumentValue::List(values) => {
                1 + values.iter().map(|value| self.size_of(value)).sum::<u64>()
            }
            DocumentValue::Object(fields) => {
                1 + fields.values().map(|value| self.size_of(value)).sum::<u64>()
            }
            DocumentValue::String(text) => text_size(text),
            _ => 1,
        }
    }
}

fn size(value: &Value) -> u64 {
    match value {
        Value::List(values) => 1 + values.iter().map(size).sum::<u64>(),
        Value::Object(fields) => 1 + fields.values().map(size).sum::<u64>(),
        Value::String(text) => text_size(text),
        _ => 1,
    }
}

/// Copying a text, or showing it in an error, costs in proportion to its length.
fn text_size(text: &str) -> u64 {
    1 + (text.len() / BYTES_PER_VALUE) as u64
}

fn longest(value: &Value) -> u64 {
    match value {
        Value::List(values) => {
            (values.len() as u64).max(values.iter().map(longest).max().unwrap_or(0))
        }
        Value::Object(fields) => fields.values().map(longest).max().unwrap_or(0),
        _ => 0,
    }
}

/// The longest list in the arguments of a selection.
fn longest_in(set: &SelectionSet) -> u64 {
    fn in_value(value: &DocumentValue) -> u64 {
        match value {
            DocumentValue::List(values) => {
                (values.len() as u64).max(values.iter().map(in_value).max().unwrap_or(0))
            }
            DocumentValue::Object(fields) => fields.values().map(in_value).max().unwrap_or(0),
            _ => 0,
        }
    }
    let in_selection = |selection: &Selection| match selection {
        Selection::Field(field) => {
            let arguments = field.node.arguments.iter().map(|(_, value)| in_value(&value.node));
            arguments.max().unwrap_or(0).max(longest_in(&field.node.selection_set.node))
        }
        Selection::InlineFragment(fragment) => longest_in(&fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => 0,
    };
    set.items.iter().map(|selection| in_selection(&selection.node)).max().unwrap_or(0)
}

/// Refuses variables that are too many or too deep.
pub fn check(variables: &Variables, limits: &Limits) -> Result<(), String> {
    if variables.len() > limits.variables {
        return Err(format!("a request has at most {} variables", limits.variables));
    }
    match variables.values().map(nesting).max() {
        Some(deepest) if deepest > limits.value_nesting => {
            Err(format!("values are nested at most {} deep", limits.value_nesting))
        }
        _ => Ok(()),
    }
}

fn nesting(value: &Value) -> usize {
    // No deeper than the JSON parser goes, which stops at 128.
    match value {
        Value::List(values) => 1 + values.iter().map(nesting).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(nesting).max().unwrap_or(0),
        _ => 0,
    }
}
