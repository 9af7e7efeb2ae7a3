//! Puts the keys of an answer into the order of the request, as the specification recommends
//! (§7.2.2). async-graphql 7 puts a field where it was finished: what had to be loaded comes last.
//!
//! The order is read off the document once, for all requests with its text. An answer, or each
//! update of a subscription, is walked once; only objects whose keys are in another order are
//! sorted. Nothing says which type an object of a union has: its order is that of the first type
//! whose fields are these.

use std::sync::OnceLock;

use async_graphql::{
    Name, Value,
    indexmap::{IndexMap, IndexSet},
    parser::types::{ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};

/// A parsed document, with the order of each operation's answers.
pub struct Parsed {
    pub document: ExecutableDocument,
    orders: OnceLock<Vec<Order>>,
}

impl Parsed {
    pub fn new(document: ExecutableDocument) -> Self {
        Parsed { document, orders: OnceLock::new() }
    }

    /// The order of the answers of an operation, which may be unnamed if it is the only one. Call it
    /// for an operation that has been executed: one that is not valid may be slow to read.
    pub fn order(&self, operation: Option<&str>) -> Option<&Order> {
        let operations = &self.document.operations;
        let orders = self.orders.get_or_init(|| {
            operations.iter().map(|(_, known)| Order::of(&self.document, &known.node)).collect()
        });
        let is_wanted =
            |name: Option<&Name>| operation.is_none() || name.map(Name::as_str) == operation;
        orders.get(operations.iter().position(|(name, _)| is_wanted(name))?)
    }
}

/// The order of the keys in an object, and below it.
#[derive(Default)]
pub struct Order {
    /// The keys of an object of each type that a fragment is on, and, as the last one, all keys.
    of_types: Vec<IndexSet<Name>>,
    below: IndexMap<Name, Order>,
}

impl Order {
    /// The document has been measured, so its fragments end.
    fn of(document: &ExecutableDocument, operation: &OperationDefinition) -> Self {
        Self::of_sets(document, &[&operation.selection_set.node])
    }

    fn of_sets(document: &ExecutableDocument, sets: &[&SelectionSet]) -> Self {
        let mut found = Found::default();
        for set in sets {
            found.collect(document, set, None);
        }
        let keys_of = |ty: Option<&str>| {
            let is_of = |on: &Option<&str>| ty.is_none() || on.is_none() || *on == ty;
            let keys = found.keys.iter().filter(|(on, _)| is_of(on));
            keys.map(|(_, key)| (*key).clone()).collect::<IndexSet<_>>()
        };
        let mut of_types: Vec<_> = found.types.iter().map(|ty| keys_of(Some(*ty))).collect();
        of_types.push(keys_of(None));
        let below = found.below.into_iter();
        let below = below.map(|(key, sets)| (key.clone(), Self::of_sets(document, &sets)));
        Order { of_types, below: below.collect() }
    }

    /// Sorts the keys of a value, and of all values in it.
    pub fn sort(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                self.sort_keys(fields);
                for (key, order) in &self.below {
                    if let Some(value) = fields.get_mut(key) {
                        order.sort(value);
                    }
                }
            }
            Value::List(values) => values.iter_mut().for_each(|value| self.sort(value)),
            _ => {}
        }
    }

    fn sort_keys(&self, fields: &mut IndexMap<Name, Value>) {
        let is_in_order = |keys: &IndexSet<Name>| {
            let mut rest = keys.iter();
            fields.keys().all(|key| rest.any(|next| next == key))
        };
        if self.of_types.iter().any(is_in_order) {
            return;
        }
        let has_all = |keys: &&IndexSet<Name>| fields.keys().all(|key| keys.contains(key));
        if let Some(keys) = self.of_types.iter().find(has_all) {
            fields.sort_by_cached_key(|key, _| keys.get_index_of(key));
        }
    }
}

/// What some selections, which are merged, ask for.
#[derive(Default)]
struct Found<'a> {
    /// The types that fragments are on.
    types: IndexSet<&'a str>,
    /// Each key, with the innermost type that a fragment around it is on.
    keys: Vec<(Option<&'a str>, &'a Name)>,
    /// What is selected below each key.
    below: IndexMap<&'a Name, Vec<&'a SelectionSet>>,
}

