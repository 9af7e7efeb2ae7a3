use chrono::TimeDelta;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, TestUser, both},
    documents::CREATE_ACTIVITIES,
    notify::target,
    shown::shown,
};

/// The single item about a post in somebody's inbox, as they see it.
async fn group(user: &TestUser) -> Value {
    let query = "{ viewer { inbox { items { nodes {
        id title kind url seenAt readAt updatedAt
        about { ... on ActivityGroup {
            action actorCount activityCount reasons latestActors { name } target { externalId }
        } }
    } } } } }";
    user.query(query, json!({})).await["viewer"]["inbox"]["items"]["nodes"][0].take()
}

both! {
    /// N11: an unread item grows in place, moves to the top, counts distinct people and names the
    /// latest.
    async fn what_many_do_becomes_one_item_that_grows(app: TestApp) {
        let [owner, ada, grace, eve] = app.users(["owner", "Ada", "Grace", "Eve"]).await;
        owner.follow("p", "create_post").await;
        let post = json!({
            "type": "post", "externalId": "p", "owner": {"externalId": "owner"}, "title": "X",
            "url": "/posts/p",
        });
        let did = |who: &TestUser| {
            json!([
                {"actor": {"externalId": who.name}, "action": "comment", "target": post},
            ])
        };
        app.act_all(did(&eve)).await;
        app.advance(TimeDelta::minutes(1));
        app.act_all(did(&grace)).await;
        app.act_all(did(&ada)).await;
        app.act_all(did(&grace)).await;
        app.advance(TimeDelta::minutes(1));
        app.act_all(did(&ada)).await;

        let item = group(&owner).await;
        assert_snapshot!(shown(&app, &item), @r#"
        {
          "about": {
            "action": "comment",
            "activityCount": 5,
            "actorCount": 3,
            "latestActors": [
              {
                "name": "Ada"
              },
              {
                "name": "Grace"
              },
              {
                "name": "Eve"
              }
            ],
            "reasons": [
              "create_post"
            ],
            "target": {
              "externalId": "p"
            }
          },
          "id": "itm_1",
          "kind": "ACTIVITY",
          "readAt": null,
          "seenAt": null,
          "title": "Ada, Grace and 1 other commented on your post “X”",
          "updatedAt": "2026-01-05T09:02:00+00:00",
          "url": "/posts/p"
        }
        "#);
        assert_eq!(owner.counts().await["unread"], 1);
        app.assert_live_equals_refetch(&owner).await;
    }

    /// A new item starts after the old one was read or archived; an archived item stays archived.
    async fn after_it_was_read_a_new_item_begins(app: TestApp) {
        let [owner, ada] = app.users(["owner", "ada"]).await;
        owner.follow("p", "create_post").await;
        app.act(&ada, "comment", "p").await;
        owner.change("markRead", &[&owner.item("ada commented on a post").await]).await;
        app.act(&ada, "comment", "p").await;
        assert_eq!(owner.titles("ALL").await.len(), 2);

        owner.change("archive", &[group(&owner).await["id"].as_str().unwrap()]).await;
        app.act(&ada, "comment", "p").await;
        assert_eq!(
            (owner.titles("ACTIVE").await.len(), owner.titles("ARCHIVED").await.len()),
            (2, 1)
        );
        app.assert_live_equals_refetch(&owner).await;
    }

    /// A seen item becomes unseen when it grows, and a snoozed one stays snoozed.
    async fn growing_makes_it_unseen_and_does_not_wake_it(app: TestApp) {
        let [owner, ada] = app.users(["owner", "ada"]).await;
        owner.follow("p", "create_post").await;
        app.act(&ada, "comment", "p").await;
        let item = owner.item("ada commented on a post").await;
        owner.change("markSeen", &[&item]).await;
        assert_eq!(owner.counts().await["unseen"], 0);
        app.act(&ada, "comment", "p").await;
        assert_eq!(
            (owner.counts().await["unseen"].clone(), owner.counts().await["unread"].clone()),
            (json!(1), json!(1))
        );
        owner.snooze(&item, app.now() + TimeDelta::hours(1)).await;
        app.act(&ada, "comment", "p").await;
        let counts = owner.counts().await;
        assert_eq!((&counts["unread"], &counts["snoozed"]), (&json!(0), &json!(1)));
        assert_eq!(owner.titles("SNOOZED").await.len(), 1);
        app.assert_live_equals_refetch(&owner).await;
    }

    /// After a retraction, an item is what it would have been without the activity, whether read or
    /// not.
    async fn a_retracted_activity_leaves_its_item(app: TestApp) {
        let [owner, ada, bob] = app.users(["owner", "ada", "bob"]).await;
        owner.follow("p", "create_post").await;
        let mut live = owner.follow_inbox(None).await;
        let first = app.act(&ada, "comment", "p").await;
        live.next_change().await;
        app.advance(TimeDelta::minutes(1));
        let second = app.act(&bob, "comment", "p").await;
        let before = group(&owner).await;
        assert_eq!(
            (&before["title"], &before["updatedAt"]),
            (&json!("bob and ada commented on a post"), &json!("2026-01-05T09:01:00+00:00"))
        );

        app.retract_activity(&second).await;
        let left = group(&owner).await;
        assert_eq!(
            (&left["title"], &left["updatedAt"]),
            (&json!("ada commented on a post"), &json!("2026-01-05T09:00:00+00:00"))
        );
        app.assert_live_equals_refetch(&owner).await;

        owner.change("markRead", &[&owner.item("ada commented on a post").await]).await;
        app.retract_activity(&first).await;
        app.retract_activity(&first).await;
        assert_eq!(owner.titles("ALL").await, [""; 0]);
        while live.next_change().await.kind != "REMOVED" {}
        app.assert_live_equals_refetch(&owner).await;
        // An activity that is retracted before any inbox took it in reaches nobody.
        let unseen = app.act(&ada, "comment", "p").await;
        app.retract_activity(&unseen).await;
        app.assert_live_equals_refetch(&owner).await;
    }

    /// If some of a person's activities are retracted, the person counts until none is left.
    async fn a_person_counts_until_their_last_activity_is_retracted(app: TestApp) {
        let [owner, ada, bob] = app.users(["owner", "ada", "bob"]).await;
        owner.follow("p", "create_post").await;
        let one = app.act(&ada, "comment", "p").await;
        app.act(&bob, "comment", "p").await;
        let two = app.act(&ada, "comment", "p").await;
        assert_eq!(group(&owner).await["title"], "ada and bob commented on a post");
        app.retract_activity(&two).await;
        assert_eq!(group(&owner).await["title"], "bob and ada commented on a post");
        app.retract_activity(&one).await;
        assert_eq!(group(&owner).await["title"], "bob commented on a post");
        assert_eq!(group(&owner).await["about"]["actorCount"], 1);
        app.assert_live_equals_refetch(&owner).await;
    }

    /// The title is in the reader's language; the system can act, too.
    async fn the_title_is_a_sentence_in_the_language_of_the_reader(app: TestApp) {
        let [owner, ada, bob] = app.users(["owner", "Ada", "bob"]).await;
        app.upsert_user(json!({"externalId": "owner", "locale": "de-CH"})).await;
        for user in [&owner, &bob] {
            user.follow("p", "like_post").await;
        }
        let post = json!({
            "type": "post", "externalId": "p", "owner": {"externalId": "owner"}, "title": "X",
        });
        app.act_all(
            json!([{"actor": {"externalId": ada.name}, "action": "comment", "target": post},
            {"action": "update", "target": post}]),
        )
        .await;
        assert_eq!(
            owner.titles("ALL").await,
            [
                "Das System hat deinen Beitrag „X“ aktualisiert",
                "Ada hat deinen Beitrag „X“ kommentiert"
            ]
        );
        assert_eq!(
            bob.titles("ALL").await,
            ["The system updated the post “X”", "Ada commented on the post “X”"]
        );
    }

    /// Later details of a target change the items about it; omitted ones change nothing.
    async fn a_renamed_target_is_renamed_in_every_inbox(app: TestApp) {
        let [owner, ada] = app.users(["owner", "Ada"]).await;
        owner.follow("p", "create_post").await;
        let mut live = owner.follow_inbox(None).await;
        app.act(&ada, "comment", "p").await;
        live.next_change().await;

        let renamed = json!({
            "type": "post", "externalId": "p", "title": "Y", "owner": {"externalId": "owner"},
        });
        app.act_all(json!([{"actor": {"externalId": "Ada"}, "action": "like", "target": renamed}]))
            .await;
        assert_eq!(live.take_titles(1).await, ["Ada commented on your post “Y”"]);
        app.act(&ada, "like", "p").await;
        assert_eq!(owner.titles("ALL").await, ["Ada commented on your post “Y”"]);
        app.assert_live_equals_refetch(&owner).await;
    }

    /// X4, P2: all or none, and once.
    async fn a_call_makes_all_or_none_and_a_repetition_the_same(app: TestApp) {
        let [owner, ada] = app.users(["owner", "ada"]).await;
        owner.follow("p", "create_post").await;
        let good =
            json!({"actor": {"externalId": "ada"}, "action": "comment", "target": target("p")});
        let bad = |key: &str, value: Value| {
            let mut bad = good.clone();
            bad[key] = value;
            json!({"input": {"activities": [good, bad]}})
        };
        for (input, field) in [
            (bad("actor", json!({"externalId": "nobody"})), "activities.1.actor"),
            (bad("action", json!("explode")), "activities.1.action"),
            (
                bad("target", json!({"type": "planet", "externalId": "p"})),
                "activities.1.target.type",
            ),
            (
                bad("target", json!({"type": "post", "externalId": ""})),
                "activities.1.target.externalId",
            ),
            (
                bad(
                    "target",
                    json!({"type": "post", "externalId": "p", "owner": {"externalId": "nobody"}}),
                ),
                "activities.1.target.owner",
            ),
            (
                bad("target", json!({"type": "post", "externalId": "p", "url": "javascript:x"})),
                "activities.1.target.url",
            ),
            (bad("data", json!({"text": "x".repeat(9_000)})), "activities.1.data"),
            (bad("data", json!({"text": "\u{0}"})), "activities.1.data"),
            (
                bad("occurredAt", json!((app.now() + TimeDelta::hours(1)).to_rfc3339())),
                "activities.1.occurredAt",
            ),
            (json!({"input": {"activities": []}}), "activities"),
        ] {
            let refused = app.service().refusal(CREATE_ACTIVITIES, input).await;
            assert_eq!(refused, ("BAD_USER_INPUT".into(), Some(field.into())));
        }
        assert_eq!(owner.titles("ALL").await, [""; 0]);

        let many = json!({"input": {"activities": vec![good; 3], "idempotencyKey": "k"}});
        let first = app.service().query(CREATE_ACTIVITIES, many.clone()).await;
        app.act(&ada, "comment", "p").await;
        assert_eq!(app.service().query(CREATE_ACTIVITIES, many).await, first);
        assert_eq!(group(&owner).await["about"]["activityCount"], 4);
    }

    /// 500 activities with all details fit into one call, and are taken in in the order of the
    /// call.
    async fn five_hundred_fit_into_one_call(app: TestApp) {
        let [owner, ada] = app.users(["owner", "ada"]).await;
        owner.follow("p", "create_post").await;
        let activity = |n: usize| {
            json!({
                "actor": {"externalId": ada.name},
                "action": "comment",
                "target": {
                    "type": "post", "externalId": "p", "title": "A title", "url": "/posts/p",
                    "owner": {"externalId": "owner"},
                },
                "data": {"preview": n.to_string()},
                "occurredAt": app.now().to_rfc3339(),
            })
        };
        let ids = app.act_all((0..500).map(activity).collect()).await;
        assert_eq!(ids.len(), 500);
        let page = "{ viewer { inbox { items { nodes { preview about {
            ... on ActivityGroup { activityCount activities(first: 2) { nodes { id data } } }
        } } } } } }";
        let item =
            owner.query(page, json!({})).await["viewer"]["inbox"]["items"]["nodes"][0].take();
        assert_eq!(
            (&item["preview"], &item["about"]["activityCount"]),
            (&json!("499"), &json!(500))
        );
        assert_eq!(
            item["about"]["activities"]["nodes"],
            json!([
                {"id": ids[499], "data": {"preview": "499"}},
                {"id": ids[498], "data": {"preview": "498"}},
            ])
        );
        let too_many = json!({"input": {"activities": (0..501).map(activity).collect::<Value>()}});
        assert_eq!(
            app.service().refusal(CREATE_ACTIVITIES, too_many).await.1.as_deref(),
            Some("activities")
        );
    }

    /// Somebody who was away for so long that one transaction cannot take in everything gets all of
    /// it.
    async fn more_than_one_transaction_takes_in_comes_all_the_same(app: TestApp) {
        let [owner, ada] = app.users(["owner", "ada"]).await;
        owner.follow("p", "create_post").await;
        owner.follow("q", "create_post").await;
        for n in 0..21 {
            let post = if n % 2 == 0 { "p" } else { "q" };
            let activity = json!({
                "actor": {"externalId": ada.name}, "action": "comment", "target": target(post),
            });
            app.act_all(vec![activity; 500].into()).await;
        }
        let query = "{ viewer { inbox { counts { unread } items {
            nodes { about { ... on ActivityGroup { activityCount actorCount } } } } } } }";
        let inbox = owner.query(query, json!({})).await["viewer"]["inbox"].take();
        assert_eq!(inbox["counts"]["unread"], 2);
        let items: Vec<_> = inbox["items"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["about"].clone())
            .collect();
        assert_eq!(
            items,
            [
                json!({"activityCount": 5_000, "actorCount": 1}),
                json!({"activityCount": 5_500, "actorCount": 1})
            ]
        );
    }

    /// The items about one target can be listed by themselves, and found by its title.
    async fn items_are_found_by_what_they_are_about(app: TestApp) {
        let [owner, ada] = app.users(["owner", "ada"]).await;
        for post in ["p", "q"] {
            owner.follow(post, "create_post").await;
            app.act_all(json!([{"actor": {"externalId": ada.name}, "action": "comment",
                "target": {"type": "post", "externalId": post, "title": format!("Title {post}")}}]))
                .await;
        }
        app.announce("Title of an announcement").await;
        let list = async |filter: Value| {
            let query = "query($filter: InboxFilter) {
                viewer { inbox { items(filter: $filter) { nodes { title } } } } }";
            let found = owner.query(query, json!({"filter": filter})).await;
            found["viewer"]["inbox"]["items"]["nodes"].as_array().unwrap().len()
        };
        assert_eq!(list(json!({"target": target("p")})).await, 1);
        assert_eq!(list(json!({"target": target("unknown")})).await, 0);
        assert_eq!(list(json!({"search": "title q"})).await, 1);
        assert_eq!(list(json!({"search": "title"})).await, 3);
        assert_eq!(list(json!({"kinds": ["ACTIVITY"]})).await, 2);
    }

    /// Nothing is skipped if activities are created while readers take others in: positions are in
    /// commit order.
    async fn what_many_create_at_the_same_time_is_all_taken_in(app: TestApp) {
        let [owner, ada, bob] = app.users(["owner", "ada", "bob"]).await;
        owner.follow("p", "create_post").await;
        let mut live = owner.follow_inbox(None).await;
        let mut calls = Vec::new();
        for n in 0..40 {
            let (app, owner, actor) =
                (app.clone(), owner.clone(), if n % 2 == 0 { ada.clone() } else { bob.clone() });
            calls.push(tokio::spawn(async move {
                match n % 4 {
                    0 => drop(owner.counts().await),
                    1 => drop(app.announce(&n.to_string()).await),
                    _ => drop(app.act(&actor, "comment", "p").await),
                }
            }));
        }
        for call in calls {
            call.await.unwrap();
        }
        assert_eq!(owner.titles("ALL").await.len(), 11);
        let query = "{ viewer { inbox { items(filter: {kinds: [ACTIVITY]}) {
            nodes { about { ... on ActivityGroup { activityCount } } } } } } }";
        let items = owner.query(query, json!({})).await["viewer"]["inbox"]["items"]["nodes"].take();
        assert_eq!(items, json!([{"about": {"activityCount": 20}}]));
        let fresh = owner.inbox().await;
        live.until(&fresh.cursor).await;
        assert_eq!(live.state.items, fresh.items);
        app.assert_live_equals_refetch(&owner).await;
    }

    /// Work that a crash interrupted continues: a retraction, a change of a target, the end of an
    /// announcement.
    async fn what_a_crash_interrupts_goes_on(app: TestApp) {
        let [owner, ada] = app.users(["owner", "ada"]).await;
        owner.follow("p", "create_post").await;
        app.act(&ada, "comment", "p").await;
        app.announce("For all").await;
        assert_eq!(owner.titles("ALL").await.len(), 2);
        let cursor = owner.cursor().await;
        // Only the first write happened, and nothing after it.
        for first in [
            "UPDATE target SET title = 'Y'",
            "INSERT INTO refresh (target_id, refreshed_to) SELECT id, 0 FROM target",
            "UPDATE announcement SET retracted_at = created_at, withdrawn_at = created_at",
        ] {
            let tx = app.db.begin().await.unwrap();
            tx.run(first, []).await.unwrap();
            tx.commit().await.unwrap();
        }
        let app = app.restart().await;
        app.run_due().await;
        let owner = app.user("owner").await;
        let mut live = owner.follow_inbox(Some(&cursor)).await;
        let changes = [live.next_change().await, live.next_change().await];
        let mut kinds = changes.map(|change| (change.kind, change.title));
        kinds.sort();
        assert_eq!(
            kinds,
            [
                ("REMOVED".into(), None),
                ("UPDATED".into(), Some("ada commented on the post “Y”".into()))
            ]
        );

        let tx = app.db.begin().await.unwrap();
        tx.run("UPDATE activity SET retracted_at = created_at", []).await.unwrap();
        tx.commit().await.unwrap();
        app.run_due().await;
        assert_eq!(owner.titles("ALL").await, [""; 0]);
        app.assert_live_equals_refetch(&owner).await;
        app.stop().await;
    }
}
