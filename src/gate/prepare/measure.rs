//! Depth, cost and length of a document, calculated over the graph of its fragments, each fragment
//! once.
//!
//! Validation walks every expansion of a fragment (a request of 882 bytes keeps it busy for 19 s),
//! so this runs first, in linear time.

use std::collections::HashMap;

use async_graphql::{
    Name, Positioned, Value, Variables,
    parser::types::{
        Directive, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
        SelectionSet,
    },
};
use async_graphql_value::Value as DocumentValue;

use super::{
    shape::{FieldShape, InputShape, Shape, Times, USUAL_LIST},
    values::Values,
};
use crate::config::Limits;

/// The unit of costs: ten plain fields make an object.
const OBJECT: u64 = 1_000;
const FIELD: u64 = 100;
/// What is in memory, such as the schema's description of itself, or was read with a page, such as
/// the node of an edge: it costs a hundredth of what has to be read from the database.
const CHEAP: u64 = 100;
/// What clients query to get the whole schema.
const DEEPEST_INTROSPECTION: u64 = 15;
/// The assumed size of a page if the request does not say.
const USUAL_PAGE: u64 = 20;

/// What must be known about a document that is accepted.
#[derive(Debug, PartialEq, Eq)]
pub struct Measured {
    pub asks_for_the_schema: bool,
    /// What the most costly operation costs, in objects.
    pub cost: u64,
    /// The most long texts that an operation can return.
    pub texts: u64,
    /// The most values of the scalar `JSON` that an operation can return.
    pub json: u64,
}

/// More bytes than what costs as much as an object takes in an answer: ten fields with the longest
/// `url` (2 KiB).
const LARGEST_OBJECT: u64 = 24 * 1024;
/// More bytes than the largest `data` (8 KiB) takes in an answer.
const LARGEST_JSON: u64 = 16 * 1024;

impl Measured {
    /// Whether an answer has at most this many bytes, whatever is in the database. The length of
    /// some lists is assumed: the largest object makes up for longer ones, as fields are much
    /// shorter as a rule.
    pub fn is_small(&self, bytes: u64) -> bool {
        let objects = self.cost.saturating_mul(LARGEST_OBJECT);
        let data = self.json.saturating_mul(LARGEST_JSON);
        self.texts == 0 && !self.asks_for_the_schema && objects.saturating_add(data) <= bytes
    }
}

/// Why a document is refused, and its cost if that is the reason.
pub struct TooMuch {
    pub message: String,
    pub cost: Option<u64>,
}

impl From<String> for TooMuch {
    fn from(message: String) -> Self {
        TooMuch { message, cost: None }
    }
}

/// Refuses a document that exceeds the limits.
pub fn check(
    document: &ExecutableDocument,
    variables: &Variables,
    shape: &Shape,
    limits: &Limits,
) -> Result<Measured, TooMuch> {
    if document.operations.iter().count() > limits.operations {
        return Err(format!("a document has at most {} operations", limits.operations).into());
    }
    if document.fragments.len() > limits.fragments {
        return Err(format!("a document has at most {} fragments", limits.fragments).into());
    }
    let values = Values::of(document, variables);
    let (mut aliases, mut directives, mut asks_for_the_schema) = (0, 0, false);
    let (mut cost, mut texts, mut json) = (0, 0, 0);
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        if operation.variable_definitions.len() > limits.variables {
            return Err(format!("an operation has at most {} variables", limits.variables).into());
        }
        let mut measure = Measure::new(document, Some(operation), variables, &values, shape);
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        measure.directives(&operation.directives);
        let size = measure.set(&operation.selection_set.node, root)?;
        within(size, limits)?;
        (aliases, directives) = (aliases + measure.aliases, directives + measure.directives);
        asks_for_the_schema |= measure.asks_for_the_schema;
        cost = cost.max(size.cost.div_ceil(OBJECT));
        texts = texts.max(size.texts);
        json = json.max(size.json);
    }
    // A fragment that is not used is validated all the same.
    let mut measure = Measure::new(document, None, variables, &values, shape);
    for name in document.fragments.keys() {
        let size = measure.fragment(name)?;
        within(size, limits)?;
    }
    (aliases, directives) = (aliases.max(measure.aliases), directives.max(measure.directives));
    if aliases > limits.aliases {
        return Err(format!("a document has at most {} aliases", limits.aliases).into());
    }
    if directives > limits.directives {
        return Err(format!("a document has at most {} directives", limits.directives).into());
    }
    Ok(Measured { asks_for_the_schema, cost, texts, json })
}

