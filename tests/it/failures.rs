//! What fails takes nothing else with it, and lists that know their length.

use async_graphql::parser::{
    parse_schema,
    types::{TypeKind, TypeSystemDefinition},
};
use serde_json::{Value, json};

use crate::support::app::{TestApp, both};

/// A field that fails is null. Whatever is asked for at the root, or takes arguments, can fail; what
/// is known without asking anybody cannot, and updates of a subscription stand alone.
#[test]
fn whatever_can_fail_may_be_null() {
    const NEVER_FAILS: [&str; 2] = ["CatalogCategory.label", "Query.errorCodes"];
    let mut wrong = Vec::new();
    for definition in parse_schema(tidings::graphql::sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(ty) = definition else { continue };
        let TypeKind::Object(object) = ty.node.kind else { continue };
        let ty = ty.node.name.node;
        let is_root = ["Query", "Mutation"].contains(&ty.as_str());
        for field in object.fields.iter().filter(|_| ty != "Subscription") {
            let name = format!("{ty}.{}", field.node.name.node);
            let can_fail = is_root || !field.node.arguments.is_empty();
            if can_fail && !field.node.ty.node.nullable && !NEVER_FAILS.contains(&name.as_str()) {
                wrong.push(name);
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

both! {
    async fn a_wrong_argument_erases_nothing_beside_its_field(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "hello").await;
        let alone = "{ viewer { inbox { items(after: \"nonsense\") { nodes { id } } } } }";
        let answer = bob.ask(alone, json!({})).await;
        assert_eq!(answer["data"], json!({"viewer": {"inbox": {"items": null}}}));

        let query = "{ viewerRole
            explain(activityId: \"act_zz\") { delivered }
            sentMessages(first: 0) { nodes { id } }
            reminderSchedule(reminder: {frequency: \"never\"})
            viewer { name inbox {
                counts { unread }
                items(after: \"nonsense\") { nodes { id } }
                changes(after: \"nonsense\") { cursor } } } }";

        let answer = bob.ask(query, json!({})).await;

        assert_eq!(
            answer["data"],
            json!({
                "viewerRole": "USER", "explain": null, "sentMessages": null,
                "reminderSchedule": null,
                "viewer": {
                    "name": "bob",
                    "inbox": {"counts": {"unread": 1}, "items": null, "changes": null},
                },
            })
        );
        let mut failed: Vec<_> = answer["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| (error["path"].to_string(), error["extensions"]["code"].clone()))
            .collect();
        failed.sort_by(|one, other| one.0.cmp(&other.0));
        let wanted = [
            ("[\"explain\"]", "NOT_FOUND"),
            ("[\"reminderSchedule\"]", "BAD_USER_INPUT"),
            ("[\"sentMessages\"]", "BAD_USER_INPUT"),
            ("[\"viewer\",\"inbox\",\"changes\"]", "BAD_USER_INPUT"),
            ("[\"viewer\",\"inbox\",\"items\"]", "BAD_USER_INPUT"),
        ];
        assert_eq!(failed, wanted.map(|(path, code)| (path.to_owned(), json!(code))));
    }

    /// What the database says is for the log: clients get a code, and nothing of its text (trap 10).
    async fn an_error_of_the_database_is_not_shown(app: TestApp) {
        let admin = app.admin().await;
        // Reads who asks from memory from now on.
        admin.query("{ viewerRole }", json!({})).await;
        for (table, fields) in [
            ("user_group", "groups { nodes { id } }"),
            ("message", "sentMessages { nodes { id } } plannedMessages { nodes { id } }"),
            ("target", "viewer { subscriptions { nodes { id } } }"),
            ("announcement", "announcements { nodes { id } }"),
            ("user_account", "users { nodes { id } }"),
        ] {
            let tx = app.db.begin().await.unwrap();
            tx.run(&format!("ALTER TABLE {table} RENAME TO away"), []).await.unwrap();
            tx.commit().await.unwrap();
            let answer = admin.ask(&format!("{{ {fields} }}"), json!({})).await;
            for error in answer["errors"].as_array().unwrap() {
                let message = error["message"].as_str().unwrap();
                assert!(message.starts_with("something went wrong; "), "{fields}: {message}");
                assert_eq!(error["extensions"]["code"], "INTERNAL_SERVER_ERROR", "{fields}");
            }
            let tx = app.db.begin().await.unwrap();
            tx.run(&format!("ALTER TABLE away RENAME TO {table}"), []).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    /// A list whose items are counted knows its length, however long its pages are; others say
    /// null, and cost nothing more.
    async fn a_list_knows_its_length_where_it_is_counted(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for n in 0..6 {
            alice.send(&bob, &n.to_string()).await;
        }
        bob.change("archive", &[&bob.item("0").await]).await;
        bob.snooze(&bob.item("1").await, app.now() + chrono::TimeDelta::hours(1)).await;
        bob.change("markRead", &[&bob.item("2").await]).await;
        let total = async |filter: &str| {
            let query = format!(
                "{{ viewer {{ inbox {{ counts {{ active }}
                    items(first: 1, filter: {filter}) {{ totalCount nodes {{ id }} }} }} }} }}"
            );
            let inbox = bob.query(&query, json!({})).await["viewer"]["inbox"].take();
            assert_eq!(inbox["counts"]["active"], 4);
            inbox["items"]["totalCount"].clone()
        };
        for (filter, wanted) in [
            ("{}", json!(4)),
            ("{view: ACTIVE}", json!(4)),
            ("{view: UNREAD}", json!(3)),
            ("{view: ARCHIVED}", json!(1)),
            ("{view: SNOOZED}", json!(1)),
            ("{view: ALL}", json!(6)),
            ("{kinds: [MESSAGE]}", Value::Null),
            ("{search: \"3\"}", Value::Null),
            ("{target: {type: \"post\", externalId: \"unknown\"}}", Value::Null),
        ] {
            assert_eq!(total(filter).await, wanted, "{filter}");
        }
        app.assert_live_equals_refetch(&bob).await;
    }

    /// Keys come in the order of the request, also those that had to be loaded.
    async fn answers_have_the_order_of_the_request(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "hello").await;
        let query = "{ z: viewer { inbox { items { pageInfo { hasNextPage } nodes {
            title about { ... on Message { sentTo { name } viewerCanReply subject } } id } } }
            firstName } a: errorCodes viewerRole }";
        let request = reqwest::Client::new()
            .post(app.url("/graphql"))
            .bearer_auth(bob.token.as_ref().unwrap())
            .json(&json!({"query": query}));
        let text = request.send().await.unwrap().text().await.unwrap();
        let keys = [
            "\"z\"", "\"inbox\"", "\"items\"", "\"pageInfo\"", "\"nodes\"", "\"title\"",
            "\"about\"", "\"sentTo\"", "\"name\"", "\"viewerCanReply\"", "\"subject\"", "\"id\"",
            "\"firstName\"", "\"a\"", "\"viewerRole\"",
        ];
        let places: Vec<_> = keys.iter().map(|key| text.find(key).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
    }
}
