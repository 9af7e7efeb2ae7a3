//! The clients that applications use, run against the server: graphql-http's audits, graphql-ws,
//! graphql-sse, EventSource, Apollo, urql, Relay, graphql-codegen, and Python's gql.

mod caches;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tidings::{auth::Role, config::AddressBook};

use crate::{
    categories::with_categories,
    support::{
        app::{Kind, TestApp, TestUser, both},
        node::{Client, Program},
    },
};

const FOLLOW: &str = "subscription($after: String) { inboxUpdated(after: $after) {
    cursor counts { unread } changes { type item { title } } } }";

/// What graphql-codegen makes of the schema and of the caches' documents is what an application
/// expects of it: which fields can be null, and which values there are.
#[tokio::test]
async fn an_application_compiles_with_the_types_of_graphql_codegen() {
    let Some(check) = Program::start("tests/clients", &["types/check.mjs"], &[]) else { return };

    assert_eq!(check.end().await, (vec![], true));
}

/// P14: GraphQL over HTTP, checked by its authors' audits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_audit_of_graphql_over_http_passes() {
    let app = TestApp::start(Kind::Sqlite).await.unwrap();
    let bob = app.user("bob").await;
    let environment = [("TIDINGS_TOKEN", bob.bearer())];
    let audit = Program::start("tests/clients", &["audit.mjs", &app.url("/graphql")], &environment);
    let Some(audit) = audit else { return };

    let (results, is_compliant) = audit.end().await;
    let results: Vec<Value> =
        results.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut counts = BTreeMap::<String, usize>::new();
    for result in &results {
        let level = result["name"].as_str().unwrap().split(' ').next().unwrap();
        *counts.entry(format!("{level} {}", result["status"].as_str().unwrap())).or_default() += 1;
    }
    eprintln!("graphql-http: {counts:?}");
    let failed: Vec<&Value> = results.iter().filter(|result| result["status"] != "ok").collect();

    assert!(is_compliant, "{failed:#?}");
    assert_eq!((results.len(), failed.len()), (61, 0), "{failed:#?}");
    app.stop().await;
}

impl TestUser {
    fn bearer(&self) -> &str {
        self.token.as_ref().unwrap()
    }
}

/// The titles of an update's changes.
fn titles(data: &Value) -> Vec<&str> {
    let changes = data["inboxUpdated"]["changes"].as_array().unwrap();
    changes.iter().map(|change| change["item"]["title"].as_str().unwrap()).collect()
}

/// A graphql-ws client that follows the inbox and has received its first result.
async fn following(user: &TestUser) -> Option<Client> {
    let mut client = Client::start("ws-client.mjs", &user.app, &[])?;
    client.subscribe("live", FOLLOW, json!({})).await;
    client.answer("token", user.bearer()).await;
    client.expect(json!(["connected", null, false])).await;
    assert!(titles(&client.data("live").await).is_empty());
    Some(client)
}

