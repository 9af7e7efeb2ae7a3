//! What a request may cost is decided before anything else looks at it, in linear time.
//!
//! The parser recurses on nested values without a limit (a 4 KB request aborts the process), and validation walks every
//! expansion of a fragment (an 882-byte request burns 19 s). So the text is scanned before it is parsed, and depth and cost
//! are computed over the graph of the fragments, each fragment once, before it is validated.

use std::collections::HashMap;

use async_graphql::{
    Name, Request, ServerError, Value, Variables,
    parser::types::{ExecutableDocument, Field, OperationType, Selection, SelectionSet},
};

const MOST_TOKENS: usize = 4_000;
/// Brackets of any kind within each other: a query of the greatest depth, with values in its arguments.
const DEEPEST_NESTING: usize = 64;
const DEEPEST_VARIABLE: usize = 32;
const DEEPEST_QUERY: u64 = 15;
/// In objects; ten plain fields cost as much as one object.
const HIGHEST_COST: u64 = 2_000;
const FIELDS_PER_OBJECT: u64 = 10;
const MOST_ALIASES: usize = 100;
const MOST_OPERATIONS: usize = 5;
const MOST_FRAGMENTS: usize = 50;
/// What a connection gives when nobody says how much.
const DEFAULT_PAGE: u64 = 20;

/// Parses a request and refuses one that costs too much. Gives what it does.
pub fn prepare(request: &mut Request) -> Result<OperationType, ServerError> {
    scan(&request.query).map_err(too_complex)?;
    let values = request.variables.values().map(depth_of);
    if values.max().unwrap_or(0) > DEEPEST_VARIABLE {
        return Err(too_complex(format!("values are nested at most {DEEPEST_VARIABLE} deep")));
    }
    let operation = request.operation_name.clone();
    let variables = std::mem::take(&mut request.variables);
    let outcome = match request.parsed_query() {
        Ok(document) => check(document, &variables).map(|()| kind(document, operation.as_deref())).map_err(too_complex),
        Err(error) => Err(coded(error, "GRAPHQL_PARSE_FAILED")),
    };
    request.variables = variables;
    outcome
}

/// What the operation of this name does; that there is none is for the execution to say.
fn kind(document: &ExecutableDocument, name: Option<&str>) -> OperationType {
    let mut operations = document.operations.iter();
    let found = operations.find(|(known, _)| name.is_none() || known.map(Name::as_str) == name);
    found.map_or(OperationType::Query, |(_, operation)| operation.node.ty)
}

fn too_complex(message: String) -> ServerError {
    coded(ServerError::new(message, None), "QUERY_TOO_COMPLEX")
}

fn coded(mut error: ServerError, code: &str) -> ServerError {
    error.extensions.get_or_insert_default().set("code", code);
    error
}

/// Counts tokens and brackets, and looks at nothing else.
fn scan(text: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    let (mut at, mut tokens, mut depth) = (0, 0, 0usize);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (is_token, length) = match rest[0] {
            b'#' => (false, rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len())),
            b'"' => (true, string_length(rest)),
            b' ' | b'\t' | b'\n' | b'\r' | b',' => (false, 1),
            byte if is_word(byte) => (true, rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len())),
            b'{' | b'[' | b'(' => {
                depth += 1;
                (true, 1)
            }
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                (true, 1)
            }
            _ => (true, 1),
        };
        tokens += usize::from(is_token);
        at += length;
        if depth > DEEPEST_NESTING {
            return Err(format!("brackets are nested at most {DEEPEST_NESTING} deep"));
        }
        if tokens > MOST_TOKENS {
            return Err(format!("a document has at most {MOST_TOKENS} tokens"));
        }
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+')
}

