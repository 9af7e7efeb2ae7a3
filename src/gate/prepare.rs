//! From what a client sends to what is executed: find the document, look over its text, parse it
//! once, measure it. What a request may cost is decided here, in linear time, before anything else
//! looks at it: the parser recurses on nested values, and validation walks every expansion of a
//! fragment.
//!
//! - `scan`: the text, in one pass before it is parsed: tokens and nesting. `values`: the
//!   variables.
//! - `measure`: depth, cost and length, over the graph of fragments, each fragment once. `shape`
//!   has how long a list is and what a field costs, all of it read off the schema, so that a new
//!   field is counted by itself: the arguments say how long a page is, else `@listSize`, else it is
//!   taken to be 10, and what weighs more than a field has `@cost`.
//! - `operation`: which operation is meant.
//!
//! HTTP, websockets and event streams come through the same gate.

mod measure;
mod operation;
mod scan;
mod shape;
mod values;

use std::{any::Any, collections::HashMap, sync::Arc};

use async_graphql::{
    Executor, Request, Response, ServerError, Value, Variables,
    parser::{
        parse_query,
        types::{ExecutableDocument, OperationType},
    },
};
use futures_util::stream;
use serde::Deserialize;
use tokio_stream::{Stream, StreamExt};

use super::{
    code::ErrorCode,
    completion::Completion,
    documents::Documents,
    errors::{refusal, retried_after, with_code},
    meter::Meter,
    order::Parsed,
    rates::Rates,
};
use crate::{
    auth::Actor,
    budget::Holder,
    config::{Config, Introspection, Limits},
    error::Result,
    text::LONGEST_BODY,
    traces::Parent,
};

use measure::{Measured, TooMuch};

pub use shape::Shape;

/// The parameters of a GraphQL request, both over HTTP and websocket.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    pub query: Option<String>,
    /// The id of a document that the server knows, instead of its text.
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<Variables>,
    extensions: Option<HashMap<String, Value>>,
}

/// A request that may be executed.
pub struct Prepared {
    request: Request,
    completion: Completion,
    meter: Arc<Meter>,
    pub kind: OperationType,
    /// The name of the operation, if it has one.
    pub name: Option<Box<str>>,
    /// Whose share of the budgets it uses.
    pub holder: Holder,
    /// How many bytes the answer may take, judged by the long texts that it asks for; everything
    /// else is small.
    pub weight: u64,
    /// Whether it is a query or mutation whose answer is small, whatever is in the database: its
    /// bytes need not be counted.
    pub is_small: bool,
}

impl Prepared {
    /// Adds data that resolvers can ask for.
    pub fn with(mut self, data: impl Any + Send + Sync) -> Self {
        self.request = self.request.data(data);
        self
    }

    /// The answer to a query or mutation, and its size in bytes as JSON.
    pub async fn execute(self, schema: &impl Executor) -> (Response, u64) {
        let Prepared { request, completion, meter, .. } = self;
        let response = completed(schema.execute(request).await, &completion, &meter);
        (response, meter.bytes())
    }

    /// The answers of a subscription. It ends after an update that is too large: a client that
    /// continued would miss that update.
    pub fn follow<S: Executor>(self, schema: &S) -> impl Stream<Item = Response> + Send + use<S> {
        let Prepared { request, completion, meter, .. } = self;
        stream::unfold(
            (schema.execute_stream(request, None), completion, meter),
            |(mut updates, completion, meter)| async {
                if meter.is_crossed() {
                    return None;
                }
                let update = completed(updates.next().await?, &completion, &meter);
                Some((update, (updates, completion, meter)))
            },
        )
    }
}

fn completed(response: Response, completion: &Completion, meter: &Meter) -> Response {
    // An answer that is too large has no data to complete.
    if meter.is_crossed() { response } else { completion.complete(response) }
}

/// What every request passes through before it is executed.
pub struct Gate {
    config: Arc<Config>,
    shape: Arc<Shape>,
    documents: Documents,
    rates: Rates,
}

