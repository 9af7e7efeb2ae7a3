use serde_json::{Value, json};

use crate::support::app::{TestApp, TestUser, To, both};

const STATS: &str = "recipientCount seenCount readCount readRate firstReadAt lastReadAt";

async fn stats(sender: &TestUser, message: &str) -> Value {
    let query = format!(
        "query($id: ID!) {{ message(id: $id) {{
            readStats {{ {STATS} }} sentTo {{ name readStats {{ readCount recipientCount }} }}
        }} }}"
    );
    sender.query(&query, json!({"id": message})).await["message"].take()
}

both! {
    /// M8, M9: the sender sees who has read, how many by address, and how many in total.
    async fn the_sender_sees_how_far_it_has_been_read(app: TestApp) {
        let [alice, bob, carol, dave] = app.users(["alice", "bob", "carol", "dave"]).await;
        app.group("team", &[&bob, &carol]).await;
        let id =
            alice.send_to(&[To::Group("team"), To::User(&bob), To::User(&dave)], "hello").await;

        app.advance(chrono::TimeDelta::minutes(10));
        bob.change("markRead", &[&bob.item("hello").await]).await;
        app.advance(chrono::TimeDelta::minutes(10));
        carol.change("markSeen", &[&carol.item("hello").await]).await;

        let seen = stats(&alice, &id).await;
        assert_eq!(
            seen["readStats"],
            json!({
            "recipientCount": 3, "seenCount": 2, "readCount": 1, "readRate": 1.0 / 3.0,
            "firstReadAt": "2026-01-05T09:10:00+00:00", "lastReadAt": "2026-01-05T09:10:00+00:00"})
        );
        let by_address = |name: &str| {
            let found = seen["sentTo"]
                .as_array()
                .unwrap()
                .iter()
                .find(|audience| audience["name"] == name)
                .unwrap();
            (
                found["readStats"]["readCount"].as_i64().unwrap(),
                found["readStats"]["recipientCount"].as_i64().unwrap(),
            )
        };
        assert_eq!(
            (by_address("team"), by_address("bob"), by_address("dave")),
            ((1, 2), (1, 1), (0, 1))
        );

        let list = async |filter: Value| {
            let query = "query($id: ID!, $filter: RecipientFilter) {
                message(id: $id) { recipients(filter: $filter) { nodes { user { name } } } } }";
            let found = alice.query(query, json!({"id": id, "filter": filter})).await;
            found["message"]["recipients"]["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["user"]["name"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(list(json!({"hasRead": true})).await, ["bob", "bob"]);
        assert_eq!(list(json!({"hasRead": false})).await, ["carol", "dave"]);
        assert_eq!(list(json!({"hasSeen": true, "hasRead": false})).await, ["carol"]);
    }

    /// A reading is a fact: marking as unread does not undo it, and reading again does not count
    /// twice.
    async fn a_reading_is_never_taken_back(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let id = alice.send(&bob, "hello").await;
        let item = bob.item("hello").await;
        for change in ["markSeen", "markRead", "markUnread", "markRead", "markSeen"] {
            bob.change(change, &[&item]).await;
        }
        let stats = stats(&alice, &id).await["readStats"].take();
        assert_eq!(
            (&stats["seenCount"], &stats["readCount"], &stats["readRate"]),
            (&json!(1), &json!(1), &json!(1.0))
        );
    }

    /// If many people read at the same moment, all are counted.
    async fn readers_at_the_same_time_are_all_counted(app: TestApp) {
        let alice = app.user("alice").await;
        let mut readers = Vec::new();
        for n in 0..12 {
            readers.push(app.user(&format!("reader{n}")).await);
        }
        app.group("team", &readers.iter().collect::<Vec<_>>()).await;
        let ids = [
            alice.send_to(&[To::Group("team")], "one").await,
            alice.send_to(&[To::Group("team")], "two").await,
        ];

        // In both orders: locking the two messages in a different order than the others would
        // deadlock.
        let reading = readers.iter().enumerate().map(|(n, reader)| {
            let reader = reader.clone();
            tokio::spawn(async move {
                let mut items = [reader.item("one").await, reader.item("two").await];
                if n % 2 == 0 {
                    items.reverse();
                }
                reader.change("markRead", &[&items[0], &items[1]]).await;
            })
        });
        for reader in reading.collect::<Vec<_>>() {
            reader.await.unwrap();
        }

        for id in ids {
            assert_eq!(stats(&alice, &id).await["readStats"]["readCount"], 12);
        }
    }
}
