//! No query stalls or crashes the server (P13): each limit, over HTTP and websocket, on a server
//! that still answers afterwards.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::{Value, json};
use tidings::config::Limits;

use crate::support::{
    app::{Kind, TestApp, TestUser},
    shown::shown,
};

/// The promise is one second; a debug build on shared cores is slower.
const LONGEST: Duration = Duration::from_secs(3);

/// The answer to a request over HTTP and over a websocket: the code of its first error.
async fn refused(user: &TestUser, query: &str, variables: Value) -> [String; 2] {
    let over_http = user.refusal(query, variables.clone()).await.0;
    let mut socket = user.connect().await;
    socket.subscribe("1", query, variables).await;
    let message = socket.receive().await;
    assert_eq!(message["type"], "error", "{message}");
    let over_socket =
        message["payload"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned();
    // The socket continues.
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await["type"], "pong");
    [over_http, over_socket]
}

/// Fragments, each of which spreads the next one twice.
fn doubled(times: usize, leaf: &str) -> String {
    let fragments = (0..times).map(|n| {
        let next = n + 1;
        format!("fragment f{n} on User {{ a: groups {{ nodes {{ id }} }} ...f{next} ...f{next} }} ")
    });
    fragments.collect::<String>()
        + &format!("fragment f{times} on User {{ {leaf} }} {{ viewer {{ ...f0 }} }}")
}

/// Traps 1 and 2, and similar ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_would_crash_or_stall_is_refused_at_once() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let alice = app.user("alice").await;
    let repeat = |text: &str, times: usize| text.repeat(times);
    let many =
        |times: usize, item: &dyn Fn(usize) -> String| (0..times).map(item).collect::<String>();
    let pages = "groups(first: 100) { nodes {
        members(first: 100) { nodes { groups(first: 100) { nodes { id } } } } } }";
    let deep = (0..40).fold(json!(1), |value, _| json!([value]));
    for (what, query, variables) in [
        (
            "nested values",
            format!("{{ node(id: {}1{}) {{ id }} }}", repeat("[", 4_000), repeat("]", 4_000)),
            json!({}),
        ),
        (
            "nested objects",
            format!("{{ node(id: {}1{}) {{ id }} }}", repeat("{a:", 4_000), repeat("}", 4_000)),
            json!({}),
        ),
        (
            "nested types",
            format!("query($a: {}Int{}) {{ viewerRole }}", repeat("[", 9_000), repeat("]", 9_000)),
            json!({}),
        ),
        ("an open end", repeat("{a", 10_000), json!({})),
        ("tokens", format!("{{ {} }}", repeat("viewerRole ", 4_001)), json!({})),
        ("doubled fragments", doubled(22, "id"), json!({})),
        ("doubled introspection", doubled(22, "__typename"), json!({})),
        (
            "depth",
            format!(
                "{{ viewer {}{} }}",
                repeat("{ groups { nodes ", 8),
                "{ id }".to_owned() + &repeat("} }", 8)
            ),
            json!({}),
        ),
        ("aliases", format!("{{ {} }}", many(101, &|n| format!("a{n}: viewerRole "))), json!({})),
        ("directives", format!("{{ viewerRole {} }}", repeat("@skip(if: false) ", 21)), json!({})),
        ("operations", many(6, &|n| format!("query q{n} {{ viewerRole }} ")), json!({})),
        (
            "fragments",
            many(51, &|n| format!("fragment f{n} on User {{ id }} ")) + "{ viewerRole }",
            json!({}),
        ),
        (
            "variables",
            format!("query({}) {{ viewerRole }}", many(51, &|n| format!("$v{n}: Int "))),
            json!({}),
        ),
        ("values", "{ viewerRole }".into(), (0..51).map(|n| (format!("v{n}"), json!(1))).collect()),
        ("deep values", "query($v: Int) { viewerRole }".into(), json!({"v": deep})),
        ("pages of pages of pages", format!("{{ {pages} }}"), json!({})),
        (
            "types of types",
            format!(
                "{{ __type(name: \"User\") {}{{ name }}{} }}",
                repeat("{ interfaces { possibleTypes ", 7),
                repeat("} }", 7)
            ),
            json!({}),
        ),
        (
            "a long default in many places",
            format!(
                "query($s: ID! = \"{}\") {{ nodes(ids: [{}]) {{ id }} }}",
                repeat("x", 50_000),
                repeat("$s ", 1_000)
            ),
            json!({}),
        ),
        (
            "a long text in a doubled fragment",
            format!(
                "{{ {} }} fragment f on Query {{ node(id: \"{}\") {{ id }} }}",
                repeat("...f ", 500),
                repeat("x", 40_000)
            ),
            json!({}),
        ),
        ("a long name", format!("{{ {}: viewerRole }}", repeat("a", 257)), json!({})),
        (
            "a long text in many places",
            format!("query($s: ID!) {{ nodes(ids: [{}]) {{ id }} }}", repeat("$s ", 1_000)),
            json!({"s": repeat("x", 50_000)}),
        ),
        (
            "pages of one thing",
            format!("{{ nodes(ids: \"{}\") {{ ... on User {{ {pages} }} }} }}", alice.id),
            json!({}),
        ),
        (
            "an open block string",
            format!("{{ node(id: [\"\"\"\" {} ]) {{ id }} }}", repeat("1 ", 20_000)),
            json!({}),
        ),
        (
            "a long variable in many places",
            format!(
                "query($ids: [ID!]!) {{ {} }}",
                many(100, &|n| format!("a{n}: nodes(ids: $ids) {{ id }} "))
            ),
            json!({"ids": vec!["usr_1"; 5_000]}),
        ),
        (
            "introspection of introspection",
            format!(
                "{{ __schema {{ types {} {{ name }} {} }} }}",
                repeat("{ fields { type ", 5),
                repeat("} }", 5)
            ),
            json!({}),
        ),
    ] {
        let start = Instant::now();
        assert_eq!(refused(&alice, &query, variables).await, ["QUERY_TOO_COMPLEX"; 2], "{what}");
        assert!(start.elapsed() < LONGEST, "{what}: {:?}", start.elapsed());
    }
    app.stop().await;
}

