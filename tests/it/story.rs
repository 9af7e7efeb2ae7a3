//! The story of the two public designs, from the first subscription to the explanation (N1–N11,
//! X5).

use chrono::TimeDelta;
use insta::assert_snapshot;
use serde_json::json;

use crate::support::{
    app::{TestApp, both},
    shown::shown,
};

both! {
    async fn a_post_is_commented_liked_read_and_muted(app: TestApp) {
        let owner = app.user("owner").await;
        let names = [
            "Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Ken", "Margaret",
            "Tony", "Liskov",
        ];
        let people = app.users(names).await;
        let post = json!({
            "type": "post", "externalId": "17", "owner": {"externalId": "owner"}, "title": "X",
            "url": "/posts/17",
        });
        let did = |who: &str, action: &str| {
            json!([
                {"actor": {"externalId": who}, "action": action, "target": post},
            ])
        };

        // The owner writes a post, and wants to hear of comments and likes.
        owner.follow("17", "create_post").await;
        owner.follow("17", "create_product").await;

        // While they are away, ten people comment and one likes.
        for name in names[..10].iter().rev() {
            app.advance(TimeDelta::minutes(1));
            app.act_all(did(name, "comment")).await;
        }
        app.advance(TimeDelta::minutes(1));
        app.act_all(did("Liskov", "like")).await;

        // They return to one item for the comments and one for the like.
        let comments = "Ada, Grace and 8 others commented on your post “X”";
        assert_eq!(owner.titles("ALL").await, ["Liskov liked your post “X”", comments]);
        assert_eq!(owner.counts().await["unread"], 2);

        // After they have read it, another comment starts a new item.
        owner.change("markRead", &[&owner.item(comments).await]).await;
        app.advance(TimeDelta::minutes(1));
        app.act_all(did("Grace", "comment")).await;
        assert_eq!(
            owner.titles("ALL").await,
            ["Grace commented on your post “X”", "Liskov liked your post “X”", comments]
        );
        assert_eq!(
            owner.titles("UNREAD").await,
            ["Grace commented on your post “X”", "Liskov liked your post “X”"]
        );

        // They turn likes off, get no more of them, and can see why.
        owner.want("like", Some(false)).await;
        let like = app.act_all(did("Ada", "like")).await.remove(0);
        assert_eq!(owner.titles("ALL").await.len(), 3);
        let explain = "query($id: ID!) { explain(activityId: $id) {
            delivered item { id } rules { rule passed detail } decidedBy { rule } } }";
        let why = owner.query(explain, json!({"id": like})).await;
        assert_snapshot!(shown(&app, &why), @r#"
        {
          "explain": {
            "decidedBy": {
              "rule": "WANTED"
            },
            "delivered": false,
            "item": null,
            "rules": [
              {
                "detail": "owner is known and active",
                "passed": true,
                "rule": "KNOWN_USER"
              },
              {
                "detail": "follows “like” on this target, or did: create_product",
                "passed": true,
                "rule": "SUBSCRIBED"
              },
              {
                "detail": "since 2026-01-05T09:00:00+00:00: create_product",
                "passed": true,
                "rule": "SUBSCRIPTION_OLDER"
              },
              {
                "detail": "somebody else did it",
                "passed": true,
                "rule": "NOT_OWN_DOING"
              },
              {
                "detail": "“like” was switched off by the user, at 2026-01-05T09:12:00+00:00",
                "passed": false,
                "rule": "WANTED"
              }
            ]
          }
        }
        "#);

        // An announcement reaches everybody once, and nobody who becomes known afterwards.
        app.announce("The server rests tonight").await;
        let newcomer = app.user("newcomer").await;
        for person in people.iter().chain([&owner]) {
            let got = person.titles("ALL").await;
            assert_eq!(
                got.iter().filter(|title| *title == "The server rests tonight").count(),
                1,
                "{}",
                person.name
            );
        }
        assert_eq!(newcomer.titles("ALL").await, [""; 0]);
        app.assert_live_equals_refetch(&owner).await;
    }

    /// Each rule reports what it found, in the order in which they are applied.
    async fn every_rule_can_be_the_one_that_decides(app: TestApp) {
        let [bob, ada, eve] = app.users(["bob", "ada", "eve"]).await;
        let early = app.act(&ada, "comment", "p").await;
        bob.follow("p", "create_post").await;
        let due = app.act(&ada, "comment", "p").await;
        let host = app.service().acting_as(&bob);
        assert_eq!(app.service().acting_as(&eve).explanation(&due).await.1, "SUBSCRIBED");
        assert_eq!(host.explanation(&early).await.1, "SUBSCRIPTION_OLDER");
        assert_eq!(
            host.explanation(&due).await,
            (
                false,
                "PULLED".into(),
                "it is due: the inbox takes it in when it is next looked at".into()
            )
        );
        bob.titles("ALL").await;
        let (delivered, rule, detail) = bob.explanation(&due).await;
        assert!(delivered && rule == "AGGREGATED" && detail.contains("itm_"), "{rule} {detail}");
        app.retract_activity(&due).await;
        assert_eq!(host.explanation(&due).await.1, "NOT_RETRACTED");

        let again = app.act(&ada, "comment", "p").await;
        app.deactivate("bob").await;
        let explain = "query($id: ID!) {
            explain(activityId: $id, user: {externalId: \"bob\"}) { decidedBy { rule } } }";
        let explained = app.service().query(explain, json!({"id": again})).await["explain"].take();
        assert_eq!(explained["decidedBy"]["rule"], "KNOWN_USER");

        // “Not yours” and “does not exist” give the same answer.
        for id in [&again, &"act_zz".to_owned()] {
            assert_eq!(eve.refusal(explain, json!({"id": id})).await.0, "NOT_FOUND");
        }
    }
}
