//! Makes answers conform to the specification (§6.4.4): a field that failed is null, and if it is
//! non-null, its parent becomes null. async-graphql 7 leaves failed fields out. Answers without
//! errors only get their keys in order (`order`). Validation errors get their code, and reveal no
//! more of the schema than the caller may know.

use std::sync::Arc;

use async_graphql::{
    Name, PathSegment, Response, Value,
    indexmap::IndexMap,
    parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet},
    registry::MetaTypeName,
};

use super::{
    code::ErrorCode,
    errors::{is_refused, shorten},
    order::Parsed,
    prepare::Shape,
};

/// Where a validation message starts to reveal the schema.
const SUGGESTION: &str = " Did you mean";

/// How many errors to return for a request that could not be executed: nobody fixes more at once.
const MOST_ERRORS: usize = 20;

/// What must be known about a request to complete its answers.
pub struct Completion {
    pub document: Arc<Parsed>,
    pub operation: Option<String>,
    pub shape: Arc<Shape>,
    pub knows_schema: bool,
}

impl Completion {
    pub fn complete(&self, mut response: Response) -> Response {
        if response.errors.is_empty() {
            if let Some(order) = self.document.order(self.operation.as_deref()) {
                order.sort(&mut response.data);
            }
            return response;
        }
        if is_refused(&response) {
            response.errors.truncate(MOST_ERRORS);
        }
        for error in &mut response.errors {
            shorten(&mut error.message);
        }
        for error in response.errors.iter_mut().filter(|error| error.path.is_empty()) {
            if !self.knows_schema
                && let Some(end) = error.message.find(SUGGESTION)
            {
                error.message.truncate(end);
            }
            let extensions = error.extensions.get_or_insert_default();
            if extensions.get("code").is_none() {
                extensions.set("code", ErrorCode::GraphqlValidationFailed.name());
            }
        }
        let failed: Vec<_> = response
            .errors
            .iter()
            .map(|error| &error.path)
            .filter(|path| !path.is_empty())
            .collect();
        if failed.is_empty() {
            return response;
        }
        let mut operations = self.document.document.operations.iter();
        let name = self.operation.as_deref();
        let wanted =
            operations.find(|(known, _)| name.is_none() || known.map(Name::as_str) == name);
        let Some((_, wanted)) = wanted else { return response };
        let root = match wanted.node.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let fields = match response.data {
            Value::Object(fields) => fields,
            _ => IndexMap::new(),
        };
        let mend = Mend { document: &self.document.document, shape: &self.shape, failed };
        response.data =
            mend.object(fields, root, &[&wanted.node.selection_set.node], &mut Vec::new());
        response
    }
}

struct Mend<'a> {
    document: &'a ExecutableDocument,
    shape: &'a Shape,
    failed: Vec<&'a Vec<PathSegment>>,
}

/// The fields of an object in the order of the request: the key in the answer, the type, and the
/// nested selection.
type Fields<'a> = IndexMap<&'a str, (&'a str, Vec<&'a SelectionSet>)>;