/// A cycle of fragments is not valid GraphQL, and just as dangerous.
#[tokio::test]
async fn fragments_in_a_circle_are_refused() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let circle = "fragment a on User { ...b } fragment b on User { ...a } { viewer { ...a } }";
    assert_eq!(
        refused(&app.user("alice").await, circle, json!({})).await,
        ["QUERY_TOO_COMPLEX"; 2]
    );
    app.stop().await;
}

/// Two calls with the same response name are one for the specification, but would be two for
/// async-graphql.
#[tokio::test]
async fn a_mutation_that_stands_twice_is_refused() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let alice = app.user("alice").await;
    let call = "archiveAll(input: {}) { affectedCount }";
    for twice in [
        format!("mutation {{ {call} {call} }}"),
        format!("mutation {{ {call} ...f }} fragment f on Mutation {{ {call} }}"),
        format!(
            "mutation {{ ...f ... on Mutation {{ ...f }} }} fragment f on Mutation {{ {call} }}"
        ),
    ] {
        assert_eq!(
            refused(&alice, &twice, json!({})).await,
            ["GRAPHQL_VALIDATION_FAILED"; 2],
            "{twice}"
        );
    }
    alice.query(&format!("mutation {{ a: {call} b: {call} }}"), json!({})).await;
    app.stop().await;
}

/// An error does not quote what it is about.
#[tokio::test]
async fn errors_are_short() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let query = "query($v: String) { user(ref: $v) { id } }";
    let answer = app.user("alice").await.ask(query, json!({"v": "x".repeat(20_000)})).await;
    assert!(answer["errors"][0]["message"].as_str().unwrap().len() <= 500, "{answer}");
    app.stop().await;
}

/// The refusal says by how much the limit is exceeded.
#[tokio::test]
async fn a_query_that_costs_too_much_is_told_its_cost() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let alice = app.user("alice").await;
    let query = "query($n: Int = 100) {
        groups(first: $n) { nodes { members(first: $n) { nodes { id } } } } }";
    let refused = alice.ask(query, json!({})).await;
    assert_snapshot!(shown(&app, &refused), @r#"
    {
      "errors": [
        {
          "extensions": {
            "code": "QUERY_TOO_COMPLEX",
            "cost": 11201,
            "maximumCost": 3000
          },
          "message": "the query costs 11201, but at most 3000 is allowed; ask for shorter pages"
        }
      ]
    }
    "#);
    let fewer = alice.ask(query, json!({"n": 3})).await;
    assert_ne!(fewer["errors"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX");
    app.stop().await;
}

/// One person's haste is nobody else's problem.
#[tokio::test]
async fn a_person_has_so_many_operations_in_a_minute() {
    let app =
        TestApp::start_with(Kind::Sqlite, |config| config.limits.operations_per_minute = Some(5))
            .await
            .unwrap();
    let [alice, bob] = app.users(["alice", "bob"]).await;
    for _ in 1..5 {
        alice.query("{ viewerRole }", json!({})).await;
    }
    assert_eq!(refused(&alice, "{ viewerRole }", json!({})).await, ["RATE_LIMITED"; 2]);
    bob.query("{ viewerRole }", json!({})).await;
    app.stop().await;
}

/// Every limit on documents is a setting.
#[tokio::test]
async fn limits_can_be_set() {
    let tight = Limits {
        depth: 1,
        cost: 1,
        aliases: 0,
        directives: 0,
        operations: 1,
        fragments: 0,
        variables: 0,
        tokens: 20,
        ..Limits::default()
    };
    let app = TestApp::start_with(Kind::Sqlite, |config| config.limits = tight).await.unwrap();
    let alice = app.client("alice", tidings::auth::Role::User);
    assert_eq!(alice.query("{ viewerRole }", json!({})).await["viewerRole"], "USER");
    for query in [
        "{ viewer { id } }",
        "{ a: viewerRole }",
        "{ viewerRole @skip(if: false) }",
        "query a { viewerRole } query b { viewerRole }",
        "{ ...f } fragment f on Query { viewerRole }",
        "query($a: Int) { viewerRole }",
        "{ viewerRole viewerRole viewerRole viewerRole viewerRole viewerRole viewerRole viewerRole
            viewerRole viewerRole viewerRole viewerRole viewerRole viewerRole viewerRole
            viewerRole viewerRole viewerRole viewerRole }",
    ] {
        assert_eq!(alice.refusal(query, json!({})).await.0, "QUERY_TOO_COMPLEX", "{query}");
    }
    app.stop().await;
}