impl Gate {
    /// For the schema with this text, and the documents of the web pages. Fails if the trusted
    /// documents cannot be read.
    pub fn open(config: Arc<Config>, sdl: &str, of_pages: Option<&str>) -> Result<Self> {
        Ok(Gate {
            shape: Arc::new(Shape::of(sdl)?),
            documents: Documents::load(&config, of_pages)?,
            rates: Rates::new(config.limits.operations_per_minute),
            config,
        })
    }

    /// Turns what a client sent into a request, and refuses it if it asks for too much.
    pub fn prepare(&self, params: Params, actor: Option<Actor>) -> Result<Prepared, ServerError> {
        if let Some(user) = actor.as_ref().and_then(Actor::user_id) {
            let refused = || {
                refusal("too many operations in a minute; try again later", ErrorCode::RateLimited)
            };
            self.rates.count(user).map_err(|seconds| retried_after(refused(), seconds))?;
        }
        let found = self.documents.find(&params, actor.as_ref().is_some_and(Actor::is_host))?;
        let variables = params.variables.unwrap_or_default();
        let limits = &self.config.limits;
        values::check(&variables, limits).map_err(too_complex)?;
        let document = match self.documents.parsed(&found.text) {
            Some(document) => document,
            None => Arc::new(Parsed::new(parse(&found.text, limits)?)),
        };
        let measured = measure(&document.document, &variables, &self.shape, limits)?;
        let (name, operation) =
            operation::find(&document.document, params.operation_name.as_deref())?;
        operation::check_required(operation, &variables)?;
        operation::check_once(operation, &document.document)?;
        let knows_schema = self.knows_schema(actor.as_ref());
        if measured.asks_for_the_schema && !knows_schema {
            return Err(refusal(
                "this caller may not query the schema",
                ErrorCode::GraphqlValidationFailed,
            ));
        }
        let (kind, name) = (operation.ty, name.map(Into::into));
        let (meter, holder) = (Meter::new(limits.answer), Holder::of(actor.as_ref()));
        let weight = measured.texts.saturating_mul(LONGEST_BODY as u64).min(limits.answer);
        let is_small = kind != OperationType::Subscription && measured.is_small(limits.answer);
        let mut request = Request::new(&*found.text).variables(variables);
        request.operation_name = params.operation_name.clone();
        request.set_parsed_query(document.document.clone());
        request = request.data(meter.clone());
        if let Some(actor) = actor {
            request = request.data(actor);
        }
        self.documents.keep(found, &document);
        let completion = Completion {
            document,
            operation: params.operation_name,
            shape: self.shape.clone(),
            knows_schema,
        };
        Ok(Prepared { request, completion, meter, kind, name, holder, weight, is_small })
    }

    fn knows_schema(&self, actor: Option<&Actor>) -> bool {
        match self.config.introspection {
            Introspection::Everybody => true,
            Introspection::SignedIn => actor.is_some(),
            Introspection::Admins => actor.is_some_and(Actor::is_admin),
        }
    }
}

impl Params {
    /// Whether the request says what to execute.
    pub fn is_complete(&self) -> bool {
        self.query.is_some() || !matches!(self.document_id(), Ok(None))
    }

    /// What a client of a websocket says of the trace that this operation belongs to: it has no
    /// headers for it.
    pub fn traceparent(&self) -> Option<Parent> {
        match self.extensions.as_ref()?.get("traceparent")? {
            Value::String(text) => Parent::parse(text),
            _ => None,
        }
    }