both! {
    /// All kinds of operations at once on one socket, which stays open after they have finished.
    async fn graphql_ws_runs_every_kind_of_operation(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let Some(mut client) = Client::start("ws-client.mjs", &app, &[("LAZY", "no")]) else {
            return;
        };

        client.answer("token", bob.bearer()).await;
        client.expect(json!(["connected", null, false])).await;
        client.subscribe("live", FOLLOW, json!({})).await;
        client.data("live").await;
        client.subscribe("query", "{ viewer { name } }", json!({})).await;
        client.expect(json!(["next", "query", {"data": {"viewer": {"name": "bob"}}}])).await;
        client.expect(json!(["complete", "query"])).await;
        client.subscribe("wrong", "{ nothing }", json!({})).await;
        let refused = client.event().await;
        assert_eq!((&refused[0], &refused[1]), (&json!("error"), &json!("wrong")));
        assert_eq!(refused[2][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
        alice.send(&bob, "one").await;
        assert_eq!(titles(&client.data("live").await), ["one"]);
        client.stop("live").await;
        client.expect(json!(["complete", "live"])).await;
        let mark = "mutation { markAllRead(input: {}) { affectedCount } }";
        client.subscribe("mutation", mark, json!({})).await;
        client
            .expect(json!(["next", "mutation", {"data": {"markAllRead": {"affectedCount": 1}}}]))
            .await;
        client.expect(json!(["complete", "mutation"])).await;
        assert!(client.end().await.is_empty());
    }

    /// A lazy client connects for an operation and disconnects after it.
    async fn graphql_ws_opens_a_socket_only_for_operations(app: TestApp) {
        let bob = app.user("bob").await;
        let Some(mut client) = Client::start("ws-client.mjs", &app, &[]) else { return };

        for _ in 0..2 {
            client.subscribe("query", "{ viewer { name } }", json!({})).await;
            client.answer("token", bob.bearer()).await;
            client.expect(json!(["connected", null, false])).await;
            client.data("query").await;
            client.expect(json!(["complete", "query"])).await;
            client.expect(json!(["closed", 1000])).await;
        }
    }

    /// Clients reconnect to a server that restarts, and learn what happened meanwhile.
    async fn graphql_ws_resumes_after_a_restart(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let Some(mut client) = following(&bob).await else { return };
        alice.send(&bob, "one").await;
        assert_eq!(titles(&client.data("live").await), ["one"]);

        let again = app.restart().await;
        client.expect(json!(["closed", 1012])).await;
        again.user("alice").await.send(&again.user("bob").await, "two").await;
        client.answer("retry", "now").await;
        client.answer("token", bob.bearer()).await;

        client.expect(json!(["connected", null, true])).await;
        assert_eq!(titles(&client.data("live").await), ["two"]);
        again.stop().await;
    }

    /// A client that keeps its socket open also reconnects without an operation.
    async fn graphql_ws_holds_a_socket_over_a_restart(app: TestApp) {
        let bob = app.user("bob").await;
        let Some(mut client) = Client::start("ws-client.mjs", &app, &[("LAZY", "no")]) else {
            return;
        };
        client.answer("token", bob.bearer()).await;
        client.expect(json!(["connected", null, false])).await;

        let again = app.restart().await;
        client.expect(json!(["closed", 1012])).await;
        client.answer("retry", "now").await;
        client.answer("token", bob.bearer()).await;

        client.expect(json!(["connected", null, true])).await;
        again.stop().await;
    }

    /// A client whose token expires is asked for a fresh one and continues; also when that one
    /// expires.
    async fn graphql_ws_comes_back_with_a_fresh_token(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let Some(mut client) = following(&bob).await else { return };

        app.advance(TimeDelta::days(366));
        let [alice, bob_again] = [&alice, &bob].map(|user| app.client(&user.name, Role::User));
        client.expect(json!(["closed", 4403])).await;
        alice.send(&bob, "meanwhile").await;
        client.answer("retry", "now").await;
        client.answer("token", bob.bearer()).await;
        client.expect(json!(["closed", 4403])).await;
        client.answer("retry", "now").await;
        client.answer("token", bob_again.bearer()).await;

        client.expect(json!(["connected", null, true])).await;
        assert_eq!(titles(&client.data("live").await), ["meanwhile"]);
    }

    /// A token that can never be valid is not retried.
    async fn graphql_ws_gives_up_with_a_forged_token(app: TestApp) {
        let bob = app.user("bob").await;
        let forged = format!("{}x", bob.bearer());
        for lazy in ["yes", "no"] {
            let Some(mut client) = Client::start("ws-client.mjs", &app, &[("LAZY", lazy)]) else {
                return;
            };
            if lazy == "yes" {
                client.subscribe("live", FOLLOW, json!({})).await;
            }

            client.answer("token", &forged).await;

            client.expect(json!(["closed", 4401])).await;
            client
                .expect(if lazy == "yes" {
                    json!(["error", "live", {"code": 4401}])
                } else {
                    json!(["gave up", 4401])
                })
                .await;
            assert!(client.end().await.is_empty());
        }
    }

    /// Somebody who was deactivated is not let in again.
    async fn graphql_ws_gives_up_for_a_deactivated_person(app: TestApp) {
        let bob = app.user("bob").await;
        let Some(mut client) = following(&bob).await else { return };

        app.deactivate("bob").await;

        client.expect(json!(["closed", 4401])).await;
        client.expect(json!(["error", "live", {"code": 4401}])).await;
        assert!(client.end().await.is_empty());
    }
}

both! {
    /// One request for each operation; an error is an answer, too, and is not retried.
    async fn graphql_sse_runs_every_kind_of_operation(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let Some(mut client) = Client::start("sse-client.mjs", &app, &[]) else { return };

        for (query, data) in [
            ("{ viewer { name } }", json!({"viewer": {"name": "bob"}})),
            (
                "mutation { markAllRead(input: {}) { affectedCount } }",
                json!({"markAllRead": {"affectedCount": 0}}),
            ),
        ] {
            client.subscribe("once", query, json!({})).await;
            client.answer("token", bob.bearer()).await;
            client.expect(json!(["connected", false])).await;
            assert_eq!(client.data("once").await, data);
            client.expect(json!(["complete", "once"])).await;
        }
        client.subscribe("wrong", "{ nothing }", json!({})).await;
        client.answer("token", bob.bearer()).await;
        client.expect(json!(["connected", false])).await;
        let refused = client.event().await;
        assert_eq!((&refused[0], &refused[1]), (&json!("next"), &json!("wrong")));
        assert_eq!(refused[2]["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
        client.expect(json!(["complete", "wrong"])).await;
        client.subscribe("live", FOLLOW, json!({})).await;
        client.answer("token", bob.bearer()).await;
        client.expect(json!(["connected", false])).await;
        client.data("live").await;
        alice.send(&bob, "one").await;
        assert_eq!(titles(&client.data("live").await), ["one"]);
        client.stop("live").await;
        client.expect(json!(["complete", "live"])).await;
        assert!(client.end().await.is_empty());
    }

    /// To a stream, a stopping server and an expired token look the same: it is restarted from
    /// where it was.
    async fn graphql_sse_resumes_after_a_restart_and_with_a_fresh_token(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let Some(mut client) = Client::start("sse-client.mjs", &app, &[]) else { return };
        client.subscribe("live", FOLLOW, json!({})).await;
        client.answer("token", bob.bearer()).await;
        client.expect(json!(["connected", false])).await;
        client.data("live").await;
        alice.send(&bob, "one").await;
        assert_eq!(titles(&client.data("live").await), ["one"]);

        let again = app.restart().await;
        again.user("alice").await.send(&again.user("bob").await, "two").await;
        client.answer("retry", "now").await;
        client.answer("token", bob.bearer()).await;
        client.expect(json!(["connected", true])).await;
        assert_eq!(titles(&client.data("live").await), ["two"]);

        again.advance(TimeDelta::days(366));
        let [alice, bob_again] = ["alice", "bob"].map(|name| again.client(name, Role::User));
        client.answer("retry", "now").await;
        // 401, after which the client gets a new token.
        client.answer("token", bob.bearer()).await;
        alice.send(&bob, "three").await;
        client.answer("retry", "now").await;
        client.answer("token", bob_again.bearer()).await;
        client.expect(json!(["connected", true])).await;
        assert_eq!(titles(&client.data("live").await), ["three"]);
        again.stop().await;
    }

    /// What every browser has: it knows nothing about GraphQL, repeats its request, and sends the
    /// id of the last event.
    async fn an_event_source_resumes_by_the_id_of_its_last_event(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let environment = [("QUERY", FOLLOW), ("TIDINGS_TOKEN", bob.bearer())];
        let Some(mut source) = Client::start("event-source.mjs", &app, &environment) else {
            return;
        };

        source.expect(json!(["request", null])).await;
        assert_eq!(source.event().await[1], bob.cursor().await.as_str());
        alice.send(&bob, "one").await;
        let seen = source.event().await;
        assert_eq!((&seen[1], titles(&seen[2]["data"])), (&json!(bob.cursor().await), vec!["one"]));
        let again = app.restart().await;
        again.user("alice").await.send(&again.user("bob").await, "two").await;

        let request = json!(["request", seen[1]]);
        source.expect(request.clone()).await;
        let mut missed = source.event().await;
        // It has its own pace, and may have connected before the server was ready.
        while missed == request {
            missed = source.event().await;
        }
        assert_eq!(titles(&missed[2]["data"]), ["two"]);
        again.stop().await;
    }
    /// An EventSource repeats every request that did not end with `complete`.
    async fn an_event_source_sends_a_mutation_once(app: TestApp) {
        let bob = app.user("bob").await;
        let mutation = "mutation { markAllRead(input: {}) { affectedCount } }";
        let environment = [("QUERY", mutation), ("TIDINGS_TOKEN", bob.bearer())];
        let Some(mut source) = Client::start("event-source.mjs", &app, &environment) else {
            return;
        };

        source.expect(json!(["request", null])).await;
        source.expect(json!(["next", "", {"data": {"markAllRead": {"affectedCount": 0}}}])).await;
        source.expect(json!(["complete"])).await;
        assert!(source.end().await.is_empty());
    }

    /// A client that sends the hash of a query is told that it is unknown, sends the text, and from
    /// then on only the hash.
    async fn the_libraries_need_not_repeat_the_text_of_a_query(app: TestApp) {
        for (library, method, requests) in [
            ("apollo", "POST", [json!(["POST", 400]), json!(["POST", 200]), json!(["POST", 200])]),
            ("apollo", "GET", [json!(["GET", 400]), json!(["POST", 200]), json!(["GET", 200])]),
            ("urql", "POST", [json!(["POST", 400]), json!(["POST", 200]), json!(["POST", 200])]),
            ("urql", "GET", [json!(["GET", 400]), json!(["GET", 200]), json!(["GET", 200])]),
        ] {
            let bob = app.user("bob").await;
            let arguments = ["known-documents.mjs", library, method];
            let Some(program) = Program::following("tests/clients", &arguments, &bob) else {
                return;
            };

            let lines = program.end().await.0;

            let [unknown, told, known] = requests.map(|request| request.to_string());
            let answer = json!(["answer", "bob"]).to_string();
            assert_eq!(
                lines,
                [unknown, told, answer.clone(), known, answer],
                "{library}, {method}"
            );
        }
    }

    /// Python's client speaks the protocol, asks for the schema, and follows an inbox.
    async fn gql_for_python_follows_an_inbox(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let Some(mut program) = Program::python(&["follow.py"], &bob, &[]) else { return };
        let mut line = async || serde_json::from_str::<Value>(&program.line().await).unwrap();

        assert_eq!(line().await, json!({"viewer": {"name": "bob"}}));
        let position = json!({"inboxUpdated": {"counts": {"unread": 0}, "changes": []}});
        assert_eq!(line().await, position);
        alice.send(&bob, "hello").await;
        let arrived = json!({"counts": {"unread": 1}, "changes": [{"item": {"title": "hello"}}]});
        assert_eq!(line().await, json!({"inboxUpdated": arrived}));
    }

    /// A back end sends what has a category and links, and plans, changes and cancels; a person
    /// asks whom they can write to.
    async fn gql_for_python_sends_and_plans(app: TestApp) {
        let app = app
            .restart_with(|config| {
                with_categories(config);
                config.address_book = AddressBook::Groups;
            })
            .await;
        let [alice, bob, _alien] = app.users(["alice", "bob", "alien"]).await;
        app.group("team", &[&alice, &bob]).await;
        let ten = "2026-01-05T10:00:00+00:00";
        let host = app.service();
        let environment = [("HOST_TOKEN", host.bearer())];
        let Some(program) = Program::python(&["send.py", "bob", ten], &bob, &environment) else {
            return;
        };

        let (lines, has_succeeded) = program.end().await;

        assert!(has_succeeded, "{lines:#?}");
        let mut lines: Vec<Value> =
            lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        for line in &mut lines {
            if let Some(message) = line.pointer_mut("/createMessage/message") {
                message.as_object_mut().unwrap().remove("id").unwrap();
            }
        }
        let planned = json!({"createMessage": {"message": {
            "sendAt": ten, "category": null, "actions": [],
        }}});
        assert_eq!(
            lines[..4],
            [
                json!({"createMessage": {"message": {
                    "sendAt": null, "category": "work", "actions": [
                        {"label": "Pay", "url": "/invoices/7/pay", "isMain": true},
                        {"label": "Download", "url": "/invoices/7.pdf", "isMain": false},
                    ],
                }}}),
                json!(["BAD_USER_INPUT"]),
                planned.clone(),
                planned,
            ]
        );
        assert_eq!(lines[4]["updateMessage"]["message"]["subject"], "at ten");
        assert!(lines[5]["cancelMessage"]["messageId"].is_string());
        assert_eq!(
            lines[6..],
            [
                json!({"plannedMessages": {"nodes": [{"subject": "at ten", "sendAt": ten}]}}),
                // Another's name begins in the same way, but Bob shares no group with them.
                json!({"people": {"nodes": [{"name": "alice"}]}}),
                json!({"updateViewer": {"user": {
                    "locale": "de-AT", "timeZone": "Europe/Vienna",
                }}}),
                json!(["BAD_USER_INPUT"]),
                json!({"server": {
                    "addressBook": "GROUPS", "peopleEdit": ["LOCALE", "TIME_ZONE"],
                    "limits": {"subject": 200, "page": 100},
                }}),
            ]
        );
        assert_eq!(bob.titles("ALL").await, ["Your invoice is ready"]);
        app.advance(TimeDelta::hours(1));
        app.run_due().await;
        assert_eq!(bob.titles("ALL").await, ["at ten", "Your invoice is ready"]);
        app.stop().await;
    }
}
