//! Lists by state: people, announcements, and what somebody has sent.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, TestUser, To, both},
    documents::ERASE_USER,
    reminders::remind_with,
};

/// What a list has of each node.
async fn listed(reader: &TestUser, list: &str, name: &str) -> Vec<String> {
    let field = list.split('(').next().unwrap();
    let query = format!("{{ {list} {{ nodes {{ {name} }} }} }}");
    let found = reader.query(&query, json!({})).await[field]["nodes"].take();
    let text = |node: &Value| node[name].as_str().unwrap().to_owned();
    found.as_array().unwrap().iter().map(text).collect()
}

both! {
    /// Somebody who was erased is neither active nor deactivated.
    async fn people_are_listed_and_found_by_state(app: TestApp) {
        app.users(["ann", "anton", "bob"]).await;
        let host = app.service();
        host.query("mutation { upsertUsers(input: {users: [{externalId: \"andy\"}]}) {
            users { id } } }", json!({})).await;
        for name in ["anton", "andy"] {
            app.deactivate(name).await;
        }
        let input = json!({"user": {"externalId": "andy"}});
        host.query(ERASE_USER, json!({"input": input})).await;

        let people = async |arguments: &str| {
            listed(&host, &format!("users({arguments})"), "externalId").await
        };
        assert_eq!(people("state: ACTIVE").await, ["ann", "bob"]);
        assert_eq!(people("state: DEACTIVATED").await, ["anton"]);
        assert_eq!(people("state: ACTIVE, search: \"an\"").await, ["ann"]);
        assert_eq!(people("state: DEACTIVATED, search: \"an\"").await, ["anton"]);
        assert_eq!(people("state: DEACTIVATED, search: \"bob\"").await, [""; 0]);
        app.reactivate("anton").await;
        assert_eq!(people("state: DEACTIVATED").await, [""; 0]);
    }

    /// A search and a state show only what the reader may know about.
    async fn announcements_are_listed_and_found_by_state(app: TestApp) {
        let alice = app.user("alice").await;
        let host = app.service();
        let in_an_hour = (app.now() + TimeDelta::hours(1)).to_rfc3339();
        app.announce("live door").await;
        app.announce_with(json!({"title": "brief door", "body": "", "expiresAt": in_an_hour})).await;
        let id = app.announce("wrong door").await;
        app.retract_announcement(&id).await;
        let later = (app.now() + TimeDelta::hours(5)).to_rfc3339();
        app.announce_with(json!({"title": "later door", "body": "", "publishAt": later})).await;
        app.announce("live window").await;
        app.advance(TimeDelta::hours(2));
        app.run_due().await;

        for (arguments, to_host, to_alice) in [
            ("state: LIVE", vec!["live window", "live door"], vec!["live window", "live door"]),
            ("state: SCHEDULED", vec!["later door"], vec![]),
            ("state: ENDED", vec!["wrong door", "brief door"], vec!["brief door"]),
            (
                "search: \"door\"",
                vec!["later door", "wrong door", "brief door", "live door"],
                vec!["brief door", "live door"],
            ),
            ("search: \"door\", state: LIVE", vec!["live door"], vec!["live door"]),
            ("search: \"door\", state: SCHEDULED", vec!["later door"], vec![]),
        ] {
            let list = format!("announcements({arguments})");
            assert_eq!(listed(&host, &list, "title").await, to_host, "{arguments}");
            assert_eq!(listed(&alice, &list, "title").await, to_alice, "{arguments}");
        }
    }

    /// Whether everybody has read it, also together with a search.
    async fn what_was_sent_is_listed_by_whether_all_have_read_it(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        let both = [To::User(&bob), To::User(&carol)];
        alice.send_to(&both, "for both").await;
        alice.send(&bob, "for bob").await;
        for (reader, title) in [(&bob, "for both"), (&bob, "for bob")] {
            reader.change("markRead", &[&reader.item(title).await]).await;
        }
        let sent = async |filter: &str| {
            listed(&alice, &format!("sentMessages(filter: {{{filter}}})"), "subject").await
        };

        assert_eq!(sent("isReadByAll: true").await, ["for bob"]);
        assert_eq!(sent("isReadByAll: false").await, ["for both"]);
        assert_eq!(sent("isReadByAll: false, search: \"for\"").await, ["for both"]);
        assert_eq!(sent("isReadByAll: true, search: \"both\"").await, [""; 0]);
        assert_eq!(sent("isReadByAll: true, isReply: true").await, [""; 0]);
        carol.change("markRead", &[&carol.item("for both").await]).await;
        assert_eq!(sent("isReadByAll: true").await, ["for bob", "for both"]);
    }

    /// A page looks at a bounded number of messages. If it finds too little among them, it is short,
    /// and its cursor goes on from there, in both directions.
    async fn a_rare_message_is_found_behind_pages_that_are_short(app: TestApp) {
        let [alice, bob] = app.users(["alice", "bob"]).await;
        let read = async |title: &str| bob.change("markRead", &[&bob.item(title).await]).await;
        alice.send(&bob, "oldest").await;
        read("oldest").await;
        let tx = app.db.begin().await.unwrap();
        let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4500) \
            INSERT INTO message (sender_id, subject, body, depth, path, seq, recipient_count, \
            seen_count, read_count, created_at) \
            SELECT u.id, 'unread', '', 0, '', 0, 1, 0, 0, $1 FROM n, user_account AS u \
            WHERE u.external_id = 'alice'";
        tx.run(many, [app.now().into()]).await.unwrap();
        tx.commit().await.unwrap();
        alice.send(&bob, "newest").await;
        read("newest").await;

        let walk = async |size: &str, from: &str, end: &str, more: &str| {
            let query = format!(
                "query($at: String) {{ sentMessages({size}: 5, {from}: $at, \
                 filter: {{isReadByAll: true}}) {{ nodes {{ subject }} pageInfo {{ {end} {more} }} }} }}"
            );
            let (mut found, mut at, mut pages) = (Vec::new(), Value::Null, 0);
            loop {
                let mut page = alice.query(&query, json!({"at": at})).await["sentMessages"].take();
                pages += 1;
                let nodes = page["nodes"].as_array().unwrap();
                found.extend(nodes.iter().map(|node| node["subject"].as_str().unwrap().to_owned()));
                if page["pageInfo"][more] == false {
                    return (found, pages);
                }
                at = page["pageInfo"][end].take();
                assert!(at.is_string());
            }
        };
        let down = walk("first", "after", "endCursor", "hasNextPage").await;
        assert_eq!(down, (vec!["newest".into(), "oldest".into()], 3));
        let up = walk("last", "before", "startCursor", "hasPreviousPage").await;
        assert_eq!(up, (vec!["oldest".into(), "newest".into()], 3));
    }

    /// Each person counts once, however often they reply and by however many addresses it reached
    /// them.
    async fn a_sender_knows_how_many_have_replied(app: TestApp) {
        let [alice, bob, carol] = app.users(["alice", "bob", "carol"]).await;
        app.group("team", &[&bob, &carol]).await;
        let to = [To::Group("team"), To::User(&bob)];
        let until_replied = json!({"frequency": "daily", "until": "REPLIED"});
        let id = remind_with(&alice, &to, "a question", None, until_replied).await;
        let count = async |reader: &TestUser| {
            let query = "query($id: ID!) { message(id: $id) { repliedCount } }";
            reader.query(query, json!({"id": id})).await["message"]["repliedCount"].take()
        };

        assert_eq!(count(&alice).await, 0);
        bob.reply(&id, "once", "SENDER").await;
        bob.reply(&id, "twice", "SENDER").await;
        assert_eq!(count(&alice).await, 1);
        assert_eq!(count(&bob).await, json!(null));
        carol.reply(&id, "me, too", "SENDER").await;
        assert_eq!(count(&alice).await, 2);
    }
}