    /// As in the GraphQL over HTTP specification, or as an automatic persisted query.
    pub(super) fn document_id(&self) -> Result<Option<&str>, ServerError> {
        let persisted =
            self.extensions.as_ref().and_then(|extensions| extensions.get("persistedQuery"));
        match (&self.document_id, persisted) {
            (Some(id), _) => Ok(Some(id)),
            (None, None | Some(Value::Null)) => Ok(None),
            (None, Some(Value::Object(persisted))) => match persisted.get("sha256Hash") {
                Some(Value::String(hash)) => Ok(Some(hash)),
                _ => Err(refusal(
                    "extensions.persistedQuery must have a sha256Hash",
                    ErrorCode::BadUserInput,
                )),
            },
            (None, Some(_)) => {
                Err(refusal("extensions.persistedQuery must be an object", ErrorCode::BadUserInput))
            }
        }
    }
}

/// Scans a text, then parses it.
fn parse(text: &str, limits: &Limits) -> Result<ExecutableDocument, ServerError> {
    scan::scan(text, limits.tokens).map_err(too_complex)?;
    parse_query(text).map_err(|error| {
        let at = error.positions().next();
        let mut error: ServerError = error.into();
        // The parser's message quotes the line of the source, which may be the whole text; its last
        // line says what is wrong.
        let what = error
            .message
            .lines()
            .last()
            .unwrap_or_default()
            .trim()
            .trim_start_matches("= ")
            .to_owned();
        error.message = match at {
            Some(at) => {
                format!("the document is not valid GraphQL at {}:{}: {what}", at.line, at.column)
            }
            None => format!("the document is not valid GraphQL: {what}"),
        };
        with_code(error, ErrorCode::GraphqlParseFailed)
    })
}

/// Refuses a document that asks for too much.
fn measure(
    document: &ExecutableDocument,
    variables: &Variables,
    shape: &Shape,
    limits: &Limits,
) -> Result<Measured, ServerError> {
    measure::check(document, variables, shape, limits).map_err(|TooMuch { message, cost }| {
        let mut error = too_complex(message);
        if let (Some(cost), Some(extensions)) = (cost, &mut error.extensions) {
            extensions.set("cost", cost);
            extensions.set("maximumCost", limits.cost);
        }
        error
    })
}