/// The bytes of the string that a text begins with, quotes included; to the end, if it does not end.
fn string_length(text: &[u8]) -> usize {
    let is_block = text.starts_with(b"\"\"\"");
    let quote: &[u8] = if is_block { b"\"\"\"" } else { b"\"" };
    let mut at = quote.len();
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(quote) {
            return at + quote.len();
        }
        at += match rest[0] {
            b'\\' if is_block && rest[1..].starts_with(quote) => 1 + quote.len(),
            b'\\' if !is_block => 2,
            // A string on one line ends there; what follows is read as what it is.
            b'\n' | b'\r' if !is_block => return at,
            _ => 1,
        };
    }
    text.len()
}

fn depth_of(value: &Value) -> usize {
    // No deeper than the JSON parser goes, which stops at 128.
    match value {
        Value::List(values) => 1 + values.iter().map(depth_of).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

/// Depth and cost of something that was computed.
#[derive(Clone, Copy, Default)]
struct Size {
    depth: u64,
    /// In plain fields.
    cost: u64,
}

fn check(document: &ExecutableDocument, variables: &Variables) -> Result<(), String> {
    if document.operations.iter().count() > MOST_OPERATIONS {
        return Err(format!("a document has at most {MOST_OPERATIONS} operations"));
    }
    if document.fragments.len() > MOST_FRAGMENTS {
        return Err(format!("a document has at most {MOST_FRAGMENTS} fragments"));
    }
    let mut measure = Measure { document, variables, fragments: HashMap::new(), aliases: 0 };
    // A fragment that nobody uses is validated all the same.
    let sets = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    for set in sets.chain(document.fragments.values().map(|fragment| &fragment.node.selection_set.node)) {
        let Size { depth, cost } = measure.set(set)?;
        if depth > DEEPEST_QUERY {
            return Err(format!("a query is at most {DEEPEST_QUERY} deep"));
        }
        let cost = cost.div_ceil(FIELDS_PER_OBJECT);
        if cost > HIGHEST_COST {
            return Err(format!("the query costs {cost}, and {HIGHEST_COST} is the most; ask for shorter pages"));
        }
    }
    Ok(())
}

struct Measure<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    /// None while it is being measured: who comes by again has found a circle.
    fragments: HashMap<&'a Name, Option<Size>>,
    aliases: usize,
}

impl<'a> Measure<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> Result<Size, String> {
        let mut sum = Size::default();
        for selection in &set.items {
            let size = match &selection.node {
                Selection::Field(field) => self.field(&field.node)?,
                Selection::InlineFragment(fragment) => self.set(&fragment.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node)?,
            };
            sum = Size { depth: sum.depth.max(size.depth), cost: sum.cost.saturating_add(size.cost) };
        }
        Ok(sum)
    }

    fn field(&mut self, field: &'a Field) -> Result<Size, String> {
        self.aliases += usize::from(field.alias.is_some());
        if self.aliases > MOST_ALIASES {
            return Err(format!("a document has at most {MOST_ALIASES} aliases"));
        }
        // Introspection is deep by nature and reads nothing.
        if field.name.node.starts_with("__") {
            return Ok(Size { depth: 1, cost: 1 });
        }
        let inner = self.set(&field.selection_set.node)?;
        let own = if field.selection_set.node.items.is_empty() { 1 } else { FIELDS_PER_OBJECT };
        let cost = inner.cost.saturating_mul(self.times(field)).saturating_add(own);
        Ok(Size { depth: inner.depth + 1, cost })
    }

    /// How often what is below a field is shown, as far as the request says.
    fn times(&self, field: &'a Field) -> u64 {
        let argument = |name: &str| {
            let found = field.arguments.iter().find(|(known, _)| known.node == name);
            found.and_then(|(_, value)| {
                value.node.clone().into_const_with(|name| self.variables.get(&name).cloned().ok_or(())).ok()
            })
        };
        let size = |value: Value| match value {
            Value::Number(number) => number.as_u64(),
            Value::List(values) => Some(values.len() as u64),
            _ => None,
        };
        let asked = ["first", "last", "ids"].into_iter().filter_map(|name| argument(name).and_then(size)).max();
        let is_connection = field.selection_set.node.items.iter().any(|selection| match &selection.node {
            Selection::Field(field) => matches!(field.node.name.node.as_str(), "nodes" | "edges"),
            _ => false,
        });
        asked.unwrap_or(if is_connection { DEFAULT_PAGE } else { 1 }).max(1)
    }

    fn fragment(&mut self, name: &'a Name) -> Result<Size, String> {
        match self.fragments.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(format!("the fragment {name} contains itself")),
            None => {}
        }
        // An unknown fragment is for the validation to refuse.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Size::default()) };
        self.fragments.insert(name, None);
        let size = self.set(&fragment.node.selection_set.node)?;
        self.fragments.insert(name, Some(size));
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(query: &str) -> Result<OperationType, String> {
        prepare(&mut Request::new(query)).map_err(|error| error.message)
    }

    #[test]
    fn ordinary_requests_pass() {
        assert_eq!(verdict("{ viewer { id } }"), Ok(OperationType::Query));
        assert_eq!(verdict("mutation { archiveAll(input: {}) { affectedCount } }"), Ok(OperationType::Mutation));
        assert_eq!(
            verdict("# [[[[\n{ a(b: \"[[[[ \\\" {{{\", c: \"\"\"[[ \\\"\"\" [[\"\"\") }"),
            Ok(OperationType::Query)
        );
        let introspection = include_str!("introspection.graphql");
        assert_eq!(verdict(introspection), Ok(OperationType::Query));
    }

    #[test]
    fn requests_that_would_crash_or_stall_the_server_are_refused_at_once() {
        let nested = |n: usize| format!("{{ a(b: {}{}) }}", "[".repeat(n), "]".repeat(n));
        assert!(verdict(&nested(20_000)).unwrap_err().contains("nested"));
        assert!(verdict(&"{a".repeat(20_000)).unwrap_err().contains("nested"));
        assert!(verdict(&format!("{{ {} }}", "a ".repeat(5_000))).unwrap_err().contains("tokens"));
        let aliases: String = (0..101).map(|n| format!("a{n}: x ")).collect();
        assert!(verdict(&format!("{{ {aliases} }}")).unwrap_err().contains("aliases"));
        let doubled: String = (0..40)
            .map(|n| format!("fragment f{n} on User {{ a: x {{ ...f{0} }} b: x {{ ...f{0} }} }} ", n + 1))
            .collect();
        assert!(verdict(&format!("{doubled} fragment f40 on User {{ id }} {{ viewer {{ ...f0 }} }}")).is_err());
        let circle = "fragment a on User { x { ...b } } fragment b on User { x { ...a } } { viewer { ...a } }";
        assert!(verdict(circle).unwrap_err().contains("contains itself"));
        assert!(verdict(&format!("{{ a {} }}", "{ a ".repeat(15) + &"}".repeat(15))).unwrap_err().contains("deep"));
    }

    #[test]
    fn pages_of_pages_of_pages_are_counted() {
        let pages = "{ groups(first: 100) { nodes { members(first: 100) { nodes { groups(first: 100) { nodes { id } } } } } } }";
        assert!(verdict(pages).unwrap_err().contains("costs"));
        let mut by_variable =
            Request::new("query($n: Int) { groups(first: $n) { nodes { members(first: $n) { nodes { id } } } } }")
                .variables(Variables::from_json(serde_json::json!({"n": 100})));
        assert!(prepare(&mut by_variable).unwrap_err().message.contains("costs"));
        assert!(by_variable.variables.contains_key("n"), "the variables are still there");
    }

    #[test]
    fn deep_variables_are_refused() {
        let deep = (0..40).fold(serde_json::json!(1), |value, _| serde_json::json!([value]));
        let mut request =
            Request::new("query($v: X) { a(b: $v) }").variables(Variables::from_json(serde_json::json!({"v": deep})));
        assert!(prepare(&mut request).unwrap_err().message.contains("nested"));
    }
}