fn within(size: Size, limits: &Limits) -> Result<(), TooMuch> {
    if size.depth > limits.depth {
        return Err(format!("a query is at most {} deep", limits.depth).into());
    }
    if size.schema_depth > DEEPEST_INTROSPECTION {
        return Err(format!("introspection is at most {DEEPEST_INTROSPECTION} deep").into());
    }
    // The greatest length that a text without fragments can have.
    if size.length > limits.tokens as u64 {
        let message =
            format!("a document has at most {} fields, with its fragments expanded", limits.tokens);
        return Err(message.into());
    }
    // Validation copies a variable wherever it is used.
    if size.values > limits.values {
        return Err(format!(
            "a document has at most {} values, with its variables expanded",
            limits.values
        )
        .into());
    }
    let cost = size.cost.div_ceil(OBJECT);
    if cost > limits.cost {
        let message = format!(
            "the query costs {cost}, but at most {} is allowed; ask for shorter pages",
            limits.cost
        );
        return Err(TooMuch { message, cost: Some(cost) });
    }
    Ok(())
}

/// The measurements of a part of a document.
#[derive(Clone, Copy, Default)]
struct Size {
    depth: u64,
    /// The depth of introspection, which is deep by nature.
    schema_depth: u64,
    cost: u64,
    /// Fields and spreads, with the fragments expanded.
    length: u64,
    /// Values in arguments, with the fragments and variables expanded.
    values: u64,
    /// Long texts.
    texts: u64,
    /// Values of the scalar `JSON`.
    json: u64,
}

struct Measure<'a> {
    document: &'a ExecutableDocument,
    operation: Option<&'a OperationDefinition>,
    variables: &'a Variables,
    values: &'a Values<'a>,
    shape: &'a Shape,
    /// None while it is being measured: reaching it again means that there is a cycle.
    fragments: HashMap<&'a Name, Option<Size>>,
    /// As they occur in the text.
    aliases: usize,
    directives: usize,
    asks_for_the_schema: bool,
}

impl<'a> Measure<'a> {
    fn new(
        document: &'a ExecutableDocument,
        operation: Option<&'a OperationDefinition>,
        variables: &'a Variables,
        values: &'a Values<'a>,
        shape: &'a Shape,
    ) -> Self {
        Measure {
            document,
            operation,
            variables,
            values,
            shape,
            fragments: HashMap::new(),
            aliases: 0,
            directives: 0,
            asks_for_the_schema: false,
        }
    }

    fn directives(&mut self, directives: &[Positioned<Directive>]) {
        self.directives += directives.len();
    }

