//! What people did to their items can be taken back.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{
    recount::assert_right,
    support::{
        app::{TestApp, TestUser, To, both},
        crowd::count,
        reminders::remind_with,
    },
};

const UNDO: &str = "mutation($cursor: String!) {
    undo(input: {cursor: $cursor}) { affectedCount cursor inbox { counts { unread } } } }";

impl TestUser {
    /// Runs a mutation of named items; returns the cursor of the change.
    pub async fn did(&self, mutation: &str, items: &[&str]) -> Option<String> {
        let input = match mutation {
            "snooze" => {
                let until = self.app.now() + TimeDelta::hours(3);
                json!({"itemIds": items, "until": until.to_rfc3339()})
            }
            _ => json!({"itemIds": items}),
        };
        let kind = if mutation == "snooze" { "SnoozeInput" } else { "InboxItemsInput" };
        let query =
            format!("mutation($input: {kind}!) {{ {mutation}(input: $input) {{ cursor }} }}");
        let done = self.query(&query, json!({"input": input})).await;
        done[mutation]["cursor"].as_str().map(str::to_owned)
    }

    /// Runs a mutation of many items; returns how many changed, and the cursor of the change.
    pub async fn did_all(&self, mutation: &str, input: Value) -> (i64, Option<String>) {
        let query = format!(
            "mutation($input: InboxBulkInput!) {{
                {mutation}(input: $input) {{ affectedCount cursor }} }}"
        );
        let done = self.query(&query, json!({"input": input})).await;
        changed(&done[mutation])
    }

    /// Takes a change back; returns how many items changed, and the cursor of this change.
    pub async fn undo(&self, cursor: &str) -> (i64, Option<String>) {
        changed(&self.query(UNDO, json!({"cursor": cursor})).await["undo"])
    }
}

fn changed(payload: &Value) -> (i64, Option<String>) {
    let count = payload["affectedCount"].as_i64().unwrap();
    (count, payload["cursor"].as_str().map(str::to_owned))
}

