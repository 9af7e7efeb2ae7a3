use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser, both};

async fn members(client: &TestUser, group: &str) -> Value {
    let query = "query($id: String!) {
        group(ref: {externalId: $id}) { name memberCount members { nodes { name } } } }";
    client.query(query, json!({"id": group})).await["group"].take()
}

both! {
    /// Adding and removing are idempotent; somebody who returns is a member again.
    async fn membership_follows_what_was_said_last(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        app.group("team", &[&alice, &bob]).await;
        app.add_members("team", &[&alice]).await;
        app.remove_members("team", &[&bob]).await;
        app.remove_members("team", &[&bob]).await;
        assert_eq!(
            members(&alice, "team").await,
            json!({"name": "team", "memberCount": 1, "members": {"nodes": [{"name": "alice"}]}})
        );
        app.add_members("team", &[&bob]).await;
        assert_eq!(members(&alice, "team").await["memberCount"], 2);
        let own = bob.query("{ viewer { groups { nodes { name } } } }", json!({})).await;
        assert_eq!(own["viewer"]["groups"]["nodes"], json!([{"name": "team"}]));
    }

    /// A deleted group is gone, and starts empty when it is restored.
    async fn a_deleted_group_comes_back_without_members(app: TestApp) {
        let alice = app.user("alice").await;
        let id = app.group("team", &[&alice]).await;
        let host = app.service();
        host.query(
            "mutation { deleteGroup(input: {group: {externalId: \"team\"}}) { group { id } } }",
            json!({}),
        )
        .await;
        assert_eq!(members(&host, "team").await, json!(null));
        assert_eq!(
            host.query("query($id: ID!) { node(id: $id) { id } }", json!({"id": id})).await["node"],
            json!(null)
        );
        let viewer = alice.query("{ viewer { groups { nodes { name } } } }", json!({})).await;
        assert_eq!(viewer["viewer"]["groups"]["nodes"], json!([]));

        assert_eq!(app.group("team", &[]).await, id);
        assert_eq!(members(&host, "team").await["memberCount"], 0);
    }

    /// The host's ids have at most 255 bytes, however many characters these are.
    async fn ids_are_measured_in_bytes(app: TestApp) {
        let host = app.service();
        app.user("bob").await;
        let group = "mutation($id: String!) {
            upsertGroup(input: {externalId: $id, name: \"x\"}) { group { externalId } } }";
        let user = "mutation($id: String!) {
            upsertUsers(input: {users: [{externalId: $id}]}) { users { externalId } } }";
        let target = "mutation($id: String!) { createActivities(input: {
            activities: [{action: \"comment\", target: {type: \"post\", externalId: $id}}]
        }) { activities { target { externalId } } } }";
        let key = "mutation($id: String!) { createMessage(input: {
            to: [{user: {externalId: \"bob\"}}], subject: \"s\", body: \"\", idempotencyKey: $id
        }) { message { id } } }";
        let (longest, longer) = ("é".repeat(127) + "e", "é".repeat(128));
        for (mutation, field) in [
            (group, "externalId"),
            (user, "users.0.externalId"),
            (target, "activities.0.target.externalId"),
            (key, "idempotencyKey"),
        ] {
            host.query(mutation, json!({"id": longest})).await;
            let refusal = host.refusal(mutation, json!({"id": longer})).await;
            assert_eq!(refusal, ("BAD_USER_INPUT".into(), Some(field.into())));
        }
        // A name is measured in characters, as people read it.
        let name = "mutation($name: String!) {
            upsertGroup(input: {externalId: \"x\", name: $name}) { group { id } } }";
        host.query(name, json!({"name": "é".repeat(200)})).await;
        // The subject of a token is the id of its person.
        let subject = app
            .client(&longer, tidings::auth::Role::User)
            .refusal("{ viewer { id } }", json!({}))
            .await
            .0;
        assert_eq!(subject, "UNAUTHENTICATED");
    }

    /// An error for invalid input names its field.
    async fn impossible_groups_are_refused(app: TestApp) {
        let host = app.service();
        app.group("team", &[]).await;
        let upsert = "mutation($id: String!, $name: String!) {
            upsertGroup(input: {externalId: $id, name: $name}) { group { id } } }";
        assert_eq!(
            host.refusal(upsert, json!({"id": "", "name": "x"})).await.1.unwrap(),
            "externalId"
        );
        assert_eq!(host.refusal(upsert, json!({"id": "x", "name": " "})).await.1.unwrap(), "name");
        let add = "mutation($group: GroupRef!, $users: [UserRef!]!) {
            addGroupMembers(input: {group: $group, users: $users}) { group { id } } }";
        let unknown = json!({"group": {"externalId": "team"}, "users": [{"externalId": "nobody"}]});
        assert_eq!(host.refusal(add, unknown).await.1.unwrap(), "users.0");
        assert_eq!(
            host.refusal(add, json!({"group": {"externalId": "team"}, "users": []}))
                .await
                .1
                .unwrap(),
            "users"
        );
        assert_eq!(
            host.refusal(
                add,
                json!({"group": {"externalId": "none"}, "users": [{"externalId": "x"}]})
            )
            .await
            .0,
            "NOT_FOUND"
        );
    }
}
