use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{
    app::{Kind, TestApp, both},
    documents::{SUBSCRIBE, UPDATE_SETTINGS},
    notify::target,
};

both! {
    /// N3: one row for each action of the reason; another reason is added; one can end without the
    /// other.
    async fn reasons_add_up_and_end_one_by_one(app: TestApp) {
        let bob = app.user("bob").await;
        bob.follow("p", "create_post").await;
        bob.follow("p", "create_post").await;
        let both = bob.follow("p", "like_post").await;
        assert_eq!(
            (&both["reasons"], &both["actions"]),
            (&json!(["create_post", "like_post"]), &json!(["comment", "update"]))
        );
        let list = "{ viewer { subscriptions { nodes {
            id reasons target { externalId viewerSubscription { id } } } } } }";
        let listed = bob.query(list, json!({})).await["viewer"]["subscriptions"]["nodes"].take();
        assert_eq!(
            listed,
            json!([{"id": both["id"], "reasons": ["create_post", "like_post"],
            "target": {"externalId": "p", "viewerSubscription": {"id": both["id"]}}}])
        );

        assert_eq!(
            bob.unfollow("p", Some("like_post")).await,
            json!({"reasons": ["create_post"], "actions": ["comment"]})
        );
        assert_eq!(bob.unfollow("p", None).await, Value::Null);
        assert_eq!(bob.unfollow("never", None).await, Value::Null);
        assert_eq!(bob.query(list, json!({})).await["viewer"]["subscriptions"]["nodes"], json!([]));
        bob.follow("p", "create_post").await;
        let node = bob
            .query(
                "query($id: ID!) { node(id: $id) { ... on TargetSubscription { reasons } } }",
                json!({"id": both["id"]}),
            )
            .await;
        assert_eq!(node["node"], json!({"reasons": ["create_post"]}));
    }

    /// N8: only what happens after a subscription arrives, whenever the inbox takes it in.
    async fn nothing_acts_backwards(app: TestApp) {
        let [bob, ada] = app.users(["bob", "ada"]).await;
        app.act(&ada, "comment", "p").await;
        bob.follow("p", "create_post").await;
        let [wanted, unwanted] = [app.act(&ada, "comment", "p").await, {
            bob.unfollow("p", None).await;
            app.act(&ada, "comment", "p").await
        }];
        bob.follow("p", "create_post").await;
        bob.want("comment", Some(false)).await;
        let off = app.act(&ada, "comment", "p").await;
        bob.want("comment", None).await;
        let on = app.act(&ada, "comment", "p").await;

        let query = "{ viewer { inbox { items { nodes {
            about { ... on ActivityGroup { activities { nodes { id } } } } } } } } }";
        let items = bob.query(query, json!({})).await["viewer"]["inbox"]["items"]["nodes"].take();
        assert_eq!(
            items,
            json!([{"about": {"activities": {"nodes": [{"id": on}, {"id": wanted}]}}}])
        );
        for (activity, rule) in [
            (&wanted, "AGGREGATED"),
            (&unwanted, "SUBSCRIPTION_OLDER"),
            (&off, "WANTED"),
            (&on, "AGGREGATED"),
        ] {
            let explain = app.service().acting_as(&bob).explanation(activity).await;
            assert_eq!(
                (explain.0, explain.1.as_str()),
                (rule == "AGGREGATED", rule),
                "{}",
                explain.2
            );
        }
        app.assert_live_equals_refetch(&bob).await;
    }

    /// N8: people never receive their own activities.
    async fn ones_own_doings_do_not_come(app: TestApp) {
        let bob = app.user("bob").await;
        bob.follow("p", "create_post").await;
        let own = app.act(&bob, "comment", "p").await;
        assert_eq!(bob.titles("ALL").await, [""; 0]);
        assert_eq!(bob.explanation(&own).await.1, "NOT_OWN_DOING");
    }

    /// N5: until somebody chooses, the default applies.
    async fn the_config_says_what_is_wanted_and_what_is_default(app: TestApp) {
        let bob = app.user("bob").await;
        let config = bob.want("like", Some(false)).await;
        let setting = |place: usize, action: &str, enabled: bool, is_default: bool| {
            json!({
                "action": action, "label": config["settings"][place]["label"],
                "enabled": enabled, "isDefault": is_default,
            })
        };
        assert_eq!(
            config["settings"],
            json!([
                setting(0, "comment", true, true),
                setting(1, "like", false, false),
                setting(2, "update", true, true),
            ])
        );
        app.advance(TimeDelta::minutes(1));
        let back = bob.want("like", None).await;
        assert_eq!(
            (&back["settings"][1]["isDefault"], &back["updatedAt"]),
            (&json!(true), &json!("2026-01-05T09:01:00+00:00"))
        );
        let read = bob
            .query(
                "{ viewer { subscriptionConfig { settings { action enabled } updatedAt } } }",
                json!({}),
            )
            .await;
        assert_eq!(
            read["viewer"]["subscriptionConfig"]["settings"][1],
            json!({"action": "like", "enabled": true})
        );
    }

    async fn what_is_not_in_the_catalog_is_refused_by_its_field(app: TestApp) {
        let bob = app.user("bob").await;
        for (target, reason, field) in [
            (json!({"type": "planet", "externalId": "p"}), "create_post", "target.type"),
            (json!({"type": "post", "externalId": "\u{7}"}), "create_post", "target.externalId"),
            (target("p"), "boredom", "reason"),
        ] {
            let refused = bob.refusal(SUBSCRIBE, json!({"target": target, "reason": reason})).await;
            assert_eq!(refused, ("BAD_USER_INPUT".into(), Some(field.into())));
        }
        let cancel = "mutation($target: TargetRef!) {
            cancelSubscription(input: {target: $target, reason: \"boredom\"}) {
                subscription { id } } }";
        assert_eq!(
            bob.refusal(cancel, json!({"target": target("p")})).await.1.as_deref(),
            Some("reason")
        );
        for (settings, field) in [
            (json!([]), "settings"),
            (json!([{"action": "explode", "enabled": true}]), "settings.0.action"),
            (json!([{"action": "like", "enabled": true}, {"action": "like"}]), "settings.1.action"),
        ] {
            assert_eq!(
                bob.refusal(UPDATE_SETTINGS, json!({"settings": settings})).await,
                ("BAD_USER_INPUT".into(), Some(field.into()))
            );
        }
    }

    /// Connected people receive what is done to what they follow, and only they.
    async fn the_connected_get_it_at_once(app: TestApp) {
        let [ada, follower, other] = app.users(["ada", "follower", "other"]).await;
        follower.follow("p", "create_post").await;
        other.follow("q", "create_post").await;
        let (mut live, mut quiet) =
            (follower.follow_inbox(None).await, other.follow_inbox(None).await);
        app.act(&ada, "comment", "p").await;
        let first = live.next_change().await;
        assert_eq!(
            (first.kind.as_str(), first.title.as_deref()),
            ("ARRIVED", Some("ada commented on a post"))
        );
        app.act(&ada, "comment", "p").await;
        assert_eq!(live.next_change().await.kind, "ARRIVED");
        app.act(&ada, "comment", "q").await;
        assert_eq!(quiet.next_change().await.title.as_deref(), Some("ada commented on a post"));
        for user in [&follower, &other] {
            app.assert_live_equals_refetch(user).await;
        }
    }
}

