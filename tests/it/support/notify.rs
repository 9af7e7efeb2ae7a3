//! In tests of announcements and activities: what the host application does, and people who follow
//! something.

use serde_json::{Value, json};

use super::{
    app::{TestApp, TestUser},
    documents::{
        CREATE_ACTIVITIES, CREATE_ANNOUNCEMENT, RETRACT_ACTIVITY, RETRACT_ANNOUNCEMENT,
        UPDATE_ANNOUNCEMENT,
    },
};

impl TestApp {
    /// Announces something to everybody; returns its id.
    pub async fn announce(&self, title: &str) -> String {
        self.announce_with(json!({"title": title, "body": ""})).await
    }

    pub async fn announce_with(&self, input: Value) -> String {
        let made = self.service().query(CREATE_ANNOUNCEMENT, json!({"input": input})).await;
        made["createAnnouncement"]["announcement"]["id"].as_str().unwrap().to_owned()
    }

    pub async fn update_announcement(&self, input: Value) {
        self.service().query(UPDATE_ANNOUNCEMENT, json!({"input": input})).await;
    }

    pub async fn retract_announcement(&self, id: &str) {
        self.service().query(RETRACT_ANNOUNCEMENT, json!({"id": id})).await;
    }

    /// Somebody acts on a post; returns the activity's id.
    pub async fn act(&self, actor: &TestUser, action: &str, post: &str) -> String {
        let activity =
            json!({"actor": {"externalId": actor.name}, "action": action, "target": target(post)});
        self.act_all(json!([activity])).await.remove(0)
    }

    /// Reports activities; returns their ids.
    pub async fn act_all(&self, activities: Value) -> Vec<String> {
        let made = self
            .service()
            .query(CREATE_ACTIVITIES, json!({"input": {"activities": activities}}))
            .await;
        let made = made["createActivities"]["activities"].as_array().unwrap().clone();
        made.iter().map(|activity| activity["id"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn retract_activity(&self, id: &str) {
        self.service().query(RETRACT_ACTIVITY, json!({"id": id})).await;
    }
}

/// A post, by the host's id.
pub fn target(post: &str) -> Value {
    json!({"type": "post", "externalId": post})
}

impl TestUser {
    /// Follows a post for a reason.
    pub async fn follow(&self, post: &str, reason: &str) -> Value {
        let subscribe = "mutation($input: SubscribeInput!) {
            subscribe(input: $input) {
                subscription { id reasons actions target { externalId } } } }";
        let input = json!({"target": target(post), "reason": reason});
        self.query(subscribe, json!({"input": input})).await["subscribe"]["subscription"].take()
    }

    /// Stops following a post, for one reason or all.
    pub async fn unfollow(&self, post: &str, reason: Option<&str>) -> Value {
        let cancel = "mutation($input: CancelSubscriptionInput!) {
            cancelSubscription(input: $input) { subscription { reasons actions } } }";
        let input = json!({"target": target(post), "reason": reason});
        self.query(cancel, json!({"input": input})).await["cancelSubscription"]["subscription"]
            .take()
    }

    /// Says whether an action is wanted; None restores the default.
    pub async fn want(&self, action: &str, enabled: Option<bool>) -> Value {
        let update = "mutation($input: UpdateSubscriptionConfigInput!) {
            updateSubscriptionConfig(input: $input) { subscriptionConfig {
                updatedAt settings { action label enabled isDefault } } } }";
        let input = json!({"settings": [{"action": action, "enabled": enabled}]});
        let mut updated = self.query(update, json!({"input": input})).await;
        updated["updateSubscriptionConfig"]["subscriptionConfig"].take()
    }

    /// Why an activity reached this person or not: whether it did, the deciding rule, and what that
    /// rule found.
    pub async fn explanation(&self, activity: &str) -> (bool, String, String) {
        let explain =
            "query($id: ID!) { explain(activityId: $id) { delivered decidedBy { rule detail } } }";
        let explained = self.query(explain, json!({"id": activity})).await["explain"].take();
        let text = |name: &str| explained["decidedBy"][name].as_str().unwrap().to_owned();
        (explained["delivered"] == true, text("rule"), text("detail"))
    }
}