impl<'a> Mend<'a> {
    fn object(
        &self,
        mut found: IndexMap<Name, Value>,
        ty: &str,
        sets: &[&'a SelectionSet],
        path: &mut Vec<PathSegment>,
    ) -> Value {
        let mut fields = Fields::new();
        for set in sets {
            self.collect(ty, set, &mut fields);
        }
        let mut object = IndexMap::with_capacity(fields.len());
        for (key, (ty, sets)) in fields {
            path.push(PathSegment::Field(key.to_owned()));
            let value = match found.swap_remove(key) {
                Some(value) => Some(self.value(value, ty, &sets, path)),
                None => self.failed.contains(&&*path).then_some(Value::Null),
            };
            path.pop();
            match value {
                Some(Value::Null) if ty.ends_with('!') => return Value::Null,
                Some(value) => drop(object.insert(Name::new(key), value)),
                // Left out intentionally: @skip, @include, or a fragment on another type.
                None => {}
            }
        }
        Value::Object(object)
    }

    fn value(
        &self,
        value: Value,
        ty: &str,
        sets: &[&'a SelectionSet],
        path: &mut Vec<PathSegment>,
    ) -> Value {
        let is_object = sets.iter().any(|set| !set.items.is_empty());
        match (value, MetaTypeName::create(ty.trim_end_matches('!'))) {
            (Value::List(values), MetaTypeName::List(inner)) => {
                let mut list = Vec::with_capacity(values.len());
                for (index, value) in values.into_iter().enumerate() {
                    path.push(PathSegment::Index(index));
                    let value = self.value(value, inner, sets, path);
                    path.pop();
                    if value == Value::Null && inner.ends_with('!') {
                        return Value::Null;
                    }
                    list.push(value);
                }
                Value::List(list)
            }
            (Value::Object(fields), MetaTypeName::Named(name)) if is_object => {
                self.object(fields, name, sets, path)
            }
            // An object in which every field failed or was skipped.
            (Value::Null, MetaTypeName::Named(name))
                if is_object
                    && !self.failed.contains(&&*path)
                    && (ty.ends_with('!') || self.has_failed_below(path)) =>
            {
                self.object(IndexMap::new(), name, sets, path)
            }
            (value, _) => value,
        }
    }

    fn has_failed_below(&self, path: &[PathSegment]) -> bool {
        self.failed.iter().any(|failed| failed.len() > path.len() && failed.starts_with(path))
    }

    fn collect(&self, ty: &str, set: &'a SelectionSet, fields: &mut Fields<'a>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let ty = self
                        .shape
                        .field(ty, &field.name.node)
                        .map(|known| known.full.as_str())
                        .unwrap_or_default();
                    let entry = fields
                        .entry(field.response_key().node.as_str())
                        .or_insert_with(|| (ty, Vec::new()));
                    entry.1.push(&field.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    let on = fragment
                        .node
                        .type_condition
                        .as_ref()
                        .map_or(ty, |on| on.node.on.node.as_str());
                    self.collect(on, &fragment.node.selection_set.node, fields);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) =
                        self.document.fragments.get(&spread.node.fragment_name.node)
                    {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        self.collect(on, &fragment.node.selection_set.node, fields);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};

    use super::*;

    struct Thing;

    #[Object]
    impl Thing {
        async fn id(&self) -> i32 {
            1
        }
        async fn fails(&self) -> async_graphql::Result<i32> {
            Err("no".into())
        }
        async fn may_fail(&self) -> async_graphql::Result<Option<i32>> {
            Err("no".into())
        }
        async fn child(&self) -> Thing {
            Thing
        }
        async fn may_child(&self) -> Option<Thing> {
            Some(Thing)
        }
        async fn list(&self) -> Vec<Thing> {
            vec![Thing, Thing]
        }
        async fn may_list(&self) -> Vec<Option<Thing>> {
            vec![Some(Thing), None]
        }
    }

    #[tokio::test]
    async fn failed_fields_are_null_and_take_their_parents_with_them() {
        let schema = Schema::build(Thing, EmptyMutation, EmptySubscription).finish();
        // The root type is called Thing here.
        let sdl = schema.sdl().replace("type Thing", "type Query") + &schema.sdl();
        let shape = Arc::new(Shape::of(&sdl).unwrap());
        for (query, wanted) in [
            ("{ id mayFail }", r#"{"id":1,"mayFail":null}"#),
            ("{ mayFail }", r#"{"mayFail":null}"#),
            ("{ id fails }", "null"),
            ("{ child { fails } }", "null"),
            ("{ mayChild { id fails } }", r#"{"mayChild":null}"#),
            ("{ mayChild { child { child { fails } } } id }", r#"{"mayChild":null,"id":1}"#),
            ("{ mayChild { list { id fails } } }", r#"{"mayChild":null}"#),
            ("{ mayList { id fails } }", r#"{"mayList":[null,null]}"#),
            (
                "{ mayChild { ...f } } fragment f on Thing { a: mayFail id }",
                r#"{"mayChild":{"a":null,"id":1}}"#,
            ),
            ("{ mayFail child { id @skip(if: true) } }", r#"{"mayFail":null,"child":{}}"#),
        ] {
            let document =
                Arc::new(Parsed::new(async_graphql::parser::parse_query(query).unwrap()));
            let completion =
                Completion { document, operation: None, shape: shape.clone(), knows_schema: true };
            let response = completion.complete(schema.execute(query).await);
            assert_eq!(serde_json::to_string(&response.data).unwrap(), wanted, "{query}");
        }
    }
}