both! {
    /// An item becomes what it was, also where the change replaced something: when it was read,
    /// until when it was snoozed.
    async fn whatever_somebody_did_is_taken_back(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "other").await;
        let changes = [
            (vec![], "markSeen"),
            (vec![], "markRead"),
            (vec!["markSeen"], "markRead"),
            (vec!["markRead"], "markUnread"),
            (vec![], "archive"),
            (vec!["markRead", "snooze"], "archive"),
            (vec!["archive"], "unarchive"),
            (vec![], "snooze"),
            (vec!["archive"], "snooze"),
            (vec!["snooze"], "snooze"),
            (vec!["snooze"], "unsnooze"),
        ];
        for (n, (before, mutation)) in changes.into_iter().enumerate() {
            alice.send(&bob, &n.to_string()).await;
            let item = bob.item(&n.to_string()).await;
            for earlier in &before {
                bob.did(earlier, &[&item]).await.unwrap();
                app.advance(TimeDelta::minutes(1));
            }
            let was = bob.inbox().await;

            let cursor = bob.did(mutation, &[&item]).await.unwrap();
            let is = bob.inbox().await;
            let undone = bob.undo(&cursor).await;

            assert_ne!(is.items, was.items, "{mutation} changes nothing");
            assert_eq!(undone.0, 1);
            let back = bob.inbox().await;
            let state = |inbox: &crate::support::state::InboxState| {
                (inbox.items.clone(), inbox.counts.clone())
            };
            assert_eq!(state(&back), state(&was), "{before:?}, {mutation}");
            bob.change("archive", &[&item]).await;
            app.assert_live_equals_refetch(&bob).await;
        }
        assert_right(&app, "all sorts of undo").await;
    }

    /// Only what is still as the change left it is taken back.
    async fn what_was_touched_since_stays_as_it_is(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        let soon = app.now() + TimeDelta::hours(2);
        for subject in ["a", "b", "c"] {
            alice.send(&bob, subject).await;
        }
        remind_with(&alice, &[To::User(&bob)], "form", None, json!({"frequency": "daily"})).await;
        let gone = alice.send(&bob, "gone").await;
        bob.follow("p", "create_post").await;
        app.act(&carol, "comment", "p").await;
        bob.counts().await;

        let (count, archived) = bob.did_all("archiveAll", json!({})).await;
        assert_eq!(count, 6);
        let (a, b) = (bob.item("a").await, bob.item("b").await);
        bob.change("unarchive", &[&a]).await;
        bob.snooze(&b, soon).await;
        alice.expire(&gone, app.now()).await;
        app.act(&alice, "comment", "p").await;
        app.advance(TimeDelta::hours(23));
        app.run_due().await;
        bob.change("archive", &[&a]).await;
        assert_eq!(bob.undo(&archived.unwrap()).await.0, 3);

        // The form, c and the older activity. The younger one is an item of its own, a was archived
        // again, and b came back by itself.
        assert_eq!(bob.titles("ARCHIVED").await, ["a"]);
        assert_eq!(bob.counts().await["unread"], 5);
        app.assert_live_equals_refetch(&bob).await;
        assert_right(&app, "an undo").await;
    }

    /// A reminder brings an item back by itself: there is nothing left to take back.
    async fn what_a_reminder_has_brought_back_stays_there(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "later").await;
        remind_with(&alice, &[To::User(&bob)], "form", None, json!({"frequency": "daily"})).await;
        app.advance(TimeDelta::hours(12));
        let items = [bob.item("form").await, bob.item("later").await];
        let archived = bob.did("archive", &[&items[0], &items[1]]).await.unwrap();
        let until = app.now() + TimeDelta::hours(1);
        bob.snooze(&items[1], until).await;
        app.advance(TimeDelta::hours(13));
        app.run_due().await;
        let was = bob.inbox().await;
        assert_eq!(bob.titles("ACTIVE").await.len(), 2);

        assert_eq!(bob.undo(&archived).await, (0, None));
        assert_eq!(bob.inbox().await, was);
    }

    /// An undo is a change like others: followers see it, and it is made once.
    async fn an_undo_is_seen_live_and_made_once(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for subject in ["a", "b"] {
            alice.send(&bob, subject).await;
        }
        let (_, cursor) = bob.did_all("markAllRead", json!({})).await;
        let cursor = cursor.unwrap();
        let mut live = bob.follow_inbox(Some(&cursor)).await;

        let (count, undone) = bob.undo(&cursor).await;
        let undone = undone.unwrap();
        assert_eq!(count, 2);
        live.until(&undone).await;
        assert_eq!(live.state.items.len(), 2);
        assert!(live.state.items.values().all(|item| item["readAt"].is_null()));
        assert_eq!(live.state.counts["unread"], 2);

        for again in [&cursor, &undone] {
            assert_eq!(bob.undo(again).await, (0, None));
        }
        assert_eq!(bob.cursor().await, undone);
        // Marked again, it can be taken back again.
        let again = bob.did("markRead", &[&bob.item("a").await]).await.unwrap();
        assert_eq!(bob.undo(&again).await.0, 1);
    }

    /// What changes nothing has nothing to take back.
    async fn a_change_of_nothing_has_no_cursor(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "a").await;
        let item = bob.item("a").await;
        bob.did("markRead", &[&item]).await.unwrap();
        assert_eq!(bob.did("markRead", &[&item]).await, None);
        assert_eq!(bob.did_all("markAllRead", json!({})).await, (0, None));
    }

    /// Calls that are made together are taken back one by one, also those of one person.
    async fn each_call_is_taken_back_by_itself(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let mut calls = Vec::new();
        for n in 0..24 {
            alice.send(&bob, &n.to_string()).await;
            let (bob, item) = (bob.clone(), bob.item(&n.to_string()).await);
            calls.push((n, bob, item));
        }
        let calls = calls.into_iter().map(|(n, bob, item)| {
            tokio::spawn(async move { (n, bob.did("archive", &[&item]).await.unwrap()) })
        });
        let mut cursors = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            cursors.push(call.await.unwrap());
        }
        let mut kept = Vec::new();
        for (n, cursor) in cursors {
            match n % 2 {
                0 => assert_eq!(bob.undo(&cursor).await.0, 1, "{n}"),
                _ => kept.push(n.to_string()),
            }
        }
        kept.sort();
        let mut archived = bob.titles("ARCHIVED").await;
        archived.sort();
        assert_eq!(archived, kept);
        app.assert_live_equals_refetch(&bob).await;
    }

    /// An undo is for a mistake that somebody has just noticed. Afterwards nothing is kept.
    async fn a_change_is_remembered_for_a_day(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "a").await;
        alice.send(&bob, "b").await;
        let (a, b) = (bob.item("a").await, bob.item("b").await);
        let old = bob.did("archive", &[&a]).await.unwrap();
        app.advance(TimeDelta::hours(1));
        let younger = bob.did("archive", &[&b]).await.unwrap();
        app.advance(TimeDelta::hours(23));

        assert_eq!(bob.undo(&old).await, (0, None));
        app.run_due().await;
        assert_eq!(count(&app, "SELECT count(*) FROM inbox_undo").await, 1);
        assert_eq!(bob.undo(&younger).await.0, 1);
        app.advance(TimeDelta::days(1));
        app.run_due().await;
        assert_eq!(count(&app, "SELECT count(*) FROM inbox_undo").await, 0);
    }

    /// A receipt is a fact for the sender, as with `markUnread`.
    async fn what_was_read_was_read(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let sent = alice.send(&bob, "a").await;
        let cursor = bob.did("markRead", &[&bob.item("a").await]).await.unwrap();
        assert_eq!(bob.undo(&cursor).await.0, 1);
        assert_eq!(bob.counts().await["unread"], 1);
        let read = "query($id: ID!) { message(id: $id) { readStats { readCount } } }";
        let read = alice.query(read, json!({"id": sent})).await;
        assert_eq!(read["message"]["readStats"]["readCount"], 1);
        assert_right(&app, "an undo of a reading").await;
    }

    /// A number of somebody else's history names something else in one's own.
    async fn nobody_takes_back_what_others_did(app: TestApp) {
        let [alice, bob, eve] = app.users(["alice", "bob", "eve"]).await;
        alice.send(&bob, "a").await;
        let cursor = bob.did("archive", &[&bob.item("a").await]).await.unwrap();
        assert_eq!(eve.undo(&cursor).await, (0, None));
        assert_eq!(bob.titles("ARCHIVED").await, ["a"]);
        for foreign in ["elsewhere:2", "nonsense", ""] {
            assert_eq!(
                bob.refusal(UNDO, json!({"cursor": foreign})).await,
                ("BAD_USER_INPUT".into(), Some("cursor".into()))
            );
        }
    }

    /// Whatever happens at the same time: each item is as one of them left it, and everything that
    /// is counted is right.
    async fn an_undo_races_with_everything_else(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for n in 0..12 {
            alice.send(&bob, &n.to_string()).await;
        }
        let items: Vec<_> = bob.inbox().await.items.into_keys().collect();
        for round in 0..4 {
            let (_, archived) = bob.did_all("archiveAll", json!({})).await;
            let archived = archived.unwrap();
            let mut calls = Vec::new();
            for (n, item) in items.iter().enumerate().skip(round) {
                let (bob, item, archived) = (bob.clone(), item.clone(), archived.clone());
                calls.push(tokio::spawn(async move {
                    match n % 4 {
                        0 => drop(bob.undo(&archived).await),
                        1 => drop(bob.did("unarchive", &[&item]).await),
                        2 => drop(bob.did("snooze", &[&item]).await),
                        _ => drop(bob.did("markRead", &[&item]).await),
                    }
                }));
            }
            for call in calls {
                call.await.unwrap();
            }
            assert_right(&app, "a race").await;
            bob.did_all("archiveAll", json!({"filter": {"view": "SNOOZED"}})).await;
            let (count, _) = bob.undo(&archived).await;
            assert_eq!(count, 0, "it had been taken back");
            bob.query(
                "mutation($ids: [ID!]!) { unarchive(input: {itemIds: $ids}) { cursor } }",
                json!({"ids": items}),
            )
            .await;
        }
        app.assert_live_equals_refetch(&bob).await;
    }
}

