use serde_json::{Value, json};
use tidings::auth::Role;

use crate::support::app::{TestApp, both};

const UPSERT: &str = "mutation($users: [UserInput!]!) { upsertUsers(input: {users: $users}) {
    users { externalId name email locale timeZone avatarUrl inbox { counts { unread } } } } }";

both! {
    /// A person with a valid token is known from their first request on.
    async fn a_valid_token_makes_a_person_known(app: TestApp) {
        let alice = app.user("alice").await;
        let viewer = alice
            .query(
                "{ viewer { externalId name inbox { counts { unread } } } viewerRole }",
                json!({}),
            )
            .await;
        let wanted = json!({
            "viewer": {"externalId": "alice", "name": "alice", "inbox": {"counts": {"unread": 0}}},
            "viewerRole": "USER",
        });
        assert_eq!(viewer, wanted);
        // A service has no inbox.
        assert_eq!(
            app.service().query("{ viewer { id } viewerRole }", json!({})).await,
            json!({"viewer": null, "viewerRole": "SERVICE"})
        );
    }

    /// Twenty concurrent first requests by one person create one person.
    async fn first_requests_at_the_same_time_make_one_person(app: TestApp) {
        let alice = app.client("alice", Role::User);
        let calls = (0..20).map(|_| {
            let alice = alice.clone();
            tokio::spawn(async move { alice.query("{ viewer { id } }", json!({})).await })
        });
        let mut answers = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            answers.push(call.await.unwrap());
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]));
    }

    /// Fields omitted from an upsert stay unchanged.
    async fn an_upsert_changes_what_it_names(app: TestApp) {
        let host = app.service();
        let ada = json!({
            "externalId": "ada", "firstName": "Ada", "lastName": "Lovelace",
            "email": "ada@example.com", "locale": "en-GB", "timeZone": "Europe/London",
            "avatarUrl": "https://example.com/ada.png",
        });
        host.query(UPSERT, json!({"users": [ada, {"externalId": "bob"}]})).await;

        let changes = json!([
            {"externalId": "bob", "firstName": "Bob"},
            {"externalId": "ada", "lastName": "King"},
        ]);
        let changed = host.query(UPSERT, json!({"users": changes})).await;

        let users = &changed["upsertUsers"]["users"];
        assert_eq!(users[0]["name"], "Bob");
        assert_eq!(
            users[1],
            json!({
                "externalId": "ada", "name": "Ada King", "email": "ada@example.com",
                "locale": "en-GB", "timeZone": "Europe/London",
                "avatarUrl": "https://example.com/ada.png", "inbox": {"counts": {"unread": 0}},
            })
        );
    }

    /// The error for one invalid entry names it, and none is written.
    async fn an_upsert_is_all_or_nothing(app: TestApp) {
        let host = app.service();
        for (bad, field) in [
            (json!({"externalId": ""}), "users.1.externalId"),
            (json!({"externalId": "good"}), "users.1.externalId"),
            (json!({"externalId": "x", "email": "nonsense"}), "users.1.email"),
            (json!({"externalId": "x", "timeZone": "Mars/Phobos"}), "users.1.timeZone"),
            (json!({"externalId": "x", "locale": "!"}), "users.1.locale"),
            (json!({"externalId": "x", "avatarUrl": "javascript:alert(1)"}), "users.1.avatarUrl"),
            (json!({"externalId": "x", "firstName": "x".repeat(101)}), "users.1.firstName"),
        ] {
            let refusal =
                host.refusal(UPSERT, json!({"users": [{"externalId": "good"}, bad]})).await;
            assert_eq!(refusal, ("BAD_USER_INPUT".into(), Some(field.into())));
        }
        let none: Value =
            host.query("{ user(ref: {externalId: \"good\"}) { id } }", json!({})).await;
        assert_eq!(none["user"], json!(null));
        let many: Vec<_> = (0..501).map(|n| json!({"externalId": n.to_string()})).collect();
        assert_eq!(host.refusal(UPSERT, json!({"users": many})).await.1.unwrap(), "users");
    }

    /// The reason is that of the last call that gave one, and is gone once they are let in again.
    async fn why_somebody_is_deactivated_is_kept_as_long_as_they_are(app: TestApp) {
        app.user("bob").await;
        let host = app.service();
        let change = async |mutation: &str, reason: Option<&str>| {
            let reason = reason.map(|text| format!(", reason: {}", json!(text)));
            let document = format!(
                "mutation {{ done: {mutation}(input: {{user: {{externalId: \"bob\"}}{}}}) {{
                    user {{ deactivation {{ reason detail }} }} }} }}",
                reason.unwrap_or_default()
            );
            let answer = host.ask(&document, json!({})).await;
            match answer["errors"].get(0) {
                Some(error) => error["extensions"].clone(),
                None => answer["data"]["done"]["user"]["deactivation"].clone(),
            }
        };
        for bad in ["", " ", "two\nlines", &"é".repeat(501)] {
            let refused = change("deactivateUser", Some(bad)).await;
            assert_eq!((&refused["code"], &refused["field"]), (&json!("BAD_USER_INPUT"), &json!("reason")));
        }

        let long = "é".repeat(500);
        for (mutation, reason, kept) in [
            ("deactivateUser", None, json!({"reason": "HOST", "detail": null})),
            ("deactivateUser", Some("left"), json!({"reason": "HOST", "detail": "left"})),
            ("deactivateUser", None, json!({"reason": "HOST", "detail": "left"})),
            ("deactivateUser", Some(&*long), json!({"reason": "HOST", "detail": long})),
            ("reactivateUser", None, json!(null)),
            ("deactivateUser", None, json!({"reason": "HOST", "detail": null})),
        ] {
            assert_eq!(change(mutation, reason).await, kept, "{mutation} {reason:?}");
        }
    }

    /// A person can be found by either id, and in the list by a part of the name.
    async fn people_are_found(app: TestApp) {
        let host = app.service();
        let users = json!([
            {"externalId": "ada", "firstName": "Ada", "lastName": "Lovelace"},
            {"externalId": "bob", "firstName": "Bob"},
        ]);
        host.query(UPSERT, json!({"users": users})).await;
        let found = host
            .query("{ users(search: \"LOVE\") { nodes { id externalId } } }", json!({}))
            .await["users"]["nodes"]
            .take();
        assert_eq!(found.as_array().unwrap().len(), 1);
        let by_id = "query($id: ID!) {
            user(ref: {id: $id}) { externalId } node(id: $id) { __typename id } }";
        let by_id = host.query(by_id, json!({"id": found[0]["id"]})).await;
        assert_eq!(
            (&by_id["user"]["externalId"], &by_id["node"]["__typename"]),
            (&json!("ada"), &json!("User"))
        );
    }
}