    fn set(&mut self, set: &'a SelectionSet, ty: &str) -> Result<Size, String> {
        let mut sum = Size::default();
        for selection in &set.items {
            let size = match &selection.node {
                Selection::Field(field) => self.field(&field.node, ty)?,
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.node.directives);
                    let on = fragment
                        .node
                        .type_condition
                        .as_ref()
                        .map_or(ty, |on| on.node.on.node.as_str());
                    self.set(&fragment.node.selection_set.node, on)?
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.node.directives);
                    self.fragment(&spread.node.fragment_name.node)?
                }
            };
            sum = Size {
                depth: sum.depth.max(size.depth),
                schema_depth: sum.schema_depth.max(size.schema_depth),
                cost: sum.cost.saturating_add(size.cost),
                length: sum.length.saturating_add(size.length).saturating_add(1),
                values: sum.values.saturating_add(size.values),
                texts: sum.texts.saturating_add(size.texts),
                json: sum.json.saturating_add(size.json),
            };
        }
        Ok(sum)
    }

    fn field(&mut self, field: &'a Field, ty: &str) -> Result<Size, String> {
        self.aliases += usize::from(field.alias.is_some());
        self.directives(&field.directives);
        self.asks_for_the_schema |= matches!(field.name.node.as_str(), "__schema" | "__type");
        // Validation will refuse a field that does not exist.
        let shape = self.shape;
        let known = shape.field(ty, &field.name.node);
        let inner = self.set(&field.selection_set.node, known.map_or("", |known| &known.ty))?;
        let times = match known.map(|known| &known.times) {
            None | Some(Times::One) => 1,
            // A bulk change returns as many objects as the request named.
            Some(Times::List(length)) if ty.ends_with("Payload") => {
                self.values.longest.max(*length)
            }
            Some(Times::List(length)) => *length,
            Some(Times::Page) => self.page(field),
            Some(Times::Limit(name, usual)) => {
                argument(field, name).and_then(|limit| self.number(limit)).unwrap_or(*usual)
            }
            Some(Times::Argument(name)) => self.length(field, name),
        };
        let values =
            field.arguments.iter().map(|(_, value)| self.values.size_of(&value.node)).sum();
        let is_object = !field.selection_set.node.items.is_empty();
        let is_introspection = field.name.node.starts_with("__") || ty.starts_with("__");
        let is_cheap = is_introspection
            || field.name.node == "pageInfo"
            || ty == "PageInfo"
            || ty.ends_with("Edge");
        let weight = known.and_then(|known| known.weight);
        let own = match weight {
            Some(weight) => weight * OBJECT,
            None => (if is_object { OBJECT } else { FIELD }) / if is_cheap { CHEAP } else { 1 },
        };
        let searches: u64 = field
            .arguments
            .iter()
            .map(|(name, value)| self.weight(known, &name.node, &value.node))
            .sum();
        let owns =
            if matches!(known.map(|known| &known.times), Some(Times::Page)) { 1 } else { times };
        let many = |inner: u64, is_one: bool| {
            inner.saturating_mul(times).saturating_add(if is_one { times } else { 0 })
        };
        Ok(Size {
            depth: if is_introspection { 0 } else { inner.depth + 1 },
            schema_depth: inner.schema_depth + u64::from(is_introspection),
            cost: inner
                .cost
                .saturating_mul(times)
                .saturating_add(own.saturating_mul(owns) + searches * OBJECT),
            length: inner.length,
            values: inner.values.saturating_add(values),
            // Among fields that are not objects, only texts have a weight.
            texts: many(inner.texts, weight.is_some()),
            json: many(inner.json, known.is_some_and(|known| known.ty == "JSON")),
        })
    }

    /// What an argument costs: its own weight, or that of its object's fields.
    fn weight(&self, field: Option<&FieldShape>, name: &str, value: &DocumentValue) -> u64 {
        let Some(argument) = field.and_then(|field| field.arguments.get(name)) else { return 0 };
        match value {
            DocumentValue::Null => 0,
            DocumentValue::Variable(name) => {
                self.variable(name).map_or(0, |value| self.weight_of(argument, value))
            }
            DocumentValue::Object(fields) => {
                let input = self.shape.input(&argument.ty);
                let fields = fields
                    .iter()
                    .filter_map(|(name, value)| Some((input?.get(name.as_str())?, value)));
                let weights = fields.map(|(input, value)| match value {
                    DocumentValue::Null => 0,
                    DocumentValue::Variable(name)
                        if self.variable(name).is_none_or(|value| *value == Value::Null) =>
                    {
                        0
                    }
                    _ => input.weight,
                });
                argument.weight + weights.sum::<u64>()
            }
            _ => argument.weight,
        }
    }

    fn weight_of(&self, argument: &InputShape, value: &Value) -> u64 {
        match value {
            Value::Null => 0,
            Value::Object(fields) => {
                let input = self.shape.input(&argument.ty);
                let fields = fields.iter().filter(|(_, value)| **value != Value::Null);
                let weights =
                    fields.filter_map(|(name, _)| Some(input?.get(name.as_str())?.weight));
                argument.weight + weights.sum::<u64>()
            }
            _ => argument.weight,
        }
    }

    fn fragment(&mut self, name: &'a Name) -> Result<Size, String> {
        match self.fragments.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(format!("the fragment {name} contains itself")),
            None => {}
        }
        // Validation will refuse an unknown fragment.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Size::default()) };
        self.fragments.insert(name, None);
        self.directives(&fragment.node.directives);
        let size = self
            .set(&fragment.node.selection_set.node, &fragment.node.type_condition.node.on.node)?;
        self.fragments.insert(name, Some(size));
        Ok(size)
    }

    fn page(&self, field: &Field) -> u64 {
        let asked = ["first", "last"].into_iter().filter_map(|name| argument(field, name));
        asked.filter_map(|value| self.number(value)).max().unwrap_or(USUAL_PAGE)
    }

    /// The length of a list argument. A single value counts as a list of one.
    fn length(&self, field: &Field, name: &str) -> u64 {
        match argument(field, name) {
            None => USUAL_LIST,
            Some(DocumentValue::List(values)) => values.len() as u64,
            Some(DocumentValue::Variable(name)) => match self.variable(name) {
                Some(Value::List(values)) => values.len() as u64,
                _ => 1,
            },
            Some(_) => 1,
        }
    }

    fn number(&self, value: &DocumentValue) -> Option<u64> {
        match value {
            DocumentValue::Number(number) => number.as_u64(),
            DocumentValue::Variable(name) => match self.variable(name)? {
                Value::Number(number) => number.as_u64(),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value of a variable, or its default.
    fn variable(&self, name: &Name) -> Option<&'a Value> {
        self.variables.get(name).or_else(|| {
            let mut definitions = self.operation?.variable_definitions.iter();
            definitions.find(|known| known.node.name.node == *name)?.node.default_value()
        })
    }
}

fn argument<'a>(field: &'a Field, name: &str) -> Option<&'a DocumentValue> {
    field.arguments.iter().find(|(known, _)| known.node == name).map(|(_, value)| &value.node)
}
