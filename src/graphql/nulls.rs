//! Answers as the specification wants them (§6.4.4): a field that failed is null, and one that cannot be null makes its
//! parent null. async-graphql 7 leaves failed fields out. Only answers with errors are looked at; those of the validation
//! say no more of the schema than the caller may know.

use std::sync::{Arc, OnceLock};

use async_graphql::{
    Name, PathSegment, Response, ServerError, ServerResult, ValidationResult, Value, Variables,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute, NextParseQuery, NextValidation},
    indexmap::IndexMap,
    parser::{
        parse_query,
        types::{ExecutableDocument, OperationType, Selection, SelectionSet},
    },
    registry::{MetaTypeName, Registry},
};

use super::prepare::KnowsSchema;

/// Where the validation's message begins to tell what the schema has.
const SUGGESTION: &str = " Did you mean";

pub struct SpecAnswers;

impl ExtensionFactory for SpecAnswers {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Request::default())
    }
}

/// What is kept of one request.
#[derive(Default)]
struct Request {
    /// Parsed again when a field failed: a copy of each document would cost every request.
    query: OnceLock<String>,
}

#[async_graphql::async_trait::async_trait]
impl Extension for Request {
    async fn parse_query(
        &self,
        ctx: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let _ = self.query.set(query.to_owned());
        next.run(ctx, query, variables).await
    }

    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let knows_schema = ctx.data_opt::<KnowsSchema>().is_some_and(|KnowsSchema(knows)| *knows);
        next.run(ctx).await.map_err(|mut errors| {
            for error in &mut errors {
                if !knows_schema && let Some(end) = error.message.find(SUGGESTION) {
                    error.message.truncate(end);
                }
                let extensions = error.extensions.get_or_insert_default();
                if extensions.get("code").is_none() {
                    extensions.set("code", "GRAPHQL_VALIDATION_FAILED");
                }
            }
            errors
        })
    }

    async fn execute(&self, ctx: &ExtensionContext<'_>, operation: Option<&str>, next: NextExecute<'_>) -> Response {
        let response = next.run(ctx, operation).await;
        self.mend(&ctx.schema_env.registry, operation, response)
    }
}

impl Request {
    fn mend(&self, registry: &Registry, operation: Option<&str>, mut response: Response) -> Response {
        let failed: Vec<_> = response.errors.iter().map(|error| &error.path).filter(|path| !path.is_empty()).collect();
        if failed.is_empty() {
            return response;
        }
        let Some(Ok(document)) = self.query.get().map(parse_query) else { return response };
        let mut operations = document.operations.iter();
        let wanted = operations.find(|(known, _)| operation.is_none() || known.map(Name::as_str) == operation);
        let Some((_, wanted)) = wanted else { return response };
        let root = match wanted.node.ty {
            OperationType::Query => Some(registry.query_type.as_str()),
            OperationType::Mutation => registry.mutation_type.as_deref(),
            OperationType::Subscription => registry.subscription_type.as_deref(),
        };
        let Some(root) = root else { return response };
        let fields = match response.data {
            Value::Object(fields) => fields,
            _ => IndexMap::new(),
        };
        let mend = Mend { document: &document, registry, failed };
        response.data = mend.object(fields, root, &[&wanted.node.selection_set.node], &mut Vec::new());
        response
    }
}

struct Mend<'a> {
    document: &'a ExecutableDocument,
    registry: &'a Registry,
    failed: Vec<&'a Vec<PathSegment>>,
}

/// The fields of an object in the order of the request: the key in the answer, the type, what is selected below.
type Fields<'a> = IndexMap<&'a str, (String, Vec<&'a SelectionSet>)>;

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
                Some(value) => Some(self.value(value, &ty, &sets, path)),
                None => self.failed.contains(&&*path).then_some(Value::Null),
            };
            path.pop();
            match value {
                Some(Value::Null) if ty.ends_with('!') => return Value::Null,
                Some(value) => drop(object.insert(Name::new(key), value)),
                // Left out on purpose: @skip, @include, or a fragment of another type.
                None => {}
            }
        }
        Value::Object(object)
    }

    fn value(&self, value: Value, ty: &str, sets: &[&'a SelectionSet], path: &mut Vec<PathSegment>) -> Value {
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
            (Value::Object(fields), MetaTypeName::Named(name)) if is_object => self.object(fields, name, sets, path),
            // An object of which every field failed or was skipped.
            (Value::Null, MetaTypeName::Named(name))
                if is_object && ty.ends_with('!') && !self.failed.contains(&&*path) =>
            {
                self.object(IndexMap::new(), name, sets, path)
            }
            (value, _) => value,
        }
    }

    fn collect(&self, ty: &str, set: &'a SelectionSet, fields: &mut Fields<'a>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let known = self.registry.types.get(ty).and_then(|ty| ty.field_by_name(&field.name.node));
                    let ty = known.map(|known| known.ty.to_string()).unwrap_or_default();
                    let entry = fields.entry(field.response_key().node.as_str()).or_insert_with(|| (ty, Vec::new()));
                    entry.1.push(&field.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map_or(ty, |on| on.node.on.node.as_str());
                    self.collect(on, &fragment.node.selection_set.node, fields);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
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
        let schema = Schema::build(Thing, EmptyMutation, EmptySubscription).extension(SpecAnswers).finish();
        for (query, wanted) in [
            ("{ id mayFail }", r#"{"id":1,"mayFail":null}"#),
            ("{ mayFail }", r#"{"mayFail":null}"#),
            ("{ id fails }", "null"),
            ("{ child { fails } }", "null"),
            ("{ mayChild { id fails } }", r#"{"mayChild":null}"#),
            ("{ mayChild { child { child { fails } } } id }", r#"{"mayChild":null,"id":1}"#),
            ("{ mayChild { list { id fails } } }", r#"{"mayChild":null}"#),
            ("{ mayList { id fails } }", r#"{"mayList":[null,null]}"#),
            ("{ mayChild { ...f } } fragment f on Thing { a: mayFail id }", r#"{"mayChild":{"a":null,"id":1}}"#),
            ("{ mayFail child { id @skip(if: true) } }", r#"{"mayFail":null,"child":{}}"#),
        ] {
            let response = schema.execute(query).await;
            assert_eq!(serde_json::to_string(&response.data).unwrap(), wanted, "{query}");
        }
    }
}