impl<'a> Found<'a> {
    fn collect(
        &mut self,
        document: &'a ExecutableDocument,
        set: &'a SelectionSet,
        on: Option<&'a str>,
    ) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = &field.node.response_key().node;
                    self.keys.push((on, key));
                    let set = &field.node.selection_set.node;
                    if !set.items.is_empty() {
                        self.below.entry(key).or_default().push(set);
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let on = condition.map(|on| on.node.on.node.as_str()).or(on);
                    self.fragment(document, &fragment.node.selection_set.node, on);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = document.fragments.get(name) {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        self.fragment(document, &fragment.node.selection_set.node, Some(on));
                    }
                }
            }
        }
    }

    fn fragment(
        &mut self,
        document: &'a ExecutableDocument,
        set: &'a SelectionSet,
        on: Option<&'a str>,
    ) {
        self.types.extend(on);
        self.collect(document, set, on);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use async_graphql::parser::parse_query;
    use serde_json::{Value as Json, json};

    use super::*;

    fn order(query: &str) -> Order {
        let document = parse_query(query).unwrap();
        let operation = &document.operations.iter().next().unwrap().1.node;
        Order::of(&document, operation)
    }

    /// From JSON, whose keys are in the order of the alphabet.
    fn value(json: Json) -> Value {
        Value::from_json(json).unwrap()
    }

    #[test]
    fn keys_are_in_the_order_of_the_request() {
        for (query, answer, sorted) in [
            ("{ b a }", json!({"a": 1, "b": 2}), r#"{"b":2,"a":1}"#),
            ("{ c: a b a }", json!({"a": 1, "b": 2, "c": 3}), r#"{"c":3,"b":2,"a":1}"#),
            ("{ b @skip(if: true) c a }", json!({"a": 1, "c": 2}), r#"{"c":2,"a":1}"#),
            (
                "{ z { d c } y { b a } }",
                json!({"y": [{"a": 1, "b": 2}, null], "z": {"c": 3, "d": 4}}),
                r#"{"z":{"d":4,"c":3},"y":[{"b":2,"a":1},null]}"#,
            ),
            // Merged: where a key stands first.
            (
                "{ z { b } y z { a b } }",
                json!({"y": 1, "z": {"a": 2, "b": 3}}),
                r#"{"z":{"b":3,"a":2},"y":1}"#,
            ),
            (
                "{ ...f a } fragment f on Query { c ...g } fragment g on Query { b }",
                json!({"a": 1, "b": 2, "c": 3}),
                r#"{"c":3,"b":2,"a":1}"#,
            ),
            // Each member of a union has its own order.
            (
                "{ of { t ... on A { id x } ... on B { y id } } }",
                json!({"of": [{"id": 1, "t": "A", "x": 2}, {"id": 3, "t": "B", "y": 4}]}),
                r#"{"of":[{"t":"A","id":1,"x":2},{"t":"B","y":4,"id":3}]}"#,
            ),
            // What is inside of data is no selection.
            ("{ data }", json!({"data": {"b": 1, "a": 2}}), r#"{"data":{"a":2,"b":1}}"#),
        ] {
            let mut answer = value(answer);
            order(query).sort(&mut answer);
            assert_eq!(serde_json::to_string(&answer).unwrap(), sorted, "{query}");
        }
    }

    /// Also shows what that costs for a page of a hundred items, beside its JSON (`--nocapture`).
    #[test]
    fn an_answer_in_order_is_left_as_it_is() {
        let query = "{ viewer { inbox { cursor items { nodes { id title preview seenAt readAt \
            updatedAt about { __typename ... on Message { id sender { id name } } \
            ... on Announcement { id expiresAt } } } } } } }";
        let item = r#"{"id":"itm_1","title":"t","preview":"p","seenAt":null,"readAt":null,
            "updatedAt":"2026","about":{"__typename":"Message","id":"msg_1",
            "sender":{"id":"usr_1","name":"n"}}}"#;
        let page = vec![item; 100].join(",");
        let answer =
            format!(r#"{{"viewer":{{"inbox":{{"cursor":"c","items":{{"nodes":[{page}]}}}}}}}}"#);
        let before: Value = serde_json::from_str(&answer).unwrap();
        let document = Parsed::new(parse_query(query).unwrap());
        let mut sorted = before.clone();
        const TIMES: u32 = 100;

        let began = Instant::now();
        for _ in 0..TIMES {
            document.order(None).unwrap().sort(&mut sorted);
        }
        let each = began.elapsed() / TIMES;
        let began = Instant::now();
        for _ in 0..TIMES {
            std::hint::black_box(serde_json::to_vec(&sorted).unwrap());
        }
        let text = began.elapsed() / TIMES;

        eprintln!("the order of 100 items takes {each:?}, their JSON {text:?}");
        assert_eq!(
            serde_json::to_string(&sorted).unwrap(),
            serde_json::to_string(&before).unwrap()
        );
    }
}