/// What is created through one server reaches people who are connected to another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_created_through_one_server_comes_through_another() {
    let Some(one) = TestApp::start(Kind::Postgres).await else { return };
    let two = one.another().await;
    let [ada, bob] = one.users(["ada", "bob"]).await;
    bob.follow("p", "create_post").await;
    let there = two.user("bob").await;
    let mut live = there.follow_inbox(None).await;

    one.act(&ada, "comment", "p").await;
    assert_eq!(live.take_titles(1).await, ["ada commented on a post"]);
    one.announce("For all").await;
    assert_eq!(live.take_titles(1).await, ["For all"]);
    two.assert_live_equals_refetch(&there).await;
    two.stop().await;
    one.stop().await;
}

/// If the operator says so, only the host application can subscribe people.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_may_be_kept_from_following_by_themselves() {
    let app =
        TestApp::start_with(Kind::Sqlite, |config| config.people_subscribe = false).await.unwrap();
    let bob = app.user("bob").await;
    let subscribe = "mutation($target: TargetRef!) {
        subscribe(input: {target: $target, reason: \"create_post\"}) {
            subscription { reasons } } }";
    assert_eq!(bob.refusal(subscribe, json!({"target": target("p")})).await.0, "FORBIDDEN");
    let followed =
        app.service().acting_as(&bob).query(subscribe, json!({"target": target("p")})).await;
    assert_eq!(followed["subscribe"]["subscription"]["reasons"], json!(["create_post"]));
    app.stop().await;
}