both! {
    /// The mutations of many items take what a list of the inbox shows.
    async fn many_items_are_changed_by_what_they_are(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        let root = alice.send_to(&[To::User(&bob), To::User(&carol)], "Lunch?").await;
        let reply = carol.reply(&root, "Pizza", "EVERYONE").await;
        for subject in ["Invoice 1", "invoice 2", "Holiday"] {
            alice.send(&bob, subject).await;
        }
        bob.follow("p", "create_post").await;
        bob.follow("q", "create_post").await;
        app.act(&carol, "comment", "p").await;
        app.act(&carol, "comment", "q").await;
        let archived = async || {
            let mut titles = bob.titles("ARCHIVED").await;
            titles.sort();
            titles
        };
        for (filter, count) in [
            (json!({"search": "INVOICE"}), 2),
            (json!({"search": "nothing has this"}), 0),
            (json!({"thread": root}), 2),
            (json!({"thread": reply, "search": "pizza"}), 1),
            (json!({"thread": "msg_zz"}), 0),
            (json!({"thread": root, "kinds": ["ACTIVITY"]}), 0),
            (json!({"target": {"type": "post", "externalId": "p"}}), 1),
            (json!({"target": {"type": "post", "externalId": "p"}, "kinds": ["MESSAGE"]}), 0),
            (json!({"target": {"type": "post", "externalId": "unknown"}}), 0),
            (json!({"kinds": ["ACTIVITY"]}), 2),
            (json!({"sender": {"externalId": "carol"}}), 1),
            (json!({"sender": {"externalId": "alice"}, "search": "invoice"}), 2),
            (json!({"sender": {"externalId": "carol"}, "search": "invoice"}), 0),
            (json!({"sender": {"externalId": "carol"}, "thread": root}), 1),
            (json!({"sender": {"externalId": "carol"}, "kinds": ["ACTIVITY"]}), 0),
            (json!({"sender": {"externalId": "nobody"}}), 0),
            (json!({"view": "UNREAD"}), 7),
            (json!({"view": "ARCHIVED"}), 0),
            (json!({}), 7),
        ] {
            // The same filter lists the same items.
            let list = "query($filter: InboxFilter!) {
                viewer { inbox { items(filter: $filter) { nodes { title } } } } }";
            let listed = bob.query(list, json!({"filter": filter})).await;
            let listed = listed["viewer"]["inbox"]["items"]["nodes"].as_array().unwrap().clone();
            let mut listed: Vec<_> =
                listed.iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect();
            listed.sort();

            let (changed, cursor) = bob.did_all("archiveAll", json!({"filter": filter})).await;
            assert_eq!(changed, count, "{filter}");
            assert_eq!(archived().await, listed, "{filter}");
            assert_eq!(cursor.is_some(), count > 0, "{filter}");
            if let Some(cursor) = cursor {
                assert_eq!(bob.undo(&cursor).await.0, count, "{filter}");
            }
            assert_eq!(archived().await, [""; 0], "{filter}");
        }
        // Items in other views are read and seen where they are.
        bob.did_all("archiveAll", json!({"filter": {"search": "invoice"}})).await;
        bob.snooze(&bob.item("Holiday").await, app.now() + TimeDelta::hours(1)).await;
        let (read, _) = bob.did_all("markAllRead", json!({"filter": {"view": "ARCHIVED"}})).await;
        let (seen, _) = bob.did_all("markAllSeen", json!({"filter": {"view": "ALL"}})).await;
        assert_eq!((read, seen), (2, 5));
        assert_eq!(bob.counts().await["unread"], 4);
        app.assert_live_equals_refetch(&bob).await;
        assert_right(&app, "changes of many items").await;
    }

    /// What arrives while a search goes on was not shown to anybody.
    async fn a_search_leaves_alone_what_arrived_after_the_cursor(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        alice.send(&bob, "invoice 1").await;
        let cursor = bob.cursor().await;
        alice.send(&bob, "invoice 2").await;
        let input = json!({"filter": {"search": "invoice"}, "upTo": cursor});
        assert_eq!(bob.did_all("markAllRead", input).await.0, 1);
        assert_eq!(bob.titles("UNREAD").await, ["invoice 2"]);
    }

    /// A selection in a long list.
    async fn up_to_500_items_are_named_in_one_call(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        for n in 0..501 {
            app.announce(&n.to_string()).await;
        }
        alice.send(&bob, "a").await;
        let items: Vec<_> = bob.inbox().await.items.into_keys().collect();
        let read = "mutation($ids: [ID!]!) { markRead(input: {itemIds: $ids}) {
            items { id readAt } cursor inbox { counts { unread } } } }";

        let marked = bob.query(read, json!({"ids": items[..500]})).await["markRead"].take();

        let ids: Vec<_> =
            marked["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
        assert_eq!(json!(ids), json!(items[..500]));
        assert_eq!(marked["inbox"]["counts"]["unread"], 2);
        assert_eq!(bob.undo(marked["cursor"].as_str().unwrap()).await.0, 500);
        for count in [0, 501] {
            assert_eq!(
                bob.refusal(read, json!({"ids": items[..count]})).await,
                ("BAD_USER_INPUT".into(), Some("itemIds".into()))
            );
        }
    }
}