fn too_complex(message: String) -> ServerError {
    refusal(message, ErrorCode::QueryTooComplex)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(query: &str) -> Result<bool, String> {
        verdict_with(query, json!({}))
    }

    fn verdict_with(query: &str, variables: serde_json::Value) -> Result<bool, String> {
        let judged = judge(query, variables, &Limits::default());
        judged.map(|measured| measured.asks_for_the_schema).map_err(|error| error.message)
    }

    fn judge(
        query: &str,
        variables: serde_json::Value,
        limits: &Limits,
    ) -> Result<Measured, ServerError> {
        let (shape, variables) =
            (Shape::of(&crate::graphql::sdl()).unwrap(), Variables::from_json(variables));
        values::check(&variables, limits).map_err(too_complex)?;
        measure(&parse(query, limits)?, &variables, &shape, limits)
    }

    fn cost(query: &str, variables: serde_json::Value) -> u64 {
        let judged = judge(query, variables, &Limits { cost: 0, ..Limits::default() });
        let error = judged.err().unwrap_or_else(|| panic!("it costs nothing: {query}"));
        match error.extensions.unwrap().get("cost") {
            Some(Value::Number(cost)) => cost.as_u64().unwrap(),
            _ => panic!("{}", error.message),
        }
    }

    #[test]
    fn ordinary_requests_pass() {
        assert_eq!(verdict("{ viewer { id } }"), Ok(false));
        assert_eq!(verdict("mutation { archiveAll(input: {}) { affectedCount } }"), Ok(false));
        assert_eq!(
            verdict("# [[[[\n{ a(b: \"[[[[ \\\" {{{\", c: \"\"\"[[ \\\"\"\" [[\"\"\") }"),
            Ok(false)
        );
        assert_eq!(verdict(include_str!("introspection.graphql")), Ok(true));
    }

    #[test]
    fn requests_that_would_crash_or_stall_the_server_are_refused_at_once() {
        let nested = |n: usize| format!("{{ a(b: {}{}) }}", "[".repeat(n), "]".repeat(n));
        assert!(verdict(&nested(20_000)).unwrap_err().contains("nested"));
        assert!(verdict(&"{a".repeat(20_000)).unwrap_err().contains("nested"));
        assert!(verdict(&format!("{{ {} }}", "a ".repeat(5_000))).unwrap_err().contains("tokens"));
        let aliases: String = (0..101).map(|n| format!("a{n}: x ")).collect();
        assert!(verdict(&format!("{{ {aliases} }}")).unwrap_err().contains("aliases"));
        assert!(
            verdict(&format!("{{ a {} }}", "@a ".repeat(21))).unwrap_err().contains("directives")
        );
        let fragments: String =
            (0..51).map(|n| format!("fragment f{n} on User {{ id }} ")).collect();
        assert!(verdict(&format!("{fragments} {{ a }}")).unwrap_err().contains("fragments"));
        let operations: String = (0..6).map(|n| format!("query q{n} {{ a }} ")).collect();
        assert!(verdict(&operations).unwrap_err().contains("operations"));
        let variables: String = (0..51).map(|n| format!("$v{n}: Int ")).collect();
        assert!(verdict(&format!("query({variables}) {{ a }}")).unwrap_err().contains("variables"));
        for text in ["{ a(b: \"\"\"\" [[ ]] ) }", "{ a(b: \"\"\"\") }", "{ a } \"\"\" } }"] {
            assert!(verdict(text).unwrap_err().contains("block string"), "{text}");
        }
        for leaf in ["a", "__typename"] {
            let doubled: String = (0..22)
                .map(|n| format!("fragment f{n} on User {{ ...f{0} ...f{0} }} ", n + 1))
                .collect();
            let query =
                format!("{doubled} fragment f22 on User {{ {leaf} }} {{ viewer {{ ...f0 }} }}");
            assert!(verdict(&query).unwrap_err().contains("expanded"), "{leaf}");
        }
        let many = json!({"ids": vec!["usr_1"; 5_000]});
        let query = format!("query($ids: [ID!]!) {{ {} }}", "nodes(ids: $ids) { id } ".repeat(3));
        assert!(verdict_with(&query, many).unwrap_err().contains("expanded"));
        let circle = "fragment a on User { x { ...b } } fragment b on User { x { ...a } } \
                      { viewer { ...a } }";
        assert!(verdict(circle).unwrap_err().contains("contains itself"));
        assert!(
            verdict(&format!("{{ a {} }}", "{ a ".repeat(15) + &"}".repeat(15)))
                .unwrap_err()
                .contains("deep")
        );
        let deep = (0..40).fold(json!(1), |value, _| json!([value]));
        assert!(
            verdict_with("query($v: X) { a(b: $v) }", json!({"v": deep}))
                .unwrap_err()
                .contains("nested")
        );
    }

    /// 100 × 100 × 100 objects, whichever way the number is passed in.
    #[test]
    fn pages_of_pages_of_pages_are_counted() {
        let pages = |n: &str| {
            format!(
                "groups(first: {n}) {{ nodes {{ members(first: {n}) {{ nodes {{ \
                 groups(first: {n}) {{ nodes {{ id }} }} }} }} }} }}"
            )
        };
        for (query, variables) in [
            (format!("{{ {} }}", pages("100")), json!({})),
            (format!("query($n: Int) {{ {} }}", pages("$n")), json!({"n": 100})),
            (format!("query($n: Int = 100) {{ {} }}", pages("$n")), json!({})),
            (format!("query {{ ...f }} fragment f on Query {{ {} }}", pages("100")), json!({})),
            (
                format!("{{ nodes(ids: \"usr_1\") {{ ... on User {{ {} }} }} }}", pages("100")),
                json!({}),
            ),
            (
                format!(
                    "query($i: [ID!]!) {{ nodes(ids: $i) {{ ... on User {{ {} }} }} }}",
                    pages("100")
                ),
                json!({"i": "usr_1"}),
            ),
        ] {
            assert!(cost(&query, variables) > 1_000_000, "{query}");
        }
    }

    /// One plain field counts as a tenth of an object.
    #[test]
    fn the_cost_is_the_number_of_objects() {
        let items = "nodes { id } pageInfo { endCursor }";
        for (query, variables, objects) in [
            ("{ viewer { id } }".into(), json!({}), 2),
            (
                format!("{{ viewer {{ inbox {{ items(first: 100) {{ {items} }} }} }} }}"),
                json!({}),
                115,
            ),
            (format!("{{ viewer {{ inbox {{ items {{ {items} }} }} }} }}"), json!({}), 26),
            (
                "query($ids: [ID!]!) { nodes(ids: $ids) { id } }".into(),
                json!({"ids": vec!["usr_1"; 50]}),
                55,
            ),
            (
                "mutation($ids: [ID!]!) { markRead(input: {itemIds: $ids}) { items { id } } }"
                    .into(),
                json!({"ids": vec!["itm_1"; 100]}),
                111,
            ),
            (
                "mutation($ids: [ID!]!, $x: DateTime) { \
                 snooze(input: {itemIds: $ids, until: $x}) { items { id } } }"
                    .into(),
                json!({"ids": vec!["itm_1"; 100]}),
                111,
            ),
            (
                "subscription { inboxUpdated { changes { type item { id } } } }".into(),
                json!({}),
                221,
            ),
            (
                "{ viewer { inbox { changes(after: \"a:1\", first: 100) { \
                 changes { item { id title } } } } } }"
                    .into(),
                json!({}),
                223,
            ),
        ] {
            assert_eq!(cost(&query, variables), objects, "{query}");
        }
    }

    /// Long texts and searches cost what the schema says.
    #[test]
    fn bodies_and_searches_have_costs_of_their_own() {
        let page = |filter: &str, fields: &str| {
            format!(
                "query($f: InboxFilter, $s: String) {{ viewer {{ inbox {{ \
                 items(first: 20{filter}) {{ nodes {{ {fields} }} }} }} }} }}"
            )
        };
        let cost = |filter: &str, fields: &str, variables| cost(&page(filter, fields), variables);
        let plain = cost("", "about { ... on Message { subject } }", json!({}));
        assert_eq!(cost("", "about { ... on Message { body } }", json!({})), plain + 18);
        let plain = cost(", filter: {view: ALL}", "id", json!({}));
        for (filter, variables) in [
            (", filter: {view: ALL, search: \"x\"}", json!({})),
            (", filter: {view: ALL, search: $s}", json!({"s": "x"})),
            (", filter: {view: ALL, sender: {externalId: \"x\"}}", json!({})),
            (", filter: $f", json!({"f": {"search": "x"}})),
        ] {
            assert_eq!(cost(filter, "id", variables), plain + 200, "{filter}");
        }
        assert_eq!(cost(", filter: $f", "id", json!({"f": {"search": null}})), plain);
        let texts = |query: &str| {
            judge(query, json!({}), &Limits::default()).map(|measured| measured.texts)
        };
        assert_eq!(
            texts(
                "{ viewer { inbox { items { nodes { \
                 about { ... on Message { a: body b: body } } } } } } }"
            ),
            Ok(40)
        );
    }

    /// They are executed without counting the bytes of their answers.
    #[test]
    fn pages_are_small_unless_they_ask_for_long_texts_or_much_data() {
        let is_small = |first: u32, fields: &str| {
            let query = format!("{{ readReport(first: {first}) {{ nodes {{ {fields} }} }} }}");
            let measured = judge(&query, json!({}), &Limits::default()).unwrap();
            measured.is_small(Limits::default().answer)
        };
        let row = "id sentAt message { subject } sentTo { name } readStats { readRate }";
        assert!(is_small(50, row));
        assert!(is_small(50, "message { data }"));
        assert!(!is_small(100, "message { a: data b: data c: data d: data e: data f: data }"));
        assert!(!is_small(1, "message { body }"));
    }
}
