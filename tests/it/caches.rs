//! What normalised caches rely on: whatever a client keeps has an id, by which it can be
//! fetched again.

use std::collections::BTreeSet;

use async_graphql::parser::{
    parse_schema,
    types::{TypeKind, TypeSystemDefinition},
};
use serde_json::{Value, json};

use crate::support::app::{TestApp, To, both};

/// Objects without an identity: they are replaced together with what they belong to.
const VALUES: [&str; 18] = [
    "ActionSetting",
    "CatalogAction",
    "CatalogCategory",
    "CatalogReason",
    "CategoryCount",
    "DatabaseStats",
    "DueJob",
    "ExplainedRule",
    "InboxChange",
    "InboxUpdate",
    "ItemAction",
    "KindCount",
    "Purgeable",
    "ReadTimelinePoint",
    "RowCount",
    "Server",
    "ServerLimits",
    "ThreadUpdate",
];

#[test]
fn every_object_has_an_id_or_is_a_plain_value() {
    let mut without = BTreeSet::new();
    for definition in parse_schema(tidings::graphql::sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(ty) = definition else { continue };
        let TypeKind::Object(object) = &ty.node.kind else { continue };
        let name = ty.node.name.node.as_str();
        let is_form = ["Connection", "Edge", "Payload"].iter().any(|end| name.ends_with(end))
            || ["Query", "Mutation", "Subscription", "PageInfo"].contains(&name);
        let is_node = object.implements.iter().any(|interface| interface.node == "Node");
        if !is_form && !is_node {
            without.insert(name.to_owned());
        }
    }
    assert_eq!(without, VALUES.map(str::to_owned).into());
}

/// All ids in an answer, with the types of their objects.
fn ids(answer: &Value, found: &mut BTreeSet<(String, String)>) {
    match answer {
        Value::Object(fields) => {
            if let (Some(id), Some(ty)) = (fields.get("id"), fields.get("__typename")) {
                found.insert((id.as_str().unwrap().into(), ty.as_str().unwrap().into()));
            }
            fields.values().for_each(|value| ids(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| ids(value, found)),
        _ => {}
    }
}

both! {
    /// Whatever has an id is found by it, as an object of the same type.
    async fn every_id_leads_back_to_its_object(app: TestApp) {
        let [alice, bob, gone] = app.users(["alice", "bob", "gone"]).await;
        app.group("team", &[&bob]).await;
        let message = alice
            .create_message(json!({
                "to": [To::Group("team").input(), To::User(&bob).input()], "subject": "hello",
                "body": "", "reminder": {"frequency": "daily"},
            }))
            .await;
        bob.follow("p", "create_post").await;
        let activity = app.act(&alice, "comment", "p").await;
        let announcement = app.announce("for all").await;
        app.deactivate(&gone.name).await;
        let admin = app.admin().await;
        let everything = "query($message: ID!, $activity: ID!, $announcement: ID!, $bob: ID!) {
            catalog { __typename id }
            group(ref: {externalId: \"team\"}) { __typename id }
            gone: user(ref: {externalId: \"gone\"}) { deactivation { __typename id } }
            bob: user(ref: {id: $bob}) {
                __typename id
                subscriptionConfig { __typename id }
                subscriptions { nodes { __typename id target { __typename id } } }
                inbox { __typename id counts { __typename id } }
            }
            message(id: $message) {
                __typename id
                reminder { __typename id }
                readStats { __typename id }
                sentTo { __typename id readStats { __typename id } }
                recipients { nodes { __typename id } }
            }
            readReport { nodes { __typename id readStats { __typename id } } }
            announcement(id: $announcement) { __typename id readStats { __typename id } }
            activity: node(id: $activity) { __typename id }
            explain(activityId: $activity, user: {id: $bob}) { __typename id } }";
        let variables = json!({
            "message": message, "activity": activity, "announcement": announcement, "bob": bob.id,
        });
        let own = "{ viewer { inbox { items { nodes {
            __typename id about { ... on ActivityGroup { __typename id } } } } } } }";
        // Items belong to their owner, whatever the caller's role is.
        for (user, query, types) in [(&admin, everything, 18), (&bob, own, 2)] {
            let mut known = BTreeSet::new();
            ids(&user.query(query, variables.clone()).await, &mut known);
            let wanted: Vec<_> = known.iter().map(|(id, _)| id).collect();

            let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
            let found = user.query(nodes, json!({"ids": wanted})).await;

            let mut again = BTreeSet::new();
            ids(&found, &mut again);
            assert_eq!(again, known);
            let names: BTreeSet<_> = known.iter().map(|(_, ty)| ty).collect();
            assert_eq!(names.len(), types, "{names:?}");
        }
    }

    /// A target is named by its id wherever it can be named otherwise.
    async fn a_target_is_known_by_its_id(app: TestApp) {
        let [ada, bob, eve] = app.users(["ada", "bob", "eve"]).await;
        bob.follow("p", "create_post").await;
        app.act(&ada, "comment", "p").await;
        let by_name = "{ target(ref: {type: \"post\", externalId: \"p\"}) { id } }";
        let id = bob.query(by_name, json!({})).await["target"]["id"].take();
        let by_id = "query($id: ID!) { target(ref: {id: $id}) { externalId }
            viewer {
                subscriptions(filter: {target: {id: $id}}) { nodes { target { externalId } } }
                inbox { items(filter: {target: {id: $id}}) { nodes { title } } } } }";
        let found = bob.query(by_id, json!({"id": id})).await;
        let title = json!([{"title": "ada commented on a post"}]);
        assert_eq!(found["target"]["externalId"], "p");
        assert_eq!(found["viewer"]["inbox"]["items"]["nodes"], title);
        let followed = json!([{"target": {"externalId": "p"}}]);
        assert_eq!(found["viewer"]["subscriptions"]["nodes"], followed);
        assert_eq!(eve.query(by_id, json!({"id": id})).await["target"], Value::Null);

        let subscribe = "mutation($target: TargetRef!, $reason: String!) {
            subscribe(input: {target: $target, reason: $reason}) { subscription { reasons } } }";
        let by_id = json!({"target": {"id": id}, "reason": "like_post"});
        let reasons = bob.query(subscribe, by_id.clone()).await;
        let both = json!({"subscription": {"reasons": ["create_post", "like_post"]}});
        assert_eq!(reasons["subscribe"], both);
        // Nobody follows by its id what they may not know of.
        assert_eq!(eve.refusal(subscribe, by_id).await.0, "NOT_FOUND");
        let cancel = "mutation($target: TargetRef!) {
            cancelSubscription(input: {target: $target}) { subscription { id } } }";
        let left = bob.query(cancel, json!({"target": {"id": id}})).await;
        assert_eq!(left["cancelSubscription"]["subscription"], Value::Null);
        for wrong in [json!({}), json!({"type": "post"}), json!({"id": id, "externalId": "p"})] {
            let refused = bob.refusal(cancel, json!({"target": wrong})).await;
            assert_eq!(refused, ("BAD_USER_INPUT".to_owned(), Some("target".to_owned())));
        }
    }
}
